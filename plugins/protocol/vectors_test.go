package protocol_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/kopru-io/kopru/plugins/protocol"
)

type vector struct {
	Name    string          `json:"name"`
	Meaning string          `json:"meaning"`
	Message string          `json:"message"`
	JSON    json.RawMessage `json:"json"`
	Hex     string          `json:"hex"`
}

// TestVectors: each vector's two forms are the same message, both ways. UPDATE=1 writes the encoded ones.
func TestVectors(t *testing.T) {
	t.Parallel()
	var all []vector
	if err := json.Unmarshal(protocol.Vectors, &all); err != nil {
		t.Fatal(err)
	}
	used := map[protoreflect.Name]bool{}
	for i, v := range all {
		d := protocol.File_connector_proto.Messages().ByName(protoreflect.Name(v.Message))
		if d == nil || v.Meaning == "" {
			t.Fatalf("%s: %q, %q", v.Name, v.Message, v.Meaning)
		}
		used[d.Name()] = true
		said, sent := dynamicpb.NewMessage(d), dynamicpb.NewMessage(d)
		if err := protojson.Unmarshal(v.JSON, said); err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(said)
		if err != nil {
			t.Fatal(err)
		}
		if os.Getenv("UPDATE") != "" {
			all[i].Hex = hex.EncodeToString(encoded)
			continue
		}
		if got := hex.EncodeToString(encoded); got != v.Hex {
			t.Errorf("%s is encoded as %s, not %s", v.Name, got, v.Hex)
		}
		data, err := hex.DecodeString(v.Hex)
		if err == nil {
			err = proto.Unmarshal(data, sent)
		}
		if diff := cmp.Diff(said, sent, protocmp.Transform()); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", v.Name, err, diff)
		}
	}
	for _, name := range []protoreflect.Name{"DescribeResponse", "ReadRequest", "ReadResponse", "LookupResponse", "WriteRequest", "WriteResponse"} {
		if !used[name] {
			t.Errorf("no vector is a %s", name)
		}
	}
	if os.Getenv("UPDATE") == "" {
		return
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(all); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("vectors.json", out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
