package expr

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/apd/v3"
	"github.com/hashicorp/hcl/v2"
)

// number converts an argument; its error has no place because the call's is used.
func number(v any) (*apd.Decimal, error) {
	d, err := toDecimal(v, hcl.Range{})
	if err != nil {
		var e *EvalError
		if errors.As(err, &e) {
			return nil, errors.New(e.Message)
		}
	}
	return d, err
}

func numberFunctions() []Function {
	pick := func(name, doc, example, result string, better func(cmp int) bool) Function {
		return Function{
			Name: name, Doc: doc, Example: example, Result: result, Min: 1, Max: -1, Returns: Number,
			Call: func(args []any) (any, error) {
				var best *apd.Decimal
				for _, arg := range args {
					d, err := number(arg)
					if err != nil {
						return nil, err
					}
					if best == nil || better(d.Cmp(best)) {
						best = d
					}
				}
				return fromDecimal(best), nil
			},
		}
	}
	rounded := func(name, doc, example, result string, mode apd.Rounder) Function {
		return Function{
			Name: name, Doc: doc, Example: example, Result: result, Min: 1, Max: 2, Returns: Number,
			Call: func(args []any) (any, error) { return round(args, mode) },
		}
	}
	return []Function{
		pick("max", "The largest.", `max(1, 3, 2)`, `3`, func(c int) bool { return c > 0 }),
		pick("min", "The smallest.", `min(1, 3, 2)`, `1`, func(c int) bool { return c < 0 }),
		rounded("round", "Rounded to so many decimals (none: whole), half away from zero.", `round(6.865, 2)`, `6.87`, apd.RoundHalfUp),
		rounded("floor", "Rounded down to so many decimals.", `floor(6.869, 2)`, `6.86`, apd.RoundFloor),
		rounded("ceil", "Rounded up to so many decimals.", `ceil(6.861, 2)`, `6.87`, apd.RoundCeiling),
	}
}

func decimalFunctions() []Function {
	return []Function{
		{
			Name: "abs", Doc: "Without the sign.", Example: `abs(-2.5)`, Result: `2.5`, Min: 1, Max: 1, Returns: Number,
			Call: func(args []any) (any, error) {
				d, err := number(args[0])
				if err != nil {
					return nil, err
				}
				return fromDecimal(new(apd.Decimal).Abs(d)), nil
			},
		},
		{
			Name: "sum", Doc: "The sum of a list.", Example: `sum([0.1, 0.2])`, Result: `0.3`, Min: 1, Max: 1, Returns: Number,
			Call: func(args []any) (any, error) {
				list, ok := args[0].([]any)
				if !ok {
					return nil, fmt.Errorf("a list is needed, not %s", kind(args[0]))
				}
				total := new(apd.Decimal)
				for _, item := range list {
					d, err := number(item)
					if err != nil {
						return nil, err
					}
					if _, err := decimals.Add(total, total, d); err != nil {
						return nil, err
					}
				}
				return fromDecimal(total), nil
			},
		},
		{
			Name: "tonumber", Doc: "A text as number.", Example: `tonumber("12.50")`, Result: `12.5`, Min: 1, Max: 1, Returns: Number,
			Call: func(args []any) (any, error) {
				if args[0] == nil {
					return nil, nil
				}
				d, err := number(args[0])
				if err != nil {
					return nil, err
				}
				return fromDecimal(d), nil
			},
		},
	}
}

func round(args []any, mode apd.Rounder) (any, error) {
	d, err := number(args[0])
	if err != nil {
		return nil, err
	}
	places := int64(0)
	if len(args) == 2 {
		var ok bool
		if places, ok = toIndex(args[1]); !ok || places < 0 || places > 30 {
			return nil, errors.New("the number of decimals is between 0 and 30")
		}
	}
	ctx := *decimals
	ctx.Rounding = mode
	var out apd.Decimal
	if _, err := ctx.Quantize(&out, d, -int32(places)); err != nil {
		return nil, err
	}
	return fromDecimal(&out), nil
}
