package run

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sourcegraph/conc/pool"
	"github.com/sourcegraph/conc/stream"
	"golang.org/x/sync/semaphore"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// What may be between the source and the database, which is what bounds memory: so many batches, or fewer when they are
// big.
const (
	window      = 8
	windowBytes = 16 << 20 // of payload, as it came

	// What all runs of a process share, beside one batch that each has for itself: many pipelines together need not much
	// more memory than a few, and one that waits for its target stops no other.
	sharedWindow = 2 * window
)

// ticket is a batch's leave to be under way.
type ticket struct{}

// batch is some records that travel together. It is never a boundary of correctness: outcomes are per record.
type batch struct {
	items     []*item
	cursor    string      // "" = does not move the cursor
	more      bool        // not to be settled without the next one
	room      int64       // that it takes up in the window
	from      chan ticket // where it has its ticket from, nil = it has none
	pending   atomic.Int64
	done      chan struct{} // closed when every item has its outcome
	positions map[string]string
	timing    timing
}

func newBatch(items []*item, cursor string) *batch {
	b := &batch{items: items, cursor: cursor, done: make(chan struct{})}
	b.pending.Store(int64(len(items)))
	if len(items) == 0 {
		close(b.done)
	}
	return b
}

func (b *batch) finished(it *item) {
	if it.done != nil {
		close(it.done)
	}
	if b.pending.Add(-1) == 0 {
		close(b.done)
	}
}

// flow is one pass of records from the source into the database:
// read → shape (parallel, order kept) → deliver (per record, order kept per key) → append → settle (in order).
type flow struct {
	*execution
	source   Stream
	room     *semaphore.Weighted // of the window
	own      chan ticket         // for one batch
	borrowed atomic.Int64        // tickets of those that all runs share
	partial  bool                // the batch admitted last goes on in the next one
	shaping  *stream.Stream
	lanePool *pool.Pool
	toAppend chan *batch
	toSettle chan []*batch

	fail context.CancelCauseFunc
}

// run moves all records of the source, and returns when the last outcome is settled or the run can't go on.
func (e *execution) run(ctx context.Context, source Stream, again []int64) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	f := &flow{
		execution: e, source: source, fail: fail, room: semaphore.NewWeighted(windowBytes), own: make(chan ticket, 1),
		shaping:  stream.New().WithMaxGoroutines(runtime.GOMAXPROCS(0)),
		lanePool: pool.New().WithMaxGoroutines(e.laneCount()),
		toAppend: make(chan *batch, window),
		toSettle: make(chan []*batch, window),
	}
	unblock := context.AfterFunc(ctx, func() { _ = source.Close() }) // a read that waits would wait for ever
	defer unblock()
	var ending sync.WaitGroup
	ending.Go(func() { f.appendAll(ctx) })
	ending.Go(func() { f.settleAll(ctx) })
	f.readAll(ctx, again)
	f.shaping.Wait()
	close(f.toAppend)
	f.lanePool.Wait()
	ending.Wait()
	f.giveBack()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return nil
}

// laneCount is how many records may be under way at once: as many as the busiest connection allows, and three times as
// many that meanwhile wait for the disk or for their turn, so that its calls never do. Where look-ups are asked together,
// as many as fill two of these.
func (e *execution) laneCount() int {
	n, together := 1, 0
	for _, c := range e.conns {
		n = max(n, cap(c.slots))
	}
	for _, step := range e.pipeline.Steps {
		switch s := step.(type) {
		case *pipelines.Lookup:
			together = max(together, int(s.Schema.GetLookupBatch()))
		case *pipelines.Sink:
			together = max(together, int(s.Schema.GetLookupBatch()))
		}
	}
	return max(4*n+2, 2*together)
}

func (f *flow) readAll(ctx context.Context, again []int64) {
	for part := range slices.Chunk(again, BatchSize) {
		held, err := f.letters(ctx, part)
		if err != nil {
			f.fail(err)
			return
		}
		f.admit(ctx, newBatch(f.revive(held), ""))
	}
	defer f.closeOnDrain()()
	for ctx.Err() == nil && !f.isDraining() {
		b, err := f.source.Next()
		if errors.Is(err, io.EOF) {
			if end := f.source.End(); end != "" {
				f.admit(ctx, newBatch(nil, end))
			}
			return
		}
		if err != nil {
			if !f.isDraining() {
				f.fail(err)
			}
			return
		}
		f.total.Store(b.GetTotal())
		items := make([]*item, len(b.GetRecords()))
		storage := make([]item, len(items))
		now := f.clock()
		for i, r := range b.GetRecords() {
			f.seq++
			storage[i] = item{record: r, seq: f.seq, start: now}
			if len(f.rest) > 0 { // others of its key may wait for it
				storage[i].done = make(chan struct{})
			}
			items[i] = &storage[i]
		}
		next := newBatch(items, b.GetCursor())
		next.more = b.GetMore()
		f.admit(ctx, next)
	}
}

func (f *flow) isDraining() bool {
	select {
	case <-f.draining:
		return true
	default:
		return false
	}
}

// closeOnDrain ends a read that waits when no more is to be read; what was read before goes its way to the end.
func (f *flow) closeOnDrain() (stop func()) {
	over := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-f.draining:
			_ = f.source.Close() // Next tells
		case <-over:
		}
	})
	return func() { close(over); watching.Wait() }
}

// admit shapes a batch in parallel with others, then hands it on in order. It waits for room; what belongs to a batch
// that has some already must not, since that one is not settled before.
func (f *flow) admit(ctx context.Context, b *batch) {
	if !f.partial && !f.enter(ctx, b) {
		return
	}
	f.partial = b.more
	ctx, b.timing = f.telemetry.begin(ctx, f.pipeline.Name, len(b.items))
	f.shaping.Go(func() stream.Callback {
		f.shapeBatch(ctx, b)
		return func() { f.dispatch(ctx, b) }
	})
}

// enter waits until there is room for a batch; leave makes room for others.
func (f *flow) enter(ctx context.Context, b *batch) bool {
	size := 0
	for _, it := range b.items {
		size += len(it.record.GetPayload())
	}
	b.room = int64(min(max(size, windowBytes/window), windowBytes))
	if f.room.Acquire(ctx, b.room) != nil {
		return false
	}
	select {
	case f.own <- ticket{}:
		b.from = f.own
	case f.shared <- ticket{}:
		b.from = f.shared
		f.borrowed.Add(1)
	case <-ctx.Done():
		f.room.Release(b.room)
		return false
	}
	return true
}

func (f *flow) leave(b *batch) {
	f.room.Release(b.room)
	if b.from == f.shared {
		f.borrowed.Add(-1)
	}
	if b.from != nil {
		<-b.from
	}
}

// giveBack is for tickets of batches that did not get to their end.
func (f *flow) giveBack() {
	for range f.borrowed.Load() {
		<-f.shared
	}
}

func (f *flow) shapeBatch(ctx context.Context, b *batch) {
	vms := scripts{}
	defer vms.close()
	for _, it := range b.items {
		if ctx.Err() != nil {
			return
		}
		f.prepare(ctx, it)
		if err := f.advance(ctx, f.shape, it, vms); err != nil {
			f.fail(err)
			return
		}
		if len(f.rest) == 0 {
			f.letGo(it)
		}
	}
}

// letGo drops what a record was made of, once no step needs it: many wait for their batch to be settled.
func (f *flow) letGo(it *item) {
	if !f.observed() && it.outcome != state.Dead && it.outcome != state.Parked {
		it.scope = pipelines.Scope{}
	}
}

// dispatch starts the delivery of a shaped batch. It blocks while too much is under way, which holds the source.
func (f *flow) dispatch(ctx context.Context, b *batch) {
	if ctx.Err() != nil { // the batch may be shaped by half
		return
	}
	if f.isDraining() { // not begun, so it is read again another time
		f.dropped = true
		f.leave(b)
		return
	}
	select {
	case f.toAppend <- b:
	case <-ctx.Done():
		return
	}
	if err := f.held.load(ctx, f.execution, b); err != nil {
		f.fail(err)
		return
	}
	if len(f.rest) == 0 {
		for _, it := range b.items {
			f.held.check(f.execution, it)
			f.end(b, it)
		}
		return
	}
	for _, it := range b.items {
		before := f.lanes.enter(it)
		f.lanePool.Go(func() { f.deliver(ctx, b, it, before) })
	}
}

// deliver takes one record through the steps that need a remote system, after the one before it of the same key.
func (f *flow) deliver(ctx context.Context, b *batch, it, before *item) {
	defer f.lanes.leave(it)
	if before != nil {
		select {
		case <-before.done:
		case <-ctx.Done():
			return
		}
	}
	f.held.check(f.execution, it)
	vms := scripts{}
	defer vms.close()
	if err := f.advance(ctx, f.rest, it, vms); err != nil {
		f.fail(err)
		return
	}
	f.end(b, it)
}

func (f *flow) end(b *batch, it *item) {
	it.finish()
	f.held.note(it)
	f.letGo(it)
	b.finished(it)
}

// appended collects what an append-only sink gets; it is written with the whole batch.
func (e *execution) appended(s *pipelines.Sink, it *item) error {
	if it.text != nil {
		it.outs = append(it.outs, output{sink: s, payload: it.text})
		return nil
	}
	out := output{sink: s}
	value := it.scope.Slots[pipelines.SlotRecord]
	if s.Set != nil {
		var err error
		out.record = value
		if value, err = s.Set.Eval(&it.scope); err != nil {
			return err
		}
	}
	fields, err := object(s, value)
	if err != nil {
		return err
	}
	if e.plan != nil {
		e.effect(it, Effect{Step: s.Name, Entity: s.Entity, Action: ActionCreate, Fields: fields})
		return nil
	}
	if out.payload, err = record.Encode(fields); err != nil {
		return invalid("sink.bad_value", "sink %q: %v", s.Name, err)
	}
	it.outs = append(it.outs, out)
	return nil
}

// appendAll writes the batches' outputs to append-only sinks, in order, and hands the batches on to be settled.
// Batches that are ready at the same time share a write, and so a wait for the disk.
func (f *flow) appendAll(ctx context.Context) {
	defer close(f.toSettle)
	for {
		b, ok := receive(ctx, f.toAppend)
		if !ok {
			return
		}
		select {
		case <-b.done:
		case <-ctx.Done():
			return
		}
		group := f.alsoReady(b)
		if err := f.appendGroup(ctx, group); err != nil {
			f.fail(err)
			return
		}
		select {
		case f.toSettle <- group:
		case <-ctx.Done():
			return
		}
	}
}

// alsoReady takes the batches behind b that have all their outcomes already. The first one that has not is waited
// for, since it was taken; what is behind a part of a batch is waited for too.
func (f *flow) alsoReady(b *batch) []*batch {
	group := []*batch{b}
	for len(f.appendSinks) > 0 && len(group) < window/2 {
		select {
		case next, ok := <-f.toAppend:
			if !ok {
				return group
			}
			group = append(group, next)
			select {
			case <-next.done:
			default:
				return group
			}
		default:
			return group
		}
	}
	return group
}

func (f *flow) appendGroup(ctx context.Context, group []*batch) error {
	for _, b := range group {
		select {
		case <-b.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for _, s := range f.appendSinks {
		n := 0
		for _, b := range group {
			n += len(b.items)
		}
		storage := make([]protocol.Op, n)
		ops, of, outs := make([]*protocol.Op, 0, n), make([]*item, 0, n), make([]output, 0, n)
		for _, b := range group {
			for _, it := range b.items {
				for _, o := range it.outs {
					if o.sink == s && it.outcome == state.Delivered {
						if len(storage) == 0 { // a record may have several
							storage = make([]protocol.Op, n)
						}
						op := &storage[0]
						storage = storage[1:]
						op.Operation, op.Key, op.Payload = protocol.Operation_OPERATION_CREATE, it.record.GetKey(), o.payload
						ops, of, outs = append(ops, op), append(of, it), append(outs, o)
					}
				}
			}
		}
		if len(ops) == 0 {
			continue
		}
		var results *protocol.WriteResults
		err := f.telemetry.call(ctx, s.Connection.Address(), opWrite, func(ctx context.Context) (err error) {
			results, err = f.writers[s].Write(ctx, ops)
			return err
		})
		if err != nil {
			return err
		}
		for _, op := range ops {
			f.sent(s, op, nil, "")
		}
		for i, r := range results.GetResults() {
			var failure *host.Failure
			if errors.As(host.AsError(r.GetFailure(), r.GetExchanges()), &failure) {
				of[i].dead(s.Name, fromFailure(failure))
				of[i].back(outs[i])
			}
		}
		if p := results.GetPosition(); p != "" {
			last := group[len(group)-1]
			if last.positions == nil {
				last.positions = map[string]string{}
			}
			last.positions[s.Name] = p
		}
	}
	return nil
}

// receive returns false when the channel is closed or the run is over.
func receive[T any](ctx context.Context, ch <-chan T) (next T, ok bool) {
	select {
	case next, ok = <-ch:
	case <-ctx.Done():
	}
	return next, ok
}
