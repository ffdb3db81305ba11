package run

import (
	"maps"
	"slices"

	"github.com/cockroachdb/apd/v3"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// conform gives values the types that the entity declares, where only the writing differs: a number for a text, a text
// for a number. Otherwise "12" and 12 would be a difference at every run. What it is given stays as it is; changed
// tells whether what it returns is another map.
func conform(fields map[string]any, declared []*protocol.Field) (out map[string]any, changed bool) {
	out = fields
	for _, f := range declared {
		v, ok := fields[f.GetName()]
		if !ok {
			continue
		}
		w, differs := conformValue(v, f)
		if !differs {
			continue
		}
		if !changed {
			out, changed = maps.Clone(fields), true
		}
		out[f.GetName()] = w
	}
	return out, changed
}

func conformValue(v any, f *protocol.Field) (w any, changed bool) {
	switch v := v.(type) {
	case map[string]any:
		return conform(v, f.GetFields())
	case []any:
		return conformList(v, f)
	}
	return conformScalar(v, f.GetType())
}

func conformList(list []any, f *protocol.Field) (any, bool) {
	out, changed := list, false
	for i, v := range list {
		var w any
		var differs bool
		if m, ok := v.(map[string]any); ok {
			w, differs = conform(m, f.GetFields())
		} else {
			w, differs = conformScalar(v, f.GetItems())
		}
		if !differs {
			continue
		}
		if !changed {
			out, changed = slices.Clone(list), true
		}
		out[i] = w
	}
	return out, changed
}

func conformScalar(v any, t protocol.FieldType) (any, bool) {
	switch v := v.(type) {
	case record.Number:
		if t == protocol.FieldType_FIELD_TYPE_STRING {
			return string(v), true
		}
	case string:
		if t == protocol.FieldType_FIELD_TYPE_INTEGER || t == protocol.FieldType_FIELD_TYPE_DECIMAL {
			if d, err := record.Number(v).Decimal(); err == nil && d.Form == apd.Finite {
				return record.FromDecimal(d), true
			}
		}
	}
	return v, false
}
