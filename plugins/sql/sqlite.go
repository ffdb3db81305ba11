package sql

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	modernc "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

type sqlite struct{}

func (sqlite) open(s settings) (*sql.DB, error) {
	query := url.Values{
		"mode":    {"rw"}, // one that is not there is a mistake
		"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(10000)", "foreign_keys(1)"},
	}
	address := url.URL{Scheme: "file", Opaque: (&url.URL{Path: s.path}).EscapedPath(), RawQuery: query.Encode()}
	return sql.Open("sqlite", address.String())
}

func (sqlite) quote(name string) string { return double(name, `"`, `"`) }
func (sqlite) param(int, column) string { return "?" }
func (sqlite) arg(v any) any            { return v }
func (sqlite) timeForm(kind) string     { return "2006-01-02 15:04:05.999999999" }
func (sqlite) insertEmpty() string      { return "DEFAULT VALUES" }
func (sqlite) version() string          { return "SELECT 'SQLite ' || sqlite_version()" }
func (sqlite) locked() (string, string) { return "", "" } // a transaction has the file to itself
func (d sqlite) shown(c column) string {
	switch c.kind {
	case kindDate, kindLocal: // as they stand there: the driver would make times of them
		return "CAST(" + d.quote(c.name) + " AS TEXT)"
	}
	return d.quote(c.name)
}

// kind follows SQLite's own rules for what a declared type holds, but for the names that others give a meaning.
func (sqlite) kind(typ string) kind {
	base := baseType(typ)
	switch base {
	case "":
		return kindAny
	case "boolean", "bool":
		return kindBool
	case "date":
		return kindDate
	case "datetime", "timestamp":
		return kindLocal
	case "json":
		return kindJSON
	case "uuid":
		return kindUUID
	case "any":
		return kindAny
	}
	has := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains(base, part) {
				return true
			}
		}
		return false
	}
	switch {
	case has("int"):
		return kindInteger
	case has("char", "clob", "text"):
		return kindText
	case has("blob"):
		return kindBytes
	}
	return kindFloat // NUMERIC and DECIMAL are binary numbers here
}

func (sqlite) first(n int, columns, rest string) string {
	return fmt.Sprintf("SELECT %s %s LIMIT %d", columns, rest, n)
}

func (sqlite) columns(n name) (query string, args []any) {
	const list = "SELECT name, type, pk, pk = 1 AND upper(type) = 'INTEGER' FROM pragma_table_xinfo"
	if n.schema == "" {
		return list + "(?) WHERE hidden <> 1 ORDER BY cid", []any{n.table}
	}
	return list + "(?, ?) WHERE hidden <> 1 ORDER BY cid", []any{n.table, n.schema}
}

func (sqlite) tables() string {
	return `SELECT '', name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`
}

func (d sqlite) insert(into string, columns, params []string, key []column) (statement string, keyed bool) {
	return plainInsert(d, into, columns, params) + " RETURNING " + shownKey(d, key), true
}

func (sqlite) judge(err error) (refusal, bool) {
	var remote *modernc.Error
	if !errors.As(err, &remote) {
		return refusal{}, false
	}
	code := remote.Code()
	r := refusal{reason: faulty, words: remote.Error(), code: fmt.Sprintf("result %d", code), number: code}
	switch code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		r.reason = duplicate
		return r, true
	}
	const primary = 0xff
	switch code & primary {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG:
		r.reason = unacceptable
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT:
		r.reason = undone // with the transaction that is open
	case sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_AUTH:
		r.reason = forbidden
	case sqlite3.SQLITE_ERROR:
		if strings.Contains(remote.Error(), "no such") {
			r.reason = changed
		}
	}
	return r, true
}
