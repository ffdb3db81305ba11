package expr

import (
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/plugins/record"
)

// fold works out now what is the same for every record. Texts, numbers and bools only: a list or an object must be a
// new one each time, because records get hold of it.
func (c *compiler) fold(e hclsyntax.Expression, eval closure) closure {
	if !c.constant(e) {
		return eval
	}
	v, err := eval(c.scope())
	if err != nil {
		return eval // fails when a record comes along, unless it is in try() or never needed
	}
	switch v.(type) {
	case nil, bool, string, record.Number:
		return constant(v)
	}
	return eval
}

// scope is one without a record, for what needs none.
func (c *compiler) scope() *Scope { return &Scope{locals: make([]any, c.locals)} }

// constant tells whether an expression refers to load-time names only. It is asked of every part of an expression, so
// it remembers what it found: a long sum is one expression in another, all the way down.
func (c *compiler) constant(e hclsyntax.Expression) bool {
	if len(c.splat) > 0 {
		return false
	}
	known, ok := c.constants[e]
	if ok {
		return known
	}
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		return true
	case *hclsyntax.ParenthesesExpr:
		known = c.constant(e.Expression)
	case *hclsyntax.BinaryOpExpr:
		known = c.constant(e.LHS) && c.constant(e.RHS)
	default:
		known = c.constantWhole(e)
	}
	c.constants[e] = known
	return known
}

func (c *compiler) constantWhole(e hclsyntax.Expression) bool {
	for _, t := range e.Variables() {
		_, isLocal := c.names[t.RootName()]
		_, isSlot := c.env.Slots[t.RootName()]
		_, isConstant := c.env.Constants[t.RootName()]
		if isLocal || isSlot || !isConstant {
			return false
		}
	}
	pure := true
	_ = hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics {
		if call, ok := n.(*hclsyntax.FunctionCallExpr); ok && call.Name == "link" {
			pure = false
		}
		return nil
	})
	return pure
}

// sentence begins with a capital.
func sentence(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return strings.ToUpper(string(r)) + s[n:]
}
