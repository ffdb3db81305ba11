package protocol

import (
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// messages have every field that a batch can have, and those that are no batches.
func messages() []proto.Message {
	batch := &Batch{Cursor: "c", More: true, Total: 7, Records: []*Record{
		{Key: "é", Operation: Operation_OPERATION_DELETE, OccurredAtMs: -5, Payload: []byte(`{"a":1}`)},
		{},
		{Key: "2", Payload: []byte("{}"), Meta: map[string]string{"a": "b"}, Failure: &Failure{Code: "x", Message: "y"}},
	}}
	ops := &WriteBatch{Seq: 1 << 40, BeginBefore: 12, Ops: []*Op{
		{Operation: Operation_OPERATION_UPDATE, Key: "k", Id: "i", Version: "v", Payload: []byte(`{"b":2}`), IdempotencyKey: "once"}, {},
	}}
	return []proto.Message{
		&ReadResponse{Message: &ReadResponse_Batch{Batch: batch}}, &ReadResponse{Message: &ReadResponse_Batch{Batch: &Batch{}}},
		&ReadResponse{Message: &ReadResponse_End{End: &ReadEnd{Cursor: "e"}}}, &ReadResponse{},
		&WriteRequest{Message: &WriteRequest_Batch{Batch: ops}},
		&WriteRequest{Message: &WriteRequest_Start{Start: &WriteStart{Handle: "h", Options: []byte("{}")}}},
		&WriteResults{Seq: 3, Position: "p"},
	}
}

// TestCodec: what one side sends, the other one gets, in whatever pieces, as the usual codec would give it.
func TestCodec(t *testing.T) {
	for _, m := range messages() {
		sent, err := codec{}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		data := sent.Materialize()
		for _, at := range []int{0, len(data) / 2} {
			got := m.ProtoReflect().New().Interface()
			if err := (codec{}).Unmarshal(mem.BufferSlice{mem.SliceBuffer(data[:at]), mem.SliceBuffer(data[at:])}, got); err != nil || !proto.Equal(got, m) {
				t.Errorf("%v became %v: %v", m, got, err)
			}
		}
		sent.Free()
	}
}

// TestCodecPayloadsAreApart: who adds to a payload does not write over the next record.
func TestCodecPayloadsAreApart(t *testing.T) {
	data, err := proto.Marshal(messages()[0])
	if err != nil {
		t.Fatal(err)
	}
	var got ReadResponse
	if err := (codec{}).Unmarshal(mem.BufferSlice{mem.SliceBuffer(data)}, &got); err != nil {
		t.Fatal(err)
	}
	records := got.GetBatch().GetRecords()
	_ = append(records[0].GetPayload(), "zzzzzzzz"...)
	if !proto.Equal(&got, messages()[0]) {
		t.Errorf("it became %v", &got)
	}
}

// FuzzCodec holds batches against the usual decoder: both take it, with the same outcome, or neither does.
func FuzzCodec(f *testing.F) {
	for _, m := range messages() {
		data, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("\x0a\x04\x0a\x02\x0a\x09"))
	f.Add([]byte("\x0a\x05\x0a\x03\x0a\x01\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, pair := range [][2]proto.Message{{&ReadResponse{}, &ReadResponse{}}, {&WriteRequest{}, &WriteRequest{}}} {
			err := codec{}.Unmarshal(mem.BufferSlice{mem.SliceBuffer(data)}, pair[0])
			wantErr := proto.Unmarshal(data, pair[1])
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("%x: got %v, want %v", data, err, wantErr)
			}
			if err == nil && !proto.Equal(pair[0], pair[1]) {
				t.Fatalf("%x: got %v, want %v", data, pair[0], pair[1])
			}
		}
	})
}
