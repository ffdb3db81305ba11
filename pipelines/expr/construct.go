package expr

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

func (c *compiler) template(e *hclsyntax.TemplateExpr) closure {
	parts := make([]closure, len(e.Parts))
	for i, p := range e.Parts {
		var shape *Shape
		parts[i], shape = c.compile(p)
		if shape != nil && (shape.Kind == List || shape.Kind == Object) {
			c.mistyped(p.Range(), "Not a text",
				"This is %s and can't be part of a text; jsonencode() makes a text of it.", shape.Kind.withArticle())
		}
	}
	if len(parts) == 1 && e.IsStringLiteral() {
		return parts[0]
	}
	return func(f *Scope) (any, error) {
		var out []byte
		for i, part := range parts {
			v, err := part(f)
			if err != nil {
				return nil, err
			}
			text, ok := toText(v)
			if !ok {
				return nil, fail(e.Parts[i].Range(), "expr.wrong_type", "%s can't be part of a text", kind(v))
			}
			out = append(out, text...)
		}
		return string(out), nil
	}
}

func (c *compiler) templateJoin(e *hclsyntax.TemplateJoinExpr) closure {
	list, _ := c.compile(e.Tuple)
	return func(f *Scope) (any, error) {
		v, err := list(f)
		if err != nil {
			return nil, err
		}
		var out []byte
		items, _ := v.([]any)
		for _, item := range items {
			text, ok := toText(item)
			if !ok {
				return nil, fail(e.Tuple.Range(), "expr.wrong_type", "%s can't be part of a text", kind(item))
			}
			out = append(out, text...)
		}
		return string(out), nil
	}
}

func (c *compiler) tuple(e *hclsyntax.TupleConsExpr) (closure, *Shape) {
	items := make([]closure, len(e.Exprs))
	var element *Shape
	for i, item := range e.Exprs {
		var shape *Shape
		items[i], shape = c.compile(item)
		if i == 0 {
			element = shape
		} else if !sameFields(element, shape) {
			element = nil
		}
	}
	return func(f *Scope) (any, error) {
		out := make([]any, len(items))
		for i, item := range items {
			v, err := item(f)
			if err != nil {
				return nil, err
			}
			out[i] = v
		}
		return out, nil
	}, &Shape{Kind: List, Element: element}
}

func (c *compiler) object(e *hclsyntax.ObjectConsExpr) (closure, *Shape) {
	type entry struct {
		name       string // when it is known
		key, value closure
		rng        hcl.Range
	}
	entries := make([]entry, len(e.Items))
	shape := &Shape{Kind: Object, Fields: map[string]*Shape{}}
	for i, item := range e.Items {
		key, _ := c.compile(item.KeyExpr)
		value, valueShape := c.compile(item.ValueExpr)
		entries[i] = entry{"", key, value, item.KeyExpr.Range()}
		if name, ok := literalKey(item.KeyExpr); ok {
			entries[i].name, entries[i].key = name, nil
			if first, twice := shape.KeyRange(name); twice {
				c.errorf(item.KeyExpr.Range(), "lang.duplicate", "Field \""+name+"\" stands here twice",
					"The later one would win over the first, at line %d. Remove one.", first.Start.Line)
			}
			shape.set(name, valueShape, item.KeyExpr.Range(), item.ValueExpr)
		} else {
			shape.Open = true
		}
	}
	return func(f *Scope) (any, error) {
		out := make(map[string]any, len(entries))
		for _, item := range entries {
			name := item.name
			if item.key != nil {
				k, err := item.key(f)
				if err != nil {
					return nil, err
				}
				var ok bool
				if name, ok = toText(k); !ok {
					return nil, fail(item.rng, "expr.wrong_type", "%s can't be the name of a field", kind(k))
				}
			}
			v, err := item.value(f)
			if err != nil {
				return nil, err
			}
			out[name] = v
		}
		return out, nil
	}, shape
}

func (c *compiler) objectKey(e *hclsyntax.ObjectConsKeyExpr) closure {
	if name, ok := literalKey(e); ok {
		return constant(name)
	}
	if t, ok := e.Wrapped.(*hclsyntax.ScopeTraversalExpr); ok && !e.ForceNonLiteral && len(t.Traversal) > 1 {
		c.errorf(e.Range(), "lang.syntax", "Ambiguous name of a field",
			"Write the name in quotes, or put the expression in parentheses: (record.id) = ….")
	}
	key, _ := c.compile(e.Wrapped)
	return key
}

// literalKey is the name of a field that is written as a bare word or a plain text.
func literalKey(e hclsyntax.Expression) (string, bool) {
	key, ok := e.(*hclsyntax.ObjectConsKeyExpr)
	if !ok {
		return "", false
	}
	if !key.ForceNonLiteral {
		if word := hcl.ExprAsKeyword(key.Wrapped); word != "" {
			return word, true
		}
	}
	if t, ok := key.Wrapped.(*hclsyntax.TemplateExpr); ok && t.IsStringLiteral() {
		v, diags := t.Value(nil)
		if !diags.HasErrors() {
			return v.AsString(), true
		}
	}
	return "", false
}

func (c *compiler) conditional(e *hclsyntax.ConditionalExpr) (closure, *Shape) {
	condition, conditionShape := c.compile(e.Condition)
	c.operand(conditionShape, Bool, e.Condition.Range())
	c.tolerant++ // what is wrong in an arm matters only if the arm is needed
	yes, yesShape := c.compile(e.TrueResult)
	no, noShape := c.compile(e.FalseResult)
	c.tolerant--
	condition = c.fold(e.Condition, condition)
	return func(f *Scope) (any, error) {
		v, err := condition(f)
		if err != nil {
			return nil, err
		}
		ok, err := toBool(v, e.Condition.Range())
		if err != nil {
			return nil, err
		}
		if ok {
			return yes(f)
		}
		return no(f)
	}, either(yesShape, noShape)
}
