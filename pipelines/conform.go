package pipelines

import (
	"fmt"
	"strings"

	"github.com/cockroachdb/apd/v3"
	"github.com/zclconf/go-cty/cty"

	"github.com/kopru-io/kopru/plugins/record"
)

// conform converts v to a declared type as HCL does, and says where it can't.
func conform(v any, want cty.Type) (any, error) {
	if v == nil || want == cty.DynamicPseudoType {
		return v, nil
	}
	switch {
	case want == cty.String:
		switch v := v.(type) {
		case string:
			return v, nil
		case record.Number:
			return string(v), nil
		case bool:
			return fmt.Sprint(v), nil
		}
	case want == cty.Number:
		if _, ok := v.(record.Number); ok {
			return v, nil
		}
		if s, ok := v.(string); ok {
			if d, err := record.Number(s).Decimal(); err == nil && d.Form == apd.Finite {
				return record.FromDecimal(d), nil
			}
		}
	case want == cty.Bool:
		if b, ok := v.(bool); ok {
			return b, nil
		}
		if s, ok := v.(string); ok && (s == "true" || s == "false") {
			return s == "true", nil
		}
	case want.IsListType() || want.IsSetType():
		if list, ok := v.([]any); ok {
			return conformList(list, func(int) cty.Type { return want.ElementType() })
		}
	case want.IsMapType():
		if m, ok := v.(map[string]any); ok {
			return conformMap(m, func(string) cty.Type { return want.ElementType() })
		}
	case want.IsObjectType():
		if m, ok := v.(map[string]any); ok {
			return conformObject(m, want)
		}
	case want.IsTupleType():
		if list, ok := v.([]any); ok && len(list) == len(want.TupleElementTypes()) {
			return conformList(list, want.TupleElementType)
		}
	}
	return nil, fmt.Errorf("a %s was given", record.Kind(v))
}

// conformObject takes no field that is not declared: it would be a spelling mistake.
func conformObject(m map[string]any, want cty.Type) (map[string]any, error) {
	types := want.AttributeTypes()
	for _, name := range sortedNames(types) {
		if _, present := m[name]; !present && !want.AttributeOptional(name) {
			return nil, fmt.Errorf("the field %q is missing (%s)", name, types[name].FriendlyName())
		}
	}
	for _, name := range sortedNames(m) {
		if !want.HasAttribute(name) {
			return nil, fmt.Errorf("there is no field %q; there are: %s", name, strings.Join(sortedNames(types), ", "))
		}
	}
	out, err := conformMap(m, func(k string) cty.Type { return types[k] })
	for name := range types {
		if _, present := m[name]; !present && err == nil {
			out[name] = nil
		}
	}
	return out, err
}

func conformList(list []any, typeOf func(int) cty.Type) (any, error) {
	out := make([]any, len(list))
	for i, item := range list {
		x, err := conform(item, typeOf(i))
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		out[i] = x
	}
	return out, nil
}

func conformMap(m map[string]any, typeOf func(string) cty.Type) (map[string]any, error) {
	out := make(map[string]any, len(m))
	for _, k := range sortedNames(m) {
		x, err := conform(m[k], typeOf(k))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
		out[k] = x
	}
	return out, nil
}
