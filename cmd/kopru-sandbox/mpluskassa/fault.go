package mpluskassa

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

// faultKinds are the ways a test can ask the emulator to misbehave.
func faultKinds() []string {
	return []string{
		"drop_after_store", "drop_before", "status_429", "status_500", "html_502", "slow", "malformed", "truncate",
		"empty",
	}
}

// fault is an order to misbehave. It hits every Every-th matching request, Times times; 0 means each and for ever. The
// route is an operation or "*".
type fault struct {
	Route      string `json:"route"`
	Kind       string `json:"kind"`
	Times      int    `json:"times,omitempty"`
	Every      int    `json:"every,omitempty"`
	RetryAfter int    `json:"retry_after,omitempty"`
	DelayMS    int    `json:"delay_ms,omitempty"`

	Seen int `json:"seen"`
	Hits int `json:"hits"`
}

func (f *fault) check() error {
	if f.Route == "" {
		return fmt.Errorf("route is required: an operation such as getOrders, or \"*\"")
	}
	if !slices.Contains(faultKinds(), f.Kind) {
		return fmt.Errorf("kind %q is not one of %s", f.Kind, strings.Join(faultKinds(), ", "))
	}
	if f.Times < 0 || f.Every < 0 || f.RetryAfter < 0 || f.DelayMS < 0 {
		return fmt.Errorf("times, every, retry_after and delay_ms are not negative")
	}
	return nil
}

// faults are the orders in force.
type faults struct {
	mu  sync.Mutex
	all []*fault
}

func (fs *faults) add(f fault) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f.Seen, f.Hits = 0, 0
	fs.all = append(fs.all, &f)
}

func (fs *faults) clear() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.all = nil
}

func (fs *faults) list() []fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	out := make([]fault, 0, len(fs.all))
	for _, f := range fs.all {
		out = append(out, *f)
	}
	return out
}

// take is the fault that hits this request; its kind is empty when there is none.
func (fs *faults) take(operation string) fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, f := range fs.all {
		if f.Route != "*" && !strings.EqualFold(f.Route, operation) || f.Times > 0 && f.Hits >= f.Times {
			continue
		}
		f.Seen++
		if f.Every > 1 && f.Seen%f.Every != 0 {
			continue
		}
		f.Hits++
		return *f
	}
	return fault{}
}

func (f fault) delay() time.Duration {
	if f.Kind == "slow" && f.DelayMS == 0 {
		return 5 * time.Second
	}
	return time.Duration(f.DelayMS) * time.Millisecond
}

// reply is a finished answer.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// before is the answer of a fault that keeps the request from being processed.
func (f fault) before() (reply, bool) {
	switch f.Kind {
	case "drop_before":
		return reply{}, true
	case "status_429":
		after := strconv.Itoa(max(f.RetryAfter, 1))
		return reply{status: http.StatusTooManyRequests, header: http.Header{"Retry-After": {after}}}, true
	case "status_500":
		var b encoder
		b.fault(&soapFault{"SOAP-ENV:Server", "Internal server error"})
		return reply{status: http.StatusInternalServerError, body: b.Bytes()}, true
	case "html_502":
		return reply{
			status: http.StatusBadGateway, header: http.Header{"Content-Type": {"text/html"}},
			body: []byte("<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"),
		}, true
	}
	return reply{}, false
}

// send writes the answer, spoilt as the fault says.
func (f fault) send(w http.ResponseWriter, r reply) {
	if f.Kind == "drop_before" || f.Kind == "drop_after_store" {
		panic(http.ErrAbortHandler) // the way net/http closes a connection without an answer
	}
	switch f.Kind {
	case "malformed":
		r.body = bytes.Replace(r.body, []byte("</SOAP-ENV:Body>"), []byte("</SOAP-ENV:Bod<"), 1)
	case "empty":
		r.body = nil
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	for name, values := range r.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(r.body)))
	w.WriteHeader(r.status)
	if f.Kind == "truncate" {
		_, _ = w.Write(r.body[:len(r.body)/2])
		_ = http.NewResponseController(w).Flush() // or the half would be dropped as well
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(r.body) // the client may be gone; nothing is left to do about that
}
