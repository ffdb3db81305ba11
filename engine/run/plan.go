package run

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// Plan says what a run would do. Nothing is written, in the targets or in the state.
type Plan struct {
	Pipeline string                      `json:"pipeline"`
	Counts   state.Counts                `json:"records"`
	Sinks    map[string]state.SinkCounts `json:"sinks"`
	Records  []PlannedRecord             `json:"planned"`
}

// PlannedRecord is the outcome one record would have.
type PlannedRecord struct {
	Key     string        `json:"key"`
	Outcome state.Outcome `json:"outcome"`
	Step    string        `json:"step,omitempty"`
	Code    string        `json:"code,omitempty"`
	Reason  string        `json:"reason,omitempty"`
	Effects []Effect      `json:"effects,omitempty"`
}

// PlanOptions narrows a plan.
type PlanOptions struct {
	Limit int    // records, 0 = all
	Key   string // only this record

	Span     bool // plan a range of the source, as a backfill reads it, rather than what comes after the cursor
	From, To time.Time
}

// planner remembers what earlier records of a plan would have created, so that a later one finds it.
type planner struct {
	mu   sync.Mutex
	made map[string]*protocol.Found
}

func (p *planner) created(name string) (*protocol.Found, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f, ok := p.made[name]
	return f, ok
}

func (p *planner) note(name, id string, fields map[string]any) {
	data, err := record.Encode(fields)
	if err != nil {
		return // a value that can't be encoded would fail the create as well
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made[name] = &protocol.Found{Id: id, Fields: data}
}

// Plan reads from the settled cursor like a run and plans every record.
func (r *Runner) Plan(ctx context.Context, p *pipelines.Pipeline, opts PlanOptions) (*Plan, error) {
	e := r.execution(p)
	e.plan = &planner{made: map[string]*protocol.Found{}}
	if opts.Span {
		e.part = &state.Partition{From: opts.From, To: opts.To}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer e.closeWriters()
	if err := e.open(ctx, r.Connections); err != nil {
		return nil, err
	}
	stream, err := r.read(ctx, e)
	if err != nil {
		return nil, err
	}
	defer stream.Close() //nolint:errcheck // a plan that is full leaves the rest unread
	plan := &Plan{Pipeline: p.Name, Sinks: map[string]state.SinkCounts{}}
	vms := scripts{}
	defer vms.close()
	for {
		b, err := stream.Next()
		if errors.Is(err, io.EOF) {
			return plan, nil
		}
		if err != nil {
			return nil, err
		}
		vms.close()
		for _, rec := range b.GetRecords() {
			if opts.Key != "" && rec.GetKey() != opts.Key {
				continue
			}
			if err := e.planRecord(ctx, plan, rec, vms); err != nil {
				return nil, err
			}
			if opts.Limit > 0 && len(plan.Records) >= opts.Limit {
				return plan, nil
			}
		}
	}
}

func (e *execution) planRecord(ctx context.Context, plan *Plan, rec *protocol.Record, vms scripts) error {
	return e.planItem(ctx, plan, &item{record: rec, start: e.clock()}, vms)
}

func (e *execution) planItem(ctx context.Context, plan *Plan, it *item, vms scripts) error {
	e.prepare(ctx, it)
	if err := e.advance(ctx, e.pipeline.Steps, it, vms); err != nil {
		return err
	}
	it.finish()
	var s state.Settlement
	s.Sinks = plan.Sinks
	e.settleItem(&s, it)
	plan.Counts.Add(s.Counts)
	plan.Records = append(plan.Records, PlannedRecord{
		Key: it.record.GetKey(), Outcome: it.outcome, Step: it.step, Code: it.code, Reason: it.reason, Effects: it.effects,
	})
	return nil
}
