package run

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/engine/state/postgrestest"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// busy is a system that notes when it was called, and takes its time.
type busy struct {
	mu    sync.Mutex
	calls []time.Time
	now   int
	most  int // at once
}

func (s *busy) call(context.Context) error {
	s.mu.Lock()
	s.calls = append(s.calls, time.Now())
	s.now++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	<-time.After(10 * time.Millisecond)
	s.mu.Lock()
	s.now--
	s.mu.Unlock()
	return nil
}

var limited = &pipelines.Connection{
	Type: "fake", Name: "limited", Limit: pipelines.Limit{PerSecond: 100, Concurrency: 3}, Manifest: &protocol.Manifest{},
}

// callers makes calls from a node of its own, as many as the connection lets through.
func callers(t *testing.T, dsn, node string, calls int, op func(context.Context) error) *sync.WaitGroup {
	t.Helper()
	store, err := state.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	connections := NewConnections(func(context.Context, *pipelines.Connection) (Remote, error) { return nil, nil })
	connections.limits, connections.node = store, node
	c, err := connections.get(t.Context(), limited)
	if err != nil {
		t.Fatal(err)
	}
	todo := make(chan struct{}, calls)
	for range calls {
		todo <- struct{}{}
	}
	close(todo)
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			for range todo {
				if err := c.call(t.Context(), opWrite, op); err != nil {
					t.Error(err)
				}
			}
		})
	}
	return &all
}

// keeps checks the limits. How much of them is used is for BenchmarkLimitedAPI to say.
func (s *busy) keeps(t *testing.T) {
	t.Helper()
	slices.SortFunc(s.calls, time.Time.Compare)
	most := 0
	for i, from := range s.calls {
		n, _ := slices.BinarySearchFunc(s.calls, from.Add(time.Second), time.Time.Compare)
		most = max(most, n-i)
	}
	took := s.calls[len(s.calls)-1].Sub(s.calls[0])
	perSecond := float64(len(s.calls)-1) / took.Seconds()
	// A call that has its turn may be held up by the machine before it is counted: as many as there are at once.
	if float64(most) > limited.Limit.PerSecond+float64(limited.Limit.Concurrency) || perSecond > limited.Limit.PerSecond {
		t.Errorf("%d calls within a second, %.1f a second in all; %v are allowed", most, perSecond, limited.Limit.PerSecond)
	}
	if s.most > limited.Limit.Concurrency {
		t.Errorf("%d calls at once; %d are allowed", s.most, limited.Limit.Concurrency)
	}
	t.Logf("%d calls in %v: %.1f a second, at most %d within one, at most %d at once",
		len(s.calls), took.Round(time.Millisecond), perSecond, most, s.most)
}

// TestLimitsAcrossNodes: what a connection allows is allowed to all nodes together.
func TestLimitsAcrossNodes(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t)
	for _, nodes := range []int{1, 2, 4} {
		t.Run(fmt.Sprint(nodes, " busy"), func(t *testing.T) {
			dsn, system := server.Database(t), &busy{}
			var all []*sync.WaitGroup
			for i := range nodes {
				calling := callers(t, dsn, fmt.Sprintf("node-%d/1", i), 500/nodes, system.call)
				all = append(all, calling)
			}
			for _, calling := range all {
				calling.Wait()
			}
			system.keeps(t)
		})
	}
	t.Run("paused elsewhere", func(t *testing.T) {
		system := &busy{}
		var pause sync.Once
		other, err := state.Open(t.Context(), server.Database(t))
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		calling := callers(t, other.DSN(), "node/1", 200, func(ctx context.Context) error {
			pause.Do(func() {
				if err := other.PauseConnection(ctx, limited.Address(), 3*time.Second, "too many"); err != nil {
					t.Error(err)
				}
			})
			return system.call(ctx)
		})
		calling.Wait()
		slices.SortFunc(system.calls, time.Time.Compare)
		var longest time.Duration
		for i := 1; i < len(system.calls); i++ {
			longest = max(longest, system.calls[i].Sub(system.calls[i-1]))
		}
		if longest < 1500*time.Millisecond {
			t.Errorf("calls went on during a pause of 3 s: the longest rest was %v", longest)
		}
	})
}
