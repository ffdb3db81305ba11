package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/kopru-io/kopru/engine/run"
)

// logEvery is how often a run that goes on says how far it is, where nobody sits at a terminal.
const logEvery = 10 * time.Second

// progress shows how far the runs are: on a terminal on one line that is overwritten, else on a line now and then.
type progress struct {
	out      io.Writer // nil = nobody watches
	terminal bool

	mu   sync.Mutex
	last map[string]time.Time // by pipeline; on the terminal "" for all
}

func newProgress(c *cli) *progress {
	p := &progress{last: map[string]time.Time{}}
	if c.json {
		return p
	}
	p.out = c.err
	_, p.terminal = terminalOf(c.err)
	return p
}

func (p *progress) show(s run.Progress) {
	every, of, now := logEvery, s.Pipeline, time.Now()
	if p.out == nil {
		return
	}
	if p.terminal {
		every, of = 100*time.Millisecond, ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.last[of]
	if last.IsZero() && !p.terminal {
		last = s.Since
	}
	if now.Sub(last) < every {
		return
	}
	p.last[of] = now
	if p.terminal {
		fmt.Fprintf(p.out, "\r\033[K%s: %s", s.Pipeline, howFar(s, now))
		return
	}
	fmt.Fprintf(p.out, "%s %s: %s\n", now.Format(time.TimeOnly), s.Pipeline, howFar(s, now))
}

// howFar is a run's progress in words: 1200 of about 10000 records (12 %), 1150 delivered, 3 dead; 9m0s left.
func howFar(s run.Progress, now time.Time) string {
	var b strings.Builder
	share, left, known := s.Share(now)
	fmt.Fprintf(&b, "%d", s.Counts.Read)
	if known {
		fmt.Fprintf(&b, " of about %d", max(s.Total, s.Counts.Read))
	}
	b.WriteString(" records")
	if known {
		fmt.Fprintf(&b, " (%d %%)", int(100*share))
	}
	fmt.Fprintf(&b, ", %d delivered, %d unchanged, %d filtered, %d parked, %d dead", s.Counts.Delivered, s.Counts.Unchanged,
		s.Counts.Filtered, s.Counts.Parked, s.Counts.Dead)
	if known && share < 1 {
		fmt.Fprintf(&b, "; %s left", left.Round(time.Second))
	}
	return b.String()
}

func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.terminal && !p.last[""].IsZero() {
		fmt.Fprint(p.out, "\r\033[K")
	}
}
