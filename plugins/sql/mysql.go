package sql

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

type mySQL struct{}

func (mySQL) open(s settings) (*sql.DB, error) {
	config := mysql.NewConfig()
	config.User, config.Passwd, config.DBName = s.user, s.password, s.database
	config.Net, config.Addr = "tcp", s.address(3306)
	if strings.HasPrefix(s.host, "/") {
		config.Net, config.Addr = "unix", s.host
	}
	const patience = 15 * time.Second
	config.Timeout = patience
	config.ClientFoundRows = true // an update that changes nothing has found its row
	config.Collation = "utf8mb4_general_ci"
	config.Params = map[string]string{
		"time_zone": "'+00:00'",
		// A value that does not fit is refused, not cut; " quotes names.
		"sql_mode": "'STRICT_ALL_TABLES,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,ANSI_QUOTES'",
	}
	config.Logger = &mysql.NopLogger{} // what it has to say comes as an error too
	var err error
	if config.TLS, err = s.tlsConfig(); err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

func (mySQL) quote(name string) string { return double(name, "`", "`") }

func (mySQL) param(_ int, c column) string {
	switch c.kind {
	case kindDecimal: // as text it would be compared as a binary number
		const digits, decimals = 65, 30
		if strings.Contains(c.typ, "(") {
			return "CAST(? AS " + strings.TrimSuffix(strings.TrimSuffix(c.typ, " zerofill"), " unsigned") + ")"
		}
		return fmt.Sprintf("CAST(? AS DECIMAL(%d,%d))", digits, decimals)
	case kindBool:
		if baseType(c.typ) == "bit" {
			return "CAST(? AS UNSIGNED)"
		}
	}
	return "?"
}

func (mySQL) arg(v any) any { return v }

func (d mySQL) shown(c column) string {
	if baseType(c.typ) == "bit" {
		return d.quote(c.name) + "+0"
	}
	return d.quote(c.name)
}

func (mySQL) kind(typ string) kind {
	typ = strings.ToLower(typ)
	if typ == "tinyint(1)" || typ == "bit(1)" {
		return kindBool
	}
	switch base, _, _ := strings.Cut(baseType(typ), " "); base {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "year", "bit", "unsigned":
		return kindInteger
	case "decimal", "numeric":
		return kindDecimal
	case "float", "double":
		return kindFloat
	case "date":
		return kindDate
	case "timestamp":
		return kindInstant
	case "datetime":
		return kindLocal
	case "json":
		return kindJSON
	case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "geometry", "point":
		return kindBytes
	case "uuid":
		return kindUUID
	}
	return kindText
}

func (mySQL) timeForm(kind) string { return "2006-01-02 15:04:05.999999" }

func (mySQL) first(n int, columns, rest string) string {
	return fmt.Sprintf("SELECT %s %s LIMIT %d", columns, rest, n)
}

func (mySQL) locked() (afterTable, atEnd string) { return "", " FOR UPDATE" }

func (mySQL) columns(n name) (query string, args []any) {
	return `SELECT c.column_name, c.column_type, COALESCE(k.ordinal_position, 0), c.extra LIKE '%auto_increment%'
FROM information_schema.columns c
LEFT JOIN information_schema.key_column_usage k ON k.constraint_name = 'PRIMARY' AND k.table_schema = c.table_schema
	AND k.table_name = c.table_name AND k.column_name = c.column_name
WHERE c.table_schema = COALESCE(NULLIF(?, ''), DATABASE()) AND c.table_name = ?
ORDER BY c.ordinal_position`, []any{n.schema, n.table}
}

func (mySQL) tables() string {
	return `SELECT IF(table_schema = DATABASE(), '', table_schema), table_name FROM information_schema.tables
WHERE table_schema NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys') ORDER BY 1, 2`
}

func (mySQL) version() string {
	return "SELECT CONCAT(IF(VERSION() LIKE '%MariaDB%', '', 'MySQL '), VERSION())"
}

// safe asks whether a table can take a batch back; views have no engine.
func (mySQL) safe(n name) (query string, args []any) {
	return `SELECT e.engine FROM information_schema.tables t JOIN information_schema.engines e ON e.engine = t.engine
WHERE t.table_schema = COALESCE(NULLIF(?, ''), DATABASE()) AND t.table_name = ? AND COALESCE(e.transactions, 'NO') <> 'YES'`,
		[]any{n.schema, n.table}
}

func (d mySQL) insert(into string, columns, params []string, _ []column) (statement string, keyed bool) {
	return plainInsert(d, into, columns, params), false
}

func (mySQL) insertEmpty() string { return "() VALUES ()" }

func (mySQL) judge(err error) (refusal, bool) {
	var remote *mysql.MySQLError
	if !errors.As(err, &remote) {
		return refusal{}, false
	}
	r := refusal{
		reason: reasonOf(string(remote.SQLState[:])), words: remote.Message, code: fmt.Sprintf("error %d (%s)", remote.Number, remote.SQLState[:]),
		number: int(remote.Number),
	}
	switch remote.Number {
	case 1062, 1586:
		r.reason = duplicate
	case 1048, 1264, 1265, 1292, 1364, 1366, 1406, 1451, 1452, 1644, 1906, 3105, 3140, 3819, 4025:
		r.reason = unacceptable
	case 1213:
		r.reason = undone
	case 1040, 1053, 1129, 1203, 1205, 1290, 3024:
		r.reason = passing
	case 1044, 1045, 1142, 1143, 1227, 1370, 1698:
		r.reason = forbidden
	case 1054, 1146:
		r.reason = changed
	}
	return r, true
}
