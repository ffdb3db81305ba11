package file

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/kopru-io/kopru/plugins/sdk"
)

// lines reads JSON lines: one object a line. The payloads are the lines themselves.
type lines struct {
	*reading
	objects *objects
	begun   bool
}

func (l *lines) next(ctx context.Context) (bool, error) {
	if !l.begun {
		l.begun = true
		return l.restOfLine(ctx)
	}
	line, size, whole, err := l.in.line()
	switch {
	case errors.Is(err, io.EOF):
		return false, nil
	case errors.Is(err, errTooLong):
		return true, l.tooLong(ctx, "the line")
	case err != nil:
		return false, err
	}
	text := trim(line)
	if len(text) == 0 {
		if whole {
			l.take(size)
		}
		return whole, nil
	}
	keys, ok, err := l.objects.check(l.keys, text)
	if err != nil && !whole && !l.in.live { // who writes it may be in the middle of it
		l.unfinished(size)
		return false, nil
	}
	l.take(size)
	if err != nil {
		l.wrong(l.in.count, text, err)
		return true, nil
	}
	if l.keys = keys; !ok {
		l.place(l.in.count)
	}
	l.add(text)
	return true, nil
}

func (l *lines) take(size int) {
	l.in.consume(size)
	l.in.count++
}

func trim(line []byte) []byte {
	if n := len(line); n > 0 && line[0] == '{' && line[n-1] == '}' {
		return line
	}
	return bytes.Trim(line, " \t\r")
}

// restOfLine deals with a line that had no end when it was read: what came after it since must be its end.
func (r *reading) restOfLine(ctx context.Context) (bool, error) {
	if r.in.count == 0 || r.in.buf[r.in.pos-1] == '\n' {
		return true, nil
	}
	line, size, whole, err := r.in.line()
	switch {
	case errors.Is(err, io.EOF):
		return false, nil
	case errors.Is(err, errTooLong):
		r.in.count--
		return true, r.tooLong(ctx, "the line")
	case err != nil:
		return false, err
	case !whole:
		return false, nil
	}
	r.in.consume(size)
	if text := trim(line); len(text) > 0 {
		r.wrong(r.in.count, text, sdk.Invalid("file.line_went_on",
			"the line went on after it had been read as a whole one; let whoever writes the file end every line at once"))
	}
	return true, nil
}
