package sql

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// pageRows are fetched with one statement. The database is left alone while they are passed on: a read that takes hours
// holds no lock and no snapshot.
const pageRows = 1000

// Read reads a table, a view or a query, in the order of the cursor's column and the key, page by page. Each page begins
// after the last row of the one before, so that a read can begin anywhere.
func (c *connection) Read(ctx context.Context, request sdk.ReadRequest, emit func(sdk.Batch) error) (string, error) {
	t, err := c.table(ctx, request.Entity)
	if err != nil {
		return "", err
	}
	r := &reading{connection: c, table: t, request: request}
	if err := r.begin(ctx); err != nil {
		return "", err
	}
	for more := true; more; {
		if more, err = r.page(ctx, emit); err != nil {
			return "", err
		}
	}
	return r.end()
}

type reading struct {
	*connection
	table   *table
	request sdk.ReadRequest
	order   []column // that the rows come in: the cursor's column if there is one, then the key
	timed   bool     // the first of them is a time, as the cursor
	from    []any    // only rows after these values; nil = all
	again   bool     // from was looked back from: not only what comes after it, but it too
	seen    string   // the cursor as it was given
}

// place is a cursor: the values of the last row in the order's columns.
type place struct {
	by []string
	at []any // nil = a whole read came to its end: the next one begins again
}

func (p place) encode() (string, error) {
	by := make([]any, len(p.by))
	for i, name := range p.by {
		by[i] = name
	}
	m := map[string]any{"by": by}
	if p.at != nil {
		m["at"] = p.at
	}
	data, err := record.Encode(m)
	return string(data), err
}

func parsePlace(text string) (p place, ok bool) {
	m, err := record.DecodeObject([]byte(text))
	if err != nil {
		return p, false
	}
	by, _ := m["by"].([]any)
	for _, name := range by {
		name, isText := name.(string)
		if !isText {
			return p, false
		}
		p.by = append(p.by, name)
	}
	p.at, _ = m["at"].([]any)
	return p, len(p.by) > 0 && (p.at == nil || len(p.at) == len(p.by))
}

func (r *reading) names() []string {
	out := make([]string, len(r.order))
	for i, c := range r.order {
		out[i] = c.name
	}
	return out
}

func (r *reading) begin(ctx context.Context) error {
	key, err := r.table.keyed()
	if err != nil {
		return err
	}
	name := r.request.Options.String("cursor")
	if name != "" {
		col, ok := r.table.column(name)
		switch {
		case !ok:
			return sdk.Fatal("sql.no_column", "%s has no column %q to read on from; it has %s", r.table.entity, name, r.table.names()).At("cursor")
		case col.kind == kindFloat || col.kind == kindBool || col.kind == kindJSON || col.kind == kindList:
			return sdk.Fatal("sql.no_cursor", "%s can't be a cursor: it holds %s; use a number or a time that grows with every change", name, col.kind).At("cursor")
		}
		r.timed = col.kind == kindDate || col.kind == kindInstant || col.kind == kindLocal
		r.order = append(r.order, col)
	}
	if (!r.request.From.IsZero() || !r.request.To.IsZero()) && !r.timed {
		return sdk.Fatal("sql.no_range", "a range of time can be read only where the source's `cursor` is a column of times")
	}
	for _, c := range key {
		if c.name != name {
			r.order = append(r.order, c)
		}
	}
	for _, c := range r.order {
		if c.kind == kindJSON || c.kind == kindList {
			return sdk.Fatal("sql.bad_key", "%s can't be a key: it holds %s; choose other columns in `keys`", c.name, c.kind)
		}
	}
	if r.request.Cursor == "" {
		return r.nulls(ctx, name)
	}
	p, ok := parsePlace(r.request.Cursor)
	if !ok || !slices.Equal(p.by, r.names()) {
		return sdk.Fatal("sql.bad_cursor", "the stored place %.100q is none in the order of %s; put `cursor` and `keys` back, or reset the pipeline's cursor",
			r.request.Cursor, strings.Join(r.names(), ", "))
	}
	return r.resume(p)
}

// resume goes on after a place; where the cursor is a time, a little before it.
func (r *reading) resume(p place) error {
	if p.at == nil {
		return nil
	}
	r.seen = r.request.Cursor
	for i, c := range r.order {
		v := p.at[i]
		if text, ok := v.(string); ok && c.kind.isTime() {
			r.from = append(r.from, text) // as the database wrote it
			continue
		}
		arg, err := c.encode(v)
		if err != nil {
			return sdk.Fatal("sql.bad_cursor", "the stored place %.100q does not fit the table any more: %v", r.request.Cursor, err)
		}
		r.from = append(r.from, arg)
	}
	overlap := r.request.Options.Duration("overlap")
	if !r.timed || overlap <= 0 {
		return nil
	}
	first := r.order[0]
	text, _ := p.at[0].(string)
	t, err := first.parseTime(text)
	if err != nil {
		return sdk.Fatal("sql.bad_cursor", "the stored place %.100q has no time", r.request.Cursor)
	}
	r.from, r.again = []any{first.write(t.Add(-overlap))}, true
	return nil
}

// nulls looks, before the first read, for rows that have no place in the order.
func (r *reading) nulls(ctx context.Context, cursor string) error {
	if r.table.primary && cursor == "" {
		return nil
	}
	for _, c := range r.order {
		if r.table.primary && c.name != cursor {
			continue
		}
		rows, err := r.rows(ctx, r.db, r.table, r.dialect.first(1, r.shown(r.table), "FROM "+r.table.read+" WHERE "+r.dialect.quote(c.name)+" IS NULL"), nil)
		switch {
		case err != nil:
			return r.failure(err)
		case len(rows) == 0:
		case c.name == cursor:
			r.log.Warn("rows without a value in the cursor's column are not read", "entity", r.table.entity, "column", cursor)
		default:
			return sdk.Fatal("sql.key_null", "%s is null in a row of %s; a key must tell rows apart: choose other columns in `keys`", c.name, r.table.entity)
		}
	}
	return nil
}

func (k kind) isTime() bool { return k == kindDate || k == kindInstant || k == kindLocal }

// write is a time as the column's database takes it.
func (c column) write(t time.Time) string {
	switch c.kind {
	case kindDate:
		return t.In(c.zone).Format(time.DateOnly)
	case kindInstant:
		return t.UTC().Format(c.time)
	}
	return t.In(c.zone).Format(c.time)
}

// query is the next page's statement. It asks for a row more than the page has: if that one is alike in all that the
// order goes by, the one after the page could not be told from the last one in it.
func (r *reading) query() (string, []any) {
	s := &statement{dialect: r.dialect}
	var conditions []string
	if len(r.request.Options.String("cursor")) > 0 {
		conditions = append(conditions, r.dialect.quote(r.order[0].name)+" IS NOT NULL")
	}
	if r.timed && !r.request.From.IsZero() {
		conditions = append(conditions, r.dialect.quote(r.order[0].name)+" >= "+s.value(r.order[0], r.order[0].write(r.request.From)))
	}
	if r.timed && !r.request.To.IsZero() {
		conditions = append(conditions, r.dialect.quote(r.order[0].name)+" < "+s.value(r.order[0], r.order[0].write(r.request.To)))
	}
	if r.from != nil {
		first := r.dialect.quote(r.order[0].name) + " >= " + s.value(r.order[0], r.from[0]) // an index serves this, not the rest
		conditions = append(conditions, first)
		if !r.again {
			conditions = append(conditions, r.after(s, 0))
		}
	}
	order := make([]string, len(r.order))
	for i, c := range r.order {
		order[i] = alias + "." + r.dialect.quote(c.name)
	}
	rest := "FROM " + r.table.read
	if len(conditions) > 0 {
		rest += " WHERE " + strings.Join(conditions, " AND ")
	}
	return r.dialect.first(pageRows+1, r.shown(r.table), rest+" ORDER BY "+strings.Join(order, ", ")), s.args
}

// after is the condition of coming after r.from, from its i-th value on.
func (r *reading) after(s *statement, i int) string {
	c := r.order[i]
	greater := r.dialect.quote(c.name) + " > " + s.value(c, r.from[i])
	if i == len(r.order)-1 {
		return greater
	}
	return "(" + greater + " OR (" + s.equal(c, r.from[i]) + " AND " + r.after(s, i+1) + "))"
}

func (r *reading) page(ctx context.Context, emit func(sdk.Batch) error) (more bool, err error) {
	query, args := r.query()
	rows, err := r.rows(ctx, r.db, r.table, query, args)
	if err != nil {
		return false, r.failure(err)
	}
	more = len(rows) > pageRows
	if err := r.distinct(rows); err != nil {
		return false, err
	}
	rows = rows[:min(len(rows), pageRows)]
	for part := range slices.Chunk(rows, r.request.BatchSize) {
		batch := sdk.Batch{}
		for _, row := range part {
			rec, err := r.record(row)
			if err != nil {
				return false, err
			}
			batch.Records = append(batch.Records, rec)
		}
		p, err := r.place(part[len(part)-1])
		if err != nil {
			return false, err
		}
		if batch.Cursor, err = p.encode(); err != nil {
			return false, err
		}
		r.seen = batch.Cursor
		if err := emit(batch); err != nil {
			return false, err
		}
	}
	if len(rows) == 0 {
		return false, nil
	}
	last := rows[len(rows)-1]
	r.from, r.again = make([]any, len(r.order)), false
	for i, c := range r.order {
		if r.from[i], err = r.raw(c, last); err != nil {
			return false, err
		}
	}
	return more, nil
}

// at is a row's value in a column.
func (t *table) at(c column, row row) any {
	return row[slices.IndexFunc(t.columns, func(o column) bool { return o.name == c.name })]
}

// raw is a row's value, ready to be compared with the column it came from.
func (r *reading) raw(c column, row row) (any, error) {
	v := r.table.at(c, row)
	if v != nil && c.kind.isTime() {
		return asText(v), nil
	}
	value, err := c.decode(v)
	if err != nil {
		return nil, sdk.Fatal("sql.bad_key", "a row of %s can't be told from others: %v", r.table.entity, err)
	}
	return c.encode(value)
}

// place is the cursor after a row.
func (r *reading) place(row row) (place, error) {
	p := place{by: r.names(), at: make([]any, len(r.order))}
	for i, c := range r.order {
		v := r.table.at(c, row)
		if v != nil && c.kind.isTime() {
			p.at[i] = asText(v)
			continue
		}
		var err error
		if p.at[i], err = c.decode(v); err != nil {
			return p, sdk.Fatal("sql.bad_key", "a row of %s can't be told from others: %v", r.table.entity, err)
		}
	}
	return p, nil
}

// distinct fails when two rows that follow each other are alike in all that the order goes by.
func (r *reading) distinct(rows []row) error {
	if r.table.primary {
		return nil
	}
	for i := 1; i < len(rows); i++ {
		alike := true
		for _, c := range r.order {
			alike = alike && asText(r.table.at(c, rows[i-1])) == asText(r.table.at(c, rows[i]))
		}
		if alike {
			return sdk.Fatal("sql.key_not_unique", "%s has two rows that are alike in %s; choose columns in `keys` that tell its rows apart",
				r.table.entity, strings.Join(r.names(), ", "))
		}
	}
	return nil
}

func (r *reading) record(row row) (sdk.Record, error) {
	var out sdk.Record
	fields, bad := r.table.fields(row)
	var err error
	if out.Key, err = r.table.id(fields); err != nil {
		return out, errors.Join(bad, err)
	}
	out.Err = bad
	if out.Payload, err = record.Encode(fields); err != nil {
		return out, err
	}
	if r.timed {
		if t, err := r.order[0].parseTime(asText(r.table.at(r.order[0], row))); err == nil {
			out.OccurredAt = t
		}
	}
	return out, nil
}

// end is where the next read begins: with a cursor's column where this one ended, else at the beginning again.
func (r *reading) end() (string, error) {
	if r.request.Options.String("cursor") != "" {
		return r.seen, nil
	}
	return place{by: r.names()}.encode()
}

// Lookup finds rows whose columns equal what is asked for.
func (c *connection) Lookup(ctx context.Context, entity string, q sdk.Query) ([]sdk.Found, error) {
	t, err := c.table(ctx, entity)
	if err != nil {
		return nil, err
	}
	if _, err := t.keyed(); err != nil {
		return nil, err
	}
	s := &statement{dialect: c.dialect}
	var condition string
	want := map[string]any{}
	if q.ID != "" {
		key, ok := t.keyOf(q.ID)
		if !ok {
			return nil, nil
		}
		condition = t.byKey(s, key)
	} else {
		var parts []string
		for name, value := range q.Match {
			col, ok := t.column(name)
			switch {
			case !ok:
				return nil, sdk.Fatal("sql.no_column", "%s has no column %q to look it up by; it has %s", entity, name, t.names()).At(name)
			case col.kind == kindJSON || col.kind == kindList:
				return nil, sdk.Fatal("sql.no_match", "%s can't be looked up by %s, which holds %s", entity, name, col.kind).At(name)
			}
			arg, err := col.encode(value)
			if err == nil {
				want[name], err = col.canonical(value)
			}
			if err != nil {
				return nil, nil //nolint:nilerr // what the column can't hold does not stand in it
			}
			parts = append(parts, s.equal(col, arg))
		}
		condition = strings.Join(parts, " AND ")
	}
	return c.find(ctx, c.db, t, condition, s.args, want)
}

// mostHits is more than anybody can use: two are one too many.
const mostHits = 200

// find returns the rows under a condition that also equal want: a database may count ABC and abc as the same.
func (c *connection) find(ctx context.Context, q querier, t *table, condition string, args []any, want map[string]any) ([]sdk.Found, error) {
	rows, err := c.rows(ctx, q, t, c.dialect.first(mostHits, c.shown(t), "FROM "+t.read+" WHERE "+condition), args)
	if err != nil {
		f := c.failure(err)
		if sdk.IsClass(f, protocol.FailureClass_FAILURE_CLASS_INVALID) {
			return nil, nil // a value that is too large for the column does not stand in it
		}
		return nil, f
	}
	var out []sdk.Found
	for _, row := range rows {
		fields, err := t.fields(row)
		if err != nil {
			return nil, err
		}
		exact := true
		for name, value := range want {
			exact = exact && record.Equal(fields[name], value)
		}
		if !exact {
			continue
		}
		id, err := t.id(fields)
		if err != nil {
			return nil, err
		}
		out = append(out, sdk.Found{ID: id, Version: record.Hash(fields), Fields: fields})
	}
	return out, nil
}
