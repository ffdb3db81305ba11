package vismanet

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// node is a schema of either contract file.
type node struct {
	Ref        string           `json:"$ref"`
	AllOf      []*node          `json:"allOf"`
	Type       string           `json:"type"`
	Enum       []string         `json:"enum"`
	Nullable   bool             `json:"nullable"`
	MaxLength  int              `json:"maxLength"`
	Required   []string         `json:"required"`
	Items      *node            `json:"items"`
	Properties map[string]*node `json:"properties"`
	Additional json.RawMessage  `json:"additionalProperties"`
}

type contract struct {
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Components struct {
		Schemas map[string]*node `json:"schemas"`
	} `json:"components"`
}

// readContract looks for the vendor contract beside the module.
func readContract(t *testing.T, name string) *contract {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		b, err := os.ReadFile(filepath.Join(dir, "shared", "contracts", "vismanet", "data", name))
		if err != nil {
			continue
		}
		c := new(contract)
		if err := json.Unmarshal(b, c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	t.Skip("the vendor contract is not there")
	return nil
}

func (c *contract) resolve(n *node) *node {
	for {
		switch {
		case n.Ref != "":
			n = c.Components.Schemas[n.Ref[strings.LastIndexByte(n.Ref, '/')+1:]]
		case len(n.AllOf) == 1:
			n = n.AllOf[0]
		default:
			return n
		}
	}
}

// conform checks an answer: only names of the contract, and values of their types.
func (c *contract) conform(t *testing.T, at string, n *node, v any, strictNull bool) {
	t.Helper()
	reference := n.Ref != "" || len(n.AllOf) > 0
	n = c.resolve(n)
	switch v := v.(type) {
	case nil:
		if strictNull && !reference && !n.Nullable && n.Type != "array" {
			t.Errorf("%s is null", at)
		}
	case map[string]any:
		for name, inner := range v {
			p := n.Properties[name]
			switch {
			case p == nil && len(n.Additional) > 0 && string(n.Additional) != "false":
			case p == nil:
				t.Errorf("%s has %q, which the contract doesn't know", at, name)
			default:
				c.conform(t, at+"."+name, p, inner, strictNull)
			}
		}
	case []any:
		if n.Type != "array" {
			t.Errorf("%s is an array, not %s", at, n.Type)
			return
		}
		for _, inner := range v {
			c.conform(t, at+"[]", n.Items, inner, strictNull)
		}
	case string:
		if n.Type != "string" || n.Enum != nil && !slices.Contains(n.Enum, v) {
			t.Errorf("%s is the text %q, not %s %v", at, v, n.Type, n.Enum)
		}
	case json.Number:
		if n.Type != "number" && (n.Type != "integer" || strings.Contains(v.String(), ".")) {
			t.Errorf("%s is the number %s, not %s", at, v, n.Type)
		}
	case bool:
		if n.Type != "boolean" {
			t.Errorf("%s is %v, not %s", at, v, n.Type)
		}
	}
}

// samples give each route parameter a value that is there.
var samples = strings.NewReplacer("{customerCd}", "10002", "{internalID}", "1000001", "{contactId}", "CONTACT",
	"{inventoryNumber}", "TRUI-M", "{type}", "SO", "{attributeId}", "COLOR", "{categoryId}", "7",
	"{orderId}", "000001", "{lineId}", "1", "{orderType}", "SO", "{orderNbr}", "000001", "{shipmentNumber}", "000001",
	"{paymentNumber}", "400001", "customerinvoice/{number}", "customerinvoice/200001", "{number}", "300001")

func TestAnswersOfTheERPAPI(t *testing.T) {
	t.Parallel()
	c := readContract(t, "erp-v1v2_derived-2025-12.facts.json")
	r := newRig(t, Options{})
	contact := r.want(201, "POST", "/v1/contact", `{"lastName":{"value":"V"},"businessAccount":{"value":"10002"}}`).header.Get("Location")
	r.want(201, "POST", "/v1/customer", aCustomer)
	r.want(204, "PUT", "/v1/customer/10002", `{"parentRecordNumber":{"value":"10003"},"priceClassId":{"value":"VIP"},"gln":{"value":"1"},"note":{"value":"x"}}`)
	r.want(204, "PUT", "/v1/inventory/TRUI-M", `{"note":{"value":"x"},"body":{"value":"x"},"salesAccount":{"value":"8000"},"intrastat":{"cN8":{"value":"1"}},
		"packaging":{"baseItemVolume":{"value":1}},"attributeLines":[{"attributeId":{"value":"SIZE"},"attributeValue":{"value":"M"}}],
		"crossReferences":[{"operation":"Insert","alternateType":{"value":"CPN"},"alternateID":{"value":"1"},"bAccount":{"value":"10002"}}]}`)
	r.sell()
	first := map[string]string{"{key}": ""}
	for _, l := range r.server.lookups() {
		first[l.path] = l.entries[0].id
	}
	for _, rt := range r.server.api.routes.all {
		op := c.operation(t, rt)
		if op == nil || rt.method != "GET" {
			continue
		}
		path := strings.TrimPrefix(rt.name, "GET ")
		list, _, single := strings.Cut(path, "/{key}")
		if single {
			path = list + "/" + first[list]
		}
		path = strings.ReplaceAll(samples.Replace(path), "CONTACT", contact[strings.LastIndexByte(contact, '/')+1:])
		if strings.HasSuffix(path, "{inventoryId}") {
			path = strings.ReplaceAll(path, "{inventoryId}", itoa(r.server.books.items.get("TRUI-M").internalID))
		}
		c.conform(t, rt.name, op.Responses["200"], r.get(path), false)
	}
}

type operation struct {
	Responses map[string]*node `json:"responses"`
}

// operation finds a route in the contract, whatever its parameters are called.
func (c *contract) operation(t *testing.T, rt *route) *operation {
	t.Helper()
	want := anonymous("/" + strings.Join(rt.segments, "/"))
	for path, methods := range c.Paths {
		raw := methods[strings.ToLower(rt.method)]
		if anonymous(path) != want || raw == nil {
			continue
		}
		op := new(operation)
		if err := json.Unmarshal(raw, op); err != nil {
			t.Fatalf("%s: %v", rt.name, err)
		}
		return op
	}
	t.Errorf("%s is not in the contract", rt.name)
	return nil
}

func anonymous(path string) string {
	parts := strings.Split(strings.ToLower(path), "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") {
			parts[i] = "{}"
		}
	}
	return strings.Join(parts, "/")
}

func TestAnswersOfTheSalesOrderService(t *testing.T) {
	t.Parallel()
	c := readContract(t, "salesorder-service-v3_1.1.0.1279.openapi.json")
	r := newRig(t, Options{})
	r.newOrderPath(`{"type":"SO","customer":{"id":"10002","refNo":"W1"},"salesPersonId":"1","shipping":{"shipViaId":"DHL","termsId":"DAP","zoneId":"NL",
		"fobPointId":"MAGAZIJN","preferredWarehouseId":"1","address":{"countryId":"NL","stateId":"GR"}},"customFields":{"customInt1":1,"customDec1":1.5},
		"freight":{"premiumAmount":1},"orderLines":[{"inventoryId":"TRUI-M","quantity":2,"note":"x","undershipThreshold":90,"shipDate":"2026-03-01",
		"reasonCode":"RETOUR","customFields":{"customStr1":"x"},"salesPersonId":"2","supplierPrice":1}]}`)
	r.want(200, "POST", "/v1/salesorder/000001/action/createShipment", `{"orderType":"SO"}`)
	for _, rt := range r.server.salesOrder.routes.all {
		raw := c.Paths[strings.TrimPrefix(rt.name, rt.method+" ")][strings.ToLower(rt.method)]
		var op struct {
			Responses map[string]struct {
				Content map[string]struct {
					Schema *node `json:"schema"`
				} `json:"content"`
			} `json:"responses"`
		}
		if err := json.Unmarshal(raw, &op); err != nil {
			t.Errorf("%s is not in the contract: %v", rt.name, err)
			continue
		}
		if rt.method != "GET" {
			continue
		}
		path := samples.Replace(strings.TrimPrefix(rt.name, "GET "))
		for _, query := range []string{"", "?expand=All"} {
			if query == "" || strings.HasSuffix(path, "/000001") || strings.HasSuffix(path, "/Inventory") {
				c.conform(t, rt.name, op.Responses["200"].Content["application/json"].Schema, r.get(path+query), true)
			}
		}
	}
	for body, name := range map[string]string{`{}`: "SalesOrderValidationProblemDetails", orderBody("W", `{"inventoryId":"GEEN"}`): "SalesOrderValidationProblemDetails"} {
		c.conform(t, body, c.Components.Schemas[name],
			r.want(http.StatusBadRequest, "POST", "/api/v3/SalesOrders", body).json(t), true)
	}
}

// TestBodiesOfTheERPAPI compares what is read with the contract: the same names, and the wrapper where it belongs.
func TestBodiesOfTheERPAPI(t *testing.T) {
	t.Parallel()
	c := readContract(t, "erp-v1v2_derived-2025-12.facts.json")
	for _, s := range []*schema{
		customerUpdate, contactUpdate, itemUpdate, alternateUpdate, attributeUpdate, invoiceUpdate, creditNoteUpdate, paymentUpdate, releasePayment,
		createShipmentAction,
	} {
		c.compareWrapped(t, s)
	}
}

func (c *contract) compareWrapped(t *testing.T, s *schema) {
	t.Helper()
	n := c.Components.Schemas[s.name]
	if n == nil {
		t.Errorf("%s is not in the contract", s.name)
		return
	}
	for name, p := range n.Properties {
		f, known := s.fields[strings.ToLower(name)]
		if !known || f.name != name {
			t.Errorf("%s.%s is not read", s.name, name)
			continue
		}
		p = c.resolve(p)
		inner := p.Properties["value"]
		if wrapped := inner != nil; wrapped != f.wrapped {
			t.Errorf("%s.%s: wrapped %v, want %v", s.name, name, f.wrapped, wrapped)
			continue
		}
		if f.wrapped {
			p = c.resolve(inner)
		}
		if p.Type == "array" {
			p = c.resolve(p.Items)
		}
		if f.of != nil {
			c.compareWrapped(t, f.of)
		} else if f.enum != nil && !slices.Equal(sortedTexts(f.enum), sortedTexts(p.Enum)) {
			t.Errorf("%s.%s takes %v, want %v", s.name, name, f.enum, p.Enum)
		}
	}
	if len(s.fields) != len(n.Properties) {
		t.Errorf("%s has %d fields, want %d", s.name, len(s.fields), len(n.Properties))
	}
}

func sortedTexts(all []string) []string { return slices.Sorted(slices.Values(all)) }

func TestBodiesOfTheSalesOrderService(t *testing.T) {
	t.Parallel()
	c := readContract(t, "salesorder-service-v3_1.1.0.1279.openapi.json")
	for name, s := range map[string]*schema{
		"NewSalesOrderCommand": newOrder, "PatchSalesOrderCommand": patchOrder, "AddSalesOrderLinesCommand": addLines,
		"PatchSalesOrderLinesCommand": patchLines,
	} {
		c.comparePlain(t, name, c.Components.Schemas[name], s)
	}
}

func (c *contract) comparePlain(t *testing.T, at string, n *node, s *schema) {
	t.Helper()
	for name, p := range n.Properties {
		f, known := s.fields[strings.ToLower(name)]
		p = c.resolve(p)
		if !known || f.name != name {
			t.Errorf("%s.%s is not read", at, name)
			continue
		}
		where := fmt.Sprintf("%s.%s", at, name)
		// The contract gives customStr a length in its description on POST and as a limit on PATCH.
		if f.max != p.MaxLength && !strings.HasPrefix(name, "customStr") {
			t.Errorf("%s may have %d characters, want %d", where, f.max, p.MaxLength)
		}
		if want := slices.Contains(n.Required, name); f.required != want && name != "countryId" {
			t.Errorf("%s: required %v, want %v", where, f.required, want)
		}
		if p.Type == "array" && f.of != nil {
			p = c.resolve(p.Items)
		}
		if f.of != nil {
			c.comparePlain(t, where, p, f.of)
		}
	}
}
