package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sourcegraph/conc/pool"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

func read(t *testing.T, c *Connection, cursor, options string) *Stream {
	t.Helper()
	s, err := c.Read(t.Context(), &protocol.ReadStart{Entity: "thing", Cursor: cursor, Options: []byte(options)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// drainStream returns the cursors of all batches and what ended the stream.
func drainStream(s *Stream) (cursors []string, err error) {
	for {
		b, err := s.Next()
		if err != nil {
			return cursors, err
		}
		cursors = append(cursors, b.GetCursor())
	}
}

func TestReadToTheEnd(t *testing.T) {
	h, _ := newTestHost(t, nil)
	s := read(t, connect(t, h, "zoo", nil), "2", `{"count":12}`)
	cursors, err := drainStream(s)
	if !errors.Is(err, io.EOF) || s.End() != "end 12" {
		t.Fatalf("ended with %v at %q", err, s.End())
	}
	if diff := cmp.Diff([]string{"3", "4", "5", "6", "7", "8", "9", "10", "11", "12"}, cursors); diff != "" {
		t.Error(diff)
	}
	if _, err := s.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}

func TestReadHoldsBackWithoutCredit(t *testing.T) {
	h, _ := newTestHost(t, func(o *Options) { o.Window = 3 })
	c := connect(t, h, "zoo", nil)
	s := read(t, c, "", `{"count":100}`)
	counts := func() [2]record.Number {
		f := mustAsk(t, c, "counts")
		return [2]record.Number{f["tried"].(record.Number), f["sent"].(record.Number)}
	}
	until(t, "the reader stands at its fourth batch", func() bool { return counts() == [2]record.Number{"4", "3"} })
	for range 3 { // the third Next has given two credits back
		if _, err := s.Next(); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "two more are sent", func() bool { return counts() == [2]record.Number{"6", "5"} })
	s.Committed("2")
	until(t, "the connector hears what is settled", func() bool { return mustAsk(t, c, "counts")["settled"] == "2" })
}

func TestBigBatchesAreCut(t *testing.T) {
	h, _ := newTestHost(t, nil)
	c := connect(t, h, "zoo", nil)
	s := read(t, c, "", `{"count":1,"records":90,"pad":1000000}`) // 90 MB in one batch
	records, messages := 0, 0
	var cursors []string
	for {
		b, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		messages++
		records += len(b.GetRecords())
		if b.GetCursor() != "" {
			cursors = append(cursors, b.GetCursor())
		}
	}
	if records != 90 || messages < 2 || !cmp.Equal(cursors, []string{"1"}) {
		t.Errorf("got %d records in %d messages with cursors %v", records, messages, cursors)
	}
	_, err := drainStream(read(t, c, "", fmt.Sprintf(`{"count":1,"pad":%d}`, protocol.MaxMessage)))
	failing(t, err, invalid, "connector.record_too_large", "0.0")
}

func TestReadsThatFail(t *testing.T) {
	h, _ := newTestHost(t, func(o *Options) { o.Restart.Budget = 100 })
	c := connect(t, h, "zoo", nil)
	for _, row := range []struct {
		do    string
		class protocol.FailureClass
		code  string
		words []string
	}{
		{"invalid", invalid, "zoo.invalid", []string{"not like this: name too long"}},
		{"untyped", transient, "connector.error", []string{"something odd"}},
		{"panic", fatal, "connector.panic", []string{"panicked in Read: in control"}},
		{"exit", transient, "connector.died", []string{"exit status 4"}},
		{"crash", transient, "connector.died", []string{"exit status 2", "panic: out of control"}},
	} {
		t.Run(row.do, func(t *testing.T) {
			cursors, err := drainStream(read(t, c, "", fmt.Sprintf(`{"count":9,"at":3,"do":%q}`, row.do)))
			failing(t, err, row.class, row.code, row.words...)
			if want := []string{"1", "2", "3"}; !cmp.Equal(cursors, want) && row.code != "connector.died" {
				t.Errorf("got %v before the failure, want %v", cursors, want)
			}
			if cursors, err := drainStream(read(t, c, "3", `{"count":5}`)); !errors.Is(err, io.EOF) || len(cursors) != 2 {
				t.Errorf("afterwards: %v, %v", cursors, err)
			}
		})
	}
	_, err := drainStream(mustRead(t, c, "nothing"))
	failing(t, err, fatal, "connector.unknown_entity", `no entity "nothing"`)
}

func mustRead(t *testing.T, c *Connection, entity string) *Stream {
	t.Helper()
	s, err := c.Read(t.Context(), &protocol.ReadStart{Entity: entity})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestCancelledReadEndsAtOnce(t *testing.T) {
	h, _ := newTestHost(t, nil)
	c := connect(t, h, "zoo", nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	s, err := c.Read(ctx, &protocol.ReadStart{Entity: "thing", Options: []byte(`{"count":9,"at":1,"do":"hang"}`)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	mustAsk(t, c, "stuck") // the reader hangs now
	enough := errors.New("enough")
	cancel(enough)
	if _, err := s.Next(); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	if err := c.Close(); err != nil { // it waits for the reader to return
		t.Error(err)
	}
}

func TestLookupFailsAloneAndDies(t *testing.T) {
	h, _ := newTestHost(t, nil)
	c := connect(t, h, "zoo", nil)
	hits, err := c.Lookup(t.Context(), "thing", []*protocol.Query{
		{Id: "1"}, {Match: []byte(`{"do":"panic"}`)}, {Match: []byte(`{"do":"invalid"}`)}, {Id: "4"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"1!", "connector.panic", "zoo.invalid", "4!"} {
		got := hits[i].GetFailure().GetCode()
		if len(hits[i].GetFound()) == 1 {
			got = hits[i].GetFound()[0].GetId()
		}
		if got != want {
			t.Errorf("query %d: got %s, want %s", i, got, want)
		}
	}
	pid := pidOf(t, mustAsk(t, c, "pid"))
	_, err = ask(t.Context(), c, "exit")
	failing(t, err, transient, "connector.died")
	if again := pidOf(t, mustAsk(t, c, "pid")); again == pid || !gone(pid) {
		t.Errorf("the process %d was not replaced", pid)
	}
}

func TestFrozenProcessIsReplaced(t *testing.T) {
	t.Parallel()
	h, _ := newTestHost(t, func(o *Options) { o.Deadline = 3 * time.Second })
	c := connect(t, h, "zoo", nil)
	pid := pidOf(t, mustAsk(t, c, "pid"))
	_, err := ask(t.Context(), c, "freeze")
	failing(t, err, transient, "connector.died", "did not answer for 3s and was killed")
	if !gone(pid) {
		t.Error("it still is there")
	}
	mustAsk(t, c, "pid")
}

func TestQuarantine(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	h, _ := newTestHost(t, func(o *Options) {
		o.Restart.Budget = 2
		o.Now = func() time.Time { return now }
	})
	c := connect(t, h, "zoo", nil)
	for range 3 {
		_, err := ask(t.Context(), c, "crash")
		failing(t, err, transient, "connector.died")
	}
	_, err := ask(t.Context(), c, "pid")
	failing(t, err, fatal, "connector.quarantined", "more than 2 times within 10m0s", "03:14:05", "panic: out of control")
	want := []Status{{Name: "zoo", State: Quarantined, Until: now.Add(10 * time.Minute)}}
	if diff := cmp.Diff(want, h.Status()); diff != "" {
		t.Error(diff)
	}
	now = now.Add(10 * time.Minute)
	mustAsk(t, c, "pid")
	if s := h.Status()[0]; s.State != Ready || s.PID == 0 {
		t.Errorf("got %+v", s)
	}
}

func newWriter(t *testing.T, c *Connection, entity string) *Writer {
	t.Helper()
	w, err := c.Writer(t.Context(), &protocol.WriteStart{Entity: entity})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func create(keys ...string) (ops []*protocol.Op) {
	for _, k := range keys {
		ops = append(ops, &protocol.Op{Operation: protocol.Operation_OPERATION_CREATE, Key: k, Payload: []byte("{}")})
	}
	return ops
}

func TestWritesRunAtOnceAndEachGetsItsOwnAnswer(t *testing.T) {
	h, _ := newTestHost(t, nil)
	w := newWriter(t, connect(t, h, "zoo", nil), "thing")
	p := pool.New().WithErrors()
	for i := range 40 { // four of them must meet, or none returns
		p.Go(func() error {
			key := fmt.Sprintf("meet %d", i)
			r, err := w.Write(t.Context(), create(key, key+"b"))
			if err != nil {
				return err
			}
			if got := r.GetResults()[1].GetId(); got != "id of "+key+"b" {
				return fmt.Errorf("%s got %s", key, got)
			}
			return nil
		})
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	_, err := w.Write(t.Context(), create("late"))
	failing(t, err, fatal, "connector.closed")
}

func TestWritesThatFail(t *testing.T) {
	h, _ := newTestHost(t, func(o *Options) { o.Restart.Budget = 100 })
	w := newWriter(t, connect(t, h, "zoo", nil), "thing")
	for _, row := range []struct {
		do    string
		class protocol.FailureClass
		code  string
		words []string
	}{
		{"invalid", invalid, "zoo.invalid", []string{"not like this: name too long"}},
		{"untyped", ambiguous, "connector.error", []string{"something odd"}},
		{"panic", ambiguous, "connector.panic", []string{"panicked in Write"}},
		{"exit", ambiguous, "connector.died", []string{"exit status 4"}},
	} {
		t.Run(row.do, func(t *testing.T) {
			r, err := w.Write(t.Context(), create(row.do))
			if err == nil {
				err = AsError(r.GetResults()[0].GetFailure(), r.GetResults()[0].GetExchanges())
			}
			failing(t, err, row.class, row.code, row.words...)
			var f *Failure
			if errors.As(err, &f); row.do == "invalid" && (f.Field != "lines[0].name" || f.RemoteStatus != 422 || len(f.Exchanges) != 1) {
				t.Errorf("got %+v", f)
			}
			if _, err := w.Write(t.Context(), create("fine")); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
	_, err := w.Write(t.Context(), []*protocol.Op{{Payload: bytes.Repeat([]byte("x"), protocol.MaxMessage)}})
	failing(t, err, invalid, "connector.too_large")
}

func TestInterruptedWriteIsAmbiguous(t *testing.T) {
	h, _ := newTestHost(t, nil)
	c := connect(t, h, "zoo", nil)
	w := newWriter(t, c, "thing")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = ask(ctx, c, "stuck")
		cancel()
	}()
	_, err := w.Write(ctx, create("hang"))
	failing(t, err, ambiguous, "connector.interrupted")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not context.Canceled", err)
	}
	if _, err := w.Write(t.Context(), create("fine")); err != nil {
		t.Error(err)
	}
	_, err = w.Write(ctx, create("never sent"))
	if f := (*Failure)(nil); errors.As(err, &f) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestWhatWakesTooLateIsNotWritten has a machine that sleeps with a batch on its way. When it wakes, another may have
// done the work since.
func TestWhatWakesTooLateIsNotWritten(t *testing.T) {
	t.Parallel()
	h, _ := newTestHost(t, nil)
	c := connect(t, h, "zoo", nil)
	w := newWriter(t, c, "thing")
	pid := pidOf(t, mustAsk(t, c, "pid"))
	signal := func(s syscall.Signal) {
		if err := syscall.Kill(pid, s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	for !asleep(t, pid) {
		time.Sleep(time.Millisecond)
	}
	until := time.Now().Add(time.Second)
	time.AfterFunc(1100*time.Millisecond, func() { signal(syscall.SIGCONT) })
	r, err := w.Write(BeginBefore(t.Context(), until), create("late"))
	if err != nil {
		t.Fatal(err)
	}
	failing(t, AsError(r.GetResults()[0].GetFailure(), nil), transient, "connector.too_late")
	if _, err := w.Write(BeginBefore(t.Context(), time.Now().Add(time.Hour)), create("in time")); err != nil {
		t.Error(err)
	}
}

// asleep tells whether every thread of a process is stopped.
func asleep(t *testing.T, pid int) bool {
	t.Helper()
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if len(threads) == 0 {
		t.Skip("there is no /proc to see by that the process sleeps")
	}
	for _, path := range threads {
		stat, err := os.ReadFile(path)
		if err != nil {
			return false
		}
		_, state, _ := strings.Cut(string(stat), ") ")
		if !strings.HasPrefix(state, "T") {
			return false
		}
	}
	return true
}

func TestAppendGoesOnWhereItWasDurable(t *testing.T) {
	h, _ := newTestHost(t, nil)
	c := connect(t, h, "zoo", nil)
	w := newWriter(t, c, "log")
	position := func(keys ...string) string {
		t.Helper()
		r, err := w.Write(t.Context(), create(keys...))
		if err != nil {
			t.Fatal(err)
		}
		return r.GetPosition()
	}
	if got := position("a", "b"); got != "2" {
		t.Fatalf("got %s", got)
	}
	_, err := w.Write(t.Context(), create("c", "invalid"))
	failing(t, err, invalid, "zoo.invalid")
	if got := position("c"); got != "3" { // the half-written batch is forgotten
		t.Fatalf("got %s", got)
	}
	pid := pidOf(t, mustAsk(t, c, "pid"))
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "it is dead", func() bool { return gone(pid) })
	for {
		r, err := w.Write(t.Context(), create("d"))
		if err == nil {
			if r.GetPosition() != "4" {
				t.Errorf("got %s", r.GetPosition())
			}
			return
		}
		if !strings.Contains(err.Error(), "signal: killed") {
			t.Fatal(err)
		}
	}
}
