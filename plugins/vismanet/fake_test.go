package vismanet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

const (
	testSecret = "s3cret/+&\"x"
	classRate  = protocol.FailureClass_FAILURE_CLASS_RATE_LIMITED
	transient  = protocol.FailureClass_FAILURE_CLASS_TRANSIENT
	conflict   = protocol.FailureClass_FAILURE_CLASS_CONFLICT
	fatal      = protocol.FailureClass_FAILURE_CLASS_FATAL
)

// seen is a request as the fake took it.
type seen struct {
	method, path, query, body string
	header                    http.Header
}

// fake is Visma Connect and both services in one.
type fake struct {
	*httptest.Server
	mu     sync.Mutex
	calls  []seen
	tokens int
	token  http.HandlerFunc // nil = gives one
	logs   bytes.Buffer
	now    time.Time
}

func (f *fake) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fake) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.logs.Write(p)
}

// seen lists the requests but those for tokens.
func (f *fake) seen() []seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]seen(nil), f.calls...)
}

func (f *fake) last(t *testing.T) seen {
	t.Helper()
	all := f.seen()
	if len(all) == 0 {
		t.Fatal("nothing was sent")
	}
	return all[len(all)-1]
}

func (f *fake) ServeToken(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", f.now.Format(http.TimeFormat))
	if f.token != nil {
		f.token(w, r)
		return
	}
	f.mu.Lock()
	f.tokens++
	n := f.tokens
	f.mu.Unlock()
	fmt.Fprintf(w, `{"access_token":"tok-%d","expires_in":3600,"token_type":"Bearer"}`, n)
}

// open starts a fake whose services answer with handle, and connects to it.
func open(t *testing.T, handle http.HandlerFunc, more ...sdk.Config) (*connection, *fake) {
	t.Helper()
	f := &fake{now: time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC)}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/connect/token" {
			f.ServeToken(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		f.calls = append(f.calls, seen{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, string(body), r.Header})
		f.mu.Unlock()
		handle(w, r)
	}))
	t.Cleanup(f.Close)
	config := defaults()
	maps.Copy(config, sdk.Config{
		"api_url": f.URL, "salesorder_url": f.URL, "token_url": f.URL + "/connect/token",
		"client_id": "isv_test", "client_secret": testSecret, "tenant_id": "tenant",
	})
	for _, m := range more {
		maps.Copy(config, m)
	}
	c := New()
	c.now = f.clock
	log := slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelDebug}))
	conn, err := c.Open(t.Context(), "vismanet.test", config, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.(*connection), f
}

// defaults are the settings as the sdk fills them in.
func defaults() sdk.Config {
	c := sdk.Config{}
	for _, a := range attributes() {
		if a.GetDefaultJson() != "" {
			c[a.GetName()], _ = record.Decode([]byte(a.GetDefaultJson()))
		}
	}
	return c
}

// reply answers with a status, headers as "Name: value" and a body.
func reply(w http.ResponseWriter, status int, body string, headers ...string) {
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		w.Header().Set(name, value)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// drop takes the request and ends the connection without an answer.
func drop(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

func failureOf(t *testing.T, err error) *sdk.Failure {
	t.Helper()
	var f *sdk.Failure
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want a Failure", err)
	}
	return f
}

func parsed(t *testing.T, text string) map[string]any {
	t.Helper()
	m, err := record.DecodeObject([]byte(text))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return m
}

// same compares JSON texts as values.
func same(t *testing.T, got, want string) {
	t.Helper()
	a, err := record.Decode([]byte(got))
	if err != nil {
		t.Fatalf("got %q: %v", got, err)
	}
	b, err := record.Decode([]byte(want))
	if err != nil {
		t.Fatal(err)
	}
	if !record.Equal(a, b) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	data, err := record.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func write1(t *testing.T, c *connection, entity string, op sdk.Op) sdk.Result {
	t.Helper()
	w, err := c.Writer(t.Context(), sdk.WriteRequest{Entity: entity})
	if err != nil {
		t.Fatal(err)
	}
	results, _, err := w.Write(t.Context(), []sdk.Op{op})
	if err != nil || len(results) != 1 {
		t.Fatal(results, err)
	}
	return results[0]
}

func create(t *testing.T, c *connection, entity, payload string) sdk.Result {
	t.Helper()
	return write1(t, c, entity, sdk.Op{Operation: protocol.Operation_OPERATION_CREATE, Payload: []byte(payload)})
}

func update(t *testing.T, c *connection, entity, id, version, payload string) sdk.Result {
	t.Helper()
	return write1(t, c, entity, sdk.Op{
		Operation: protocol.Operation_OPERATION_UPDATE, ID: id, Version: version, Payload: []byte(payload),
	})
}

func ids(found []sdk.Found) string {
	var out []string
	for _, f := range found {
		out = append(out, f.ID)
	}
	return strings.Join(out, " ")
}
