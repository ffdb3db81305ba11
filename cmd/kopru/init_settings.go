package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/pipelines/diag"
	shipped "github.com/kopru-io/kopru/pipelines/mpluskassa-vismanet"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// settle asks for flows and settings, with what the systems know as choices, and writes the answers down.
func (w *wizard) settle(ctx context.Context) error {
	p, err := w.load(ctx, w.dir)
	if err != nil {
		return err
	}
	defer p.close()
	settings, err := settingsOf(p)
	if err != nil {
		return err
	}
	file, err := openSettings(filepath.Join(w.dir, pipelines.DefaultVarFile), []byte("# The settings of this merchant, where they differ from the bridge's.\n"))
	if err != nil {
		return err
	}
	sheet := &sheet{wizard: w, settings: settings, file: file, lists: &lists{ctx: ctx, p: p, known: map[shipped.List][]option{}}}
	if err := sheet.fill(); err != nil {
		return err
	}
	return file.save()
}

// sheet is the settings while they are answered.
type sheet struct {
	*wizard
	settings map[string]*setting
	file     *settingsFile
	lists    *lists
}

func (s *sheet) fill() error {
	for _, name := range slices.Sorted(maps.Keys(s.given.Settings)) {
		one := s.settings[name]
		if one == nil {
			return fmt.Errorf("there is no setting %q%s; kopru settings lists them", name, didYouMean(name, slices.Collect(maps.Keys(s.settings))))
		}
		v := s.given.Settings[name]
		if text, ok := v.(typed); ok {
			v = text.of(one)
		}
		if err := s.judge(one, v); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		s.file.setSetting(one, v)
	}
	flows, err := s.flows(s.settings["flows"])
	if err != nil {
		return err
	}
	s.file.setSetting(s.settings["flows"], flows)
	for _, choice := range shipped.Choices {
		one := s.settings[choice.Setting]
		if one == nil || !one.concerns(flows) {
			continue
		}
		if _, answered := s.given.Settings[choice.Setting]; answered {
			continue
		}
		value, err := s.answer(one, choice)
		if err != nil {
			return err
		}
		s.file.setSetting(one, value)
	}
	return nil
}

// judge says what is wrong with a setting, by the project's own rules.
func (s *sheet) judge(one *setting, v any) error {
	opts, err := s.options()
	if err != nil {
		return err
	}
	opts.Detached = true
	tried := s.file.clone()
	tried.setSetting(one, v)
	opts.Standard = tried.file.Bytes()
	_, diags := pipelines.VariablesOf(s.dir, opts)
	for _, d := range diags {
		if d.Severity == diag.Error && d.Code == "var.invalid" && strings.Contains(d.Summary, `"`+one.name+`"`) {
			return errors.New(d.Detail)
		}
	}
	return nil
}

func didYouMean(name string, known []string) string {
	if closest := diag.Closest(name, known); closest != "" {
		return fmt.Sprintf(" (did you mean %q?)", closest)
	}
	return ""
}

func (s *sheet) flows(one *setting) ([]any, error) {
	chosen := s.given.Flows
	if chosen == nil {
		var options []option
		for _, name := range one.allowed {
			options = append(options, option{name, name + one.flows[name]})
		}
		var err error
		if chosen, err = s.ask.several("What is to be kept in step?", one.about, options, texts(one.value)); err != nil {
			return nil, err
		}
	}
	out := []any{}
	for _, name := range chosen {
		if !slices.Contains(one.allowed, name) {
			return nil, fmt.Errorf("there is no flow %q%s; there are: %s", name, didYouMean(name, one.allowed), strings.Join(one.allowed, ", "))
		}
		out = append(out, name)
	}
	return out, nil
}

// answer asks for one setting, or for the value of each key of one that is a map.
func (s *sheet) answer(one *setting, c shipped.Choice) (any, error) {
	keys := s.lists.options(c.Keys)
	for _, k := range c.Of {
		keys = append(keys, option{k, k})
	}
	if !c.IsMap() {
		current := textOf(one.value)
		answer, err := s.oneOf(one.name, one.about, s.values(c), current, func(answer string) error { return s.judge(one, typed(answer).of(one)) })
		return typed(answer).of(one), err
	}
	current, _ := one.value.(map[string]any)
	out := maps.Clone(current)
	if out == nil {
		out = map[string]any{}
	}
	for _, key := range keys {
		with := func(answer string) map[string]any {
			next := maps.Clone(out)
			if answer == "" {
				delete(next, key.value)
			} else {
				next[key.value] = answer
			}
			return next
		}
		answer, err := s.oneOf(one.name+" of "+key.label, one.about, s.values(c), textOf(out[key.value]), func(answer string) error { return s.judge(one, with(answer)) })
		if err != nil {
			return nil, err
		}
		out = with(answer)
	}
	return out, nil
}

// values are what a setting may be: what is the same everywhere, else what the system knows.
func (s *sheet) values(c shipped.Choice) []option {
	if c.Among == nil {
		return s.lists.options(c.Values)
	}
	out := make([]option, len(c.Among))
	for i, v := range c.Among {
		out[i] = option{v, v}
	}
	return out
}

// oneOf offers what is known, none, and what stands there now; a text can be typed where nothing is known.
func (s *sheet) oneOf(title, about string, known []option, current string, valid validity) (string, error) {
	if len(known) == 0 {
		return s.ask.input(title, about, current, false, valid)
	}
	options := slices.Clone(known)
	if current != "" && !slices.ContainsFunc(known, func(o option) bool { return o.value == current }) {
		options = append(options, option{current, current + " · not known there"})
	}
	if valid.of("") == nil {
		options = append(options, option{"", "none"})
	}
	return s.ask.choose(title, about, options, current, valid)
}

// lists asks the systems for what settings may be, each list once.
type lists struct {
	ctx   context.Context
	p     *project
	known map[shipped.List][]option
}

const longestList = 500 // more can't be chosen from

// options is a list's records; none when the system does not give it.
func (l *lists) options(of shipped.List) []option {
	if of == (shipped.List{}) {
		return nil
	}
	if known, ok := l.known[of]; ok {
		return known
	}
	options, err := l.read(of)
	if err != nil {
		l.p.log.Warn("the system does not give its list", "entity", of.Entity, "reason", err)
	}
	l.known[of] = options
	return options
}

func (l *lists) read(of shipped.List) ([]option, error) {
	i := slices.IndexFunc(l.p.Connections, func(c *pipelines.Connection) bool { return c.Address() == of.Connection })
	if i < 0 {
		return nil, fmt.Errorf("there is no connection %s", of.Connection)
	}
	def := l.p.Connections[i]
	conn, err := l.p.host.Connect(l.ctx, run.Target(def))
	if err != nil {
		return nil, err
	}
	stream, err := conn.Read(l.ctx, &protocol.ReadStart{Entity: of.Entity, Options: []byte("{}"), BatchSize: 100})
	if err != nil {
		return nil, err
	}
	defer stream.Close() //nolint:errcheck // what was read is enough
	var out []option
	for len(out) < longestList {
		b, err := stream.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return out, err
		}
		for _, r := range b.GetRecords() {
			doc, err := record.DecodeObject(r.GetPayload())
			if err != nil {
				return out, err
			}
			key, label := textOf(doc[of.Key]), textOf(doc[of.Label])
			known := slices.ContainsFunc(out, func(o option) bool { return o.value == key })
			if key == "" || known || doc["active"] == false || doc["enabled"] == false {
				continue
			}
			if label != "" {
				label = " · " + label
			}
			out = append(out, option{key, key + label})
		}
	}
	return out, nil
}

func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case record.Number:
		return string(v)
	}
	return ""
}

func texts(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, item := range list {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
