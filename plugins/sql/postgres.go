package sql

import (
	"database/sql"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

type postgres struct{}

func (postgres) open(s settings) (*sql.DB, error) {
	// What is parsed has no secret in it: the driver shows it in its errors.
	config, err := pgx.ParseConfig("sslmode=disable connect_timeout=15 application_name=kopru")
	if err != nil {
		return nil, err
	}
	const port = 5432
	config.Host, config.Port = s.host, port
	if s.port != 0 {
		config.Port = uint16(s.port) // judged with the settings
	}
	if strings.HasPrefix(path.Base(s.host), ".s.PGSQL.") { // the socket itself was named
		config.Host = path.Dir(s.host)
	}
	config.User, config.Password, config.Database, config.Fallbacks = s.user, s.password, s.database, nil
	if config.TLSConfig, err = s.tlsConfig(); err != nil {
		return nil, err
	}
	// Everything is read as text, in one form.
	config.RuntimeParams["timezone"] = "UTC"
	config.RuntimeParams["datestyle"] = "ISO"
	config.RuntimeParams["intervalstyle"] = "iso_8601"
	return stdlib.OpenDB(*config), nil
}

func (postgres) quote(name string) string { return double(name, `"`, `"`) }

func (postgres) param(n int, c column) string {
	place := fmt.Sprintf("$%d", n)
	if c.kind == kindList {
		return fmt.Sprintf("CASE WHEN %s::jsonb IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text(%s::jsonb)) END::%s", place, place, c.typ)
	}
	return place
}

// arg gives text to the server, which knows what a column holds; the driver would refuse what does not fit in words of its own.
func (postgres) arg(v any) any {
	switch v := v.(type) {
	case nil, []byte:
		return v
	}
	return asText(v)
}

func (d postgres) shown(c column) string {
	q := d.quote(c.name)
	switch {
	case c.kind == kindBytes:
		return q
	case c.kind == kindList:
		return "to_jsonb(" + q + ")::text"
	case c.kind == kindJSON:
		return q + "::jsonb::text" // a name twice in an object is one there
	case baseType(c.typ) == "money":
		return q + "::numeric::text"
	}
	return q + "::text"
}

func (postgres) kind(typ string) kind {
	base := baseType(typ)
	if strings.HasSuffix(base, "[]") || strings.HasSuffix(typ, "[]") || strings.HasPrefix(base, "_") {
		return kindList
	}
	zoned := strings.HasSuffix(strings.ToLower(typ), "with time zone") || base == "timestamptz"
	switch {
	case strings.HasPrefix(base, "timestamp") && zoned:
		return kindInstant
	case strings.HasPrefix(base, "timestamp"):
		return kindLocal
	}
	switch base {
	case "smallint", "integer", "bigint", "int2", "int4", "int8", "oid":
		return kindInteger
	case "numeric", "decimal", "money":
		return kindDecimal
	case "real", "double precision", "float4", "float8":
		return kindFloat
	case "boolean", "bool":
		return kindBool
	case "date":
		return kindDate
	case "uuid":
		return kindUUID
	case "bytea":
		return kindBytes
	case "json", "jsonb":
		return kindJSON
	}
	return kindText
}

func (postgres) timeForm(kind kind) string {
	if kind == kindInstant {
		return time.RFC3339Nano
	}
	return "2006-01-02 15:04:05.999999999"
}

func (postgres) first(n int, columns, rest string) string {
	return fmt.Sprintf("SELECT %s %s LIMIT %d", columns, rest, n)
}

func (postgres) locked() (afterTable, atEnd string) { return "", " FOR UPDATE" }

func (d postgres) columns(n name) (query string, args []any) {
	return `SELECT a.attname,
	CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) ELSE format_type(a.atttypid, a.atttypmod) END,
	COALESCE((SELECT k.place FROM unnest(i.indkey) WITH ORDINALITY AS k(attribute, place) WHERE k.attribute = a.attnum), 0),
	a.attidentity <> '' OR COALESCE(pg_get_expr(f.adbin, f.adrelid) LIKE 'nextval(%', FALSE)
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum`, []any{n.quoted(d)}
}

func (postgres) tables() string {
	return `SELECT CASE WHEN pg_table_is_visible(c.oid) THEN '' ELSE n.nspname END, c.relname
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
	AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_%'
ORDER BY 1, 2`
}

func (postgres) version() string { return "SELECT 'PostgreSQL ' || current_setting('server_version')" }

func (d postgres) insert(into string, columns, params []string, key []column) (statement string, keyed bool) {
	return plainInsert(d, into, columns, params) + " RETURNING " + shownKey(d, key), true
}

func (postgres) insertEmpty() string { return "DEFAULT VALUES" }

func (postgres) judge(err error) (refusal, bool) {
	var remote *pgconn.PgError
	if !errors.As(err, &remote) {
		return refusal{}, false
	}
	r := refusal{reason: reasonOf(remote.Code), words: remote.Message, field: remote.ColumnName, code: "SQLSTATE " + remote.Code}
	switch remote.Code {
	case "23505":
		r.reason = duplicate
	case "42501":
		r.reason = forbidden
	case "428C9", "P0001", "0A000": // a generated column, a trigger's own refusal
		r.reason = unacceptable
	case "57014", "57P01", "57P02", "57P03", "55P03":
		r.reason = passing
	case "42703", "42P01":
		r.reason = changed
	}
	return r, true
}
