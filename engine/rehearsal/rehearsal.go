// Package rehearsal runs the tests of pipelines: the engine itself, among systems that are made up and hold what a test
// says they do.
package rehearsal

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/sourcegraph/conc/iter"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// Result is how a test went.
type Result struct {
	Test     *pipelines.Test
	Records  []Record  // what became of each, in order
	Failures diag.List // empty = it passed
	Took     time.Duration

	touched  map[string]bool // points of coverage
	filtered map[string]bool // filters that dropped a record
}

// Record is what became of one record.
type Record struct {
	Outcome state.Outcome `json:"outcome"`
	Step    string        `json:"step,omitempty"`
	Code    string        `json:"code,omitempty"`
	Reason  string        `json:"reason,omitempty"`
	Sent    []Sent        `json:"sent,omitempty"`

	after map[string]any // the record after each transform
}

// Sent is one write as it left for a system.
type Sent struct {
	Step   string         `json:"step"`
	Action string         `json:"action"` // create or update
	ID     string         `json:"id,omitempty"`
	Fields map[string]any `json:"fields"`
}

// Run runs tests, several at the same time, and returns their results in order. Snapshots are another matter: see
// Snapshots.
func Run(ctx context.Context, tests []*pipelines.Test, log *slog.Logger) ([]Result, error) {
	dir, err := os.MkdirTemp("", "kopru-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	results := make([]Result, len(tests))
	turns := iter.Iterator[*pipelines.Test]{MaxGoroutines: runtime.GOMAXPROCS(0)}
	turns.ForEachIdx(tests, func(i int, t **pipelines.Test) {
		began := time.Now()
		results[i] = rehearse(ctx, *t, filepath.Join(dir, fmt.Sprint(i), "state.db"), log)
		results[i].Took = time.Since(began)
	})
	return results, ctx.Err()
}

// rehearse runs one test with a state database of its own.
func rehearse(ctx context.Context, t *pipelines.Test, dsn string, log *slog.Logger) Result {
	w := newWorld(t)
	result := Result{Test: t, touched: w.touched, filtered: w.filtered}
	store, err := state.Open(ctx, dsn)
	if err != nil {
		result.Failures = diag.List{failure(t.Range, "The test can't be run", err.Error())}
		return result
	}
	defer store.Close() //nolint:errcheck // it is thrown away
	runner := run.New(store, run.NewConnections(w.dial), log, state.HereNode())
	runner.Clock = func() time.Time { return t.Now }
	runner.Watcher = w
	p := *t.Pipeline
	p.OnError.Initial, p.OnError.Max = time.Millisecond, time.Millisecond
	_, err = runner.Run(ctx, &p)
	result.Records = w.records
	if err != nil {
		result.Failures = diag.List{failure(t.Range, "The run stopped", err.Error())}
		return result
	}
	result.Failures = judge(t, w.records)
	return result
}

func (w *world) dial(_ context.Context, c *pipelines.Connection) (run.Remote, error) {
	return &system{world: w, address: c.Address()}, nil
}

// Passed notes what a record is after a transform.
func (w *world) Passed(step pipelines.Step, _ string, value any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.current()
	if r == nil {
		return
	}
	switch step.(type) {
	case *pipelines.Sink: // may have been passed over
		return
	case *pipelines.Transform:
		r.after[step.StepName()] = value
	}
	w.touched[step.StepName()] = true
}

// Sent notes a write, and by what its record will be found again.
func (w *world) Sent(s *pipelines.Sink, op *protocol.Op, match map[string]any, id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.current()
	if r == nil {
		return
	}
	fields, _ := record.DecodeObject(op.GetPayload()) // the engine encoded it
	action := run.ActionCreate
	if op.GetOperation() == protocol.Operation_OPERATION_UPDATE {
		action = run.ActionUpdate
	}
	w.touched[s.Name] = true
	r.Sent = append(r.Sent, Sent{Step: s.Name, Action: action, ID: op.GetId(), Fields: fields})
	w.remember(s.Connection.Address(), s.Entity, id, match)
}

// Ended notes a record's outcome.
func (w *world) Ended(e run.Ending) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.current()
	if r == nil {
		return
	}
	r.Outcome, r.Step, r.Code, r.Reason = e.Outcome, e.Step, e.Code, e.Reason
	if e.Outcome == state.Delivered || e.Outcome == state.Unchanged {
		r.Step, r.Code = "", ""
	}
	for _, effect := range e.Effects {
		w.touched[effect.Step] = true
	}
	if e.Outcome == state.Filtered {
		w.filtered[e.Step] = true
	}
}

// stepsOf lists the names of a pipeline's steps, for messages.
func stepsOf(p *pipelines.Pipeline) string {
	var names []string
	for _, s := range p.Steps {
		names = append(names, s.StepName())
	}
	return strings.Join(names, ", ")
}
