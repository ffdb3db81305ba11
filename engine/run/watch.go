package run

import (
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// Watcher is told what happens to records on their way; tests of pipelines look on through it. It is called from
// several goroutines, in order for each record.
type Watcher interface {
	// Passed: a record came through a step, and this is what it is now.
	Passed(step pipelines.Step, key string, record any)
	// Sent: a sink sent an operation, with what would find its record again, and the target gave it an id ("" = none).
	Sent(sink *pipelines.Sink, op *protocol.Op, match map[string]any, id string)
	// Ended: a record has its outcome.
	Ended(Ending)
}

// Ending is how a record ended.
type Ending struct {
	Key          string
	Outcome      state.Outcome
	Step         string // that decided it, "" when it came through all
	Code, Reason string
	Effects      []Effect
}

// observed tells whether somebody looks at what the steps make of a record, beside the steps themselves.
func (e *execution) observed() bool { return e.plan != nil || e.teller != nil || e.watcher != nil }

func (e *execution) passed(step pipelines.Step, it *item) {
	if e.watcher != nil && len(it.scope.Slots) > 0 {
		e.watcher.Passed(step, it.record.GetKey(), it.scope.Slots[pipelines.SlotRecord])
	}
}

func (e *execution) sent(s *pipelines.Sink, op *protocol.Op, match map[string]any, id string) {
	if e.watcher != nil {
		e.watcher.Sent(s, op, match, id)
	}
}

func (e *execution) endings(b *batch) {
	if e.watcher == nil {
		return
	}
	for _, it := range b.items {
		e.watcher.Ended(Ending{it.record.GetKey(), it.outcome, it.step, it.code, it.reason, it.effects})
	}
}
