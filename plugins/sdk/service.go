package sdk

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/sourcegraph/conc/pool"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// service adapts a Connector to the protocol. A panic in the connector's code becomes a failure of that call alone.
type service struct {
	protocol.UnimplementedConnectorServer
	connector Connector
	log       *slog.Logger

	mu        sync.Mutex
	open      map[string]*opened
	described *protocol.Manifest // nil = not yet
	uses      int                // calls under way on connections
	rest      *time.Timer        // runs out when there has been none for a while
	collector *collector
}

// breather is how long no call may be under way before the memory of the last ones is given back.
const breather = time.Second

// opened is a connection and what uses it.
type opened struct {
	Connection
	ctx    context.Context // ends when the connection is closed
	cancel context.CancelFunc
	uses   sync.WaitGroup

	mu    sync.Mutex
	slots map[string]chan struct{} // by entity: its concurrency
}

func newService(c Connector, log *slog.Logger) *service {
	rest := time.AfterFunc(breather, debug.FreeOSMemory)
	return &service{connector: c, log: log, open: map[string]*opened{}, rest: rest, collector: newCollector()}
}

// guard runs the connector's code.
func (s *service) guard(what string, run func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("panic in "+what, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = Fatal("connector.panic", "the connector panicked in %s: %v", what, r)
		}
	}()
	return run()
}

// Describe returns the manifest.
func (s *service) Describe(context.Context, *protocol.DescribeRequest) (*protocol.DescribeResponse, error) {
	m, err := s.manifest()
	if err != nil {
		return nil, err
	}
	return &protocol.DescribeResponse{Manifest: m}, nil
}

// manifest asks the connector once: every call needs it, and a large one takes longer to make than many a call.
func (s *service) manifest() (m *protocol.Manifest, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.described == nil {
		err = s.guard("Manifest", func() error {
			s.described = s.connector.Manifest()
			return nil
		})
	}
	return s.described, err
}

// entity finds what the manifest says about an entity; a connector with open entities describes them all as "*".
func (s *service) entity(name string) (*protocol.Entity, error) {
	m, err := s.manifest()
	if err != nil {
		return nil, err
	}
	var open *protocol.Entity
	for _, e := range m.GetEntities() {
		if e.GetName() == name {
			return e, nil
		}
		if e.GetName() == "*" {
			open = e
		}
	}
	if m.GetOpenEntities() && open != nil {
		return open, nil
	}
	return nil, Fatal("connector.unknown_entity", "%s has no entity %q", m.GetName(), name)
}

// Validate judges a configuration.
func (s *service) Validate(_ context.Context, r *protocol.ValidateRequest) (*protocol.ValidateResponse, error) {
	out := &protocol.ValidateResponse{}
	config, err := s.config(r.GetConfig())
	if err == nil {
		err = s.guard("Validate", func() error {
			out.Problems = s.connector.Validate(config)
			return nil
		})
	}
	if err != nil {
		out.Problems = []*protocol.Problem{problem(err)}
	}
	return out, nil
}

func (s *service) config(data []byte) (Config, error) {
	m, err := s.manifest()
	if err != nil {
		return nil, err
	}
	return settings(data, m.GetConfig())
}

func problem(err error) *protocol.Problem {
	f := asFailure(err, protocol.FailureClass_FAILURE_CLASS_FATAL)
	return &protocol.Problem{Attribute: valid(f.Field), Summary: valid(f.Error())}
}

// Open makes a connection.
func (s *service) Open(ctx context.Context, r *protocol.OpenRequest) (*protocol.OpenResponse, error) {
	config, err := s.config(r.GetConfig())
	var c Connection
	if err == nil {
		err = s.guard("Open", func() error {
			c, err = s.connector.Open(ctx, r.GetName(), config, s.log.With("connection", r.GetName()))
			return err
		})
	}
	if err == nil {
		err = s.keep(r.GetHandle(), c)
	}
	if err != nil {
		f := asFailure(err, protocol.FailureClass_FAILURE_CLASS_FATAL).proto()
		return &protocol.OpenResponse{Failure: f}, nil //nolint:nilerr // a failure is an answer
	}
	return &protocol.OpenResponse{}, nil
}

func (s *service) keep(handle string, c Connection) error {
	if c == nil {
		return Fatal("connector.no_connection", "the connector opened no connection")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[handle] != nil {
		return Fatal("connector.handle_taken", "the connection %q is open already", handle)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.open[handle] = &opened{Connection: c, ctx: ctx, cancel: cancel, slots: map[string]chan struct{}{}}
	return nil
}

// use returns an open connection with a context that ends with the call or the connection. The caller calls done.
func (s *service) use(ctx context.Context, handle string) (c *opened, _ context.Context, done func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c = s.open[handle]
	if c == nil {
		return nil, nil, nil, Fatal("connector.unknown_handle", "there is no open connection %q", handle)
	}
	c.uses.Add(1)
	s.uses++
	s.rest.Stop()
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(c.ctx, cancel)
	return c, ctx, func() {
		stop()
		cancel()
		c.uses.Done()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.uses--; s.uses == 0 {
			s.rest.Reset(breather)
		}
	}, nil
}

// slot waits until another operation on the entity may start. The caller calls free.
func (c *opened) slot(ctx context.Context, e *protocol.Entity) (free func(), err error) {
	c.mu.Lock()
	slots := c.slots[e.GetName()]
	if slots == nil {
		slots = make(chan struct{}, max(1, e.GetConcurrency()))
		c.slots[e.GetName()] = slots
	}
	c.mu.Unlock()
	select {
	case slots <- struct{}{}:
		return func() { <-slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Check tries a connection live.
func (s *service) Check(ctx context.Context, r *protocol.CheckRequest) (*protocol.CheckResponse, error) {
	out := &protocol.CheckResponse{}
	c, ctx, done, err := s.use(ctx, r.GetHandle())
	if err == nil {
		defer done()
		err = s.guard("Check", func() error {
			out.Facts, out.Problems = c.Check(ctx)
			return nil
		})
	}
	if err != nil {
		out.Problems = append(out.Problems, problem(err))
	}
	return out, nil
}

// Close releases a connection; closing one that is not open is no mistake.
func (s *service) Close(ctx context.Context, r *protocol.CloseRequest) (*protocol.CloseResponse, error) {
	s.mu.Lock()
	c := s.open[r.GetHandle()]
	delete(s.open, r.GetHandle())
	s.mu.Unlock()
	if c != nil {
		s.release(ctx, c)
	}
	return &protocol.CloseResponse{}, nil
}

// release ends what uses the connection, waits for it while ctx lasts, and closes it.
func (s *service) release(ctx context.Context, c *opened) {
	c.cancel()
	idle := make(chan struct{})
	go func() {
		c.uses.Wait()
		close(idle)
	}()
	select {
	case <-idle:
	case <-ctx.Done():
	}
	if err := s.guard("Close", c.Connection.Close); err != nil {
		s.log.Warn("closing a connection", "error", withoutQuery(err))
	}
}

// closeAll closes every connection.
func (s *service) closeAll(ctx context.Context) {
	s.mu.Lock()
	all := s.open
	s.open = map[string]*opened{}
	s.mu.Unlock()
	var wg sync.WaitGroup
	for _, c := range all {
		wg.Go(func() { s.release(ctx, c) })
	}
	wg.Wait()
}

// Lookup answers queries, several at once where the entity allows it.
func (s *service) Lookup(ctx context.Context, r *protocol.LookupRequest) (*protocol.LookupResponse, error) {
	out := &protocol.LookupResponse{Results: make([]*protocol.Hits, len(r.GetQueries()))}
	err := s.lookup(ctx, r, out.Results)
	for i := range out.Results {
		if out.Results[i] == nil {
			out.Results[i] = missed(err)
		}
	}
	return out, nil
}

func (s *service) lookup(ctx context.Context, r *protocol.LookupRequest, results []*protocol.Hits) error {
	c, ctx, done, err := s.use(ctx, r.GetHandle())
	if err != nil {
		return err
	}
	defer done()
	e, err := s.entity(r.GetEntity())
	if err != nil {
		return err
	}
	looker, ok := c.Connection.(Looker)
	if !ok {
		return Fatal("connector.unsupported", "%s cannot be looked up", r.GetEntity())
	}
	if together, ok := looker.(BatchLooker); ok && e.GetLookupBatch() > 1 && len(results) > 1 {
		free, err := c.slot(ctx, e)
		if err != nil {
			return err
		}
		defer free()
		return s.findTogether(ctx, together, r, results)
	}
	p := pool.New().WithMaxGoroutines(int(max(1, e.GetConcurrency())))
	for i, q := range r.GetQueries() {
		p.Go(func() {
			free, err := c.slot(ctx, e)
			if err != nil {
				results[i] = missed(err)
				return
			}
			defer free()
			results[i] = s.find(ctx, looker, r.GetEntity(), q)
		})
	}
	p.Wait()
	return nil
}

func (s *service) find(ctx context.Context, l Looker, entity string, q *protocol.Query) *protocol.Hits {
	query, err := asked(q)
	if err != nil {
		return missed(err)
	}
	var found []Found
	err = s.guard("Lookup", func() (err error) {
		found, err = l.Lookup(ctx, entity, query)
		return err
	})
	return hits(entity, Answer{found, err})
}

// findTogether answers several queries by one call of the connector's. Queries that can't be read are none of its business.
func (s *service) findTogether(ctx context.Context, l BatchLooker, r *protocol.LookupRequest, results []*protocol.Hits) error {
	queries, places := make([]Query, 0, len(results)), make([]int, 0, len(results))
	for i, q := range r.GetQueries() {
		query, err := asked(q)
		if err != nil {
			results[i] = missed(err)
			continue
		}
		queries, places = append(queries, query), append(places, i)
	}
	var answers []Answer
	err := s.guard("LookupBatch", func() (err error) {
		answers, err = l.LookupBatch(ctx, r.GetEntity(), queries)
		return err
	})
	if err != nil {
		return err
	}
	if len(answers) != len(queries) {
		return Fatal("connector.bad_answer", "the connector answered %d of %d queries", len(answers), len(queries))
	}
	for i, a := range answers {
		results[places[i]] = hits(r.GetEntity(), a)
	}
	return nil
}

// asked reads a query.
func asked(q *protocol.Query) (Query, error) {
	query := Query{ID: q.GetId()}
	if len(q.GetMatch()) == 0 {
		return query, nil
	}
	m, err := record.DecodeObject(q.GetMatch())
	if err != nil {
		return query, Fatal("connector.bad_query", "the query is not a JSON object: %v", err)
	}
	query.Match = m
	return query, nil
}

// hits writes an answer down.
func hits(entity string, a Answer) *protocol.Hits {
	if a.Err != nil {
		return missed(a.Err)
	}
	out := &protocol.Hits{}
	for _, f := range a.Found {
		fields, err := record.Encode(f.Fields)
		if err != nil {
			return missed(Fatal("connector.bad_value", "%s %s: %v", entity, f.ID, err))
		}
		out.Found = append(out.Found, &protocol.Found{Id: valid(f.ID), Version: valid(f.Version), Fields: fields})
	}
	return out
}

// missed is the answer to a query that failed. Looking changes nothing, so it may be repeated.
func missed(err error) *protocol.Hits {
	f := asFailure(err, protocol.FailureClass_FAILURE_CLASS_TRANSIENT)
	return &protocol.Hits{Failure: f.proto(), Exchanges: f.Exchanges}
}

// received is one message of a stream, or the error that ended it.
type received[T any] struct {
	message T
	err     error
}

// receive passes a stream's messages on until it ends. Its goroutine ends with ctx or, when it waits for a message
// that never comes, with the stream, which the handler's return closes.
func receive[T any](ctx context.Context, next func() (T, error)) <-chan received[T] {
	ch := make(chan received[T])
	go func() {
		for {
			m, err := next()
			select {
			case ch <- received[T]{m, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return ch
}
