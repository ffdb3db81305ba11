package vismanet

import (
	"strings"
	"testing"
)

// FuzzRequestBody sends anything as a body to each schema: it has to be read or refused, never to break the server, and
// a number that was read has to survive the arithmetic of an order.
func FuzzRequestBody(f *testing.F) {
	for _, seed := range []string{
		aCustomer, orderBody("W1", aLine), `{"lines":[{"lineId":1,"quantity":1e28,"unitPrice":1e-28,"hasManualPrice":true}]}`, `{"name":{"value":null}}`,
		`{"orderLines":[{"inventoryId":"TRUI-M","quantity":9999999999999999999999999999,"unitPrice":1e28,"hasManualPrice":true}],"type":"SO","customer":{"id":"10002"}}`,
		`{"customer":null}`, `[]`, `{"a":{"b":[{"c":1}]}}`, `{"name":{"VALUE":"x"},"NAME":5}`, "{\"name\":\"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	s := New(testBooks, Options{})
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, sc := range []*schema{customerUpdate, contactUpdate, itemUpdate, alternateUpdate, newOrder, patchOrder, addLines, patchLines} {
			var reading reading
			if o, err := parseBody(body); err == nil {
				reading.read(sc, o, "")
			}
			for _, flaw := range reading.flaws {
				if flaw.message == "" {
					t.Errorf("%s: a flaw at %q says nothing", sc.name, flaw.path)
				}
			}
		}
		r := &request{body: body, http: newHTTPRequest(t), base: "http://localhost"}
		a := s.postOrder(r)
		if a.status == 201 {
			key := strings.TrimPrefix(a.header.Get("Location"), "http://localhost/api/v3/SalesOrders/")
			_ = encode(s.renderOrder(s.books.orders.get(key), []string{"All"}))
			s.books.removeOrder(s.books.orders.get(key))
		}
	})
}
