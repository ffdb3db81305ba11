package vismanet

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// spec is an OpenAPI document, or the facts file, which has nearly its form.
type spec struct {
	doc map[string]any
}

func contracts(t *testing.T) (erp, orders spec) {
	t.Helper()
	dir := os.Getenv("KOPRU_CONTRACTS")
	for at, err := os.Getwd(); dir == "" && err == nil && at != filepath.Dir(at); at = filepath.Dir(at) {
		if info, err := os.Stat(filepath.Join(at, "shared", "contracts", "vismanet")); err == nil && info.IsDir() {
			dir = filepath.Join(at, "shared", "contracts")
		}
	}
	if dir == "" {
		t.Skip("the contracts are not here; set KOPRU_CONTRACTS to their folder")
	}
	load := func(name string) spec {
		data, err := os.ReadFile(filepath.Join(dir, "vismanet", "data", name))
		if err != nil {
			t.Skipf("the contract is not here: %v", err)
		}
		var s spec
		if err := json.Unmarshal(data, &s.doc); err != nil {
			t.Fatal(name, err)
		}
		return s
	}
	return load("erp-v1v2_derived-2025-12.facts.json"), load("salesorder-service-v3_1.1.0.1279.openapi.json")
}

// operation finds what is said about a call; it compares paths as the server does, in any case.
func (s spec) operation(method, path string) map[string]any {
	parts := strings.Split(path, "/")
	var best map[string]any
	wild := len(parts) + 1
	for template, verbs := range s.doc["paths"].(map[string]any) {
		names := strings.Split(template, "/")
		if len(names) != len(parts) {
			continue
		}
		n := 0
		fits := true
		for i, name := range names {
			if strings.HasPrefix(name, "{") {
				n++
			} else if !strings.EqualFold(name, parts[i]) {
				fits = false
			}
		}
		if op, ok := verbs.(map[string]any)[strings.ToLower(method)].(map[string]any); ok && fits && n < wild {
			best, wild = op, n
		}
	}
	return best
}

func (s spec) schema(v any) map[string]any {
	m, _ := v.(map[string]any)
	if ref, ok := m["$ref"].(string); ok {
		return s.schema(dig(s.doc, strings.ReplaceAll(strings.TrimPrefix(ref, "#/"), "/", ".")))
	}
	if all, ok := m["allOf"].([]any); ok && len(all) == 1 {
		return s.schema(all[0])
	}
	return m
}

// in is the schema in a request body or a response.
func (s spec) in(v any) map[string]any {
	m, _ := v.(map[string]any)
	if content, ok := m["content"].(map[string]any); ok {
		return s.schema(dig(content, "application/json.schema"))
	}
	if m["schema"] != nil {
		return s.schema(m["schema"])
	}
	return s.schema(m)
}

// faults lists where a value is not what the schema says.
func (s spec) faults(v any, schema map[string]any, path string) []string {
	var out []string
	kind, _ := schema["type"].(string)
	bad := func(format string, args ...any) { out = append(out, path+": "+fmt.Sprintf(format, args...)) }
	switch v := v.(type) {
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		if properties == nil && (kind != "object" || schema["additionalProperties"] == nil) {
			bad("an object where %v is wanted", schema)
		}
		for name, value := range v {
			if properties == nil {
				out = append(out, s.faults(value, s.schema(schema["additionalProperties"]), path+"."+name)...)
			} else if properties[name] == nil {
				bad("no property %s", name)
			} else {
				out = append(out, s.faults(value, s.schema(properties[name]), path+"."+name)...)
			}
		}
		required, _ := schema["required"].([]any)
		for _, name := range required {
			if v[name.(string)] == nil {
				bad("%v is missing", name)
			}
		}
	case []any:
		if kind != "array" {
			bad("a list where %v is wanted", schema)
		}
		for i, item := range v {
			out = append(out, s.faults(item, s.schema(schema["items"]), fmt.Sprintf("%s[%d]", path, i))...)
		}
	case string:
		enum, _ := schema["enum"].([]any)
		most, limited := schema["maxLength"].(float64)
		if kind != "string" || len(enum) > 0 && !slices.Contains(enum, any(v)) || limited && len(v) > int(most) {
			bad("%q does not fit %v", v, schema)
		}
	case record.Number:
		if kind != "number" && (kind != "integer" || strings.Contains(string(v), ".")) {
			bad("the number %s does not fit %v", v, schema)
		}
	case bool:
		if kind != "boolean" {
			bad("a bool where %v is wanted", schema)
		}
	case nil:
		bad("null")
	}
	return out
}

// sample is a record with everything in it that may be written.
func sample(fields []field, inherited sdk.Flag, nested bool) map[string]any {
	out := map[string]any{}
	for _, f := range fields {
		flags := f.flags
		if nested {
			flags = f.inherit(inherited)
		}
		if flags&sdk.Writable == 0 {
			continue
		}
		switch {
		case len(f.values) > 0:
			out[f.name] = f.values[0]
		case f.kind == text:
			out[f.name] = "1"
		case f.kind == whole:
			out[f.name] = record.Int(1)
		case f.kind == decimal:
			out[f.name] = record.Number("1.50")
		case f.kind == truth:
			out[f.name] = true
		case f.kind == day:
			out[f.name] = "2026-01-31"
		case f.kind == moment:
			out[f.name] = "2026-01-31T10:00:00Z"
		case f.kind == pairs:
			out[f.name] = map[string]any{"1": "A"}
		case f.kind == object:
			out[f.name] = sample(f.fields, flags, true)
		case f.kind == list:
			out[f.name] = []any{sample(f.fields, flags, true)}
		}
	}
	return out
}

// TestContractOfCalls makes every kind of call and holds what was sent against the contract.
func TestContractOfCalls(t *testing.T) {
	t.Parallel()
	erp, orders := contracts(t)
	c, f := open(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/shipment") && strings.HasPrefix(r.URL.Path, "/api/"):
			reply(w, 200, `[{"id":"000001","invoiceId":null}]`)
		case strings.Contains(r.URL.Path, "/action/"):
			reply(w, 200, `{"actionId":"1","actionResult":"Done","referenceNumber":"000001"}`)
		case r.Method == http.MethodPost:
			reply(w, 201, "", "Location: "+r.URL.Path+"/SO/1")
		case r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/v1/attribute/"):
			reply(w, 200, `{"attributeID":"SO/1","details":[{"valueId":"1","description":"B"}]}`)
		case r.Method != http.MethodGet:
			reply(w, 204, "", `ETag: "V="`)
		case r.URL.Path == "/api/v3/SalesOrders/SO/1":
			reply(w, 200, `{"type":"SO","orderId":"1","totals":{"orderTotal":1}}`, `ETag: "V="`)
		case strings.HasPrefix(r.URL.Path, "/api/"):
			reply(w, 200, `{"value":[],"nextPage":null,"totalCount":0}`)
		default:
			reply(w, 200, `{"records":[]}`) // does for a list and for a record
		}
	}, sdk.Config{"override_number_series": true})
	for _, e := range entities() {
		exercise(t, c, e)
	}
	c.Check(t.Context())
	for _, call := range f.seen() {
		s := erp
		if strings.HasPrefix(call.path, "/api/v3/") {
			s = orders
		}
		for _, fault := range s.judge(call) {
			t.Errorf("%s %s: %s", call.method, call.path, fault)
		}
	}
}

func exercise(t *testing.T, c *connection, e *entity) {
	t.Helper()
	for _, m := range e.matches {
		if strings.HasPrefix(m.field, "order") && !e.sales { // only together
			continue
		}
		if _, err := c.Lookup(t.Context(), e.name, sdk.Query{Match: map[string]any{m.field: "SO/1"}}); err != nil {
			t.Error(e.name, m.field, err)
		}
	}
	for _, cursor := range []string{"", "2026-01-01T00:00:00Z"} {
		if e.lookupOnly {
			continue
		}
		if _, _, err := read(t, c, sdk.ReadRequest{Entity: e.name, Cursor: cursor}); err != nil && e.modified != "" {
			t.Error(e.name, err)
		}
	}
	if !e.create {
		return
	}
	if e.step != "" {
		q := sdk.Query{Match: map[string]any{"orderType": "SO", "orderNumber": "1"}}
		if _, err := c.Lookup(t.Context(), e.name, q); err != nil {
			t.Error(e.name, err)
		}
	}
	full := encoded(t, sample(e.fields, 0, false))
	if r := create(t, c, e.name, full); r.Err != nil {
		t.Error(e.name, r.Err)
	}
	if r := update(t, c, e.name, "SO/1", "V=", full); r.Err != nil {
		t.Error(e.name, r.Err)
	}
}

// judge holds one call against the contract.
func (s spec) judge(call seen) []string {
	op := s.operation(call.method, call.path)
	if op == nil {
		return []string{"there is no such operation"}
	}
	known := map[string]bool{}
	parameters, _ := op["parameters"].([]any)
	for _, p := range parameters {
		m := s.schema(p)
		known[textOf(m["in"])+" "+textOf(m["name"])] = true
	}
	var out []string
	query, err := url.ParseQuery(call.query)
	if err != nil {
		return []string{err.Error()}
	}
	for name := range query {
		if !known["query "+name] {
			out = append(out, "no parameter "+name)
		}
	}
	v3 := strings.HasPrefix(call.path, "/api/v3/") // whose document leaves the header out of its lists
	if call.header.Get("If-Match") != "" && !known["header If-Match"] && !v3 {
		out = append(out, "If-Match is not declared")
	}
	if call.body == "" {
		return out
	}
	body, err := record.Decode([]byte(call.body))
	if err != nil {
		return append(out, err.Error())
	}
	return append(out, s.faults(body, s.in(op["requestBody"]), "body")...)
}

// TestContractOfAnswers finds each field of a record in the answers' schemas.
func TestContractOfAnswers(t *testing.T) {
	t.Parallel()
	erp, orders := contracts(t)
	for _, e := range entities() {
		s, path := erp, e.path
		switch e.name {
		case "sales_order":
			s, path = orders, e.path+"/SO/1"
		case "stock", "sales_order_total":
			s = orders
		case "stock_summary":
			path += "/ART-1"
		}
		op := s.operation(http.MethodGet, path)
		if op == nil {
			t.Errorf("%s: no GET %s", e.name, path)
			continue
		}
		root := s.in(dig(op, "responses.200"))
		if items := root["items"]; items != nil {
			root = s.schema(items)
		}
		if records := dig(root, "properties.records"); records != nil {
			root = s.schema(s.schema(records)["items"])
		}
		if e.name == "stock" || e.name == "sales_order_total" {
			root = s.schema(s.schema(dig(root, "properties.value"))["items"])
		}
		if e.name == "stock_summary" {
			for _, fault := range s.fieldFaults(stockPlaceFields(), root, root, e.name) {
				t.Error(fault)
			}
		}
		if e.name == "sales_order" {
			lines := s.in(dig(s.operation(http.MethodGet, path+"/lines"), "responses.200"))
			properties := maps.Clone(root["properties"].(map[string]any))
			properties["orderLines"] = dig(lines, "properties.value")
			root = map[string]any{"properties": properties}
		}
		if e.version != "" && dig(root, "properties."+e.version) == nil {
			t.Errorf("%s: no %s", e.name, e.version)
		}
		for _, fault := range s.fieldFaults(e.fields, root, root, e.name) {
			t.Error(fault)
		}
	}
}

func (s spec) fieldFaults(fields []field, in, root map[string]any, path string) []string {
	types := map[kind]string{
		text: "string", day: "string", moment: "string", whole: "integer", decimal: "number",
		truth: "boolean", object: "object", pairs: "object", list: "array",
	}
	var out []string
	for _, f := range fields {
		if f.decode != nil || f.name == "note" && f.flags == once { // made up, or not read back
			continue
		}
		schema := in
		names := f.path()
		if rest, ok := strings.CutPrefix(names, "/"); ok {
			schema, names = root, rest
		}
		for name := range strings.SplitSeq(names, ".") {
			properties, _ := schema["properties"].(map[string]any)
			schema = s.schema(properties[name])
		}
		have := textOf(schema["type"])
		if have == "" && schema["properties"] != nil {
			have = "object"
		}
		if have != types[f.kind] && (f.kind != text || have != "integer") {
			out = append(out, fmt.Sprintf("%s.%s: %s is %q in the answers, not %q", path, f.name, f.path(), have, types[f.kind]))
			continue
		}
		if f.kind == list {
			schema = s.schema(schema["items"])
		}
		out = append(out, s.fieldFaults(f.fields, schema, root, path+"."+f.name)...)
	}
	return out
}
