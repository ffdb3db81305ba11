package vismanet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"
)

type object = map[string]any

type kind int

const (
	text kind = iota
	number
	integer
	boolean
	moment
	group
	list
	textList
	anyObject
)

func (k kind) String() string {
	return [...]string{"string", "number", "integer", "boolean", "date-time", "object", "array", "array", "object"}[k]
}

// field is one property of a body. A wrapped property arrives as {"value": …}, a bare one as itself; which one it is
// differs per property of the ERP API, and the Sales Order Service wraps nothing.
type field struct {
	name     string
	kind     kind
	wrapped  bool
	enum     []string
	max      int
	least    string
	most     string
	of       *schema
	required bool // must be there and not empty
	notNull  bool // may be left out, but not be null: a value type in .NET
}

// schema is the shape of one body of the contract.
type schema struct {
	name   string
	fields map[string]field
	order  []string
}

func newSchema(name string, parts ...[]field) *schema {
	s := &schema{name: name, fields: make(map[string]field)}
	for _, part := range parts {
		for _, f := range part {
			key := strings.ToLower(f.name)
			s.fields[key], s.order = f, append(s.order, key)
		}
	}
	return s
}

func required(fields []field) []field {
	for i := range fields {
		fields[i].required = true
	}
	return fields
}

func notNull(fields []field) []field {
	for i := range fields {
		fields[i].notNull = true
	}
	return fields
}

// between gives number fields a range.
func between(least, most, names string) []field {
	fields := bare(number, names)
	for i := range fields {
		fields[i].least, fields[i].most = least, most
	}
	return fields
}

func wrapped(k kind, names string) []field {
	fields := bare(k, names)
	for i := range fields {
		fields[i].wrapped = true
	}
	return fields
}

func bare(k kind, names string) []field {
	var fields []field
	for _, name := range strings.Fields(names) {
		fields = append(fields, field{name: name, kind: k})
	}
	return fields
}

func wrappedEnum(name, values string) []field {
	return []field{{name: name, wrapped: true, enum: strings.Fields(values)}}
}

func bareEnum(name, values string) []field {
	return []field{{name: name, enum: strings.Fields(values)}}
}

func wrappedGroup(of *schema, names string) []field { return nested(wrapped(group, names), of) }

func bareGroup(of *schema, names string) []field { return nested(bare(group, names), of) }

func listOf(of *schema, names string) []field { return nested(bare(list, names), of) }

func nested(fields []field, of *schema) []field {
	for i := range fields {
		fields[i].of = of
	}
	return fields
}

// limited gives text fields a maximum length.
func limited(max int, names string) []field {
	fields := bare(text, names)
	for i := range fields {
		fields[i].max = max
	}
	return fields
}

// values is a checked body: canonical names, unwrapped, with string, int, bool, *apd.Decimal, time.Time, values, []values
// []string or object inside. A key that was sent as null is there with nil.
type values map[string]any

func (v values) has(name string) bool { _, ok := v[name]; return ok }

// text is the field's text; empty when it is absent or null.
func (v values) text(name string) string { t, _ := v[name].(string); return t }

func (v values) group(name string) values { g, _ := v[name].(values); return g }

func (v values) list(name string) []values { l, _ := v[name].([]values); return l }

func (v values) decimal(name string) *apd.Decimal { d, _ := v[name].(*apd.Decimal); return d }

func (v values) integer(name string) int { n, _ := v[name].(int); return n }

// flag is the field's truth and whether it was given one.
func (v values) flag(name string) (value, given bool) { b, ok := v[name].(bool); return b, ok }

// time is the field's moment, or nil.
func (v values) time(name string) *time.Time {
	if t, ok := v[name].(time.Time); ok {
		return &t
	}
	return nil
}

// flaw is one thing wrong with a body.
type flaw struct {
	path    string
	code    string
	message string
	params  object
}

// reading is one decoding of a body: what is wrong with it and which members nobody knows.
type reading struct {
	flaws   []flaw
	ignored []string
}

func (r *reading) reject(path, code, message string) {
	r.flaws = append(r.flaws, flaw{path: path, code: code, message: message})
}

// parseBody reads one JSON object and nothing behind it.
func parseBody(body []byte) (object, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var o object
	if err := d.Decode(&o); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is text after the JSON object")
	}
	if o == nil {
		return nil, errors.New("a JSON object is required")
	}
	return o, nil
}

// read checks a body against the schema.
func (r *reading) read(s *schema, body object, path string) values {
	out := make(values)
	names := make([]string, 0, len(body))
	for name := range body {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		f, known := s.fields[strings.ToLower(name)]
		at := join(path, name)
		if !known {
			r.ignored = append(r.ignored, at)
			continue
		}
		raw := body[name]
		if f.wrapped && raw == nil {
			continue // no wrapper at all is the same as leaving the field out
		}
		if f.wrapped {
			wrapper, ok := raw.(object)
			inner, has := member(wrapper, "value")
			if !ok || !has {
				r.reject(at, "", fmt.Sprintf("The value of '%s' must be an object with the member 'value'.", at))
				continue
			}
			raw = inner
		}
		if value, ok := r.value(f, raw, at); ok {
			out[f.name] = value
		}
	}
	for _, key := range s.order {
		f := s.fields[key]
		if f.required && (out[f.name] == nil || out[f.name] == "") {
			r.reject(join(path, f.name), "0001-NullNotAllowed", fmt.Sprintf("The %s field is required.", f.name))
		}
	}
	return out
}

func member(o object, name string) (any, bool) {
	for k, v := range o {
		if strings.EqualFold(k, name) {
			return v, true
		}
	}
	return nil, false
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (r *reading) value(f field, raw any, at string) (any, bool) {
	if raw == nil && !f.notNull {
		return nil, true
	}
	switch f.kind {
	case text:
		if t, ok := raw.(string); ok {
			return r.text(f, t, at)
		}
	case number:
		if n, ok := raw.(json.Number); ok {
			return r.number(f, n, at)
		}
	case integer:
		if n, ok := raw.(json.Number); ok {
			if i, err := n.Int64(); err == nil && i >= -1<<31 && i < 1<<31 {
				return int(i), true
			}
		}
	case boolean:
		if b, ok := raw.(bool); ok {
			return b, true
		}
	case moment:
		if t, ok := raw.(string); ok {
			if m, ok := parseMoment(t); ok {
				return m, true
			}
		}
	case group:
		if o, ok := raw.(object); ok {
			return r.read(f.of, o, at), true
		}
	case list:
		if l, ok := raw.([]any); ok {
			return r.list(f, l, at)
		}
	case textList:
		if l, ok := texts(raw); ok {
			return l, true
		}
	case anyObject:
		if o, ok := raw.(object); ok {
			return o, true
		}
	}
	r.reject(at, "", fmt.Sprintf("The JSON value could not be converted to %s. Path: $.%s", f.kind, at))
	return nil, false
}

func texts(raw any) ([]string, bool) {
	l, ok := raw.([]any)
	out := make([]string, 0, len(l))
	for _, e := range l {
		t, is := e.(string)
		ok = ok && is
		out = append(out, t)
	}
	return out, ok
}

func (r *reading) text(f field, t, at string) (any, bool) {
	if f.max > 0 && utf8.RuneCountInString(t) > f.max {
		r.flaws = append(r.flaws, flaw{
			path: at, code: "0002-InvalidLength", params: object{"maxLength": f.max},
			message: fmt.Sprintf("The field %s must be a string with a maximum length of %d.", f.name, f.max),
		})
		return nil, false
	}
	if f.enum != nil {
		i := slices.IndexFunc(f.enum, func(e string) bool { return strings.EqualFold(e, t) })
		if i < 0 {
			r.reject(at, "0003-InvalidValue", fmt.Sprintf("Error converting value \"%s\" to %s; it must be one of %s.", t,
				f.name, strings.Join(f.enum, ", ")))
			return nil, false
		}
		return f.enum[i], true
	}
	return t, true
}

func (r *reading) number(f field, n json.Number, at string) (any, bool) {
	d, err := parseDecimal(n.String())
	if err != nil {
		r.reject(at, "0003-InvalidValue", err.Error())
		return nil, false
	}
	if f.least != "" && (d.Cmp(dec(f.least)) < 0 || d.Cmp(dec(f.most)) > 0) {
		r.reject(at, "0100-OutsideValidRange", fmt.Sprintf("The field %s must be between %s and %s.", f.name, f.least, f.most))
		return nil, false
	}
	return d, true
}

func (r *reading) list(f field, l []any, at string) (any, bool) {
	out := make([]values, 0, len(l))
	for i, raw := range l {
		where := fmt.Sprintf("%s[%d]", at, i)
		o, ok := raw.(object)
		if !ok {
			r.reject(where, "", fmt.Sprintf("The JSON value could not be converted to an object. Path: $.%s", where))
			continue
		}
		out = append(out, r.read(f.of, o, where))
	}
	return out, true
}
