package vismanet

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/sdk"
)

func detail(code, message, property string) string {
	return fmt.Sprintf(`{"title":"One or more validation errors occurred.","status":400,
		"details":[{"code":%q,"message":%q,"parameters":{"property":%q}}]}`, code, message, property)
}

// answered is what the services answer to a write and what becomes of it.
type answered struct {
	name, entity, body string
	status             int
	header             string
	class              protocol.FailureClass
	code, field, words string
}

func refusals() []answered {
	return []answered{
		{"message", "customer", `{"message":"VismaId: 30f6. Error inserting the customer. Error: Inserting 'Customer' record raised at least one error.\r\nError: 'Customer ID' cannot be empty.\r\n"}`, 400, "", classInvalid, "vismanet.field_missing", "number", "cannot be empty"},
		{"message of a 500", "customer", `{"Message":"Inserting 'Customer' record raised at least one error. Please review the errors."}`, 500, "", classInvalid, "vismanet.rejected", "", "raised at least one error"},
		{"other 500", "customer", `{"message":"System.NullReferenceException"}`, 500, "", classAmbiguous, "vismanet.unavailable", "", "NullReference"},
		{"no licence", "customer", `{"ExceptionType":"IPPException","ExceptionMessage":"No license for this company.","ExceptionFaultCode":"12027"}`, 400, "", classAuth, "vismanet.no_license", "tenant_id", "No license"},
		{"no company", "customer", `{"ExceptionType":"IPPException","ExceptionMessage":"","ExceptionFaultCode":12002}`, 400, "", classAuth, "vismanet.company_missing", "tenant_id", "12002"},
		{"empty 400", "customer", "", 400, "", classInvalid, "vismanet.rejected", "", ""},
		{"page", "customer", "<html><head><title>Gateway</title></head></html>", 502, "", classAmbiguous, "vismanet.unavailable", "", "a page named Gateway"},
		{"text", "customer", "no", 400, "", classInvalid, "vismanet.rejected", "", "no"},
		{"unauthorized", "customer", "", 401, "", classAuth, "vismanet.unauthorized", "", ""},
		{"forbidden", "customer", "", 403, "", classAuth, "vismanet.forbidden", "", ""},
		{"missing", "customer", "", 404, "", classNotFound, "vismanet.not_found", "", ""},
		{"taken", "customer", "", 409, "", conflict, "vismanet.conflict", "", ""},
		{"too many", "customer", "", 429, "Retry-After: 7", classRate, "vismanet.rate_limited", "", ""},
		{"too many, other header", "customer", "slow down", 429, "X-RateLimit-Reset: 7", classRate, "vismanet.rate_limited", "", "slow down"},
		{"redirect", "customer", "", 302, "Location: https://elsewhere.example", fatal, "vismanet.redirect", "", ""},
		{"declined", "customer", `{"actionResult":"Failed","errorInfo":"no stock"}`, 200, "", classInvalid, "vismanet.rejected", "", "no stock"},
		{"not JSON", "customer", `<ok>`, 200, "", classAmbiguous, "vismanet.broken_answer", "", ""},
		{"item", "sales_order", detail("1804-InventoryIdNotFound", "InventoryId cannot be found or is invalid", "OrderLines[1].InventoryId"), 400, "", classNotFound, "vismanet.item_not_found", "orderLines[1].inventoryId", "1804-InventoryIdNotFound: InventoryId cannot"},
		{"inactive item", "sales_order", detail("1804-InventoryIdNotFound", "The item is Inactive", ""), 400, "", classInvalid, "vismanet.item_inactive", "orderLines", "Inactive"},
		{"customer on hold", "sales_order", detail("1407-InvalidCustomerStatus", "Invalid Customer Status", ""), 400, "", classInvalid, "vismanet.customer_on_hold", "customer.id", "1407"},
		{"customer of an invoice on hold", "customer", `{"message":"Error inserting the document. Error: Inserting 'Invoice' record raised at least one error.\r\nError: 'Customer' status is 'OnHold'.\r\n"}`, 400, "", classInvalid, "vismanet.customer_on_hold", "customerNumber", "OnHold"},
		{"inactive item of an invoice", "customer", `{"message":"Error inserting the document. Error: Inserting 'Invoice' record raised at least one error.\r\nError: The inventory item is NoSales.\r\n"}`, 500, "", classInvalid, "vismanet.item_inactive", "inventoryNumber", "NoSales"},
		{"details as an object", "sales_order", `{"details":{"code":"1401-MissingTermsId","message":"TermsId cannot be empty in the order"}}`, 400, "", classInvalid, "vismanet.terms_missing", "customer.termsId", "1401"},
		{"unknown code", "sales_order", detail("1810-LineAlreadyCompleted", "done", ""), 400, "", classInvalid, "vismanet.1810-LineAlreadyCompleted", "", "done"},
		{"errors", "sales_order", `{"title":"bad","errors":{"$.OrderLines[0].Quantity":["not a number"]}}`, 400, "", classInvalid, "vismanet.rejected", "orderLines[0].quantity", "not a number"},
		{"status forbids", "sales_order", `{"title":"Method Not Allowed","status":405}`, 405, "", classInvalid, "vismanet.status_forbids", "", "Method Not Allowed"},
		{"no version", "sales_order", "", 428, "", classInvalid, "vismanet.version_required", "", ""},
		{"stale", "sales_order", "", 412, "", conflict, "vismanet.changed", "", ""},
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for _, row := range refusals() {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c, _ := open(t, func(w http.ResponseWriter, _ *http.Request) {
				if row.header != "" {
					reply(w, row.status, row.body, row.header)
					return
				}
				reply(w, row.status, row.body)
			})
			r := create(t, c, row.entity, `{"name":"x"}`)
			if row.entity == "sales_order" {
				r = update(t, c, row.entity, "SO/1", "V=", `{"description":"x"}`)
			}
			f := failureOf(t, r.Err)
			if f.Class != row.class || f.Code != row.code || f.Field != row.field || !strings.Contains(f.RemoteMessage, row.words) {
				t.Errorf("got %v %s %q %q", f.Class, f.Code, f.Field, f.RemoteMessage)
			}
			if f.Class == classRate && f.RetryAfter != 7*time.Second {
				t.Errorf("pause %v", f.RetryAfter)
			}
			if len(r.Exchanges) == 0 || f.Message == "" {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestLostAnswers(t *testing.T) {
	t.Parallel()
	c, f := open(t, func(w http.ResponseWriter, _ *http.Request) { drop(w) })
	r := create(t, c, "sales_order", `{"type":"SO","customer":{"id":"1"}}`)
	if f := failureOf(t, r.Err); f.Class != classAmbiguous || f.Code != "vismanet.no_answer" {
		t.Errorf("a write: %+v", f)
	}
	_, err := c.Lookup(t.Context(), "customer", sdk.Query{ID: "1"})
	if f := failureOf(t, err); f.Class != transient {
		t.Errorf("a read: %+v", f)
	}
	f.Close()
	r = create(t, c, "customer", `{"name":"x"}`)
	if f := failureOf(t, r.Err); f.Class != transient {
		t.Errorf("never connected: %+v", f)
	}
}

func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	c, f := open(t, func(w http.ResponseWriter, r *http.Request) {
		echo := r.Header.Get("Authorization") + " " + testSecret
		reply(w, 400, fmt.Sprintf(`{"message":%q}`, echo), "X-Echo: "+echo)
	})
	r := create(t, c, "customer", `{"name":"x"}`)
	failure := failureOf(t, r.Err)
	all := failure.Error() + failure.RemoteMessage + f.logs.String()
	for _, e := range r.Exchanges {
		all += e.GetRequest() + e.GetResponse()
	}
	for _, secret := range []string{testSecret, "s3cret", "tok-1"} {
		if strings.Contains(all, secret) {
			t.Errorf("%q is in %s", secret, all)
		}
	}
}
