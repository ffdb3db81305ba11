package vismanet

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The kinds of misbehaviour a test can ask for.
var faultKinds = []string{
	"drop_after_store", "drop_before", "status_429", "status_500", "html_502", "slow", "malformed_json", "truncate", "empty",
}

// fault is one order to misbehave. It hits every Every-th matching request, Times times; 0 means each and for ever.
type fault struct {
	Route      string `json:"route"`
	Kind       string `json:"kind"`
	Times      int    `json:"times,omitempty"`
	Every      int    `json:"every,omitempty"`
	RetryAfter int    `json:"retry_after,omitempty"`
	DelayMS    int    `json:"delay_ms,omitempty"`

	seen, hits int
}

func (f *fault) check() error {
	if f.Route == "" {
		return fmt.Errorf("route is required, such as \"POST /api/v3/SalesOrders\" or \"*\"")
	}
	if !slices.Contains(faultKinds, f.Kind) {
		return fmt.Errorf("kind %q is not one of %s", f.Kind, strings.Join(faultKinds, ", "))
	}
	return nil
}

// faults are the orders in force.
type faults struct {
	mu  sync.Mutex
	all []*fault
}

func (fs *faults) add(f *fault) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.all = append(fs.all, f)
}

func (fs *faults) clear() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.all = nil
}

func (fs *faults) list() []object {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	out := make([]object, 0, len(fs.all))
	for _, f := range fs.all {
		out = append(out, object{
			"route": f.Route, "kind": f.Kind, "times": f.Times, "every": f.Every, "seen": f.seen,
			"hits": f.hits,
		})
	}
	return out
}

// take is the fault that hits this request, or nil.
func (fs *faults) take(route string) *fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, f := range fs.all {
		if f.Route != "*" && !strings.EqualFold(f.Route, route) || f.Times > 0 && f.hits >= f.Times {
			continue
		}
		f.seen++
		if f.Every > 1 && f.seen%f.Every != 0 {
			continue
		}
		f.hits++
		hit := *f
		return &hit
	}
	return nil
}

func (f *fault) kind() string {
	if f == nil {
		return ""
	}
	return f.Kind
}

func (f *fault) delay() time.Duration {
	switch {
	case f == nil:
		return 0
	case f.DelayMS > 0:
		return time.Duration(f.DelayMS) * time.Millisecond
	case f.Kind == "slow":
		return 5 * time.Second
	}
	return 0
}

// before is the answer of a fault that keeps the request from being processed.
func (f *fault) before() (response, bool) {
	switch f.kind() {
	case "drop_before":
		return response{}, true
	case "status_429":
		retry := max(f.RetryAfter, 1)
		return response{status: http.StatusTooManyRequests}.with("Retry-After", strconv.Itoa(retry)), true
	case "status_500":
		return response{status: http.StatusInternalServerError, body: object{"message": "An error has occurred."}}, true
	case "html_502":
		return response{status: http.StatusBadGateway}, true
	}
	return response{}, false
}

// send writes the answer, spoilt as the fault says.
func (f *fault) send(w http.ResponseWriter, r response) {
	kind := f.kind()
	if kind == "drop_before" || kind == "drop_after_store" {
		panic(http.ErrAbortHandler) // the way net/http closes a connection without an answer
	}
	for name, vs := range r.header {
		if name != ignoredHeader {
			w.Header()[name] = vs
		}
	}
	var body []byte
	if r.body != nil {
		body = encode(r.body)
		w.Header().Set("Content-Type", contentType(r.body))
	}
	switch kind {
	case "html_502":
		w.Header().Set("Content-Type", "text/html")
		body = []byte("<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>")
	case "malformed_json":
		body = append(bytes.TrimRight(body, "}]"), ",,"...)
	case "empty":
		body = nil
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(r.status)
	if kind == "truncate" {
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush() // an answer that never left would be asked for again by the client
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(body) // the client may be gone; nothing is left to do about that
}

func contentType(body any) string {
	if o, is := body.(object); is && o["title"] != nil {
		return "application/problem+json; charset=utf-8"
	}
	return "application/json; charset=utf-8"
}
