package run

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// Day is one day's totals on both sides, in one currency. A day on which nothing was has one without a currency.
type Day struct {
	Day      string `json:"day"`
	Currency string `json:"currency,omitempty"` // where it is known
	Source   Totals `json:"source"`
	Target   Totals `json:"target"`
}

// Totals are those of one side.
type Totals struct {
	Records int                      `json:"records"`
	Amount  record.Number            `json:"amount"`
	VAT     map[string]record.Number `json:"vat,omitempty"` // by rate
}

// Worth is what records of one currency come to.
type Worth struct {
	Records  int           `json:"records"`
	Amount   record.Number `json:"amount"`
	Currency string        `json:"currency,omitempty" doc:"such as EUR; left out where the block does not say it"`
}

// money computes with amounts, exactly.
var money = apd.BaseContext.WithPrecision(60)

// Happened is what the source of a reconcile block says of the days from..to, both included, each currency apart.
func (r *Runner) Happened(ctx context.Context, def *pipelines.Reconcile, from, to time.Time) ([]Worth, error) {
	sold, err := r.postings(ctx, def.Source, &protocol.ReadStart{FromMs: from.UnixMilli(), ToMs: to.AddDate(0, 0, 1).UnixMilli()})
	if err != nil {
		return nil, err
	}
	sold = slices.DeleteFunc(sold, func(p posting) bool { return p.day < from.Format(time.DateOnly) || p.day > to.Format(time.DateOnly) })
	out := []Worth{}
	for _, some := range byCurrency(sold) {
		out = append(out, Worth{len(some), amount(sum(some)), some[0].currency})
	}
	return out, nil
}

// byCurrency takes postings apart, by currency in order.
func byCurrency(all []posting) [][]posting {
	apart := map[string][]posting{}
	for _, p := range all {
		apart[p.currency] = append(apart[p.currency], p)
	}
	out := make([][]posting, 0, len(apart))
	for _, currency := range slices.Sorted(maps.Keys(apart)) {
		out = append(out, apart[currency])
	}
	return out
}

// sum is what postings of one currency come to.
func sum(all []posting) *apd.Decimal {
	out := new(apd.Decimal)
	for _, p := range all {
		add(out, p.amount)
	}
	return out
}

// Figure is one line of a comparison: a day's total on both sides, in one currency.
type Figure struct{ Day, What, Currency, Source, Target string }

// Figures are the totals of all days as lines, each currency apart: records, the amount, and VAT by rate.
func (r *Reconciliation) Figures() []Figure {
	var out []Figure
	for _, d := range r.Days {
		out = append(out,
			Figure{d.Day, "records", d.Currency, strconv.Itoa(d.Source.Records), strconv.Itoa(d.Target.Records)},
			Figure{d.Day, "amount", d.Currency, string(d.Source.Amount), string(d.Target.Amount)})
		for _, rate := range d.Rates() {
			out = append(out, Figure{d.Day, "vat " + rate, d.Currency, string(orNone(d.Source.VAT[rate])), string(orNone(d.Target.VAT[rate]))})
		}
	}
	return out
}

func orNone(n record.Number) record.Number { return cmp.Or(n, "0.00") }

// totalsByDay adds up both sides, each currency apart. What is booked counts on the day on which it happened, if that is
// known.
func totalsByDay(def *pipelines.Reconcile, from, to time.Time, sold []posting, booked map[string][]posting) []Day {
	type both struct{ source, target sums }
	days := map[string]map[string]*both{}
	for day := from; !day.After(to); day = day.AddDate(0, 0, 1) {
		days[day.Format(time.DateOnly)] = map[string]*both{}
	}
	of := func(day, currency string) *both {
		if days[day] == nil { // of another time
			return &both{}
		}
		if days[day][currency] == nil {
			days[day][currency] = &both{}
		}
		return days[day][currency]
	}
	happened := map[string]string{}
	for _, p := range sold {
		happened[p.key] = p.day
		of(p.day, p.currency).source.count(p, def.Source.VAT != nil)
	}
	for key, all := range booked {
		for _, p := range all {
			of(cmp.Or(happened[key], p.day), p.currency).target.count(p, p.vat != nil)
		}
	}
	out := []Day{}
	for _, day := range slices.Sorted(maps.Keys(days)) {
		if len(days[day]) == 0 {
			of(day, "")
		}
		for _, currency := range slices.Sorted(maps.Keys(days[day])) {
			b := days[day][currency]
			out = append(out, Day{day, currency, b.source.totals(), b.target.totals()})
		}
	}
	return out
}

// sums are Totals in the making.
type sums struct {
	records int
	amount  apd.Decimal
	vat     map[string]*apd.Decimal
}

func (s *sums) count(p posting, vat bool) {
	s.records++
	add(&s.amount, p.amount)
	if !vat {
		return
	}
	if s.vat == nil {
		s.vat = map[string]*apd.Decimal{}
	}
	for rate, v := range p.vat {
		s.vat[rate] = add(orZero(s.vat[rate]), v)
	}
}

func (s *sums) totals() Totals {
	t := Totals{Records: s.records, Amount: amount(&s.amount)}
	for rate, v := range s.vat {
		if t.VAT == nil {
			t.VAT = map[string]record.Number{}
		}
		t.VAT[rate] = amount(v)
	}
	return t
}

// Rates are the VAT rates of both sides, the lowest first.
func (d Day) Rates() []string {
	return slices.SortedFunc(maps.Keys(union(d.Source.VAT, d.Target.VAT)), byNumber)
}

func rates(a, b map[string]*apd.Decimal) []string {
	return slices.SortedFunc(maps.Keys(union(a, b)), byNumber)
}

func union[V any](a, b map[string]V) map[string]V {
	out := maps.Clone(a)
	if out == nil {
		out = map[string]V{}
	}
	maps.Copy(out, b)
	return out
}

func byNumber(a, b string) int {
	x, err1 := record.Number(a).Decimal()
	y, err2 := record.Number(b).Decimal()
	if err1 != nil || err2 != nil {
		return cmp.Compare(a, b)
	}
	return x.Cmp(y)
}

// add adds b to a and returns a.
func add(a, b *apd.Decimal) *apd.Decimal {
	_, _ = money.Add(a, a, b) // traps nothing within 60 digits
	return a
}

func less(a, b *apd.Decimal) *apd.Decimal {
	out := new(apd.Decimal)
	_, _ = money.Sub(out, a, b) // as in add
	return out
}

func orZero(d *apd.Decimal) *apd.Decimal {
	if d == nil {
		return new(apd.Decimal)
	}
	return d
}

// amount has cents, or more decimals where the cents are not all.
func amount(d *apd.Decimal) record.Number {
	out := new(apd.Decimal)
	out.Reduce(d)
	if out.Exponent > -2 {
		_, _ = money.Quantize(out, out, -2)
	}
	return record.FromDecimal(out)
}

func cents(d *apd.Decimal) string { return string(amount(d)) }
