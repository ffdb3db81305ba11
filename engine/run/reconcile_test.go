package run_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/plugins/record"
)

const accounts = `
pipeline "orders" {
  source "order" {
    connection = fake.till
  }
  filter "wanted" {
    keep   = record.total != 7
    reason = "a gift"
  }
  sink "sale" {
    connection = fake.books
    match      = { ref = record.id }
    create     = false
    set        = { ref = record.id }
  }
}
reconcile "orders" {
  timezone  = "UTC"
  pipelines = ["orders"]
  source "order" {
    connection = fake.till
    keep       = record.state != "cancelled"
    key        = record.id
    day        = record.day
    amount     = record.total
    vat        = [for g in record.vat : { rate = g.rate, vat = g.amount }]
  }
  target "sale" {
    connection = fake.books
    key        = record.ref
    day        = record.day
    amount     = record.total
    vat        = [for l in record.lines : { rate = l.rate, net = l.net }]
  }
}
`

func TestReconcile(t *testing.T) {
	t.Parallel()
	b := newTwoSystems(t, accounts)
	n := func(text string) record.Number { return record.Number(text) }
	sell := func(id, day, total, vat string) {
		b.till.put(id, map[string]any{
			"id": id, "day": day, "total": n(total), "state": "final",
			"vat": []any{map[string]any{"rate": n("21.00"), "amount": n(vat)}},
		})
	}
	book := func(ref, day, total string, nets ...string) {
		lines := []any{}
		for _, net := range nets {
			lines = append(lines, map[string]any{"rate": "21", "net": n(net)})
		}
		b.books.put(ref+day+total, map[string]any{"ref": ref, "day": day, "total": n(total), "lines": lines})
	}
	const first, second = "2025-01-01", "2025-01-02"
	sell("good", first, "12.10", "2.10")
	book("good", first, "12.1", "3.335", "6.665") // VAT is of the sum, not of each line
	sell("dead", first, "5.00", "0.87")
	sell("gift", first, "7.00", "1.21")
	sell("twice", second, "1.21", "0.21")
	book("twice", second, "1.21", "1")
	book("twice", "2025-01-03", "1.21", "1")
	sell("off", second, "123456789012345678.90", "0.21")
	book("off", first, "123456789012345678.91", "1.05")
	sell("late", second, "0.10", "0.02")
	book("late", second, "0.30", "0.08")
	book("late", second, "-0.20", "0.00") // and a correction
	sell("parts", second, "0.00", "0.41") // each part rounds its own VAT
	book("parts", second, "2.42", "2")
	book("parts", second, "-2.42") // without the VAT
	sell("wrong", second, "0.00", "0.21")
	book("wrong", second, "2.42", "2")
	book("wrong", second, "-2.42")
	b.till.put("void", map[string]any{"id": "void", "day": second, "total": n("9"), "state": "cancelled", "vat": []any{}})
	book("void", second, "9.00")
	book("void", second, "-9.00")
	book("ghost", second, "2.42", "2")
	book("other month", "2024-12-01", "2.42", "2")
	if s := b.sync(0); s.Records.Filtered != 1 {
		t.Fatalf("%+v", s)
	}

	day := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	got, err := b.runner.Reconcile(t.Context(), b.project.Reconciles[0], day, day.AddDate(0, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	want := &run.Reconciliation{
		Name: "orders", From: first, To: second, Zone: "UTC",
		Days: []run.Day{
			{
				Day:    first,
				Source: run.Totals{Records: 3, Amount: "24.10", VAT: map[string]record.Number{"21": "4.18"}},
				Target: run.Totals{Records: 1, Amount: "12.10", VAT: map[string]record.Number{"21": "2.10"}},
			},
			{
				Day:    second,
				Source: run.Totals{Records: 5, Amount: "123456789012345680.21", VAT: map[string]record.Number{"21": "1.06"}},
				Target: run.Totals{Records: 12, Amount: "123456789012345683.85", VAT: map[string]record.Number{"21": "1.92"}},
			},
		},
		Differences: []run.Difference{
			{Day: first, Key: "dead", Kind: "missing", Source: "5.00", Off: "-5.00", Why: `dead in orders, letter 1: sink.not_found: no sale with {"ref":"dead"}`},
			{Day: first, Key: "gift", Kind: "missing", Source: "7.00", Off: "-7.00", Why: "filtered by orders: a gift"},
			{Day: second, Key: "ghost", Kind: "unknown", Target: "2.42", Off: "2.42", Why: "booked, and not among what happened on these days"},
			{Day: second, Key: "off", Kind: "amount", Source: "123456789012345678.90", Target: "123456789012345678.91", Off: "0.01"},
			{Day: second, Key: "off", Kind: "day", Source: second, Target: first},
			{Day: second, Key: "off", Kind: "vat 21", Source: "0.21", Target: "0.22", Off: "0.01"},
			{Day: second, Key: "twice", Kind: "doubled", Source: "1.21", Target: "2.42", Off: "1.21", Why: "booked 2 times"},
			{Day: second, Key: "wrong", Kind: "vat 21", Source: "0.21", Target: "0.42", Off: "0.21"},
		},
	}
	for i, d := range got.Differences { // the number depends on who is first
		got.Differences[i].Why = regexp.MustCompile(`letter \d+`).ReplaceAllString(d.Why, "letter 1")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestReconcileCurrencies: amounts of different currencies are neither summed nor compared. A side that does not say its
// currency means the other's.
func TestReconcileCurrencies(t *testing.T) {
	t.Parallel()
	sides := strings.NewReplacer("amount     = record.total\n    vat        = [for g", "amount     = record.total\n    currency   = record.currency\n    vat        = [for g",
		"amount     = record.total\n    vat        = [for l", "amount     = record.total\n    currency   = record.currency\n    vat        = [for l").Replace(accounts)
	b := newTwoSystems(t, sides)
	const day, next = "2025-01-01", "2025-01-02"
	sell := func(id, total, currency string) {
		b.till.put(id, map[string]any{"id": id, "day": day, "total": record.Number(total), "currency": currency, "state": "final", "vat": []any{}})
	}
	book := func(ref, total string, currency any) {
		b.books.put(ref+total+fmt.Sprint(currency), map[string]any{"ref": ref, "day": day, "total": record.Number(total), "currency": currency, "lines": []any{}})
	}
	sell("euros", "10.00", "EUR")
	book("euros", "10.00", "EUR")
	sell("dollars", "10.00", "USD")
	book("dollars", "10.00", nil) // it is not said in which
	sell("wrong", "5.00", "EUR")
	book("wrong", "5.00", "USD")
	sell("both", "3.00", "EUR")
	book("both", "2.00", "EUR")
	book("both", "1.00", "USD")
	sell("mended", "4.00", "EUR")
	book("mended", "4.00", "USD")
	book("mended", "-4.00", "USD")
	book("mended", "4.00", "EUR")
	book("ghost", "7.00", "EUR")
	book("ghost", "-7.00", "USD") // is no credit of it
	first := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	got, err := b.runner.ReconcileAndKeep(t.Context(), b.project.Reconciles[0], first, first.AddDate(0, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	const ghost = "booked, and not among what happened on these days"
	none := map[string]record.Number(nil)
	want := &run.Reconciliation{
		Name: "orders", From: day, To: next, Zone: "UTC",
		Days: []run.Day{
			{Day: day, Currency: "EUR", Source: run.Totals{Records: 4, Amount: "22.00", VAT: none}, Target: run.Totals{Records: 4, Amount: "23.00", VAT: none}},
			{Day: day, Currency: "USD", Source: run.Totals{Records: 1, Amount: "10.00", VAT: none}, Target: run.Totals{Records: 6, Amount: "9.00", VAT: none}},
			{Day: next, Source: run.Totals{Amount: "0.00"}, Target: run.Totals{Amount: "0.00"}},
		},
		Differences: []run.Difference{
			{Day: day, Key: "both", Kind: "currency", Currency: "USD", Target: "1.00", Off: "1.00", Why: "happened in EUR"},
			{Day: day, Key: "both", Kind: "amount", Currency: "EUR", Source: "3.00", Target: "2.00", Off: "-1.00"},
			{Day: day, Key: "ghost", Kind: "unknown", Currency: "EUR", Target: "7.00", Off: "7.00", Why: ghost},
			{Day: day, Key: "ghost", Kind: "unknown", Currency: "USD", Target: "-7.00", Off: "-7.00", Why: ghost},
			{Day: day, Key: "wrong", Kind: "currency", Currency: "EUR", Source: "5.00", Off: "-5.00", Why: "booked in USD"},
			{Day: day, Key: "wrong", Kind: "currency", Currency: "USD", Target: "5.00", Off: "5.00", Why: "happened in EUR"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	kept, err := b.runner.Store.Reconciled(t.Context(), day)
	if err != nil || len(kept) != 2 {
		t.Fatalf("%+v, %v", kept, err)
	}
	if off := fmt.Sprint(kept[0].Off, kept[1].Off); off != "[] [7.00 EUR 7.00 USD]" {
		t.Errorf("%s", off)
	}
}
