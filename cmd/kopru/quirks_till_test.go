package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	tillsandbox "github.com/kopru-io/kopru/cmd/kopru-sandbox/mpluskassa"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// tillQuirks are installations that differ in what the vendor's documentation leaves open, each with the settings for
// it. With them, none may make a difference.
func tillQuirks() map[string]struct {
	tillsandbox.Options
	settings sdk.Config
} {
	type quirk = struct {
		tillsandbox.Options
		settings sdk.Config
	}
	return map[string]quirk{
		"strict":              {tillsandbox.Options{Strict: true}, nil},
		"short pages":         {tillsandbox.Options{PageCap: 3, RelationCap: 2}, nil},
		"no limit asked":      {tillsandbox.Options{RelationCap: 2}, sdk.Config{"page_size": record.Int(0)}},
		"one at a time":       {tillsandbox.Options{}, sdk.Config{"page_size": record.Int(1)}},
		"only what changed":   {tillsandbox.Options{ChangedArticlesOnly: true}, nil},
		"stock after":         {tillsandbox.Options{StockAfter: true}, nil},
		"no scale of 0":       {tillsandbox.Options{OmitScale: true}, nil},
		"other percents":      {tillsandbox.Options{PercentScale: 1}, sdk.Config{"vat_scale": record.Int(0), "discount_scale": record.Int(0)}},
		"old server":          {tillsandbox.Options{Missing: []string{"findRelationV2", "createOrderV3", "getCurrentSyncMarkers"}}, nil},
		"empty finds first":   {tillsandbox.Options{EmptyFindsFirst: true}, nil},
		"control characters":  {tillsandbox.Options{Controls: tillsandbox.ControlsRaw}, nil},
		"control references":  {tillsandbox.Options{Controls: tillsandbox.ControlsReference}, nil},
		"credentials are 401": {tillsandbox.Options{AuthStatus: 401}, nil},
	}
}

// TestTheTillReadsTheSameWhateverItsQuirks compares what is read from each installation with the default one.
func TestTheTillReadsTheSameWhateverItsQuirks(t *testing.T) {
	t.Parallel()
	options := map[string]sdk.Config{
		"order": {"with_relation": true, "with_products": true}, "relation": nil, "article": nil, "product": nil,
		"stock": {"branch": record.Int(1)}, "employee": nil, "vat_group": nil,
	}
	read := func(t *testing.T, o tillsandbox.Options, settings sdk.Config) map[string]*pass {
		o.Now = fixedClock()
		with := sdk.Config{"discount_scale": record.Int(2)} // as the emulator writes it
		maps.Copy(with, settings)
		r := tillOf(t, 25, o, with)
		out := map[string]*pass{}
		for e, with := range options {
			out[e] = r.all(e, with)
		}
		return out
	}
	want := read(t, tillsandbox.Options{}, nil)
	for name, quirk := range tillQuirks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for e, p := range read(t, quirk.Options, quirk.settings) {
				same(t, want[e].last, p.last)
				if p.cursor != want[e].cursor {
					t.Errorf("%s ends at %q, not at %q", e, p.cursor, want[e].cursor)
				}
			}
		})
	}
}

// TestTheTillFindsExactly looks relations up in a search that is partial and answers with one only.
func TestTheTillFindsExactly(t *testing.T) {
	t.Parallel()
	for name, quirk := range tillQuirks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := tillOf(t, 5, quirk.Options, quirk.settings)
			long := r.must(r.create("relation", `{"name":"Lang","email":"an@x.example.org","extRelationId":"WEB-10"}`))
			short := r.must(r.create("relation", `{"name":"Kort","email":"n@x.example.org","extRelationId":"WEB-1"}`))
			for _, row := range []struct{ field, value, want string }{
				{"email", "n@x.example.org", short},
				{"email", "N@X.EXAMPLE.ORG", short},
				{"email", "an@x.example.org", long},
				{"email", "x.example.org", ""},
				{"extRelationId", "WEB-1", short},
				{"extRelationId", "WEB-10", long},
				{"extRelationId", "WEB", ""},
			} {
				ids, _ := r.find("relation", map[string]any{row.field: row.value})
				if got := strings.Join(ids, " "); got != row.want {
					t.Errorf("%s %s finds %q, want %q", row.field, row.value, got, row.want)
				}
			}
			if ids, _ := r.find("relation", map[string]any{"email": "n@x.example.org", "extRelationId": "WEB-10"}); len(ids) != 0 {
				t.Errorf("two halves of two relations found %v", ids)
			}
		})
	}
}

// TestTheTillKeepsNumbersExact writes and reads back cents, scales, and numbers beyond 32 and 53 bits.
func TestTheTillKeepsNumbersExact(t *testing.T) {
	t.Parallel()
	r := tillOf(t, 5, tillsandbox.Options{}, nil)
	for _, number := range []string{"2147483648", "9007199254740993", "9223372036854775807"} {
		if id := r.must(r.create("relation", `{"relationNumber":`+number+`,"name":"Groot","email":"n`+number+`@example.org"}`)); id != number {
			t.Errorf("%s became %s", number, id)
		}
		if ids, _ := r.find("relation", map[string]any{"email": "n" + number + "@example.org"}); !slices.Equal(ids, []string{number}) {
			t.Errorf("%s is found as %v", number, ids)
		}
	}
	stock := slices.Sorted(maps.Keys(r.all("stock", sdk.Config{"branch": record.Int(1)}).last))[0]
	branch, article, _ := strings.Cut(stock, "/")
	for _, amount := range []string{"0", "-3", "1.25", "0.530", "123456.123456"} {
		r.must(r.create("stock", fmt.Sprintf(`{"branchNumber":%s,"articleNumber":%s,"amount":%s}`, branch, article, amount)))
		_, found := r.find("stock", map[string]any{"branchNumber": record.Number(branch), "articleNumber": record.Number(article)})
		if len(found) != 1 || !record.Equal(found[0].Fields["amount"], record.Number(amount)) {
			t.Errorf("%s came back as %v", amount, found)
		}
	}
	for _, amount := range []string{"0.1234567", "1e300", `"many"`, "null"} {
		got := r.create("stock", fmt.Sprintf(`{"branchNumber":%s,"articleNumber":%s,"amount":%s}`, branch, article, amount))
		if classOf(got.Err) != classInvalid {
			t.Errorf("%s: %v", amount, got.Err)
		}
	}
}

// tillOrderOf writes an order of one line.
func tillOrderOf(r *remote, ext, quantity, price string) sdk.Result {
	r.t.Helper()
	relation := slices.Sorted(maps.Keys(r.all("relation", nil).last))[0]
	return r.create("order", fmt.Sprintf(`{"extOrderId":%q,"entryBranchNumber":1,"relationNumber":%s,"employeeNumber":999999,
		"vatMethod":"VAT-METHOD-INCLUSIVE","lineList":[{"articleNumber":4501,"data":{"quantity":%s,"price":%s}}]}`,
		ext, relation, quantity, price))
}

// TestTheTillTakesCentsOnly refuses half a cent rather than round it, and an order that is there already.
func TestTheTillTakesCentsOnly(t *testing.T) {
	t.Parallel()
	r := tillOf(t, 5, tillsandbox.Options{}, nil)
	if got := tillOrderOf(r, "WEB-1", "1", "19.995"); classOf(got.Err) != classInvalid {
		t.Errorf("half a cent: %v", got.Err)
	}
	r.must(tillOrderOf(r, "WEB-2", "0.375", "19.95"))
	_, found := r.find("order", map[string]any{"extOrderId": "WEB-2"})
	lines, _ := found[0].Fields["lineList"].([]any)
	line, _ := lines[0].(map[string]any)
	data, _ := line["data"].(map[string]any)
	if !record.Equal(data["quantity"], record.Number("0.375")) || !record.Equal(data["price"], record.Number("19.95")) {
		t.Errorf("got %v", data)
	}
	if got := tillOrderOf(r, "WEB-2", "2", "19.95"); classOf(got.Err) != classConflict {
		t.Errorf("another order of the same number: %v", got.Err)
	}
}

// TestCancellingTwiceCancels has a till whose newer call would take the first cancellation back.
func TestCancellingTwiceCancels(t *testing.T) {
	t.Parallel()
	r := tillOf(t, 5, tillsandbox.Options{}, nil)
	id := r.must(tillOrderOf(r, "WEB-1", "1", "19.95"))
	for range 3 {
		r.must(r.update("order", id, "", `{"cancelState":"ORDER-CANCEL-STATE-COMPLETE"}`))
		_, found := r.find("order", map[string]any{"extOrderId": "WEB-1"})
		if got := value(found[0], "cancelState"); got != "ORDER-CANCEL-STATE-COMPLETE" {
			t.Fatalf("the order is %s", got)
		}
	}
}

// TestOrdersThatChangeWhileRead cancels orders that were read already and some that were not, between two pages.
func TestOrdersThatChangeWhileRead(t *testing.T) {
	t.Parallel()
	r := tillOf(t, 60, tillsandbox.Options{}, sdk.Config{"page_size": record.Int(10)})
	before := r.all("order", nil)
	open := slices.DeleteFunc(slices.Clone(before.order), func(id string) bool {
		return strings.Contains(before.last[id], `"cancelState":"ORDER-CANCEL-STATE-COMPLETE"`)
	})
	early, late := open[0], open[len(open)-1]
	p := r.read("order", "", nil, func(n int) {
		if n == 1 {
			r.tell("POST", "/orders/"+early+"/cancel", "", nil)
			r.tell("POST", "/orders/"+late+"/cancel", "", nil)
			r.tell("POST", "/orders", `{"count":3}`, nil)
		}
	})
	if p.err != nil || len(p.last) != len(before.last)+3 {
		t.Fatalf("%d orders of %d, %v", len(p.last), len(before.last)+3, p.err)
	}
	for _, id := range []string{early, late} {
		if !strings.Contains(p.last[id], `"cancelState":"ORDER-CANCEL-STATE-COMPLETE"`) {
			t.Errorf("%s is not cancelled: %s", id, p.last[id])
		}
	}
	if again := r.read("order", p.cursor, nil, nil); again.err != nil || len(again.order) != 0 {
		t.Errorf("afterwards %d orders come again, %v", len(again.order), again.err)
	}
}

// TestARestoredTillIsNoticed reads on from a cursor that the till, restored from a backup, has not reached.
func TestARestoredTillIsNoticed(t *testing.T) {
	t.Parallel()
	cursor := map[string]string{}
	for e, with := range map[string]sdk.Config{"order": nil, "relation": nil, "stock": {"branch": record.Int(1)}} {
		r := tillOf(t, 60, tillsandbox.Options{}, nil)
		if e == "stock" {
			article := strings.Split(slices.Collect(maps.Keys(r.all(e, with).last))[0], "/")[1]
			for i := range 9 {
				r.must(r.create("stock", fmt.Sprintf(`{"branchNumber":1,"articleNumber":%s,"amount":%d}`, article, i)))
			}
		}
		cursor[e] = r.all(e, with).cursor
		p := tillOf(t, 10, tillsandbox.Options{}, nil).read(e, cursor[e], with, nil)
		if classOf(p.err) != classFatal || codeOf(p.err) != "mpluskassa.marker_went_back" {
			t.Errorf("%s: %d records, %v", e, len(p.order), p.err)
		}
	}
}
