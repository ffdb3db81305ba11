// Package record is the document model that everything shares: JSON values whose numbers keep their decimal text.
//
// A value is one of nil, bool, string, Number, []any and map[string]any. Money, quantities and VAT are Numbers;
// they are never converted to binary floating point.
package record

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cockroachdb/apd/v3"
	"github.com/go-json-experiment/json/jsontext"
)

// Number is a JSON number in its decimal text, as it came.
type Number string

// Decimal returns the number as an exact decimal.
func (n Number) Decimal() (*apd.Decimal, error) {
	d, _, err := apd.NewFromString(string(n))
	if err != nil {
		return nil, fmt.Errorf("%q is not a number", string(n))
	}
	return d, nil
}

// MarshalJSON lets other encoders write the number as it is.
func (n Number) MarshalJSON() ([]byte, error) { return []byte(n), nil }

// FromDecimal returns d's plain text: no exponent, trailing zeros kept.
func FromDecimal(d *apd.Decimal) Number { return Number(d.Text('f')) }

// Int returns i as a Number.
func Int(i int64) Number { return Number(strconv.FormatInt(i, 10)) }

// Text returns a text, or a number as it came; "" of anything else.
func Text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case Number:
		return string(v)
	}
	return ""
}

// Decode parses one JSON value. Duplicate keys and trailing text are errors.
func Decode(data []byte) (any, error) {
	if v, ok := decodeQuick(data); ok {
		return v, nil
	}
	return decodeStrict(data)
}

func decodeStrict(data []byte) (any, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(data))
	v, err := decode(dec)
	if err != nil {
		return nil, err
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("text after the JSON value at byte %d", dec.InputOffset())
	}
	return v, nil
}

// DecodeObject parses one JSON object.
func DecodeObject(data []byte) (map[string]any, error) {
	v, err := Decode(data)
	if err != nil {
		return nil, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("a JSON object was expected, not %s", Kind(v))
	}
	return m, nil
}

func decode(dec *jsontext.Decoder) (any, error) {
	tok, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case 'n':
		return nil, nil
	case 't', 'f':
		return tok.Bool(), nil
	case '"':
		return tok.String(), nil
	case '0':
		return Number(tok.String()), nil
	case '[':
		list := make([]any, 0, 8)
		for dec.PeekKind() != ']' {
			v, err := decode(dec)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = dec.ReadToken()
		return list, err
	case '{':
		m := make(map[string]any, 8)
		for dec.PeekKind() != '}' {
			name, err := dec.ReadToken()
			if err != nil {
				return nil, err
			}
			key := name.String()
			v, err := decode(dec)
			if err != nil {
				return nil, err
			}
			m[key] = v
		}
		_, err = dec.ReadToken()
		return m, err
	}
	return nil, errors.New("unexpected JSON token")
}

// Kind names v's type the way messages do.
func Kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "bool"
	case string:
		return "string"
	case Number:
		return "number"
	case []any:
		return "list"
	case map[string]any:
		return "object"
	}
	return fmt.Sprintf("%T", v)
}

// Encode writes v as JSON with sorted keys, so equal documents have equal bytes.
func Encode(v any) ([]byte, error) {
	room := buffers.Get().(*[]byte)
	defer buffers.Put(room)
	data, err := Append((*room)[:0], v)
	if err != nil {
		return nil, err
	}
	if cap(data) <= mostShared {
		*room = data
	}
	return bytes.Clone(data), nil
}

// buffers are room to write in, so that a document is copied once rather than with each growth.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// Append appends v as JSON to dst.
func Append(dst []byte, v any) ([]byte, error) {
	var err error
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		if v {
			return append(dst, "true"...), nil
		}
		return append(dst, "false"...), nil
	case string:
		return appendString(dst, v)
	case Number:
		return append(dst, v...), nil
	case []any:
		dst = append(dst, '[')
		for i, item := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = Append(dst, item); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	case map[string]any:
		var buf [24]string
		keys := buf[:0]
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		dst = append(dst, '{')
		for i, k := range keys {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendString(dst, k); err != nil {
				return nil, err
			}
			dst = append(dst, ':')
			if dst, err = Append(dst, v[k]); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	}
	return nil, fmt.Errorf("a %T has no place in a record", v)
}

// appendString quotes s; invalid UTF-8 becomes U+FFFD rather than an error.
func appendString(dst []byte, s string) ([]byte, error) {
	if isPlain(s) {
		dst = append(dst, '"')
		dst = append(dst, s...)
		return append(dst, '"'), nil
	}
	return jsontext.AppendQuote(dst, strings.ToValidUTF8(s, "\uFFFD"))
}

// isPlain tells whether s stands between quotes as it is.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// Equal tells whether two values are the same; numbers by value, so 1.50 equals 1.5.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case Number:
		b, ok := b.(Number)
		if !ok {
			return false
		}
		if a == b {
			return true
		}
		x, err1 := a.Decimal()
		y, err2 := b.Decimal()
		return err1 == nil && err2 == nil && x.Cmp(y) == 0
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, Equal)
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			w, ok := b[k]
			if !ok || !Equal(v, w) {
				return false
			}
		}
		return true
	}
	switch b.(type) {
	case Number, []any, map[string]any:
		return false
	}
	return a == b
}

// Hash is a short digest of v in which equal values have equal hashes.
func Hash(v any) string {
	data, err := Append(nil, canonical(v))
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

func canonical(v any) any {
	switch v := v.(type) {
	case Number:
		d, err := v.Decimal()
		if err != nil {
			return v
		}
		d.Reduce(d)
		if d.IsZero() {
			return Number("0")
		}
		return FromDecimal(d)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = canonical(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, item := range v {
			out[k] = canonical(item)
		}
		return out
	}
	return v
}

// Change is one field that differs.
type Change struct {
	Field string `json:"field"`
	From  any    `json:"from"`
	To    any    `json:"to"`
}

// Diff lists, by path and in order of the paths, where want differs from have. Objects are compared field by field
// and only for the fields that want has; lists as a whole, element by element where their lengths agree.
func Diff(have, want any) []Change {
	var out []Change
	diff("", have, want, &out)
	slices.SortFunc(out, func(a, b Change) int { return cmp.Compare(a.Field, b.Field) })
	return out
}

func diff(path string, have, want any, out *[]Change) {
	switch w := want.(type) {
	case map[string]any:
		if h, ok := have.(map[string]any); ok {
			for k, v := range w {
				sub := k
				if path != "" {
					sub = path + "." + k
				}
				diff(sub, h[k], v, out)
			}
			return
		}
	case []any:
		if h, ok := have.([]any); ok && len(h) == len(w) {
			for i := range w {
				diff(fmt.Sprintf("%s[%d]", path, i), h[i], w[i], out)
			}
			return
		}
	}
	if !Equal(have, want) {
		*out = append(*out, Change{Field: path, From: have, To: want})
	}
}
