package host

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
)

// State is how a connector fares.
type State string

// The states of a connector.
const (
	Idle        State = "idle"        // not started
	Ready       State = "ready"       // runs
	BackingOff  State = "backing_off" // ended unexpectedly; the next use waits a little and starts it again
	Quarantined State = "quarantined" // ended too often; every use fails
)

// Status shows a connector.
type Status struct {
	Name    string
	State   State
	PID     int
	Crashes int       // within the window
	Until   time.Time // when a pause or the quarantine ends
}

// connector supervises the one process of a binary.
type connector struct {
	host *Host
	name string
	unit string // of the process: the connector's name, or the address of the connection that has it to itself
	path string
	sum  string       // of the binary, in hexadecimal
	own  *confinement // of a process that is for one connection; nil = what the connector declares
	log  *slog.Logger
	tail *tail

	turn chan struct{} // held by who starts, describes or stops the process

	mu       sync.Mutex
	manifest *protocol.Manifest
	proc     *process
	noted    *process // whose end is counted already
	crashes  []time.Time
	state    State
	until    time.Time
}

func errClosed() error { return fail(fatal, "connector.host_closed", "the connector host is closed") }

func (c *connector) lines() *lines { return &lines{log: c.log, tail: c.tail} }

func (c *connector) lastWords() string {
	if last := c.tail.last(); last != "" {
		return "; the last it said:\n" + last
	}
	return ""
}

// take waits for the turn. The caller gives it back.
func (c *connector) take(ctx context.Context) (release func(), err error) {
	select {
	case c.turn <- struct{}{}:
		return func() { <-c.turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// verify tells whether the binary still is what it was when its manifest was read, or what the lock file says.
func (c *connector) verify() error {
	sum, err := c.host.checksum(c.path)
	if err != nil {
		return fail(fatal, "connector.checksum", "the connector %s can't be verified: %v", c.name, err)
	}
	if sum != c.sum {
		return fail(fatal, "connector.checksum",
			"the connector %s (%s) is not what it was: sha256 %s was expected; it was changed or replaced, and is not started",
			c.name, c.path, c.sum)
	}
	return nil
}

// acquire returns the running process, started when there is none. It waits while the connector backs off.
func (c *connector) acquire(ctx context.Context) (*process, error) {
	release, err := c.take(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if p := c.running(); p != nil {
		return p, nil
	}
	if err := c.pause(ctx); err != nil {
		return nil, err
	}
	launchCtx, cancel := c.host.during(ctx)
	defer cancel()
	p, err := c.launch(launchCtx, c.stdio())
	if err == nil {
		if err = c.recognise(launchCtx, p); err != nil {
			p.stop()
			return nil, err
		}
	}
	if err != nil {
		var failure *Failure
		if errors.As(err, &failure) && failure.Code == "connector.start" {
			c.mu.Lock()
			c.crashed(failure.Message)
			c.mu.Unlock()
		}
		return nil, err
	}
	c.mu.Lock()
	c.proc, c.state, c.until = p, Ready, time.Time{}
	c.mu.Unlock()
	c.host.work.Go(func() {
		p.watch()
		c.noteEnd(p)
		p.client.Kill() // frees what go-plugin holds for it
	})
	return p, nil
}

func (c *connector) stdio() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.manifest.GetStdio()
}

// running returns the process when it is up.
func (c *connector) running() *process {
	c.mu.Lock()
	p := c.proc
	c.mu.Unlock()
	if p == nil {
		return nil
	}
	if !p.up() {
		c.noteEnd(p)
		return nil
	}
	return p
}

// pause waits until the connector may be started again, or says why it may not.
func (c *connector) pause(ctx context.Context) error {
	if c.host.ctx.Err() != nil {
		return errClosed()
	}
	c.mu.Lock()
	state, until := c.state, c.until
	c.mu.Unlock()
	wait := until.Sub(c.host.options.Now())
	if wait <= 0 {
		return nil
	}
	if state == Quarantined {
		return fail(fatal, "connector.quarantined",
			"the connector %s ended more than %d times within %s and is not started again before %s%s",
			c.name, c.host.options.Restart.Budget, c.host.options.Restart.Window, until.Format(time.TimeOnly), c.lastWords())
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.host.ctx.Done():
		return errClosed()
	}
}

// noteEnd counts a process's end once, unless it was wanted. Whoever comes second finds it counted.
func (c *connector) noteEnd(p *process) {
	end := p.end() // which takes the lock, too
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.noted == p || c.proc != p {
		return
	}
	c.noted, c.proc, c.state = p, nil, Idle
	if !p.stopping.Load() {
		c.crashed("the connector " + c.name + " " + end)
	}
}

// crashed decides when the connector may be started again. The caller holds the lock.
func (c *connector) crashed(why string) {
	policy, now := c.host.options.Restart, c.host.options.Now()
	recent := c.crashes[:0]
	for _, at := range c.crashes {
		if now.Sub(at) < policy.Window {
			recent = append(recent, at)
		}
	}
	c.crashes = append(recent, now)
	n := len(c.crashes)
	if n > policy.Budget {
		// A full window's rest, and then with a fresh budget: what ails it may have been mended meanwhile.
		c.state, c.until, c.crashes = Quarantined, now.Add(policy.Window), nil
		c.log.Error(why+"; it is quarantined", "crashes", n, "until", c.until)
		return
	}
	c.state, c.until = BackingOff, now.Add(min(policy.First<<(n-1), policy.Most))
	c.log.Warn(why, "crashes", n, "restart_in", c.until.Sub(now))
}

// shut stops the process for good.
func (c *connector) shut() {
	c.turn <- struct{}{} // the host's context has ended, so nobody holds it for long
	defer func() { <-c.turn }()
	if p := c.running(); p != nil {
		p.stop()
		c.noteEnd(p)
	}
}

func (c *connector) status() Status {
	c.running() // a process that ended just now is noted
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{Name: c.unit, State: c.state, Crashes: len(c.crashes), Until: c.until}
	if !s.Until.IsZero() && !s.Until.After(c.host.options.Now()) {
		s.State, s.Until = Idle, time.Time{}
	}
	if c.proc != nil {
		s.PID = c.proc.child.pid()
	}
	return s
}
