package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/kopru-io/kopru/plugins/sdk"
)

const arenaSize = 256 << 10

// table reads CSV: a line with the columns' names, then a record a line. All values are text.
type table struct {
	*reading
	split   splitter
	names   [][]byte // of the columns, as they stand before a value in JSON
	key     int      // which column, -1 = none
	arena   []byte   // payloads, one after the other
	number  int64    // of the line where the last record begins
	begun   bool
	nothing bool // not even the names are there yet
}

func newTable(ctx context.Context, r *reading) (*table, error) {
	t := &table{reading: r, split: splitter{delimiter: []byte(string(r.format.delimiter))}}
	if r.in.count == 0 {
		return t, t.header(ctx, r.in)
	}
	in, err := openInput(r.dir, r.in.name, r.format.gzip, mark{}) // the names are at the file's beginning
	if err != nil {
		return nil, err
	}
	if err = in.begin(); err == nil {
		err = t.header(ctx, in)
	}
	return t, errors.Join(err, in.close())
}

// header reads the columns' names.
func (t *table) header(ctx context.Context, in *input) error {
	b, whole, err := t.record(ctx, in)
	switch {
	case errors.Is(err, io.EOF), err == nil && !whole && !in.live:
		t.nothing = true
		return nil
	case errors.Is(err, errTooLong):
		return sdk.Fatal("file.bad_header", "%s: the line with the columns' names is longer than %d MiB; is this CSV?", in.name, longest>>20)
	case err == nil && !utf8.Valid(b):
		err = errors.New("it is not UTF-8; save the file as UTF-8")
	}
	if err != nil {
		var f *sdk.Failure
		if errors.As(err, &f) {
			return err
		}
		return sdk.Fatal("file.bad_header", "%s: the line with the columns' names can't be read: %v", in.name, err)
	}
	t.key = -1
	seen := map[string]bool{}
	for i, cell := range t.split.cells {
		name := string(cell)
		if seen[name] {
			return sdk.Fatal("file.bad_header", "%s: two columns are named %q; give each a name of its own", in.name, name)
		}
		seen[name] = true
		start := "{"
		if i > 0 {
			start = ","
		}
		quoted, err := jsontext.AppendQuote([]byte(start), name)
		if err != nil {
			return sdk.Fatal("file.bad_header", "%s: the name %q can't be used: %v", in.name, name, err)
		}
		t.names = append(t.names, append(quoted, ':'))
		if name == t.reading.key || t.reading.key == "" && name == "id" {
			t.key = i
		}
	}
	if t.reading.key != "" && t.key < 0 {
		return sdk.Fatal("file.bad_key", "%s has no column %q, which is to be the key; its columns are %q",
			in.name, t.reading.key, t.split.cells).At("key")
	}
	return nil
}

// record splits the next record that is not an empty line, and consumes it.
func (t *table) record(ctx context.Context, in *input) (b []byte, whole bool, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		b = in.rest()
		size, whole, err := t.split.record(b, errors.Is(in.err, io.EOF))
		if errors.Is(err, errMore) || len(b) == 0 {
			moreErr := in.more()
			if moreErr == nil {
				continue
			}
			if errors.Is(moreErr, io.EOF) && len(b) > 0 {
				return t.unclosed(in, b)
			}
			return nil, false, moreErr
		}
		b = b[:size]
		wrongSize := len(t.names) > 0 && len(t.split.cells) != len(t.names)
		if !whole && !in.live && (err != nil || wrongSize) {
			t.unfinished(size)
			return nil, false, io.EOF
		}
		t.number = in.count + 1
		if size > longest {
			return nil, false, errTooLong
		}
		in.consume(size)
		in.count += int64(bytes.Count(b, []byte("\n")))
		if !whole {
			in.count++
		}
		if err == nil && len(bytes.Trim(b, "\r\n")) == 0 {
			continue
		}
		return b, whole, err
	}
}

// unclosed deals with a quotation mark that is open to the end of the file. In a file it may be closed some day, and
// all that follows it hangs on that, so this is nothing to pass over.
func (t *table) unclosed(in *input, b []byte) ([]byte, bool, error) {
	switch {
	case len(b) > longest:
		return nil, false, errTooLong
	case !in.live:
		return nil, false, sdk.Transient("file.incomplete", "%s:%d: the record has a quotation mark that is not closed; "+
			"if the file is still being written run again later, else close it", in.name, in.count+1)
	}
	t.number = in.count + 1
	in.consume(len(b))
	in.count += int64(bytes.Count(b, []byte("\n")))
	return b, true, errUnclosed
}

func (t *table) next(ctx context.Context) (bool, error) {
	if t.nothing {
		return false, nil
	}
	if !t.begun {
		t.begun = true
		return t.restOfLine(ctx)
	}
	b, _, err := t.record(ctx, t.in)
	switch {
	case errors.Is(err, io.EOF):
		return false, nil
	case errors.Is(err, errTooLong):
		return true, t.long(ctx)
	case err != nil && !isWrong(err):
		return false, err
	case err == nil && !utf8.Valid(b):
		err = errors.New("the line is not UTF-8; save the file as UTF-8")
	case err == nil && len(t.split.cells) != len(t.names):
		err = fmt.Errorf("%d values where there are %d columns", len(t.split.cells), len(t.names))
	}
	if err == nil {
		err = t.take()
	}
	if err != nil {
		t.wrong(t.number, bytes.TrimRight(b, "\r\n"), err)
	}
	return true, nil
}

// isWrong tells whether an error is about a record, so that the rest can go on.
func isWrong(err error) bool {
	return errors.Is(err, errQuote) || errors.Is(err, errBehind) || errors.Is(err, errUnclosed)
}

// long passes over a line that is too long, unless it is a quotation mark that makes it so: then nobody can tell
// where the next record begins.
func (t *table) long(ctx context.Context) error {
	if i := bytes.IndexByte(t.in.rest(), '\n'); i >= 0 && i < longest {
		return sdk.Fatal("file.too_long", "%s:%d: the record is longer than the %d MiB that it may have; is a quotation mark not closed? "+
			"Correct the line", t.in.name, t.in.count+1, longest>>20)
	}
	return t.tooLong(ctx, "the line")
}

// take makes a record of the cells.
func (t *table) take() error {
	if t.key >= 0 && t.reading.key != "" && len(t.split.cells[t.key]) == 0 {
		return sdk.Invalid("file.no_key", "the record has nothing in %q, which is its key", t.reading.key)
	}
	size := len(t.names) + 1
	for i, cell := range t.split.cells {
		size += len(t.names[i]) + 6*len(cell) + 2 // at most: every byte as \u0000
	}
	if cap(t.arena)-len(t.arena) < size {
		t.arena = make([]byte, 0, max(arenaSize, size))
	}
	from := len(t.arena)
	for i, cell := range t.split.cells {
		t.arena = append(t.arena, t.names[i]...)
		t.arena = appendText(t.arena, cell)
	}
	t.arena = append(t.arena, '}')
	if t.key >= 0 && len(t.split.cells[t.key]) > 0 {
		t.keys = append(t.keys, t.split.cells[t.key]...)
	} else {
		t.place(t.number)
	}
	t.add(t.arena[from:])
	return nil
}

// appendText quotes valid UTF-8; mostly there is nothing in it that needs care.
func appendText(dst, text []byte) []byte {
	for _, c := range text {
		if c < ' ' || c == '"' || c == '\\' {
			dst, _ = jsontext.AppendQuote(dst, text) // only invalid UTF-8 fails
			return dst
		}
	}
	return append(append(append(dst, '"'), text...), '"')
}
