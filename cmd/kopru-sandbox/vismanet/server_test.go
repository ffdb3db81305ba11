package vismanet

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/shop"
)

func TestTokenEndpoint(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	good := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {testID}, "client_secret": {testSecret}, "tenant_id": {testTenant},
		"scope": {apiScopePrefix + "read"},
	}
	for _, c := range []struct{ field, value, code string }{
		{"client_secret", "wrong", "invalid_client"},
		{"client_id", "wrong", "invalid_client"},
		{"scope", "everything", "invalid_scope"},
		{"scope", "", "invalid_scope"},
		{"grant_type", "password", "unsupported_grant_type"},
		{"tenant_id", "", "invalid_request"},
	} {
		form := url.Values{}
		for k, v := range good {
			form[k] = v
		}
		form.Set(c.field, c.value)
		a := r.want(400, "POST", "/connect/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
		equal(t, c.field, at(t, a.json(t), "error"), c.code)
	}
	a := r.want(200, "POST", "/connect/token", good.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	equal(t, "expires_in", at(t, a.json(t), "expires_in"), "3600")
	r.want(400, "POST", "/connect/token", good.Encode()) // as JSON
	r.want(405, "GET", "/connect/token", "")
}

func TestAuthorisation(t *testing.T) {
	t.Parallel()
	c := newClock()
	r := newRig(t, Options{Now: c.Now})
	all := r.token
	r.token = "nonsense"
	r.want(401, "GET", "/v1/customer", "")
	r.token = r.newToken("22222222-2222-4222-8222-222222222222", strings.Join(scopes, " ")) // the customer tenant gets a token
	r.want(401, "GET", "/v1/customer", "")
	r.want(401, "GET", "/api/v3/SalesOrders", "")
	r.token = r.newToken(testTenant, readScopes)
	r.want(200, "GET", "/v1/customer", "")
	r.want(403, "POST", "/v1/customer", "{}")
	r.want(403, "PUT", "/v1/customer/10002", "{}")
	r.want(403, "POST", "/api/v3/SalesOrders", "{}")
	r.token = r.newToken(testTenant, salesOrderScopePrefix+"write")
	r.want(403, "GET", "/api/v3/SalesOrders", "") // writing does not include reading
	r.want(403, "GET", "/v1/customer", "")
	r.token = all
	r.want(200, "GET", "/v1/customer", "")
	c.now = c.now.Add(time.Hour)
	r.want(401, "GET", "/v1/customer", "")
}

func TestPathsInAnyCase(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.get("/v1/Customer/10002")
	r.get("/V1/INVENTORY/trui-m")
	r.get("/API/V3/salesorders")
	r.get("/v1/inventory/" + "b64(QS9CJkM)")
	r.get("/v1/inventory/A%2FB%26C")
	r.want(404, "GET", "/v1/customer/99", "")
	r.want(404, "GET", "/v1/nonsense", "")
	r.want(405, "DELETE", "/v1/customer/10002", "")
	r.want(400, "GET", "/v1/customer", "", "erp-api-background", "subscription")
}

func TestContentType(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{BusinessErrorStatus: 500})
	r.want(415, "POST", "/api/v3/SalesOrders", orderBody("W1", aLine), "Content-Type", "text/plain")
	r.want(415, "POST", "/v1/customer", aCustomer, "Content-Type", "application/xml")
	r.want(400, "POST", "/v1/customer", `{"name":"x"}`) // the reader refuses it
	r.want(500, "POST", "/v1/customer", `{}`)           // the ERP does
}

func TestShopBooks(t *testing.T) {
	t.Parallel()
	books := shop.New(1, shop.Size{Orders: 50}).Books()
	stats := newRigOf(t, books, Options{}).control("GET", "/stats", "").json(t)
	equal(t, "customers", at(t, stats, "customers"), fmt.Sprint(len(books.Customers)))
	equal(t, "items", at(t, stats, "items"), fmt.Sprint(len(books.Items)))
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	c := newClock()
	r := newRig(t, Options{Now: c.Now, RateLimit: 4, RateWindow: time.Minute})
	for range 3 { // the token counted too
		a := r.want(200, "GET", "/v1/currency", "")
		equal(t, "X-RateLimit-Limit", a.header.Get("X-RateLimit-Limit"), "4")
	}
	c.now = c.now.Add(15 * time.Second)
	a := r.want(429, "GET", "/v1/currency", "")
	equal(t, "Retry-After", a.header.Get("Retry-After"), "45")
	c.now = c.now.Add(45 * time.Second)
	r.want(200, "GET", "/v1/currency", "")
}

func TestFaults(t *testing.T) {
	t.Parallel()
	const route = "POST /api/v3/SalesOrders"
	for _, c := range []struct {
		kind     string
		stored   bool // the order is there although the client saw a failure
		isBroken func(a answer, err error) bool
	}{
		{"drop_after_store", true, func(_ answer, err error) bool { return err != nil }},
		{"drop_before", false, func(_ answer, err error) bool { return err != nil }},
		{"status_429", false, func(a answer, _ error) bool { return a.status == 429 && a.header.Get("Retry-After") == "7" }},
		{"status_500", false, func(a answer, _ error) bool { return a.status == 500 }},
		{"html_502", false, func(a answer, _ error) bool { return a.status == 502 && strings.Contains(string(a.body), "<html>") }},
		{"slow", true, func(a answer, _ error) bool { return a.status == 201 }},
		{"empty", true, func(a answer, _ error) bool { return a.status == 201 && len(a.body) == 0 }},
	} {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, Options{})
			r.control("POST", "/faults", fmt.Sprintf(`{"route":%q,"kind":%q,"times":1,"retry_after":7,"delay_ms":1}`, route, c.kind))
			if a, err := r.do("POST", "/api/v3/SalesOrders", orderBody("W1", aLine)); !c.isBroken(a, err) {
				t.Errorf("status %d, error %v, body %s", a.status, err, a.body)
			}
			want := "0"
			if c.stored {
				want = "1"
			}
			equal(t, "orders", at(t, r.control("GET", "/stats", "").json(t), "orders"), want)
			r.want(201, "POST", "/api/v3/SalesOrders", orderBody("W2", aLine)) // it hit once
		})
	}
}

func TestSpoiltAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.control("POST", "/faults", `{"route":"GET /v1/currency","kind":"malformed","times":1}`)
	if a := r.want(200, "GET", "/v1/currency", ""); !strings.HasSuffix(string(a.body), ",,") {
		t.Errorf("the body is %s", a.body)
	}
	r.control("POST", "/faults", `{"route":"*","kind":"truncate","times":1}`)
	if _, err := r.do("GET", "/v1/currency", ""); err == nil {
		t.Error("the answer came through whole")
	}
	r.control("POST", "/faults", `{"route":"*","kind":"empty","every":2}`)
	for i, want := range []bool{false, true, false, true} {
		if a := r.want(200, "GET", "/v1/currency", ""); len(a.body) == 0 != want {
			t.Errorf("request %d: empty %v, want %v", i, len(a.body) == 0, want)
		}
	}
	equal(t, "hits", at(t, r.control("GET", "/faults", "").json(t), 2, "hits"), "2")
	r.control("DELETE", "/faults", "")
	r.get("/v1/currency")
	if a, _ := r.do("POST", "/control/faults", `{"route":"*","kind":"strange"}`); a.status != 400 {
		t.Errorf("an unknown kind got status %d", a.status)
	}
}

func TestControl(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.want(400, "POST", "/api/v3/SalesOrders", orderBody("W1", `{"inventoryId":"NIEUW","quantity":1}`))
	r.control("POST", "/items", `{"number":"NIEUW","description":"Nieuw","class":"HANDEL","taxCategory":"02","price":"2.50","stock":{"1":4}}`)
	r.newOrderPath(orderBody("W1", `{"inventoryId":"NIEUW","quantity":1}`))
	r.newOrderPath(orderBody("W1", `{"inventoryId":"NIEUW","quantity":1}`)) // the same order again
	r.control("PATCH", "/items/NIEUW", `{"status":"NoSales"}`)
	r.want(400, "POST", "/api/v3/SalesOrders", orderBody("W2", `{"inventoryId":"NIEUW","quantity":1}`))
	r.control("PATCH", "/customers/10002", `{"phone":"0612345678","status":"OnHold"}`)
	equal(t, "phone", at(t, r.get("/v1/customer/10002"), "mainContact", "phone1"), "0612345678")

	stats := r.control("GET", "/stats", "").json(t)
	for name, want := range map[string]string{"orders": "2", "customers": "6", "items": "6", "contacts": "0", "requests": "5", "writes": "2"} {
		equal(t, name, at(t, stats, name), want)
	}
	equal(t, "duplicates", at(t, stats, "duplicate_orders", 0), "W1")
	equal(t, "writes by route", at(t, stats, "writes_by_route", "POST /api/v3/SalesOrders"), "2")
	order := at(t, r.control("GET", "/orders", "").json(t), 0)
	equal(t, "total", at(t, order, "total"), "2.73")
	equal(t, "amount", at(t, order, "lines", 0, "amount"), "2.5")
	equal(t, "customer", at(t, r.control("GET", "/customers", "").json(t), 1, "status"), "OnHold")
	equal(t, "stock", at(t, r.control("GET", "/items", "").json(t), 3, "stock", "1"), "4")
	for path, body := range map[string]string{"/items/NIEUW": `{"staus":"Active"}`, "/items/GEEN": `{}`, "/customers/GEEN": `{}`} {
		if a, _ := r.do("PATCH", "/control"+path, body); a.status != 400 {
			t.Errorf("PATCH %s got status %d", path, a.status)
		}
	}
	r.control("DELETE", "/tokens", "")
	r.want(401, "GET", "/v1/currency", "")
}

func TestIgnoredMembersAreLogged(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.want(204, "PUT", "/v1/customer/10002", `{"name":{"value":"Sanne"},"telephone":{"value":"1"},"mainAddress":{"value":{"zip":{"value":"1"}}}}`)
	r.get("/v1/customer?lastModifiedDatetimeConditon=%3E")
	log := r.control("GET", "/log", "").json(t)
	equal(t, "members", at(t, log, 0, "ignored"), "mainAddress.zip telephone")
	equal(t, "parameters", at(t, log, 1, "ignored"), "?lastmodifieddatetimeconditon")
	r.control("DELETE", "/log", "")
	equal(t, "requests", at(t, r.control("GET", "/stats", "").json(t), "requests"), "0")
}

// TestManyRecords is about locks and indexes: the race detector watches, and scans would make it crawl.
func TestManyRecords(t *testing.T) {
	t.Parallel()
	data := shop.Books{Customers: testBooks.Customers}
	for i := range 20_000 {
		data.Items = append(data.Items, shop.Item{
			Number: fmt.Sprintf("A%06d", i), Description: "Artikel", Class: "HANDEL", TaxCategory: "03", Unit: "STK",
			Price: "1", Active: true,
			EAN: fmt.Sprintf("87%011d", i),
		})
	}
	r := newRigOf(t, data, Options{})
	var wait sync.WaitGroup
	for w := range 8 {
		wait.Go(func() {
			for i := range 25 {
				n := fmt.Sprintf("W%d-%d", w, i)
				a, err := r.do("POST", "/api/v3/SalesOrders", orderBody(n, fmt.Sprintf(`{"inventoryId":"A%06d","quantity":1}`, w*1000+i)))
				if err != nil || a.status != http.StatusCreated {
					t.Errorf("order %s: status %d, %v", n, a.status, err)
				}
				if a, err := r.do("GET", "/v1/inventory?alternateID=8700000000017", ""); err != nil || !strings.Contains(string(a.body), "A000017") {
					t.Errorf("status %d, %v", a.status, err)
				}
			}
		})
	}
	wait.Wait()
	page := r.list("/v1/inventory?pageSize=9999&pageNumber=4&expandCrossReference=false")
	equal(t, "page", len(page), 5000)
	equal(t, "last", at(t, page, 4999, "inventoryNumber"), "A019999")
	equal(t, "orders", at(t, r.get("/api/v3/SalesOrders?pageSize=1"), "totalCount"), "200")
	equal(t, "duplicates", len(at(t, r.control("GET", "/stats", "").json(t), "duplicate_orders").([]any)), 0)
}

func TestTooManyAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{CallsAtOnce: 1})
	r.want(200, "GET", "/v1/currency", "")
	if !r.server.atOnce.Enter(t.Context(), true) {
		t.Fatal("the first request never left")
	}
	defer r.server.atOnce.Leave()
	a := r.want(429, "GET", "/v1/currency", "")
	equal(t, "Retry-After", a.header.Get("Retry-After"), "1")
}
