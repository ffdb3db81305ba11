package state_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/engine/state"
)

func testPairs(t *testing.T, s *state.Store) {
	ctx := t.Context()
	there := func(want state.Pair) {
		t.Helper()
		got := must(s.Pair(ctx, want.Name, want.Target, want.Key))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	keep := func(own, back state.Pair) {
		t.Helper()
		if !must(s.KeepPair(ctx, own, back)) {
			t.Errorf("%+v was not kept", own)
		}
	}
	down := state.Pair{Name: "customer", Target: "till", Key: "b1", ID: "t1", Memory: "m1"}
	up := state.Pair{Name: "customer", Target: "books", Key: "t1", ID: "b1", Note: "n1"}
	there(state.Pair{Name: "customer", Target: "till", Key: "b1"})
	keep(down, up)
	there(down)
	there(up)

	// A direction without a memory of its own leaves what stands, and no note leaves the one there is.
	keep(state.Pair{Name: "customer", Target: "till", Key: "b1", ID: "t1"}, state.Pair{Name: "customer", Target: "books", Key: "t1", ID: "b1"})
	there(down)
	there(up)

	// The note that was read is struck out. Where another one came since, nothing is kept, on neither side.
	read := up
	keep(down, state.Pair{Name: "customer", Target: "books", Key: "t1", ID: "b1", Note: "n2"})
	read.Memory = "m2"
	if must(s.KeepPair(ctx, read, state.Pair{Name: "customer", Target: "till", Key: "b1", ID: "t1", Note: "n0"})) {
		t.Error("a memory was kept that knows nothing of the last note")
	}
	there(down)
	there(state.Pair{Name: "customer", Target: "books", Key: "t1", ID: "b1", Note: "n2"})
	read.Note = "n2"
	keep(read, state.Pair{})
	there(state.Pair{Name: "customer", Target: "books", Key: "t1", ID: "b1", Memory: "m2"})

	// What belongs to one does not come to belong to another by the way back.
	other := state.Pair{Name: "customer", Target: "till", Key: "b2", ID: "t1"}
	keep(other, state.Pair{Name: "customer", Target: "books", Key: "t1", ID: "b2", Note: "n3"})
	there(other)
	there(state.Pair{Name: "customer", Target: "books", Key: "t1", ID: "b1", Memory: "m2"})
}
