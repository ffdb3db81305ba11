package transforms

import (
	"reflect"
	"slices"
	"strconv"

	"github.com/dop251/goja"
)

// lazy is an object of a record as a script sees it. What the script reads is made a value of its own then, and what it
// never reads costs nothing. The record itself is never changed: a first write makes a copy.
type lazy struct {
	r    *Runtime
	from map[string]any        // what the record has; nil once the script has written
	made map[string]goja.Value // objects that were read, which must stay the same ones; once written, all there is
	keys []string              // in their order, once that matters
	held hold
}

// hold is what Object.freeze and its like keep a script from.
type hold int

const (
	heldNot    hold = iota
	heldSize        // preventExtensions: no fields more
	heldFields      // seal: none fewer either
	heldAll         // freeze: and none changed
)

var typeLazy = reflect.TypeFor[*lazy]()

// Get is the field's value, nil when there is none.
func (l *lazy) Get(key string) goja.Value {
	if v := l.made[key]; v != nil {
		return v
	}
	x, ok := l.from[key]
	if !ok {
		return nil
	}
	v, err := l.r.toScript(x, false)
	if err != nil {
		return l.r.refuse("transform.bad_value", "%s can't be given to a script: %v", key, err)
	}
	if _, isObject := v.(*goja.Object); isObject {
		if l.made == nil {
			l.made = map[string]goja.Value{}
		}
		l.made[key] = v
	}
	return v
}

// Set changes a field or adds one.
func (l *lazy) Set(key string, v goja.Value) bool {
	if v == nil {
		v = goja.Undefined()
	}
	has := l.Has(key)
	if l.held == heldAll || l.held >= heldSize && !has {
		return false
	}
	l.own()
	if !has {
		l.keys = append(l.keys, key)
	}
	l.made[key] = v
	return true
}

// Has tells whether there is such a field.
func (l *lazy) Has(key string) bool {
	if l.from == nil {
		return l.made[key] != nil
	}
	_, ok := l.from[key]
	return ok
}

// Delete removes a field.
func (l *lazy) Delete(key string) bool {
	if !l.Has(key) {
		return true
	}
	if l.held >= heldFields {
		return false
	}
	l.own()
	delete(l.made, key)
	i := slices.Index(l.keys, key)
	l.keys = slices.Delete(l.keys, i, i+1)
	return true
}

// Keys are the fields as JavaScript orders them: whole numbers first, then the record's own in order of the alphabet, so
// that a script sees the same at every run, then what was added.
func (l *lazy) Keys() []string {
	l.order()
	numbers := 0
	for _, key := range l.keys {
		if _, ok := index(key); ok {
			numbers++
		}
	}
	if numbers == 0 {
		return slices.Clone(l.keys) // goja goes on with this while the script may delete
	}
	sorted := slices.Clone(l.keys)
	slices.SortStableFunc(sorted, func(a, b string) int {
		i, aNumber := index(a)
		j, bNumber := index(b)
		switch {
		case aNumber && bNumber:
			return i - j
		case aNumber:
			return -1
		case bNumber:
			return 1
		}
		return 0
	})
	return sorted
}

// index is a key that JavaScript takes for a whole number.
func index(key string) (int, bool) {
	if key == "" || key[0] < '0' || key[0] > '9' || len(key) > 1 && key[0] == '0' {
		return 0, false
	}
	i, err := strconv.ParseUint(key, 10, 32)
	return int(i), err == nil && i < 1<<32-1
}

func (l *lazy) order() {
	if l.keys != nil || l.from == nil {
		return
	}
	l.keys = make([]string, 0, len(l.from))
	for key := range l.from {
		l.keys = append(l.keys, key)
	}
	slices.Sort(l.keys)
}

// own makes the object the script's own.
func (l *lazy) own() {
	if l.from == nil {
		return
	}
	l.order()
	made := make(map[string]goja.Value, len(l.from)+1)
	for _, key := range l.keys {
		made[key] = l.Get(key)
	}
	l.from, l.made = nil, made
}

// holdObjects teaches Object.freeze and its like what goja does not do for objects that are backed by Go.
func (r *Runtime) holdObjects() {
	class := r.vm.Get("Object").ToObject(r.vm)
	wrap := func(name string, of func(l *lazy, o goja.Value) goja.Value) {
		usual, _ := goja.AssertFunction(class.Get(name))
		f := r.vm.ToValue(func(call goja.FunctionCall) goja.Value {
			if o, ok := call.Argument(0).(*goja.Object); ok && o.ExportType() == typeLazy {
				return of(o.Export().(*lazy), o)
			}
			v, err := usual(call.This, call.Arguments...)
			if err != nil {
				panic(err)
			}
			return v
		}).(*goja.Object)
		_ = f.DefineDataProperty("name", r.vm.ToValue(name), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE)
		_ = class.DefineDataProperty(name, f, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
	}
	for name, level := range map[string]hold{"preventExtensions": heldSize, "seal": heldFields, "freeze": heldAll} {
		wrap(name, func(l *lazy, o goja.Value) goja.Value {
			l.held = max(l.held, level)
			return o
		})
	}
	for name, holds := range map[string]func(hold) bool{
		"isExtensible": func(h hold) bool { return h == heldNot },
		"isSealed":     func(h hold) bool { return h >= heldFields },
		"isFrozen":     func(h hold) bool { return h == heldAll },
	} {
		wrap(name, func(l *lazy, _ goja.Value) goja.Value { return r.vm.ToValue(holds(l.held)) })
	}
}
