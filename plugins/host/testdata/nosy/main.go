// Command nosy is a connector that tries for more than it asks for: what it is told to look up, it does.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/sdk"
)

func main() { sdk.Serve(nosy{}) }

type nosy struct{}

func (nosy) Manifest() *protocol.Manifest {
	text := protocol.AttributeType_ATTRIBUTE_TYPE_STRING
	return &protocol.Manifest{
		Name: "nosy", Version: "1.0.0", Summary: "Looks where it should not.",
		Access: &protocol.Access{Environment: []string{"NOSY_ASKED"}},
		Config: []*protocol.Attribute{
			sdk.Attribute("folder", text, "It may write here.", sdk.WritePath),
			sdk.Attribute("file", text, "It may read this.", sdk.ReadPath),
		},
		Entities: []*protocol.Entity{{Name: "thing", CanLookup: true}},
	}
}

func (nosy) Validate(sdk.Config) []*protocol.Problem { return nil }

func (nosy) Open(context.Context, string, sdk.Config, *slog.Logger) (sdk.Connection, error) {
	return connection{}, nil
}

type connection struct{}

func (connection) Check(context.Context) ([]string, []*protocol.Problem) { return nil, nil }
func (connection) Close() error                                          { return nil }

func (connection) Lookup(_ context.Context, _ string, q sdk.Query) ([]sdk.Found, error) {
	answer, err := do(fmt.Sprint(q.Match["do"]), fmt.Sprint(q.Match["with"]))
	if err != nil {
		return nil, sdk.Invalid("nosy.refused", "%v", err)
	}
	return []sdk.Found{{ID: "1", Fields: map[string]any{"answer": answer}}}, nil
}

func do(what, with string) (string, error) {
	switch what {
	case "read":
		data, err := os.ReadFile(with)
		return string(data), err
	case "write":
		return "", os.WriteFile(with, []byte("nosy"), 0o600)
	case "rename":
		return "", os.Rename(with, filepath.Join(filepath.Dir(with), "inner", "renamed"))
	case "dial":
		conn, err := net.Dial("tcp", with)
		if err == nil {
			err = conn.Close()
		}
		return "", err
	case "env":
		return os.Getenv(with), nil
	case "cpus":
		return strconv.Itoa(runtime.NumCPU()), nil
	case "grow":
		n, err := strconv.Atoi(with)
		hoard := make([]byte, n<<20)
		for i := 0; i < len(hoard); i += 4096 {
			hoard[i] = 1
		}
		return strconv.Itoa(len(hoard)), err
	}
	return "", errors.New("do what?")
}
