package mpluskassa

import (
	"maps"
	"strconv"
	"sync"
	"time"
)

// entry is one request in the log. It has no address, query, header or body, so no credential and no personal data.
type entry struct {
	Time      time.Time `json:"time"`
	Method    string    `json:"method"`
	Operation string    `json:"operation"`
	Status    int       `json:"status"`
	Result    string    `json:"result,omitempty"`
	Written   bool      `json:"written"`
	Fault     string    `json:"fault,omitempty"`
	Bytes     int       `json:"bytes"`
}

const maxLog = 20000

// requestLog counts requests and keeps the latest ones.
type requestLog struct {
	mu          sync.Mutex
	entries     []entry
	requests    int
	writes      int
	byOperation map[string]int
	statuses    map[string]int
}

func newRequestLog() *requestLog {
	l := &requestLog{}
	l.clear()
	return l
}

func (l *requestLog) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries, l.requests, l.writes = nil, 0, 0
	l.byOperation, l.statuses = make(map[string]int), make(map[string]int)
}

func (l *requestLog) add(e entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.entries) >= maxLog {
		l.entries = append(l.entries[:0], l.entries[maxLog/2:]...)
	}
	l.entries = append(l.entries, e)
	l.requests++
	l.byOperation[e.Operation]++
	l.statuses[strconv.Itoa(e.Status)]++
	if e.Written {
		l.writes++
	}
}

func (l *requestLog) list() []entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]entry{}, l.entries...)
}

// stats fills in the counters.
func (l *requestLog) stats(into map[string]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	into["requests"], into["writes"] = l.requests, l.writes
	into["by_operation"], into["statuses"] = maps.Clone(l.byOperation), maps.Clone(l.statuses)
}
