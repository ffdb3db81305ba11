package run

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// lookAround is how often one who waits asks whether it is its turn: for the partitions to give way to a live run, or
// for a partition to be free. A dead node's partitions are free when their lease has run out.
const lookAround = time.Second

// start takes the pipeline's lease. Partitions of a backfill that are under way give way to it.
func (r *Runner) start(ctx context.Context, e *execution, row state.Run) (fence int64, err error) {
	for {
		fence, err = lasting(ctx, e, func() (int64, error) { return r.Store.StartRun(ctx, row) })
		if !errors.Is(err, state.ErrGivesWay) || r.isDraining() {
			return fence, err
		}
		if waitErr := sleepUntil(ctx, time.Now().Add(lookAround)); waitErr != nil {
			return 0, err
		}
	}
}

func (r *Runner) isDraining() bool {
	select {
	case <-r.draining:
		return true
	default:
		return false
	}
}

// Backfill works on the partitions of a backfill, one after the other, until there is nothing left to do, here or on
// another node. A partition that fails ends it, with what is settled standing: how it went is in the database.
func (r *Runner) Backfill(ctx context.Context, p *pipelines.Pipeline, id string) error {
	for !r.isDraining() {
		part, err := r.Store.TakePartition(ctx, id, r.Node)
		switch {
		case errors.Is(err, state.ErrDone):
			return nil
		case err == nil:
			if err := r.partition(ctx, p, part); err != nil {
				r.Log.Warn("a partition of a backfill was interrupted", "pipeline", p.Name, "partition", part.Number, "error", err)
			}
		case !errors.Is(err, state.ErrBusy) && !errors.Is(err, state.ErrUnavailable):
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil && r.pause(ctx) != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// pause waits a while, or until the runner drains.
func (r *Runner) pause(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookAround)
	defer cancel()
	select {
	case <-r.draining:
	case <-ctx.Done():
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return ctx.Err()
		}
	}
	return nil
}

// partition reads one piece and delivers it. It ends early, and waits to be gone on with, when a live run is due or
// the node drains.
func (r *Runner) partition(ctx context.Context, p *pipelines.Pipeline, part state.Partition) error {
	e := r.execution(p)
	e.id, e.holder, e.part, e.fence, e.progress = part.Backfill, part.Holder, &part, part.Fence, nil
	e.runValue["id"] = e.id
	reading := newStopper(r.draining)
	defer reading.stop()
	e.draining = reading.stopped
	e.lease = newLease(r.Store, func(ctx context.Context) error {
		giveWay, err := r.Store.RenewPartition(ctx, part)
		if giveWay {
			reading.stop()
		}
		return err
	})

	err := r.keepGoing(ctx, e)

	status, reason := state.PartitionDone, ""
	switch {
	case err != nil && ctx.Err() == nil && !errors.Is(err, state.ErrFenced):
		status, reason = state.PartitionFailed, err.Error()
	case err != nil || !e.ended || e.dropped:
		status = state.PartitionWaiting
	}
	endErr := e.lastWord(ctx, func(ctx context.Context) error { return r.Store.EndPartition(ctx, part, status, reason) })
	if errors.Is(endErr, state.ErrFenced) { // it was taken over meanwhile, or the backfill was stopped
		endErr = nil
	}
	return errors.Join(err, endErr)
}

// stopper closes its channel when it is told to, or when another one is closed.
type stopper struct {
	stopped chan struct{}
	once    sync.Once
}

func newStopper(also <-chan struct{}) *stopper {
	s := &stopper{stopped: make(chan struct{})}
	go func() {
		select {
		case <-also:
			s.stop()
		case <-s.stopped:
		}
	}()
	return s
}

func (s *stopper) stop() { s.once.Do(func() { close(s.stopped) }) }

// readPart is what the source is asked for when a partition is read, or planned.
func (e *execution) readPart(ctx context.Context) (*protocol.ReadStart, error) {
	src := e.pipeline.Source
	start := &protocol.ReadStart{Entity: src.Entity, BatchSize: BatchSize}
	if !e.part.From.IsZero() {
		start.FromMs = e.part.From.UnixMilli()
	}
	if !e.part.To.IsZero() {
		start.ToMs = e.part.To.UnixMilli()
	}
	e.ended, e.dropped = false, false
	if e.plan == nil {
		err := e.durable(ctx, func() (err error) {
			start.Cursor, err = e.store.BeginReading(ctx, *e.part)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	options := src.Options
	if start.FromMs != 0 && options["start"] != nil { // whoever names a beginning means it
		options = maps.Clone(options)
		delete(options, "start")
	}
	var err error
	start.Options, err = record.Encode(options)
	return start, err
}
