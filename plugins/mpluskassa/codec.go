package mpluskassa

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kopru-io/kopru/plugins/record"
)

// codec turns elements into record values and back, by the schema.
type codec struct {
	schema          schema
	zone            *time.Location
	vatScale        int
	discountScale   int
	absentScale     int
	absentScaleSeen func(field string) // told of a quantity whose scale is missing; nil = nobody asks
}

// fieldError says at which field a value is wrong.
type fieldError struct {
	path string
	err  error
}

func (e *fieldError) Error() string { return e.path + ": " + e.err.Error() }
func (e *fieldError) Unwrap() error { return e.err }

// at puts a field in front of an error's path.
func at(name string, err error) error {
	var inner *fieldError
	if errors.As(err, &inner) {
		return &fieldError{name + "." + inner.path, inner.err}
	}
	return &fieldError{name, err}
}

// decode reads an element of a type. Fields that the schema doesn't know are left out; absent ones stay absent.
func (c *codec) decode(of string, n *node) (map[string]any, error) {
	out := make(map[string]any, len(n.children))
	for _, f := range c.schema[of] {
		if f.kind == list {
			items, there, err := c.decodeList(f, n)
			if err != nil {
				return nil, at(f.name, err)
			}
			if there {
				out[f.name] = items
			}
			continue
		}
		child := n.child(f.name)
		if child == nil {
			continue
		}
		v, err := c.decodeValue(f, child, n)
		if err != nil {
			return nil, at(f.name, err)
		}
		out[f.name] = v
	}
	return out, nil
}

// rows are the elements of a list, which stand in a wrapper or bare.
func (f field) rows(n *node) (rows []*node, there bool) {
	if f.item == "" {
		rows = n.all(f.name)
		return rows, len(rows) > 0
	}
	wrapper := n.child(f.name)
	if wrapper == nil {
		return nil, false
	}
	return wrapper.all(f.item), true
}

func (c *codec) decodeList(f field, n *node) (items []any, there bool, err error) {
	rows, there := f.rows(n)
	items = make([]any, 0, len(rows))
	for i, row := range rows {
		var v any
		if f.of != "" {
			v, err = c.decode(f.of, row)
		} else {
			v, err = c.decodeValue(field{name: f.name, kind: f.items}, row, n)
		}
		if err != nil {
			return nil, false, at(strconv.Itoa(i), err)
		}
		items = append(items, v)
	}
	return items, there, nil
}

func (c *codec) decodeValue(f field, n, parent *node) (any, error) {
	if n.isNil {
		return nil, nil
	}
	switch f.kind {
	case text:
		return n.text, nil
	case object:
		return c.decode(f.of, n)
	case date:
		return decodeDate(n)
	case moment:
		return decodeMoment(n, c.zone)
	}
	s := strings.TrimSpace(n.text)
	if s == "" {
		return nil, nil
	}
	switch f.kind {
	case ident:
		return s, nil
	case boolean:
		switch s {
		case "true", "1":
			return true, nil
		case "false", "0":
			return false, nil
		}
		return nil, fmt.Errorf("%q is neither true nor false", s)
	case decimal:
		d, err := bounded(record.Number(s))
		if err != nil {
			return nil, err
		}
		return record.FromDecimal(d), nil
	}
	i, err := whole(s)
	if err != nil {
		return nil, err
	}
	return c.decodeNumber(f, i, parent)
}

func (c *codec) decodeNumber(f field, i int64, parent *node) (any, error) {
	switch f.kind {
	case cents:
		return shifted(i, 2), nil
	case percent:
		return percentage(i, c.vatScale), nil
	case discount:
		return percentage(i, c.discountScale), nil
	case quantity, scaled:
		decimals := 0
		given := parent.value(f.scale)
		switch {
		case given != "":
			n, err := whole(given)
			if err != nil || n < 0 || n > 18 {
				return nil, fmt.Errorf("%q is no number of decimals", given)
			}
			decimals = int(n)
		case f.kind == quantity:
			decimals = c.absentScale
			if c.absentScaleSeen != nil {
				c.absentScaleSeen(f.name)
			}
		}
		return shifted(i, decimals), nil
	}
	return record.Int(i), nil
}

// encode writes a record's fields in the schema's order. With clear a null empties a text; otherwise it is left out.
func (c *codec) encode(w *writer, of string, values map[string]any, clear bool) error {
	fields := c.schema[of]
	for name := range values {
		if !slices.ContainsFunc(fields, func(f field) bool { return f.name == name }) {
			return at(name, errors.New("there is no such field"))
		}
	}
	for _, f := range fields {
		v, there := values[f.name]
		if !there && !f.always {
			continue
		}
		if err := c.encodeField(w, f, v, clear && there); err != nil {
			return at(f.name, err)
		}
	}
	return nil
}

func (c *codec) encodeField(w *writer, f field, v any, clear bool) error {
	if v == nil {
		switch {
		case f.always && (f.kind == list || f.kind == text || f.kind == ident), clear && f.kind == text:
			w.leaf(f.name, "")
			return nil
		case f.always:
			return errors.New("a value is needed")
		case clear:
			return errors.New("it can't be emptied")
		}
		return nil
	}
	switch f.kind {
	case object:
		m, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("an object is needed, not a %s", record.Kind(v))
		}
		w.open(f.name)
		if err := c.encode(w, f.of, m, clear); err != nil {
			return err
		}
		w.close(f.name)
		return nil
	case list:
		items, ok := v.([]any)
		if !ok {
			return fmt.Errorf("a list is needed, not a %s", record.Kind(v))
		}
		return c.encodeList(w, f, items, clear)
	}
	return c.encodeScalar(w, f, v)
}

func (c *codec) encodeList(w *writer, f field, items []any, clear bool) error {
	if f.item != "" && (len(items) > 0 || f.always || clear) {
		w.open(f.name)
		defer w.close(f.name)
	}
	each := field{name: f.name, kind: f.items, of: f.of, values: f.values}
	if f.item != "" {
		each.name = f.item
	}
	if f.of != "" {
		each.kind = object
	}
	for i, item := range items {
		if item == nil {
			return at(strconv.Itoa(i), errors.New("null has no place in this list"))
		}
		if err := c.encodeField(w, each, item, false); err != nil {
			return at(strconv.Itoa(i), err)
		}
	}
	return nil
}

func (c *codec) encodeScalar(w *writer, f field, v any) error {
	switch f.kind {
	case boolean:
		b, ok := v.(bool)
		if !ok {
			return fmt.Errorf("true or false is needed, not a %s", record.Kind(v))
		}
		w.leaf(f.name, strconv.FormatBool(b))
		return nil
	case text, ident, date, moment:
		return c.encodeText(w, f, v)
	case percent, discount:
		return errors.New("it can't be set: its scale on the wire is not documented")
	}
	n, ok := v.(record.Number)
	if s, isText := v.(string); isText && (f.kind == long || f.kind == number) {
		n, ok = record.Number(strings.TrimSpace(s)), true
	}
	if !ok {
		return fmt.Errorf("a number is needed, not a %s", record.Kind(v))
	}
	return encodeNumber(w, f, n)
}

func (c *codec) encodeText(w *writer, f field, v any) error {
	s, ok := v.(string)
	if n, isNumber := v.(record.Number); isNumber && (f.kind == text || f.kind == ident) {
		s, ok = string(n), true
	}
	switch {
	case !ok:
		return fmt.Errorf("text is needed, not a %s", record.Kind(v))
	case !sendable(s):
		return errors.New("it has characters that XML can't carry")
	case f.kind == date:
		return encodeDate(w, f.name, s)
	case f.kind == moment:
		return encodeMoment(w, f.name, s, c.zone)
	case len(f.values) > 0 && !slices.Contains(f.values, s):
		return fmt.Errorf("%q is not one of %s", s, strings.Join(f.values, ", "))
	case f.kind == ident && s == "" && !f.always:
		return nil
	}
	w.leaf(f.name, s)
	return nil
}

// sendable tells whether XML 1.0 can carry the text; the encoder would put U+FFFD without a word.
func sendable(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError || r == 0xFFFE || r == 0xFFFF || r < 0x20 && r != '\t' && r != '\n' && r != '\r' {
			return false
		}
	}
	return true
}

func encodeNumber(w *writer, f field, n record.Number) error {
	switch f.kind {
	case decimal:
		d, err := bounded(n)
		if err != nil {
			return err
		}
		w.leaf(f.name, string(record.FromDecimal(d)))
		return nil
	case quantity, scaled:
		i, decimals, err := unscaled(n, 0, maxDecimals)
		if err != nil {
			return err
		}
		w.leaf(f.name, strconv.FormatInt(i, 10))
		w.leaf(f.scale, strconv.Itoa(decimals))
		return nil
	}
	decimals := 0
	if f.kind == cents {
		decimals = 2
	}
	i, _, err := unscaled(n, decimals, decimals)
	if err != nil {
		return err
	}
	if f.kind == number && (i > math.MaxInt32 || i < math.MinInt32) {
		return fmt.Errorf("%s is too big", n)
	}
	w.leaf(f.name, strconv.FormatInt(i, 10))
	return nil
}
