package expr

import (
	"errors"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/diag"
)

// Function is one that expressions may call.
type Function struct {
	Name    string
	Group   string // in the reference
	Doc     string // one sentence
	Example string // an expression that calls it
	Result  string // what the example gives, as an expression; a test compares them
	Min     int
	Max     int // -1 = any number
	Returns Kind
	// Judge says of an argument, by its place, what no record can make right, such as a broken pattern. What the text fixes is
	// judged when the project is loaded.
	Judge    map[int]func(v any) error
	LoadTime bool // called once, when the project is loaded; its arguments can't depend on a record
	// Call is nil for the functions of the language itself, which the compiler knows by name.
	Call func(args []any) (any, error)
}

// languageFunctions are part of the language because they don't evaluate their arguments like others (try, can) or
// look at the record's surroundings (link).
func languageFunctions() []Function {
	return []Function{
		{
			Name: "try", Doc: "The first argument that can be evaluated.",
			Example: `try(tonumber("x"), 0)`, Result: `0`, Min: 1, Max: -1,
		},
		{
			Name: "can", Doc: "Whether a value can be evaluated.", Example: `can(tonumber("x"))`, Result: `false`, Min: 1, Max: 1, Returns: Bool,
		},
		{
			Name: "link", Doc: "The id under which a sink wrote a key, or null; a sink's scope is \"<pipeline>.<step>\".",
			Example: `link("customers.customer", "c1")`, Result: `null`, Min: 2, Max: 2,
		},
	}
}

func (c *compiler) call(e *hclsyntax.FunctionCallExpr) (closure, *Shape) {
	tolerant := e.Name == "try" || e.Name == "can"
	if tolerant {
		c.tolerant++
	}
	args := make([]closure, len(e.Args))
	shapes := make([]*Shape, len(e.Args))
	for i, arg := range e.Args {
		swallowed := tolerant && (e.Name == "can" || i < len(e.Args)-1) // try() fails as its last argument does
		if swallowed {
			c.swallowed++
		}
		args[i], shapes[i] = c.compile(arg)
		if swallowed {
			c.swallowed--
		}
	}
	if tolerant {
		c.tolerant--
	}
	fn, ok := c.env.Functions[e.Name]
	if !ok {
		c.unknownFunction(e)
		return constant(nil), nil
	}
	c.mentionFunction(fn, e.NameRange)
	if n := len(args); !e.ExpandFinal && (n < fn.Min || fn.Max >= 0 && n > fn.Max) || e.ExpandFinal && fn.Call == nil {
		c.errorf(e.Range(), "lang.arguments", "Wrong number of arguments", "%s: %s Example: %s", fn.Name, fn.Doc, fn.Example)
		return constant(nil), nil
	}
	switch {
	case e.Name == "try":
		return try(args), nil
	case e.Name == "can":
		return can(args[0]), &Shape{Kind: Bool}
	case e.Name == "link":
		return link(args, e.Range()), nil
	case e.Name == "coalesce" && !e.ExpandFinal:
		return lazyCoalesce(args, e.Range()), nil
	case fn.LoadTime:
		return c.loadTime(e, fn, library(fn, args, e)), &Shape{Kind: fn.Returns}
	}
	c.judge(fn, e, args)
	return c.fold(e, library(fn, args, e)), returned(fn, e.ExpandFinal, shapes)
}

// judge looks at the arguments that the text fixes, of a call whose others come with each record.
func (c *compiler) judge(fn Function, e *hclsyntax.FunctionCallExpr, args []closure) {
	if c.tolerant > 0 || c.constant(e) {
		return
	}
	for i, arg := range e.Args {
		if fn.Judge[i] == nil || !c.constant(arg) || e.ExpandFinal && i == len(args)-1 {
			continue
		}
		v, err := args[i](c.scope())
		if err != nil {
			continue // which is told already
		}
		if err := fn.Judge[i](v); err != nil {
			c.errorf(arg.Range(), "expr.function", fn.Name+"() would fail on every record", "%v.", err)
		}
	}
}

func (c *compiler) unknownFunction(e *hclsyntax.FunctionCallExpr) {
	var names []string
	for name := range c.env.Functions {
		names = append(names, name)
	}
	slices.Sort(names)
	c.diags = append(c.diags, diag.Diagnostic{
		Severity: diag.Error, Code: "lang.unknown_function", Summary: "Unknown function \"" + e.Name + "\"",
		Detail:  "There is no function of this name. What is not there can be written in JavaScript: transform with script.",
		Suggest: diag.Closest(e.Name, names), Subject: e.NameRange.Ptr(),
	})
}

// loadTime calls a function once and for all.
func (c *compiler) loadTime(e *hclsyntax.FunctionCallExpr, fn Function, call closure) closure {
	if !c.constant(e) {
		c.errorf(e.Range(), "lang.load_time", fn.Name+"() can't depend on a record",
			"It is called once, when the project is loaded, so its arguments are texts, var and local.")
		return constant(nil)
	}
	v, err := call(c.scope())
	var failure *EvalError
	switch {
	case err == nil:
		return constant(v)
	case c.tolerant == 0 && c.env.Slots != nil && errors.As(err, &failure):
		c.errorf(failure.Range, failure.Code, failure.Summary(), "%s", failure.Sentence())
	}
	return call
}

// returned is what is known of a call's result.
func returned(fn Function, expand bool, shapes []*Shape) *Shape {
	switch {
	case fn.Name == "merge" && !expand && len(shapes) > 0:
		shape := shapes[0]
		for _, s := range shapes[1:] {
			shape = merged(shape, s)
		}
		return shape
	case fn.Name == "concat" && !expand && len(shapes) > 0:
		shape := shapes[0]
		for _, s := range shapes[1:] {
			if !sameFields(elementOf(shape), elementOf(s)) {
				return &Shape{Kind: List}
			}
		}
		return shape
	case fn.Returns == Any:
		return nil
	}
	return &Shape{Kind: fn.Returns, Open: fn.Returns == Object}
}

func elementOf(s *Shape) *Shape {
	if s == nil {
		return nil
	}
	return s.Element
}

// library compiles a call of one that is not special.
func library(fn Function, args []closure, e *hclsyntax.FunctionCallExpr) closure {
	rng, expand := e.Range(), e.ExpandFinal
	return func(f *Scope) (any, error) {
		values, err := evaluate(f, args, expand, rng)
		if err != nil {
			return nil, err
		}
		if n := len(values); expand && (n < fn.Min || fn.Max >= 0 && n > fn.Max) {
			return nil, fail(rng, "expr.function", "%s was given %d arguments. Example: %s", fn.Name, n, fn.Example)
		}
		v, err := fn.Call(values)
		if err != nil {
			return nil, fail(rng, "expr.function", "%s: %v", fn.Name, err)
		}
		return v, nil
	}
}

func evaluate(f *Scope, args []closure, expand bool, rng hcl.Range) ([]any, error) {
	values := make([]any, 0, len(args))
	for i, arg := range args {
		v, err := arg(f)
		if err != nil {
			return nil, err
		}
		if expand && i == len(args)-1 {
			list, ok := v.([]any)
			if !ok {
				return nil, fail(rng, "expr.wrong_type", "… takes a list, not %s", kind(v))
			}
			values = append(values, list...)
			continue
		}
		values = append(values, v)
	}
	return values, nil
}

func try(args []closure) closure {
	return func(f *Scope) (any, error) {
		var last error
		for _, arg := range args {
			v, err := arg(f)
			var evaluation *EvalError
			if err == nil || !errors.As(err, &evaluation) {
				return v, err
			}
			last = err
		}
		return nil, last
	}
}

func can(arg closure) closure {
	return func(f *Scope) (any, error) {
		_, err := arg(f)
		var evaluation *EvalError
		if err != nil && !errors.As(err, &evaluation) {
			return nil, err // the state database failed, not the expression
		}
		return err == nil, nil
	}
}

// lazyCoalesce evaluates no more arguments than it needs.
func lazyCoalesce(args []closure, rng hcl.Range) closure {
	return func(f *Scope) (any, error) {
		for i, arg := range args {
			if v, err := arg(f); err != nil || v != nil && (v != "" || i == len(args)-1) {
				return v, err
			}
		}
		_, err := coalesce(nil)
		return nil, fail(rng, "expr.null_value", "coalesce: %v", err)
	}
}

func link(args []closure, rng hcl.Range) closure {
	return func(f *Scope) (any, error) {
		values, err := evaluate(f, args, false, rng)
		if err != nil {
			return nil, err
		}
		scope, ok1 := toText(values[0])
		key, ok2 := toText(values[1])
		if !ok1 || !ok2 || f.Link == nil {
			return nil, nil
		}
		return f.Link(scope, key)
	}
}
