package expr

import (
	"github.com/cockroachdb/apd/v3"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

func (c *compiler) binary(e *hclsyntax.BinaryOpExpr) (closure, *Shape) {
	isLogical := e.Op == hclsyntax.OpLogicalAnd || e.Op == hclsyntax.OpLogicalOr
	left, leftShape := c.compile(e.LHS)
	if isLogical {
		c.tolerant++ // the right side may not be needed
	}
	right, rightShape := c.compile(e.RHS)
	if isLogical {
		c.tolerant--
	}
	l, r := e.LHS.Range(), e.RHS.Range()
	left, right = c.fold(e.LHS, left), c.fold(e.RHS, right)
	switch {
	case isLogical:
		c.operand(leftShape, Bool, l)
		c.operand(rightShape, Bool, r)
		return logical(left, right, l, r, e.Op == hclsyntax.OpLogicalOr), &Shape{Kind: Bool}
	case e.Op == hclsyntax.OpEqual || e.Op == hclsyntax.OpNotEqual:
		return equality(left, right, e.Op == hclsyntax.OpEqual), &Shape{Kind: Bool}
	}
	if c.swallowed == 0 && c.words(e) {
		return constant(nil), nil
	}
	c.operand(leftShape, Number, l)
	c.operand(rightShape, Number, r)
	if test := tests[e.Op]; test != nil {
		return comparison(left, right, l, r, test), &Shape{Kind: Bool}
	}
	switch e.Op {
	case hclsyntax.OpAdd:
		return arithmetic(left, right, l, r, addSmall, decimals.Add), &Shape{Kind: Number}
	case hclsyntax.OpSubtract:
		return arithmetic(left, right, l, r, subtractSmall, decimals.Sub), &Shape{Kind: Number}
	case hclsyntax.OpMultiply:
		return arithmetic(left, right, l, r, multiplySmall, decimals.Mul), &Shape{Kind: Number}
	case hclsyntax.OpDivide:
		return arithmetic(left, right, l, r, nil, divide), &Shape{Kind: Number}
	case hclsyntax.OpModulo:
		return arithmetic(left, right, l, r, nil, decimals.Rem), &Shape{Kind: Number}
	}
	c.errorf(e.SrcRange, "lang.syntax", "Unsupported operator", "This operator can't be used here.")
	return constant(nil), nil
}

// words tells of a text that stands where a number is needed.
func (c *compiler) words(e *hclsyntax.BinaryOpExpr) bool {
	for _, side := range []hclsyntax.Expression{e.LHS, e.RHS} {
		if e.Op == hclsyntax.OpAdd && isWord(side) {
			c.mistyped(e.SrcRange, "Texts are not added", `They are joined in one pair of quotes: "${one}${other}".`)
			return true
		}
		if isWord(side) {
			c.mistyped(side.Range(), "Not a number",
				"Numbers are written without quotes and with a point, such as 100.50. Days are compared with datediff(one, other) > 0.")
			return true
		}
	}
	return false
}

// isWord tells whether an expression is a text that stands there and is not a number.
func isWord(e hclsyntax.Expression) bool {
	if template, ok := e.(*hclsyntax.TemplateExpr); !ok || !template.IsStringLiteral() {
		return false
	}
	v, diags := e.Value(nil)
	if diags.HasErrors() || v.Type() != cty.String {
		return false
	}
	_, _, err := apd.NewFromString(v.AsString())
	return err != nil
}

var tests = map[*hclsyntax.Operation]func(int) bool{
	hclsyntax.OpGreaterThan:        func(c int) bool { return c > 0 },
	hclsyntax.OpGreaterThanOrEqual: func(c int) bool { return c >= 0 },
	hclsyntax.OpLessThan:           func(c int) bool { return c < 0 },
	hclsyntax.OpLessThanOrEqual:    func(c int) bool { return c <= 0 },
}

// operand complains where a value can never be what an operator needs.
func (c *compiler) operand(have *Shape, want Kind, rng hcl.Range) {
	if have == nil || have.Kind == want || have.Kind == Any || have.Kind == Null || have.Kind == String {
		return // a text may be a number, true or false
	}
	c.mistyped(rng, "Wrong type", "%s is needed here, and this is %s.",
		sentence(want.withArticle()), have.Kind.withArticle())
}

// divide drops the trailing zeros that a division to full precision leaves.
func divide(d, x, y *apd.Decimal) (apd.Condition, error) {
	condition, err := decimals.Quo(d, x, y)
	if err == nil {
		d.Reduce(d)
	}
	return condition, err
}

// operands evaluates both sides.
func operands(f *Scope, left, right closure) (a, b any, err error) {
	if a, err = left(f); err != nil {
		return nil, nil, err
	}
	b, err = right(f)
	return a, b, err
}

func logical(left, right closure, l, r hcl.Range, or bool) closure {
	return func(f *Scope) (any, error) {
		v, err := left(f)
		if err != nil {
			return nil, err
		}
		a, err := toBool(v, l)
		if err != nil || a == or {
			return a, err
		}
		if v, err = right(f); err != nil {
			return nil, err
		}
		return toBool(v, r)
	}
}

func equality(left, right closure, want bool) closure {
	return func(f *Scope) (any, error) {
		a, b, err := operands(f, left, right)
		if err != nil {
			return nil, err
		}
		return equal(a, b) == want, nil
	}
}

func comparison(left, right closure, l, r hcl.Range, test func(int) bool) closure {
	return func(f *Scope) (any, error) {
		a, b, err := operands(f, left, right)
		if err != nil {
			return nil, err
		}
		if c, ok := compareSmall(a, b); ok {
			return test(c), nil
		}
		x, err := toDecimal(a, l)
		if err != nil {
			return nil, err
		}
		y, err := toDecimal(b, r)
		if err != nil {
			return nil, err
		}
		return test(x.Cmp(y)), nil
	}
}

func arithmetic(
	left, right closure, l, r hcl.Range, quick smallOperation, op func(d, x, y *apd.Decimal) (apd.Condition, error),
) closure {
	return func(f *Scope) (any, error) {
		a, b, err := operands(f, left, right)
		if err != nil {
			return nil, err
		}
		if quick != nil {
			x, ok1 := smallOf(a)
			y, ok2 := smallOf(b)
			if d, ok := quick(x, y); ok && ok1 && ok2 {
				return d.number(), nil
			}
		}
		x, err := toDecimal(a, l)
		if err != nil {
			return nil, err
		}
		y, err := toDecimal(b, r)
		if err != nil {
			return nil, err
		}
		var d apd.Decimal
		if _, err := op(&d, x, y); err != nil {
			if y.IsZero() {
				return nil, fail(r, "expr.division_by_zero", "division by zero")
			}
			return nil, fail(l, "expr.number", "%v", err)
		}
		return fromDecimal(&d), nil
	}
}

func (c *compiler) unary(e *hclsyntax.UnaryOpExpr) (closure, *Shape) {
	value, shape := c.compile(e.Val)
	rng := e.Val.Range()
	if e.Op == hclsyntax.OpLogicalNot {
		c.operand(shape, Bool, rng)
		return func(f *Scope) (any, error) {
			v, err := value(f)
			if err != nil {
				return nil, err
			}
			b, err := toBool(v, rng)
			return !b, err
		}, &Shape{Kind: Bool}
	}
	c.operand(shape, Number, rng)
	return func(f *Scope) (any, error) {
		v, err := value(f)
		if err != nil {
			return nil, err
		}
		if d, ok := smallOf(v); ok {
			return small{-d.coef, d.scale}.number(), nil
		}
		d, err := toDecimal(v, rng)
		if err != nil {
			return nil, err
		}
		var out apd.Decimal
		out.Neg(d)
		return fromDecimal(&out), nil
	}, &Shape{Kind: Number}
}
