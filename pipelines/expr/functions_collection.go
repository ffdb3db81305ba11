package expr

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/kopru-io/kopru/plugins/record"
)

// onList makes a function of one list.
func onList(name, doc, example, result string, do func([]any) (any, error)) Function {
	return Function{
		Name: name, Doc: doc, Example: example, Result: result, Min: 1, Max: 1, Returns: List,
		Call: func(args []any) (any, error) {
			list, ok := args[0].([]any)
			if !ok {
				return nil, fmt.Errorf("a list is needed, not %s", kind(args[0]))
			}
			return do(list)
		},
	}
}

func collectionFunctions() []Function {
	return slices.Concat(objectFunctions(), fieldFunctions(), listFunctions(), elementFunctions())
}

func objectFunctions() []Function {
	return []Function{
		{
			Name: "merge", Doc: "Objects laid over each other; later ones win. Null counts as empty.",
			Example: `merge({ a = 1, b = 1 }, { b = 2 })`, Result: `{ a = 1, b = 2 }`, Min: 1, Max: -1, Returns: Object,
			Call: func(args []any) (any, error) {
				out := map[string]any{}
				for _, arg := range args {
					m, ok := arg.(map[string]any)
					if !ok && arg != nil {
						return nil, fmt.Errorf("an object is needed, not %s", kind(arg))
					}
					maps.Copy(out, m)
				}
				return out, nil
			},
		},
		{
			Name: "length", Doc: "The number of characters, elements or fields.", Example: `length(["a", "b"])`, Result: `2`,
			Min: 1, Max: 1, Returns: Number, Call: length,
		},
	}
}

func fieldFunctions() []Function {
	return []Function{
		{
			Name: "lookup", Doc: "The field of an object, or the last argument when it is absent.",
			Example: `lookup({ POST = "POSTNL" }, "DHL", "none")`, Result: `"none"`, Min: 2, Max: 3, Returns: Any,
			Call: func(args []any) (any, error) {
				m, ok := args[0].(map[string]any)
				key, isText := toText(args[1])
				if !ok || !isText {
					return nil, errors.New("lookup takes an object and a field's name")
				}
				if v, ok := m[key]; ok {
					return v, nil
				}
				if len(args) == 3 {
					return args[2], nil
				}
				return nil, fmt.Errorf("there is no field %q, and no value to use instead", key)
			},
		},
		{
			Name: "keys", Doc: "The names of an object's fields, sorted.", Example: `keys({ b = 1, a = 2 })`, Result: `["a", "b"]`,
			Min: 1, Max: 1, Returns: List,
			Call: func(args []any) (any, error) {
				m, ok := args[0].(map[string]any)
				if !ok {
					return nil, fmt.Errorf("an object is needed, not %s", kind(args[0]))
				}
				return asList(sortedKeys(m)), nil
			},
		},
		{
			Name: "values", Doc: "The values of an object's fields, in order of their names.", Example: `values({ b = 1, a = 2 })`, Result: `[2, 1]`,
			Min: 1, Max: 1, Returns: List,
			Call: func(args []any) (any, error) {
				m, ok := args[0].(map[string]any)
				if !ok {
					return nil, fmt.Errorf("an object is needed, not %s", kind(args[0]))
				}
				out := make([]any, 0, len(m))
				for _, k := range sortedKeys(m) {
					out = append(out, m[k])
				}
				return out, nil
			},
		},
	}
}

func listFunctions() []Function {
	return []Function{
		{
			Name: "concat", Doc: "Lists one after the other. Null counts as empty.", Example: `concat([1], [2, 3])`, Result: `[1, 2, 3]`,
			Min: 1, Max: -1, Returns: List,
			Call: func(args []any) (any, error) {
				out := []any{}
				for _, arg := range args {
					list, ok := arg.([]any)
					if !ok && arg != nil {
						return nil, fmt.Errorf("a list is needed, not %s", kind(arg))
					}
					out = append(out, list...)
				}
				return out, nil
			},
		},
		{
			Name: "contains", Doc: "Whether a list has an element.", Example: `contains(["a", "b"], "b")`, Result: `true`,
			Min: 2, Max: 2, Returns: Bool,
			Call: func(args []any) (any, error) {
				list, ok := args[0].([]any)
				if !ok {
					return nil, fmt.Errorf("a list is needed, not %s", kind(args[0]))
				}
				return slices.ContainsFunc(list, func(v any) bool { return equal(v, args[1]) }), nil
			},
		},
		{
			Name: "slice", Doc: "The elements from one position up to, not including, another.", Example: `slice([1, 2, 3], 0, 2)`, Result: `[1, 2]`,
			Min: 3, Max: 3, Returns: List,
			Call: func(args []any) (any, error) {
				list, ok := args[0].([]any)
				from, ok1 := toIndex(args[1])
				to, ok2 := toIndex(args[2])
				if !ok || !ok1 || !ok2 || from < 0 || to < from || to > int64(len(list)) {
					return nil, errors.New("slice takes a list and two positions in it")
				}
				return slices.Clone(list[from:to]), nil
			},
		},
		{
			Name: "coalesce", Doc: "The first value that is neither null nor an empty text; the last one may be empty.", Example: `coalesce("", null, "x")`, Result: `"x"`,
			Min: 1, Max: -1, Returns: Any, Call: coalesce,
		},
	}
}

func elementFunctions() []Function {
	return []Function{
		onList("flatten", "Lists in a list become one.", `flatten([[1], [2, [3]]])`, `[1, 2, 3]`,
			func(list []any) (any, error) { return flatten(list, []any{}), nil }),
		onList("compact", "Without nulls and empty texts.", `compact(["a", "", null])`, `["a"]`, func(list []any) (any, error) {
			return slices.DeleteFunc(slices.Clone(list), func(v any) bool { return v == nil || v == "" }), nil
		}),
		onList("reverse", "In reverse order.", `reverse([1, 2])`, `[2, 1]`, func(list []any) (any, error) {
			out := slices.Clone(list)
			slices.Reverse(out)
			return out, nil
		}),
		onList("distinct", "Each element once.", `distinct([1, 2, 1])`, `[1, 2]`, func(list []any) (any, error) {
			out := []any{}
			for _, v := range list {
				if !slices.ContainsFunc(out, func(w any) bool { return equal(v, w) }) {
					out = append(out, v)
				}
			}
			return out, nil
		}),
		onList("sort", "Texts in order.", `sort(["b", "a"])`, `["a", "b"]`, func(list []any) (any, error) {
			out := make([]string, len(list))
			for i, v := range list {
				var ok bool
				if out[i], ok = toText(v); !ok {
					return nil, fmt.Errorf("element %d is %s, not a text", i, kind(v))
				}
			}
			slices.Sort(out)
			return asList(out), nil
		}),
	}
}

func coalesce(args []any) (any, error) {
	for i, v := range args {
		if v != nil && (v != "" || i == len(args)-1) {
			return v, nil
		}
	}
	return nil, errors.New("there is no value but null and empty texts; end it with a value, such as \"\"")
}

func length(args []any) (any, error) {
	switch v := args[0].(type) {
	case string:
		return record.Int(int64(len([]rune(v)))), nil
	case []any:
		return record.Int(int64(len(v))), nil
	case map[string]any:
		return record.Int(int64(len(v))), nil
	}
	return nil, fmt.Errorf("%s has no length", kind(args[0]))
}

func flatten(list, out []any) []any {
	for _, v := range list {
		if inner, ok := v.([]any); ok {
			out = flatten(inner, out)
		} else {
			out = append(out, v)
		}
	}
	return out
}
