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
	Doc     string // one sentence
	Example string // an expression and its result, "upper(\"ab\") = \"AB\""; a test runs it
	Min     int
	Max     int // -1 = any number
	Returns Kind
	Call    func(args []any) (any, error)
}

// call compiles a function call. Four functions are part of the language itself because they don't evaluate their
// arguments like others (try, can, coalesce) or look at the record's surroundings (link).
func (c *compiler) call(e *hclsyntax.FunctionCallExpr) (closure, *Shape) {
	args := make([]closure, len(e.Args))
	shapes := make([]*Shape, len(e.Args))
	for i, arg := range e.Args {
		args[i], shapes[i] = c.compile(arg)
	}
	rng := e.Range()
	switch e.Name {
	case "try":
		return try(args), nil
	case "can":
		return can(args), &Shape{Kind: Bool}
	case "coalesce":
		return coalesce(args, rng), nil
	case "link":
		return c.link(e, args), nil
	}
	fn, ok := c.env.Functions[e.Name]
	if !ok {
		names := []string{"try", "can", "coalesce", "link"}
		for name := range c.env.Functions {
			names = append(names, name)
		}
		slices.Sort(names)
		c.diags = append(c.diags, diag.Diagnostic{
			Severity: diag.Error, Code: "lang.unknown_function", Summary: "Unknown function \"" + e.Name + "\"",
			Detail: "There is no function of this name.", Suggest: diag.Closest(e.Name, names), Subject: e.NameRange.Ptr(),
		})
		return constant(nil), nil
	}
	if n := len(args); !e.ExpandFinal && (n < fn.Min || fn.Max >= 0 && n > fn.Max) {
		c.errorf(rng, "lang.arguments", "Wrong number of arguments", "%s: %s Example: %s", fn.Name, fn.Doc, fn.Example)
	}
	shape := &Shape{Kind: fn.Returns}
	switch {
	case fn.Name == "merge" && !e.ExpandFinal && len(shapes) > 0:
		shape = shapes[0]
		for _, s := range shapes[1:] {
			shape = merged(shape, s)
		}
	case fn.Returns == Any:
		shape = nil
	case fn.Returns == Object:
		shape.Open = true
	}
	return func(f *frame) (any, error) {
		values, err := evaluate(f, args, e.ExpandFinal, rng)
		if err != nil {
			return nil, err
		}
		v, err := fn.Call(values)
		if err != nil {
			return nil, fail(rng, "expr.function", "%s: %v", fn.Name, err)
		}
		return v, nil
	}, shape
}

func evaluate(f *frame, args []closure, expand bool, rng hcl.Range) ([]any, error) {
	values := make([]any, 0, len(args))
	for i, arg := range args {
		v, err := arg(f)
		if err != nil {
			return nil, err
		}
		if expand && i == len(args)-1 {
			list, ok := v.([]any)
			if !ok {
				return nil, fail(rng, "expr.wrong_type", "… takes a list, not a %s", kind(v))
			}
			values = append(values, list...)
			continue
		}
		values = append(values, v)
	}
	return values, nil
}

func try(args []closure) closure {
	return func(f *frame) (any, error) {
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

func can(args []closure) closure {
	return func(f *frame) (any, error) {
		for _, arg := range args {
			if _, err := arg(f); err != nil {
				return false, nil
			}
		}
		return true, nil
	}
}

// coalesce is the first value that is neither null nor an empty text.
func coalesce(args []closure, rng hcl.Range) closure {
	return func(f *frame) (any, error) {
		for _, arg := range args {
			v, err := arg(f)
			if err != nil {
				return nil, err
			}
			if v != nil && v != "" {
				return v, nil
			}
		}
		return nil, fail(rng, "expr.null_value", "coalesce: every value is null or empty; end it with a value that is not")
	}
}

func (c *compiler) link(e *hclsyntax.FunctionCallExpr, args []closure) closure {
	if len(args) != 2 {
		c.errorf(e.Range(), "lang.arguments", "Wrong number of arguments",
			"link(scope, key) is the id under which a key was written, or null. Example: link(\"customers.customer\", record.id)")
		return constant(nil)
	}
	return func(f *frame) (any, error) {
		values, err := evaluate(f, args, false, e.Range())
		if err != nil {
			return nil, err
		}
		scope, ok1 := toText(values[0])
		key, ok2 := toText(values[1])
		if !ok1 || !ok2 || f.link == nil {
			return nil, nil
		}
		return f.link(scope, key)
	}
}
