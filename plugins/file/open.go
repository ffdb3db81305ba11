package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"

	"github.com/kopru-io/kopru/plugins/sdk"
)

const (
	emptyList  = "[]\n"
	whiteSpace = " \t\r\n"
)

// openWriter opens a file at the position where it was settled, or for the first time.
func (c *connection) openWriter(request sdk.WriteRequest, f format, e encoder) (_ sdk.BatchWriter, err error) {
	name, err := Name(request.Entity)
	if err != nil {
		return nil, err
	}
	root, err := c.root()
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // the file stays open without it
	dir, w := here{root}, &writer{name: name, encoder: e}
	if f.gzip {
		w.packed = newPacker()
	}
	if err := w.open(root, request.Position == ""); err != nil {
		return nil, err
	}
	size, err := w.file.Seek(0, io.SeekEnd)
	switch {
	case err != nil:
		err = w.failure(err)
	case request.Position != "":
		err = w.resume(request.Position, size)
	case size > 0:
		err = w.first(dir, f, request.Options.String("if_exists"), size)
	}
	if err == nil && w.at > 0 && f.kind == commas {
		err = w.takeColumns(dir, f, e.(*rowEncoder))
	}
	if err == nil {
		err = w.cut()
	}
	if err != nil {
		return nil, errors.Join(err, w.file.Close())
	}
	if w.at != 0 || request.Position != "" || size != 0 {
		c.log.Debug("the file is written on", "file", name, "at", w.at, "cut", size-w.at)
	}
	return w, nil
}

// open opens and locks the file. Only a file that was never settled is made.
func (w *writer) open(root *os.Root, first bool) error {
	flags, missing := os.O_RDWR, false
	info, err := root.Stat(w.name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !first:
		return replaced(w.name, "it is gone")
	case errors.Is(err, fs.ErrNotExist):
		missing = true
		flags |= os.O_CREATE
		err = makeFolder(root, w.name)
	case err == nil && !info.Mode().IsRegular():
		return notRegular(w.name)
	}
	if err == nil {
		w.file, err = root.OpenFile(w.name, flags, 0o644)
	}
	if err != nil {
		return pathFailure(w.name, err)
	}
	ok, err := lock(w.file)
	if err == nil && missing {
		err = syncFolders(root, path.Dir(w.name))
	}
	switch {
	case err != nil:
		err = w.failure(err)
	case !ok:
		err = sdk.Fatal("file.in_use", "another sink is writing %q; give each sink a file of its own, or wait for the other run", w.name)
	default:
		return nil
	}
	return errors.Join(err, w.file.Close())
}

// syncFolders makes a new file's name durable, and those of the folders that lead to it.
func syncFolders(root *os.Root, folder string) error {
	for {
		f, err := root.Open(folder)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
		if folder == "." {
			return nil
		}
		folder = path.Dir(folder)
	}
}

// resume goes to the position where the file was settled.
func (w *writer) resume(text string, size int64) error {
	p, err := parsePosition(text)
	if err != nil {
		return err
	}
	if size < p.At {
		return replaced(w.name, fmt.Sprintf("it has %d bytes where %d were written", size, p.At))
	}
	if err := w.goTo(p.At); err != nil {
		return err
	}
	if p.Sum != "" && p.Sum != fingerprint(nil, w.tail) {
		return replaced(w.name, "what was written last stands in it no more")
	}
	return nil
}

func parsePosition(text string) (p position, err error) {
	if err := json.Unmarshal([]byte(text), &p); err != nil || p.At < 0 {
		return p, sdk.Fatal("file.bad_position",
			"the stored place %.100q is none of this connector; reset the pipeline's state and begin with a new file", text)
	}
	return p, nil
}

func (w *writer) goTo(at int64) error {
	w.at, w.tail = at, make([]byte, min(at, fingerprinted))
	if _, err := w.file.ReadAt(w.tail, at-int64(len(w.tail))); err != nil {
		return w.failure(err)
	}
	return nil
}

func replaced(name, how string) error {
	return sdk.Fatal("file.changed", "%q is not the file that was written before: %s. Nothing was written. Put the old file back, "+
		"or reset the pipeline's state and begin with a new file", name, how)
}

// first deals with what is in a file that was not written before.
func (w *writer) first(dir Folder, f format, ifExists string, size int64) error {
	if f.kind == jsonArray && !f.gzip && size < 64 { // an empty list is nothing
		start := make([]byte, size)
		if _, err := w.file.ReadAt(start, 0); err != nil {
			return w.failure(err)
		}
		if inside, ok := bytes.CutPrefix(bytes.Trim(start, whiteSpace), []byte("[")); ok && string(bytes.Trim(inside, whiteSpace)) == "]" {
			return nil
		}
	}
	switch {
	case ifExists == ifExistsReplace:
		return nil
	case ifExists != ifExistsAppend:
		return sdk.Fatal("file.exists",
			"%q has something in it already; say if_exists = %q to write over it or %q to add to it, or name a new file",
			w.name, ifExistsReplace, ifExistsAppend)
	case f.kind == jsonArray && f.gzip:
		return sdk.Fatal("file.cant_append", "%q is a compressed list, to which nothing can be added; use JSON lines, or a new file", w.name)
	case f.kind == jsonArray:
		return w.intoList(size)
	}
	return w.behindLines(dir, f, size)
}

// intoList goes behind the last element of a list.
func (w *writer) intoList(size int64) error {
	ends := make([]byte, min(size, 64<<10))
	_, err1 := w.file.ReadAt(ends, 0)
	start := bytes.TrimLeft(bytes.TrimPrefix(ends, []byte("\xEF\xBB\xBF")), whiteSpace)
	isList := bytes.HasPrefix(start, []byte("["))
	_, err2 := w.file.ReadAt(ends, size-int64(len(ends)))
	if err := errors.Join(err1, err2); err != nil {
		return w.failure(err)
	}
	inside, closed := bytes.CutSuffix(bytes.TrimRight(ends, whiteSpace), []byte("]"))
	inside = bytes.TrimRight(inside, whiteSpace)
	if !isList || !closed || len(inside) == 0 || bytes.HasSuffix(inside, []byte("[")) {
		return sdk.Fatal("file.bad_json", "%q is not a list that records could be added to; correct it, or name a new file", w.name)
	}
	return w.goTo(size - int64(len(ends)-len(inside)))
}

// behindLines goes to the end of a file of lines, and ends its last line.
func (w *writer) behindLines(dir Folder, f format, size int64) error {
	in, err := openInput(dir, w.name, f.gzip, mark{})
	if err != nil {
		return err
	}
	defer in.close() //nolint:errcheck // it was only read
	last := []byte("\n")
	if f.gzip { // read to its end: nothing can be added to a broken one
		for err == nil {
			in.consume(len(in.rest()))
			err = in.more()
		}
		if !errors.Is(err, io.EOF) {
			return err
		}
		if in.pos > 0 {
			last[0] = in.buf[in.pos-1]
		}
	} else if _, err := w.file.ReadAt(last, size-1); err != nil {
		return w.failure(err)
	}
	if err := w.goTo(size); err != nil || last[0] == '\n' {
		return err
	}
	return w.put([]byte("\n"))
}

// takeColumns reads the columns of a CSV file from its first line.
func (w *writer) takeColumns(dir Folder, f format, e *rowEncoder) error {
	in, err := openInput(dir, w.name, f.gzip, mark{})
	if err != nil {
		return err
	}
	defer in.close() //nolint:errcheck // it was only read
	if err := in.begin(); err != nil {
		return err
	}
	s := splitter{delimiter: []byte(e.delimiter)}
	for {
		_, _, err := s.record(in.rest(), errors.Is(in.err, io.EOF))
		if err == nil {
			break
		}
		if errors.Is(err, errMore) {
			err = in.more()
		}
		if err != nil {
			return sdk.Fatal("file.bad_header", "%q: the line with the columns' names can't be read: %v", w.name, err)
		}
	}
	columns := make([]string, len(s.cells))
	for i, cell := range s.cells {
		columns[i] = string(cell)
	}
	if len(e.columns) > 0 && !slices.Equal(e.columns, columns) {
		return sdk.Fatal("file.columns_differ", "%q has the columns %q and the sink says %q; correct `columns`, or name a new file",
			w.name, columns, e.columns).At("columns")
	}
	e.use(columns)
	return nil
}
