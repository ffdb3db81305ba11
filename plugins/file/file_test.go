package file

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

const create = protocol.Operation_OPERATION_CREATE

// folder is a connection to a folder of its own.
type folder struct {
	testing.TB
	dir  string
	conn *connection
}

func newFolder(t testing.TB) folder {
	t.Helper()
	dir := t.TempDir()
	c, err := New().Open(t.Context(), "files", sdk.Config{"path": dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return folder{t, dir, c.(*connection)}
}

func (f folder) put(name, text string) {
	f.Helper()
	if strings.HasSuffix(name, ".gz") {
		text = zipped(text)
	}
	f.putRaw(name, text)
}

func (f folder) putRaw(name, text string) {
	f.Helper()
	full := filepath.Join(f.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(text), 0o644)); err != nil {
		f.Fatal(err)
	}
}

func (f folder) get(name string) string {
	f.Helper()
	data, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		f.Fatal(err)
	}
	if !strings.HasSuffix(name, ".gz") || len(data) == 0 {
		return string(data)
	}
	zip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		f.Fatal(err)
	}
	text, err := io.ReadAll(zip)
	if err != nil {
		f.Fatal(err)
	}
	return string(text)
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

// got is what a read came to, one text a record.
type got struct {
	records []string
	cursors []string // after each record
	end     string
	err     error
}

func (f folder) read(entity, cursor string, options sdk.Config) (g got) {
	f.Helper()
	return f.readBatches(entity, cursor, options, 1)
}

func (f folder) readBatches(entity, cursor string, options sdk.Config, size int) (g got) {
	request := sdk.ReadRequest{Entity: entity, Cursor: cursor, Options: options, BatchSize: size}
	g.end, g.err = f.conn.Read(f.Context(), request, func(b sdk.Batch) error {
		for _, r := range b.Records {
			g.records = append(g.records, shown(f, r))
			g.cursors = append(g.cursors, b.Cursor)
		}
		return nil
	})
	return g
}

func shown(t testing.TB, r sdk.Record) string {
	t.Helper()
	if _, err := record.DecodeObject(r.Payload); err != nil {
		t.Errorf("the payload %q is no record: %v", r.Payload, err)
	}
	if r.Err != nil {
		return r.Key + " ! " + r.Err.Error()
	}
	return r.Key + " " + string(r.Payload)
}

func (f folder) open(entity, position string, options sdk.Config) (sdk.BatchWriter, error) {
	if options == nil {
		options = sdk.Config{}
	}
	if options["if_exists"] == nil {
		options["if_exists"] = ifExistsFail
	}
	return f.conn.Writer(context.Background(), sdk.WriteRequest{Entity: entity, Position: position, Options: options})
}

// write opens a file, writes a batch per payload and closes it. It returns the positions, the one at opening first.
func (f folder) write(entity, position string, options sdk.Config, payloads ...string) []string {
	f.Helper()
	w, err := f.open(entity, position, options)
	if err != nil {
		f.Fatal(err)
	}
	positions := []string{w.(sdk.Positioned).Position()}
	for _, p := range payloads {
		_, at, err := w.Write(context.Background(), ops(p))
		if err != nil {
			f.Fatal(err)
		}
		positions = append(positions, at)
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	return positions
}

func ops(payloads ...string) []sdk.Op {
	out := make([]sdk.Op, len(payloads))
	for i, p := range payloads {
		out[i] = sdk.Op{Operation: create, Key: fmt.Sprint("k", i), Payload: json.RawMessage(p)}
	}
	return out
}

// wantFailure makes sure of an error's code and that it says what to do.
func wantFailure(t testing.TB, err error, code string, words ...string) {
	t.Helper()
	var f *sdk.Failure
	if !errors.As(err, &f) || f.Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
	for _, w := range words {
		if !strings.Contains(f.Message, w) {
			t.Errorf("%q does not say %q", f.Message, w)
		}
	}
}

func wantRecords(t testing.TB, g got, want ...string) {
	t.Helper()
	if g.err != nil {
		t.Fatal(g.err)
	}
	wantSame(t, g.records, want)
}

func wantSame(t testing.TB, have, want []string) {
	t.Helper()
	if strings.Join(have, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
}
