package mpluskassa

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// calls are requests small enough for any operation in a table of failures.
func callsFor(name string) map[string]any {
	return map[string]map[string]any{
		"getOrder":       {"orderId": "o"},
		"getOrders":      {"request": map[string]any{}},
		"createOrder":    {"order": map[string]any{"orderId": ""}},
		"cancelOrder":    {"orderId": "o"},
		"createRelation": {"relation": map[string]any{"name": "A"}},
		"updateRelation": {"relation": map[string]any{"relationNumber": num("1")}},
		"createProduct":  {"product": map[string]any{"description": "P"}},
		"updateProduct":  {"product": map[string]any{"productNumber": num("1")}},
		"setStock":       {"request": map[string]any{"branchNumber": num("1"), "articleNumber": num("1"), "amount": num("1")}},
		"createOrderV3": {"request": map[string]any{
			"idempotencyKey": "k", "order": map[string]any{"orderId": ""},
		}},
	}[name]
}

func TestResults(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ operation, result, class, code string }{
		{"createOrder", "CREATE-ORDER-RESULT-OK", "", ""},
		{"createOrder", "CREATE-ORDER-RESULT-EXT-ORDER-ID-ALREADY-EXISTS", "CONFLICT", "order_exists"},
		{"createOrderV3", "CREATE-ORDER-RESULT-FAILED", "INVALID", "order_refused"},
		{"createOrder", "CREATE-ORDER-RESULT-PAYMENT-FAILED", "AMBIGUOUS", "payment_failed"},
		{"createOrder", "CREATE-ORDER-RESULT-SOMETHING-OK", "AMBIGUOUS", "unknown_result"},
		{"createOrder", "", "AMBIGUOUS", "unknown_result"},
		{"getOrder", "GET-ORDER-RESULT-NOT-FOUND", "NOT_FOUND", "order_not_found"},
		{"getOrder", "GET-ORDER-RESULT-PERHAPS", "FATAL", "unknown_result"},
		{"cancelOrder", "CANCEL-ORDER-RESULT-PENDING", "", ""},
		{"cancelOrder", "CANCEL-ORDER-RESULT-ALREADY-CANCELLED", "", ""},
		{"cancelOrder", "CANCEL-ORDER-RESULT-UNDO-CANCEL-OK", "INVALID", "cancel_undone"},
		{"cancelOrder", "CANCEL-ORDER-RESULT-NOT-FOUND", "NOT_FOUND", "order_not_found"},
		{"createRelation", "CREATE-RELATION-RESULT-FAILED-RELATION-NUMBER-ALREADY-TAKEN", "CONFLICT", "relation_number_taken"},
		{"updateRelation", "UPDATE-RELATION-RESULT-NOT-FOUND", "NOT_FOUND", "relation_not_found"},
		{"createProduct", "CREATE-PRODUCT-RESULT-FAILED-ARTICLE-NUMBER-ALREADY-TAKEN", "CONFLICT", "article_number_taken"},
		{"updateProduct", "UPDATE-PRODUCT-RESULT-NOT-ALLOWED", "INVALID", "article_read_only"},
		{"setStock", "SET-STOCK-RESULT-NO-STOCK-ARTICLE", "INVALID", "no_stock_article"},
		{"setStock", "SET-STOCK-RESULT-BRANCH-NOT-FOUND", "NOT_FOUND", "branch_not_found"},
	} {
		till := newTill(t)
		c := till.open(t, nil)
		till.answer(row.operation, c.operations[row.operation].answer, el("result", row.result)+el("errorMessage", "its own words"))
		_, err := c.call(t.Context(), row.operation, callsFor(row.operation))
		if row.class == "" {
			if err != nil {
				t.Errorf("%s %s: %v", row.operation, row.result, err)
			}
			continue
		}
		f := failureOf(t, err)
		if short(f.Class) != row.class || f.Code != "mpluskassa."+row.code || f.RemoteMessage != "its own words" || len(f.Exchanges) != 1 {
			t.Errorf("%s %s: got %s %s %q", row.operation, row.result, f.Class, f.Code, f.RemoteMessage)
		}
	}
}

func TestFaultsAndOtherAnswers(t *testing.T) {
	t.Parallel()
	const (
		badValue = "Validation constraint violation: invalid value in element 'ns1:articleNumber'"
		unknown  = "Method 'ns1:x' not implemented: method name or namespace not recognized"
		gateway  = "<html><title>Bad Gateway</title></html>"
		welcome  = "<!DOCTYPE html><html><body>Welcome</body></html>"
		login    = "SOAP-ENV:Client.Authentication"
	)
	client := func(words string) string { return faultOf("SOAP-ENV:Client", words) }
	ok := soap("CreateRelationResponse", el("result", "CREATE-RELATION-RESULT-OK")+el("relationNumber", 5))
	for name, row := range map[string]struct {
		status            int
		kind, body        string
		read, write, code string
		field             string
	}{
		"value":        {500, "text/xml", client(badValue), "INVALID", "INVALID", "request_refused", "articleNumber"},
		"prefixless":   {500, "text/xml", faultOf("Client", "x"), "INVALID", "INVALID", "request_refused", ""},
		"credentials":  {500, "text/xml", faultOf(login, "Authentication failed"), "AUTH", "AUTH", "unauthorized", ""},
		"fault of 200": {200, "text/xml", faultOf(login, "x"), "AUTH", "AUTH", "unauthorized", ""},
		"fault of 400": {400, "text/xml", client("x"), "INVALID", "INVALID", "request_refused", ""},
		"not there":    {500, "text/xml", client(unknown), "FATAL", "FATAL", "not_implemented", ""},
		"server":       {500, "text/xml", faultOf("SOAP-ENV:Server", "Internal server error"), "TRANSIENT", "AMBIGUOUS", "server_fault", ""},
		"401":          {401, "text/plain", "no", "AUTH", "AUTH", "unauthorized", ""},
		"403":          {403, "text/html", "<html>no</html>", "AUTH", "AUTH", "forbidden", ""},
		"404":          {404, "text/html", "<html></html>", "FATAL", "FATAL", "wrong_address", ""},
		"302":          {302, "text/html", "", "FATAL", "FATAL", "wrong_address", ""},
		"409":          {409, "text/plain", "", "FATAL", "FATAL", "wrong_address", ""},
		"429":          {429, "text/plain", "slow", "RATE_LIMITED", "RATE_LIMITED", "rate_limited", ""},
		"502 page":     {502, "text/html", gateway, "TRANSIENT", "AMBIGUOUS", "unavailable", ""},
		"503":          {503, "text/plain", "", "TRANSIENT", "AMBIGUOUS", "unavailable", ""},
		"page":         {200, "text/html", welcome, "FATAL", "AMBIGUOUS", "wrong_address", ""},
		"nothing":      {200, "text/xml", "", "TRANSIENT", "AMBIGUOUS", "bad_answer", ""},
		"half":         {200, "text/xml", ok[:len(ok)/2], "TRANSIENT", "AMBIGUOUS", "bad_answer", ""},
		"no envelope":  {200, "text/xml", "<ok/>", "TRANSIENT", "AMBIGUOUS", "bad_answer", ""},
		"another":      {200, "text/xml", soap("GetSomethingResponse", ""), "FATAL", "AMBIGUOUS", "bad_answer", ""},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", row.kind)
			w.WriteHeader(row.status)
			_, _ = io.WriteString(w, row.body)
		}))
		for operation, class := range map[string]string{"getOrders": row.read, "createRelation": row.write} {
			c := (&till{Server: s}).open(t, nil)
			_, err := c.call(t.Context(), operation, callsFor(operation))
			f := failureOf(t, err)
			if short(f.Class) != class || f.Code != "mpluskassa."+row.code || f.Field != row.field || len(f.Exchanges) != 1 {
				t.Errorf("%s, %s: got %s %s %q %q", name, operation, f.Class, f.Code, f.Field, f.Message)
			}
		}
		s.Close()
	}
}

func TestAWriteWithoutAnAnswerIsAmbiguous(t *testing.T) {
	t.Parallel()
	for name, handle := range map[string]http.HandlerFunc{
		"breaks": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"half": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "500")
			_, _ = io.WriteString(w, soapHead)
		},
		"slow": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		},
		"too long": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2<<20)) },
	} {
		s := httptest.NewServer(handle)
		c := (&till{Server: s}).open(t, sdk.Config{"timeout": "300ms", "max_answer_mb": record.Int(1)})
		_, err := c.call(t.Context(), "createRelation", callsFor("createRelation"))
		if f := failureOf(t, err); f.Class != ambiguous {
			t.Errorf("%s: a write is %s %s", name, f.Class, f.Code)
		}
		_, err = c.call(t.Context(), "getOrders", callsFor("getOrders"))
		want := transient
		if name == "too long" { // it would be so again: lower page_size
			want = fatal
		}
		if f := failureOf(t, err); f.Class != want || name == "too long" && !strings.Contains(f.Message, "lower page_size") {
			t.Errorf("%s: a read is %s %s", name, f.Class, f.Code)
		}
		s.Close()
		_, err = c.call(t.Context(), "createRelation", callsFor("createRelation"))
		if f := failureOf(t, err); f.Class != transient {
			t.Errorf("%s: a write that never left is %s", name, f.Class)
		}
	}
}

// TestCredentialsNeverShow has a server repeat them in every way it can.
func TestCredentialsNeverShow(t *testing.T) {
	t.Parallel()
	echo := testIdent + " " + testSecret + " " + url.QueryEscape(testSecret) + " " + url.PathEscape(testSecret)
	xmlEcho := strings.ReplaceAll(echo, "&", "&amp;")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Echo", echo)
		switch text := string(body); {
		case strings.Contains(text, "getApiVersion"):
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, faultOf("SOAP-ENV:Client.Authentication", xmlEcho))
		case strings.Contains(text, "createRelation"):
			_, _ = io.WriteString(w, soap("CreateRelationResponse", el("result", xmlEcho)+el("errorMessage", xmlEcho)))
		case strings.Contains(text, "getRelations"):
			_, _ = io.WriteString(w, echo)
		case strings.Contains(text, "getOrders"):
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, echo)
		case strings.Contains(text, "getOrder"):
			panic(http.ErrAbortHandler)
		case r.Method == http.MethodGet:
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
	}))
	defer s.Close()
	till := &till{Server: s}
	c := till.open(t, nil)
	var shown strings.Builder
	show := func(err error) {
		f := failureOf(t, err)
		fmt.Fprintf(&shown, "%v|%+v|%s|%s\n", f, *f, f.Message, f.RemoteMessage)
		for _, e := range f.Exchanges {
			fmt.Fprintln(&shown, e.GetRequest(), e.GetResponse())
		}
	}
	for _, operation := range []string{"getOrders", "getOrder", "createRelation"} {
		_, err := c.call(t.Context(), operation, callsFor(operation))
		show(err)
	}
	_, err := c.Read(t.Context(), sdk.ReadRequest{Entity: "relation"}, (&reading{}).emit)
	show(err)
	facts, problems := c.Check(t.Context())
	fmt.Fprintln(&shown, facts, problems)
	c.http.Client.CloseIdleConnections()
	s.Close()
	_, err = c.call(t.Context(), "getOrder", callsFor("getOrder"))
	show(err)
	escaped := url.QueryEscape(testSecret)
	leaky := sdk.Config{"url": "https://u:" + escaped + "@h/?secret=" + escaped, "ident": testIdent, "secret": testSecret}
	_, err = New().Open(t.Context(), "x", leaky, nil)
	show(err)
	all := shown.String() + till.log.String()
	for _, secret := range []string{testIdent, testSecret, escaped, url.PathEscape(testSecret), "geheim", xmlEscaped(testSecret)} {
		if strings.Contains(all, secret) {
			t.Errorf("%q shows in\n%s", secret, all)
		}
	}
	if !strings.Contains(all, "***") || len(problems) != 1 || problems[0].GetAttribute() != "secret" {
		t.Errorf("nothing was hidden, or the problem is not told: %v", problems)
	}
}

func xmlEscaped(s string) string { return strings.ReplaceAll(s, "&", "&amp;") }

func TestOldInstallations(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	till.answer("createOrder", "CreateOrderResponse", el("result", "CREATE-ORDER-RESULT-OK")+el("info", el("orderId", "o-1")))
	c := till.open(t, nil)
	for range 2 {
		op := sdk.Op{Operation: opCreate, IdempotencyKey: "k", Payload: []byte(newOrder)}
		result := writeOne(t, c, "order", sdk.Config{"employee": "999999"}, op)
		if result.Err != nil || result.ID != "o-1" {
			t.Fatalf("%+v", result)
		}
	}
	if v3, v1 := till.count("createOrderV3"), till.count("createOrder"); v3 != 1 || v1 != 2 {
		t.Errorf("createOrderV3 was tried %d times, createOrder %d times", v3, v1)
	}
	_, err := c.call(t.Context(), "getOrders", callsFor("getOrders"))
	if f := failureOf(t, err); f.Code != codeNotImplemented || !strings.Contains(f.Message, "too old for getOrders") {
		t.Errorf("%+v", f)
	}
}

const newOrder = `{"extOrderId":"WEB-1","entryBranchNumber":1,"relationNumber":7,
	"lineList":[{"articleNumber":5,"data":{"quantity":1.5,"price":19.95}}]}`

func writeOne(t *testing.T, c *connection, entity string, options sdk.Config, op sdk.Op) sdk.Result {
	t.Helper()
	w, err := c.Writer(t.Context(), sdk.WriteRequest{Entity: entity, Options: options})
	if err != nil {
		t.Fatal(err)
	}
	results, _, err := w.Write(t.Context(), []sdk.Op{op})
	if err != nil || len(results) != 1 {
		t.Fatal(results, err)
	}
	return results[0]
}

func classOf(err error) protocol.FailureClass {
	var f *sdk.Failure
	if errors.As(err, &f) {
		return f.Class
	}
	return protocol.FailureClass_FAILURE_CLASS_UNSPECIFIED
}
