package vismanet

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// codec turns records into bodies and answers into records.
type codec struct {
	wrapped bool           // v1's {"value": …}
	v1      bool           // v1's days, which have no zone
	create  bool           // else an update
	zone    *time.Location // of business dates
	answers *time.Location // of an answer's times without a zone
}

// encode makes the body of a write. Fields that are only read are left out, so that what was read can be written
// back; a null clears a value on update and says nothing on create, nor in place of an object or a list.
func (c codec) encode(fields []field, in map[string]any) (map[string]any, error) {
	return c.object(fields, in, "", 0)
}

func (c codec) object(fields []field, in map[string]any, path string, parent sdk.Flag) (map[string]any, error) {
	out := map[string]any{}
	for _, name := range sortedKeys(in) {
		at := join(".", path, name)
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		if i < 0 {
			return nil, sdk.Invalid("vismanet.unknown_field", "Visma.net has no field %s here", at).At(at)
		}
		f := fields[i]
		flags := f.flags
		if path != "" {
			flags = f.inherit(parent)
		}
		nested := f.kind == object || f.kind == list || f.kind == pairs
		if !c.may(flags) || in[name] == nil && (c.create || nested) {
			continue
		}
		key, value, err := c.field(f, in[name], at, flags)
		if err != nil {
			return nil, err
		}
		if m, ok := value.(map[string]any); ok && len(m) == 0 {
			continue // an object of which nothing is written
		}
		out[key] = value
	}
	return out, nil
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

func (c codec) may(flags sdk.Flag) bool {
	if c.create {
		return flags&sdk.OnCreate != 0
	}
	return flags&sdk.OnUpdate != 0
}

func (c codec) field(f field, v any, at string, flags sdk.Flag) (name string, out any, err error) {
	if v, err = f.fit(v, at); err != nil {
		return "", nil, err
	}
	if f.encode != nil {
		name, out := f.encode(v)
		return name, out, nil
	}
	switch v := v.(type) {
	case map[string]any:
		if f.kind == pairs {
			return f.name, v, nil
		}
		inner, err := c.object(f.fields, v, at, flags)
		if err != nil {
			return "", nil, err
		}
		if len(inner) > 0 {
			maps.Copy(inner, f.constant)
		}
		if len(inner) == 0 || !c.wrapped || f.bare {
			return f.name, inner, nil
		}
		return f.name, wrap(inner), nil
	case []any:
		items := make([]any, 0, len(v))
		for i, item := range v {
			at := at + "[" + string(record.Int(int64(i))) + "]"
			m, ok := item.(map[string]any)
			if !ok {
				return "", nil, badValue(at, "an object", item)
			}
			inner, err := c.object(f.fields, m, at, flags)
			if err != nil {
				return "", nil, err
			}
			maps.Copy(inner, f.constant)
			items = append(items, inner)
		}
		return f.name, items, nil
	}
	if v, err = c.scalar(f, v, at); err != nil {
		return "", nil, err
	}
	if c.wrapped && !f.bare {
		v = wrap(v)
	}
	return f.name, v, nil
}

func wrap(v any) map[string]any { return map[string]any{"value": v} }

// scalar writes dates the way the API takes them.
func (c codec) scalar(f field, v any, at string) (any, error) {
	s, _ := v.(string)
	if v == nil || f.kind != day && f.kind != moment {
		return v, nil
	}
	t, err := parseTime(s, c.zone)
	if err != nil {
		return nil, badValue(at, `a date such as "2026-01-31"`, v)
	}
	if f.kind == day && c.v1 { // v1 books the day that is written, and shifts it when a zone is
		return t.In(c.zone).Format("2006-01-02T00:00:00"), nil
	}
	if f.kind == day { // midnight over there: a date without an offset would be UTC's, often the day before
		t = t.In(c.zone)
		t = time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, c.zone)
	}
	return t.Format(time.RFC3339), nil
}

// fit is a value as the field wants it: numbers and texts of digits stand for each other, null fits anywhere.
func (f field) fit(v any, at string) (any, error) {
	wants := map[kind]string{
		text: "text", day: "text", moment: "text", whole: "a whole number", decimal: "a number", truth: "true or false",
		object: "an object", pairs: "an object", list: "a list",
	}
	if n, ok := v.(record.Number); ok && f.kind == text {
		v = string(n)
	}
	fits := v == nil
	switch value := v.(type) {
	case string:
		if f.kind == whole || f.kind == decimal {
			return f.number(value, v, at)
		}
		fits = f.kind == text || f.kind == day || f.kind == moment
		if f.kind == text && len(f.values) > 0 && !slices.Contains(f.values, value) {
			return nil, sdk.Invalid("vismanet.bad_value", "%s must be one of %s, not %q",
				at, strings.Join(f.values, ", "), value).At(at)
		}
	case record.Number:
		if f.kind == whole || f.kind == decimal {
			return f.number(string(value), v, at)
		}
	case bool:
		fits = f.kind == truth
	case map[string]any:
		if f.kind == pairs {
			return texts(value, at)
		}
		fits = f.kind == object
	case []any:
		fits = f.kind == list
	}
	if !fits {
		return nil, badValue(at, wants[f.kind], v)
	}
	return v, nil
}

// texts are the values of pairs, which Visma.net keeps as texts.
func texts(in map[string]any, at string) (any, error) {
	out := make(map[string]any, len(in))
	for _, name := range sortedKeys(in) {
		v, err := field{kind: text}.fit(in[name], join(".", at, name))
		if err != nil {
			return nil, err
		}
		out[name] = v
	}
	return out, nil
}

// number reads a number without a detour over floats; a whole one may be written 2.0.
func (f field) number(text string, v any, at string) (any, error) {
	d, err := record.Number(strings.TrimSpace(text)).Decimal()
	if err != nil || d.Form != apd.Finite {
		return nil, badValue(at, "a number", v)
	}
	if f.kind == whole {
		i, err := d.Int64()
		if err != nil {
			return nil, badValue(at, "a whole number", v)
		}
		return record.Int(i), nil
	}
	return record.FromDecimal(d), nil
}

func badValue(at, want string, v any) error {
	return sdk.Invalid("vismanet.bad_value", "%s must be %s, not a %s", at, want, record.Kind(v)).At(at)
}

// ---- answers

// decode makes a record of an answer. What is empty over there is absent here.
func (c codec) decode(fields []field, in map[string]any) map[string]any {
	return c.record(fields, in, in)
}

func (c codec) record(fields []field, in, root map[string]any) map[string]any {
	out := map[string]any{}
	for _, f := range fields {
		v := dig(in, f.path())
		if rest, ok := strings.CutPrefix(f.path(), "/"); ok {
			v = dig(root, rest)
		}
		if f.decode != nil {
			v = f.decode(v)
		} else {
			v = c.value(f, v, root)
		}
		if v != nil && v != "" {
			out[f.name] = v
		}
	}
	return out
}

// value is one value of an answer; nil when it is not what the field holds.
func (c codec) value(f field, v any, root map[string]any) any {
	switch f.kind {
	case object:
		// An absent object may still have fields that come from elsewhere in the answer.
		m, _ := v.(map[string]any)
		if inner := c.record(f.fields, m, root); len(inner) > 0 {
			return inner
		}
		return nil
	case list:
		items, ok := v.([]any)
		if !ok {
			return nil
		}
		out := make([]any, 0, len(items))
		for _, item := range items {
			m, _ := item.(map[string]any)
			out = append(out, c.record(f.fields, m, root))
		}
		return out
	case pairs:
		if m, _ := v.(map[string]any); len(m) > 0 {
			return m
		}
		return nil
	}
	return c.plain(f.kind, v)
}

func (c codec) plain(k kind, v any) any {
	switch v := v.(type) {
	case bool:
		if k == truth {
			return v
		}
	case record.Number:
		if k == whole || k == decimal {
			return v
		}
		if k == text {
			return string(v)
		}
	case string:
		return c.words(k, v)
	}
	return nil
}

func (c codec) words(k kind, s string) any {
	switch k {
	case text:
		return s
	case day, moment:
		t, err := parseTime(s, c.answers)
		switch {
		case err != nil || t.Year() <= 1900: // Visma's "no date"
			return nil
		case k == day && c.v1: // as it is written, whatever zone v1 writes beside it
			return t.Format(time.DateOnly)
		case k == day:
			return t.In(c.zone).Format(time.DateOnly)
		}
		return t.UTC().Format(time.RFC3339Nano)
	case whole, decimal: // some amounts of v1 are numbers in quotes
		n := record.Number(strings.TrimSpace(s))
		if _, err := n.Decimal(); err == nil {
			return n
		}
	}
	return nil
}

// dig follows a path of names; nil when it leads nowhere.
func dig(m map[string]any, path string) any {
	var v any = m
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

// parseTime reads the shapes Visma writes: with an offset, with Z, and without a zone, with any number of decimals.
func parseTime(s string, zone *time.Location) (time.Time, error) {
	s = strings.TrimSpace(s)
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	var err error
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly} {
		var t time.Time
		if t, err = time.ParseInLocation(layout, s, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, err
}
