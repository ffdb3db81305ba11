package state_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/kopru-io/kopru/engine/state"
)

// BenchmarkSettle is what a batch of 250 records costs that were created, each with its entry, story and mention.
func BenchmarkSettle(b *testing.B) {
	for name, keys := range map[string][]state.Key{"plain": nil, "encrypted": {state.NewKey()}} {
		b.Run(name, func(b *testing.B) {
			s, err := state.Open(b.Context(), filepath.Join(b.TempDir(), "state.db"), keys...)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			fence, err := s.StartRun(b.Context(), state.Run{ID: "r", Pipeline: "p", Kind: "run", StartedAt: time.Now()})
			if err != nil {
				b.Fatal(err)
			}
			story := bytes.Repeat([]byte(`{"some":"thing"}`), 100)
			for n := 0; b.Loop(); n++ {
				st := state.Settlement{Run: "r", Fence: fence, Pipeline: "p", Counts: state.Counts{Read: 250, Delivered: 250}}
				var intents []state.Intent
				for i := range 250 {
					id := fmt.Sprintf("%d-%d", n, i)
					intents = append(intents, state.Intent{Target: "books/x", Match: `{"ref":"` + id + `"}`, Run: "r", Key: id, At: time.Now()})
					st.Entries = append(st.Entries, state.Entry{At: time.Now(), Run: "r", Pipeline: "p", Key: id, RecordID: id, Outcome: state.Delivered})
					st.Stories = append(st.Stories, state.Story{RecordID: id, At: time.Now(), Body: story})
					st.Mentions = append(st.Mentions, state.Mention{Term: s.SearchTerm(id + "@example.test"), Key: id})
					st.Links = append(st.Links, state.Link{Scope: "p.x", Key: id, TargetID: id, Hash: "h"})
				}
				if _, err := s.Announce(b.Context(), intents, "here"); err != nil {
					b.Fatal(err)
				}
				st.DoneIntents = intents
				if err := s.Settle(b.Context(), st); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
