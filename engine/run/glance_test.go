package run_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kopru-io/kopru/plugins/record"
)

const seen = `
pipeline "orders" {
  source "order" {
    connection = fake.till
  }
  lookup "sent" {
    connection = fake.books
    entity     = "sale"
    match      = { ref = record.ref }
  }
  transform "compare" {
    set = { ref = record.ref, version = record.version, was = try(sent.version, 0) }
  }
  sink "sale" {
    connection = fake.books
    match      = { ref = record.ref }
    update     = ["version"]
    set        = { ref = record.ref, version = record.version }
  }
  on_error {
    retry = { attempts = 6, initial = "1ms", max = "2ms" }
  }
}
`

// TestAsksOnceWhatALookupHasAsked: a sink does without a question that the look-up before it asked, for a new record and
// for a changed one, and asks when its write doesn't fit any more.
func TestAsksOnceWhatALookupHasAsked(t *testing.T) {
	t.Parallel()
	b := newBench(t, seen)
	b.order("o1", 1)
	b.run()
	if len(b.system.rows("sale")) != 1 || b.system.looks != 1 {
		t.Errorf("%d sales, %d questions for a new one", len(b.system.rows("sale")), b.system.looks)
	}
	b.order("o1", 2)
	b.run()
	if b.system.looks != 2 || b.system.rows("sale")[0].fields["version"] != record.Int(2) {
		t.Errorf("%d questions, %v", b.system.looks, b.system.rows("sale")[0].fields)
	}
	// Somebody changes it between the look-up and the write.
	var once sync.Once
	b.system.fault = func(op, _ string) (f fault) {
		if op == "write" {
			once.Do(func() { f = overtaken })
		}
		return f
	}
	b.order("o1", 3)
	b.run()
	if b.system.looks != 4 || b.system.rows("sale")[0].fields["version"] != record.Int(3) {
		t.Errorf("%d questions after a conflict, %v", b.system.looks, b.system.rows("sale")[0].fields)
	}
}

// TestWhatWasMissingMayBeThereByNow: two records look for the same, find nothing, and make one.
func TestWhatWasMissingMayBeThereByNow(t *testing.T) {
	t.Parallel()
	b := newBench(t, seen)
	var looking atomic.Int32
	b.system.fault = func(op, _ string) fault {
		if op == "lookup" && looking.Add(1) <= 2 {
			for range 500 { // until both are looking
				if looking.Load() >= 2 {
					break
				}
				time.Sleep(time.Millisecond)
			}
		}
		return none
	}
	for i := range 2 {
		b.system.put(fmt.Sprint("k", i), map[string]any{"ref": "same", "version": record.Int(1)})
	}
	b.run()
	if n := len(b.system.rows("sale")); n != 1 {
		t.Errorf("%d sales of one reference", n)
	}
}

// TestAnAnswerThatNeverCameIsAskedFor: a create whose answer was lost is looked for, whatever the look-up before it found.
func TestAnAnswerThatNeverCameIsAskedFor(t *testing.T) {
	t.Parallel()
	b := newBench(t, seen)
	var once sync.Once
	b.system.fault = func(op, _ string) (f fault) {
		if op == "write" {
			once.Do(func() { f = forget })
		}
		return f
	}
	b.order("o1", 1)
	b.run()
	if n := len(b.system.rows("sale")); n != 1 || b.system.looks != 2 {
		t.Errorf("%d sales, %d questions", n, b.system.looks)
	}
}
