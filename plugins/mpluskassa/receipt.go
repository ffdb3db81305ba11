package mpluskassa

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// readDays gives the receipts of a branch's day together, once the day is over, and again whenever one of them is added
// or changed later. Its cursor is the sync marker and behind it the days that are still to be given: "42 2026-01-31/1".
func (c *connection) readDays(ctx context.Context, r sdk.ReadRequest, emit func(sdk.Batch) error) (string, error) {
	wanted, err := c.period(r)
	if err != nil {
		return "", err
	}
	ranged := !r.From.IsZero() || !r.To.IsZero()
	marker, waiting := "", ""
	if !ranged {
		marker, waiting, _ = strings.Cut(r.Cursor, " ")
	}
	next, days, err := c.changedDays(ctx, marker, wanted, emit)
	if err != nil {
		return "", err
	}
	days = append(days, strings.Fields(waiting)...)
	slices.Sort(days)
	days = slices.Compact(days)
	now := c.now().In(c.codec.zone).Add(-time.Duration(r.Options.Int("hours_after")) * time.Hour).Format(time.DateOnly)
	first := slices.IndexFunc(days, func(d string) bool { return d >= now })
	if first < 0 {
		first = len(days)
	}
	for i, d := range days[:first] {
		rec, err := c.day(ctx, d)
		if err != nil {
			return "", err
		}
		b := sdk.Batch{Records: []sdk.Record{rec}}
		if !ranged {
			b.Cursor = dayCursor(next, days[i+1:])
		}
		if err := emit(b); err != nil {
			return "", err
		}
	}
	if ranged {
		return r.Cursor, nil
	}
	return dayCursor(next, days[first:]), nil
}

func dayCursor(next int64, days []string) string {
	return strings.Join(append([]string{strconv.FormatInt(next, 10)}, days...), " ")
}

// changedDays are the days of the receipts from a marker on, as "date/branch".
func (c *connection) changedDays(ctx context.Context, marker string, wanted period, emit func(sdk.Batch) error) (
	next int64, days []string, err error,
) {
	s := sequence{operation: "getReceipts", id: "receiptId", head: "receiptSyncMarker", extra: map[string]any{"includeLineList": false}}
	if marker == "" {
		wanted.ask(s.extra)
	}
	next, done, err := c.begin(ctx, marker, s.head)
	if err != nil || done {
		return next, nil, err
	}
	next, err = c.walk(ctx, s, next, func(rows []row) error {
		var wrong []sdk.Record
		for _, r := range rows {
			receipt, err := c.decode("Receipt", r.node)
			if err != nil {
				wrong = append(wrong, unreadable(r.node, s.id, err))
				continue
			}
			if day := record.Text(receipt["financialDate"]); wanted.has(receipt) && day != "" {
				days = append(days, day+"/"+numberIn(receipt, "financialBranchNumber"))
			}
		}
		if len(wrong) == 0 {
			return nil
		}
		return emit(sdk.Batch{Records: wrong})
	})
	return next, days, err
}

// day has all receipts of a day.
func (c *connection) day(ctx context.Context, day string) (sdk.Record, error) {
	date, branch, _ := strings.Cut(day, "/")
	s := sequence{operation: "getReceipts", id: "receiptId", extra: map[string]any{
		"includeLineList": true, "includeOrderReferences": true, "branchNumbers": numberList([]string{branch}),
	}}
	period{first: date, last: date}.ask(s.extra)
	id := branch + "/" + date
	var receipts []map[string]any
	var wrong *sdk.Record
	_, err := c.walk(ctx, s, 1, func(rows []row) error {
		for _, r := range rows {
			receipt, err := c.decode("Receipt", r.node)
			if err != nil {
				bad := unreadable(r.node, s.id, err)
				bad.Key, wrong = id, &bad
				continue
			}
			receipts = append(receipts, receipt)
		}
		return nil
	})
	if err != nil {
		return sdk.Record{}, err
	}
	if wrong != nil { // a day with a hole in it is none
		return *wrong, nil
	}
	j := c.newJoins()
	if err := j.prepare(ctx, receipts, false, c.needsArticles()); err != nil {
		return sdk.Record{}, err
	}
	list := make([]any, len(receipts))
	for i, receipt := range receipts {
		j.complete(receipt, false, false)
		list[i] = receipt
	}
	return recordOf(id, map[string]any{
		"id": id, "branchNumber": record.Number(branch), "date": date, "receipts": list,
	}, ""), nil
}
