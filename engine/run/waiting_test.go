package run_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
)

// held returns the letters of the bench's pipeline that a filter selects, oldest first.
func (b *bench) held(f state.HeldFilter) []state.Held {
	b.t.Helper()
	f.Limit = 1000
	list, err := b.store.Held(b.t.Context(), f)
	if err != nil {
		b.t.Fatal(err)
	}
	slices.Reverse(list)
	return list
}

// later moves the engine's clock.
func (b *bench) later(d time.Duration) {
	b.runner.Clock = func() time.Time { return time.Now().Add(d) }
}

func TestOneQuestionPerThing(t *testing.T) {
	t.Parallel()
	b := newBench(t, waiting)
	for i := range 80 {
		b.system.put(fmt.Sprint("o", i), map[string]any{"ref": fmt.Sprint("o", i), "sku": []string{"A", "B"}[i%2]})
	}
	b.run()
	looks := b.system.looks
	if s := b.run(); s.Records.Read != 80 || s.Records.Parked != 80 || s.Status != run.Partial {
		t.Errorf("%+v", s)
	}
	if n := b.system.looks - looks; n != 2 {
		t.Errorf("%d questions for two things", n)
	}
	entries, err := b.store.ActivityPage(t.Context(), state.ActivityFilter{Limit: 1000})
	if err != nil || len(entries) != 80 {
		t.Errorf("%d entries of 80 records that were parked once, %v", len(entries), err)
	}
	b.system.insert("item", map[string]any{"sku": "A"})
	if s := b.run(); s.Records.Delivered != 40 || s.Records.Parked != 40 || s.Records.Read != 80 {
		t.Errorf("%+v", s)
	}
	for _, h := range b.held(state.HeldFilter{}) {
		if h.Attempts != 1 || h.WaitTarget != "fake.books/item" || h.WaitMatch != `{"sku":"B"}` {
			t.Fatalf("%+v", h)
		}
	}
}

// TestOnlyWaiting: a run that only goes on waiting says so, and is told with those like it.
func TestOnlyWaiting(t *testing.T) {
	t.Parallel()
	b := newBench(t, waiting)
	order := func(ref string) { b.system.put(ref, map[string]any{"ref": ref, "sku": "A"}) }
	order("o1")
	for n := range 7 {
		if n == 4 {
			order("o2")
		}
		b.later(time.Duration(n) * time.Minute)
		b.run()
	}
	streaks, err := b.store.Streaks(t.Context(), "orders", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range streaks {
		got = append(got, fmt.Sprintf("%d × %s, %d parked, idle %v", s.Runs, s.Status, s.Counts.Parked, s.Idle()))
	}
	want := []string{"2 × partial, 2 parked, idle true", "1 × partial, 2 parked, idle false", "3 × partial, 1 parked, idle true", "1 × partial, 1 parked, idle false"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestChangedDefinitionTriesParkedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, waiting)
	b.system.put("o1", map[string]any{"ref": "o1", "sku": "A-1"})
	b.system.insert("item", map[string]any{"sku": "A"})
	b.run()
	changed := newBench(t, strings.Replace(waiting, "{ sku = record.sku }", `{ sku = split("-", record.sku)[0] }`, 1))
	changed.system, changed.dsn = b.system, b.dsn
	changed.restart()
	if s := changed.run(); s.Records.Delivered != 1 || s.Records.Read != 1 {
		t.Errorf("%+v", s)
	}
}

func TestParkedForTooLong(t *testing.T) {
	t.Parallel()
	b := newBench(t, strings.TrimSuffix(waiting, "}\n")+`
  on_error {
    retry    = { attempts = 1 }
    park_for = "7d"
  }
}
`)
	for _, sku := range []string{"A", "B"} {
		b.system.put("o"+sku, map[string]any{"ref": "o" + sku, "sku": sku})
	}
	b.run()
	b.later(6 * 24 * time.Hour)
	if s := b.run(); s.Records.Parked != 2 {
		t.Errorf("after six days: %+v", s)
	}
	b.later(8 * 24 * time.Hour)
	b.system.fault = func(op, _ string) fault {
		if op == "lookup" {
			return refuse
		}
		return none
	}
	if s := b.run(); s.Records.Parked != 2 {
		t.Errorf("nobody could be asked whether they came: %+v", s)
	}
	b.system.fault = nil
	b.system.insert("item", map[string]any{"sku": "B"})
	if s := b.run(); s.Records.Dead != 1 || s.Records.Delivered != 1 || s.Records.Read != 2 {
		t.Errorf("after eight days: %+v", s)
	}
	open := b.held(state.HeldFilter{})
	if len(open) != 1 || open[0].Status != "dead" || open[0].Code != "parked.expired" ||
		open[0].Message != `waited 8 days for item {"sku":"A"}, which never came` || len(open[0].Original) == 0 {
		t.Fatalf("%+v", open)
	}
	entries, err := b.store.ActivityPage(t.Context(), state.ActivityFilter{Key: "oA"})
	if err != nil || len(entries) != 2 || entries[0].Outcome != state.Dead || entries[0].Code != "parked.expired" {
		t.Errorf("%+v, %v", entries, err)
	}
	if s := b.run(); s.Records.Read != 0 {
		t.Errorf("it is told again: %+v", s)
	}
}

func TestNothingToWaitFor(t *testing.T) {
	t.Parallel()
	b := newBench(t, waiting)
	b.system.put("o1", map[string]any{"ref": "o1", "sku": ""})
	if s := b.run(); s.Records.Dead != 1 {
		t.Errorf("parked for nothing: %+v", s)
	}
}

func TestBehindALetterUntilItCloses(t *testing.T) {
	t.Parallel()
	b := newBench(t, strings.Replace(orders, "on_error {", "on_error {\n    park_key = true\n    park_for = \"1d\"", 1))
	b.system.fault = times(1, "write", "sale", reject)
	for v := range 3 {
		b.order("o1", v+1)
	}
	b.run()
	looks := b.system.looks
	b.later(48 * time.Hour) // its letter is on somebody's list, so it does not expire
	if s := b.run(); s.Records.Parked != 2 || s.Records.Read != 2 || b.system.looks != looks {
		t.Errorf("%d questions, %+v", b.system.looks-looks, s)
	}
	letters := b.held(state.HeldFilter{})
	if len(letters) != 3 || letters[1].Code != "parked.behind" {
		t.Fatalf("%+v", letters)
	}
	if err := b.store.Discard(t.Context(), []int64{letters[0].ID}, "typing error"); err != nil {
		t.Fatal(err)
	}
	b.order("o1", 4)
	if s := b.run(); s.Records.Delivered != 3 || s.Records.Read != 3 {
		t.Errorf("%+v", s)
	}
	if got := fmt.Sprint(b.system.rows("sale")[0].history); got != "[2 3 4]" {
		t.Errorf("not in order: %s", got)
	}
}

const creating = waiting + `
pipeline "items" {
  source "order" {
    connection = fake.till
  }
  sink "item" {
    connection = fake.books
    match      = { sku = record.sku }
    link       = record.sku
    create     = true
    set        = { sku = record.sku }
  }
}
`

// TestParkedComesBackWhenWeCreateIt: what another pipeline creates brings back those that wait for it, without waiting
// for their schedule.
func TestParkedComesBackWhenWeCreateIt(t *testing.T) {
	t.Parallel()
	b := newBench(t, creating)
	orders, items := b.project.Pipelines[0], b.project.Pipelines[1]
	b.system.put("o1", map[string]any{"ref": "o1", "sku": "A"})
	if s := b.run(); s.Records.Parked != 1 {
		t.Fatalf("%+v", s)
	}
	if asked, err := b.store.Takeovers(t.Context()); err != nil || len(asked) != 0 {
		t.Fatalf("%v, %v", asked, err)
	}
	if _, err := b.runner.Run(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	asked, err := b.store.Takeovers(t.Context())
	if err != nil || len(asked) != 1 || asked[0].Pipeline != orders.Name || asked[0].Died {
		t.Fatalf("a run of orders is asked for: %v, %v", asked, err)
	}
	if s := b.run(); s.Records.Delivered != 1 || s.Records.Parked != 0 {
		t.Errorf("%+v", s)
	}
}
