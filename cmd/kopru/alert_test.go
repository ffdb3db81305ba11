package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/kopru-io/kopru/engine/state"
)

// office has a letterbox for mail, and one for what a webhook brings.
type office struct {
	mu       sync.Mutex
	mails    []string
	webhooks []string
}

func (o *office) NewSession(*smtp.Conn) (smtp.Session, error) { return &delivery{o}, nil }

type delivery struct{ to *office }

func (*delivery) Reset()                               {}
func (*delivery) Logout() error                        { return nil }
func (*delivery) Mail(string, *smtp.MailOptions) error { return nil }
func (*delivery) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (d *delivery) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	d.to.mu.Lock()
	defer d.to.mu.Unlock()
	d.to.mails = append(d.to.mails, string(data))
	return err
}

func (o *office) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	data, _ := io.ReadAll(r.Body)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.webhooks = append(o.webhooks, string(data))
}

// has waits until so many messages have come by each way, and returns the newest.
func (o *office) has(e *engine, n int) (subject, text, hook string) {
	e.t.Helper()
	for until := time.Now().Add(60 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		o.mu.Lock()
		mails, hooks := o.mails, o.webhooks
		o.mu.Unlock()
		if len(mails) < n || len(hooks) < n {
			if time.Now().After(until) {
				e.t.Fatalf("%d mails, %d webhooks, not %d\n%s", len(mails), len(hooks), n, e.text())
			}
			continue
		}
		if len(mails) > n || len(hooks) > n {
			e.t.Errorf("%d mails, %d webhooks, not %d", len(mails), len(hooks), n)
		}
		m, err := mail.ReadMessage(strings.NewReader(mails[n-1]))
		if err != nil {
			e.t.Fatalf("%v in %q", err, mails[n-1])
		}
		body, _ := io.ReadAll(m.Body)
		return m.Header.Get("Subject"), string(body), hooks[n-1]
	}
}

// TestAlertsOfARunningEngine: records that don't come through are told once, together, by mail and by a webhook, with
// where to look; not in quiet hours; and again when they are well.
func TestAlertsOfARunningEngine(t *testing.T) {
	t.Parallel()
	box := &office{}
	server := smtp.NewServer(box)
	server.Domain = "localhost"
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	hook := httptest.NewServer(box)
	t.Cleanup(hook.Close)
	dir := t.TempDir()
	put(t, filepath.Join(dir, "in.jsonl"), `{"id":"A-1","total":"nine","email":"ada@example.test"}
{"id":"A-2","total":5}
{"id":"A-3","total":"ten"}
`)
	quiet := `"00:00-12:00", "12:00-24:00"`
	mailbox := "smtp://" + listener.Addr().String() + "/?from=kopru@example.com&to=%s@example.com&starttls=no"
	put(t, filepath.Join(dir, "main.hcl"), fmt.Sprintf(`
engine {
  url = "https://kopru.example.com"
}

connection "file" "here" {
  path = "."
}

pipeline "orders" {
  every = "1s"
  source "in" {
    connection = file.here
    entity     = "in.jsonl"
    key        = "id"
  }
  filter "sold" {
    keep   = record.total > 0
    reason = "nothing was sold"
  }
  sink "out" {
    connection = file.here
    entity     = "out.jsonl"
    create     = true
  }
}

alert "office" {
  description  = "Ask for Kim."
  to           = [%q, %q]
  dead_letters = 1
}

alert "night" {
  to           = [%[3]q]
  dead_letters = 1
  quiet        = [%[4]s]
}
`, fmt.Sprintf(mailbox, "office"), "generic+"+hook.URL+"/?template=json", fmt.Sprintf(mailbox, "night"), quiet))
	e := startEngine(t, dir, "--listen", "127.0.0.1:0")
	subject, text, webhook := box.has(e, 1)
	const what = "2 records of pipeline orders did not come through, at step sold"
	if !strings.Contains(subject, what) {
		t.Errorf("subject %q", subject)
	}
	for _, want := range []string{what, "Why: ", "Since: ", "What to do: ", "Look: https://kopru.example.com/failures/group?", "Ask for Kim."} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	var sent struct{ Title, Message string }
	if err := json.Unmarshal([]byte(webhook), &sent); err != nil || !strings.Contains(sent.Title, what) || !strings.Contains(sent.Message, "https://kopru.example.com/failures/group?") {
		t.Errorf("%v: %s", err, webhook)
	}
	if strings.Contains(text+webhook, "ada@") {
		t.Errorf("it names somebody:\n%s\n%s", text, webhook)
	}
	// It is well again. That is told five minutes after the first message, which is made to be long ago.
	kopru := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(filepath.Join(binaries, "kopru"), args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	store, err := state.Open(t.Context(), filepath.Join(dir, ".kopru", "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	told := func() (out []state.Alert) {
		t.Helper()
		all, err := store.Alerts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range all {
			if !a.Told.IsZero() {
				a.Told = a.Told.Add(-10 * time.Minute)
				out = append(out, a)
			}
		}
		return out
	}
	list := told()
	if len(list) != 1 || list[0].Alert != "office" {
		t.Fatalf("told are %+v", list)
	}
	if err := store.PutAlerts(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	kopru("dead", "discard", dir, "--reason", "a test", "--all")
	subject, text, _ = box.has(e, 2)
	if !strings.Contains(subject, "well again") || !strings.Contains(text, "Well again: "+what) {
		t.Errorf("%s\n%s", subject, text)
	}
	e.stop()
	box.has(e, 2)
}
