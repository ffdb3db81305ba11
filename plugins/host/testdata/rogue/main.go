// Command rogue is a connector that breaks the protocol itself, as one written without the sdk may. What it does wrong
// is the name of the entity that it is asked about.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/kopru-io/kopru/plugins/protocol"
)

func main() {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: protocol.Handshake,
		Plugins:         goplugin.PluginSet{protocol.PluginName: plugin{}},
		Logger:          hclog.NewNullLogger(),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, grpc.MaxSendMsgSize(1<<30))...)
		},
	})
	if os.Getenv("TZ") == "leak" {
		select {} // it was asked to end, and does not
	}
}

type plugin struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (plugin) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	protocol.RegisterConnectorServer(s, &rogue{})
	return nil
}

func (plugin) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("none")
}

type rogue struct {
	protocol.UnimplementedConnectorServer
}

func (rogue) Describe(context.Context, *protocol.DescribeRequest) (*protocol.DescribeResponse, error) {
	name := strings.TrimPrefix(filepath.Base(os.Args[0]), "kopru-connector-")
	m := &protocol.Manifest{Name: name, Version: "1.0.0"}
	if name == "moody" { // another one every time
		m.Summary = fmt.Sprint(os.Getpid())
	}
	return &protocol.DescribeResponse{Manifest: m}, nil
}

func (rogue) Open(context.Context, *protocol.OpenRequest) (*protocol.OpenResponse, error) {
	return &protocol.OpenResponse{}, nil
}

func (rogue) Close(context.Context, *protocol.CloseRequest) (*protocol.CloseResponse, error) {
	return &protocol.CloseResponse{}, nil
}

// garbled is a found record whose id is not UTF-8. Go refuses to send such text; other languages do not.
func garbled() *protocol.Found {
	f := &protocol.Found{}
	f.ProtoReflect().SetUnknown([]byte{0x0a, 0x02, 0xff, 0xfe})
	return f
}

func (rogue) Lookup(ctx context.Context, r *protocol.LookupRequest) (*protocol.LookupResponse, error) {
	hit := &protocol.Hits{Found: []*protocol.Found{{Id: "1", Fields: []byte("{}")}}}
	switch r.GetEntity() {
	case "hang":
		select {}
	case "none":
		return &protocol.LookupResponse{}, nil
	case "too many":
		return &protocol.LookupResponse{Results: []*protocol.Hits{hit, hit}}, nil
	case "huge":
		hit.Found[0].Fields = make([]byte, protocol.MaxMessage+1)
	case "garbled":
		hit.Found[0] = garbled()
	case "unclassed":
		hit.Failure = &protocol.Failure{Message: "something"}
	}
	return &protocol.LookupResponse{Results: []*protocol.Hits{hit}}, nil
}

func (rogue) Read(s grpc.BidiStreamingServer[protocol.ReadRequest, protocol.ReadResponse]) error {
	first, err := s.Recv()
	if err != nil {
		return err
	}
	batch := &protocol.Batch{Records: []*protocol.Record{{Key: "1", Payload: []byte("{}")}}, Cursor: "1"}
	switch first.GetStart().GetEntity() {
	case "hang":
		select {}
	case "silent":
		return nil
	case "empty":
		return s.Send(&protocol.ReadResponse{})
	case "huge":
		batch.Records[0].Payload = make([]byte, protocol.MaxMessage+1)
	case "garbled":
		batch.Records[0].ProtoReflect().SetUnknown([]byte{0x0a, 0x02, 0xff, 0xfe})
	}
	return s.Send(&protocol.ReadResponse{Message: &protocol.ReadResponse_Batch{Batch: batch}})
}

func (rogue) Write(s grpc.BidiStreamingServer[protocol.WriteRequest, protocol.WriteResponse]) error {
	first, err := s.Recv()
	if err != nil {
		return err
	}
	entity := first.GetStart().GetEntity()
	results := func(seq uint64, n int) error {
		out := &protocol.WriteResults{Seq: seq}
		for range n {
			out.Results = append(out.Results, &protocol.Result{Id: "1"})
		}
		return s.Send(&protocol.WriteResponse{Message: &protocol.WriteResponse_Results{Results: out}})
	}
	switch entity {
	case "never starts":
		select {}
	case "not started":
		return results(1, 1)
	case "silent start":
		return nil
	}
	err = s.Send(&protocol.WriteResponse{Message: &protocol.WriteResponse_Started{Started: &protocol.WriteStarted{}}})
	for err == nil {
		var r *protocol.WriteRequest
		if r, err = s.Recv(); err != nil {
			break
		}
		seq, n := r.GetBatch().GetSeq(), len(r.GetBatch().GetOps())
		switch entity {
		case "hang":
			select {}
		case "wrong seq":
			err = results(seq+7, n)
		case "twice":
			err = errors.Join(results(seq, n), results(seq, n))
		case "too few":
			err = results(seq, n-1)
		case "too many":
			err = results(seq, n+1)
		case "silent":
			return nil
		case "empty":
			err = s.Send(&protocol.WriteResponse{})
		case "started again":
			err = s.Send(&protocol.WriteResponse{Message: &protocol.WriteResponse_Started{Started: &protocol.WriteStarted{}}})
		default:
			err = results(seq, n)
		}
	}
	return nil
}
