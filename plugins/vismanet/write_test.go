package vismanet

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kopru-io/kopru/plugins/sdk"
)

const customerAnswer = `{ "internalId": 3187, "number": "10042", "name": "Kari Nordmann", "status": "Active",
  "mainAddress": {"addressId": 9101, "addressLine1": "Storgata 1", "addressLine2": "", "postalCode": "0155", "city": "Oslo", "country": {"id": "NO", "name": "Norway"}},
  "mainContact": {"contactId": 9102, "name": "Kari Nordmann", "email": "kari@example.no", "phone1": "+4790000000"},
  "customerClass": {"id": "PRIVAT", "description": "Privatkunder"}, "creditTerms": {"id": "14", "description": "14 dager"}, "currencyId": "NOK",
  "creditVerification": "Disabled", "creditLimit": 0.0, "vatZone": {"id": "01", "description": "Domestic"}, "location": {"id": "Main", "name": "Primary Location"},
  "attributes": [{"id": "WEBID", "value": "C-1001", "description": "Web id"}], "lastModifiedDateTime": "2026-02-03T09:12:44.907", "createdDateTime": "2026-02-03T09:12:44.61",
  "timeStamp": "AAAAAAABh4M=", "metadata": {"totalCount": 0, "maxPageSize": 1000} }`

func TestCreateCustomer(t *testing.T) {
	t.Parallel()
	c, f := open(t, func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 201, "", "Location: https://another.visma.net/API/controller/api/v1/customer/10042", `ETag: "AAAAAAABh4M="`)
	})
	r := create(t, c, "customer", `{"name":"Kari Nordmann","customerClassId":"PRIVAT","vatRegistrationId":null,
		"mainAddress":{"addressLine1":"Storgata 1","postalCode":"0155","city":"Oslo","countryId":"NO"},
		"mainContact":{"name":"Kari Nordmann","email":"kari@example.no","phone1":null},
		"creditLimit":1000.50,"printInvoices":true,"attributes":{"WEBID":"C-1001"},"email":"read only","internalId":7}`)
	if r.Err != nil || r.ID != "10042" || r.Version != "AAAAAAABh4M=" || len(r.Exchanges) != 1 {
		t.Fatalf("%+v", r)
	}
	got := f.last(t)
	if got.method != "POST" || got.path != "/v1/customer" || got.header.Get("Authorization") != "Bearer tok-1" {
		t.Errorf("%+v", got)
	}
	same(t, got.body, `{"name":{"value":"Kari Nordmann"},"overrideWithClassValues":true,"customerClassId":{"value":"PRIVAT"},
		"mainAddress":{"value":{"addressLine1":{"value":"Storgata 1"},"postalCode":{"value":"0155"},"city":{"value":"Oslo"},"countryId":{"value":"NO"}}},
		"mainContact":{"value":{"name":{"value":"Kari Nordmann"},"email":{"value":"kari@example.no"}}},
		"creditLimit":{"value":1000.50},"printInvoices":{"value":true},
		"attributeLines":[{"attributeId":{"value":"WEBID"},"attributeValue":{"value":"C-1001"}}]}`)
	if !strings.Contains(got.body, "1000.50") {
		t.Error("the amount lost its decimals: " + got.body)
	}
}

func TestUpdateCustomer(t *testing.T) {
	t.Parallel()
	c, f := open(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, 204, "", `ETag: W/"NEW="`) })
	r := update(t, c, "customer", "10042", "OLD=", `{"name":"Kari N","mainContact":{"phone1":null,"email":"k@example.no"},"number":"9"}`)
	if r.Err != nil || r.ID != "10042" || r.Version != "NEW=" {
		t.Fatalf("%+v", r)
	}
	got := f.last(t)
	if got.method != "PUT" || got.path != "/v1/customer/10042" || got.header.Get("If-Match") != `"OLD="` {
		t.Errorf("%+v", got)
	}
	r = update(t, c, "customer", "10042", "", `{"name":null,"mainAddress":null,"attributes":{"SIZE":42,"OLD":null},"defaultPaymentMethodId":"5"}`)
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	same(t, f.last(t).body, `{"name":{"value":null},
		"attributeLines":[{"attributeId":{"value":"OLD"},"attributeValue":{"value":null}},{"attributeId":{"value":"SIZE"},"attributeValue":{"value":"42"}}],
		"defaultPaymentMethod":{"value":{"paymentMethodId":{"value":"5"},"isDefault":{"value":true}}}}`)
	if f.last(t).header.Get("If-Match") != "" {
		t.Error("a version was made up")
	}
	same(t, got.body, `{"name":{"value":"Kari N"},"mainContact":{"value":{"phone1":{"value":null},"email":{"value":"k@example.no"}}}}`)
}

func TestItemKeysAreWrappedInAddresses(t *testing.T) {
	t.Parallel()
	c, f := open(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			reply(w, 201, "", "Location: https://api.finance.visma.net/v1/inventory/b64(Oi8_I1tdQCYqKzs)")
			return
		}
		reply(w, 204, "")
	})
	r := create(t, c, "inventory_item", `{"inventoryNumber":":/?#[]@&*+;","defaultPrice":"12.340","type":"NonStockItem",
		"packaging":{"baseItemWeight":0.9,"weightUOM":"KG"},"crossReferences":[{"alternateType":"Barcode","alternateID":"703","uom":null}]}`)
	if r.Err != nil || r.ID != ":/?#[]@&*+;" {
		t.Fatalf("%+v", r)
	}
	same(t, f.last(t).body, `{"inventoryNumber":{"value":":/?#[]@&*+;"},"defaultPrice":{"value":12.340},"type":{"value":"NonStockItem"},
		"packaging":{"baseItemWeight":{"value":0.9},"weightUOM":{"value":"KG"}},
		"crossReferences":[{"operation":"Insert","alternateType":{"value":"Barcode"},"alternateID":{"value":"703"}}]}`)
	if r := update(t, c, "inventory_item", r.ID, "V=", `{"description":"new","crossReferences":[]}`); r.Err != nil {
		t.Fatal(r.Err)
	}
	got := f.last(t)
	if got.path != "/v1/inventory/b64(Oi8_I1tdQCYqKzs)" || got.header.Get("If-Match") != "" {
		t.Errorf("%+v", got)
	}
	same(t, got.body, `{"description":{"value":"new"}}`)
}

func TestBadRecordsAreNotSent(t *testing.T) {
	t.Parallel()
	c, f := open(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, 500, "") })
	for _, row := range []struct{ entity, payload, code, field string }{
		{"customer", `{"nick":"x"}`, "vismanet.unknown_field", "nick"},
		{"customer", `{"mainAddress":{"country":"NO"}}`, "vismanet.unknown_field", "mainAddress.country"},
		{"customer", `{"status":"active"}`, "vismanet.bad_value", "status"},
		{"customer", `{"creditLimit":"much"}`, "vismanet.bad_value", "creditLimit"},
		{"customer", `{"creditDaysPastDue":1.5}`, "vismanet.bad_value", "creditDaysPastDue"},
		{"customer", `{"mainAddress":"Oslo"}`, "vismanet.bad_value", "mainAddress"},
		{"customer", `{"attributes":{"COLOR":["RED"]}}`, "vismanet.bad_value", "attributes.COLOR"},
		{"sales_order", `{"type":"SO","date":"3.2.2026"}`, "vismanet.bad_value", "date"},
		{"sales_order", `{"orderLines":[{"inventoryId":"A","quantity":true}]}`, "vismanet.bad_value", "orderLines[0].quantity"},
	} {
		r := create(t, c, row.entity, row.payload)
		if got := failureOf(t, r.Err); got.Code != row.code || got.Field != row.field || got.Class != classInvalid {
			t.Errorf("%s: %+v", row.payload, got)
		}
	}
	if n := len(f.seen()); n > 0 {
		t.Errorf("%d calls were made", n)
	}
}

func TestMissingLocation(t *testing.T) {
	t.Parallel()
	c, _ := open(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			reply(w, 201, "")
		case r.URL.Path == "/v1/customer/10042":
			reply(w, 200, customerAnswer)
		default:
			reply(w, 404, "")
		}
	})
	r := create(t, c, "customer", `{"number":"10042","name":"Kari Nordmann"}`)
	if r.Err != nil || r.ID != "10042" || r.Version != "AAAAAAABh4M=" {
		t.Errorf("%+v", r)
	}
	r = create(t, c, "customer", `{"name":"Kari Nordmann"}`)
	if f := failureOf(t, r.Err); f.Class != classAmbiguous || f.Code != "vismanet.no_location" {
		t.Errorf("%+v", f)
	}
}

func TestCreateOrder(t *testing.T) {
	t.Parallel()
	c, f := open(t, func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 201, "", "Location: https://salesorder.visma.net/api/v3/SalesOrders/SO/000223")
	})
	r := create(t, c, "sales_order", `{"type":"SO","date":"2026-02-03","customer":{"id":"10042","order":"WEB-5001","refNo":"1"},
		"billing":{"address":{"line1":"Storgata 1","countryId":"NO","city":null},"contact":{}},
		"orderLines":[{"inventoryId":"ART-100","quantity":2,"unitPrice":799.20,"hasManualPrice":true,"discountAmount":0}]}`)
	if r.Err != nil || r.ID != "SO/000223" {
		t.Fatalf("%+v", r)
	}
	same(t, f.last(t).body, `{"type":"SO","date":"2026-02-03T00:00:00+01:00","customer":{"id":"10042","order":"WEB-5001","refNo":"1"},
		"billing":{"address":{"line1":"Storgata 1","countryId":"NO"}},
		"orderLines":[{"inventoryId":"ART-100","quantity":2,"unitPrice":799.20,"hasManualPrice":true,"discountAmount":0}]}`)
}

func TestUpdateOrder(t *testing.T) {
	t.Parallel()
	c, f := open(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet:
			reply(w, 200, `{"type":"SO","orderId":"1"}`, `ETag: "V1="`)
		case r.Header.Get("If-Match") == `"V1="`:
			reply(w, 202, "", `ETag: "V2="`)
		case r.Header.Get("If-Match") == `"V2="`:
			reply(w, 202, "", `ETag: "V3="`)
		default:
			reply(w, 412, `{"title":"Precondition Failed","status":412}`)
		}
	})
	r := update(t, c, "sales_order", "SO/1", "", `{"status":"Cancelled","description":"x","shipping":{"address":{"line1":"a"}}}`)
	if r.Err != nil || r.Version != "V3=" || r.ID != "SO/1" {
		t.Fatalf("%+v", r)
	}
	calls := f.seen()
	if len(calls) != 3 {
		t.Fatalf("%+v", calls)
	}
	same(t, calls[1].body, `{"description":"x","shipping":{"address":{"line1":"a","overridesDefault":true}}}`)
	same(t, calls[2].body, `{"status":"Cancelled"}`)
	if r := update(t, c, "sales_order", "SO/1", "V0=", `{"description":"y"}`); failureOf(t, r.Err).Class != conflict {
		t.Errorf("%+v", r)
	}
	if r := update(t, c, "sales_order", "1", "V0=", `{"description":"y"}`); failureOf(t, r.Err).Class != classNotFound {
		t.Errorf("%+v", r)
	}
}

// TestUpdateLines changes one line, adds one and deletes one; the one that is right is left alone.
func TestUpdateLines(t *testing.T) {
	t.Parallel()
	version := 1
	c, f := open(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			version++
			reply(w, 202, "", fmt.Sprintf(`ETag: "V%d="`, version))
			return
		}
		reply(w, 200, `{"totalCount":3,"nextPage":null,"value":[{"lineId":1,"inventory":{"id":"A"},"quantity":1.0},
			{"lineId":2,"inventory":{"id":"B"},"quantity":2.0},{"lineId":4,"inventory":{"id":"C"},"quantity":3.0}]}`)
	})
	r := update(t, c, "sales_order", "SO/1", "V1=", `{"orderLines":[{"inventoryId":"A","quantity":1},{"inventoryId":"c","quantity":4,"unitPrice":0.50},
		{"inventoryId":"D","quantity":5}]}`)
	if r.Err != nil || r.Version != "V4=" {
		t.Fatalf("%+v", r)
	}
	calls := f.seen()
	if len(calls) != 4 || calls[3].method != "DELETE" || calls[3].query != "ids=2" || calls[3].header.Get("If-Match") != `"V3="` {
		t.Fatalf("%+v", calls)
	}
	same(t, calls[1].body, `{"lines":[{"lineId":4,"quantity":4,"unitPrice":0.50}]}`)
	same(t, calls[2].body, `{"lines":[{"inventoryId":"D","quantity":5}]}`)
	r = update(t, c, "sales_order", "SO/1", "V1=", `{"orderLines":[]}`)
	if got := failureOf(t, r.Err); got.Field != "orderLines" || got.Class != classInvalid {
		t.Errorf("%+v", got)
	}
}

// TestRelease books a document by an action, after the fields that were changed with it.
func TestRelease(t *testing.T) {
	t.Parallel()
	result := "Done"
	c, f := open(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.Path, "/action/"):
			reply(w, 200, `{"actionId":"1","actionResult":"`+result+`"}`)
		case r.Method == http.MethodGet:
			reply(w, 200, `{"refNbr":"7","type":"Refund","status":"Balanced"}`)
		case r.Method == http.MethodPost:
			reply(w, 201, "", "Location: https://api.finance.visma.net/v1/customerinvoice/200001")
		default:
			reply(w, 204, "")
		}
	})
	r := create(t, c, "customer_invoice", `{"customerNumber":"10042","documentDate":"2025-12-31T23:59:00+01:00","released":true,
		"billingAddress":{"city":"Oslo"},"invoiceLines":[{"inventoryNumber":"A","quantity":2,"unitPriceInCurrency":1.5,"accountNumber":"8000"}]}`)
	if r.Err != nil || r.ID != "200001" || f.last(t).path != "/v2/customerinvoice" {
		t.Fatalf("%+v", r)
	}
	same(t, f.last(t).body, `{"customerNumber":{"value":"10042"},"documentDate":{"value":"2025-12-31T00:00:00"},
		"billingAddress":{"value":{"overrideAddress":{"value":true},"city":{"value":"Oslo"}}},
		"invoiceLines":[{"operation":"Insert","inventoryNumber":{"value":"A"},"quantity":{"value":2},"unitPriceInCurrency":{"value":1.5},"accountNumber":{"value":"8000"}}]}`)
	if r = update(t, c, "customer_invoice", "200001", "", `{"released":true}`); r.Err != nil || f.last(t).path != "/v1/customerinvoice/200001/action/release" {
		t.Errorf("%+v", r)
	}
	if r = update(t, c, "customer_payment", "7", "", `{"invoiceText":"x","released":true}`); r.Err != nil {
		t.Error(r.Err)
	}
	same(t, f.last(t).body, `{"type":{"value":"Refund"}}`)
	result = "InProcess"
	if r = update(t, c, "customer_invoice", "200001", "", `{"released":true}`); failureOf(t, r.Err).Class != classAmbiguous {
		t.Errorf("%+v", r)
	}
}

// TestCreditIsTakenOffInvoices adds an invoice that the credit note isn't taken off yet, and changes one that it is.
func TestCreditIsTakenOffInvoices(t *testing.T) {
	t.Parallel()
	c, f := open(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			reply(w, 200, `{"referenceNumber":"300001","status":"Balanced","applications":[{"docType":"Invoice","refNbr":"200001","amountPaid":1.50}]}`)
			return
		}
		reply(w, 204, "")
	})
	r := update(t, c, "credit_note", "300001", "", `{"applicationLines":[{"documentType":"Invoice","refNbr":"200001","amountPaid":2.50},
		{"documentType":"Invoice","refNbr":"200002","amountPaid":1}]}`)
	if r.Err != nil || f.last(t).path != "/v1/customerCreditNote/300001" {
		t.Fatalf("%+v", r)
	}
	same(t, f.last(t).body, `{"applicationLines":[
		{"operation":"Update","documentType":{"value":"Invoice"},"refNbr":{"value":"200001"},"amountPaid":{"value":2.50}},
		{"operation":"Insert","documentType":{"value":"Invoice"},"refNbr":{"value":"200002"},"amountPaid":{"value":1}}]}`)
	hits, err := c.Lookup(t.Context(), "credit_note", sdk.Query{ID: "300001"})
	if err != nil || len(hits) != 1 {
		t.Fatal(hits, err)
	}
	same(t, encoded(t, hits[0].Fields["applicationLines"]), `[{"documentType":"Invoice","refNbr":"200001","amountPaid":1.50}]`)
}

func TestOwnNumbers(t *testing.T) {
	t.Parallel()
	c, f := open(t, func(w http.ResponseWriter, r *http.Request) {
		reply(w, 201, "", "Location: "+r.URL.Path+"/SO/7")
	}, map[string]any{"override_number_series": true, "class_values": false, "branch": "3"})
	create(t, c, "customer", `{"number":"7","name":"x","customerClassId":"A"}`)
	same(t, f.last(t).body, `{"number":{"value":"7"},"name":{"value":"x"},"customerClassId":{"value":"A"},"overrideNumberSeries":{"value":true}}`)
	if f.last(t).header.Get("branchid") != "3" {
		t.Error("no branch was sent")
	}
	create(t, c, "sales_order", `{"type":"SO","orderId":"7","customer":{"id":"7"}}`)
	same(t, f.last(t).body, `{"type":"SO","orderId":"7","customer":{"id":"7"},"overrideNumberSeries":true}`)
}
