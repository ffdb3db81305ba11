package mpluskassa

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// shelf is a list that hands out rows by sync marker, as badly as the contract allows.
type shelf struct {
	rows   map[string]int64 // marker by id
	size   func(limit int) int
	render func(id string, marker int64) string
	asked  []int64
	before func(page int) // changes things while they are read
}

func (s *shelf) page(request *node) string {
	r := request.child("request")
	from, _ := whole(r.value("syncMarker"))
	limit := len(s.rows)
	if v := r.value("syncMarkerLimit"); v != "" {
		limit, _ = strconv.Atoi(v)
	}
	if s.before != nil {
		s.before(len(s.asked))
	}
	s.asked = append(s.asked, from)
	var ids []string
	for id, m := range s.rows {
		if m >= from {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int { return int(s.rows[a] - s.rows[b]) })
	if s.size != nil {
		limit = s.size(limit)
	}
	ids = ids[:min(limit, len(ids))]
	rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] }) // a page is in no order
	var out strings.Builder
	for _, id := range ids {
		out.WriteString(s.render(id, s.rows[id]))
	}
	return out.String()
}

func (s *shelf) highest() int64 {
	out := int64(0)
	for _, m := range s.rows {
		out = max(out, m)
	}
	return out
}

// orders puts a shelf of orders into a till.
func (s *shelf) orders(t *till) {
	s.render = func(id string, marker int64) string {
		return el("order", el("orderId", id), el("syncMarker", marker), el("relationNumber", 10+marker%3),
			el("lineList", el("line", el("articleNumber", 100+marker%5))))
	}
	t.answers["getOrders"] = func(r *node) string { return soap("GetOrdersResponse", el("orderList", s.page(r))) }
	t.answers["getCurrentSyncMarkers"] = func(*node) string {
		return soap("getCurrentSyncMarkersResponse", el("orderSyncMarker", s.highest()))
	}
}

func numbered(n int) map[string]int64 {
	out := map[string]int64{}
	for i := range n {
		out["o"+strconv.Itoa(i)] = int64(i*3 + 2) // markers have gaps
	}
	return out
}

func TestEveryOrderIsReadOnce(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]func(int) int{
		"as asked": nil, "shorter": func(int) int { return 3 }, "longer": func(limit int) int { return limit + 7 },
		"one at a time": func(int) int { return 1 },
	} {
		s, till := &shelf{rows: numbered(25), size: size}, newTill(t)
		s.orders(till)
		c := till.open(t, sdk.Config{"page_size": record.Int(10)})
		var got reading
		end, err := c.Read(t.Context(), sdk.ReadRequest{Entity: "order", BatchSize: 4}, got.emit)
		if err != nil || len(got.records) != 25 || end != "75" {
			t.Errorf("%s: %d records, end %s, %v", name, len(got.records), end, err)
		}
		if slices.Max(got.sizes) > 4 {
			t.Errorf("%s: batches of %v", name, got.sizes)
		}
		again := reading{}
		if end, err = c.Read(t.Context(), sdk.ReadRequest{Entity: "order", Cursor: end, BatchSize: 4}, again.emit); err != nil ||
			len(again.records) != 0 || end != "75" {
			t.Errorf("%s: nothing is new, got %s, end %s, %v", name, again.keys(), end, err)
		}
	}
}

// TestNoCursorPassesAnUnseenOrder stops after every batch in turn and goes on from its cursor.
func TestNoCursorPassesAnUnseenOrder(t *testing.T) {
	t.Parallel()
	s, till := &shelf{rows: numbered(17)}, newTill(t)
	s.orders(till)
	c := till.open(t, sdk.Config{"page_size": record.Int(5)})
	enough := errors.New("enough")
	for stop := 1; stop < 10; stop++ {
		seen := map[string]bool{}
		cursor, batches := "", 0
		_, err := c.Read(t.Context(), sdk.ReadRequest{Entity: "order", BatchSize: 2}, func(b sdk.Batch) error {
			for _, r := range b.Records {
				seen[r.Key] = true
			}
			if b.Cursor != "" {
				cursor = b.Cursor
			}
			if batches++; batches == stop {
				return enough
			}
			return nil
		})
		if err != nil && !errors.Is(err, enough) {
			t.Fatal(err)
		}
		var rest reading
		if _, err := c.Read(t.Context(), sdk.ReadRequest{Entity: "order", Cursor: cursor, BatchSize: 2}, rest.emit); err != nil {
			t.Fatal(err)
		}
		for _, r := range rest.records {
			seen[r.Key] = true
		}
		if len(seen) != 17 {
			t.Errorf("stopped after %d batches: only %d orders were seen", stop, len(seen))
		}
	}
}

func TestChangesDuringARead(t *testing.T) {
	t.Parallel()
	s, till := &shelf{rows: numbered(12)}, newTill(t)
	s.orders(till)
	s.before = func(page int) {
		switch page {
		case 1: // one that was read changes, one that was not read changes, and one is new
			s.rows["o0"], s.rows["o11"], s.rows["new"] = 100, 101, 102
		case 3:
			s.rows["late"] = 103
		}
	}
	c := till.open(t, sdk.Config{"page_size": record.Int(4)})
	var got reading
	end, err := c.Read(t.Context(), sdk.ReadRequest{Entity: "order", BatchSize: 100}, got.emit)
	if err != nil || end != "104" {
		t.Fatalf("end %s, %v", end, err)
	}
	for _, id := range []string{"o0", "o11", "new", "late"} {
		if !strings.Contains(" "+got.keys()+" ", " "+id+" ") {
			t.Errorf("%s was missed in %s", id, got.keys())
		}
	}
	if n := strings.Count(" "+got.keys()+" ", " o0 "); n != 2 {
		t.Errorf("o0 changed after it was read, so it comes twice, not %d times", n)
	}
}

func TestARestoredTillIsNoticed(t *testing.T) {
	t.Parallel()
	s, till := &shelf{rows: numbered(3)}, newTill(t)
	s.orders(till)
	c := till.open(t, nil)
	_, err := c.Read(t.Context(), sdk.ReadRequest{Entity: "order", Cursor: "500", BatchSize: 10}, (&reading{}).emit)
	f := failureOf(t, err)
	if f.Class != fatal || f.Code != "mpluskassa.marker_went_back" || !strings.Contains(f.Message, "restored") {
		t.Errorf("%+v", f)
	}
	if till.count("getOrders") != 0 {
		t.Error("nothing may be read then")
	}
	_, err = c.Read(t.Context(), sdk.ReadRequest{Entity: "order", Cursor: "x"}, (&reading{}).emit)
	if failureOf(t, err).Code != "mpluskassa.bad_cursor" {
		t.Error(err)
	}
}

func TestAServerThatGoesRoundInCircles(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	till.answer("getOrders", "GetOrdersResponse", el("orderList", el("order", el("orderId", "a"), el("syncMarker", 5))))
	_, err := till.open(t, nil).Read(t.Context(), sdk.ReadRequest{Entity: "order", BatchSize: 5}, (&reading{}).emit)
	if f := failureOf(t, err); f.Class != fatal || f.Code != "mpluskassa.no_progress" {
		t.Errorf("%+v", f)
	}
}

// TestProductsBehindTheirOwnMarkers: a product's marker runs ahead of its articles', whichever the server sorts by.
func TestProductsBehindTheirOwnMarkers(t *testing.T) {
	t.Parallel()
	type product struct{ own, first, second int64 }
	products := map[string]product{"1": {100, 50, 51}, "2": {60, 61, 0}, "3": {55, 90, 91}, "4": {102, 101, 20}, "5": {99, 10, 95}}
	keys := map[string]func(product, int64) int64{
		"by article": func(p product, from int64) int64 { return lowest(from, p.first, p.second) },
		"by product": func(p product, from int64) int64 { return lowest(from, p.own) },
		"by either":  func(p product, from int64) int64 { return lowest(from, p.own, p.first, p.second) },
	}
	for name, key := range keys {
		till := newTill(t)
		till.answers["getProducts"] = func(r *node) string {
			from, _ := whole(r.child("request").value("syncMarker"))
			var ids []string
			for id, p := range products {
				if key(p, from) != 0 {
					ids = append(ids, id)
				}
			}
			slices.SortFunc(ids, func(a, b string) int { return int(key(products[a], from) - key(products[b], from)) })
			out := ""
			for _, id := range ids[:min(2, len(ids))] {
				p := products[id]
				article := func(n string, m int64) string {
					if m == 0 {
						return ""
					}
					return el("article", el("articleNumber", id+n), el("syncMarker", m))
				}
				out += el("product", el("productNumber", id), el("syncMarker", p.own),
					el("articleList", article("1", p.first), article("2", p.second)))
			}
			return soap("GetProductsResponse", el("productList", out))
		}
		var got reading
		_, err := till.open(t, nil).Read(t.Context(), sdk.ReadRequest{Entity: "product", BatchSize: 10}, got.emit)
		keys := strings.Fields(got.keys())
		slices.Sort(keys)
		if err != nil || strings.Join(keys, " ") != "1 2 3 4 5" {
			t.Errorf("%s: %v %v", name, keys, err)
		}
	}
}

func lowest(from int64, markers ...int64) int64 {
	out := int64(0)
	for _, m := range markers {
		if m >= from && (out == 0 || m < out) {
			out = m
		}
	}
	return out
}

// withJoins gives a till relations 10, 11 and articles 100 to 103; the rest does not exist.
func withJoins(till *till) {
	till.answers["getRelations"] = func(r *node) string {
		out := ""
		for _, n := range r.child("request").all("relationNumbers") {
			if n.text == "10" || n.text == "11" {
				out += el("relation", el("relationNumber", n.text), el("name", "R"+n.text), el("email", "r@example.org"))
			}
		}
		return soap("GetRelationsResponse", el("relationList", out))
	}
	till.answers["getProducts"] = func(r *node) string {
		out := ""
		for _, n := range r.child("request").all("articleNumbers") {
			if n.text != "104" {
				plu := ""
				if n.text == "100" {
					plu = el("pluNumber", "PLU-100")
				}
				out += el("product", el("productNumber", 9), el("description", "P"), el("articleList",
					el("article", el("articleNumber", n.text), el("extArticleId", "E"+n.text), plu)))
			}
		}
		return soap("GetProductsResponse", el("productList", out))
	}
}

func TestJoinsAreFetchedInBulk(t *testing.T) {
	t.Parallel()
	s, till := &shelf{rows: numbered(40)}, newTill(t)
	s.orders(till)
	withJoins(till)
	c := till.open(t, sdk.Config{"page_size": record.Int(20)})
	var got reading
	_, err := c.Read(t.Context(), sdk.ReadRequest{
		Entity: "order", BatchSize: 5, Options: sdk.Config{"with_relation": true, "with_products": true},
	}, got.emit)
	if err != nil || len(got.records) != 40 {
		t.Fatalf("%d %v", len(got.records), err)
	}
	// An article is missing: it is asked for once more, for the answer may have been cut short.
	if r, p := till.count("getRelations"), till.count("getProducts"); r != 1 || p != 2 {
		t.Errorf("%d calls for relations and %d for articles of 40 orders; one and two would do", r, p)
	}
	if till.last("getProducts").child("request").child("pluNumbers") == nil {
		t.Error("pluNumbers must be sent, empty")
	}
	for _, r := range got.records {
		o := payload(t, r)
		line := objects(o["lineList"])[0]
		switch article := record.Text(line["articleNumber"]); article {
		case "100":
			if line["sku"] != "PLU-100" || line["product"].(map[string]any)["productNumber"] != num("9") {
				t.Errorf("line %v", line)
			}
		case "104":
			if p, there := line["product"]; !there || p != nil || line["sku"] != "104" {
				t.Errorf("line %v", line)
			}
		default:
			if line["sku"] != article {
				t.Errorf("line %v", line)
			}
		}
		relation, there := o["relation"]
		if m, ok := relation.(map[string]any); !there || ok != (record.Text(o["relationNumber"]) != "12") || ok && m["email"] != "r@example.org" {
			t.Errorf("relation %v of %v", relation, o["relationNumber"])
		}
	}
}

func TestSkuIsASetting(t *testing.T) {
	t.Parallel()
	for sku, want := range map[string]any{skuAuto: "PLU-100", skuArticle: "100", skuPlu: "PLU-100", skuExt: "E100", skuBarcode: nil} {
		till := newTill(t)
		(&shelf{rows: map[string]int64{"o": 5}}).orders(till)
		withJoins(till)
		var got reading
		_, err := till.open(t, sdk.Config{"sku": sku}).Read(t.Context(),
			sdk.ReadRequest{Entity: "order", BatchSize: 5, Options: sdk.Config{"with_products": true}}, got.emit)
		if err != nil {
			t.Fatal(err)
		}
		if line := objects(payload(t, got.records[0])["lineList"])[0]; line["sku"] != want {
			t.Errorf("%s: %v, want %v", sku, line["sku"], want)
		}
	}
}

func TestStartAndPeriods(t *testing.T) {
	t.Parallel()
	day := func(name string, y, m, d int) string { return el(name, el("day", d), el("mon", m), el("year", y)) }
	entered := el("entryTimestamp", el("sec", 0), el("min", 30), el("hour", 0), el("day", 1), el("mon", 1), el("year", 2026),
		el("isdst", false), el("timezone", 60))
	till := newTill(t)
	till.answers["getOrders"] = func(r *node) string {
		if r.child("request").value("syncMarker") != "1" {
			return soap("GetOrdersResponse", "")
		}
		return soap("GetOrdersResponse", el("orderList",
			el("order", el("orderId", "old"), el("syncMarker", 1), day("financialDate", 2025, 12, 31)),
			el("order", el("orderId", "new"), el("syncMarker", 2), day("financialDate", 2026, 1, 1)),
			el("order", el("orderId", "entered"), el("syncMarker", 3), entered),
			el("order", el("orderId", "undated"), el("syncMarker", 4)),
			el("order", el("orderId", "later"), el("syncMarker", 5), day("financialDate", 2026, 2, 1))))
	}
	c := till.open(t, nil)
	var got reading
	end, err := c.Read(t.Context(), sdk.ReadRequest{Entity: "order", BatchSize: 2, Options: sdk.Config{"start": "2026-01-01"}}, got.emit)
	if err != nil || got.keys() != "new entered undated later" || end != "6" {
		t.Errorf("%s, end %s, %v", got.keys(), end, err)
	}
	from := till.last("getOrders").child("request").child("fromFinancialDate")
	if from == nil || from.value("year") != "2026" || from.value("mon") != "1" || from.value("day") != "1" {
		t.Error("a first read leaves history to the server")
	}
	amsterdam, _ := time.LoadLocation("Europe/Amsterdam")
	got = reading{}
	end, err = c.Read(t.Context(), sdk.ReadRequest{
		Entity: "order", Cursor: "900", BatchSize: 2,
		From: time.Date(2026, 1, 1, 0, 0, 0, 0, amsterdam), To: time.Date(2026, 2, 1, 0, 0, 0, 0, amsterdam),
	}, got.emit)
	if err != nil || got.keys() != "new entered undated" || end != "900" || strings.Join(got.cursors, "") != "" {
		t.Errorf("a period leaves the cursor alone: %s, end %s, cursors %q, %v", got.keys(), end, got.cursors, err)
	}
	if through := till.last("getOrders").child("request").child("throughFinancialDate"); through == nil || through.value("day") != "31" {
		t.Error("the end of a period is not part of it")
	}
	_, err = c.Read(t.Context(), sdk.ReadRequest{Entity: "relation", From: time.Now()}, got.emit)
	if failureOf(t, err).Code != "mpluskassa.no_range" {
		t.Error(err)
	}
	_, err = c.Read(t.Context(), sdk.ReadRequest{Entity: "order", Options: sdk.Config{"start": "soon"}}, got.emit)
	if f := failureOf(t, err); f.Field != "start" {
		t.Errorf("%+v", f)
	}
}

func TestAnOrderThatMakesNoSenseStandsAlone(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	till.answers["getOrders"] = func(r *node) string {
		if r.child("request").value("syncMarker") != "1" {
			return soap("GetOrdersResponse", el("orderList"))
		}
		return soap("GetOrdersResponse", el("orderList",
			el("order", el("orderId", "good"), el("syncMarker", 1), el("totalInclAmount", 100)),
			el("order", el("orderId", "bad"), el("syncMarker", 2), el("totalInclAmount", "x")),
			el("order", el("orderId", "fine"), el("syncMarker", 3))))
	}
	var got reading
	end, err := till.open(t, nil).Read(t.Context(), sdk.ReadRequest{Entity: "order", BatchSize: 10}, got.emit)
	if err != nil || got.keys() != "good bad fine" || end != "4" {
		t.Fatalf("%s %s %v", got.keys(), end, err)
	}
	if f := failureOf(t, got.records[1].Err); f.Class != invalid || !strings.Contains(f.Message, "totalInclAmount") {
		t.Errorf("%+v", f)
	}
}
