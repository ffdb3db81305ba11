package state_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/engine/state"
)

func beginBackfill(t *testing.T, s *state.Store, id string, pieces int, alone bool) {
	t.Helper()
	b := state.Backfill{
		ID: id, Pipeline: "p", Span: "2025-01-01..", Alone: alone, Version: "v", Node: "elsewhere/1",
		StartedAt: time.UnixMilli(1700000000000), Partitions: make([]state.Partition, pieces),
	}
	for i := range b.Partitions {
		b.Partitions[i].From = time.UnixMilli(1700000000000 + int64(i))
		b.Partitions[i].To = time.UnixMilli(1700000000001 + int64(i))
	}
	if err := s.BeginBackfill(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func take(t *testing.T, s *state.Store, id, node string) state.Partition {
	t.Helper()
	p, err := s.TakePartition(t.Context(), id, node)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func settlePart(s *state.Store, p state.Partition, seq, delivered int64, at *string) error {
	return s.Settle(context.Background(), state.Settlement{
		Run: p.Holder, Fence: p.Fence, Seq: seq, Pipeline: "p", Source: "src", Backfill: p.Backfill, Partition: p.Number, Cursor: at,
		Counts: state.Counts{Read: delivered, Delivered: delivered}, Sinks: map[string]state.SinkCounts{"s": {Created: delivered}},
	})
}

func testBackfill(t *testing.T, s *state.Store) {
	ctx := t.Context()
	beginBackfill(t, s, "b1", 2, false)
	if err := s.BeginBackfill(ctx, state.Backfill{ID: "b2", Pipeline: "p"}); !errors.Is(err, state.ErrBusy) {
		t.Errorf("two at once: %v", err)
	}
	if open := must(s.Backfills(ctx, "p", true, 10)); len(open) != 1 || len(open[0].Partitions) != 2 || open[0].Span != "2025-01-01.." {
		t.Fatalf("%+v", open)
	}
	one := take(t, s, "b1", "elsewhere/1")
	for range 2 { // an answer that was lost: the same comes again, and counts once
		if err := settlePart(s, one, 1, 5, cursor("c5")); err != nil {
			t.Fatal(err)
		}
	}
	if err := settlePart(s, one, 2, 2, nil); err != nil { // behind the last place
		t.Fatal(err)
	}
	if got := must(s.Cursor(ctx, "p", "src")); got != "" {
		t.Errorf("the live cursor moved to %q", got)
	}
	// Read once more from its place.
	if got := must(s.BeginReading(ctx, one)); got != "c5" {
		t.Errorf("it goes on from %q", got)
	}
	if err := settlePart(s, one, 3, 4, cursor("c9")); err != nil {
		t.Fatal(err)
	}
	if err := s.EndPartition(ctx, one, state.PartitionDone, ""); err != nil {
		t.Fatal(err)
	}
	two := take(t, s, "b1", "elsewhere/1")
	if err := s.EndPartition(ctx, two, state.PartitionFailed, "no"); err != nil {
		t.Fatal(err)
	}
	b := must(s.Backfill(ctx, "b1"))
	if b.Status != "failed" || b.Error != "partition 2: no" || !b.Open() || b.FinishedAt.IsZero() {
		t.Errorf("%+v", b)
	}
	if err := s.ResumeBackfill(ctx, "b1"); err != nil {
		t.Fatal(err)
	}
	two = take(t, s, "b1", "elsewhere/2")
	if err := s.EndPartition(ctx, two, state.PartitionDone, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := s.TakePartition(ctx, "b1", "elsewhere/1"); !errors.Is(err, state.ErrDone) {
		t.Errorf("it is over: %v", err)
	}
	b = must(s.Backfill(ctx, "b1"))
	total, sinks, again := b.Total()
	if b.Status != "succeeded" || b.Error != "" || total.Read != 11 || again != 2 || sinks["s"].Created != 11 {
		t.Errorf("%+v %+v %d again", b, total, again)
	}
	if runs := must(s.Runs(ctx, state.RunFilter{Pipeline: "p"})); len(runs) != 1 || runs[0].Kind != "backfill" || runs[0].Counts != total {
		t.Errorf("%+v", runs)
	}
	beginBackfill(t, s, "b2", 1, false) // the next one may begin
}

func testPartitions(t *testing.T, s *state.Store) {
	ctx := t.Context()
	beginBackfill(t, s, "b1", 2, false)
	one, two := take(t, s, "b1", "elsewhere/1"), take(t, s, "b1", "elsewhere/2")
	if one.Number != 1 || two.Number != 2 || one.Holder == two.Holder || !one.To.Equal(two.From) {
		t.Errorf("%+v %+v", one, two)
	}
	if _, err := s.TakePartition(ctx, "b1", "elsewhere/3"); !errors.Is(err, state.ErrBusy) {
		t.Errorf("both are taken: %v", err)
	}
	// A drained node gives its partition back; what it still does must not be settled.
	if err := s.EndPartition(ctx, one, state.PartitionWaiting, ""); err != nil {
		t.Fatal(err)
	}
	again := take(t, s, "b1", "elsewhere/3")
	if again.Number != 1 || again.Fence <= one.Fence || again.Holder == one.Holder {
		t.Errorf("%+v after %+v", again, one)
	}
	if err := settlePart(s, one, 9, 1, cursor("late")); !errors.Is(err, state.ErrFenced) {
		t.Errorf("a partition that was taken over settled: %v", err)
	}
	if _, err := s.RenewPartition(ctx, one); !errors.Is(err, state.ErrFenced) {
		t.Errorf("a partition that was taken over was renewed: %v", err)
	}
	if err := s.EndPartition(ctx, one, state.PartitionDone, ""); !errors.Is(err, state.ErrFenced) {
		t.Errorf("a partition that was taken over ended: %v", err)
	}
	if giveWay, err := s.RenewPartition(ctx, again); err != nil || giveWay {
		t.Errorf("%v, %v", giveWay, err)
	}
	if err := s.StopBackfill(ctx, "b1"); err != nil {
		t.Fatal(err)
	}
	if err := settlePart(s, again, 1, 1, nil); !errors.Is(err, state.ErrFenced) {
		t.Errorf("a stopped backfill settled: %v", err)
	}
	if _, err := s.TakePartition(ctx, "b1", "elsewhere/3"); !errors.Is(err, state.ErrDone) {
		t.Errorf("%v", err)
	}
	// Where a target can only be appended to, there is one at a time.
	beginBackfill(t, s, "b2", 2, true)
	alone := take(t, s, "b2", "elsewhere/1")
	if _, err := s.TakePartition(ctx, "b2", "elsewhere/2"); !errors.Is(err, state.ErrBusy) {
		t.Errorf("two that append: %v", err)
	}
	if err := s.EndPartition(ctx, alone, state.PartitionDone, ""); err != nil {
		t.Fatal(err)
	}
	take(t, s, "b2", "elsewhere/2")
}

func testGivingWay(t *testing.T, s *state.Store) {
	ctx := t.Context()
	live := func(id string) (int64, error) {
		return s.StartRun(ctx, state.Run{ID: id, Pipeline: "p", Kind: "run", StartedAt: time.Now(), Node: "elsewhere/1"})
	}
	fence, err := live("r1")
	if err != nil {
		t.Fatal(err)
	}
	beginBackfill(t, s, "b1", 2, false)
	if _, err := s.TakePartition(ctx, "b1", "elsewhere/2"); !errors.Is(err, state.ErrBusy) {
		t.Fatalf("a partition beside a live run: %v", err)
	}
	if err := s.FinishRun(ctx, state.Run{ID: "r1", Status: "succeeded", FinishedAt: time.Now()}, fence); err != nil {
		t.Fatal(err)
	}
	p := take(t, s, "b1", "elsewhere/2")
	if err := settlePart(s, p, 1, 1, cursor("c1")); err != nil {
		t.Fatal(err)
	}
	if _, err := live("r2"); !errors.Is(err, state.ErrGivesWay) {
		t.Fatalf("a live run beside a partition: %v", err)
	}
	if _, err := live("r3"); !errors.Is(err, state.ErrBusy) {
		t.Errorf("a second one that waits: %v", err)
	}
	// The last live run is not long ago: the backfill has its turn.
	if giveWay := must(s.RenewPartition(ctx, p)); giveWay {
		t.Error("the backfill has no turn")
	}
	longAgo(t, s)
	if giveWay := must(s.RenewPartition(ctx, p)); !giveWay {
		t.Error("the backfill does not give way")
	}
	if _, err := s.TakePartition(ctx, "b1", "elsewhere/3"); !errors.Is(err, state.ErrBusy) {
		t.Errorf("a partition is begun although a run is due: %v", err)
	}
	if err := s.EndPartition(ctx, p, state.PartitionWaiting, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := live("r2"); err != nil {
		t.Errorf("the run's turn: %v", err)
	}
	// Its node dies. The backfill goes on, the run can settle nothing more, and somebody is to make up for it.
	ranOut(t, s)
	p = take(t, s, "b1", "elsewhere/2")
	if p.Cursor != "c1" {
		t.Errorf("it goes on from %q", p.Cursor)
	}
	if err := s.Settle(ctx, state.Settlement{Run: "r2", Fence: fence + 1, Pipeline: "p"}); !errors.Is(err, state.ErrFenced) {
		t.Errorf("a dead run settled beside the backfill: %v", err)
	}
	if left := must(s.Takeovers(ctx)); len(left) != 1 || left[0].Pipeline != "p" {
		t.Errorf("%+v", left)
	}
	// The partition's node dies too: it must not settle once a live run may have begun.
	ranOut(t, s)
	if err := settlePart(s, p, 1, 1, nil); !errors.Is(err, state.ErrFenced) {
		t.Errorf("a dead partition settled: %v", err)
	}
	if _, err := live("r4"); err != nil {
		t.Error(err)
	}
}

func testAnnouncements(t *testing.T, s *state.Store) {
	ctx := t.Context()
	in := func(run string) state.Intent {
		return state.Intent{Target: "t/e", Match: `{"a":"1"}`, Run: run, Key: "k", At: time.UnixMilli(1700000000000)}
	}
	fence := start(t, s, "r1", "p")
	announce := func(run, node string, want state.Claim) {
		t.Helper()
		// among others that nobody has announced
		before, after := in(run), in(run)
		before.Match, after.Match = run+" before", run+" after"
		got := must(s.Announce(ctx, []state.Intent{after, in(run), before}, node))
		if diff := cmp.Diff(want, got[1]); diff != "" {
			t.Errorf("%s on %s: %s", run, node, diff)
		}
	}
	announce("r1", "elsewhere/1", state.Claim{}) // nobody else is at work
	beginBackfill(t, s, "b1", 1, false)
	if _, err := s.StartRun(ctx, state.Run{ID: "r2", Pipeline: "q", Kind: "run", StartedAt: time.Now(), Node: "elsewhere/2"}); err != nil {
		t.Fatal(err)
	}
	announce("r2", "elsewhere/2", state.Claim{Held: true})
	announce("r1", "elsewhere/1", state.Claim{Others: true})
	if err := s.Answered(ctx, in("r1"), "77"); err != nil {
		t.Fatal(err)
	}
	announce("r2", "elsewhere/2", state.Claim{Held: true, ID: "77"})
	if got := must(s.Intents(ctx, "t/e", []string{in("").Match}))[in("").Match]; got.ID != "77" || got.Node != "elsewhere/1" {
		t.Errorf("%+v", got)
	}
	// It did not come through, or its node is no more: the next one knows that it has to ask.
	if err := s.Unclaim(ctx, in("r1")); err != nil {
		t.Fatal(err)
	}
	announce("r2", "elsewhere/2", state.Claim{Earlier: true, Others: true})
	// What another run has announced anew is not ended by the one that gave it up.
	err := s.Settle(ctx, state.Settlement{Run: "r1", Fence: fence, Pipeline: "p", DoneIntents: []state.Intent{in("r1")}})
	if err != nil {
		t.Fatal(err)
	}
	announce("r1", "elsewhere/1", state.Claim{Held: true, ID: "77"})
	if err := s.FinishRun(ctx, state.Run{ID: "r2", Status: "failed", FinishedAt: time.Now()}, 1); err != nil {
		t.Fatal(err)
	}
	announce("r1", "elsewhere/1", state.Claim{Earlier: true, Others: true}) // it was here just now
	err = s.Settle(ctx, state.Settlement{Run: "r1", Fence: fence, Pipeline: "p", DoneIntents: []state.Intent{in("r1")}})
	if got := must(s.Intents(ctx, "t/e", []string{in("").Match})); err != nil || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func testCursors(t *testing.T, s *state.Store) {
	ctx := t.Context()
	fence := start(t, s, "r1", "p")
	if err := s.SetCursor(ctx, "p", "src", "x"); !errors.Is(err, state.ErrBusy) {
		t.Errorf("under a run: %v", err)
	}
	ranOut(t, s)
	if err := s.SetCursor(ctx, "p", "src", "x"); err != nil {
		t.Fatal(err)
	}
	if err := s.Settle(ctx, state.Settlement{Run: "r1", Fence: fence, Pipeline: "p", Source: "src", Cursor: cursor("late")}); !errors.Is(err, state.ErrFenced) {
		t.Errorf("a silent run moved a cursor that was set by hand: %v", err)
	}
	if diff := cmp.Diff([]state.Place{{Pipeline: "p", Source: "src", Cursor: "x"}}, must(s.Cursors(ctx))); diff != "" {
		t.Error(diff)
	}
	if err := s.SetCursor(ctx, "p", "src", ""); err != nil {
		t.Fatal(err)
	}
	if all := must(s.Cursors(ctx)); len(all) != 0 || must(s.Cursor(ctx, "p", "src")) != "" {
		t.Errorf("%+v", all)
	}
}

// tamper changes the database behind the store's back, so that no test has to wait for a lease to run out.
func tamper(t *testing.T, s *state.Store, statements ...string) {
	t.Helper()
	driver, dsn := "sqlite", state.SQLiteName(s.DSN())
	if state.IsPostgres(s.DSN()) {
		driver, dsn = "pgx", s.DSN()
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

func ranOut(t *testing.T, s *state.Store) {
	t.Helper()
	tamper(t, s, "UPDATE leases SET until = 1", "UPDATE partitions SET until = 1")
}

// longAgo makes the last live run one that ended before the backfill's turn began.
func longAgo(t *testing.T, s *state.Store) {
	t.Helper()
	tamper(t, s, "UPDATE leases SET until = until - 16000 WHERE run = ''")
}
