package expr

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/kopru-io/kopru/plugins/record"
)

// writingFunctions bring texts to the form that a system asks for.
func writingFunctions() []Function {
	return []Function{
		{
			Name: "pad", Doc: "A text filled up at its beginning to so many characters; longer ones stay.", Example: `pad("42", 6, "0")`, Result: `"000042"`,
			Min: 3, Max: 3, Returns: String,
			Call: func(args []any) (any, error) {
				s, ok := toText(args[0])
				length, ok1 := toIndex(args[1])
				fill, ok2 := args[2].(string)
				if !ok || !ok1 || !ok2 || len([]rune(fill)) != 1 || length > longestPad {
					return nil, errors.New("pad takes a text, a length and one character")
				}
				return strings.Repeat(fill, int(max(0, length-int64(len([]rune(s)))))) + s, nil
			},
		},
		{
			Name: "cut", Doc: "At most so many characters, ended with … where something was cut off; for free texts, never for keys.",
			Example: `cut("Amsterdam", 6)`, Result: `"Amste…"`, Min: 2, Max: 2, Returns: String,
			Call: func(args []any) (any, error) {
				s, ok := toText(args[0])
				most, ok1 := toIndex(args[1])
				if !ok || !ok1 || most < 1 {
					return nil, errors.New("cut takes a text and a length")
				}
				if runes := []rune(s); int64(len(runes)) > most {
					return strings.TrimSpace(string(runes[:most-1])) + "…", nil
				}
				return s, nil
			},
		},
		texts("strcontains", "Whether a text contains another.", `strcontains("Kerkstraat 12", "straat")`, `true`, 2, Bool,
			func(a []string) (any, error) { return strings.Contains(a[0], a[1]), nil }),
		text("urlencode", "Written so that it can stand in an address.", `urlencode("a b&c")`, `"a+b%26c"`, url.QueryEscape),
	}
}

const longestPad = 10_000

// nestedFunctions change objects and the objects in them.
func nestedFunctions() []Function {
	return []Function{
		{
			Name: "deepmerge", Doc: "Objects laid over each other, and the objects in them too; later ones win. Null counts as empty.",
			Example: `deepmerge({ a = { b = 1, c = 1 } }, { a = { c = 2 } })`, Result: `{ a = { b = 1, c = 2 } }`, Min: 1, Max: -1, Returns: Object,
			Call: func(args []any) (any, error) {
				out := map[string]any{}
				for _, arg := range args {
					m, ok := arg.(map[string]any)
					if !ok && arg != nil {
						return nil, fmt.Errorf("an object is needed, not %s", kind(arg))
					}
					out = deepMerge(out, m)
				}
				return out, nil
			},
		},
		chosen("only", "An object with no other fields than these.", `only({ a = 1, b = 2, c = 3 }, "a", "c")`, `{ a = 1, c = 3 }`, true),
		chosen("without", "An object without these fields.", `without({ a = 1, b = 2, c = 3 }, "a", "c")`, `{ b = 2 }`, false),
		{
			Name: "filled", Doc: "An object without the fields that are null or an empty text.",
			Example: `filled({ a = 1, b = null, c = "" })`, Result: `{ a = 1 }`, Min: 1, Max: 1, Returns: Object,
			Call: func(args []any) (any, error) {
				m, ok := args[0].(map[string]any)
				if !ok {
					return nil, fmt.Errorf("an object is needed, not %s", kind(args[0]))
				}
				out := maps.Clone(m)
				maps.DeleteFunc(out, func(_ string, v any) bool { return v == nil || v == "" })
				return out, nil
			},
		},
		{
			Name: "range", Doc: "The whole numbers from 0 up to, not including, one.", Example: `range(3)`, Result: `[0, 1, 2]`, Min: 1, Max: 1, Returns: List,
			Call: func(args []any) (any, error) {
				n, ok := toIndex(args[0])
				if !ok || n < 0 || n > longestPad {
					return nil, errors.New("range takes a whole number that is not negative")
				}
				out := make([]any, n)
				for i := range out {
					out[i] = record.Int(int64(i))
				}
				return out, nil
			},
		},
		{
			Name: "sortby", Doc: "Objects in order of a field: numbers by value, others as texts, those without it first.",
			Example: `sortby([{ n = 10 }, { n = 9 }], "n")`, Result: `[{ n = 9 }, { n = 10 }]`, Min: 2, Max: 2, Returns: List, Call: sortBy,
		},
		onBools("alltrue", "Whether all of a list is true; of an empty one it is.", `alltrue([true, 1 > 2])`, `false`, true),
		onBools("anytrue", "Whether any of a list is true.", `anytrue([true, 1 > 2])`, `true`, false),
	}
}

func deepMerge(a, b map[string]any) map[string]any {
	out := maps.Clone(a)
	for name, v := range b {
		inner, ok := v.(map[string]any)
		if have, both := out[name].(map[string]any); ok && both {
			v = deepMerge(have, inner)
		}
		out[name] = v
	}
	return out
}

// chosen makes a function that keeps the fields that are named, or the others.
func chosen(name, doc, example, result string, keep bool) Function {
	return Function{
		Name: name, Doc: doc, Example: example, Result: result, Min: 2, Max: -1, Returns: Object,
		Call: func(args []any) (any, error) {
			m, ok := args[0].(map[string]any)
			if !ok {
				return nil, fmt.Errorf("an object is needed, not %s", kind(args[0]))
			}
			out := map[string]any{}
			for field, v := range m {
				if slices.Contains(args[1:], any(field)) == keep {
					out[field] = v
				}
			}
			return out, nil
		},
	}
}

// onBools makes a function that looks for the first element that is not, or is, true.
func onBools(name, doc, example, result string, all bool) Function {
	f := onList(name, doc, example, result, func(list []any) (any, error) {
		for _, v := range list {
			if b, ok := v.(bool); !ok {
				return nil, fmt.Errorf("true and false are needed, not %s", kind(v))
			} else if b != all {
				return !all, nil
			}
		}
		return all, nil
	})
	f.Returns = Bool
	return f
}

func sortBy(args []any) (any, error) {
	list, ok := args[0].([]any)
	field, ok1 := args[1].(string)
	if !ok || !ok1 {
		return nil, errors.New("sortby takes a list and a field's name")
	}
	value := func(v any) any { m, _ := v.(map[string]any); return m[field] }
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b any) int {
		x, y := value(a), value(b)
		n, isNumber := x.(record.Number)
		m, alsoNumber := y.(record.Number)
		if isNumber && alsoNumber {
			p, err1 := n.Decimal()
			q, err2 := m.Decimal()
			if err1 == nil && err2 == nil {
				return p.Cmp(q)
			}
		}
		s, _ := toText(x)
		t, _ := toText(y)
		return cmp.Compare(s, t)
	})
	return out, nil
}
