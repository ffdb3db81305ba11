package expr

import (
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/plugins/record"
)

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

func (l *loop) list(f *Scope) (any, error) {
	out := []any{}
	err := l.each(f, func() error {
		v, err := l.valueOf(f)
		out = append(out, v)
		return err
	})
	return out, err
}

func (l *loop) object(f *Scope) (any, error) {
	out := map[string]any{}
	err := l.each(f, func() error {
		k, err := l.keyOf(f)
		if err != nil {
			return err
		}
		name, ok := toText(k)
		if !ok {
			return fail(l.e.KeyExpr.Range(), "expr.wrong_type", "%s can't be the name of a field", kind(k))
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

func (l *loop) each(f *Scope, body func() error) error {
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
	return fail(l.e.CollExpr.Range(), "expr.wrong_type", "%s can't be gone through: it takes a list or an object", kind(source))
}
