package expr

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/plugins/record"
)

func (c *compiler) scopeTraversal(e *hclsyntax.ScopeTraversalExpr) (closure, *Shape) {
	name := e.Traversal.RootName()
	root, shape, ok := c.root(name)
	if !ok {
		c.unknownName(name, e.Traversal[0].SourceRange())
		return constant(nil), nil
	}
	return c.steps(root, shape, e.Traversal[1:], name)
}

func (c *compiler) root(name string) (closure, *Shape, bool) {
	if l, ok := c.names[name]; ok {
		return localVariable(l.index), l.shape, true
	}
	if slot, ok := c.env.Slots[name]; ok {
		return func(f *frame) (any, error) {
			if slot >= len(f.slots) {
				return nil, nil
			}
			return f.slots[slot], nil
		}, c.env.Shapes[name], true
	}
	if v, ok := c.env.Constants[name]; ok {
		return constant(v), shapeOf(v), true
	}
	return nil, nil, false
}

func localVariable(index int) closure {
	return func(f *frame) (any, error) { return f.locals[index], nil }
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
	slices.Sort(known)
	c.diags = append(c.diags, diag.Diagnostic{
		Severity: diag.Error, Code: "lang.unknown_name", Summary: "Unknown name \"" + name + "\"",
		Detail: "Nothing of this name can be used here.", Suggest: diag.Closest(name, known), Subject: rng.Ptr(),
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
			} else if shape != nil {
				shape = shape.Element
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
	if shape == nil || shape.Kind == Any || shape.Kind == Null {
		return nil
	}
	if shape.Kind == List {
		c.errorf(rng, "lang.wrong_type", "A list has no fields",
			"This is a list: take an element with [0], or a field of all elements with [*].%s.", name)
		return nil
	}
	if shape.Kind != Object {
		c.errorf(rng, "lang.wrong_type", "A "+shape.Kind.String()+" has no fields", "This is a %s and has no field %q.", shape.Kind, name)
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
	detail := "There is no such field here."
	if shape.Of != "" {
		detail = "The " + shape.Of + " has no such field."
	}
	c.diags = append(c.diags, diag.Diagnostic{
		Severity: diag.Error, Code: "lang.unknown_field", Summary: "Unknown field \"" + name + "\"",
		Detail: detail, Suggest: diag.Closest(name, known), Subject: rng.Ptr(),
	})
	return nil
}

// attribute reads a field; one that is absent is null.
func attribute(from closure, name, path string, rng hcl.Range) closure {
	return func(f *frame) (any, error) {
		v, err := from(f)
		if err != nil {
			return nil, err
		}
		switch v := v.(type) {
		case map[string]any:
			return v[name], nil
		case nil:
			return nil, fail(rng, "expr.null_value", "%s is null, so it has no field %q", path, name)
		}
		return nil, fail(rng, "expr.wrong_type", "%s is a %s, so it has no field %q", path, kind(v), name)
	}
}

func indexed(from, key closure, path string, rng hcl.Range) closure {
	return func(f *frame) (any, error) {
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
			return nil, fail(rng, "expr.wrong_type", "a %s can't name a field", kind(k))
		}
		return v[name], nil
	case []any:
		i, ok := toIndex(k)
		if !ok {
			return nil, fail(rng, "expr.wrong_type", "the index of a list is a whole number, not a %s", kind(k))
		}
		if i < 0 || i >= int64(len(v)) {
			return nil, fail(rng, "expr.out_of_range", "%s has %d elements, so there is none at %d", path, len(v), i)
		}
		return v[i], nil
	case nil:
		return nil, fail(rng, "expr.null_value", "%s is null, so nothing can be taken from it", path)
	}
	return nil, fail(rng, "expr.wrong_type", "%s is a %s, so nothing can be taken from it", path, kind(v))
}

func (c *compiler) index(e *hclsyntax.IndexExpr) (closure, *Shape) {
	from, shape := c.compile(e.Collection)
	key, _ := c.compile(e.Key)
	var element *Shape
	if shape != nil {
		element = shape.Element
	}
	return indexed(from, key, "the value", e.SrcRange), element
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
	return func(f *frame) (any, error) {
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

func (c *compiler) forExpr(e *hclsyntax.ForExpr) (closure, *Shape) {
	source, shape := c.compile(e.CollExpr)
	key, value := local{index: c.locals}, local{index: c.locals + 1}
	c.locals += 2
	if shape != nil {
		value.shape = shape.Element
	}
	restore := c.bind(map[string]local{e.KeyVar: key, e.ValVar: value})
	var keyOf, when closure
	if e.KeyExpr != nil {
		keyOf, _ = c.compile(e.KeyExpr)
	}
	valueOf, valueShape := c.compile(e.ValExpr)
	if e.CondExpr != nil {
		when, _ = c.compile(e.CondExpr)
	}
	restore()
	loop := &loop{e: e, source: source, key: key.index, value: value.index, keyOf: keyOf, valueOf: valueOf, when: when}
	if e.KeyExpr != nil {
		return loop.object, &Shape{Kind: Object, Open: true}
	}
	return loop.list, &Shape{Kind: List, Element: valueShape}
}

// bind brings loop variables into sight and returns what takes them out again.
func (c *compiler) bind(vars map[string]local) func() {
	before := map[string]*local{}
	for name, l := range vars {
		if name == "" {
			continue
		}
		if old, ok := c.names[name]; ok {
			before[name] = &old
		} else {
			before[name] = nil
		}
		c.names[name] = l
	}
	return func() {
		for name, old := range before {
			if old == nil {
				delete(c.names, name)
			} else {
				c.names[name] = *old
			}
		}
	}
}

// loop is a compiled for expression.
type loop struct {
	e                    *hclsyntax.ForExpr
	source               closure
	key, value           int
	keyOf, valueOf, when closure
}

func (l *loop) list(f *frame) (any, error) {
	out := []any{}
	err := l.each(f, func() error {
		v, err := l.valueOf(f)
		out = append(out, v)
		return err
	})
	return out, err
}

func (l *loop) object(f *frame) (any, error) {
	out := map[string]any{}
	err := l.each(f, func() error {
		k, err := l.keyOf(f)
		if err != nil {
			return err
		}
		name, ok := toText(k)
		if !ok {
			return fail(l.e.KeyExpr.Range(), "expr.wrong_type", "a %s can't be the name of a field", kind(k))
		}
		v, err := l.valueOf(f)
		if err != nil {
			return err
		}
		old, taken := out[name]
		switch {
		case l.e.Group:
			list, _ := old.([]any)
			out[name] = append(list, v)
		case taken:
			return fail(l.e.KeyExpr.Range(), "expr.duplicate_key", "two elements give the field %q; use … after the value to group them", name)
		default:
			out[name] = v
		}
		return nil
	})
	return out, err
}

func (l *loop) each(f *frame, body func() error) error {
	source, err := l.source(f)
	if err != nil {
		return err
	}
	visit := func(k, v any) error {
		f.locals[l.key], f.locals[l.value] = k, v
		if l.when != nil {
			keep, err := l.when(f)
			if err != nil {
				return err
			}
			if ok, err := toBool(keep, l.e.CondExpr.Range()); err != nil || !ok {
				return err
			}
		}
		return body()
	}
	switch source := source.(type) {
	case []any:
		for i, v := range source {
			if err := visit(record.Int(int64(i)), v); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		for _, k := range sortedKeys(source) {
			if err := visit(k, source[k]); err != nil {
				return err
			}
		}
		return nil
	case nil:
		return fail(l.e.CollExpr.Range(), "expr.null_value", "null can't be gone through; use coalesce(…, []) where a list may be missing")
	}
	return fail(l.e.CollExpr.Range(), "expr.wrong_type", "a %s can't be gone through: it takes a list or an object", kind(source))
}
