package run

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/kopru-io/kopru/engine/state"
)

// heldKeys knows which keys have an open dead letter or parked record: settled ones, asked for batch by batch, and
// those of this run that are not settled yet.
type heldKeys struct {
	mu     sync.Mutex
	open   map[string][]holder // by key, oldest first
	closed map[int64]bool      // in this run, and perhaps not settled yet
	ask    bool                // the database has some
}

// holder is what holds a key back. One of this run that is not settled yet has no number.
type holder struct {
	id  int64
	why string
}

// newHeldKeys finds out whether there is anything to ask for.
func newHeldKeys(ctx context.Context, e *execution) (*heldKeys, error) {
	some, err := lasting(ctx, e, func() ([]state.Held, error) {
		return e.store.Held(ctx, state.HeldFilter{Pipeline: e.pipeline.Name, Limit: 1})
	})
	return &heldKeys{open: map[string][]holder{}, closed: map[int64]bool{}, ask: len(some) > 0}, err
}

// load asks for the open ones of a batch's keys.
func (h *heldKeys) load(ctx context.Context, e *execution, b *batch) error {
	if !h.ask {
		return nil
	}
	keys := make([]string, len(b.items))
	for i, it := range b.items {
		keys[i] = it.record.GetKey()
	}
	var held map[string][]state.HeldRef
	err := e.durable(ctx, func() (err error) {
		held, err = e.store.HeldKeys(ctx, e.pipeline.Name, keys)
		return err
	})
	if err != nil {
		return &stop{err}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for key, letters := range held {
		var open []holder
		for _, letter := range letters {
			if !h.closed[letter.ID] {
				open = append(open, holder{letter.ID, fmt.Sprintf("#%d (%s)", letter.ID, letter.Status)})
			}
		}
		for _, unsettled := range h.open[key] {
			known := func(o holder) bool { return o.id == unsettled.id }
			if unsettled.id == 0 || !slices.ContainsFunc(open, known) && !h.closed[unsettled.id] {
				open = append(open, unsettled)
			}
		}
		h.open[key] = open
	}
	return nil
}

// behind is what a parked record waits for that follows one of its own key.
const behind = "an earlier letter of the same key"

// check decides about a record whose key is held: it waits behind the held one where the pipeline says so, else it
// is the newer state of the same thing and supersedes it.
func (h *heldKeys) check(e *execution, it *item) {
	h.mu.Lock()
	open := h.open[it.record.GetKey()]
	h.mu.Unlock()
	if it.again != nil { // what came after it is no obstacle
		older := func(o holder) bool { return o.id != 0 && o.id < it.again.ID }
		open = slices.DeleteFunc(slices.Clone(open), func(o holder) bool { return !older(o) })
	}
	if len(open) == 0 {
		return
	}
	if !e.pipeline.OnError.ParkKey {
		it.supersedes = it.again == nil // whatever becomes of it: what it follows is out of date
		return
	}
	if !it.settled() {
		it.text = it.record.GetPayload()
		it.parked("source", behind, "an earlier change of this record is not settled: "+open[0].why)
		it.code = codeBehind
	}
}

// note remembers what this run itself holds back or lets go.
func (h *heldKeys) note(it *item) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := it.record.GetKey()
	failed := it.outcome == state.Dead || it.outcome == state.Parked
	switch {
	case it.again != nil && failed:
	case it.again != nil:
		h.closed[it.again.ID] = true
		h.open[key] = slices.DeleteFunc(h.open[key], func(o holder) bool { return o.id == it.again.ID })
	default:
		if it.supersedes {
			for _, o := range h.open[key] {
				if o.id != 0 {
					h.closed[o.id] = true
				}
			}
			h.open[key] = nil
		}
		if failed {
			h.open[key] = append(h.open[key], holder{why: string(it.outcome) + " earlier in this run"})
		}
	}
	if len(h.open[key]) == 0 {
		delete(h.open, key)
	}
}
