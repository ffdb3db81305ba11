// Package expr compiles HCL expressions to closures over record values: HCL's syntax and meaning, with numbers that
// are decimals all the way. One evaluator serves load time and record time.
//
// It differs from HCL's own evaluator in three deliberate points: a field that is absent from an object reads as
// null, `&&`, `||` and the arms of a conditional are evaluated only when they are needed, and a conditional does not
// convert its arms to a common type.
package expr

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/diag"
)

// Scope holds the names of one evaluation: slots are given out by whoever compiles, and a slot that was never set is
// null. It belongs to one goroutine.
type Scope struct {
	Slots []any
	Link  func(scope, key string) (any, error) // what link("scope", "key") answers
}

// Expr is a compiled expression. It may be used by several goroutines, each with a Scope of its own.
type Expr struct {
	eval   closure
	locals int
	shape  *Shape
	rng    hcl.Range
}

// Eval returns a record value. Its error is an *EvalError.
func (e *Expr) Eval(s *Scope) (any, error) {
	f := frame{slots: s.Slots, link: s.Link}
	if e.locals > 0 {
		f.locals = make([]any, e.locals)
	}
	return e.eval(&f)
}

// Range is where the expression stands.
func (e *Expr) Range() hcl.Range { return e.rng }

// Shape is what is known of the result without a record; nil when nothing is.
func (e *Expr) Shape() *Shape { return e.shape }

// EvalError is a failure of an expression on a record, at its place in the project.
type EvalError struct {
	Code    string // "expr.null_value", "expr.wrong_type" …
	Message string
	Range   hcl.Range
}

func (e *EvalError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.Range.Filename, e.Range.Start.Line, e.Range.Start.Column, e.Message)
}

func fail(rng hcl.Range, code, format string, args ...any) error {
	return &EvalError{Code: code, Message: fmt.Sprintf(format, args...), Range: rng}
}

// frame is a Scope with the loop variables of one evaluation.
type frame struct {
	slots  []any
	locals []any
	link   func(scope, key string) (any, error)
}

type closure func(*frame) (any, error)

// Env is what an expression may refer to.
type Env struct {
	Slots     map[string]int    // record-time names
	Shapes    map[string]*Shape // what is known of them; absent = nothing
	Constants map[string]any    // load-time names: var, local
	Functions map[string]Function
	// Unknown explains a name that is none of the above; nil gives a plain diagnostic with "did you mean".
	Unknown func(name string, rng hcl.Range) *diag.Diagnostic
}

// Compile turns a parsed expression into an Expr. All mistakes are reported, not the first.
func Compile(e hclsyntax.Expression, env *Env) (*Expr, diag.List) {
	c := &compiler{env: env, names: map[string]local{}}
	eval, shape := c.compile(e)
	return &Expr{eval: eval, locals: c.locals, shape: shape, rng: e.Range()}, c.diags
}

// Constant returns an expression that always is v.
func Constant(v any, rng hcl.Range) *Expr {
	return &Expr{eval: func(*frame) (any, error) { return v, nil }, shape: shapeOf(v), rng: rng}
}

type local struct {
	index int
	shape *Shape
}

type compiler struct {
	env    *Env
	names  map[string]local // loop variables in sight
	locals int
	diags  diag.List
	splat  []local // innermost last
}

func (c *compiler) errorf(rng hcl.Range, code, summary, format string, args ...any) {
	c.diags = append(c.diags, diag.Diagnostic{
		Severity: diag.Error, Code: code, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: rng.Ptr(),
	})
}

// compile never returns a nil closure, so that one mistake does not hide others.
func (c *compiler) compile(e hclsyntax.Expression) (closure, *Shape) {
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		v, err := FromCty(e.Val)
		if err != nil {
			c.errorf(e.SrcRange, "lang.wrong_type", "Unusable value", "%v", err)
		}
		return constant(v), shapeOf(v)
	case *hclsyntax.ParenthesesExpr:
		return c.compile(e.Expression)
	case *hclsyntax.TemplateExpr:
		return c.template(e), &Shape{Kind: String}
	case *hclsyntax.TemplateWrapExpr:
		return c.compile(e.Wrapped)
	case *hclsyntax.TemplateJoinExpr:
		return c.templateJoin(e), &Shape{Kind: String}
	case *hclsyntax.ScopeTraversalExpr:
		return c.scopeTraversal(e)
	case *hclsyntax.RelativeTraversalExpr:
		return c.relativeTraversal(e)
	case *hclsyntax.IndexExpr:
		return c.index(e)
	case *hclsyntax.SplatExpr:
		return c.splatExpr(e)
	case *hclsyntax.AnonSymbolExpr:
		return c.anonymous(e)
	case *hclsyntax.ForExpr:
		return c.forExpr(e)
	case *hclsyntax.TupleConsExpr:
		return c.tuple(e)
	case *hclsyntax.ObjectConsExpr:
		return c.object(e)
	case *hclsyntax.ObjectConsKeyExpr:
		return c.objectKey(e), &Shape{Kind: String}
	case *hclsyntax.ConditionalExpr:
		return c.conditional(e)
	case *hclsyntax.BinaryOpExpr:
		return c.binary(e)
	case *hclsyntax.UnaryOpExpr:
		return c.unary(e)
	case *hclsyntax.FunctionCallExpr:
		return c.call(e)
	}
	c.errorf(e.Range(), "lang.syntax", "Unsupported expression", "This kind of expression can't be used here.")
	return constant(nil), nil
}

func constant(v any) closure { return func(*frame) (any, error) { return v, nil } }

func (c *compiler) template(e *hclsyntax.TemplateExpr) closure {
	parts := make([]closure, len(e.Parts))
	for i, p := range e.Parts {
		parts[i], _ = c.compile(p)
	}
	if len(parts) == 1 && e.IsStringLiteral() {
		return parts[0]
	}
	return func(f *frame) (any, error) {
		var out []byte
		for i, part := range parts {
			v, err := part(f)
			if err != nil {
				return nil, err
			}
			text, ok := toText(v)
			if !ok {
				return nil, fail(e.Parts[i].Range(), "expr.wrong_type", "a %s can't be part of a text", kind(v))
			}
			out = append(out, text...)
		}
		return string(out), nil
	}
}

func (c *compiler) templateJoin(e *hclsyntax.TemplateJoinExpr) closure {
	list, _ := c.compile(e.Tuple)
	return func(f *frame) (any, error) {
		v, err := list(f)
		if err != nil {
			return nil, err
		}
		var out []byte
		items, _ := v.([]any)
		for _, item := range items {
			text, ok := toText(item)
			if !ok {
				return nil, fail(e.Tuple.Range(), "expr.wrong_type", "a %s can't be part of a text", kind(item))
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
	return func(f *frame) (any, error) {
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
		key, value closure
		rng        hcl.Range
	}
	entries := make([]entry, len(e.Items))
	shape := &Shape{Kind: Object, Fields: map[string]*Shape{}}
	for i, item := range e.Items {
		key, _ := c.compile(item.KeyExpr)
		value, valueShape := c.compile(item.ValueExpr)
		entries[i] = entry{key, value, item.KeyExpr.Range()}
		if name, ok := literalKey(item.KeyExpr); ok {
			shape.set(name, valueShape, item.KeyExpr.Range(), item.ValueExpr)
		} else {
			shape.Open = true
		}
	}
	return func(f *frame) (any, error) {
		out := make(map[string]any, len(entries))
		for _, item := range entries {
			k, err := item.key(f)
			if err != nil {
				return nil, err
			}
			name, ok := toText(k)
			if !ok {
				return nil, fail(item.rng, "expr.wrong_type", "a %s can't be the name of a field", kind(k))
			}
			if out[name], err = item.value(f); err != nil {
				return nil, err
			}
		}
		return out, nil
	}, shape
}

func (c *compiler) objectKey(e *hclsyntax.ObjectConsKeyExpr) closure {
	if name, ok := literalKey(e); ok {
		return constant(name)
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
	condition, _ := c.compile(e.Condition)
	yes, yesShape := c.compile(e.TrueResult)
	no, noShape := c.compile(e.FalseResult)
	return func(f *frame) (any, error) {
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
