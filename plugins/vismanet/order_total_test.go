package vismanet

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kopru-io/kopru/plugins/sdk"
)

// TestOrderTotals: one order is asked for by itself; several by the list of those that changed last, and one that is not
// among these by itself again.
func TestOrderTotals(t *testing.T) {
	t.Parallel()
	c, f := open(t, func(w http.ResponseWriter, r *http.Request) {
		number, single := strings.CutPrefix(r.URL.Path, "/api/v3/SalesOrders/SO/")
		switch {
		case single && number == "404":
			reply(w, 404, `{"title":"Not Found","status":404}`)
		case single:
			reply(w, 200, fmt.Sprintf(`{"type":"SO","orderId":"%s","totals":{"orderTotal":1.%s,"taxTotal":0.17}}`, number, number))
		default:
			reply(w, 200, `{"value":[{"type":"SO","orderId":"13","orderTotal":1.13,"taxTotal":0.2},{"type":"SO","orderId":"12","orderTotal":1.12}],
				"nextPage":null,"totalCount":2}`)
		}
	})
	total := func(found []sdk.Found) string {
		if len(found) != 1 {
			return fmt.Sprint(len(found))
		}
		return found[0].ID + " " + textOf(found[0].Fields["orderTotal"])
	}
	found, err := c.Lookup(t.Context(), "sales_order_total", sdk.Query{Match: map[string]any{"id": "SO/11"}})
	if err != nil || total(found) != "SO/11 1.11" || len(f.seen()) != 1 {
		t.Errorf("%v, %v, %d calls", found, err, len(f.seen()))
	}
	queries := []sdk.Query{{Match: map[string]any{"id": "SO/12"}}, {ID: "SO/13"}, {Match: map[string]any{"id": "SO/11"}}, {ID: "SO/404"}, {ID: "12"}}
	answers, err := c.LookupBatch(t.Context(), "sales_order_total", queries)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"SO/12 1.12", "SO/13 1.13", "SO/11 1.11", "0", "0"} {
		if got := total(answers[i].Found); got != want || answers[i].Err != nil {
			t.Errorf("%+v: %s, %v; want %s", queries[i], got, answers[i].Err, want)
		}
	}
	if n := len(f.seen()); n != 4 {
		t.Errorf("%d calls, want one more, the list, and two for those that it lacks", n)
	}
	if list := f.seen()[1]; !strings.Contains(list.query, "orderBy=lastModified%20desc") {
		t.Errorf("%+v", list)
	}
}
