package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	erpsandbox "github.com/kopru-io/kopru/cmd/kopru-sandbox/vismanet"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// erpQuirks are installations that differ in what Visma's documentation leaves open. None may make a difference.
func erpQuirks() map[string]erpsandbox.Options {
	return map[string]erpsandbox.Options{
		"as documented":   {},
		"email contains":  {EmailFilter: "contains", OrderFilter: "exact"},
		"filters ignored": {EmailFilter: "ignored"},
		"small pages":     {MaxPageSize: 3, MaxInventoryPageSize: 4, DefaultPageSize: 2},
		"zulu":            {DateShape: erpsandbox.DateZulu},
		"local":           {DateShape: erpsandbox.DateLocal},
		"offset":          {DateShape: erpsandbox.DateOffset},
		"other host":      {LocationHost: "other"},
		"expand off":      {ExpandDefault: "off"},
		"statuses":        {BusinessErrorStatus: 500, InactiveItemCode: "1803-InventoryIdInactive"},
		"tax per line":    {TaxPerLine: true, ExtendedPriceNet: true, ImplicitManual: true},
	}
}

// fixedClock makes what two emulators hold comparable.
func fixedClock() func() time.Time {
	at := time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC)
	return func() time.Time { return at }
}

// sized asks for pages no larger than v3 allows; v1 lowers them by itself.
func sized(o erpsandbox.Options) sdk.Config {
	if o.MaxPageSize > 0 {
		return sdk.Config{"order_page_size": record.Int(int64(o.MaxPageSize))}
	}
	return nil
}

// TestTheBooksReadTheSameWhateverTheirQuirks compares what is read from each installation with the first one.
func TestTheBooksReadTheSameWhateverTheirQuirks(t *testing.T) {
	t.Parallel()
	entities := []string{"customer", "contact", "inventory_item", "vat_category", "credit_terms", "warehouse"}
	read := func(t *testing.T, o erpsandbox.Options) map[string]*pass {
		o.Now = fixedClock()
		r := booksOf(t, o, sized(o))
		out := map[string]*pass{}
		for _, e := range entities {
			out[e] = r.all(e, nil)
		}
		return out
	}
	want := read(t, erpsandbox.Options{})
	for name, quirks := range erpQuirks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for e, p := range read(t, quirks) {
				same(t, want[e].last, p.last)
				if len(p.order) != len(p.last) {
					t.Errorf("%s: %d records of %d keys", e, len(p.order), len(p.last))
				}
				if p.cursor != want[e].cursor {
					t.Errorf("%s ends at %q, not at %q", e, p.cursor, want[e].cursor)
				}
			}
		})
	}
}

// TestTheBooksFindExactly looks customers up where the filter is exact, partial or does nothing at all, and orders.
func TestTheBooksFindExactly(t *testing.T) {
	t.Parallel()
	for name, quirks := range erpQuirks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := booksOf(t, quirks, sized(quirks))
			made := func(name, email string) string {
				return r.must(r.create("customer", fmt.Sprintf(`{"name":%q,"customerClassId":"PRIVAT",
					"mainAddress":{"countryId":"NL"},"mainContact":{"email":%q}}`, name, email)))
			}
			long, short := made("Lang", "an@x.example.org"), made("Kort", "n@x.example.org")
			first, second := made("Een", "twee@x.example.org"), made("Twee", "TWEE@x.example.org")
			for email, want := range map[string][]string{
				"n@x.example.org": {short}, "N@X.example.org": {short}, "an@x.example.org": {long},
				"@x.example.org": nil, "nobody@example.org": nil, "twee@x.example.org": {first, second},
			} {
				ids, _ := r.find("customer", map[string]any{"email": email})
				if slices.Sort(ids); !slices.Equal(ids, want) {
					t.Errorf("%s finds %v, want %v", email, ids, want)
				}
			}
			item := slices.Sorted(maps.Keys(r.all("inventory_item", nil).last))[0]
			one := r.must(r.create("sales_order", order(first, item, "2026-1", "10.05")))
			ten := r.must(r.create("sales_order", order(first, item, "2026-10", "10.05")))
			for ref, want := range map[string][]string{"2026-1": {one}, "2026-10": {ten}, "2026": nil} {
				ids, _ := r.find("sales_order", map[string]any{"customerOrder": ref, "customerRefNo": ref})
				if !slices.Equal(ids, want) {
					t.Errorf("%s finds %v, want %v", ref, ids, want)
				}
			}
		})
	}
}

// TestTheBooksKeepMoneyExact writes a price with all its decimals and reads it and the total back.
func TestTheBooksKeepMoneyExact(t *testing.T) {
	t.Parallel()
	r := booksOf(t, erpsandbox.Options{}, nil)
	customer := slices.Sorted(maps.Keys(r.all("customer", nil).last))[0]
	item := slices.Sorted(maps.Keys(r.all("inventory_item", nil).last))[0]
	for i, price := range []string{"0.1", "0.000001", "16.487603", "90071992547409.93", "33.333333"} {
		ref := fmt.Sprint("exact-", i)
		r.must(r.create("sales_order", order(customer, item, ref, price)))
		_, found := r.find("sales_order", map[string]any{"customerOrder": ref, "customerRefNo": ref})
		if len(found) != 1 {
			t.Fatalf("%d orders %s", len(found), ref)
		}
		lines, _ := found[0].Fields["orderLines"].([]any)
		line, _ := lines[0].(map[string]any)
		if got := line["unitPrice"]; !record.Equal(got, record.Number(price)) {
			t.Errorf("%s came back as %v", price, got)
		}
	}
}

// TestVersions changes what somebody else changed meanwhile, and an order whose version nobody told.
func TestVersions(t *testing.T) {
	t.Parallel()
	r := booksOf(t, erpsandbox.Options{}, nil)
	number := slices.Sorted(maps.Keys(r.all("customer", nil).last))[0]
	_, before := r.find("customer", map[string]any{"number": number})
	r.tell("PATCH", "/customers/"+number, `{"phone":"010-1234567"}`, nil)
	stale := r.update("customer", number, before[0].Version, `{"name":"Van ons"}`)
	if classOf(stale.Err) != classConflict || codeOf(stale.Err) != "vismanet.changed" {
		t.Errorf("a stale change: %v", stale.Err)
	}
	_, after := r.find("customer", map[string]any{"number": number})
	if got := value(after[0], "mainContact", "phone1"); got != "010-1234567" || value(after[0], "name") == "Van ons" {
		t.Errorf("the stale change was made: %v", after[0].Fields)
	}
	r.must(r.update("customer", number, after[0].Version, `{"name":"Van ons"}`))

	r.someOrders(1)
	id := slices.Collect(maps.Keys(r.all("sales_order", nil).last))[0]
	r.must(r.update("sales_order", id, "", `{"description":"zonder versie"}`)) // 428 without one: the connector asks first
	if got := r.update("sales_order", id, "bm9uZQ==", `{"description":"oud"}`); classOf(got.Err) != classConflict {
		t.Errorf("a stale order: %v", got.Err)
	}
}

// TestTokensEndInTheMiddle withdraws every token between two pages, and has tokens that live for a moment only.
func TestTokensEndInTheMiddle(t *testing.T) {
	t.Parallel()
	r := booksOf(t, erpsandbox.Options{}, sdk.Config{"page_size": record.Int(3)})
	want := r.all("inventory_item", nil)
	got := r.read("inventory_item", "", nil, func(n int) { r.tell("DELETE", "/tokens", "", nil) })
	if got.err != nil {
		t.Fatal(got.err)
	}
	same(t, want.last, got.last)

	var ticks atomic.Int64
	clock := func() time.Time { // every look at it is a second: a token is good for one or two calls
		return fixedClock()().Add(time.Duration(ticks.Add(1)) * time.Second)
	}
	brief := booksOf(t, erpsandbox.Options{TokenTTL: 8 * time.Second, Now: clock}, sdk.Config{"page_size": record.Int(3)})
	if p := brief.read("inventory_item", "", nil, nil); p.err != nil || len(p.last) != len(want.last) {
		t.Errorf("%d items of %d, %v", len(p.last), len(want.last), p.err)
	}
	var stats struct {
		Statuses map[string]int `json:"statuses"`
	}
	if brief.tell("GET", "/stats", "", &stats); stats.Statuses["401"] < 3 {
		t.Errorf("the tokens lasted: %v", stats.Statuses)
	}
}

// TestRateLimit has a window that is too small for a read: the class and the pause are told, nothing is lost.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	var later atomic.Int64
	now := func() time.Time { return fixedClock()().Add(time.Duration(later.Load())) }
	r := booksOf(t, erpsandbox.Options{RateLimit: 4, RateWindow: 10 * time.Second, Now: now}, sdk.Config{"page_size": record.Int(2)})
	seen, cursor, pauses := map[string]string{}, "", 0
	for {
		p := r.read("customer", cursor, nil, nil)
		maps.Copy(seen, p.last)
		cursor = p.cursor
		if p.err == nil {
			break
		}
		f := failureOf(t, p.err)
		if f.Class != classRate || f.RetryAfter <= 0 || f.RetryAfter > 10*time.Second {
			t.Fatalf("%+v", f)
		}
		later.Add(int64(f.RetryAfter))
		pauses++
	}
	want := booksOf(t, erpsandbox.Options{}, nil).all("customer", nil)
	if len(seen) != len(want.last) || pauses == 0 {
		t.Errorf("%d customers of %d, %d pauses", len(seen), len(want.last), pauses)
	}
}

// TestBooksThatChangeWhileRead moves customers to the end of the changes between pages.
func TestBooksThatChangeWhileRead(t *testing.T) {
	t.Parallel()
	r := booksOf(t, erpsandbox.Options{}, sdk.Config{"page_size": record.Int(3)})
	want := r.all("customer", nil)
	numbers := slices.Sorted(maps.Keys(want.last))
	p := r.read("customer", "", nil, func(n int) {
		r.tell("PATCH", "/customers/"+numbers[0], fmt.Sprintf(`{"name":"Naam %d"}`, n), nil)
	})
	if p.err != nil || len(p.last) != len(want.last) {
		t.Fatalf("%d customers of %d, %v", len(p.last), len(want.last), p.err)
	}
	next := r.read("customer", p.cursor, nil, nil)
	if next.err != nil || !strings.Contains(next.last[numbers[0]], `"Naam `) {
		t.Errorf("the change during the read was passed over: %v, %v", next.err, next.last)
	}
}
