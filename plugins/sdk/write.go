package sdk

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/sourcegraph/conc"
	"github.com/sourcegraph/conc/iter"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/kopru-io/kopru/plugins/protocol"
)

const ambiguous = protocol.FailureClass_FAILURE_CLASS_AMBIGUOUS

// PerOp makes a BatchWriter of a function that writes one operation. The results' errors are told apart per
// operation; at most so many run at once, over all batches.
func PerOp(concurrency int, write func(context.Context, Op) Result) BatchWriter {
	return &perOp{write: write, slots: make(chan struct{}, max(1, concurrency))}
}

type perOp struct {
	write func(context.Context, Op) Result
	slots chan struct{}
}

func (p *perOp) Write(ctx context.Context, ops []Op) ([]Result, string, error) {
	results := make([]Result, len(ops))
	// A goroutine writes several: each new one would grow its stack anew.
	each := iter.Iterator[Op]{MaxGoroutines: cap(p.slots)}
	each.ForEachIdx(ops, func(i int, op *Op) {
		select {
		case p.slots <- struct{}{}:
			defer func() { <-p.slots }()
			results[i] = p.write(ctx, *op)
		case <-ctx.Done():
			results[i].Err = Transient("connector.cancelled", "the call was cancelled before anything was sent")
		}
	})
	return results, "", nil
}

func (p *perOp) Close() error { return nil }

// Write streams operations to an entity.
func (s *service) Write(stream protocol.Connector_WriteServer) error {
	defer s.collector.stream()()
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	start := first.GetStart()
	if start == nil {
		return status.Error(codes.InvalidArgument, "the first message of a write must be start")
	}
	w := &writing{service: s, stream: stream, entityName: start.GetEntity()}
	err = w.run(start)
	if ctxErr := stream.Context().Err(); ctxErr != nil {
		return ctxErr
	}
	if err != nil {
		f := asFailure(err, ambiguous).proto()
		return w.send(&protocol.WriteResponse{Message: &protocol.WriteResponse_Failure{Failure: f}})
	}
	return nil
}

// writing is one stream of writes.
type writing struct {
	*service
	stream     protocol.Connector_WriteServer
	entityName string
	entity     *protocol.Entity
	conn       *opened
	writer     BatchWriter
	sending    sync.Mutex
}

func (w *writing) send(m *protocol.WriteResponse) error {
	w.sending.Lock()
	defer w.sending.Unlock()
	return w.stream.Send(m)
}

func (w *writing) run(start *protocol.WriteStart) error {
	c, ctx, done, err := w.use(w.stream.Context(), start.GetHandle())
	if err != nil {
		return err
	}
	defer done()
	w.conn = c
	if w.entity, err = w.service.entity(w.entityName); err != nil {
		return err
	}
	opener, ok := c.Connection.(Writer)
	if !ok {
		return Fatal("connector.unsupported", "%s cannot be written", w.entityName)
	}
	options, err := settings(start.GetOptions(), w.entity.GetSinkOptions())
	if err != nil {
		return err
	}
	err = w.guard("Writer", func() error {
		w.writer, err = opener.Writer(ctx, WriteRequest{Entity: w.entityName, Position: start.GetPosition(), Options: options})
		return err
	})
	if err != nil { // nothing is written yet
		return asFailure(err, protocol.FailureClass_FAILURE_CLASS_TRANSIENT)
	}
	started := &protocol.WriteStarted{}
	if p, ok := w.writer.(Positioned); ok {
		started.Position = valid(p.Position())
	}
	err = w.send(&protocol.WriteResponse{Message: &protocol.WriteResponse_Started{Started: started}})
	if err == nil {
		err = w.batches(ctx)
	}
	return errors.Join(err, w.guard("Close", w.writer.Close))
}

// batches answers batches until the engine sends no more; it returns when all under way are answered.
func (w *writing) batches(ctx context.Context) error {
	var underWay conc.WaitGroup
	defer underWay.Wait()
	in := receive(ctx, w.stream.Recv)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case r := <-in:
			if errors.Is(r.err, io.EOF) {
				return nil
			}
			if r.err != nil {
				return r.err
			}
			b := r.message.GetBatch()
			if b == nil {
				return Fatal("connector.protocol", "a batch was expected")
			}
			free, err := w.conn.slot(ctx, w.entity)
			if err != nil {
				return err
			}
			if !w.entity.GetAppendOnly() {
				underWay.Go(func() {
					defer free()
					_ = w.answer(ctx, b) // what a broken stream loses, the engine counts as ambiguous
				})
				continue
			}
			err = w.answer(ctx, b)
			free()
			if err != nil {
				return err
			}
		}
	}
}

// answer writes one batch and sends its results. Only for append-only entities is a failed batch the stream's end:
// what comes after it has no place.
func (w *writing) answer(ctx context.Context, b *protocol.WriteBatch) error {
	ops := make([]Op, len(b.GetOps()))
	for i, op := range b.GetOps() {
		ops[i] = Op{
			Operation: op.GetOperation(), Key: op.GetKey(), ID: op.GetId(), Version: op.GetVersion(),
			Payload: op.GetPayload(), IdempotencyKey: op.GetIdempotencyKey(),
		}
	}
	var results []Result
	var position string
	ctx = withBeginBefore(ctx, b.GetBeginBefore())
	err := tooLate(ctx)
	if err == nil {
		err = w.guard("Write", func() (err error) {
			results, position, err = w.writer.Write(ctx, ops)
			return err
		})
	}
	silent := w.entity.GetAppendOnly() && len(results) == 0
	if err == nil && len(results) != len(ops) && !silent {
		err = Ambiguous("connector.bad_results", "the connector gave %d results for %d operations", len(results), len(ops))
		results = nil
	}
	if err != nil && w.entity.GetAppendOnly() {
		return err
	}
	out := &protocol.WriteResults{Seq: b.GetSeq(), Position: valid(position)}
	for i := range ops {
		switch {
		case i < len(results):
			out.Results = append(out.Results, resultProto(results[i]))
		case err != nil:
			out.Results = append(out.Results, resultProto(Result{Err: afterPanic(err)}))
		}
	}
	if proto.Size(out) > messageLimit { // outcomes matter more than the story
		for _, r := range out.GetResults() {
			r.Exchanges = nil
		}
	}
	return w.send(&protocol.WriteResponse{Message: &protocol.WriteResponse_Results{Results: out}})
}

// afterPanic keeps the truth about a write that panicked: nobody knows how far it came. Fatal alone would say that
// nothing was stored.
func afterPanic(err error) error {
	var f *Failure
	if errors.As(err, &f) && f.Code == "connector.panic" {
		unclear := *f
		unclear.Class = ambiguous
		return &unclear
	}
	return err
}

func resultProto(r Result) *protocol.Result {
	out := &protocol.Result{Id: valid(r.ID), Version: valid(r.Version), Exchanges: r.Exchanges}
	if r.Err != nil {
		f := asFailure(r.Err, ambiguous)
		out.Failure = f.proto()
		if out.Exchanges == nil {
			out.Exchanges = f.Exchanges
		}
	}
	return out
}
