package run_test

import (
	"strings"
	"testing"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
)

const retold = `
pipeline "orders" {
  payloads = PAYLOADS
  source "order" {
    connection = fake.till
  }
  transform "person" {
    set = { ref = record.ref, total = record.total, who = "for ${upper(record.email)}" }
  }
  sink "sale" {
    connection = fake.books
    match      = { ref = record.ref }
    set        = { ref = record.ref, total = record.total, memo = record.who, mail = source.email }
  }
}
`

func TestStoryHidesPersonalData(t *testing.T) {
	t.Parallel()
	b := newBench(t, strings.Replace(retold, "PAYLOADS", `"masked"`, 1))
	b.order("o1", 7)
	b.run()
	story := b.story("o1")
	if strings.Contains(strings.ToLower(story), "c1@example") {
		t.Errorf("an address is told: %s", story)
	}
	for _, want := range []string{`"source":{"email":"` + run.Masked, `"step":"person"`, `"action":"create"`, `"total":7.10`, `"ref":"o1"`} {
		if !strings.Contains(story, want) {
			t.Errorf("no %s in %s", want, story)
		}
	}
	b = newBench(t, strings.Replace(retold, "PAYLOADS", `"full"`, 1))
	b.order("o1", 7)
	b.run()
	if story := b.story("o1"); !strings.Contains(story, `"memo":"for C1@EXAMPLE.TEST"`) {
		t.Errorf("not told in full: %s", story)
	}
}

// story is that of the newest entry of a key.
func (b *bench) story(key string) string {
	b.t.Helper()
	entries, err := b.store.ActivityPage(b.t.Context(), state.ActivityFilter{Search: key, Limit: 1})
	if err != nil || len(entries) != 1 {
		b.t.Fatalf("%v, %v", entries, err)
	}
	story, err := b.store.StoryOf(b.t.Context(), entries[0].RecordID)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(story)
}

// TestFoundByWhatItBecame finds orders by the address of their customer and the id of what was made of them.
func TestFoundByWhatItBecame(t *testing.T) {
	t.Parallel()
	b := newBench(t, orders)
	b.order("o1", 1)
	b.order("o2", 1)
	b.run()
	sale := b.system.rows("sale")[0]
	for term, want := range map[string]int{"C1@example.test": 1, sale.id: 1, "o2": 1, "o3": 0} {
		found, err := b.store.ActivityPage(t.Context(), state.ActivityFilter{Search: term})
		if err != nil || len(found) != want {
			t.Errorf("%s: found %d, %v", term, len(found), err)
		}
	}
}
