package run

import (
	"slices"
	"sync"
	"time"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// A pipeline often looks a record up and, some steps on, writes to where it looked. The sink need not ask the same again
// at once: what the look-up found a moment ago counts, unless something was written there since. It counts for the first
// attempt alone. A create that was announced before, one that another node may be at, a conflict and an answer that never
// came all ask the target itself.

// glanceLife is how long the answer to a look-up counts.
const glanceLife = 15 * time.Second

// glance is what a record's look-up found.
type glance struct {
	target, match string
	at            time.Time // before it was asked
	found         []*protocol.Found
}

// saw remembers what a look-up found, for sinks further down.
func (it *item) saw(s *pipelines.Lookup, match map[string]any, at time.Time, found []*protocol.Found) {
	if len(found) <= 1 {
		it.glances = append(it.glances, glance{targetName(s.Connection, s.Entity), matchText(match), at, found})
	}
}

// wrote forgets what was seen of a target before it was written to.
func (it *item) wrote(s *pipelines.Sink) {
	it.glances = slices.DeleteFunc(it.glances, func(g glance) bool { return g.target == target(s) })
}

// glimpsed is what a sink would find if it asked, as far as an earlier step has just asked that.
func (e *execution) glimpsed(it *item, s *pipelines.Sink, w want, id string) (found *protocol.Found, ok bool) {
	for _, g := range it.glances {
		if g.target != target(s) || time.Since(g.at) > glanceLife {
			continue
		}
		switch {
		case len(g.found) == 1: // one without a version might be overwritten with what is old by now
			if f := g.found[0]; f.GetVersion() != "" && (f.GetId() == id || id == "" && w.match != nil && g.match == matchText(w.match)) {
				return f, true
			}
		case id == "" && w.match != nil && g.match == matchText(w.match) && !e.births.since(lockName(s, w), g.at):
			return nil, true
		}
	}
	return nil, false
}

// births are the creates of this process, for as long as glances last: another record may have made what one saw missing.
type births struct {
	mu   sync.Mutex
	last map[string]time.Time // when it was sent, by lockName
	many int                  // look for old ones when there are so many
}

func newBirths() *births { return &births{last: map[string]time.Time{}} }

func (b *births) note(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.last) > b.many {
		for n, at := range b.last {
			if time.Since(at) > 2*glanceLife {
				delete(b.last, n)
			}
		}
		b.many = max(1000, 2*len(b.last))
	}
	b.last[name] = time.Now()
}

func (b *births) since(name string, at time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	last, ok := b.last[name]
	return ok && !last.Before(at)
}
