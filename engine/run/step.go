package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/transforms"
)

// scripts holds the runtimes of one batch: one per script step, made at first use.
type scripts map[*pipelines.Transform]*transforms.Runtime

// close ends the batch: what comes next has fresh runtimes.
func (s scripts) close() {
	for _, vm := range s {
		vm.Close()
	}
	clear(s)
}

// missing says that something a record needs is not in the target, and what the pipeline wants done about it.
type missing struct {
	step, entity string
	match        map[string]any
	policy       string
	waits        state.Wait
}

func (m *missing) Error() string {
	if m.match == nil {
		return fmt.Sprintf("no %s to be found: the values to look for are empty", m.entity)
	}
	return fmt.Sprintf("no %s with %s", m.entity, matchText(m.match))
}

// advance runs steps on an item until its outcome is known. The error is a *stop: the run can't go on.
func (e *execution) advance(ctx context.Context, steps []pipelines.Step, it *item, vms scripts) error {
	for _, step := range steps {
		if it.settled() {
			return nil
		}
		if it.from != "" && it.from != step.StepName() {
			continue // a replay begins further down
		}
		err := e.arrive(ctx, it)
		if err == nil {
			err = e.step(ctx, step, it, vms)
		}
		if err != nil && ctx.Err() != nil { // the run is over; what its end broke is no fault of the record's
			return &stop{context.Cause(ctx)}
		}
		var gone *missing
		switch {
		case err == nil && !it.settled():
			e.passed(step, it)
		case err == nil:
		case errors.As(err, &gone) && gone.policy == "park" && gone.match != nil: // with nothing to look for, nothing can come
			it.parked(step.StepName(), gone.entity+" "+matchText(gone.match), gone.Error()+"; waiting for it")
			it.waits = gone.waits
		case errors.As(err, &gone) && gone.policy == "skip":
			it.filtered(step.StepName(), gone.Error())
		case errors.As(err, &gone):
			it.dead(step.StepName(), &problem{code: "sink.not_found", class: "not_found", message: gone.Error()})
		default:
			p, stopErr := asProblem(err)
			if stopErr != nil {
				return stopErr
			}
			if e.pipeline.OnError.Then == "stop" {
				return &stop{fmt.Errorf("record %s, step %q: %w", it.record.GetKey(), step.StepName(), err)}
			}
			it.dead(step.StepName(), p)
		}
	}
	return nil
}

func (e *execution) step(ctx context.Context, step pipelines.Step, it *item, vms scripts) error {
	switch s := step.(type) {
	case *pipelines.Filter:
		return e.filter(s, it)
	case *pipelines.Lookup:
		return e.resolve(ctx, s, it)
	case *pipelines.Transform:
		return e.transform(ctx, s, it, vms)
	case *pipelines.Sink:
		return e.sink(ctx, s, it)
	}
	return fmt.Errorf("step %q is of no known kind", step.StepName())
}

func (e *execution) filter(s *pipelines.Filter, it *item) error {
	keep, err := s.Keep.Eval(&it.scope)
	if err != nil {
		return err
	}
	switch keep {
	case true:
		return nil
	case false, nil:
		reason, err := s.Reason.Eval(&it.scope)
		if err != nil {
			return err
		}
		it.filtered(s.Name, fmt.Sprint(reason))
		return nil
	}
	return invalid("filter.not_a_bool", "filter %q: keep is a %s where it must be true or false", s.Name, record.Kind(keep))
}

func (e *execution) resolve(ctx context.Context, s *pipelines.Lookup, it *item) error {
	value, err := s.Match.Eval(&it.scope)
	if err != nil {
		return err
	}
	match := usableMatch(value)
	var hits []*protocol.Found
	if match != nil {
		at := time.Now()
		if hits, err = e.lookup(ctx, s.Connection, s.Entity, &protocol.Query{Match: []byte(matchText(match))}); err != nil {
			return err
		}
		it.saw(s, match, at, hits)
	}
	if s.Several == "all" && (len(hits) > 0 || s.Missing == "null") {
		all := make([]any, len(hits))
		for i, found := range hits {
			if all[i], err = foundFields(s, found); err != nil {
				return err
			}
		}
		it.scope.Slots[s.Slot] = all
		return nil
	}
	found, err := one(hits, s.Several, s.Name, s.Entity, match)
	if err != nil {
		return err
	}
	if found == nil {
		if s.Missing == "park" || s.Missing == "dead_letter" {
			return &missing{
				step: s.Name, entity: s.Entity, match: match, policy: s.Missing,
				waits: waitFor(s.Connection, s.Entity, s.Schema, match),
			}
		}
		it.scope.Slots[s.Slot] = nil
		return nil
	}
	fields, err := foundFields(s, found)
	if err != nil {
		return err
	}
	it.scope.Slots[s.Slot] = fields
	return nil
}

// foundFields are a hit's fields with its id among them.
func foundFields(s *pipelines.Lookup, found *protocol.Found) (map[string]any, error) {
	fields, err := record.DecodeObject(found.GetFields())
	if err != nil {
		return nil, invalid("lookup.bad_answer", "lookup %q: the fields of %s can't be read: %v", s.Name, found.GetId(), err)
	}
	if id := s.Schema.GetIdField(); id != "" {
		fields[id] = found.GetId()
	}
	return fields, nil
}

// lookup asks one question, with retries while the system is unwell. Where the system answers several at once, those that
// come while others are under way are asked together.
func (e *execution) lookup(ctx context.Context, def *pipelines.Connection, entity string, q *protocol.Query) (found []*protocol.Found, err error) {
	together := e.asks.lookups[lookedUp{def.Address(), entity}]
	err = retryTransient(ctx, e.pipeline.OnError, func(ctx context.Context) error {
		var a answer
		if together == nil {
			answers, err := e.lookups(ctx, def, entity, []*protocol.Query{q})
			if err != nil {
				return err
			}
			a = answers[0]
		} else if a, err = together.one(ctx, q); err != nil {
			return err
		}
		found = a.found
		return a.err
	})
	return found, err
}

// answer is what one query found, or why it has no answer.
type answer struct {
	found []*protocol.Found
	err   error
}

// lookups asks a system several questions with one call. That the system is unwell is the business of all of them.
func (e *execution) lookups(ctx context.Context, def *pipelines.Connection, entity string, queries []*protocol.Query) ([]answer, error) {
	conn := e.conns[def.Address()]
	answers := make([]answer, len(queries))
	var unwell error
	err := conn.call(ctx, opLookup, func(ctx context.Context) error {
		unwell = nil
		hits, err := conn.Lookup(ctx, entity, queries)
		if err != nil {
			return err
		}
		if len(hits) != len(queries) {
			return invalid("connector.bad_answer", "%s answered %d results for %d queries", def.Address(), len(hits), len(queries))
		}
		failures := 0
		for i, h := range hits {
			failed := host.AsError(h.GetFailure(), h.GetExchanges())
			answers[i] = answer{found: h.GetFound(), err: failed}
			if failed == nil {
				answers[i].err = exact(def.Address(), entity, queries[i], h.GetFound())
				continue
			}
			failures++
			if unwell == nil || isClass(failed, protocol.FailureClass_FAILURE_CLASS_RATE_LIMITED) ||
				isClass(failed, protocol.FailureClass_FAILURE_CLASS_AUTH) {
				unwell = failed
			}
		}
		if failures < len(hits) && isClass(unwell, protocol.FailureClass_FAILURE_CLASS_TRANSIENT) {
			unwell = nil // some were answered, so the system is there
		}
		return unwell
	})
	if err != nil && !errors.Is(err, unwell) {
		return nil, err
	}
	return answers, nil // each with its own end
}

func (e *execution) transform(ctx context.Context, s *pipelines.Transform, it *item, vms scripts) error {
	if s.Set != nil {
		value, err := s.Set.Eval(&it.scope)
		if err != nil {
			return err
		}
		e.became(it, s.Name, value)
		return nil
	}
	vm := vms[s]
	if vm == nil {
		vm = s.Script.Runtime(transforms.Env{
			Now: e.startedAt, Pipeline: e.pipeline.Name, Vars: s.Vars,
			Log: func(level, msg string) {
				e.log.Info(msg, "script", s.Name, "level", level)
			},
		})
		vms[s] = vm
	}
	meta, _ := it.scope.Slots[pipelines.SlotMeta].(map[string]any)
	text, err := vm.Text(ctx, it.scope.Slots[pipelines.SlotRecord], meta)
	if err != nil {
		return err
	}
	if s == e.last && text[0] == '{' && !e.observed() {
		it.text = text
		return nil
	}
	value, err := record.Decode(text)
	if err != nil {
		return err
	}
	e.became(it, s.Name, value)
	return nil
}

// became takes what a transform made of the record.
func (e *execution) became(it *item, step string, value any) {
	it.scope.Slots[pipelines.SlotRecord] = value
	if e.teller != nil {
		it.trail = append(it.trail, stage{step, value})
	}
}

// sink runs a sink once, or for each element of its list.
func (e *execution) sink(ctx context.Context, s *pipelines.Sink, it *item) error {
	if s.ForEach == nil {
		return e.sinkOnce(ctx, s, it, "", &it.scope.Slots[s.Slot])
	}
	value, err := s.ForEach.Eval(&it.scope)
	if err != nil {
		return err
	}
	list, ok := value.([]any)
	if !ok && value != nil {
		return invalid("sink.not_a_list", "sink %q: for_each is a %s where it must be a list", s.Name, record.Kind(value))
	}
	results := make([]any, len(list))
	for i, element := range list {
		it.scope.Slots[s.EachSlot] = map[string]any{"key": record.Int(int64(i)), "value": element}
		if err := e.sinkOnce(ctx, s, it, fmt.Sprintf("/%d", i), &results[i]); err != nil {
			return err
		}
	}
	it.scope.Slots[s.EachSlot] = nil
	it.scope.Slots[s.Slot] = results
	return nil
}

func (e *execution) sinkOnce(ctx context.Context, s *pipelines.Sink, it *item, suffix string, result *any) error {
	if s.When != nil {
		when, err := s.When.Eval(&it.scope)
		if err != nil {
			return err
		}
		if when != true {
			*result = nil
			return nil
		}
	}
	if s.Schema.GetAppendOnly() {
		return e.appended(s, it)
	}
	value, err := e.upsert(ctx, s, it, suffix)
	var gone *missing
	if errors.As(err, &gone) && gone.policy == "null" {
		err = nil // the steps that follow see that there is none
	}
	if err != nil {
		return err
	}
	*result = value
	return nil
}
