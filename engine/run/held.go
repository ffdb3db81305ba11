package run

import (
	"context"
	"fmt"
	"sync"

	"github.com/kopru-io/kopru/engine/state"
)

// heldKeys knows which keys have an open dead letter or parked record: settled ones, asked for batch by batch, and
// those of this run that are not settled yet.
type heldKeys struct {
	mu   sync.Mutex
	open map[string]holder // by key: the oldest
	ask  bool              // the database has some
}

// holder is what holds a key back. One of this run that is not settled yet has no number.
type holder struct {
	id  int64
	why string
}

// newHeldKeys finds out whether there is anything to ask for.
func newHeldKeys(ctx context.Context, store *state.Store, pipeline string) (*heldKeys, error) {
	some, err := store.Held(ctx, state.HeldFilter{Pipeline: pipeline, Limit: 1})
	return &heldKeys{open: map[string]holder{}, ask: len(some) > 0}, err
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
	held, err := e.store.HeldKeys(ctx, e.pipeline.Name, keys)
	if err != nil {
		return &stop{err}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for key, letter := range held {
		h.open[key] = holder{letter.ID, fmt.Sprintf("%s #%d of the same key", letter.Status, letter.ID)}
	}
	return nil
}

// check decides about a record whose key is held: it waits behind the held one where the pipeline says so, else it
// is the newer state of the same thing and supersedes it.
func (h *heldKeys) check(e *execution, it *item) {
	h.mu.Lock()
	by, held := h.open[it.record.GetKey()]
	h.mu.Unlock()
	if !held || it.settled() || it.again != nil && by.id >= it.again.ID {
		return
	}
	if e.pipeline.OnError.ParkKey {
		it.parked("source", by.why, "an earlier change of this record is not settled")
		return
	}
	it.supersedes = it.again == nil
}

// note remembers what this run itself holds back or lets go.
func (h *heldKeys) note(it *item) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch it.outcome {
	case state.Dead, state.Parked:
		if _, already := h.open[it.record.GetKey()]; !already {
			h.open[it.record.GetKey()] = holder{why: string(it.outcome) + " earlier in this run"}
		}
	default:
		delete(h.open, it.record.GetKey())
	}
}
