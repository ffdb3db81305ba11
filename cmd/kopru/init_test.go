package main

import (
	"bytes"
	"cmp"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/kopru-io/kopru/pipelines"
	shipped "github.com/kopru-io/kopru/pipelines/mpluskassa-vismanet"
	"github.com/kopru-io/kopru/plugins/mpluskassa"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/vismanet"
)

// TestWizard drives kopru init in a pseudo-terminal, from nothing to a sync that ran.
func TestWizard(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	vars := startSandbox(t, "--orders", "5")
	shop := filepath.Join(dir, "shop")
	args := []string{"init", shop, "--set", "delivery_methods={}", "--set", "payment_methods={}", "--set", "missing_item=create"}
	w := startTerminal(t, args...)
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
	keys := map[string]string{
		"orders_start":                 "1-1-2026\r",
		"check_totals":                 "n",
		"revenue_accounts of domestic": "/8010\r\r", // chosen from what the books have
	}
	questions := []string{
		"order_form", "orders_start", "employee_number", "order_type", "return_order_type", "check_totals", "ship_orders", "release_invoices",
		"settle_credits",
		"vat_categories of 0", "vat_categories of 9", "vat_categories of 21", "vat_zone",
		"revenue_accounts of domestic", "revenue_accounts of eu", "revenue_accounts of outside",
		"default_debtor", "always_default_debtor", "update_customers", "customer_class_person", "customer_class_company", "credit_terms",
		"branches of 1", "branches of 2", "register_payments", "item_class", "warehouse",
	}
	for _, q := range questions {
		w.answer(q, cmp.Or(keys[q], "\r"))
		if q == "orders_start" { // is refused where it stands
			w.answer("Write it as 2026-01-31", "\x152020-01-01\r")
		}
	}
	w.answer("Plan on real data?", "\r")
	w.wait("orders · 3 records")
	w.answer("Run once now?", "y")
	w.wait("read 5 = delivered 5")
	if err := w.cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, w.tail())
	}
	if text := w.all(); strings.Contains(text, vars["MPLUSKASSA_SECRET"]) || strings.Contains(text, vars["VISMANET_CLIENT_SECRET"]) {
		t.Error("a secret was shown")
	}
	if text, err := os.ReadFile(filepath.Join(shop, "kopru.vars.hcl")); err != nil || !strings.Contains(string(text), `domestic = "8010"`) ||
		!regexp.MustCompile(`orders_start\s+= "2020-01-01"`).Match(text) || !regexp.MustCompile(`check_totals\s+= false`).Match(text) ||
		strings.Contains(string(text), "ship_orders") {
		t.Errorf("%s %v", text, err)
	}
	if text, err := os.ReadFile(filepath.Join(shop, "connections.hcl")); err != nil || !strings.Contains(string(text), `secret("MPLUSKASSA_SECRET")`) {
		t.Errorf("%s %v", text, err)
	}

	// once more: each question stands at what was answered, and nothing changes
	before, _ := os.ReadFile(filepath.Join(shop, "kopru.vars.hcl"))
	w = startTerminal(t, args...)
	for _, q := range append([]string{"Which systems?", "Change the credentials?", "What is to be kept in step?"}, questions...) {
		w.answer(q, "\r")
		if q == "check_totals" {
			w.wait("check_totals: no")
		}
	}
	w.answer("Plan on real data?", "n")
	w.answer("Run once now?", "n")
	w.wait("The project is in")
	if err := w.cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, w.tail())
	}
	if after, _ := os.ReadFile(filepath.Join(shop, "kopru.vars.hcl")); !bytes.Equal(before, after) {
		t.Errorf("%s", after)
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

// TestChoices: what the wizard asks for is a setting of the bridge, and what it offers is there and allowed.
func TestChoices(t *testing.T) {
	t.Parallel()
	dir, err := templates{}.Dir(shipped.Name)
	if err != nil {
		t.Fatal(err)
	}
	p, diags := pipelines.VariablesOf(dir, pipelines.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	manifests := map[string]*protocol.Manifest{"mpluskassa.shop": mpluskassa.New().Manifest(), "vismanet.books": vismanet.New().Manifest()}
	listed := func(of shipped.List) {
		if of == (shipped.List{}) {
			return
		}
		entities := manifests[of.Connection].GetEntities()
		i := slices.IndexFunc(entities, func(e *protocol.Entity) bool { return e.GetName() == of.Entity })
		if i < 0 {
			t.Errorf("%s has no %s", of.Connection, of.Entity)
			return
		}
		for _, field := range []string{of.Key, of.Label} {
			if field != "" && !slices.ContainsFunc(entities[i].GetFields(), func(f *protocol.Field) bool { return f.GetName() == field }) {
				t.Errorf("%s %s has no field %s", of.Connection, of.Entity, field)
			}
		}
	}
	for _, v := range p.Variables {
		asked := func(c shipped.Choice) bool { return c.Setting == v.Name }
		if v.Type == "bool" && !slices.ContainsFunc(shipped.Choices, asked) {
			t.Errorf("nobody is asked for %s, yes or no", v.Name)
		}
	}
	for _, c := range shipped.Choices {
		i := slices.IndexFunc(p.Variables, func(v pipelines.Variable) bool { return v.Name == c.Setting })
		if i < 0 {
			t.Errorf("the bridge has no setting %s", c.Setting)
			continue
		}
		if isMap := p.Variables[i].Type == "map(string)"; isMap != c.IsMap() {
			t.Errorf("%s is a %s", c.Setting, p.Variables[i].Type)
		}
		listed(c.Values)
		listed(c.Keys)
		for _, v := range c.Among {
			if _, diags := pipelines.VariablesOf(dir, pipelines.Options{Vars: map[string]string{c.Setting: v}}); diags.HasErrors() {
				t.Errorf("%s = %s: %v", c.Setting, v, diags)
			}
		}
	}
}
