package pipelines

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/pipelines/expr"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/transforms"
)

func (f *flow) filter(block *hclsyntax.Block) {
	b := f.body(block)
	s := &Filter{Name: block.Labels[0], Range: block.DefRange()}
	keep := f.compile(b, "keep")
	if keep == nil {
		f.missing(block, "keep", b.what, "Only records for which it is true go on.")
		keep = expr.Constant(true, block.DefRange())
	}
	if kind := keep.Shape(); kind != nil && kind.Kind != expr.Any && kind.Kind != expr.Bool && kind.Kind != expr.Null {
		f.errorf(keep.Range(), "lang.wrong_type", "keep is true or false", fmt.Sprintf("This is a %s. Compare it with something: record.total > 0.", kind.Kind))
	}
	s.Keep = keep
	if reason := f.compile(b, "reason"); reason != nil {
		s.Reason = reason
	} else {
		s.Reason = expr.Constant("dropped by filter "+s.Name, block.DefRange())
	}
	b.end()
	f.pipeline.Steps = append(f.pipeline.Steps, s)
}

func (f *flow) lookup(block *hclsyntax.Block) {
	b := f.body(block)
	s := &Lookup{Name: block.Labels[0], Range: block.DefRange()}
	s.Connection, s.Entity, s.Schema = f.entity(b)
	match := f.compile(b, "match")
	if match == nil {
		f.missing(block, "match", b.what, "Say what to look for, such as match = { email = record.email }.")
		match = expr.Constant(map[string]any{}, block.DefRange())
	}
	s.Match = match
	s.Missing = b.word("missing", "null", "null", "park", "dead_letter")
	s.Several = b.word("several", "dead_letter", "dead_letter", "first")
	b.end()
	var shape *expr.Shape
	if s.Schema != nil {
		f.able(b, s.Schema.GetCanLookup(), s.Connection, s.Entity, "look up")
		f.matchFields(match, s.Schema, s.Entity, s.Connection)
		shape = expr.OfEntity(s.Schema, s.Entity+" of "+s.Connection.Type)
	}
	s.Slot = f.name(block, shape)
	f.pipeline.Steps = append(f.pipeline.Steps, s)
}

func (f *flow) transform(block *hclsyntax.Block) {
	b := f.body(block)
	s := &Transform{Name: block.Labels[0], Range: block.DefRange()}
	set := f.compile(b, "set")
	script := b.text("script", "")
	budget := f.budget(b)
	if v, rng, ok := b.value("vars"); ok && v != nil {
		m, isObject := v.(map[string]any)
		if !isObject {
			f.errorf(rng, "lang.wrong_type", "vars is an object", "Write it as vars = { name = value }; the script sees it as ctx.vars.")
		}
		s.Vars = m
	}
	b.end()
	switch {
	case (set == nil) == (block.Body.Attributes["script"] == nil):
		f.errorf(block.DefRange(), "lang.missing_attribute", "A transform has either script or set",
			"Name a JavaScript or TypeScript file with script, or write the new record with set = { … }.")
	case set != nil:
		s.Set = set
		f.env.Shapes["record"] = set.Shape()
	default:
		program, diags := transforms.Load(f.project.Dir, script, budget)
		for i := range diags {
			if diags[i].Subject == nil {
				diags[i].Subject = block.Body.Attributes["script"].Expr.Range().Ptr()
			} else {
				f.keepSource(program, diags[i].Subject.Filename)
			}
		}
		f.add(diags...)
		s.Script = program
		f.env.Shapes["record"] = nil
	}
	f.pipeline.Steps = append(f.pipeline.Steps, s)
}

// matchFields checks what a match names.
func (f *flow) matchFields(match *expr.Expr, schema *protocol.Entity, entity string, c *Connection) {
	f.fields(match.Shape(), schema, func(field *protocol.Field) string {
		if field.GetMatch() || schema.GetOpenFields() {
			return ""
		}
		var known []string
		for _, other := range schema.GetFields() {
			if other.GetMatch() {
				known = append(known, other.GetName())
			}
		}
		return fmt.Sprintf("%s of %s can't be looked up by %s. It can by: %s.", entity, c.Type, field.GetName(), strings.Join(known, ", "))
	}, entity, c)
}

// fields checks the fields an object names against an entity: whether they exist, have the right type, and what use
// says about each.
func (f *flow) fields(shape *expr.Shape, schema *protocol.Entity, use func(*protocol.Field) string, entity string, c *Connection) {
	if shape == nil || shape.Kind != expr.Object || schema.GetOpenFields() {
		return
	}
	byName := map[string]*protocol.Field{}
	for _, field := range schema.GetFields() {
		byName[field.GetName()] = field
	}
	for _, name := range sortedNames(shape.Fields) {
		rng, written := shape.KeyRange(name)
		if !written {
			continue
		}
		field, ok := byName[name]
		if !ok {
			f.add(diag.Diagnostic{
				Severity: diag.Error, Code: "lang.unknown_field", Summary: "Unknown field \"" + name + "\"",
				Detail:  fmt.Sprintf("%s of %s has no such field. See: kopru connector schema %s", entity, c.Type, c.Type),
				Suggest: diag.Closest(name, sortedNames(byName)), Subject: rng.Ptr(),
			})
			continue
		}
		if problem := use(field); problem != "" {
			f.errorf(rng, "lang.unwritable_field", "Field \""+name+"\" can't be used here", problem)
			continue
		}
		f.fieldType(shape.Fields[name], field, rng)
	}
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
	f.errorf(rng, "lang.wrong_type", "Wrong type for \""+field.GetName()+"\"", fmt.Sprintf("It takes a %s, and this is a %s.", fits[0], have.Kind))
}

// budget reads a script's limits.
func (f *flow) budget(b *body) transforms.Budget {
	v, rng, ok := b.value("limits")
	var out transforms.Budget
	if !ok || v == nil {
		return out
	}
	m, isObject := v.(map[string]any)
	for name, value := range m {
		n, _ := value.(record.Number)
		d, err := n.Decimal()
		var i int64
		if err == nil {
			i, _ = d.Int64()
		}
		switch {
		case name == "time":
			out.Time = f.duration(value, rng, "time", 0)
		case name == "depth" && i > 0:
			out.Depth = int(i)
		case name == "output" && i > 0:
			out.Output = int(i)
		default:
			isObject = false
		}
	}
	if !isObject {
		f.errorf(rng, "lang.wrong_value", "Wrong limits", `Write it as limits = { time = "1s", depth = 400, output = 4194304 }; output is in bytes.`)
	}
	return out
}

// keepSource makes a script's text known, for the snippets of diagnostics.
func (f *flow) keepSource(_ *transforms.Program, name string) {
	if data, err := f.readProjectFile(name); err == nil {
		f.project.Files[name] = data
	}
}
