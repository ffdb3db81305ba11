package state_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/engine/state"
)

func testAlerts(t *testing.T, s *state.Store) {
	ctx, at := t.Context(), time.UnixMilli(1700000000000)
	a := state.Alert{
		Alert: "office", Condition: "lag", Subject: "orders", Since: at, Seen: at, What: "it is behind", Why: "no run", Remedy: "run it", Path: "/x",
	}
	b := a
	b.Subject, b.Since = "items", at.Add(-time.Hour)
	if err := s.PutAlerts(ctx, []state.Alert{a, b}); err != nil {
		t.Fatal(err)
	}
	a.Told, a.Why = at.Add(time.Second), "another reason"
	if err := s.PutAlerts(ctx, []state.Alert{a}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]state.Alert{b, a}, must(s.Alerts(ctx))); diff != "" {
		t.Error(diff)
	}
	if err := s.EndAlerts(ctx, []state.Alert{b}); err != nil || len(must(s.Alerts(ctx))) != 1 {
		t.Error(err)
	}
}

func testDuty(t *testing.T, s *state.Store) {
	take := func(node string, want bool) {
		t.Helper()
		if got := must(s.TakeDuty(t.Context(), "alerts", node)); got != want {
			t.Errorf("%s has the duty: %v", node, got)
		}
	}
	take("a/1", true)
	take("b/1", false)
	take("a/1", true)
	gone := state.HereNode() + "9999999"
	if got := must(s.TakeDuty(t.Context(), "other", gone)); !got {
		t.Error("nobody had it")
	}
	if got := must(s.TakeDuty(t.Context(), "other", "b/1")); !got {
		t.Error("its node is dead")
	}
}

func testTroubles(t *testing.T, s *state.Store) {
	ctx, at := t.Context(), time.UnixMilli(1700000000000)
	for node, since := range map[string]time.Time{"a/1": at, "b/1": at.Add(-time.Hour)} {
		if err := s.PutTroubles(ctx, node, []state.Trouble{{Connection: "x.y", Since: since, Reason: node}}); err != nil {
			t.Fatal(err)
		}
	}
	if got := must(s.Troubles(ctx)); len(got) != 1 || got[0].Reason != "b/1" {
		t.Errorf("%+v", got)
	}
	if err := s.PutTroubles(ctx, "b/1", nil); err != nil {
		t.Fatal(err)
	}
	if got := must(s.Troubles(ctx)); len(got) != 1 || got[0].Reason != "a/1" || !got[0].Since.Equal(at) {
		t.Errorf("%+v", got)
	}
}

func testReconciled(t *testing.T, s *state.Store) {
	ctx, at := t.Context(), time.UnixMilli(1700000000000)
	want := []state.Reconciled{{"till", "2026-01-03", at, 0, []state.Off{}}, {"till", "2026-01-02", at, 2, []state.Off{{"12.50", ""}, {"3.00", "EUR"}, {"1.00", "of the house"}}}}
	for _, r := range append([]state.Reconciled{{"till", "2026-01-02", at, 9, []state.Off{{"99.00", "EUR"}}}, {"till", "2026-01-01", at, 0, []state.Off{}}}, want...) {
		if err := s.PutReconciled(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, must(s.Reconciled(ctx, "2026-01-02"))); diff != "" {
		t.Error(diff)
	}
}

func testTests(t *testing.T, s *state.Store) {
	ctx, at := t.Context(), time.UnixMilli(1700000000000)
	for _, answer := range []state.Tested{ // the slow answer of another node, to an older question, comes last
		{"till", at, []byte("open")}, {"books", at, []byte("shut")}, {"books", at.Add(time.Hour), []byte("open")}, {"books", at.Add(time.Minute), []byte("shut")},
	} {
		if err := s.PutTested(ctx, answer); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]state.Tested{"till": {"till", at, []byte("open")}, "books": {"books", at.Add(time.Hour), []byte("open")}}
	if diff := cmp.Diff(want, must(s.Tests(ctx))); diff != "" {
		t.Error(diff)
	}
}
