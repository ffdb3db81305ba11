package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// posting is a record on one side.
type posting struct {
	key, day string
	amount   *apd.Decimal
	currency string
	vat      map[string]*apd.Decimal
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
