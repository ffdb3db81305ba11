package mpluskassa

import (
	"strings"
	"testing"

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
	person := el("relation", el("relationNumber", 681), el("extRelationId", "CUST-77"), el("syncMarker", 3),
		el("email", " P.Jansen@Example.org "))
	for name, old := range map[string]bool{"findRelationV2": false, "findRelation": true} {
		till := newTill(t)
		c := till.open(t, nil)
		till.answer("findRelation", "FindRelationResponse", el("result", "FIND-RELATION-RESULT-OK")+person)
		if !old {
			till.answer("findRelationV2", "FindRelationV2Response", el("result", "FIND-RELATION-RESULT-OK")+person)
		}
		till.answers["getRelations"] = func(r *node) string {
			if q := r.child("request"); q.value("syncMarker") == "1" || q.value("relationNumbers") == "681" {
				return soap("GetRelationsResponse", el("relationList", person,
					el("relation", el("relationNumber", 9), el("syncMarker", 4), el("email", "jansen@example.org"))))
			}
			return soap("GetRelationsResponse", el("relationList"))
		}
		for _, row := range []struct {
			query sdk.Query
			want  string
		}{
			{sdk.Query{Match: map[string]any{"email": "p.jansen@example.org"}}, "681"},
			{sdk.Query{Match: map[string]any{"email": "p.jansen@example.org", "extRelationId": "CUST-77"}}, "681"},
			{sdk.Query{Match: map[string]any{"email": "p.jansen@example.org", "extRelationId": "CUST-78"}}, ""},
			{sdk.Query{Match: map[string]any{"extRelationId": "cust-77"}}, ""}, // found without regard to case, which is not equal
			{sdk.Query{ID: "681"}, "681"},
			{sdk.Query{Match: map[string]any{"relationNumber": num("681")}}, "681"},
			{sdk.Query{ID: "12"}, ""},
			{sdk.Query{ID: "twelve"}, ""},
		} {
			found, err := c.Lookup(t.Context(), "relation", row.query)
			if err != nil || ids(found) != row.want {
				t.Errorf("%s, %+v: %s %v", name, row.query, ids(found), err)
			}
		}
		// A part of the address finds another relation; a loose search hides the right one behind it.
		found, err := c.Lookup(t.Context(), "relation", sdk.Query{Match: map[string]any{"email": "jansen@example.org"}})
		if err != nil || ids(found) != "9" {
			t.Errorf("%s: %s %v", name, ids(found), err)
		}
		if !old {
			request := till.last("findRelationV2").child("request")
			if request.value("exactMatch") != "true" || request.child("relation").child("relationNumber") != nil {
				t.Error("exactMatch must be sent, relationNumber never")
			}
		}
		for _, q := range []sdk.Query{{}, {Match: map[string]any{"name": "Jansen"}}} {
			if _, err := c.Lookup(t.Context(), "relation", q); classOf(err) != invalid {
				t.Errorf("%+v: %v", q, err)
			}
		}
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
