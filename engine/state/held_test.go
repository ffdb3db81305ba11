package state_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/engine/state"
)

// hold settles letters and returns the open ones, oldest first.
func hold(t *testing.T, s *state.Store, fence int64, letters ...state.Held) []state.HeldRef {
	t.Helper()
	err := s.Settle(t.Context(), state.Settlement{Run: "r1", Fence: fence, Pipeline: "p", Hold: letters})
	if err != nil {
		t.Fatal(err)
	}
	return must(s.HeldRefs(t.Context(), state.HeldFilter{Pipeline: "p"}))
}

func parkedLetter(key, sku string) state.Held {
	h := letter(key)
	h.Status, h.Code, h.WaitsFor = state.HeldParked, "parked", "item "+sku
	h.WaitTarget, h.WaitMatch, h.Since = "books/item", sku, time.UnixMilli(1700000000000)
	return h
}

func testHeldFields(t *testing.T, s *state.Store) {
	h := parkedLetter("a", "A")
	h.Operation, h.OccurredAt = "delete", time.UnixMilli(1600000000000)
	ref := hold(t, s, start(t, s, "r1", "p"), h)[0]
	if err := s.EditHeld(t.Context(), ref.ID, []byte(`{"e":1}`), "sale"); err != nil {
		t.Fatal(err)
	}
	got := must(s.Held(t.Context(), state.HeldFilter{IDs: []int64{ref.ID}}))[0]
	h.ID, h.Edited, h.EditedStep, h.UpdatedAt = ref.ID, []byte(`{"e":1}`), "sale", got.UpdatedAt
	if diff := cmp.Diff(h, got); diff != "" {
		t.Error(diff)
	}
}

func testHeldFilters(t *testing.T, s *state.Store) {
	ctx := t.Context()
	fence := start(t, s, "r1", "p")
	var letters []state.Held
	for i := range 130 {
		h := letter(fmt.Sprint("k", i%10))
		h.Step, h.Code = []string{"one", "two"}[i%2], []string{"c1", "c2", "c3"}[i%3]
		letters = append(letters, h)
	}
	refs := hold(t, s, fence, letters...)
	if len(refs) != 130 || refs[0].ID > refs[129].ID || refs[3].Key != "k3" || refs[3].Status != "dead" || refs[3].Pipeline != "p" {
		t.Fatalf("%d letters, %+v", len(refs), refs[0])
	}
	if all, some := must(s.DeadCount(ctx, 1000)), must(s.DeadCount(ctx, 100)); all != 130 || some != 100 {
		t.Errorf("%d are dead, or %d at most", all, some)
	}
	for _, test := range []struct {
		f    state.HeldFilter
		want int
	}{
		{state.HeldFilter{Step: "one"}, 65},
		{state.HeldFilter{Step: "one", Code: "c1"}, 22},
		{state.HeldFilter{Key: "k3"}, 13},
		{state.HeldFilter{Status: state.HeldParked}, 0},
		{state.HeldFilter{Status: state.AnyStatus}, 130},
		{state.HeldFilter{Pipeline: "q"}, 0},
		{state.HeldFilter{IDs: []int64{refs[1].ID, refs[2].ID, 999999}}, 2},
		{state.HeldFilter{IDs: []int64{refs[1].ID, refs[2].ID}, Step: "one"}, 1},
	} {
		if got := must(s.HeldRefs(ctx, test.f)); len(got) != test.want {
			t.Errorf("%+v: %d letters, want %d", test.f, len(got), test.want)
		}
	}
	keys := must(s.HeldKeys(ctx, "p", []string{"k1", "k2", "none"}))
	if len(keys) != 2 || len(keys["k1"]) != 13 || keys["k1"][0].ID != refs[1].ID {
		t.Errorf("%+v", keys)
	}
	groups := must(s.HeldGroups(ctx, state.HeldFilter{Step: "one"}))
	if len(groups) != 3 || groups[0].Letters != 22 || groups[0].Example.Step != "one" || groups[0].Example.Code != groups[0].Code ||
		groups[2].Letters != 21 || groups[0].Letters+groups[1].Letters+groups[2].Letters != 65 {
		t.Errorf("%+v", groups)
	}
}

func testWaiting(t *testing.T, s *state.Store) {
	ctx := t.Context()
	fence := start(t, s, "r1", "p")
	old := parkedLetter("z", "Z")
	old.Version = "before"
	refs := hold(t, s, fence, letter("dead"), parkedLetter("a", "A"), parkedLetter("b", "B"), parkedLetter("c", "A"), old, letter("queued"))
	if err := s.QueueHeld(ctx, []int64{refs[5].ID}, "sale"); err != nil {
		t.Fatal(err)
	}
	page := must(s.Waiting(ctx, "p", 0, 3))
	page = append(page, must(s.Waiting(ctx, "p", page[2].ID, 3))...)
	var keys []string
	for _, w := range page {
		keys = append(keys, w.Key)
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "z", "queued"}, keys); diff != "" {
		t.Fatal(diff)
	}
	if w := page[0]; w.Run != "r1" || w.Code != "parked" || w.Version != "v" || w.WaitMatch != "A" || w.Queued ||
		w.Since.UnixMilli() != 1700000000000 || !page[4].Queued {
		t.Errorf("%+v", page)
	}
	want := []state.Wait{{Target: "books/item", Match: "A"}, {Target: "books/item", Match: "B"}}
	if diff := cmp.Diff(want, must(s.Waits(ctx, "p", "v"))); diff != "" {
		t.Error(diff)
	}
	queued := must(s.Held(ctx, state.HeldFilter{IDs: []int64{refs[5].ID}}))[0]
	if queued.QueuedAt.IsZero() || queued.FromStep != "sale" {
		t.Errorf("%+v", queued)
	}
	hold(t, s, fence, queued) // tried, and dead again
	if got := must(s.Waiting(ctx, "p", 0, 10)); len(got) != 4 {
		t.Errorf("it is queued for ever: %+v", got)
	}
}

func testDiscard(t *testing.T, s *state.Store) {
	ctx := t.Context()
	fence := start(t, s, "r1", "p")
	refs := hold(t, s, fence, letter("a"), parkedLetter("b", "B"), letter("c"))
	for range 2 { // what is closed stays as it is, and is told once
		if err := s.Discard(ctx, []int64{refs[0].ID, refs[1].ID}, "sold by hand"); err != nil {
			t.Fatal(err)
		}
	}
	closed := must(s.Held(ctx, state.HeldFilter{Status: state.HeldDiscarded}))
	if len(closed) != 2 || closed[0].Reason != "sold by hand" {
		t.Errorf("%+v", closed)
	}
	entries := must(s.ActivityPage(ctx, state.ActivityFilter{Outcome: state.Discarded}))
	if len(entries) != 2 || entries[0].Reason != "sold by hand" || entries[0].Pipeline != "p" || time.Since(entries[0].At) > time.Hour {
		t.Errorf("%+v", entries)
	}
	// A run that had it in hand meanwhile does not open it again.
	again := closed[0]
	again.Status = state.HeldDead
	err := s.Settle(ctx, state.Settlement{
		Run: "r1", Fence: fence, Pipeline: "p", Hold: []state.Held{again},
		Release: []state.Resolution{{ID: closed[1].ID, Status: state.HeldReleased}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := must(s.HeldRefs(ctx, state.HeldFilter{Status: state.HeldDiscarded})); len(got) != 2 {
		t.Errorf("%+v", got)
	}
	if open := must(s.HeldRefs(ctx, state.HeldFilter{})); len(open) != 1 || open[0].Key != "c" {
		t.Errorf("%+v", open)
	}
}
