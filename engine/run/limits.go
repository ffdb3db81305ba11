package run

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/host"
)

// spacing is the time between two calls at the highest rate, 0 when there is no limit.
func spacing(def *pipelines.Connection) time.Duration {
	if def.Limit.PerSecond <= 0 {
		return 0
	}
	return time.Duration(float64(time.Second) / def.Limit.PerSecond)
}

// share makes a connection keep its limits together with the other nodes.
func (s *Connections) share(c *connection, def *pipelines.Connection) {
	c.limits = s.limits
	if s.limits == nil || !s.limits.Shared() {
		return
	}
	c.shared = &shared{
		limits: s.limits, pause: c.pause, kick: make(chan struct{}, 1),
		share: state.Share{Connection: c.address, Node: s.node, Capacity: cap(c.slots)},
		calls: reserved{limits: s.limits, connection: c.address, spacing: time.Duration(float64(spacing(def)) * slower)},
	}
}

// admitted carries out a call when the limits allow it: this process's own, or those of all nodes together.
func (c *connection) admitted(ctx context.Context, op func(context.Context) error) error {
	if c.shared == nil {
		if err := c.turn(ctx); err != nil {
			return err
		}
		return op(ctx)
	}
	if err := c.shared.enter(ctx); err != nil {
		return err
	}
	defer c.shared.leave()
	if err := c.turn(ctx); err != nil {
		return err
	}
	if err := sleepUntil(ctx, c.pausedUntil()); err != nil {
		return err
	}
	return op(ctx)
}

// turn waits until one more call keeps to the calls a second that are allowed.
func (c *connection) turn(ctx context.Context) error {
	if c.shared == nil {
		return c.rate.Wait(ctx)
	}
	return c.shared.calls.wait(ctx)
}

// announce tells the other nodes, and people, that a system asked to be left alone.
func (c *connection) announce(f *host.Failure) {
	if c.limits == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	_ = c.limits.PauseConnection(ctx, c.address, time.Until(c.pausedUntil()), f.Message) // this process pauses anyway
}

const (
	askTime   = 5 * time.Second        // for one question to the database
	askAgain  = 250 * time.Millisecond // how often the shares are divided anew while there is something to divide
	askSoon   = 20 * time.Millisecond  // the same while calls wait here
	blockTime = 200 * time.Millisecond // of calls that are reserved together
	lateness  = 20 * time.Millisecond  // by which a reserved call may be late
	slower    = 1.02                   // so that no second sees more than the limit, late calls or not
)

// shared is this node's part of what a connection allows to all of them at once. While calls wait or are under way it
// asks the database how many may be, and so learns too that the system asked for a pause.
type shared struct {
	limits *state.Store
	pause  func(time.Duration)
	calls  reserved
	kick   chan struct{}

	mu      sync.Mutex
	share   state.Share // Held are the calls under way
	may     int
	until   time.Time // may is good until then
	waiting []chan error
	asking  bool
}

func (s *shared) enter(ctx context.Context) error {
	s.mu.Lock()
	if len(s.waiting) == 0 && s.share.Held < s.may && time.Now().Before(s.until) {
		s.share.Held++
		s.mu.Unlock()
		return nil
	}
	turn := make(chan error, 1)
	s.waiting = append(s.waiting, turn)
	if !s.asking {
		s.asking = true
		go s.ask()
	}
	s.mu.Unlock()
	select {
	case s.kick <- struct{}{}:
	default:
	}
	select {
	case err := <-turn:
		return err
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.waiting {
		if other == turn {
			s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
			return context.Cause(ctx)
		}
	}
	if err := <-turn; err == nil { // it was given meanwhile
		s.share.Held--
		s.admit()
	}
	return context.Cause(ctx)
}

func (s *shared) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.share.Held--
	s.admit()
}

// admit lets those in who wait, as many as may be.
func (s *shared) admit() {
	for len(s.waiting) > 0 && s.share.Held < s.may && time.Now().Before(s.until) {
		s.share.Held++
		s.waiting[0] <- nil
		s.waiting = s.waiting[1:]
	}
}

// ask divides the shares with the other nodes for as long as this one wants any.
func (s *shared) ask() {
	for {
		s.mu.Lock()
		r := s.share
		r.Want = min(r.Capacity, r.Held+len(s.waiting))
		s.mu.Unlock()
		began := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), askTime)
		may, paused, err := s.limits.ShareSlots(ctx, r)
		cancel()
		s.mu.Lock()
		switch {
		case err == nil:
			s.may, s.until = may, began.Add(s.limits.Lease)
			s.admit()
		case !errors.Is(err, state.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded): // waiting won't mend it
			for _, turn := range s.waiting {
				turn <- err
			}
			s.waiting = nil
		}
		starved := len(s.waiting) > 0 && s.may < s.share.Capacity
		if r.Want == 0 && s.share.Held+len(s.waiting) == 0 {
			s.asking, s.may = false, 0
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		if err == nil && paused > 0 {
			s.pause(paused)
		}
		s.rest(starved)
	}
}

// rest waits until the next question: a moment, or until a call comes that has to wait.
func (s *shared) rest(starved bool) {
	<-time.After(askSoon)
	if starved {
		return
	}
	timer := time.NewTimer(askAgain - askSoon)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.kick:
	}
}

// reserved are calls that the database gave to this node, evenly spaced in time: no other node has the same. They are
// reserved in blocks, larger ones while all of a block is used.
type reserved struct {
	limits     *state.Store
	connection string
	spacing    time.Duration // 0 = no limit

	mu   sync.Mutex
	next time.Time // the first call that is left
	left int
	size int  // of the last block
	lost bool // calls of it
	late bool // its last call
}

// wait waits for the next call's time.
func (r *reserved) wait(ctx context.Context) error {
	if r.spacing == 0 {
		return nil
	}
	at, err := r.take(ctx)
	if err != nil {
		return err
	}
	return sleepUntil(ctx, at)
}

// take returns the time of the next call. One whose time has passed is lost: made late, it would crowd others.
func (r *reserved) take(ctx context.Context) (time.Time, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.left > 0 && time.Since(r.next) > lateness {
		r.next, r.left, r.lost = r.next.Add(r.spacing), r.left-1, true
	}
	for pause := 100 * time.Millisecond; r.left == 0; pause = min(2*pause, askTime) {
		err := r.reserve(ctx)
		if err == nil {
			break
		}
		if !errors.Is(err, state.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded) {
			return time.Time{}, err
		}
		if err := sleepUntil(ctx, time.Now().Add(pause)); err != nil { // no calls without the database
			return time.Time{}, err
		}
	}
	at := r.next
	r.late = time.Now().After(at)
	r.next, r.left = r.next.Add(r.spacing), r.left-1
	return at, nil
}

// reserve takes the next block: a larger one when all of the last was used in time, a smaller one when calls were lost,
// because this node can't call that fast.
func (r *reserved) reserve(ctx context.Context) error {
	size := r.size
	switch {
	case r.lost:
		size /= 2
	case !r.late:
		size += 1 + size/2
	}
	size = min(max(1, size), max(1, int(blockTime/r.spacing)))
	limited, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	wait, err := r.limits.ReserveCalls(limited, r.connection, r.spacing, size)
	if err != nil {
		return err
	}
	r.size, r.lost, r.late = size, false, false
	r.next, r.left = time.Now().Add(wait), size
	return nil
}
