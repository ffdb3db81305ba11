package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// Remote is an open connection to a system. Its errors are *host.Failure where the class is known.
type Remote interface {
	Read(ctx context.Context, start *protocol.ReadStart) (Stream, error)
	Lookup(ctx context.Context, entity string, queries []*protocol.Query) ([]*protocol.Hits, error)
	Writer(ctx context.Context, start *protocol.WriteStart) (Writer, error)
}

// Stream is a read in progress. Next returns io.EOF at the end, and End then the cursor to go on from.
type Stream interface {
	Next() (*protocol.Batch, error)
	End() string
	Committed(cursor string)
	Close() error
}

// Writer writes to one entity; Write may be called from several goroutines. Position is where an append-only target
// stood when the writer was opened.
type Writer interface {
	Position() string
	Write(ctx context.Context, ops []*protocol.Op) (*protocol.WriteResults, error)
	Close() error
}

// Dial opens the connection that a definition names.
type Dial func(ctx context.Context, c *pipelines.Connection) (Remote, error)

// Connections holds the open connections of a process, with the limits that every pipeline using one shares.
type Connections struct {
	Patience time.Duration // how long a system that is away is waited for; 0 = 15 min

	dial      Dial
	telemetry *Telemetry

	limits *state.Store // where nodes agree on the use of connections; nil = nobody else uses them
	node   string

	dialling *keyedLocks // by identity: one that takes long keeps nobody from another

	mu   sync.Mutex
	open map[string]*connection // by identity
	keep map[string]bool        // identities that are in the definition; nil = all
}

// NewConnections returns an empty set that opens with dial.
func NewConnections(dial Dial) *Connections {
	return &Connections{dial: dial, dialling: newKeyedLocks(), open: map[string]*connection{}}
}

// connection is an open Remote with its limits: so many calls a second, so many at once, a gate that is shut until
// the time a rate-limited system named, and a breaker that opens when the system fails whoever calls.
type connection struct {
	Remote
	address string
	rate    *rate.Limiter
	slots   chan struct{}
	breaker *breaker
	users   int          // runs, guarded by Connections
	limits  *state.Store // of all nodes
	watched *Telemetry
	shared  *shared

	mu      sync.Mutex
	paused  time.Time
	refusal *host.Failure // of the credentials
	retry   time.Time     // when they may be tried again
	refused time.Time     // since when, zero = they are good
}

func (s *Connections) get(ctx context.Context, def *pipelines.Connection) (*connection, error) {
	key := identity(def)
	defer s.dialling.lock(key)()
	if c := s.opened(key); c != nil {
		return c, nil
	}
	remote, err := s.dial(ctx, def)
	if err != nil {
		return nil, err
	}
	c := &connection{
		Remote:  remote,
		address: def.Address(),
		watched: s.telemetry,
		rate:    rate.NewLimiter(rate.Inf, 1),
		slots:   make(chan struct{}, concurrency(def)),
		breaker: newBreaker(def.Address(), s.Patience),
	}
	if def.Limit.PerSecond > 0 {
		c.rate = rate.NewLimiter(rate.Limit(def.Limit.PerSecond), max(1, int(def.Limit.PerSecond/100)))
	}
	s.share(c, def)
	s.mu.Lock()
	defer s.mu.Unlock()
	c.users++
	s.open[key] = c
	return c, nil
}

// opened is a connection that is open already, nil when it is not.
func (s *Connections) opened(key string) *connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.open[key]
	if c != nil {
		c.users++
	}
	return c
}

// concurrency is how many operations may be under way at once on a connection.
func concurrency(def *pipelines.Connection) int {
	if def.Limit.Concurrency > 0 {
		return def.Limit.Concurrency
	}
	n := 1
	for _, e := range def.Manifest.GetEntities() {
		n = max(n, int(e.GetConcurrency()))
	}
	return n
}

// Operations of a remote system, as metrics and traces name them.
const (
	opLookup = "lookup"
	opWrite  = "write"
)

// call runs one remote operation within the connection's limits.
func (c *connection) call(ctx context.Context, operation string, op func(context.Context) error) error {
	timed := func(ctx context.Context) error { return c.watched.call(ctx, c.address, operation, op) }
	for {
		if err := c.usable(); err != nil {
			return err
		}
		if err := sleepUntil(ctx, c.pausedUntil()); err != nil {
			return err
		}
		if err := c.breaker.enter(ctx); err != nil {
			return err
		}
		select {
		case c.slots <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if time.Until(c.pausedUntil()) > 0 { // shut while we waited for a slot
			<-c.slots
			continue
		}
		err := c.admitted(ctx, timed)
		<-c.slots
		if c.judge(err) {
			continue
		}
		return err
	}
}

// read carries out a step of a source's: a batch counts as a call a second, and none is asked for while the system wants
// to be left alone. It is none of the calls at once, since it may wait for long for something to read.
func (c *connection) read(ctx context.Context, op func() error) error {
	if err := c.usable(); err != nil {
		return err
	}
	if err := sleepUntil(ctx, c.pausedUntil()); err != nil {
		return err
	}
	if err := c.turn(ctx); err != nil {
		return err
	}
	err := op()
	c.trusted(err)
	var failure *host.Failure
	if errors.As(err, &failure) {
		c.heed(failure)
	}
	return err
}

// heed does what a failure asks of everybody who uses the connection.
func (c *connection) heed(f *host.Failure) {
	switch f.Class {
	case protocol.FailureClass_FAILURE_CLASS_RATE_LIMITED:
		c.pause(f.RetryAfter)
		c.announce(f)
	case protocol.FailureClass_FAILURE_CLASS_AUTH:
		c.refuse(f)
	}
}

// judge takes note of how a call ended, and tells whether it is to be made again because its end was no fault of it.
func (c *connection) judge(err error) (again bool) {
	var failure *host.Failure
	errors.As(err, &failure)
	c.breaker.note(err, failure)
	if failure == nil {
		c.trusted(err)
		return false
	}
	c.heed(failure)
	switch failure.Class {
	case protocol.FailureClass_FAILURE_CLASS_RATE_LIMITED:
		return true
	case protocol.FailureClass_FAILURE_CLASS_TRANSIENT:
		return !c.breaker.closed() // everybody's trouble: nobody's attempts are used up
	}
	return false
}

// authPause is how long refused credentials are left alone: trying them over and over may lock the account.
const authPause = 5 * time.Minute

func (c *connection) refuse(f *host.Failure) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refusal, c.retry = f, time.Now().Add(authPause)
	if c.refused.IsZero() {
		c.refused = time.Now()
	}
}

// trusted notes that a call was answered, so that the credentials are good.
func (c *connection) trusted(err error) {
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refusal, c.refused = nil, time.Time{}
}

// Troubles lists the connections of this process that fail whoever uses them.
func (s *Connections) Troubles() []state.Trouble {
	s.mu.Lock()
	open := slices.Collect(maps.Values(s.open))
	s.mu.Unlock()
	worst := map[string]state.Trouble{} // one address may be open twice, with old and new settings
	for _, c := range open {
		if t := c.trouble(); !t.Since.IsZero() {
			worst[c.address] = t
		}
	}
	out := slices.Collect(maps.Values(worst))
	slices.SortFunc(out, func(a, b state.Trouble) int { return strings.Compare(a.Connection, b.Connection) })
	return out
}

func (c *connection) trouble() state.Trouble {
	t := state.Trouble{Connection: c.address}
	c.mu.Lock()
	if !c.refused.IsZero() {
		t.Since, t.Reason = c.refused, c.refusal.Message
	}
	c.mu.Unlock()
	if since, last := c.breaker.opened(); !since.IsZero() {
		t.Since, t.Reason = since, fmt.Sprint(last)
	}
	return t
}

// usable is the refusal of the credentials, while it is fresh.
func (c *connection) usable() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refusal != nil && time.Now().Before(c.retry) {
		return c.refusal
	}
	return nil
}

func (c *connection) pausedUntil() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.paused
}

// pause shuts the gate. A system that names no time gets a second.
func (c *connection) pause(d time.Duration) {
	if d <= 0 {
		d = time.Second
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if until := time.Now().Add(d); until.After(c.paused) {
		c.paused = until
	}
}

func sleepUntil(ctx context.Context, t time.Time) error {
	d := time.Until(t)
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
