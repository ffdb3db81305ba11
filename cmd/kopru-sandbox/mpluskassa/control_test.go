package mpluskassa

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/fault"
)

// control calls the control API and decodes the answer.
func (b *bundle) control(method, path, body string, wantStatus int, into any) {
	b.Helper()
	w := httptest.NewRecorder()
	b.server.Control().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	if w.Code != wantStatus {
		b.Fatalf("%s %s: status %d, want %d: %s", method, path, w.Code, wantStatus, w.Body)
	}
	if into != nil {
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			b.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
		}
	}
}

func TestControl(t *testing.T) {
	t.Parallel()
	b := setup(t, 60, Options{})
	b.call("getOrders", "<request/>")
	b.call("createOrder", newOrder("WEB-5", ""))
	b.call("createOrder", newOrder("WEB-5", ""))
	var stats struct {
		Requests, Writes, Orders, Relations, Articles int
		ByOperation                                   map[string]int `json:"by_operation"`
		Statuses                                      map[string]int
		OtherOrders                                   int `json:"other_orders"`
	}
	b.control("GET", "/stats", "", 200, &stats)
	if stats.Requests != 3 || stats.Writes != 1 || stats.Orders != 61 || stats.OtherOrders != 3 || stats.ByOperation["createOrder"] != 2 || stats.Statuses["200"] != 3 {
		t.Errorf("stats are %+v", stats)
	}
	var orders []summary
	b.control("GET", "/orders", "", 200, &orders)
	last := orders[len(orders)-1]
	b.equal("total", last.TotalIncl+" "+last.TotalExcl, "46.76 39.27")
	b.control("POST", "/orders/"+last.ID+"/cancel", "", 200, nil)
	b.equal("state", b.call("getOrder", "<orderId>"+last.ID+"</orderId>").get("order").str("cancelState"), "ORDER-CANCEL-STATE-COMPLETE")
	b.control("POST", "/orders/none/cancel", "", 404, nil)

	var added struct{ IDs []string }
	b.control("POST", "/orders", `{"count": 5}`, 201, &added)
	b.equal("added", len(added.IDs), 5)
	b.equal("found", b.call("getOrder", "<orderId>"+added.IDs[4]+"</orderId>").str("result"), "GET-ORDER-RESULT-OK")
	for _, bad := range []string{`{"count": 0}`, `{"count": 1, "kind": "odd"}`, `{"number": 1}`, `{`, ``} {
		b.control("POST", "/orders", bad, 400, nil)
	}

	b.control("PATCH", "/relations/102", `{"email": "new@voorbeeld.example", "active": false, "paymentWithinDays": 14}`, 200, nil)
	r := b.call("getRelation", "<relationNumber>102</relationNumber>").get("relation")
	b.equal("relation", r.str("email")+" "+r.str("active")+" "+r.str("paymentWithinDays"), "new@voorbeeld.example false 14")
	b.control("PATCH", "/relations/102", `{"relationNumber": 5}`, 400, nil)
	b.control("PATCH", "/relations/102", `{"active": "maybe"}`, 400, nil)
	b.control("PATCH", "/relations/7", `{"name": "x"}`, 404, nil)

	w := httptest.NewRecorder()
	b.server.Control().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/log", nil))
	if log := w.Body.String(); strings.Contains(log, "cret") || !strings.Contains(log, "CREATE-ORDER-RESULT-OK") {
		t.Errorf("log is %s", log)
	}
	b.control("DELETE", "/log", "", 204, nil)
	var entries []entry
	b.control("GET", "/log", "", 200, &entries)
	b.equal("entries", len(entries), 0)
}

// TestControlOfTheCatalogue makes articles and groups as somebody at the till does: the API shows them, and what the
// contract doesn't know is refused.
func TestControlOfTheCatalogue(t *testing.T) {
	t.Parallel()
	b := setup(t, 0, Options{})
	var made struct{ Number int64 }
	b.control("POST", "/groups", `{"parentGroupNumber": 2, "name": "Mutsen"}`, 201, &made)
	group := strconv.FormatInt(made.Number, 10)
	b.control("PATCH", "/groups/"+group, `{"name": "Mutsen & petten", "parentGroupNumber": 0}`, 200, nil)
	b.control("POST", "/articles", `{"article": {"description": "Muts", "pluNumber": "MUTS", "priceIncl": 1995, "stockArticle": true}, "groups": [`+group+`]}`, 201, &made)
	muts := strconv.FormatInt(made.Number, 10)
	find := func() *element {
		return b.call("getProducts", "<request><articleNumbers>"+muts+"</articleNumbers></request>").get("productList").get("product")
	}
	a := find().get("articleList").get("article")
	b.equal("article", a.str("pluNumber")+" "+a.str("priceExcl")+" "+a.str("active"), "MUTS 1649 true")
	b.equal("its group", find().str("groupNumbers"), group)
	b.control("POST", "/articles", `{"product": `+find().str("productNumber")+`, "article": {"description": "Muts rood", "articleNumber": 77}}`, 201, &made)
	b.equal("another article of the product", made.Number, int64(77))

	for path, bodies := range map[string][]string{
		"/articles": {
			`{}`, `{"article": {"description": "x", "price": 1}}`, `{"article": {"description": "x", "articleNumber": 77}}`,
			`{"article": {"description": "x", "vatCode": 9}}`, `{"article": {"description": "x"}, "groups": [999]}`,
			`{"product": 9999, "article": {"description": "x"}}`, `{"product": 301, "groups": [2], "article": {"description": "x"}}`,
		},
		"/groups": {`{}`, `{"name": "x", "parentGroupNumber": 999}`, `{"name": "x", "number": 7}`},
	} {
		for _, bad := range bodies {
			b.control("POST", path, bad, 400, nil)
		}
	}
	b.control("PATCH", "/groups/"+group, `{"parentGroupNumber": `+group+`}`, 400, nil)
	b.control("PATCH", "/groups/999", `{"name": "x"}`, 404, nil)
	b.control("DELETE", "/groups/"+group, ``, 204, nil)
	b.control("DELETE", "/groups/"+group, ``, 404, nil)
	b.equal("a deleted group's product", find().str("groupNumbers"), "")
}

// ask sends getCurrentSyncMarkers and tells what a client sees.
func (b *bundle) ask() (status int, body string, err error) {
	r, err := http.Post(b.url, "text/xml", strings.NewReader(envelope("<ns1:getCurrentSyncMarkers/>")))
	if err != nil {
		return 0, "", err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	return r.StatusCode, string(text), err
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for kind, check := range map[string]func(status int, body string, err error) bool{
		"drop_before":      func(_ int, _ string, err error) bool { return err != nil },
		"drop_after_store": func(_ int, _ string, err error) bool { return err != nil },
		"status_429":       func(status int, _ string, _ error) bool { return status == 429 },
		"status_500": func(status int, body string, _ error) bool {
			return status == 500 && strings.Contains(body, "SOAP-ENV:Server")
		},
		"html_502": func(status int, body string, _ error) bool { return status == 502 && strings.HasPrefix(body, "<html>") },
		"slow":     func(status int, _ string, _ error) bool { return status == 200 },
		"malformed": func(status int, body string, _ error) bool {
			_, err := parse([]byte(body))
			return status == 200 && err != nil
		},
		"truncate": func(status int, _ string, err error) bool {
			return status == 200 && errors.Is(err, io.ErrUnexpectedEOF)
		},
		"empty": func(status int, body string, err error) bool { return status == 200 && body == "" && err == nil },
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := setup(t, 0, Options{})
			b.control("POST", "/faults", `{"route": "getCurrentSyncMarkers", "kind": "`+kind+`", "times": 1, "every": 2, "delay_ms": 1}`, 201, nil)
			for i := range 4 {
				status, body, err := b.ask()
				if i == 1 && !check(status, body, err) {
					t.Errorf("a client sees %d %q %v", status, body, err)
				}
				if i != 1 && (status != 200 || err != nil || !strings.HasSuffix(body, envelopeEnd)) {
					t.Errorf("request %d: a client sees %d %q %v", i, status, body, err)
				}
			}
			var faults []fault.Fault
			b.control("GET", "/faults", "", 200, &faults)
			b.equal("hits", faults[0].Hits, 1)
		})
	}
}

func TestDropAfterStoreStores(t *testing.T) {
	t.Parallel()
	b := setup(t, 0, Options{})
	for kind, want := range map[string]string{"drop_before": "NOT-FOUND", "drop_after_store": "OK"} {
		b.control("POST", "/faults", `{"route": "createOrder", "kind": "`+kind+`"}`, 201, nil)
		r, err := http.Post(b.url, "text/xml", strings.NewReader(envelope(qualify("<createOrder>"+newOrder(kind, "")+"</createOrder>"))))
		if err == nil {
			r.Body.Close()
			t.Errorf("%s: an answer came", kind)
		}
		b.equal(kind, b.call("findOrder", "<extOrderId>"+kind+"</extOrderId>").str("result"), "GET-ORDER-RESULT-"+want)
		b.control("DELETE", "/faults", "", 204, nil)
	}
	b.control("POST", "/faults", `{"route": "*", "kind": "melt"}`, 400, nil)
	b.control("POST", "/faults", `{"kind": "slow"}`, 400, nil)
}
