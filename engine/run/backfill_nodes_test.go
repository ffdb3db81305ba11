package run_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/schedule"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/engine/state/postgrestest"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// TestBackfillOverNodes spreads a backfill over three nodes on PostgreSQL, and one of them dies in the middle.
// KOPRU_BACKFILL_RECORDS asks for more records than the default; the dead node's lease then runs out by itself.
func TestBackfillOverNodes(t *testing.T) {
	t.Parallel()
	records, patient := 3000, false
	if n, err := strconv.Atoi(os.Getenv("KOPRU_BACKFILL_RECORDS")); err == nil {
		records, patient = n, true
	}
	b := newBench(t, orders)
	b.dsn = postgrestest.Start(t).Database(t)
	b.restart()
	for i := range records {
		b.order(fmt.Sprint("o", i), 1)
	}
	together := make(chan struct{})
	slowly := func(op string, call func()) { // until each node has something to do: the last to look may be late
		if op == "write" {
			select {
			case <-together:
			case <-time.After(20 * time.Millisecond):
			}
		}
		call()
	}
	nodes := make([]*clusterNode, 3)
	for i := range nodes {
		nodes[i] = newClusterNode(t, b, fmt.Sprintf("far-%d/1", i), slowly) // of machines that can't be asked whether a process lives
	}
	began := time.Now()
	id := b.begin("f", records, 12)

	var victim state.Partition
	b.until(t, "every node is at work, and one is in the middle of something", func() bool {
		working := map[string]bool{}
		for _, p := range b.backfilled(id).Partitions {
			if working[p.Node] = true; p.Status == state.PartitionRunning && p.Counts.Read > 0 {
				victim = p
			}
		}
		delete(working, "")
		return len(working) == len(nodes) && victim.Number > 0
	})
	close(together)
	for _, n := range nodes {
		if n.name == victim.Node {
			n.kill()
		}
	}
	killed := time.Now()
	if !patient {
		b.forget(t, victim.Node)
	}
	b.until(t, "another node takes over", func() bool {
		p := b.backfilled(id).Partitions[victim.Number-1]
		return p.Fence > victim.Fence || p.Status == state.PartitionDone
	})
	rescue := time.Since(killed)
	b.until(t, "the backfill is over", func() bool { return !b.backfilled(id).Open() })

	f := b.backfilled(id)
	total, sinks, again := f.Total()
	by := map[string]int{}
	for _, p := range f.Partitions {
		by[p.Node]++
	}
	took := time.Since(began)
	t.Logf("%d records in %s, %.0f/s; the dead node's partition was taken over after %s; %d records were read again; partitions by node: %v",
		records, took.Round(time.Millisecond), float64(records)/took.Seconds(), rescue.Round(time.Millisecond), again, by)
	if f.Status != "succeeded" || total.Read-again != int64(records) || total.Sum() != total.Read || sinks["sale"].Created != int64(records) {
		t.Errorf("%s %+v %+v, %d again", f.Status, total, sinks, again)
	}
	b.eachOnce(records)
	if at := b.liveCursor(); at != "" {
		t.Errorf("the live cursor moved to %s", at)
	}
}

// clusterNode is a process that runs pipelines, as far as the database and the system can tell.
type clusterNode struct {
	name   string
	store  *state.Store
	cancel context.CancelFunc
	dead   atomic.Bool
}

func newClusterNode(t *testing.T, b *bench, name string, by func(op string, call func())) *clusterNode {
	t.Helper()
	store, err := state.Open(t.Context(), b.dsn)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := &clusterNode{name: name, store: store, cancel: cancel}
	log := slog.New(slog.DiscardHandler)
	runner := run.New(store, run.NewConnections(func(context.Context, *pipelines.Connection) (run.Remote, error) {
		return mortal{system: b.system, dead: &n.dead, by: by}, nil
	}), log, name)
	scheduler, err := schedule.New(ctx, store, schedule.Options{
		Node: name, Log: log, MaxWorkers: 2,
		Backfill: func(context.Context, schedule.BackfillJob) error {
			return runner.Backfill(ctx, b.project.Pipelines[0], "f")
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := scheduler.Serve(ctx, map[string]pipelines.Schedule{"orders": {}}); err != nil {
		t.Fatal(err)
	}
	if err := scheduler.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.kill()
		if err := scheduler.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return n
}

// kill ends the node at once: it says no more to the database, not even that it ends, and nothing to the system.
func (n *clusterNode) kill() {
	n.dead.Store(true)
	_ = n.store.Close()
	n.cancel()
}

// mortal is the system as a node reaches it while it lives.
type mortal struct {
	*system
	dead *atomic.Bool
	by   func(op string, call func()) // nil = just do it
}

var errDead = errors.New("this node is dead")

// reach makes a call, whose answer a dead node does not get.
func (m mortal) reach(op string, call func()) error {
	if m.dead.Load() {
		return errDead
	}
	if m.by == nil {
		call()
	} else {
		m.by(op, call)
	}
	if m.dead.Load() {
		return errDead
	}
	return nil
}

func (m mortal) Read(ctx context.Context, start *protocol.ReadStart) (stream run.Stream, err error) {
	if dead := m.reach("read", func() { stream, err = m.system.Read(ctx, start) }); dead != nil {
		return nil, dead
	}
	return stream, err
}

func (m mortal) Lookup(ctx context.Context, entity string, q []*protocol.Query) (hits []*protocol.Hits, err error) {
	if dead := m.reach("lookup", func() { hits, err = m.system.Lookup(ctx, entity, q) }); dead != nil {
		return nil, dead
	}
	return hits, err
}

func (m mortal) Writer(ctx context.Context, start *protocol.WriteStart) (run.Writer, error) {
	w, err := m.system.Writer(ctx, start)
	return mortalWriter{w, m}, err
}

type mortalWriter struct {
	run.Writer
	of mortal
}

func (w mortalWriter) Write(ctx context.Context, ops []*protocol.Op) (results *protocol.WriteResults, err error) {
	if dead := w.of.reach("write", func() { results, err = w.Writer.Write(ctx, ops) }); dead != nil {
		return nil, dead
	}
	return results, err
}

// until waits for something that shows in the database.
func (b *bench) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(15 * time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("in vain: %s", what)
		}
	}
}

// forget makes a node's lease run out now, so that the test need not wait for it.
func (b *bench) forget(t *testing.T, node string) {
	t.Helper()
	db, err := sql.Open("pgx", b.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "UPDATE partitions SET until = 1 WHERE node = $1", node); err != nil {
		t.Fatal(err)
	}
}
