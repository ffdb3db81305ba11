package mpluskassa

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kopru-io/kopru/plugins/sdk"
)

func TestStockGoesByStockID(t *testing.T) {
	t.Parallel()
	for _, inclusive := range []bool{true, false} {
		till := newTill(t)
		ids := []int{30, 10, 20}
		till.answers["getCurrentSyncMarkers"] = func(*node) string {
			return soap("getCurrentSyncMarkersResponse", el("stockId", slices.Max(ids)))
		}
		till.answers["getStock"] = func(r *node) string {
			from, _ := strconv.Atoi(r.child("request").value("stockId"))
			out := ""
			for _, id := range ids {
				if id > from || inclusive && id == from {
					out += el("articleStocks", el("branchNumber", 1), el("articleNumber", id), el("stockId", id), el("amountFree", -1250),
						el("decimalPlacesFree", 3), el("amountReserved", 2), el("amountIncoming", 0), el("isDayStockArticle", false))
				}
			}
			return soap("GetStockResponse", out)
		}
		c := till.open(t, sdk.Config{"free_is_net": false})
		options := sdk.Config{"branch": num("1")}
		var got reading
		end, err := c.Read(t.Context(), sdk.ReadRequest{Entity: "stock", BatchSize: 2, Options: options}, got.emit)
		if err != nil || got.keys() != "1/10 1/20 1/30" || end != "31" || got.cursors[0] != "21" {
			t.Fatalf("inclusive %v: %s %s %v %v", inclusive, got.keys(), end, got.cursors, err)
		}
		if p := payload(t, got.records[0]); p["amountFree"] != num("-1.250") || p["available"] != num("-3.250") || p["amount"] != num("-1.250") {
			t.Errorf("%v", p)
		}
		ids = append(ids, 31)
		got = reading{}
		end, err = c.Read(t.Context(), sdk.ReadRequest{Entity: "stock", Cursor: end, BatchSize: 2, Options: options}, got.emit)
		if err != nil || got.keys() != "1/31" || end != "32" {
			t.Errorf("inclusive %v: %s %s %v", inclusive, got.keys(), end, err)
		}
	}
}

func TestOtherEntitiesAreRead(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	once := func(operation, element string, content ...any) {
		till.answers[operation] = func(r *node) string {
			if q := r.child("request"); q != nil && q.value("syncMarker") != "1" {
				return soap(element, "")
			}
			return soap(element, fmt.Sprint(content...))
		}
	}
	once("getRelations", "GetRelationsResponse", el("relationList",
		el("relation", el("relationNumber", 7), el("syncMarker", 3))))
	once("getEmployees", "GetEmployeesResponse", el("employeeList",
		el("employee", el("employeeNumber", 8), el("syncMarker", 3), el("password", "hush"))))
	once("getArticleGroupChanges", "GetArticleGroupChangesResponse", el("changedArticleGroupList",
		el("changedArticleGroups", el("groupNumber", 9), el("syncMarker", 3), el("isDeleted", true))))
	till.answer("getArticleGroups", "GetArticleGroupsResponse", "")
	once("getProducts", "GetProductsResponse", el("productList",
		el("product", el("productNumber", 1), el("description", "P"), el("articleList",
			el("article", el("articleNumber", 11), el("syncMarker", 3)), el("article", el("articleNumber", 12), el("syncMarker", 4))))))
	once("getBranches", "getBranchesResponse", el("branches", el("branch", el("branchNumber", 1), el("workplaces"))))
	once("getVatGroupList", "getVatGroupListResponse",
		el("vatGroup", el("branchNumber", 1), el("countryIso3", "NLD"), el("vatCode", 2), el("vatPercentage", 2100)))
	once("getPaymentMethods", "GetPaymentMethodsResponse",
		el("paymentMethodList", el("paymentMethod", el("method", "PIN"))))
	once("getDeliveryMethods", "GetDeliveryMethodsResponse",
		el("deliveryMethodList", el("deliveryMethod", el("deliveryMethod", "POST"))))
	once("getOrderCategories", "GetOrderCategoriesResponse", el("orderCategory", el("orderCategoryNumber", 5)))
	c := till.open(t, nil)
	for entity, want := range map[string]string{
		"relation": "7", "employee": "8", "article_group": "9", "article": "11 12", "product": "1", "branch": "1",
		"vat_group": "1/NLD/2", "payment_method": "PIN", "delivery_method": "POST", "order_category": "5",
	} {
		var got reading
		if _, err := c.Read(t.Context(), sdk.ReadRequest{Entity: entity, BatchSize: 10}, got.emit); err != nil || got.keys() != want {
			t.Errorf("%s: %q, %v", entity, got.keys(), err)
			continue
		}
		if entity == "article_group" != got.records[0].Delete {
			t.Errorf("%s: deleted is %v", entity, got.records[0].Delete)
		}
		if strings.Contains(string(got.records[0].Payload), "hush") {
			t.Error("passwords are nobody's business")
		}
	}
}

func TestAReadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := till.open(t, nil).Read(ctx, sdk.ReadRequest{Entity: "order"}, (&reading{}).emit); err == nil {
		t.Error("a cancelled read must fail")
	}
}
