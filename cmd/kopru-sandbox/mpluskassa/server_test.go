package mpluskassa

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/shop"
)

const testSecret = "s3cret & more"

// bundle is one emulator under test.
type bundle struct {
	*testing.T
	server *Server
	shop   *shop.Shop
	url    string
}

func setup(t *testing.T, orders int, opts Options) *bundle {
	t.Helper()
	made := shop.New(1, shop.Size{Orders: orders})
	opts.Ident, opts.Secret = "till", testSecret
	if opts.Now == nil {
		opts.Now = func() time.Time { return time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC) } // 02:30 in summer time
	}
	server := New(made, opts)
	endpoint := httptest.NewServer(server)
	t.Cleanup(endpoint.Close)
	return &bundle{t, server, made, endpoint.URL + "/?" + url.Values{"ident": {"till"}, "secret": {testSecret}}.Encode()}
}

func envelope(inner string) string {
	return `<?xml version="1.0" encoding="utf-8"?>` +
		`<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" xmlns:ns1="urn:mplusqapi">` +
		`<SOAP-ENV:Header/><SOAP-ENV:Body>` + inner + `</SOAP-ENV:Body></SOAP-ENV:Envelope>`
}

// post sends a body and returns what came back.
func (b *bundle) post(body string) (int, string) {
	b.Helper()
	r, err := http.Post(b.url, "text/xml; charset=utf-8", strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		b.Fatal(err)
	}
	return r.StatusCode, string(text)
}

// call sends a request with qualified elements, written without their prefix, and reads the answer by the contract.
func (b *bundle) call(operation, inner string) *element {
	b.Helper()
	status, body := b.post(envelope(qualify("<" + operation + ">" + inner + "</" + operation + ">")))
	if status != http.StatusOK {
		b.Fatalf("%s: status %d: %s", operation, status, body)
	}
	return b.read(operation, body)
}

func (b *bundle) read(operation, body string) *element {
	b.Helper()
	n, err := bodyChild([]byte(body))
	if err != nil {
		b.Fatalf("%s: %v in %s", operation, err, body)
	}
	op := b.server.contract.operations[operation]
	if n.local != op.response || n.prefix != "ns" || n.space != apiSpace {
		b.Fatalf("%s is answered by %s", operation, n.tag())
	}
	e, err := bind(n, op.answer, true)
	if err != nil {
		b.Fatalf("%s: %v in %s", operation, err, body)
	}
	return e
}

func qualify(s string) string {
	return strings.NewReplacer("</", "</ns1:", "<", "<ns1:").Replace(s)
}

// fault sends a request that must be refused and returns the faultstring.
func (b *bundle) fault(wantStatus int, body string) string {
	b.Helper()
	status, text := b.post(body)
	_, after, ok := strings.Cut(text, "<faultcode>")
	if status != wantStatus || !ok {
		b.Fatalf("status %d, want %d: %s", status, wantStatus, text)
	}
	code, after, _ := strings.Cut(after, "</faultcode><faultstring>")
	message, _, _ := strings.Cut(after, "</faultstring>")
	return strings.TrimPrefix(code, "SOAP-ENV:") + ": " + message
}

func (b *bundle) equal(what string, got, want any) {
	b.Helper()
	if got != want {
		b.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestAnswerLooksLikeTheVendors(t *testing.T) {
	t.Parallel()
	b := setup(t, 0, Options{})
	_, body := b.post(envelope("<ns1:getOrderCategories/>"))
	want := envelopeStart + "<SOAP-ENV:Header></SOAP-ENV:Header><SOAP-ENV:Body><ns:GetOrderCategoriesResponse><ns:orderCategory>" +
		"<ns:orderCategoryNumber>1</ns:orderCategoryNumber><ns:orderCategoryDescription>Webshop</ns:orderCategoryDescription>" +
		"<ns:allowCancel>true</ns:allowCancel><ns:allowProcess>true</ns:allowProcess></ns:orderCategory>"
	if !strings.HasPrefix(body, want) {
		t.Errorf("answer is\n%s\nwant\n%s", body, want)
	}
}

func TestWrongCallersAreRefused(t *testing.T) {
	t.Parallel()
	for _, status := range []int{500, 401} {
		b := setup(t, 0, Options{AuthStatus: status})
		right := b.url
		for _, query := range []string{"", "?ident=till", "?ident=till&secret=wrong", "?secret=" + url.QueryEscape(testSecret)} {
			b.url = right[:strings.Index(right, "?")] + query
			b.equal(query, b.fault(status, envelope("<ns1:getApiVersion/>")), "Client.Authentication: Authentication failed")
		}
	}
}

func TestOnlyPost(t *testing.T) {
	t.Parallel()
	b := setup(t, 0, Options{})
	r, err := http.Get(b.url)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	b.equal("status", r.StatusCode, http.StatusMethodNotAllowed)
}

func TestProtocolFaults(t *testing.T) {
	t.Parallel()
	b := setup(t, 1, Options{Missing: []string{"createOrderV3"}})
	const invalid, empty = "Client: Validation constraint violation: invalid value in element '%'",
		"Client: Validation constraint violation: empty value provided where a value is required in element '%'"
	unknown := func(tag string) string {
		return "Client: Method '" + tag + "' not implemented: method name or namespace not recognized"
	}
	at := func(text, tag string) string { return strings.Replace(text, "%", tag, 1) }
	for _, c := range []struct{ body, want string }{
		{"", "Client: Data required for operation"},
		{"<a><b></a>", "Client: Well-formedness violation"},
		{strings.Replace(envelope("<ns1:getApiVersion/>"), "schemas.xmlsoap.org/soap", "example.org", 1), "VersionMismatch: Invalid SOAP message or SOAP version mismatch"},
		{envelope(""), unknown("")},
		{envelope("<ns1:saveArticleGroups/>"), unknown("ns1:saveArticleGroups")},
		{envelope("<ns1:createOrderV3/>"), unknown("ns1:createOrderV3")},
		{envelope("<getApiVersion/>"), unknown("getApiVersion")},
		{envelope(`<x:getApiVersion xmlns:x="urn:other"/>`), unknown("x:getApiVersion")},
		{envelope("<y:getApiVersion/>"), "Client: Well-formedness violation"},
		{envelope("<ns1:getRelation><ns1:relationNumber>1a</ns1:relationNumber></ns1:getRelation>"), at(invalid, "ns1:relationNumber")},
		{envelope("<ns1:getRelation><ns1:relationNumber>1.0</ns1:relationNumber></ns1:getRelation>"), at(invalid, "ns1:relationNumber")},
		{envelope("<ns1:getRelation><ns1:relationNumber>9223372036854775808</ns1:relationNumber>" +
			"</ns1:getRelation>"), at(invalid, "ns1:relationNumber")},
		{envelope(`<q:getRelation xmlns:q="urn:mplusqapi"><q:relationNumber> </q:relationNumber></q:getRelation>`), at(empty, "q:relationNumber")},
		{envelope(`<getOrders xmlns="urn:mplusqapi"><request><syncMarkerLimit>2147483648</syncMarkerLimit></request></getOrders>`), at(invalid, "syncMarkerLimit")},
		{envelope(qualify("<getProducts><request><onlyActive></onlyActive></request></getProducts>")), at(empty, "ns1:onlyActive")},
		{envelope(qualify("<getProducts><request><onlyActive>yes</onlyActive></request></getProducts>")), at(invalid, "ns1:onlyActive")},
		{envelope(qualify("<createOrder><order><vatMethod>vat-method-inclusive</vatMethod></order></createOrder>")), at(invalid, "ns1:vatMethod")},
		{envelope(qualify("<findRelation><relation><relationNumber>1</relationNumber></relation>" +
			"</findRelation>")), "Client: Do not use relationNumber when trying to find a relation. Use getRelation instead."},
	} {
		if got := b.fault(500, c.body); got != c.want {
			t.Errorf("%s\n  gave %s\n  want %s", c.body, got, c.want)
		}
	}
}

func TestLenientAndStrictServers(t *testing.T) {
	t.Parallel()
	lenient, strict := setup(t, 1, Options{}), setup(t, 1, Options{Strict: true})
	const violation = "Client: Validation constraint violation: "
	number := lenient.shop.Relations[1].Number
	for _, c := range []struct{ name, body, lenient, strict string }{
		{"unqualified child", `<ns1:getRelation><relationNumber>101</relationNumber></ns1:getRelation>`, "NOT-FOUND", "tag name or namespace mismatch in element 'relationNumber'"},
		{"wrong namespace", `<ns1:getRelation><x:relationNumber xmlns:x="urn:x">101</x:relationNumber></ns1:getRelation>`, "NOT-FOUND", "tag name or namespace mismatch in element 'x:relationNumber'"},
		{"missing child", `<ns1:getRelation></ns1:getRelation>`, "NOT-FOUND", "occurrence constraint violation in element 'ns1:getRelation'"},
		{"unknown child", qualify("<getRelation><relationNumber>101</relationNumber><colour>a</colour>" +
			"</getRelation>"), "OK", "tag name or namespace mismatch in element 'ns1:colour'"},
		{"repeated child", qualify("<getRelation><relationNumber>101</relationNumber><relationNumber>9</relationNumber>" +
			"</getRelation>"), "OK", "tag name or namespace mismatch in element 'ns1:relationNumber'"},
	} {
		status, body := lenient.post(envelope(c.body))
		if status != 200 || lenient.read("getRelation", body).str("result") != "GET-RELATION-RESULT-"+c.lenient {
			t.Errorf("%s: lenient server answered %d %s", c.name, status, body)
		}
		if got := strict.fault(500, envelope(c.body)); got != violation+c.strict {
			t.Errorf("%s: strict server answered %s", c.name, got)
		}
	}
	lenient.equal("number of the relation used here", number, int64(101))
	missing := envelope(qualify("<getOrders><request><syncMarker>1</syncMarker></request></getOrders>"))
	if status, _ := lenient.post(missing); status != 200 {
		t.Error("the lenient server wants articlePluNumbers")
	}
	lenient.equal("getOrders without lists", strict.fault(500, missing), violation+"occurrence constraint violation in element 'ns1:request'")
	strict.call("getOrders", "<request><articlePluNumbers/><articleBarcodes/></request>")
}

func TestBooleansAndNil(t *testing.T) {
	t.Parallel()
	b := setup(t, 1, Options{})
	for _, yes := range []string{"1", "true", " true "} {
		products := b.call("getProducts", "<request><pluNumbers/><onlyActive>"+yes+"</onlyActive></request>").get("productList")
		for _, p := range products.all("product") {
			for _, a := range articlesOf(p) {
				b.equal("active", a.flag("active"), true)
			}
		}
	}
	status, _ := b.post(envelope(`<ns1:getRelation><ns1:relationNumber xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/></ns1:getRelation>`))
	b.equal("status of a nil number", status, 200)
}

func TestSoapActionAndPrefixesDoNotMatter(t *testing.T) {
	t.Parallel()
	b := setup(t, 1, Options{})
	body := `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><getRelation xmlns="urn:mplusqapi"><relationNumber>101</relationNumber></getRelation></Body></Envelope>`
	r, err := http.NewRequest(http.MethodPost, b.url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("SOAPAction", "getOrders")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	b.equal("result", b.read("getRelation", string(text)).str("result"), "GET-RELATION-RESULT-OK")
}

func TestControlCharacters(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]string{ControlsDropped: "hond  bijt", ControlsRaw: "hond \v bijt", ControlsReference: "hond &#xB; bijt"} {
		b := setup(t, 100, Options{Controls: mode})
		_, body := b.post(envelope("<ns1:getRelations/>"))
		if !strings.Contains(body, want) {
			t.Errorf("controls %q: %q is not in the answer", mode, want)
		}
		if !strings.Contains(body, "eerst.&#xD;\nLet op:\tde") {
			t.Error("white space got lost")
		}
	}
}

func FuzzRequest(f *testing.F) {
	made := shop.New(1, shop.Size{Orders: 3})
	server := New(made, Options{})
	for _, inner := range []string{
		"<getApiVersion/>", "<getOrders><request><syncMarker>1</syncMarker><articlePluNumbers/></request></getOrders>",
		"<getRelation><relationNumber>1</relationNumber></getRelation>", "<createProduct/>", "<updateProduct/>",
		"<createOrderV3><request/></createOrderV3>",
		"<createOrder><order><employeeNumber>999999</employeeNumber><relationNumber>101</relationNumber>" +
			"<entryBranchNumber>1</entryBranchNumber><lineList>" +
			"<line><articleNumber>4501</articleNumber><data><quantity>5</quantity><decimalPlaces>1</decimalPlaces></data></line></lineList>" +
			"</order></createOrder>",
		"<findRelationV2><request><relation><email>a</email></relation></request></findRelationV2>", "<cancelOrderV2/>",
		"<setStock><request><branchNumber>1</branchNumber><articleNumber>4501</articleNumber><amount>5</amount></request></setStock>",
	} {
		f.Add(envelope(qualify(inner)))
	}
	f.Add(`<a xmlns:b="c" b:d="e">&amp;<![CDATA[x]]><!-- --><?p?></a>`)
	f.Fuzz(func(t *testing.T, body string) {
		for _, strict := range []bool{false, true} {
			server.opts.Strict = strict
			w := httptest.NewRecorder()
			server.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
			if w.Code != 200 && w.Code != 500 {
				t.Errorf("status %d", w.Code)
			}
			if w.Code == 500 && strings.Contains(w.Body.String(), "Internal server error") {
				t.Errorf("internal error for %q", body)
			}
			if _, err := parse(w.Body.Bytes()); err != nil {
				t.Errorf("the answer to %q is not XML: %q", body, w.Body)
			}
		}
	})
}

func TestCallsInASecond(t *testing.T) {
	t.Parallel()
	b := setup(t, 1, Options{CallsPerSecond: 2}) // its clock stands still
	statuses := make([]int, 0, 3)
	for range 3 {
		status, _ := b.post(envelope("<ns1:getApiVersion/>"))
		statuses = append(statuses, status)
	}
	if !slices.Equal(statuses, []int{200, 200, 429}) {
		t.Error(statuses)
	}
}
