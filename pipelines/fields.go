package pipelines

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/pipelines/expr"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// target is an entity whose fields an object names.
type target struct {
	of     string // for messages: "customer of vismanet"
	name   string // of the connector
	fields []*protocol.Field
	open   bool // it may have other fields
	// use says what is wrong with the use of a field, "" = nothing; nil = every use is right
	use func(*protocol.Field) string
}

func targetOf(schema *protocol.Entity, entity string, c *Connection) target {
	return target{
		of: entity + " of " + c.Type, name: c.Type, fields: schema.GetFields(),
		open: schema.GetOpenFields() || len(schema.GetFields()) == 0,
	}
}

// matchFields checks what a match names.
func (f *flow) matchFields(match *expr.Expr, schema *protocol.Entity, entity string, c *Connection) {
	t := targetOf(schema, entity, c)
	var known []string
	for _, other := range schema.GetFields() {
		if other.GetMatch() {
			known = append(known, other.GetName())
		}
	}
	t.use = func(field *protocol.Field) string {
		if field.GetMatch() || t.open {
			return ""
		}
		problem := fmt.Sprintf("%s can't be looked up by %s.", t.of, field.GetName())
		if len(known) > 0 {
			problem += " It can by: " + strings.Join(known, ", ") + "."
		}
		return problem
	}
	if shape := match.Shape(); shape != nil && shape.Kind == expr.Object && !shape.Open && len(shape.Fields) == 0 {
		f.errorf(match.Range(), "lang.wrong_value", "An empty match",
			"It would find anything. Write it like match = { email = record.email }.")
		return
	}
	f.fields(match.Shape(), t)
}

// writeFields checks what a set names, and whether what a create needs is there.
func (f *flow) writeFields(set *expr.Expr, s *Sink) {
	t := targetOf(s.Schema, s.Entity, s.Connection)
	t.use = func(field *protocol.Field) string {
		if field.GetOnCreate() || field.GetOnUpdate() {
			return ""
		}
		return fmt.Sprintf("%s of %s can be read, but not written.", field.GetName(), t.of)
	}
	f.fields(set.Shape(), t)
	shape := set.Shape()
	if shape == nil || shape.Kind != expr.Object || shape.Open || t.open || never(s.Create) {
		return
	}
	for _, field := range t.fields {
		if field.GetRequired() && shape.Fields[field.GetName()] == nil {
			f.errorf(set.Range(), "lang.missing_field", "Field \""+field.GetName()+"\" is missing",
				fmt.Sprintf("%s can't be created without it. Add it to set, or write create = false.", t.of))
		}
	}
}

// never tells whether an expression is false for every record.
func never(e Expr) bool {
	if e == nil {
		return false
	}
	compiled, ok := e.(*expr.Expr)
	if !ok || !compiled.Constant() {
		return false
	}
	v, err := compiled.Eval(&Scope{})
	return err == nil && v == false
}

// fields checks the fields an object names: whether they exist, may be used like this, and have the right type.
func (f *flow) fields(shape *expr.Shape, t target) {
	if shape == nil || shape.Kind != expr.Object || t.open {
		return
	}
	byName := map[string]*protocol.Field{}
	for _, field := range t.fields {
		byName[field.GetName()] = field
	}
	for _, name := range sortedNames(shape.Fields) {
		rng, written := shape.KeyRange(name)
		if !written {
			continue
		}
		field, ok := byName[name]
		if !ok {
			f.unknownField(name, rng, t, byName)
			continue
		}
		if t.use != nil {
			if problem := t.use(field); problem != "" {
				f.errorf(rng, "lang.unwritable_field", "Field \""+name+"\" can't be used here", problem)
				continue
			}
		}
		f.opts.cursor.mention(expr.Mention{Name: name, Range: rng, Shape: expr.OfField(field, t.of)})
		f.fieldType(shape.Fields[name], field, rng)
		f.fieldValue(shape, field, rng)
		f.inner(shape.Fields[name], field, t)
	}
}

func (f *flow) unknownField(name string, rng hcl.Range, t target, known map[string]*protocol.Field) {
	usable := map[string]*protocol.Field{}
	for n, field := range known {
		if t.use == nil || t.use(field) == "" {
			usable[n] = field
		}
	}
	f.offer(name, "field", sortedNames(usable), func(name string) string { return fieldDoc(known[name]) })
	f.add(diag.Diagnostic{
		Severity: diag.Error, Code: "lang.unknown_field", Summary: "Unknown field \"" + name + "\"",
		Detail:  fmt.Sprintf("%s has no such field. See: kopru connector schema %s", t.of, t.name),
		Suggest: diag.Closest(name, sortedNames(known)), Subject: rng.Ptr(),
	})
}

// inner checks the fields of an object in a field, or of the objects in a list.
func (f *flow) inner(shape *expr.Shape, field *protocol.Field, t target) {
	if shape == nil || len(field.GetFields()) == 0 {
		return
	}
	if shape.Kind == expr.List {
		shape = shape.Element
	}
	f.fields(shape, target{of: field.GetName() + " of " + t.of, name: t.name, fields: field.GetFields()})
}

// fieldValue complains about a text that is none of those a field allows.
func (f *flow) fieldValue(shape *expr.Shape, field *protocol.Field, rng hcl.Range) {
	text, ok := shape.Text(field.GetName())
	f.offer(text, "value", field.GetValues(), nil)
	if !ok || len(field.GetValues()) == 0 || slices.Contains(field.GetValues(), text) {
		return
	}
	f.add(diag.Diagnostic{
		Severity: diag.Error, Code: "lang.wrong_value", Summary: fmt.Sprintf("%q can't be %s", text, field.GetName()),
		Detail:  field.GetName() + " is one of: " + strings.Join(field.GetValues(), ", ") + ".",
		Suggest: diag.Closest(text, field.GetValues()), Subject: rng.Ptr(),
	})
}

// fieldType complains where a value can never be of a field's type.
func (f *flow) fieldType(have *expr.Shape, field *protocol.Field, rng hcl.Range) {
	if have == nil {
		return
	}
	fits := map[protocol.FieldType][]expr.Kind{
		protocol.FieldType_FIELD_TYPE_STRING:   {expr.String, expr.Number},
		protocol.FieldType_FIELD_TYPE_DATE:     {expr.String},
		protocol.FieldType_FIELD_TYPE_DATETIME: {expr.String},
		protocol.FieldType_FIELD_TYPE_INTEGER:  {expr.Number, expr.String},
		protocol.FieldType_FIELD_TYPE_DECIMAL:  {expr.Number, expr.String},
		protocol.FieldType_FIELD_TYPE_BOOL:     {expr.Bool},
		protocol.FieldType_FIELD_TYPE_OBJECT:   {expr.Object},
		protocol.FieldType_FIELD_TYPE_LIST:     {expr.List},
	}[field.GetType()]
	if fits == nil || have.Kind == expr.Any || have.Kind == expr.Null || slices.Contains(fits, have.Kind) {
		return
	}
	f.errorf(rng, "lang.wrong_type", "Wrong type for \""+field.GetName()+"\"",
		fmt.Sprintf("It is of type %s, and this is of type %s. Convert it, or take another field.", fits[0], have.Kind))
}

// updateFields checks the names in update, protect and wins: fields, or fields of an object such as "address.city".
func (f *flow) updateFields(b *body, s *Sink) {
	lists := map[string]map[string]bool{"update": s.Update, "protect": s.Protect}
	if s.Pair != nil {
		lists["wins"] = s.Pair.Wins
	}
	for attribute, names := range lists {
		for _, name := range sortedNames(names) {
			rng := within(b.block.Body.Attributes[attribute], name)
			t := targetOf(s.Schema, s.Entity, s.Connection)
			for rest, more := name, true; more && !t.open; {
				var part string
				part, rest, more = strings.Cut(rest, ".")
				byName := map[string]*protocol.Field{}
				for _, field := range t.fields {
					byName[field.GetName()] = field
				}
				field, ok := byName[part]
				if !ok {
					f.unknownField(part, rng, t, byName)
					break
				}
				if attribute == "update" && !field.GetOnUpdate() {
					f.errorf(rng, "lang.unwritable_field", "Field \""+part+"\" can't be updated",
						fmt.Sprintf("%s of %s can't be changed once it is there. Remove it from update.", part, t.of))
					break
				}
				t = target{of: part + " of " + t.of, name: t.name, fields: field.GetFields(), open: len(field.GetFields()) == 0 && more &&
					field.GetType() == protocol.FieldType_FIELD_TYPE_OBJECT}
			}
		}
	}
}
