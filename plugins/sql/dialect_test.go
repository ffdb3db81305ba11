package sql

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"
	mssql "github.com/microsoft/go-mssqldb"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// TestStatements shows what each database is asked, for those that no test here can reach.
func TestStatements(t *testing.T) {
	for driver, want := range map[string][]string{
		driverPostgres: {
			`SELECT "id"::text, "at"::text, "sum"::text FROM "s"."t" AS kopru WHERE "at" IS NOT NULL AND "at" >= $1 AND ("at" > $2 OR ("at" = $3 AND "id" > $4)) ` +
				`ORDER BY kopru."at", kopru."id" LIMIT 1001`,
			`INSERT INTO "s"."t" ("id", "sum") VALUES ($1, $2) RETURNING "id"::text`,
		},
		driverMySQL: {
			"SELECT `id`, `at`, `sum` FROM `s`.`t` AS kopru WHERE `at` IS NOT NULL AND `at` >= ? AND (`at` > ? OR (`at` = ? AND `id` > ?)) " +
				"ORDER BY kopru.`at`, kopru.`id` LIMIT 1001",
			"INSERT INTO `s`.`t` (`id`, `sum`) VALUES (?, CAST(? AS decimal(12,2)))",
		},
		driverSQLServer: {
			"SELECT TOP (1001) [id], CONVERT(varchar(33), [at], 126), [sum] FROM [s].[t] AS kopru WHERE [at] IS NOT NULL " +
				"AND [at] >= CAST(@p1 AS datetime2(7)) AND ([at] > CAST(@p2 AS datetime2(7)) OR ([at] = CAST(@p3 AS datetime2(7)) AND [id] > @p4)) " +
				"ORDER BY kopru.[at], kopru.[id]",
			"DECLARE @kopru TABLE ([id] bigint); INSERT INTO [s].[t] ([id], [sum]) OUTPUT INSERTED.[id] INTO @kopru " +
				"VALUES (@p1, CAST(@p2 AS decimal(12,2))); SELECT [id] FROM @kopru",
		},
	} {
		d := dialects[driver]
		at := map[string]string{driverPostgres: "timestamp without time zone", driverMySQL: "datetime(6)", driverSQLServer: "datetime2(7)"}[driver]
		id, changed, sum := column{name: "id", typ: "bigint"}, column{name: "at", typ: at}, column{name: "sum", typ: "decimal(12,2)"}
		for _, c := range []*column{&id, &changed, &sum} {
			c.kind = d.kind(c.typ)
		}
		tab := &table{name: name{"s", "t"}, columns: []column{id, changed, sum}, key: []column{id}}
		tab.from = tab.name.quoted(d)
		tab.read = tab.from + " AS " + alias
		r := &reading{
			connection: &connection{dialect: d}, table: tab, order: []column{changed, id}, timed: true,
			request: sdk.ReadRequest{Options: sdk.Config{"cursor": "at"}}, from: []any{"2026-01-31 10:00:00", int64(7)},
		}
		selected, args := r.query()
		if len(args) != 4 {
			t.Errorf("%s: %d values", driver, len(args))
		}
		s := &statement{dialect: d}
		inserted, _ := d.insert(tab.from, []string{d.quote("id"), d.quote("sum")}, []string{s.value(id, int64(7)), s.value(sum, "1.50")}, tab.key)
		if diff := cmp.Diff(want, []string{selected, inserted}); diff != "" {
			t.Errorf("%s:\n%s", driver, diff)
		}
	}
}

// TestKinds: what a column holds, by its type in the catalogue and in the answer of a query.
func TestKinds(t *testing.T) {
	for driver, types := range map[string]map[string]kind{
		driverPostgres: {
			"numeric(12,2)": kindDecimal, "NUMERIC": kindDecimal, "money": kindDecimal, "integer": kindInteger, "INT8": kindInteger, "double precision": kindFloat,
			"timestamp(3) with time zone": kindInstant, "TIMESTAMPTZ": kindInstant, "timestamp without time zone": kindLocal, "TIMESTAMP": kindLocal,
			"time with time zone": kindText, "character varying(20)": kindText, "interval": kindText, "boolean": kindBool, "bytea": kindBytes,
			"integer[]": kindList, "numeric(10,2)[]": kindList, "_TEXT": kindList, "jsonb": kindJSON, "uuid": kindUUID, "date": kindDate, "mood": kindText,
		},
		driverMySQL: {
			"decimal(12,2) unsigned": kindDecimal, "bigint(20) unsigned": kindInteger, "UNSIGNED BIGINT": kindInteger, "tinyint(1)": kindBool, "tinyint(4)": kindInteger,
			"bit(1)": kindBool, "bit(8)": kindInteger, "datetime(6)": kindLocal, "timestamp": kindInstant, "enum('a','b')": kindText, "varchar(20)": kindText,
			"longblob": kindBytes, "varbinary(16)": kindBytes, "json": kindJSON, "double": kindFloat, "year(4)": kindInteger, "time": kindText, "int": kindInteger,
		},
		driverSQLServer: {
			"decimal(12,2)": kindDecimal, "MONEY": kindDecimal, "bigint": kindInteger, "bit": kindBool, "datetime2(7)": kindLocal, "DATETIMEOFFSET": kindInstant,
			"uniqueidentifier": kindUUID, "rowversion": kindBytes, "varbinary(max)": kindBytes, "nvarchar(max)": kindText, "float": kindFloat, "xml": kindText,
		},
		driverSQLite: {
			"INTEGER": kindInteger, "unsigned big int": kindInteger, "VARCHAR(20)": kindText, "": kindAny, "BLOB": kindBytes, "DECIMAL(12,2)": kindFloat,
			"DATETIME": kindLocal, "BOOLEAN": kindBool,
		},
	} {
		for typ, want := range types {
			if got := dialects[driver].kind(typ); got != want {
				t.Errorf("%s %s is %s, not %s", driver, typ, got, want)
			}
		}
	}
}

// TestRefusals: what a server says decides what the engine does.
func TestRefusals(t *testing.T) {
	for driver, errs := range map[string]map[string]error{
		driverPostgres: {
			"INVALID sql.refused": &pgconn.PgError{Code: "23503"}, "INVALID sql.duplicate": &pgconn.PgError{Code: "23505"}, "TRANSIENT sql.busy": &pgconn.PgError{Code: "40001"},
			"AUTH sql.forbidden": &pgconn.PgError{Code: "28P01"}, "FATAL sql.statement": &pgconn.PgError{Code: "42601"}, "FATAL sql.changed": &pgconn.PgError{Code: "42P01"},
		},
		driverMySQL: {
			"INVALID sql.refused": &mysql.MySQLError{Number: 1452, SQLState: [5]byte([]byte("23000"))}, "INVALID sql.duplicate": &mysql.MySQLError{Number: 1062},
			"TRANSIENT sql.busy": &mysql.MySQLError{Number: 1213}, "AUTH sql.forbidden": &mysql.MySQLError{Number: 1142, SQLState: [5]byte([]byte("42000"))},
			"FATAL sql.statement": &mysql.MySQLError{Number: 1064, SQLState: [5]byte([]byte("42000"))}, "FATAL sql.changed": &mysql.MySQLError{Number: 1146},
		},
		driverSQLServer: {
			"INVALID sql.refused": mssql.Error{Number: 547}, "INVALID sql.duplicate": mssql.Error{Number: 2627}, "TRANSIENT sql.busy": mssql.Error{Number: 1205},
			"AUTH sql.forbidden": mssql.Error{Number: 18456}, "FATAL sql.statement": mssql.Error{Number: 102}, "FATAL sql.changed": mssql.Error{Number: 208},
			"TRANSIENT sql.unreached": io.ErrUnexpectedEOF,
		},
	} {
		c := &connection{dialect: dialects[driver], hider: &sdk.HTTP{Secrets: []string{"s3cret"}}}
		for want, err := range errs {
			if got := class(c.failure(err)); got != want {
				t.Errorf("%s %v: %s instead of %s", driver, err, got, want)
			}
		}
		if p := c.problem(&tls.CertificateVerificationError{Err: io.EOF}); p.GetAttribute() != "ca" {
			t.Errorf("a certificate: %v", p)
		}
		if f := c.failure(errors.New("user:s3cret@host")); strings.Contains(f.Error(), "s3cret") {
			t.Error(f)
		}
	}
}

func TestSettings(t *testing.T) {
	for _, of := range []struct {
		config sdk.Config
		wrong  string // the settings at fault; ! before a warning
		tls    bool
	}{
		{sdk.Config{"driver": "postgres", "host": "db.example.com"}, "", true},
		{sdk.Config{"driver": "mysql", "host": "127.0.0.1"}, "", false},
		{sdk.Config{"driver": "mysql", "host": "127.0.0.1", "tls": "on"}, "", true},
		{sdk.Config{"driver": "sqlserver", "host": "db", "tls": "off"}, "!tls", false},
		{sdk.Config{"driver": "sqlserver", "host": "/run/x.sock"}, "", false},
		{sdk.Config{"driver": "oracle", "host": "db"}, "driver", true},
		{sdk.Config{"driver": "postgres"}, "host", true},
		{sdk.Config{"driver": "postgres", "host": "postgres://u:p@db/x"}, "host", true},
		{sdk.Config{"driver": "postgres", "host": "db", "path": "x.db", "port": record.Number("70000")}, "path port", true},
		{sdk.Config{"driver": "sqlite"}, "path", false},
		{sdk.Config{"driver": "sqlite", "path": "x.db", "host": "db"}, "host", false},
		{sdk.Config{"driver": "sqlite", "path": "x.db", "queries": map[string]any{"q": " "}, "keys": map[string]any{"q": "a,"}}, "queries.q keys.q", false},
	} {
		of.config["timezone"] = "UTC"
		s, problems := parseSettings(of.config)
		var wrong []string
		for _, p := range problems {
			mark := ""
			if p.GetWarning() {
				mark = "!"
			}
			wrong = append(wrong, mark+p.GetAttribute())
		}
		if got := strings.Join(wrong, " "); got != of.wrong || s.tls != of.tls {
			t.Errorf("%v: %q, tls %t", of.config, got, s.tls)
		}
	}
}

// TestOpenCallsNobody: a connection is made without a server, with a password that no address could hold.
func TestOpenCallsNobody(t *testing.T) {
	for driver := range dialects {
		config := sdk.Config{"driver": driver, "timezone": "UTC", "host": "db.example.com", "user": "u", "password": "p@ss:/?#[]'\" \\x"}
		if driver == driverSQLite {
			config = sdk.Config{"driver": driver, "timezone": "UTC", "path": "none.db"}
		}
		c, err := New().Open(t.Context(), "test", config, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Errorf("%s: %v", driver, err)
			continue
		}
		_ = c.Close()
	}
}

func TestNames(t *testing.T) {
	for entity, want := range map[string]name{
		"orders": {"", "orders"}, "sales.orders": {"sales", "orders"}, `"a.b"`: {"", "a.b"}, `x."a.b"`: {"x", "a.b"}, `"x".y`: {"x", "y"},
	} {
		if got, ok := parseName(entity); !ok || got != want {
			t.Errorf("%s: %v", entity, got)
		}
	}
	for _, bad := range []string{"", "a.", ".a", "a.b.c", `"a`, `"a"b`} {
		if got, ok := parseName(bad); ok {
			t.Errorf("%s: %v", bad, got)
		}
	}
}

// TestDecode: what has no place in a record is told, not guessed.
func TestDecode(t *testing.T) {
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []struct {
		column column
		value  any
		want   any // nil = an error
	}{
		{column{kind: kindDecimal}, "NaN", nil},
		{column{kind: kindDecimal}, []byte("1.50"), record.Number("1.50")},
		{column{kind: kindInteger}, []byte("0007"), record.Number("7")},
		{column{kind: kindInteger}, "1.5", nil},
		{column{kind: kindFloat}, float32(0.1), record.Number("0.1")},
		{column{kind: kindFloat}, 1e300, record.Number("1e+300")},
		{column{kind: kindBool}, int64(2), nil},
		{column{kind: kindInstant}, "infinity", nil},
		{column{kind: kindInstant}, "2026-07-01 10:00:00+02", "2026-07-01T08:00:00Z"},
		{column{kind: kindInstant}, "2026-07-01 10:00:00.1234567 +05:30", "2026-07-01T04:30:00.1234567Z"},
		{column{kind: kindLocal}, "2026-07-01 10:00:00", "2026-07-01T10:00:00+02:00"},
		{column{kind: kindLocal}, "2026-01-01T10:00:00", "2026-01-01T10:00:00+01:00"},
		{column{kind: kindText, typ: "character(5)"}, "ab   ", "ab"},
		{column{kind: kindAny}, int64(3), record.Number("3")},
		{column{kind: kindAny}, []byte{0}, "AA=="},
	} {
		of.column.zone = amsterdam
		got, err := of.column.decode(of.value)
		if (err != nil) != (of.want == nil) || err == nil && !record.Equal(got, of.want) {
			t.Errorf("%s %v: %v, %v", of.column.kind, of.value, got, err)
		}
	}
}
