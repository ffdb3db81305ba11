package file

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"syscall"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// Writer opens a file to be written on at the end, or standard output.
func (c *connection) Writer(_ context.Context, request sdk.WriteRequest) (sdk.BatchWriter, error) {
	f, e, err := encoderOf(request)
	if err != nil {
		return nil, err
	}
	if request.Entity == stdio {
		out := c.connector.stdout()
		if out == nil {
			return nil, sdk.Fatal("file.no_stdout", "there is no standard output to write to; name a file")
		}
		return &stdoutWriter{out: out, encoder: e}, nil
	}
	return c.openWriter(request, f, e)
}

// encoderOf is how a sink's options and the file's name want it written.
func encoderOf(request sdk.WriteRequest) (format, encoder, error) {
	f, err := formatOf(request.Entity, request.Options)
	if err != nil {
		return f, nil, err
	}
	columns, err := columnsOf(f, request.Options)
	if err != nil {
		return f, nil, err
	}
	switch f.kind {
	case jsonArray:
		return f, arrayEncoder{}, nil
	case commas:
		return f, newRowEncoder(f, columns), nil
	}
	return f, lineEncoder{}, nil
}

func columnsOf(f format, options sdk.Config) ([]string, error) {
	list, _ := options["columns"].([]any)
	if len(list) > 0 && f.kind != commas {
		return nil, sdk.Fatal("file.bad_columns", "`columns` are for CSV; leave them out").At("columns")
	}
	var columns []string
	for _, c := range list {
		name, ok := c.(string)
		if !ok || slices.Contains(columns, name) {
			return nil, sdk.Fatal("file.bad_columns", "`columns` must be texts, each once; %v is not", c).At("columns")
		}
		columns = append(columns, name)
	}
	return columns, nil
}

// position is where a file stands: so many bytes, the last of which have this fingerprint.
type position struct {
	At  int64  `json:"at"`
	Sum string `json:"sum,omitempty"`
}

// writer writes on a file from a position: behind it is only what closes the file, and what a crash left behind.
type writer struct {
	name    string
	file    *os.File
	encoder encoder
	at      int64
	tail    []byte // what stands before at, for the fingerprint
	failed  error
	text    []byte
	packed  *packer // nil = not compressed
}

// Position says where the file stands.
func (w *writer) Position() string {
	text, _ := json.Marshal(position{At: w.at, Sum: fingerprint(nil, w.tail)}) // a number and a text
	return string(text)
}

// Write writes a batch and returns when it is on disk. Nothing of a batch counts when one of its records can't be
// written; after an error from the disk, which leaves open what is on it, the file must be opened anew.
func (w *writer) Write(_ context.Context, ops []sdk.Op) ([]sdk.Result, string, error) {
	if w.failed != nil {
		return nil, "", w.failed
	}
	text, err := encode(w.text[:0], w.encoder, ops, w.at == 0)
	if err != nil {
		return nil, "", err
	}
	w.text = text
	if len(ops) > 0 {
		if err := w.put(text); err != nil {
			w.failed = err
			return nil, "", err
		}
	}
	return nil, w.Position(), nil
}

func encode(text []byte, e encoder, ops []sdk.Op, first bool) (_ []byte, err error) {
	for i, op := range ops {
		if op.Operation != protocol.Operation_OPERATION_CREATE {
			return nil, sdk.Fatal("file.only_create", "records are only added to files; %q is not to be added", op.Key)
		}
		if text, err = e.append(text, op, first && i == 0); err != nil {
			return nil, err
		}
	}
	return text, nil
}

// put writes text at the position, makes it durable and moves the position behind it.
func (w *writer) put(text []byte) error {
	body, all, err := w.pack(text)
	if err != nil {
		return w.failure(err)
	}
	if _, err := w.file.WriteAt(all, w.at); err != nil {
		return w.failure(err)
	}
	if err := w.file.Sync(); err != nil {
		return w.failure(err)
	}
	w.at += int64(body)
	w.tail = append(w.tail, all[max(0, body-fingerprinted):body]...)
	w.tail = slices.Delete(w.tail, 0, max(0, len(w.tail)-fingerprinted))
	return nil
}

// pack returns what is to be written for a text: it, and what closes the file behind it. body is how much of that
// stays.
func (w *writer) pack(text []byte) (body int, all []byte, err error) {
	if w.packed == nil {
		return len(text), append(text, w.encoder.closing()...), nil
	}
	return w.packed.pack(text, w.encoder.closing())
}

// cut takes away what stands behind the position, and closes the file there.
func (w *writer) cut() error {
	var closing []byte
	if w.at > 0 {
		var err error
		if _, closing, err = w.pack(nil); err != nil {
			return w.failure(err)
		}
	}
	if _, err := w.file.WriteAt(closing, w.at); err != nil {
		return w.failure(err)
	}
	if err := w.file.Truncate(w.at + int64(len(closing))); err != nil {
		return w.failure(err)
	}
	if err := w.file.Sync(); err != nil {
		return w.failure(err)
	}
	return nil
}

// Close closes the file; an empty list still is one.
func (w *writer) Close() error {
	if w.at == 0 && w.failed == nil && w.encoder.closing() != "" {
		empty := []byte(emptyList)
		if w.packed != nil {
			_, packed, err := w.packed.pack(empty, "")
			if err != nil {
				return errors.Join(err, w.file.Close())
			}
			empty = packed
		}
		if _, err := w.file.WriteAt(empty, 0); err != nil {
			return errors.Join(w.failure(err), w.file.Close())
		}
	}
	return w.file.Close()
}

func (w *writer) failure(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return sdk.Transient("file.disk_full", "%q can't be written: %v; make room and run again, it goes on where it was", w.name, cause(err))
	}
	return sdk.Transient("file.io", "%q can't be written: %v", w.name, cause(err))
}

// packer compresses each batch on its own, so that a file may be cut between any two.
type packer struct {
	zip *gzip.Writer
	out bytes.Buffer
}

func newPacker() *packer {
	p := &packer{}
	p.zip, _ = gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // the level is valid
	return p
}

func (p *packer) pack(text []byte, closing string) (body int, all []byte, err error) {
	p.out.Reset()
	if err := p.member(text); err != nil {
		return 0, nil, err
	}
	body = p.out.Len()
	err = p.member([]byte(closing))
	return body, p.out.Bytes(), err
}

func (p *packer) member(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	p.zip.Reset(&p.out)
	_, err := p.zip.Write(text)
	return errors.Join(err, p.zip.Close())
}

// stdoutWriter writes to standard output. There is no position in it: what is written can't be taken back.
type stdoutWriter struct {
	out     *os.File
	encoder encoder
	begun   bool
	text    []byte
}

func (w *stdoutWriter) Write(_ context.Context, ops []sdk.Op) ([]sdk.Result, string, error) {
	text, err := encode(w.text[:0], w.encoder, ops, !w.begun)
	if err != nil {
		return nil, "", err
	}
	w.text = text
	w.begun = w.begun || len(ops) > 0
	return nil, "", w.put(text)
}

func (w *stdoutWriter) put(text []byte) error {
	if _, err := w.out.Write(text); errors.Is(err, syscall.EPIPE) {
		return sdk.Fatal("file.stdout_closed", "nobody reads the standard output any more")
	} else if err != nil {
		return sdk.Fatal("file.stdout", "the standard output can't be written: %v", cause(err))
	}
	return nil
}

// Close ends a list. The file is the engine's, and stays open.
func (w *stdoutWriter) Close() error {
	closing := w.encoder.closing()
	if closing != "" && !w.begun {
		closing = emptyList
	}
	if closing == "" {
		return nil
	}
	return w.put([]byte(closing))
}

// makeFolder makes the folders above a file.
func makeFolder(root *os.Root, name string) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return fmt.Errorf("its folder: %w", err)
	}
	return nil
}
