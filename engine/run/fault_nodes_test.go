package run_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/engine/state/postgrestest"
	"github.com/kopru-io/kopru/pipelines"
)

const (
	nodeSeeds = 3                       // of TestFaultsOnNodes
	lease     = 1500 * time.Millisecond // of its nodes
)

// TestFaultsOnNodes is TestFaults with three nodes on PostgreSQL. They are killed, cut off from the database, and lose
// its answers, while the feed grows and, in some worlds, a backfill is under way.
func TestFaultsOnNodes(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	eachSeed(t, nodeSeeds, func(t *testing.T, seed uint64) {
		w := newFaultWorld(t, seed)
		w.dsn = server.Database(t)
		w.restart()
		(&cluster{faultWorld: w}).live()
	})
}

// cluster is a fault world with several nodes.
type cluster struct {
	*faultWorld
	nodes    []*node
	born     int
	slow     time.Duration // a call takes so long at most
	backfill atomic.Bool   // there is one

	mu    sync.Mutex
	turns []string // whose writes came, in order, neighbours that are the same only once
}

// live lets three nodes work while one thing after the other befalls them. Then all is well again, and what is left
// must come to its end.
func (c *cluster) live() {
	c.t.Helper()
	ctx := c.t.Context()
	c.slow = time.Duration(1 + c.rng.Int64N(int64(lease/20)))
	c.happen(len(c.coming) / 2)
	if c.rng.IntN(3) == 0 {
		c.beginBackfill()
	}
	for range 3 {
		c.nodes = append(c.nodes, c.node())
	}
	for range 3 + c.rng.IntN(5) {
		_ = pauseFor(ctx, time.Duration(c.rng.Int64N(int64(lease/2))))
		c.befall()
	}
	c.happen(len(c.coming))
	for _, n := range c.nodes {
		n.wire.mend()
		n.stalled.Store(false)
	}
	c.calm.Store(true)
	_ = pauseFor(ctx, time.Duration(c.rng.Int64N(int64(lease))))
	for _, n := range c.nodes {
		n.end()
	}
	if c.items {
		c.bringItems()
	}
	for c.backfill.Load() && c.backfilled("b").Open() { // one that failed waits for a person to take it up again
		if err := c.runner.Store.ResumeBackfill(ctx, "b"); err != nil {
			c.t.Fatal(err)
		}
		if err := c.runner.Backfill(ctx, c.project.Pipelines[0], "b"); err != nil {
			c.t.Fatal(err)
		}
	}
	for round := 0; round < 4; { // what was parked comes in, oldest first
		s, err := c.runner.Run(ctx, c.project.Pipelines[0])
		switch {
		case err == nil:
			balanced(c.t, s)
			round++
		case !errors.Is(err, state.ErrBusy) || pauseFor(ctx, lease/10) != nil: // a dead node's lease
			c.t.Fatal(err)
		}
	}
	c.judge()
	c.judgeTurns()
	c.judgeCounters()
}

// befall is what may happen to a cluster.
func (c *cluster) befall() {
	i := c.rng.IntN(len(c.nodes))
	n := c.nodes[i]
	away := time.Duration(c.rng.Int64N(int64(2 * lease)))
	switch c.rng.IntN(6) {
	case 0:
		n.kill()
		c.nodes[i] = c.node()
	case 1:
		n.wire.cut(c.rng.IntN(2) == 0)
		n.stalled.Store(c.rng.IntN(2) == 0)
		c.later(away, func() {
			n.wire.mend()
			n.stalled.Store(false)
		})
	case 2: // the database is gone
		for _, n := range c.nodes {
			n.wire.cut(c.rng.IntN(2) == 0)
			c.later(away/2, n.wire.mend)
		}
	case 3:
		c.happen(c.rng.IntN(len(c.coming) + 1))
	case 4:
		if c.items {
			c.bringItems()
		}
	case 5:
		if !c.backfill.Load() {
			c.beginBackfill()
		}
	}
}

func (c *cluster) beginBackfill() {
	c.begin("b", len(c.system.feed), 1+c.rng.IntN(6))
	c.backfill.Store(true)
}

// later does something after a while, at the end of the test if that comes first.
func (c *cluster) later(d time.Duration, do func()) {
	timer := time.AfterFunc(d, do)
	c.t.Cleanup(func() { timer.Stop() })
}

// judgeTurns checks the fence: without a backfill one node writes at a time, and who has lost its turn writes no more.
func (c *cluster) judgeTurns() {
	if c.backfill.Load() {
		return
	}
	for i, turn := range c.turns {
		if slices.Contains(c.turns[:i], turn) {
			c.t.Errorf("%s wrote after others had taken over: %v", turn, c.turns)
		}
	}
}

// judgeCounters checks that each change was accounted for once: the cursor moves in the transaction that counts.
func (c *cluster) judgeCounters() {
	c.t.Helper()
	letters, err := c.store.Held(c.t.Context(), state.HeldFilter{Status: state.AnyStatus, Limit: 1000})
	if err != nil {
		c.t.Fatal(err)
	}
	tried := 0 // once more
	for _, h := range letters {
		if tried += h.Attempts - 1; h.Status == state.HeldReleased {
			tried++
		}
	}
	entries, err := c.store.ActivityPage(c.t.Context(), state.ActivityFilter{Limit: 100_000})
	if err != nil {
		c.t.Fatal(err)
	}
	seen := map[string]bool{}
	read := 0
	for _, e := range entries {
		if !strings.HasPrefix(e.RecordID, "b/") { // of a backfill
			read++
		}
		if seen[e.RecordID] {
			c.t.Errorf("%s is accounted for twice", e.RecordID)
		}
		seen[e.RecordID] = true
	}
	if whole := len(c.system.feed); read < whole || len(letters) == 0 && read != whole {
		c.t.Errorf("%d changes, %d accounts; %d letters, tried %d times more", whole, read, len(letters), tried)
	}
}

// node is a process that runs the pipeline whenever nobody else does.
type node struct {
	cluster *cluster
	name    string
	wire    *wire
	store   *state.Store
	runner  *run.Runner
	turn    atomic.Int64
	rng     *rand.Rand

	cancel  context.CancelFunc
	dead    atomic.Bool
	stalled atomic.Bool // look-ups get no answer
	ended   chan struct{}
}

func (c *cluster) node() *node {
	c.t.Helper()
	c.born++
	n := &node{
		cluster: c, name: fmt.Sprintf("far-%d/1", c.born), wire: newWire(c.t, c.dsn), ended: make(chan struct{}),
		rng: rand.New(rand.NewPCG(c.rng.Uint64(), 0)),
	}
	var err error
	if n.store, err = state.Open(c.t.Context(), n.wire.dsn); err != nil {
		c.t.Fatal(err)
	}
	n.store.Lease = lease
	n.runner = run.New(n.store, run.NewConnections(func(context.Context, *pipelines.Connection) (run.Remote, error) {
		return mortal{c.system, &n.dead, n.call}, nil
	}), slog.New(slog.DiscardHandler), n.name)
	var ctx context.Context
	ctx, n.cancel = context.WithCancel(context.Background())
	go n.work(ctx)
	c.t.Cleanup(n.kill)
	return n
}

func (n *node) work(ctx context.Context) {
	defer close(n.ended)
	p := n.cluster.project.Pipelines[0]
	for ctx.Err() == nil {
		n.turn.Add(1)
		if n.cluster.backfill.Load() && n.turn.Load()%2 == 0 {
			_ = n.runner.Backfill(ctx, p, "b") // what is left of it stands in the database
		} else if s, err := n.runner.Run(ctx, p); err == nil {
			balanced(n.cluster.t, s)
		}
		_ = pauseFor(ctx, 50*time.Millisecond)
	}
}

// kill ends the node at once: it says no more to the database, not even that it ends, and nothing to the system.
func (n *node) kill() {
	n.dead.Store(true)
	n.wire.close()
	n.cancel()
	<-n.ended
	_ = n.store.Close()
}

// end stops the node in good order.
func (n *node) end() {
	n.runner.Drain()
	n.cancel()
	<-n.ended
}

// call takes its time, less than the grace in which a node sends nothing more. Whose turn it was that wrote is noted.
func (n *node) call(op string, do func()) {
	n.cluster.mu.Lock()
	d := time.Duration(n.rng.Int64N(int64(n.cluster.slow)))
	if n.rng.IntN(100) == 0 {
		d = n.store.Grace() / 2
	}
	n.cluster.mu.Unlock()
	<-time.After(d)
	if op != "write" {
		do()
		for n.stalled.Load() && !n.dead.Load() {
			<-time.After(lease / 100)
		}
		return
	}
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	if n.dead.Load() {
		return
	}
	do()
	turn := fmt.Sprint(n.name, " turn ", n.turn.Load())
	if turns := n.cluster.turns; len(turns) == 0 || turns[len(turns)-1] != turn {
		n.cluster.turns = append(turns, turn)
	}
}

func pauseFor(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wire is a node's way to the database, which can be cut.
type wire struct {
	dsn      string
	listener net.Listener
	network  string
	address  string

	mu    sync.Mutex
	conns map[net.Conn]bool
	down  bool
	deaf  atomic.Bool // the server's answers are lost
}

func newWire(t testing.TB, dsn string) *wire {
	t.Helper()
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{conns: map[net.Conn]bool{}}
	w.network, w.address = pgconn.NetworkAddress(config.Host, config.Port)
	if w.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Del("host")
	u.Host, u.RawQuery = w.listener.Addr().String(), query.Encode()
	w.dsn = u.String()
	go w.accept()
	t.Cleanup(w.close)
	return w
}

func (w *wire) accept() {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		go w.join(near)
	}
}

func (w *wire) join(near net.Conn) {
	far, err := net.Dial(w.network, w.address)
	if err != nil || !w.add(near, far) {
		_ = near.Close()
		return
	}
	go func() {
		_, _ = io.Copy(far, near)
		w.remove(near, far)
	}()
	buffer := make([]byte, 32<<10)
	for {
		n, err := far.Read(buffer)
		if err == nil && !w.deaf.Load() {
			_, err = near.Write(buffer[:n])
		}
		if err != nil {
			w.remove(near, far)
			return
		}
	}
}

func (w *wire) add(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range conns {
		if w.conns[c] = true; w.down {
			_ = c.Close()
		}
	}
	return !w.down
}

func (w *wire) remove(conns ...net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
		delete(w.conns, c)
	}
}

// cut breaks all connections until mend. With lost answers, what the node has asked for just before is done.
func (w *wire) cut(lostAnswers bool) {
	if lostAnswers {
		w.deaf.Store(true)
		<-time.After(20 * time.Millisecond)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = true
	for c := range w.conns {
		_ = c.Close()
	}
	clear(w.conns)
	w.deaf.Store(false)
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = false
}

// close breaks it for good.
func (w *wire) close() {
	_ = w.listener.Close()
	w.cut(false)
}
