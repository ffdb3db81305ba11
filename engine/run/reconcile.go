package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// Reconciliation is what one system says happened on some days, against what is booked of it.
type Reconciliation struct {
	Name        string       `json:"name"`
	From        string       `json:"from"` // the first day
	To          string       `json:"to"`   // the last day
	Zone        string       `json:"timezone"`
	Days        []Day        `json:"days"`
	Differences []Difference `json:"differences"`
}

// Day is one day's totals on both sides.
type Day struct {
	Day    string `json:"day"`
	Source Totals `json:"source"`
	Target Totals `json:"target"`
}

// Totals are those of one side.
type Totals struct {
	Records  int                      `json:"records"`
	Amount   record.Number            `json:"amount"`
	Currency string                   `json:"currency,omitempty"` // of Happened, where it is known
	VAT      map[string]record.Number `json:"vat,omitempty"`      // by rate
}

// Difference is one record that is not booked as it happened.
type Difference struct {
	Day    string        `json:"day"`
	Key    string        `json:"key"`
	Kind   string        `json:"kind"` // missing, doubled, unknown, amount, day, vat RATE
	Source string        `json:"source,omitempty"`
	Target string        `json:"target,omitempty"`
	Off    record.Number `json:"off,omitempty"` // target less source
	Why    string        `json:"why,omitempty"`
}

// lookBack is how much earlier than its day a record may have been booked.
const lookBack = 7 * 24 * time.Hour

// money computes with amounts, exactly.
var money = apd.BaseContext.WithPrecision(60)

// posting is a record on one side.
type posting struct {
	key, day string
	amount   *apd.Decimal
	currency string
	vat      map[string]*apd.Decimal
}

// Reconcile compares the days from..to, both included. It writes nothing.
func (r *Runner) Reconcile(ctx context.Context, def *pipelines.Reconcile, from, to time.Time) (*Reconciliation, error) {
	out := &Reconciliation{
		Name: def.Name, From: from.Format(time.DateOnly), To: to.Format(time.DateOnly), Zone: def.Zone.String(), Differences: []Difference{},
	}
	end := to.AddDate(0, 0, 1)
	sold, err := r.postings(ctx, def.Source, &protocol.ReadStart{FromMs: from.UnixMilli(), ToMs: end.UnixMilli()})
	if err != nil {
		return nil, err
	}
	var booked []posting
	for _, target := range def.Targets {
		some, err := r.postings(ctx, target, &protocol.ReadStart{FromMs: from.Add(-lookBack).UnixMilli()})
		if err != nil {
			return nil, err
		}
		booked = append(booked, some...)
	}
	sold = slices.DeleteFunc(sold, func(p posting) bool { return p.day < out.From || p.day > out.To })
	known := map[string]posting{}
	for _, p := range sold {
		known[p.key] = p
	}
	byKey := map[string][]posting{}
	for _, p := range booked {
		if _, ok := known[p.key]; ok || p.day >= out.From && p.day <= out.To {
			byKey[p.key] = append(byKey[p.key], p)
		}
	}
	out.Days = totalsByDay(def, from, to, sold, byKey)
	for _, p := range sold {
		found, err := r.differences(ctx, def, p, byKey[p.key])
		if err != nil {
			return nil, err
		}
		out.Differences = append(out.Differences, found...)
	}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		if _, ok := known[key]; !ok && !balanced(byKey[key]) {
			for _, p := range byKey[key] {
				out.Differences = append(out.Differences, Difference{
					Day: p.day, Key: key, Kind: "unknown", Target: cents(p.amount), Off: amount(p.amount), Why: "booked, and not among what happened on these days",
				})
			}
		}
	}
	slices.SortStableFunc(out.Differences, func(a, b Difference) int { return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Key, b.Key)) })
	return out, nil
}

// ReconcileAndKeep reconciles, and keeps of each day how it came out.
func (r *Runner) ReconcileAndKeep(ctx context.Context, def *pipelines.Reconcile, from, to time.Time) (*Reconciliation, error) {
	out, err := r.Reconcile(ctx, def, from, to)
	if err != nil {
		return nil, err
	}
	for _, day := range out.Days {
		kept := state.Reconciled{Name: def.Name, Day: day.Day, At: r.Clock(), Off: "0.00"}
		worst := new(apd.Decimal)
		for _, d := range out.Differences {
			if d.Day != day.Day {
				continue
			}
			kept.Differences++
			if d.Off == "" {
				continue
			}
			off, err := d.Off.Decimal()
			if err != nil {
				return nil, err
			}
			if off = new(apd.Decimal).Abs(off); off.Cmp(worst) > 0 {
				worst, kept.Off = off, cents(off)
			}
		}
		if err := r.Store.PutReconciled(ctx, kept); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Happened is what the source of a reconcile block says of the days from..to, both included, each currency apart.
func (r *Runner) Happened(ctx context.Context, def *pipelines.Reconcile, from, to time.Time) ([]Totals, error) {
	sold, err := r.postings(ctx, def.Source, &protocol.ReadStart{FromMs: from.UnixMilli(), ToMs: to.AddDate(0, 0, 1).UnixMilli()})
	if err != nil {
		return nil, err
	}
	byCurrency := map[string]*sums{}
	for _, p := range sold {
		if p.day < from.Format(time.DateOnly) || p.day > to.Format(time.DateOnly) {
			continue
		}
		if byCurrency[p.currency] == nil {
			byCurrency[p.currency] = &sums{}
		}
		byCurrency[p.currency].count(p, def.Source.VAT != nil)
	}
	out := []Totals{}
	for _, currency := range slices.Sorted(maps.Keys(byCurrency)) {
		t := byCurrency[currency].totals()
		t.Currency = currency
		out = append(out, t)
	}
	return out, nil
}

// Figure is one line of a comparison: a day's total on both sides.
type Figure struct{ Day, What, Source, Target string }

// Figures are the totals of all days as lines: records, the amount, and VAT by rate.
func (r *Reconciliation) Figures() []Figure {
	var out []Figure
	for _, d := range r.Days {
		out = append(out,
			Figure{d.Day, "records", strconv.Itoa(d.Source.Records), strconv.Itoa(d.Target.Records)},
			Figure{d.Day, "amount", string(d.Source.Amount), string(d.Target.Amount)})
		for _, rate := range d.Rates() {
			out = append(out, Figure{d.Day, "vat " + rate, string(orNone(d.Source.VAT[rate])), string(orNone(d.Target.VAT[rate]))})
		}
	}
	return out
}

func orNone(n record.Number) record.Number { return cmp.Or(n, "0.00") }

// balanced tells whether bookings come to nothing, as an order and its credit do.
func balanced(all []posting) bool {
	sum := new(apd.Decimal)
	for _, p := range all {
		add(sum, p.amount)
	}
	return sum.IsZero()
}

// differences are those of one record.
func (r *Runner) differences(ctx context.Context, def *pipelines.Reconcile, p posting, booked []posting) ([]Difference, error) {
	d := Difference{Day: p.day, Key: p.key, Source: cents(p.amount)}
	switch len(booked) {
	case 0:
		why, err := r.why(ctx, def.Pipelines, p.key)
		d.Kind, d.Why, d.Off = "missing", why, amount(less(new(apd.Decimal), p.amount))
		return []Difference{d}, err
	case 1:
	default:
		sum := new(apd.Decimal)
		for _, b := range booked {
			add(sum, b.amount)
		}
		if less(sum, p.amount).IsZero() { // booked in parts, or with a correction
			return nil, nil
		}
		d.Kind, d.Target, d.Off, d.Why = "doubled", cents(sum), amount(less(sum, p.amount)), fmt.Sprintf("booked %d times", len(booked))
		return []Difference{d}, nil
	}
	var out []Difference
	b := booked[0]
	if off := less(b.amount, p.amount); !off.IsZero() {
		d.Kind, d.Target, d.Off = "amount", cents(b.amount), amount(off)
		out = append(out, d)
	}
	if b.day != p.day {
		out = append(out, Difference{Day: p.day, Key: p.key, Kind: "day", Source: p.day, Target: b.day})
	}
	if p.vat == nil || b.vat == nil {
		return out, nil
	}
	for _, rate := range rates(p.vat, b.vat) {
		have, want := orZero(b.vat[rate]), orZero(p.vat[rate])
		if off := less(have, want); !off.IsZero() {
			out = append(out, Difference{
				Day: p.day, Key: p.key, Kind: "vat " + rate, Source: cents(want), Target: cents(have), Off: amount(off),
			})
		}
	}
	return out, nil
}

// why says what became of a record that is not booked.
func (r *Runner) why(ctx context.Context, pipelines []string, key string) (string, error) {
	for _, p := range pipelines {
		held, err := r.Store.Held(ctx, state.HeldFilter{Pipeline: p, Key: key, Limit: 1})
		if err != nil {
			return "", err
		}
		if len(held) > 0 && (held[0].Status == state.HeldDead || held[0].Status == string(state.Parked)) {
			return fmt.Sprintf("%s in %s, letter %d: %s: %s", held[0].Status, p, held[0].ID, held[0].Code, held[0].Message), nil
		}
		entries, err := r.Store.ActivityPage(ctx, state.ActivityFilter{Pipeline: p, Key: key, Limit: 1})
		if err != nil {
			return "", err
		}
		if len(entries) > 0 {
			return fmt.Sprintf("%s by %s: %s", entries[0].Outcome, p, entries[0].Reason), nil
		}
	}
	return "not read yet", nil
}

// postings reads one side.
func (r *Runner) postings(ctx context.Context, a *pipelines.Account, start *protocol.ReadStart) ([]posting, error) {
	conn, err := r.Connections.get(ctx, a.Connection)
	if err != nil {
		return nil, err
	}
	defer r.Connections.release(map[string]*connection{a.Connection.Address(): conn})
	if start.Options, err = record.Encode(a.Options); err != nil {
		return nil, err
	}
	start.Entity, start.BatchSize = a.Entity, BatchSize
	stream, err := conn.Read(ctx, start)
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", a.Entity, a.Connection.Address(), err)
	}
	defer stream.Close() //nolint:errcheck // all was read, or another error is told
	var out []posting
	for {
		b, err := stream.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", a.Entity, a.Connection.Address(), err)
		}
		for _, rec := range b.GetRecords() {
			p, counts, err := postingOf(a, rec)
			if err != nil {
				return nil, fmt.Errorf("%s %s of %s: %w", a.Entity, rec.GetKey(), a.Connection.Address(), err)
			}
			if counts {
				out = append(out, p)
			}
		}
	}
}

func postingOf(a *pipelines.Account, rec *protocol.Record) (p posting, counts bool, err error) {
	if err := host.AsError(rec.GetFailure(), nil); err != nil {
		return p, false, err
	}
	doc, err := record.Decode(rec.GetPayload())
	if err != nil {
		return p, false, err
	}
	scope := pipelines.Scope{Slots: make([]any, pipelines.FirstFreeSlot)}
	scope.Slots[pipelines.SlotRecord], scope.Slots[pipelines.SlotSource] = doc, doc
	scope.Slots[pipelines.SlotMeta] = meta(a.Entity, rec)
	if a.Keep != nil {
		keep, err := a.Keep.Eval(&scope)
		if err != nil || keep != true {
			return p, false, err
		}
	}
	texts := map[string]string{}
	for name, e := range map[string]pipelines.Expr{"key": a.Key, "day": a.Day, "amount": a.Amount} {
		v, err := e.Eval(&scope)
		if err != nil {
			return p, false, err
		}
		if v == nil || v == "" {
			return p, false, fmt.Errorf("%s is empty", name)
		}
		texts[name] = fmt.Sprint(v)
	}
	if len(texts["day"]) < len(time.DateOnly) {
		return p, false, fmt.Errorf("day is %q, not a date such as 2026-01-31", texts["day"])
	}
	p = posting{key: texts["key"], day: texts["day"][:len(time.DateOnly)]}
	if p.amount, err = record.Number(texts["amount"]).Decimal(); err != nil {
		return p, false, fmt.Errorf("amount: %w", err)
	}
	if a.Currency != nil {
		v, err := a.Currency.Eval(&scope)
		if err != nil {
			return p, false, err
		}
		p.currency, _ = v.(string) // none is a currency that nobody knows
	}
	if a.VAT != nil {
		v, err := a.VAT.Eval(&scope)
		if err == nil {
			p.vat, err = vatOf(v)
		}
		if err != nil {
			return p, false, fmt.Errorf("vat: %w", err)
		}
	}
	return p, true, nil
}

// vatOf sums VAT by rate. Where only net amounts are given it is worked out of their sum, rounded to the cent, as books
// do for each rate of a document.
func vatOf(v any) (map[string]*apd.Decimal, error) {
	list, _ := v.([]any)
	vat, net := map[string]*apd.Decimal{}, map[string]*apd.Decimal{}
	for _, item := range list {
		m, _ := item.(map[string]any)
		rate, err := decimalOf(m["rate"])
		if err != nil {
			return nil, fmt.Errorf("a rate: %w", err)
		}
		to, from := vat, m["vat"]
		if from == nil {
			to, from = net, m["net"]
		}
		sum, err := decimalOf(from)
		if err != nil {
			return nil, fmt.Errorf("an amount at %s %%: %w", rateText(rate), err)
		}
		name := rateText(rate)
		to[name] = add(orZero(to[name]), sum)
	}
	for name, sum := range net {
		rate, _ := record.Number(name).Decimal() // it was written above
		part := new(apd.Decimal)
		if _, err := money.Mul(part, sum, rate); err != nil {
			return nil, err
		}
		part.Exponent -= 2 // of a hundred
		c := *money
		c.Rounding = apd.RoundHalfUp
		if _, err := c.Quantize(part, part, -2); err != nil {
			return nil, err
		}
		vat[name] = add(orZero(vat[name]), part)
	}
	return vat, nil
}

func decimalOf(v any) (*apd.Decimal, error) {
	if v == nil {
		return nil, errors.New("it is missing")
	}
	return record.Number(fmt.Sprint(v)).Decimal()
}

// rateText writes 21, 21.0 and 21.00 alike.
func rateText(rate *apd.Decimal) string {
	reduced := new(apd.Decimal)
	reduced.Reduce(rate)
	return string(record.FromDecimal(reduced))
}

// totalsByDay adds up both sides. What is booked counts on the day on which it happened, if that is known.
func totalsByDay(def *pipelines.Reconcile, from, to time.Time, sold []posting, booked map[string][]posting) []Day {
	out := []Day{}
	at := map[string]int{}
	for day := from; !day.After(to); day = day.AddDate(0, 0, 1) {
		at[day.Format(time.DateOnly)] = len(out)
		out = append(out, Day{Day: day.Format(time.DateOnly)})
	}
	source, target := make([]sums, len(out)), make([]sums, len(out))
	happened := map[string]string{}
	for _, p := range sold {
		happened[p.key] = p.day
		source[at[p.day]].count(p, def.Source.VAT != nil)
	}
	for key, all := range booked {
		for _, p := range all {
			day, ok := happened[key]
			if !ok {
				day = p.day
			}
			if i, ok := at[day]; ok {
				target[i].count(p, p.vat != nil)
			}
		}
	}
	for i := range out {
		out[i].Source, out[i].Target = source[i].totals(), target[i].totals()
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
