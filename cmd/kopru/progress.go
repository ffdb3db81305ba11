package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/kopru-io/kopru/engine/run"
)

// progress shows on a terminal how far the runs are, on one line that is overwritten.
type progress struct {
	out *os.File

	mu   sync.Mutex
	last time.Time
}

func newProgress(c *cli) *progress {
	f, ok := c.err.(*os.File)
	if !ok || c.json || !isatty.IsTerminal(f.Fd()) {
		return &progress{}
	}
	return &progress{out: f}
}

func (p *progress) show(s run.Progress) {
	if p.out == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.last) < 100*time.Millisecond {
		return
	}
	p.last = time.Now()
	fmt.Fprintf(p.out, "\r\033[K%s: %d records, %d delivered, %d dead",
		s.Pipeline, s.Counts.Read, s.Counts.Delivered, s.Counts.Dead)
}

func (p *progress) end() {
	if p.out != nil && !p.last.IsZero() {
		fmt.Fprint(p.out, "\r\033[K")
	}
}
