// Package run moves records: from a source through the steps of a pipeline into its sinks, each to exactly one
// outcome, settled batch by batch in the state database before the source is told.
package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// BatchSize is how many records a source is asked to send at a time.
const BatchSize = 250

// Runner runs and plans pipelines. It is safe for use by several goroutines.
type Runner struct {
	Store       *state.Store
	Connections *Connections
	Log         *slog.Logger
	Node        string
	Clock       func() time.Time
	Progress    func(Progress) // nil = nobody wants to know
	Watcher     Watcher        // nil = nobody looks on

	draining chan struct{}
	drain    sync.Once

	locks     *keyedLocks
	births    *births
	memory    collector
	shared    chan ticket // of the batches under way
	telemetry *Telemetry
}

// New returns a Runner that works with the system clock.
func New(store *state.Store, connections *Connections, log *slog.Logger, node string) *Runner {
	connections.limits, connections.node = store, node
	return &Runner{
		Store: store, Connections: connections, Log: log, Node: node, Clock: time.Now, locks: newKeyedLocks(), births: newBirths(),
		draining: make(chan struct{}), shared: make(chan ticket, sharedWindow),
	}
}

// Drain makes runs read no more: what is under way is finished and settled, and they end well.
func (r *Runner) Drain() { r.drain.Do(func() { close(r.draining) }) }

// Statuses of a finished run.
const (
	Succeeded = "succeeded"
	Partial   = "partial" // finished, but some records are parked or dead
	Failed    = "failed"
)

// Summary is what a run has to say, for people and as JSON.
type Summary struct {
	Name       string                      `json:"name"`
	Status     string                      `json:"status"`
	Records    state.Counts                `json:"records"`
	Sinks      map[string]state.SinkCounts `json:"sinks"`
	DurationMS int64                       `json:"duration_ms"`
	Error      string                      `json:"error,omitempty"`
}

// Run takes one pipeline from its settled cursor to the end of its source. A fault of the machinery (a connector
// that dies, a connection that breaks) makes it go on from what is settled, a few times; a fault of a record makes
// a dead letter. The error says why the run ended early; what is settled stands.
func (r *Runner) Run(ctx context.Context, p *pipelines.Pipeline) (Summary, error) {
	return r.carry(ctx, r.execution(p), "run")
}

// carry holds the pipeline's lease for an execution, carries it out and notes how it ended.
func (r *Runner) carry(ctx context.Context, e *execution, kind string) (Summary, error) {
	p, began := e.pipeline, r.Clock()
	row := state.Run{
		ID: e.id, Pipeline: p.Name, Kind: kind, Status: "running", StartedAt: began, Version: p.Version, Node: r.Node,
	}
	fence, err := r.start(ctx, e, row)
	if err != nil {
		return Summary{Name: p.Name, Status: Failed, Error: err.Error()}, fmt.Errorf("pipeline %q: %w", p.Name, err)
	}
	e.fence = fence
	e.lease = newLease(r.Store, func(ctx context.Context) error { return r.Store.RenewRun(ctx, e.id, fence) })

	err = r.keepGoing(ctx, e)

	summary := Summary{
		Name: p.Name, Status: Succeeded, Records: e.counts, Sinks: e.sinks, DurationMS: r.Clock().Sub(began).Milliseconds(),
	}
	switch {
	case err != nil:
		summary.Status, summary.Error = Failed, err.Error()
		err = fmt.Errorf("pipeline %q: %w", p.Name, err)
	case e.counts.Parked+e.counts.Dead > 0:
		summary.Status = Partial
	}
	row.Status, row.FinishedAt, row.Error = summary.Status, r.Clock(), summary.Error
	row.Counts, row.Waits, row.Sinks = e.counts, e.waits, e.sinks
	finishErr := e.lastWord(ctx, func(ctx context.Context) error { return r.Store.FinishRun(ctx, row, fence) })
	return summary, errors.Join(err, finishErr)
}

func (r *Runner) execution(p *pipelines.Pipeline) *execution {
	e := newExecution(p)
	e.id = ulid.MustNew(ulid.Timestamp(r.Clock()), ulid.DefaultEntropy()).String()
	e.holder, e.node = e.id, r.Node
	e.store, e.locks, e.births, e.log, e.clock = r.Store, r.locks, r.births, r.Log.With("pipeline", p.Name), r.Clock
	e.startedAt, e.progress, e.draining, e.watcher = r.Clock(), r.Progress, r.draining, r.Watcher
	e.telemetry, e.shared = r.telemetry, r.shared
	e.runValue = map[string]any{
		"id": e.id, "pipeline": p.Name, "started_at": e.startedAt.UTC().Format(time.RFC3339),
	}
	return e
}

// keepGoing holds the lease and passes over the source until it is at its end, resuming after faults that pass.
func (r *Runner) keepGoing(ctx context.Context, e *execution) error {
	ctx, cancel := context.WithCancelCause(ctx)
	renewing := make(chan struct{})
	go func() {
		defer close(renewing)
		r.renew(ctx, e, cancel)
	}()
	defer func() { cancel(nil); <-renewing }()
	for attempt := 1; ; attempt++ {
		before := e.counts.Read
		err := r.pass(ctx, e)
		if err == nil || ctx.Err() != nil || !passing(err) {
			return err
		}
		if e.counts.Read > before || isClass(err, protocol.FailureClass_FAILURE_CLASS_RATE_LIMITED) {
			attempt = 1 // it moves, or was told when to: the budget is for standing still
		}
		if attempt >= e.pipeline.OnError.Attempts {
			return err
		}
		pause := max(backoff(e.pipeline.OnError, attempt), retryAfter(err))
		e.log.Warn("the run was interrupted and goes on from what is settled", "error", err, "in", pause)
		if waitErr := sleepUntil(ctx, time.Now().Add(pause)); waitErr != nil {
			return err
		}
	}
}

// passing tells whether a fault of the whole run may be gone at the next try.
func passing(err error) bool {
	return isClass(err, protocol.FailureClass_FAILURE_CLASS_TRANSIENT) ||
		isClass(err, protocol.FailureClass_FAILURE_CLASS_AMBIGUOUS) ||
		isClass(err, protocol.FailureClass_FAILURE_CLASS_RATE_LIMITED)
}

func (r *Runner) renew(ctx context.Context, e *execution, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(e.lease.interval())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			limited, done := context.WithTimeout(ctx, e.lease.interval())
			err := e.lease.renew(limited)
			done()
			switch {
			case errors.Is(err, state.ErrFenced):
				cancel(err)
				return
			case err != nil && ctx.Err() == nil:
				e.log.Warn("the state database is not available; the run waits for it, and writes nothing once its lease is over", "error", err)
			}
		}
	}
}

// pass is one reading of the source from the settled cursor, with the letters that come back tried first.
func (r *Runner) pass(ctx context.Context, e *execution) error {
	defer r.memory.begin()()
	var err error
	if e.held, err = newHeldKeys(ctx, e); err != nil {
		return err
	}
	e.lanes, e.unsettled = newLanes(), newUnsettled()
	defer e.closeWriters()
	if err := e.open(ctx, r.Connections); err != nil {
		return err
	}
	again, err := e.returning(ctx)
	if err != nil {
		return err
	}
	stream, err := r.read(ctx, e)
	if err != nil {
		return err
	}
	defer func() {
		if err := stream.Close(); err != nil {
			e.log.Debug("closing the read stream", "error", err)
		}
	}()
	return e.run(ctx, stream, again)
}

func (r *Runner) read(ctx context.Context, e *execution) (Stream, error) {
	if e.replay != nil {
		return noSource{}, nil
	}
	src := e.pipeline.Source
	start, err := e.readStart(ctx)
	if err != nil {
		return nil, err
	}
	source := &watched{of: e, conn: e.conns[src.Connection.Address()]}
	source.ctx, source.cancel = context.WithCancel(ctx)
	err = retryTransient(ctx, e.pipeline.OnError, func(context.Context) error {
		return source.conn.read(source.ctx, func() (err error) {
			source.Stream, err = source.conn.Read(source.ctx, start)
			return err
		})
	})
	if err != nil {
		source.cancel()
		return nil, e.cursorAdvice(err)
	}
	return source, nil
}

// readStart is what the source is asked for: what comes after the settled cursor, or a part of a backfill.
func (e *execution) readStart(ctx context.Context) (*protocol.ReadStart, error) {
	src := e.pipeline.Source
	if e.part != nil {
		return e.readPart(ctx)
	}
	var cursor string
	err := e.durable(ctx, func() (err error) {
		cursor, err = e.store.Cursor(ctx, e.pipeline.Name, src.Name)
		return err
	})
	if err != nil {
		return nil, err
	}
	options, err := record.Encode(src.Options)
	return &protocol.ReadStart{Entity: src.Entity, Cursor: cursor, Options: options, BatchSize: BatchSize}, err
}

// hostRemote adapts a connection of the connector host.
type hostRemote struct{ *host.Connection }

// Read starts a stream of records.
func (h hostRemote) Read(ctx context.Context, start *protocol.ReadStart) (Stream, error) {
	return h.Connection.Read(ctx, start)
}

// Writer opens a stream of writes.
func (h hostRemote) Writer(ctx context.Context, start *protocol.WriteStart) (Writer, error) {
	return h.Connection.Writer(ctx, start)
}

// Target is a connection as the host wants it.
func Target(c *pipelines.Connection) host.Target {
	return host.Target{
		Type: c.Type, Name: c.Name, Config: c.Config, Isolated: c.Isolated,
		Resources: host.Resources{Memory: c.Limit.Memory, CPUs: c.Limit.CPUs},
	}
}

// FromHost dials connections through connector processes.
func FromHost(h *host.Host) Dial {
	return func(ctx context.Context, c *pipelines.Connection) (Remote, error) {
		conn, err := h.Connect(ctx, Target(c))
		if err != nil {
			return nil, fmt.Errorf("connection %s: %w", c.Address(), err)
		}
		return hostRemote{conn}, nil
	}
}
