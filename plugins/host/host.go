// Package host finds, verifies, starts and supervises connector processes, and talks to them.
//
// There is one process for each connector binary, shared by its connections and started when it is first needed. When
// it dies, what was under way fails with a class that tells the truth about it, and the next use starts it again.
package host

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc"
	"google.golang.org/protobuf/proto"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// Options are what a host needs. Only Dirs and Log must be set.
type Options struct {
	Dirs      []string          // where binaries named kopru-connector-NAME are, the first found wins
	WorkDir   string            // of the processes: what their relative paths are relative to; "" = the engine's own
	CacheDir  string            // keeps manifests by checksum; "" = ask the process every time
	Log       *slog.Logger      // takes what connectors write to standard error
	Checksums map[string]string // the lock: sha256:… by connector, "" = locked, but not on this platform; nil = no lock
	Launcher  []string          // calls ConfineIfAsked with the arguments that follow; nil = connectors are not confined
	Stdout    *os.File          // for connectors that declare stdio
	Unhidden  bool              // secrets in what connectors write are left as they are, for who judges connectors

	Deadline time.Duration                    // for starting, describing, opening and health; 0 = 10 s
	Patience time.Duration                    // for a look-up, a batch written and the next batch read; 0 = 15 min
	Restart  RestartPolicy                    // zero fields have their defaults
	Window   int                              // batches a Read has in flight; 0 = 4
	Env      func(name string) (string, bool) // nil = os.LookupEnv
	Now      func() time.Time                 // nil = time.Now
}

// RestartPolicy says how often a connector that dies is started again.
type RestartPolicy struct {
	First  time.Duration // pause before the first restart, doubled for each further one; 0 = 0.2 s
	Most   time.Duration // longest pause; 0 = 10 s
	Budget int           // restarts within the window; one more and it is quarantined for a window; 0 = 5
	Window time.Duration // 0 = 10 min
}

func (o *Options) fill() {
	or(&o.Deadline, 10*time.Second)
	or(&o.Patience, 15*time.Minute)
	or(&o.Restart.First, 200*time.Millisecond)
	or(&o.Restart.Most, 10*time.Second)
	or(&o.Restart.Budget, 5)
	or(&o.Restart.Window, 10*time.Minute)
	or(&o.Window, 4)
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

func or[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Host holds the connectors of one engine.
type Host struct {
	options Options
	ctx     context.Context // ends when the host is closed
	cancel  context.CancelFunc
	work    conc.WaitGroup // one goroutine for each process
	handles atomic.Uint64
	sums    sync.Map // path → taken

	mu         sync.Mutex
	connectors map[string]*connector // by process: the connector's name, or the address of an isolated connection
}

// New returns a host that has started nothing yet. The caller closes it.
func New(o Options) *Host {
	o.fill()
	ctx, cancel := context.WithCancel(context.Background())
	return &Host{options: o, ctx: ctx, cancel: cancel, connectors: map[string]*connector{}}
}

// Names lists the connectors that are installed.
func (h *Host) Names() []string { return slices.Sorted(maps.Keys(installed(h.options.Dirs))) }

// Status shows every connector that was used, by name.
func (h *Host) Status() []Status {
	h.mu.Lock()
	all := slices.Collect(maps.Values(h.connectors))
	h.mu.Unlock()
	var out []Status
	for _, c := range all {
		out = append(out, c.status())
	}
	slices.SortFunc(out, func(a, b Status) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Close stops every connector and waits for their ends.
func (h *Host) Close() {
	h.mu.Lock()
	h.cancel()
	all := slices.Collect(maps.Values(h.connectors))
	h.mu.Unlock()
	var stopping conc.WaitGroup
	for _, c := range all {
		stopping.Go(c.shut)
	}
	stopping.Wait()
	h.work.Wait()
}

// during returns ctx, ended by the host's end too.
func (h *Host) during(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(h.ctx, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// connector returns the supervisor of a connector's process: the shared one, or the one that an isolated connection
// has to itself. The binary's checksum is taken now, once.
// own is what a process may have that is not for all connections; nil = what the connector declares.
func (h *Host) connector(name, isolated string, own *confinement) (*connector, error) {
	process := name
	if isolated != "" {
		process = isolated
	}
	unit := process
	if own != nil {
		process += fmt.Sprintf("%+v", *own) // other paths, another process
	}
	h.mu.Lock()
	c, err := h.known(process)
	h.mu.Unlock()
	if c != nil || err != nil {
		return c, err
	}
	path, err := h.find(name)
	if err != nil {
		return nil, err
	}
	sum, err := h.checksum(path) // others go on meanwhile
	if err != nil {
		return nil, fail(fatal, "connector.missing", "the connector %s can't be read: %v", name, err)
	}
	if err := h.locked(name, path, sum); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if c, err := h.known(process); c != nil || err != nil {
		return c, err
	}
	c = &connector{
		host: h, name: name, unit: unit, own: own, path: path, sum: sum, state: Idle,
		log: h.options.Log.With("connector", unit), tail: &tail{}, turn: make(chan struct{}, 1),
	}
	h.connectors[process] = c
	return c, nil
}

// known is the supervisor of a process, nil when there is none yet. The caller holds the lock.
func (h *Host) known(process string) (*connector, error) {
	if h.ctx.Err() != nil {
		return nil, errClosed()
	}
	return h.connectors[process], nil
}

// Manifest describes a connector. The process is started only for a binary that was never asked before.
func (h *Host) Manifest(ctx context.Context, name string) (*protocol.Manifest, error) {
	c, err := h.connector(name, "", nil)
	if err != nil {
		return nil, err
	}
	return c.describe(ctx)
}

func (c *connector) describe(ctx context.Context) (*protocol.Manifest, error) {
	release, err := c.take(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	c.mu.Lock()
	m := c.manifest
	c.mu.Unlock()
	if m != nil {
		return m, nil
	}
	if m = c.host.cached(c.sum, c.name); m == nil {
		if m, err = c.ask(ctx); err != nil {
			return nil, err
		}
		if err := c.host.cache(c.sum, m); err != nil {
			c.log.Warn("the manifest can't be cached", "error", err)
		}
	}
	c.mu.Lock()
	c.manifest = m
	c.mu.Unlock()
	return m, nil
}

// ask starts the connector only to describe itself: whether it needs the standard streams is not known before.
func (c *connector) ask(ctx context.Context) (*protocol.Manifest, error) {
	ctx, cancel := c.host.during(ctx)
	defer cancel()
	p, err := c.launch(ctx, false)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	m, err := p.describe(ctx)
	if err != nil {
		return nil, err
	}
	if m.GetName() != c.name {
		return nil, fail(fatal, "connector.protocol", "the connector %s (%s) calls itself %q", c.name, c.path, m.GetName())
	}
	return m, nil
}

func (p *process) describe(ctx context.Context) (m *protocol.Manifest, err error) {
	err = p.control(ctx, "Describe", func(ctx context.Context) error {
		r, err := p.rpc.Describe(ctx, &protocol.DescribeRequest{})
		m = r.GetManifest()
		return err
	})
	return m, err
}

// recognise makes sure that a process is what its manifest says. The manifest may come from the cache, which goes by
// the program's checksum: of a script, that says nothing about what it loads.
func (c *connector) recognise(ctx context.Context, p *process) error {
	m, err := p.describe(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.manifest == nil || proto.Equal(c.manifest, m) {
		return nil
	}
	c.manifest = nil
	if path := c.host.cachePath(c.sum); path != "" {
		_ = os.Remove(path) // the next start asks anew
	}
	return fail(fatal, "connector.manifest_changed",
		"the connector %s describes itself otherwise than before, although its program %s is the same; start again to check the project anew",
		c.name, c.path)
}

// control makes a call that has the host's deadline.
func (p *process) control(ctx context.Context, what string, call func(context.Context) error) error {
	deadline := p.connector.host.options.Deadline
	late, err := within(ctx, deadline, call)
	if late {
		return fail(transient, "connector.hung", "the connector %s did not answer %s within %s", p.connector.name, what, deadline)
	}
	return callError(ctx, p, err, transient)
}

// Validate lets a connector judge a configuration without touching the network.
func (h *Host) Validate(ctx context.Context, name string, config map[string]any) ([]*protocol.Problem, error) {
	c, data, err := h.configured(ctx, Target{Type: name, Config: config}, "")
	if err != nil {
		return nil, err
	}
	p, err := c.acquire(ctx)
	if err != nil {
		return nil, err
	}
	var problems []*protocol.Problem
	err = p.control(ctx, "Validate", func(ctx context.Context) error {
		r, err := p.rpc.Validate(ctx, &protocol.ValidateRequest{Config: data})
		problems = r.GetProblems()
		return err
	})
	return problems, err
}

// Target is what to connect to: `connection "TYPE" "NAME"` with its settings. An isolated one has a process to itself, and
// so has one whose settings name paths or that has resources of its own.
type Target struct {
	Type, Name string
	Config     map[string]any
	Isolated   bool
	Resources  Resources
}

// Connect returns a connection. Its process is started and the connection opened now, and again whenever the process
// had to be restarted.
func (h *Host) Connect(ctx context.Context, t Target) (*Connection, error) {
	address, isolated := t.Type+"."+t.Name, ""
	if t.Isolated {
		isolated = address
	}
	c, data, err := h.configured(ctx, t, isolated)
	if err != nil {
		return nil, err
	}
	conn := &Connection{connector: c, name: address, config: data, turn: make(chan struct{}, 1)}
	if _, _, err := conn.ready(ctx); err != nil {
		return nil, err
	}
	return conn, nil
}

// configured returns a connector that is described, and the configuration as it is sent. The secrets in it are
// hidden in all that the connector will write.
func (h *Host) configured(ctx context.Context, t Target, isolated string) (*connector, []byte, error) {
	config := t.Config
	var own *confinement
	if t.Name != "" && len(h.options.Launcher) > 0 {
		m, err := h.Manifest(ctx, t.Type)
		if err != nil {
			return nil, nil, err
		}
		if personal(m, t.Resources) {
			confined := confine(m, config, t.Resources, h.options.WorkDir)
			isolated, own = t.Type+"."+t.Name, &confined
		}
	}
	c, err := h.connector(t.Type, isolated, own)
	if err != nil {
		return nil, nil, err
	}
	m, err := c.describe(ctx)
	if err != nil {
		return nil, nil, err
	}
	var secrets []string
	for _, a := range m.GetConfig() {
		if text, ok := config[a.GetName()].(string); ok && a.GetSensitive() {
			secrets = append(secrets, text)
		}
	}
	if !h.options.Unhidden {
		c.tail.hide(secrets)
	}
	if config == nil {
		config = map[string]any{}
	}
	data, err := record.Encode(config)
	if err != nil {
		return nil, nil, fmt.Errorf("the settings of %s: %w", t.Type, err)
	}
	return c, data, nil
}
