package pipelines

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

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
	var all []*Pipeline
	for block := range l.distinct("Pipeline", blocks) {
		p, enabled := l.pipeline(block)
		all = append(all, p)
		if enabled {
			l.project.Pipelines = append(l.project.Pipelines, p)
		}
	}
	l.declared = all
	l.pairs(all)
}

func (l *loader) pipeline(block *hclsyntax.Block) (*Pipeline, bool) {
	b := l.body(block)
	p := &Pipeline{Name: block.Labels[0], Range: block.DefRange(), OnError: defaultOnError}
	p.Description = b.text("description", "")
	p.Schedule = l.schedule(b)
	enabled := b.bool("enabled", true)
	p.Activity = b.word("activity", "all", "all", "failures")
	p.Payloads = b.word("payloads", "masked", "masked", "full", "none")
	b.end(stepTypes...)
	flow := &flow{loader: l, block: block, pipeline: p, env: l.recordTime(), next: FirstFreeSlot, names: map[string]hcl.Range{}}
	for _, inner := range block.Body.Blocks {
		flow.step(inner)
	}
	if name := p.Name; name == "" {
		l.errorf(block.LabelRanges[0], "lang.name", "A pipeline without a name", "Its state is kept under its name; give it one.")
	}
	if p.Source == nil {
		l.errorf(block.DefRange(), "lang.missing_block", "Pipeline \""+p.Name+"\" has no source",
			"Begin it with source \"…\" { connection = … }.")
	}
	if block.Body.Attributes["payloads"] == nil {
		p.Payloads = standardPayloads(p)
	}
	p.Version = l.digest(block, p)
	return p, enabled
}

// standardPayloads keeps stories, masked, where a system is asked about each record. Where records only go into files
// keeping them would cost more than moving them.
func standardPayloads(p *Pipeline) string {
	for _, step := range p.Steps {
		switch s := step.(type) {
		case *Lookup:
			return "masked"
		case *Sink:
			if !s.Schema.GetAppendOnly() {
				return "masked"
			}
		}
	}
	return "none"
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
		Shapes:    l.shapes(),
		Constants: l.constants(), Functions: l.functions, Undeclared: l.undeclared, Mention: l.mention(),
	}
}

// flow follows a pipeline's text from top to bottom: what stands above is known below.
type flow struct {
	*loader
	block    *hclsyntax.Block
	pipeline *Pipeline
	env      *expr.Env
	next     int                  // free slot
	names    map[string]hcl.Range // of the steps so far
	handled  bool                 // on_error was seen
}

func (f *flow) step(block *hclsyntax.Block) {
	labels := []string{"name"}
	if block.Type == "on_error" {
		labels = nil
	}
	if !slices.Contains(stepTypes, block.Type) { // told by the pipeline's body; what names it is right
		if len(block.Labels) == 1 {
			f.name(block, nil)
		}
		return
	}
	if !f.labels(block, labels) {
		return
	}
	if f.pipeline.Source == nil && block.Type != "source" && block.Type != "on_error" {
		f.errorf(block.DefRange(), "lang.order", "A step before the source", "Steps run in the order of the text; the source comes first.")
	}
	if block.Type != "source" && block.Type != "on_error" {
		f.taken(block)
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
		if f.handled {
			f.errorf(block.DefRange(), "lang.duplicate", "A second on_error", "A pipeline has one; put everything into it.")
		}
		f.handled = true
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
	schema, known := schemaOf(c, name)
	f.offer(name, "entity", known, func(name string) string {
		for _, e := range c.Manifest.GetEntities() {
			if e.GetName() == name {
				return e.GetDescription()
			}
		}
		return ""
	})
	rng := b.block.LabelRanges[0]
	if attr := b.block.Body.Attributes["entity"]; attr != nil {
		rng = attr.Expr.Range()
	}
	suggest := diag.Closest(name, known)
	switch {
	case schema == nil:
		f.add(diag.Diagnostic{
			Severity: diag.Error, Code: "lang.unknown_entity", Summary: fmt.Sprintf("%s has no %q", c.Type, name),
			Detail:  "The step's label says what it reads or writes, unless entity does." + whatItHas(c, known),
			Suggest: suggest, Subject: rng.Ptr(),
		})
	case suggest != "" && !slices.Contains(known, name):
		f.add(diag.Diagnostic{
			Severity: diag.Warning, Code: "lang.similar_entity", Summary: fmt.Sprintf("%s declares no %q", c.Address(), name),
			Detail:  "It may be there without. If it is, name it in the connection's settings too.",
			Suggest: suggest, Subject: rng.Ptr(),
		})
	}
	return c, name, schema
}

// schemaOf finds an entity of a connection; known are the names there are.
func schemaOf(c *Connection, name string) (schema *protocol.Entity, known []string) {
	var open *protocol.Entity
	for _, e := range c.Manifest.GetEntities() {
		if e.GetName() == "*" {
			open = e
			continue
		}
		known = append(known, e.GetName())
		if e.GetName() == name {
			schema = e
		}
	}
	if open == nil || !c.Manifest.GetOpenEntities() {
		return schema, known
	}
	entities, only := c.declared()
	known = append(known, slices.Sorted(maps.Keys(entities))...)
	types, isDeclared := entities[name]
	if schema == nil && name != "" && (isDeclared || only == "") {
		schema = shaped(open, name, types)
	}
	return schema, known
}

// able complains when a connector can't do what a step wants of an entity.
func (f *flow) able(rng hcl.Range, can bool, c *Connection, entity, what string) {
	if !can {
		f.errorf(rng, "lang.unsupported", fmt.Sprintf("%s can't %s %s", c.Type, what, entity),
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
		b.unjudged()
		return
	}
	f.able(block.DefRange(), s.Schema.GetCanRead(), s.Connection, s.Entity, "read")
	s.Options = f.settings(b, s.Schema.GetSourceOptions())
	b.end()
	shape := expr.OfEntity(s.Schema, s.Entity+" of "+s.Connection.Type)
	f.env.Shapes["record"], f.env.Shapes["source"] = shape, shape
}

// taken checks the name of a step: no two steps of a pipeline have one, or nobody could tell what became of a record.
func (f *flow) taken(block *hclsyntax.Block) {
	label, rng := block.Labels[0], block.LabelRanges[0]
	f.identifier(block, 0)
	if first, ok := f.names[label]; ok {
		f.errorf(rng, "lang.duplicate", "The name \""+label+"\" is taken",
			"Steps have names of their own. The first one is at "+place(first)+". Rename one of them.")
	}
	if slices.Contains(reserved, label) {
		f.errorf(rng, "lang.reserved", "The name \""+label+"\" has a meaning already", "Give the step another label.")
	}
	f.names[label] = rng
}

// name binds a step's name for the steps below.
func (f *flow) name(block *hclsyntax.Block, shape *expr.Shape) int {
	slot := f.next
	f.next++
	if label := block.Labels[0]; !slices.Contains(reserved, label) {
		f.env.Slots[label], f.env.Shapes[label] = slot, shape
	}
	return slot
}

// compile turns an attribute into an expression on records; nil when the attribute is absent. fits are the kinds its
// value may have; none means any.
func (f *flow) compile(b *body, name, need string, fits ...expr.Kind) *expr.Expr {
	attr := b.attr(name)
	if attr == nil {
		return nil
	}
	e, diags := expr.Compile(attr.Expr, f.scoped())
	stale := len(f.roots(attr.Expr, f.broken)) > 0
	for _, d := range diags {
		if !stale || !strings.HasPrefix(d.Code, "expr.") { // what comes of a mistake that was told is not told again
			f.add(d)
		}
	}
	f.noSecret(attr.Expr)
	shape := e.Shape()
	if len(fits) == 0 || shape == nil || shape.Kind == expr.Any || shape.Kind == expr.Null || slices.Contains(fits, shape.Kind) {
		return e
	}
	if !diags.HasErrors() {
		f.errorf(e.Range(), "lang.wrong_type", name+" is "+need, fmt.Sprintf("This is of type %s. Write %s.", shape.Kind, examples[name]))
	}
	return e
}

// examples of attributes that are worked out for each record.
var examples = map[string]string{
	"keep": "keep = record.total > 0", "reason": `reason = "cancelled in the till"`, "match": "match = { email = record.email }",
	"set": "set = { name = record.name }", "when": "when = record.customer != null", "create": "create = true",
	"day": "day = record.date", "amount": "amount = record.total", "key": "key = record.id", "currency": `currency = "EUR"`,
	"vat":  "vat = [for g in record.vat : { rate = g.rate, vat = g.amount }]",
	"link": "link = record.id", "for_each": "for_each = record.lines",
}

// scoped explains names that are not there yet, or not at all.
func (f *flow) scoped() *expr.Env {
	env := *f.env
	env.Unknown = func(name string, rng hcl.Range) *diag.Diagnostic {
		d := &diag.Diagnostic{Severity: diag.Error, Code: "lang.unknown_name", Subject: rng.Ptr()}
		if name == "each" {
			d.Summary = "\"each\" has no meaning here"
			d.Detail = "each.value is an element of for_each, and only in a sink that has for_each."
			return d
		}
		below, ok := f.stepNamed(name)
		switch {
		case !ok:
			return nil
		case below.Type == "lookup" || below.Type == "sink":
			d.Code, d.Summary = "lang.later_step", "\""+name+"\" comes later"
			d.Detail = fmt.Sprintf("Steps run in the order of the text, and %s stands at line %d. Move it up, or this down.",
				name, below.DefRange().Start.Line)
		default:
			d.Summary = "\"" + name + "\" has no result of its own"
			d.Detail = fmt.Sprintf("It is a %s: what comes out of it is record.", below.Type)
		}
		return d
	}
	return &env
}

// stepNamed finds a step of the pipeline.
func (f *flow) stepNamed(name string) (*hclsyntax.Block, bool) {
	for _, inner := range f.block.Body.Blocks {
		if inner.Type != "on_error" && slices.Contains(stepTypes, inner.Type) && slices.Contains(inner.Labels, name) {
			return inner, true
		}
	}
	return nil, false
}
