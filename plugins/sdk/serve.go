package sdk

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/kopru-io/kopru/plugins/protocol"
)

// farewell is how long connections may take to close when the engine asks the process to end; the host kills it
// after two seconds.
const farewell = 1500 * time.Millisecond

// Serve runs the connector until the engine ends it or is gone. It is all that a connector's main does.
func Serve(c Connector) {
	level := slog.LevelInfo
	if text := os.Getenv(protocol.EnvLogLevel); text != "" {
		_ = level.UnmarshalText([]byte(text)) // an unknown level leaves the default
	}
	log := newLogger(os.Stderr, level) // go-plugin replaces os.Stderr below; this one stays the real one
	if fd := fileFromEnv(protocol.EnvLifeline); fd != nil {
		go exitWithEngine(fd)
	}
	s := newService(c, log)
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: protocol.Handshake,
		Plugins:         goplugin.PluginSet{protocol.PluginName: &plugin{service: s}},
		Logger:          hclog.NewNullLogger(),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, protocol.ServerOptions()...)...)
		},
	})
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	s.closeAll(ctx)
}

// exitWithEngine ends the process when the other end of the pipe closes, which the kernel does even when the engine
// was killed.
func exitWithEngine(lifeline io.Reader) {
	_, _ = io.Copy(io.Discard, lifeline) // only its end matters
	os.Exit(0)
}

// Stdout returns the engine's standard output, for connectors whose manifest says stdio; nil without one. The
// process's own standard output belongs to the protocol.
func Stdout() *os.File { return stdout() }

// stdout is made once: a second *os.File for the same number would close it when collected.
var stdout = sync.OnceValue(func() *os.File { return fileFromEnv(protocol.EnvStdout) })

func fileFromEnv(name string) *os.File {
	fd, err := strconv.ParseUint(os.Getenv(name), 10, 31)
	if err != nil || fd < 3 {
		return nil
	}
	return os.NewFile(uintptr(fd), name)
}

// plugin is what go-plugin wants to know of a service.
type plugin struct {
	goplugin.NetRPCUnsupportedPlugin
	service *service
}

func (p *plugin) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	protocol.RegisterConnectorServer(s, p.service)
	return nil
}

func (p *plugin) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("a connector has no client side")
}
