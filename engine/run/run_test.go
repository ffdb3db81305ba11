package run_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/plugins/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const orders = `
pipeline "orders" {
  source "order" {
    connection = fake.till
  }
  sink "customer" {
    connection = fake.books
    match      = { email = record.email }
    link       = record.email
    update     = "none"
    set        = { email = record.email }
  }
  sink "sale" {
    connection = fake.books
    match      = { ref = record.ref }
    update     = ["version", "total"]
    set        = { ref = record.ref, version = record.version, total = record.total, customer = customer.id, note = "till" }
  }
  on_error {
    retry = { attempts = 6, initial = "1ms", max = "2ms" }
  }
}
`

func (b *bench) order(ref string, version int) {
	b.system.put(ref, map[string]any{
		"ref": ref, "version": record.Int(int64(version)), "total": record.Number(fmt.Sprintf("%d.10", version)),
		"email": "c" + ref[len(ref)-1:] + "@example.test",
	})
}

func TestDeliversOnceAndThenLeavesAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t, orders)
	for i := range 600 {
		b.order(fmt.Sprint("o", i), 1)
	}
	s := b.run()
	if s.Status != run.Succeeded || s.Records.Delivered != 600 || s.Sinks["customer"].Created != 10 || s.Sinks["sale"].Created != 600 {
		t.Errorf("%+v", s)
	}
	if n := len(b.system.rows("customer")); n != 10 {
		t.Errorf("%d customers for ten addresses", n)
	}
	b.restart()
	if s := b.run(); s.Records.Read != 0 {
		t.Errorf("read again: %+v", s)
	}
	// The same orders once more, unchanged: nothing is written, nor even asked.
	writes, looks := len(b.system.writes), b.system.looks
	for i := range 600 {
		b.order(fmt.Sprint("o", i), 1)
	}
	if s := b.run(); s.Records.Unchanged != 600 {
		t.Errorf("%+v", s)
	}
	if len(b.system.writes) != writes || b.system.looks != looks {
		t.Errorf("%d writes and %d look-ups for nothing", len(b.system.writes)-writes, b.system.looks-looks)
	}
}

func TestUpdatesOnlyWhatItMay(t *testing.T) {
	t.Parallel()
	b := newBench(t, orders)
	b.order("o1", 1)
	b.run()
	b.system.rows("sale")[0].fields["note"] = "the bookkeeper's"
	b.order("o1", 2)
	if s := b.run(); s.Sinks["sale"].Updated != 1 {
		t.Errorf("%+v", s)
	}
	sale := b.system.rows("sale")[0].fields
	if sale["note"] != "the bookkeeper's" || sale["total"] != record.Number("2.10") {
		t.Errorf("%v", sale)
	}
}

// TestVerifiesWhatTheTargetChanges: a sink that verifies mends what it wrote before, others leave it to the target.
func TestVerifiesWhatTheTargetChanges(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]record.Number{orders: "9.99", verifying: "1.10"} {
		b := newBench(t, text)
		b.order("o1", 1)
		b.run()
		b.system.rows("sale")[0].fields["total"] = record.Number("9.99")
		b.order("o1", 1)
		b.run()
		if total := b.system.rows("sale")[0].fields["total"]; total != want {
			t.Errorf("%v, want %s", total, want)
		}
		writes := len(b.system.writes)
		b.order("o1", 1)
		if s := b.run(); len(b.system.writes) != writes || s.Records.Unchanged != 1 {
			t.Errorf("written again: %+v", s)
		}
	}
}

// verifying are orders whose total the target may not change.
var verifying = strings.Replace(orders, `    match      = { ref = record.ref }
`, `    match      = { ref = record.ref }
    verify     = true
`, 1)

func TestOrderPerKey(t *testing.T) {
	t.Parallel()
	b := newBench(t, orders)
	b.system.page = 40
	const keys, versions = 25, 20
	for v := 1; v <= versions; v++ {
		for k := range keys {
			b.order(fmt.Sprint("o", k), v)
		}
	}
	b.run()
	for _, r := range b.system.rows("sale") {
		for i, v := range r.history {
			if v != record.Int(int64(i+1)) {
				t.Fatalf("%v saw the versions %v", r.fields["ref"], r.history)
			}
		}
		if len(r.history) != versions {
			t.Errorf("%v saw %d of %d versions", r.fields["ref"], len(r.history), versions)
		}
	}
}

func TestFaultsByClass(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		fault   func(string, string) fault
		outcome state.Outcome
		sales   int
	}{
		{"a refused write is tried again", times(3, "write", "sale", refuse), state.Delivered, 1},
		{"refused for good", times(99, "write", "sale", refuse), state.Dead, 0},
		{"a lost answer, nothing stored", times(1, "write", "sale", drop), state.Delivered, 1},
		{"a lost answer, stored", times(1, "write", "sale", forget), state.Delivered, 1},
		{"answers lost again and again", times(4, "write", "sale", drop), state.Delivered, 1},
		{"too many calls", times(4, "write", "sale", slowDown), state.Delivered, 1},
		{"too many calls, look-up", times(4, "lookup", "sale", slowDown), state.Delivered, 1},
		{"never acceptable", times(1, "write", "sale", reject), state.Dead, 0},
		{"the look-up is refused", times(2, "lookup", "customer", refuse), state.Delivered, 1},
		{"the source stumbles", times(2, "next", "order", refuse), state.Delivered, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, orders)
			b.system.fault = test.fault
			b.order("o1", 1)
			s := b.run()
			got := map[state.Outcome]int64{state.Delivered: s.Records.Delivered, state.Dead: s.Records.Dead}
			if got[test.outcome] != 1 {
				t.Errorf("want it %s: %+v", test.outcome, s.Records)
			}
			if n := len(b.system.rows("sale")); n != test.sales {
				t.Errorf("%d sales", n)
			}
			if test.outcome == state.Delivered && s.Sinks["sale"].Created != 1 {
				t.Errorf("the summary says %+v", s.Sinks)
			}
			if held, err := b.store.Held(t.Context(), state.HeldFilter{}); err != nil || (len(held) == 1) != (test.outcome == state.Dead) {
				t.Errorf("%d letters, %v", len(held), err)
			}
		})
	}
}

func TestConflictIsPlannedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, orders)
	b.order("o1", 1)
	b.run()
	b.system.fault = times(2, "write", "sale", overtaken)
	b.order("o1", 2)
	if s := b.run(); s.Sinks["sale"].Updated != 1 {
		t.Errorf("%+v", s)
	}
	b.system.fault = times(9, "write", "sale", overtaken)
	b.order("o1", 3)
	if s := b.run(); s.Records.Dead != 1 {
		t.Errorf("after three conflicts: %+v", s)
	}
}

const waiting = `
pipeline "orders" {
  source "order" {
    connection = fake.till
  }
  sink "item" {
    connection = fake.books
    match      = { sku = record.sku }
    create     = false
    missing    = "park"
    set        = { sku = record.sku }
  }
  sink "sale" {
    connection = fake.books
    match      = { ref = record.ref }
    set        = { ref = record.ref, item = item.id }
  }
}
`

func TestParkedComesBackByItself(t *testing.T) {
	t.Parallel()
	b := newBench(t, waiting)
	b.system.put("o1", map[string]any{"ref": "o1", "sku": "A"})
	b.system.put("o2", map[string]any{"ref": "o2", "sku": "B"})
	b.system.insert("item", map[string]any{"sku": "B"})
	if s := b.run(); s.Status != run.Partial || s.Records.Parked != 1 || s.Records.Delivered != 1 {
		t.Fatalf("%+v", s)
	}
	held, err := b.store.Held(t.Context(), state.HeldFilter{Status: "parked"})
	if err != nil || len(held) != 1 || !strings.Contains(held[0].WaitsFor, `"sku":"A"`) {
		t.Fatalf("%+v, %v", held, err)
	}
	for range 3 { // waiting makes no noise
		if s := b.run(); s.Records.Parked != 1 || s.Records.Read != 1 {
			t.Fatalf("%+v", s)
		}
	}
	entries, err := b.store.ActivityPage(t.Context(), state.ActivityFilter{Key: "o1"})
	if err != nil || len(entries) != 1 {
		t.Errorf("%d entries for one thing that happened", len(entries))
	}
	b.system.insert("item", map[string]any{"sku": "A"})
	if s := b.run(); s.Status != run.Succeeded || s.Records.Delivered != 1 {
		t.Errorf("%+v", s)
	}
	if held, _ := b.store.Held(t.Context(), state.HeldFilter{}); len(held) != 0 {
		t.Errorf("still held: %+v", held)
	}
	if n := len(b.system.rows("sale")); n != 2 {
		t.Errorf("%d sales", n)
	}
}

func TestNewerStateSupersedesADeadOne(t *testing.T) {
	t.Parallel()
	b := newBench(t, orders)
	b.system.fault = times(1, "write", "sale", reject)
	b.order("o1", 1)
	b.run()
	b.order("o1", 2)
	if s := b.run(); s.Records.Delivered != 1 {
		t.Errorf("%+v", s)
	}
	if held, _ := b.store.Held(t.Context(), state.HeldFilter{}); len(held) != 0 {
		t.Errorf("the old letter is still open: %+v", held)
	}
}

func TestKeyIsParkedBehindItsDeadLetter(t *testing.T) {
	t.Parallel()
	b := newBench(t, strings.Replace(orders, "on_error {", "on_error {\n    park_key = true", 1))
	b.system.fault = times(1, "write", "sale", reject)
	b.order("o1", 1)
	b.order("o1", 2)
	if s := b.run(); s.Records.Dead != 1 || s.Records.Parked != 1 {
		t.Errorf("%+v", s)
	}
	b.order("o1", 3)
	b.order("o2", 1)
	if s := b.run(); s.Records.Parked != 2 || s.Records.Delivered != 1 {
		t.Errorf("%+v", s)
	}
	for _, r := range b.system.rows("sale") {
		if r.fields["ref"] == "o1" {
			t.Errorf("a later change passed its dead letter: %v", r.history)
		}
	}
}

func TestPlanWritesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, orders)
	b.order("o1", 1)
	b.order("o2", 1)
	b.order("x1", 1) // the same customer as o1
	plan, err := b.runner.Plan(t.Context(), b.project.Pipelines[0], run.PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(b.system.writes) != 0 {
		t.Errorf("a plan wrote %v", b.system.writes)
	}
	if got := plan.Sinks["customer"].Created; got != 2 {
		t.Errorf("%d customers would be created for two addresses", got)
	}
	if cursor, _ := b.store.Cursor(t.Context(), "orders", "order"); cursor != "" {
		t.Errorf("a plan moved the cursor to %q", cursor)
	}
	b.run()
	b.order("o1", 2)
	if plan, err = b.runner.Plan(t.Context(), b.project.Pipelines[0], run.PlanOptions{}); err != nil {
		t.Fatal(err)
	}
	var changed []string
	for _, e := range plan.Records[0].Effects {
		for _, c := range e.Changes {
			changed = append(changed, c.Field)
		}
	}
	if !slices.Equal(changed, []string{"total", "version"}) {
		t.Errorf("the plan would change %v", changed)
	}
}

func TestSeveralMatchesAreNotGuessed(t *testing.T) {
	t.Parallel()
	b := newBench(t, orders)
	b.system.insert("customer", map[string]any{"email": "c1@example.test"})
	b.system.insert("customer", map[string]any{"email": "c1@example.test"})
	b.order("o1", 1)
	if s := b.run(); s.Records.Dead != 1 {
		t.Errorf("%+v", s)
	}
	held, _ := b.store.Held(t.Context(), state.HeldFilter{})
	if len(held) != 1 || !strings.Contains(held[0].Message, "[1 2]") {
		t.Errorf("the letter does not name them: %+v", held)
	}
}

func TestDrainEndsWell(t *testing.T) {
	t.Parallel()
	b := newBench(t, orders)
	b.system.page = 10
	for i := range 2000 {
		b.order(fmt.Sprint("o", i), 1)
	}
	b.runner.Progress = func(run.Progress) { b.runner.Drain() }
	s := b.run()
	if s.Status != run.Succeeded || s.Records.Read == 0 || s.Records.Read == 2000 {
		t.Errorf("a drained run: %+v", s)
	}
	read := s.Records.Read
	b.restart()
	if s := b.run(); s.Records.Read+read != 2000 {
		t.Errorf("%d and then %d of 2000", read, s.Records.Read)
	}
	if n := len(b.system.rows("sale")); n != 2000 {
		t.Errorf("%d sales of 2000 orders", n)
	}
}

func TestTwoRunsAtOnceAreRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, orders)
	if _, err := b.store.StartRun(t.Context(), state.Run{ID: "x", Pipeline: "orders", StartedAt: time.Now(), Node: "other/1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.runner.Run(context.Background(), b.project.Pipelines[0]); err == nil || !strings.Contains(err.Error(), "under way") {
		t.Errorf("%v", err)
	}
}

// Questions that come while one is under way are asked together, where the system can answer them so.
func TestLooksUpTogether(t *testing.T) {
	t.Parallel()
	b := newBench(t, orders)
	for i := range 100 {
		b.system.put(fmt.Sprint("o", i), map[string]any{
			"ref": fmt.Sprint("o", i), "version": record.Int(1), "total": record.Int(1), "email": fmt.Sprintf("c%d@example.test", i),
		})
	}
	var first sync.Once
	b.system.fault = func(op, entity string) fault {
		if op == "lookup" && entity == "customer" {
			first.Do(func() { time.Sleep(50 * time.Millisecond) }) // meanwhile others come
		}
		return none
	}
	s := b.run()
	if s.Records.Delivered != 100 || s.Sinks["customer"].Created != 100 {
		t.Errorf("%+v", s)
	}
	if b.system.looks < 200 || b.system.lookCalls >= b.system.looks {
		t.Errorf("%d questions in %d calls", b.system.looks, b.system.lookCalls)
	}
}
