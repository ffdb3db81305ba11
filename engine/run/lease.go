package run

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// lease is a run's leave to write, as far as this process knows without asking the database. A node that is cut off
// from the database can't know whether another has taken over, so it writes nothing more once its time is up, or nearly:
// what it sent last shall have arrived by then.
type lease struct {
	renewal func(context.Context) error
	time    time.Duration // for which one renewal is good

	mu    sync.Mutex
	until time.Time
	wall  time.Time // the same by the wall clock: a machine that slept has stopped the other one
}

func newLease(store *state.Store, renewal func(context.Context) error) *lease {
	l := &lease{renewal: renewal, time: store.Lease - store.Grace()}
	l.extend(time.Now())
	return l
}

// interval is how often a lease is renewed, so that one missed renewal does no harm.
func (l *lease) interval() time.Duration { return l.time / 2 }

func (l *lease) extend(from time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = from.Add(l.time)
	l.wall = l.until.Round(0)
}

// renew asks the database. The time counts from before it was asked, so that it ends here before it ends there.
func (l *lease) renew(ctx context.Context) error {
	began := time.Now()
	err := l.renewal(ctx)
	if err == nil {
		l.extend(began)
	}
	return err
}

func (l *lease) valid() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	return now.Before(l.until) && now.Round(0).Before(l.wall)
}

// ends is when the lease runs out if it is not renewed, by the wall clock.
func (l *lease) ends() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wall
}

// check returns when writing is allowed. A lease that has run out is asked for again, for as long as the database is
// away: it may still be ours when it is back.
func (l *lease) check(ctx context.Context) error {
	for pause := 100 * time.Millisecond; !l.valid(); pause = min(2*pause, l.interval()) {
		limited, cancel := context.WithTimeout(ctx, l.interval())
		err := l.renew(limited)
		cancel()
		switch {
		case err == nil || ctx.Err() != nil:
			return context.Cause(ctx)
		case !errors.Is(err, state.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded):
			return &stop{err}
		}
		if err := sleepUntil(ctx, time.Now().Add(pause)); err != nil {
			return err
		}
	}
	return nil
}

// leased is a writer that writes only while the run holds its lease.
type leased struct {
	Writer
	lease *lease
}

// Write checks the lease, then writes. The connector looks once more: between here and the wire a machine may sleep.
func (w leased) Write(ctx context.Context, ops []*protocol.Op) (*protocol.WriteResults, error) {
	if err := w.lease.check(ctx); err != nil {
		return nil, err
	}
	return w.Writer.Write(host.BeginBefore(ctx, w.lease.ends()), ops)
}
