package sql

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// dialect is what differs between databases.
type dialect interface {
	open(settings) (*sql.DB, error)
	// quote makes an identifier of a name, whatever is in it.
	quote(name string) string
	// param is the place of the n-th value, which is compared with a column or stored in it; arg is what stands there.
	param(n int, c column) string
	arg(v any) any
	// shown is the expression by which a column is read, so that nothing of its value is lost.
	shown(c column) string
	kind(typ string) kind
	timeForm(kind) string
	// first cuts a SELECT to its first rows.
	first(n int, columns, rest string) string
	// locked is a table whose rows stay as they are read until the transaction ends: what stands after its name, and
	// after the statement.
	locked() (afterTable, atEnd string)
	// columns asks the catalogue for a table's columns: name, type, place in the primary key, whether it is numbered.
	// There are none when there is no such table.
	columns(n name) (query string, args []any)
	// tables asks the catalogue for tables and views: schema ("" = found without it) and name.
	tables() string
	version() string
	// insert is a statement that answers with the key of the new row; keyed tells whether it does.
	insert(into string, columns, params []string, key []column) (statement string, keyed bool)
	// insertEmpty is what stands after the table when a row has nothing but defaults.
	insertEmpty() string
	// judge classes a server's own refusal; false when err is none.
	judge(err error) (refusal, bool)
}

var dialects = map[string]dialect{
	driverPostgres: postgres{}, driverMySQL: mySQL{}, driverSQLServer: sqlServer{}, driverSQLite: sqlite{},
}

// name is a table's or a view's.
type name struct{ schema, table string }

// parseName reads an entity: orders, sales.orders, or "a.b" in quotes where a dot belongs to a name.
func parseName(entity string) (name, bool) {
	var parts []string
	for rest := entity; ; {
		var part string
		if quoted, ok := strings.CutPrefix(rest, `"`); ok {
			end := strings.Index(quoted, `"`)
			if end < 0 {
				return name{}, false
			}
			part, rest = quoted[:end], quoted[end+1:]
		} else {
			end := strings.IndexByte(rest+".", '.')
			part, rest = rest[:end], rest[end:]
		}
		parts = append(parts, part)
		if part == "" || len(parts) > 2 || rest != "" && rest[0] != '.' {
			return name{}, false
		}
		if rest == "" {
			break
		}
		rest = rest[1:]
	}
	if len(parts) == 1 {
		return name{table: parts[0]}, true
	}
	return name{schema: parts[0], table: parts[1]}, true
}

// String is the entity's name.
func (n name) String() string {
	part := func(s string) string {
		if strings.ContainsAny(s, `.`) {
			return `"` + s + `"`
		}
		return s
	}
	if n.schema == "" {
		return part(n.table)
	}
	return part(n.schema) + "." + part(n.table)
}

func (n name) quoted(d dialect) string {
	if n.schema == "" {
		return d.quote(n.table)
	}
	return d.quote(n.schema) + "." + d.quote(n.table)
}

// statement gathers a statement's text and values.
type statement struct {
	dialect dialect
	args    []any
}

// value adds a value and returns its place.
func (s *statement) value(c column, arg any) string {
	s.args = append(s.args, s.dialect.arg(arg))
	return s.dialect.param(len(s.args), c)
}

// equal compares a column.
func (s *statement) equal(c column, arg any) string {
	if arg == nil {
		return s.dialect.quote(c.name) + " IS NULL"
	}
	return s.dialect.quote(c.name) + " = " + s.value(c, arg)
}

// double is an identifier in quotes of which one within counts twice.
func double(name, left, right string) string {
	return left + strings.ReplaceAll(name, right, right+right) + right
}

// plainInsert is a statement that says nothing about the new row.
func plainInsert(d dialect, into string, columns, params []string) string {
	if len(columns) == 0 {
		return "INSERT INTO " + into + " " + d.insertEmpty()
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", into, strings.Join(columns, ", "), strings.Join(params, ", "))
}

// shownKey are the expressions by which a key is read.
func shownKey(d dialect, key []column) string {
	out := make([]string, len(key))
	for i, c := range key {
		out[i] = d.shown(c)
	}
	return strings.Join(out, ", ")
}

// querier is a database or a transaction in it.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}
