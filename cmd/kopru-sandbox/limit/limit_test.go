package limit

import (
	"context"
	"testing"
	"time"
)

func TestWindowsAreFixed(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	w := &Window{Calls: 2, Long: time.Minute, Now: func() time.Time { return now }}
	for i, want := range []int{0, 0, 60} {
		if got := w.Exceeded(); got != want {
			t.Errorf("call %d waits %d s, not %d", i, got, want)
		}
	}
	now = now.Add(59 * time.Second)
	if calls, seconds := w.State(); calls != 0 || seconds != 1 {
		t.Errorf("%d calls, %d s", calls, seconds)
	}
	now = now.Add(time.Second)
	if got := w.Exceeded(); got != 0 {
		t.Errorf("a new window waits %d s", got)
	}
}

func TestWhoIsOneTooManyWaitsOrIsRefused(t *testing.T) {
	a := NewAtOnce(1)
	if !a.Enter(t.Context(), false) {
		t.Fatal("there was a place")
	}
	if a.Enter(t.Context(), false) {
		t.Error("there were two at one place")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if a.Enter(gone, true) {
		t.Error("who is gone got a place")
	}
	entered := make(chan bool)
	go func() { entered <- a.Enter(t.Context(), true) }()
	a.Leave()
	if !<-entered {
		t.Error("who waited got no place")
	}
	if a.Most() != 2 {
		t.Errorf("at most %d, not 2", a.Most())
	}
}
