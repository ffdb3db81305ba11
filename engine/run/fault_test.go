package run_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kopru-io/kopru/plugins/record"
)

// seeds is how many random worlds TestFaults goes through. KOPRU_SEEDS asks for more, KOPRU_SEED for one of them.
const seeds = 25

// TestFaults runs random pipelines in worlds that fail at random, pulls the plug at random moments, starts again until
// the source is at its end, and compares the target with what must stand there.
func TestFaults(t *testing.T) {
	t.Parallel()
	eachSeed(t, seeds, func(t *testing.T, seed uint64) { newFaultWorld(t, seed).live() })
}

// eachSeed runs a test for as many seeds as were asked for. A failing one is run again with KOPRU_SEED; both
// together are a range.
func eachSeed(t *testing.T, n int, do func(*testing.T, uint64)) {
	first := uint64(0)
	if v, err := strconv.ParseUint(os.Getenv("KOPRU_SEED"), 10, 64); err == nil {
		first, n = v, 1
	}
	if v, err := strconv.Atoi(os.Getenv("KOPRU_SEEDS")); err == nil {
		n = v
	}
	for seed := first; seed < first+uint64(n); seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			do(t, seed)
		})
	}
}

// faultWorld is a random pipeline, what its source tells, and the model of what must come of it.
type faultWorld struct {
	*bench
	rng      *rand.Rand
	filtered bool // versions divisible by 5 are not wanted
	items    bool // a sale waits for its item
	parkKey  bool
	coming   []string       // whose changes are still to happen
	last     map[string]int // order → its newest wanted version
	newest   map[string]int // order → its newest version
	calm     atomic.Bool    // nothing fails any more
}

func newFaultWorld(t *testing.T, seed uint64) *faultWorld {
	rng := rand.New(rand.NewPCG(seed, 1))
	w := &faultWorld{
		rng: rng, filtered: rng.IntN(2) == 0, items: rng.IntN(3) == 0, parkKey: rng.IntN(3) == 0, last: map[string]int{}, newest: map[string]int{},
	}
	w.bench = newBench(t, w.pipeline())
	w.system.page = 1 + rng.IntN(30)
	keys := 1 + rng.IntN(20)
	for range 20 + rng.IntN(120) {
		w.coming = append(w.coming, fmt.Sprint("o", rng.IntN(keys)))
	}
	faults := seldom(rand.New(rand.NewPCG(seed, 2)), rng.Float64()*0.15, map[string][]fault{
		"lookup": {refuse, slowDown}, "write": {refuse, drop, forget, slowDown, overtaken}, "next": {refuse}, "read": {refuse},
	})
	w.system.fault = func(op, entity string) fault {
		if w.calm.Load() {
			return none
		}
		return faults(op, entity)
	}
	return w
}

// happen makes the next n changes.
func (w *faultWorld) happen(n int) {
	for _, key := range w.coming[:n] {
		w.newest[key]++
		w.system.put(key, map[string]any{
			"ref": key, "version": record.Int(int64(w.newest[key])), "total": record.Number(fmt.Sprintf("%d.10", w.newest[key])),
			"email": fmt.Sprintf("c%d@example.test", w.rng.IntN(25)),
		})
		if !w.filtered || w.newest[key]%5 != 0 {
			w.last[key] = w.newest[key]
		}
	}
	w.coming = w.coming[n:]
}

func (w *faultWorld) pipeline() string {
	var steps strings.Builder
	if w.filtered {
		steps.WriteString("filter \"wanted\" {\n keep = record.version % 5 != 0\n reason = \"not wanted\"\n}\n")
	}
	if w.rng.IntN(2) == 0 {
		steps.WriteString("transform \"same\" {\n set = merge(record, { note = \"by transform\" })\n}\n")
	}
	if w.items {
		steps.WriteString(`sink "item" {
  connection = fake.books
  match      = { sku = record.ref }
  link       = record.ref
  create     = false
  missing    = "park"
  set        = { sku = record.ref }
}
`)
	}
	update := []string{`"all"`, `["version", "total"]`}[w.rng.IntN(2)]
	return fmt.Sprintf(`
pipeline "orders" {
  source "order" {
    connection = fake.till
  }
%s
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
    update     = %s
    set        = { ref = record.ref, version = record.version, total = record.total, customer = customer.id }
  }
  on_error {
    retry    = { attempts = 6, initial = "1ms", max = "2ms" }
    park_key = %v
  }
}
`, steps.String(), update, w.parkKey)
}

// live goes on until the source is at its end, with the plug pulled ever later.
func (w *faultWorld) live() {
	w.t.Helper()
	w.happen(len(w.coming))
	for try, ended := 1, false; !ended; try++ {
		ended = w.runUntil(time.Duration(try*(1+w.rng.IntN(20))) * time.Millisecond)
		w.restart()
		if w.items && try == 2 {
			w.bringItems()
		}
	}
	w.calm.Store(true)
	if w.items {
		w.bringItems()
	}
	for range 3 { // what was parked comes in, oldest first
		w.run()
	}
	w.judge()
}

func (w *faultWorld) bringItems() {
	have := map[any]bool{}
	for _, r := range w.system.rows("item") {
		have[r.fields["sku"]] = true
	}
	for key := range w.last {
		if !have[key] {
			w.system.insert("item", map[string]any{"sku": key})
		}
	}
}

// judge compares the target with the model: nothing lost, nothing doubled, order per key kept.
func (w *faultWorld) judge() {
	w.t.Helper()
	sales := map[string]*row{}
	for _, r := range w.system.rows("sale") {
		ref, _ := r.fields["ref"].(string)
		if sales[ref] != nil {
			w.t.Errorf("%s is there twice", ref)
		}
		sales[ref] = r
		for i := 1; i < len(r.history); i++ {
			if number(r.history[i]) < number(r.history[i-1]) && !replayed(r.history, i) {
				w.t.Errorf("%s went back: %v", ref, r.history)
			}
		}
	}
	for ref, version := range w.last {
		held, err := w.store.HeldKeys(w.t.Context(), "orders", []string{ref})
		if err != nil {
			w.t.Fatal(err)
		}
		if _, open := held[ref]; open {
			continue // it is not lost, it waits for somebody
		}
		if w.newest[ref] > version && !w.parkKey {
			continue // what was held is out of date since nobody wants the newest state
		}
		if r := sales[ref]; r == nil {
			w.t.Errorf("%s is lost", ref)
		} else if r.fields["version"] != record.Int(int64(version)) {
			w.t.Errorf("%s ends at version %v of %d", ref, r.fields["version"], version)
		}
	}
	customers := map[any]int{}
	for _, r := range w.system.rows("customer") {
		if customers[r.fields["email"]]++; customers[r.fields["email"]] > 1 {
			w.t.Errorf("%v was created twice", r.fields["email"])
		}
	}
}

func number(v any) int {
	n, _ := strconv.Atoi(string(v.(record.Number)))
	return n
}

// replayed allows what a crash may do: after a restart, changes whose outcome was not yet durable come again, in
// order. A step back must then be followed by every later version up to the newest one.
func replayed(history []any, i int) bool {
	for j := i + 1; j < len(history); j++ {
		if number(history[j]) < number(history[j-1]) {
			return replayed(history, j)
		}
	}
	return number(history[len(history)-1]) >= number(history[i-1])
}
