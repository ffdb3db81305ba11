package file

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/kopru-io/kopru/plugins/sdk"
)

const (
	chunk     = 1 << 20
	longest   = 16 << 20 // bytes of one record
	shownText = 16 << 10 // bytes of a wrong line in its dead letter
)

var errTooLong = errors.New("too long")

// input is the text of a file, a chunk at a time. Every chunk is memory of its own, so records can be slices of it:
// nothing is copied between the file and the batch. What was consumed last stays in front of pos, for fingerprints.
type input struct {
	name   string
	src    io.Reader
	closer io.Closer
	live   bool         // standard input: what is there is passed on at once, and what ends it is the end
	idle   func() error // called before a live input is waited for

	chunk  int    // bytes to read at a time
	head   []byte // the text's first bytes
	buf    []byte
	pos    int   // of what is next in buf
	offset int64 // of pos in the text
	count  int64 // lines or elements consumed
	err    error // what comes after buf
}

// openInput opens a file's text at a mark and makes sure that what stands before it is what stood there.
func openInput(dir Folder, name string, zipped bool, at mark) (*input, error) {
	f, err := openFile(dir, name)
	if err != nil {
		return nil, err
	}
	in := &input{name: name, src: f, closer: f, chunk: chunk}
	if info, err := f.Stat(); err == nil && !zipped { // many small files need no big chunks
		in.chunk = int(min(chunk, max(0, info.Size()-at.offset)+2*fingerprinted))
	}
	if err := in.goTo(f, zipped, at); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return in, nil
}

func (in *input) goTo(f Source, zipped bool, at mark) error {
	if zipped {
		in.src = &unzipper{name: in.name, raw: bufio.NewReaderSize(f, 128<<10)}
	}
	back := min(at.offset, fingerprinted)
	in.head = make([]byte, back)
	n, err := io.ReadFull(in.src, in.head)
	if skip := at.offset - 2*back; err == nil && skip > 0 {
		if zipped {
			_, err = io.CopyN(io.Discard, in.src, skip)
		} else {
			_, err = f.Seek(at.offset-back, io.SeekStart)
		}
	} else if err == nil && skip < 0 { // the beginning overlaps with what stands before the mark
		in.buf = append(in.buf, in.head[at.offset-back:]...)
	}
	in.buf = append(make([]byte, 0, back), in.buf...)
	if err == nil {
		m := 0
		m, err = io.ReadFull(in.src, in.buf[len(in.buf):back])
		in.buf = in.buf[:len(in.buf)+m]
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return changed(in.name, fmt.Sprintf("it is shorter than the %d bytes that were read", at.offset))
	}
	if err != nil {
		return in.failure(err)
	}
	in.pos, in.offset, in.count, in.head = int(back), at.offset, at.count, in.head[:n]
	if at.sum != "" && at.sum != fingerprint(in.head, in.buf) {
		return changed(in.name, "what was read of it reads differently now")
	}
	return nil
}

func (in *input) close() error {
	if in.closer == nil {
		return nil
	}
	return in.closer.Close()
}

// mark is the place of what is next.
func (in *input) mark(state string) mark {
	back := int(min(in.offset, fingerprinted))
	return mark{
		offset: in.offset, count: in.count, state: state,
		sum: fingerprint(in.head[:min(int64(len(in.head)), in.offset)], in.buf[in.pos-back:in.pos]),
	}
}

// rest is what there is of what is next.
func (in *input) rest() []byte { return in.buf[in.pos:] }

// consume goes past n bytes.
func (in *input) consume(n int) {
	in.pos += n
	in.offset += int64(n)
}

// more makes rest longer. It fails with io.EOF at the text's end, and with errTooLong when the record is longer than
// records may be.
func (in *input) more() error {
	if in.err != nil {
		return in.err
	}
	rest := len(in.rest())
	if rest > longest {
		return errTooLong
	}
	if in.live {
		if err := in.idle(); err != nil {
			return err
		}
	}
	back := int(min(in.offset, fingerprinted))
	old := in.buf[in.pos-back:]
	size := in.chunk
	for size < 2*len(old) {
		size *= 2
	}
	in.buf = append(make([]byte, 0, size), old...)
	in.pos = back
	for len(in.buf) < size && in.err == nil {
		n, err := in.src.Read(in.buf[len(in.buf):size])
		in.buf = in.buf[:len(in.buf)+n]
		if err != nil {
			in.err = in.failure(err)
		}
		if in.live && n > 0 {
			break
		}
	}
	if int64(len(in.head)) < fingerprinted && in.offset <= fingerprinted { // buf still has the text's beginning
		in.head = in.buf[:min(len(in.buf), fingerprinted)]
	}
	if len(in.rest()) == rest {
		return in.err
	}
	return nil
}

func (in *input) failure(err error) error {
	var f *sdk.Failure
	if errors.Is(err, io.EOF) || errors.As(err, &f) {
		return err
	}
	return sdk.Transient("file.io", "%q can't be read further: %v", in.name, cause(err))
}

// begin goes past a byte order mark.
func (in *input) begin() error {
	for len(in.rest()) < 3 {
		if err := in.more(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
	}
	switch {
	case bytes.HasPrefix(in.rest(), []byte("\xEF\xBB\xBF")):
		in.consume(3)
	case bytes.HasPrefix(in.rest(), []byte("\xFF\xFE")), bytes.HasPrefix(in.rest(), []byte("\xFE\xFF")):
		return sdk.Fatal("file.encoding", "%q is written in UTF-16; save it as UTF-8", in.name)
	}
	return nil
}

// line returns the next line without its end, and how many bytes it takes up. At the text's end whole is false when
// the line has no end. It fails with io.EOF when there is nothing left.
func (in *input) line() (line []byte, size int, whole bool, err error) {
	from := 0
	for {
		rest := in.rest()
		if i := bytes.IndexByte(rest[from:], '\n'); from+i > longest {
			return nil, 0, false, errTooLong
		} else if i >= 0 {
			return rest[:from+i], from + i + 1, true, nil
		}
		from = len(rest)
		err := in.more()
		if errors.Is(err, io.EOF) && from > 0 {
			return rest, from, false, nil
		}
		if err != nil {
			return nil, 0, false, err
		}
	}
}

// skipLine goes to the beginning of the next line, however long this one is, and returns how this one begins.
func (in *input) skipLine(ctx context.Context) (start []byte, err error) {
	start = bytes.Clone(in.rest()[:min(len(in.rest()), shownText)])
	in.count++
	for {
		if i := bytes.IndexByte(in.rest(), '\n'); i >= 0 {
			in.consume(i + 1)
			return start, nil
		}
		in.consume(len(in.rest()))
		if err := in.more(); errors.Is(err, io.EOF) {
			return start, nil
		} else if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// unzipper reads gzip's members one after the other. An empty file is an empty text.
type unzipper struct {
	name string
	raw  *bufio.Reader
	zip  *gzip.Reader
}

func (u *unzipper) Read(p []byte) (int, error) {
	if u.zip == nil {
		if _, err := u.raw.Peek(1); err != nil {
			return 0, err
		}
		zip, err := gzip.NewReader(u.raw)
		if err != nil {
			return 0, u.failure(err)
		}
		u.zip = zip
	}
	n, err := u.zip.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = u.failure(err)
	}
	return n, err
}

func (u *unzipper) failure(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return sdk.Transient("file.incomplete",
			"%q ends in the middle of its compressed text; if it is still being written run again later, else copy it again", u.name)
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
		return sdk.Fatal("file.bad_gzip", "%q is not sound gzip: %v; copy it again, or take .gz off its name", u.name, err)
	}
	return err
}
