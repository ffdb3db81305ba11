package state_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/engine/state"
)

// What was kept long enough goes, what is newer, or still needed, stays.
func testSweep(t *testing.T, s *state.Store) {
	ctx, now, long := t.Context(), time.Now(), 100*24*time.Hour
	old := now.Add(-long)
	st := state.Settlement{Run: "dead", Fence: start(t, s, "dead", "orders"), Pipeline: "orders"}
	for i, at := range []time.Time{old, old, now} {
		key := fmt.Sprint("k", i)
		st.Entries = append(st.Entries, state.Entry{At: at, Run: "dead", Pipeline: "orders", Key: key, RecordID: key, Outcome: state.Delivered})
		st.Stories = append(st.Stories, state.Story{RecordID: key, At: at, Body: []byte("{}")})
		st.Mentions = append(st.Mentions, state.Mention{Term: "term-" + key, Key: key})
		for _, status := range []string{state.HeldReleased, state.HeldDead} {
			st.Hold = append(st.Hold, state.Held{Pipeline: "orders", Key: "held" + key, Status: status, UpdatedAt: at})
		}
	}
	check(t, s.Settle(ctx, st))
	for _, key := range []string{"k0", "heldk0", "nowhere"} { // ended, in a letter, not heard of since
		_, err := s.Announce(ctx, []state.Intent{{Target: "books/x", Match: key, Run: "gone", Key: key, At: old.Add(-time.Hour)}}, "here")
		check(t, err)
	}
	check(t, s.FinishRun(ctx, state.Run{ID: "dead", Status: "succeeded", FinishedAt: now}, st.Fence))
	check(t, s.Note(ctx, state.Deed{At: old, Who: "ada", Action: "export"}))
	check(t, s.Note(ctx, state.Deed{At: now, Who: "ada", Action: "export"}))

	month := long / 3
	keep := state.Retention{Activity: month, Stories: month, Letters: month, Runs: month, Audit: month, Counts: month}
	want := map[string]int64{"activity": 2, "stories": 2, "held": 2, "intents": 1, "mentions": 2, "audit": 1, "hourly": 0, "steps": 0}
	if diff := cmp.Diff(want, must(s.Sweep(ctx, keep))); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	if again := must(s.Sweep(ctx, keep)); again != nil {
		t.Errorf("before it is time again: %v", again)
	}
	if left := must(s.ActivityPage(ctx, state.ActivityFilter{})); len(left) != 1 || left[0].Key != "k2" {
		t.Errorf("left in the activity: %+v", left)
	}
	if got := must(s.StoryOf(ctx, "k2")); got == nil {
		t.Error("a new story went too")
	}
	if got := must(s.HeldRefs(ctx, state.HeldFilter{Status: state.AnyStatus})); len(got) != 4 {
		t.Errorf("letters left: %+v", got)
	}
	if got := must(s.Intents(ctx, "books/x", []string{"k0", "heldk0", "nowhere"})); len(got) != 2 {
		t.Errorf("announcements left: %+v", got)
	}
}

// What went leaves room on the disk, and stories may go before their entries do.
func TestSweepGivesBack(t *testing.T) {
	t.Parallel()
	ctx, path, old := t.Context(), filepath.Join(t.TempDir(), "state.db"), time.Now().Add(-time.Hour)
	s := open(t, path)
	fence := start(t, s, "r", "p")
	for n := range 4 {
		st := state.Settlement{Run: "r", Fence: fence, Pipeline: "p"}
		for i := range 400 {
			id := fmt.Sprintf("%d-%d", n, i)
			st.Entries = append(st.Entries, state.Entry{At: old, Pipeline: "p", Key: id, RecordID: id, Outcome: state.Delivered})
			st.Stories = append(st.Stories, state.Story{RecordID: id, At: old, Body: []byte(strings.Repeat("lorem ", 1000))})
		}
		check(t, s.Settle(ctx, st))
	}
	pages := func() (n int) {
		db := must(sql.Open("sqlite", "file:"+path))
		defer db.Close()
		check(t, db.QueryRow("PRAGMA page_count").Scan(&n))
		return n
	}
	full := pages()
	if removed := must(s.Sweep(ctx, state.Retention{Stories: time.Minute})); removed["stories"] != 1600 || removed["activity"] != 0 {
		t.Errorf("removed %v", removed)
	}
	if left := pages(); left > full/5 {
		t.Errorf("of %d pages %d are left", full, left)
	}
	check(t, s.Close())
	if info := must(os.Stat(path)); info.Size() > int64(full)*4096/5 {
		t.Errorf("the file has %d bytes", info.Size())
	}
}
