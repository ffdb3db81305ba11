package vismanet

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// TestStockIsWholeWhateverChanged reads from a service that tells only the warehouses that changed.
func TestStockIsWholeWhateverChanged(t *testing.T) {
	t.Parallel()
	const one, two = `{"warehouseId":"1","quantityOnHand":12.50,"quantityAvailable":9.0,"lastModified":"2026-02-02T10:00:00Z"}`,
		`{"warehouseId":"2","quantityOnHand":-3,"quantityAvailable":-3,"lastModified":"2026-02-03T10:00:00Z"}`
	c, f := open(t, func(w http.ResponseWriter, r *http.Request) {
		places := one + "," + two
		if r.URL.Query().Get("modifiedSince") != "" {
			places = two
		}
		reply(w, 200, `{"value":[{"inventoryId":"A 1","attributes":{"WEBSHOP":"1"},"availability":[`+places+`]}],"nextPage":null,"totalCount":1}`,
			"Date: Tue, 03 Feb 2026 12:00:00 GMT")
	})
	for _, cursor := range []string{"", "2026-02-03T10:00:00Z"} {
		records, end, err := readAll(t, c, sdk.ReadRequest{Entity: "stock", Cursor: cursor})
		if err != nil || len(records) != 1 || end != "2026-02-03T10:00:00Z" {
			t.Fatal(records, end, err)
		}
		if r := parsed(t, string(records[0].Payload)); records[0].Key != "A 1" || len(objects(r["warehouses"])) != 2 ||
			!record.Equal(r["attributes"], map[string]any{"WEBSHOP": "1"}) || r["lastModifiedDateTime"] != "2026-02-03T10:00:00Z" {
			t.Errorf("after %q: %v", cursor, r)
		}
	}
	if q := f.seen()[1].query; !strings.Contains(q, "modifiedSince=2026-02-03T09%3A55%3A00.000Z") || !strings.Contains(q, "modifiedSinceCondition=%3E%3D") {
		t.Error(q)
	}
	if q := f.last(t).query; !strings.Contains(q, "inventoryId=A%201") {
		t.Error(q)
	}
}

func TestStockSummary(t *testing.T) {
	t.Parallel()
	c, _ := open(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/GONE") {
			reply(w, 404, "")
			return
		}
		reply(w, 200, `[{"inventory":{"number":"A"},"warehouse":{"id":"1"},"location":{"id":3,"name":"R1"},"onHand":12.0,"soBooked":1.5}]`)
	})
	found, err := c.Lookup(t.Context(), "stock_summary", sdk.Query{Match: map[string]any{"inventoryNumber": "A"}})
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	same(t, encoded(t, found[0].Fields), `{"inventoryNumber":"A","places":[{"warehouseId":"1","location":"R1","onHand":12.0,"soBooked":1.5}]}`)
	if found, err = c.Lookup(t.Context(), "stock_summary", sdk.Query{Match: map[string]any{"inventoryNumber": "GONE"}}); err != nil || len(found) != 0 {
		t.Error(found, err)
	}
}

// TestItemDigits follows a catalogue that changes between two reads.
func TestItemDigits(t *testing.T) {
	t.Parallel()
	rows := []string{`"inventoryId":1,"inventoryNumber":"A12"`, `"inventoryId":2,"inventoryNumber":"012"`, `"inventoryId":3,"inventoryNumber":"TRUI"`}
	c, f := open(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/currency") {
			reply(w, 200, `[{"id":"NOK","isBaseCurrency":true},{"id":"EUR","isBaseCurrency":false}]`)
			return
		}
		var out []string
		for _, row := range rows {
			out = append(out, `{`+row+`,"lastModifiedDateTime":"2026-02-03T10:00:00","metadata":{"totalCount":`+string(record.Int(int64(len(rows))))+`}}`)
		}
		reply(w, 200, "["+strings.Join(out, ",")+"]")
	})
	ask := func(digits, want string) {
		t.Helper()
		found, err := c.Lookup(t.Context(), "item_digits", sdk.Query{Match: map[string]any{"digits": digits}})
		got := ""
		if len(found) == 1 {
			got = textOf(found[0].Fields["numbers"])
		}
		if err != nil || got != want {
			t.Errorf("%s: %q, %v", digits, got, err)
		}
	}
	ask("12", "012 A12")
	ask("7", "")
	before := len(f.seen())
	rows[0] = `"inventoryId":1,"inventoryNumber":"A7"`
	ask("12", "012 A12") // nothing was read meanwhile, so nothing is asked
	if n := len(f.seen()); n != before {
		t.Errorf("%d calls more", n-before)
	}
	records, _, err := readAll(t, c, sdk.ReadRequest{Entity: "inventory_item"})
	if err != nil || len(records) != 3 || parsed(t, string(records[0].Payload))["currencyId"] != "NOK" {
		t.Fatal(records, err)
	}
	ask("12", "012")
	ask("7", "A7")
}

func TestCategoriesComeAsATree(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nested": `[{"categoryID":1,"description":"Web","parentID":0,"sortOrder":1,"subCategories":[
			{"categoryID":7,"description":"Shoes","parentID":1,"sortOrder":2,"subCategories":[{"categoryID":9,"description":"Red","sortOrder":1}]}]}]`,
		"flat": `[{"categoryID":9,"description":"Red","parentID":7,"sortOrder":1},{"categoryID":7,"description":"Shoes","parentID":1,"sortOrder":2},
			{"categoryID":1,"description":"Web","parentID":0,"sortOrder":1}]`,
		"both": `[{"categoryID":1,"description":"Web","parentID":0,"sortOrder":1,"subCategories":[{"categoryID":7,"description":"Shoes","parentID":1,"sortOrder":2}]},
			{"categoryID":7,"description":"Shoes","parentID":1,"sortOrder":2},{"categoryID":9,"description":"Red","parentID":7,"sortOrder":1}]`,
	} {
		c, _ := open(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, body) })
		records, _, err := readAll(t, c, sdk.ReadRequest{Entity: "sales_category"})
		if err != nil || len(records) != 3 {
			t.Fatal(name, records, err)
		}
		last := parsed(t, string(records[2].Payload))
		if records[2].Key != "9" || last["path"] != "Web > Shoes > Red" || last["parentID"] != record.Number("7") ||
			textOf(objects(last["ancestry"])[1]["path"]) != "Web > Shoes" {
			t.Errorf("%s: %v", name, last)
		}
		found, err := c.Lookup(t.Context(), "sales_category", sdk.Query{Match: map[string]any{"path": "Web > Shoes"}})
		if err != nil || ids(found) != "7" {
			t.Errorf("%s: %v, %v", name, found, err)
		}
	}
	round := []map[string]any{
		{"categoryID": record.Int(1), "parentID": record.Int(2)}, {"categoryID": record.Int(2), "parentID": record.Int(1)},
	}
	if out := flattenCategories(round); len(out) != 2 { // it ends
		t.Error(out)
	}
}

func TestAttributeValuesAreAddedAndChanged(t *testing.T) {
	t.Parallel()
	c, f := open(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPost:
			reply(w, 201, "", "Location: https://x.visma.net/v1/attribute/WEBGROUP")
		case http.MethodPut:
			reply(w, 204, "")
		default:
			reply(w, 200, `{"attributeID":"WEBGROUP","controlType":"Combo","details":[{"valueId":"3","description":"Old"}]}`)
		}
	})
	if r := create(t, c, "attribute", `{"attributeID":"WEBGROUP","controlType":"Combo","values":{"3":"Shoes"}}`); r.Err != nil || r.ID != "WEBGROUP" {
		t.Fatalf("%+v", r)
	}
	same(t, f.last(t).body, `{"attributeID":{"value":"WEBGROUP"},"controlType":{"value":"Combo"},
		"details":[{"operation":"Insert","valueId":{"value":"3"},"description":{"value":"Shoes"}}]}`)
	if r := update(t, c, "attribute", "WEBGROUP", "", `{"values":{"3":"Shoes","4":"Hats"}}`); r.Err != nil {
		t.Fatal(r.Err)
	}
	same(t, f.last(t).body, `{"details":[{"operation":"Update","valueId":{"value":"3"},"description":{"value":"Shoes"}},
		{"operation":"Insert","valueId":{"value":"4"},"description":{"value":"Hats"}}]}`)
}

// readAll is a read with the records themselves.
func readAll(t *testing.T, c *connection, q sdk.ReadRequest) (records []sdk.Record, end string, err error) {
	t.Helper()
	q.BatchSize = 100
	end, err = c.Read(t.Context(), q, func(b sdk.Batch) error {
		records = append(records, b.Records...)
		return nil
	})
	return records, end, err
}
