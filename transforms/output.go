package transforms

import (
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strconv"
	"time"

	"github.com/dop251/goja"

	"github.com/kopru-io/kopru/plugins/record"
)

const mostNested = 500 // levels of objects in a result

var (
	typeDecimal = reflect.TypeFor[*decimal]()
	typeTime    = reflect.TypeFor[time.Time]()
	typeObject  = reflect.TypeFor[map[string]any]()
	typeArray   = reflect.TypeFor[[]any]()
	typePromise = reflect.TypeFor[*goja.Promise]()
)

// output turns a script's result into a record value and counts its size on the way.
type output struct {
	r     *Runtime
	left  int // bytes
	above []*goja.Object
}

// valueError is what is wrong with a value somewhere in a result.
type valueError struct {
	code, path, text string
}

func (e *valueError) Error() string { return e.text }

// in puts a field or an index before the path of an error on its way out.
func in(step string, err error) error {
	var e *valueError
	if errors.As(err, &e) {
		if e.path != "" && e.path[0] != '[' {
			step += "."
		}
		e.path = step + e.path
	}
	return err
}

func bad(code, format string, args ...any) error {
	return &valueError{code: code, text: fmt.Sprintf(format, args...)}
}

func (o *output) spend(n int) error {
	if o.left -= n; o.left < 0 {
		return &valueError{code: "transform.output", text: fmt.Sprintf("the result is larger than %d bytes", o.r.program.budget.Output)}
	}
	return nil
}

// value converts v. ok is false for what JSON leaves out.
func (o *output) value(v goja.Value) (out any, ok bool, err error) {
	switch x := v.(type) {
	case nil:
		return nil, false, nil
	case goja.String:
		if err := o.spend(x.Length() + 2); err != nil {
			return nil, true, err
		}
		return x.String(), true, nil
	case *goja.Object:
		out, err = o.object(x)
		return out, true, err
	case *goja.Symbol:
		return nil, true, bad("transform.bad_value", "a symbol has no place in a record")
	}
	if goja.IsUndefined(v) {
		return nil, false, nil
	}
	if goja.IsNull(v) {
		return nil, true, o.spend(4)
	}
	switch x := v.Export().(type) {
	case bool:
		return x, true, o.spend(5)
	case int64:
		if x > exactInteger || x < -exactInteger {
			return o.number("", fmt.Errorf("%d is larger than a JavaScript number can hold exactly", x))
		}
		return o.number(record.Int(x), nil)
	case float64:
		return o.number(fromFloat(x))
	case *big.Int:
		return o.number(record.Number(x.String()), nil)
	}
	return nil, true, bad("transform.bad_value", "%s has no place in a record", describe(v))
}

func (o *output) number(n record.Number, err error) (any, bool, error) {
	if err != nil {
		return nil, true, bad("transform.inexact_number", "%s", err.Error())
	}
	return n, true, o.spend(len(n))
}

func (o *output) object(x *goja.Object) (any, error) {
	switch t := x.ExportType(); t {
	case typeDecimal:
		n := numberText(x.Export().(*decimal).value)
		return n, o.spend(len(n))
	case typeTime:
		at, ok := x.Export().(time.Time)
		if !ok {
			return nil, bad("transform.bad_value", "the Date is invalid")
		}
		text := at.UTC().Format("2006-01-02T15:04:05.999Z07:00")
		return text, o.spend(len(text) + 2)
	case typeObject, typeLazy, typeArray: // a Set exports as a list, too
		return o.nested(x)
	case typePromise:
		return nil, bad("transform.bad_value", "a promise has no place in a record; await it")
	}
	if _, isFunction := goja.AssertFunction(x); isFunction {
		return nil, bad("transform.bad_value", "a function has no place in a record")
	}
	switch x.ClassName() {
	case "Number", "Boolean": // new Number(1) and its like
		out, _, err := o.value(o.r.vm.ToValue(x.Export()))
		return out, err
	}
	return nil, o.foreign(x)
}

func (o *output) foreign(x *goja.Object) error {
	name := x.ClassName()
	if tag, ok := x.GetSymbol(goja.SymToStringTag).(goja.String); ok {
		name = tag.String()
	}
	return bad("transform.bad_value", "a %s has no place in a record; make a plain object or list of it", name)
}

func (o *output) nested(x *goja.Object) (any, error) {
	for _, above := range o.above {
		if above == x {
			return nil, bad("transform.bad_value", "the object contains itself")
		}
	}
	if len(o.above) >= mostNested {
		return nil, bad("transform.output", "objects are nested in more than %d levels", mostNested)
	}
	o.above = append(o.above, x)
	defer func() { o.above = o.above[:len(o.above)-1] }()
	switch name := x.ClassName(); {
	case x.ExportType() == typeArray && name != "Array":
		return nil, o.foreign(x)
	case name == "Array":
		return o.list(x)
	case name == "String": // new String("x")
		out, _, err := o.value(x.ToString())
		return out, err
	case name != "Object" && name != "Error":
		return nil, o.foreign(x)
	}
	if toJSON, ok := goja.AssertFunction(x.Get("toJSON")); ok {
		plain, err := toJSON(x)
		if err != nil {
			return nil, err
		}
		out, _, err := o.value(plain)
		return out, err
	}
	return o.members(x)
}

func (o *output) members(x *goja.Object) (any, error) {
	if x.ExportType() == typeLazy {
		if l := x.Export().(*lazy); l.from != nil && len(l.made) == 0 {
			if size, ok := sizeAsIs(l.from); ok {
				return l.from, o.spend(size) // record values never change
			}
		}
	}
	keys := x.Keys()
	m := make(map[string]any, len(keys))
	if err := o.spend(2); err != nil {
		return nil, err
	}
	for _, key := range keys {
		value, ok, err := o.value(x.Get(key))
		if err == nil && ok {
			err = o.spend(len(key) + 4)
		}
		if err != nil {
			return nil, in(key, err)
		}
		if ok {
			m[key] = value
		}
	}
	return m, nil
}

// sizeAsIs is the size of a record value, when a script would give it back just as it got it: without a number that is
// written otherwise than the script's numbers are.
func sizeAsIs(v any) (size int, ok bool) {
	switch v := v.(type) {
	case string:
		return len(v) + 2, true
	case record.Number:
		return len(v), usual(v)
	case map[string]any:
		size = 2
		for key, item := range v {
			n, ok := sizeAsIs(item)
			if !ok {
				return 0, false
			}
			size += n + len(key) + 4
		}
		return size, true
	case []any:
		size = 2 + len(v)
		for _, item := range v {
			n, ok := sizeAsIs(item)
			if !ok {
				return 0, false
			}
			size += n
		}
		return size, true
	case bool, nil:
		return 5, true
	}
	return 0, false
}

// usual tells whether n is written as fromFloat and record.Int would write it.
func usual(n record.Number) bool {
	if len(n) == 0 || len(n) > exactDigits || n[len(n)-1] == '.' || n == "-0" {
		return false
	}
	fraction := false
	for i := range len(n) {
		switch c := n[i]; {
		case c >= '0' && c <= '9':
		case c == '.':
			fraction = true
		case c == '-' && i == 0:
		default:
			return false
		}
	}
	return !fraction || n[len(n)-1] != '0'
}

func (o *output) list(x *goja.Object) (any, error) {
	length := int(x.Get("length").ToInteger())
	if err := o.spend(2 + length); err != nil { // before room is made for a length that somebody set
		return nil, err
	}
	list := make([]any, length)
	for i := range length {
		name := strconv.Itoa(i)
		value, _, err := o.value(x.Get(name)) // what is missing becomes null, as in JSON
		if err != nil {
			return nil, in("["+name+"]", err)
		}
		list[i] = value
	}
	return list, nil
}

// exported is v's Go value for the kinds of values that are cheap to export; nil for others.
func exported(v goja.Value) any {
	if v == nil {
		return nil
	}
	if o, ok := v.(*goja.Object); ok {
		if o.ExportType() == typeDecimal {
			return o.Export()
		}
		return nil
	}
	return v.Export()
}

// describe names a value in messages.
func describe(v goja.Value) string {
	if v == nil || goja.IsUndefined(v) {
		return "undefined"
	}
	if goja.IsNull(v) {
		return "null"
	}
	if o, ok := v.(*goja.Object); ok {
		return "a value of class " + o.ClassName()
	}
	return strconv.Quote(clip(v.String(), 60))
}

// clip shortens text to about so many bytes.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && text[most]&0xC0 == 0x80 {
		most--
	}
	return text[:most] + "…"
}
