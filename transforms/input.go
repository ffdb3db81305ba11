package transforms

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/dop251/goja"

	"github.com/kopru-io/kopru/plugins/record"
)

// toScript makes a script's own value of a record value. Objects are the script's to change; frozen makes them read-only.
func (r *Runtime) toScript(v any, frozen bool) (goja.Value, error) {
	switch v := v.(type) {
	case nil:
		return goja.Null(), nil
	case string:
		return r.vm.ToValue(v), nil
	case record.Number:
		if n, ok := r.number(v); ok {
			return n, nil
		}
		d, err := v.Decimal()
		if err != nil {
			return nil, err
		}
		return r.wrap(d), nil
	case bool:
		return r.vm.ToValue(v), nil
	case map[string]any:
		if frozen {
			return r.frozen(v)
		}
		return r.vm.NewDynamicObject(&lazy{r: r, from: v}), nil
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			x, err := r.toScript(item, frozen)
			if err != nil {
				return nil, err
			}
			items[i] = x
		}
		return r.sealed(r.vm.NewArray(items...), frozen)
	}
	return nil, fmt.Errorf("a %T has no place in a record", v)
}

// frozen makes an object that nobody can change, with its keys in order of the alphabet.
func (r *Runtime) frozen(m map[string]any) (goja.Value, error) {
	o := r.vm.NewObject()
	for _, key := range slices.Sorted(maps.Keys(m)) {
		x, err := r.toScript(m[key], true)
		if err != nil {
			return nil, err
		}
		// To set it would change the object's prototype where the key is __proto__.
		if err := o.DefineDataProperty(key, x, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE); err != nil {
			return nil, err
		}
	}
	return r.sealed(o, true)
}

func (r *Runtime) sealed(o *goja.Object, frozen bool) (goja.Value, error) {
	if !frozen {
		return o, nil
	}
	return r.freeze(goja.Undefined(), o)
}

// number is n as a JavaScript number, when that loses nothing but trailing zeros.
func (r *Runtime) number(n record.Number) (goja.Value, bool) {
	significant, whole := 0, true
	for i := range len(n) {
		switch c := n[i]; {
		case c >= '0' && c <= '9':
			if significant > 0 || c != '0' {
				significant++
			}
		case c == '.':
			whole = false
		case c == '-' && i == 0:
		default:
			return r.withExponent(n)
		}
	}
	switch {
	case significant == 0:
		return r.vm.ToValue(0), len(n) > 0
	case significant > exactDigits || len(n) > 300:
		return nil, false
	case whole:
		i, err := strconv.ParseInt(string(n), 10, 64)
		return r.vm.ToValue(i), err == nil
	}
	f, err := strconv.ParseFloat(string(n), 64)
	return r.vm.ToValue(f), err == nil
}

func (r *Runtime) withExponent(n record.Number) (goja.Value, bool) {
	d, err := n.Decimal()
	if err != nil || d.NumDigits() > exactDigits || d.Exponent < -250 || d.Exponent > 250 {
		return nil, false
	}
	f, err := strconv.ParseFloat(string(n), 64)
	// A whole number this big would not be let out again as a JavaScript number.
	return r.vm.ToValue(f), err == nil && f > -exactInteger && f < exactInteger
}
