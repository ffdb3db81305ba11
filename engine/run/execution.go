package run

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc/iter"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// execution is one run, or one plan, of one pipeline.
type execution struct {
	id        string
	holder    string           // what it holds its lease and its announcements as
	part      *state.Partition // of a backfill, nil = live
	node      string
	fence     int64
	lease     *lease
	pipeline  *pipelines.Pipeline
	store     *state.Store
	opened    *Connections
	conns     map[string]*connection
	writers   map[*pipelines.Sink]Writer
	locks     *keyedLocks
	births    *births
	log       *slog.Logger
	clock     func() time.Time
	startedAt time.Time
	plan      *planner // nil = this is a run
	replay    *Replay  // nil = the source is read
	progress  func(Progress)
	watcher   Watcher
	telemetry *Telemetry
	draining  <-chan struct{} // closed when no more is to be read
	shared    chan ticket     // for batches under way, of all runs

	shape       []pipelines.Step     // steps that need no remote system: run on whole batches, in parallel
	rest        []pipelines.Step     // from the first one that does: run per record, in lanes
	through     *pipelines.Sink      // set when records go into this append-only sink as they are, never decoded
	last        *pipelines.Transform // a script whose result goes into an append-only sink as it is, never decoded; nil = none
	appendSinks []*pipelines.Sink
	slots       int
	lanes       *lanes
	held        *heldKeys
	unsettled   *unsettled
	asks        askings
	runValue    map[string]any

	masks       *teller // knows what is personal
	teller      *teller // the same, nil = no stories are kept
	waitCounted bool    // what still waits is in counts

	seq     int64 // of the last record read
	total   atomic.Int64
	settled int64 // settlements made, the number of the last one
	ended   bool  // the source was read to its end
	dropped bool  // something that was read was left for another time
	counts  state.Counts
	waits   int64 // of the parked ones, those that only go on waiting
	sinks   map[string]state.SinkCounts
}

func newExecution(p *pipelines.Pipeline) *execution {
	e := &execution{
		pipeline: p, conns: map[string]*connection{}, writers: map[*pipelines.Sink]Writer{}, lanes: newLanes(),
		unsettled: newUnsettled(),
		slots:     pipelines.FirstFreeSlot, sinks: map[string]state.SinkCounts{},
	}
	e.asks = e.askings()
	i := 0
	for i < len(p.Steps) && isShaping(p.Steps[i]) {
		i++
	}
	e.shape, e.rest = p.Steps[:i], p.Steps[i:]
	e.masks = newTeller(p)
	if p.Payloads != "none" {
		e.teller = e.masks
	}
	if s := writesAsIs(p.Steps); s != nil && len(p.Steps) == 1 {
		e.through, e.shape = s, nil
	} else if s != nil {
		if t, ok := p.Steps[len(p.Steps)-2].(*pipelines.Transform); ok && t.Script != nil {
			e.last = t
		}
	}
	for _, step := range p.Steps {
		switch s := step.(type) {
		case *pipelines.Lookup:
			e.slots = max(e.slots, s.Slot+1)
		case *pipelines.Sink:
			e.slots = max(e.slots, s.Slot+1, s.EachSlot+1)
			if s.Schema.GetAppendOnly() {
				e.appendSinks = append(e.appendSinks, s)
			}
		}
	}
	return e
}

// writesAsIs is the last step, where that is an append-only sink which takes records without looking into them.
func writesAsIs(steps []pipelines.Step) *pipelines.Sink {
	if len(steps) == 0 {
		return nil
	}
	s, ok := steps[len(steps)-1].(*pipelines.Sink)
	if !ok || !s.Schema.GetAppendOnly() || s.Set != nil || s.When != nil || s.ForEach != nil {
		return nil
	}
	return s
}

func isShaping(step pipelines.Step) bool {
	switch s := step.(type) {
	case *pipelines.Filter, *pipelines.Transform:
		return true
	case *pipelines.Sink:
		return s.Schema.GetAppendOnly()
	}
	return false
}

// open dials every connection of the pipeline and starts its sinks' write streams from where they were settled.
func (e *execution) open(ctx context.Context, connections *Connections) error {
	e.opened = connections
	if err := e.dial(ctx); err != nil {
		return err
	}
	var positions map[string]string
	err := e.durable(ctx, func() (err error) {
		positions, err = e.store.Positions(ctx, e.pipeline.Name)
		return err
	})
	if err != nil {
		return err
	}
	for _, step := range e.pipeline.Steps {
		if s, ok := step.(*pipelines.Sink); ok && e.plan == nil {
			if err := e.openWriter(ctx, s, positions[s.Name]); err != nil {
				return err
			}
		}
	}
	return nil
}

// dial opens the connections at the same time: each may have a process to start.
func (e *execution) dial(ctx context.Context) error {
	var defs []*pipelines.Connection
	want := func(def *pipelines.Connection) {
		if !slices.ContainsFunc(defs, func(d *pipelines.Connection) bool { return d.Address() == def.Address() }) {
			defs = append(defs, def)
		}
	}
	if e.replay == nil {
		want(e.pipeline.Source.Connection)
	}
	for _, step := range e.pipeline.Steps {
		switch s := step.(type) {
		case *pipelines.Lookup:
			want(s.Connection)
		case *pipelines.Sink:
			want(s.Connection)
		}
	}
	type dialled struct {
		conn *connection
		err  error
	}
	mapper := iter.Mapper[*pipelines.Connection, dialled]{MaxGoroutines: len(defs)}
	var failed error
	for i, d := range mapper.Map(defs, func(def **pipelines.Connection) dialled {
		conn, err := e.opened.get(ctx, *def)
		return dialled{conn, err}
	}) {
		if d.err == nil {
			e.conns[defs[i].Address()] = d.conn
		} else if failed == nil {
			failed = d.err
		}
	}
	return failed
}

func (e *execution) openWriter(ctx context.Context, s *pipelines.Sink, position string) error {
	options, err := record.Encode(s.Options)
	if err != nil {
		return err
	}
	w, err := e.conns[s.Connection.Address()].Writer(ctx, &protocol.WriteStart{
		Entity: s.Entity, Position: position, Options: options,
	})
	if err != nil {
		return err
	}
	e.writers[s] = leased{w, e.lease}
	if at := w.Position(); position == "" && at != "" {
		first := e.blank()
		first.Positions[s.Name] = at
		return e.settle(ctx, first)
	}
	return nil
}

func (e *execution) closeWriters() {
	for _, w := range e.writers {
		if err := w.Close(); err != nil {
			e.log.Debug("closing a write stream", "error", err)
		}
	}
	e.opened.release(e.conns)
	clear(e.conns)
}

// prepare gives an item its scope. The payload is decoded here, once, and only when a step will look inside.
func (e *execution) prepare(ctx context.Context, it *item) {
	var failure *host.Failure
	if errors.As(host.AsError(it.record.GetFailure(), nil), &failure) {
		it.dead("source", fromFailure(failure))
		return
	}
	if e.through != nil && e.plan == nil {
		it.outs = []output{{sink: e.through, payload: it.record.GetPayload()}}
		return
	}
	doc, err := record.Decode(it.record.GetPayload())
	if err != nil {
		it.dead("source", &problem{
			code: "source.bad_payload", class: "invalid", message: "the record can't be read: " + err.Error(),
		})
		return
	}
	it.scope.Slots = make([]any, e.slots)
	it.scope.Slots[pipelines.SlotRecord] = doc
	it.scope.Slots[pipelines.SlotSource] = doc
	if it.at != nil {
		if it.scope.Slots[pipelines.SlotRecord], err = record.Decode(it.at); err != nil {
			it.dead(it.from, &problem{code: codeImpossible, class: "invalid", message: err.Error()})
		}
	}
	it.scope.Slots[pipelines.SlotMeta] = meta(e.pipeline.Source.Entity, it.record)
	it.scope.Slots[pipelines.SlotRun] = e.runValue
	it.scope.Link = func(scope, key string) (any, error) { return e.linkedID(ctx, scope, key) }
}

// linkedID is the `link` function of expressions: the target id under which a key was brought there, or null.
func (e *execution) linkedID(ctx context.Context, scope, key string) (any, error) {
	if fresh, ok := e.unsettled.link(scope, key); ok {
		return fresh.TargetID, nil
	}
	links, err := lasting(ctx, e, func() (map[string]state.Link, error) { return e.store.Links(ctx, scope, []string{key}) })
	if l, ok := links[key]; ok {
		return l.TargetID, err
	}
	return nil, err
}

// operation is the word for what happened to a record in its source.
func operation(r *protocol.Record) string {
	if r.GetOperation() == protocol.Operation_OPERATION_DELETE {
		return "delete"
	}
	return "upsert"
}

// meta is what a record's `meta` holds.
func meta(entity string, r *protocol.Record) map[string]any {
	m := map[string]any{"key": r.GetKey(), "entity": entity, "operation": operation(r), "occurred_at": nil}
	if ms := r.GetOccurredAtMs(); ms != 0 {
		m["occurred_at"] = time.UnixMilli(ms).UTC().Format(time.RFC3339)
	}
	for k, v := range r.GetMeta() {
		m[k] = v
	}
	return m
}
