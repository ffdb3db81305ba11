package pipelines

import (
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
	s.Schema = toWrite(s.Connection, s.Schema)
	f.eachElement(b, s)
	s.When = orNil(f.compile(b, "when", "true or false", expr.Bool))
	match := f.compile(b, "match", "an object", expr.Object)
	s.Match = orNil(match)
	s.Create = orNil(f.compile(b, "create", "true or false", expr.Bool))
	set := f.compile(b, "set", "an object", expr.Object)
	s.Set = orNil(set)
	s.Link = orNil(f.compile(b, "link", "a text", expr.String, expr.Number))
	s.Missing = b.word("missing", "dead_letter", "dead_letter", "park", "skip", "null")
	s.Several = b.word("several", "dead_letter", "dead_letter", "first")
	s.UpdateAll, s.Update = f.leave(b, "update")
	s.Protect = b.names("protect")
	s.Verify = b.bool("verify", false)
	f.pair(b, s)
	if s.Schema != nil {
		s.Options = f.settings(b, s.Schema.GetSinkOptions())
		b.end()
		f.checkSink(b, s, match, set)
	} else {
		b.unjudged()
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
	list := f.compile(b, "for_each", "a list", expr.List)
	if list == nil {
		return
	}
	var element *expr.Shape
	if shape := list.Shape(); shape != nil {
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

// leave reads for which fields a sink may do something: "all", "none" or a list.
func (f *flow) leave(b *body, name string) (all bool, some map[string]bool) {
	v, rng, ok := b.public(name)
	if !ok {
		return false, nil
	}
	list, isList := v.([]any)
	switch {
	case v == "all":
		return true, nil
	case v == "none" || v == nil:
	case isList:
		return false, f.set(list, rng, name)
	default:
		text, _ := v.(string)
		f.add(diag.Diagnostic{
			Severity: diag.Error, Code: "lang.wrong_value", Summary: "Wrong " + name,
			Detail:  name + " is \"all\", \"none\" or a list of fields' names, such as [\"name\", \"email\"].",
			Suggest: diag.Closest(text, []string{"all", "none"}), Subject: rng.Ptr(),
		})
	}
	return false, nil
}

func (f *flow) checkSink(b *body, s *Sink, match, set *expr.Expr) {
	writes := s.Schema.GetCanCreate() || s.Schema.GetCanUpdate()
	f.able(b.block.DefRange(), writes, s.Connection, s.Entity, "write")
	if writes && (s.UpdateAll || len(s.Update) > 0) {
		f.able(b.place("update"), s.Schema.GetCanUpdate(), s.Connection, s.Entity, "update")
	}
	if match != nil {
		f.able(match.Range(), s.Schema.GetCanLookup(), s.Connection, s.Entity, "look up")
		f.matchFields(match, s.Schema, s.Entity, s.Connection)
	} else if writes && !s.Schema.GetAppendOnly() && s.Schema.GetCanLookup() {
		f.add(diag.Diagnostic{
			Severity: diag.Warning, Code: "lang.no_match", Summary: "A sink without match",
			Detail: "If the answer to a create is lost, nothing can tell whether it was stored, and the record becomes a dead letter. " +
				"Add match with what identifies it there.",
			Subject: b.block.DefRange().Ptr(),
		})
	}
	f.updateFields(b, s)
	if set != nil && writes {
		f.writeFields(set, s)
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
