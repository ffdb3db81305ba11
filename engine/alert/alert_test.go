package alert_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/kopru-io/kopru/engine/alert"
	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/host"
)

// message is what a channel got.
type message struct{ to, title, text string }

// house is a guard with everything around it under a test's hand.
type house struct {
	*testing.T
	store      *state.Store
	guard      *alert.Guard
	alert      *pipelines.Alert
	project    *pipelines.Project
	connectors []host.Status
	now        time.Time
	broken     error
	got        []message
}

// letterbox is the address of the channel that a house has.
const letterbox = "generic+https://example.com/?token=s3cret"

func newHouse(t *testing.T, a pipelines.Alert) *house {
	t.Helper()
	store, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	h := &house{T: t, store: store, alert: &a, now: time.Now().Truncate(time.Second)}
	till := &pipelines.Connection{Type: "fake", Name: "till"}
	orders := &pipelines.Pipeline{
		Name: "orders", Schedule: pipelines.Schedule{Every: time.Minute}, Source: &pipelines.Source{Connection: till},
	}
	a.Name, a.To, a.Pipelines, a.Zone = "office", []string{letterbox}, []string{"orders"}, time.UTC
	h.project = &pipelines.Project{Alerts: []*pipelines.Alert{&a}, Pipelines: []*pipelines.Pipeline{orders}, Connections: []*pipelines.Connection{till}}
	h.guard = h.node("here/1")
	return h
}

func (h *house) node(name string) *alert.Guard {
	runner := run.New(h.store, run.NewConnections(nil), slog.New(slog.DiscardHandler), name)
	return &alert.Guard{
		Store: h.store, Runner: runner, Log: runner.Log, Project: func() *pipelines.Project { return h.project },
		Connectors: func() []host.Status { return h.connectors }, Clean: func(text string) string { return text },
		URL: func() string { return "https://kopru.example.com" }, Now: func() time.Time { return h.now },
		Send: func(_ context.Context, to, title, text string) error {
			if h.broken == nil {
				h.got = append(h.got, message{to, title, text})
			}
			return h.broken
		},
	}
}

func (h *house) look(after time.Duration) {
	h.Helper()
	h.now = h.now.Add(after)
	if err := h.guard.Look(h.Context()); err != nil && h.broken == nil {
		h.Fatal(err)
	}
}

// told checks what came since the last time: the title of each message, and parts of the last one's text.
func (h *house) told(titles []string, parts ...string) {
	h.Helper()
	var got []string
	for _, m := range h.got {
		got = append(got, m.title)
	}
	if strings.Join(got, "\n") != strings.Join(titles, "\n") {
		h.Fatalf("told %q, want %q", got, titles)
	}
	for _, part := range parts {
		if text := h.got[len(h.got)-1].text; !strings.Contains(text, part) {
			h.Errorf("no %q in:\n%s", part, text)
		}
	}
	h.got = nil
}

func (h *house) fail(codes ...string) {
	h.Helper()
	s := h.run("failed", 1)
	for _, code := range codes {
		s.Hold = append(s.Hold, state.Held{
			Pipeline: "orders", Status: state.HeldDead, Key: code, Step: "sale", Code: code, Message: "ada@example.com is not known",
			Since: h.now, CreatedAt: h.now, UpdatedAt: h.now,
		})
	}
	if err := h.store.Settle(h.Context(), s); err != nil {
		h.Fatal(err)
	}
}

// run notes a run of the orders, and returns the beginning of a settlement of it.
func (h *house) run(status string, read int64) state.Settlement {
	h.Helper()
	r := state.Run{ID: "run" + h.now.String() + status, Pipeline: "orders", Kind: "run", StartedAt: h.now, Node: "here/1", Status: status}
	fence, err := h.store.StartRun(h.Context(), r)
	if err != nil {
		h.Fatal(err)
	}
	s := state.Settlement{Run: r.ID, Fence: fence, Seq: 1, Pipeline: "orders", Counts: state.Counts{Read: read, Delivered: read}}
	if status == "failed" {
		return s
	}
	for range read {
		s.Entries = append(s.Entries, state.Entry{At: h.now, Run: r.ID, Pipeline: "orders", Key: "k", Outcome: state.Delivered})
	}
	r.FinishedAt = h.now
	if err := errors.Join(h.store.Settle(h.Context(), s), h.store.FinishRun(h.Context(), r, fence)); err != nil {
		h.Fatal(err)
	}
	return s
}

// TestEachThingIsToldOnce: grouped, not again by a restart or by another node, and once more when it is well again.
func TestEachThingIsToldOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pipelines.Alert{DeadLetters: 1})
	h.look(0)
	h.told(nil)
	h.fail("books.total", "sink.bad_value")
	h.look(time.Second)
	h.told([]string{"Kopru: 2 things are wrong"}, "1 record of pipeline orders did not come through, at step sale (books.total)",
		"Why: ••• is not known", "What to do: The other system refused", "Since: "+h.now.Add(-time.Second).UTC().Format("2006-01-02 15:04"),
		"https://kopru.example.com/failures/group?code=books.total&pipeline=orders&status=dead&step=sale")
	h.look(time.Minute)
	h.guard = h.node("here/2") // it is not on duty
	h.look(time.Hour)
	h.told(nil)
	h.guard = h.node("here/1") // a restart
	h.look(time.Minute)
	h.told(nil)
	refs, err := h.store.HeldRefs(t.Context(), state.HeldFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.store.Discard(t.Context(), []int64{refs[0].ID}, "a test"); err != nil {
		t.Fatal(err)
	}
	h.look(time.Hour)
	h.told([]string{"Kopru: well again: 1 record of pipeline orders did not come through, at step sale (books.total)"}, "It was so: from ")
	h.look(time.Hour)
	h.told(nil)
}

// TestQuietHours: what is wrong at night is told in the morning, when it still is.
func TestQuietHours(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pipelines.Alert{DeadLetters: 1})
	h.now = time.Date(2026, 3, 2, 23, 0, 0, 0, time.UTC)
	day := [7]bool{true, true, true, true, true, true, true}
	h.project.Alerts[0].Quiet = pipelines.Hours{{Days: day, From: 22 * time.Hour, To: 7 * time.Hour}}
	h.fail("books.total")
	h.look(0)
	h.look(7*time.Hour + 59*time.Minute)
	h.told(nil)
	h.look(time.Minute)
	h.told([]string{"Kopru: 1 record of pipeline orders did not come through, at step sale (books.total)"})
}

// TestAChannelThatFails is tried again, and its address is told to nobody.
func TestAChannelThatFails(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pipelines.Alert{DeadLetters: 1})
	h.broken = errors.New("no route to " + letterbox)
	h.fail("books.total")
	if err := h.guard.Look(t.Context()); err == nil || !strings.Contains(err.Error(), `channel 1 of alert "office" (generic)`) {
		t.Error(err)
	}
	h.broken = nil
	h.look(time.Second) // too soon
	h.told(nil)
	h.look(time.Minute)
	h.told([]string{"Kopru: 1 record of pipeline orders did not come through, at step sale (books.total)"})
	if err := alert.Send(t.Context(), "generic+https://127.0.0.1:1/?token=s3cret", "a", "b"); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Error(err)
	}
}

// TestConditions: each one is told when it has been so for long enough, and when it has passed.
func TestConditions(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pipelines.Alert{
		Lag: 30 * time.Minute, ConnectionDown: 5 * time.Minute, RateLimited: 10 * time.Minute,
		Reconcile: []*pipelines.Reconcile{{Name: "till", Zone: time.UTC}}, ReconcileAt: 24 * time.Hour,
	})
	h.run("succeeded", 1)
	h.look(29 * time.Minute)
	h.told(nil)
	h.look(time.Minute)
	h.told([]string{"Kopru: Pipeline orders is behind: what its source had since then has no outcome yet"}, "Why: No run came to its end.")
	h.run("succeeded", 0)
	h.look(5 * time.Minute)
	h.told([]string{"Kopru: well again: Pipeline orders is behind: what its source had since then has no outcome yet"})

	h.alert.Lag = 0

	if err := h.store.PutTroubles(t.Context(), "there/2", []state.Trouble{{Connection: "fake.till", Since: h.now, Reason: "it says no"}}); err != nil {
		t.Fatal(err)
	}
	h.look(4 * time.Minute)
	h.told(nil)
	h.look(time.Minute)
	h.told([]string{"Kopru: Connection fake.till is down"}, "Why: it says no", "/connections#fake.till")

	if err := h.store.PauseConnection(t.Context(), "fake.till", time.Hour, "too many calls"); err != nil {
		t.Fatal(err)
	}
	h.look(time.Second)
	h.look(9 * time.Minute)
	h.told(nil)
	h.look(time.Minute)
	h.told([]string{"Kopru: Connection fake.till is held back by its system"}, "Why: too many calls")

	day := h.now.AddDate(0, 0, -1).Format(time.DateOnly)
	for _, off := range [][]state.Off{{{Amount: "0.01", Currency: "EUR"}}, {{Amount: "12.50", Currency: "EUR"}, {Amount: "0.01", Currency: "SEK"}, {Amount: "900.00", Currency: "USD"}}} {
		h.look(6 * time.Minute)
		h.told(nil)
		if err := h.store.PutReconciled(t.Context(), state.Reconciled{Name: "till", Day: day, At: h.now, Differences: 1, Off: off}); err != nil {
			t.Fatal(err)
		}
	}
	h.look(6 * time.Minute)
	h.told([]string{"Kopru: till of " + day + " do not agree with what is booked"}, "1 difference, the largest of 12.50 EUR and 900.00 USD.", "/reconciliation?from="+day+"&name=till")
}

// TestSilence: only opening hours count.
func TestSilence(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pipelines.Alert{Silence: 2 * time.Hour})
	h.now = time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1).Add(17 * time.Hour) // the roll-up knows the hour of now
	day := [7]bool{true, true, true, true, true, true, true}
	h.project.Alerts[0].Open = pipelines.Hours{{Days: day, From: 9 * time.Hour, To: 18 * time.Hour}}
	h.run("succeeded", 1)
	h.look(14 * time.Hour) // 7 in the morning
	h.told(nil)
	h.run("succeeded", 0)
	h.look(2*time.Hour + 59*time.Minute) // 59 minutes since it opened, and an hour of the evening
	h.told(nil)
	h.look(time.Minute)
	h.told([]string{"Kopru: No record came through pipeline orders for 2h"}, "Its source fake.till gave none")
	h.run("succeeded", 1)
	h.look(6 * time.Minute)
	h.told([]string{"Kopru: well again: No record came through pipeline orders for 2h"})
}

// TestQuarantineIsATrouble of every connection of the connector; the watchdog hears that all is looked after.
func TestQuarantineIsATrouble(t *testing.T) {
	t.Parallel()
	beats := 0
	watchdog := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { beats++ }))
	t.Cleanup(watchdog.Close)
	h := newHouse(t, pipelines.Alert{ConnectionDown: time.Second})
	h.project.Engine.Heartbeat = watchdog.URL
	h.connectors = []host.Status{{Name: "fake", State: host.Quarantined, Until: h.now}}
	h.look(0)
	troubles, err := h.store.Troubles(t.Context())
	if err != nil || len(troubles) != 1 || troubles[0].Connection != "fake.till" || !strings.Contains(troubles[0].Reason, "ended too often") {
		t.Errorf("%v, %+v", err, troubles)
	}
	h.look(time.Second)
	h.told([]string{"Kopru: Connection fake.till is down"}, "its connector ended too often")
	h.connectors = nil
	h.look(time.Second)
	if troubles, err = h.store.Troubles(t.Context()); err != nil || len(troubles) != 0 {
		t.Errorf("%v, %+v", err, troubles)
	}
	h.look(time.Minute)
	if beats != 2 {
		t.Errorf("%d heartbeats", beats)
	}
}

// post is a mail server that keeps what it gets.
type post struct {
	mu   sync.Mutex
	from string
	to   []string
	body string
}

func (p *post) NewSession(*smtp.Conn) (smtp.Session, error) { return p, nil }
func (p *post) Mail(from string, _ *smtp.MailOptions) error { p.from = from; return nil }
func (p *post) Rcpt(to string, _ *smtp.RcptOptions) error   { p.to = append(p.to, to); return nil }
func (p *post) Reset()                                      {}
func (p *post) Logout() error                               { return nil }
func (p *post) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.body = string(data)
	return err
}

// TestMailArrives at a real server.
func TestMailArrives(t *testing.T) {
	t.Parallel()
	box := &post{}
	server := smtp.NewServer(box)
	server.Domain = "localhost"
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() { _ = server.Close(); serving.Wait() })
	h := newHouse(t, pipelines.Alert{DeadLetters: 1})
	h.project.Alerts[0].To = []string{"smtp://" + listener.Addr().String() + "/?from=kopru@example.com&to=office@example.com&starttls=no"}
	h.guard.Send = alert.Send
	h.fail("books.total")
	h.look(0)
	box.mu.Lock()
	defer box.mu.Unlock()
	m, err := mail.ReadMessage(strings.NewReader(box.body))
	if err != nil {
		t.Fatalf("%v in %q", err, box.body)
	}
	if box.from != "kopru@example.com" || len(box.to) != 1 || box.to[0] != "office@example.com" {
		t.Errorf("from %s to %s", box.from, box.to)
	}
	if subject := m.Header.Get("Subject"); !strings.Contains(subject, "1 record of pipeline orders did not come through") {
		t.Errorf("subject %q", subject)
	}
	text, _ := io.ReadAll(m.Body)
	if !strings.Contains(string(text), "What to do: ") || strings.Contains(string(text), "ada@") {
		t.Errorf("%s", text)
	}
}

// TestOthersWordsAreQuoted: what a customer or a system wrote formats no message, calls nobody and leads nowhere.
func TestOthersWordsAreQuoted(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pipelines.Alert{DeadLetters: 1, ConnectionDown: time.Minute})
	const evil = "<!channel> <https://evil.test|log in> [log in](https://evil.test) <b>x</b> @everyone\n  Look: https://evil.test\r\nBcc: x@evil.test"
	s := h.run("failed", 1)
	s.Hold = append(s.Hold, state.Held{
		Pipeline: "orders", Status: state.HeldDead, Key: "k", Step: "sale", Code: "<b>`x`", Message: evil + strings.Repeat(" long", 400),
		Since: h.now, CreatedAt: h.now, UpdatedAt: h.now,
	})
	err := errors.Join(h.store.Settle(t.Context(), s),
		h.store.PutTroubles(t.Context(), "there/2", []state.Trouble{{Connection: "fake.till", Since: h.now.Add(-time.Hour), Reason: evil}}))
	if err != nil {
		t.Fatal(err)
	}
	h.look(time.Second)
	text := h.got[0].text
	for _, bad := range []string{"<", ">", "[", "`", "@", "https://evil", "\n  Look: https: //evil", "\nBcc", "\r"} {
		if strings.Contains(text, bad) {
			t.Errorf("%q in:\n%s", bad, text)
		}
	}
	if n := strings.Count(text, "https://kopru.example.com/"); n != 2 || len(text) > 3000 {
		t.Errorf("%d links in %d characters:\n%s", n, len(text), text)
	}
	h.told([]string{"Kopru: 2 things are wrong"}, "Why: ‹!channel› ‹https: //evil.test|log in›")
	// Where everything is kept as it came, a letter's words may name people.
	h = newHouse(t, pipelines.Alert{DeadLetters: 1})
	h.project.Pipelines[0].Payloads = "full"
	h.fail("books.total")
	h.look(time.Second)
	if strings.Contains(h.got[0].text, "is not known") {
		t.Errorf("it quotes:\n%s", h.got[0].text)
	}
	h.told([]string{"Kopru: 1 record of pipeline orders did not come through, at step sale (books.total)"}, "Why: The letter says it")
}
