package run_test

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// parts is a system whose source sends one record at a time, perhaps all as parts of one batch, and whose writes wait
// until the gate is open.
type parts struct {
	*system
	whole bool // all are parts of one batch
	gate  chan struct{}
	taken atomic.Int64 // batches the engine took
}

func (p *parts) Read(ctx context.Context, start *protocol.ReadStart) (run.Stream, error) {
	p.system.page = 1
	s, err := p.system.Read(ctx, start)
	return &partsStream{s, p}, err
}

type partsStream struct {
	run.Stream
	of *parts
}

func (s *partsStream) Next() (*protocol.Batch, error) {
	b, err := s.Stream.Next()
	if err != nil {
		return nil, err
	}
	if s.of.whole && b.GetCursor() != fmt.Sprint(len(s.of.feed)) {
		b.Cursor, b.More = "", true
	}
	s.of.taken.Add(1)
	return b, nil
}

func (p *parts) Writer(ctx context.Context, start *protocol.WriteStart) (run.Writer, error) {
	w, err := p.system.Writer(ctx, start)
	return &partsWriter{w, p}, err
}

type partsWriter struct {
	run.Writer
	of *parts
}

func (w *partsWriter) Write(ctx context.Context, ops []*protocol.Op) (*protocol.WriteResults, error) {
	select {
	case <-w.of.gate:
		return w.Writer.Write(ctx, ops)
	case <-ctx.Done():
		return nil, io.ErrUnexpectedEOF
	}
}

func newParts(t *testing.T, whole bool) (*bench, *parts) {
	b := newBench(t, upserts)
	p := &parts{system: b.system, whole: whole, gate: make(chan struct{})}
	b.dial(p)
	for i := range 60 {
		b.order(fmt.Sprint("o", i), 1)
	}
	return b, p
}

// TestSourceIsHeld: no more than eight batches are under way when a target stands still, and a ninth that waits.
func TestSourceIsHeld(t *testing.T) {
	t.Parallel()
	b, p := newParts(t, false)
	done := make(chan run.Summary)
	go func() { done <- b.run() }()
	for end := time.Now().Add(20 * time.Second); p.taken.Load() < 9 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond) // for it to take more, if it does
	if n := p.taken.Load(); n != 9 {
		t.Errorf("%d batches were taken", n)
	}
	close(p.gate)
	if s := <-done; s.Records.Delivered != 60 {
		t.Errorf("%+v", s)
	}
}

// TestBrokenRunsKeepNoRoom: runs that are cut short, again and again, take nothing of what all runs share.
func TestBrokenRunsKeepNoRoom(t *testing.T) {
	t.Parallel()
	b, p := newParts(t, false)
	for range 6 {
		p.taken.Store(0)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = b.runner.Run(ctx, b.project.Pipelines[0]) // it is cut short
		}()
		for end := time.Now().Add(20 * time.Second); p.taken.Load() < 9 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		if n := p.taken.Load(); n < 9 {
			t.Fatalf("only %d batches were taken", n)
		}
		cancel()
		<-done
	}
	close(p.gate)
}

// TestPartsOfABatchAreNotHeld: what is settled as one must all be let in, however much it is.
func TestPartsOfABatchAreNotHeld(t *testing.T) {
	t.Parallel()
	b, p := newParts(t, true)
	close(p.gate)
	if s := b.run(); s.Records.Delivered != 60 {
		t.Errorf("%+v", s)
	}
}
