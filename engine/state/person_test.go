package state_test

import (
	"bytes"
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/engine/state/postgrestest"
)

const other = "otto@example.test"

// A person is found everywhere and erased, so that the files have no byte of them; others stay.
func TestErase(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "state.db")
		s := must(state.Open(t.Context(), path))
		testErase(t, s)
		if data := fileBytes(t, path); bytes.Contains(data, []byte("frida")) || !bytes.Contains(data, []byte("otto")) {
			t.Errorf("the file has the person still: %v, and the other one: %v", bytes.Contains(data, []byte("frida")), bytes.Contains(data, []byte("otto")))
		}
		check(t, s.Close())
		if bytes.Contains(fileBytes(t, path), []byte("frida")) {
			t.Error("the file has the person still")
		}
	})
	t.Run("encrypted", func(t *testing.T) {
		testErase(t, open(t, filepath.Join(t.TempDir(), "state.db"), state.NewKey()))
	})
	t.Run("postgres", func(t *testing.T) {
		dsn := postgrestest.Start(t).Database(t)
		testErase(t, open(t, dsn))
		db := must(sql.Open("pgx", dsn))
		defer db.Close()
		var folder string
		check(t, db.QueryRow("SELECT pg_relation_filepath('held')").Scan(&folder))
		for _, table := range []string{"held", "stories", "activity", "runs", "audit"} {
			var data []byte
			check(t, db.QueryRow("CHECKPOINT").Err())
			check(t, db.QueryRow("SELECT pg_read_binary_file(pg_relation_filepath($1))", table).Scan(&data))
			if bytes.Contains(data, []byte("frida")) {
				t.Errorf("the file of %s has the person still", table)
			}
		}
	})
}

func testErase(t *testing.T, s *state.Store) {
	ctx := context.WithoutCancel(t.Context())
	fill(t, s, "r1")
	match := `{"email":"` + other + `"}`
	st := state.Settlement{
		Run: "r2", Fence: start(t, s, "r2", "orders"), Pipeline: "orders", Source: "in",
		Entries: []state.Entry{
			{At: time.Now(), Run: "r2", Pipeline: "orders", Key: "o2", RecordID: "r2-1", Outcome: state.Delivered, Reason: other},
			{At: time.Now(), Run: "r2", Pipeline: "orders", Key: "o3", RecordID: "r2-2", Outcome: state.Delivered, Reason: "masked"},
			{At: time.Now(), Run: "r2", Pipeline: "orders", Key: "o4", RecordID: "r2-3", Outcome: state.Delivered},
		},
		Stories: []state.Story{
			{RecordID: "r2-1", At: time.Now(), Body: []byte(match)},
			{RecordID: "r2-2", At: time.Now(), Body: []byte(`{"name":"masked"}`)}, // of the person, by its mention
			{RecordID: "r2-3", At: time.Now(), Body: []byte(`{"from":"FRIDA%40example.test"}`)},
		},
		Hold:     []state.Held{{Pipeline: "orders", Key: "o2", Status: state.HeldDead, Original: []byte(match)}},
		Mentions: []state.Mention{{Term: s.SearchTerm(other), Key: "o2"}, {Term: s.SearchTerm(secretWord), Key: "o3"}, {Term: "c100", Key: "o5"}},
		Links: []state.Link{
			{Scope: "orders.customer", Key: "Frida@Example.test", TargetID: "C1"}, {Scope: "orders.customer", Key: "o3", TargetID: "C1"},
		},
	}
	check(t, s.Settle(ctx, st))
	check(t, s.FinishRun(ctx, state.Run{ID: "r2", Status: "failed", Error: "the system says: " + strings.ToUpper(secretWord) + " is unknown", FinishedAt: time.Now()}, st.Fence))
	check(t, s.Note(ctx, state.Deed{At: time.Now(), Who: "ada", Action: "export", What: "q=" + secretWord + "&" + other}))

	count := func(traces []state.Trace) map[string]int {
		out := map[string]int{}
		for _, trace := range traces {
			out[trace.Table]++
		}
		return out
	}
	want := map[string]int{"activity": 3, "stories": 3, "held": 1, "mentions": 2, "intents": 1, "links": 1}
	found := must(s.Person(ctx, []string{" " + strings.ToUpper(secretWord)}))
	if diff := cmp.Diff(want, count(found)); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	for _, trace := range found {
		if trace.Table == "held" && trace.Row["original"] != `{"email":"`+secretWord+`"}` {
			t.Errorf("a letter is told as %v", trace.Row)
		}
	}
	if got := count(must(s.Person(ctx, []string{"C100"}))); got["mentions"] != 1 || len(got) != 1 {
		t.Errorf("by number: %v", got)
	}
	erased := must(s.Erase(ctx, []string{secretWord}))
	if diff := cmp.Diff(state.Erased{
		Rows:    map[string]int64{"activity": 3, "stories": 3, "held": 1, "mentions": 2, "intents": 1, "links": 1},
		Blotted: map[string]int64{"runs": 2, "audit": 1, "pauses": 1, "tests": 1, "troubles": 1},
	}, erased); diff != "" {
		t.Errorf("erased (-want +got):\n%s", diff)
	}
	if left := must(s.Person(ctx, []string{secretWord})); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if got := count(must(s.Person(ctx, []string{other}))); got["activity"] != 1 || got["stories"] != 1 || got["held"] != 1 || got["mentions"] != 1 {
		t.Errorf("of the other one is left: %v", got)
	}
	if deeds := must(s.Deeds(ctx, 0, 1)); deeds[0].What != "q=•••&"+other {
		t.Errorf("the audit log says %q", deeds[0].What)
	}
}
