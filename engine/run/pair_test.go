package run_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/protocol"
)

const bothWays = `
pipeline "down" {
  source "customer" {
    connection = fake.books
  }
  sink "customer" {
    connection = fake.till
    pair       = "customer"
    match      = { email = record.email }
    update     = "all"
    wins       = ["name"]
    set        = { email = record.email, name = record.name, contact = { phone = record.phone, city = record.city } }
  }
  on_error {
    retry = { attempts = 3, initial = "1ms", max = "2ms" }
  }
}
pipeline "up" {
  source "customer" {
    connection = fake.till
  }
  sink "customer" {
    connection = fake.books
    pair       = "customer"
    match      = { email = record.email }
    update     = "all"
    wins       = ["phone", "city", "email"]
    set = {
      email = record.email, name = substr(record.name, 0, 12), phone = try(record.contact.phone, null), city = try(record.contact.city, null)
    }
  }
  on_error {
    retry = { attempts = 3, initial = "1ms", max = "2ms" }
  }
}
`

// telling is a system whose feed has what is written to it too, and each customer once, as it is now, as real ones have.
type telling struct {
	*system
	after *sync.Map // func() by operation: what happens once, right after a "read" or a "write" and before the engine knows its answer
}

// then does once what is to happen after a read or a write.
func (s telling) then(op string) {
	if do, ok := s.after.LoadAndDelete(op); ok {
		do.(func())()
	}
}

func (s telling) Read(ctx context.Context, start *protocol.ReadStart) (run.Stream, error) {
	stream, err := s.system.Read(ctx, start)
	if err != nil {
		return nil, err
	}
	if live, ok := stream.(*feedStream); ok {
		return latestStream{live, s}, nil
	}
	return stream, nil
}

type latestStream struct {
	*feedStream
	of telling
}

func (s latestStream) Next() (*protocol.Batch, error) {
	from := s.at
	b, err := s.feedStream.Next()
	if err != nil {
		return nil, err
	}
	defer s.of.then("read")
	s.system.mu.Lock()
	defer s.system.mu.Unlock()
	last := map[string]int{}
	for i, c := range s.system.feed {
		last[c.key] = i
	}
	var now []*protocol.Record
	for i, r := range b.GetRecords() {
		if last[r.GetKey()] == from+i {
			now = append(now, r)
		}
	}
	b.Records = now
	return b, nil
}

func (s telling) Writer(_ context.Context, start *protocol.WriteStart) (run.Writer, error) {
	return &tellingWriter{tableWriter{s.system, start.GetEntity()}, s}, nil
}

type tellingWriter struct {
	tableWriter
	of telling
}

func (w *tellingWriter) Write(ctx context.Context, ops []*protocol.Op) (*protocol.WriteResults, error) {
	before := len(w.system.written())
	results, err := w.tableWriter.Write(ctx, ops)
	for _, written := range w.system.written()[before:] { // others' too: that one more than once is told does no harm
		w.system.tell(written[strings.LastIndex(written, " ")+1:])
	}
	w.of.then("write")
	return results, err
}

// written lists all writes so far.
func (s *system) written() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.writes)
}

// tell puts a customer into the feed as it is now.
func (s *system) tell(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.tables["customer"] {
		if r.id == id {
			s.enter(id, r.fields)
		}
	}
}

// edit is what somebody does over there; a new customer has no id yet.
func (s *system) edit(id, field string, value any) {
	s.mu.Lock()
	for _, r := range s.tables["customer"] {
		if r.id == id {
			put(r.fields, field, value)
			r.version++
		}
	}
	s.mu.Unlock()
	s.tell(id)
}

func put(fields map[string]any, path string, value any) {
	name, rest, inside := strings.Cut(path, ".")
	if !inside {
		fields[name] = value
		return
	}
	inner, _ := fields[name].(map[string]any)
	if inner == nil {
		inner = map[string]any{}
		fields[name] = inner
	}
	put(inner, rest, value)
}

// twoSystems is a bench whose till and books are two systems.
type twoSystems struct {
	*bench
	till, books *system
	after       map[*system]*sync.Map // see telling
}

func newTwoSystems(t *testing.T, hcl string) twoSystems {
	b := twoSystems{bench: newBench(t, hcl), till: newSystem(), books: newSystem()}
	b.after = map[*system]*sync.Map{b.till: {}, b.books: {}}
	connections := run.NewConnections(func(_ context.Context, c *pipelines.Connection) (run.Remote, error) {
		if c.Name == "till" {
			return telling{b.till, b.after[b.till]}, nil
		}
		return telling{b.books, b.after[b.books]}, nil
	})
	b.runner = run.New(b.store, connections, slog.New(b.log), "node/1")
	return b
}

func (b twoSystems) sync(pipeline int) run.Summary {
	b.t.Helper()
	s, err := b.runner.Run(context.Background(), b.project.Pipelines[pipeline])
	if err != nil {
		b.t.Fatal(err)
	}
	balanced(b.t, s)
	return s
}

// settle runs both ways until nothing moves.
func (b twoSystems) settle() {
	b.t.Helper()
	for range 6 {
		before := len(b.till.writes) + len(b.books.writes)
		down, up := b.sync(0), b.sync(1)
		if len(b.till.writes)+len(b.books.writes) == before && down.Records.Read+up.Records.Read == 0 {
			return
		}
	}
	b.t.Fatal("the two pipelines keep each other busy")
}

func (b twoSystems) insert(s *system, fields map[string]any) string {
	s.insert("customer", fields)
	rows := s.rows("customer")
	id := rows[len(rows)-1].id
	s.tell(id)
	return id
}

func (b twoSystems) want(s *system, id, field string, want any) {
	b.t.Helper()
	for _, r := range s.rows("customer") {
		if r.id == id {
			if got := reach(r.fields, field); got != want {
				b.t.Errorf("%s of %s is %v, want %v", field, id, got, want)
			}
			return
		}
	}
	b.t.Errorf("there is no customer %s", id)
}

func reach(fields map[string]any, path string) any {
	name, rest, inside := strings.Cut(path, ".")
	if inner, ok := fields[name].(map[string]any); ok && inside {
		return reach(inner, rest)
	}
	return fields[name]
}

func customerOf(email, name string) map[string]any {
	return map[string]any{"email": email, "name": name, "phone": "1", "city": "Ede"}
}

func TestOwnChangesAreNoNews(t *testing.T) {
	t.Parallel()
	b := newTwoSystems(t, bothWays)
	long := "a name that is too long for the way back"
	id := b.insert(b.books, customerOf("a@x.test", long))
	if s := b.sync(0); s.Sinks["customer"].Created != 1 {
		t.Fatalf("%+v", s)
	}
	if s := b.sync(1); s.Records.Unchanged != 1 || b.books.looks != 0 {
		t.Errorf("the books were asked %d times about what came from them: %+v", b.books.looks, s)
	}
	b.want(b.books, id, "name", long)

	// A change of a field that the way back would shorten, and one next to it: each stays on its side of the other.
	b.books.edit(id, "name", "another name that is too long")
	b.settle()
	b.want(b.books, id, "name", "another name that is too long")
	b.want(b.till, "1", "name", "another name that is too long")
	b.till.edit("1", "contact.phone", "2")
	b.settle()
	b.want(b.books, id, "phone", "2")
	b.want(b.books, id, "name", "another name that is too long")
	if n := len(b.books.writes); n != 1 {
		t.Errorf("%d writes to the books for one change: %v", n, b.books.writes)
	}
	// An e-mail address that changes does not make a second customer.
	b.till.edit("1", "email", "b@x.test")
	b.settle()
	b.want(b.books, id, "email", "b@x.test")
	if len(b.books.rows("customer"))+len(b.till.rows("customer")) != 2 {
		t.Error("a customer was doubled")
	}
}

func TestBothSidesChanged(t *testing.T) {
	t.Parallel()
	b := newTwoSystems(t, bothWays)
	id := b.insert(b.books, customerOf("a@x.test", "Ann"))
	b.settle()
	b.books.edit(id, "name", "Anna")
	b.till.edit("1", "name", "Anne")
	b.books.edit(id, "phone", "2")
	b.till.edit("1", "contact.phone", "3")
	b.till.edit("1", "contact.city", "Epe")
	if s := b.sync(0); s.Sinks["customer"].Updated != 1 {
		t.Errorf("%+v", s)
	}
	entries, err := b.store.ActivityPage(t.Context(), state.ActivityFilter{Pipeline: "down", Code: "pair.conflict"})
	if err != nil || len(entries) != 1 ||
		entries[0].Reason != "changed on both sides: name (the source's counts) contact.phone (the target's counts)" {
		t.Errorf("%+v %v", entries, err)
	}
	b.settle()
	for field, want := range map[string]string{"name": "Anna", "phone": "3", "city": "Epe"} {
		b.want(b.books, id, field, want)
	}
	for field, want := range map[string]string{"name": "Anna", "contact.phone": "3", "contact.city": "Epe"} {
		b.want(b.till, "1", field, want)
	}
}

// TestReadBeforeTheOtherWrote: what a direction has read is old once the other one has written to it.
func TestReadBeforeTheOtherWrote(t *testing.T) {
	t.Parallel()
	b := newTwoSystems(t, bothWays)
	id := b.insert(b.books, customerOf("a@x.test", "Ann"))
	b.settle()
	b.books.edit(id, "phone", "2")
	b.till.edit("1", "contact.phone", "3") // counts
	b.after[b.books].Store("read", func() { b.sync(1) })
	if s := b.sync(0); s.Sinks["customer"].Updated != 0 {
		t.Errorf("an old value was written: %+v", s)
	}
	b.want(b.till, "1", "contact.phone", "3")
	b.till.edit("1", "contact.city", "Epe")
	b.sync(1)
	b.settle()
	for field, want := range map[string]string{"name": "Ann", "phone": "3", "city": "Epe"} {
		b.want(b.books, id, field, want)
	}
	b.alike()

	// Who changes it after that is heard.
	b.books.edit(id, "phone", "4")
	b.till.edit("1", "contact.phone", "5")
	b.sync(1)
	b.books.edit(id, "phone", "4")
	b.settle()
	b.want(b.till, "1", "contact.phone", "4")
	b.alike()
}

// TestBothWriteAtOnce: a direction that looks at a pair between a write of the other one and the note of it does not
// know whose change that was; the other one then looks again.
func TestBothWriteAtOnce(t *testing.T) {
	t.Parallel()
	b := newTwoSystems(t, bothWays)
	id := b.insert(b.books, customerOf("a@x.test", "Ann"))
	b.settle()
	b.books.edit(id, "name", "Anna") // counts
	b.after[b.till].Store("write", func() {
		b.till.edit("1", "name", "Anne")
		b.sync(1)
	})
	b.sync(0)
	b.settle()
	b.want(b.books, id, "name", "Anna")
	b.alike()
}

func TestTwoOfOneAddress(t *testing.T) {
	t.Parallel()
	b := newTwoSystems(t, bothWays)
	b.insert(b.books, customerOf("a@x.test", "Ann"))
	b.settle()
	b.insert(b.till, map[string]any{"email": "a@x.test", "name": "Bob"})
	if s := b.sync(1); s.Records.Dead != 1 {
		t.Errorf("%+v", s)
	}
	held, err := b.store.Held(t.Context(), state.HeldFilter{})
	if err != nil || len(held) != 1 || held[0].Code != "pair.taken" {
		t.Errorf("%+v %v", held, err)
	}
}

// TestSomethingElseTakesNoPair: what comes along with another record, as a customer with an order, uses what belongs to
// one like it, and leaves it to that one.
func TestSomethingElseTakesNoPair(t *testing.T) {
	t.Parallel()
	b := newTwoSystems(t, bothWays+`
pipeline "orders" {
  source "customer" {
    connection = fake.till
  }
  sink "customer" {
    connection = fake.books
    pair       = "customer"
    match      = { email = record.email }
    link       = meta.key
    update     = "none"
    set        = { email = record.email, name = record.name }
  }
}
`)
	id := b.insert(b.books, customerOf("a@x.test", "Ann"))
	b.settle()
	b.insert(b.till, map[string]any{"email": "a@x.test", "name": "Bob"})
	for range 2 {
		if s := b.sync(2); s.Records.Dead != 0 || len(b.books.rows("customer")) != 1 {
			t.Errorf("%+v", s)
		}
		if s := b.sync(1); s.Records.Read > 0 && s.Records.Dead != 1 {
			t.Errorf("%+v", s)
		}
	}
	b.want(b.books, id, "name", "Ann")
	b.till.edit("1", "name", "Anna")
	if s := b.sync(1); s.Records.Dead != 0 {
		t.Errorf("%+v", s)
	}
	b.want(b.books, id, "name", "Anna")
}

// Whatever happens on both sides, in whatever order and with whatever faults: in the end both have the same, and
// nothing moves any more.
func TestBothWaysComeToRest(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 1))
			b := newTwoSystems(t, bothWays)
			ways := map[string][]fault{"write": {drop, forget, refuse, overtaken}, "lookup": {refuse}}
			chaos := seldom(rand.New(rand.NewPCG(seed, 2)), 0.1, ways)
			for n := range 60 {
				b.till.fault, b.books.fault = chaos, chaos
				switch rng.IntN(5) {
				case 0:
					way := rng.IntN(2)
					if other := rng.IntN(6); other < 4 { // at the same time
						of, op := []*system{b.till, b.books}[other/2], []string{"read", "write"}[other%2]
						b.after[of].Store(op, func() { b.sync(1 - way) })
						b.sync(way)
						b.after[of].Delete(op)
						break
					}
					b.sync(way)
				case 1:
					b.insert(b.books, customerOf(fmt.Sprint("b", n, "@x.test"), "Ann"))
				case 2:
					b.insert(b.till, map[string]any{"email": fmt.Sprint("t", n, "@x.test"), "name": "Tom"})
				case 3:
					if rows := b.books.rows("customer"); len(rows) > 0 {
						field := []string{"name", "phone", "city"}[rng.IntN(3)]
						b.books.edit(rows[rng.IntN(len(rows))].id, field, fmt.Sprint(n))
					}
				case 4:
					if rows := b.till.rows("customer"); len(rows) > 0 {
						field := []string{"name", "contact.phone", "contact.city"}[rng.IntN(3)]
						b.till.edit(rows[rng.IntN(len(rows))].id, field, fmt.Sprint(n))
					}
				}
			}
			b.till.fault, b.books.fault = nil, nil
			b.replayAll()
			b.settle()
			b.alike()
		})
	}
}

// replayAll tries all dead letters again.
func (b twoSystems) replayAll() {
	b.t.Helper()
	for _, p := range b.project.Pipelines {
		held, err := b.store.Held(b.t.Context(), state.HeldFilter{Pipeline: p.Name, Status: state.HeldDead, Limit: 1000})
		if err != nil {
			b.t.Fatal(err)
		}
		for _, h := range held { // as when the record changes again
			if p.Name == "down" {
				b.books.tell(h.Key)
			} else {
				b.till.tell(h.Key)
			}
		}
	}
}

func (b twoSystems) alike() {
	b.t.Helper()
	books, till := b.books.rows("customer"), b.till.rows("customer")
	if len(books) != len(till) {
		b.t.Errorf("%d customers in the books and %d in the till", len(books), len(till))
	}
	byEmail := map[any]*row{}
	for _, r := range till {
		byEmail[r.fields["email"]] = r
	}
	for _, r := range books {
		other := byEmail[r.fields["email"]]
		if other == nil {
			b.t.Errorf("the till has no %v", r.fields["email"])
			continue
		}
		for field, path := range map[string]string{"name": "name", "phone": "contact.phone", "city": "contact.city"} {
			if r.fields[field] != reach(other.fields, path) {
				b.t.Errorf("%v: %s is %v in the books and %v in the till", r.fields["email"], field, r.fields[field], reach(other.fields, path))
			}
		}
	}
}
