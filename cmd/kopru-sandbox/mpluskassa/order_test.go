package mpluskassa

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/shop"
)

const noLists = "<articlePluNumbers/><articleBarcodes/>"

func (b *bundle) orders(request string) []*element {
	b.Helper()
	return b.call("getOrders", "<request>"+request+noLists+"</request>").get("orderList").all("order")
}

func TestOrdersPageByMarker(t *testing.T) {
	t.Parallel()
	b := setup(t, 200, Options{})
	seen := make(map[string]bool)
	pages, from, unsorted := 0, int64(1), 0
	for {
		page := b.orders(fmt.Sprintf("<syncMarker>%d</syncMarker><syncMarkerLimit>30</syncMarkerLimit>", from))
		if len(page) == 0 {
			break
		}
		pages++
		highest := int64(0)
		for _, o := range page {
			if o.num("syncMarker") < from || seen[o.str("orderId")] {
				t.Fatalf("order %s with marker %d on a page from %d", o.str("orderId"), o.num("syncMarker"), from)
			}
			seen[o.str("orderId")] = true
			highest = max(highest, o.num("syncMarker"))
		}
		if len(page) > 1 && page[len(page)-1].num("syncMarker") != highest {
			unsorted++
		}
		if again := b.orders(fmt.Sprintf("<syncMarker>%d</syncMarker>"+
			"<syncMarkerLimit>1</syncMarkerLimit>", highest)); len(again) != 1 || again[0].num("syncMarker") != highest {
			t.Errorf("marker %d is not inclusive", highest)
		}
		from = highest + 1
	}
	b.equal("orders", len(seen), 200)
	b.equal("pages", pages, 7)
	b.equal("pages with the highest marker elsewhere than last", unsorted, 7)
	markers := b.call("getCurrentSyncMarkers", "")
	if head := markers.num("orderSyncMarker"); head < from-1 {
		t.Errorf("the head of the sequence is %d, the last order's marker %d", head, from-1)
	}
}

func TestOrdersAddUpOnTheWire(t *testing.T) {
	t.Parallel()
	b := setup(t, 300, Options{})
	for _, o := range b.orders("") {
		lines, vat := int64(0), int64(0)
		for _, l := range o.get("lineList").all("line") {
			lines += l.get("data").num("totalInclAmount")
		}
		for _, g := range o.get("vatGroupList").all("vatGroup") {
			vat += g.num("vatAmount") + g.num("exclAmount")
		}
		if total := o.num("totalInclAmount"); lines != total || vat != total {
			t.Errorf("order %s: lines %d, VAT groups %d, total %d", o.str("orderId"), lines, vat, total)
		}
	}
}

func TestOrderFilters(t *testing.T) {
	t.Parallel()
	b := setup(t, 120, Options{})
	count := func(filter func(o *shop.Order) bool) (n int) {
		for _, o := range b.shop.Orders {
			if filter(o) {
				n++
			}
		}
		return n
	}
	one := b.shop.Orders[20]
	for request, want := range map[string]int{
		"<relationNumbers>101</relationNumbers>": count(func(o *shop.Order) bool { return o.Relation == 101 }),
		"<fromFinancialDate><day>31</day><mon>12</mon><year>2025</year></fromFinancialDate><throughFinancialDate><day>31</day><mon>12</mon><year>2025</year></throughFinancialDate>": count(func(o *shop.Order) bool {
			return o.Financial.Format("20060102") == "20251231"
		}),
		"<fromFinancialDate><day>0</day><mon>0</mon><year>0</year></fromFinancialDate>":                          120,
		"<employeeNumbers>101</employeeNumbers><employeeNumbers>102</employeeNumbers>":                           count(func(o *shop.Order) bool { return o.Employee == 101 || o.Employee == 102 }),
		"<orderIds>" + one.ID + "</orderIds>":                                                                    1,
		fmt.Sprintf("<orderNumbers><year>%d</year><number>%d</number></orderNumbers>", one.Year, one.Number):     1,
		"<orderTypeList><orderType>ORDER-TYPE-TABLE-ORDER</orderType></orderTypeList>":                           3,
		"<orderTypeList><orderType>ORDER-TYPE-EXTERNAL-SALES-ORDER</orderType></orderTypeList>":                  count(func(o *shop.Order) bool { return o.ExtID != "" }),
		"<articleNumbers>4524</articleNumbers>":                                                                  count(func(o *shop.Order) bool { return hasPLU(o, "00471") }),
		"<articlePluNumbers><text><text>00471</text></text></articlePluNumbers>":                                 count(func(o *shop.Order) bool { return hasPLU(o, "00471") }),
		"<syncMarker>1</syncMarker><syncMarkerLimit>7</syncMarkerLimit><includeLineList>false</includeLineList>": 7,
	} {
		if got := b.orders(request); len(got) != want || want == 0 {
			t.Errorf("%s\n  gave %d orders, want %d", request, len(got), want)
		}
	}
	if o := b.orders("<includeLineList>false</includeLineList>")[0]; o.has("lineList") || !o.has("totalInclAmount") {
		t.Error("an order without lines has some, or no total")
	}
}

func hasPLU(o *shop.Order, plu string) bool {
	for _, l := range o.Lines {
		if l.PLU == plu {
			return true
		}
	}
	return false
}

func TestTimesAreTheShops(t *testing.T) {
	t.Parallel()
	for _, old := range []bool{false, true} {
		b := setup(t, 20, Options{ZeroTimezone: old})
		o := b.call("getOrder", "<orderId>"+b.shop.Orders[17].ID+"</orderId>").get("order")
		entry, date := o.get("entryTimestamp"), o.get("financialDate")
		got := fmt.Sprint(entry.num("day"), entry.num("mon"), entry.num("year"), entry.num("hour"), entry.num("min"), date.num("day"), date.num("mon"), date.num("year"))
		b.equal("New Year's Eve", got, "31 12 2025 23 59 31 12 2025")
		want := map[bool]string{false: "60", true: "0"}[old]
		b.equal("timezone", entry.str("timezone"), want)
	}
}

// newOrder is a minimal order of two lines: 2 × 19.95 and 0.530 × 12.95.
func newOrder(ext, more string) string {
	return "<order><orderId></orderId><extOrderId>" + ext + "</extOrderId><entryBranchNumber>1</entryBranchNumber>" +
		"<employeeNumber>999999</employeeNumber>" +
		"<relationNumber>101</relationNumber>" + more + "<lineList>" +
		"<line><articleNumber>4513</articleNumber><data><quantity>2</quantity><price>1995</price></data></line>" +
		"<line><articleNumber>4524</articleNumber><text>Kaas &amp; co</text><data><quantity>530</quantity><decimalPlaces>3</decimalPlaces>" +
		"</data></line>" +
		"</lineList></order>"
}

func TestCreateAndFindOrder(t *testing.T) {
	t.Parallel()
	b := setup(t, 5, Options{})
	made := b.call("createOrder", newOrder("WEB-1", ""))
	b.equal("result", made.str("result"), "CREATE-ORDER-RESULT-OK")
	o := b.call("findOrder", "<extOrderId>WEB-1</extOrderId>").get("order")
	b.equal("id", o.str("orderId"), made.get("info").str("orderId"))
	b.equal("type", o.str("orderType"), "ORDER-TYPE-EXTERNAL-SALES-ORDER")
	b.equal("total", o.num("totalInclAmount"), int64(3990+686))
	b.equal("total without VAT", o.num("totalExclAmount"), int64(3298+629))
	second := o.get("lineList").all("line")[1]
	b.equal("text", second.str("text"), "Kaas & co")
	b.equal("quantity", second.get("data").str("quantity")+"/"+second.get("data").str("decimalPlaces"), "530/3")

	again := b.call("createOrder", newOrder("WEB-1", ""))
	b.equal("second time", again.str("result"), "CREATE-ORDER-RESULT-EXT-ORDER-ID-ALREADY-EXISTS")
	for range 2 {
		b.equal("without extOrderId", b.call("createOrder", newOrder("", "")).str("result"), "CREATE-ORDER-RESULT-OK")
	}
	ids := b.call("getOrdersByExtOrderIds", "<request><extOrderIds><id>WEB-1</id><id>WEB-2</id><id></id></extOrderIds></request>")
	b.equal("orders by extOrderIds", len(ids.get("orderList").all("order")), 1)
	b.equal("unknown order", b.call("getOrder", "<orderId>none</orderId>").str("result"), "GET-ORDER-RESULT-NOT-FOUND")
}

func TestOrdersAreChecked(t *testing.T) {
	t.Parallel()
	b := setup(t, 1, Options{})
	good := newOrder("", "")
	for _, change := range [][3]string{
		{"<relationNumber>101</relationNumber>", "", "Relation 0 not found."},
		{"<relationNumber>101</relationNumber>", "<relationNumber>7</relationNumber>", "Relation 7 not found."},
		{"<employeeNumber>999999</employeeNumber>", "", "Employee 0 not found."},
		{"<entryBranchNumber>1</entryBranchNumber>", "", "Entry branch 0 not found."},
		{"<entryBranchNumber>1</entryBranchNumber>", "<entryBranchNumber>2</entryBranchNumber>", "Entry branch 2 needs a workplaceNumber."},
		{"<articleNumber>4513</articleNumber>", "<articleNumber>1</articleNumber>", "Article 1 not found."},
		{"<articleNumber>4513</articleNumber>", "", "Article 0 not found."},
	} {
		got := b.call("createOrder", strings.Replace(good, change[0], change[1], 1))
		b.equal(change[2], got.str("result")+" "+got.str("errorMessage"), "CREATE-ORDER-RESULT-FAILED "+change[2])
	}
	b.equal("orders", len(b.orders("")), 1)
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	b := setup(t, 1, Options{})
	request := "<request><idempotencyKey>k1</idempotencyKey>" + newOrder("WEB-9", "") + "<prepay>true</prepay><paymentList><payment>" +
		"<method>IDEAL</method><amount>4676</amount></payment></paymentList></request>"
	first, second := b.call("createOrderV3", request), b.call("createOrderV3", request)
	b.equal("first", first.str("idempotencyResult")+first.str("result")+first.str("payResult"), "IDEMPOTENCY-RESULT-ORIGINAL-RESPONSECREATE-ORDER-RESULT-OKPAY-ORDER-RESULT-OK")
	b.equal("second", second.str("idempotencyResult")+second.str("result"), "IDEMPOTENCY-RESULT-REPLAY-RESPONSECREATE-ORDER-RESULT-OK")
	b.equal("id", second.get("info").str("orderId"), first.get("info").str("orderId"))
	b.equal("orders", len(b.orders("")), 2)
	other := b.call("createOrderV3", strings.Replace(request, "k1", "k2", 1))
	b.equal("other key", other.str("result"), "CREATE-ORDER-RESULT-EXT-ORDER-ID-ALREADY-EXISTS")
	b.equal("prepaid", b.call("findOrder", "<extOrderId>WEB-9</extOrderId>").get("order").num("prepaidAmount"), int64(4676))
}

func TestUpdateOrder(t *testing.T) {
	t.Parallel()
	b := setup(t, 1, Options{})
	id := b.call("createOrder", newOrder("WEB-2", "")).get("info").str("orderId")
	o := b.call("getOrder", "<orderId>"+id+"</orderId>").get("order")
	line := o.get("lineList").all("line")[0].str("lineId")
	update := func(counter int64, more string) string {
		return b.call("updateOrder", "<order><orderId>"+id+"</orderId>"+
			"<changeCounter>"+strconv.FormatInt(counter, 10)+"</changeCounter>"+more+"</order>").str("result")
	}
	counter := o.num("changeCounter")
	b.equal("no changes", update(counter, ""), "UPDATE-ORDER-RESULT-NO-CHANGES")
	lines := "<lineList><line><lineId>" + line + "</lineId><articleNumber>4513</articleNumber><data><quantity>3</quantity>" +
		"<price>1995</price></data></line></lineList>"
	b.equal("a line less", update(counter, lines), "UPDATE-ORDER-RESULT-OK")
	b.equal("stale", update(counter, lines), "UPDATE-ORDER-RESULT-ORDER-HAS-CHANGED")
	after := b.call("getOrder", "<orderId>"+id+"</orderId>").get("order")
	b.equal("total", after.num("totalInclAmount"), int64(5985))
	b.equal("line id", after.get("lineList").all("line")[0].str("lineId"), line)
	if after.num("syncMarker") <= o.num("syncMarker") || after.num("changeCounter") != counter+1 {
		t.Error("the change has no new marker or counter")
	}
	b.equal("unknown", b.call("updateOrder", "<order><orderId>x</orderId></order>").str("result"), "UPDATE-ORDER-RESULT-NOT-FOUND")
}

func TestCancelOrder(t *testing.T) {
	t.Parallel()
	b := setup(t, 1, Options{})
	id := b.shop.Orders[0].ID
	before := b.orders("")[0].num("syncMarker")
	cancel := func() string { return b.call("cancelOrder", "<orderId>"+id+"</orderId>").str("result") }
	toggle := func() string {
		return b.call("cancelOrderV2", "<request><workplace><branchNumber>1</branchNumber><workplaceNumber>1</workplaceNumber></workplace>"+
			"<employee/><orderId>"+id+"</orderId></request>").str("result")
	}
	b.equal("first", cancel(), "CANCEL-ORDER-RESULT-OK")
	b.equal("second", cancel(), "CANCEL-ORDER-RESULT-ALREADY-CANCELLED")
	o := b.orders("")[0]
	b.equal("state", o.str("cancelState"), "ORDER-CANCEL-STATE-COMPLETE")
	if o.num("syncMarker") <= before {
		t.Error("a cancelled order keeps its marker")
	}
	b.equal("toggle back", toggle(), "CANCEL-ORDER-RESULT-UNDO-CANCEL-OK")
	b.equal("toggle", toggle(), "CANCEL-ORDER-RESULT-OK")
	b.equal("unknown", b.call("cancelOrder", "<orderId>x</orderId>").str("result"), "CANCEL-ORDER-RESULT-NOT-FOUND")
}

func TestVatMethods(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]string{
		"VAT-METHOD-INCLUSIVE": "4676 3927", "VAT-METHOD-EXCLUSIVE": "5576 4676", "VAT-METHOD-SHIFTED": "3928 3928",
		"VAT-METHOD-NONE": "3928 3928",
	} {
		b := setup(t, 0, Options{NetPrices: true})
		order := newOrder("", "<vatMethod>"+method+"</vatMethod>")
		order = strings.Replace(order, "<decimalPlaces>3</decimalPlaces>", "<decimalPlaces>3</decimalPlaces><price>1295</price>", 1)
		id := b.call("createOrder", order).get("info").str("orderId")
		o := b.call("getOrder", "<orderId>"+id+"</orderId>").get("order")
		b.equal(method, o.str("totalInclAmount")+" "+o.str("totalExclAmount"), want)
	}
}
