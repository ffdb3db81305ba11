package mpluskassa

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kopru-io/kopru/plugins/record"
)

// orderXML is an order the way a till tells it: two articles, one by weight, and a line of text.
func orderXML() string {
	clock := func(name string, hour int) string {
		return el(name, el("sec", 5), el("min", 59), el("hour", hour), el("day", 31), el("mon", 12), el("year", 2026),
			el("isdst", false), el("timezone", 60))
	}
	day := func(name string) string { return el(name, el("day", 31), el("mon", 12), el("year", 2026)) }
	address := func(name string) string {
		return el(name, el("name", "De Vries &amp; Co"), el("contact", "Ada de Vries"), el("address", "Kade 12 b"),
			el("zipcode", "8911 AB"), el("city", "Leeuwarden"), el("country", "Nederland"))
	}
	data := func(content ...any) string { return el("data", content...) }
	return el("orderId", "0f8e-1") + el("extOrderId", "") + el("invoiceIds") + el("syncMarker", 40) +
		el("orderType", "ORDER-TYPE-SALES-ORDER") + el("entryBranchNumber", 1) + el("employeeNumber", 999999) +
		clock("entryTimestamp", 23) + el("relationNumber", 77) + el("relationName", "De Vries &amp; Co") +
		address("deliveryAddress") + address("invoiceAddress") + day("financialDate") + el("reference", "Toonbank") +
		el("totalInclAmount", 2488) + el("totalExclAmount", 2126) + el("vatMethod", "VAT-METHOD-INCLUSIVE") +
		el("vatGroupList", el("vatGroup", el("vatCode", 2), el("vatPercentage", 2100), el("exclAmount", 1649), el("vatAmount", 346)),
			el("vatGroup", el("vatCode", 1), el("vatPercentage", 900), el("exclAmount", 452), el("vatAmount", 41))) +
		el("deliveryMethod", "POST") + el("deliveryDate", el("day", 0), el("mon", 0), el("year", 0)) +
		el("prepaidAmount", 0) + el("fullyPaid", true) + el("cancelState", "ORDER-CANCEL-STATE-NOTHING") +
		el("orderNumber", el("year", 2026), el("number", 1204)) + el("orderCategoryNumber", 3) +
		el("lineList",
			el("line", el("lineId", "l1"), el("articleNumber", 501), el("pluNumber", "MUTS-R"), el("text", "Muts rood"),
				data(el("quantity", 1), el("decimalPlaces", 0), el("price", 1995), el("vatCode", 2), el("vatPercentage", 2100),
					el("discountAmount", 0), el("totalInclAmount", 1995), el("totalExclAmount", 1649))),
			el("line", el("lineId", "l2"), el("articleNumber", 502), el("text", "Kaas"),
				data(el("quantity", 530), el("decimalPlaces", 3), el("price", 930), el("vatPercentage", 900), el("totalInclAmount", 493))),
			el("line", el("lineId", "l3"), el("articleNumber", 0), el("text", "Bedankt!"))) +
		el("paymentList", el("payment", el("method", "PIN"), el("amount", 2488), el("somethingNew", 1)))
}

func decodeOrder(t *testing.T, c *client, document string) map[string]any {
	t.Helper()
	root, err := parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	content, _, err := opened(root)
	if err != nil {
		t.Fatal(err)
	}
	order, err := c.decode("Order", content.child("orderList").child("order"))
	if err != nil {
		t.Fatal(err)
	}
	return order
}

func TestOrderMakesSense(t *testing.T) {
	t.Parallel()
	order := decodeOrder(t, testClient(), soap("GetOrdersResponse", el("orderList", el("order", orderXML()))))
	want := map[string]any{
		"orderId": "0f8e-1", "extOrderId": nil, "entryTimestamp": "2026-12-31T23:59:05+01:00", "financialDate": "2026-12-31",
		"totalInclAmount": num("24.88"), "prepaidAmount": num("0.00"), "deliveryDate": nil, "fullyPaid": true,
		"employeeNumber": num("999999"), "orderNumber": map[string]any{"year": num("2026"), "number": num("1204")},
		"invoiceIds": []any{},
	}
	for name, v := range want {
		got, there := order[name]
		if !there || !reflect.DeepEqual(got, v) {
			t.Errorf("%s is %#v, want %#v", name, got, v)
		}
	}
	if _, there := order["tableNumber"]; there {
		t.Error("an absent element must be an absent field")
	}
	lines := objects(order["lineList"])
	first, second := lines[0]["data"].(map[string]any), lines[1]["data"].(map[string]any)
	if len(lines) != 3 || first["price"] != num("19.95") || first["vatPercentage"] != num("21") || first["quantity"] != num("1") ||
		second["quantity"] != num("0.530") || second["vatPercentage"] != num("9") {
		t.Errorf("lines: %v", lines)
	}
	if _, there := first["decimalPlaces"]; there {
		t.Error("the scale is part of the quantity, not a field")
	}
	if p := objects(order["paymentList"]); len(p) != 1 || p[0]["amount"] != num("24.88") {
		t.Errorf("payments: %v", p)
	}
	if g := objects(order["vatGroupList"]); len(g) != 2 || g[1]["vatAmount"] != num("0.41") {
		t.Errorf("VAT: %v", g)
	}
}

func TestPrefixesDoNotMatter(t *testing.T) {
	t.Parallel()
	c := testClient()
	document := soap("GetOrdersResponse", el("orderList", el("order", orderXML())))
	want := decodeOrder(t, c, document)
	variants := map[string]string{
		"another prefix": strings.NewReplacer("<ns:", "<q:", "</ns:", "</q:", "xmlns:ns=", "xmlns:q=").Replace(document),
		"default namespace": strings.NewReplacer("<ns:", "<", "</ns:", "</", "<ns:GetOrdersResponse>", "").Replace(
			strings.Replace(document, "<ns:GetOrdersResponse>", `<GetOrdersResponse xmlns="urn:mplusqapi">`, 1)),
		"another envelope prefix": strings.ReplaceAll(document, "SOAP-ENV", "s"),
		"indented":                strings.ReplaceAll(document, "><ns:", ">\n  <ns:"),
		"byte order mark":         "\xef\xbb\xbf" + document,
	}
	for name, v := range variants {
		if got := decodeOrder(t, c, v); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v", name, got)
		}
	}
	foreign := strings.Replace(document, "<ns:orderId>", `<ns:orderId xmlns:ns="urn:other">`, 1)
	if got := decodeOrder(t, c, foreign); got["orderId"] != nil {
		t.Error("an element of another namespace is another element")
	}
}

// TestWhatIsWrittenReadsBack sends values and reads the message as an answer.
func TestWhatIsWrittenReadsBack(t *testing.T) {
	t.Parallel()
	c := testClient()
	for of, value := range map[string]map[string]any{
		"Order": {
			"orderId": "o", "extOrderId": "WEB-1", "financialDate": "2026-02-28", "vatMethod": "VAT-METHOD-EXCLUSIVE",
			"entryTimestamp": "2026-07-01T00:00:00+02:00", "invoiceAddress": map[string]any{"name": "A < B & C", "city": ""},
			"lineList": []any{map[string]any{
				"articleNumber": num("9007199254740993"),
				"data":          map[string]any{"quantity": num("-1.25"), "price": num("-0.05")},
			}},
		},
		"Relation": {
			"relationNumber": num("1"), "email": "ada@example.org", "birthDate": "1815-12-10", "creditLimit": num("100.00"),
			"categoryIds": []any{num("1"), num("2")}, "active": false,
			"customFieldList": []any{map[string]any{"fieldName": "Gewicht", "intValue": num("0.125")}},
		},
		"Article": {"articleNumber": num("5"), "pluNumber": "A-1", "priceIncl": num("8.99"), "webshop": true, "vatCode": num("0")},
	} {
		var w writer
		if err := c.encode(&w, of, value, false); err != nil {
			t.Fatalf("%s: %v", of, err)
		}
		root, err := parse(envelope("x", w.Bytes()))
		if err != nil {
			t.Fatalf("%s: %v\n%s", of, err, w.String())
		}
		content, _, err := opened(root)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.decode(of, content)
		if err != nil || !reflect.DeepEqual(got, value) {
			t.Errorf("%s: %v\n got %v\nwant %v", of, err, got, value)
		}
	}
}

func TestValuesThatCantBeSent(t *testing.T) {
	t.Parallel()
	c := testClient()
	for _, row := range []struct {
		of, field string
		value     any
		want      string
	}{
		{"LineData", "price", num("1.005"), "more than 2 decimals"},
		{"LineData", "price", num("1e30"), "too big"},
		{"LineData", "price", num("1e99999"), "not a number that fits"},
		{"LineData", "price", "1", "a number is needed"},
		{"LineData", "quantity", num("0.1234567"), "more than 6 decimals"},
		{"LineData", "vatPercentage", num("21"), "scale"},
		{"Line", "articleNumber", "SKU-1", "not a number"},
		{"Line", "articleNumber", num("1.5"), "more than 0 decimals"},
		{"Line", "lineKind", true, "text is needed"},
		{"Order", "entryBranchNumber", num("3000000000"), "too big"},
		{"Order", "financialDate", "31-12-2026", "not a date"},
		{"Order", "entryTimestamp", "2026-12-31", "not a moment"},
		{"Order", "vatMethod", "INCLUSIVE", "is not one of"},
		{"Order", "reference", "a\x00b", "can't carry"},
		{"Order", "lineList", map[string]any{}, "a list is needed"},
		{"Order", "lineList", []any{nil}, "null has no place"},
		{"Order", "invoiceAddress", "Kade 1", "an object is needed"},
		{"Relation", "active", "true", "true or false"},
		{"SetStockRequest", "amount", nil, "a value is needed"},
	} {
		var w writer
		f, _ := c.schema.find(row.of, row.field)
		err := c.encodeField(&w, f, row.value, false)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s.%s = %v: got %v, want %q", row.of, row.field, row.value, err, row.want)
		}
	}
}

func TestUnknownFieldsAreRefused(t *testing.T) {
	t.Parallel()
	_, err := testClient().request("createRelation", map[string]any{"relation": map[string]any{"colour": "red"}}, false)
	if f := failureOf(t, err); f.Class != invalid || f.Field != "colour" || !strings.Contains(f.Message, "no such field") {
		t.Errorf("%+v", f)
	}
}

func TestNullsInAnUpdate(t *testing.T) {
	t.Parallel()
	c := testClient()
	var w writer
	if err := c.encode(&w, "Relation", map[string]any{"telephone": nil, "relationNumber": num("1")}, true); err != nil {
		t.Fatal(err)
	}
	if got := w.String(); got != "<ns1:relationNumber>1</ns1:relationNumber><ns1:telephone></ns1:telephone>" {
		t.Error(got)
	}
	for _, name := range []string{"birthDate", "extRelationId", "priceGroupNumber"} {
		if err := c.encode(&w, "Relation", map[string]any{name: nil}, true); err == nil {
			t.Errorf("%s can't be emptied, and that must be said", name)
		}
	}
	w.Reset()
	if err := c.encode(&w, "Relation", map[string]any{"telephone": nil}, false); err != nil || w.Len() > 0 {
		t.Errorf("a null in a create is left out: %v %s", err, w.String())
	}
}

func TestRequiredEmptyLists(t *testing.T) {
	t.Parallel()
	body, err := testClient().request("getOrders", map[string]any{"request": map[string]any{
		"syncMarker": num("7"), "syncMarkerLimit": num("100"), "orderTypeList": []any{},
	}}, false)
	want := `<SOAP-ENV:Body><ns1:getOrders><ns1:request><ns1:syncMarker>7</ns1:syncMarker>` +
		`<ns1:syncMarkerLimit>100</ns1:syncMarkerLimit><ns1:articlePluNumbers></ns1:articlePluNumbers>` +
		`<ns1:articleBarcodes></ns1:articleBarcodes></ns1:request></ns1:getOrders></SOAP-ENV:Body>`
	if err != nil || !strings.Contains(string(body), want) {
		t.Errorf("%v\n%s", err, body)
	}
}

func TestScales(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		i        int64
		decimals int
		want     string
	}{
		{2100, 2, "21"}, {900, 2, "9"}, {0, 2, "0"}, {550, 2, "5.5"}, {10000, 2, "100"}, {21, 0, "21"}, {20, 0, "20"}, {210, 1, "21"},
	} {
		if got := percentage(row.i, row.decimals); got != num(row.want) {
			t.Errorf("%d with %d: %s, want %s", row.i, row.decimals, got, row.want)
		}
	}
	c := testClient()
	told := ""
	c.codec.absentScale, c.absentScaleSeen = 2, func(f string) { told = f }
	n, err := parse([]byte(`<data xmlns="urn:mplusqapi"><quantity>125</quantity><price>7</price></data>`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.decode("LineData", n)
	if err != nil || got["quantity"] != num("1.25") || got["price"] != num("0.07") || told != "quantity" {
		t.Errorf("%v %v %q", got, err, told)
	}
	whole, err := parse([]byte(`<f xmlns="urn:mplusqapi"><fieldName>n</fieldName><intValue>5</intValue></f>`))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.decode("CustomField", whole); err != nil || got["intValue"] != num("5") {
		t.Errorf("a whole number without a scale stays whole: %v %v", got, err)
	}
}

func TestMoments(t *testing.T) {
	t.Parallel()
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		year, month, day, hour, min, offset int
		dst                                 bool
		want                                any
	}{
		{2026, 7, 30, 14, 5, 120, true, "2026-07-30T14:05:00+02:00"},
		{2026, 7, 30, 14, 5, 0, false, "2026-07-30T14:05:00+02:00"}, // an old client: 0 does not mean UTC
		{2026, 1, 15, 9, 0, 60, false, "2026-01-15T09:00:00+01:00"},
		{2026, 12, 31, 23, 59, 0, false, "2026-12-31T23:59:00+01:00"},
		{2026, 12, 31, 23, 59, 60, false, "2026-12-31T23:59:00+01:00"},
		{2026, 10, 25, 2, 30, 0, true, "2026-10-25T02:30:00+02:00"},  // the hour that comes twice, first
		{2026, 10, 25, 2, 30, 0, false, "2026-10-25T02:30:00+01:00"}, // and second
		{2026, 10, 25, 2, 30, 120, false, "2026-10-25T02:30:00+02:00"},
		{2026, 3, 29, 2, 30, 0, false, "2026-03-29T03:30:00+02:00"}, // an hour that is not there
		{2026, 3, 29, 3, 0, 0, true, "2026-03-29T03:00:00+02:00"},
		{2026, 3, 29, 1, 59, 0, false, "2026-03-29T01:59:00+01:00"},
		{2026, 7, 1, 0, 30, 60, false, "2026-07-01T01:30:00+02:00"}, // an offset is taken at its word
		{0, 0, 0, 0, 0, 0, false, nil},
		{2026, 7, 0, 14, 5, 0, false, nil},
	} {
		n, err := parse([]byte(`<t xmlns="urn:mplusqapi">` + el("sec", 0) + el("min", row.min) + el("hour", row.hour) + el("day", row.day) +
			el("mon", row.month) + el("year", row.year) + el("isdst", row.dst) + el("timezone", row.offset) + `</t>`))
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeMoment(n, amsterdam)
		if err != nil || got != row.want {
			t.Errorf("%+v: got %v %v", row, got, err)
			continue
		}
		s, ok := got.(string)
		if !ok {
			continue
		}
		var w writer
		if err := encodeMoment(&w, "t", s, amsterdam); err != nil {
			t.Error(err)
		}
		again, err := parse([]byte(strings.Replace(strings.ReplaceAll(w.String(), "ns1:", ""), "<t>", `<t xmlns="urn:mplusqapi">`, 1)))
		if err != nil {
			t.Fatal(err)
		}
		if back, err := decodeMoment(again, amsterdam); err != nil || back != s {
			t.Errorf("%s came back as %v %v", s, back, err)
		}
	}
}

func TestAnswersThatMakeNoSense(t *testing.T) {
	t.Parallel()
	c := testClient()
	for _, row := range []struct{ of, content, want string }{
		{"Order", "<syncMarker>x</syncMarker>", "not a whole number"},
		{"Order", "<totalInclAmount>19.95</totalInclAmount>", "not a whole number"},
		{"Order", "<fullyPaid>maybe</fullyPaid>", "neither true nor false"},
		{"Order", "<financialDate><day>31</day><mon>2</mon><year>2026</year></financialDate>", "there is no day"},
		{"Order", "<entryTimestamp><hour>25</hour><day>1</day><mon>2</mon><year>2026</year></entryTimestamp>", "there is no time"},
		{"LineData", "<quantity>1</quantity><decimalPlaces>99</decimalPlaces>", "number of decimals"},
		{"Relation", "<accountBalance>1e99999</accountBalance>", "not a number that fits"},
		{"Relation", "<accountBalance>NaN</accountBalance>", "not a number that fits"},
	} {
		n, err := parse([]byte(`<x xmlns="urn:mplusqapi">` + row.content + `</x>`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.decode(row.of, n); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want %q", row.content, err, row.want)
		}
	}
	deep := strings.Repeat("<a>", maxDepth+1) + strings.Repeat("</a>", maxDepth+1)
	for name, document := range map[string]string{
		"deep": deep, "empty": " \n", "two roots": "<a/><b/>", "text behind": "<a/>x<", "doctype": "<!DOCTYPE a><a/>", "open": "<a><b>",
	} {
		if _, err := parse([]byte(document)); err == nil {
			t.Errorf("%s must not be taken for an answer", name)
		}
	}
}

// FuzzDecode: whatever arrives, reading it ends, and what comes out is a record.
func FuzzDecode(f *testing.F) {
	c := testClient()
	f.Add([]byte(soap("GetOrdersResponse", el("orderList", el("order", orderXML())))))
	f.Add([]byte(faultOf("SOAP-ENV:Server", "no")))
	f.Add([]byte(soap("SetStockResponse", el("result", "SET-STOCK-RESULT-OK"))))
	f.Add([]byte("<html>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		root, err := parse(data)
		if err != nil {
			return
		}
		content, _, err := opened(root)
		if err != nil || content == nil {
			return
		}
		for _, op := range c.operations {
			_, _ = c.understand(op, data)
		}
		values, err := c.decode(content.name, content)
		if err != nil {
			return
		}
		out, err := record.Encode(values)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := record.Decode(out); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	})
}
