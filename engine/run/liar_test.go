package run_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// liar is a connector that works, and then changes what it says: each function, where set, gets at one kind of answer.
type liar struct {
	*system
	batch  func(*protocol.Batch)
	hits   func(*protocol.Query, *protocol.Hits)
	result func(*protocol.Op, *protocol.Result) *protocol.Result
	eat    func(*protocol.Op) bool // says that it is stored, and stores nothing
	eaten  string                  // the id it then gives
}

func (l *liar) Read(ctx context.Context, start *protocol.ReadStart) (run.Stream, error) {
	s, err := l.system.Read(ctx, start)
	return &liarStream{s, l}, err
}

type liarStream struct {
	run.Stream
	liar *liar
}

func (s *liarStream) Next() (*protocol.Batch, error) {
	b, err := s.Stream.Next()
	if err == nil && s.liar.batch != nil {
		s.liar.batch(b)
	}
	return b, err
}

func (l *liar) Lookup(ctx context.Context, entity string, queries []*protocol.Query) ([]*protocol.Hits, error) {
	hits, err := l.system.Lookup(ctx, entity, queries)
	for i := range hits {
		if l.hits != nil {
			l.hits(queries[i], hits[i])
		}
	}
	return hits, err
}

func (l *liar) Writer(ctx context.Context, start *protocol.WriteStart) (run.Writer, error) {
	w, err := l.system.Writer(ctx, start)
	return &liarWriter{w, l}, err
}

type liarWriter struct {
	run.Writer
	liar *liar
}

func (w *liarWriter) Write(ctx context.Context, ops []*protocol.Op) (*protocol.WriteResults, error) {
	if w.liar.eat != nil && w.liar.eat(ops[0]) {
		return &protocol.WriteResults{Results: []*protocol.Result{{Id: w.liar.eaten}}}, nil
	}
	out, err := w.Writer.Write(ctx, ops)
	if err == nil && w.liar.result != nil {
		if r := w.liar.result(ops[0], out.GetResults()[0]); r != nil {
			out.Results = []*protocol.Result{r}
		} else {
			out.Results = nil
		}
	}
	return out, err
}

// once is true of the first create of the record a.
func once() func(*protocol.Op) bool {
	var told atomic.Bool
	return func(op *protocol.Op) bool { return op.GetKey() == "a" && creates(op) && !told.Swap(true) }
}

// codes are those of the letters.
func (b *bench) codes() (out []string) {
	b.t.Helper()
	for _, h := range b.held(state.HeldFilter{}) {
		out = append(out, h.Code)
	}
	return out
}

const liarsBooks = `
pipeline "orders" {
  source "order" { connection = fake.till }
  sink "sale" {
    connection = fake.books
    match      = { ref = record.ref }
    update     = "all"
    set        = { ref = record.ref, email = record.email }
  }
  on_error { retry = { attempts = 3, initial = "1ms", max = "2ms" } }
}`

func creates(op *protocol.Op) bool { return op.GetOperation() == protocol.Operation_OPERATION_CREATE }

// TestLiars shows what the engine sees of connectors that lie: the code under which a record dies, or how it comes
// through all the same. What it cannot see stands here too, with no code and a wrong end.
func TestLiars(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		lie    func(*liar)
		codes  []string // of letters
		sales  []string // refs that stand there in the end
		counts state.Counts
	}{
		"honest": {func(*liar) {}, nil, []string{"a", "b"}, state.Counts{Read: 2, Delivered: 2}},
		"doubles records": {
			func(l *liar) { l.batch = func(b *protocol.Batch) { b.Records = append(b.Records, b.GetRecords()...) } },
			nil,
			[]string{"a", "b"},
			state.Counts{Read: 4, Delivered: 2, Unchanged: 2},
		},
		"reorders records": {
			func(l *liar) {
				l.batch = func(b *protocol.Batch) { b.Records[0], b.Records[1] = b.Records[1], b.Records[0] }
			},
			nil,
			[]string{"a", "b"},
			state.Counts{Read: 2, Delivered: 2},
		},
		"drops records, unseen": {
			func(l *liar) { l.batch = func(b *protocol.Batch) { b.Records = b.GetRecords()[:1] } },
			nil,
			[]string{"a"},
			state.Counts{Read: 1, Delivered: 1},
		},
		"garbage payload": {
			func(l *liar) { l.batch = func(b *protocol.Batch) { b.Records[0].Payload = []byte(`{"ref":`) } },
			[]string{"source.bad_payload"},
			[]string{"b"},
			state.Counts{Read: 2, Delivered: 1, Dead: 1},
		},
		"payload that is not UTF-8": {
			func(l *liar) {
				l.batch = func(b *protocol.Batch) { b.Records[0].Payload = []byte("{\"ref\":\"\xff\"}") }
			},
			[]string{"source.bad_payload"},
			[]string{"b"},
			state.Counts{Read: 2, Delivered: 1, Dead: 1},
		},
		"no key": {
			func(l *liar) { l.batch = func(b *protocol.Batch) { b.Records[0].Key = "" } },
			[]string{"sink.no_key"},
			[]string{"b"},
			state.Counts{Read: 2, Delivered: 1, Dead: 1},
		},
		"finds somebody else": {
			func(l *liar) {
				l.hits = func(q *protocol.Query, h *protocol.Hits) {
					if len(h.GetFound()) == 0 {
						h.Found = []*protocol.Found{{Id: "77", Fields: []byte(`{"ref":"ab","email":"x@y"}`)}}
					}
				}
			},
			[]string{"lookup.not_exact", "lookup.not_exact"},
			nil,
			state.Counts{Read: 2, Dead: 2},
		},
		"finds without an id": {
			func(l *liar) {
				l.hits = func(q *protocol.Query, h *protocol.Hits) {
					h.Found = []*protocol.Found{{Fields: q.GetMatch()}}
				}
			},
			[]string{"connector.no_id", "connector.no_id"},
			nil,
			state.Counts{Read: 2, Dead: 2},
		},
		"finds garbage": {
			func(l *liar) {
				l.hits = func(_ *protocol.Query, h *protocol.Hits) {
					h.Found = []*protocol.Found{{Id: "1", Fields: []byte(`{"ref"`)}}
				}
			},
			[]string{"sink.bad_answer", "sink.bad_answer"},
			nil,
			state.Counts{Read: 2, Dead: 2},
		},
		"creates without an id": { // stored: the look-up that follows finds it
			func(l *liar) {
				l.result = func(op *protocol.Op, r *protocol.Result) *protocol.Result {
					if creates(op) {
						r.Id = ""
					}
					return r
				}
			},
			nil,
			[]string{"a", "b"},
			state.Counts{Read: 2, Delivered: 2},
		},
		"creates without an id and stores nothing": {
			func(l *liar) {
				l.eat = once()
			},
			nil,
			[]string{"a", "b"},
			state.Counts{Read: 2, Delivered: 2},
		},
		"no result at all": {
			func(l *liar) {
				first := once()
				l.result = func(op *protocol.Op, r *protocol.Result) *protocol.Result {
					if first(op) {
						return nil
					}
					return r
				}
			},
			nil,
			[]string{"a", "b"},
			state.Counts{Read: 2, Delivered: 2},
		},
		"says stored, unseen": {
			func(l *liar) { l.eat, l.eaten = creates, "7" },
			nil, nil,
			state.Counts{Read: 2, Delivered: 2},
		},
		"says transient though stored, unseen": {
			func(l *liar) {
				first := once()
				l.result = func(op *protocol.Op, r *protocol.Result) *protocol.Result {
					if first(op) {
						return &protocol.Result{Failure: refuse.failure()}
					}
					return r
				}
			},
			nil,
			[]string{"a", "a", "b"},
			state.Counts{Read: 2, Delivered: 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, liarsBooks)
			for _, ref := range []string{"a", "b"} {
				b.system.put(ref, map[string]any{"ref": ref, "email": ref + "@example.org"})
			}
			l := &liar{system: b.system}
			row.lie(l)
			dial := func(context.Context, *pipelines.Connection) (run.Remote, error) { return l, nil }
			b.runner = run.New(b.store, run.NewConnections(dial), slog.New(slog.DiscardHandler), "node/1")
			s := b.run()
			if diff := cmp.Diff(row.counts, s.Records); diff != "" {
				t.Error(diff)
			}
			var sales []string
			for _, r := range b.system.rows("sale") {
				sales = append(sales, fmt.Sprint(r.fields["ref"]))
			}
			if diff := cmp.Diff(slices.Sorted(slices.Values(row.sales)), slices.Sorted(slices.Values(sales))); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(row.codes, b.codes()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestALinkLeadsToTheSameRecordOnly has a connector that answers a look-up by id with another record.
func TestALinkLeadsToTheSameRecordOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t, liarsBooks)
	b.system.put("a", map[string]any{"ref": "a", "email": "a@example.org"})
	l := &liar{system: b.system}
	dial := func(context.Context, *pipelines.Connection) (run.Remote, error) { return l, nil }
	b.runner = run.New(b.store, run.NewConnections(dial), slog.New(slog.DiscardHandler), "node/1")
	b.run()
	b.system.insert("sale", map[string]any{"ref": "other"})
	l.hits = func(q *protocol.Query, h *protocol.Hits) {
		if q.GetId() != "" {
			h.Found = []*protocol.Found{{Id: "99", Fields: []byte(`{"ref":"other"}`)}}
		}
	}
	b.system.put("a", map[string]any{"ref": "a", "email": "new@example.org"})
	if s := b.run(); s.Records.Dead != 1 {
		t.Errorf("%+v", s.Records)
	}
	if diff := cmp.Diff([]string{"lookup.not_exact"}, b.codes()); diff != "" {
		t.Error(diff)
	}
}
