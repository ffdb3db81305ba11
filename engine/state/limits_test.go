package state_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/kopru-io/kopru/engine/state"
)

// testShares: at any time the nodes have no more than there is; each that wants some gets some; one that is alone gets
// all.
func testShares(t *testing.T, s *state.Store) {
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(1, 2))
	ask := func(node string, held, capacity int) int {
		may, _, err := s.ShareSlots(ctx, state.Share{Connection: "c", Node: node, Capacity: capacity, Want: 5, Held: held})
		if err != nil {
			t.Fatal(err)
		}
		return may
	}
	if may := ask("a", 0, 3); may != 3 {
		t.Errorf("alone it may have %d of 3", may)
	}
	if may := ask("b", 0, 3); may != 0 {
		t.Errorf("another has all, and it may have %d", may)
	}
	if may := ask("a", 3, 3); may > 2 {
		t.Errorf("another wants some, and it may still have %d", may)
	}
	names := []string{"a", "b", "c", "d"}
	const capacity = 3
	held, may, served := map[string]int{}, map[string]int{}, map[string]int{}
	for range 400 {
		node := names[rng.IntN(len(names))]
		may[node] = ask(node, held[node], capacity)
		for held[node] < may[node] { // starts what it may
			held[node]++
			served[node]++
		}
		if other := names[rng.IntN(len(names))]; held[other] > 0 { // something ends
			held[other]--
		}
		sum := 0
		for _, n := range held {
			sum += n
		}
		if sum > capacity {
			t.Fatalf("%d under way of %d: %v", sum, capacity, held)
		}
	}
	for _, node := range names {
		if served[node] < 10 {
			t.Errorf("%s was starved: %v", node, served)
		}
	}
}

// testReserved: no two callers get the same time, and the times are as far apart as asked.
func testReserved(t *testing.T, s *state.Store) {
	const spacing, size = 10 * time.Millisecond, 5
	var mu sync.Mutex
	var total, last time.Duration
	var callers sync.WaitGroup
	began := time.Now()
	for range 4 {
		callers.Go(func() {
			for range 5 {
				wait, err := s.ReserveCalls(context.Background(), "c", spacing, size)
				mu.Lock()
				if err != nil || wait < 0 {
					t.Errorf("%v %v", wait, err)
				}
				total += size * spacing
				last = max(last, time.Since(began)+wait)
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	if last < total-size*spacing {
		t.Errorf("the last block begins after %v, and there are blocks for %v", last, total)
	}
}

func testPauses(t *testing.T, s *state.Store) {
	ctx := t.Context()
	for _, d := range []time.Duration{time.Hour, time.Minute} { // a shorter one does not end the longer one
		if err := s.PauseConnection(ctx, "till", d, "too many calls"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.PauseConnection(ctx, "books", -time.Second, "over"); err != nil {
		t.Fatal(err)
	}
	got := must(s.Pauses(ctx))
	if len(got) != 1 || got[0].Connection != "till" || time.Until(got[0].Until) < 50*time.Minute || got[0].Reason != "too many calls" {
		t.Errorf("%+v", got)
	}
	if _, paused, err := s.ShareSlots(ctx, state.Share{Connection: "till", Node: "a", Capacity: 1, Want: 1}); err != nil || paused < 50*time.Minute {
		t.Errorf("paused for %v, %v", paused, err)
	}
}

func testNodes(t *testing.T, s *state.Store) {
	ctx := t.Context()
	for _, n := range []state.Node{
		{Name: "far/7", Version: "1.2", Since: time.Now()},
		{Name: "farther/8", Version: "1.3", Since: time.Now().Add(time.Second), Draining: true},
	} {
		if err := s.Beat(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.StartRun(ctx, state.Run{ID: "r", Pipeline: "orders", Kind: "run", StartedAt: time.Now(), Node: "far/7"}); err != nil {
		t.Fatal(err)
	}
	beginBackfill(t, s, "b1", 2, false)
	take(t, s, "b1", "farther/8")
	got := must(s.Nodes(ctx))
	if len(got) != 2 || got[0].State() != "running" || got[1].State() != "draining" || got[0].Host() != "far" || got[0].PID() != 7 ||
		len(got[0].Runs) != 1 || got[0].Runs[0] != "orders" || !slices.Equal(got[1].Runs, []string{"p (backfill, partition 1)"}) || got[0].Version != "1.2" {
		t.Errorf("%+v", got)
	}
	if err := s.Leave(ctx, "far/7"); err != nil {
		t.Fatal(err)
	}
	if got := must(s.Nodes(ctx)); len(got) != 1 || got[0].Name != "farther/8" {
		t.Errorf("after one left: %+v", got)
	}
}
