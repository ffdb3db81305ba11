package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/engine/dashboard"
	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/pipelines"
	shipped "github.com/kopru-io/kopru/pipelines/mpluskassa-vismanet"
	"github.com/kopru-io/kopru/plugins/record"
)

// flowsVariable is the setting of the bridge that says which of its pipelines run.
const flowsVariable = "flows"

var flowName = regexp.MustCompile(`contains\(var\.flows, "(\w+)"\)`)

// flowsOf are the flows that a project made of the bridge can have, with what they do.
func flowsOf(p *pipelines.Project) map[string]string {
	out := map[string]string{}
	for name, text := range p.Files {
		if path.Ext(name) != ".hcl" || !flowName.Match(text) {
			continue
		}
		file, diags := hclsyntax.ParseConfig(text, name, hcl.InitialPos)
		body, ok := file.Body.(*hclsyntax.Body)
		if diags.HasErrors() || !ok {
			continue
		}
		for _, block := range body.Blocks {
			enabled := block.Body.Attributes["enabled"]
			if block.Type != "pipeline" || enabled == nil {
				continue
			}
			m := flowName.FindSubmatch(enabled.Expr.Range().SliceBytes(text))
			if m == nil {
				continue
			}
			if about := block.Body.Attributes["description"]; about != nil {
				if v, diags := about.Expr.Value(nil); !diags.HasErrors() {
					out[string(m[1])] = v.AsString()
					continue
				}
			}
			out[string(m[1])] = ""
		}
	}
	return out
}

// flowOf is the flow that a setting is of, "" = of all. Those of one flow stand in its file.
func flowOf(v pipelines.Variable) string {
	name := strings.TrimSuffix(path.Base(v.Range.Filename), ".hcl")
	if name == "variables" {
		return ""
	}
	return name
}

// questions are the settings that people are asked for, with what they may be.
func questions(p *pipelines.Project, options optionsOf) []dashboard.Question {
	of := map[string]string{}
	isOurs := false
	for _, v := range p.Variables {
		of[v.Name] = flowOf(v)
		isOurs = isOurs || v.Name == flowsVariable
	}
	if !isOurs {
		return nil
	}
	flows := flowsOf(p)
	first := dashboard.Question{Setting: flowsVariable, Part: "What is kept in step", Several: true}
	for _, name := range slices.Sorted(maps.Keys(flows)) {
		first.Values = append(first.Values, dashboard.Option{Value: name, Label: name, About: flows[name]})
	}
	out := []dashboard.Question{first}
	for _, c := range shipped.Choices {
		if _, ok := of[c.Setting]; ok {
			q := question(c, options)
			q.Flow = of[c.Setting]
			out = append(out, q)
		}
	}
	return out
}

// question is a choice with what the systems know.
func question(c shipped.Choice, options optionsOf) dashboard.Question {
	q := dashboard.Question{Setting: c.Setting, Part: c.Part, Map: c.IsMap(), Keys: options(c.Keys), Values: options(c.Values)}
	for _, k := range c.Of {
		q.Keys = append(q.Keys, dashboard.Option{Value: k, Label: k})
	}
	for _, v := range c.Among {
		q.Values = append(q.Values, dashboard.Option{Value: v, Label: v})
	}
	return q
}

// optionsOf says what a setting may be; none when the system does not give it.
type optionsOf func(shipped.List) []dashboard.Option

const (
	longestList = 500              // more can't be chosen from
	listsKept   = 15 * time.Minute // before the systems are asked again
)

// lists asks the systems for what settings may be, each list once.
type lists struct {
	connections *run.Connections
	log         *slog.Logger

	mu    sync.Mutex
	known map[shipped.List]known
}

type known struct {
	options []dashboard.Option
	at      time.Time
	err     error
}

func newLists(connections *run.Connections, log *slog.Logger) *lists {
	return &lists{connections: connections, log: log, known: map[shipped.List]known{}}
}

// options is a list's records.
func (l *lists) options(ctx context.Context, p *pipelines.Project, of shipped.List) []dashboard.Option {
	if of == (shipped.List{}) {
		return nil
	}
	l.mu.Lock()
	k, ok := l.known[of]
	l.mu.Unlock()
	if ok && time.Since(k.at) < listsKept {
		return k.options
	}
	k = known{at: time.Now()}
	if k.options, k.err = l.read(ctx, p, of); k.err != nil {
		l.log.Warn("the system does not give its list", "entity", of.Entity, "reason", k.err)
	}
	if ctx.Err() == nil {
		l.mu.Lock()
		l.known[of] = k
		l.mu.Unlock()
	}
	return k.options
}

// ready is what is known without asking.
func (l *lists) ready(of shipped.List) []dashboard.Option {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known[of].options
}

// answered says since when all lists are known, zero = they were not all asked for, and what could not be read.
func (l *lists) answered() (since time.Time, lacking []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range shipped.Choices {
		for _, of := range []shipped.List{c.Keys, c.Values} {
			if of == (shipped.List{}) {
				continue
			}
			k, ok := l.known[of]
			switch {
			case !ok || time.Since(k.at) > listsKept:
				return time.Time{}, nil
			case since.IsZero() || k.at.Before(since):
				since = k.at
			}
			if k.err != nil && !slices.Contains(lacking, k.err.Error()) {
				lacking = append(lacking, k.err.Error())
			}
		}
	}
	return since, lacking
}

// forget makes the systems be asked again.
func (l *lists) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.known)
}

func (l *lists) read(ctx context.Context, p *pipelines.Project, of shipped.List) ([]dashboard.Option, error) {
	i := slices.IndexFunc(p.Connections, func(c *pipelines.Connection) bool { return c.Address() == of.Connection })
	if i < 0 {
		return nil, fmt.Errorf("there is no connection %s", of.Connection)
	}
	records, err := l.connections.List(ctx, p.Connections[i], of.Entity, longestList)
	var out []dashboard.Option
	seen := map[string]bool{}
	for _, doc := range records {
		key, label := record.Text(doc[of.Key]), record.Text(doc[of.Label])
		if key == "" || seen[key] || doc["active"] == false || doc["enabled"] == false {
			continue
		}
		seen[key] = true
		if label != "" {
			label = " · " + label
		}
		out = append(out, dashboard.Option{Value: key, Label: key + label})
	}
	return out, err
}
