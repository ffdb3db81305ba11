package sql

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"
)

type sqlServer struct{}

func (sqlServer) open(s settings) (*sql.DB, error) {
	// What is parsed has no secret in it: the driver shows it in its errors.
	config, err := msdsn.Parse("sqlserver://localhost?app+name=kopru&encrypt=disable&dial+timeout=15")
	if err != nil {
		return nil, err
	}
	config.Host, config.Port, config.Database, config.User, config.Password = s.host, uint64(max(s.port, 0)), s.database, s.user, s.password
	if s.port == 0 {
		config.Port = 1433
	}
	if s.tls {
		config.Encryption = msdsn.EncryptionRequired
		if config.TLSConfig, err = s.tlsConfig(); err != nil {
			return nil, err
		}
		config.TLSConfig.DynamicRecordSizingDisabled = true // TDS packets hold the handshake
	}
	return sql.OpenDB(mssql.NewConnectorConfig(config)), nil
}

func (sqlServer) quote(name string) string { return double(name, "[", "]") }

func (sqlServer) param(n int, c column) string {
	switch c.kind {
	case kindDecimal, kindDate, kindInstant, kindLocal: // as text they would be compared as text
		if strings.Contains(c.typ, "money") {
			return fmt.Sprintf("CAST(@p%d AS decimal(19,4))", n)
		}
		return fmt.Sprintf("CAST(@p%d AS %s)", n, c.typ)
	}
	return fmt.Sprintf("@p%d", n)
}

func (sqlServer) arg(v any) any { return v }

func (d sqlServer) shown(c column) string {
	q := d.quote(c.name)
	const isoLocal, isoZoned = 126, 121
	switch {
	case c.kind == kindLocal:
		return fmt.Sprintf("CONVERT(varchar(33), %s, %d)", q, isoLocal)
	case c.kind == kindInstant:
		return fmt.Sprintf("CONVERT(varchar(40), %s, %d)", q, isoZoned)
	case c.kind == kindDate:
		return fmt.Sprintf("CONVERT(varchar(10), %s, %d)", q, isoLocal)
	case c.kind == kindUUID:
		return fmt.Sprintf("CONVERT(varchar(36), %s)", q)
	case baseType(c.typ) == "time":
		return fmt.Sprintf("CONVERT(varchar(16), %s)", q)
	}
	return q
}

func (sqlServer) kind(typ string) kind {
	switch baseType(typ) {
	case "tinyint", "smallint", "int", "bigint":
		return kindInteger
	case "decimal", "numeric", "money", "smallmoney":
		return kindDecimal
	case "float", "real":
		return kindFloat
	case "bit":
		return kindBool
	case "date":
		return kindDate
	case "datetimeoffset":
		return kindInstant
	case "datetime", "datetime2", "smalldatetime":
		return kindLocal
	case "uniqueidentifier":
		return kindUUID
	case "binary", "varbinary", "image", "timestamp", "rowversion":
		return kindBytes
	}
	return kindText
}

func (sqlServer) timeForm(kind kind) string {
	if kind == kindInstant {
		return time.RFC3339Nano
	}
	return "2006-01-02T15:04:05.9999999"
}

func (sqlServer) first(n int, columns, rest string) string {
	return fmt.Sprintf("SELECT TOP (%d) %s %s", n, columns, rest)
}

func (sqlServer) locked() (afterTable, atEnd string) { return " WITH (UPDLOCK, ROWLOCK)", "" }

func (d sqlServer) columns(n name) (query string, args []any) {
	return `SELECT c.name, COALESCE(t.name, 'unknown') + CASE
		WHEN t.name IN ('decimal', 'numeric') THEN CONCAT('(', c.precision, ',', c.scale, ')')
		WHEN t.name IN ('datetime2', 'datetimeoffset', 'time') THEN CONCAT('(', c.scale, ')')
		WHEN t.name IN ('nchar', 'nvarchar') THEN CONCAT('(', CASE c.max_length WHEN -1 THEN 'max' ELSE CAST(c.max_length / 2 AS varchar(5)) END, ')')
		WHEN t.name IN ('char', 'varchar', 'binary', 'varbinary') THEN CONCAT('(', CASE c.max_length WHEN -1 THEN 'max' ELSE CAST(c.max_length AS varchar(5)) END, ')')
		ELSE '' END,
	COALESCE(k.key_ordinal, 0), c.is_identity
FROM sys.columns c
LEFT JOIN sys.types t ON t.user_type_id = c.system_type_id
LEFT JOIN sys.indexes i ON i.object_id = c.object_id AND i.is_primary_key = 1
LEFT JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id AND k.column_id = c.column_id
WHERE c.object_id = OBJECT_ID(@p1)
ORDER BY c.column_id`, []any{n.quoted(d)}
}

func (sqlServer) tables() string {
	return `SELECT CASE WHEN s.name = SCHEMA_NAME() THEN '' ELSE s.name END, o.name FROM sys.objects o
JOIN sys.schemas s ON s.schema_id = o.schema_id WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0 ORDER BY 1, 2`
}

func (sqlServer) version() string {
	return "SELECT CONCAT('SQL Server ', CAST(SERVERPROPERTY('ProductVersion') AS varchar(40)))"
}

// insert answers by way of a table variable: with a trigger on the table, OUTPUT alone is refused.
func (d sqlServer) insert(into string, columns, params []string, key []column) (statement string, keyed bool) {
	declared, output := make([]string, len(key)), make([]string, len(key))
	for i, c := range key {
		declared[i] = d.quote(c.name) + " " + c.typ
		output[i] = "INSERTED." + d.quote(c.name)
	}
	body := d.insertEmpty()
	head := ""
	if len(columns) > 0 {
		head = " (" + strings.Join(columns, ", ") + ")"
		body = "VALUES (" + strings.Join(params, ", ") + ")"
	}
	return fmt.Sprintf("DECLARE @kopru TABLE (%s); INSERT INTO %s%s OUTPUT %s INTO @kopru %s; SELECT %s FROM @kopru",
		strings.Join(declared, ", "), into, head, strings.Join(output, ", "), body, shownKey(d, key)), true
}

func (sqlServer) insertEmpty() string { return "DEFAULT VALUES" }

func (sqlServer) judge(err error) (refusal, bool) {
	var remote mssql.Error
	if !errors.As(err, &remote) {
		return refusal{}, false
	}
	r := refusal{reason: faulty, words: remote.Message, code: fmt.Sprintf("error %d", remote.Number), number: int(remote.Number)}
	const own = 50000 // RAISERROR and THROW: a trigger's or a procedure's refusal
	switch n := remote.Number; {
	case n == 2627 || n == 2601:
		r.reason = duplicate
	case n >= own:
		r.reason = unacceptable
	default:
		switch n {
		case 220, 232, 241, 242, 245, 248, 257, 271, 273, 295, 515, 517, 544, 547, 2628, 8114, 8115, 8152, 8169:
			r.reason = unacceptable
		case 1205, 3960:
			r.reason = undone
		case 701, 1204, 1222, 4221, 8645, 8651, 10053, 10054, 10060, 10928, 10929, 40143, 40197, 40501, 40540, 40613, 49918, 49919, 49920:
			r.reason = passing
		case 229, 230, 262, 300, 916, 4060, 18452, 18456, 18470, 18486, 18487, 18488:
			r.reason = forbidden
		case 207, 208:
			r.reason = changed
		}
	}
	return r, true
}
