package pipelines

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/pipelines/expr"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

var (
	listOfText = cty.List(cty.String)
	mapOfText  = cty.Map(cty.String)
)

var stepTypes = []string{"source", "filter", "lookup", "transform", "sink", "on_error"}

func (l *loader) pipelines(blocks []*hclsyntax.Block) {
	seen := map[string]hcl.Range{}
	for _, block := range blocks {
		name := block.Labels[0]
		if first, ok := seen[name]; ok {
			l.errorf(block.DefRange(), "lang.duplicate", "Pipeline \""+name+"\" stands here twice", "The first one is at "+first.String()+".")
			continue
		}
		seen[name] = block.DefRange()
		if p, enabled := l.pipeline(block); enabled {
			l.project.Pipelines = append(l.project.Pipelines, p)
		}
	}
}

func (l *loader) pipeline(block *hclsyntax.Block) (*Pipeline, bool) {
	b := l.body(block)
	p := &Pipeline{Name: block.Labels[0], Range: block.DefRange(), OnError: defaultOnError}
	p.Description = b.text("description", "")
	p.Every = b.duration("every", 0)
	if p.Every > 0 && p.Every < time.Second {
		l.errorf(b.block.Body.Attributes["every"].Expr.Range(), "lang.wrong_value", "Too often", "every is at least \"1s\".")
	}
	enabled := b.bool("enabled", true)
	p.Activity = b.word("activity", "all", "all", "failures")
	b.end(stepTypes...)
	flow := &flow{loader: l, pipeline: p, env: l.recordTime(), next: FirstFreeSlot, names: map[string]hcl.Range{}}
	for _, inner := range block.Body.Blocks {
		flow.step(inner)
	}
	if p.Source == nil {
		l.errorf(block.DefRange(), "lang.missing_block", "Pipeline \""+p.Name+"\" has no source", "Begin it with source \"…\" { connection = … }.")
	}
	p.Version = l.digest(block, p)
	return p, enabled
}

// digest names a definition: its text, what its names stand for, and its scripts.
func (l *loader) digest(block *hclsyntax.Block, p *Pipeline) string {
	sum := sha256.New()
	rng := block.Range()
	sum.Write(rng.SliceBytes(l.project.Files[rng.Filename]))
	secret := func(v any) bool { s, ok := v.(string); return ok && slices.Contains(l.project.Secrets, s) }
	for _, values := range []map[string]any{l.vars, l.localVars} {
		for _, name := range sortedNames(values) {
			if !secret(values[name]) {
				fmt.Fprintf(sum, "%s=%s\n", name, record.Hash(values[name]))
			}
		}
	}
	for _, step := range p.Steps {
		if t, ok := step.(*Transform); ok && t.Script != nil {
			fmt.Fprintln(sum, t.Script.Digest())
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// recordTime is what expressions of a pipeline's first step may refer to; steps add their names.
func (l *loader) recordTime() *expr.Env {
	return &expr.Env{
		Slots:     map[string]int{"record": SlotRecord, "source": SlotSource, "meta": SlotMeta, "run": SlotRun},
		Shapes:    map[string]*expr.Shape{},
		Constants: l.constants(), Functions: l.functions,
	}
}

// flow follows a pipeline's text from top to bottom: what stands above is known below.
type flow struct {
	*loader
	pipeline *Pipeline
	env      *expr.Env
	next     int // free slot
	names    map[string]hcl.Range
	later    map[string]hcl.Range // names of steps still to come
}

func (f *flow) step(block *hclsyntax.Block) {
	labels := []string{"name"}
	if block.Type == "on_error" {
		labels = nil
	}
	if !slices.Contains(stepTypes, block.Type) || !f.labels(block, labels) {
		return // unknown ones were told by the pipeline's body
	}
	if f.pipeline.Source == nil && block.Type != "source" && block.Type != "on_error" {
		f.errorf(block.DefRange(), "lang.order", "A step before the source", "Steps run in the order of the text; the source comes first.")
	}
	switch block.Type {
	case "source":
		f.source(block)
	case "filter":
		f.filter(block)
	case "lookup":
		f.lookup(block)
	case "transform":
		f.transform(block)
	case "sink":
		f.sink(block)
	case "on_error":
		f.pipeline.OnError = f.onError(block)
	}
}

// entity resolves the connection and the entity of a step.
func (f *flow) entity(b *body) (c *Connection, name string, schema *protocol.Entity) {
	c = f.connection(b)
	name = b.text("entity", b.block.Labels[0])
	if c == nil || c.Manifest == nil {
		return c, name, nil
	}
	var known []string
	for _, e := range c.Manifest.GetEntities() {
		if e.GetName() == name || c.Manifest.GetOpenEntities() && e.GetName() == "*" {
			return c, name, e
		}
		known = append(known, e.GetName())
	}
	rng := b.block.LabelRanges[0]
	if attr := b.block.Body.Attributes["entity"]; attr != nil {
		rng = attr.Expr.Range()
	}
	f.add(diag.Diagnostic{
		Severity: diag.Error, Code: "lang.unknown_entity", Summary: fmt.Sprintf("%s has no %q", c.Type, name),
		Detail:  fmt.Sprintf("The step's label says what it reads or writes, unless entity does. %s has: %v.", c.Type, known),
		Suggest: diag.Closest(name, known), Subject: rng.Ptr(),
	})
	return c, name, nil
}

// able complains when a connector can't do what a step wants of an entity.
func (f *flow) able(b *body, can bool, c *Connection, entity, what string) {
	if !can {
		f.errorf(b.block.DefRange(), "lang.unsupported", fmt.Sprintf("%s can't %s %s", c.Type, what, entity),
			fmt.Sprintf("The connector does not offer it. See: kopru connector schema %s", c.Type))
	}
}

func (f *flow) source(block *hclsyntax.Block) {
	b := f.body(block)
	if f.pipeline.Source != nil {
		f.errorf(block.DefRange(), "lang.duplicate", "A second source", "A pipeline has one source; make a second pipeline for the other.")
	}
	s := &Source{Name: block.Labels[0], Range: block.DefRange()}
	s.Connection, s.Entity, s.Schema = f.entity(b)
	f.pipeline.Source = s
	if s.Schema == nil {
		return
	}
	f.able(b, s.Schema.GetCanRead(), s.Connection, s.Entity, "read")
	s.Options = f.settings(b, s.Schema.GetSourceOptions())
	b.end()
	shape := expr.OfEntity(s.Schema, s.Entity+" of "+s.Connection.Type)
	f.env.Shapes["record"], f.env.Shapes["source"] = shape, shape
}

// name binds a step's name for the steps below.
func (f *flow) name(block *hclsyntax.Block, shape *expr.Shape) int {
	label := block.Labels[0]
	rng := block.LabelRanges[0]
	if first, ok := f.names[label]; ok {
		f.errorf(rng, "lang.duplicate", "The name \""+label+"\" is taken", "Steps below could not tell them apart. The first one is at "+first.String()+".")
	}
	if slices.Contains(recordNames, label) || label == "var" || label == "local" {
		f.errorf(rng, "lang.reserved", "The name \""+label+"\" has a meaning already", "Give the step another label.")
	}
	f.names[label] = rng
	slot := f.next
	f.next++
	f.env.Slots[label], f.env.Shapes[label] = slot, shape
	return slot
}

// compile turns an attribute into an expression on records; nil when the attribute is absent.
func (f *flow) compile(b *body, name string) *expr.Expr {
	attr := b.attr(name)
	if attr == nil {
		return nil
	}
	e, diags := expr.Compile(attr.Expr, f.scoped())
	f.add(diags...)
	return e
}

// scoped explains names that are not there yet.
func (f *flow) scoped() *expr.Env {
	env := *f.env
	env.Unknown = func(name string, rng hcl.Range) *diag.Diagnostic {
		if name == "each" {
			return &diag.Diagnostic{
				Severity: diag.Error, Code: "lang.unknown_name", Summary: "\"each\" has no meaning here",
				Detail: "each.value is an element of for_each, and only in a sink that has for_each.", Subject: rng.Ptr(),
			}
		}
		later, ok := f.stepBelow(name)
		if !ok {
			return nil
		}
		return &diag.Diagnostic{
			Severity: diag.Error, Code: "lang.later_step", Summary: "\"" + name + "\" comes later",
			Detail:  fmt.Sprintf("Steps run in the order of the text, and %s stands below, at line %d.", name, later.Start.Line),
			Subject: rng.Ptr(),
		}
	}
	return &env
}

// stepBelow finds a lookup or sink of the pipeline that is not bound yet.
func (f *flow) stepBelow(name string) (hcl.Range, bool) {
	for _, body := range f.files {
		for _, block := range body.Blocks {
			if block.Type != "pipeline" || block.DefRange() != f.pipeline.Range {
				continue
			}
			for _, inner := range block.Body.Blocks {
				if (inner.Type == "lookup" || inner.Type == "sink") && len(inner.Labels) == 1 && inner.Labels[0] == name {
					return inner.DefRange(), true
				}
			}
		}
	}
	return hcl.Range{}, false
}

var defaultOnError = OnError{
	Attempts: 6, Backoff: "exponential", Initial: time.Second, Max: 15 * time.Minute, Then: "dead_letter",
}

func (f *flow) onError(block *hclsyntax.Block) OnError {
	b := f.body(block)
	out := defaultOnError
	if v, rng, ok := b.value("retry"); ok {
		f.retry(v, rng, &out)
	}
	out.Then = b.word("then", "dead_letter", "dead_letter", "stop")
	out.ParkKey = b.bool("park_key", false)
	b.end()
	return out
}

func (f *flow) retry(v any, rng hcl.Range, out *OnError) {
	m, ok := v.(map[string]any)
	for name, value := range m {
		switch name {
		case "attempts":
			n, isNumber := value.(record.Number)
			d, err := n.Decimal()
			if isNumber && err == nil {
				i, _ := d.Int64()
				out.Attempts = int(i)
			}
			ok = ok && isNumber && out.Attempts >= 1
		case "backoff":
			out.Backoff, _ = value.(string)
			ok = ok && (out.Backoff == "exponential" || out.Backoff == "constant")
		case "initial":
			out.Initial = f.duration(value, rng, "initial", out.Initial)
		case "max":
			out.Max = f.duration(value, rng, "max", out.Max)
		default:
			ok = false
		}
	}
	if !ok {
		f.errorf(rng, "lang.wrong_value", "Wrong retry",
			`Write it as retry = { attempts = 6, backoff = "exponential", initial = "1s", max = "15m" }; backoff may be "constant".`)
	}
}
