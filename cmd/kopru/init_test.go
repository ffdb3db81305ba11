package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// TestWizard drives kopru init in a pseudo-terminal, from nothing to a sync that ran.
func TestWizard(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	envFile := filepath.Join(dir, "sandbox.env")
	sandbox := exec.Command(filepath.Join(binaries, "kopru-sandbox"), "--orders", "5", "--env", envFile)
	if err := sandbox.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = sandbox.Process.Signal(os.Interrupt)
		_ = sandbox.Wait()
	})
	vars, err := readEnv(envFile)
	if err != nil {
		t.Fatal(err)
	}
	shop := filepath.Join(dir, "shop")
	w := startTerminal(t, "init", shop, "--set", "delivery_methods={}", "--set", "payment_methods={}", "--set", "missing_item=create")
	w.answer("Which systems?", "\r")
	w.answer("Where are credentials kept?", "\r")
	for _, q := range [][2]string{
		{"mpluskassa.shop: url", "MPLUSKASSA_URL"},
		{"mpluskassa.shop: ident", "MPLUSKASSA_IDENT"},
		{"mpluskassa.shop: secret", "MPLUSKASSA_SECRET"},
		{"vismanet.books: api_url", "VISMANET_API_URL"},
		{"vismanet.books: salesorder_url", "VISMANET_SALESORDER_URL"},
		{"vismanet.books: token_url", "VISMANET_TOKEN_URL"},
		{"vismanet.books: client_id", "VISMANET_CLIENT_ID"},
		{"vismanet.books: client_secret", "VISMANET_CLIENT_SECRET"},
		{"vismanet.books: tenant_id", "VISMANET_TENANT_ID"},
	} {
		w.answer(q[0], "\x15"+vars[q[1]]+"\r") // what stands there is taken away first
	}
	w.answer("What is to be kept in step?", "\r")
	w.answer("employee_number", "\r")
	w.answer("order_type", "\r")
	w.answer("return_order_type", "\r")
	for _, name := range []string{
		"vat_categories of 0", "vat_categories of 9", "vat_categories of 21", "vat_zone", "customer_class_person", "customer_class_company", "credit_terms", "warehouse", "item_class",
	} {
		w.answer(name, "\r")
	}
	w.answer("Plan on real data?", "\r")
	w.answer("Run once now?", "y")
	w.wait("read 5 = delivered 5")
	if err := w.cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, w.tail())
	}
	if text := w.all(); strings.Contains(text, vars["MPLUSKASSA_SECRET"]) || strings.Contains(text, vars["VISMANET_CLIENT_SECRET"]) {
		t.Error("a secret was shown")
	}
	if text, err := os.ReadFile(filepath.Join(shop, "connections.hcl")); err != nil || !strings.Contains(string(text), `secret("MPLUSKASSA_SECRET")`) {
		t.Errorf("%s %v", text, err)
	}
}

// terminal is a program in a pseudo-terminal.
type terminal struct {
	t   *testing.T
	cmd *exec.Cmd
	pty *os.File

	mu   sync.Mutex
	text bytes.Buffer
	seen int
	more chan struct{}
}

func startTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	cmd := exec.Command(filepath.Join(binaries, "kopru"), args...)
	cmd.Env = []string{
		"TERM=xterm", "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "XDG_CACHE_HOME=" + filepath.Join(binaries, "cache"),
	}
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 150})
	if err != nil {
		t.Fatal(err)
	}
	w := &terminal{t: t, cmd: cmd, pty: f, more: make(chan struct{}, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(w, f) // ends with the program
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = f.Close()
		<-done
	})
	return w
}

// Write takes what the program shows.
func (w *terminal) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	select {
	case w.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

// wait waits until a text is shown that was not shown before.
func (w *terminal) wait(text string) {
	w.t.Helper()
	late := time.After(2 * time.Minute)
	for {
		w.mu.Lock()
		at := bytes.Index(w.text.Bytes()[w.seen:], []byte(text))
		if at >= 0 {
			w.seen += at + len(text)
		}
		w.mu.Unlock()
		if at >= 0 {
			return
		}
		select {
		case <-w.more:
		case <-late:
			w.t.Fatalf("%q is not shown\n%s", text, w.tail())
		}
	}
}

// answer types keys when a question is shown.
func (w *terminal) answer(question, keys string) {
	w.t.Helper()
	w.wait(question)
	if _, err := io.WriteString(w.pty, keys); err != nil {
		w.t.Fatal(err)
	}
}

func (w *terminal) all() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func (w *terminal) tail() string {
	text := w.all()
	return text[max(0, len(text)-3000):]
}
