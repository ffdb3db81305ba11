package mpluskassa

import (
	"slices"
	"strings"
	"testing"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

func ids(found []sdk.Found) string {
	var out []string
	for _, f := range found {
		out = append(out, f.ID)
	}
	return strings.Join(out, " ")
}

func TestRelationsAreFoundExactly(t *testing.T) {
	t.Parallel()
	rows := map[string]string{
		"681": el("relation", el("relationNumber", 681), el("extRelationId", "CUST-77"), el("syncMarker", 3), el("email", " P.Jansen@Example.org ")),
		"9":   el("relation", el("relationNumber", 9), el("syncMarker", 4), el("email", "jansen@example.org")),
		"10":  el("relation", el("relationNumber", 10), el("syncMarker", 5), el("email", "JANSEN@example.org")),
	}
	till := newTill(t)
	head := 5
	till.answers["getCurrentSyncMarkers"] = func(*node) string {
		return soap("getCurrentSyncMarkersResponse", el("relationSyncMarker", head))
	}
	till.answers["getRelations"] = func(r *node) string {
		q, found := r.child("request"), ""
		for _, n := range q.all("relationNumbers") {
			found += rows[n.text]
		}
		if q.value("syncMarker") == "1" {
			found = rows["681"] + rows["9"] + rows["10"]
		}
		return soap("GetRelationsResponse", el("relationList", found))
	}
	till.answer("createRelation", "CreateRelationResponse",
		el("result", "CREATE-RELATION-RESULT-OK")+el("relationNumber", 11)+el("syncMarker", 6)+el("errorMessage", ""))
	c := till.open(t, nil)
	find := func(q sdk.Query, want string) {
		t.Helper()
		found, err := c.Lookup(t.Context(), "relation", q)
		if err != nil || ids(found) != want {
			t.Errorf("%+v: %s %v", q, ids(found), err)
		}
	}
	find(sdk.Query{Match: map[string]any{"email": "p.jansen@example.org"}}, "681")
	find(sdk.Query{Match: map[string]any{"email": "p.jansen@example.org", "extRelationId": "CUST-77"}}, "681")
	find(sdk.Query{Match: map[string]any{"email": "p.jansen@example.org", "extRelationId": "CUST-78"}}, "")
	find(sdk.Query{Match: map[string]any{"extRelationId": "cust-77"}}, "") // case counts here
	find(sdk.Query{Match: map[string]any{"email": "jansen@example.org"}}, "9 10")
	find(sdk.Query{ID: "681"}, "681")
	find(sdk.Query{Match: map[string]any{"relationNumber": num("681")}}, "681")
	find(sdk.Query{ID: "12"}, "")
	find(sdk.Query{ID: "twelve"}, "")
	for _, q := range []sdk.Query{{}, {Match: map[string]any{"name": "Jansen"}}} {
		if _, err := c.Lookup(t.Context(), "relation", q); classOf(err) != invalid {
			t.Errorf("%+v: %v", q, err)
		}
	}

	// One that was made here is known without reading it again.
	w, err := c.Writer(t.Context(), sdk.WriteRequest{Entity: "relation"})
	if err != nil {
		t.Fatal(err)
	}
	results, _, err := w.Write(t.Context(), []sdk.Op{{Operation: opCreate, Key: "k", Payload: []byte(`{"name":"New","email":"new@example.org"}`)}})
	if err != nil || results[0].ID != "11" {
		t.Fatal(results, err)
	}
	rows["11"] = el("relation", el("relationNumber", 11), el("syncMarker", 6), el("email", "new@example.org"))
	head = 6
	asked := till.count("getRelations")
	find(sdk.Query{Match: map[string]any{"email": "new@example.org"}}, "11")
	if n := till.count("getRelations") - asked; n != 1 {
		t.Errorf("%d calls for one that was made here", n)
	}
}

func TestOrdersAreFound(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	order := func(*node) string {
		return soap("GetOrderResponse", el("result", "GET-ORDER-RESULT-OK")+el("order", orderXML()))
	}
	till.answers["getOrder"], till.answers["findOrder"] = order, order
	c := till.open(t, nil)
	for _, row := range []struct {
		query sdk.Query
		want  string
	}{
		{sdk.Query{ID: "0f8e-1"}, "0f8e-1"},
		{sdk.Query{ID: "another"}, ""},
		{sdk.Query{Match: map[string]any{"extOrderId": "WEB-1"}}, ""}, // the server says yes, the order says no
	} {
		found, err := c.Lookup(t.Context(), "order", row.query)
		if err != nil || ids(found) != row.want {
			t.Errorf("%+v: %s %v", row.query, ids(found), err)
		}
	}
	till.answer("findOrder", "GetOrderResponse", el("result", "GET-ORDER-RESULT-NOT-FOUND"))
	found, err := c.Lookup(t.Context(), "order", sdk.Query{Match: map[string]any{"extOrderId": "WEB-1"}})
	if err != nil || len(found) != 0 {
		t.Errorf("%v %v", found, err)
	}
}

func TestArticlesAreFound(t *testing.T) {
	t.Parallel()
	rows := map[string]string{
		"501": el("article", el("articleNumber", 501), el("pluNumber", "35"), el("syncMarker", 5), el("barcode", "871"), el("extArticleId", "X")),
		"502": el("article", el("articleNumber", 502), el("pluNumber", "036"), el("syncMarker", 6), el("barcode", "872")),
	}
	till := newTill(t)
	head := 6
	till.answers["getCurrentSyncMarkers"] = func(*node) string {
		return soap("getCurrentSyncMarkersResponse", el("articleSyncMarker", head))
	}
	till.answers["getProducts"] = func(r *node) string {
		q, out := r.child("request"), ""
		from, _ := whole("0" + q.value("syncMarker"))
		for _, n := range []string{"501", "502"} {
			if from > 0 && from <= int64(head) || q.value("articleNumbers") == n ||
				q.child("pluNumbers").child("text") != nil {
				out += rows[n]
			}
		}
		if out == "" {
			return soap("GetProductsResponse", el("productList"))
		}
		return soap("GetProductsResponse", el("productList", el("product", el("productNumber", 3), el("articleList", out))))
	}
	c := till.open(t, nil)
	for _, row := range []struct {
		match map[string]any
		want  string
	}{
		{map[string]any{"articleNumber": num("501")}, "501"},
		{map[string]any{"articleNumber": "SKU"}, ""},
		{map[string]any{"pluNumber": "35"}, "501"},
		{map[string]any{"pluNumber": "36"}, ""}, // a leading zero counts
		{map[string]any{"barcode": "872"}, "502"},
		{map[string]any{"extArticleId": "X"}, "501"},
		{map[string]any{"extArticleId": "Y"}, ""},
		{map[string]any{"extArticleId": "X", "pluNumber": "1"}, ""},
	} {
		found, err := c.Lookup(t.Context(), "article", sdk.Query{Match: row.match})
		if err != nil || ids(found) != row.want {
			t.Errorf("%v: %s %v", row.match, ids(found), err)
		}
	}
	head = 7
	rows["502"] = el("article", el("articleNumber", 502), el("syncMarker", 7), el("barcode", "999"))
	for code, want := range map[string]string{"999": "502", "872": ""} {
		found, err := c.Lookup(t.Context(), "article", sdk.Query{Match: map[string]any{"barcode": code}})
		if err != nil || ids(found) != want {
			t.Errorf("after the change %s finds %s %v", code, ids(found), err)
		}
	}
}

func TestTheRestIsFound(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	till.answer("getStock", "GetStockResponse", el("articleStocks", el("branchNumber", 1), el("articleNumber", 5), el("stockId", 9),
		el("amountFree", 10), el("amountReserved", 3), el("amountIncoming", 0), el("isDayStockArticle", false)))
	till.answer("getBranches", "getBranchesResponse", el("branches", el("branch", el("branchNumber", 1), el("branchName", "Hoofd")),
		el("branch", el("branchNumber", 2), el("branchName", "Web"))))
	till.answer("getVatGroupList", "getVatGroupListResponse",
		el("vatGroup", el("branchNumber", 1), el("countryIso3", "NLD"), el("vatCode", 1), el("vatPercentage", 900))+
			el("vatGroup", el("branchNumber", 2), el("countryIso3", "NLD"), el("vatCode", 1), el("vatPercentage", 900)))
	till.answers["getEmployees"] = func(r *node) string {
		q := r.child("request")
		if m := q.value("syncMarker"); m != "" && m != "1" {
			return soap("GetEmployeesResponse", el("employeeList"))
		}
		return soap("GetEmployeesResponse", el("employeeList", el("employee", el("employeeNumber", 8), el("syncMarker", 1), el("name", "Ada"))))
	}
	till.answer("getProducts", "GetProductsResponse", el("productList", el("product", el("productNumber", 3))))
	c := till.open(t, nil)
	for _, row := range []struct {
		entity string
		query  sdk.Query
		want   string
	}{
		{"stock", sdk.Query{ID: "1/5"}, "1/5"},
		{"stock", sdk.Query{Match: map[string]any{"branchNumber": num("1"), "articleNumber": num("5")}}, "1/5"},
		{"stock", sdk.Query{ID: "2/5"}, ""},
		{"branch", sdk.Query{ID: "2"}, "2"},
		{"branch", sdk.Query{Match: map[string]any{"branchName": "Hoofd"}}, "1"},
		{"vat_group", sdk.Query{Match: map[string]any{"vatCode": num("1")}}, "1/NLD/1 2/NLD/1"},
		{"vat_group", sdk.Query{ID: "2/NLD/1"}, "2/NLD/1"},
		{"employee", sdk.Query{ID: "8"}, "8"},
		{"employee", sdk.Query{Match: map[string]any{"name": "Ada"}}, "8"},
		{"product", sdk.Query{ID: "3"}, "3"},
	} {
		found, err := c.Lookup(t.Context(), row.entity, row.query)
		if err != nil || ids(found) != row.want {
			t.Errorf("%s %+v: %s %v", row.entity, row.query, ids(found), err)
		}
	}
	if _, err := c.Lookup(t.Context(), "article_group", sdk.Query{ID: "1"}); classOf(err) != fatal {
		t.Error(err)
	}
}

// TestStockIsFoundAsItWouldBeSet: otherwise every run would set it again.
func TestStockIsFoundAsItWouldBeSet(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	till.answer("getStock", "GetStockResponse", el("articleStocks", el("branchNumber", 1), el("articleNumber", 5), el("stockId", 9),
		el("amountFree", 105), el("decimalPlacesFree", 1), el("amountReserved", 3), el("amountIncoming", 0), el("isDayStockArticle", false)))
	for setting, want := range map[string]string{stockPhysical: "13.5", stockFree: "10.5"} {
		found, err := till.open(t, sdk.Config{"stock_amount": setting}).Lookup(t.Context(), "stock", sdk.Query{ID: "1/5"})
		if err != nil || len(found) != 1 || found[0].Fields["amount"] != num(want) || found[0].Fields["available"] != num("10.5") {
			t.Errorf("%s: %v %v", setting, found, err)
		}
	}
}

func TestWhatIsOutOfUseComesLast(t *testing.T) {
	t.Parallel()
	row := func(number, active any) map[string]any {
		return map[string]any{"relationNumber": number, "email": "a@x.nl", "active": active}
	}
	rows := []map[string]any{row("1", false), row("2", true), row("3", nil), row("4", true)}
	var got []string
	for _, f := range pick(sdk.Query{Match: map[string]any{"email": "a@x.nl"}}, rows, func(m map[string]any) string { return record.Text(m["relationNumber"]) }) {
		got = append(got, f.ID)
	}
	if !slices.Equal(got, []string{"2", "3", "4", "1"}) {
		t.Error(got)
	}
}
