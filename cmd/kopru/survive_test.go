package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// summaryOfRun is what `run --once --json` prints about the bridge's one pipeline.
type summaryOfRun struct {
	Name, Status string
	Error        string
	Records      struct{ Read, Delivered, Unchanged, Filtered, Parked, Dead int }
}

// patientBridge is the shipped bridge, whose script may take longer: a busy machine is no weather of the systems'.
func patientBridge(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(bridge(t))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "orders.hcl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const script = `script = "order.ts"`
	changed := strings.Replace(string(text), script, script+"\n    limits = { time = \"5s\" }", 1)
	if changed == string(text) {
		t.Fatal("orders.hcl has no " + script)
	}
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// runOnce runs the shipped bridge, in bad weather, and returns what it says and how it exits.
func (w *world) runOnce() (summaryOfRun, int) {
	w.t.Helper()
	var stderr strings.Builder
	cmd := w.kopru("run", "--once", "--json", patientBridge(w.t))
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	code := 0
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // what Output returns
		code = exit.ExitCode()
	} else if err != nil {
		w.t.Fatal(err)
	}
	var all struct{ Pipelines []summaryOfRun }
	if err := json.Unmarshal(out, &all); err != nil || len(all.Pipelines) != 1 {
		w.t.Fatalf("%v\n%s\n%s", err, out, stderr.String())
	}
	return all.Pipelines[0], code
}

// fault tells an emulator to misbehave at every n-th call.
func (w *world) fault(system, route, kind string, every int) {
	w.t.Helper()
	w.control("POST", system+"/faults", map[string]any{"route": route, "kind": kind, "every": every}, nil)
}

// first spoils the first n calls: a till is asked only a few.
func (w *world) first(system, route, kind string, n int) {
	w.t.Helper()
	w.control("POST", system+"/faults", map[string]any{"route": route, "kind": kind, "times": n}, nil)
}

// hit checks that every fault has struck: one that did not proves nothing.
func (w *world) hit() {
	w.t.Helper()
	for _, system := range []string{"mpluskassa", "vismanet"} {
		var faults []struct {
			Route, Kind string
			Hits        int
		}
		w.control("GET", system+"/faults", nil, &faults)
		for _, f := range faults {
			if f.Hits == 0 {
				w.t.Errorf("%s: %s at %s never struck", system, f.Kind, f.Route)
			}
		}
	}
}

// halfway withdraws every token of Visma's once some orders are booked. The caller waits for what it returns.
func (w *world) halfway() (done <-chan error) {
	out := make(chan error, 1)
	go func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-w.t.Context().Done():
				out <- w.t.Context().Err()
				return
			}
			var stats struct{ Orders int }
			err := w.ask("GET", "vismanet/stats", nil, &stats)
			if err == nil && stats.Orders < 5 {
				continue
			}
			if err == nil {
				err = w.ask("DELETE", "vismanet/tokens", nil, nil)
			}
			out <- err
			return
		}
	}()
	return out
}

// answered tells how often Visma.net answered with a status.
func (w *world) answered(status string) int {
	w.t.Helper()
	var stats struct{ Statuses map[string]int }
	w.control("GET", "vismanet/stats", nil, &stats)
	return stats.Statuses[status]
}

// deaths are what the records died of.
func (w *world) deaths() string {
	w.t.Helper()
	out, err := w.kopru("dead", "list", patientBridge(w.t)).CombinedOutput()
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// once checks that nothing stands twice in the books: no order, no customer of an e-mail address, no contact.
func (w *world) once() {
	w.t.Helper()
	var stats struct {
		Duplicates []string `json:"duplicate_orders"`
		Customers  int
		Contacts   int
	}
	w.control("GET", "vismanet/stats", nil, &stats)
	if len(stats.Duplicates) > 0 {
		w.t.Errorf("booked twice: %v", stats.Duplicates)
	}
	var customers []struct{ Number, Email string }
	w.control("GET", "vismanet/customers", nil, &customers)
	byEmail := map[string][]string{}
	for _, c := range customers {
		if c.Email != "" {
			email := strings.ToLower(c.Email)
			byEmail[email] = append(byEmail[email], c.Number)
		}
	}
	for email, numbers := range byEmail {
		if len(numbers) > 1 && !slices.Contains(w.shared, email) {
			w.t.Errorf("%s has the customers %v", email, numbers)
		}
	}
}

// remember notes the e-mail addresses that several customers had from the start, and how many contacts a calm run makes.
func (w *world) remember() {
	w.t.Helper()
	var customers []struct{ Number, Email string }
	w.control("GET", "vismanet/customers", nil, &customers)
	seen := map[string]bool{}
	for _, c := range customers {
		email := strings.ToLower(c.Email)
		if seen[email] {
			w.shared = append(w.shared, email)
		}
		seen[email] = true
	}
}

func (w *world) contacts() int {
	w.t.Helper()
	var stats struct{ Contacts int }
	w.control("GET", "vismanet/stats", nil, &stats)
	return stats.Contacts
}

// TestTheBridgeSurvivesItsSystems runs the real programs while both systems misbehave, and then reconciles: every order
// is booked once, to the cent, whatever happened on the way.
func TestTheBridgeSurvivesItsSystems(t *testing.T) {
	t.Parallel()
	const orders = 60
	calm := newWorld(t, orders, 0)
	want, code := calm.runOnce()
	calm.reconcile()
	if code != exitPartial || want.Records.Read != orders {
		t.Fatalf("a calm run: %+v, exit code %d", want, code)
	}
	for name, storm := range map[string]struct {
		set    []string
		faults func(*world)
		status string // that Visma.net must have answered with
	}{
		"answers that never come": {faults: func(w *world) {
			w.fault("vismanet", "POST /api/v3/SalesOrders", "drop_after_store", 4)
			w.fault("vismanet", "POST /v1/customer", "drop_after_store", 3)
			w.fault("vismanet", "POST /v1/contact", "drop_after_store", 2)
		}},
		"requests that never arrive": {faults: func(w *world) {
			w.fault("vismanet", "POST /api/v3/SalesOrders", "drop_before", 4)
			w.fault("vismanet", "POST /v1/customer", "drop_before", 3)
			w.first("mpluskassa", "*", "drop_before", 3)
		}},
		"answers that make no sense": {faults: func(w *world) {
			w.fault("vismanet", "POST /api/v3/SalesOrders", "html_502", 5)
			w.fault("vismanet", "GET /v1/customer", "malformed", 7)
			w.fault("vismanet", "GET /api/v3/SalesOrders", "empty", 9)
			w.fault("vismanet", "POST /v1/contact", "truncate", 2)
			w.first("mpluskassa", "getOrders", "truncate", 2)
			w.first("mpluskassa", "getRelations", "malformed", 1)
			w.first("mpluskassa", "getProducts", "empty", 1)
		}},
		"servers that fail": {faults: func(w *world) {
			w.fault("vismanet", "*", "status_500", 23)
			w.first("mpluskassa", "*", "html_502", 2)
		}},
		"too many calls": {
			set:    []string{"vismanet.rate_limit=150", "vismanet.rate_window=1s"},
			faults: func(w *world) { w.first("mpluskassa", "*", "status_429", 3) },
			status: "429",
		},
		"quirks": {
			set: []string{
				"vismanet.email_filter=ignored", "vismanet.location_host=other", "vismanet.max_page_size=100",
				"vismanet.token_ttl=2s", "vismanet.business_error_status=500", "mpluskassa.strict=true", "mpluskassa.page_cap=9",
				"mpluskassa.relation_cap=7", "mpluskassa.controls=raw", "mpluskassa.missing=getCurrentSyncMarkers",
			},
			status: "401",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, orders, 0, storm.set...)
			w.remember()
			if storm.faults != nil {
				storm.faults(w)
			}
			withdrawn := w.halfway()
			got, code := w.runOnce()
			if code != exitPartial || got.Records != want.Records {
				t.Fatalf("got %+v, exit code %d, want %+v\n%s", got, code, want.Records, w.deaths())
			}
			if err := <-withdrawn; err != nil {
				t.Error(err)
			}
			if storm.status != "" && w.answered(storm.status) == 0 {
				t.Errorf("nothing was answered with %s", storm.status)
			}
			w.hit()
			w.reconcile()
			w.once()
			if n := w.contacts(); n != calm.contacts() {
				t.Errorf("%d contacts, in calm weather %d", n, calm.contacts())
			}
		})
	}
}

// TestARestoredTillStopsTheBridge runs on with the state of a till that had more orders than this one.
func TestARestoredTillStopsTheBridge(t *testing.T) {
	t.Parallel()
	before := newWorld(t, 40, 0)
	before.runOnce()
	after := newWorld(t, 15, 0)
	after.state = before.state
	got, code := after.runOnce()
	if code != exitFailed || got.Status != "failed" || !strings.Contains(got.Error, "restored from a backup") {
		t.Errorf("exit code %d, %+v", code, got)
	}
}
