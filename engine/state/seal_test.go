package state_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/engine/state/postgrestest"
)

// What all must do, an encrypted state does too.
func TestEncrypted(t *testing.T) {
	t.Parallel()
	key := state.NewKey()
	for name, test := range conformance {
		t.Run(name, func(t *testing.T) {
			test(t, open(t, filepath.Join(t.TempDir(), "state.db"), key))
		})
	}
}

const secretWord = "frida@example.test"

// fill writes something of each kind that has secretWord in it, and reads it again.
func fill(t *testing.T, s *state.Store, run string) {
	t.Helper()
	match := `{"email":"` + secretWord + `"}`
	st := state.Settlement{
		Run: run, Fence: start(t, s, run, "orders"), Pipeline: "orders", Source: "in",
		Entries: []state.Entry{{At: time.Now(), Run: run, Pipeline: "orders", Key: run, RecordID: run, Outcome: state.Dead, Reason: "no " + secretWord}},
		Stories: []state.Story{{RecordID: run, At: time.Now(), Body: []byte(`{"source":"` + secretWord + `"}`)}},
		Hold: []state.Held{{
			Pipeline: "orders", Run: run, Key: run, RecordID: run, Status: state.HeldParked, Message: "no " + secretWord, WaitTarget: "books/customer",
			WaitMatch: match, Original: []byte(match), Current: []byte(match), Exchanges: []byte(match), Meta: []byte(match), Version: "v",
		}},
		Mentions: []state.Mention{{Term: s.SearchTerm(secretWord), Key: run}},
	}
	if err := s.Settle(t.Context(), st); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Announce(t.Context(), []state.Intent{{Target: "books/" + run, Match: match, Run: run, At: time.Now()}}, "here"); err != nil {
		t.Fatal(err)
	}
	if err := s.FinishRun(t.Context(), state.Run{ID: run, Status: "failed", FinishedAt: time.Now(), Error: "no " + secretWord}, st.Fence); err != nil {
		t.Fatal(err)
	}
	for put, err := range map[string]error{
		"trouble": s.PutTroubles(t.Context(), run, []state.Trouble{{Connection: run, Since: time.Now(), Reason: "no " + secretWord}}),
		"pause":   s.PauseConnection(t.Context(), run, time.Hour, "no "+secretWord),
		"test":    s.PutTested(t.Context(), state.Tested{Connection: run, At: time.Now(), Answer: []byte("no " + secretWord)}),
	} {
		if err != nil {
			t.Fatalf("%s: %v", put, err)
		}
	}
	readBack(t, s, run)
}

func readBack(t *testing.T, s *state.Store, run string) {
	t.Helper()
	ctx, match := t.Context(), `{"email":"`+secretWord+`"}`
	found := must(s.ActivityPage(ctx, state.ActivityFilter{Search: secretWord, Run: run}))
	if len(found) != 1 || found[0].Reason != "no "+secretWord {
		t.Errorf("%s: found by e-mail: %+v", run, found)
	}
	if story := string(must(s.StoryOf(ctx, run))); !strings.Contains(story, secretWord) {
		t.Errorf("%s: the story reads %q", run, story)
	}
	letters := must(s.Held(ctx, state.HeldFilter{Key: run}))
	if len(letters) != 1 || string(letters[0].Original) != match || letters[0].Message != "no "+secretWord || letters[0].WaitMatch != match {
		t.Errorf("%s: letters %+v", run, letters)
	}
	if intents := must(s.Intents(ctx, "books/"+run, []string{match})); intents[match].Run != run {
		t.Errorf("%s: intents %+v", run, intents)
	}
	for _, r := range must(s.Runs(ctx, state.RunFilter{Pipeline: "orders"})) {
		if r.ID == run && r.Error != "no "+secretWord {
			t.Errorf("%s: the run failed by %q", run, r.Error)
		}
	}
	reasons := map[string]string{"test": string(must(s.Tests(ctx))[run].Answer)}
	for _, trouble := range must(s.Troubles(ctx)) {
		if trouble.Connection == run {
			reasons["trouble"] = trouble.Reason
		}
	}
	for _, pause := range must(s.Pauses(ctx)) {
		if pause.Connection == run {
			reasons["pause"] = pause.Reason
		}
	}
	for _, of := range []string{"test", "trouble", "pause"} {
		if reasons[of] != "no "+secretWord {
			t.Errorf("%s: the %s reads %q", run, of, reasons[of])
		}
	}
	waits := must(s.Waits(ctx, "orders", "v"))
	if len(waits) != 1 || waits[0].Match != match {
		t.Errorf("%s: waits %+v", run, waits)
	}
}

// A state that was not encrypted becomes so, its key is changed, and the old one is of no use then.
func TestKeys(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "state.db")
		testKeys(t, path, func() []byte { return fileBytes(t, path) })
	})
	t.Run("postgres", func(t *testing.T) { testKeys(t, postgrestest.Start(t).Database(t), nil) })
}

func testKeys(t *testing.T, dsn string, stored func() []byte) {
	ctx := t.Context()
	clean := func(when string) {
		t.Helper()
		if stored != nil && bytes.Contains(stored(), []byte(secretWord)) {
			t.Errorf("%s: the file has %s in clear", when, secretWord)
		}
	}
	s := must(state.Open(ctx, dsn))
	fill(t, s, "plain")
	check(t, s.Close())

	old, fresh := state.NewKey(), state.NewKey()
	s = must(state.Open(ctx, dsn, old))
	readBack(t, s, "plain")
	fill(t, s, "old")
	if n := must(s.Rotate(ctx)); n != 7 { // what was plain: a story, a letter, an entry, a run's error, a trouble, a pause, a test
		t.Errorf("%d rows were encrypted", n)
	}
	check(t, s.Compact(ctx, "stories", "held", "activity", "intents", "runs", "troubles", "pauses", "tests"))
	check(t, s.Close())
	clean("encrypted")

	for name, keys := range map[string][]state.Key{"none": nil, "another": {fresh}} {
		_, err := state.Open(ctx, dsn, keys...)
		if !errors.Is(err, state.ErrKey) || !strings.Contains(err.Error(), old.Name()) || strings.Contains(err.Error(), fresh.String()) {
			t.Errorf("with %s key: %v", name, err)
		}
	}

	s = must(state.Open(ctx, dsn, fresh, old))
	fill(t, s, "fresh")
	readBack(t, s, "old")
	if n := must(s.Rotate(ctx)); n != 14 {
		t.Errorf("%d rows were encrypted anew", n)
	}
	if n := must(s.Rotate(ctx)); n != 0 {
		t.Errorf("%d rows were encrypted anew in vain", n)
	}
	check(t, s.Close())
	if _, err := state.Open(ctx, dsn, old); !errors.Is(err, state.ErrKey) {
		t.Errorf("the old key still opens it: %v", err)
	}
	s = must(state.Open(ctx, dsn, fresh))
	for _, run := range []string{"plain", "old", "fresh"} {
		readBack(t, s, run)
	}
	check(t, s.Close())
	clean("rotated")
}

func TestParseKeys(t *testing.T) {
	t.Parallel()
	a, b := state.NewKey(), state.NewKey()
	keys, err := state.ParseKeys(" " + a.String() + ",\n" + b.String() + "\n")
	if err != nil || len(keys) != 2 || keys[0] != a || keys[1] != b {
		t.Errorf("%v, %v", keys, err)
	}
	if _, err := state.ParseKeys(a.String() + " hunter2"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a wrong key: %v", err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fileBytes are all that SQLite has on the disk.
func fileBytes(t *testing.T, path string) []byte {
	t.Helper()
	var all []byte
	for _, ending := range []string{"", "-wal", "-journal"} {
		data, err := os.ReadFile(path + ending)
		if err != nil && (ending == "" || !errors.Is(err, os.ErrNotExist)) {
			t.Fatal(err)
		}
		all = append(all, data...)
	}
	return all
}
