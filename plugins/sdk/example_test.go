package sdk_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/kopru-io/kopru/plugins/sdk"
)

// shop is a system to try the examples with: three orders on two pages, for whoever has a token.
func shop() *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token": "good for an hour", "expires_in": 3600}`)
	})
	mux.HandleFunc("GET /orders", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer good for an hour":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Query().Get("after") == "2":
			fmt.Fprint(w, `{"data": [{"id": 3, "total": 7.50}], "meta": {"next": null}}`)
		default:
			fmt.Fprint(w, `{"data": [{"id": 1, "total": 2.50}, {"id": 2, "total": 5.00}], "meta": {"next": "2"}}`)
		}
	})
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	return httptest.NewServer(mux)
}

// A list is read page by page. What a page says of the next one is a place to go on from later: a cursor.
func ExampleHTTP_Walk() {
	server := shop()
	defer server.Close()
	h := &sdk.HTTP{System: "shop", OAuth2: &sdk.OAuth2{TokenURL: server.URL + "/token", ClientID: "kopru", ClientSecret: "s3cret"}}
	pages := sdk.Pages{Style: sdk.PageCursor, Items: "data", Parameter: "after", Next: "meta.next"}
	err := h.Walk(context.Background(), sdk.HTTPRequest{URL: server.URL + "/orders"}, pages, "", func(p sdk.Page) error {
		for _, order := range p.Records {
			fmt.Println(string(order))
		}
		fmt.Printf("the next page is at %q\n", p.Next)
		return nil
	})
	fmt.Println(err)
	// Output:
	// {"id": 1, "total": 2.50}
	// {"id": 2, "total": 5.00}
	// the next page is at "2"
	// {"id": 3, "total": 7.50}
	// the next page is at ""
	// <nil>
}

// A call that did not go well is a failure with a class; the pause that the system wants goes to the engine.
func ExampleHTTP_Do() {
	server := shop()
	defer server.Close()
	h := &sdk.HTTP{System: "shop"}
	_, err := h.Do(context.Background(), sdk.HTTPRequest{Method: "POST", URL: server.URL + "/orders", Body: []byte(`{"total": 1.00}`), Write: true})
	if f, ok := err.(*sdk.Failure); ok { //nolint:errorlint // what Do returns
		fmt.Println(f.Class, f.Code, f.RetryAfter)
	}
	// Output: FAILURE_CLASS_RATE_LIMITED shop.rate_limited 30s
}
