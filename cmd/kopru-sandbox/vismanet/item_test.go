package vismanet

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestItemLife(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	a := r.want(201, "POST", "/v1/inventory", `{"inventoryNumber":{"value":"T/1"},"description":{"value":"T-shirt"},"itemClass":{"value":"HANDEL"},
		"vatCode":{"value":"02"},"defaultPrice":{"value":12.345},"packaging":{"baseItemWeight":{"value":0.9},"weightUOM":{"value":"KG"}},
		"attributeLines":[{"attributeId":{"value":"COLOR"},"attributeValue":{"value":"ROOD"}}],
		"crossReferences":[{"operation":"Insert","alternateType":{"value":"Barcode"},"alternateID":{"value":"871"},"uom":{"value":"STK"}}]}`)
	path := strings.TrimPrefix(a.header.Get("Location"), r.url)
	i := r.get(path)
	for name, want := range map[string]any{
		"inventoryNumber": "T/1", "status": "Active", "type": "FinishedGoodItem", "stockItem": true,
		"defaultPrice": "12.345", "baseUnit": "STK",
	} {
		equal(t, name, at(t, i, name), want)
	}
	equal(t, "VAT category", at(t, i, "vatCode", "id"), "02")
	equal(t, "attribute text", at(t, i, "attributes", 0, "description"), "Rood")
	equal(t, "weight", at(t, i, "packaging", "baseItemWeight"), "0.9")
	r.want(204, "PUT", path, `{"status":{"value":"NoSales"},"packaging":{"weightUOM":{"value":null}},
		"crossReferences":[{"operation":"Delete","alternateType":{"value":"Barcode"},"alternateID":{"value":"871"}}]}`)
	equal(t, "by the deleted bar code", len(r.list("/v1/inventory?alternateID=871")), 0)
	equal(t, "by status", len(r.list("/v1/inventory?status=NoSales")), 1)
	for body, want := range map[string]string{
		`{"inventoryNumber":{"value":"T/1"},"itemClass":{"value":"HANDEL"}}`:                                                                                       "already exists",
		`{"itemClass":{"value":"HANDEL"}}`:                                                                                                                         "'Inventory ID' cannot be empty",
		`{"inventoryNumber":{"value":"X"}}`:                                                                                                                        "'Item Class' cannot be empty",
		`{"inventoryNumber":{"value":"X"},"itemClass":{"value":"NIET"}}`:                                                                                           "cannot be found",
		`{"inventoryNumber":{"value":"X"},"itemClass":{"value":"HANDEL"},"vatCode":{"value":"77"}}`:                                                                "cannot be found",
		`{"inventoryNumber":{"value":"X"},"itemClass":{"value":"HANDEL"},"baseUnit":{"value":"LITER"}}`:                                                            "cannot be found",
		`{"inventoryNumber":{"value":"X"},"packaging":{"value":{"weightUOM":{"value":"KG"}}},"itemClass":5}`:                                                       "must be an object",
		`{"inventoryNumber":{"value":"X"},"itemClass":{"value":"HANDEL"},"attributeLines":[{"attributeId":{"value":"COLOR"},"attributeValue":{"value":"PAARS"}}]}`: "not a value",
	} {
		a := r.want(400, "POST", "/v1/inventory", body)
		if !strings.Contains(string(a.body), want) {
			t.Errorf("%s: %s", body, a.body)
		}
	}
}

func TestAttributeValues(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	for attribute, c := range map[string]struct{ good, bad, text string }{
		"COLOR": {"ROOD", "Rood", "Rood"}, "SEIZOEN": {"VJ,ZO", "VJ,LE", "VJ,ZO"}, "WEBSHOP": {"1", "true", "1"},
		"LEVERBAAR": {"2026-03-01", "1-3-2026", "2026-03-01"},
	} {
		body := `{"attributeLines":[{"attributeId":{"value":"` + attribute + `"},"attributeValue":{"value":"%s"}}]}`
		r.want(400, "PUT", "/v1/inventory/KAAS", strings.ReplaceAll(body, "%s", c.bad))
		r.want(204, "PUT", "/v1/inventory/KAAS", strings.ReplaceAll(body, "%s", c.good))
		equal(t, attribute, at(t, r.get("/v1/inventory/KAAS"), "attributes", 0, "description"), c.text)
		equal(t, attribute+" filter", len(r.list("/v1/inventory?attributes="+url.QueryEscape(`{"`+attribute+`":"`+c.good+`"}`))), 1)
		r.want(204, "PUT", "/v1/inventory/KAAS", strings.ReplaceAll(body, "%s", ""))
	}
}

func TestCrossReferences(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	const path = "/v1/inventory/TRUI-M/crossReferences"
	equal(t, "seeded", at(t, r.list(path), 0, "alternateID"), "8712345678906")
	r.want(200, "POST", path, `{"alternateType":{"value":"Global"},"alternateID":{"value":"G1"}}`)
	r.want(200, "PUT", path+"/Global/G1", `{"alternateID":{"value":"G2"},"description":{"value":"nieuw"}}`)
	equal(t, "by the old number", len(r.list("/v1/inventory?alternateID=G1")), 0)
	equal(t, "by the new number", at(t, r.list("/v1/inventory?alternateID=g2"), 0, "inventoryNumber"), "TRUI-M")
	r.want(400, "POST", path, `{"alternateType":{"value":"Global"},"alternateID":{"value":"G2"}}`)
	r.want(400, "POST", path, `{"alternateType":{"value":"CPN"},"alternateID":{"value":"K1"}}`) // whose number?
	r.want(200, "POST", path, `{"alternateType":{"value":"CPN"},"alternateID":{"value":"K1"},"bAccount":{"value":"10003"}}`)
	r.want(400, "PUT", path+"/Global/G9", `{"alternateID":{"value":"G2"}}`)
}

func TestExpandFlags(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	i := at(t, r.list("/v1/inventory?inventoryNumber=TRUI-M&expandCrossReference=false"), 0)
	if at(t, i, "crossReferences") != nil || at(t, i, "warehouseDetails") == nil {
		t.Errorf("the parts are wrong: %v", i)
	}
	r = newRig(t, Options{ExpandDefault: "off"})
	i = at(t, r.list("/v1/inventory?inventoryNumber=TRUI-M&expandCrossReference=true"), 0)
	if at(t, i, "crossReferences") == nil || at(t, i, "warehouseDetails") != nil {
		t.Errorf("the parts are wrong: %v", i)
	}
	equal(t, "types", len(r.list("/v1/inventory?inventoryTypes=ChargeItem&inventoryTypes=NonStockItem")), 2)
	if at(t, r.get("/v1/inventory/TRUI-M"), "warehouseDetails") == nil {
		t.Error("a single item lacks a part")
	}
}

func TestStock(t *testing.T) {
	t.Parallel()
	c := newClock()
	r := newRig(t, Options{Now: c.Now, TokenTTL: 24 * time.Hour})
	stock := func(what, booked, available string) {
		t.Helper()
		row := at(t, r.list("/v1/inventorysummary/TRUI-M?warehouse=1"), 0)
		equal(t, what+": booked", at(t, row, "soBooked"), booked)
		equal(t, what+": available", at(t, row, "available"), available)
		equal(t, what+": on hand", at(t, row, "onHand"), "12")
	}
	stock("before", "0.0", "12")
	c.now = c.now.Add(time.Hour)
	order := r.newOrderPath(orderBody("W1", aLine, aLine))
	stock("ordered", "4", "8")
	const since = "/api/v3/Inventory?modifiedSince=2026-02-03T09:30:00Z&modifiedSinceCondition=%3E"
	changed := r.get(since)
	equal(t, "changed items", at(t, changed, "totalCount"), "1")
	equal(t, "quantity", at(t, changed, "value", 0, "availability", 0, "quantityAvailable"), "8")
	equal(t, "changed by v1", len(r.list("/v1/inventory?availabilityLastModifiedDateTime=2026-02-03%2009:30:00&availabilityLastModifiedDateTimeCondition=%3E")), 1)
	r.want(202, "DELETE", order, "")
	stock("deleted", "0.0", "12")

	page := r.get("/api/v3/Inventory?inventoryId=TRUI-M&inventoryId=KAAS&warehouseId=2&expand=Location,Attribute")
	equal(t, "items", at(t, page, "totalCount"), "1")
	equal(t, "fraction", at(t, page, "value", 0, "availability", 0, "locations", 0, "quantityOnHand"), "3.5")
	r.want(204, "PUT", "/v1/inventory/KAAS", `{"attributeLines":[{"attributeId":{"value":"WEBSHOP"},"attributeValue":{"value":"1"}}]}`)
	equal(t, "by attribute", at(t, r.get("/api/v3/Inventory?attributeFilter=WEBSHOP:0&attributeFilter=webshop:1"),
		"totalCount"), "1")
	for _, query := range []string{
		"expand=Everything", "modifiedSince=yesterday", "modifiedSince=2026-02-03&modifiedSinceCondition=x",
		"attributeFilter=WEBSHOP", "pageSize=0",
	} {
		r.want(400, "GET", "/api/v3/Inventory?"+query, "")
	}
}

func TestLookupLists(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	for path, key := range map[string]string{
		"/v1/customer/customerClass": "BEDRIJF", "/v1/inventory/itemClass": "KOSTEN", "/v1/attribute": "COLOR",
		"/v1/vat": "N3", "/v1/vatCategory": "03",
		"/v1/vatZone": "01", "/v1/country": "NL", "/v1/currency": "EUR", "/v1/carrier": "POSTNL",
		"/v1/salesordertype": "SO", "/v1/warehouse": "1",
		"/v1/branch": "1", "/v1/account": "8000", "/v1/cashaccount": "1514", "/v1/paymentmethod": "5",
	} {
		if len(r.list(path)) == 0 {
			t.Errorf("%s is empty", path)
		}
		r.get(path + "/" + key)
		r.want(404, "GET", path+"/nonsense", "")
	}
	r.list("/v1/unitofmeasure")
	r.list("/v1/inventory/itemPostClass")
}
