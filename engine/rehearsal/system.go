package rehearsal

import (
	"context"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"
	"sync"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// world is what surrounds the pipeline of a test: the records of its source, one after the other, and the tables of its
// systems.
type world struct {
	mu       sync.Mutex
	test     *pipelines.Test
	schemas  map[string]*protocol.Entity // by table
	tables   map[string][]*row           // by table: a connection's address, "/" and an entity
	fails    map[string]*pipelines.Fails
	failed   map[string]int
	numbers  map[string]int // the last id of a table
	records  []Record
	under    int // number of the record under way, from 1
	touched  map[string]bool
	filtered map[string]bool
}

type row struct {
	id      string
	version int
	fields  map[string]any
	match   map[string]any // what it was looked for by before it was made
}

func newWorld(t *pipelines.Test) *world {
	w := &world{
		test: t, schemas: map[string]*protocol.Entity{}, tables: map[string][]*row{}, fails: map[string]*pipelines.Fails{},
		failed: map[string]int{}, numbers: map[string]int{}, touched: map[string]bool{}, filtered: map[string]bool{},
	}
	for _, step := range t.Pipeline.Steps {
		switch s := step.(type) {
		case *pipelines.Lookup:
			w.schemas[table(s.Connection.Address(), s.Entity)] = s.Schema
		case *pipelines.Sink:
			w.schemas[table(s.Connection.Address(), s.Entity)] = s.Schema
		}
	}
	for _, g := range t.Given {
		for _, fields := range g.Records {
			w.add(table(g.Connection.Address(), g.Entity), fields)
		}
	}
	for i := range t.Fails {
		w.fails[table(t.Fails[i].Connection.Address(), t.Fails[i].Entity)] = &t.Fails[i]
	}
	return w
}

func table(address, entity string) string { return address + "/" + entity }

// current is the record under way, nil before the first.
func (w *world) current() *Record {
	if w.under == 0 {
		return nil
	}
	return &w.records[w.under-1]
}

// add puts a record into a table, under the id it has or one that can be told from others at a glance: customer-1,
// or 1 where ids are numbers.
func (w *world) add(name string, fields map[string]any) *row {
	fields = maps.Clone(fields)
	r := &row{version: 1, fields: fields}
	idField := w.schemas[name].GetIdField()
	if v := fields[idField]; idField != "" && v != nil {
		r.id = fmt.Sprint(v)
	} else {
		w.numbers[name]++
		r.id = strconv.Itoa(w.numbers[name])
		if !numeric(w.schemas[name], idField) {
			r.id = name[strings.LastIndex(name, "/")+1:] + "-" + r.id
		}
		if idField != "" {
			fields[idField] = r.id
		}
	}
	w.tables[name] = append(w.tables[name], r)
	return r
}

func numeric(schema *protocol.Entity, field string) bool {
	for _, f := range schema.GetFields() {
		if f.GetName() == field {
			return f.GetType() == protocol.FieldType_FIELD_TYPE_INTEGER || f.GetType() == protocol.FieldType_FIELD_TYPE_DECIMAL
		}
	}
	return false
}

// remember keeps by what a record was looked for before it was made: real systems find it by that too, though it may
// stand in no field of that name.
func (w *world) remember(address, entity, id string, match map[string]any) {
	for _, r := range w.tables[table(address, entity)] {
		if r.id == id && id != "" {
			r.match = match
		}
	}
}

func (r *row) fits(q *protocol.Query) bool {
	if q.GetId() != "" {
		return alike(r.id, q.GetId())
	}
	match, err := record.DecodeObject(q.GetMatch())
	if err != nil || len(match) == 0 {
		return false
	}
	for name, want := range match {
		have, ok := r.fields[name]
		if !ok {
			have = r.match[name]
		}
		if have == nil || !alike(have, want) {
			return false
		}
	}
	return true
}

// alike compares as business systems look for things: letter case and blanks don't count.
func alike(a, b any) bool {
	return record.Equal(a, b) || strings.EqualFold(strings.TrimSpace(fmt.Sprint(a)), strings.TrimSpace(fmt.Sprint(b)))
}

// system is one connection of a world.
type system struct {
	*world
	address string
}

// Read gives the test's records one by one: the next one comes when the last one has its outcome, so that a test sees
// the same order at every run.
func (s *system) Read(ctx context.Context, start *protocol.ReadStart) (run.Stream, error) {
	at, _ := strconv.Atoi(start.GetCursor()) // we gave it
	ctx, cancel := context.WithCancel(ctx)
	settled := make(chan struct{}, 1)
	settled <- struct{}{}
	return &stream{world: s.world, ctx: ctx, cancel: cancel, at: at, settled: settled}, nil
}

type stream struct {
	*world
	ctx     context.Context
	cancel  context.CancelFunc
	at      int
	settled chan struct{}
}

// Next waits for the record before.
func (s *stream) Next() (*protocol.Batch, error) {
	select {
	case <-s.settled:
	case <-s.ctx.Done():
		return nil, context.Cause(s.ctx)
	}
	if s.at == len(s.test.Records) {
		return nil, io.EOF
	}
	made := s.test.Records[s.at]
	s.at++
	payload, err := record.Encode(made.Payload)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.under = s.at
	if len(s.records) < s.at {
		s.records = append(s.records, Record{after: map[string]any{}})
	}
	r := &protocol.Record{
		Key: made.Key, Operation: protocol.Operation_OPERATION_UPSERT, Payload: payload, OccurredAtMs: s.test.Now.UnixMilli(),
	}
	if made.Deleted {
		r.Operation = protocol.Operation_OPERATION_DELETE
	}
	return &protocol.Batch{Records: []*protocol.Record{r}, Cursor: strconv.Itoa(s.at)}, nil
}

// End says that there is nothing behind the last record.
func (s *stream) End() string { return "" }

// Committed lets the next record come.
func (s *stream) Committed(string) {
	select {
	case s.settled <- struct{}{}:
	default:
	}
}

// Close ends the reading.
func (s *stream) Close() error { s.cancel(); return nil }

// Lookup finds what a test gave and what the pipeline made.
func (s *system) Lookup(_ context.Context, entity string, queries []*protocol.Query) ([]*protocol.Hits, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*protocol.Hits, len(queries))
	for i, q := range queries {
		out[i] = &protocol.Hits{}
		for _, r := range s.tables[table(s.address, entity)] {
			if !r.fits(q) {
				continue
			}
			data, err := record.Encode(r.fields)
			if err != nil {
				return nil, err
			}
			out[i].Found = append(out[i].Found, &protocol.Found{Id: r.id, Version: strconv.Itoa(r.version), Fields: data})
		}
	}
	return out, nil
}

// Writer writes to an entity.
func (s *system) Writer(_ context.Context, start *protocol.WriteStart) (run.Writer, error) {
	return &writer{s, table(s.address, start.GetEntity())}, nil
}

type writer struct {
	*system
	table string
}

func (w *writer) Position() string { return "" }
func (w *writer) Close() error     { return nil }

// Write stores operations, unless the test wants them refused.
func (w *writer) Write(_ context.Context, ops []*protocol.Op) (*protocol.WriteResults, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := &protocol.WriteResults{}
	for _, op := range ops {
		result := w.refusal()
		if result == nil {
			var err error
			if result, err = w.store(op); err != nil {
				return nil, err
			}
		}
		out.Results = append(out.Results, result)
	}
	return out, nil
}

func (w *writer) refusal() *protocol.Result {
	f := w.fails[w.table]
	if f == nil || f.Times > 0 && w.failed[w.table] >= f.Times {
		return nil
	}
	w.failed[w.table]++
	class := protocol.FailureClass(protocol.FailureClass_value["FAILURE_CLASS_"+strings.ToUpper(f.Class)])
	return &protocol.Result{Failure: &protocol.Failure{Class: class, Code: f.Code, Message: f.Message, RetryAfterMs: 1}}
}

func (w *writer) store(op *protocol.Op) (*protocol.Result, error) {
	fields, err := record.DecodeObject(op.GetPayload())
	if err != nil {
		return nil, err
	}
	if op.GetOperation() == protocol.Operation_OPERATION_CREATE {
		r := w.add(w.table, fields)
		return &protocol.Result{Id: r.id, Version: "1"}, nil
	}
	for _, r := range w.tables[w.table] {
		if r.id == op.GetId() {
			maps.Copy(r.fields, fields)
			r.version++
			return &protocol.Result{Id: r.id, Version: strconv.Itoa(r.version)}, nil
		}
	}
	return &protocol.Result{Failure: &protocol.Failure{
		Class: protocol.FailureClass_FAILURE_CLASS_NOT_FOUND, Code: "test.refused", Message: "there is no such record in the test",
	}}, nil
}
