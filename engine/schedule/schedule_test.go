package schedule_test

import (
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/goleak"

	"github.com/kopru-io/kopru/engine/schedule"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/engine/state/postgrestest"
	"github.com/kopru-io/kopru/pipelines"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// conformance is what holds on both databases.
var conformance = map[string]func(*testing.T, string){
	"every due run once":  testOnce,
	"skipped":             testSkipped,
	"queued":              testQueued,
	"takes over":          testTakesOver,
	"takes what it knows": testKnown,
	"another definition":  testServeAgain,
	"cut short":           testCutShort,
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	for name, test := range conformance {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, filepath.Join(t.TempDir(), "state.db"))
		})
	}
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	t.Run("conformance", func(t *testing.T) {
		for name, test := range conformance {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, server.Database(t))
			})
		}
	})
}

// node is a scheduler whose runs only hold their lease and tell that they are under way.
type node struct {
	*schedule.Scheduler
	store *state.Store
	name  string
	runs  chan schedule.Job // what has begun

	mu   sync.Mutex
	hold chan struct{} // runs end when it is closed; nil = at once
}

func newNode(t *testing.T, dsn, name string, plans map[string]pipelines.Schedule) *node {
	t.Helper()
	store, err := state.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{store: store, name: name, runs: make(chan schedule.Job, 1000)}
	n.Scheduler, err = schedule.New(t.Context(), store, schedule.Options{
		Node: name, Version: "1", Log: slog.New(slog.DiscardHandler), MaxWorkers: 4, Work: n.work,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Serve(t.Context(), plans); err != nil {
		t.Fatal(err)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = n.Stop(ctx) // a test that stopped it itself looks at the error
		_ = store.Close()
	})
	return n
}

func (n *node) work(ctx context.Context, job schedule.Job) error {
	r := state.Run{ID: ulid.Make().String(), Pipeline: job.Pipeline, Kind: "run", StartedAt: time.Now(), Node: n.name}
	fence, err := n.store.StartRun(ctx, r)
	if err != nil {
		return err
	}
	n.mu.Lock()
	hold := n.hold
	n.mu.Unlock()
	n.runs <- job // who sees it may set what the next one waits for
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
		}
	}
	r.Status, r.FinishedAt = "succeeded", time.Now()
	return n.store.FinishRun(context.WithoutCancel(ctx), r, fence)
}

func (n *node) keep(hold chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hold = hold
}

// next waits for a run to begin.
func (n *node) next(t *testing.T) schedule.Job {
	t.Helper()
	select {
	case job := <-n.runs:
		return job
	case <-time.After(2 * time.Minute):
		t.Fatal("no run has begun")
		return schedule.Job{}
	}
}

func every(d time.Duration) pipelines.Schedule { return pipelines.Schedule{Every: d, Overlap: "skip"} }

// yearly is due next in a very long time.
func yearly() pipelines.Schedule {
	return pipelines.Schedule{Every: 100_000 * time.Hour, Overlap: "skip"}
}

// testOnce: three nodes hand out the same runs, and each is done by one of them.
func testOnce(t *testing.T, dsn string) {
	plans := map[string]pipelines.Schedule{"a": every(time.Second), "b": every(2 * time.Second)}
	nodes := []*node{newNode(t, dsn, "one/1", plans), newNode(t, dsn, "two/1", plans), newNode(t, dsn, "three/1", plans)}
	dues := map[string][]int64{}
	for len(dues["a"]) < 6 || len(dues["b"]) < 3 {
		var job schedule.Job
		select {
		case job = <-nodes[0].runs:
		case job = <-nodes[1].runs:
		case job = <-nodes[2].runs:
		case <-time.After(2 * time.Minute):
			t.Fatalf("no more runs begin: %v", dues)
		}
		dues[job.Pipeline] = append(dues[job.Pipeline], job.Due)
	}
	for name, step := range map[string]int64{"a": 1000, "b": 2000} {
		got := dues[name]
		slices.Sort(got)
		for i := 1; i < len(got); i++ {
			// A machine that is late makes good only the last of the runs it missed.
			if later := got[i] - got[i-1]; later <= 0 || later%step != 0 {
				t.Errorf("%s: runs due at %v: each %d ms one, and one only", name, got, step)
				break
			}
		}
	}
}

// testSkipped: what is due while a run is under way is not made good.
func testSkipped(t *testing.T, dsn string) {
	overlapping(t, dsn, "skip", func(t *testing.T, _ *node, began, taken time.Time, next schedule.Job) {
		if due := time.UnixMilli(next.Due); next.Due == 0 || due.Before(taken) { // the last one may still be on its way to a worker
			t.Errorf("during a run of %v those until %v were due; then came %+v", began, taken, next)
		}
	})
}

// testQueued: of what is due while a run is under way, one run waits for its end.
func testQueued(t *testing.T, dsn string) {
	overlapping(t, dsn, "queue", func(t *testing.T, n *node, began, taken time.Time, next schedule.Job) {
		for i := 0; next.After == 0; i++ { // those that are due meanwhile may come first, more of them where the machine is slow
			if i == 20 {
				t.Fatalf("during a run of %v those until %v were due; then came only such as are due, up to %+v", began, taken, next)
			}
			next = n.next(t)
		}
		for range 2 { // only one has waited
			if more := n.next(t); more.After == next.After {
				t.Errorf("two runs have waited: %+v", more)
			}
		}
	})
}

// overlapping lets a run last over two times when it is due, then looks at what comes.
func overlapping(t *testing.T, dsn, overlap string, check func(t *testing.T, n *node, began, taken time.Time, next schedule.Job)) {
	plan := every(time.Second)
	plan.Overlap = overlap
	n := newNode(t, dsn, "one/1", nil)
	hold := make(chan struct{})
	n.keep(hold)
	if err := n.Serve(t.Context(), map[string]pipelines.Schedule{"a": plan}); err != nil {
		t.Fatal(err)
	}
	first := n.next(t)
	n.keep(nil)
	began := time.UnixMilli(first.Due)
	var taken time.Time
	for { // until two more were due and taken
		last, err := n.store.LastDue(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if taken = last["a"]; taken.Sub(began) >= 2*time.Second {
			break
		}
		<-time.After(10 * time.Millisecond)
	}
	select {
	case job := <-n.runs:
		t.Errorf("a second run at the same time: %+v", job)
	default:
	}
	close(hold)
	check(t, n, began, taken, n.next(t))
}

// deadNode is a process of this machine that is no more.
func deadNode(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	host, _, _ := strings.Cut(state.HereNode(), "/")
	return fmt.Sprintf("%s/%d", host, cmd.Process.Pid)
}

// testTakesOver: what a dead node was running goes on elsewhere, long before it is due again.
func testTakesOver(t *testing.T, dsn string) {
	store, err := state.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	taken := time.Now().Truncate(yearly().Every)
	if _, err := store.TakeDue(t.Context(), "a", taken); err != nil {
		t.Fatal(err)
	}
	dead := deadNode(t)
	fence, err := store.StartRun(t.Context(), state.Run{ID: "r1", Pipeline: "a", Kind: "run", StartedAt: time.Now(), Node: dead})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	n := newNode(t, dsn, "one/1", map[string]pipelines.Schedule{"a": yearly()})
	if job := n.next(t); job.After != fence || !job.Died {
		t.Errorf("the run that came is %+v", job)
	}
	t.Logf("taken over after %v", time.Since(began))
	runs, err := store.Runs(t.Context(), state.RunFilter{Pipeline: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if old := runs[len(runs)-1]; old.Status != "failed" || !strings.Contains(old.Error, dead) {
		t.Errorf("the dead run is told as %+v", old)
	}
}

// testKnown: nodes with other pipelines, as of other versions of a project, take no runs from each other.
func testKnown(t *testing.T, dsn string) {
	one := newNode(t, dsn, "one/1", map[string]pipelines.Schedule{"a": every(time.Second)})
	two := newNode(t, dsn, "two/1", map[string]pipelines.Schedule{"b": every(time.Second)})
	for range 3 {
		if job := one.next(t); job.Pipeline != "a" {
			t.Errorf("one took %+v", job)
		}
		if job := two.next(t); job.Pipeline != "b" {
			t.Errorf("two took %+v", job)
		}
	}
}

// testServeAgain: pipelines come and go while the scheduler runs.
func testServeAgain(t *testing.T, dsn string) {
	n := newNode(t, dsn, "one/1", map[string]pipelines.Schedule{"a": every(time.Second)})
	n.next(t)
	for _, names := range [][]string{{"b"}, {"a", "b"}, {"a"}} {
		plans := map[string]pipelines.Schedule{}
		for _, name := range names {
			plans[name] = every(time.Second)
		}
		if err := n.Serve(t.Context(), plans); err != nil {
			t.Fatal(err)
		}
		// What was under way or inserted at that moment may still come; then all that come are of the new ones.
		seen := map[string]int{}
		for range 2 + 3*len(names) {
			seen[n.next(t).Pipeline]++
		}
		for _, name := range []string{"a", "b"} {
			known := slices.Contains(names, name)
			if known && seen[name] < 2 || !known && seen[name] > 1 {
				t.Errorf("with %v these ran: %v", names, seen)
			}
		}
	}
}

// testCutShort: a run that does not end in time is cut short, gives its lease back, and the node leaves the list.
func testCutShort(t *testing.T, dsn string) {
	n := newNode(t, dsn, "one/1", map[string]pipelines.Schedule{"a": yearly()})
	n.keep(make(chan struct{}))
	if err := n.Trigger(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	n.next(t)
	nodes, err := n.store.Nodes(t.Context())
	if err != nil || len(nodes) != 1 || nodes[0].State() != "running" || !slices.Equal(nodes[0].Runs, []string{"a"}) {
		t.Errorf("while it runs the nodes are %+v, %v", nodes, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := n.Stop(ctx); err == nil || !strings.Contains(err.Error(), "cut short") {
		t.Errorf("stopping says %v", err)
	}
	if left, err := n.store.Takeovers(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("the lease is not given back: %+v, %v", left, err)
	}
	if nodes, err := n.store.Nodes(t.Context()); err != nil || len(nodes) > 0 {
		t.Errorf("the node is still listed: %+v, %v", nodes, err)
	}
}
