package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// settleAll makes outcomes durable, batch after batch, and only then tells the source. Batches that are ready at the
// same time share a transaction.
func (f *flow) settleAll(ctx context.Context) {
	for {
		ready, ok := receive(ctx, f.toSettle)
		if !ok {
			return
		}
		if ready, ok = f.alsoWritten(ctx, ready); !ok { // the source broke in the middle of a batch
			return
		}
		s := f.settlement(ready)
		if err := f.settle(ctx, s); err != nil {
			f.fail(err)
			return
		}
		f.unsettled.settled(s)
		f.telemetry.settled(ctx, f.pipeline.Name, ready, s.Counts)
		if s.Cursor != nil {
			f.source.Committed(*s.Cursor)
		}
		f.report(s)
		for _, b := range ready {
			f.leave(b)
		}
	}
}

// alsoWritten adds the groups that are ready too, and those that must not be settled apart from these.
func (f *flow) alsoWritten(ctx context.Context, ready []*batch) (all []*batch, ok bool) {
	for {
		if ready[len(ready)-1].more {
			rest, ok := receive(ctx, f.toSettle)
			if !ok {
				return nil, false
			}
			ready = append(ready, rest...)
			continue
		}
		if len(ready) >= window {
			return ready, true
		}
		select {
		case rest, ok := <-f.toSettle:
			if !ok {
				return ready, true
			}
			ready = append(ready, rest...)
		default:
			return ready, true
		}
	}
}

// settle makes a settlement durable, exactly once.
func (e *execution) settle(ctx context.Context, s state.Settlement) error {
	e.settled++
	s.Seq = e.settled
	return e.durable(ctx, func() error { return e.store.Settle(ctx, s) })
}

// durable waits out a database that is away: nothing is lost meanwhile, the run just stands still.
func (e *execution) durable(ctx context.Context, do func() error) error {
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 10*time.Second) {
		err := do()
		if !errors.Is(err, state.ErrUnavailable) {
			return err
		}
		e.log.Warn("the state database is not available; the run waits for it", "error", err, "next_try_in", pause)
		if waitErr := sleepUntil(ctx, time.Now().Add(pause)); waitErr != nil {
			return err
		}
	}
}

// lastWord tells the database how something ended, also when that was because the run was cut short. After the time of
// a lease nobody waits for it any more.
func (e *execution) lastWord(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.store.Lease)
	defer cancel()
	return e.durable(ctx, func() error { return do(ctx) })
}

// blank is a settlement of nothing.
func (e *execution) blank() state.Settlement {
	s := state.Settlement{
		Run: e.holder, Fence: e.fence, Pipeline: e.pipeline.Name, Source: e.pipeline.Source.Name,
		Sinks: map[string]state.SinkCounts{}, Ends: map[state.End]int64{}, Positions: map[string]string{},
	}
	if e.part != nil {
		s.Backfill, s.Partition = e.part.Backfill, e.part.Number
	}
	return s
}

// settlement is everything that some batches have to make durable.
func (e *execution) settlement(batches []*batch) state.Settlement {
	s := e.blank()
	for _, b := range batches {
		if b.cursor != "" {
			s.Cursor = &b.cursor
		}
		for step, position := range b.positions {
			s.Positions[step] = position
		}
		for _, it := range b.items {
			e.settleItem(&s, it)
		}
		e.endings(b)
	}
	return s
}

func (e *execution) settleItem(s *state.Settlement, it *item) {
	s.Counts.Read++
	switch it.outcome {
	case state.Delivered:
		s.Counts.Delivered++
	case state.Unchanged:
		s.Counts.Unchanged++
	case state.Filtered:
		s.Counts.Filtered++
	case state.Parked:
		s.Counts.Parked++
	case state.Dead:
		s.Counts.Dead++
	}
	if it.step != "" && s.Ends != nil && !it.stillWaits() {
		s.Ends[state.End{Step: it.step, Outcome: string(it.outcome)}]++
	}
	for _, o := range it.outs {
		if it.outcome == state.Delivered {
			c := s.Sinks[o.sink.Name]
			c.Created++
			s.Sinks[o.sink.Name] = c
		}
	}
	created := false
	for _, effect := range it.effects {
		c := s.Sinks[effect.Step]
		switch effect.Action {
		case ActionCreate:
			c.Created++
			created = true
		case ActionUpdate:
			c.Updated++
		case ActionUnchanged:
			c.Unchanged++
		}
		s.Sinks[effect.Step] = c
	}
	s.Links = append(s.Links, it.links...)
	s.DoneIntents = append(s.DoneIntents, it.intents...)
	if created {
		s.Came = append(s.Came, it.intents...)
	}
	e.settleHeld(s, it)
	if it.stillWaits() { // no news
		s.StillParked++
	} else if e.pipeline.Activity != "failures" || it.outcome == state.Dead || it.outcome == state.Parked {
		failed := it.outcome == state.Dead || it.outcome == state.Parked
		entry := e.entry(it)
		if e.teller != nil || failed {
			mask := e.masks.mask(it)
			entry.Reason = mask.text(entry.Reason)
			if failed {
				h := &s.Hold[len(s.Hold)-1]
				h.Message, h.WaitsFor = mask.text(h.Message), mask.text(h.WaitsFor)
			}
			if e.teller != nil {
				e.tell(s, it, mask)
			}
			e.findable(s, it)
		}
		s.Entries = append(s.Entries, entry)
	}
}

// settleHeld keeps what did not come through, with what is needed to understand and replay it, and closes what did.
func (e *execution) settleHeld(s *state.Settlement, it *item) {
	failed := it.outcome == state.Dead || it.outcome == state.Parked
	switch {
	case it.again != nil && !failed:
		s.Release = append(s.Release, state.Resolution{ID: it.again.ID, Status: state.HeldReleased})
	case it.supersedes:
		s.Release = append(s.Release, state.Resolution{Key: it.record.GetKey(), Status: state.HeldSuperseded})
		for i := range s.Hold { // of the same settlement, so not in the database yet
			if s.Hold[i].Key == it.record.GetKey() {
				s.Hold[i].Status = state.HeldSuperseded
			}
		}
	}
	if !failed {
		return
	}
	meta := map[string]any{}
	for k, v := range it.record.GetMeta() {
		meta[k] = v
	}
	metaJSON, _ := record.Encode(meta) // strings only
	now := e.clock()
	held := state.Held{
		Pipeline: e.pipeline.Name, Run: e.id, Entity: e.pipeline.Source.Entity, Key: it.record.GetKey(),
		RecordID: e.recordID(it), Status: string(it.outcome), Step: it.step, Code: it.code, Class: it.class,
		Message: it.reason, WaitsFor: it.waitsFor, WaitTarget: it.waits.Target, WaitMatch: it.waits.Match,
		Operation: operation(it.record), Original: it.record.GetPayload(), Current: it.current(),
		Exchanges: exchangesJSON(it.exchanges), Meta: metaJSON, Version: e.pipeline.Version,
		Attempts: 1, Since: now, CreatedAt: now, UpdatedAt: now,
	}
	if ms := it.record.GetOccurredAtMs(); ms != 0 {
		held.OccurredAt = time.UnixMilli(ms)
	}
	if it.again != nil { // the same letter, tried once more
		held.ID, held.Attempts = it.again.ID, it.again.Attempts+1
		if it.stillWaits() || held.Status == state.HeldDead && it.again.Status == state.HeldDead {
			held.Since = it.again.Since
		}
	}
	s.Hold = append(s.Hold, held)
}

func (e *execution) entry(it *item) state.Entry {
	return state.Entry{
		At: it.start, Run: e.id, Pipeline: e.pipeline.Name, Entity: e.pipeline.Source.Entity, Key: it.record.GetKey(),
		RecordID: e.recordID(it), Outcome: it.outcome, Code: it.code, Reason: it.reason, Detail: detail(it),
		Took: time.Since(it.start),
	}
}

func (e *execution) recordID(it *item) string { return fmt.Sprintf("%s-%d", e.holder, it.seq) }

// detail is the activity's account of the effects: which fields, never their values, so that no personal data
// reaches the log unasked.
func detail(it *item) []byte {
	if len(it.effects) == 0 {
		return nil
	}
	effects := make([]any, len(it.effects))
	for i, f := range it.effects {
		m := map[string]any{"step": f.Step, "entity": f.Entity, "action": f.Action, "id": f.ID}
		if len(f.Changes) > 0 {
			m["changed"] = fieldNames(f.Changes)
		}
		if len(f.Protected) > 0 {
			m["protected"] = fieldNames(f.Protected)
		}
		if len(f.Conflicts) > 0 {
			conflicts := make([]any, len(f.Conflicts))
			for i, c := range f.Conflicts {
				conflicts[i] = map[string]any{"field": c.Field, "kept": c.Kept}
			}
			m["conflicts"] = conflicts
		}
		effects[i] = m
	}
	data, _ := record.Encode(map[string]any{"effects": effects}) // strings only
	return data
}

func fieldNames(changes []record.Change) []any {
	out := make([]any, len(changes))
	for i, c := range changes {
		out[i] = c.Field
	}
	return out
}

func exchangesJSON(exchanges []*protocol.Exchange) []byte {
	if len(exchanges) == 0 {
		return nil
	}
	list := make([]any, len(exchanges))
	for i, x := range exchanges {
		list[i] = map[string]any{
			"request": x.GetRequest(), "response": x.GetResponse(), "status": record.Int(int64(x.GetStatus())),
			"took_ms": record.Int(x.GetTookMs()),
		}
	}
	data, _ := record.Encode(list) // strings and integers only
	return data
}

// Progress is what a run has settled so far.
type Progress struct {
	Pipeline string
	Counts   state.Counts
	Total    int64 // about how many records its source has for it, 0 = not known
	Since    time.Time
}

// Share is how much of the run is done, 0 to 1, and Left how long the rest will take; ok is false while nobody knows.
func (p Progress) Share(now time.Time) (share float64, left time.Duration, ok bool) {
	if p.Total <= 0 || p.Counts.Read <= 0 {
		return 0, 0, false
	}
	share = min(1, float64(p.Counts.Read)/float64(p.Total))
	return share, time.Duration(float64(now.Sub(p.Since)) * (1 - share) / share), true
}

func (e *execution) report(s state.Settlement) {
	e.counts.Add(s.Counts)
	e.waits += s.StillParked
	for step, c := range s.Sinks {
		total := e.sinks[step]
		total.Add(c)
		e.sinks[step] = total
	}
	if e.progress != nil {
		e.progress(Progress{Pipeline: e.pipeline.Name, Counts: e.counts, Total: e.total.Load(), Since: e.startedAt})
	}
}
