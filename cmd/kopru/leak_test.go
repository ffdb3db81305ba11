package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/shop"
	"github.com/kopru-io/kopru/engine/state"
)

// personalOf are the names, addresses, numbers and streets of all customers of a made-up shop.
func personalOf(orders int) []string {
	var out []string
	add := func(texts ...string) {
		for _, text := range texts {
			if len(text) >= 8 { // shorter ones may stand there by chance
				out = append(out, text)
			}
		}
	}
	s := shop.New(1, shop.Size{Orders: orders})
	for _, r := range s.Relations {
		if r.Email == "" { // such as the customer for sales without one
			continue
		}
		add(r.Name, r.Contact, r.Email, r.Telephone, r.Mobile, r.Home.Street, r.Delivery.Street)
	}
	return out
}

// TestNothingLeaks runs the shipped bridge with a key, looks at everything it leaves and shows, and finds no secret and,
// since payloads are masked, none of the customers.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	const orders = 120
	w := newWorld(t, orders, 0)
	key := state.NewKey().String()
	w.env = append(w.env, "KOPRU_KEY="+key)
	secrets := []string{key}
	for _, name := range []string{"MPLUSKASSA_SECRET", "VISMANET_CLIENT_SECRET"} {
		secrets = append(secrets, w.variable(name))
	}
	people := personalOf(orders)
	look := func(what string, data []byte) {
		t.Helper()
		for _, text := range append(secrets, people...) {
			if bytes.Contains(data, []byte(text)) {
				at := bytes.Index(data, []byte(text))
				t.Errorf("%s has %q: …%s…", what, text, data[max(0, at-80):min(len(data), at+len(text)+40)])
				return
			}
		}
	}
	if len(people) < orders/2 {
		t.Fatalf("the shop has only %d texts that are personal", len(people))
	}
	out, _ := w.kopru("-v", "run", "--once", bridge(t), "orders").CombinedOutput() // some are dead
	if !bytes.Contains(out, []byte("orders  partial")) {
		t.Fatalf("the run went otherwise:\n%s", out)
	}
	look("the log", out)
	for _, args := range [][]string{
		{"activity", "--limit", "1000"},
		{"activity", "--json", "--limit", "1000"},
		{"dead", "list"},
		{"links", "--limit", "1000"},
		{"nodes"},
		{"cursor"},
		{"privacy"},
		{"privacy", "--json"},
		{"erase", "--email", people[0] + "@nowhere.test", "--dry-run"},
	} {
		out, err := w.kopru(append(args, bridge(t))...).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v %s", args, err, out)
		}
		if args[0] != "erase" {
			look("kopru "+strings.Join(args, " "), out)
		}
	}

	var shown []byte
	for _, letter := range []string{"1", "2", "3"} {
		out, _ := w.kopru("dead", "show", letter, bridge(t), "--json").CombinedOutput() // there may be fewer
		shown = append(shown, out...)
	}
	if !slices.ContainsFunc(people, func(text string) bool { return bytes.Contains(shown, []byte(text)) }) {
		t.Errorf("no letter keeps what is looked for, so there is nothing to leak: %.2000s", shown)
	}

	engine := startEngineWith(t, w.kopru("run", bridge(t), "--listen", "127.0.0.1:0"))
	engine.says("dashboard at")
	base := regexp.MustCompile(`http://[0-9.:]+`).FindString(engine.text())
	page := func(path string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK && path != "/readyz" { // which it may not be yet
			t.Errorf("%s: %d, %v", path, resp.StatusCode, err)
		}
		look(path, body)
		return string(body)
	}
	for _, path := range []string{
		"/", "/pipelines/orders", "/activity", "/live", "/failures", "/connections", "/settings", "/nodes", "/metrics", "/healthz", "/readyz",
		"/activity/export?format=jsonl", "/activity/export?format=csv", "/api/v1/overview", "/api/v1/activity",
	} {
		page(path)
	}
	records := regexp.MustCompile(`/record\?[^"]+`).FindAllString(page("/activity"), 10)
	for _, path := range records {
		page(strings.ReplaceAll(path, "&amp;", "&"))
	}
	if len(records) == 0 {
		t.Error("the activity leads to no record")
	}
	engine.stop()
	look("the engine's log", []byte(engine.text()))
	for _, ending := range []string{"", "-wal"} {
		data, err := os.ReadFile(w.state + ending)
		if err == nil {
			look("state.db"+ending, data)
		} else if ending == "" {
			t.Error(err)
		}
	}
}

// TestAPersonIsErased writes a customer out, erases them and looks again, on the shipped bridge; all others stay. The
// record of processing names what the connectors mark.
func TestAPersonIsErased(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 40, 0)
	_ = w.kopru("run", "--once", bridge(t), "orders").Run() // some are dead
	told := func(into any, args ...string) {
		t.Helper()
		out, err := w.kopru(append(args, bridge(t), "--json")...).Output()
		if err == nil {
			err = json.Unmarshal(out, into)
		}
		if err != nil {
			t.Fatalf("%s: %v %s", args, err, out)
		}
	}
	var processed processing
	told(&processed, "privacy")
	if len(processed.Pipelines) == 0 || processed.Encrypted || !slices.ContainsFunc(processed.Systems, func(s systemOf) bool {
		return s.Connection == "mpluskassa.shop" && slices.Contains(s.Personal[0].Fields, "relation.email")
	}) {
		t.Errorf("the record of processing: %+v", processed)
	}
	var whom, other string
	var found struct{ Rows []state.Trace }
	for _, r := range shop.New(1, shop.Size{Orders: 40}).Relations {
		if r.Email == "" || strings.EqualFold(strings.TrimSpace(r.Email), whom) {
			continue
		}
		if told(&found, "export", "--email", strings.ToUpper(r.Email)); len(found.Rows) == 0 {
			continue
		}
		if whom != "" {
			other = r.Email
			break
		}
		whom = strings.TrimSpace(r.Email)
	}
	var view erasedView
	told(&view, "erase", "--email", whom, "--dry-run")
	if !view.DryRun || view.Rows["activity"] == 0 || view.Rows["stories"] == 0 || view.Rows["mentions"] == 0 {
		t.Errorf("would be erased of %s: %+v", whom, view)
	}
	before := view.Rows
	view = erasedView{}
	told(&view, "erase", "--email", whom)
	if diff := cmp.Diff(before, view.Rows); diff != "" || view.Left != 0 || view.DryRun {
		t.Errorf("erased otherwise than told before: %s %+v", diff, view)
	}
	if told(&found, "export", "--email", whom); len(found.Rows) != 0 {
		t.Errorf("left of %s: %+v", whom, found.Rows)
	}
	if told(&found, "export", "--email", other); len(found.Rows) == 0 {
		t.Errorf("%s went too, not only %s", other, whom)
	}
	if data, err := os.ReadFile(w.state); err != nil || bytes.Contains(bytes.ToLower(data), []byte(strings.ToLower(whom))) {
		t.Errorf("the file still has %s: %v", whom, err)
	}
	if out, err := w.kopru("erase", bridge(t)).CombinedOutput(); err == nil || !bytes.Contains(out, []byte("say whom: --email ADDRESS")) {
		t.Errorf("nobody is erased: %v %s", err, out)
	}
}

// variable is what the sandbox has set.
func (w *world) variable(name string) string {
	for _, line := range w.env {
		if value, ok := strings.CutPrefix(line, name+"="); ok && value != "" {
			return value
		}
	}
	w.t.Fatalf("the sandbox sets no %s", name)
	return ""
}
