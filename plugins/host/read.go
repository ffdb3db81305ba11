package host

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/kopru-io/kopru/plugins/protocol"
)

// Stream is a read in progress. Next is for one goroutine; Committed and Close are for any.
type Stream struct {
	ctx    context.Context
	cancel context.CancelFunc
	proc   *process
	rpc    grpc.BidiStreamingClient[protocol.ReadRequest, protocol.ReadResponse]

	sending sync.Mutex
	taken   bool // the last batch's credit is to be given back
	end     string
	err     error // what Next returns from now on
}

// Read starts to read an entity; the handle in start is filled in. A few batches are in flight at any time; the
// connector sends more as Next takes them. The stream lives until its end, Close or ctx's end.
func (c *Connection) Read(ctx context.Context, start *protocol.ReadStart) (*Stream, error) {
	p, handle, err := c.ready(ctx)
	if err != nil {
		return nil, err
	}
	start = proto.CloneOf(start)
	start.Handle = handle
	s := &Stream{proc: p}
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.rpc, err = p.rpc.Read(s.ctx)
	if err == nil {
		err = s.rpc.Send(&protocol.ReadRequest{Message: &protocol.ReadRequest_Start{Start: start}})
	}
	if err == nil {
		err = s.rpc.Send(credit(c.connector.host.options.Window))
	}
	if err != nil && !errors.Is(err, io.EOF) { // EOF: Next learns the reason
		s.cancel()
		return nil, callError(ctx, p, err, transient)
	}
	return s, nil
}

func credit(n int) *protocol.ReadRequest {
	return &protocol.ReadRequest{Message: &protocol.ReadRequest_Credit{Credit: int32(n)}}
}

// Next returns the next batch, io.EOF after the last one. Asking for the next gives the credit of the one before back.
func (s *Stream) Next() (*protocol.Batch, error) {
	if s.err != nil {
		return nil, s.err
	}
	if s.taken {
		s.send(credit(1))
		s.taken = false
	}
	b, err := s.receive()
	if err != nil {
		s.err = err
		s.cancel()
		return nil, err
	}
	s.taken = true
	return b, nil
}

// patience is how long the next batch may take. A connector that reads standard input waits for whoever writes there.
func (s *Stream) patience() time.Duration {
	if s.proc.connector.stdio() {
		return math.MaxInt64
	}
	return s.proc.connector.host.options.Patience
}

func (s *Stream) receive() (*protocol.Batch, error) {
	late := time.AfterFunc(s.patience(), s.cancel)
	r, err := s.rpc.Recv()
	if !late.Stop() {
		return nil, s.proc.overdue("read", transient)
	}
	if err != nil {
		return nil, callError(s.ctx, s.proc, err, transient)
	}
	switch m := r.GetMessage().(type) {
	case *protocol.ReadResponse_Batch:
		return m.Batch, nil
	case *protocol.ReadResponse_End:
		s.end = m.End.GetCursor()
		return nil, io.EOF
	case *protocol.ReadResponse_Failure:
		return nil, s.proc.connector.asError(m.Failure)
	}
	return nil, fail(fatal, "connector.protocol", "the connector %s sent an unknown message", s.proc.connector.name)
}

// send tells the connector something; when the stream is broken, Next learns why.
func (s *Stream) send(m *protocol.ReadRequest) {
	s.sending.Lock()
	defer s.sending.Unlock()
	_ = s.rpc.Send(m)
}

// Committed tells the connector that everything up to cursor is settled for good.
func (s *Stream) Committed(cursor string) {
	s.send(&protocol.ReadRequest{Message: &protocol.ReadRequest_Committed{Committed: cursor}})
}

// End is the cursor after the last record, once Next has returned io.EOF.
func (s *Stream) End() string { return s.end }

// Close ends the stream early, or frees what is left of it.
func (s *Stream) Close() error {
	s.cancel()
	return nil
}
