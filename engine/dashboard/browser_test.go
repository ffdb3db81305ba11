package dashboard_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/oklog/ulid/v2"

	"github.com/kopru-io/kopru/engine/dashboard"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
)

// axe is axe-core 4.14.1, npm axe-core, which judges whether people with a screen reader or a keyboard can use a page.
//
//go:embed testdata/axe/axe.min.js
var axe string

// browser is a headless Chromium looking at a shop.
type browser struct {
	*shop
	t   *testing.T
	ctx context.Context
}

func newBrowser(t *testing.T, s *shop) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		t.Skip("there is no Chromium on this machine; make test-needs installs one")
	}
	ctx, cancel := chromedp.NewContext(t.Context(),
		chromedp.WithAllocatorOptions(chromedp.NoSandbox, chromedp.ExecPath(path), chromedp.Flag("lang", "en")))
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		cancel()
	})
	if err := chromedp.Do(ctx); err != nil { // the browser lives as long as the context of its first use
		t.Fatal(err)
	}
	return &browser{s, t, ctx}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 2*time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		body, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
		b.t.Fatalf("%v; the page shows:\n%s", err, body)
	}
}

func evaluate[T any](b *browser, js string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", js, err)
	}
	return v
}

func (b *browser) open(path string) { b.t.Helper(); b.do(chromedp.Navigate(b.server.URL + path)) }

// soon waits until what it asks the page is true, also of one that is still to be loaded.
func (b *browser) soon(js, missing string) {
	b.t.Helper()
	ask := chromedp.Evaluate[bool](js)
	for until := time.Now().Add(2 * time.Minute); ; {
		if ok, err := chromedp.Run(b.ctx, ask); ok && err == nil { // an error is a page that is just being left
			return
		}
		if time.Now().After(until) {
			body, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
			b.t.Fatalf("%s:\n%s", missing, body)
		}
		b.do(chromedp.Sleep(50 * time.Millisecond))
	}
}

// shows waits until the page shows a text.
func (b *browser) shows(text string) {
	b.t.Helper()
	quoted, _ := json.Marshal(text) // a text always has a form
	b.soon(fmt.Sprintf("!!document.body?.innerText.includes(%s)", quoted), fmt.Sprintf("it does not show %q but", text))
}

// press presses the button or follows the link that reads so, once the page's scripts are there.
func (b *browser) press(text string) {
	b.t.Helper()
	quoted, _ := json.Marshal(text) // a text always has a form
	b.soon(fmt.Sprintf(`(() => {
		const el = [...document.querySelectorAll("main a, main button")].find((el) => el.innerText.trim().startsWith(%s));
		if (!el || document.readyState !== "complete") return false;
		el.click();
		return true;
	})()`, quoted), fmt.Sprintf("there is nothing to press that reads %q in", text))
}

// enter replaces what stands in a field, as somebody who types.
func (b *browser) enter(selector, text string) {
	b.t.Helper()
	quoted, _ := json.Marshal(text) // a text always has a form
	evaluate[bool](b, fmt.Sprintf("document.querySelector(%q).value = %s; true", selector, quoted))
}

func (b *browser) device(scheme string, width, height int64) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}), chromedp.EmulateViewport(width, height))
}

// judge lets axe look at the page.
func (b *browser) judge(page string) {
	b.t.Helper()
	evaluate[bool](b, axe+"; true")
	found := evaluate[string](b, `axe.run(document, { resultTypes: ["violations"] }).then((r) => r.violations
		.filter((v) => v.impact === "serious" || v.impact === "critical")
		.map((v) => v.id + ": " + v.nodes.map((n) => n.html + " " + n.failureSummary).join("\n")).join("\n"))`)
	if found != "" {
		b.t.Errorf("%s: %s", page, found)
	}
	if wide := evaluate[int](b, "document.documentElement.scrollWidth - innerWidth"); wide > 0 {
		b.t.Errorf("%s is %d pixels wider than the screen", page, wide)
	}
}

// keep writes a picture of the page into $KOPRU_SHOTS, for people to look at.
func (b *browser) keep(name string) {
	b.t.Helper()
	dir := os.Getenv("KOPRU_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// TestEveryPageCanBeUsed looks at each page on a desk in the light and on a phone in the dark.
func TestEveryPageCanBeUsed(t *testing.T) {
	s := newShop(t)
	s.sell()
	s.trouble()
	b := newBrowser(t, s)
	pages := map[string]string{
		"overview": "/", "pipeline": "/pipelines/orders", "activity": "/activity", "record": "/record?pipeline=orders&key=A-4",
		"failures": "/failures", "group": "/failures/group?pipeline=orders&step=sale&code=books.total&status=dead",
		"letter": "/failures/1", "live": "/live", "reconciliation": "/reconciliation", "connections": "/connections", "settings": "/settings", "nodes": "/nodes", "login": "/login",
	}
	for _, look := range []struct {
		name, scheme  string
		width, height int64
	}{{"desk", "light", 1280, 900}, {"phone", "dark", 390, 844}} {
		b.device(look.scheme, look.width, look.height)
		for name, path := range pages {
			if look.name == "phone" && !strings.Contains("overview pipeline activity record letter nodes reconciliation", name) {
				continue // made of the same pieces
			}
			b.open(path)
			if strings.Contains("overview pipeline", name) {
				b.do(chromedp.WaitReady(".uplot canvas"))
			}
			b.judge(look.name + ", " + name)
			b.keep(name + "-" + look.name)
		}
	}
}

// TestOperatorMendsARecord: a failure is found, understood, mended and replayed.
func TestOperatorMendsARecord(t *testing.T) {
	s := newShop(t)
	s.sell()
	b := newBrowser(t, s)
	b.open("/")
	b.shows("Some records need you")
	b.press("See what is wrong")
	b.shows("total is no number")
	b.press("Look")
	b.do(chromedp.WaitReady(`input[name="id"]`))
	b.press("A-4")
	b.do(chromedp.WaitReady("#text"))
	b.press("Replay") // as it is it fails again
	b.shows("Did not come through")
	b.enter("#text", `{"ref":"A-4","total":9,"email":"dag@example.test"}`)
	b.press("Plan")
	b.shows("Nothing was written. This is what would happen:")
	if n := len(s.books.sales); n != 2 {
		t.Fatalf("a plan wrote: %d sales", n)
	}
	b.press("Replay")
	b.shows("It came through.")
	if n := len(s.books.sales); n != 3 {
		t.Errorf("%d sales", n)
	}
	b.press("Back to the failures")
	b.shows("Nothing needs you")
}

// TestAdminChangesASetting changes settings in the form, first to what is not allowed: that is told at the field while
// it is filled in, and what is right is planned, shown as it will stand in the file, and written.
func TestAdminChangesASetting(t *testing.T) {
	s := newShop(t)
	s.books.order("A-9", `"total":1,"email":"ada@example.test"`)
	b := newBrowser(t, s)
	b.open("/settings")
	b.do(chromedp.WaitReady(`select[name="entry.vat.21"]`)) // the systems were asked
	change := func(selector, value string) {
		t.Helper()
		b.enter(selector, value)
		evaluate[bool](b, fmt.Sprintf(`document.querySelector(%q).dispatchEvent(new Event("change", { bubbles: true }))`, selector))
	}
	evaluate[bool](b, `document.querySelector("details.part").open = true`)
	change("#v-shop", "")
	b.do(chromedp.WaitReady(`#v-shop[aria-invalid="true"]`))
	if got := evaluate[string](b, `document.querySelector("#wrong-shop").innerText`); !strings.HasPrefix(got, "A shop has a name.") {
		t.Errorf("at the field stands %q", got)
	}
	b.judge("a form with a mistake")
	change("#v-shop", "Köprü & Sons")
	b.shows(`shop = "Köprü & Sons"`)
	change(`select[name="entry.vat.21"]`, "03")
	b.shows(`"21" = "03"`)
	b.judge("a form with changes")
	b.press("Plan")
	b.shows("Köprü & Sons")
	b.do(chromedp.WaitReady("#planned .card"))
	b.press("Write it")
	b.shows("Written.")
	if got := evaluate[string](b, `document.querySelector("#v-shop").value`); got != "Köprü & Sons" {
		t.Errorf("the form shows %q", got)
	}
	const want = "# Name of the shop, as the books show it\nshop = \"Köprü & Sons\"\n\n# VAT rate → code\nvat = {\n  \"21\" = \"03\"\n}\n"
	if text, _ := os.ReadFile(filepath.Join(s.dir, "kopru.vars.hcl")); string(text) != want {
		t.Errorf("%s", text)
	}
	if len(s.books.sales) != 0 {
		t.Error("a plan wrote")
	}
}

// wait adds runs of the orders that do nothing but wait for a record that is parked already, after one that parks it.
func (s *shop) wait(runs int) {
	s.t.Helper()
	parked := state.Run{Pipeline: "orders", Kind: "run", Status: "partial", Counts: state.Counts{Read: 1, Parked: 1}, Node: s.runner.Node}
	for i := range runs + 1 {
		parked.StartedAt, parked.Waits = time.Now().Add(time.Duration(i-runs-1)*30*time.Second), int64(min(i, 1))
		parked.FinishedAt = parked.StartedAt.Add(120 * time.Millisecond)
		parked.ID = ulid.MustNew(ulid.Timestamp(parked.StartedAt), ulid.DefaultEntropy()).String()
		fence, err := s.store.StartRun(s.t.Context(), parked)
		if err == nil {
			err = s.store.FinishRun(s.t.Context(), parked, fence)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// TestQuietRunsAreOneLine: runs that only wait are one line, which leads to each of them.
func TestQuietRunsAreOneLine(t *testing.T) {
	s := newShop(t)
	s.wait(40)
	s.sell()
	b := newBrowser(t, s)
	b.open("/pipelines/orders")
	b.do(chromedp.WaitReady(".uplot canvas"))
	b.shows("39 more like it since")
	if n := evaluate[int](b, `document.querySelectorAll(".runs tbody tr").length`); n != 3 {
		t.Errorf("%d lines", n)
	}
	b.judge("quiet runs")
	b.keep("quiet")
	b.press("39 more like it since")
	b.shows("In a row, all alike")
	if n := evaluate[int](b, `document.querySelectorAll(".runs tbody tr").length`); n != 25 {
		t.Errorf("%d lines", n)
	}
	b.judge("quiet runs, one by one")
	b.keep("quiet-unfolded")
	b.press("Older")
	b.do(chromedp.WaitNotPresent(`a[rel="next"]`))
	if n := evaluate[int](b, `document.querySelectorAll(".runs tbody tr").length`); n != 15 {
		t.Errorf("%d lines", n)
	}
	b.device("dark", 390, 844)
	b.open("/pipelines/orders")
	b.judge("quiet runs on a phone")
	b.keep("quiet-phone")
}

// TestAccountantCompares a day: what happened, what is booked, and why one order is not.
func TestAccountantCompares(t *testing.T) {
	s := newShop(t)
	s.sell()
	s.books.order("A-6", `"total":5`)                   // not read yet
	s.books.order("A-7", `"total":80,"currency":"NOK"`) // nor is this
	b := newBrowser(t, s)
	b.open("/")
	b.shows("24.50") // asked for while the page is shown
	b.open("/reconciliation?from=" + today())
	b.press("Compare")
	b.shows("not read yet")
	b.judge("a comparison")
	b.keep("compared-desk")
	b.device("dark", 390, 844)
	b.judge("a comparison on a phone")
	b.keep("compared-phone")
	b.open("/reconciliation")
	b.shows("€5.00")
	b.shows("80.00")
	b.keep("compared-before")
}

// TestNewsArrive: what happens is shown without anybody's asking.
func TestNewsArrive(t *testing.T) {
	s := newShop(t)
	b := newBrowser(t, s)
	b.open("/live")
	b.shows("Nothing has happened yet")
	s.sell()
	b.shows("nothing was sold")
}

// focus is where the keyboard is.
type focus struct {
	Name string // as a screen reader says it
	Seen bool   // it is marked, and on the screen
}

func (b *browser) focus() focus {
	b.t.Helper()
	return evaluate[focus](b, `(() => {
		const el = document.activeElement, style = getComputedStyle(el), box = el.getBoundingClientRect();
		return {
			Name: (el.ariaLabel || el.labels?.[0]?.innerText || el.innerText || "").trim(),
			Seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && box.bottom > 0 && box.top < innerHeight,
		};
	})()`)
}

func (b *browser) key(keys string, held ...chromedp.KeyOption) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys, held...))
}

// tab goes on with the Tab key to what is called so. Wherever it comes by must show that it is there.
func (b *browser) tab(to string, held ...chromedp.KeyOption) {
	b.t.Helper()
	var passed []string
	for range 80 {
		b.key(kb.Tab, held...)
		at := b.focus()
		if !at.Seen {
			b.t.Errorf("nobody sees that the keyboard is at %q", at.Name)
		}
		if strings.HasPrefix(at.Name, to) {
			return
		}
		passed = append(passed, at.Name)
	}
	b.t.Fatalf("the Tab key does not lead to %q but to %q", to, passed)
}

// TestKeyboardIsEnough goes from the overview to a failure, mends it and goes back, with nothing but keys.
func TestKeyboardIsEnough(t *testing.T) {
	s := newShop(t)
	s.sell()
	b := newBrowser(t, s)
	b.open("/")
	b.shows("Some records need you")
	b.tab("To the content")
	b.key(kb.Enter)
	b.tab("See what is wrong") // with news coming in meanwhile
	s.books.order("A-5", `"total":"ten"`)
	s.post("/api/v1/pipelines/orders/run", "", http.StatusOK)
	b.shows("2 × orders")
	if at := b.focus(); at.Name != "See what is wrong" {
		t.Fatalf("news took the keyboard to %q", at.Name)
	}
	b.key(kb.Enter)
	b.shows("What did not come through, by cause")
	b.tab("To the content")
	b.key(kb.Enter)
	b.tab("Look")
	b.key(kb.Enter)
	b.shows("Those that are ticked")
	b.tab("#1")
	b.key(" ")
	b.tab("A-4")
	b.key(kb.Enter)
	b.shows("Mend and replay")
	b.tab("The record; edit what is wrong")
	b.key("a", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	b.key(`{"ref":"A-4","total":9,"email":"dag@example.test"}`)
	b.tab("Replay")
	b.tab("Plan")
	b.key(kb.Enter)
	b.shows("Nothing was written. This is what would happen:")
	if n := len(s.books.sales); n != 2 {
		t.Fatalf("a plan wrote: %d sales", n)
	}
	b.tab("Why discard?")
	b.key(kb.Enter) // asks for a reason, and doesn't replay
	b.shows("Say why")
	b.tab("Replay", chromedp.KeyModifiers(chromedp.ModifierShift))
	b.key(kb.Enter)
	b.shows("It came through.")
	if n := len(s.books.sales); n != 3 {
		t.Errorf("%d sales", n)
	}
	b.shows("released")
	b.tab("Back to the failures")
	b.key(kb.Enter)
	b.shows("What did not come through, by cause")
	b.tab("Look")
	b.key(kb.Enter)
	b.shows("Those that are ticked")
	evaluate[bool](b, `confirm = (question) => { document.title = question; return true; }; true`)
	b.tab("Why discard?")
	b.key("sold twice" + kb.Enter)
	b.shows("Closed for good.")
	b.shows("Nothing is left of this")
	if asked := evaluate[string](b, "document.title"); asked != "Close these letters for good?" {
		t.Errorf("it asked %q", asked)
	}
	b.tab("Back to the failures")
	b.key("g")
	b.key("o")
	b.shows("Everything is in step")
}

// TestWhatIsTypedMeanwhileIsKept fills in the settings while the systems are still asked for what may be chosen.
func TestWhatIsTypedMeanwhileIsKept(t *testing.T) {
	s := newShop(t)
	answers, known := make(chan struct{}), s.engine.Questions
	s.engine.Questions = func(ctx context.Context, p *pipelines.Project, ask dashboard.Ask) dashboard.Questions {
		if ask != dashboard.AskNobody {
			select {
			case <-answers:
			case <-ctx.Done():
			}
		}
		return known(ctx, p, ask)
	}
	s.restart()
	b := newBrowser(t, s)
	b.open("/settings")
	b.shows("The systems are asked")
	b.do(chromedp.Focus("#v-vat"))
	b.key("a", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	b.key(`{ "9" = "02" }`)
	evaluate[bool](b, `document.querySelector("details.part").open = true`)
	b.do(chromedp.Focus("#v-shop"))
	b.key(kb.End + " & Sons" + kb.Home + "The ")
	close(answers)
	b.key("o")
	b.key("ld ")
	b.do(chromedp.WaitReady(`select[name="entry.vat.21"]`))
	b.key("good ")
	for selector, want := range map[string]string{
		"#v-shop": "The old good Corner Shop & Sons", `select[name="entry.vat.9"]`: "02", `select[name="entry.vat.21"]`: "",
	} {
		if got := evaluate[string](b, fmt.Sprintf("document.querySelector(%q).value", selector)); got != want {
			t.Errorf("%s is %q, not %q", selector, got, want)
		}
	}
	b.press("Show the difference")
	b.shows(`shop = "The old good Corner Shop & Sons"`)
	b.shows(`"9" = "02"`)
	b.tab("Write it")
	b.key(kb.Enter)
	b.shows("Written.")
	b.do(chromedp.WaitReady(`[role="status"]:focus`)) // which a screen reader reads out
}

// hardTimes fills a shop with whatever makes a page hard to lay out: work under way, trouble of each kind, and texts
// that are long.
func (s *shop) hardTimes() {
	s.t.Helper()
	ctx, now := s.t.Context(), time.Now()
	s.write("z.hcl", `
pipeline "stock_levels_of_all_branches_and_warehouses_to_books" {
  description = "Stock levels of all branches and warehouses, every five minutes in opening hours and once at night"
  every       = "5m"
  source "order" { connection = fake.till }
  sink "sale" {
    connection = fake.books
    match      = { ref = record.ref }
    set        = record
  }
}
pipeline "invoices" {
  every = "1m"
  source "order" { connection = fake.till }
  sink "sale" {
    connection = fake.books
    match      = { ref = record.ref }
    set        = record
  }
}
`)
	s.mu.Lock()
	s.project = nil // so that the new file is read
	s.mu.Unlock()
	s.trouble()
	s.sell()
	long := "SHOP-0001/2026/" + strings.Repeat("7f3a9c", 30)
	const message = "the books refused it: field \"lines[3].unitPriceInCurrency\" must be greater than or equal to 0 and less than or equal to " +
		"99999999999999.99, but was given as \"-1.234.567,89\"; see https://books.example.test/help/articles/360001234567890-unit-prices-in-currency#limits"
	begin := func(pipeline, id string) int64 {
		fence, err := s.store.StartRun(ctx, state.Run{ID: id, Pipeline: pipeline, Kind: "run", Status: "running", StartedAt: now.Add(-95 * time.Second), Node: s.runner.Node})
		if err != nil {
			s.t.Fatal(err)
		}
		return fence
	}
	const stock = "stock_levels_of_all_branches_and_warehouses_to_books"
	fence := begin(stock, "run-1")
	settled := state.Settlement{Run: "run-1", Fence: fence, Pipeline: stock, Source: "order"}
	for i, h := range []state.Held{
		{Status: state.HeldDead, Key: long, Code: "http.refused", Class: "invalid", Message: message},
		{Status: state.HeldParked, Key: long + "b", Code: "parked", WaitsFor: "customer of fake.books with " + message, WaitTarget: "fake.books/customer", WaitMatch: "{}"},
	} {
		h.Pipeline, h.Run, h.RecordID, h.Step, h.Entity, h.Since, h.Version, h.Attempts = stock, "run-1", fmt.Sprint("r", i), "sale", "order", now.Add(-26*time.Hour), "v", 12345
		h.Original, h.Current = []byte(`{"ref":"`+h.Key+`","note":"`+strings.Repeat("very long ", 40)+`"}`), []byte(`{"ref":"`+h.Key+`"}`)
		settled.Hold = append(settled.Hold, h)
		settled.Entries = append(settled.Entries, state.Entry{
			At: now, Run: "run-1", Pipeline: stock, Entity: "order", Key: h.Key, RecordID: h.RecordID, Outcome: state.Outcome(h.Status), Code: h.Code, Reason: h.Message + h.WaitsFor,
		})
	}
	for _, err := range []error{
		s.store.Settle(ctx, settled),
		s.store.PutHalt(ctx, state.Halt{Pipeline: "invoices", At: now.Add(-3 * time.Hour), Who: "ada.van.den.berg@accountants.example.com (OIDC)"}),
		s.store.PauseConnection(ctx, "fake.till", 42*time.Minute, "HTTP 429: too many calls; Retry-After says 2520 seconds"),
		s.store.PutTroubles(ctx, "elsewhere/1", []state.Trouble{{Connection: "fake.books", Since: now.Add(-time.Hour), Reason: message}}),
		s.store.PutTested(ctx, state.Tested{Connection: "fake.books", At: now.Add(-time.Hour), Answer: []byte(
			`{"ok":false,"facts":["It answers in 1234 ms"],"problems":[{"summary":"The credentials are refused","detail":"Ask for a new key in the books' settings."}]}`)}),
		s.store.BeginBackfill(ctx, state.Backfill{
			ID: "fill-1", Pipeline: "orders", Span: "2025-01-01 … 2025-06-30", Status: "running", StartedAt: now.Add(-time.Hour), Node: s.runner.Node,
			Partitions: []state.Partition{{Number: 1}, {Number: 2}, {Number: 3}},
		}),
		s.store.Beat(ctx, state.Node{Name: s.runner.Node, Version: "1.2.3", Since: now.Add(-time.Hour)}),
	} {
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// TestHardTimes looks at the pages on a day on which all goes wrong, and on the first, when nothing ran yet.
func TestHardTimes(t *testing.T) {
	s := newShop(t)
	b := newBrowser(t, s)
	look := func(when, lang, scheme string, width int64, pages map[string]string) {
		t.Helper()
		b.device(scheme, width, 900)
		evaluate[bool](b, fmt.Sprintf(`document.cookie = "kopru_language=%s; path=/"; true`, lang))
		for name, path := range pages {
			b.open(path)
			b.do(chromedp.WaitReady("main"))
			b.judge(fmt.Sprintf("%s, %s, %s, %d", when, name, lang, width))
			b.keep(fmt.Sprintf("%s-%s-%s-%d", when, name, lang, width))
		}
	}
	b.open("/")
	look("first", "en", "light", 1280, map[string]string{
		"overview": "/", "pipeline": "/pipelines/orders", "failures": "/failures", "live": "/live", "reconciliation": "/reconciliation",
	})
	s.hardTimes()
	const stock = "stock_levels_of_all_branches_and_warehouses_to_books"
	pages := map[string]string{
		"overview": "/", "pipeline": "/pipelines/" + stock, "orders": "/pipelines/orders", "paused": "/pipelines/invoices", "failures": "/failures", "group": "/failures/group?pipeline=" + stock + "&step=sale&code=http.refused&status=dead",
		"letter": "/failures/2", "activity": "/activity", "connections": "/connections", "record": "/record?pipeline=" + stock + "&key=SHOP-0001/2026/" + strings.Repeat("7f3a9c", 30), "nodes": "/nodes", "settings": "/settings",
	}
	look("hard", "nl", "dark", 390, pages)
	look("hard", "tr", "light", 1280, pages)
}
