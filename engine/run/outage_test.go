package run_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/engine/state/postgrestest"
)

// TestOutageKillsNoRecord: a system that is away for a while, whoever calls, costs no record its attempts.
func TestOutageKillsNoRecord(t *testing.T) {
	t.Parallel()
	b := newBench(t, orders)
	for i := range 300 {
		b.order(fmt.Sprint("o", i), 1)
	}
	var calls atomic.Int64
	b.system.fault = func(op, _ string) fault {
		if n := calls.Add(1); op != "next" && op != "read" && n > 40 && n <= 52 { // ten trip it, two are probes
			return refuse
		}
		return none
	}
	b.patience = 6 * time.Second // the probes are a quarter of it apart
	b.restart()
	if s := b.run(); s.Records.Delivered != 300 {
		t.Errorf("%+v", s)
	}
}

func TestOutageLongerThanPatienceStopsTheRun(t *testing.T) {
	t.Parallel()
	b := newBench(t, orders)
	for i := range 50 {
		b.order(fmt.Sprint("o", i), 1)
	}
	b.patience = 200 * time.Millisecond
	b.restart()
	var away atomic.Bool
	away.Store(true)
	b.system.fault = func(op, _ string) fault {
		if away.Load() && op == "lookup" {
			return refuse
		}
		return none
	}
	s, err := b.runner.Run(context.Background(), b.project.Pipelines[0])
	if err == nil || !strings.Contains(err.Error(), "has been failing since") || s.Status != run.Failed {
		t.Fatalf("%v, %+v", err, s)
	}
	if s.Records.Dead > 4 { // those whose attempts ran out before it was clear that it is not about them
		t.Errorf("%d dead letters for an outage", s.Records.Dead)
	}
	away.Store(false)
	dead := s.Records.Dead
	b.restart()
	if s := b.run(); s.Records.Delivered != 50-dead {
		t.Errorf("%+v after %d", s, dead)
	}
}

func TestRefusedCredentialsAreLeftAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t, orders)
	b.order("o1", 1)
	var calls atomic.Int64
	b.system.fault = func(op, _ string) fault {
		if op == "lookup" {
			calls.Add(1)
			return locked
		}
		return none
	}
	for range 3 {
		s, err := b.runner.Run(context.Background(), b.project.Pipelines[0])
		if err == nil || s.Records.Dead != 0 {
			t.Fatalf("%v, %+v", err, s)
		}
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("refused credentials were tried %d times", n)
	}
}

// signalling is a log that tells when a line holds a text.
type signalling struct {
	slog.Handler
	text string
	seen chan struct{}
}

func newSignal(text string) *signalling {
	return &signalling{slog.DiscardHandler, text, make(chan struct{}, 1)}
}

func (s *signalling) Enabled(context.Context, slog.Level) bool { return true }
func (s *signalling) WithAttrs([]slog.Attr) slog.Handler       { return s }
func (s *signalling) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, s.text) {
		select {
		case s.seen <- struct{}{}:
		default:
		}
	}
	return nil
}

// TestFullDisk: the run stands still while the database can't be written, and goes on when it can.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	small := t.TempDir()
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=48m"); err != nil {
		t.Skipf("a small disk can't be made here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(small, syscall.MNT_DETACH) })
	b := newBench(t, orders)
	signal := newSignal("not available")
	b.log, b.dsn = signal, filepath.Join(small, "state.db")
	b.restart()
	t.Cleanup(func() { _ = b.store.Close() }) // before the disk goes
	filler := filepath.Join(small, "filler")
	if err := os.WriteFile(filler, make([]byte, 46<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 1500 {
		b.order(fmt.Sprint("o", i), 1)
	}
	ended := make(chan run.Summary, 1)
	go func() {
		defer close(ended) // also when the run fails the test
		ended <- b.run()
	}()
	select {
	case <-signal.seen:
	case s := <-ended:
		t.Fatalf("the disk was never full: %+v", s)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	b.deliveredOnce(<-ended, 1500)
}

// TestDatabaseGone: PostgreSQL crashes in the middle of a run and comes back.
func TestDatabaseGone(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	b := newBench(t, orders)
	signal := newSignal("not available")
	b.log, b.dsn = signal, server.Database(t)
	b.restart()
	for i := range 1500 {
		b.order(fmt.Sprint("o", i), 1)
	}
	settled, gone := make(chan struct{}), make(chan struct{})
	once := sync.OnceFunc(func() { close(settled) })
	var sales atomic.Int64
	b.system.fault = func(op, entity string) fault {
		if op == "write" && entity == "sale" && sales.Add(1) > 500 { // the run is not over before the database is gone
			<-gone
		}
		return none
	}
	b.runner.Progress = func(run.Progress) { once() }
	ended := make(chan run.Summary, 1)
	go func() {
		defer close(ended) // also when the run fails the test
		ended <- b.run()
	}()
	<-settled
	server.Stop(t)
	close(gone)
	select {
	case <-signal.seen:
	case s := <-ended:
		t.Fatalf("nobody missed the database: %+v", s)
	}
	server.Resume(t)
	b.deliveredOnce(<-ended, 1500)
	entries, err := b.store.ActivityPage(t.Context(), state.ActivityFilter{Limit: 5000})
	if err != nil || len(entries) != 1500 {
		t.Errorf("%d activity entries for 1500 records, %v", len(entries), err)
	}
}

func (b *bench) deliveredOnce(s run.Summary, n int) {
	b.t.Helper()
	if s.Records.Delivered != int64(n) {
		b.t.Errorf("%+v", s)
	}
	if got := len(b.system.rows("sale")); got != n {
		b.t.Errorf("%d sales of %d", got, n)
	}
}

// TestSourceKeepsTheLimits: a source that has had too many calls is left alone for as long as it says, however often
// it says so, and everybody is told.
func TestSourceKeepsTheLimits(t *testing.T) {
	t.Parallel()
	b := newBench(t, orders)
	for i := range 50 {
		b.order(fmt.Sprint("o", i), 1)
	}
	b.system.fault = times(20, "next", "order", slowDown)
	b.deliveredOnce(b.run(), 50)
	var tries atomic.Int64
	b.order("o50", 1)
	b.system.fault = func(op, _ string) fault {
		if op == "next" {
			tries.Add(1)
			return locked
		}
		return none
	}
	for range 3 {
		if s, err := b.runner.Run(context.Background(), b.project.Pipelines[0]); err == nil || s.Records.Dead != 0 {
			t.Fatalf("%v, %+v", err, s)
		}
	}
	if n := tries.Load(); n != 1 {
		t.Errorf("refused credentials were tried %d times", n)
	}
}
