package pipelines

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/pipelines/expr"
	"github.com/kopru-io/kopru/plugins/protocol"
)

func (f *flow) sink(block *hclsyntax.Block) {
	b := f.body(block)
	s := &Sink{Name: block.Labels[0], Scope: f.pipeline.Name + "." + block.Labels[0], Range: block.DefRange()}
	s.Connection, s.Entity, s.Schema = f.entity(b)
	f.eachElement(b, s)
	s.When = orNil(f.compile(b, "when"))
	match := f.compile(b, "match")
	s.Match = orNil(match)
	s.Create = orNil(f.compile(b, "create"))
	set := f.compile(b, "set")
	s.Set = orNil(set)
	s.Link = orNil(f.compile(b, "link"))
	s.Missing = b.word("missing", "dead_letter", "dead_letter", "park", "skip")
	s.Several = b.word("several", "dead_letter", "dead_letter", "first")
	f.update(b, s)
	s.Protect = b.names("protect")
	if s.Schema != nil {
		s.Options = f.settings(b, s.Schema.GetSinkOptions())
		b.end()
		f.checkSink(b, s, match, set)
	}
	delete(f.env.Slots, "each")
	shape := expr.OfEntity(&protocol.Entity{OpenFields: true}, s.Entity)
	if s.Schema != nil {
		shape = expr.OfEntity(s.Schema, s.Entity+" of "+s.Connection.Type)
	}
	if s.ForEach != nil {
		shape = &expr.Shape{Kind: expr.List, Element: shape}
	}
	s.Slot = f.name(block, shape)
	f.pipeline.Steps = append(f.pipeline.Steps, s)
}

// orNil keeps an absent expression a nil interface.
func orNil(e *expr.Expr) Expr {
	if e == nil {
		return nil
	}
	return e
}

// eachElement binds `each` in a sink that is repeated.
func (f *flow) eachElement(b *body, s *Sink) {
	list := f.compile(b, "for_each")
	if list == nil {
		return
	}
	var element *expr.Shape
	if shape := list.Shape(); shape != nil {
		if shape.Kind != expr.List && shape.Kind != expr.Any && shape.Kind != expr.Null {
			f.errorf(list.Range(), "lang.wrong_type", "for_each is a list", fmt.Sprintf("This is a %s.", shape.Kind))
		}
		element = shape.Element
	}
	s.ForEach, s.EachSlot = list, f.next
	f.next++
	f.env.Slots["each"] = s.EachSlot
	if element == nil {
		element = &expr.Shape{}
	}
	f.env.Shapes["each"] = &expr.Shape{Kind: expr.Object, Fields: map[string]*expr.Shape{"key": {Kind: expr.Number}, "value": element}}
}

// update reads which fields an update may write: "all", "none" or a list.
func (f *flow) update(b *body, s *Sink) {
	v, rng, ok := b.value("update")
	if !ok {
		return
	}
	switch v {
	case "all":
		s.UpdateAll = true
	case "none", nil:
	default:
		s.Update = f.set(v, rng, "update")
	}
}

func (f *flow) checkSink(b *body, s *Sink, match, set *expr.Expr) {
	f.able(b, s.Schema.GetCanCreate() || s.Schema.GetCanUpdate(), s.Connection, s.Entity, "write")
	if s.UpdateAll || len(s.Update) > 0 {
		f.able(b, s.Schema.GetCanUpdate(), s.Connection, s.Entity, "update")
	}
	if match != nil {
		f.able(b, s.Schema.GetCanLookup(), s.Connection, s.Entity, "look up")
		f.matchFields(match, s.Schema, s.Entity, s.Connection)
	} else if !s.Schema.GetAppendOnly() && s.Schema.GetCanLookup() {
		f.add(diag.Diagnostic{
			Severity: diag.Warning, Code: "lang.no_match", Summary: "A sink without match",
			Detail: "If the answer to a create is lost, nothing can tell whether it was stored, and the record becomes a dead letter. " +
				"Add match with what identifies it there.",
			Subject: b.block.DefRange().Ptr(),
		})
	}
	for _, names := range []map[string]bool{s.Update, s.Protect} {
		f.fieldNames(names, s, b)
	}
	if set != nil {
		f.fields(set.Shape(), s.Schema, func(field *protocol.Field) string {
			if field.GetOnCreate() || field.GetOnUpdate() {
				return ""
			}
			return fmt.Sprintf("%s of %s can be read, but not written.", field.GetName(), s.Entity)
		}, s.Entity, s.Connection)
	}
}

func (f *flow) fieldNames(names map[string]bool, s *Sink, b *body) {
	known := map[string]bool{}
	for _, field := range s.Schema.GetFields() {
		known[field.GetName()] = true
	}
	for _, name := range sortedNames(names) {
		if known[name] || s.Schema.GetOpenFields() {
			continue
		}
		rng := b.block.DefRange()
		for _, attribute := range []string{"update", "protect"} {
			if attr := b.block.Body.Attributes[attribute]; attr != nil {
				rng = within(attr, name)
			}
		}
		f.add(diag.Diagnostic{
			Severity: diag.Error, Code: "lang.unknown_field", Summary: "Unknown field \"" + name + "\"",
			Detail:  fmt.Sprintf("%s of %s has no such field.", s.Entity, s.Connection.Type),
			Suggest: diag.Closest(name, sortedNames(known)), Subject: rng.Ptr(),
		})
	}
}

// within is where a list names an element, or the whole list.
func within(attr *hclsyntax.Attribute, name string) hcl.Range {
	if list, ok := attr.Expr.(*hclsyntax.TupleConsExpr); ok {
		for _, item := range list.Exprs {
			if v, diags := item.Value(nil); !diags.HasErrors() && v.Type() == cty.String && v.AsString() == name {
				return item.Range()
			}
		}
	}
	return attr.Expr.Range()
}

// readProjectFile reads a file inside the project.
func (l *loader) readProjectFile(name string) ([]byte, error) {
	if !filepath.IsLocal(name) {
		return nil, fmt.Errorf("%s is not inside the project", name)
	}
	return os.ReadFile(filepath.Join(l.project.Dir, name))
}
