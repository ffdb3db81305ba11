package run_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

func (b *bench) replay(what run.Replay) run.Summary {
	b.t.Helper()
	s, err := b.runner.Replay(b.t.Context(), b.project.Pipelines[0], what)
	if err != nil {
		b.t.Fatal(err)
	}
	balanced(b.t, s)
	return s
}

func (b *bench) refused(what run.Replay, words string) {
	b.t.Helper()
	if _, err := b.runner.Replay(b.t.Context(), b.project.Pipelines[0], what); err == nil || !strings.Contains(err.Error(), words) {
		b.t.Errorf("want an error with %q, got %v", words, err)
	}
}

// all are the numbers of the open letters.
func (b *bench) all() []int64 {
	b.t.Helper()
	var ids []int64
	for _, h := range b.held(state.HeldFilter{}) {
		ids = append(ids, h.ID)
	}
	return ids
}

func TestReplayMany(t *testing.T) {
	t.Parallel()
	b := newBench(t, orders)
	b.system.fault = times(300, "write", "sale", reject)
	for i := range 300 {
		b.order(fmt.Sprint("o", i), 1)
	}
	b.run()
	ids := b.all()
	// The source is away, and not needed. One fails once more.
	rejecting := times(1, "write", "sale", reject)
	b.system.fault = func(op, entity string) fault {
		if op == "read" || op == "next" {
			return locked
		}
		return rejecting(op, entity)
	}
	s := b.replay(run.Replay{IDs: ids})
	if s.Status != run.Partial || s.Records.Read != 300 || s.Records.Delivered != 299 || s.Records.Dead != 1 ||
		s.Sinks["sale"].Created != 299 {
		t.Errorf("%+v", s)
	}
	left := b.held(state.HeldFilter{})
	if len(left) != 1 || left[0].Attempts != 2 || !slices.Contains(ids, left[0].ID) {
		t.Fatalf("not the same letter, tried twice: %+v", left)
	}
	if s := b.replay(run.Replay{IDs: b.all()}); s.Status != run.Succeeded || s.Records.Delivered != 1 {
		t.Errorf("%+v", s)
	}
	if n := len(b.held(state.HeldFilter{Status: "released"})); n != 300 {
		t.Errorf("%d released", n)
	}
	b.refused(run.Replay{IDs: ids[:1]}, "is closed (released)")
	runs, err := b.store.Runs(t.Context(), state.RunFilter{Pipeline: "orders", Limit: 1})
	if err != nil || runs[0].Kind != "replay" {
		t.Errorf("%+v, %v", runs, err)
	}
}

// clear is what somebody does over there who deletes all of a kind.
func (s *system) clear(entity string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.tables[entity] {
		delete(s.index, entity+"#"+r.id)
	}
	s.tables[entity] = nil
}

const staged = `
pipeline "orders" {
  source "order" {
    connection = fake.till
  }
  lookup "item" {
    connection = fake.books
    match      = { sku = source.sku }
  }
  transform "shape" {
    set = { ref = record.ref, email = record.email, n = record.n + 1 }
  }
  sink "customer" {
    connection = fake.books
    match      = { email = record.email }
    set        = { email = record.email }
  }
  sink "sale" {
    connection = fake.books
    match      = { ref = record.ref }
    set        = { ref = record.ref, n = record.n, customer = customer.id, item = item.name, op = meta.operation, at = meta.occurred_at }
  }
  on_error {
    retry = { attempts = 2, initial = "1ms" }
  }
}
`

func stagedBench(t *testing.T) *bench {
	b := newBench(t, staged)
	b.system.insert("item", map[string]any{"sku": "A", "name": "apple"})
	b.system.fault = times(1, "write", "sale", reject)
	b.system.put("o1", map[string]any{"ref": "o1", "email": "a@example.test", "sku": "A", "n": record.Int(1)})
	b.run()
	return b
}

func TestReplayFromStep(t *testing.T) {
	t.Parallel()
	b := stagedBench(t)
	b.system.writes = nil
	if s := b.replay(run.Replay{IDs: b.all(), From: "sale"}); s.Records.Delivered != 1 || len(s.Sinks) != 1 {
		t.Errorf("%+v", s)
	}
	if got := fmt.Sprint(b.system.writes); got != "[create sale 3]" {
		t.Errorf("wrote %s", got)
	}
	want := map[string]any{
		"ref": "o1", "n": record.Int(2), "customer": "2", "item": "apple", "op": "upsert", "at": nil,
	}
	if diff := cmp.Diff(want, b.system.rows("sale")[0].fields); diff != "" {
		t.Error(diff)
	}
}

func TestReplayFromStepThatLacksSomething(t *testing.T) {
	t.Parallel()
	b := stagedBench(t)
	ids := b.all()
	b.refused(run.Replay{IDs: ids, From: "sales"}, `no step "sales"; there are: ["item" "shape" "customer" "sale"]`)
	b.refused(run.Replay{IDs: ids, From: "shape"}, `transform "shape" had changed it`)
	// What the sink before wrote is not there any more.
	b.system.clear("customer")
	if s := b.replay(run.Replay{IDs: ids, From: "sale"}); s.Records.Dead != 1 {
		t.Errorf("%+v", s)
	}
	h := b.held(state.HeldFilter{})[0]
	if h.Code != "replay.impossible" || !strings.Contains(h.Message, `replay from "customer" or from the start`) ||
		!strings.Contains(string(h.Current), `"n":2`) {
		t.Errorf("%s: %s, %s", h.Code, h.Message, h.Current)
	}
	if s := b.replay(run.Replay{IDs: ids, From: "customer"}); s.Records.Delivered != 1 {
		t.Errorf("%+v", s)
	}

	b = newBench(t, strings.Replace(staged, "source.sku", "record.sku", 1))
	b.system.fault = times(1, "write", "customer", reject)
	b.system.put("o1", map[string]any{"ref": "o1", "email": "a@example.test", "sku": "A", "n": record.Int(1)})
	b.run()
	b.refused(run.Replay{IDs: b.all(), From: "customer"}, `needs "item", which step "item" made of a record that a transform changed`)
	b.refused(run.Replay{IDs: b.all(), From: "sale"}, `needs "item"`)

	b = newBench(t, strings.NewReplacer(
		`    match      = { email = record.email }`, "    for_each   = [record.email]\n    match      = { email = each.value }",
		`customer.id`, `customer[0].id`, `item.name`, `null`).Replace(staged))
	b.system.fault = times(1, "write", "sale", reject)
	b.system.put("o1", map[string]any{"ref": "o1", "email": "a@example.test", "n": record.Int(1)})
	b.run()
	b.refused(run.Replay{IDs: b.all(), From: "sale"}, `what sink "customer" did for each element`)
}

func TestReplayBeyondTheFailingStep(t *testing.T) {
	t.Parallel()
	b := newBench(t, staged)
	b.system.fault = times(1, "write", "customer", reject)
	b.system.put("o1", map[string]any{"ref": "o1", "email": "a@example.test", "n": record.Int(1)})
	b.run()
	b.refused(run.Replay{IDs: b.all(), From: "sale"}, `never came as far as step "sale", it failed at "customer"`)
}

func TestReplayEdited(t *testing.T) {
	t.Parallel()
	b := newBench(t, orders)
	b.system.fault = times(2, "write", "sale", reject)
	b.order("o1", 1)
	b.run()
	before := b.held(state.HeldFilter{})[0]
	b.refused(run.Replay{IDs: b.all(), Record: []byte(`[1]`)}, "no JSON object")
	b.refused(run.Replay{IDs: []int64{1, 2}, Record: []byte(`{}`)}, "for one letter")
	edit := []byte(`{"ref":"o1","version":1,"total":9.90,"email":"c1@example.test"}`)
	if s := b.replay(run.Replay{IDs: b.all(), Record: edit}); s.Records.Dead != 1 {
		t.Errorf("%+v", s)
	}
	after := b.held(state.HeldFilter{})[0]
	if string(after.Original) != string(before.Original) || len(record.Diff(object(edit), object(after.Edited))) != 0 {
		t.Errorf("original %s, edited %s", after.Original, after.Edited)
	}
	b.replay(run.Replay{IDs: b.all()}) // the edit stays
	if got := b.system.rows("sale")[0].fields["total"]; got != record.Number("9.90") {
		t.Errorf("total %v", got)
	}
}

func object(data []byte) map[string]any {
	m, err := record.DecodeObject(data)
	if err != nil {
		panic(err)
	}
	return m
}

func TestReplayEditedFromStep(t *testing.T) {
	t.Parallel()
	b := stagedBench(t)
	s := b.replay(run.Replay{IDs: b.all(), From: "sale", Record: []byte(`{"ref":"o1x","email":"a@example.test","n":7}`)})
	if s.Records.Delivered != 1 {
		t.Fatalf("%+v", s)
	}
	if f := b.system.rows("sale")[0].fields; f["ref"] != "o1x" || f["n"] != record.Int(7) || f["item"] != "apple" {
		t.Errorf("%v", f)
	}
}

func TestReplayPlanWritesNothing(t *testing.T) {
	t.Parallel()
	b := stagedBench(t)
	before, writes := b.held(state.HeldFilter{}), len(b.system.writes)
	for _, what := range []run.Replay{
		{IDs: b.all()}, {IDs: b.all(), From: "sale"}, {IDs: b.all(), Record: []byte(`{"ref":"o2","email":"z@example.test","sku":"A","n":0}`)},
	} {
		plan, err := b.runner.PlanReplay(t.Context(), b.project.Pipelines[0], what)
		if err != nil || plan.Counts.Read != 1 || plan.Sinks["sale"].Created != 1 {
			t.Fatalf("%+v, %v", plan, err)
		}
		effects := plan.Records[0].Effects
		if ref := effects[len(effects)-1].Fields["ref"]; (ref == "o2") != (what.Record != nil) {
			t.Errorf("the plan would create the sale %v", ref)
		}
	}
	if len(b.system.writes) != writes {
		t.Errorf("a plan wrote %v", b.system.writes)
	}
	if diff := cmp.Diff(before, b.held(state.HeldFilter{})); diff != "" {
		t.Errorf("a plan changed the letter:\n%s", diff)
	}
}

func TestReplayKeepsOrderPerKey(t *testing.T) {
	t.Parallel()
	b := newBench(t, strings.Replace(orders, "on_error {", "on_error {\n    park_key = true", 1))
	b.system.fault = times(2, "write", "sale", reject)
	for v := range 3 {
		b.order("o1", v+1)
	}
	b.run()
	ids := b.all()
	if len(ids) != 3 {
		t.Fatalf("%d letters", len(ids))
	}
	b.refused(run.Replay{IDs: ids[1:]}, fmt.Sprintf("#%d waits for #%d, an earlier letter of the same key", ids[1], ids[0]))
	// The first fails once more, so the others stay behind it.
	if s := b.replay(run.Replay{IDs: []int64{ids[2], ids[1], ids[0]}}); s.Records.Dead != 1 || s.Records.Parked != 2 {
		t.Errorf("%+v", s)
	}
	if s := b.replay(run.Replay{IDs: []int64{ids[2], ids[1], ids[0]}}); s.Records.Delivered != 3 {
		t.Errorf("%+v", s)
	}
	if got := fmt.Sprint(b.system.rows("sale")[0].history); got != "[1 2 3]" {
		t.Errorf("not in order: %s", got)
	}
}

func TestReplayWhileARunIsUnderWay(t *testing.T) {
	t.Parallel()
	b := newBench(t, orders)
	b.system.fault = times(1, "write", "sale", reject)
	b.order("o1", 1)
	b.run()
	other := state.Run{ID: "x", Pipeline: "orders", StartedAt: time.Now(), Node: "other/1"}
	fence, err := b.store.StartRun(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.runner.Replay(t.Context(), b.project.Pipelines[0], run.Replay{IDs: b.all()}); !errors.Is(err, state.ErrBusy) {
		t.Fatalf("%v", err)
	}
	if h := b.held(state.HeldFilter{})[0]; h.QueuedAt.IsZero() || h.Status != "dead" {
		t.Errorf("%+v", h)
	}
	other.Status, other.FinishedAt = "succeeded", time.Now()
	if err := b.store.FinishRun(t.Context(), other, fence); err != nil {
		t.Fatal(err)
	}
	if s := b.run(); s.Records.Delivered != 1 || s.Records.Read != 1 {
		t.Errorf("the next run did not take it: %+v", s)
	}
}

func TestReplayKeepsOperationAndTime(t *testing.T) {
	t.Parallel()
	b := newBench(t, staged)
	b.system.insert("item", map[string]any{"sku": "A", "name": "apple"})
	b.system.fault = times(1, "write", "sale", reject)
	b.system.feed = append(b.system.feed, change{whole: &protocol.Record{
		Key: "o1", Operation: protocol.Operation_OPERATION_DELETE, OccurredAtMs: 1700000000000,
		Payload: []byte(`{"ref":"o1","email":"a@example.test","sku":"A","n":1}`),
	}})
	b.run()
	b.replay(run.Replay{IDs: b.all()})
	if f := b.system.rows("sale")[0].fields; f["op"] != "delete" || f["at"] != "2023-11-14T22:13:20Z" {
		t.Errorf("%v", f)
	}
}

const logged = `
pipeline "orders" {
  source "order" {
    connection = fake.till
  }
  sink "log" {
    connection = fake.books
    set        = { n = record.n }
  }
  transform "shape" {
    set = { n = record.n + 1 }
  }
  sink "item" {
    connection = fake.books
    match      = { n = record.n }
    set        = { n = record.n }
  }
}
`

const through = `
pipeline "orders" {
  source "order" {
    connection = fake.till
  }
  sink "log" {
    connection = fake.books
  }
}
`

// TestWhatALetterKeeps: whatever fails, the letter has what is needed to understand it.
func TestWhatALetterKeeps(t *testing.T) {
	t.Parallel()
	payload := []byte(`{"n":1}`)
	upsert := func() *protocol.Record {
		return &protocol.Record{Key: "o1", Operation: protocol.Operation_OPERATION_UPSERT, Payload: payload}
	}
	broken, torn := upsert(), upsert()
	broken.Failure = reject.failure()
	torn.Payload = []byte(`{"n":`)
	for _, test := range []struct {
		name, hcl           string
		record              *protocol.Record
		fault               func(string, string) fault
		step, code, current string
	}{
		{"the source", logged, broken, nil, "source", "fake.6", ""},
		{"no JSON", logged, torn, nil, "source", "source.bad_payload", ""},
		{"an append-only sink", logged, upsert(), times(1, "write", "log", reject), "log", "fake.6", `{"n":1}`},
		{"a sink", logged, upsert(), times(1, "write", "item", reject), "item", "fake.6", `{"n":2}`},
		{"a look-up", logged, upsert(), times(9, "lookup", "item", reject), "item", "fake.6", `{"n":2}`},
		{"straight through", through, upsert(), times(1, "write", "log", reject), "log", "fake.6", `{"n":1}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, test.hcl)
			b.system.fault = test.fault
			b.system.feed = append(b.system.feed, change{whole: test.record})
			b.run()
			list := b.held(state.HeldFilter{})
			if len(list) != 1 {
				t.Fatalf("%d letters", len(list))
			}
			h := list[0]
			if h.Step != test.step || h.Code != test.code || h.Class != "invalid" || h.Message == "" ||
				h.Version != b.project.Pipelines[0].Version || string(h.Original) != string(test.record.GetPayload()) ||
				string(h.Current) != test.current || h.Operation != "upsert" || h.Since.IsZero() {
				t.Errorf("%+v", h)
			}
			if strings.HasPrefix(h.Code, "fake.") && !strings.Contains(string(h.Exchanges), `"request":"sent"`) && test.step != "source" {
				t.Errorf("exchanges %s", h.Exchanges)
			}
			if test.step == "source" {
				return
			}
			b.system.fault = nil
			if s := b.replay(run.Replay{IDs: b.all(), From: test.step}); s.Records.Delivered != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}
