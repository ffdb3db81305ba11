package state_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/engine/state/postgrestest"
)

// conformance is what both databases must do alike.
var conformance = map[string]func(*testing.T, *state.Store){
	"settle":          testSettle,
	"fence":           testFence,
	"busy":            testBusy,
	"links":           testLinks,
	"pairs":           testPairs,
	"intents":         testIntents,
	"held":            testHeld,
	"held again":      testHeldAgain,
	"held fields":     testHeldFields,
	"held filters":    testHeldFilters,
	"waiting":         testWaiting,
	"discard":         testDiscard,
	"activity":        testActivity,
	"find activity":   testFindActivity,
	"people":          testPeople,
	"halts":           testHalts,
	"positions":       testPositions,
	"runs":            testRuns,
	"streaks":         testStreaks,
	"many writers":    testManyWriters,
	"large":           testLarge,
	"shares":          testShares,
	"reserved calls":  testReserved,
	"pauses":          testPauses,
	"nodes":           testNodes,
	"nothing by half": testNothingByHalf,
	"backfill":        testBackfill,
	"partitions":      testPartitions,
	"giving way":      testGivingWay,
	"announcements":   testAnnouncements,
	"cursors":         testCursors,
	"sweep":           testSweep,
	"alerts":          testAlerts,
	"duty":            testDuty,
	"troubles":        testTroubles,
	"reconciled":      testReconciled,
	"tests":           testTests,
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	suite(t, func(t testing.TB) string { return filepath.Join(t.TempDir(), "state.db") })
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	suite(t, postgrestest.Start(t).Database)
}

func suite(t *testing.T, dsn func(testing.TB) string) {
	for name, test := range conformance {
		t.Run(name, func(t *testing.T) {
			test(t, open(t, dsn(t)))
		})
	}
}

func open(t *testing.T, dsn string, keys ...state.Key) *state.Store {
	t.Helper()
	s, err := state.Open(t.Context(), dsn, keys...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func start(t *testing.T, s *state.Store, id, pipeline string) int64 {
	t.Helper()
	fence, err := s.StartRun(t.Context(), state.Run{ID: id, Pipeline: pipeline, Kind: "run", StartedAt: time.Now(), Node: "elsewhere/1"})
	if err != nil {
		t.Fatal(err)
	}
	return fence
}

func cursor(text string) *string { return &text }

func testSettle(t *testing.T, s *state.Store) {
	ctx := t.Context()
	fence := start(t, s, "r1", "p")
	err := s.Settle(ctx, state.Settlement{
		Run: "r1", Fence: fence, Pipeline: "p", Source: "src", Cursor: cursor("c7"),
		Counts: state.Counts{Read: 1, Delivered: 1},
		Links:  []state.Link{{Scope: "p.s", Key: "k", TargetID: "9", Version: "v", Hash: "h"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := must(s.Cursor(ctx, "p", "src")); got != "c7" {
		t.Errorf("cursor %q", got)
	}
	if got := must(s.Cursor(ctx, "p", "other")); got != "" {
		t.Errorf("cursor of another source %q", got)
	}
	// A settlement without a cursor leaves it where it is.
	if err := s.Settle(ctx, state.Settlement{Run: "r1", Fence: fence, Pipeline: "p", Source: "src"}); err != nil {
		t.Fatal(err)
	}
	if got := must(s.Cursor(ctx, "p", "src")); got != "c7" {
		t.Errorf("cursor moved to %q", got)
	}
}

func testFence(t *testing.T, s *state.Store) {
	ctx := t.Context()
	old := start(t, s, "r1", "p")
	if err := s.FinishRun(ctx, state.Run{ID: "r1", Status: "failed", FinishedAt: time.Now()}, old); err != nil {
		t.Fatal(err)
	}
	fence := start(t, s, "r2", "p")
	if fence <= old {
		t.Errorf("the fence went from %d to %d", old, fence)
	}
	late := state.Settlement{Run: "r1", Fence: old, Pipeline: "p", Source: "src", Cursor: cursor("late")}
	if err := s.Settle(ctx, late); !errors.Is(err, state.ErrFenced) {
		t.Errorf("a run that lost its lease settled: %v", err)
	}
	if err := s.RenewRun(ctx, "r1", old); !errors.Is(err, state.ErrFenced) {
		t.Errorf("a run that lost its lease renewed it: %v", err)
	}
	if err := s.RenewRun(ctx, "r2", fence); err != nil {
		t.Error(err)
	}
	if got := must(s.Cursor(ctx, "p", "src")); got != "" {
		t.Errorf("the late settlement moved the cursor to %q", got)
	}
}

func testBusy(t *testing.T, s *state.Store) {
	start(t, s, "r1", "p")
	_, err := s.StartRun(t.Context(), state.Run{ID: "r2", Pipeline: "p", Kind: "run", StartedAt: time.Now(), Node: "elsewhere/2"})
	if !errors.Is(err, state.ErrBusy) {
		t.Errorf("two runs of one pipeline: %v", err)
	}
	start(t, s, "r3", "q") // another pipeline is free
}

func testLinks(t *testing.T, s *state.Store) {
	ctx := t.Context()
	fence := start(t, s, "r1", "p")
	var links []state.Link
	for i := range 1200 {
		links = append(links, state.Link{Scope: "s", Key: fmt.Sprint(i % 1000), TargetID: fmt.Sprint(i), Hash: "h"})
	}
	if err := s.Settle(ctx, state.Settlement{Run: "r1", Fence: fence, Pipeline: "p", Links: links}); err != nil {
		t.Fatal(err)
	}
	keys := make([]string, 1001)
	for i := range keys {
		keys[i] = fmt.Sprint(i)
	}
	got := must(s.Links(ctx, "s", keys))
	if len(got) != 1000 {
		t.Fatalf("%d links", len(got))
	}
	if got["5"].TargetID != "1005" || got["900"].TargetID != "900" {
		t.Errorf("the last word does not count: %+v %+v", got["5"], got["900"])
	}
	if got := must(s.LinksOf(ctx, "s", "", "1005", 10)); len(got) != 1 || got[0].Key != "5" {
		t.Errorf("back from the target id: %+v", got)
	}
	if got := must(s.Links(ctx, "other", keys)); len(got) != 0 {
		t.Errorf("another scope has %d links", len(got))
	}
}

func testIntents(t *testing.T, s *state.Store) {
	ctx := t.Context()
	fence := start(t, s, "r1", "p")
	in := state.Intent{Target: "t/e", Match: `{"a":"1"}`, Run: "r1", Key: "k", At: time.UnixMilli(1700000000000)}
	for range 2 { // announcing twice is announcing
		if c := must(s.Announce(ctx, []state.Intent{in}, "elsewhere/1")); c[0].Held || c[0].Earlier {
			t.Fatalf("%+v", c)
		}
	}
	in.Node = "elsewhere/1"
	got := must(s.Intents(ctx, "t/e", []string{in.Match, "other"}))
	if diff := cmp.Diff(map[string]state.Intent{in.Match: in}, got); diff != "" {
		t.Error(diff)
	}
	if err := s.Settle(ctx, state.Settlement{Run: "r1", Fence: fence, Pipeline: "p", DoneIntents: []state.Intent{in}}); err != nil {
		t.Fatal(err)
	}
	if got := must(s.Intents(ctx, "t/e", []string{in.Match})); len(got) != 0 {
		t.Errorf("done and still there: %v", got)
	}
}

func letter(key string) state.Held {
	return state.Held{
		Pipeline: "p", Run: "r1", Entity: "order", Key: key, RecordID: "r1-1", Status: "dead", Step: "s", Code: "c", Class: "invalid",
		Message: "no", Original: []byte(`{"a":1}`), Current: []byte(`{"a":2}`), Exchanges: []byte(`[]`), Meta: []byte(`{}`),
		Version: "v", Attempts: 1, CreatedAt: time.UnixMilli(1700000000000), UpdatedAt: time.UnixMilli(1700000000000),
	}
}

func testHeld(t *testing.T, s *state.Store) {
	ctx := t.Context()
	fence := start(t, s, "r1", "p")
	settle := func(st state.Settlement) {
		t.Helper()
		st.Run, st.Fence, st.Pipeline = "r1", fence, "p"
		if err := s.Settle(ctx, st); err != nil {
			t.Fatal(err)
		}
	}
	settle(state.Settlement{Hold: []state.Held{letter("a"), letter("b"), letter("b")}})
	all := must(s.Held(ctx, state.HeldFilter{Pipeline: "p"}))
	if len(all) != 3 || all[0].ID <= all[2].ID {
		t.Fatalf("%+v", all)
	}
	want := letter("a")
	want.ID = all[2].ID
	if diff := cmp.Diff(want, all[2]); diff != "" {
		t.Error(diff)
	}
	if got := must(s.HeldKeys(ctx, "p", []string{"a", "b", "c"})); len(got) != 2 {
		t.Errorf("%d held keys", len(got))
	}
	settle(state.Settlement{Release: []state.Resolution{{Key: "b", Status: "superseded"}, {ID: want.ID, Status: "released"}}})
	if got := must(s.Held(ctx, state.HeldFilter{Pipeline: "p"})); len(got) != 0 {
		t.Errorf("still open: %+v", got)
	}
	if got := must(s.Held(ctx, state.HeldFilter{Status: "superseded"})); len(got) != 2 {
		t.Errorf("%d superseded", len(got))
	}
}

func testHeldAgain(t *testing.T, s *state.Store) {
	ctx := t.Context()
	fence := start(t, s, "r1", "p")
	settle := func(h state.Held) state.Held {
		t.Helper()
		if err := s.Settle(ctx, state.Settlement{Run: "r1", Fence: fence, Pipeline: "p", Hold: []state.Held{h}}); err != nil {
			t.Fatal(err)
		}
		open := must(s.Held(ctx, state.HeldFilter{Pipeline: "p"}))
		if len(open) != 1 {
			t.Fatalf("%d letters", len(open))
		}
		return open[0]
	}
	first := settle(letter("a"))
	again := first
	again.Status, again.WaitsFor, again.Attempts = "parked", "item X", 2
	if diff := cmp.Diff(again, settle(again)); diff != "" {
		t.Errorf("the letter is not the same one, changed:\n%s", diff)
	}
}

func testActivity(t *testing.T, s *state.Store) {
	ctx := t.Context()
	fence := start(t, s, "r1", "p")
	var entries []state.Entry
	for i := range 700 {
		outcome := state.Delivered
		if i%7 == 0 {
			outcome = state.Filtered
		}
		entries = append(entries, state.Entry{
			At: time.UnixMilli(1700000000000 + int64(i)), Run: "r1", Pipeline: "p", Entity: "order", Key: fmt.Sprint(i % 10),
			RecordID: fmt.Sprintf("r1-%d", i), Outcome: outcome, Reason: "why", Detail: []byte(`{}`), Took: 5 * time.Microsecond,
		})
	}
	st := state.Settlement{
		Run: "r1", Fence: fence, Pipeline: "p", Entries: entries, Counts: state.Counts{Read: 700, Delivered: 600, Filtered: 100},
	}
	if err := s.Settle(ctx, st); err != nil {
		t.Fatal(err)
	}
	var seen int
	var before int64
	for {
		page := must(s.ActivityPage(ctx, state.ActivityFilter{Pipeline: "p", Before: before, Limit: 64}))
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			if want := entries[699-seen]; e.RecordID != want.RecordID || !e.At.Equal(want.At) || e.Took != want.Took {
				t.Fatalf("entry %d: %+v, want %+v", seen, e, want)
			}
			seen++
		}
		before = page[len(page)-1].ID
	}
	if seen != 700 {
		t.Errorf("paged over %d entries", seen)
	}
	if got := must(s.ActivityPage(ctx, state.ActivityFilter{Key: "3", Outcome: state.Filtered, Limit: 1000})); len(got) != 10 {
		t.Errorf("%d filtered entries of key 3", len(got))
	}
	from := time.UnixMilli(1700000000000 + 690)
	if got := must(s.ActivityPage(ctx, state.ActivityFilter{From: from, Limit: 1000})); len(got) != 10 {
		t.Errorf("%d entries in the last ten milliseconds", len(got))
	}
}

func testPositions(t *testing.T, s *state.Store) {
	ctx := t.Context()
	fence := start(t, s, "r1", "p")
	for _, at := range []string{"10", "25"} {
		err := s.Settle(ctx, state.Settlement{Run: "r1", Fence: fence, Pipeline: "p", Positions: map[string]string{"out": at}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(map[string]string{"out": "25"}, must(s.Positions(ctx, "p"))); diff != "" {
		t.Error(diff)
	}
}

func testRuns(t *testing.T, s *state.Store) {
	ctx := t.Context()
	fence := start(t, s, "r1", "p")
	done := state.Run{
		ID: "r1", Pipeline: "p", Status: "partial", FinishedAt: time.UnixMilli(1700000009000), Error: "x",
		Counts: state.Counts{Read: 3, Dead: 3}, Sinks: map[string]state.SinkCounts{"s": {Created: 2}},
	}
	if err := s.FinishRun(ctx, done, fence); err != nil {
		t.Fatal(err)
	}
	runs := must(s.Runs(ctx, state.RunFilter{Pipeline: "p"}))
	if len(runs) != 1 || runs[0].Status != "partial" || runs[0].Counts.Dead != 3 || runs[0].Sinks["s"].Created != 2 ||
		!runs[0].FinishedAt.Equal(done.FinishedAt) {
		t.Errorf("%+v", runs)
	}
	start(t, s, "r2", "p") // the lease is free again
}

// testStreaks: runs in a row that bring nothing new are one line, and one by one.
func testStreaks(t *testing.T, s *state.Store) {
	ctx, begin := t.Context(), time.UnixMilli(1700000000000)
	n := 0
	ran := func(r state.Run) {
		t.Helper()
		n++
		r.ID, r.Pipeline, r.StartedAt = fmt.Sprintf("r%02d", n), "p", begin.Add(time.Duration(n)*30*time.Second)
		r.FinishedAt = r.StartedAt.Add(time.Second)
		fence, err := s.StartRun(ctx, r)
		if err == nil {
			err = s.FinishRun(ctx, r, fence)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	waits := state.Run{Kind: "run", Version: "v1", Status: "partial", Counts: state.Counts{Read: 1, Parked: 1}, Waits: 1}
	parks, later, replay := waits, waits, waits
	parks.Waits, later.Version, replay.Kind = 0, "v2", "replay"
	idle := state.Run{Kind: "run", Version: "v1", Status: "succeeded"}
	failed := state.Run{Kind: "run", Version: "v1", Status: "failed", Error: "no way"}
	other := failed
	other.Error = "no other way"
	for _, r := range []state.Run{parks, parks, waits, waits, waits, idle, idle, failed, failed, other, waits, later, later, replay, waits} {
		ran(r)
	}
	start(t, s, "r99", "p")
	start(t, s, "r98", "another")
	want := []string{"r99 1", "r15 1", "r14 1", "r13 2", "r11 1", "r10 1", "r09 2", "r07 2", "r05 3", "r02 1", "r01 1"}
	var got []string
	for before := ""; ; {
		page := must(s.Streaks(ctx, "p", before, 4))
		if len(page) == 0 {
			break
		}
		for _, k := range page {
			got = append(got, fmt.Sprint(k.ID, " ", k.Runs))
			before = k.Streak
			var ids []string
			for older := ""; ; older = ids[len(ids)-1] {
				one := must(s.Runs(ctx, state.RunFilter{Pipeline: "p", Streak: k.Streak, Before: older, Limit: 1}))
				if len(one) == 0 {
					break
				}
				ids = append(ids, one[0].ID)
				if len(ids) == int(k.Runs) && !one[0].StartedAt.Equal(k.Since) {
					t.Errorf("%s began at %v, not %v", k.Streak, k.Since, one[0].StartedAt)
				}
			}
			if len(ids) != int(k.Runs) || ids[0] != k.ID {
				t.Errorf("%s %d: one by one %v", k.ID, k.Runs, ids)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if all := must(s.Runs(ctx, state.RunFilter{Pipeline: "p"})); len(all) != 16 {
		t.Errorf("%d runs", len(all))
	}
}

// TestOlderState opens a database that was made before runs knew what they are among.
func TestOlderState(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	db := must(sql.Open("sqlite", path))
	for _, statement := range []string{
		"CREATE TABLE runs (id TEXT PRIMARY KEY, pipeline TEXT NOT NULL, kind TEXT NOT NULL, status TEXT NOT NULL, started_at BIGINT NOT NULL, " +
			"finished_at BIGINT NOT NULL, counts TEXT NOT NULL, sinks TEXT NOT NULL, error TEXT NOT NULL, version TEXT NOT NULL, node TEXT NOT NULL)",
		"INSERT INTO runs VALUES ('a', 'p', 'run', 'succeeded', 1, 2, '{}', '{}', '', 'v', 'n'), ('b', 'p', 'run', 'partial', 3, 4, '{\"read\":1,\"dead\":1}', '{}', '', 'v', 'n')",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	if got := must(s.Streaks(t.Context(), "p", "", 0)); len(got) != 2 || got[0].ID != "b" || got[0].Counts.Dead != 1 || got[1].Runs != 1 {
		t.Errorf("%+v", got)
	}
}

func testManyWriters(t *testing.T, s *state.Store) {
	const writers, each = 8, 40
	var wg sync.WaitGroup
	for w := range writers {
		pipeline := fmt.Sprint("p", w)
		fence := start(t, s, "r"+pipeline, pipeline)
		wg.Go(func() {
			for i := range each {
				err := s.Settle(context.Background(), state.Settlement{
					Run: "r" + pipeline, Fence: fence, Pipeline: pipeline, Source: "s", Cursor: cursor(fmt.Sprint(i)),
					Counts: state.Counts{Read: 1, Delivered: 1},
					Links:  []state.Link{{Scope: pipeline, Key: fmt.Sprint(i), TargetID: "x"}},
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for w := range writers {
		pipeline := fmt.Sprint("p", w)
		if got := must(s.Cursor(t.Context(), pipeline, "s")); got != fmt.Sprint(each-1) {
			t.Errorf("%s ends at %q", pipeline, got)
		}
		if got := must(s.LinksOf(t.Context(), pipeline, "", "", 1000)); len(got) != each {
			t.Errorf("%s has %d links", pipeline, len(got))
		}
	}
}

func testLarge(t *testing.T, s *state.Store) {
	fence := start(t, s, "r1", "p")
	h := letter("big")
	h.Original = make([]byte, 3<<20)
	if err := s.Settle(t.Context(), state.Settlement{Run: "r1", Fence: fence, Pipeline: "p", Hold: []state.Held{h}}); err != nil {
		t.Fatal(err)
	}
	if got := must(s.Held(t.Context(), state.HeldFilter{Key: "big"})); len(got) != 1 || len(got[0].Original) != 3<<20 {
		t.Error("the letter is not whole")
	}
}

func testNothingByHalf(t *testing.T, s *state.Store) {
	ctx := t.Context()
	fence := start(t, s, "r1", "p")
	bad := letter("a")
	bad.Key = string([]byte{'a', 0, 'b'}) // PostgreSQL takes no zero byte in a text
	err := s.Settle(ctx, state.Settlement{
		Run: "r1", Fence: fence, Pipeline: "p", Source: "src", Cursor: cursor("c1"),
		Links: []state.Link{{Scope: "s", Key: "k", TargetID: "1"}}, Hold: []state.Held{bad},
	})
	links := must(s.Links(ctx, "s", []string{"k"}))
	at := must(s.Cursor(ctx, "p", "src"))
	if whole, none := len(links) == 1 && at == "c1", len(links) == 0 && at == ""; err == nil && !whole || err != nil && !none {
		t.Errorf("settled by half: %v, %d links, cursor %q", err, len(links), at)
	}
}

func TestDeadNodeOfThisMachine(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "state.db"))
	host := must(os.Hostname())
	_, err := s.StartRun(t.Context(), state.Run{ID: "r1", Pipeline: "p", StartedAt: time.Now(), Node: host + "/999999999"})
	if err != nil {
		t.Fatal(err)
	}
	// The process is no more, so nobody has to wait for its lease to end.
	if _, err := s.StartRun(t.Context(), state.Run{ID: "r2", Pipeline: "p", StartedAt: time.Now(), Node: host + "/1"}); err != nil {
		t.Error(err)
	}
}

func TestSafeName(t *testing.T) {
	t.Parallel()
	if got := state.SafeName("postgres://u:topsecret@h/db"); got != "postgres://u:xxxxx@h/db" {
		t.Error(got)
	}
}
