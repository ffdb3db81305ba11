package run

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// execution is one run, or one plan, of one pipeline.
type execution struct {
	id        string
	fence     int64
	pipeline  *pipelines.Pipeline
	store     *state.Store
	conns     map[string]*connection
	writers   map[*pipelines.Sink]Writer
	locks     *keyedLocks
	log       *slog.Logger
	clock     func() time.Time
	startedAt time.Time
	plan      *planner // nil = this is a run
	progress  func(Progress)
	draining  <-chan struct{} // closed when no more is to be read

	shape       []pipelines.Step // steps that need no remote system: run on whole batches, in parallel
	rest        []pipelines.Step // from the first one that does: run per record, in lanes
	through     *pipelines.Sink  // set when records go into this append-only sink as they are, never decoded
	appendSinks []*pipelines.Sink
	slots       int
	lanes       *lanes
	held        *heldKeys
	unsettled   *unsettled
	runValue    map[string]any

	seq    int64        // of the last record read
	counts state.Counts // settled so far
	sinks  map[string]state.SinkCounts
}

func newExecution(p *pipelines.Pipeline) *execution {
	e := &execution{
		pipeline: p, conns: map[string]*connection{}, writers: map[*pipelines.Sink]Writer{}, lanes: newLanes(),
		unsettled: newUnsettled(),
		slots:     pipelines.FirstFreeSlot, sinks: map[string]state.SinkCounts{},
	}
	i := 0
	for i < len(p.Steps) && isShaping(p.Steps[i]) {
		i++
	}
	e.shape, e.rest = p.Steps[:i], p.Steps[i:]
	if len(p.Steps) == 1 && i == 1 {
		if s, ok := p.Steps[0].(*pipelines.Sink); ok && s.Set == nil && s.When == nil && s.ForEach == nil {
			e.through, e.shape = s, nil
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
	dial := func(def *pipelines.Connection) error {
		conn, err := connections.get(ctx, def)
		if err == nil {
			e.conns[def.Address()] = conn
		}
		return err
	}
	if err := dial(e.pipeline.Source.Connection); err != nil {
		return err
	}
	positions, err := e.store.Positions(ctx, e.pipeline.Name)
	if err != nil {
		return err
	}
	for _, step := range e.pipeline.Steps {
		switch s := step.(type) {
		case *pipelines.Lookup:
			err = dial(s.Connection)
		case *pipelines.Sink:
			if err = dial(s.Connection); err == nil && e.plan == nil {
				err = e.openWriter(ctx, s, positions[s.Name])
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
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
	e.writers[s] = w
	if at := w.Position(); position == "" && at != "" {
		return e.settle(ctx, state.Settlement{
			Run: e.id, Fence: e.fence, Pipeline: e.pipeline.Name, Positions: map[string]string{s.Name: at},
		})
	}
	return nil
}

func (e *execution) closeWriters() {
	for _, w := range e.writers {
		if err := w.Close(); err != nil {
			e.log.Debug("closing a write stream", "error", err)
		}
	}
}

// prepare gives an item its scope. The payload is decoded here, once, and only when a step will look inside.
func (e *execution) prepare(it *item) {
	var failure *host.Failure
	if errors.As(host.AsError(it.record.GetFailure(), nil), &failure) {
		it.dead("source", fromFailure(failure))
		return
	}
	if e.through != nil && e.plan == nil {
		it.outs = []output{{e.through, it.record.GetPayload()}}
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
	it.scope.Slots[pipelines.SlotMeta] = meta(e.pipeline.Source.Entity, it.record)
	it.scope.Slots[pipelines.SlotRun] = e.runValue
	it.scope.Link = e.linkedID
}

// linkedID is the `link` function of expressions: the target id under which a key was settled, or null.
func (e *execution) linkedID(scope, key string) (any, error) {
	links, err := e.store.Links(context.Background(), scope, []string{key})
	if err != nil {
		return nil, err
	}
	if l, ok := links[key]; ok {
		return l.TargetID, nil
	}
	return nil, nil
}

// meta is what a record's `meta` holds.
func meta(entity string, r *protocol.Record) map[string]any {
	m := map[string]any{"key": r.GetKey(), "entity": entity, "operation": "upsert", "occurred_at": nil}
	if r.GetOperation() == protocol.Operation_OPERATION_DELETE {
		m["operation"] = "delete"
	}
	if ms := r.GetOccurredAtMs(); ms != 0 {
		m["occurred_at"] = time.UnixMilli(ms).UTC().Format(time.RFC3339)
	}
	for k, v := range r.GetMeta() {
		m[k] = v
	}
	return m
}
