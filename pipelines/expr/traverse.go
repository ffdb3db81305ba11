package expr

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kopru-io/kopru/pipelines/diag"
)

func (c *compiler) scopeTraversal(e *hclsyntax.ScopeTraversalExpr) (closure, *Shape) {
	name, steps := e.Traversal.RootName(), e.Traversal[1:]
	c.mentionRoot(name, e.Traversal[0].SourceRange())
	defer func(of string) { c.of = of }(c.of)
	c.of = name
	if l, ok := c.names[name]; ok {
		return c.steps(localVariable(l.index), l.shape, steps, name)
	}
	if slot, ok := c.env.Slots[name]; ok {
		return c.slot(slot, name, steps)
	}
	if v, ok := c.env.Constants[name]; ok {
		shape := c.env.Shapes[name]
		if shape == nil {
			shape = ShapeOf(v)
		}
		if c.undeclared(shape, name, steps) {
			return constant(nil), nil
		}
		value, shape := c.steps(constant(v), shape, steps, name)
		if v, err := value(c.scope()); err == nil {
			return constant(v), shape
		}
		return value, shape
	}
	c.unknownName(name, e.Traversal[0].SourceRange())
	return constant(nil), nil
}

// undeclared tells of a var or local that there is not.
func (c *compiler) undeclared(shape *Shape, root string, steps hcl.Traversal) bool {
	if len(steps) == 0 || c.env.Undeclared == nil {
		return false
	}
	step, ok := steps[0].(hcl.TraverseAttr)
	if !ok || shape.Open || shape.Fields[step.Name] != nil {
		return false
	}
	c.mentionField(shape, root, step.Name, step.SrcRange)
	d := c.env.Undeclared(root, step.Name, step.SrcRange)
	if d != nil {
		c.diags = append(c.diags, *d)
	}
	return d != nil
}

// slot reads a record-time name. A path of fields is the commonest expression of all, so it is followed in one go.
func (c *compiler) slot(slot int, name string, steps hcl.Traversal) (closure, *Shape) {
	c.slots = append(c.slots, slot)
	root := func(f *Scope) (any, error) {
		if slot >= len(f.Slots) {
			return nil, nil
		}
		return f.Slots[slot], nil
	}
	shape, path := c.env.Shapes[name], []string{name}
	fields := steps
	for i, step := range steps {
		attr, ok := step.(hcl.TraverseAttr)
		if !ok {
			fields = steps[:i]
			break
		}
		shape = c.field(shape, attr.Name, attr.SrcRange)
		path = append(path, attr.Name)
	}
	if len(fields) == 0 {
		return c.steps(root, shape, steps, name)
	}
	read := func(f *Scope) (any, error) {
		if slot >= len(f.Slots) {
			return nil, fieldProblem(nil, name, path[1], fields[0].SourceRange())
		}
		v := f.Slots[slot]
		for i, field := range path[1:] {
			m, ok := v.(map[string]any)
			if !ok {
				return nil, fieldProblem(v, strings.Join(path[:i+1], "."), field, fields[i].SourceRange())
			}
			v = m[field]
		}
		return v, nil
	}
	return c.steps(read, shape, steps[len(fields):], strings.Join(path, "."))
}

func localVariable(index int) closure {
	return func(f *Scope) (any, error) { return f.locals[index], nil }
}

func (c *compiler) unknownName(name string, rng hcl.Range) {
	if c.env.Unknown != nil {
		if d := c.env.Unknown(name, rng); d != nil {
			c.diags = append(c.diags, *d)
			return
		}
	}
	var known []string
	for n := range c.env.Slots {
		known = append(known, n)
	}
	for n := range c.env.Constants {
		known = append(known, n)
	}
	for n := range c.names {
		known = append(known, n)
	}
	slices.Sort(known)
	meant := diag.Closest(name, known)
	for _, root := range []string{"var", "local"} {
		if s := c.env.Shapes[root]; s != nil && s.Fields[name] != nil {
			meant = root + "." + name
		}
	}
	c.diags = append(c.diags, diag.Diagnostic{
		Severity: diag.Error, Code: "lang.unknown_name", Summary: "Unknown name \"" + name + "\"",
		Detail:  "Nothing of this name can be used here." + listed(" There are: ", known) + " A text stands in quotes.",
		Suggest: meant, Subject: rng.Ptr(),
	})
}

func (c *compiler) relativeTraversal(e *hclsyntax.RelativeTraversalExpr) (closure, *Shape) {
	source, shape := c.compile(e.Source)
	return c.steps(source, shape, e.Traversal, "the value")
}

// steps follows .field and [index] from a value.
func (c *compiler) steps(from closure, shape *Shape, steps hcl.Traversal, path string) (closure, *Shape) {
	for _, step := range steps {
		before := from
		switch step := step.(type) {
		case hcl.TraverseAttr:
			shape = c.field(shape, step.Name, step.SrcRange)
			from = attribute(before, step.Name, path, step.SrcRange)
			path += "." + step.Name
		case hcl.TraverseIndex:
			key, err := FromCty(step.Key)
			if err != nil {
				c.errorf(step.SrcRange, "lang.wrong_type", "Unusable index", "%v", err)
			}
			if step.Key.Type() == cty.String {
				shape = c.field(shape, step.Key.AsString(), step.SrcRange)
			} else {
				shape = c.element(shape, step.SrcRange)
			}
			from = indexed(before, constant(key), path, step.SrcRange)
			path += "[…]"
		default:
			c.errorf(step.SourceRange(), "lang.syntax", "Unsupported traversal", "Only .field and [index] can be used.")
		}
	}
	return from, shape
}

// field checks a name against what is known, and returns what is known of it.
func (c *compiler) field(shape *Shape, name string, rng hcl.Range) *Shape {
	c.mentionField(shape, c.of, name, rng)
	c.of = ""
	if shape == nil || shape.Kind == Any || shape.Kind == Null {
		return nil
	}
	if shape.Kind == List {
		c.mistyped(rng, "A list has no fields",
			"This is a list: take an element with [0], or a field of all elements with [*].%s.", name)
		return nil
	}
	if shape.Kind != Object {
		c.mistyped(rng, "A "+shape.Kind.String()+" has no fields",
			"This is a %s and has no field %q; remove what stands after the dot.", shape.Kind, name)
		return nil
	}
	if field, ok := shape.Fields[name]; ok {
		return field
	}
	if shape.Open {
		return nil
	}
	known := make([]string, 0, len(shape.Fields))
	for n := range shape.Fields {
		known = append(known, n)
	}
	slices.Sort(known)
	detail := "There is no such field here." + listed(" There are: ", known)
	if shape.Of != "" {
		detail = "The " + shape.Of + " has no such field." + listed(" It has: ", known)
	}
	c.diags = append(c.diags, diag.Diagnostic{
		Severity: diag.Error, Code: "lang.unknown_field", Summary: "Unknown field \"" + name + "\"",
		Detail: detail, Suggest: diag.Closest(name, known), Subject: rng.Ptr(),
	})
	return nil
}

// attribute reads a field; one that is absent is null.
func attribute(from closure, name, path string, rng hcl.Range) closure {
	return func(f *Scope) (any, error) {
		v, err := from(f)
		if err != nil {
			return nil, err
		}
		switch v := v.(type) {
		case map[string]any:
			return v[name], nil
		}
		return nil, fieldProblem(v, path, name, rng)
	}
}

func fieldProblem(v any, path, name string, rng hcl.Range) error {
	if v == nil {
		return fail(rng, "expr.null_value", "%s is null, so it has no field %q", path, name)
	}
	return fail(rng, "expr.wrong_type", "%s is %s, so it has no field %q", path, kind(v), name)
}

func indexed(from, key closure, path string, rng hcl.Range) closure {
	return func(f *Scope) (any, error) {
		v, err := from(f)
		if err != nil {
			return nil, err
		}
		k, err := key(f)
		if err != nil {
			return nil, err
		}
		return at(v, k, path, rng)
	}
}

func at(v, k any, path string, rng hcl.Range) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		name, ok := toText(k)
		if !ok {
			return nil, fail(rng, "expr.wrong_type", "%s can't name a field", kind(k))
		}
		return v[name], nil
	case []any:
		i, ok := toIndex(k)
		if !ok {
			return nil, fail(rng, "expr.wrong_type", "the index of a list is a whole number, not %s", kind(k))
		}
		if i < 0 || i >= int64(len(v)) {
			return nil, fail(rng, "expr.out_of_range", "%s has %d elements, so there is none at %d", path, len(v), i)
		}
		return v[i], nil
	case nil:
		return nil, fail(rng, "expr.null_value", "%s is null, so nothing can be taken from it", path)
	}
	return nil, fail(rng, "expr.wrong_type", "%s is %s, so nothing can be taken from it", path, kind(v))
}

func (c *compiler) index(e *hclsyntax.IndexExpr) (closure, *Shape) {
	from, shape := c.compile(e.Collection)
	key, _ := c.compile(e.Key)
	return indexed(from, c.fold(e.Key, key), "the value", e.SrcRange), c.element(shape, e.SrcRange)
}

// element is what is known of an element of a list.
func (c *compiler) element(shape *Shape, rng hcl.Range) *Shape {
	if shape == nil {
		return nil
	}
	if shape.Kind == String || shape.Kind == Number || shape.Kind == Bool {
		c.mistyped(rng, "A "+shape.Kind.String()+" has no elements",
			"[ ] takes an element of a list or a field of an object, and this is a %s; remove it.", shape.Kind)
	}
	return shape.Element
}

func (c *compiler) splatExpr(e *hclsyntax.SplatExpr) (closure, *Shape) {
	source, shape := c.compile(e.Source)
	item := local{index: c.locals}
	if shape != nil {
		item.shape = shape.Element
		if shape.Kind != List {
			item.shape = shape
		}
	}
	c.locals++
	c.splat = append(c.splat, item)
	each, eachShape := c.compile(e.Each)
	c.splat = c.splat[:len(c.splat)-1]
	return func(f *Scope) (any, error) {
		v, err := source(f)
		if err != nil {
			return nil, err
		}
		list, ok := v.([]any)
		if !ok && v != nil { // a single value is a list of one, as HCL has it
			list = []any{v}
		}
		out := make([]any, len(list))
		for i, element := range list {
			f.locals[item.index] = element
			if out[i], err = each(f); err != nil {
				return nil, err
			}
		}
		return out, nil
	}, &Shape{Kind: List, Element: eachShape}
}

func (c *compiler) anonymous(e *hclsyntax.AnonSymbolExpr) (closure, *Shape) {
	if len(c.splat) == 0 {
		c.errorf(e.SrcRange, "lang.syntax", "Unexpected splat", "A splat needs a list before it.")
		return constant(nil), nil
	}
	item := c.splat[len(c.splat)-1]
	return localVariable(item.index), item.shape
}

// listed is a sentence with names, or nothing when there are none.
func listed(intro string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return intro + some(names) + "."
}

// some lists names, not all when there are many.
func some(names []string) string {
	const most = 20
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + " …"
}
