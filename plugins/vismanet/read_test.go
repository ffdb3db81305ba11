package vismanet

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kopru-io/kopru/plugins/sdk"
)

func read(t *testing.T, c *connection, q sdk.ReadRequest) (keys, end string, err error) {
	t.Helper()
	var all []string
	if q.BatchSize == 0 {
		q.BatchSize = 2
	}
	end, err = c.Read(t.Context(), q, func(b sdk.Batch) error {
		for _, r := range b.Records {
			all = append(all, r.Key)
			if r.Err != nil {
				all = append(all, "!")
			}
		}
		if len(b.Records) > q.BatchSize {
			t.Errorf("a batch of %d", len(b.Records))
		}
		return nil
	})
	return strings.Join(all, " "), end, err
}

func TestReadGoesOnWhereItBrokeOff(t *testing.T) {
	t.Parallel()
	c, f := open(t, at12(customers("a", "b", "c", "d", "e", "f", "g")))
	enough := errors.New("enough")
	var cursor string
	_, err := c.Read(t.Context(), sdk.ReadRequest{Entity: "customer", BatchSize: 10}, func(b sdk.Batch) error {
		if cursor != "" {
			return enough
		}
		cursor = b.Cursor
		return nil
	})
	if !errors.Is(err, enough) || !strings.Contains(cursor, "page=1&seen=3&total=7") {
		t.Fatal(cursor, err)
	}
	keys, end, err := read(t, c, sdk.ReadRequest{Entity: "customer", Cursor: cursor})
	if err != nil || keys != "4 5 6 7" || end != "2026-02-01T00:00:06Z" {
		t.Error(keys, end, err)
	}
	if q := f.last(t).query; strings.Contains(q, "lastModified") {
		t.Error(q)
	}
	// A customer less in front of it: what moved must be read.
	shorter, _ := open(t, at12(customers("a", "b", "c", "d", "e", "f")))
	keys, _, err = read(t, shorter, sdk.ReadRequest{Entity: "customer", Cursor: cursor})
	if err != nil || keys != "4 5 6 1 2 3" {
		t.Error(keys, err)
	}
	for _, bad := range []string{"page 7", "page=x", strings.Replace(cursor, "high=", "high=x", 1)} {
		if _, _, err := read(t, c, sdk.ReadRequest{Entity: "customer", Cursor: bad}); failureOf(t, err).Code != "vismanet.bad_cursor" {
			t.Error(bad, err)
		}
	}
}

func at12(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", "Tue, 03 Feb 2026 12:00:00 GMT")
		handle(w, r)
	}
}

func TestReadPages(t *testing.T) {
	t.Parallel()
	c, f := open(t, at12(customers("a", "b", "c", "d", "e", "f", "g")))
	keys, end, err := read(t, c, sdk.ReadRequest{Entity: "customer"})
	if err != nil || keys != "1 2 3 4 5 6 7" || end != "2026-02-01T00:00:06Z" {
		t.Fatal(keys, end, err)
	}
	calls := f.seen()
	if len(calls) != 3 || strings.Contains(calls[0].query, "lastModified") || !strings.Contains(calls[0].query, "expandPaymentMethods=true") {
		t.Errorf("%+v", calls)
	}
	keys, again, err := read(t, c, sdk.ReadRequest{Entity: "customer", Cursor: end})
	if err != nil || again != end || keys == "" {
		t.Error(keys, again, err)
	}
	q := f.last(t).query
	if !strings.Contains(q, "lastModifiedDateTime=2026-01-31%2023%3A55%3A06.000&lastModifiedDateTimeCondition=%3E%3D") {
		t.Error(q)
	}
}

func TestCursorStaysBehindTheServersClock(t *testing.T) {
	t.Parallel()
	rows := `[{"number":"1","lastModifiedDateTime":"2026-02-03T13:00:00+02:00","metadata":{"totalCount":3}},
		{"number":"2","lastModifiedDateTime":"2026-02-03T12:30:00.5Z","metadata":{"totalCount":3}},
		{"number":"3","lastModifiedDateTime":"2026-02-03T10:00:00","errorInfo":"half","metadata":{"totalCount":3}}]`
	c, _ := open(t, at12(func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, rows) }))
	keys, end, err := read(t, c, sdk.ReadRequest{Entity: "customer", Cursor: "2026-02-01T00:00:00Z"})
	if err != nil || keys != "1 2 3 !" || end != "2026-02-03T12:00:00Z" {
		t.Error(keys, end, err)
	}
	keys, end, err = read(t, c, sdk.ReadRequest{
		Entity: "customer", From: time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 2, 3, 11, 0, 0, 0, time.UTC),
	})
	if err != nil || keys != "3 !" || end != "" {
		t.Error(keys, end, err)
	}
	if _, _, err := read(t, c, sdk.ReadRequest{Entity: "customer", Cursor: "page 7"}); failureOf(t, err).Code != "vismanet.bad_cursor" {
		t.Error(err)
	}
}

func TestRowsThatMoveAreReadAgain(t *testing.T) {
	t.Parallel()
	n := 0
	c, _ := open(t, at12(func(w http.ResponseWriter, _ *http.Request) {
		row := func(id, total int) string {
			return fmt.Sprintf(`{"number":"%d","metadata":{"totalCount":%d,"maxPageSize":1}}`, id, total)
		}
		// After the first page row 1 is deleted: row 2 moves to the first page.
		answers := []string{row(1, 3), row(3, 2), row(2, 2), row(3, 2)}
		reply(w, 200, "["+answers[min(n, 3)]+"]")
		n++
	}))
	keys, _, err := read(t, c, sdk.ReadRequest{Entity: "customer"})
	if err != nil || keys != "1 3 2" {
		t.Error(keys, err)
	}
}

func TestWrongTotal(t *testing.T) {
	t.Parallel()
	c, f := open(t, at12(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("pageNumber") != "1" {
			reply(w, 200, "[]")
			return
		}
		reply(w, 200, `[{"number":"1","metadata":{"totalCount":450}},{"number":"2","metadata":{"totalCount":450}}]`)
	}))
	keys, _, err := read(t, c, sdk.ReadRequest{Entity: "customer"})
	if err != nil || keys != "1 2" || len(f.seen()) != 4 {
		t.Error(keys, err, len(f.seen()))
	}
}

func TestPagesThatRepeat(t *testing.T) {
	t.Parallel()
	c, _ := open(t, at12(func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, `[{"number":"1","metadata":{"totalCount":9,"maxPageSize":1}}]`)
	}))
	_, _, err := read(t, c, sdk.ReadRequest{Entity: "customer"})
	if f := failureOf(t, err); f.Code != "vismanet.list_changing" || f.Class != transient {
		t.Error(f)
	}
}

func TestReadOrders(t *testing.T) {
	t.Parallel()
	c, f := open(t, at12(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/v3/SalesOrders/SO/00022") && !strings.Contains(r.URL.Path, "000223") {
			reply(w, 404, "") // deleted since the list was made
			return
		}
		orders(w, r)
	}))
	keys, end, err := read(t, c, sdk.ReadRequest{Entity: "sales_order", Cursor: "2026-02-03T08:00:00Z"})
	if err != nil || keys != "SO/000223" || end != "2026-02-03T08:15:30.12Z" {
		t.Fatal(keys, end, err)
	}
	if first := f.seen()[0].query; !strings.Contains(first, "modifiedSince=2026-02-03T07%3A55%3A00.000&") ||
		!strings.Contains(first, "orderBy=orderId%20asc") || !strings.Contains(first, "pageIndex=0&pageSize=100") {
		t.Error(first)
	}
}

func TestReadStart(t *testing.T) {
	t.Parallel()
	c, f := open(t, at12(func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, "[]") }), sdk.Config{"api_timezone": "Europe/Oslo"})
	for _, entity := range []string{"inventory_item", "contact"} {
		keys, end, err := read(t, c, sdk.ReadRequest{Entity: entity, Options: sdk.Config{"start": "2026-01-05"}})
		if err != nil || keys != "" || end != "" || !strings.Contains(f.last(t).query, "lastModifiedDateTime=2026-01-05%2000%3A00%3A00.000") {
			t.Error(keys, end, err, f.last(t).query)
		}
	}
	if _, _, err := read(t, c, sdk.ReadRequest{Entity: "nothing"}); failureOf(t, err).Code != "vismanet.unknown_entity" {
		t.Error(err)
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	oslo, err := time.LoadLocation("Europe/Oslo")
	if err != nil {
		t.Skip(err)
	}
	for text, want := range map[string]string{
		"2024-05-25T13:05:11.133":        "2024-05-25T11:05:11.133Z",
		"2024-05-25T13:05:11Z":           "2024-05-25T13:05:11Z",
		"2024-05-25T00:00:00+02:00":      "2024-05-24T22:00:00Z",
		"2024-05-25T13:05:11.1234567":    "2024-05-25T11:05:11.1234567Z",
		"2024-05-25 13:05:11":            "2024-05-25T11:05:11Z",
		"2024-05-25":                     "2024-05-24T22:00:00Z",
		"2024-01-25T13:05:11.1234567+00": "",
	} {
		got, err := parseTime(text, oslo)
		if err == nil && got.UTC().Format(time.RFC3339Nano) != want || err != nil && want != "" {
			t.Error(text, got, err)
		}
	}
}
