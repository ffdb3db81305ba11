package vismanet

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// tell uses the control API, which must take it.
func (r *rig) tell(method, path, body string) {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.server.Control().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	if w.Code >= http.StatusBadRequest {
		r.t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
}

func TestCategories(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	roots := r.list("/v1/salescategory")
	equal(t, "roots", len(roots), 1)
	equal(t, "below", at(t, roots, 0, "subCategories", 0, "subCategories", 0, "description"), "Truien")
	r.tell("PUT", "/categories/12", `{"description":"Sjaals","parent":7,"sortOrder":2}`)
	equal(t, "parent", at(t, r.get("/v1/salescategory/12"), "parentID"), "7")
	r.want(404, "GET", "/v1/salescategory/99", "")
	r.tell("PATCH", "/items/TRUI-M", `{"categories":["9","12"],"recommendedPrice":"89.95","attributes":{"FAMILIE":"Trui","COLOR":"ROOD"}}`)
	i := at(t, r.list("/v1/inventory?salesCategory=12&expandSalesCategories=true"), 0)
	equal(t, "number", at(t, i, "inventoryNumber"), "TRUI-M")
	equal(t, "category", at(t, i, "salesCategories", 1, "description"), "Sjaals")
	equal(t, "recommended", at(t, i, "recommendedPrice"), "89.95")
	equal(t, "items", len(r.list("/v1/salescategory/9/item")), 1)
	equal(t, "no items", len(r.list("/v1/salescategory/1/item")), 0)
}

func TestAttributesAreWritten(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	const one = "/v1/attribute/WEBGROEP"
	r.want(204, "PUT", one, `{"details":[{"operation":"Insert","valueId":{"value":"2"},"description":{"value":"Kleding"}},
		{"operation":"Insert","valueId":{"value":"3"},"description":{"value":"Wonen"}}]}`)
	r.want(204, "PUT", one, `{"details":[{"operation":"Update","valueId":{"value":"2"},"description":{"value":"Mode"},"disabled":{"value":true}},
		{"operation":"Delete","valueId":{"value":"3"}}]}`)
	a := r.get(one)
	equal(t, "description", at(t, a, "details", 0, "description"), "Mode")
	equal(t, "disabled", at(t, a, "details", 0, "disabled"), true)
	equal(t, "class", at(t, r.get("/v1/inventory/itemClass/HANDEL"), "attributes", 6, "details", 0, "description"), "Mode")
	for body, want := range map[string]string{
		`{"details":[{"operation":"Insert","valueId":{"value":"2"}}]}`:                                "already exists",
		`{"details":[{"operation":"Update","valueId":{"value":"9"}}]}`:                                "cannot be found",
		`{"details":[{"operation":"Insert"}]}`:                                                        "cannot be empty",
		`{"controlType":{"value":"Text"},"details":[{"operation":"Insert","valueId":{"value":"5"}}]}`: "has no list of values",
	} {
		if a := r.want(400, "PUT", one, body); !strings.Contains(string(a.body), want) {
			t.Errorf("%s: %s", body, a.body)
		}
	}
	r.want(400, "POST", "/v1/attribute", `{"description":{"value":"x"}}`)
	r.want(400, "POST", "/v1/attribute", `{"attributeID":{"value":"color"}}`)
	a = r.get(strings.TrimPrefix(r.want(201, "POST", "/v1/attribute", `{"attributeID":{"value":"MERK"},"controlType":{"value":"Combo"}}`).header.Get("Location"), r.url))
	equal(t, "type", at(t, a, "controlType"), "Combo")
	r.want(204, "DELETE", "/v1/attribute/MERK", "")
	r.want(400, "DELETE", one, "")
}
