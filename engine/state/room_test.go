package state_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/kopru-io/kopru/engine/state"
)

// testFindActivity narrows in every way that an index answers in a way of its own, and compares with a plain count.
func testFindActivity(t *testing.T, s *state.Store) {
	ctx := t.Context()
	var all []state.Entry
	for i := range 900 {
		e := state.Entry{
			At: time.UnixMilli(1700000000000).Add(time.Duration(i) * time.Minute), Run: []string{"ra", "rb"}[i%2], Pipeline: []string{"a", "b"}[i%2],
			Entity: "order", Key: fmt.Sprint("k", i%30), RecordID: fmt.Sprintf("r-%d", i), Outcome: state.Delivered,
		}
		switch i % 10 {
		case 3:
			e.Outcome, e.Code = state.Dead, "sink.not_found"
		case 4:
			e.Outcome, e.Code = state.Filtered, "filtered"
		}
		all = append(all, e)
	}
	for _, name := range []string{"a", "b"} {
		st := state.Settlement{
			Run: "r" + name, Fence: must(s.StartRun(ctx, state.Run{ID: "r" + name, Pipeline: name, Kind: "run", StartedAt: all[0].At})), Pipeline: name,
			Counts:   state.Counts{Delivered: 1},
			Mentions: []state.Mention{{Term: "so-1", Key: "k1"}, {Term: s.SearchTerm("A@b.test"), Key: "k3"}},
		}
		if name == "a" {
			st.Entries, st.Stories = all, []state.Story{{RecordID: "r-1", At: all[1].At, Body: []byte("{}")}}
		}
		if err := s.Settle(ctx, st); err != nil {
			t.Fatal(err)
		}
	}
	from, to := all[200].At, all[500].At
	for name, f := range map[string]state.ActivityFilter{
		"all": {}, "pipeline": {Pipeline: "a"}, "outcome": {Outcome: state.Dead}, "both": {Pipeline: "b", Outcome: state.Dead},
		"code": {Code: "sink.not_found"}, "filtered": {Code: "filtered"}, "time": {From: from, To: to},
		"time and outcome": {Outcome: state.Filtered, From: from}, "run": {Run: "ra"}, "run of another": {Run: "ra", Pipeline: "b"}, "no run": {Run: "none"},
		"key": {Search: "k7"}, "mention": {Search: "SO-1"}, "address": {Search: " a@B.test"}, "nothing": {Search: "k77"},
	} {
		want := 0
		for i := range all {
			e := &all[i]
			key := map[string]string{"SO-1": "k1", " a@B.test": "k3"}[f.Search]
			if (f.Pipeline == "" || e.Pipeline == f.Pipeline) && (f.Run == "" || e.Run == f.Run) && (f.Outcome == "" || e.Outcome == f.Outcome) &&
				(f.Code == "" || e.Code == f.Code) && (f.From.IsZero() || !e.At.Before(f.From)) &&
				(f.To.IsZero() || e.At.Before(f.To)) && (f.Search == "" || e.Key == f.Search || e.Key == key) {
				want++
			}
		}
		got, last := 0, int64(0)
		for f.Limit = 70; ; f.Before = last { // over several pages
			page := must(s.ActivityPage(ctx, f))
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				if last != 0 && e.ID >= last {
					t.Fatalf("%s: not newest first", name)
				}
				last = e.ID
			}
			got += len(page)
		}
		if got != want {
			t.Errorf("%s: %d entries, want %d", name, got, want)
		}
	}
	if got := must(s.StoryOf(ctx, "r-1")); string(got) != "{}" {
		t.Errorf("story %q", got)
	}
	if hours := must(s.Hours(ctx, "a", time.Now().Add(-2*time.Hour))); len(hours) != 1 || hours[0].Records != 1 {
		t.Errorf("%+v", hours)
	}
}

func testPeople(t *testing.T, s *state.Store) {
	ctx, now := t.Context(), time.Now()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(s.PutUser(ctx, state.User{Name: "ada", Role: "viewer", Password: "x", At: now}))
	check(s.PutPass(ctx, state.Pass{Kind: state.KindSession, Name: "ada", At: now, Until: now.Add(time.Hour)}, "secret"))
	pass, ok, err := s.PassOf(ctx, state.KindSession, "secret", now)
	check(err)
	if !ok || pass.Name != "ada" || pass.Role != "viewer" {
		t.Errorf("%+v %v", pass, ok)
	}
	for what, ask := range map[string]func() (state.Pass, bool, error){
		"another secret": func() (state.Pass, bool, error) { return s.PassOf(ctx, state.KindSession, "secreT", now) },
		"another kind":   func() (state.Pass, bool, error) { return s.PassOf(ctx, state.KindToken, "secret", now) },
		"a later time": func() (state.Pass, bool, error) {
			return s.PassOf(ctx, state.KindSession, "secret", now.Add(2*time.Hour))
		},
	} {
		if _, ok, err := ask(); ok || err != nil {
			t.Errorf("%s lets in (%v)", what, err)
		}
	}
	// A new password ends the sessions.
	check(s.PutUser(ctx, state.User{Name: "ada", Role: "admin", Password: "y", At: now}))
	if _, ok, _ := s.PassOf(ctx, state.KindSession, "secret", now); ok {
		t.Error("the session outlived the password")
	}
	check(s.PutPass(ctx, state.Pass{Kind: state.KindToken, Name: "ci", Role: "operator", At: now}, "token"))
	if got := must(s.Tokens(ctx)); len(got) != 1 || got[0].Role != "operator" || !got[0].Until.IsZero() {
		t.Errorf("%+v", got)
	}
	if !must(s.RemoveToken(ctx, "ci")) || must(s.RemoveToken(ctx, "ci")) || !must(s.RemoveUser(ctx, "ada")) {
		t.Error("not removed once")
	}
	check(s.Note(ctx, state.Deed{At: now, Who: "ada", Action: "replay", What: "#1"}))
	if got := must(s.Deeds(ctx, 0, 10)); len(got) != 1 || got[0].Who != "ada" {
		t.Errorf("%+v", got)
	}
}

func testHalts(t *testing.T, s *state.Store) {
	ctx := t.Context()
	for range 2 {
		if err := s.PutHalt(ctx, state.Halt{Pipeline: "p", At: time.Now(), Who: "ada"}); err != nil {
			t.Fatal(err)
		}
	}
	if got := must(s.Halts(ctx)); len(got) != 1 || got["p"].Who != "ada" {
		t.Errorf("%+v", got)
	}
	if err := s.EndHalt(ctx, "p"); err != nil {
		t.Fatal(err)
	}
	if got := must(s.Halts(ctx)); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}
