package schedule

import (
	"testing"
	"time"

	"github.com/kopru-io/kopru/pipelines"
)

// TestTimetable follows a clock that a test sets: what is handed out counts once, what another node took counts too.
func TestTimetable(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.March, 28, 12, 1, 0, 0, time.UTC)
	table := newTimetable()
	plans := map[string]pipelines.Schedule{"a": {Every: 5 * time.Minute}, "never": {}}
	table.put(plans, map[string]time.Time{"a": now.Add(-time.Minute)}, now)
	expect := func(what string, want time.Time, next time.Time) {
		t.Helper()
		due, at := table.due(now)
		if got := due["a"]; !got.Equal(want) || !at.Equal(next) || len(due) > 1 {
			t.Errorf("%s, at %v: due %v, look again at %v; want %v and %v", what, now, due, at, want, next)
		}
	}
	five, ten := now.Add(4*time.Minute), now.Add(9*time.Minute)
	expect("taken before the start", time.Time{}, five)
	now = five
	expect("due", five, ten)
	expect("not handed out yet", five, ten)
	table.last["a"] = five
	expect("handed out", time.Time{}, ten)
	now = ten
	table.put(plans, map[string]time.Time{"a": ten}, now)
	expect("taken by another", time.Time{}, ten.Add(5*time.Minute))
	table.put(plans, map[string]time.Time{"a": five}, now)
	expect("what the database says late does not count", time.Time{}, ten.Add(5*time.Minute))
}
