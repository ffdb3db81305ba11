package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"

	"github.com/sourcegraph/conc/panics"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

const (
	ahead      = 2       // batches that are prepared while others are sent
	batchBytes = 4 << 20 // a batch is sent when it has so many bytes, so that its cursor is not held back
)

// Read reads a file, the files of a pattern, or standard input.
func (c *connection) Read(ctx context.Context, request sdk.ReadRequest, emit func(sdk.Batch) error) (string, error) {
	if !request.From.IsZero() || !request.To.IsZero() {
		return "", sdk.Fatal("file.no_range", "the lines of a file have no times, so no range of time can be read; leave the range out")
	}
	if request.Entity == stdio {
		return c.read(ctx, request, &reading{}, emit)
	}
	root, err := c.root()
	if err != nil {
		return "", err
	}
	defer root.Close() //nolint:errcheck // it was only read
	return c.read(ctx, request, &reading{dir: here{root}}, emit)
}

func (c *connection) read(ctx context.Context, request sdk.ReadRequest, r *reading, emit func(sdk.Batch) error) (string, error) {
	r.connection, r.request, r.batches = c, request, make(chan sdk.Batch, ahead)
	ctx, cancel := context.WithCancel(ctx)
	var failed error
	var panicked panics.Catcher
	go func() {
		defer close(r.batches)
		panicked.Try(func() { failed = r.run(ctx) })
	}()
	defer func() {
		cancel()
		for request.Entity != stdio { // a read of standard input may wait for ever
			if _, ok := <-r.batches; !ok {
				return
			}
		}
	}()
	for {
		select {
		case b, ok := <-r.batches:
			if !ok {
				panicked.Repanic()
				return r.end, failed
			}
			if err := emit(b); err != nil {
				return "", err
			}
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// reading is one read: it parses on its own goroutine while batches are being sent.
type reading struct {
	*connection
	request sdk.ReadRequest
	batches chan sdk.Batch
	end     string

	format  format
	key     string
	dir     Folder
	leaving bool // files are moved away when they are finished
	left    bool // of the file being read: its last line is not complete
	marks   marks
	in      *input    // the file being read
	around  [2]string // the cursor's text about the other files

	pending []sdk.Record
	size    int
	keys    []byte // of pending, one after the other: a single string is made of them
	keyEnds []int
}

// parser takes one format's records from an input. next returns false at the end; what may still be written to the
// end of the file is left for a later read.
type parser interface {
	next(ctx context.Context) (bool, error)
}

func (r *reading) run(ctx context.Context) error {
	var err error
	if r.format, err = formatOf(r.request.Entity, r.request.Options); err != nil {
		return err
	}
	r.key = r.request.Options.String("key")
	if r.request.Entity == stdio {
		return r.stdin(ctx)
	}
	if r.marks, err = parseCursor(r.request.Cursor); err != nil {
		return err
	}
	names, err := r.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := r.file(ctx, name); err != nil {
			return err
		}
	}
	if err := r.marks.leave(); err != nil {
		return err
	}
	r.around = [2]string{r.marks.encode(func(string) bool { return true })}
	r.end = r.cursor("")
	return nil
}

func (r *reading) stdin(ctx context.Context) error {
	if r.connector.stdinRead.Swap(true) {
		return sdk.Fatal("file.stdin_used", "standard input has been read already and can't be read again; start Kopru anew, or read a file")
	}
	r.in = &input{name: stdio, src: r.connector.stdin, live: true, chunk: chunk, idle: func() error { return r.flush(ctx, "") }}
	return r.records(ctx)
}

// names lists the files to read, and notes which of the known ones are gone.
func (r *reading) names() ([]string, error) {
	name, err := localName(r.request.Entity)
	if err != nil {
		return nil, err
	}
	if !isPattern(name) && !r.leaving {
		return []string{name}, nil
	}
	names, err := match(r.dir, name)
	if err != nil {
		return nil, err
	}
	there := make(map[string]bool, len(names))
	for _, n := range names {
		there[n] = true
	}
	for n, m := range r.marks {
		switch {
		case there[n]:
		case m.state == underWay:
			return nil, sdk.Fatal("file.changed", "%q is gone, though only %d lines of it were read; put it back, "+
				"or reset the pipeline's cursor to do without the rest", n, m.count)
		default:
			m.state = gone
			r.marks[n] = m
		}
	}
	return names, r.marks.leave()
}

// file reads what is new in one file.
func (r *reading) file(ctx context.Context, name string) (err error) {
	at := r.marks[name]
	seen := ""
	if r.format.gzip || r.leaving {
		if seen, err = onDisk(r.dir, name); err != nil {
			return err
		}
		if at.seen == seen {
			at.state = atEnd
			r.marks[name] = at
			return nil
		}
	}
	resume := at
	r.left = false
	if at.count == 0 { // nothing of it was read
		resume = mark{}
	}
	r.in, err = openInput(r.dir, name, r.format.gzip, resume)
	var f *sdk.Failure
	if at.state == gone && errors.As(err, &f) && f.Code == "file.changed" { // a new file of an old name
		r.in, err = openInput(r.dir, name, r.format.gzip, mark{})
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.in.close()) }()
	r.around = [2]string{
		r.marks.encode(func(n string) bool { return n < name }), r.marks.encode(func(n string) bool { return n > name }),
	}
	if err := r.records(ctx); err != nil {
		return err
	}
	at = r.in.mark(atEnd)
	if at.seen = seen; r.left && r.leaving {
		at.seen = ""
	}
	r.marks[name] = at
	return nil
}

// onDisk identifies a compressed file without reading all of it: gzip ends with a checksum of what is in it.
func onDisk(dir Folder, name string) (string, error) {
	f, err := openFile(dir, name)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil {
		return "", pathFailure(name, err)
	}
	ends := make([]byte, 2*fingerprinted)
	n, err := f.ReadAt(ends[:fingerprinted], 0)
	if err == nil {
		_, err = f.ReadAt(ends[fingerprinted:], max(0, info.Size()-fingerprinted))
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return "", pathFailure(name, err)
	}
	return strconv.FormatInt(info.Size(), 10) + "-" + fingerprint(ends[:n], ends[fingerprinted:]), nil
}

// records reads the records of the input to its end. Those before a failure count.
func (r *reading) records(ctx context.Context) error {
	p, err := r.parser(ctx)
	for more := err == nil; more; {
		if more, err = p.next(ctx); err != nil {
			break
		}
		if len(r.pending) >= r.request.BatchSize || r.size >= batchBytes {
			if err := r.flush(ctx, underWay); err != nil {
				return err
			}
		}
	}
	if flushErr := r.flush(ctx, underWay); flushErr != nil {
		return flushErr
	}
	return err
}

func (r *reading) parser(ctx context.Context) (parser, error) {
	if r.in.offset == 0 {
		if err := r.in.begin(); err != nil {
			return nil, err
		}
	}
	o, err := newObjects(r.key)
	if err != nil {
		return nil, err
	}
	switch r.format.kind {
	case jsonLines:
		return &lines{reading: r, objects: o}, nil
	case jsonArray:
		return &array{reading: r, objects: o}, nil
	}
	return newTable(ctx, r)
}

// cursor is the place that an entry for the file under way completes.
func (r *reading) cursor(entry string) string {
	inside := r.around[0] + entry + r.around[1]
	return "{" + inside[:max(0, len(inside)-1)] + "}"
}

// flush sends what is pending.
func (r *reading) flush(ctx context.Context, state string) error {
	if len(r.pending) == 0 {
		return ctx.Err()
	}
	keys, from := string(r.keys), 0
	for i, end := range r.keyEnds {
		r.pending[i].Key = keys[from:end]
		from = end
	}
	b := sdk.Batch{Records: r.pending}
	if !r.in.live {
		b.Cursor = r.cursor(entry(r.in.name, r.in.mark(state)) + ",")
	}
	r.pending, r.size, r.keys, r.keyEnds = make([]sdk.Record, 0, len(r.pending)), 0, r.keys[:0], r.keyEnds[:0]
	select {
	case r.batches <- b:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// add makes a record of a payload whose key was appended to r.keys.
func (r *reading) add(payload []byte) {
	r.keyEnds = append(r.keyEnds, len(r.keys))
	r.pending = append(r.pending, sdk.Record{Payload: payload[:len(payload):len(payload)]})
	r.size += len(payload)
}

// place appends what identifies a record that has no key of its own: its file and its line.
func (r *reading) place(number int64) {
	r.keys = append(append(r.keys, r.in.name...), '#')
	r.keys = strconv.AppendInt(r.keys, number, 10)
}

// wrong makes a dead letter of what could not be read.
func (r *reading) wrong(number int64, text []byte, err error) {
	r.place(number)
	shown := string(text[:min(len(text), shownText)])
	payload, _ := record.Encode(map[string]any{"text": shown}) // a string
	r.add(payload)
	f := sdk.Invalid("file.bad_record", "%s:%d: %v", r.in.name, number, err)
	var own *sdk.Failure
	if errors.As(err, &own) {
		f.Code = own.Code
	}
	r.pending[len(r.pending)-1].Err = f
}

// tooLong makes a dead letter of a line that is longer than lines may be.
func (r *reading) tooLong(ctx context.Context, what string) error {
	number := r.in.count + 1
	start, err := r.in.skipLine(ctx)
	if err != nil {
		return err
	}
	r.wrong(number, start, fmt.Errorf("%s is longer than the %d MiB that a record may have", what, longest>>20))
	return nil
}

// unfinished says that the end of a file waits for whoever writes it.
func (r *reading) unfinished(size int) {
	r.left = true
	r.log.Warn("the file's last line is not complete; it is left until it is",
		slog.String("file", r.in.name), slog.Int64("line", r.in.count+1), slog.Int("bytes", size))
}
