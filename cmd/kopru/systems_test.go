package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	tillsandbox "github.com/kopru-io/kopru/cmd/kopru-sandbox/mpluskassa"
	"github.com/kopru-io/kopru/cmd/kopru-sandbox/shop"
	erpsandbox "github.com/kopru-io/kopru/cmd/kopru-sandbox/vismanet"
	"github.com/kopru-io/kopru/plugins/mpluskassa"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
	"github.com/kopru-io/kopru/plugins/vismanet"
)

const (
	classTransient = protocol.FailureClass_FAILURE_CLASS_TRANSIENT
	classRate      = protocol.FailureClass_FAILURE_CLASS_RATE_LIMITED
	classInvalid   = protocol.FailureClass_FAILURE_CLASS_INVALID
	classConflict  = protocol.FailureClass_FAILURE_CLASS_CONFLICT
	classAmbiguous = protocol.FailureClass_FAILURE_CLASS_AMBIGUOUS
	classFatal     = protocol.FailureClass_FAILURE_CLASS_FATAL
)

// remote is a real connector on an emulated system, both in this process.
type remote struct {
	t       *testing.T
	conn    sdk.Connection
	entity  map[string]*protocol.Entity
	control http.Handler
}

// tillOf connects to an emulated till that has so many orders and quirks.
func tillOf(t *testing.T, orders int, quirks tillsandbox.Options, more sdk.Config) *remote {
	t.Helper()
	quirks.Ident, quirks.Secret = "winkel", "geheim"
	till := tillsandbox.New(shop.New(1, shop.Size{Orders: orders}), quirks)
	s := httptest.NewServer(till)
	t.Cleanup(s.Close)
	config := sdk.Config{"url": s.URL, "ident": "winkel", "secret": "geheim"}
	return openRemote(t, mpluskassa.New(), till.Control(), config, more)
}

// booksOf connects to an emulated ERP.
func booksOf(t *testing.T, quirks erpsandbox.Options, more sdk.Config) *remote {
	t.Helper()
	erp := erpsandbox.New(shop.New(1, shop.Size{Orders: 40}).Books(), quirks)
	mux := http.NewServeMux()
	mux.Handle("/api/v3/", erp.SalesOrder())
	mux.Handle("/connect/", erp.Token())
	mux.Handle("/", erp.API())
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	config := sdk.Config{
		"api_url": s.URL, "salesorder_url": s.URL, "token_url": s.URL + "/connect/token",
		"client_id": "isv", "client_secret": "geheim", "tenant_id": "tenant",
	}
	return openRemote(t, vismanet.New(), erp.Control(), config, more)
}

func openRemote(t *testing.T, c sdk.Connector, control http.Handler, configs ...sdk.Config) *remote {
	t.Helper()
	r := &remote{t: t, entity: map[string]*protocol.Entity{}, control: control}
	for _, e := range c.Manifest().GetEntities() {
		r.entity[e.GetName()] = e
	}
	config := defaults(t, c.Manifest().GetConfig())
	for _, more := range configs {
		for k, v := range more {
			config[k] = v
		}
	}
	var err error
	if r.conn, err = c.Open(t.Context(), "test", config, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.conn.Close() })
	return r
}

// defaults are settings as the sdk fills them in.
func defaults(t *testing.T, attributes []*protocol.Attribute) sdk.Config {
	t.Helper()
	c := sdk.Config{}
	for _, a := range attributes {
		if a.GetDefaultJson() == "" {
			continue
		}
		v, err := record.Decode([]byte(a.GetDefaultJson()))
		if err != nil {
			t.Fatal(err)
		}
		c[a.GetName()] = v
	}
	return c
}

// tell talks to the emulator's control API.
func (r *remote) tell(method, path, body string, into any) {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.control.ServeHTTP(w, httptest.NewRequestWithContext(r.t.Context(), method, path, strings.NewReader(body)))
	if w.Code >= 300 {
		r.t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	if into != nil {
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			r.t.Fatal(err)
		}
	}
}

// pass is what a read gave: the last payload of each key, how often keys came, where it ended, and why.
type pass struct {
	last   map[string]string
	order  []string
	cursor string
	err    error
}

// read reads from a cursor, calling each, if any, after every batch.
func (r *remote) read(entity, cursor string, options sdk.Config, each func(n int)) *pass {
	r.t.Helper()
	p := &pass{last: map[string]string{}, cursor: cursor}
	config := defaults(r.t, r.entity[entity].GetSourceOptions())
	for k, v := range options {
		config[k] = v
	}
	n := 0
	end, err := r.conn.(sdk.Reader).Read(r.t.Context(), sdk.ReadRequest{
		Entity: entity, Cursor: cursor, Options: config, BatchSize: 20,
	}, func(b sdk.Batch) error {
		for _, rec := range b.Records {
			if rec.Err != nil {
				return rec.Err
			}
			p.last[rec.Key] = string(rec.Payload)
			p.order = append(p.order, rec.Key)
		}
		if b.Cursor != "" {
			p.cursor = b.Cursor
		}
		if n++; each != nil {
			each(n)
		}
		return nil
	})
	if p.err = err; err == nil {
		p.cursor = end
	}
	return p
}

// all reads everything, and fails the test when that fails.
func (r *remote) all(entity string, options sdk.Config) *pass {
	r.t.Helper()
	p := r.read(entity, "", options, nil)
	if p.err != nil {
		r.t.Fatalf("reading %s: %v", entity, p.err)
	}
	return p
}

// find looks up and returns the ids.
func (r *remote) find(entity string, match map[string]any) (ids []string, found []sdk.Found) {
	r.t.Helper()
	found, err := r.conn.(sdk.Looker).Lookup(r.t.Context(), entity, sdk.Query{Match: match})
	if err != nil {
		r.t.Fatalf("looking %s up by %v: %v", entity, match, err)
	}
	for _, f := range found {
		ids = append(ids, f.ID)
	}
	return ids, found
}

// write writes one operation.
func (r *remote) write(entity string, op sdk.Op) sdk.Result {
	r.t.Helper()
	options := defaults(r.t, r.entity[entity].GetSinkOptions())
	w, err := r.conn.(sdk.Writer).Writer(r.t.Context(), sdk.WriteRequest{Entity: entity, Options: options})
	if err != nil {
		r.t.Fatal(err)
	}
	results, _, err := w.Write(r.t.Context(), []sdk.Op{op})
	if err != nil || len(results) != 1 {
		r.t.Fatalf("%d results, %v", len(results), err)
	}
	return results[0]
}

func (r *remote) create(entity, payload string) sdk.Result {
	r.t.Helper()
	return r.write(entity, sdk.Op{
		Operation: protocol.Operation_OPERATION_CREATE, Key: "k", Payload: json.RawMessage(payload), IdempotencyKey: "idem-" + payload,
	})
}

func (r *remote) update(entity, id, version, payload string) sdk.Result {
	r.t.Helper()
	return r.write(entity, sdk.Op{
		Operation: protocol.Operation_OPERATION_UPDATE, Key: "k", ID: id, Version: version, Payload: json.RawMessage(payload),
	})
}

// must is the id of a write that has to succeed.
func (r *remote) must(result sdk.Result) string {
	r.t.Helper()
	if result.Err != nil || result.ID == "" {
		r.t.Fatalf("got %q, %v", result.ID, result.Err)
	}
	return result.ID
}

func classOf(err error) protocol.FailureClass {
	var f *sdk.Failure
	if errors.As(err, &f) {
		return f.Class
	}
	return protocol.FailureClass_FAILURE_CLASS_UNSPECIFIED
}

func codeOf(err error) string {
	var f *sdk.Failure
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}

// value is a field of a found record as text.
func value(f sdk.Found, path ...string) string {
	var v any = f.Fields
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return record.Text(v)
}

func failureOf(t *testing.T, err error) *sdk.Failure {
	t.Helper()
	var f *sdk.Failure
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want a failure", err)
	}
	return f
}
