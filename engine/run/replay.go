package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// codeImpossible: a replay from a step lacks what the step needs.
const codeImpossible = "replay.impossible"

// Replay says which open letters of a pipeline are tried again, and how.
type Replay struct {
	IDs    []int64
	From   string // a step: the record as it was there, and no step before it; "" = from the start
	Record []byte // replaces the record of the one letter, as it was read or at From; nil = as it is kept
}

// Replay tries letters again, in order, with today's definition. A letter that comes through is closed, one that fails
// is the same letter, with one more attempt. While a run is under way the error is state.ErrBusy, and the letters are
// taken by the next run.
func (r *Runner) Replay(ctx context.Context, p *pipelines.Pipeline, what Replay) (Summary, error) {
	if err := r.checkReplay(ctx, p, &what); err != nil {
		return Summary{Name: p.Name, Status: Failed, Error: err.Error()}, err
	}
	if what.Record != nil {
		if err := r.Store.EditHeld(ctx, what.IDs[0], what.Record, what.From); err != nil {
			return Summary{Name: p.Name, Status: Failed, Error: err.Error()}, err
		}
	}
	e := r.execution(p)
	e.replay = &what
	summary, err := r.carry(ctx, e, "replay")
	if errors.Is(err, state.ErrBusy) {
		err = errors.Join(err, r.Store.QueueHeld(ctx, what.IDs, what.From))
	}
	return summary, err
}

// PlanReplay says what a replay would do. Nothing is written.
func (r *Runner) PlanReplay(ctx context.Context, p *pipelines.Pipeline, what Replay) (*Plan, error) {
	if err := r.checkReplay(ctx, p, &what); err != nil {
		return nil, err
	}
	e := r.execution(p)
	e.replay, e.plan = &what, &planner{made: map[string]*protocol.Found{}}
	defer e.closeWriters()
	if err := e.open(ctx, r.Connections); err != nil {
		return nil, err
	}
	plan := &Plan{Pipeline: p.Name, Sinks: map[string]state.SinkCounts{}}
	vms := scripts{}
	defer vms.close()
	for part := range slices.Chunk(what.IDs, BatchSize) {
		held, err := e.letters(ctx, part)
		if err != nil {
			return nil, err
		}
		vms.close()
		for _, it := range e.revive(held) {
			if err := e.planItem(ctx, plan, it, vms); err != nil {
				return nil, err
			}
		}
	}
	return plan, nil
}

// noSource is read by a replay.
type noSource struct{}

func (noSource) Next() (*protocol.Batch, error) { return nil, io.EOF }
func (noSource) End() string                    { return "" }
func (noSource) Committed(string)               {}
func (noSource) Close() error                   { return nil }

// checkReplay puts the letters in order and refuses what can't be done, before anything is.
func (r *Runner) checkReplay(ctx context.Context, p *pipelines.Pipeline, what *Replay) error {
	slices.Sort(what.IDs)
	what.IDs = slices.Compact(what.IDs)
	if what.Record != nil {
		doc, err := record.DecodeObject(what.Record)
		if err != nil {
			return fmt.Errorf("the record is no JSON object: %w", err)
		}
		if len(what.IDs) != 1 {
			return fmt.Errorf("an edited record is for one letter, and here are %d", len(what.IDs))
		}
		if what.Record, err = record.Encode(doc); err != nil {
			return err
		}
	}
	if what.From != "" {
		if _, err := recalls(p, what.From); err != nil {
			return err
		}
	}
	chosen := map[int64]bool{}
	for _, id := range what.IDs {
		chosen[id] = true
	}
	vms := scripts{}
	defer vms.close()
	for part := range slices.Chunk(what.IDs, BatchSize) {
		held, err := r.Store.Held(ctx, state.HeldFilter{Pipeline: p.Name, IDs: part, Limit: len(part)})
		if err != nil {
			return err
		}
		slices.Reverse(held) // oldest first
		if err := r.checkLetters(ctx, p, what, held, chosen); err != nil {
			return err
		}
	}
	return nil
}

func (r *Runner) checkLetters(
	ctx context.Context, p *pipelines.Pipeline, what *Replay, held []state.Held, chosen map[int64]bool,
) error {
	keys := make([]string, 0, len(held))
	for i := range held {
		h := &held[i]
		if !h.Open() {
			return fmt.Errorf("#%d is closed (%s), and only open letters can be replayed", h.ID, h.Status)
		}
		if what.From != "" && what.Record == nil {
			if _, err := recordAt(p, h, what.From); err != nil {
				return fmt.Errorf("#%d: %w", h.ID, err)
			}
		}
		keys = append(keys, h.Key)
	}
	if !p.OnError.ParkKey {
		return nil
	}
	open, err := r.Store.HeldKeys(ctx, p.Name, keys)
	if err != nil {
		return err
	}
	for _, h := range held {
		for _, o := range open[h.Key] {
			if o.ID < h.ID && !chosen[o.ID] {
				return fmt.Errorf("#%d waits for #%d, an earlier letter of the same key %q which is %s: replay #%d first, "+
					"or both together, or discard #%d", h.ID, o.ID, h.Key, o.Status, o.ID, o.ID)
			}
		}
	}
	return nil
}

// asRead is the record from which a letter is replayed from the start.
func asRead(h *state.Held) []byte {
	if len(h.Edited) > 0 && h.EditedStep == "" {
		return h.Edited
	}
	return h.Original
}

// enter makes a revived item begin at the step that its replay asks for.
func (e *execution) enter(it *item, h *state.Held) {
	it.from = h.FromStep
	if e.replay != nil {
		it.from = e.replay.From
		if e.replay.Record != nil { // also of a plan, which does not store it
			h.Edited, h.EditedStep = e.replay.Record, e.replay.From
			it.record.Payload = asRead(h)
		}
	}
	if it.from == "" {
		return
	}
	at, err := recordAt(e.pipeline, h, it.from)
	if err != nil {
		it.dead(h.Step, &problem{code: codeImpossible, class: "invalid", message: err.Error()})
		at = h.Current
	}
	if it.at = at; e.through != nil {
		it.record.Payload = at
	}
}

// recordAt is the record as it was at a step. It is kept as it was at the failing step, so it is known from the last
// transform before that on.
func recordAt(p *pipelines.Pipeline, h *state.Held, from string) ([]byte, error) {
	begin, failed := stepIndex(p, from), stepIndex(p, h.Step)
	switch {
	case begin < 0:
		return nil, unknownStep(p, from)
	case len(h.Edited) > 0 && h.EditedStep == from:
		return h.Edited, nil
	case failed < 0 || len(h.Current) == 0:
		return nil, fmt.Errorf("it failed at %q, and how the record was at step %q is not known: replay it from the start", h.Step, from)
	case begin > failed:
		return nil, fmt.Errorf("it never came as far as step %q, it failed at %q: replay it from there, from the start, "+
			"or with the record as it is to be at %q", from, h.Step, from)
	}
	for _, step := range p.Steps[begin:failed] {
		if _, ok := step.(*pipelines.Transform); ok {
			return nil, fmt.Errorf("the record is kept as it was at %q, where it failed, and transform %q had changed it since step %q: "+
				"replay it from %q or from the start", h.Step, step.StepName(), from, h.Step)
		}
	}
	return h.Current, nil
}

func stepIndex(p *pipelines.Pipeline, name string) int {
	return slices.IndexFunc(p.Steps, func(s pipelines.Step) bool { return s.StepName() == name })
}

func unknownStep(p *pipelines.Pipeline, name string) error {
	names := make([]string, len(p.Steps))
	for i, s := range p.Steps {
		names[i] = s.StepName()
	}
	return fmt.Errorf("pipeline %q has no step %q; there are: %q", p.Name, name, names)
}

// recalls names the steps before from whose results the steps from there on need, in order. A look-up is asked again
// and what a sink wrote is read, as long as the record they work with is the one that is known.
func recalls(p *pipelines.Pipeline, from string) ([]pipelines.Step, error) {
	begin := stepIndex(p, from)
	if begin < 0 {
		return nil, unknownStep(p, from)
	}
	var needed []pipelines.Expr
	for _, step := range p.Steps[begin:] {
		needed = append(needed, expressions(step)...)
	}
	var out []pipelines.Step
	changed := false // the record, between a step and from
	for _, step := range slices.Backward(p.Steps[:begin]) {
		slot, asks := result(step)
		if _, ok := step.(*pipelines.Transform); ok {
			changed = true
		}
		if slot < 0 || !reads(needed, slot) {
			continue
		}
		if s, ok := step.(*pipelines.Sink); ok && s.ForEach != nil {
			return nil, fmt.Errorf("a step from %q on needs %[2]q, what sink %[2]q did for each element of a list: "+
				"replay from %[2]q or from the start", from, s.Name)
		}
		if changed && reads(asks, pipelines.SlotRecord) {
			return nil, fmt.Errorf("a step from %q on needs %[2]q, which step %[2]q made of a record that a transform changed since: "+
				"replay from %[2]q or from the start", from, step.StepName())
		}
		needed = append(needed, asks...)
		out = append(out, step)
	}
	slices.Reverse(out)
	return out, nil
}

// expressions are what a step evaluates.
func expressions(step pipelines.Step) []pipelines.Expr {
	switch s := step.(type) {
	case *pipelines.Filter:
		return []pipelines.Expr{s.Keep, s.Reason}
	case *pipelines.Lookup:
		return []pipelines.Expr{s.Match}
	case *pipelines.Transform:
		return []pipelines.Expr{s.Set}
	case *pipelines.Sink:
		return []pipelines.Expr{s.When, s.ForEach, s.Match, s.Create, s.Set, s.Link}
	}
	return nil
}

// result is the slot of a step's name, -1 when it has none, and what finding its value again evaluates.
func result(step pipelines.Step) (slot int, asks []pipelines.Expr) {
	switch s := step.(type) {
	case *pipelines.Lookup:
		return s.Slot, []pipelines.Expr{s.Match}
	case *pipelines.Sink:
		if !s.Schema.GetAppendOnly() {
			return s.Slot, []pipelines.Expr{s.When, s.Link}
		}
	}
	return -1, nil
}

func reads(list []pipelines.Expr, slot int) bool {
	return slices.ContainsFunc(list, func(x pipelines.Expr) bool { return x != nil && x.Reads(slot) })
}

// arrive ends the skipping of steps: the names of earlier ones that are needed get their values.
func (e *execution) arrive(ctx context.Context, it *item) error {
	if it.from == "" {
		return nil
	}
	from := it.from
	it.from = ""
	steps, err := recalls(e.pipeline, from)
	if err != nil {
		return invalid(codeImpossible, "%v", err)
	}
	for _, step := range steps {
		switch s := step.(type) {
		case *pipelines.Lookup:
			err = e.resolve(ctx, s, it)
		case *pipelines.Sink:
			err = e.recall(ctx, s, it)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// recall reads what an earlier try wrote with a sink.
func (e *execution) recall(ctx context.Context, s *pipelines.Sink, it *item) error {
	if s.When != nil {
		if when, err := s.When.Eval(&it.scope); err != nil || when != true {
			return err
		}
	}
	key := it.record.GetKey()
	if s.Link != nil {
		value, err := s.Link.Eval(&it.scope)
		if err != nil {
			return err
		}
		key = fmt.Sprint(value)
	}
	link, err := e.link(ctx, s, key)
	if err != nil {
		return err
	}
	have := map[string]any{}
	if link.TargetID != "" && s.Schema.GetCanLookup() {
		found, err := e.lookup(ctx, s.Connection, s.Entity, &protocol.Query{Id: link.TargetID})
		if err != nil && !isClass(err, protocol.FailureClass_FAILURE_CLASS_NOT_FOUND) {
			return err
		}
		if len(found) != 1 {
			link.TargetID = ""
		} else if have, err = record.DecodeObject(found[0].GetFields()); err != nil {
			return invalid("sink.bad_answer", "%s answered fields of a %s that can't be read: %v", s.Connection.Address(), s.Entity, err)
		}
	}
	if link.TargetID == "" {
		return notRecalled(s)
	}
	it.scope.Slots[s.Slot] = resulting(s, have, nil, link.TargetID)
	return nil
}

func notRecalled(s *pipelines.Sink) *host.Failure {
	return invalid(codeImpossible, "the step needs %[1]q, and no %[2]s is there that sink %[1]q wrote in an earlier try: "+
		"replay from %[1]q or from the start", s.Name, s.Entity)
}
