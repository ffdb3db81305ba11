package run

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
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

// Difference is one record that is not booked as it happened.
type Difference struct {
	Day      string        `json:"day"`
	Key      string        `json:"key"`
	Kind     string        `json:"kind"`               // missing, doubled, unknown, currency, amount, day, vat RATE
	Currency string        `json:"currency,omitempty"` // of the amounts, where it is known
	Source   string        `json:"source,omitempty"`
	Target   string        `json:"target,omitempty"`
	Off      record.Number `json:"off,omitempty"` // target less source
	Why      string        `json:"why,omitempty"`
}

// lookBack is how much earlier than its day a record may have been booked.
const lookBack = 7 * 24 * time.Hour

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
	sayCurrency(sold, byKey)
	out.Days = totalsByDay(def, from, to, sold, byKey)
	for _, p := range sold {
		found, err := r.differences(ctx, def, p, byKey[p.key])
		if err != nil {
			return nil, err
		}
		out.Differences = append(out.Differences, found...)
	}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		if _, ok := known[key]; ok {
			continue
		}
		for _, some := range byCurrency(byKey[key]) {
			if sum(some).IsZero() { // as an order and its credit come to nothing
				continue
			}
			for _, p := range some {
				out.Differences = append(out.Differences, Difference{
					Day: p.day, Key: key, Kind: "unknown", Currency: p.currency, Target: cents(p.amount), Off: amount(p.amount),
					Why: "booked, and not among what happened on these days",
				})
			}
		}
	}
	slices.SortStableFunc(out.Differences, func(a, b Difference) int { return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Key, b.Key)) })
	return out, nil
}

// sayCurrency gives what does not say its currency that of the other side's record.
func sayCurrency(sold []posting, booked map[string][]posting) {
	for i := range sold {
		p, all := &sold[i], booked[sold[i].key]
		for _, b := range all {
			p.currency = cmp.Or(p.currency, b.currency)
		}
		for j := range all {
			all[j].currency = cmp.Or(all[j].currency, p.currency)
		}
	}
}

// ReconcileAndKeep reconciles, and keeps of each day how it came out.
func (r *Runner) ReconcileAndKeep(ctx context.Context, def *pipelines.Reconcile, from, to time.Time) (*Reconciliation, error) {
	out, err := r.Reconcile(ctx, def, from, to)
	if err != nil {
		return nil, err
	}
	for day := from; !day.After(to); day = day.AddDate(0, 0, 1) {
		kept := state.Reconciled{Name: def.Name, Day: day.Format(time.DateOnly), At: r.Clock(), Off: []state.Off{}}
		worst := map[string]*apd.Decimal{}
		for _, d := range out.Differences {
			if d.Day != kept.Day {
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
			if off = new(apd.Decimal).Abs(off); off.Cmp(orZero(worst[d.Currency])) > 0 {
				worst[d.Currency] = off
			}
		}
		for _, currency := range slices.Sorted(maps.Keys(worst)) {
			kept.Off = append(kept.Off, state.Off{Amount: cents(worst[currency]), Currency: currency})
		}
		if err := r.Store.PutReconciled(ctx, kept); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// differences are those of one record.
func (r *Runner) differences(ctx context.Context, def *pipelines.Reconcile, p posting, booked []posting) ([]Difference, error) {
	d := Difference{Day: p.day, Key: p.key, Currency: p.currency, Source: cents(p.amount)}
	var out []Difference
	var same []posting
	var elsewhere string
	for _, some := range byCurrency(booked) {
		currency, booked := some[0].currency, sum(some)
		switch {
		case currency == p.currency:
			same = some
		case !booked.IsZero():
			elsewhere = currency
			out = append(out, Difference{
				Day: p.day, Key: p.key, Kind: "currency", Currency: currency, Target: cents(booked), Off: amount(booked), Why: "happened in " + p.currency,
			})
		}
	}
	switch {
	case len(same) == 0 && elsewhere != "":
		d.Kind, d.Why, d.Off = "currency", "booked in "+elsewhere, amount(less(new(apd.Decimal), p.amount))
		return append([]Difference{d}, out...), nil
	case len(same) == 0:
		why, err := r.why(ctx, def.Pipelines, p.key)
		d.Kind, d.Why, d.Off = "missing", why, amount(less(new(apd.Decimal), p.amount))
		return []Difference{d}, err
	case len(same) > 1:
		booked := together(same)
		if off := less(booked.amount, p.amount); !off.IsZero() {
			d.Kind, d.Target, d.Off, d.Why = "doubled", cents(booked.amount), amount(off), fmt.Sprintf("booked %d times", len(same))
			return append(out, d), nil
		}
		// Booked in parts, or with a correction: each of them rounds its VAT.
		vat := vatDifferences(p, booked)
		return append(out, slices.DeleteFunc(vat, func(d Difference) bool { return d.within(len(same) - 1) })...), nil
	}
	b := same[0]
	if off := less(b.amount, p.amount); !off.IsZero() {
		d.Kind, d.Target, d.Off = "amount", cents(b.amount), amount(off)
		out = append(out, d)
	}
	if b.day != p.day {
		out = append(out, Difference{Day: p.day, Key: p.key, Kind: "day", Source: p.day, Target: b.day})
	}
	return append(out, vatDifferences(p, b)...), nil
}

// together is what several bookings come to. Its VAT is not known where that of one isn't.
func together(booked []posting) posting {
	all := posting{amount: sum(booked), vat: map[string]*apd.Decimal{}}
	for _, b := range booked {
		if b.vat == nil {
			all.vat = nil
		}
		for rate, part := range b.vat {
			if all.vat != nil {
				all.vat[rate] = add(orZero(all.vat[rate]), part)
			}
		}
	}
	return all
}

// within tells whether a difference is no more than so many cents.
func (d Difference) within(cents int) bool {
	off, err := d.Off.Decimal()
	return err == nil && new(apd.Decimal).Abs(off).Cmp(apd.New(int64(cents), -2)) <= 0
}

// vatDifferences are those by rate.
func vatDifferences(p, b posting) (out []Difference) {
	if p.vat == nil || b.vat == nil {
		return nil
	}
	for _, rate := range rates(p.vat, b.vat) {
		have, want := orZero(b.vat[rate]), orZero(p.vat[rate])
		if off := less(have, want); !off.IsZero() {
			out = append(out, Difference{
				Day: p.day, Key: p.key, Kind: "vat " + rate, Currency: p.currency, Source: cents(want), Target: cents(have), Off: amount(off),
			})
		}
	}
	return out
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
