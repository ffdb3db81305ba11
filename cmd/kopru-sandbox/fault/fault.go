// Package fault lets an emulator misbehave when a test asks it to.
package fault

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The ways to misbehave.
const (
	DropBefore     = "drop_before"      // the connection breaks, and nothing was done
	DropAfterStore = "drop_after_store" // it breaks when all is done
	TooMany        = "status_429"
	Broken         = "status_500"
	BadGateway     = "html_502" // a page for people
	Slow           = "slow"
	Malformed      = "malformed"
	Truncate       = "truncate" // the connection breaks in the middle of the answer
	Empty          = "empty"
)

var kinds = []string{DropBefore, DropAfterStore, TooMany, Broken, BadGateway, Slow, Malformed, Truncate, Empty}

// Page is what a gateway shows.
const Page = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"

// Fault is an order to misbehave. It hits every Every-th matching request, Times times; 0 means each and for ever. The
// route is as the emulator names it, or "*". The zero value is no fault.
type Fault struct {
	Route      string `json:"route"`
	Kind       string `json:"kind"`
	Times      int    `json:"times,omitempty"`
	Every      int    `json:"every,omitempty"`
	RetryAfter int    `json:"retry_after,omitempty"` // seconds
	DelayMS    int    `json:"delay_ms,omitempty"`

	Seen int `json:"seen"`
	Hits int `json:"hits"`
}

// Delay is how long the answer takes.
func (f Fault) Delay() time.Duration {
	if f.Kind == Slow && f.DelayMS == 0 {
		return 5 * time.Second
	}
	return time.Duration(f.DelayMS) * time.Millisecond
}

// Wait is what Retry-After says.
func (f Fault) Wait() string { return strconv.Itoa(max(f.RetryAfter, 1)) }

// Send writes an answer whose headers are set, spoilt as the fault says.
func (f Fault) Send(w http.ResponseWriter, status int, body []byte) {
	switch f.Kind {
	case DropBefore, DropAfterStore:
		panic(http.ErrAbortHandler) // the way net/http closes a connection without an answer
	case Empty:
		body = nil
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if f.Kind == Truncate {
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush() // an answer that never left would be asked for again by the client
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(body) // the client may be gone; nothing is left to do about that
}

// Orders are the faults in force.
type Orders struct {
	mu  sync.Mutex
	all []*Fault
}

// Add puts a fault in force; the example is of a route.
func (o *Orders) Add(f Fault, example string) error {
	switch {
	case f.Route == "":
		return fmt.Errorf("route is required, such as %q or \"*\"", example)
	case !slices.Contains(kinds, f.Kind):
		return fmt.Errorf("kind %q is not one of %s", f.Kind, strings.Join(kinds, ", "))
	case f.Times < 0 || f.Every < 0 || f.RetryAfter < 0 || f.DelayMS < 0:
		return errors.New("times, every, retry_after and delay_ms are not negative")
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	f.Seen, f.Hits = 0, 0
	o.all = append(o.all, &f)
	return nil
}

// Clear ends all faults.
func (o *Orders) Clear() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = nil
}

// List returns the faults in force.
func (o *Orders) List() []Fault {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make([]Fault, 0, len(o.all))
	for _, f := range o.all {
		out = append(out, *f)
	}
	return out
}

// Take returns the fault that hits this request.
func (o *Orders) Take(route string) Fault {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, f := range o.all {
		if f.Route != "*" && !strings.EqualFold(f.Route, route) || f.Times > 0 && f.Hits >= f.Times {
			continue
		}
		f.Seen++
		if f.Every > 1 && f.Seen%f.Every != 0 {
			continue
		}
		f.Hits++
		return *f
	}
	return Fault{}
}

// Pause waits, and reports false when the client gave up meanwhile.
func Pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
