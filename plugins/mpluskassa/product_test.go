package mpluskassa

import (
	"strings"
	"testing"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// withCatalogue gives a till three products: a numbered article, one with letters, and one with a field of its own.
func withCatalogue(till *till) {
	article := func(number, plu string, more ...any) string {
		return el("article", el("articleNumber", number), el("pluNumber", plu), el("syncMarker", number), el("description", "A"+number),
			el("barcode", "B"+number), strings.Join(asTexts(more), ""))
	}
	product := func(number, description, article string) string {
		return el("product", el("productNumber", number), el("syncMarker", number), el("description", description),
			el("articleList", article), el("groupNumbers", 9), el("groupNumbers", 3))
	}
	custom := el("customFieldList",
		el("customField", el("fieldName", "Seizoen"), el("dataType", "DATA-TYPE-STRING"), el("strValue", "Zomer")),
		el("customField", el("fieldName", "Gewicht"), el("dataType", "DATA-TYPE-DECIMAL"), el("intValue", 125), el("decimalPlaces", 3)),
		el("customField", el("fieldName", "Vanaf"), el("dataType", "DATA-TYPE-DATE"),
			el("dateValue", el("day", 1), el("mon", 3), el("year", 2026))))
	all := map[string]string{
		"12": product("1", "Twelve", article("12", "")), "13": product("2", "Letters", article("13", "A12")),
		"14": product("3", "Own", article("14", "0012", custom)), "15": product("4", "Both", article("15", "15")),
	}
	till.answers["getProducts"] = func(n *node) string {
		r, out := n.child("request"), ""
		for number, p := range all {
			plu := map[string]string{"13": "A12", "14": "0012", "15": "15"}[number]
			asked := r.value("articleNumbers") == number ||
				r.value("productNumbers") == map[string]string{"12": "1", "13": "2", "14": "3", "15": "4"}[number] ||
				r.child("pluNumbers").child("text") != nil && plu != "" && r.child("pluNumbers").child("text").value("text") == plu
			if asked || r.value("syncMarker") == "1" {
				out += p
			}
		}
		return soap("GetProductsResponse", el("productList", out))
	}
	till.answer("getCurrentSyncMarkers", "getCurrentSyncMarkersResponse", el("articleSyncMarker", 15))
}

func asTexts(all []any) []string {
	out := make([]string, len(all))
	for i, v := range all {
		out[i], _ = v.(string)
	}
	return out
}

func TestArticlesAreFoundBySku(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	withCatalogue(till)
	for setting, want := range map[string]map[string]string{
		"auto":          {"15": "15", "12": "12", "0012": "14", "A12": "13", "13": "", "012": "", "x": ""},
		"pluNumber":     {"12": "", "A12": "13"},
		"articleNumber": {"12": "12", "13": "13", "A12": "", "0012": ""},
		"barcode":       {"B13": "13", "12": ""},
	} {
		c := till.open(t, sdk.Config{"sku": setting})
		for sku, id := range want {
			found, err := c.Lookup(t.Context(), "article", sdk.Query{Match: map[string]any{"sku": sku}})
			if err != nil || len(found) > 1 || id == "" != (len(found) == 0) || id != "" && found[0].ID != id {
				t.Errorf("%s: %q finds %v, %v, want %s", setting, sku, found, err, id)
			}
		}
	}
	found, err := till.open(t, nil).Lookup(t.Context(), "product", sdk.Query{Match: map[string]any{"description": "Letters"}})
	if err != nil || len(found) != 1 || found[0].ID != "2" {
		t.Errorf("by description: %v, %v", found, err)
	}
}

func TestCustomFieldsGoByName(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	withCatalogue(till)
	till.answer("updateProduct", "UpdateProductResponse", el("result", "UPDATE-PRODUCT-RESULT-OK")+el("existingArticleNumbers", 14))
	c := till.open(t, nil)
	found, err := c.Lookup(t.Context(), "article", sdk.Query{ID: "14"})
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	want := map[string]any{"Seizoen": "Zomer", "Gewicht": num("0.125"), "Vanaf": "2026-03-01"}
	if have := found[0].Fields; !record.Equal(have["customFields"], want) || !record.Equal(have["groupNumbers"], []any{num("3"), num("9")}) {
		t.Errorf("%v", have)
	}
	result := writeOne(t, c, "article", nil, sdk.Op{
		Operation: opUpdate, ID: "14", Payload: []byte(`{"customFields":{"Seizoen":"Herfst","Vanaf":"2026-09-01","Nieuw":2},"groupNumbers":[4]}`),
	})
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	product := till.last("updateProduct").child("product")
	var sent []string
	for _, f := range product.child("articleList").child("article").child("customFieldList").all("customField") {
		text := f.value("fieldName") + ":" + f.value("dataType") + ":" + f.value("strValue") + f.value("intValue")
		if d := f.child("dateValue"); d != nil {
			text += d.value("year") + "-" + d.value("mon")
		}
		sent = append(sent, text)
	}
	got := strings.Join(sent, " ")
	if got != "Gewicht:DATA-TYPE-DECIMAL:125 Nieuw:DATA-TYPE-UNKNOWN:2 Seizoen:DATA-TYPE-STRING:Herfst Vanaf:DATA-TYPE-DATE:2026-9" ||
		product.value("groupNumbers") != "4" || product.value("productNumber") != "3" {
		t.Errorf("sent %s in %v", got, product)
	}
}

func TestProductsAreMadeWithTheirFirstArticles(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	withCatalogue(till)
	till.answer("createProduct", "CreateProductResponse",
		el("result", "CREATE-PRODUCT-RESULT-OK")+el("productNumber", 311)+el("articleNumbers", 4601))
	c := till.open(t, nil)
	const payload = `{"description":"Trui","groupNumbers":[3],"articleList":[{"articleNumber":12,"pluNumber":"12-A","description":"Trui S","size":"S",
		"customFields":{"Seizoen":"Zomer"}}]}`
	result := writeOne(t, c, "product", nil, sdk.Op{Operation: opCreate, Payload: []byte(payload)})
	p := till.last("createProduct").child("product")
	if a := p.child("articleList").child("article"); result.Err != nil || result.ID != "311" || p.value("description") != "Trui" || a.value("size") != "S" ||
		a.child("customFieldList").child("customField").value("strValue") != "Zomer" {
		t.Errorf("%+v", result)
	}
	till.answer("createProduct", "CreateProductResponse",
		el("result", "CREATE-PRODUCT-RESULT-FAILED-ARTICLE-NUMBER-ALREADY-TAKEN")+el("productNumber", 0)+el("errorMessage"))
	result = writeOne(t, c, "product", nil, sdk.Op{Operation: opCreate, Payload: []byte(payload)})
	if f := failureOf(t, result.Err); f.Class != invalid || !strings.Contains(f.Message, `12, wanted for "12-A", belongs to "12" (A12)`) {
		t.Errorf("%+v", f)
	}
	till.answer("updateProduct", "UpdateProductResponse", el("result", "UPDATE-PRODUCT-RESULT-OK"))
	result = writeOne(t, c, "product", nil, sdk.Op{Operation: opUpdate, ID: "2", Payload: []byte(`{"description":"Nieuw"}`)})
	if p := till.last("updateProduct").child("product"); result.Err != nil || p.value("productNumber") != "2" || p.child("articleList") != nil {
		t.Errorf("%+v", result)
	}
}

func TestWhatIsFreeIsSet(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	till.answer("setStock", "SetStockResponse", el("result", "SET-STOCK-RESULT-OK")+el("stockId", 5))
	till.answer("getStock", "GetStockResponse", el("articleStocks", el("articleNumber", 4601), el("stockId", 4), el("amountFree", 1),
		el("amountReserved", 25), el("decimalPlacesReserved", 1), el("amountIncoming", 0), el("isDayStockArticle", false)))
	for _, row := range []struct {
		config sdk.Config
		sent   string
	}{
		{nil, "1025"}, // 7.75 and the 2.5 that are reserved
		{sdk.Config{"free_is_net": false}, "1025"},
		{sdk.Config{"stock_amount": "free"}, "775"},
	} {
		result := writeOne(t, till.open(t, row.config), "stock", nil, sdk.Op{Operation: opUpdate, ID: "1/4601", Payload: []byte(`{"available":7.75}`)})
		if r := till.last("setStock").child("request"); result.Err != nil || r.value("amount") != row.sent || r.value("decimalPlaces") != "2" {
			t.Errorf("%v: %+v, sent %s", row.config, result, r.value("amount"))
		}
	}
	result := writeOne(t, till.open(t, nil), "stock", nil, sdk.Op{Operation: opUpdate, ID: "1/4601", Payload: []byte(`{"available":7,"amount":7}`)})
	if f := failureOf(t, result.Err); f.Class != invalid || f.Field != "available" {
		t.Errorf("%+v", f)
	}
}
