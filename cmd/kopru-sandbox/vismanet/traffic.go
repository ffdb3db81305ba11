package vismanet

import (
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// entry is one request in the log. It has no header, query or body, so no credential and no personal data.
type entry struct {
	Time    time.Time `json:"time"`
	Method  string    `json:"method"`
	Route   string    `json:"route"`
	Path    string    `json:"path"`
	Status  int       `json:"status"`
	Written bool      `json:"written"`
	Fault   string    `json:"fault,omitempty"`
	Ignored string    `json:"ignored,omitempty"`
}

const maxLog = 20000

// requestLog counts requests per route and keeps the latest ones.
type requestLog struct {
	now func() time.Time

	mu       sync.Mutex
	entries  []entry
	requests map[string]int
	statuses map[string]int
	writes   map[string]int
	written  int
}

func newRequestLog(now func() time.Time) *requestLog {
	l := &requestLog{now: now}
	l.reset()
	return l
}

func (l *requestLog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries, l.written = nil, 0
	l.requests, l.statuses, l.writes = make(map[string]int), make(map[string]int), make(map[string]int)
}

func (l *requestLog) add(e entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.entries) == maxLog {
		l.entries = l.entries[1:]
	}
	l.entries = append(l.entries, e)
	l.requests[e.Route]++
	l.statuses[strconv.Itoa(e.Status)]++
	if e.Written {
		l.writes[e.Route]++
		l.written++
	}
}

func (l *requestLog) list() []entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]entry{}, l.entries...)
}

func (l *requestLog) stats() object {
	l.mu.Lock()
	defer l.mu.Unlock()
	total := 0
	for _, n := range l.requests {
		total += n
	}
	return object{
		"requests": total, "requests_by_route": maps.Clone(l.requests), "statuses": maps.Clone(l.statuses),
		"writes": l.written, "writes_by_route": maps.Clone(l.writes),
	}
}

// describeLimit sets the rate limit headers that every answer carries.
func (s *Server) describeLimit(h http.Header, route string) {
	limit := s.window.Calls
	left, seconds := s.window.State()
	if limit == 0 {
		limit, left = 1_000_000, 1_000_000
	}
	policy := "4-fixed-window"
	if strings.Contains(route, "/v1/salesorder") {
		policy = "8-fixed-window"
	}
	h.Set("X-RateLimit-Limit", strconv.Itoa(limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(left))
	h.Set("X-RateLimit-Reset", strconv.Itoa(seconds))
	h.Set("X-RateLimit-Policy", policy)
}
