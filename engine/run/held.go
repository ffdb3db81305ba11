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
	open map[string]string // key → why
}

// load asks for the open ones of a batch's keys.
func (h *heldKeys) load(ctx context.Context, e *execution, b *batch) error {
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
	if h.open == nil {
		h.open = map[string]string{}
	}
	for key, letter := range held {
		h.open[key] = fmt.Sprintf("%s #%d of the same key", letter.Status, letter.ID)
	}
	return nil
}

// check decides about a record whose key is held: it waits behind the held one where the pipeline says so, else it
// is the newer state of the same thing and supersedes it.
func (h *heldKeys) check(e *execution, it *item) {
	h.mu.Lock()
	why, held := h.open[it.record.GetKey()]
	h.mu.Unlock()
	if !held || it.settled() || it.heldID != 0 {
		return
	}
	if e.pipeline.OnError.ParkKey {
		it.parked("source", why, "an earlier change of this record is not settled")
		return
	}
	it.supersedes = true
}

// note remembers what this run itself holds back or lets go.
func (h *heldKeys) note(it *item) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch it.outcome {
	case state.Dead, state.Parked:
		h.open[it.record.GetKey()] = string(it.outcome) + " earlier in this run"
	default:
		delete(h.open, it.record.GetKey())
	}
}
