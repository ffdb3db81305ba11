package expr

import (
	"fmt"
	"slices"

	"github.com/cockroachdb/apd/v3"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/kopru-io/kopru/plugins/record"
)

// decimals computes with 34 digits and rounds half away from zero, as tills and bookkeepers do.
var decimals = &apd.Context{
	Precision: 34, MaxExponent: apd.MaxExponent, MinExponent: apd.MinExponent, Rounding: apd.RoundHalfUp,
	Traps: apd.DefaultTraps,
}

// maxBinaryExponent bounds the numbers in a project's text: written out, they have some thousand digits at most.
const maxBinaryExponent = 4096

// FromCty converts a value of HCL's own to a record value.
func FromCty(v cty.Value) (any, error) {
	v, _ = v.UnmarkDeep()
	switch {
	case v.IsNull():
		return nil, nil
	case !v.IsWhollyKnown():
		return nil, fmt.Errorf("the value is not known")
	case v.Type() == cty.String:
		return v.AsString(), nil
	case v.Type() == cty.Bool:
		return v.True(), nil
	case v.Type() == cty.Number:
		if e := v.AsBigFloat().MantExp(nil); e > maxBinaryExponent || e < -maxBinaryExponent {
			return nil, fmt.Errorf("the number is too long")
		}
		return record.Number(v.AsBigFloat().Text('f', -1)), nil
	case v.CanIterateElements() && (v.Type().IsObjectType() || v.Type().IsMapType()):
		out := map[string]any{}
		for k, item := range v.AsValueMap() {
			x, err := FromCty(item)
			if err != nil {
				return nil, err
			}
			out[k] = x
		}
		return out, nil
	case v.CanIterateElements():
		out := []any{}
		for _, item := range v.AsValueSlice() {
			x, err := FromCty(item)
			if err != nil {
				return nil, err
			}
			out = append(out, x)
		}
		return out, nil
	}
	return nil, fmt.Errorf("a %s has no place in a record", v.Type().FriendlyName())
}

// kind names a value's type with its article.
func kind(v any) string {
	switch name := record.Kind(v); name {
	case "null":
		return name
	case "object":
		return "an object"
	default:
		return "a " + name
	}
}

// toText converts as HCL does: numbers and bools become text by themselves, null and collections do not.
func toText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case record.Number:
		return plain(v), true
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	}
	return "", false
}

// plain is a number's text without exponent and needless zeros, as HCL writes numbers.
func plain(n record.Number) string {
	if s := string(n); isPlain(s) {
		return s
	}
	d, err := n.Decimal()
	if err != nil {
		return string(n)
	}
	d.Reduce(d)
	if d.IsZero() {
		return "0"
	}
	return d.Text('f')
}

// isPlain tells whether a number is written as plain would write it.
func isPlain(s string) bool {
	if s == "0" {
		return true
	}
	point := false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.' && i > 0 && s[i-1] != '-':
			point = true
		case c == '-' && i == 0:
		case c < '0' || c > '9':
			return false
		}
	}
	if s == "" || point && s[len(s)-1] == '0' || s[len(s)-1] == '.' {
		return false
	}
	return s[0] >= '1' && s[0] <= '9' || len(s) > 1 && (s[0] == '0' && s[1] == '.' || s[0] == '-' && s[1] != '0')
}

func toBool(v any, rng hcl.Range) (bool, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case string:
		switch v {
		case "true", "1":
			return true, nil
		case "false", "0":
			return false, nil
		}
	case nil:
		return false, fail(rng, "expr.null_value", "this is null where true or false is needed")
	}
	return false, fail(rng, "expr.wrong_type", "this is %s where true or false is needed", kind(v))
}

// toDecimal converts numbers and texts that are numbers.
func toDecimal(v any, rng hcl.Range) (*apd.Decimal, error) {
	switch v := v.(type) {
	case record.Number:
		d, err := v.Decimal()
		if err != nil || d.Form != apd.Finite {
			return nil, fail(rng, "expr.wrong_type", "%q is not a number", string(v))
		}
		return d, nil
	case string:
		d, _, err := apd.NewFromString(v)
		if err == nil && d.Form == apd.Finite {
			return d, nil
		}
		return nil, fail(rng, "expr.wrong_type", "the text %q is not a number", v)
	case nil:
		return nil, fail(rng, "expr.null_value", "this is null where a number is needed")
	}
	return nil, fail(rng, "expr.wrong_type", "this is %s where a number is needed", kind(v))
}

func toIndex(v any) (int64, bool) {
	var d *apd.Decimal
	switch v := v.(type) {
	case record.Number:
		d, _ = v.Decimal()
	case string:
		d, _, _ = apd.NewFromString(v)
	}
	if d == nil {
		return 0, false
	}
	i, err := d.Int64()
	return i, err == nil
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
