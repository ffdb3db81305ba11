package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	tillsandbox "github.com/kopru-io/kopru/cmd/kopru-sandbox/mpluskassa"
	erpsandbox "github.com/kopru-io/kopru/cmd/kopru-sandbox/vismanet"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// weather are the faults both emulators know, by what a read makes of them.
func weather(malformed string) map[string]protocol.FailureClass {
	return map[string]protocol.FailureClass{
		"drop_before": classTransient, "drop_after_store": classTransient, "status_500": classTransient,
		"html_502": classTransient, malformed: classTransient, "truncate": classTransient, "empty": classTransient,
		"status_429": classRate, "slow": classTransient,
	}
}

// hasty gives up before a slow answer comes.
func hasty(kind string) sdk.Config {
	if kind == "slow" {
		return sdk.Config{"timeout": "2s"}
	}
	return sdk.Config{}
}

// TestReadsComeThroughBadWeather has every second answer of a list spoilt in each way. The read stops with the class
// that is true, goes on from its cursor as the engine does, and in the end has everything.
func TestReadsComeThroughBadWeather(t *testing.T) {
	t.Parallel()
	till := func(t *testing.T, settings sdk.Config) *remote {
		settings["page_size"] = record.Int(10)
		return tillOf(t, 45, tillsandbox.Options{}, settings)
	}
	books := func(t *testing.T, settings sdk.Config) *remote {
		settings["page_size"], settings["order_page_size"] = record.Int(4), record.Int(4)
		return booksOf(t, erpsandbox.Options{}, settings)
	}
	for _, row := range []struct {
		entity, route, malformed string
		open                     func(*testing.T, sdk.Config) *remote
	}{
		{"order", "getOrders", "malformed", till},
		{"article", "getProducts", "malformed", till},
		{"relation", "getRelations", "malformed", till},
		{"customer", "GET /v1/customer", "malformed", books},
		{"inventory_item", "GET /v1/inventory", "malformed", books},
		{"sales_order", "GET /api/v3/SalesOrders", "malformed", books},
	} {
		for kind, want := range weather(row.malformed) {
			t.Run(row.entity+"/"+kind, func(t *testing.T) {
				t.Parallel()
				r := row.open(t, hasty(kind))
				if row.entity == "sales_order" {
					r.someOrders(15)
				}
				calm := r.all(row.entity, nil)
				if len(calm.last) < 10 {
					t.Fatalf("only %d records", len(calm.last))
				}
				r.tell("POST", "/faults", fmt.Sprintf(`{"route":%q,"kind":%q,"every":2,"times":%d,"delay_ms":%d}`,
					row.route, kind, times(kind), delay(kind)), nil)
				seen, cursor, stops := map[string]string{}, "", 0
				for {
					p := r.read(row.entity, cursor, nil, nil)
					maps.Copy(seen, p.last)
					cursor = p.cursor
					if p.err == nil {
						break
					}
					if got := classOf(p.err); got != want {
						t.Fatalf("stopped with %v: %v", got, p.err)
					}
					if stops++; stops > 50 {
						t.Fatalf("it never ends: %v", p.err)
					}
				}
				if stops == 0 && !strings.HasPrefix(kind, "drop") { // a GET that got no answer is sent again by net/http itself
					t.Error("the fault was never noticed")
				}
				same(t, calm.last, seen)
			})
		}
	}
}

// same compares records by key.
func same(t *testing.T, want, got map[string]string) {
	t.Helper()
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("not the same records (-want +got):\n%s", diff)
		return
	}
	for k := range want {
		if want[k] != got[k] {
			t.Errorf("%s differs\nwant %s\ngot  %s", k, want[k], got[k])
			return
		}
	}
}

func times(kind string) int {
	if kind == "slow" { // each takes its while
		return 1
	}
	return 0
}

func delay(kind string) int {
	if kind == "slow" {
		return 2500
	}
	return 0
}

// someOrders writes orders of the first active item to the first customer.
func (r *remote) someOrders(n int) {
	r.t.Helper()
	items, customers := r.all("inventory_item", nil), r.all("customer", nil)
	item, customer := slices.Sorted(maps.Keys(items.last)), slices.Sorted(maps.Keys(customers.last))
	for i := range n {
		r.must(r.create("sales_order", order(customer[0], item[0], fmt.Sprintf("ref-%d", i), "10.05")))
	}
}

func order(customer, item, ref, price string) string {
	return fmt.Sprintf(`{"type":"SO","date":"2026-02-03","currencyId":"EUR",
		"customer":{"id":%q,"order":%q,"refNo":%q},
		"orderLines":[{"inventoryId":%q,"quantity":2,"unitPrice":%s,"hasManualPrice":true,"taxCategoryId":"03"}]}`,
		customer, ref, ref, item, price)
}

// TestCreatesComeThroughBadWeather spoils the answer to a create in each way. The class must be true: AMBIGUOUS unless
// the request was refused before anybody could store it. A look-up then shows what stands there.
func TestCreatesComeThroughBadWeather(t *testing.T) {
	t.Parallel()
	stored := []string{"drop_after_store", "malformed", "truncate", "empty", "slow"}
	for _, row := range []struct {
		entity, route, malformed, payload string
		match                             map[string]any
		told                              []string // faults after which the answer still says enough: it is in the head
		open                              func(*testing.T, sdk.Config) *remote
	}{
		{
			"relation", "createRelation", "malformed", `{"name":"Nieuw","email":"nieuw@example.org"}`,
			map[string]any{"email": "nieuw@example.org"},
			nil,
			func(t *testing.T, c sdk.Config) *remote { return tillOf(t, 5, tillsandbox.Options{}, c) },
		},
		{
			"order", "createOrderV3", "malformed", `{"extOrderId":"WEB-9","entryBranchNumber":1,"relationNumber":RELATION,"employeeNumber":999999,
			"vatMethod":"VAT-METHOD-INCLUSIVE","lineList":[{"articleNumber":4501,"data":{"quantity":1.25,"price":19.95}}]}`,
			map[string]any{"extOrderId": "WEB-9"},
			nil,
			func(t *testing.T, c sdk.Config) *remote { return tillOf(t, 5, tillsandbox.Options{}, c) },
		},
		{
			"customer", "POST /v1/customer", "malformed",
			`{"name":"Nieuw","customerClassId":"PRIVAT","mainAddress":{"countryId":"NL"},"mainContact":{"email":"nieuw@example.org"}}`,
			map[string]any{"email": "nieuw@example.org"},
			[]string{"malformed", "empty", "truncate"},
			func(t *testing.T, c sdk.Config) *remote { return booksOf(t, erpsandbox.Options{}, c) },
		},
	} {
		for kind, read := range weather(row.malformed) {
			t.Run(row.entity+"/"+kind, func(t *testing.T) {
				t.Parallel()
				r := row.open(t, hasty(kind))
				payload := row.payload
				if strings.Contains(payload, "RELATION") {
					relations := slices.Sorted(maps.Keys(r.all("relation", nil).last))
					payload = strings.Replace(payload, "RELATION", relations[0], 1)
				}
				if ids, _ := r.find(row.entity, row.match); len(ids) != 0 {
					t.Fatalf("there is one already: %v", ids)
				}
				r.tell("POST", "/faults", fmt.Sprintf(`{"route":%q,"kind":%q,"times":1,"delay_ms":%d}`, row.route, kind, delay(kind)), nil)
				result := r.create(row.entity, payload)
				want := classAmbiguous
				if read == classRate {
					want = classRate
				}
				if slices.Contains(row.told, kind) {
					r.must(result)
				} else if got := classOf(result.Err); got != want {
					t.Errorf("got %v: %v", got, result.Err)
				}
				ids, _ := r.find(row.entity, row.match)
				if slices.Contains(stored, kind) && kind != "slow" && len(ids) != 1 || len(ids) > 1 {
					t.Errorf("%d stand there", len(ids))
				}
			})
		}
	}
}
