package transforms

import (
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"slices"
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

// output writes a script's result as JSON, in the form of record.Encode. What nobody looks into needs no value then.
type output struct {
	r     *Runtime
	text  []byte
	most  int // bytes of text
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

// room tells whether n bytes more are too many.
func (o *output) room(n int) error {
	if len(o.text)+n > o.most {
		return bad("transform.output", "the result is larger than %d bytes", o.most)
	}
	return nil
}

// value writes v. ok is false for what JSON leaves out.
func (o *output) value(v goja.Value) (ok bool, err error) {
	switch x := v.(type) {
	case nil:
		return false, nil
	case goja.String:
		return true, o.string(x)
	case *goja.Object:
		return true, o.object(x)
	case *goja.Symbol:
		return true, bad("transform.bad_value", "a symbol has no place in a record")
	}
	if goja.IsUndefined(v) {
		return false, nil
	}
	if goja.IsNull(v) {
		return true, o.word("null")
	}
	switch x := v.Export().(type) {
	case bool:
		return true, o.word(strconv.FormatBool(x))
	case int64:
		if x > exactInteger || x < -exactInteger {
			return true, o.number("", fmt.Errorf("%d is larger than a JavaScript number can hold exactly", x))
		}
		if err := o.room(len("-9007199254740991")); err != nil {
			return true, err
		}
		o.text = strconv.AppendInt(o.text, x, 10)
		return true, nil
	case float64:
		return true, o.number(fromFloat(x))
	case *big.Int:
		return true, o.number(record.Number(x.String()), nil)
	}
	return true, bad("transform.bad_value", "%s has no place in a record", describe(v))
}

func (o *output) word(text string) error {
	err := o.room(len(text))
	o.text = append(o.text, text...)
	return err
}

func (o *output) number(n record.Number, err error) error {
	if err != nil {
		return bad("transform.inexact_number", "%s", err.Error())
	}
	return o.word(string(n))
}

func (o *output) string(s goja.String) (err error) {
	if err := o.room(s.Length() + 2); err != nil { // before it is made
		return err
	}
	return o.quoted(s.String())
}

func (o *output) quoted(s string) (err error) {
	if o.text, err = record.Append(o.text, s); err != nil {
		return err
	}
	return o.room(0)
}

func (o *output) object(x *goja.Object) error {
	switch t := x.ExportType(); t {
	case typeDecimal:
		return o.word(string(numberText(x.Export().(*decimal).value)))
	case typeTime:
		at, ok := x.Export().(time.Time)
		if !ok {
			return bad("transform.bad_value", "the Date is invalid")
		}
		return o.quoted(at.UTC().Format("2006-01-02T15:04:05.999Z07:00"))
	case typeObject, typeLazy, typeArray: // a Set exports as a list, too
		return o.nested(x)
	case typePromise:
		return bad("transform.bad_value", "a promise has no place in a record; await it")
	}
	if _, isFunction := goja.AssertFunction(x); isFunction {
		return bad("transform.bad_value", "a function has no place in a record")
	}
	switch x.ClassName() {
	case "Number", "Boolean": // new Number(1) and its like
		return o.needed(o.r.vm.ToValue(x.Export()))
	}
	return o.foreign(x)
}

// needed writes v where something must stand.
func (o *output) needed(v goja.Value) error {
	ok, err := o.value(v)
	if err == nil && !ok {
		err = o.word("null")
	}
	return err
}

func (o *output) foreign(x *goja.Object) error {
	name := x.ClassName()
	if tag, ok := x.GetSymbol(goja.SymToStringTag).(goja.String); ok {
		name = tag.String()
	}
	return bad("transform.bad_value", "a %s has no place in a record; make a plain object or list of it", name)
}

func (o *output) nested(x *goja.Object) error {
	for _, above := range o.above {
		if above == x {
			return bad("transform.bad_value", "the object contains itself")
		}
	}
	if len(o.above) >= mostNested {
		return bad("transform.output", "objects are nested in more than %d levels", mostNested)
	}
	o.above = append(o.above, x)
	defer func() { o.above = o.above[:len(o.above)-1] }()
	switch name := x.ClassName(); {
	case x.ExportType() == typeArray && name != "Array":
		return o.foreign(x)
	case name == "Array":
		return o.list(x)
	case name == "String": // new String("x")
		return o.needed(x.ToString())
	case name != "Object" && name != "Error":
		return o.foreign(x)
	}
	if toJSON, ok := goja.AssertFunction(x.Get("toJSON")); ok {
		plain, err := toJSON(x)
		if err != nil {
			return err
		}
		return o.needed(plain)
	}
	return o.members(x)
}

func (o *output) members(x *goja.Object) (err error) {
	if x.ExportType() == typeLazy {
		if l := x.Export().(*lazy); l.from != nil && len(l.made) == 0 && asIs(l.from) {
			if o.text, err = record.Append(o.text, l.from); err != nil {
				return err
			}
			return o.room(0)
		}
	}
	keys := x.Keys()
	slices.Sort(keys)
	o.text = append(o.text, '{')
	first := len(o.text)
	for _, key := range keys {
		begin := len(o.text)
		if begin > first {
			o.text = append(o.text, ',')
		}
		if err := o.quoted(key); err != nil {
			return err
		}
		o.text = append(o.text, ':')
		ok, err := o.value(x.Get(key))
		if err != nil {
			return in(key, err)
		}
		if !ok {
			o.text = o.text[:begin]
		}
	}
	o.text = append(o.text, '}')
	return o.room(0)
}

// asIs tells whether a script would give a record value back just as it got it: it has no number that is written
// otherwise than the script's numbers are.
func asIs(v any) bool {
	switch v := v.(type) {
	case record.Number:
		return usual(v)
	case map[string]any:
		for _, item := range v {
			if !asIs(item) {
				return false
			}
		}
	case []any:
		return !slices.ContainsFunc(v, func(item any) bool { return !asIs(item) })
	}
	return true
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

func (o *output) list(x *goja.Object) error {
	length := int(x.Get("length").ToInteger())
	if err := o.room(2 + length); err != nil { // before a length that somebody set is gone through
		return err
	}
	o.text = append(o.text, '[')
	for i := range length {
		if i > 0 {
			o.text = append(o.text, ',')
		}
		name := strconv.Itoa(i)
		if err := o.needed(x.Get(name)); err != nil { // what is missing becomes null, as in JSON
			return in("["+name+"]", err)
		}
	}
	o.text = append(o.text, ']')
	return o.room(0)
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
