package host

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/sourcegraph/conc"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/kopru-io/kopru/plugins/protocol"
)

// handOvers is how often a batch is handed to another stream because the one before broke untouched by it.
const handOvers = 3

var errNotSent = errors.New("the stream broke before the batch was sent")

// Writer writes to one entity. Its methods may be called from several goroutines: batches share one stream and are
// told apart by number. When the stream breaks, the next Write opens another one; for an append-only entity at the
// position that the last answer made durable.
type Writer struct {
	conn       *Connection
	ctx        context.Context
	appendOnly bool
	began      string

	turn   chan struct{} // held by who opens or closes
	start  *protocol.WriteStart
	stream *writeStream
	closed bool
}

// Writer opens a stream of writes; the handle in start is filled in. It lives until Close or ctx's end.
func (c *Connection) Writer(ctx context.Context, start *protocol.WriteStart) (*Writer, error) {
	w := &Writer{conn: c, ctx: ctx, start: proto.CloneOf(start), turn: make(chan struct{}, 1)}
	w.appendOnly = c.connector.entity(start.GetEntity()).GetAppendOnly()
	s, err := w.open(ctx)
	if err != nil {
		return nil, err
	}
	w.began = s.began
	return w, nil
}

// Position is where an append-only target stood when the writer was opened; "" when the connector does not say.
func (w *Writer) Position() string { return w.began }

// entity is what the manifest says about an entity; nil when it says nothing.
func (c *connector) entity(name string) *protocol.Entity {
	c.mu.Lock()
	defer c.mu.Unlock()
	var open *protocol.Entity
	for _, e := range c.manifest.GetEntities() {
		switch e.GetName() {
		case name:
			return e
		case "*":
			open = e
		}
	}
	return open
}

// open returns the stream, a new one when the last is broken.
func (w *Writer) open(ctx context.Context) (*writeStream, error) {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if w.closed {
		return nil, fail(fatal, "connector.closed", "the writer of %s is closed", w.start.GetEntity())
	}
	if s := w.stream; s != nil {
		if !s.broken() {
			return s, nil
		}
		s.work.Wait()
		w.stream = nil
		if s.position != "" {
			w.start.Position = s.position
		}
	}
	p, handle, err := w.conn.ready(ctx)
	if err != nil {
		return nil, err
	}
	w.start.Handle = handle
	if w.stream, err = startWriting(ctx, w, p); err != nil {
		return nil, err
	}
	return w.stream, nil
}

type beginBeforeKey struct{}

// BeginBefore makes writes under ctx go out before t or not at all: a batch that lies in a connector which stood still
// is refused by it as TRANSIENT.
func BeginBefore(ctx context.Context, t time.Time) context.Context {
	return context.WithValue(ctx, beginBeforeKey{}, t.UnixMilli())
}

func beginBefore(ctx context.Context) int64 {
	millis, _ := ctx.Value(beginBeforeKey{}).(int64)
	return millis
}

// Write writes a batch and returns what became of each operation. An error stands for the whole batch: AMBIGUOUS
// when some of it may have been stored.
func (w *Writer) Write(ctx context.Context, ops []*protocol.Op) (*protocol.WriteResults, error) {
	b := &protocol.WriteBatch{Ops: ops, BeginBefore: beginBefore(ctx)}
	if err := fits(b); err != nil {
		return nil, err
	}
	for range handOvers {
		s, err := w.open(ctx)
		if err != nil {
			return nil, err
		}
		if ctx.Err() != nil { // else it might still be sent
			return nil, context.Cause(ctx)
		}
		call := &writeCall{batch: b, done: make(chan struct{})}
		late := time.NewTimer(w.conn.connector.host.options.Patience)
		defer late.Stop()
		select {
		case s.out <- call:
		case <-late.C:
			return nil, s.proc.overdue("write", transient)
		case <-s.ctx.Done():
			if w.ctx.Err() != nil {
				return nil, context.Cause(w.ctx)
			}
			continue
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		select {
		case <-call.done:
		case <-late.C:
			return nil, s.proc.overdue("write", ambiguous)
		case <-ctx.Done():
			return nil, interrupted(ctx, ambiguous)
		}
		if !errors.Is(call.err, errNotSent) {
			return call.results, call.err
		}
	}
	return nil, fail(transient, "connector.protocol", "the connector %s ends every stream of writes before it takes a batch",
		w.conn.connector.name)
}

// Close waits for the answers that are still due and ends the stream.
func (w *Writer) Close() error {
	w.turn <- struct{}{}
	defer func() { <-w.turn }()
	w.closed = true
	s := w.stream
	if s == nil {
		return nil
	}
	w.stream = nil
	close(s.closing)
	late := time.AfterFunc(w.conn.connector.host.options.Deadline, s.cancel)
	defer late.Stop()
	s.work.Wait()
	if errors.Is(s.err, io.EOF) || w.ctx.Err() != nil {
		return nil
	}
	return s.err
}

// writeCall is a batch under way. Its results or error are set before done is closed.
type writeCall struct {
	batch   *protocol.WriteBatch
	results *protocol.WriteResults
	err     error
	done    chan struct{}
}

// writeStream is one gRPC stream with two goroutines: one sends, the other receives.
type writeStream struct {
	writer  *Writer
	proc    *process
	ctx     context.Context // ends when the stream is broken
	cancel  context.CancelFunc
	rpc     grpc.BidiStreamingClient[protocol.WriteRequest, protocol.WriteResponse]
	out     chan *writeCall
	closing chan struct{}
	work    conc.WaitGroup

	mu       sync.Mutex
	seq      uint64
	underWay map[uint64]*writeCall
	began    string // where the target stood
	err      error  // why it ended, io.EOF when in order
	position string // the last that is durable; read when the goroutines have ended
}

func startWriting(ctx context.Context, w *Writer, p *process) (*writeStream, error) {
	s := &writeStream{
		writer: w, proc: p,
		out: make(chan *writeCall), closing: make(chan struct{}), underWay: map[uint64]*writeCall{},
	}
	s.ctx, s.cancel = context.WithCancel(w.ctx)
	err := p.patiently(ctx, "write", func(ctx context.Context) error { // nothing is written yet
		stop := context.AfterFunc(ctx, s.cancel) // until it has started, the caller's end ends it too
		err := s.begin()
		if !stop() && err == nil {
			err = context.Cause(ctx)
		}
		return err
	})
	if err != nil {
		s.cancel()
		return nil, err
	}
	s.work.Go(s.send)
	s.work.Go(s.receive)
	return s, nil
}

func (s *writeStream) begin() error {
	var err error
	if s.rpc, err = s.proc.rpc.Write(s.ctx); err != nil {
		return err
	}
	err = s.rpc.Send(&protocol.WriteRequest{Message: &protocol.WriteRequest_Start{Start: s.writer.start}})
	if err != nil && !errors.Is(err, io.EOF) { // EOF: receiving tells the reason
		return err
	}
	r, err := s.rpc.Recv()
	switch {
	case err != nil:
		return err
	case r.GetFailure() != nil:
		return s.proc.connector.asError(r.GetFailure())
	case r.GetStarted() == nil:
		return fail(fatal, "connector.protocol", "the connector %s did not say that it started to write", s.proc.connector.name)
	}
	s.began = r.GetStarted().GetPosition()
	s.position = s.began
	return nil
}

func (s *writeStream) broken() bool { return s.ctx.Err() != nil }

// send numbers and sends batches until the stream is closed or broken. A batch that could not be sent is answered
// by receive, which learns the reason.
func (s *writeStream) send() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.closing:
			_ = s.rpc.CloseSend()
			return
		case call := <-s.out:
			s.mu.Lock()
			if s.err != nil {
				s.mu.Unlock()
				call.finish(nil, errNotSent)
				continue
			}
			s.seq++
			seq := s.seq
			s.underWay[seq] = call
			s.mu.Unlock()
			_ = s.rpc.Send(&protocol.WriteRequest{Message: &protocol.WriteRequest_Batch{
				Batch: &protocol.WriteBatch{Seq: seq, Ops: call.batch.GetOps(), BeginBefore: call.batch.GetBeginBefore()},
			}})
		}
	}
}

func (c *writeCall) finish(results *protocol.WriteResults, err error) {
	c.results, c.err = results, err
	close(c.done)
}

// receive hands answers to their calls until the stream ends, and then tells those still waiting why.
func (s *writeStream) receive() {
	var err error
	for err == nil {
		var r *protocol.WriteResponse
		if r, err = s.rpc.Recv(); err == nil {
			err = s.handle(r)
		}
	}
	if !errors.Is(err, io.EOF) {
		err = callError(s.ctx, s.proc, err, ambiguous)
	}
	s.mu.Lock()
	s.err = err
	s.cancel() // before anybody learns of the end, so that who comes again finds the stream broken
	left := s.underWay
	s.underWay = nil
	s.mu.Unlock()
	for _, call := range left {
		call.finish(nil, s.unanswered(err))
	}
}

func (s *writeStream) handle(r *protocol.WriteResponse) error {
	if f := r.GetFailure(); f != nil {
		return s.proc.connector.asError(f)
	}
	results := r.GetResults()
	if results == nil {
		return fail(ambiguous, "connector.protocol", "the connector %s sent an unknown message", s.proc.connector.name)
	}
	s.mu.Lock()
	call := s.underWay[results.GetSeq()]
	delete(s.underWay, results.GetSeq())
	if p := results.GetPosition(); p != "" {
		s.position = p
	}
	s.mu.Unlock()
	if call == nil {
		return fail(ambiguous, "connector.protocol", "the connector %s answered the batch %d, which is not under way",
			s.proc.connector.name, results.GetSeq())
	}
	got, want := len(results.GetResults()), len(call.batch.GetOps())
	if got != want && (got != 0 || !s.writer.appendOnly) {
		call.finish(nil, fail(ambiguous, "connector.protocol", "the connector %s gave %d results for %d operations",
			s.proc.connector.name, got, want))
		return nil
	}
	for _, result := range results.GetResults() {
		s.proc.connector.explain(result.GetFailure())
	}
	call.finish(results, nil)
	return nil
}

// unanswered is the error of a batch whose answer will not come. Whatever ended the stream, such a batch may have
// been stored; only an append-only target says by its position what stands.
func (s *writeStream) unanswered(err error) error {
	var f *Failure
	if !errors.As(err, &f) {
		f = fail(ambiguous, "connector.protocol", "the connector %s ended the stream without an answer", s.proc.connector.name)
	}
	if s.writer.appendOnly || f.Class == ambiguous {
		return f
	}
	unclear := *f
	unclear.Class = ambiguous
	return &unclear
}
