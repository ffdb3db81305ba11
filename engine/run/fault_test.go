package run_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/kopru-io/kopru/plugins/record"
)

// seeds is how many random worlds TestFaults goes through. KOPRU_SEEDS asks for more, KOPRU_SEED for one of them.
const seeds = 25

// TestFaults runs a pipeline in a world that fails at random, pulls the plug at random moments, starts again until
// the source is at its end, and compares the target with what must stand there.
func TestFaults(t *testing.T) {
	t.Parallel()
	first, n := uint64(0), seeds
	if v, err := strconv.Atoi(os.Getenv("KOPRU_SEEDS")); err == nil {
		n = v
	}
	if v, err := strconv.ParseUint(os.Getenv("KOPRU_SEED"), 10, 64); err == nil {
		first, n = v, 1
	}
	for seed := first; seed < first+uint64(n); seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			world(t, seed)
		})
	}
}

func world(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	b := newBench(t, orders)
	keys, changes := 1+rng.IntN(20), 20+rng.IntN(120)
	b.system.page = 1 + rng.IntN(30)
	last := map[string]int{}
	for range changes {
		key := fmt.Sprint("o", rng.IntN(keys))
		last[key]++
		b.order(key, last[key])
	}
	b.system.fault = seldom(rng, rng.Float64()*0.15, map[string][]fault{
		"lookup": {refuse, slowDown}, "write": {refuse, drop, forget, slowDown, overtaken}, "next": {refuse}, "read": {refuse},
	})
	for try, ended := 1, false; !ended; try++ { // ever later, so that it ends on a slow machine too
		ended = b.runUntil(time.Duration(try*(1+rng.IntN(20))) * time.Millisecond)
		b.restart()
	}
	b.system.fault = nil
	b.run()

	sales := b.system.rows("sale")
	if len(sales) != len(last) {
		t.Errorf("%d sales of %d orders", len(sales), len(last))
	}
	for _, r := range sales {
		ref, _ := r.fields["ref"].(string)
		held, err := b.store.HeldKeys(t.Context(), "orders", []string{ref})
		if err != nil {
			t.Fatal(err)
		}
		if _, dead := held[ref]; !dead && r.fields["version"] != record.Int(int64(last[ref])) {
			t.Errorf("%s ends at version %v of %d", ref, r.fields["version"], last[ref])
		}
		for i := 1; i < len(r.history); i++ {
			if number(r.history[i]) < number(r.history[i-1]) && !replayed(r.history, i) {
				t.Errorf("%s went back: %v", ref, r.history)
			}
		}
	}
	customers := map[any]int{}
	for _, r := range b.system.rows("customer") {
		if customers[r.fields["email"]]++; customers[r.fields["email"]] > 1 {
			t.Errorf("%v was created twice", r.fields["email"])
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
