package run_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// begin notes a backfill of the first so many changes, cut into pieces.
func (b *bench) begin(id string, changes, pieces int) string {
	b.t.Helper()
	parts := make([]state.Partition, pieces)
	for i := range parts {
		parts[i] = state.Partition{From: minute(changes * i / pieces), To: minute(changes * (i + 1) / pieces)}
	}
	err := b.store.BeginBackfill(b.t.Context(), state.Backfill{
		ID: id, Pipeline: "orders", Span: "all", StartedAt: time.Now(), Partitions: parts,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

func (b *bench) backfilled(id string) state.Backfill {
	b.t.Helper()
	f, err := b.store.Backfill(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return f
}

func (b *bench) liveCursor() string {
	b.t.Helper()
	cursor, err := b.store.Cursor(b.t.Context(), "orders", "order")
	if err != nil {
		b.t.Fatal(err)
	}
	return cursor
}

// eachOnce checks that a sale stands there for each order, once, and that no customer stands there twice.
func (b *bench) eachOnce(sales int) {
	b.t.Helper()
	for entity, field := range map[string]string{"sale": "ref", "customer": "email"} {
		seen := map[any]int{}
		for _, r := range b.system.rows(entity) {
			if seen[r.fields[field]]++; seen[r.fields[field]] == 2 {
				b.t.Errorf("%s %v stands there twice", entity, r.fields[field])
			}
		}
		if entity == "sale" && len(seen) != sales {
			b.t.Errorf("%d sales of %d orders", len(seen), sales)
		}
	}
}

func TestBackfillLeavesTheLiveCursorAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t, orders)
	b.system.page = 20
	for i := range 300 {
		b.order(fmt.Sprint("o", i), 1)
	}
	b.run()
	at := b.liveCursor()
	b.system.tables["sale"] = b.system.tables["sale"][:250] // somebody lost fifty of them: a backfill mends nothing that has a link
	for i := range 100 {
		b.order(fmt.Sprint("n", i), 1)
	}
	id := b.begin("f1", 400, 4)
	if err := b.runner.Backfill(t.Context(), b.project.Pipelines[0], id); err != nil {
		t.Fatal(err)
	}
	f := b.backfilled(id)
	total, sinks, again := f.Total()
	if f.Status != "succeeded" || f.Done() != 4 || again != 0 || f.Open() {
		t.Errorf("%+v", f)
	}
	if total.Read != 400 || total.Sum() != 400 || total.Delivered != 100 || total.Unchanged != 300 || sinks["sale"].Created != 100 {
		t.Errorf("%+v %+v", total, sinks)
	}
	if now := b.liveCursor(); now != at {
		t.Errorf("the live cursor went from %s to %s", at, now)
	}
	if s := b.run(); s.Records.Read != 100 || s.Records.Unchanged != 100 {
		t.Errorf("the next live run: %+v", s)
	}
	runs, err := b.store.Runs(t.Context(), state.RunFilter{Pipeline: "orders"})
	if err != nil || len(runs) != 3 || runs[1].Kind != "backfill" || runs[1].Counts != total || runs[1].FinishedAt.IsZero() {
		t.Errorf("%+v, %v", runs, err)
	}
}

// TestBackfillInterrupted pulls the plug at random moments, in a world that fails at random, with and without a
// source that gives places to go on from. What comes of it is what one undisturbed run makes.
func TestBackfillInterrupted(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 3))
			b := newBench(t, orders)
			b.system.page, b.system.blind = 1+rng.IntN(30), seed%2 == 0
			n := 100 + rng.IntN(200)
			for i := range n {
				b.order(fmt.Sprint("o", i), 1)
			}
			b.system.fault = seldom(rng, rng.Float64()*0.1, map[string][]fault{
				"lookup": {refuse}, "write": {refuse, drop, forget, overtaken}, "next": {refuse}, "read": {refuse},
			})
			id := b.begin("f", n, 1+rng.IntN(5))
			for try := 1; b.backfilled(id).Status != "succeeded"; try++ {
				ctx, cancel := context.WithTimeoutCause(context.Background(), time.Duration(try*(1+rng.IntN(20)))*time.Millisecond, errKilled)
				err := b.runner.Backfill(ctx, b.project.Pipelines[0], id)
				if err != nil && ctx.Err() == nil {
					t.Fatal(err)
				}
				cancel()
				b.restart()
				if f := b.backfilled(id); f.Status == "failed" { // the source refused too often: the same command goes on
					if err := b.store.ResumeBackfill(t.Context(), id); err != nil {
						t.Fatal(err)
					}
				} else if f.Status == "partial" {
					break
				}
			}
			f := b.backfilled(id)
			total, sinks, again := f.Total()
			if total.Read-again != int64(n) || total.Sum() != total.Read {
				t.Errorf("%d read, %d of them again, of %d; %+v", total.Read, again, n, total)
			}
			if total.Dead == 0 {
				b.eachOnce(n)
				if sinks["sale"].Created != int64(n) {
					t.Errorf("%d created of %d", sinks["sale"].Created, n)
				}
			}
			if at := b.liveCursor(); at != "" {
				t.Errorf("the live cursor moved to %s", at)
			}
		})
	}
}

// TestLiveRunGoesBetween: a live run that comes in the middle of a partition gets its turn at the next place where the
// partition can go on, and the backfill then goes on from there.
func TestLiveRunGoesBetween(t *testing.T) {
	t.Parallel()
	b := newBench(t, orders)
	b.system.page = 5
	const n = 1000
	for i := range n {
		b.order(fmt.Sprint("o", i), 1)
	}
	id := b.begin("f", n, 1)
	var written atomic.Int64
	underWay, turn := make(chan struct{}), make(chan struct{})
	slow := time.NewTicker(20 * time.Millisecond)
	defer slow.Stop()
	b.system.fault = func(op, entity string) fault { // slow until the live run had its turn
		if op == "write" && entity == "sale" {
			if written.Add(1) == 20 {
				close(underWay)
			}
			select {
			case <-turn:
			case <-slow.C:
			}
		}
		return none
	}
	begun := sync.OnceFunc(func() { close(turn) })
	b.runner.Progress = func(run.Progress) { // of the live run: it has begun
		if f := b.backfilled(id); f.Partitions[0].Status != state.PartitionWaiting || f.Partitions[0].Counts.Read == 0 {
			t.Errorf("beside the live run: %+v", f.Partitions[0])
		}
		begun()
	}
	var working sync.WaitGroup
	working.Go(func() {
		if err := b.runner.Backfill(context.Background(), b.project.Pipelines[0], id); err != nil {
			t.Error(err)
		}
	})
	<-underWay
	b.order("o0", 2)
	if s := b.run(); s.Records.Read != n+1 {
		t.Errorf("%+v", s)
	}
	working.Wait()
	f := b.backfilled(id)
	total, _, again := f.Total()
	if f.Status != "succeeded" || total.Read != n || again != 0 || total.Delivered == 0 || total.Unchanged == 0 {
		t.Errorf("%s %+v, %d again", f.Status, total, again)
	}
	b.eachOnce(n)
	for _, r := range b.system.rows("sale") {
		if r.fields["ref"] == "o0" && r.fields["version"] != record.Int(2) {
			t.Errorf("the backfill put an older state over the live run's: %v", r.history)
		}
	}
}

func TestBackfillThatFailsCanGoOn(t *testing.T) {
	t.Parallel()
	b := newBench(t, orders)
	b.system.page = 10
	for i := range 100 {
		b.order(fmt.Sprint("o", i), 1)
	}
	var calls atomic.Int64
	b.system.fault = func(op, _ string) fault {
		if op == "next" && calls.Add(1) > 4 {
			return locked
		}
		return none
	}
	id := b.begin("f", 100, 2)
	if err := b.runner.Backfill(t.Context(), b.project.Pipelines[0], id); err != nil {
		t.Fatal(err)
	}
	f := b.backfilled(id)
	if f.Status != "failed" || !strings.Contains(f.Error, "partition 1: ") || f.Partitions[1].Status != state.PartitionWaiting {
		t.Fatalf("%+v", f)
	}
	if err := b.store.BeginBackfill(t.Context(), state.Backfill{ID: "g", Pipeline: "orders"}); !errors.Is(err, state.ErrBusy) {
		t.Errorf("another one beside it: %v", err)
	}
	b.system.fault = nil
	b.restart()
	if err := b.store.ResumeBackfill(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := b.runner.Backfill(t.Context(), b.project.Pipelines[0], id); err != nil {
		t.Fatal(err)
	}
	f = b.backfilled(id)
	if total, _, again := f.Total(); f.Status != "succeeded" || total.Read-again != 100 || total.Delivered != 100 {
		t.Errorf("%s %+v, %d again", f.Status, total, again)
	}
	b.eachOnce(100)
}

// TestSourceThatLostItsPlace: a till that was restored from a backup gives its markers out anew.
func TestSourceThatLostItsPlace(t *testing.T) {
	t.Parallel()
	b := newBench(t, orders)
	b.order("o1", 1)
	b.run()
	at := b.liveCursor()
	b.system.lost = &protocol.Failure{
		Class: protocol.FailureClass_FAILURE_CLASS_FATAL, Code: "fake.marker_went_back", Message: "the marker stands before the cursor",
	}
	_, err := b.runner.Run(t.Context(), b.project.Pipelines[0])
	if err == nil || !strings.Contains(err.Error(), "kopru reset orders --full") || !strings.Contains(err.Error(), "nothing is doubled") {
		t.Errorf("%v", err)
	}
	if now := b.liveCursor(); now != at {
		t.Errorf("the cursor went from %s to %s", at, now)
	}
}

// TestTwoNodesMakeOneCustomer: two nodes look for the same new customer at the same moment, and neither finds it.
func TestTwoNodesMakeOneCustomer(t *testing.T) {
	t.Parallel()
	for _, second := range []struct {
		name  string
		fault fault
	}{{"the first create comes through", none}, {"its answer is lost", forget}, {"it is refused for good", reject}} {
		t.Run(second.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, orders)
			b.order("a1", 1)
			b.order("b1", 1) // of the same customer
			id := b.begin("f", 2, 2)
			both := make(chan struct{})
			var looks, creates atomic.Int64
			b.system.fault = func(op, entity string) fault {
				if entity != "customer" {
					return none
				}
				if op == "write" && creates.Add(1) == 1 {
					return second.fault
				}
				if op == "lookup" {
					switch n := looks.Add(1); {
					case n == 2:
						close(both)
					case n < 2:
						<-both
					}
				}
				return none
			}
			var working sync.WaitGroup
			for i := range 2 {
				connections := run.NewConnections(func(context.Context, *pipelines.Connection) (run.Remote, error) { return b.system, nil })
				node := run.New(b.store, connections, slog.New(b.log), fmt.Sprintf("far-%d/1", i))
				working.Go(func() {
					if err := node.Backfill(context.Background(), b.project.Pipelines[0], id); err != nil {
						t.Error(err)
					}
				})
			}
			working.Wait()
			if n := len(b.system.rows("customer")); n != 1 {
				t.Errorf("%d customers for one address", n)
			}
			total, sinks, _ := b.backfilled(id).Total()
			dead := int64(0)
			if second.fault == reject {
				dead = 1
			}
			if total.Read != 2 || total.Dead != dead || sinks["customer"].Created != 1 || len(b.system.rows("sale")) != 2-int(dead) {
				t.Errorf("%+v %+v", total, sinks)
			}
		})
	}
}
