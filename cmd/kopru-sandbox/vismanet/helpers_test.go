package vismanet

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/shop"
)

var testBooks = shop.Books{
	Customers: []shop.Customer{
		{Number: "10001", Name: "Kassaverkoop", Class: "KASSA", Address: shop.Address{Country: "NL"}, Active: true},
		{
			Number: "10002", Name: "Sanne de Vries", Class: "PRIVAT", Email: "sanne@voorbeeld.example", Active: true,
			Address: shop.Address{Line1: "Kerkstraat 12a", PostalCode: "9712 AB", City: "Groningen", Country: "NL"},
		},
		{
			Number: "10003", Name: "Dubbel B.V.", Class: "BEDRIJF", Email: "info@dubbel.example",
			Address: shop.Address{Country: "NL"}, Active: true,
		},
		{
			Number: "10004", Name: "Dubbel (oud)", Class: "BEDRIJF", Email: "Info@Dubbel.example",
			Address: shop.Address{Country: "NL"}, Active: true,
		},
		{
			Number: "10005", Name: "Fjordvarer AS", Class: "NORGE", Email: "post@fjord.example",
			Address: shop.Address{Country: "NO"}, Active: true,
		},
		{Number: "10006", Name: "Vertrokken V.O.F.", Class: "BEDRIJF", Address: shop.Address{Country: "NL"}},
	},
	Items: []shop.Item{
		{
			Number: "TRUI-M", Description: "Merino trui", Class: "HANDEL", TaxCategory: "03", Unit: "STK", Price: "74.34",
			EAN:    "8712345678906",
			Active: true, Stock: map[string]string{"1": "12", "2": "3.5"},
		},
		{
			Number: "KAAS", Description: "Kaas jong belegen", Class: "HANDEL", TaxCategory: "02", Unit: "KG", Price: "11.88",
			Active: true,
		},
		{
			Number: "OUD", Description: "Uit het assortiment", Class: "HANDEL", TaxCategory: "03", Unit: "STK", Price: "5",
			Active: false,
		},
		{Number: "KORTING", Description: "Korting", Class: "KOSTEN", TaxCategory: "03", Unit: "STK", Price: "0", Active: true},
		{Number: "A/B&C", Description: "Lastig nummer", Class: "NIETVRD", TaxCategory: "00", Unit: "STK", Price: "1", Active: true},
	},
}

const (
	testID, testSecret, testTenant = "isv_test", "s3cret", "11111111-1111-4111-8111-111111111111"
	readScopes                     = apiScopePrefix + "read " + salesOrderScopePrefix + "read"
)

// rig is an emulator behind a real server, with a token that may do everything.
type rig struct {
	t      *testing.T
	server *Server
	url    string
	client *http.Client
	token  string
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func newRig(t *testing.T, opts Options) *rig {
	t.Helper()
	opts.ClientID, opts.ClientSecret, opts.TenantID = testID, testSecret, testTenant
	return newRigOf(t, testBooks, opts)
}

func newRigOf(t *testing.T, data shop.Books, opts Options) *rig {
	t.Helper()
	s := New(data, opts)
	mux := http.NewServeMux()
	mux.Handle("/v1/", s.API())
	mux.Handle("/V1/", s.API())
	mux.Handle("/v2/", s.API())
	mux.Handle("/api/", s.SalesOrder())
	mux.Handle("/API/", s.SalesOrder())
	mux.Handle("/connect/", s.Token())
	mux.Handle("/control/", http.StripPrefix("/control/", s.Control()))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	r := &rig{t: t, server: s, url: server.URL, client: server.Client()}
	r.token = r.newToken(testTenant, strings.Join(scopes, " "))
	r.control("DELETE", "/log", "")
	return r
}

func (r *rig) newToken(tenant, scope string) string {
	r.t.Helper()
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {testID}, "client_secret": {testSecret}, "tenant_id": {tenant},
		"scope": {scope},
	}
	resp, err := r.client.PostForm(r.url+"/connect/token", form)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	var body struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || resp.StatusCode != 200 || body.Token == "" {
		r.t.Fatalf("token: status %d, %v", resp.StatusCode, err)
	}
	return body.Token
}

// do sends a request; header is name, value, name, value, …
func (r *rig) do(method, path, body string, header ...string) (answer, error) {
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{status: resp.StatusCode, header: resp.Header, body: b}, err
}

// want sends a request and fails the test when the status is another one.
func (r *rig) want(status int, method, path, body string, header ...string) answer {
	r.t.Helper()
	a, err := r.do(method, path, body, header...)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	if a.status != status {
		r.t.Fatalf("%s %s: status %d, want %d: %s", method, path, a.status, status, a.body)
	}
	return a
}

func (r *rig) get(path string) any {
	r.t.Helper()
	return r.want(200, "GET", path, "").json(r.t)
}

func (r *rig) list(path string) []any {
	r.t.Helper()
	l, is := r.get(path).([]any)
	if !is {
		r.t.Fatalf("GET %s is no array", path)
	}
	return l
}

func (r *rig) control(method, path, body string) answer {
	r.t.Helper()
	a, err := r.do(method, "/control"+path, body)
	if err != nil || a.status >= 400 {
		r.t.Fatalf("%s %s: status %d, %v: %s", method, path, a.status, err, a.body)
	}
	return a
}

func (a answer) json(t *testing.T) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return v
}

// at walks down objects and arrays: at(v, "value", 0, "orderId").
func at(t *testing.T, v any, path ...any) any {
	t.Helper()
	for i, p := range path {
		switch key := p.(type) {
		case string:
			o, is := v.(object)
			if !is {
				t.Fatalf("%v is no object before %v", v, path[i:])
			}
			v = o[key]
		case int:
			l, is := v.([]any)
			if !is || key >= len(l) {
				t.Fatalf("%v has no element %v", v, path[i:])
			}
			v = l[key]
		}
	}
	return v
}

func equal(t *testing.T, what string, have, want any) {
	t.Helper()
	if n, is := have.(json.Number); is {
		have = n.String()
	}
	if have != want {
		t.Errorf("%s is %v, want %v", what, have, want)
	}
}

// clock is a time that moves when the test says so.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{time.Date(2026, 2, 3, 9, 12, 44, 907e6, time.UTC)} }

func (c *clock) Now() time.Time { return c.now }

// newOrderPath makes an order and returns the path of it.
func (r *rig) newOrderPath(body string) string {
	r.t.Helper()
	location := r.want(201, "POST", "/api/v3/SalesOrders", body).header.Get("Location")
	path, found := strings.CutPrefix(location, r.url)
	if !found {
		r.t.Fatalf("Location is %q", location)
	}
	return path
}

const aLine = `{"inventoryId":"TRUI-M","quantity":2,"unitPrice":10,"hasManualPrice":true}`

func orderBody(refNo string, lines ...string) string {
	return `{"type":"SO","customer":{"id":"10002","order":"` + refNo + `","refNo":"` + refNo + `"},"orderLines":[` + strings.Join(lines, ",") + `]}`
}

func newHTTPRequest(t *testing.T) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v3/SalesOrders", nil)
	r.Header.Set("Content-Type", "application/json")
	return r
}
