// Package expr compiles HCL expressions to closures over record values: HCL's syntax and meaning, with numbers that
// are decimals all the way. One evaluator serves load time and record time.
//
// It differs from HCL's own evaluator in these deliberate points, each with a test:
//   - a field that is absent from an object reads as null
//   - `&&`, `||` and the arms of a conditional are evaluated only when they are needed
//   - a conditional does not convert its arms to a common type
//   - numbers are decimals of 34 digits, not binary fractions, and a result keeps its decimals: 1.50 + 1.50 is 3.00
//   - texts are compared as they are, not after Unicode normalization
//   - what stands left of && and || must be true or false; HCL forgives an error there when the right side decides
//   - lists and objects that hold null can be compared
//   - naming a field twice in { … } is an error
//   - so is a wrong type that no record can make right, even in the last argument of try(), which may not be needed
package expr

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/diag"
)

// Scope holds the names of one evaluation: slots are given out by whoever compiles, and a slot that was never set is
// null. It belongs to one goroutine.
type Scope struct {
	Slots []any
	Link  func(scope, key string) (any, error) // what link("scope", "key") answers

	locals []any // loop variables of the evaluation under way
}

// Expr is a compiled expression. It may be used by several goroutines, each with a Scope of its own.
type Expr struct {
	eval   closure
	locals int
	shape  *Shape
	rng    hcl.Range
	slots  []int // the record-time names it refers to

	constant bool
}

// Eval returns a record value. Its error is an *EvalError.
func (e *Expr) Eval(s *Scope) (any, error) {
	if e.locals > len(s.locals) {
		s.locals = make([]any, e.locals)
	}
	return e.eval(s)
}

// Range is where the expression stands.
func (e *Expr) Range() hcl.Range { return e.rng }

// Reads tells whether the expression refers to the record-time name that has a slot.
func (e *Expr) Reads(slot int) bool { return slices.Contains(e.slots, slot) }

// Constant tells whether the result is the same for every record.
func (e *Expr) Constant() bool { return e.constant }

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

// Summary says in a few words what is wrong.
func (e *EvalError) Summary() string {
	if name, _, ok := strings.Cut(e.Message, ": "); ok && e.Code == "expr.function" {
		return name + "() has no value"
	}
	return "The expression has no value"
}

// Sentence is the message on its own, beginning with a capital unless with a function's name.
func (e *EvalError) Sentence() string {
	if e.Code == "expr.function" {
		return e.Message + "."
	}
	return sentence(e.Message) + "."
}

func fail(rng hcl.Range, code, format string, args ...any) error {
	return &EvalError{Code: code, Message: fmt.Sprintf(format, args...), Range: rng}
}

type closure func(*Scope) (any, error)

// Env is what an expression may refer to.
type Env struct {
	Slots     map[string]int    // record-time names
	Shapes    map[string]*Shape // what is known of them; absent = nothing
	Constants map[string]any    // load-time names: var, local
	Functions map[string]Function
	// Unknown explains a name that is none of the above; nil gives a plain diagnostic with "did you mean".
	Unknown func(name string, rng hcl.Range) *diag.Diagnostic
	// Undeclared explains a field that one of Constants does not have; nil gives a plain diagnostic.
	Undeclared func(root, name string, rng hcl.Range) *diag.Diagnostic
	// Mention, if any, sees every name of an expression.
	Mention func(Mention)
}

// Compile turns a parsed expression into an Expr. All mistakes are reported, not the first.
func Compile(e hclsyntax.Expression, env *Env) (*Expr, diag.List) {
	c := &compiler{env: env, names: map[string]local{}, constants: map[hclsyntax.Expression]bool{}}
	eval, shape := c.compile(e)
	return &Expr{eval: eval, locals: c.locals, shape: shape, rng: e.Range(), slots: c.slots, constant: c.constant(e)}, c.diags
}

// Constant returns an expression that always is v.
func Constant(v any, rng hcl.Range) *Expr {
	return &Expr{eval: func(*Scope) (any, error) { return v, nil }, shape: ShapeOf(v), rng: rng}
}

type local struct {
	index int
	shape *Shape
}

type compiler struct {
	env    *Env
	names  map[string]local // loop variables in sight
	locals int
	slots  []int
	diags  diag.List
	splat  []local // innermost last

	constants map[hclsyntax.Expression]bool // what constant found

	of string // the name that the path under way begins with, until its first field

	tolerant  int // > 0 where a failure may be meant to happen, or may never happen
	swallowed int // > 0 where try() or can() swallows it
}

func (c *compiler) errorf(rng hcl.Range, code, summary, format string, args ...any) {
	c.diags = append(c.diags, diag.Diagnostic{
		Severity: diag.Error, Code: code, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: rng.Ptr(),
	})
}

// mistyped tells of what never has the type that is needed. In try() and can() that is a failure like any other.
func (c *compiler) mistyped(rng hcl.Range, summary, format string, args ...any) {
	if c.swallowed == 0 {
		c.errorf(rng, "lang.wrong_type", summary, format, args...)
	}
}

// compile never returns a nil closure, so that one mistake does not hide others.
func (c *compiler) compile(e hclsyntax.Expression) (closure, *Shape) {
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		v, err := FromCty(e.Val)
		if err != nil {
			c.errorf(e.SrcRange, "lang.wrong_type", "Unusable value", "%v", err)
		}
		return constant(v), ShapeOf(v)
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

func constant(v any) closure { return func(*Scope) (any, error) { return v, nil } }
