package vismanet

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kopru-io/kopru/plugins/protocol"
)

func TestManifest(t *testing.T) {
	t.Parallel()
	m := New().Manifest()
	names := map[string]bool{}
	for _, e := range m.GetEntities() {
		names[e.GetName()] = true
	}
	personal := []string{
		"name", "email", "phone1", "phone2", "phone3", "fax", "firstName", "lastName", "displayName", "attention",
		"addressLine1", "addressLine2", "addressLine3", "postalCode", "city", "line1", "line2", "line3",
	}
	var check func(path string, fields []*protocol.Field)
	check = func(path string, fields []*protocol.Field) {
		seen := map[string]bool{}
		for _, f := range fields {
			at := path + "." + f.GetName()
			if seen[f.GetName()] || f.GetDescription() == "" || f.GetType() == protocol.FieldType_FIELD_TYPE_UNSPECIFIED {
				t.Errorf("%s: twice, or without description or type", at)
			}
			seen[f.GetName()] = true
			if f.GetReferences() != "" && !names[f.GetReferences()] {
				t.Errorf("%s refers to %s, which is not here", at, f.GetReferences())
			}
			for _, name := range personal {
				if f.GetName() == name && !f.GetPii() && path != "branch" {
					t.Errorf("%s is personal data", at)
				}
			}
			check(at, f.GetFields())
		}
	}
	for _, e := range m.GetEntities() {
		check(e.GetName(), e.GetFields())
		found := 0
		for _, f := range e.GetFields() {
			if f.GetMatch() || f.GetName() == e.GetIdField() {
				found++
			}
		}
		if found < 1 || e.GetDescription() == "" || e.GetConcurrency() != 8 {
			t.Errorf("%v", e)
		}
	}
	for _, a := range m.GetConfig() {
		if a.GetDescription() == "" || a.GetRequired() == (a.GetDefaultJson() != "") && a.GetName() != "branch" {
			t.Errorf("%v", a)
		}
		if a.GetSensitive() != (a.GetName() == "client_secret") {
			t.Errorf("%v", a)
		}
	}
}

// TestTheTillsOrdersFit sends what the bridge between a till and Visma.net makes of an order.
func TestTheTillsOrdersFit(t *testing.T) {
	t.Parallel()
	c, f := open(t, func(w http.ResponseWriter, r *http.Request) {
		reply(w, 201, "", "Location: "+r.URL.Path+"/SO/000001")
	})
	for entity, payload := range map[string]string{
		"customer": `{"name":"Bakkerij","customerClassId":"B","mainAddress":{"addressLine1":"Dam 1","postalCode":"1012","city":"A","countryId":"NL"},
			"invoiceAddress":{"addressLine1":"Dam 1","countryId":"NL"},"deliveryAddress":{"addressLine1":"Dam 1","countryId":"NL"},
			"mainContact":{"name":"Bakkerij","attention":null,"email":"a@b.nl","phone1":null},"vatRegistrationId":"NL1","creditTermsId":"14"}`,
		"contact":        `{"businessAccount":"10042","firstName":"A","lastName":null,"email":"a@b.nl","phone1":"06"}`,
		"inventory_item": `{"inventoryNumber":"1","description":"Bread","type":"NonStockItem","vatCode":"03","defaultPrice":1.2345,"itemClass":"X"}`,
		"sales_order": `{"type":"SO","date":"2026-02-03T10:00:00+01:00","currencyId":"EUR","description":"Till order 1",
			"customer":{"id":"10042","order":"2026-1","refNo":"77"},
			"billing":{"address":{"line1":"Dam 1","postalCode":"1012","city":"A","countryId":"NL"},"contact":{"name":"A","attention":null,"email":"a@b.nl","phone1":null}},
			"shipping":{"address":{"line1":"Dam 1","postalCode":null,"city":"A","countryId":"NL"},"contact":{"name":"A"},"shipViaId":"POST"},
			"orderLines":[{"inventoryId":"1","description":"Bread","quantity":2,"unitPrice":1.2345,"hasManualPrice":true,"discountAmount":0.10,
				"hasManualDiscount":true,"taxCategoryId":"03","warehouseId":"1"}],
			"taxZoneId":"01","paymentSettings":{"paymentMethodId":"5"}}`,
	} {
		if r := create(t, c, entity, payload); r.Err != nil || r.ID == "" {
			t.Errorf("%s: %+v", entity, r)
		}
	}
	for _, call := range f.seen() {
		if strings.HasPrefix(call.path, "/api/") && !strings.Contains(call.body, `"date":"2026-02-03T00:00:00+01:00"`) {
			t.Error(call.body)
		}
	}
}
