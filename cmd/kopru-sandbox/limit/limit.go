// Package limit holds an emulator's callers to what its system allows.
package limit

import (
	"context"
	"sync"
	"time"
)

// Window counts calls in fixed windows, as the vendors do.
type Window struct {
	Calls int // in one window; 0 is no limit
	Long  time.Duration
	Now   func() time.Time

	mu    sync.Mutex
	start time.Time
	used  int
}

// Exceeded counts a call; it returns the seconds to wait when that was one too many, else 0.
func (w *Window) Exceeded() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.Now()
	if now.Sub(w.start) >= w.Long {
		w.start, w.used = now, 0
	}
	w.used++
	if w.Calls == 0 || w.used <= w.Calls {
		return 0
	}
	return w.left(now)
}

// State is how many calls are left in this window, and how many seconds of it.
func (w *Window) State() (calls, seconds int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return max(0, w.Calls-w.used), w.left(w.Now())
}

func (w *Window) left(now time.Time) int {
	return max(1, int((w.start.Add(w.Long).Sub(now)+time.Second-1)/time.Second))
}

// AtOnce counts the calls that are under way, and allows only some.
type AtOnce struct {
	places chan struct{} // nil: any number

	mu        sync.Mutex
	now, most int
}

// NewAtOnce allows n calls at once; 0 is no limit.
func NewAtOnce(n int) *AtOnce {
	a := &AtOnce{}
	if n > 0 {
		a.places = make(chan struct{}, n)
	}
	return a
}

// Enter takes a place, and waits for one where the caller may wait. It reports false when it got none.
func (a *AtOnce) Enter(ctx context.Context, wait bool) bool {
	a.count(1)
	if a.places == nil {
		return true
	}
	select {
	case a.places <- struct{}{}:
		return true
	default:
	}
	if wait {
		select {
		case a.places <- struct{}{}:
			return true
		case <-ctx.Done():
		}
	}
	a.count(-1)
	return false
}

// Leave gives the place back.
func (a *AtOnce) Leave() {
	a.count(-1)
	if a.places != nil {
		<-a.places
	}
}

// Most is how many calls there were at once, those among them that waited or were refused.
func (a *AtOnce) Most() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.most
}

func (a *AtOnce) count(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now += n
	a.most = max(a.most, a.now)
}
