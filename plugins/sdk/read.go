package sdk

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/kopru-io/kopru/plugins/protocol"
)

const (
	messageAim   = 8 << 20                    // a batch is cut into messages of about this many bytes
	messageLimit = protocol.MaxMessage - 4096 // of a record, with room for what surrounds it
)

// Read streams an entity's records.
func (s *service) Read(stream protocol.Connector_ReadServer) error {
	defer s.collector.stream()()
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	start := first.GetStart()
	if start == nil {
		return status.Error(codes.InvalidArgument, "the first message of a read must be start")
	}
	end, err := s.read(stream, start)
	if ctxErr := stream.Context().Err(); ctxErr != nil {
		return ctxErr // nobody listens any more
	}
	if err != nil {
		f := asFailure(err, protocol.FailureClass_FAILURE_CLASS_TRANSIENT).proto()
		return stream.Send(&protocol.ReadResponse{Message: &protocol.ReadResponse_Failure{Failure: f}})
	}
	return stream.Send(&protocol.ReadResponse{Message: &protocol.ReadResponse_End{End: &protocol.ReadEnd{Cursor: valid(end)}}})
}

func (s *service) read(stream protocol.Connector_ReadServer, start *protocol.ReadStart) (end string, err error) {
	c, ctx, done, err := s.use(stream.Context(), start.GetHandle())
	if err != nil {
		return "", err
	}
	defer done()
	e, err := s.entity(start.GetEntity())
	if err != nil {
		return "", err
	}
	reader, ok := c.Connection.(Reader)
	if !ok {
		return "", Fatal("connector.unsupported", "%s cannot be read", start.GetEntity())
	}
	options, err := settings(start.GetOptions(), e.GetSourceOptions())
	if err != nil {
		return "", err
	}
	request := ReadRequest{
		Entity: start.GetEntity(), Cursor: start.GetCursor(), Options: options, BatchSize: int(start.GetBatchSize()),
		From: moment(start.GetFromMs()), To: moment(start.GetToMs()),
	}
	if request.BatchSize <= 0 {
		request.BatchSize = 100
	}
	credit := newCredit()
	go s.attend(ctx, receive(ctx, stream.Recv), credit, c, start.GetEntity())
	emit := func(b Batch) error { return send(ctx, stream, credit, b) }
	err = s.guard("Read", func() error {
		end, err = reader.Read(ctx, request, emit)
		return err
	})
	return end, err
}

// attend takes credit and what is settled, until the read's ctx ends.
func (s *service) attend(ctx context.Context, in <-chan received[*protocol.ReadRequest], credit *credit, c *opened, entity string) {
	committer, _ := c.Connection.(Committer)
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-in:
			if r.err != nil {
				return
			}
			switch m := r.message.GetMessage().(type) {
			case *protocol.ReadRequest_Credit:
				credit.add(int(m.Credit))
			case *protocol.ReadRequest_Committed:
				if committer == nil {
					continue
				}
				if err := s.guard("Committed", func() error { return committer.Committed(ctx, entity, m.Committed) }); err != nil {
					s.log.Warn("the source could not be told what is settled", "error", withoutQuery(err))
				}
			}
		}
	}
}

// send waits for credit and sends a batch, in several messages when it is big; the last one carries the cursor.
func send(ctx context.Context, stream protocol.Connector_ReadServer, credit *credit, b Batch) error {
	for rest := b.Records; ; {
		out := &protocol.Batch{Total: int64(b.Total)}
		for size := 0; len(rest) > 0 && (len(out.Records) == 0 || size < messageAim); rest = rest[1:] {
			r := recordProto(rest[0])
			n := proto.Size(r)
			if n > messageLimit {
				return Invalid("connector.record_too_large", "the record %s has %d bytes; %d are the most", r.GetKey(), n, messageLimit)
			}
			if len(out.Records) > 0 && size+n > messageLimit {
				break
			}
			size += n
			out.Records = append(out.Records, r)
		}
		out.More = len(rest) > 0
		if !out.More {
			out.Cursor = valid(b.Cursor)
		}
		if err := credit.take(ctx); err != nil {
			return err
		}
		if err := stream.Send(&protocol.ReadResponse{Message: &protocol.ReadResponse_Batch{Batch: out}}); err != nil {
			return errors.Join(ctx.Err(), err)
		}
		if len(rest) == 0 {
			return nil
		}
	}
}

func recordProto(r Record) *protocol.Record {
	out := &protocol.Record{
		Key: valid(r.Key), Operation: protocol.Operation_OPERATION_UPSERT, Payload: r.Payload, Meta: r.Meta,
	}
	if r.Delete {
		out.Operation = protocol.Operation_OPERATION_DELETE
	}
	if r.Err != nil {
		out.Failure = asFailure(r.Err, protocol.FailureClass_FAILURE_CLASS_INVALID).proto()
	}
	if !r.OccurredAt.IsZero() {
		out.OccurredAtMs = r.OccurredAt.UnixMilli()
	}
	return out
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// credit counts the batches that may still be sent.
type credit struct {
	mu   sync.Mutex
	n    int
	more chan struct{} // has a token when n grew
}

func newCredit() *credit { return &credit{more: make(chan struct{}, 1)} }

func (c *credit) add(n int) {
	c.mu.Lock()
	c.n += n
	c.mu.Unlock()
	select {
	case c.more <- struct{}{}:
	default:
	}
}

func (c *credit) take(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.mu.Lock()
		ok := c.n > 0
		if ok {
			c.n--
		}
		c.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-c.more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
