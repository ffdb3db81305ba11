package vismanet

import (
	"fmt"
	"strings"
	"testing"
)

const anInvoice = `{"customerNumber":{"value":"10002"},"externalReference":{"value":"W1"},"documentDate":{"value":"2025-12-31T00:00:00"},
	"billingAddress":{"value":{"overrideAddress":{"value":true},"city":{"value":"Assen"},"countryId":{"value":"NL"}}},
	"invoiceLines":[{"operation":"Insert","inventoryNumber":{"value":"TRUI-M"},"quantity":{"value":2},"unitPriceInCurrency":{"value":10.5}},
	{"operation":"Insert","description":{"value":"Pin"},"accountNumber":{"value":"1100"},"quantity":{"value":1},"unitPriceInCurrency":{"value":-5.41},"vatCodeId":{"value":"05"}}]}`

// sell makes one of each document: an order that is shipped and invoiced, an invoice with its payment, a credit note.
func (r *rig) sell() {
	r.t.Helper()
	order := r.newOrderPath(`{"type":"SO","customer":{"id":"10002","order":"2025-1"},"orderLines":[{"inventoryId":"TRUI-M","quantity":3},{"inventoryId":"KORTING","quantity":1}]}`)
	number := order[strings.LastIndexByte(order, '/')+1:]
	r.want(200, "POST", "/v1/salesorder/"+number+"/action/createShipment", `{"orderType":"SO"}`)
	r.want(200, "POST", "/v1/shipment/000001/action/confirmShipment", "")
	r.want(204, "POST", "/v2/salesorder/SO/"+number+"/action/prepareInvoice", "")
	r.want(201, "POST", "/v2/customerinvoice", anInvoice)
	r.want(200, "POST", "/v1/customerinvoice/200002/action/release", "")
	r.want(201, "POST", "/v1/customerCreditNote", `{"customerNumber":{"value":"10002"},"lines":[{"inventoryNumber":{"value":"TRUI-M"},"quantity":{"value":1},"unitPriceInCurrency":{"value":1}}]}`)
	r.want(201, "POST", "/v1/customerPayment", `{"type":{"value":"Payment"},"customer":{"value":"10002"},"paymentRef":{"value":"p"},"paymentMethod":{"value":"2"},
		"paymentAmount":{"value":20},"paymentLines":[{"documentType":{"value":"Invoice"},"refNbr":{"value":"200002"},"amountPaid":{"value":20}}]}`)
}

func TestOrderToInvoice(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.sell()
	if got := r.get("/api/v3/SalesOrders/SO/000001?expand=All"); dig(got, "status", "description") != "Completed" {
		t.Errorf("%v", got)
	}
	rows := r.get("/api/v3/SalesOrders/SO/000001/shipment").([]any)
	if len(rows) != 1 || dig(rows[0], "invoiceId") != "200001" || dig(rows[0], "status") != "Invoiced" {
		t.Errorf("%v", rows)
	}
	line := at(t, r.get("/api/v3/SalesOrders/SO/000001/lines"), "value", 0)
	if dig(line, "quantityOnShipments") != "3" || dig(line, "billedQuantity") != "3" || dig(line, "openQuantity") != "0.0" {
		t.Errorf("%v", line)
	}
	d := r.get("/v1/customerinvoice/200001")
	if dig(d, "status") != "Balanced" || dig(d, "customerRefNumber") != "2025-1" || dig(d, "vatTotal") != "46.83" {
		t.Errorf("%v", d)
	}
	stock := r.get("/v1/inventorysummary/TRUI-M?warehouse=1").([]any)[0]
	if dig(stock, "onHand") != "9" || dig(stock, "soBooked") != "0.0" {
		t.Errorf("%v", stock)
	}
	// What is done can't be done again, and says so with a 200.
	for path, body := range map[string]string{
		"/v1/salesorder/000001/action/createShipment": `{"orderType":"SO"}`, "/v1/shipment/000001/action/confirmShipment": "",
		"/v2/salesorder/SO/000001/action/prepareInvoice": "", "/v1/customerinvoice/200002/action/release": "",
	} {
		if got := r.want(200, "POST", path, body).json(t); dig(got, "actionResult") != "Failed" || dig(got, "errorInfo") == "" {
			t.Errorf("%s: %v", path, got)
		}
	}
	r.newOrderPath(`{"type":"IN","customer":{"id":"10002"},"orderLines":[{"inventoryId":"TRUI-M","quantity":1}]}`)
	r.want(204, "POST", "/v2/salesorder/IN/000001/action/prepareInvoice", "")
	if got := r.get("/v1/salesorder/IN/000001"); dig(got, "invoiceNbr") != "200003" || dig(got, "status") != "Invoiced" {
		t.Errorf("%v", got)
	}
}

func TestInvoiceAndPayment(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.sell()
	d := r.get("/v1/customerinvoice/200002")
	// 2 × 10.50 + 21 % VAT − 5.41 exempt = 20.00
	if dig(d, "balance") != "20" || dig(d, "status") != "Open" || dig(d, "invoiceAddress", "city") != "Assen" || !strings.HasPrefix(dig(d, "documentDate"), "2025-12-31T00:00:00") {
		t.Errorf("%v", d)
	}
	r.want(200, "POST", "/v1/customerPayment/400001/action/release", `{"type":{"value":"Payment"}}`)
	if d := r.get("/v1/customerinvoice?externalReference=w1").([]any); len(d) != 1 || dig(d[0], "status") != "Closed" || dig(d[0], "balance") != "0.0" {
		t.Errorf("%v", d)
	}
	r.want(404, "POST", "/v1/customerPayment/400001/action/release", `{"type":{"value":"Refund"}}`)
	r.want(400, "PUT", "/v1/customerinvoice/200002", `{"invoiceText":{"value":"x"}}`)
	r.want(400, "DELETE", "/v1/customerinvoice/200002", "")
	r.want(204, "PUT", "/v1/customerCreditNote/300001", `{"lines":[{"operation":"Update","lineNumber":{"value":1},"quantity":{"value":2}}]}`)
	if d := r.get("/v1/customerCreditNote/300001"); dig(d, "amount") != "2.42" {
		t.Errorf("%v", d)
	}
	r.want(204, "DELETE", "/v1/customerCreditNote/300001", "")
	for body, words := range map[string]string{
		`{"customerNumber":{"value":"10006"}}`: "status is 'Inactive'",
		`{"customerNumber":{"value":"10002"},"invoiceLines":[{"inventoryNumber":{"value":"OUD"},"quantity":{"value":1}}]}`:       "item is Inactive",
		`{"customerNumber":{"value":"10002"},"invoiceLines":[{"accountNumber":{"value":"8999"},"quantity":{"value":1}}]}`:        "'Account' '8999'",
		`{"customerNumber":{"value":"10002"},"invoiceLines":[{"inventoryNumber":{"value":"TRUI-M"},"vatCodeId":{"value":"3"}}]}`: "'VAT Category' '3'",
		`{"customerNumber":{"value":"10002"},"invoiceLines":[{"inventoryNumber":{"value":"TRUI-M"},"quantity":{"value":-1}}]}`:   "should not be negative",
		`{"customerNumber":{"value":"10002"},"customerVatZoneId":{"value":"99"},"invoiceLines":[]}`:                              "'99'",
	} {
		if got := r.want(400, "POST", "/v2/customerinvoice", body); !strings.Contains(string(got.body), words) {
			t.Errorf("%s: %s", body, got.body)
		}
	}
	for body, words := range map[string]string{
		`{"type":{"value":"Payment"},"customer":{"value":"10002"}}`: "'Payment Ref.' cannot be empty",
		`{"type":{"value":"Payment"},"customer":{"value":"10002"},"paymentRef":{"value":"p"},"paymentAmount":{"value":1},"paymentLines":[{"documentType":{"value":"Invoice"},"refNbr":{"value":"200001"},"amountPaid":{"value":1}}]}`: "'Reference Nbr.'",
	} {
		if got := r.want(400, "POST", "/v1/customerPayment", body); !strings.Contains(string(got.body), words) {
			t.Errorf("%s: %s", body, got.body)
		}
	}
}

// TestCreditNoteSettlesInvoices takes a credit note off an invoice: said while it is a draft, done when it is released.
func TestCreditNoteSettlesInvoices(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.sell()
	const path = "/v1/customerCreditNote/300001" // of 1.21
	lines := func(operation, invoice, amount string) string {
		return `{"applicationLines":[{"operation":"` + operation + `","documentType":{"value":"Invoice"},"refNbr":{"value":"` + invoice +
			`"},"amountPaid":{"value":` + amount + `}}]}`
	}
	for body, words := range map[string]string{
		lines("Insert", "200001", "1"): "cannot be found", // a draft
		lines("Insert", "200002", "2"): "exceed the balance", lines("Insert", "200002", "21"): "exceeds the balance",
		lines("Update", "200002", "1"): "cannot be found",
	} {
		if got := r.want(400, "PUT", path, body); !strings.Contains(string(got.body), words) {
			t.Errorf("%s: %s", body, got.body)
		}
	}
	r.want(204, "PUT", path, lines("Insert", "200002", "1.21"))
	r.want(400, "PUT", path, lines("Insert", "200002", "1.21"))
	r.want(204, "PUT", path, lines("Update", "200002", "1"))
	if d := r.get(path); dig(at(t, d, "applications", 0), "amountPaid") != "1" || dig(d, "balance") != "1.21" {
		t.Errorf("%v", d)
	}
	r.want(200, "POST", path+"/action/release", "")
	if credit, invoice := r.get(path), r.get("/v1/customerinvoice/200002"); dig(credit, "balance") != "0.21" || dig(credit, "status") != "Open" ||
		dig(invoice, "balance") != "19" {
		t.Errorf("%v\n%v", credit, invoice)
	}
	r.want(400, "PUT", path, lines("Update", "200002", "1.21"))
}

// dig is the text of what a path of names leads to.
func dig(v any, path ...string) string {
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return fmt.Sprint(v)
}
