package transforms

import (
	"math"
	"strconv"

	"github.com/dop251/goja"
)

const (
	longestText = 16 << 20 // characters that one built-in may make
	longestList = 1 << 20  // elements that one built-in may go through
)

// refuse stops the script: a built-in would take time or memory that no budget can bound once it runs.
func (r *Runtime) refuse(code, format string, args ...any) goja.Value {
	r.refused = fault(code, format, args...).at(r.vm.CaptureCallStack(64, nil))
	r.vm.Interrupt(r.refused)
	return goja.Undefined()
}

// guardBuiltins puts limits on the built-ins that Interrupt cannot stop.
func (r *Runtime) guardBuiltins() {
	text := r.prototype("String")
	r.guard(text, "repeat", func(this goja.Value, args []goja.Value) float64 {
		return length(this) * number(args, 0)
	}, longestText)
	pad := func(_ goja.Value, args []goja.Value) float64 { return number(args, 0) }
	r.guard(text, "padStart", pad, longestText)
	r.guard(text, "padEnd", pad, longestText)
	r.guard(text, "replace", replaced, longestText)
	r.guard(text, "replaceAll", replaced, longestText)
	list := r.prototype("Array")
	all := func(this goja.Value, _ []goja.Value) float64 { return elements(this) }
	for _, name := range []string{
		"fill", "copyWithin", "indexOf", "lastIndexOf", "includes", "reverse", "toReversed", "slice", "splice",
		"toSpliced", "concat", "sort", "toSorted", "flat", "with", "unshift", "shift", "toString",
		"map", "forEach", "filter", "some", "every", "reduce", "reduceRight", "find", "findIndex", "findLast",
		"findLastIndex", "flatMap",
	} {
		r.guard(list, name, all, longestList)
	}
	r.guard(list, "join", joined, longestText)
	from := r.vm.Get("Array").ToObject(r.vm)
	r.guard(from, "from", func(_ goja.Value, args []goja.Value) float64 {
		if len(args) == 0 {
			return 0
		}
		return elements(args[0])
	}, longestList)
	r.guardClasses()
}

func (r *Runtime) prototype(class string) *goja.Object {
	return r.vm.Get(class).ToObject(r.vm).Get("prototype").ToObject(r.vm)
}

// guard replaces a method by one that measures first. The measure is an upper bound of what the method makes.
func (r *Runtime) guard(of *goja.Object, name string, measure func(goja.Value, []goja.Value) float64, most float64) {
	method, ok := goja.AssertFunction(of.Get(name))
	if !ok {
		return
	}
	guarded := func(call goja.FunctionCall) goja.Value {
		if r.watch.late() { // built-ins that call each other may not come back to where an interrupt is seen
			return goja.Undefined()
		}
		if n := measure(call.This, call.Arguments); n > most {
			return r.refuse("transform.output", "%s would make %s characters or elements; %s are the most", name, amount(n), amount(most))
		}
		v, err := method(call.This, call.Arguments...)
		if err != nil {
			panic(err)
		}
		return v
	}
	f := r.vm.ToValue(guarded).(*goja.Object)
	_ = f.DefineDataProperty("name", r.vm.ToValue(name), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE)
	_ = of.DefineDataProperty(name, f, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
}

func amount(n float64) string {
	if n > 1e15 {
		return "more than 10^15"
	}
	return strconv.FormatFloat(n, 'f', 0, 64)
}

// length is the length of text, 0 of what is none.
func length(v goja.Value) float64 {
	if s, ok := v.(goja.String); ok {
		return float64(s.Length())
	}
	return 1
}

func number(args []goja.Value, i int) float64 {
	if i >= len(args) {
		return 0
	}
	if _, ok := args[i].(*goja.Object); ok {
		return math.Inf(1) // its valueOf could answer differently the second time
	}
	f := args[i].ToFloat()
	if math.IsNaN(f) {
		return 0
	}
	return f
}

// replaced bounds the length of what replace and replaceAll make: each character may become the replacement.
func replaced(this goja.Value, args []goja.Value) float64 {
	if len(args) < 2 {
		return 0
	}
	with, ok := args[1].(goja.String)
	if !ok {
		return 0 // a function, whose calls the budget bounds
	}
	from, to := length(this), float64(with.Length())
	for _, c := range with.String() {
		if c == '$' { // $` and its like put in all that is before a match
			to += from
		}
	}
	if from*to <= longestText {
		return from * to
	}
	if pattern, ok := args[0].(goja.String); ok && pattern.Length() > 0 {
		return from / float64(pattern.Length()) * to
	}
	return from * to
}

// elements is the length of a list, or of what says it has one.
func elements(this goja.Value) float64 {
	o, ok := this.(*goja.Object)
	if !ok {
		return length(this)
	}
	n := o.Get("length")
	if n == nil {
		return 0
	}
	return n.ToFloat()
}

// joined bounds the length of what join makes.
func joined(this goja.Value, args []goja.Value) float64 {
	n := elements(this)
	o, ok := this.(*goja.Object)
	if !ok || n > longestList {
		return n * longestText
	}
	between := 1.0
	if len(args) > 0 && !goja.IsUndefined(args[0]) {
		between = length(args[0])
	}
	total := n * between
	for i := 0; i < int(n) && total <= longestText; i++ {
		if s, ok := o.Get(strconv.Itoa(i)).(goja.String); ok {
			total += float64(s.Length())
		}
	}
	return total
}

// guardClasses limits what buffers are made and which regular expressions. The classes stay themselves; only making
// one is looked at.
func (r *Runtime) guardClasses() {
	size := func(class string, most float64) func([]goja.Value) bool {
		return func(args []goja.Value) bool {
			if len(args) != 1 || !isNumber(args[0]) || number(args, 0) <= most {
				return true
			}
			r.refuse("transform.output", "%s(%s) is too large; %s is the most", class, amount(number(args, 0)), amount(most))
			return false
		}
	}
	r.guardClass("Array", size("Array", longestList))
	for _, class := range []string{
		"ArrayBuffer", "Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array",
		"Uint32Array", "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array",
	} {
		r.guardClass(class, size(class, longestText))
	}
	r.guardClass("RegExp", func(args []goja.Value) bool {
		if len(args) == 0 {
			return true
		}
		pattern, flags := args[0].String(), ""
		if o, ok := args[0].(*goja.Object); ok && o.ClassName() == "RegExp" {
			pattern = o.Get("source").String()
		}
		if len(args) > 1 {
			flags = args[1].String()
		}
		if help := unfit(pattern, flags); help != "" {
			r.refuse("transform.regex", "/%s/ can't be used. %s", clip(pattern, 200), help)
			return false
		}
		return true
	})
}

func isNumber(v goja.Value) bool {
	switch v.Export().(type) {
	case int64, float64:
		return true
	}
	return false
}

func (r *Runtime) guardClass(name string, allow func(args []goja.Value) bool) {
	class, ok := r.vm.Get(name).(*goja.Object)
	if !ok {
		return
	}
	construct, isClass := goja.AssertConstructor(class)
	if !isClass {
		return
	}
	guarded := r.vm.ToValue(func(c goja.ConstructorCall) *goja.Object {
		if !allow(c.Arguments) {
			return r.vm.NewObject()
		}
		var derived *goja.Object // of a class that extends this one
		if c.NewTarget != nil && c.NewTarget != r.vm.Get(name) {
			derived = c.NewTarget
		}
		o, err := construct(derived, c.Arguments...)
		if err != nil {
			panic(err)
		}
		return o
	}).(*goja.Object)
	fixed := func(of *goja.Object, property string, value goja.Value) {
		if err := of.DefineDataProperty(property, value, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE); err != nil {
			panic(name + ": " + err.Error())
		}
	}
	fixed(guarded, "prototype", class.Get("prototype"))
	fixed(guarded, "name", r.vm.ToValue(name))
	_ = guarded.SetPrototype(class) // for what the class has, such as Array.isArray
	_ = r.vm.Set(name, guarded)
}
