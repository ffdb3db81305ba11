package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/kopru-io/kopru/plugins/sdk"
)

// array reads a JSON document: an array of objects, one after the other, or a single object. A place in it is behind
// an element, so that elements added later are found there.
type array struct {
	*reading
	objects *objects
	single  bool
	dec     *jsontext.Decoder // finds where an element ends
	buf     bytes.Buffer
}

func (a *array) next(ctx context.Context) (bool, error) {
	if a.dec == nil {
		if more, err := a.begin(); !more || err != nil {
			return false, err
		}
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	skip, c, err := a.peek(0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	ended := errors.Is(err, io.EOF)
	switch {
	case a.single && a.in.count == 0:
		return true, a.element(skip)
	case a.single && ended:
		return false, nil
	case a.single:
		return false, a.bad("there is text after the object; for one object a line say format = %q", jsonLines)
	case ended:
		return false, a.incomplete()
	case c == ']':
		return false, a.closed(skip + 1)
	case a.in.count == 0:
		return true, a.element(skip)
	case c != ',':
		return false, a.bad("a comma or the list's end is missing")
	}
	skip, _, err = a.peek(skip + 1)
	if errors.Is(err, io.EOF) {
		return false, a.incomplete()
	}
	if err != nil {
		return false, err
	}
	return true, a.element(skip)
}

// begin finds out which of the two the document is.
func (a *array) begin() (bool, error) {
	a.dec = jsontext.NewDecoder(&bytes.Buffer{})
	if a.in.count > 0 {
		start := bytes.TrimLeft(bytes.TrimPrefix(a.in.head, []byte("\xEF\xBB\xBF")), " \t\r\n")
		a.single = !bytes.HasPrefix(start, []byte("["))
		return true, nil
	}
	skip, c, err := a.peek(0)
	switch {
	case errors.Is(err, io.EOF):
		return false, nil // nothing there yet
	case err != nil:
		return false, err
	case c == '{':
		a.single = true
	case c == '[':
		a.in.consume(skip + 1)
	default:
		return false, a.bad("it must be a list of objects or an object")
	}
	return true, nil
}

// peek returns the first character from an offset in what is next that is not white space.
func (a *array) peek(from int) (at int, c byte, err error) {
	for {
		rest := a.in.rest()
		for i := from; i < len(rest); i++ {
			switch rest[i] {
			case ' ', '\t', '\r', '\n':
			default:
				return i, rest[i], nil
			}
		}
		from = len(rest)
		if err := a.more(); err != nil {
			return 0, 0, err
		}
	}
}

func (a *array) more() error {
	err := a.in.more()
	if errors.Is(err, errTooLong) {
		return a.tooLong()
	}
	return err
}

func (a *array) tooLong() error {
	return sdk.Fatal("file.too_long", "%q: record %d is longer than the %d MiB that a record may have; write it in smaller ones",
		a.in.name, a.in.count+1, longest>>20)
}

// element reads the value that begins at an offset in what is next.
func (a *array) element(from int) error {
	for {
		rest := a.in.rest()[from:]
		a.buf = *bytes.NewBuffer(rest)
		a.dec.Reset(&a.buf, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) // check looks closer
		v, err := a.dec.ReadValue()
		size := int(a.dec.InputOffset())
		if size > longest {
			return a.tooLong()
		}
		if err == nil && (size < len(rest) || errors.Is(a.in.err, io.EOF)) { // at the end of what is known, a number may go on
			a.in.consume(from + size)
			a.in.count++
			a.take(v)
			return nil
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			return a.bad("%v", plain(err))
		}
		if moreErr := a.more(); errors.Is(moreErr, io.EOF) {
			return a.incomplete()
		} else if moreErr != nil {
			return moreErr
		}
	}
}

func (a *array) take(text []byte) {
	keys, ok, err := a.objects.check(a.keys, text)
	if err != nil {
		a.wrong(a.in.count, text, err)
		return
	}
	if a.keys = keys; !ok {
		a.place(a.in.count)
	}
	a.add(text)
}

// closed makes sure that nothing follows the list.
func (a *array) closed(from int) error {
	_, c, err := a.peek(from)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return a.bad("there is %q after the list; for one object a line say format = %q", c, jsonLines)
}

func (a *array) incomplete() error {
	return sdk.Transient("file.incomplete",
		"%q ends in the middle, after record %d; if it is still being written run again later, else copy it again", a.in.name, a.in.count)
}

func (a *array) bad(format string, args ...any) error {
	f := sdk.Fatal("file.bad_json", format, args...)
	f.Message = fmt.Sprintf("%s, after record %d: %s", a.in.name, a.in.count, f.Message)
	return f
}
