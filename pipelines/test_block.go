package pipelines

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/pipelines/expr"
	"github.com/kopru-io/kopru/plugins/record"
)

// tester reads one test block.
type tester struct {
	*flow
	test *Test
}

// defaultNow is the time of tests that name none.
var defaultNow = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

func (t *tester) read(block *hclsyntax.Block) {
	b := t.body(block)
	for name, attr := range block.Body.Attributes {
		t.test.places[name] = attr.Range()
	}
	b.attr("vars")
	t.test.Pipeline = t.pipelineOf(b)
	t.test.Now = t.moment(b)
	t.records(b)
	t.test.Outcome = t.oneOrMany(b, "outcome")
	for _, o := range t.test.Outcome {
		t.offer(o, "value", outcomes, nil)
		if !slices.Contains(outcomes, o) {
			t.add(diag.Diagnostic{
				Severity: diag.Error, Code: "lang.wrong_value", Summary: fmt.Sprintf("%q is no outcome", o),
				Detail: "The outcomes are: " + strings.Join(outcomes, ", ") + ".", Suggest: diag.Closest(o, outcomes), Subject: b.place("outcome").Ptr(),
			})
		}
	}
	t.test.Reason = t.oneOrMany(b, "reason")
	t.test.Code = b.text("code", "")
	t.test.Snapshot = b.bool("snapshot", false)
	b.end("given", "fails", "expect")
	if t.test.Pipeline == nil {
		return
	}
	for _, inner := range block.Body.Blocks {
		switch inner.Type {
		case "given", "fails":
			if t.labels(inner, []string{"entity"}) {
				t.entityBlock(inner)
			}
		case "expect":
			if t.labels(inner, []string{"step"}) {
				t.expect(inner)
			}
		}
	}
}

var outcomes = []string{"delivered", "unchanged", "filtered", "parked", "dead"}

// pipelineOf is the pipeline that is tested, the only one when none is named. One that is not enabled with these
// settings is tested all the same.
func (t *tester) pipelineOf(b *body) *Pipeline {
	if b.block.Body.Attributes["pipeline"] == nil && len(t.project.Pipelines) == 1 {
		b.attr("pipeline")
		return t.project.Pipelines[0]
	}
	name := b.text("pipeline", "")
	var known []string
	for _, p := range t.declared {
		if p.Name == name {
			t.opts.cursor.name(b.place("pipeline"), p.Range, fmt.Sprintf("**%s**: %s", p.Name, cmp.Or(p.Description, "a pipeline")))
			return p
		}
		known = append(known, p.Name)
	}
	if b.block.Body.Attributes["pipeline"] == nil {
		b.lack("pipeline", "The pipelines are: "+strings.Join(known, ", ")+".")
		return nil
	}
	t.add(diag.Diagnostic{
		Severity: diag.Error, Code: "lang.unknown_name", Summary: "There is no pipeline \"" + name + "\"",
		Detail: "The pipelines are: " + strings.Join(known, ", ") + ".", Suggest: diag.Closest(name, known), Subject: b.place("pipeline").Ptr(),
	})
	return nil
}

func (t *tester) moment(b *body) time.Time {
	text := b.text("now", "")
	if text == "" {
		return defaultNow
	}
	now, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.errorf(b.place("now"), "lang.wrong_value", "Not a moment", "now is a time with its zone, such as \"2026-03-14T10:15:00Z\".")
	}
	return now
}

// records reads `record` or `records`: objects, or the name of a file of JSON.
func (t *tester) records(b *body) {
	deleted := b.word("operation", "upsert", "upsert", "delete") == "delete"
	one, many := t.objects(b, "record"), t.objects(b, "records")
	made := one
	switch {
	case one == nil && many == nil:
		if b.block.Body.Attributes["record"] == nil && b.block.Body.Attributes["records"] == nil {
			b.lack("record", "Write what the source gives: record = { … }, records = [{ … }], or the name of a JSON file.")
		}
		return
	case one != nil && many != nil:
		t.errorf(b.place("records"), "lang.conflict", "Both record and records", "Put all of them into records.")
		return
	case many != nil:
		made = many
	}
	var source *Source
	if t.test.Pipeline != nil {
		source = t.test.Pipeline.Source
	}
	if source != nil && source.Schema != nil {
		t.known(made, targetOf(source.Schema, source.Entity, source.Connection))
	}
	for i, payload := range made.Objects {
		t.test.Records = append(t.test.Records, Made{Key: keyOf(source, payload, i), Deleted: deleted, Payload: payload})
	}
}

// keyOf is what the source would identify a record by, its number where that can't be told.
func keyOf(source *Source, payload map[string]any, i int) string {
	if source != nil {
		named, _ := source.Options["key"].(string)
		for _, field := range []string{named, source.Schema.GetIdField()} {
			if v := payload[field]; field != "" && v != nil {
				return fmt.Sprint(v)
			}
		}
	}
	return fmt.Sprint(i + 1)
}

// objects reads an attribute that holds an object, a list of objects, or the name of a file with them; nil when it is
// absent or wrong.
func (t *tester) objects(b *body, name string) *Wanted {
	v, rng, ok := b.value(name)
	if !ok {
		return nil
	}
	w := &Wanted{Range: b.block.Body.Attributes[name].Range(), expr: b.block.Body.Attributes[name].Expr, Objects: []map[string]any{}}
	if file, isText := v.(string); isText {
		var err error
		if v, err = t.fixture(file); err != nil {
			t.errorf(rng, "expr.failed", "The file can't be used", err.Error())
			return nil
		}
	}
	switch v := v.(type) {
	case map[string]any:
		w.Objects = append(w.Objects, v)
		return w
	case []any:
		w.list = true
		for i, item := range v {
			object, isObject := item.(map[string]any)
			if !isObject {
				t.errorf(w.Place(i, ""), "lang.wrong_type", "An object is needed", fmt.Sprintf("Element %d of %s is a %s.", i, name, record.Kind(item)))
				return nil
			}
			w.Objects = append(w.Objects, object)
		}
		return w
	}
	t.errorf(rng, "lang.wrong_type", name+" is an object", fmt.Sprintf("It is a %s. Write %s = { field = value }, a list of such, or the name of a JSON file.", record.Kind(v), name))
	return nil
}

// fixture reads a file of JSON, or of JSON lines.
func (t *tester) fixture(name string) (any, error) {
	if !filepath.IsLocal(name) {
		return nil, fmt.Errorf("%q is no file inside the project", name)
	}
	data, err := os.ReadFile(filepath.Join(t.project.Dir, name))
	if err != nil {
		return nil, fmt.Errorf("%s can't be read; it is looked for beside the pipelines", name)
	}
	if v, err := record.Decode(data); err == nil {
		return v, nil
	}
	var list []any
	for dec := json.NewDecoder(strings.NewReader(string(data))); dec.More(); {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, fmt.Errorf("%s is no JSON: %w", name, err)
		}
		v, err := record.Decode(raw)
		if err != nil {
			return nil, fmt.Errorf("%s is no JSON: %w", name, err)
		}
		list = append(list, v)
	}
	return list, nil
}

// known complains about fields that the entity does not have.
func (t *tester) known(w *Wanted, of target) {
	compiled, diags := expr.Compile(w.expr, t.loadTime())
	if diags.HasErrors() {
		return // told
	}
	shape := compiled.Shape()
	if list, ok := w.expr.(*hclsyntax.TupleConsExpr); ok {
		for _, item := range list.Exprs {
			if element, diags := expr.Compile(item, t.loadTime()); !diags.HasErrors() {
				t.fields(element.Shape(), of)
			}
		}
		return
	}
	t.fields(shape, of)
}

// oneOrMany reads a text or a list of texts.
func (t *tester) oneOrMany(b *body, name string) []string {
	v, rng, ok := b.value(name)
	if !ok || v == nil {
		return nil
	}
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	out := make([]string, len(list))
	for i, item := range list {
		text, isText := item.(string)
		if !isText && item != nil {
			t.errorf(rng, "lang.wrong_type", "A text is needed", name+" is a text, or a list with one for each record.")
			return nil
		}
		out[i] = text
	}
	if isList && len(t.test.Records) > 0 && len(out) != len(t.test.Records) {
		t.errorf(rng, "lang.wrong_value", "Not one for each record",
			fmt.Sprintf("%s has %d elements, and there are %d records.", name, len(out), len(t.test.Records)))
		return nil
	}
	return out
}

// entityBlock reads what a system holds, or that it refuses.
func (t *tester) entityBlock(block *hclsyntax.Block) {
	b := t.body(block)
	entity := block.Labels[0]
	c := t.holder(b, entity)
	if block.Type == "fails" {
		f := Fails{
			Connection: c, Entity: entity, Class: b.word("class", "invalid", slices.Sorted(maps.Keys(failureClasses))...),
			Code: b.text("code", "test.refused"), Message: b.text("message", "made to fail by the test"),
		}
		if v, rng, ok := b.value("times"); ok {
			n, err := numberOf(v)
			if err != nil || n < 1 {
				t.errorf(rng, "lang.wrong_value", "Wrong number of times", "times is how often it fails, from 1; without it, it always does.")
			}
			f.Times = int(n)
		}
		b.end()
		t.test.Fails = append(t.test.Fails, f)
		return
	}
	if c != nil {
		if schema, _ := schemaOf(c, entity); schema != nil {
			t.opts.cursor.name(block.LabelRanges[0], hcl.Range{}, fmt.Sprintf("**%s** of %s: %s", entity, c.Address(), schema.GetDescription()))
		}
	}
	g := Given{Connection: c, Entity: entity}
	one, many := t.objects(b, "record"), t.objects(b, "records")
	if block.Body.Attributes["record"] == nil && block.Body.Attributes["records"] == nil {
		b.lack("record", "Write what the system holds: record = { … } or records = [{ … }].")
	}
	for _, w := range []*Wanted{one, many} {
		if w != nil {
			g.Records = append(g.Records, w.Objects...)
			if c != nil {
				schema, _ := schemaOf(c, entity)
				t.known(w, targetOf(schema, entity, c))
			}
		}
	}
	b.end()
	t.test.Given = append(t.test.Given, g)
}

func numberOf(v any) (int64, error) {
	n, _ := v.(record.Number)
	d, err := n.Decimal()
	if err != nil {
		return 0, err
	}
	return d.Int64()
}

// failureClasses are those a test can name, with what the engine does about them.
var failureClasses = map[string]string{
	"transient": "tried again", "rate_limited": "waited for", "auth": "the run stops", "invalid": "a dead letter",
	"conflict": "planned again", "not_found": "a dead letter", "ambiguous": "the target is asked", "fatal": "the run stops",
}

// holder is the connection an entity belongs to: the one that is named, else the only one of the pipeline that has it.
func (t *tester) holder(b *body, entity string) *Connection {
	if b.block.Body.Attributes["connection"] != nil {
		return t.connection(b)
	}
	b.attr("connection")
	var holders []*Connection
	var known []string
	for _, step := range t.test.Pipeline.Steps {
		var c *Connection
		var of string
		switch step := step.(type) {
		case *Lookup:
			c, of = step.Connection, step.Entity
		case *Sink:
			c, of = step.Connection, step.Entity
		}
		if c == nil {
			continue
		}
		known = append(known, of)
		if of == entity && !slices.Contains(holders, c) {
			holders = append(holders, c)
		}
	}
	switch len(holders) {
	case 1:
		return holders[0]
	case 0:
		slices.Sort(known)
		t.add(diag.Diagnostic{
			Severity: diag.Error, Code: "lang.unknown_entity", Summary: fmt.Sprintf("The pipeline has nothing to do with %q", entity),
			Detail:  "It looks up and writes: " + strings.Join(slices.Compact(known), ", ") + ".",
			Suggest: diag.Closest(entity, known), Subject: b.block.LabelRanges[0].Ptr(),
		})
		return nil
	}
	b.lack("connection", "Several systems of this pipeline have a "+entity+"; name the one that is meant.")
	return nil
}

func (t *tester) expect(block *hclsyntax.Block) {
	b := t.body(block)
	e := &Expect{Range: block.DefRange()}
	label := block.Labels[0]
	var known []string
	for _, step := range t.test.Pipeline.Steps {
		if step.StepName() == label {
			e.Step = step
			t.opts.cursor.name(block.LabelRanges[0], step.StepRange(), fmt.Sprintf("**%s**: a step of %s", label, t.test.Pipeline.Name))
		}
		known = append(known, step.StepName())
	}
	switch step := e.Step.(type) {
	case nil:
		t.add(diag.Diagnostic{
			Severity: diag.Error, Code: "lang.unknown_name", Summary: fmt.Sprintf("There is no step %q", label),
			Detail:  "The steps of " + t.test.Pipeline.Name + " are: " + strings.Join(known, ", ") + ".",
			Suggest: diag.Closest(label, known), Subject: block.LabelRanges[0].Ptr(),
		})
		return
	case *Transform:
		e.Record = t.objects(b, "record")
		b.end()
	case *Sink:
		e.Create, e.Update = t.objects(b, "create"), t.objects(b, "update")
		for _, w := range []*Wanted{e.Create, e.Update} {
			if w != nil && step.Schema != nil {
				t.known(w, targetOf(step.Schema, step.Entity, step.Connection))
			}
		}
		e.Exact = b.bool("exact", false)
		if block.Body.Attributes["create"] == nil && block.Body.Attributes["update"] == nil {
			b.lack("create", "Say what should have been sent: create = { … } or update = { … }, a list of such, or [] for nothing.")
		}
		b.end()
	default:
		t.errorf(block.LabelRanges[0], "lang.wrong_value", "Nothing to expect of this step",
			"expect is for transforms and sinks. What a filter does is said by outcome and reason, what a lookup does by what follows from it.")
		return
	}
	t.test.Expect = append(t.test.Expect, e)
}
