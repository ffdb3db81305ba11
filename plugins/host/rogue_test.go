package host

import (
	"testing"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
)

// TestBrokenProtocol has a connector do everything wrong that the host can see. Each fault has a class that tells the
// truth, and a code; and the next call works.
func TestBrokenProtocol(t *testing.T) {
	t.Parallel()
	calm, _ := newTestHost(t, nil)
	patient := connect(t, calm, "rogue", nil)
	lookup := func(c *Connection, entity string) error {
		hits, err := c.Lookup(t.Context(), entity, []*protocol.Query{{Id: "1"}})
		if err == nil {
			err = AsError(hits[0].GetFailure(), nil)
		}
		return err
	}
	read := func(c *Connection, entity string) error {
		s, err := c.Read(t.Context(), &protocol.ReadStart{Entity: entity})
		for err == nil {
			_, err = s.Next()
		}
		return err
	}
	write := func(c *Connection, entity string) error {
		w, err := c.Writer(t.Context(), &protocol.WriteStart{Entity: entity})
		if err != nil {
			return err
		}
		defer w.Close()
		_, err = w.Write(t.Context(), create("a", "b"))
		if err == nil && entity == "twice" { // the first answer stands; the second breaks the stream under what is next
			until(t, "the stream is broken", func() bool { return w.stream.broken() })
			err = w.stream.err
		}
		return err
	}
	for _, row := range []struct {
		call   string
		do     func(*Connection, string) error
		entity string
		class  protocol.FailureClass
		code   string
		words  string
	}{
		{"lookup", lookup, "hang", transient, "connector.hung", "did not answer a look-up within 3s and was killed"},
		{"lookup", lookup, "none", fatal, "connector.protocol", "0 answers to 1 queries"},
		{"lookup", lookup, "too many", fatal, "connector.protocol", "2 answers to 1 queries"},
		{"lookup", lookup, "huge", fatal, "connector.protocol", "larger than max"},
		{"lookup", lookup, "garbled", fatal, "connector.protocol", "invalid UTF-8"},
		{"lookup", lookup, "unclassed", ambiguous, "", "something"},
		{"read", read, "hang", transient, "connector.hung", "did not answer a read within 3s"},
		{"read", read, "silent", fatal, "connector.protocol", "without a word"},
		{"read", read, "empty", fatal, "connector.protocol", "unknown message"},
		{"read", read, "huge", fatal, "connector.protocol", "larger than max"},
		{"read", read, "garbled", fatal, "connector.protocol", "invalid UTF-8"},
		{"read", read, "no end", fatal, "connector.protocol", "without a word"},
		{"write", write, "never starts", transient, "connector.hung", "did not answer a write"},
		{"write", write, "not started", fatal, "connector.protocol", "did not say that it started"},
		{"write", write, "silent start", fatal, "connector.protocol", "without a word"},
		{"write", write, "hang", ambiguous, "connector.hung", "did not answer a write"},
		{"write", write, "wrong seq", ambiguous, "connector.protocol", "answered the batch 8, which is not under way"},
		{"write", write, "twice", ambiguous, "connector.protocol", "answered the batch 1, which is not under way"},
		{"write", write, "too few", ambiguous, "connector.protocol", "1 results for 2 operations"},
		{"write", write, "too many", ambiguous, "connector.protocol", "3 results for 2 operations"},
		{"write", write, "silent", ambiguous, "connector.protocol", "without an answer"},
		{"write", write, "empty", ambiguous, "connector.protocol", "unknown message"},
		{"write", write, "started again", ambiguous, "connector.protocol", "unknown message"},
	} {
		t.Run(row.call+" "+row.entity, func(t *testing.T) {
			t.Parallel()
			c := patient
			if row.code == "connector.hung" { // it is killed: one to itself
				h, _ := newTestHost(t, func(o *Options) { o.Patience = 3 * time.Second })
				c = connect(t, h, "rogue", nil)
			}
			failing(t, row.do(c, row.entity), row.class, row.code, row.words)
			until(t, "it works again", func() bool { return lookup(c, "fine") == nil && write(c, "fine") == nil })
		})
	}
}

// TestWhoWillNotEndIsKilled has a connector that answers the order to end with nothing.
func TestWhoWillNotEndIsKilled(t *testing.T) {
	t.Parallel()
	h, _ := newTestHost(t, func(o *Options) {
		o.Env = func(name string) (string, bool) { return "leak", name == "TZ" }
	})
	connect(t, h, "rogue", nil)
	pid := h.Status()[0].PID
	h.Close()
	if !gone(pid) {
		t.Error("it still runs")
	}
}

// TestAManifestThatChanges has a program that describes itself differently each time, as a script may whose parts were
// replaced: the project was checked against what is no longer true.
func TestAManifestThatChanges(t *testing.T) {
	t.Parallel()
	h, _ := newTestHost(t, nil)
	_, err := h.Connect(t.Context(), Target{Type: "moody", Name: "main"})
	failing(t, err, fatal, "connector.manifest_changed", "start again")
	if h.cached(h.connectors["moody"].sum, "moody") != nil {
		t.Error("the old manifest is kept")
	}
}
