package protocol

import (
	"math/bits"
	"sync"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// inFlight is how many bytes of a stream either side sends before the other has to say that it took some: a few batches
// of usual size, so that none waits in the middle.
const inFlight = 1 << 20

// DialOptions are how the engine talks to a connector in Go, and ServerOptions how that one answers. What they say is
// plain gRPC with plain protobuf: connectors in other languages need none of this.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessage), grpc.MaxCallSendMsgSize(MaxMessage), grpc.ForceCodecV2(codec{})),
		grpc.WithInitialWindowSize(inFlight), grpc.WithInitialConnWindowSize(4 * inFlight), experimental.WithBufferPool(buffers),
	}
}

// ServerOptions are the connector's side.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxMessage), grpc.MaxSendMsgSize(MaxMessage), grpc.ForceServerCodecV2(codec{}),
		grpc.InitialWindowSize(inFlight), grpc.InitialConnWindowSize(4 * inFlight), experimental.BufferPool(buffers),
	}
}

// codec is protobuf, with less work for batches: the payloads of a batch that was received are slices of one piece of
// memory, and buffers are not cleared before they are written over.
type codec struct{}

func (codec) Name() string { return "proto" }

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return encoding.GetCodecV2("proto").Marshal(v)
	}
	buf := buffers.Get(proto.Size(m))
	data, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend((*buf)[:0], m)
	if err != nil {
		buffers.Put(buf)
		return nil, err
	}
	*buf = data
	return mem.BufferSlice{mem.NewBuffer(buf, buffers)}, nil
}

func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	switch m := v.(type) {
	case *ReadResponse:
		whole, b := data.Materialize(), &Batch{}
		if batch, ok := onlyField(whole, 1); ok && readBatch(batch, b) {
			m.Message = &ReadResponse_Batch{Batch: b}
			return nil
		}
		return proto.Unmarshal(whole, m)
	case *WriteRequest:
		whole, b := data.Materialize(), &WriteBatch{}
		if batch, ok := onlyField(whole, 2); ok && readWriteBatch(batch, b) {
			m.Message = &WriteRequest_Batch{Batch: b}
			return nil
		}
		return proto.Unmarshal(whole, m)
	case proto.Message:
		buf := data.MaterializeToBuffer(buffers)
		defer buf.Free()
		return proto.Unmarshal(buf.ReadOnlyData(), m)
	}
	return encoding.GetCodecV2("proto").Unmarshal(data, v)
}

// onlyField is the content of a message that has nothing but one field.
func onlyField(data []byte, number protowire.Number) (content []byte, ok bool) {
	n, kind, tag := protowire.ConsumeTag(data)
	if tag < 0 || n != number || kind != protowire.BytesType {
		return nil, false
	}
	content, size := protowire.ConsumeBytes(data[tag:])
	return content, tag+size == len(data)
}

// The functions below read messages that are as usual. They return false for what is not, which protobuf judges then.

func readBatch(data []byte, b *Batch) bool {
	records := make([]Record, count(data, 1))
	b.Records = make([]*Record, 0, len(records))
	return fields(data, func(f wire) bool {
		switch f.number {
		case 1:
			r := &records[len(b.Records)]
			b.Records = append(b.Records, r)
			return f.kind == protowire.BytesType && (readRecord(f.bytes, r) || proto.Unmarshal(f.bytes, r) == nil)
		case 2:
			return f.text(&b.Cursor)
		case 3:
			b.More = protowire.DecodeBool(f.value)
		case 4:
			b.Total = int64(f.value) //nolint:gosec // as the format has it
		default:
			return false
		}
		return f.kind == protowire.VarintType
	})
}

func readRecord(data []byte, r *Record) bool {
	return fields(data, func(f wire) bool {
		switch f.number {
		case 1:
			return f.text(&r.Key)
		case 2:
			r.Operation = Operation(f.value) //nolint:gosec // as the format has it
		case 3:
			r.OccurredAtMs = int64(f.value) //nolint:gosec // as the format has it
		case 4:
			r.Payload = f.bytes
			return f.kind == protowire.BytesType
		default:
			return false
		}
		return f.kind == protowire.VarintType
	})
}

func readWriteBatch(data []byte, b *WriteBatch) bool {
	ops := make([]Op, count(data, 2))
	b.Ops = make([]*Op, 0, len(ops))
	return fields(data, func(f wire) bool {
		switch f.number {
		case 1:
			b.Seq = f.value
		case 2:
			op := &ops[len(b.Ops)]
			b.Ops = append(b.Ops, op)
			return f.kind == protowire.BytesType && readOp(f.bytes, op)
		case 3:
			b.BeginBefore = int64(f.value) //nolint:gosec // as the format has it
		default:
			return false
		}
		return f.kind == protowire.VarintType
	})
}

func readOp(data []byte, op *Op) bool {
	return fields(data, func(f wire) bool {
		switch f.number {
		case 1:
			op.Operation = Operation(f.value) //nolint:gosec // as the format has it
			return f.kind == protowire.VarintType
		case 2:
			return f.text(&op.Key)
		case 3:
			return f.text(&op.Id)
		case 4:
			return f.text(&op.Version)
		case 5:
			op.Payload = f.bytes
			return f.kind == protowire.BytesType
		case 6:
			return f.text(&op.IdempotencyKey)
		}
		return false
	})
}

// wire is one field of a message: a number, or bytes, which are of the message's own memory.
type wire struct {
	number protowire.Number
	kind   protowire.Type
	value  uint64
	bytes  []byte
}

func (f wire) text(to *string) bool {
	*to = string(f.bytes)
	return f.kind == protowire.BytesType && utf8.Valid(f.bytes)
}

// fields calls each with the fields of a message, as long as it returns true.
func fields(data []byte, each func(wire) bool) bool {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return false
		}
		data = data[n:]
		f := wire{number: number, kind: kind}
		switch kind {
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(data)
			f.bytes = f.bytes[:len(f.bytes):len(f.bytes)]
		case protowire.VarintType:
			f.value, n = protowire.ConsumeVarint(data)
		default:
			return false
		}
		if n < 0 || !each(f) {
			return false
		}
		data = data[n:]
	}
	return true
}

// count is how many fields of a number a message has.
func count(data []byte, number protowire.Number) (n int) {
	fields(data, func(f wire) bool {
		if f.number == number {
			n++
		}
		return true
	})
	return n
}

// buffers are used again and again, and never cleared: whoever takes one writes all of it.
var buffers mem.BufferPool = &bufferPool{}

type bufferPool struct{ bySize [bits.UintSize]sync.Pool }

const smallest = 9 // powers of two; less is not worth it

func (p *bufferPool) Get(length int) *[]byte {
	size := max(smallest, bits.Len(uint(max(length, 1)-1))) //nolint:gosec // at least zero
	if b, ok := p.bySize[size].Get().(*[]byte); ok {
		*b = (*b)[:length]
		return b
	}
	b := make([]byte, length, 1<<size)
	return &b
}

func (p *bufferPool) Put(b *[]byte) {
	if size := bits.Len(uint(cap(*b))) - 1; size >= smallest {
		p.bySize[size].Put(b)
	}
}
