package expr

import (
	"github.com/cockroachdb/apd/v3"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/plugins/record"
)

func (c *compiler) binary(e *hclsyntax.BinaryOpExpr) (closure, *Shape) {
	left, _ := c.compile(e.LHS)
	right, _ := c.compile(e.RHS)
	boolean, number := &Shape{Kind: Bool}, &Shape{Kind: Number}
	l, r := e.LHS.Range(), e.RHS.Range()
	switch e.Op {
	case hclsyntax.OpLogicalAnd, hclsyntax.OpLogicalOr:
		return logical(left, right, l, r, e.Op == hclsyntax.OpLogicalOr), boolean
	case hclsyntax.OpEqual, hclsyntax.OpNotEqual:
		return equality(left, right, e.Op == hclsyntax.OpEqual), boolean
	case hclsyntax.OpGreaterThan:
		return comparison(left, right, l, r, func(c int) bool { return c > 0 }), boolean
	case hclsyntax.OpGreaterThanOrEqual:
		return comparison(left, right, l, r, func(c int) bool { return c >= 0 }), boolean
	case hclsyntax.OpLessThan:
		return comparison(left, right, l, r, func(c int) bool { return c < 0 }), boolean
	case hclsyntax.OpLessThanOrEqual:
		return comparison(left, right, l, r, func(c int) bool { return c <= 0 }), boolean
	case hclsyntax.OpAdd:
		return arithmetic(left, right, l, r, decimals.Add), number
	case hclsyntax.OpSubtract:
		return arithmetic(left, right, l, r, decimals.Sub), number
	case hclsyntax.OpMultiply:
		return arithmetic(left, right, l, r, decimals.Mul), number
	case hclsyntax.OpDivide:
		return arithmetic(left, right, l, r, divide), number
	case hclsyntax.OpModulo:
		return arithmetic(left, right, l, r, decimals.Rem), number
	}
	c.errorf(e.SrcRange, "lang.syntax", "Unsupported operator", "This operator can't be used here.")
	return constant(nil), nil
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
func operands(f *frame, left, right closure) (a, b any, err error) {
	if a, err = left(f); err != nil {
		return nil, nil, err
	}
	b, err = right(f)
	return a, b, err
}

func logical(left, right closure, l, r hcl.Range, or bool) closure {
	return func(f *frame) (any, error) {
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
	return func(f *frame) (any, error) {
		a, b, err := operands(f, left, right)
		if err != nil {
			return nil, err
		}
		return record.Equal(a, b) == want, nil
	}
}

func comparison(left, right closure, l, r hcl.Range, test func(int) bool) closure {
	return func(f *frame) (any, error) {
		a, b, err := operands(f, left, right)
		if err != nil {
			return nil, err
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

func arithmetic(left, right closure, l, r hcl.Range, op func(d, x, y *apd.Decimal) (apd.Condition, error)) closure {
	return func(f *frame) (any, error) {
		a, b, err := operands(f, left, right)
		if err != nil {
			return nil, err
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
	value, _ := c.compile(e.Val)
	rng := e.Val.Range()
	if e.Op == hclsyntax.OpLogicalNot {
		return func(f *frame) (any, error) {
			v, err := value(f)
			if err != nil {
				return nil, err
			}
			b, err := toBool(v, rng)
			return !b, err
		}, &Shape{Kind: Bool}
	}
	return func(f *frame) (any, error) {
		v, err := value(f)
		if err != nil {
			return nil, err
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
