package vismanet

import (
	"context"
	"time"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// Read gives what changed since the cursor. Where a read has ended, the cursor is the last change seen, in the
// server's own words, and the next read looks back behind it by the overlap. A list is not in the order of the
// changes: within a read the cursor only says how many pages are done. It never passes the moment at which the server
// began to answer: what changed later may have been missed.
func (c *connection) Read(ctx context.Context, q sdk.ReadRequest, emit func(sdk.Batch) error) (string, error) {
	e, api, err := c.entity(q.Entity)
	if err != nil {
		return "", err
	}
	if e.lookupOnly {
		return "", sdk.Fatal("vismanet.lookup_only", "%s can only be looked up", e.name)
	}
	if e.name == "inventory_item" {
		c.digits.stale.Store(true)
	}
	r := &reading{request: q, entity: e, api: api, emit: emit}
	if e.modified != "" {
		if r.cursor, err = c.start(q); err != nil {
			return "", err
		}
	}
	r.behind = r.at.seen
	list := listing{
		fetch: func(n int) (page, error) { return api.page(ctx, nil, e, n, r.since) },
		key:   func(in map[string]any) string { return rowKey(in, e.key) },
	}
	if err := list.walk(ctx, r.at, func(p page) error { return r.take(ctx, p) }); err != nil {
		return "", err
	}
	if !r.resumable() {
		return q.Cursor, nil
	}
	return r.end(), nil
}

// start is where a read begins.
func (c *connection) start(q sdk.ReadRequest) (cursor, error) {
	switch {
	case !q.From.IsZero() || !q.To.IsZero():
		return cursor{since: q.From}, nil
	case q.Cursor != "":
		cur, err := parseCursor(q.Cursor)
		if err != nil {
			return cur, sdk.Fatal("vismanet.bad_cursor", "the cursor %q is none of this connector's", q.Cursor)
		}
		if cur.at.page == 0 {
			cur.since = cur.mark.Add(-c.settings.overlap)
		}
		return cur, nil
	case q.Options.String("start") != "":
		start, err := time.ParseInLocation(time.DateOnly, q.Options.String("start"), c.settings.zone)
		if err != nil {
			return cursor{}, sdk.Fatal("vismanet.bad_start", `start must be a day such as "2026-01-31"`).At("start")
		}
		return cursor{since: start}, nil
	}
	return cursor{}, nil
}

// reading is one read in progress.
type reading struct {
	cursor
	request sdk.ReadRequest
	entity  *entity
	api     api
	emit    func(sdk.Batch) error
	behind  int // rows in front of where it began
}

// resumable tells whether the read's cursor moves: not that of a whole list or of a range.
func (r *reading) resumable() bool {
	return r.entity.modified != "" && r.request.From.IsZero() && r.request.To.IsZero()
}

// take emits the rows of a page, a batch at a time; the last one carries the cursor.
func (r *reading) take(ctx context.Context, p page) error {
	rows := p.rows
	for len(rows) > 0 {
		n := min(len(rows), max(r.request.BatchSize, 1))
		complete, err := r.api.complete(ctx, r.entity, rows[:n])
		if err != nil {
			return err
		}
		rows = rows[n:]
		records, err := r.batch(complete)
		if err != nil {
			return err
		}
		out := sdk.Batch{Records: records, Total: max(0, p.next.total-r.behind)}
		if len(rows) == 0 {
			r.limitTo(p.at)
			if r.at = p.next; r.resumable() {
				out.Cursor = r.text()
			}
		}
		if len(records) > 0 {
			if err := r.emit(out); err != nil {
				return err
			}
		}
	}
	r.limitTo(p.at)
	return nil
}

func (r *reading) batch(rows []row) ([]sdk.Record, error) {
	var out []sdk.Record
	for _, row := range rows {
		if row.Fields == nil {
			continue
		}
		if row.ID == "" && row.err == nil {
			row.err = sdk.Invalid("vismanet.faulty_row", "Visma.net gave a %s without %s", r.entity.name, r.entity.key)
		}
		payload, err := record.Encode(row.Fields)
		if err != nil {
			return nil, sdk.Fatal("vismanet.bad_answer", "%s %s: %v", r.entity.name, row.ID, err)
		}
		changed, _ := time.Parse(time.RFC3339Nano, textOf(row.Fields[r.entity.modified])) // zero when not said
		if !r.request.To.IsZero() && !changed.Before(r.request.To) {
			continue
		}
		if changed.After(r.high) {
			r.high = changed
		}
		out = append(out, sdk.Record{Key: row.ID, OccurredAt: changed, Payload: payload, Err: row.err})
	}
	return out, nil
}
