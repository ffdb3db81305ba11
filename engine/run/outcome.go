package run

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// Effect is what one sink did, or in a plan would do, with one record.
type Effect struct {
	Step      string          `json:"step"`
	Entity    string          `json:"entity"`
	Action    string          `json:"action"` // create, update, unchanged
	ID        string          `json:"id,omitempty"`
	Fields    map[string]any  `json:"fields,omitempty"`    // of a create, in plans and stories
	Changes   []record.Change `json:"changes,omitempty"`   // of an update
	Protected []record.Change `json:"protected,omitempty"` // differences that are not ours to mend
	Conflicts []Conflict      `json:"conflicts,omitempty"` // what both sides changed
	Echo      bool            `json:"echo,omitempty"`      // the record is as we left it ourselves
}

// Actions of an Effect.
const (
	ActionCreate    = "create"
	ActionUpdate    = "update"
	ActionUnchanged = "unchanged"
)

// codeConflict marks the activity of a record that was changed on both sides.
const codeConflict = "pair.conflict"

// item is one record on its way, and what became of it.
type item struct {
	record *protocol.Record
	seq    int64
	scope  pipelines.Scope
	outs   []output    // what append-only sinks get once the record has come through all steps
	again  *state.Held // what was held and is tried again, nil = from the source
	from   string      // steps before this one are skipped, "" = none is
	at     []byte      // the record as it is to be there
	text   []byte      // the record as it is now, where no step looks into it any more
	start  time.Time
	done   chan struct{}

	supersedes bool // is the newer state of something that is held

	outcome   state.Outcome
	step      string
	code      string
	class     string
	reason    string
	waitsFor  string
	waits     state.Wait // what to ask the target for
	effects   []Effect
	links     []state.Link
	intents   []state.Intent
	exchanges []*protocol.Exchange
	trail     []stage // how the transforms left the record, where a story is kept
	mentions  []string
	glances   []glance // what look-ups found, for sinks
}

// output is a payload for an append-only sink.
type output struct {
	sink    *pipelines.Sink
	payload []byte
	record  any // as it was at the sink, nil = like the payload
}

// settled tells whether an earlier step has already decided the outcome.
func (it *item) settled() bool { return it.outcome != "" }

func (it *item) filtered(step, reason string) {
	it.outcome, it.step, it.code, it.reason = state.Filtered, step, "filtered", reason
}

func (it *item) parked(step, waitsFor, reason string) {
	it.outcome, it.step, it.code, it.reason, it.waitsFor = state.Parked, step, codeParked, reason, waitsFor
}

func (it *item) dead(step string, p *problem) {
	it.outcome, it.step, it.code, it.class, it.reason = state.Dead, step, p.code, p.class, p.message
	it.exchanges = append(it.exchanges, p.exchanges...)
}

// stillWaits tells whether it was parked and still is, for the same thing.
func (it *item) stillWaits() bool {
	return it.again != nil && it.outcome == state.Parked && it.again.Status == string(state.Parked) &&
		it.again.WaitsFor == it.waitsFor && it.again.Step == it.step && it.again.Code == it.code
}

// finish gives a record that came through all steps its outcome: delivered when something was written.
func (it *item) finish() {
	if it.settled() {
		return
	}
	it.outcome, it.reason = state.Unchanged, "nothing to write"
	if len(it.effects) == 0 || len(it.outs) > 0 {
		it.outcome, it.reason = state.Delivered, ""
	}
	for _, e := range it.effects {
		if e.Echo && it.outcome == state.Unchanged {
			it.reason = "our own change came back"
		}
		if e.Action != ActionUnchanged {
			it.outcome, it.reason = state.Delivered, ""
		}
	}
	for _, e := range it.effects {
		if len(e.Conflicts) > 0 {
			it.code, it.reason = codeConflict, conflictText(e)
		}
	}
}

// conflictText says which fields were changed on both sides, and whose value counts.
func conflictText(e Effect) string {
	fields := map[string][]string{}
	for _, c := range e.Conflicts {
		fields[c.Kept] = append(fields[c.Kept], c.Field)
	}
	text := "changed on both sides:"
	for _, side := range slices.Sorted(maps.Keys(fields)) {
		text += fmt.Sprintf(" %s (the %s's counts)", strings.Join(fields[side], ", "), side)
	}
	return text
}

// back puts the record back to how it was at an append-only sink, which writes when all steps are through.
func (it *item) back(o output) {
	if it.text = o.payload; o.record != nil {
		it.text, _ = record.Encode(o.record) // it was made of record values
	}
}

// current is the record as the steps made it, for dead letters.
func (it *item) current() []byte {
	if it.text != nil {
		return it.text
	}
	if len(it.scope.Slots) == 0 && it.step != "source" { // it goes through as it is
		return it.record.GetPayload()
	}
	if len(it.scope.Slots) == 0 || it.scope.Slots[pipelines.SlotRecord] == nil {
		return nil
	}
	data, err := record.Encode(it.scope.Slots[pipelines.SlotRecord])
	if err != nil {
		return nil
	}
	return data
}
