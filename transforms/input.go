package transforms

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/dop251/goja"

	"github.com/kopru-io/kopru/plugins/record"
)

// toScript makes a script's own value of a record value. Objects are the script's to change, and their keys are in
// order of the alphabet, so that a script sees the same at every run. frozen makes them read-only.
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
		return r.object(v, frozen)
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

func (r *Runtime) object(m map[string]any, frozen bool) (goja.Value, error) {
	var room [32]member
	members := room[:0]
	for key, value := range m {
		members = append(members, member{key, value})
	}
	slices.SortFunc(members, func(a, b member) int { return cmp.Compare(a.key, b.key) })
	o := r.vm.NewObject()
	for _, m := range members {
		x, err := r.toScript(m.value, frozen)
		if err != nil {
			return nil, err
		}
		if m.key == "__proto__" { // assigning would change the object's prototype
			err = o.DefineDataProperty(m.key, x, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE)
		} else {
			err = o.Set(m.key, x)
		}
		if err != nil {
			return nil, err
		}
	}
	return r.sealed(o, frozen)
}

type member struct {
	key   string
	value any
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
