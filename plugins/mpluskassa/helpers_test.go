package mpluskassa

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

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

const (
	testIdent  = "winkel-ident"
	testSecret = "geheim/ & zo"
)

func num(s string) record.Number { return record.Number(s) }

// configured is a configuration as a connector gets it, with the defaults of the manifest.
func configured(config sdk.Config) sdk.Config {
	out := sdk.Config{}
	for _, a := range New().Manifest().GetConfig() {
		if a.GetDefaultJson() != "" {
			v, err := record.Decode([]byte(a.GetDefaultJson()))
			if err != nil {
				panic(err)
			}
			out[a.GetName()] = v
		}
	}
	maps.Copy(out, config)
	return out
}

func testClient() *client {
	s, problems := parseSettings(configured(sdk.Config{"url": "http://127.0.0.1:1", "ident": testIdent, "secret": testSecret}))
	if len(problems) > 0 {
		panic(problems)
	}
	return newClient(s, slog.New(slog.DiscardHandler))
}

// till is a server made of answers by operation. An operation without one is not implemented.
type till struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string]func(request *node) string
	calls   []*node
	log     bytes.Buffer
}

func newTill(t *testing.T) *till {
	t.Helper()
	s := &till{answers: map[string]func(*node) string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *till) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if q := r.URL.Query(); q.Get("ident") != testIdent || q.Get("secret") != testSecret {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, faultOf("SOAP-ENV:Client.Authentication", "Authentication failed"))
		return
	}
	body, _ := io.ReadAll(r.Body)
	root, err := parse(body)
	if err != nil {
		panic(err)
	}
	request, _, err := opened(root)
	if err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, request)
	answer, ok := s.answers[request.name]
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	if !ok {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, faultOf("SOAP-ENV:Client",
			"Method 'ns1:"+request.name+"' not implemented: method name or namespace not recognized"))
		return
	}
	_, _ = io.WriteString(w, answer(request))
}

// count is how often an operation was called.
func (s *till) count(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.calls {
		if c.name == operation {
			n++
		}
	}
	return n
}

// last is the latest request of an operation.
func (s *till) last(operation string) *node {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out *node
	for _, c := range s.calls {
		if c.name == operation {
			out = c
		}
	}
	return out
}

func (s *till) answer(operation, element, content string) {
	s.answers[operation] = func(*node) string { return soap(element, content) }
}

func (s *till) open(t *testing.T, more sdk.Config) *connection {
	t.Helper()
	config := configured(sdk.Config{"url": s.URL, "ident": testIdent, "secret": testSecret})
	maps.Copy(config, more)
	c, err := New().Open(t.Context(), "mpluskassa.shop", config, slog.New(slog.NewTextHandler(&s.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(*connection)
}

const soapHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
	`<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" xmlns:ns="urn:mplusqapi">`

// soap wraps content, whose elements are written without prefix, the way the server does: all prefixed.
func soap(element, content string) string {
	prefixed := strings.ReplaceAll(strings.ReplaceAll("<"+element+">"+content+"</"+element+">", "</", "\x00"), "<", "<ns:")
	return soapHead + `<SOAP-ENV:Header></SOAP-ENV:Header><SOAP-ENV:Body>` +
		strings.ReplaceAll(prefixed, "\x00", "</ns:") + `</SOAP-ENV:Body></SOAP-ENV:Envelope>`
}

func faultOf(code, words string) string {
	return soapHead + `<SOAP-ENV:Body><SOAP-ENV:Fault><faultcode>` + code + `</faultcode><faultstring>` + words +
		`</faultstring></SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>`
}

func el(name string, content ...any) string {
	return "<" + name + ">" + fmt.Sprint(content...) + "</" + name + ">"
}

// reading collects what a read emits.
type reading struct {
	records []sdk.Record
	cursors []string
	sizes   []int
}

func (r *reading) emit(b sdk.Batch) error {
	r.records = append(r.records, b.Records...)
	r.cursors = append(r.cursors, b.Cursor)
	r.sizes = append(r.sizes, len(b.Records))
	return nil
}

func (r *reading) keys() string {
	var out []string
	for _, rec := range r.records {
		out = append(out, rec.Key)
	}
	return strings.Join(out, " ")
}

func payload(t *testing.T, r sdk.Record) map[string]any {
	t.Helper()
	m, err := record.DecodeObject(r.Payload)
	if err != nil {
		t.Fatalf("%s: %v", r.Payload, err)
	}
	return m
}

func failureOf(t *testing.T, err error) *sdk.Failure {
	t.Helper()
	var f *sdk.Failure
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want a failure", err)
	}
	return f
}

func short(c protocol.FailureClass) string { return strings.TrimPrefix(c.String(), "FAILURE_CLASS_") }
