package run

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
)

const (
	// tripsAfter is how many calls in a row must fail: more than one record is given, so that one that always fails
	// does not stand for the system.
	tripsAfter      = 10
	probeEvery      = 5 * time.Second
	defaultPatience = 15 * time.Minute
)

// breaker holds calls back while a system fails everybody, and lets one through now and then to see. Without it, an
// hour of maintenance over there would make a dead letter of every record here.
type breaker struct {
	circuitbreaker.CircuitBreaker[any]
	address  string
	patience time.Duration

	mu    sync.Mutex
	since time.Time // when it opened, zero while it is closed
	last  error
}

func newBreaker(address string, patience time.Duration) *breaker {
	if patience <= 0 {
		patience = defaultPatience
	}
	b := &breaker{address: address, patience: patience}
	b.CircuitBreaker = circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(tripsAfter).WithSuccessThreshold(1).WithDelay(min(probeEvery, patience/4)).WithJitterFactor(0.2).Build()
	return b
}

// away says that a system has failed everybody for longer than anybody waits. It stops the run; no record is at fault.
type away struct {
	address string
	since   time.Time
	last    error
}

func (a *away) Error() string {
	return fmt.Sprintf("%s has been failing since %s; what was settled stands, and the next run goes on from there. It last said: %v",
		a.address, a.since.Format(time.TimeOnly), a.last)
}

// enter waits until a call may be made.
func (b *breaker) enter(ctx context.Context) error {
	for !b.TryAcquirePermit() {
		since, last := b.opened()
		if !since.IsZero() && time.Since(since) > b.patience {
			return &away{b.address, since, last}
		}
		if err := sleepUntil(ctx, time.Now().Add(max(b.RemainingDelay(), 10*time.Millisecond))); err != nil {
			return err
		}
	}
	return nil
}

// note records how a call that entered has ended. Whatever the system answers, it answers: only a call that got
// nowhere is a failure.
func (b *breaker) note(err error, failure *host.Failure) {
	failed := err != nil && failure == nil // given up by the caller: nothing was learned
	if failure != nil {
		failed = failure.Class == protocol.FailureClass_FAILURE_CLASS_TRANSIENT ||
			failure.Class == protocol.FailureClass_FAILURE_CLASS_AMBIGUOUS
	}
	if failed {
		b.RecordFailure()
	} else {
		b.RecordSuccess()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.IsClosed():
		b.since, b.last = time.Time{}, nil
	case b.since.IsZero():
		b.since = time.Now()
		fallthrough
	default:
		if failed {
			b.last = err
		}
	}
}

// opened is since when the system has failed everybody, and what it said last; zero when it has not.
func (b *breaker) opened() (since time.Time, last error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.since, b.last
}

func (b *breaker) closed() bool { return b.IsClosed() }
