package run

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/sourcegraph/conc/pool"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// Codes of parked records and of those that waited too long.
const (
	codeParked  = "parked"         // waits for a thing in the target
	codeBehind  = "parked.behind"  // waits behind an earlier letter of its key
	codeExpired = "parked.expired" // dead: what it waited for never came
)

// mostAsked is how many things a run asks the targets for on behalf of parked records. Where there are more, chance
// decides whose turn it is.
const mostAsked = 500

// returning names the letters that a run tries again before it reads its source, oldest first. Of the others, those
// that waited too long become dead letters, and the rest counts as parked without being touched.
func (e *execution) returning(ctx context.Context) ([]int64, error) {
	if e.replay != nil {
		return e.replay.IDs, nil
	}
	if e.part != nil { // that is for live runs
		return nil, nil
	}
	there, err := e.ask(ctx)
	if err != nil {
		return nil, err
	}
	again := map[int64]bool{}
	var ids, expired []int64
	var counts state.Counts
	for after := int64(0); ; {
		page, err := lasting(ctx, e, func() ([]state.Waiting, error) { return e.store.Waiting(ctx, e.pipeline.Name, after, 1000) })
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].ID
		older, err := e.ahead(ctx, page)
		if err != nil {
			return nil, err
		}
		for _, w := range page {
			switch {
			case w.Run == e.id && !w.Queued: // this run has had its say
			case e.returns(w, there, older[w.Key], again):
				again[w.ID] = true
				ids = append(ids, w.ID)
			case e.overdue(w, there):
				expired = append(expired, w.ID)
			default:
				counts.Read++
				counts.Parked++
			}
		}
	}
	if !e.waitCounted && counts.Read > 0 { // a run that is taken up again has counted them
		e.report(state.Settlement{Counts: counts, StillParked: counts.Parked})
	}
	e.waitCounted = true
	return ids, e.expire(ctx, expired)
}

// ahead names the open letters of the keys whose records are parked behind one of their own.
func (e *execution) ahead(ctx context.Context, page []state.Waiting) (map[string][]state.HeldRef, error) {
	var keys []string
	for _, w := range page {
		if w.Code == codeBehind {
			keys = append(keys, w.Key)
		}
	}
	return lasting(ctx, e, func() (map[string][]state.HeldRef, error) { return e.store.HeldKeys(ctx, e.pipeline.Name, keys) })
}

// returns decides about one letter. A definition that changed since may find what the old one did not.
func (e *execution) returns(w state.Waiting, there map[state.Wait]bool, open []state.HeldRef, again map[int64]bool) bool {
	switch {
	case w.Queued:
		return true
	case w.Code == codeBehind:
		return !slices.ContainsFunc(open, func(o state.HeldRef) bool { return o.ID < w.ID && !again[o.ID] })
	case w.Version != e.pipeline.Version:
		return true
	case w.WaitTarget == "": // nobody can be asked, so it is tried
		return !e.tooOld(w)
	}
	return there[state.Wait{Target: w.WaitTarget, Match: w.WaitMatch}]
}

// overdue tells whether what a letter waits for has had its time and is known not to be there.
func (e *execution) overdue(w state.Waiting, there map[state.Wait]bool) bool {
	is, asked := there[state.Wait{Target: w.WaitTarget, Match: w.WaitMatch}]
	return w.Code != codeBehind && e.tooOld(w) && (w.WaitTarget == "" || asked && !is)
}

func (e *execution) tooOld(w state.Waiting) bool {
	return e.clock().Sub(w.Since) > e.pipeline.OnError.ParkFor
}

// ask asks once for each thing that parked records wait for, within the connections' limits. Who gave no answer is
// not in the result.
func (e *execution) ask(ctx context.Context) (map[state.Wait]bool, error) {
	waits, err := lasting(ctx, e, func() ([]state.Wait, error) { return e.store.Waits(ctx, e.pipeline.Name, e.pipeline.Version) })
	if err != nil {
		return nil, err
	}
	if len(waits) > mostAsked {
		rand.Shuffle(len(waits), func(i, j int) { waits[i], waits[j] = waits[j], waits[i] })
		waits = waits[:mostAsked]
	}
	there := make(map[state.Wait]bool, len(waits))
	var mu sync.Mutex
	asking := pool.New().WithMaxGoroutines(e.laneCount()).WithContext(ctx).WithCancelOnError().WithFirstError()
	for _, w := range waits {
		asking.Go(func(ctx context.Context) error {
			is, known, err := e.isThere(ctx, w)
			if known {
				mu.Lock()
				defer mu.Unlock()
				there[w] = is
			}
			return err
		})
	}
	return there, asking.Wait()
}

// isThere asks for one thing. A question that is refused for good is answered with yes: the record that comes back
// meets the refusal in the proper place.
func (e *execution) isThere(ctx context.Context, w state.Wait) (is, known bool, err error) {
	conn := e.connectionOf(w.Target)
	if conn == nil {
		return true, true, nil
	}
	found, err := e.lookup(ctx, conn, entityOf(conn, w.Target), &protocol.Query{Match: []byte(w.Match)})
	switch {
	case err == nil:
		return len(found) > 0, true, nil
	case ctx.Err() != nil:
		return false, false, context.Cause(ctx)
	case isClass(err, protocol.FailureClass_FAILURE_CLASS_TRANSIENT):
		e.log.Debug("what parked records wait for can't be asked for now", "target", w.Target, "error", err)
		return false, false, nil
	}
	_, stopErr := asProblem(err)
	return stopErr == nil, stopErr == nil, stopErr
}

// connectionOf finds the connection of a target as intents and waits write it.
func (e *execution) connectionOf(name string) *pipelines.Connection {
	for _, step := range e.pipeline.Steps {
		switch s := step.(type) {
		case *pipelines.Lookup:
			if targetName(s.Connection, s.Entity) == name {
				return s.Connection
			}
		case *pipelines.Sink:
			if target(s) == name {
				return s.Connection
			}
		}
	}
	return nil
}

func entityOf(c *pipelines.Connection, target string) string { return target[len(c.Address())+1:] }

// targetName is "vismanet.books/item".
func targetName(c *pipelines.Connection, entity string) string { return c.Address() + "/" + entity }

// waitFor is the question whether a thing has come, empty where it can't be asked.
func waitFor(c *pipelines.Connection, entity string, schema *protocol.Entity, match map[string]any) state.Wait {
	if !schema.GetCanLookup() || match == nil {
		return state.Wait{}
	}
	return state.Wait{Target: targetName(c, entity), Match: matchText(match)}
}

// lasting asks the database, and waits for it while it is away.
func lasting[T any](ctx context.Context, e *execution, ask func() (T, error)) (answer T, err error) {
	err = e.durable(ctx, func() (err error) {
		answer, err = ask()
		return err
	})
	return answer, err
}

// expire makes dead letters of what waited too long.
func (e *execution) expire(ctx context.Context, ids []int64) error {
	for part := range slices.Chunk(ids, BatchSize) {
		held, err := e.letters(ctx, part)
		if err != nil {
			return err
		}
		s := state.Settlement{Run: e.id, Fence: e.fence, Pipeline: e.pipeline.Name, Source: e.pipeline.Source.Name}
		now := e.clock()
		for _, h := range held {
			h.Message = fmt.Sprintf("waited %s for %s, which never came", days(now.Sub(h.Since)), h.WaitsFor)
			h.Run, h.Status, h.Code, h.Class = e.id, state.HeldDead, codeExpired, "not_found"
			h.Since, h.UpdatedAt = now, now
			s.Hold = append(s.Hold, h)
			s.Counts.Read++
			s.Counts.Dead++
			s.Entries = append(s.Entries, state.Entry{
				At: now, Run: e.id, Pipeline: h.Pipeline, Entity: h.Entity, Key: h.Key, RecordID: h.RecordID,
				Outcome: state.Dead, Code: h.Code, Reason: h.Message,
			})
		}
		if err := e.settle(ctx, s); err != nil {
			return err
		}
		e.report(s)
	}
	return nil
}

func days(d time.Duration) string {
	if d < 48*time.Hour {
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// letters returns open letters that this run has not tried yet, oldest first.
func (e *execution) letters(ctx context.Context, ids []int64) ([]state.Held, error) {
	held, err := lasting(ctx, e, func() ([]state.Held, error) {
		return e.store.Held(ctx, state.HeldFilter{Pipeline: e.pipeline.Name, IDs: ids, Limit: len(ids)})
	})
	held = slices.DeleteFunc(held, func(h state.Held) bool { return !h.Open() || h.Run == e.id })
	slices.Reverse(held)
	return held, err
}

// revive makes records of letters, to be tried again with today's definition, from the start or from a step.
func (e *execution) revive(held []state.Held) []*item {
	items := make([]*item, len(held))
	for i := range held {
		h := &held[i]
		r := &protocol.Record{Key: h.Key, Payload: asRead(h), Operation: protocol.Operation_OPERATION_UPSERT}
		if h.Operation == "delete" {
			r.Operation = protocol.Operation_OPERATION_DELETE
		}
		if !h.OccurredAt.IsZero() {
			r.OccurredAtMs = h.OccurredAt.UnixMilli()
		}
		if m, err := record.DecodeObject(h.Meta); err == nil {
			r.Meta = map[string]string{}
			for k, v := range m {
				if text, ok := v.(string); ok {
					r.Meta[k] = text
				}
			}
		}
		e.seq++
		items[i] = &item{record: r, seq: e.seq, start: e.clock(), done: make(chan struct{}), again: h}
		e.enter(items[i], h)
	}
	return items
}
