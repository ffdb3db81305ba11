package run_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sourcegraph/conc/pool"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// slow is a system whose every answer takes a while.
type slow struct {
	*system
	takes time.Duration
	calls atomic.Int64
	busy  atomic.Int64 // nanoseconds of all calls
}

func (s *slow) wait(ctx context.Context) {
	s.calls.Add(1)
	began := time.Now()
	defer func() { s.busy.Add(int64(time.Since(began))) }()
	timer := time.NewTimer(s.takes)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (s *slow) Lookup(ctx context.Context, entity string, queries []*protocol.Query) ([]*protocol.Hits, error) {
	s.wait(ctx)
	return []*protocol.Hits{{}}, ctx.Err() // nothing is there yet
}

func (s *slow) Writer(ctx context.Context, start *protocol.WriteStart) (run.Writer, error) {
	w, err := s.system.Writer(ctx, start)
	return &slowWriter{w, s}, err
}

type slowWriter struct {
	run.Writer
	slow *slow
}

func (w *slowWriter) Write(ctx context.Context, ops []*protocol.Op) (*protocol.WriteResults, error) {
	w.slow.wait(ctx)
	return w.Writer.Write(ctx, ops)
}

const upserts = `
pipeline "sales" {
  activity = "failures"
  source "order" {
    connection = fake.till
  }
  sink "sale" {
    connection = fake.books
    match      = { ref = record.ref }
    set        = { ref = record.ref, total = record.total }
  }
}
`

// BenchmarkSlowAPI shows how much of a slow system's concurrency is used: 32 calls at once, 5 ms each. Every record
// takes a look-up, a durable intent and a create. Its ratio is to the same calls by 32 goroutines that do nothing else,
// which get less than concurrency ÷ latency too: a timer of the runtime comes late by half a millisecond.
func BenchmarkSlowAPI(b *testing.B) {
	const orders, atOnce, takes = 20000, 32, 5 * time.Millisecond
	t := newBench(b, upserts)
	s := &slow{system: t.system, takes: takes}
	for _, c := range t.project.Connections {
		c.Limit = pipelines.Limit{Concurrency: atOnce}
	}
	t.dial(s)
	for i := range orders {
		t.order(fmt.Sprint("o", i), 1)
	}
	b.ResetTimer()
	began := time.Now()
	t.run() // one run is the measurement, whatever b.N
	took := time.Since(began).Seconds()
	b.ReportMetric(float64(s.calls.Load())/took/(atOnce/takes.Seconds()), "share")
	b.ReportMetric(time.Duration(s.busy.Load()).Seconds()/took/atOnce, "busy")

	began = time.Now()
	byHand := pool.New().WithMaxGoroutines(atOnce)
	for range orders {
		byHand.Go(func() {
			s.wait(b.Context()) // the look-up
			s.wait(b.Context()) // the create
		})
	}
	byHand.Wait()
	b.ReportMetric(time.Since(began).Seconds()/took, "ratio")
}

// BenchmarkLimitedAPI shows how much of a limit of calls a second is used.
func BenchmarkLimitedAPI(b *testing.B) {
	const perSecond = 400
	t := newBench(b, upserts)
	s := &slow{system: t.system, takes: time.Millisecond}
	for _, c := range t.project.Connections {
		c.Limit = pipelines.Limit{Concurrency: 8, PerSecond: perSecond}
	}
	t.dial(s)
	for i := range 1000 {
		t.order(fmt.Sprint("o", i), 1)
	}
	b.ResetTimer()
	began := time.Now()
	t.run() // one run is the measurement, whatever b.N
	b.ReportMetric(float64(s.calls.Load())/time.Since(began).Seconds()/perSecond, "share")
}
