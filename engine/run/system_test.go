package run_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// system is a made-up business system: a feed of changes to read and tables to write to, exact and in memory. It
// misbehaves when its fault function says so.
type system struct {
	mu        sync.Mutex
	feed      []change
	latest    map[string]string // payload of a key's last change
	tables    map[string][]*row
	index     map[string][]*row // by entity, and id or ref
	writes    []string          // "create sale 7", in order
	looks     int
	lookCalls int
	nextID    int
	page      int               // records a batch, 0 = what is asked for
	blind     bool              // gives no cursors within a range
	lost      *protocol.Failure // what it says about a cursor

	fault func(op, entity string) fault
}

type change struct {
	key, payload string
	at           time.Time        // a minute after the one before
	whole        *protocol.Record // nil = the payload is the key's new state
}

type row struct {
	id      string
	version int
	fields  map[string]any
	history []any // the values of "version" it was given, in order
}

// fault is one way to misbehave; the zero value is none.
type fault int

const (
	none      fault = iota
	refuse          // fails clearly, nothing is stored, may be tried again
	drop            // the answer is lost, nothing is stored
	forget          // the answer is lost after it was stored
	slowDown        // too many calls
	overtaken       // somebody else changed the record
	reject          // never acceptable
	locked          // the credentials are refused
)

func (f fault) failure() *protocol.Failure {
	class := map[fault]protocol.FailureClass{
		refuse: protocol.FailureClass_FAILURE_CLASS_TRANSIENT, drop: protocol.FailureClass_FAILURE_CLASS_AMBIGUOUS,
		forget: protocol.FailureClass_FAILURE_CLASS_AMBIGUOUS, slowDown: protocol.FailureClass_FAILURE_CLASS_RATE_LIMITED,
		overtaken: protocol.FailureClass_FAILURE_CLASS_CONFLICT, reject: protocol.FailureClass_FAILURE_CLASS_INVALID,
		locked: protocol.FailureClass_FAILURE_CLASS_AUTH,
	}[f]
	return &protocol.Failure{Class: class, Code: fmt.Sprint("fake.", f), Message: "made to fail", RetryAfterMs: 1}
}

// exchanged is what every failure tells of its call.
var exchanged = []*protocol.Exchange{{Request: "sent", Response: "answered", Status: 400}}

func newSystem() *system {
	return &system{tables: map[string][]*row{}, index: map[string][]*row{}, latest: map[string]string{}}
}

func (s *system) misbehave(op, entity string) fault {
	if s.fault == nil {
		return none
	}
	return s.fault(op, entity)
}

// put appends a change to the feed; fields alternate names and values.
func (s *system) put(key string, fields map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enter(key, fields)
}

// enter appends a change to the feed, with the lock.
func (s *system) enter(key string, fields map[string]any) {
	data, err := record.Encode(fields)
	if err != nil {
		panic(err)
	}
	s.feed = append(s.feed, change{key: key, payload: string(data), at: minute(len(s.feed))})
	s.latest[key] = string(data)
}

func (s *system) rows(entity string) []*row {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*row{}, s.tables[entity]...)
}

// insert is what somebody else does over there.
func (s *system) insert(entity string, fields map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(entity, &row{version: 1, fields: fields})
}

func (s *system) add(entity string, r *row) {
	s.nextID++
	r.id = strconv.Itoa(s.nextID)
	s.tables[entity] = append(s.tables[entity], r)
	for _, at := range []string{entity + "#" + r.id, fmt.Sprint(entity, "/", r.fields["ref"])} {
		s.index[at] = append(s.index[at], r)
	}
}

// candidates are the rows among which those with an id or a match are: all, or fewer.
func (s *system) candidates(entity, id string, match map[string]any) []*row {
	switch {
	case id != "":
		return s.index[entity+"#"+id]
	case match["ref"] != nil:
		return s.index[fmt.Sprint(entity, "/", match["ref"])]
	}
	return s.tables[entity]
}

func (s *system) Read(ctx context.Context, start *protocol.ReadStart) (run.Stream, error) {
	if f := s.misbehave("read", start.GetEntity()); f != none {
		return nil, host.AsError(f.failure(), nil)
	}
	if s.lost != nil && start.GetCursor() != "" {
		return nil, host.AsError(s.lost, nil)
	}
	at, _ := strconv.Atoi(start.GetCursor())
	size := int(start.GetBatchSize())
	if s.page > 0 {
		size = s.page
	}
	ctx, cancel := context.WithCancel(ctx)
	if start.GetFromMs() != 0 || start.GetToMs() != 0 {
		return &rangeStream{feedStream{system: s, ctx: ctx, cancel: cancel, at: at, size: size, entity: start.GetEntity()}, start}, nil
	}
	return &feedStream{system: s, ctx: ctx, cancel: cancel, at: at, size: size, entity: start.GetEntity()}, nil
}

type feedStream struct {
	system   *system
	ctx      context.Context
	cancel   context.CancelFunc
	at, size int
	entity   string
}

func (s *feedStream) Next() (*protocol.Batch, error) {
	if s.ctx.Err() != nil {
		return nil, s.ctx.Err()
	}
	if f := s.system.misbehave("next", s.entity); f != none {
		return nil, host.AsError(f.failure(), nil)
	}
	s.system.mu.Lock()
	defer s.system.mu.Unlock()
	b := &protocol.Batch{}
	for _, c := range s.system.feed[s.at:min(len(s.system.feed), s.at+s.size)] {
		if c.whole != nil {
			b.Records = append(b.Records, c.whole)
			continue
		}
		b.Records = append(b.Records, &protocol.Record{
			Key: c.key, Payload: []byte(c.payload), Operation: protocol.Operation_OPERATION_UPSERT,
		})
	}
	if len(b.GetRecords()) == 0 {
		return nil, io.EOF
	}
	s.at += len(b.GetRecords())
	b.Cursor = strconv.Itoa(s.at)
	return b, nil
}

// rangeStream is a read of the changes of a time. As in real systems, what is read is the state of now.
type rangeStream struct {
	feedStream
	start *protocol.ReadStart
}

func (s *rangeStream) Next() (*protocol.Batch, error) {
	if s.ctx.Err() != nil {
		return nil, s.ctx.Err()
	}
	if f := s.system.misbehave("next", s.entity); f != none {
		return nil, host.AsError(f.failure(), nil)
	}
	s.system.mu.Lock()
	defer s.system.mu.Unlock()
	b := &protocol.Batch{}
	for ; s.at < len(s.system.feed) && len(b.GetRecords()) < s.size; s.at++ {
		c := s.system.feed[s.at]
		if ms := c.at.UnixMilli(); ms < s.start.GetFromMs() || s.start.GetToMs() != 0 && ms >= s.start.GetToMs() {
			continue
		}
		b.Records = append(b.Records, &protocol.Record{
			Key: c.key, Payload: []byte(s.system.latest[c.key]), Operation: protocol.Operation_OPERATION_UPSERT,
		})
	}
	if len(b.GetRecords()) == 0 {
		return nil, io.EOF
	}
	if !s.system.blind {
		b.Cursor = strconv.Itoa(s.at)
	}
	return b, nil
}

func (s *rangeStream) End() string { return "" }

// minute is when the nth change is made.
func minute(n int) time.Time { return time.Date(2025, 1, 1, 0, n, 0, 0, time.UTC) }

func (s *feedStream) End() string      { return strconv.Itoa(s.at) }
func (s *feedStream) Committed(string) {}
func (s *feedStream) Close() error     { s.cancel(); return nil }

func (s *system) Lookup(ctx context.Context, entity string, queries []*protocol.Query) ([]*protocol.Hits, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	out := make([]*protocol.Hits, len(queries))
	for i := range queries {
		if f := s.misbehave("lookup", entity); f != none {
			out[i] = &protocol.Hits{Failure: f.failure(), Exchanges: exchanged}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookCalls++
	for i, q := range queries {
		if out[i] != nil {
			continue
		}
		s.looks++
		out[i] = &protocol.Hits{}
		match, _ := record.DecodeObject(q.GetMatch())
		for _, r := range s.candidates(entity, q.GetId(), match) {
			if q.GetId() == r.id || q.GetId() == "" && len(record.Diff(r.fields, match)) == 0 {
				data, _ := record.Encode(r.fields)
				out[i].Found = append(out[i].Found, &protocol.Found{Id: r.id, Version: strconv.Itoa(r.version), Fields: data})
			}
		}
	}
	return out, nil
}

func (s *system) Writer(_ context.Context, start *protocol.WriteStart) (run.Writer, error) {
	return &tableWriter{s, start.GetEntity()}, nil
}

type tableWriter struct {
	system *system
	entity string
}

func (w *tableWriter) Position() string { return "" }
func (w *tableWriter) Close() error     { return nil }

func (w *tableWriter) Write(ctx context.Context, ops []*protocol.Op) (*protocol.WriteResults, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	out := &protocol.WriteResults{}
	for _, op := range ops {
		f := w.system.misbehave("write", w.entity)
		result := &protocol.Result{}
		if f == none || f == forget {
			result = w.system.store(w.entity, op)
		}
		if f != none {
			result = &protocol.Result{Failure: f.failure(), Exchanges: exchanged}
		}
		out.Results = append(out.Results, result)
	}
	return out, nil
}

func (s *system) store(entity string, op *protocol.Op) *protocol.Result {
	fields, err := record.DecodeObject(op.GetPayload())
	if err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if op.GetOperation() == protocol.Operation_OPERATION_CREATE {
		r := &row{version: 1, fields: fields, history: []any{fields["version"]}}
		s.add(entity, r)
		s.writes = append(s.writes, "create "+entity+" "+r.id)
		return &protocol.Result{Id: r.id, Version: "1"}
	}
	for _, r := range s.candidates(entity, op.GetId(), nil) {
		if r.id != op.GetId() {
			continue
		}
		if op.GetVersion() != "" && op.GetVersion() != strconv.Itoa(r.version) {
			return &protocol.Result{Failure: overtaken.failure()}
		}
		for k, v := range fields {
			r.fields[k] = v
		}
		r.version++
		r.history = append(r.history, fields["version"])
		s.writes = append(s.writes, "update "+entity+" "+r.id)
		return &protocol.Result{Id: r.id, Version: strconv.Itoa(r.version)}
	}
	return &protocol.Result{Failure: &protocol.Failure{Class: protocol.FailureClass_FAILURE_CLASS_NOT_FOUND, Code: "fake.gone"}}
}

// catalog describes the one made-up connector to the language.
type catalog struct{}

func (catalog) Names() []string { return []string{"fake"} }

func (catalog) Manifest(string) (*protocol.Manifest, error) {
	entity := func(name string) *protocol.Entity {
		return &protocol.Entity{
			Name: name, OpenFields: true, IdField: "id", CanRead: true, CanLookup: true, CanCreate: true, CanUpdate: true,
			Incremental: true, Concurrency: 4,
		}
	}
	order, customer, item := entity("order"), entity("customer"), entity("item")
	customer.LookupBatch, item.LookupBatch = 5, 5
	order.Fields = []*protocol.Field{{Name: "email", Type: protocol.FieldType_FIELD_TYPE_STRING, Pii: true}}
	log := &protocol.Entity{Name: "log", OpenFields: true, CanCreate: true, AppendOnly: true}
	return &protocol.Manifest{
		Name: "fake", Version: "1.0.0",
		Entities: []*protocol.Entity{order, customer, item, entity("sale"), log},
	}, nil
}

// bench is a project with its system and its database, as an engine would have them.
type bench struct {
	t       testing.TB
	system  *system
	project *pipelines.Project
	dsn     string
	store   *state.Store
	runner  *run.Runner

	patience time.Duration
	log      slog.Handler
}

const connections = `
connection "fake" "till" {}
connection "fake" "books" {}
`

func newBench(t testing.TB, hcl string) *bench {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "p.hcl"), []byte(connections+hcl), 0o600); err != nil {
		t.Fatal(err)
	}
	project, diags := pipelines.Load(dir, pipelines.Options{Catalog: catalog{}, Env: os.LookupEnv})
	if diags.HasErrors() {
		t.Fatalf("%+v", diags)
	}
	b := &bench{t: t, system: newSystem(), project: project, dsn: filepath.Join(dir, "state.db"), log: slog.DiscardHandler}
	b.restart()
	t.Cleanup(func() { _ = b.store.Close() })
	return b
}

// restart is a new engine on the same database.
func (b *bench) restart() {
	b.t.Helper()
	if b.store != nil {
		_ = b.store.Close()
	}
	var err error
	if b.store, err = state.Open(context.Background(), b.dsn); err != nil {
		b.t.Fatal(err)
	}
	b.dial(b.system)
}

// dial makes the engine talk to a system.
func (b *bench) dial(remote run.Remote) {
	connections := run.NewConnections(func(context.Context, *pipelines.Connection) (run.Remote, error) { return remote, nil })
	connections.Patience = b.patience
	b.runner = run.New(b.store, connections, slog.New(b.log), "node/1")
}

func (b *bench) run() run.Summary {
	b.t.Helper()
	s, err := b.runner.Run(context.Background(), b.project.Pipelines[0])
	if err != nil {
		b.t.Fatal(err)
	}
	balanced(b.t, s)
	return s
}

// balanced checks promise 1: the five outcomes add up to what was read.
func balanced(t testing.TB, s run.Summary) {
	t.Helper()
	if s.Records.Sum() != s.Records.Read {
		t.Errorf("%d read, %d outcomes: %+v", s.Records.Read, s.Records.Sum(), s.Records)
	}
}

// seldom returns a fault function that misbehaves in the given ways, each time with the given chance.
func seldom(rng *rand.Rand, chance float64, kinds map[string][]fault) func(op, entity string) fault {
	var mu sync.Mutex
	return func(op, _ string) fault {
		mu.Lock()
		defer mu.Unlock()
		ways := kinds[op]
		if len(ways) == 0 || rng.Float64() >= chance {
			return none
		}
		return ways[rng.IntN(len(ways))]
	}
}

// times misbehaves in one way, the first n times, for one operation on one entity.
func times(n int, op, entity string, f fault) func(string, string) fault {
	var mu sync.Mutex
	return func(o, e string) fault {
		mu.Lock()
		defer mu.Unlock()
		if o != op || e != entity || n == 0 {
			return none
		}
		n--
		return f
	}
}

var errKilled = errors.New("killed")

// runUntil runs and pulls the plug after d. It returns whether the run came to its end; it may also give up.
func (b *bench) runUntil(d time.Duration) bool {
	b.t.Helper()
	ctx, cancel := context.WithTimeoutCause(context.Background(), d, errKilled)
	defer cancel()
	s, err := b.runner.Run(ctx, b.project.Pipelines[0])
	balanced(b.t, s)
	return err == nil
}
