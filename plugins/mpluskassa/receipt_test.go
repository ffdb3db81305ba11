package mpluskassa

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/kopru-io/kopru/plugins/sdk"
)

// TestDaysOfReceiptsAreWhole: a day comes once it is over, with all its receipts, and again when one is added later.
func TestDaysOfReceiptsAreWhole(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	type receipt struct {
		marker, day, branch int
	}
	all := []receipt{{1, 29, 1}, {2, 30, 1}, {3, 30, 2}, {4, 30, 1}, {5, 31, 1}}
	till.answers["getCurrentSyncMarkers"] = func(*node) string {
		return soap("getCurrentSyncMarkersResponse", el("receiptSyncMarker", all[len(all)-1].marker))
	}
	till.answers["getReceipts"] = func(n *node) string {
		r := n.child("request")
		from, _ := strconv.Atoi(r.value("syncMarker"))
		out := ""
		for _, x := range all {
			first, last := 0, r.child("throughFinancialDate")
			if d := r.child("fromFinancialDate"); d != nil {
				first, _ = strconv.Atoi(d.value("day"))
			}
			if x.marker < from || x.day < first || last != nil && last.value("day") != strconv.Itoa(x.day) ||
				r.value("branchNumbers") != "" && r.value("branchNumbers") != strconv.Itoa(x.branch) {
				continue
			}
			out += el("receipt", el("receiptId", fmt.Sprint("r", x.marker)), el("syncMarker", x.marker),
				el("receiptType", "RECEIPT-TYPE-RECEIPT"),
				el("financialDate", el("day", x.day), el("mon", 1), el("year", 2026)), el("financialBranchNumber", x.branch),
				el("totalInclAmount", 1997))
		}
		return soap("GetReceiptsResponse", el("receiptList", out))
	}
	c := till.open(t, nil)
	at := func(day, hour int) {
		c.now = func() time.Time { return time.Date(2026, 1, day, hour, 0, 0, 0, c.codec.zone) }
	}
	read := func(cursor string) (reading, string) {
		t.Helper()
		var got reading
		end, err := c.Read(t.Context(), sdk.ReadRequest{
			Entity: "receipt_day", Cursor: cursor, BatchSize: 10, Options: sdk.Config{"start": "2026-01-30", "hours_after": num("4")},
		}, got.emit)
		if err != nil {
			t.Fatal(err)
		}
		return got, end
	}
	at(31, 3)
	got, cursor := read("")
	if got.keys() != "" || cursor != "6 2026-01-30/1 2026-01-30/2 2026-01-31/1" {
		t.Fatalf("before the day is over: %q, then %q", got.keys(), cursor)
	}
	at(31, 4)
	got, cursor = read(cursor)
	if got.keys() != "1/2026-01-30 2/2026-01-30" || cursor != "6 2026-01-31/1" || got.cursors[0] != "6 2026-01-30/2 2026-01-31/1" {
		t.Fatalf("over: %q, %v, then %q", got.keys(), got.cursors, cursor)
	}
	if n := len(objects(payload(t, got.records[0])["receipts"])); n != 2 {
		t.Errorf("%d receipts of the day", n)
	}
	all = append(all, receipt{6, 30, 2})
	got, cursor = read(cursor)
	if got.keys() != "2/2026-01-30" || cursor != "7 2026-01-31/1" || len(objects(payload(t, got.records[0])["receipts"])) != 2 {
		t.Errorf("a late receipt: %q, then %q", got.keys(), cursor)
	}
	if got, cursor = read(cursor); got.keys() != "" || cursor != "7 2026-01-31/1" {
		t.Errorf("nothing new: %q, then %q", got.keys(), cursor)
	}
	var ranged reading
	end, err := c.Read(t.Context(), sdk.ReadRequest{
		Entity: "receipt_day", BatchSize: 10, From: time.Date(2026, 1, 29, 0, 0, 0, 0, c.codec.zone), To: time.Date(2026, 1, 30, 0, 0, 0, 0, c.codec.zone),
		Options: sdk.Config{"hours_after": num("4")},
	}, ranged.emit)
	if err != nil || ranged.keys() != "1/2026-01-29" || end != "" {
		t.Errorf("a period: %q, %q, %v", ranged.keys(), end, err)
	}
}

// TestProposalsAreRead: as orders are, with their customer.
func TestProposalsAreRead(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	till.answers["getProposals"] = func(n *node) string {
		if n.child("request").value("syncMarker") != "1" {
			return soap("GetProposalsResponse", "")
		}
		return soap("GetProposalsResponse", el("proposalList", el("proposal", el("proposalId", "p1"), el("syncMarker", 4),
			el("relationNumber", 7), el("state", "PROPOSAL-STATE-OUTSTANDING"))))
	}
	till.answer("getRelations", "GetRelationsResponse", el("relationList", el("relation", el("relationNumber", 7), el("name", "Jan"))))
	c := till.open(t, nil)
	var got reading
	end, err := c.Read(t.Context(), sdk.ReadRequest{Entity: "proposal", BatchSize: 10, Options: sdk.Config{"with_relation": true}}, got.emit)
	if err != nil || got.keys() != "p1" || end != "5" {
		t.Fatalf("%q, %q, %v", got.keys(), end, err)
	}
	if r, _ := payload(t, got.records[0])["relation"].(map[string]any); r["name"] != "Jan" {
		t.Errorf("%v", payload(t, got.records[0]))
	}
}
