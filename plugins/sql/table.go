package sql

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// describedFor is how long a table's description is used before the database is asked again.
const describedFor = time.Minute

// alias is what a table is called in a SELECT.
const alias = "kopru"

type cached struct {
	table *table
	until time.Time
}

// table is a table, a view or a query as the database describes it.
type table struct {
	entity  string
	name    name
	query   bool   // it can only be read
	from    string // what is written to
	read    string // what stands after FROM: with an alias, for what is read as text must be ordered as what it is
	columns []column
	key     []column // none = nothing tells its rows apart
	primary bool     // key is the primary key: unique, and never null
}

func (t *table) column(name string) (column, bool) {
	i := slices.IndexFunc(t.columns, func(c column) bool { return c.name == name })
	if i < 0 {
		return column{}, false
	}
	return t.columns[i], true
}

func (t *table) names() string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return strings.Join(names, ", ")
}

// String is the table as a human sees it.
func (t *table) String() string {
	var b strings.Builder
	b.WriteString(t.entity + ": ")
	for i, c := range t.columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(c.name + " " + strings.ToLower(c.typ))
		if slices.ContainsFunc(t.key, func(k column) bool { return k.name == c.name }) {
			b.WriteString(" (key)")
		}
	}
	if len(t.key) == 0 {
		b.WriteString("; no key: name its columns in `keys`")
	}
	return b.String()
}

// table describes an entity.
func (c *connection) table(ctx context.Context, entity string) (*table, error) {
	c.mu.Lock()
	known := c.tables[entity]
	c.mu.Unlock()
	if known.table != nil && time.Now().Before(known.until) {
		return known.table, nil
	}
	t, err := c.describe(ctx, entity)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.tables[entity] = cached{t, time.Now().Add(describedFor)}
	c.mu.Unlock()
	return t, nil
}

// forget makes the database be asked anew what there is.
func (c *connection) forget() {
	c.mu.Lock()
	clear(c.tables)
	c.mu.Unlock()
}

func (c *connection) describe(ctx context.Context, entity string) (*table, error) {
	t := &table{entity: entity}
	var err error
	if query, ok := c.settings.queries[entity]; ok {
		t.query, t.read = true, "(\n"+query+"\n) AS "+alias // its last line may be a comment
		t.columns, err = c.columnsOf(ctx, t.read)
	} else {
		var ok bool
		if t.name, ok = parseName(entity); !ok {
			return nil, sdk.Fatal("sql.bad_name", "%q names no table; write it like orders or sales.orders, and a name with a dot in it in double quotes", entity)
		}
		t.from = t.name.quoted(c.dialect)
		t.read = t.from + " AS " + alias
		t.columns, err = c.catalogue(ctx, t.name)
	}
	if err != nil {
		return nil, c.failure(err)
	}
	if len(t.columns) == 0 {
		return nil, sdk.Fatal("sql.no_table", "there is no table, view or query %q; `kopru check` shows what there is for the user %q", entity, c.settings.user)
	}
	for i := range t.columns {
		col := &t.columns[i]
		col.kind, col.zone = c.dialect.kind(col.typ), c.settings.zone
		col.time = c.dialect.timeForm(col.kind)
		if col.key > 0 {
			t.key = append(t.key, *col)
		}
	}
	slices.SortFunc(t.key, func(a, b column) int { return a.key - b.key })
	t.primary = len(t.key) > 0
	if names := c.settings.keys[entity]; names != nil {
		t.key, t.primary = nil, false
		for _, name := range names {
			col, ok := t.column(name)
			if !ok {
				return nil, sdk.Fatal("sql.no_column", "`keys` names the column %q, which %s has not; it has %s", name, entity, t.names()).At("keys." + entity)
			}
			t.key = append(t.key, col)
		}
	}
	return t, nil
}

// catalogue asks for a table's columns.
func (c *connection) catalogue(ctx context.Context, n name) ([]column, error) {
	query, args := c.dialect.columns(n)
	rows, err := c.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // it was only read
	var out []column
	for rows.Next() {
		var col column
		if err := rows.Scan(&col.name, &col.typ, &col.key, &col.auto); err != nil {
			return nil, err
		}
		out = append(out, col)
	}
	return out, rows.Err()
}

// columnsOf tries a query and takes the columns that its answer would have.
func (c *connection) columnsOf(ctx context.Context, from string) ([]column, error) {
	rows, err := c.db.QueryContext(ctx, "SELECT * FROM "+from+" WHERE 1 = 0")
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // it has none
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	out := make([]column, len(types))
	for i, t := range types {
		out[i] = column{name: t.Name(), typ: typeText(t)}
	}
	return out, rows.Err()
}

// typeText is a type as the catalogue would write it.
func typeText(t *sql.ColumnType) string {
	typ := strings.ToLower(t.DatabaseTypeName())
	if precision, scale, ok := t.DecimalSize(); ok && (baseType(typ) == "decimal" || baseType(typ) == "numeric") && precision > 0 && precision < 1000 {
		return fmt.Sprintf("%s(%d,%d)", baseType(typ), precision, scale)
	}
	return typ
}

// keyed is the key, or what to do without one.
func (t *table) keyed() ([]column, error) {
	if len(t.key) == 0 {
		return nil, sdk.Fatal("sql.no_key", "nothing tells the rows of %s apart; name the columns that do in the connection: keys = { %q = \"…\" }", t.entity, t.entity)
	}
	return t.key, nil
}

// id is a row's: the value of its key column, or a JSON list of them.
func (t *table) id(values map[string]any) (string, error) {
	list := make([]any, len(t.key))
	for i, c := range t.key {
		v, there := values[c.name]
		if v == nil || !there {
			return "", sdk.Fatal("sql.key_null", "%s is null in a row of %s; a key must tell rows apart: choose other columns in `keys`", c.name, t.entity)
		}
		list[i] = v
	}
	if len(list) == 1 {
		switch v := list[0].(type) {
		case string:
			return v, nil
		case record.Number:
			return string(v), nil
		}
	}
	data, err := record.Encode(list)
	return string(data), err
}

// keyOf are the values of an id, ready for the driver; false when no row can have it.
func (t *table) keyOf(id string) ([]any, bool) {
	list := []any{id}
	if v, err := record.Decode([]byte(id)); err == nil {
		if many, ok := v.([]any); ok && (len(t.key) > 1 || t.key[0].kind == kindBool) {
			list = many
		}
	}
	if len(list) != len(t.key) {
		return nil, false
	}
	args := make([]any, len(list))
	for i, c := range t.key {
		var err error
		if args[i], err = c.encode(list[i]); err != nil || args[i] == nil {
			return nil, false
		}
	}
	return args, true
}

// byKey is a condition for one row.
func (t *table) byKey(s *statement, args []any) string {
	parts := make([]string, len(t.key))
	for i, c := range t.key {
		parts[i] = s.equal(c, args[i])
	}
	return strings.Join(parts, " AND ")
}

// row is a row of the database: what the driver gave, by column.
type row []any

// rows runs a SELECT of all the columns.
func (c *connection) rows(ctx context.Context, q querier, t *table, query string, args []any) ([]row, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // it was only read
	var out []row
	for rows.Next() {
		r := make(row, len(t.columns))
		places := make([]any, len(r))
		for i := range r {
			places[i] = &r[i]
		}
		if err := rows.Scan(places...); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// fields makes a record of a row. What has no place in one is told, with all that has.
func (t *table) fields(r row) (map[string]any, error) {
	out := make(map[string]any, len(r))
	var bad error
	for i, c := range t.columns {
		v, err := c.decode(r[i])
		if err != nil && bad == nil {
			bad = sdk.Invalid("sql.bad_value", "%v", err).At(c.name)
		}
		out[c.name] = v
	}
	return out, bad
}

// shown are the expressions by which all columns are read.
func (c *connection) shown(t *table) string { return shownKey(c.dialect, t.columns) }

// Check tries the connection, and shows what there is.
func (c *connection) Check(ctx context.Context) ([]string, []*protocol.Problem) {
	var version string
	if err := c.db.QueryRowContext(ctx, c.dialect.version()).Scan(&version); err != nil {
		return nil, []*protocol.Problem{c.problem(err)}
	}
	facts := []string{version}
	tables, err := c.list(ctx)
	if err != nil {
		return facts, []*protocol.Problem{c.problem(err)}
	}
	c.forget()
	const most = 100
	var problems []*protocol.Problem
	for i, entity := range tables {
		if i == most {
			facts = append(facts, fmt.Sprintf("and %d tables and views more", len(tables)-most))
			break
		}
		if t, err := c.table(ctx, entity); err == nil {
			facts = append(facts, t.String())
		}
	}
	for _, own := range []map[string]bool{keysOf(c.settings.queries), keysOf(c.settings.keys)} {
		for entity := range own {
			t, err := c.table(ctx, entity)
			if err == nil && t.query {
				facts = append(facts, t.String())
			}
			if err != nil {
				p := c.problem(err)
				p.Attribute = "keys." + entity
				if _, query := c.settings.queries[entity]; query && !strings.Contains(p.GetSummary(), "`keys`") {
					p.Attribute = "queries." + entity
				}
				problems = append(problems, p)
			}
		}
	}
	slices.Sort(facts[1:])
	return slices.Compact(facts), problems
}

func keysOf[V any](m map[string]V) map[string]bool {
	out := make(map[string]bool, len(m))
	for k := range m {
		out[k] = true
	}
	return out
}

// list names the tables and views.
func (c *connection) list(ctx context.Context) ([]string, error) {
	rows, err := c.db.QueryContext(ctx, c.dialect.tables())
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // it was only read
	var out []string
	for rows.Next() {
		var n name
		if err := rows.Scan(&n.schema, &n.table); err != nil {
			return nil, err
		}
		out = append(out, n.String())
	}
	return out, rows.Err()
}

func (c *connection) problem(err error) *protocol.Problem {
	failure := c.failure(err)
	p := &protocol.Problem{Summary: failure.Error()}
	switch {
	case refused(failure, "sql.certificate"):
		p.Attribute = "ca"
	case sdk.IsClass(failure, protocol.FailureClass_FAILURE_CLASS_AUTH):
		p.Attribute = "user"
	case c.settings.driver == driverSQLite:
		p.Attribute = "path"
	case sdk.IsClass(failure, protocol.FailureClass_FAILURE_CLASS_TRANSIENT):
		p.Attribute, p.Detail = "host", "Is the server there, and does it let this machine connect?"
	}
	return p
}
