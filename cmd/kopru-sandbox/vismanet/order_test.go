package vismanet

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestOrderLife(t *testing.T) {
	t.Parallel()
	c := newClock()
	r := newRig(t, Options{Now: c.Now})
	body := `{"type":"SO","date":"2026-02-03T00:00:00+01:00","description":"Web order","note":"bel aan","customer":{"id":"10002","order":"W1","refNo":"W1"},
		"shipping":{"shipViaId":"POSTNL","address":{"line1":"Fjordveien 2","countryId":"NO"},"contact":{"name":"Kari","email":"a@b.example;c@d.example"}},
		"paymentSettings":{"paymentMethodId":"5","cashAccountId":"1514","paymentReference":"psp-1"},"customFields":{"customStr1":"pos-7","customDec1":1.25},
		"orderLines":[{"inventoryId":"trui-m","quantity":3,"unitPrice":4.123967,"hasManualPrice":true}]}`
	a := r.want(201, "POST", "/api/v3/SalesOrders", body)
	if len(a.body) != 0 {
		t.Errorf("the body of a create is %s", a.body)
	}
	path := strings.TrimPrefix(a.header.Get("Location"), r.url)
	equal(t, "Location", path, "/api/v3/SalesOrders/SO/000001")
	a = r.want(200, "GET", path, "")
	o := a.json(t)
	equal(t, "ETag", a.header.Get("ETag"), `"`+at(t, o, "version").(string)+`"`)
	equal(t, "date", at(t, o, "date"), "2026-02-02T23:00:00Z") // local midnight is the day before in UTC
	equal(t, "total", at(t, o, "totals", "orderTotal"), "14.97")
	for _, section := range []string{"customer", "shipping", "billing", "paymentSettings", "note", "customFields", "financialInformation", "freight"} {
		equal(t, section+" without expand", at(t, o, section), nil)
	}
	o = r.get(path + "?expand=customer,Shipping&expand=Billing&expand=Payment&expand=CustomFields&expand=Note")
	equal(t, "reference", at(t, o, "customer", "refNo"), "W1")
	equal(t, "shipping address", at(t, o, "shipping", "address", "country", "id"), "NO")
	equal(t, "billing address", at(t, o, "billing", "address", "line1"), "Kerkstraat 12a")
	equal(t, "cash account", at(t, o, "paymentSettings", "cashAccountId"), "1514")
	equal(t, "custom field", at(t, o, "customFields", "customDec1"), "1.25")
	equal(t, "note", at(t, o, "note"), "bel aan")
	equal(t, "freight", at(t, o, "freight"), nil)
	r.get(path + "?expand=All")
	r.want(400, "GET", path+"?expand=Lines", "")
	line := at(t, r.get(path+"/lines"), "value", 0)
	equal(t, "line total", at(t, line, "lineTotalBeforeDiscount"), "12.37")
	equal(t, "sales account", at(t, line, "salesAccountId"), "8000")
	equal(t, "line text", at(t, line, "description"), "Merino trui")
	equal(t, "line", at(t, r.get(path+"/lines/1"), "inventory", "id"), "TRUI-M")
	r.want(404, "GET", path+"/lines/9", "")
	equal(t, "tax", at(t, r.get(path+"/tax"), 0, "taxAmount"), "2.6")
	r.want(404, "GET", "/api/v3/SalesOrders/QT/000001", "") // another type is another order
	r.want(202, "DELETE", path, "")
	r.want(404, "GET", path, "")
}

func TestIfMatchIsMandatoryOnV3(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	path := r.newOrderPath(orderBody("W1", aLine))
	etag := r.want(200, "GET", path, "").header.Get("ETag")
	r.want(428, "PATCH", path, `{"description":"x"}`)
	r.want(428, "PATCH", path+"/lines", `{"lines":[{"lineId":1,"quantity":3}]}`)
	a := r.want(202, "PATCH", path, `{"description":"x"}`, "If-Match", etag)
	r.want(412, "PATCH", path, `{"description":"y"}`, "If-Match", etag)
	etag = a.header.Get("ETag")
	a = r.want(202, "PATCH", path+"/lines", `{"lines":[{"lineId":1,"quantity":3}]}`, "If-Match", etag)
	r.want(412, "PATCH", path+"/lines", `{"lines":[{"lineId":1,"quantity":4}]}`, "If-Match", etag)
	equal(t, "total", at(t, r.get(path), "totals", "orderTotal"), "36.3")
	// Adding lines and deleting need no version.
	r.want(202, "POST", path+"/lines", `{"lines":[`+aLine+`]}`)
	r.want(412, "PATCH", path, `{"description":"y"}`, "If-Match", a.header.Get("ETag"))
	r.want(202, "DELETE", path+"/lines?ids=1", "")
	equal(t, "lines", at(t, r.get(path+"/lines"), "value", 0, "lineId"), "2")
}

func TestOrderStatus(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	path := r.newOrderPath(`{"type":"SO","status":"Hold","customer":{"id":"10002"},"orderLines":[` + aLine + `]}`)
	equal(t, "hold", at(t, r.get(path), "status", "hold"), true)
	any := []string{"If-Match", "*"}
	r.want(400, "PATCH", path, `{"status":"Open","description":"x"}`, any...)
	r.want(400, "PATCH", path, `{"status":"Shipping"}`, any...)
	r.want(202, "PATCH", path, `{"status":"Cancelled"}`, any...)
	equal(t, "cancelled", at(t, r.get(path), "status", "cancelled"), true)
	r.want(405, "PATCH", path, `{"description":"x"}`, any...)
	r.want(405, "PATCH", path+"/lines", `{"lines":[{"lineId":1,"quantity":3}]}`, any...)
	r.want(405, "POST", path+"/lines", `{"lines":[`+aLine+`]}`)
	r.want(202, "PATCH", path, `{"status":"Open"}`, any...)
	r.want(202, "PATCH", path, `{"status":"Completed"}`, any...)
	r.want(405, "DELETE", path, "")
}

func so(rest string) string { return `{"type":"SO","customer":{"id":"10002"},` + rest + `}` }

func soLine(rest string) string {
	return so(`"orderLines":[{"inventoryId":"TRUI-M","quantity":1,` + rest + `}]`)
}

// refusals are bodies of orders and the code that refuses them.
var refusals = map[string]string{
	so(`"orderLines":[{"inventoryId":"GEEN","quantity":1}]`):                                       codeItem,
	so(`"orderLines":[{"inventoryId":"OUD","quantity":1}]`):                                        codeItem,
	so(`"orderLines":[{"quantity":1}]`):                                                            codeNull,
	`{"type":"SO"}`:                                                                                codeNull,
	`{"customer":{"id":"10002"}}`:                                                                  codeNull,
	`{"type":"SO","customer":{"id":"999"}}`:                                                        codeCustomer,
	`{"type":"SO","customer":{"id":"10003"}}`:                                                      codeCustomerStatus,
	`{"type":"SO","customer":{"id":"10006"}}`:                                                      codeCustomerStatus,
	`{"type":"WO","customer":{"id":"10002"}}`:                                                      codeInvalid,
	`{"type":"XX","customer":{"id":"10002"}}`:                                                      codeInvalid,
	`{"type":"MO","customer":{"id":"10002"}}`:                                                      codeNull,
	`{"type":"QT","customer":{"id":"10002"},"paymentSettings":{"paymentReference":"x"}}`:           codeNoReference,
	`{"type":"CS","customer":{"id":"10002"}}`:                                                      codeReference,
	`{"type":"CS","customer":{"id":"10003"},"paymentSettings":{"paymentReference":"x"}}`:           codePaymentRequired,
	so(`"orderId":"7"`):                                                                            codeNotAllowed,
	so(`"status":"Completed"`):                                                                     codeInvalid,
	so(`"customer":{"id":"10002","refNo":"` + strings.Repeat("x", 41) + `"}`):                      "0002-InvalidLength",
	so(`"paymentSettings":{"paymentMethodId":"77"}`):                                               codePaymentMethod,
	so(`"paymentSettings":{"paymentMethodId":"9"}`):                                                codePaymentInactive,
	so(`"paymentSettings":{"cashAccountId":"8000"}`):                                               codeCashAccount,
	so(`"paymentSettings":{"cashAccountId":"1000"}`):                                               codeCashMethod,
	so(`"financialInformation":{"postPeriod":"202601"}`):                                           codePeriod,
	so(`"freight":{"cost":1}`):                                                                     codeFreightCost,
	so(`"shipping":{"address":{"line1":"x"}}`):                                                     codeNull,
	so(`"shipping":{"contact":{"email":"geen apenstaart"}}`):                                       codeInvalid,
	so(`"shipping":{"preferredWarehouseId":"9"}`):                                                  codeWarehouse,
	so(`"customer":{"id":"10002","locationId":"CABIN"}`):                                           codeInvalid,
	so(`"isRotRutDeductible":true`):                                                                codeRotRut,
	soLine(`"unitOfMeasure":"DOOS"`):                                                               codeUnit,
	soLine(`"taxCategoryId":"99"`):                                                                 codeCategory,
	soLine(`"warehouseId":"9"`):                                                                    codeWarehouse,
	soLine(`"operation":"Receipt"`):                                                                codeOperation,
	soLine(`"reasonCode":"ZOMAAR"`):                                                                codeReason,
	soLine(`"salesAccountId":"8999"`):                                                              codeAccount,
	soLine(`"discountPercent":101`):                                                                "0100-OutsideValidRange",
	soLine(`"unitPrice":1,"hasManualPrice":true,"discountAmount":2,"hasManualDiscount":true`):      codeDiscount,
	so(`"orderLines":[{"inventoryId":"TRUI-M","quantity":-1}]`):                                    codeQuantity,
	so(`"orderLines":[{"inventoryId":"KAAS","sortOrder":1},{"inventoryId":"KAAS","sortOrder":1}]`): codeSortTwice,
}

func TestOrderIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.control("PATCH", "/customers/10003", `{"status":"OnHold"}`)
	for body, code := range refusals {
		a := r.want(400, "POST", "/api/v3/SalesOrders", body)
		if !strings.Contains(string(a.body), code) {
			t.Errorf("%s: want %s, got %s", body, code, a.body)
		}
		equal(t, "content type", a.header.Get("Content-Type"), "application/problem+json; charset=utf-8")
	}
	// What the JSON reader itself refuses has a path and no code.
	for body, path := range map[string]string{
		so(`"orderLines":[{"inventoryId":"TRUI-M","quantity":"2"}]`):  "$.orderLines[0].quantity",
		so(`"orderLines":[{"inventoryId":"TRUI-M","quantity":null}]`): "$.orderLines[0].quantity",
		so(`"date":"gisteren"`):            "$.date",
		so(`"description":{"value":"x"}`):  "$.description",
		`{"type":"SO","customer":"10002"}`: "$.customer",
	} {
		a := r.want(400, "POST", "/api/v3/SalesOrders", body)
		if at(t, a.json(t), "errors", path) == nil || len(at(t, a.json(t), "details").([]any)) > 1 {
			t.Errorf("%s: %s", body, a.body)
		}
	}
	equal(t, "orders", at(t, r.control("GET", "/stats", "").json(t), "orders"), "0")
}

func TestLinesAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	path := r.newOrderPath(orderBody("W1", aLine, aLine)) + "/lines"
	patch := func(status int, body, want string) {
		t.Helper()
		if a := r.want(status, "PATCH", path, body, "If-Match", "*"); !strings.Contains(string(a.body), want) {
			t.Errorf("%s: want %s, got %s", body, want, a.body)
		}
	}
	patch(400, `{"update":[{"lineId":1}]}`, "There are no lines set to patch")
	patch(400, `{"lines":[{"lineId":9}]}`, codeNoSuchLine)
	patch(400, `{"lines":[{"lineId":1},{"lineId":1}]}`, codeLineTwice)
	patch(400, `{"lines":[{"lineId":1},{"lineId":2},{"lineId":3}]}`, codeTooManyLines)
	patch(400, `{"lines":[{"quantity":1}]}`, codeNull)
	patch(400, `{"lines":[{"lineId":1,"completed":true,"quantity":1}]}`, codeNotAllowed)
	patch(202, `{"lines":[{"lineId":1,"completed":true}]}`, "")
	patch(400, `{"lines":[{"lineId":1,"quantity":1}]}`, codeLineCompleted)
	patch(202, `{"lines":[{"lineId":2,"sortOrder":1},{"lineId":1,"completed":false}]}`, "")
	equal(t, "first line", at(t, r.get(path), "value", 0, "lineId"), "2")
	r.want(400, "DELETE", path, "")
	r.want(400, "DELETE", path+"?ids=7", "")
	r.want(202, "DELETE", path+"?ids=1,2", "")
	equal(t, "lines", at(t, r.get(path), "totalCount"), "0")
}

func TestOrderList(t *testing.T) {
	t.Parallel()
	c := newClock()
	r := newRig(t, Options{Now: c.Now})
	for i := range 5 {
		c.now = c.now.Add(time.Minute)
		r.newOrderPath(orderBody(fmt.Sprintf("WEB-%d", i), aLine))
	}
	c.now = c.now.Add(time.Minute)
	r.want(202, "PATCH", "/api/v3/SalesOrders/SO/000002", `{"status":"Hold"}`, "If-Match", "*")
	for query, want := range map[string]string{
		"":                                  "000001 000002 000003 000004 000005",
		"filter=web-3":                      "000004",
		"filter=WEB":                        "000001 000002 000003 000004 000005",
		"filter=Sanne&status=hold":          "000002",
		"customerId=10003":                  "",
		"orderBy=lastModified%20desc":       "000002 000005 000004 000003 000001",
		"orderBy=orderId%20desc":            "000005 000004 000003 000002 000001",
		"modifiedSince=2026-02-03T09:17:00": "000002 000005",
		"modifiedSince=2026-02-03T10:17:00%2B01:00&orderBy=created": "000002 000005",
		"customer=10003": "000001 000002 000003 000004 000005", // not a parameter
	} {
		var have []string
		for _, o := range at(t, r.get("/api/v3/SalesOrders?"+query), "value").([]any) {
			have = append(have, at(t, o, "orderId").(string))
		}
		equal(t, query, strings.Join(have, " "), want)
	}
	equal(t, "of a type", at(t, r.get("/api/v3/SalesOrders/QT"), "totalCount"), "0")
	listed := at(t, r.get("/api/v3/SalesOrders?pageSize=1"), "value", 0)
	equal(t, "reference", at(t, listed, "customerRefNo"), "WEB-0")
	equal(t, "total", at(t, listed, "orderTotal"), "24.2")

	seen, next := 0, r.url+"/api/v3/SalesOrders?pageSize=2&filter=WEB"
	for next != "" {
		page := r.get(strings.TrimPrefix(next, r.url))
		seen += len(at(t, page, "value").([]any))
		next, _ = at(t, page, "nextPage").(string)
	}
	equal(t, "orders over all pages", seen, 5)
	for _, query := range []string{"pageSize=1001", "pageSize=0", "pageIndex=-1", "pageSize=x", "orderBy=date", "orderBy=created%20up", "modifiedSince=x"} {
		r.want(400, "GET", "/api/v3/SalesOrders?"+query, "")
	}
	equal(t, "exact filter", at(t, newRigWithOrder(t, Options{OrderFilter: "exact"}).get("/api/v3/SalesOrders?filter=WEB"),
		"totalCount"), "0")
	equal(t, "customers", at(t, r.get("/api/v3/Customers?filter=dubbel"), "totalCount"), "2")
}

func newRigWithOrder(t *testing.T, opts Options) *rig {
	t.Helper()
	r := newRig(t, opts)
	r.newOrderPath(orderBody("WEB-1", aLine))
	return r
}

func TestOrderDefaults(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.want(204, "PUT", "/v1/customer/10003", `{"gln":{"value":"8712345000004"},"deliveryAddress":{"value":{"city":{"value":"Assen"},"countryId":{"value":"NL"}}}}`)
	a := r.want(201, "POST", "/api/v3/SalesOrders", `{"type":"SO","customer":{"gln":"8712345000004"},"cancelBy":"2026-03-01",
		"billing":{"contact":{"name":"Eva","emails":["a@b.example"]}},"freight":{"premiumAmount":1,"taxCategoryId":"02"}}`, "branchid", "2")
	o := r.get(strings.TrimPrefix(a.header.Get("Location"), r.url) + "?expand=All")
	equal(t, "customer", at(t, o, "customer", "id"), "10003")
	equal(t, "branch", at(t, o, "branch", "id"), "2")
	equal(t, "terms", at(t, o, "financialInformation", "terms", "id"), "30")
	equal(t, "shipping address", at(t, o, "shipping", "address", "city"), "Assen")
	equal(t, "billing contact", at(t, o, "billing", "contact", "name"), "Eva")
	equal(t, "date", at(t, o, "cancelBy"), "2026-03-01T00:00:00Z")
	equal(t, "total", at(t, o, "totals", "orderTotal"), "1.09")
	r.want(400, "POST", "/api/v3/SalesOrders", `{"type":"SO","customer":{"id":"10002"},"billing":{"contact":{"emails":[1]}}}`)
	r.want(400, "POST", "/api/v3/SalesOrders", `{"type":"SO","customer":{"id":"10002"}}`, "branchid", "9")
	r.want(204, "PUT", "/v1/customer/10003", `{"creditTermsId":{"value":""}}`)
	r.want(400, "POST", "/api/v3/SalesOrders", `{"type":"SO","customer":{"id":"10003"}}`)
}

func TestOrderNumbering(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	own := `{"type":"SO","orderId":"000002","overrideNumberSeries":true,"customer":{"id":"10002"}}`
	r.newOrderPath(own)
	r.want(400, "POST", "/api/v3/SalesOrders", own)
	r.newOrderPath(orderBody("A"))
	equal(t, "the next free number", r.newOrderPath(orderBody("B")), "/api/v3/SalesOrders/SO/000003")
	equal(t, "another series", r.newOrderPath(`{"type":"QT","customer":{"id":"10002"}}`), "/api/v3/SalesOrders/QT/000001")
	equal(t, "own number", r.newOrderPath(`{"type":"MO","orderId":"X-1","customer":{"id":"10002"}}`), "/api/v3/SalesOrders/MO/X-1")
}
