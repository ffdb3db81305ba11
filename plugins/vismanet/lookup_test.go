package vismanet

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

func TestCustomerIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	c, _ := open(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/customer/10042" {
			reply(w, 404, "")
			return
		}
		reply(w, 200, customerAnswer, `ETag: "AAAAAAABh4M="`)
	})
	found, err := c.Lookup(t.Context(), "customer", sdk.Query{ID: "10042"})
	if err != nil || len(found) != 1 || found[0].ID != "10042" || found[0].Version != "AAAAAAABh4M=" {
		t.Fatal(found, err)
	}
	same(t, encoded(t, found[0].Fields), `{"number":"10042","internalId":3187,"name":"Kari Nordmann","email":"kari@example.no","status":"Active",
		"customerClassId":"PRIVAT","creditTermsId":"14","currencyId":"NOK","creditVerification":"Disabled","creditLimit":0,"vatZoneId":"01",
		"mainAddress":{"addressLine1":"Storgata 1","postalCode":"0155","city":"Oslo","countryId":"NO"},
		"mainContact":{"name":"Kari Nordmann","email":"kari@example.no","phone1":"+4790000000"},
		"attributes":{"WEBID":"C-1001"},"createdDateTime":"2026-02-03T09:12:44.61Z","lastModifiedDateTime":"2026-02-03T09:12:44.907Z"}`)
	want := parsed(t, `{"name":"Kari Nordmann","mainContact":{"phone2":null,"email":"kari@example.no"},"creditLimit":0.00,"vatRegistrationId":null}`)
	if changes := record.Diff(found[0].Fields, want); len(changes) > 0 {
		t.Errorf("nothing differs, yet %v", changes)
	}
	if found, err := c.Lookup(t.Context(), "customer", sdk.Query{ID: "10043"}); err != nil || len(found) > 0 {
		t.Error(found, err)
	}
}

// customers answers a list in pages of at most three, whatever is asked for, with or without a filter that works.
func customers(emails ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var n int
		_, _ = fmt.Sscan(r.URL.Query().Get("pageNumber"), &n)
		var rows []string
		for i := (n - 1) * 3; i < min(n*3, len(emails)); i++ {
			rows = append(rows, fmt.Sprintf(`{"number":"%d","mainContact":{"email":%q},"createdDateTime":"2026-01-%02dT00:00:00","timeStamp":"v%d=",
				"lastModifiedDateTime":"2026-02-01T00:00:0%d","metadata":{"totalCount":%d,"maxPageSize":3}}`, i+1, emails[i], 28-i, i+1, i, len(emails)))
		}
		reply(w, 200, "["+strings.Join(rows, ",")+"]")
	}
}

func TestLookupIsExact(t *testing.T) {
	t.Parallel()
	c, f := open(t, customers("kari@example.no", "kari@example.nob", "Kari@Example.NO ", "x", "mkari@example.no", "kari@example.no", "y"))
	found, err := c.Lookup(t.Context(), "customer", sdk.Query{Match: map[string]any{"email": " kari@example.no"}})
	if err != nil || ids(found) != "6 3 1" { // the oldest first
		t.Fatal(ids(found), err)
	}
	if calls := f.seen(); len(calls) != 3 || !strings.Contains(calls[0].query, "email=kari%40example.no") ||
		!strings.Contains(calls[2].query, "pageNumber=3") {
		t.Errorf("%+v", calls)
	}
	if found[2].Version != "v1=" {
		t.Errorf("version %q", found[2].Version)
	}
	for _, m := range []map[string]any{{"email": nil}, {"email": ""}, {"email": "nobody"}} {
		if found, err := c.Lookup(t.Context(), "customer", sdk.Query{Match: m}); err != nil || len(found) > 0 {
			t.Error(m, found, err)
		}
	}
	_, err = c.Lookup(t.Context(), "customer", sdk.Query{Match: map[string]any{"status": "Active"}})
	if f := failureOf(t, err); f.Code != "vismanet.no_match_field" {
		t.Error(f)
	}
	_, err = c.Lookup(t.Context(), "customer", sdk.Query{})
	if f := failureOf(t, err); f.Code != "vismanet.empty_match" {
		t.Error(f)
	}
}

func TestCustomersOutOfUseComeLast(t *testing.T) {
	t.Parallel()
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request) {
		row := `{"number":"%s","status":"%s","createdDateTime":"2020-01-0%sT00:00:00Z","mainContact":{"email":"a@x.no"},"metadata":{"totalCount":3}}`
		reply(w, 200, "["+fmt.Sprintf(row, "1", "Inactive", "1")+","+fmt.Sprintf(row, "3", "Active", "3")+","+fmt.Sprintf(row, "2", "OnHold", "2")+"]")
	})
	found, err := c.Lookup(t.Context(), "customer", sdk.Query{Match: map[string]any{"email": "a@x.no"}})
	if err != nil || ids(found) != "2 3 1" {
		t.Error(ids(found), err)
	}
}

func TestAttributesAreFoundByTheirValues(t *testing.T) {
	t.Parallel()
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, `{"attributeID":"GROEP","details":[{"valueId":"30","description":"Mokken"}]}`)
	})
	for value, want := range map[string]string{"30": "GROEP", "3": "", "Mokken": ""} {
		found, err := c.Lookup(t.Context(), "attribute", sdk.Query{Match: map[string]any{"attributeID": "GROEP", "valueID": value}})
		if err != nil || ids(found) != want {
			t.Errorf("%s: %q, %v", value, ids(found), err)
		}
	}
}

func TestLookupWithoutServerFilters(t *testing.T) {
	t.Parallel()
	c, f := open(t, customers("a", "b"), sdk.Config{"server_filters": false})
	found, err := c.Lookup(t.Context(), "customer", sdk.Query{Match: map[string]any{"email": "B"}})
	if err != nil || ids(found) != "2" || strings.Contains(f.last(t).query, "email") {
		t.Error(ids(found), err, f.last(t))
	}
}

func TestContactLookup(t *testing.T) {
	t.Parallel()
	c, f := open(t, func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, `[{"contactId":9,"businessAccount":"10042","email":"A@x.no","timeStamp":"c9="},
			{"contactId":7,"businessAccount":"10042","email":"a@x.no"},{"contactId":8,"businessAccount":"1","email":"a@x.no"}]`)
	})
	found, err := c.Lookup(t.Context(), "contact", sdk.Query{Match: map[string]any{"businessAccount": "10042", "email": "a@x.no"}})
	if err != nil || ids(found) != "7 9" || len(f.seen()) != 1 || strings.Contains(f.last(t).query, "page") {
		t.Error(ids(found), err, f.seen())
	}
}

func TestItemLookup(t *testing.T) {
	t.Parallel()
	handle := func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/v1/inventory/ART-100":
			reply(w, 200, `{"inventoryNumber":"ART-100","vatCode":{"id":"03"},"itemClass":{"id":"SHOES"},"defaultPrice":799.2,"timestamp":"t=",
				"accountInformation":{"salesAccount":{"number":"3000"}},"packaging":{"baseItemWeight":0.9}}`)
		case r.URL.Query().Get("alternateID") != "":
			reply(w, 200, `[{"inventoryNumber":"ART-100","crossReferences":[{"alternateType":"Barcode","alternateID":"703"}],"metadata":{"totalCount":2}},
				{"inventoryNumber":"ART-101","crossReferences":[{"alternateType":"VPN","alternateID":"703","bAccount":{"number":"5"}}],"metadata":{"totalCount":2}}]`)
		default:
			reply(w, 404, "")
		}
	}
	c, _ := open(t, handle)
	find := func(c *connection, m map[string]any) string {
		t.Helper()
		found, err := c.Lookup(t.Context(), "inventory_item", sdk.Query{Match: m})
		if err != nil {
			t.Fatal(err)
		}
		return ids(found)
	}
	if got := find(c, map[string]any{"inventoryNumber": "ART-100"}); got != "ART-100" {
		t.Error(got)
	}
	if got := find(c, map[string]any{"inventoryNumber": "703"}); got != "ART-100" {
		t.Errorf("by barcode: %q", got)
	}
	if got := find(c, map[string]any{"inventoryNumber": "ART-1"}); got != "" {
		t.Errorf("partly: %q", got)
	}
	strict, _ := open(t, handle, sdk.Config{"cross_references": false})
	if got := find(strict, map[string]any{"inventoryNumber": "703"}); got != "" {
		t.Errorf("by barcode although that is off: %q", got)
	}
	if got := find(strict, map[string]any{"alternateID": "703"}); got != "ART-100" {
		t.Error(got)
	}
	found, err := c.Lookup(t.Context(), "inventory_item", sdk.Query{ID: "ART-100"})
	if err != nil {
		t.Fatal(err)
	}
	same(t, encoded(t, found[0].Fields), `{"inventoryNumber":"ART-100","vatCode":"03","itemClass":"SHOES","defaultPrice":799.2,
		"salesAccount":"3000","packaging":{"baseItemWeight":0.9}}`)
}

const orderAnswer = `{ "type": "SO", "orderId": "000223", "branch": {"id": "1", "description": "Main"}, "date": "2026-02-02T23:00:00Z",
  "lastModified": "2026-02-03T08:15:30.12Z", "orderQty": 2.0, "currencyId": "NOK",
  "status": {"description": "Open", "cancelled": false, "hold": false},
  "customer": {"internalId": 3187, "id": "10042", "name": "Kari Nordmann", "order": "WEB-5001", "refNo": "77", "taxZone": {"id": "01"}},
  "shipping": {"address": {"id": 5, "line1": "Fjordveien 2", "country": {"id": "NO", "name": "Norway"}}, "shipVia": {"id": "POSTEN"}},
  "financialInformation": {"terms": {"id": "14"}}, "paymentSettings": {"paymentMethod": {"id": "5"}},
  "totals": {"orderTotal": 1798.2, "taxTotal": 359.64}, "version": "AAAAAAAB9xQ=", "emailed": false }`

// orders is a service with an order, its two lines on two pages, and others like it.
func orders(w http.ResponseWriter, r *http.Request) {
	page := r.URL.Query().Get("pageIndex")
	switch r.URL.Path {
	case "/api/v3/SalesOrders/SO/000223":
		reply(w, 200, orderAnswer, `ETag: "AAAAAAAB9xQ="`)
	case "/api/v3/SalesOrders/SO/000223/lines":
		next := map[string]string{"0": `"https://elsewhere.example/steal"`, "1": "null"}[page]
		reply(w, 200, fmt.Sprintf(`{"value":[{"lineId":%s,"inventory":{"id":"ART-10%s"},"quantity":2.0,"unitPrice":799.20,"hasManualPrice":true}],
			"nextPage":%s,"totalCount":null}`, page, page, next))
	case "/api/v3/SalesOrders":
		row := `{"type":"SO","orderId":"%s","customerOrder":"%s","customerRefNo":"%s"}`
		if page == "0" {
			reply(w, 200, `{"value":[`+fmt.Sprintf(row, "000221", "WEB-50011", "77")+`,`+fmt.Sprintf(row, "000222", "WEB-5001", "78")+
				`],"nextPage":"https://elsewhere.example/steal","totalCount":3}`)
			return
		}
		reply(w, 200, `{"value":[`+fmt.Sprintf(row, "000223", "WEB-5001", "77")+`],"nextPage":null,"totalCount":3}`)
	default:
		reply(w, 404, `{"title":"Not Found","status":404}`)
	}
}

func TestOrderLookup(t *testing.T) {
	t.Parallel()
	c, f := open(t, orders)
	found, err := c.Lookup(t.Context(), "sales_order", sdk.Query{Match: map[string]any{"customerOrder": "WEB-5001", "customerRefNo": "77"}})
	if err != nil || ids(found) != "SO/000223" || found[0].Version != "AAAAAAAB9xQ=" {
		t.Fatal(ids(found), err)
	}
	if first := f.seen()[0]; !strings.Contains(first.query, "filter=WEB-5001") || !strings.Contains(first.query, "orderBy=created%20asc") {
		t.Errorf("%+v", first)
	}
	same(t, encoded(t, found[0].Fields), `{"id":"SO/000223","type":"SO","orderId":"000223","branchId":"1","date":"2026-02-03","currencyId":"NOK",
		"lastModified":"2026-02-03T08:15:30.12Z","status":"Open","customerOrder":"WEB-5001","customerRefNo":"77","taxZoneId":"01",
		"customer":{"id":"10042","name":"Kari Nordmann","order":"WEB-5001","refNo":"77","termsId":"14"},
		"shipping":{"address":{"line1":"Fjordveien 2","countryId":"NO"},"shipViaId":"POSTEN"},"paymentSettings":{"paymentMethodId":"5"},
		"orderTotal":1798.2,"taxTotal":359.64,
		"orderLines":[{"lineId":0,"inventoryId":"ART-100","quantity":2,"unitPrice":799.2,"hasManualPrice":true},
			{"lineId":1,"inventoryId":"ART-101","quantity":2,"unitPrice":799.2,"hasManualPrice":true}]}`)
	for _, m := range []map[string]any{{"id": "SO/000223"}, {"type": "SO", "orderId": "000223"}, {"orderId": "000223"}} {
		if found, err := c.Lookup(t.Context(), "sales_order", sdk.Query{Match: m}); err != nil || ids(found) != "SO/000223" {
			t.Error(m, ids(found), err)
		}
	}
	for _, id := range []string{"SO/9", "000223", "SO/"} {
		if found, err := c.Lookup(t.Context(), "sales_order", sdk.Query{ID: id}); err != nil || len(found) > 0 {
			t.Error(id, found, err)
		}
	}
}

func TestReferenceLists(t *testing.T) {
	t.Parallel()
	c, _ := open(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/creditTerm" {
			reply(w, 200, `{"pageNumber":1,"pageSize":100,"totalCount":2,"records":[{"termsId":"14","description":"14 days"},{"termsId":"30"}]}`)
			return
		}
		reply(w, 200, `[{"vatCategoryId":"03","description":"High rate","active":true},{"vatCategoryId":"04"}]`)
	})
	found, err := c.Lookup(t.Context(), "vat_category", sdk.Query{ID: "03"})
	if err != nil || ids(found) != "03" {
		t.Error(found, err)
	}
	found, err = c.Lookup(t.Context(), "credit_terms", sdk.Query{Match: map[string]any{"termsId": "14"}})
	if err != nil || ids(found) != "14" {
		t.Error(found, err)
	}
	if _, err := c.Writer(t.Context(), sdk.WriteRequest{Entity: "vat_category"}); err == nil {
		t.Error("it can be written")
	}
}

// TestNoAnswerIsNoEmptyList has a 200 without a list in it: taken for an empty one, it would end a read early, and an
// order's customer would be created twice.
func TestNoAnswerIsNoEmptyList(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", " ", "null", "{}", `"x"`, `{"records":null}`} {
		c, _ := open(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, body) })
		for entity, q := range map[string]sdk.Query{
			"customer": {Match: map[string]any{"email": "a@example.org"}}, "sales_order": {Match: map[string]any{"orderId": "1"}},
			"credit_terms": {ID: "30"},
		} {
			_, err := c.Lookup(t.Context(), entity, q)
			if f := failureOf(t, err); f.Class != transient || f.Code != "vismanet.broken_answer" {
				t.Errorf("%s answered with %q: %+v", entity, body, f)
			}
			_, err = c.Read(t.Context(), sdk.ReadRequest{Entity: entity}, func(sdk.Batch) error { return nil })
			if f := failureOf(t, err); f.Class != transient {
				t.Errorf("a read of %s answered with %q: %+v", entity, body, f)
			}
		}
	}
	c, _ := open(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, "") })
	_, err := c.Lookup(t.Context(), "customer", sdk.Query{ID: "1"})
	if f := failureOf(t, err); f.Class != transient {
		t.Errorf("a customer answered with nothing: %+v", f)
	}
}
