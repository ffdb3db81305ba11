package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/kopru-io/kopru/plugins/protocol"
)

const (
	farewell = 3 * time.Second // for a process to end by itself when asked to
	lastGasp = time.Second     // for a process to be gone once its connection broke
)

// passedOn are the only variables of the engine's environment that a connector sees; settings come by protocol.
func passedOn() []string {
	return []string{
		"PATH", "TZ", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "NO_PROXY",
		"SystemRoot", // what Windows needs to open a socket
	}
}

// process is a running connector.
type process struct {
	connector *connector
	client    *goplugin.Client
	child     *child
	rpc       protocol.ConnectorClient
	health    grpc_health_v1.HealthClient
	stopping  atomic.Bool            // its end is wanted
	hung      atomic.Pointer[string] // why it was killed: what it did not answer
}

// dialled is what go-plugin wants to know of the client side.
type dialled struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (dialled) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error {
	return errors.New("the host has no server side")
}

func (dialled) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}

// launch verifies the binary and starts it. When ctx or the host's deadline ends first, the process is killed, which
// frees whatever waits for it.
func (c *connector) launch(ctx context.Context, stdio bool) (*process, error) {
	if err := c.verify(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.host.options.Deadline)
	defer cancel()
	security, certificate, err := identity()
	if err != nil {
		return nil, err
	}
	p := &process{connector: c}
	stop := func() bool { return true }
	p.client = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  protocol.Handshake,
		Plugins:          goplugin.PluginSet{protocol.PluginName: dialled{}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		TLSConfig:        security,
		SkipHostEnv:      true,
		StartTimeout:     c.host.options.Deadline,
		Logger:           hclog.NewNullLogger(),
		Stderr:           c.lines(),
		SyncStderr:       c.lines(),
		SyncStdout:       c.lines(),
		GRPCDialOptions:  protocol.DialOptions(),
		RunnerFunc: func(_ hclog.Logger, spec *exec.Cmd, folder string) (runner.Runner, error) {
			child, err := newChild(c.command(append(spec.Env, envClientCert+"="+certificate), folder, stdio), !stdio, c.handedOver(stdio))
			if err != nil {
				return nil, err
			}
			p.child = child
			stop = context.AfterFunc(ctx, child.kill)
			return child, nil
		},
	})
	err = p.dial()
	if err == nil && !stop() {
		err = ctx.Err()
	}
	if err != nil {
		p.stop()
		return nil, c.launchError(ctx, p, err)
	}
	return p, nil
}

func (p *process) dial() error {
	client, err := p.client.Client()
	if err != nil {
		return err
	}
	raw, err := client.Dispense(protocol.PluginName)
	if err != nil {
		return err
	}
	conn, ok := raw.(*grpc.ClientConn)
	if !ok {
		return errors.New("not a gRPC connector")
	}
	p.rpc, p.health = protocol.NewConnectorClient(conn), grpc_health_v1.NewHealthClient(conn)
	return nil
}

func (c *connector) launchError(ctx context.Context, p *process, err error) error {
	why := err.Error()
	switch {
	case c.host.ctx.Err() != nil:
		return errClosed()
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		why = "it did not answer within " + c.host.options.Deadline.String()
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case p.child != nil && p.child.err != nil:
		why = p.child.err.Error()
	}
	return fail(transient, "connector.start", "the connector %s (%s) did not start: %s%s", c.name, c.path, why, c.lastWords())
}

// command is how the connector is started. go-plugin's variables are in env. Folder is the process's own, for its socket
// and its temporary files; go-plugin made it and removes it when the process has ended.
func (c *connector) command(env []string, folder string, stdio bool) *exec.Cmd {
	line := append(c.launcher(), c.path)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir = c.host.options.WorkDir
	cmd.Env = env
	for _, name := range append(passedOn(), c.asked()...) {
		if v, ok := c.host.options.Env(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	for _, name := range []string{"TMPDIR", "TEMP", "TMP"} {
		cmd.Env = append(cmd.Env, name+"="+folder)
	}
	cmd.Env = append(cmd.Env, c.confined().Limits.environment()...)
	cmd.Env = append(cmd.Env, protocol.EnvLogLevel+"="+c.level())
	if stdio {
		cmd.Stdin = os.Stdin
	}
	return cmd
}

// asked are the environment variables that the connector declares.
func (c *connector) asked() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.manifest.GetAccess().GetEnvironment()
}

func (c *connector) level() string {
	for _, l := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn} {
		if c.log.Enabled(context.Background(), l) {
			return l.String()
		}
	}
	return slog.LevelError.String()
}

func (c *connector) handedOver(stdio bool) *os.File {
	if stdio {
		return c.host.options.Stdout
	}
	return nil
}

// up tells whether the process is there.
func (p *process) up() bool {
	select {
	case <-p.child.exited:
		return false
	default:
		return true
	}
}

// stop ends the process, by asking it first, and waits for its end and for go-plugin's goroutines.
func (p *process) stop() {
	p.stopping.Store(true)
	if p.child == nil {
		return
	}
	impatient := time.AfterFunc(farewell, p.child.kill)
	p.client.Kill()
	impatient.Stop()
	<-p.child.exited
}

// watch asks for the process's health until it has ended, and kills it when it does not answer in time. A stopped
// or deadlocked process looks like a slow one to every other call.
func (p *process) watch() {
	deadline := p.connector.host.options.Deadline
	tick := time.NewTicker(max(deadline/2, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-p.child.exited:
			return
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		_, err := p.health.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: goplugin.GRPCServiceName})
		cancel()
		if status.Code(err) == codes.DeadlineExceeded && p.up() && !p.stopping.Load() {
			p.killHung("did not answer for " + deadline.String())
		}
	}
}

func (p *process) killHung(why string) {
	p.hung.CompareAndSwap(nil, &why)
	p.child.kill()
}

// overdue ends the process of a call that got no answer in time: what does not answer keeps its place, and soon
// everybody would wait behind it. The class is that of the call.
func (p *process) overdue(what string, class protocol.FailureClass) error {
	patience := p.connector.host.options.Patience
	p.killHung(fmt.Sprintf("did not answer a %s within %s", what, patience))
	return fail(class, "connector.hung", "the connector %s did not answer a %s within %s and was killed",
		p.connector.name, what, patience)
}

// patiently makes a call that changes nothing and has the host's patience.
func (p *process) patiently(ctx context.Context, what string, call func(context.Context) error) error {
	late, err := within(ctx, p.connector.host.options.Patience, call)
	if late {
		return p.overdue(what, transient)
	}
	return callError(ctx, p, err, transient)
}

// within makes a call and ends it after a while; late tells whether it failed for that. The other side is not told of
// the limit: it would end the call at the same moment, and its answer might overtake ours.
func within(ctx context.Context, limit time.Duration, call func(context.Context) error) (late bool, err error) {
	limited, cancel := context.WithCancel(ctx)
	defer cancel()
	timer := time.AfterFunc(limit, cancel)
	err = call(limited)
	return !timer.Stop() && err != nil && ctx.Err() == nil, err
}

// died explains a call that the process's end cut short. Whoever sees the broken connection first makes sure that
// the process is really gone: one that closed its socket is of no use any more.
func (p *process) died(class protocol.FailureClass) error {
	timer := time.NewTimer(lastGasp)
	defer timer.Stop()
	select {
	case <-p.child.exited:
	case <-timer.C:
		p.child.kill()
		<-p.child.exited
	}
	select { // what it said last tells why
	case <-p.child.heard:
	case <-time.After(2 * drain):
	}
	p.connector.noteEnd(p)
	if p.stopping.Load() {
		return fail(class, "connector.stopped", "the connector %s was stopped", p.connector.name)
	}
	return fail(class, "connector.died", "the connector %s %s%s", p.connector.name, p.end(), p.connector.lastWords())
}

// end says how the process ended.
func (p *process) end() string {
	switch {
	case p.hung.Load() != nil:
		return *p.hung.Load() + " and was killed"
	case p.child.err != nil:
		why := "ended unexpectedly: " + p.child.err.Error()
		if most := p.connector.confined().Limits.Memory; most > 0 {
			why += " (its memory is limited to " + humanize.IBytes(uint64(most)) + ")" //nolint:gosec // above zero
		}
		return why
	}
	return "ended unexpectedly"
}
