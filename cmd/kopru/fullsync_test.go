package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// A first sync of a small shop, as `make fullsync` does with a large one: it is complete, keeps to the limits of both
// systems, and asks them no more often than the bridge's README says. The second one reads what changed, and writes
// nothing.
func TestFirstFullSync(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it starts the real programs")
	}
	w := newWorld(t, 200, 0, "--items=250", "--customers=200", "mpluskassa.workers=2", "vismanet.calls_at_once=8",
		"vismanet.rate_limit=400", "vismanet.rate_window=1s")
	vars := filepath.Join(w.dir, "kopru.vars.hcl")
	if err := os.WriteFile(vars, []byte(`
flows                  = ["products", "customers", "orders", "stock"]
customer_class_person  = "PRIVAT"
customer_class_company = "BEDRIJF"
default_debtor         = "10001"
rounding_item          = "AFRONDING"
`), 0o600); err != nil {
		t.Fatal(err)
	}
	type sums struct {
		Read, Delivered, Unchanged, Filtered, Parked, Dead int
	}
	sync := func(flow string) (sums, sums) { // of the records, and calls and writes of both systems
		t.Helper()
		for _, system := range []string{"mpluskassa", "vismanet"} {
			w.control("DELETE", system+"/log", nil, nil)
		}
		cmd := w.kopru("run", "--once", "--json", "--var-file", vars, bridge(t), flow)
		out, _ := cmd.Output() // its exit code says that some are dead
		var all struct {
			Pipelines []struct{ Records sums }
		}
		if err := json.Unmarshal(out, &all); err != nil || len(all.Pipelines) != 1 {
			t.Fatalf("%s: %v %s", flow, err, out)
		}
		var calls sums
		for _, system := range []string{"mpluskassa", "vismanet"} {
			var stats struct {
				Requests, Writes int
				MostAtOnce       int `json:"most_at_once"`
			}
			w.control("GET", system+"/stats", nil, &stats)
			calls.Read += stats.Requests
			calls.Delivered += stats.Writes
			if most := map[string]int{"mpluskassa": 2, "vismanet": 8}[system]; stats.MostAtOnce > most {
				t.Errorf("%s: %d calls of %s at once", flow, stats.MostAtOnce, system)
			}
		}
		return all.Pipelines[0].Records, calls
	}
	first := map[string]int{}
	for _, flow := range []struct {
		name         string
		least        int
		callsARecord float64 // as in the README, with room for a small shop's ways
		parked, dead int
	}{
		{name: "products", least: 250, callsARecord: 1.6},
		{name: "customers", least: 200, callsARecord: 1.6, dead: 2},
		{name: "orders", least: 200, callsARecord: 6, parked: 2, dead: 2},
		{name: "stock", least: 240, callsARecord: 3},
	} {
		got, calls := sync(flow.name)
		first[flow.name] = got.Read
		if got.Read < flow.least || got.Parked > flow.parked || got.Dead > flow.dead || got.Delivered < flow.least*8/10 {
			t.Errorf("%s: %+v", flow.name, got)
		}
		if per := float64(calls.Read) / float64(got.Read); per > flow.callsARecord {
			t.Errorf("%s: %.2f calls a record", flow.name, per)
		}
	}
	for flow, most := range map[string]int{
		"products":  10,                     // changed in the last minutes before
		"customers": first["customers"] / 2, // these, and those that the orders made
		"orders":    2,                      // parked before
		"stock":     first["stock"] / 2,     // what the orders took
	} {
		if got, calls := sync(flow); got.Delivered != 0 || calls.Delivered != 0 || got.Read > most {
			t.Errorf("%s once more: %+v, %d writes; at most %d to read", flow, got, calls.Delivered, most)
		}
	}
}
