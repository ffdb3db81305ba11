package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/kopru-io/kopru/plugins/sdk"
)

// encoder writes records in one format.
type encoder interface {
	// append adds a record to dst. first says that it is the file's first one.
	append(dst []byte, op sdk.Op, first bool) ([]byte, error)
	// closing is what makes a file of one record or more whole.
	closing() string
}

// lineEncoder writes JSON lines.
type lineEncoder struct{}

func (lineEncoder) append(dst []byte, op sdk.Op, _ bool) ([]byte, error) {
	dst, err := appendObject(dst, op)
	return append(dst, '\n'), err
}

func (lineEncoder) closing() string { return "" }

// arrayEncoder writes a JSON array.
type arrayEncoder struct{}

func (arrayEncoder) append(dst []byte, op sdk.Op, first bool) ([]byte, error) {
	before := ",\n"
	if first {
		before = "[\n"
	}
	return appendObject(append(dst, before...), op)
}

func (arrayEncoder) closing() string { return "\n]\n" }

// appendObject adds a record's JSON as it is, on a single line.
func appendObject(dst []byte, op sdk.Op) ([]byte, error) {
	if len(op.Payload) == 0 {
		return nil, sdk.Invalid("file.no_payload", "the record %q has nothing to write", op.Key)
	}
	if bytes.IndexByte(op.Payload, '\n') < 0 && bytes.IndexByte(op.Payload, '\r') < 0 {
		return append(dst, op.Payload...), nil
	}
	v := jsontext.Value(bytes.Clone(op.Payload))
	if err := v.Compact(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)); err != nil {
		return nil, sdk.Invalid("file.bad_payload", "the record %q is not JSON: %v", op.Key, plain(err))
	}
	return append(dst, v...), nil
}

// rowEncoder writes CSV.
type rowEncoder struct {
	delimiter string
	columns   []string // none = those of the first record
	index     map[string]int
	dec       *jsontext.Decoder
	buf       bytes.Buffer
	cells     []jsontext.Value
	text      []byte
}

func newRowEncoder(f format, columns []string) *rowEncoder {
	e := &rowEncoder{delimiter: string(f.delimiter), dec: jsontext.NewDecoder(&bytes.Buffer{})}
	e.use(columns)
	return e
}

func (e *rowEncoder) use(columns []string) {
	e.columns, e.index = columns, make(map[string]int, len(columns))
	for i, c := range columns {
		e.index[c] = i
	}
	e.cells = make([]jsontext.Value, len(columns))
}

func (e *rowEncoder) closing() string { return "" }

func (e *rowEncoder) append(dst []byte, op sdk.Op, first bool) ([]byte, error) {
	if len(e.columns) == 0 {
		var columns []string
		err := e.fields(op, func(name string, _ jsontext.Value) error { columns = append(columns, name); return nil })
		if err != nil {
			return nil, err
		}
		if len(columns) == 0 {
			return nil, sdk.Invalid("file.no_fields", "the first record, %q, has no fields to make columns of; give the sink `columns`", op.Key)
		}
		e.use(columns)
	}
	if first {
		for i, c := range e.columns {
			dst = e.appendCell(e.separate(dst, i), []byte(c))
		}
		dst = append(dst, '\n')
	}
	clear(e.cells)
	err := e.fields(op, func(name string, value jsontext.Value) error {
		i, ok := e.index[name]
		if !ok {
			return sdk.Invalid("file.unknown_field", "the record %q has a field %q, and the file has no such column: %s; "+
				"take it out with a transform or give the sink other `columns` and a new file", op.Key, name, strings.Join(e.columns, ", ")).At(name)
		}
		e.cells[i] = value
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, value := range e.cells {
		if dst, err = e.appendValue(e.separate(dst, i), value); err != nil {
			return nil, err
		}
	}
	return append(dst, '\n'), nil
}

// fields calls each with the fields of a record.
func (e *rowEncoder) fields(op sdk.Op, each func(name string, value jsontext.Value) error) error {
	bad := func(err error) error {
		return sdk.Invalid("file.bad_payload", "the record %q is no JSON object: %v", op.Key, err)
	}
	e.buf = *bytes.NewBuffer(op.Payload)
	e.dec.Reset(&e.buf)
	if e.dec.PeekKind() != '{' {
		return bad(errors.New("it must begin with {"))
	}
	if _, err := e.dec.ReadToken(); err != nil {
		return bad(plain(err))
	}
	for e.dec.PeekKind() != '}' {
		name, err := e.dec.ReadToken()
		if err != nil {
			return bad(plain(err))
		}
		text := name.String()
		value, err := e.dec.ReadValue()
		if err != nil {
			return bad(plain(err))
		}
		if err := each(text, value); err != nil {
			return err
		}
	}
	if _, err := e.dec.ReadToken(); err != nil {
		return bad(plain(err))
	}
	if _, err := e.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return bad(errors.New("there is text after it"))
	}
	return nil
}

func (e *rowEncoder) separate(dst []byte, i int) []byte {
	if i > 0 {
		dst = append(dst, e.delimiter...)
	}
	return dst
}

// appendValue writes text and numbers as they are, null and what is absent as nothing, and what is nested as JSON.
func (e *rowEncoder) appendValue(dst []byte, value jsontext.Value) ([]byte, error) {
	switch value.Kind() {
	case '"':
		text, err := jsontext.AppendUnquote(e.text[:0], value)
		if err != nil {
			return nil, fmt.Errorf("a text can't be written: %w", err)
		}
		e.text = text
		return e.appendCell(dst, text), nil
	case '{', '[':
		nested := value.Clone()
		if err := nested.Compact(); err != nil {
			return nil, fmt.Errorf("a nested value can't be written: %w", err)
		}
		return e.appendCell(dst, nested), nil
	case 't', 'f', '0':
		return e.appendCell(dst, value), nil
	}
	return e.appendCell(dst, nil), nil
}

// appendCell quotes what needs it; an empty value too where it would make an empty line.
func (e *rowEncoder) appendCell(dst, text []byte) []byte {
	switch {
	case len(text) == 0 && len(e.columns) > 1:
		return dst
	case len(text) > 0 && text[0] != ' ' && !bytes.ContainsAny(text, "\"\r\n") && !bytes.Contains(text, []byte(e.delimiter)) &&
		!bytes.HasPrefix(text, []byte("\xEF\xBB\xBF")):
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for _, c := range text {
		if c == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}
