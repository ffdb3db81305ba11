package sql

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// columnTypes are a database's own for what the tests need.
var columnTypes = map[string]map[string]string{
	driverSQLite: {
		"name": "TEXT", "text": "TEXT", "money": "DECIMAL(12,2)", "time": "TIMESTAMP", "integer": "INTEGER", "bool": "BOOLEAN", "date": "DATE",
		"bytes": "BLOB", "uuid": "UUID", "json": "JSON",
	},
	driverPostgres: {
		"name": "varchar(80)", "text": "text", "money": "numeric(12,2)", "time": "timestamp", "integer": "bigint", "bool": "boolean", "date": "date",
		"bytes": "bytea", "uuid": "uuid", "json": "jsonb", "zoned": "timestamptz", "list": "integer[]",
	},
	driverMySQL: {
		"name": "VARCHAR(80)", "text": "TEXT", "money": "DECIMAL(12,2)", "time": "DATETIME(6)", "integer": "BIGINT", "bool": "TINYINT(1)",
		"date": "DATE", "bytes": "BLOB", "zoned": "TIMESTAMP(6) NULL", "json": "JSON",
	},
	driverSQLServer: {
		"name": "NVARCHAR(80)", "text": "NVARCHAR(MAX)", "money": "DECIMAL(12,2)", "time": "DATETIME2", "integer": "BIGINT", "bool": "BIT",
		"date": "DATE", "bytes": "VARBINARY(MAX)", "uuid": "UNIQUEIDENTIFIER", "zoned": "DATETIMEOFFSET",
	},
}

// types: what is written comes back as it was, of each type.
func types(t *testing.T, d database) {
	values := map[string]string{
		"name": `"Æ ß ğ 漢字 😀 'quoted' \"twice\" \\ end"`, "text": `""`, "money": `12345678.90`, "integer": `9007199254740993`, "bool": `true`,
		"date": `"2026-02-28"`, "bytes": `"AAEC/w=="`, "uuid": `"6e2a06a8-76d8-4e9a-bce8-a5818d60a388"`, "zoned": `"2026-07-01T08:30:00.123456Z"`,
		"time": `"2026-07-01T10:30:00.123456+02:00"`, "list": `[3,1,2]`, "json": `{"a":[1.50,null,"x"]}`,
	}
	columns, payload, nulls := "id "+d.types["integer"]+" PRIMARY KEY", map[string]any{"id": record.Int(1)}, map[string]any{"id": record.Int(2)}
	for name, value := range values {
		if d.types[name] == "" {
			continue
		}
		columns += ", c_" + name + " " + d.types[name]
		v, err := record.Decode([]byte(value))
		if err != nil {
			t.Fatal(err)
		}
		payload["c_"+name], nulls["c_"+name] = v, nil
	}
	d.table(t, "every_type", columns)
	c := d.open(t, map[string]any{"timezone": "Europe/Amsterdam"})
	encode := func(v any) string {
		data, err := record.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	for i, r := range write(t, c, "every_type", nil, create(encode(payload)), create(encode(nulls))) {
		if r.Err != nil || r.ID != fmt.Sprint(i+1) {
			t.Fatalf("id %q, %v", r.ID, r.Err)
		}
	}
	records, _, _ := read(t, c, sdk.ReadRequest{Entity: "every_type"})
	for i, want := range []map[string]any{payload, nulls} {
		got, err := record.DecodeObject(records[i].Payload)
		if err != nil || records[i].Err != nil {
			t.Fatal(err, records[i].Err)
		}
		for _, difference := range record.Diff(got, want) {
			t.Errorf("%s came back as %v instead of %v", difference.Field, difference.From, difference.To)
		}
		if len(got) != len(want) {
			t.Errorf("%d fields instead of %d", len(got), len(want))
		}
	}
	for name := range payload { // and is found by each
		kind := strings.TrimPrefix(name, "c_")
		if kind == "json" || kind == "list" {
			continue
		}
		if found := find(t, c, "every_type", map[string]any{name: payload[name]}); len(found) != 1 || found[0].ID != "1" {
			t.Errorf("by %s = %v: %d rows", name, payload[name], len(found))
		}
	}
	if found := find(t, c, "every_type", map[string]any{"c_name": nil}); len(found) != 1 || found[0].ID != "2" {
		t.Errorf("by null: %d rows", len(found))
	}
}

// fill makes 25 rows, of which five each have the same time.
func fill(t *testing.T, d database, name string) {
	d.table(t, name, "id "+d.types["integer"]+" PRIMARY KEY, changed "+d.types["time"]+", note "+d.types["name"])
	for i := range 25 {
		d.exec(t, fmt.Sprintf("INSERT INTO %s VALUES (%d, '2026-01-31 10:0%d:00.5', NULL)", name, (i*7)%25+1, ((i*7)%25)/5))
	}
}

// cursor: a read goes on after any record, also between rows of the same time, and then sees only what is new.
func cursor(t *testing.T, d database) {
	fill(t, d, "ticks")
	c := d.open(t, nil)
	request := sdk.ReadRequest{Entity: "ticks", BatchSize: 1, Options: sdk.Config{"cursor": "changed", "overlap": "0s"}}
	all, places, end := read(t, c, request)
	if len(all) != 25 || all[0].OccurredAt != time.Date(2026, 1, 31, 10, 0, 0, 5e8, time.UTC) {
		t.Fatalf("%d records, the first of %s", len(all), all[0].OccurredAt)
	}
	for i, place := range places {
		request.Cursor = place
		if rest, _, _ := read(t, c, request); keysIn(rest) != keysIn(all[i+1:]) {
			t.Fatalf("from %s: %s", place, keysIn(rest))
		}
	}
	request.Cursor = end
	if more, _, again := read(t, c, request); len(more) != 0 || again != end {
		t.Errorf("%d records after the end, which is %s then", len(more), again)
	}
	d.exec(t, "UPDATE ticks SET changed = '2026-01-31 11:00:00' WHERE id = 3")
	more, _, _ := read(t, c, request)
	if keysIn(more) != "3" {
		t.Errorf("after a change: %s", keysIn(more))
	}
	request.Options = sdk.Config{"cursor": "changed", "overlap": "1m"}
	if more, _, _ := read(t, c, request); !strings.HasSuffix(keysIn(more), "21 22 23 24 25 3") {
		t.Errorf("with an overlap: %s", keysIn(more))
	}
	request.Options = sdk.Config{"cursor": "id"}
	if _, _, _, err := tryRead(c, request); class(err) != "FATAL sql.bad_cursor" {
		t.Errorf("another column's cursor: %v", err)
	}
	request.Options = sdk.Config{"cursor": "chanegd"}
	if _, _, _, err := tryRead(c, request); class(err) != "FATAL sql.no_column" || !strings.Contains(err.Error(), "id, changed, note") {
		t.Errorf("no column: %v", err)
	}
}

// ranged: a range has its beginning and not its end.
func ranged(t *testing.T, d database) {
	fill(t, d, "ranges")
	c := d.open(t, map[string]any{"timezone": "Europe/Amsterdam"})
	at := func(minute int) time.Time { return time.Date(2026, 1, 31, 9, minute, 0, 5e8, time.UTC) } // ten o'clock there
	records, _, _ := read(t, c, sdk.ReadRequest{Entity: "ranges", From: at(1), To: at(3), Options: sdk.Config{"cursor": "changed"}})
	if keysIn(records) != "6 7 8 9 10 11 12 13 14 15" {
		t.Errorf("%s", keysIn(records))
	}
	if _, _, _, err := tryRead(c, sdk.ReadRequest{Entity: "ranges", From: at(1)}); class(err) != "FATAL sql.no_range" {
		t.Errorf("without a cursor: %v", err)
	}
}

// wholeRead: more than a page, in the key's order; when it has ended it begins again.
func wholeRead(t *testing.T, d database) {
	d.table(t, "many", "id "+d.types["integer"]+" PRIMARY KEY")
	const rows = 2*pageRows + 1
	list := make([]string, rows)
	for i := range list {
		list[i] = fmt.Sprintf("(%d)", i+1)
	}
	for len(list) > 0 { // SQL Server takes a thousand at once
		n := min(len(list), 1000)
		d.exec(t, "INSERT INTO many VALUES "+strings.Join(list[:n], ","))
		list = list[n:]
	}
	c := d.open(t, nil)
	all, places, end := read(t, c, sdk.ReadRequest{Entity: "many", BatchSize: 300})
	if len(all) != rows || all[rows-1].Key != fmt.Sprint(rows) {
		t.Fatalf("%d records, the last %s", len(all), all[len(all)-1].Key)
	}
	rest, _, _ := read(t, c, sdk.ReadRequest{Entity: "many", Cursor: places[1]})
	if rest[0].Key != "601" {
		t.Errorf("after 600: %s", rest[0].Key)
	}
	if again, _, _ := read(t, c, sdk.ReadRequest{Entity: "many", Cursor: end}); len(again) != rows {
		t.Errorf("the next time: %d records", len(again))
	}
}

// query: a query of one's own is read like a table, and never written.
func query(t *testing.T, d database) {
	fill(t, d, "ticks_q")
	c := d.open(t, map[string]any{
		"queries": map[string]any{"late": "SELECT id AS number, changed, 1.50 AS rate FROM ticks_q\nWHERE id > 20; -- the last ones\n"},
		"keys":    map[string]any{"late": "number"},
	})
	if _, _, _, err := tryRead(c, sdk.ReadRequest{Entity: "late"}); class(err) != "FATAL sql.statement" {
		t.Errorf("two statements: %v", err)
	}
	c = d.open(t, map[string]any{
		"queries": map[string]any{"late": "SELECT id AS number, changed, 1.50 AS rate FROM ticks_q -- all\nWHERE id > 20 -- the last ones"},
		"keys":    map[string]any{"late": "number"},
	})
	records, _, end := read(t, c, sdk.ReadRequest{Entity: "late", Options: sdk.Config{"cursor": "changed"}})
	if keysIn(records) != "21 22 23 24 25" {
		t.Fatalf("%s", keysIn(records))
	}
	if got := string(records[0].Payload); !strings.HasPrefix(got, `{"changed":"2026-01-31T10:04:00.5Z","number":21,"rate":1.5`) {
		t.Errorf("%s", got)
	}
	if more, _, _ := read(t, c, sdk.ReadRequest{Entity: "late", Cursor: end, Options: sdk.Config{"cursor": "changed", "overlap": "0s"}}); len(more) != 0 {
		t.Errorf("%s after the end", keysIn(more))
	}
	if found := find(t, c, "late", map[string]any{"number": record.Int(22)}); len(found) != 1 || found[0].ID != "22" {
		t.Errorf("%v", found)
	}
	if _, err := c.Writer(context.Background(), sdk.WriteRequest{Entity: "late"}); class(err) != "FATAL sql.query" {
		t.Errorf("written: %v", err)
	}
}

// names: whatever a table and its columns are called.
func names(t *testing.T, d database) {
	const table, odd = "Sales'; DROP TABLE x.`y`", `or"der [no]` + "`"
	q := dialects[d.driver].quote
	d.table(t, table, q(odd)+" "+d.types["integer"]+" PRIMARY KEY, "+q("select")+" "+d.types["name"])
	c := d.open(t, nil)
	entity := `"` + table + `"`
	payload, _ := json.Marshal(map[string]any{odd: 7, "select": "'; --"})
	if r := write(t, c, entity, nil, create(string(payload)))[0]; r.Err != nil || r.ID != "7" {
		t.Fatal(r.ID, r.Err)
	}
	if found := find(t, c, entity, map[string]any{"select": "'; --"}); len(found) != 1 {
		t.Errorf("%d found", len(found))
	}
	if records, _, _ := read(t, c, sdk.ReadRequest{Entity: entity, Options: sdk.Config{"cursor": odd}}); keysIn(records) != "7" {
		t.Errorf("%s", keysIn(records))
	}
}

// composite: a key of two columns, of which one has anything in it.
func composite(t *testing.T, d database) {
	d.table(t, "lines", "ord "+d.types["name"]+" NOT NULL, line "+d.types["integer"]+" NOT NULL, qty "+d.types["integer"]+", PRIMARY KEY (ord, line)")
	c := d.open(t, nil)
	id := `["A,\"1",2]`
	results := write(t, c, "lines", nil, create(`{"ord":"A,\"1","line":2,"qty":1}`), create(`{"ord":"A,\"1","line":1,"qty":1}`))
	if results[0].ID != id {
		t.Fatalf("%s, %v", results[0].ID, results[0].Err)
	}
	if r := write(t, c, "lines", nil, update(id, `{"qty":5}`))[0]; r.Err != nil || r.ID != id {
		t.Fatalf("%s, %v", r.ID, r.Err)
	}
	found, err := c.Lookup(context.Background(), "lines", sdk.Query{ID: id})
	if err != nil || len(found) != 1 || found[0].Fields["qty"] != record.Int(5) {
		t.Fatalf("%v, %v", found, err)
	}
	if r := write(t, c, "lines", nil, update(id, `{"line":9}`))[0]; r.ID != `["A,\"1",9]` {
		t.Errorf("with another key: %s, %v", r.ID, r.Err)
	}
	for _, none := range []string{"999999999", `["A"]`, `["A,\"1","x"]`, `["A,\"1",99999999999999999999999]`} {
		if r := write(t, c, "lines", nil, update(none, `{"qty":5}`))[0]; class(r.Err) != "NOT_FOUND sql.no_row" {
			t.Errorf("%s: %v", none, r.Err)
		}
	}
	if r := write(t, c, "lines", nil, remove(`["A,\"1",1]`))[0]; r.Err != nil {
		t.Error(r.Err)
	}
	if records, _, _ := read(t, c, sdk.ReadRequest{Entity: "lines"}); keysIn(records) != `["A,\"1",9]` {
		t.Errorf("left: %s", keysIn(records))
	}
}

// twice: a create whose answer was lost is sent again and stands once.
func twice(t *testing.T, d database) {
	d.table(t, "by_key", "code "+d.types["name"]+" PRIMARY KEY, price "+d.types["money"]+", changed "+d.types["time"])
	c := d.open(t, nil)
	same := create(`{"code":"A","price":1.5,"changed":"2026-01-31T11:00:00+01:00"}`)
	for range 2 {
		for i, r := range write(t, c, "by_key", nil, same, create(`{"code":"B"}`)) {
			if r.Err != nil || r.ID != []string{"A", "B"}[i] {
				t.Fatalf("%s, %v", r.ID, r.Err)
			}
		}
	}
	d.table(t, "by_number", "id "+d.serial+", note "+d.types["name"]+", kopru_key "+d.types["name"]+" UNIQUE")
	options := sdk.Config{"once_by": "kopru_key"}
	first := write(t, c, "by_number", options, create(`{"note":"x"}`), create(`{"note":"y"}`))
	again := write(t, c, "by_number", options, create(`{"note":"x"}`), create(`{"note":"y"}`))
	for i := range first {
		if first[i].Err != nil || again[i].Err != nil || first[i].ID != again[i].ID || first[i].ID == "" {
			t.Errorf("%v then %v", first[i], again[i])
		}
	}
	if records, _, _ := read(t, c, sdk.ReadRequest{Entity: "by_number"}); len(records) != 2 {
		t.Errorf("%d rows", len(records))
	}
}

// exists: another row with the key of a create is told, or updated where that is wanted.
func exists(t *testing.T, d database) {
	d.table(t, "prices", "code "+d.types["name"]+" PRIMARY KEY, price "+d.types["money"]+", kept "+d.types["name"])
	c := d.open(t, nil)
	write(t, c, "prices", nil, create(`{"code":"A","price":1,"kept":"k"}`))
	if r := write(t, c, "prices", nil, create(`{"code":"A","price":2}`))[0]; class(r.Err) != "INVALID sql.exists" {
		t.Errorf("%v", r.Err)
	}
	results := write(t, c, "prices", sdk.Config{"if_exists": "update"}, create(`{"code":"A","price":3}`), create(`{"code":"B","price":4}`))
	if results[0].Err != nil || results[0].ID != "A" || results[1].ID != "B" {
		t.Fatalf("%v", results)
	}
	found := find(t, c, "prices", map[string]any{"code": "A"})
	if !record.Equal(found[0].Fields["price"], record.Number("3")) || found[0].Fields["kept"] != "k" {
		t.Errorf("%v", found[0].Fields)
	}
}

// batch: each operation's outcome is told, and the good ones are done.
func batch(t *testing.T, d database) {
	d.table(t, "stock", "sku "+d.types["name"]+" PRIMARY KEY, qty "+d.types["integer"]+" NOT NULL CHECK (qty >= 0)")
	c := d.open(t, nil)
	write(t, c, "stock", nil, create(`{"sku":"A","qty":1}`), create(`{"sku":"B","qty":1}`), create(`{"sku":"C","qty":1}`))
	results := write(t, c, "stock", nil,
		update("A", `{"qty":2}`), update("B", `{"qty":-1}`), remove("C"), remove("D"), create(`{"sku":"E","qty":null}`), create(`{"sku":"F","qty":6}`),
		create(`{"sku":"G","quantity":6}`), update("A", `{}`))
	var got []string
	for _, r := range results {
		got = append(got, class(r.Err))
	}
	want := []string{"", "INVALID sql.refused", "", "NOT_FOUND sql.no_row", "INVALID sql.refused", "", "INVALID sql.no_column", ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	records, _, _ := read(t, c, sdk.ReadRequest{Entity: "stock"})
	var rows []string
	for _, r := range records {
		rows = append(rows, string(r.Payload))
	}
	if diff := cmp.Diff([]string{`{"qty":2,"sku":"A"}`, `{"qty":1,"sku":"B"}`, `{"qty":6,"sku":"F"}`}, rows); diff != "" {
		t.Error(diff)
	}
}

// conflict: a row that somebody else changed since it was looked up is left alone.
func conflict(t *testing.T, d database) {
	d.table(t, "races", "id "+d.types["integer"]+" PRIMARY KEY, note "+d.types["name"])
	c := d.open(t, nil)
	write(t, c, "races", nil, create(`{"id":1,"note":"a"}`))
	found := find(t, c, "races", map[string]any{"id": record.Int(1)})
	d.exec(t, "UPDATE races SET note = 'theirs' WHERE id = 1")
	op := update("1", `{"note":"ours"}`)
	op.Version = found[0].Version
	other := remove("1")
	other.Version = found[0].Version
	for _, r := range write(t, c, "races", nil, op, other) {
		if class(r.Err) != "CONFLICT sql.changed_row" {
			t.Errorf("%v", r.Err)
		}
	}
	op.Version = find(t, c, "races", map[string]any{"note": "theirs"})[0].Version
	if r := write(t, c, "races", nil, op)[0]; r.Err != nil {
		t.Error(r.Err)
	}
}

// lookup: what is equal, in the column's own type, and nothing else.
func lookup(t *testing.T, d database) {
	d.table(t, "things", "id "+d.types["integer"]+" PRIMARY KEY, code "+d.types["name"]+", price "+d.types["money"])
	c := d.open(t, nil)
	write(t, c, "things", nil, create(`{"id":0,"code":"Abc","price":1.50}`), create(`{"id":7,"code":"abc","price":0}`))
	for _, of := range []struct {
		match string
		ids   string
	}{
		{`{"code":"abc"}`, "7"},
		{`{"code":"ABC"}`, ""},
		{`{"code":"abc "}`, ""},
		{`{"code":"ab%"}`, ""},
		{`{"id":"abc"}`, ""},
		{`{"id":7}`, "7"},
		{`{"id":"7"}`, "7"},
		{`{"price":1.5}`, "0"},
		{`{"price":1.500}`, "0"},
		{`{"price":"x"}`, ""},
		{`{"code":"abc","price":1.5}`, ""},
		{`{"code":null}`, ""},
		{`{"id":99999999999999999999999}`, ""},
		{`{"price":99999999999999999999}`, ""},
		{`{"code":true}`, ""},
	} {
		match, _ := record.DecodeObject([]byte(of.match))
		var ids []string
		for _, f := range find(t, c, "things", match) {
			ids = append(ids, f.ID)
		}
		if got := strings.Join(ids, " "); got != of.ids {
			t.Errorf("%s finds %q", of.match, got)
		}
	}
	if _, err := c.Lookup(context.Background(), "things", sdk.Query{Match: map[string]any{"cod": "x"}}); class(err) != "FATAL sql.no_column" {
		t.Errorf("%v", err)
	}
	if _, err := c.Lookup(context.Background(), "thing", sdk.Query{ID: "1"}); class(err) != "FATAL sql.no_table" {
		t.Errorf("%v", err)
	}
}

// refusals: what the database says is classed, and the password stands nowhere.
func refusals(t *testing.T, d database) {
	const secret = "not-t4e-passw0rd"
	nowhere := map[string]any{"host": "127.0.0.1", "port": record.Number("1"), "password": secret}
	if d.driver == driverSQLite {
		nowhere = map[string]any{"path": t.TempDir() + "/none.db"}
	}
	lost := d.open(t, nowhere)
	_, err := lost.Lookup(context.Background(), "things", sdk.Query{ID: "1"})
	if want := map[bool]string{false: "TRANSIENT sql.unreached", true: "FATAL sql.statement"}[d.driver == driverSQLite]; class(err) != want {
		t.Errorf("nobody there: %v", err)
	}
	if _, problems := lost.Check(context.Background()); len(problems) != 1 || problems[0].GetAttribute() == "" || strings.Contains(err.Error()+problems[0].String(), secret) {
		t.Errorf("%v, %v", err, problems)
	}
	d.table(t, "short", "id "+d.types["integer"]+" PRIMARY KEY, parent "+d.types["integer"]+" REFERENCES short (id), name "+d.types["name"])
	if d.driver == driverMySQL { // which ignores the words above
		d.exec(t, "ALTER TABLE short ADD FOREIGN KEY (parent) REFERENCES short (id)")
	}
	c := d.open(t, nil)
	if r := write(t, c, "short", nil, create(`{"id":1,"parent":2}`))[0]; class(r.Err) != "INVALID sql.refused" {
		t.Errorf("no such parent: %v", r.Err)
	}
	if d.driver != driverSQLite {
		if r := write(t, c, "short", nil, create(`{"id":1,"name":"`+strings.Repeat("x", 81)+`"}`))[0]; class(r.Err) != "INVALID sql.refused" {
			t.Errorf("too long: %v", r.Err)
		}
	}
	d.exec(t, "DROP TABLE short")
	if r := write(t, c, "short", nil, create(`{"id":1}`))[0]; class(r.Err) != "FATAL sql.changed" {
		t.Errorf("a table that is gone: %v", r.Err)
	}
}

// inexact: a number that a column can't keep is refused, never rounded.
func inexact(t *testing.T, d database) {
	d.table(t, "amounts", "id "+d.types["integer"]+" PRIMARY KEY, price "+d.types["money"])
	c := d.open(t, nil)
	for i, price := range []string{`1.999`, `12345678901234567.89`, `"many"`, `{}`} {
		if d.driver == driverSQLite && i == 0 {
			continue // it keeps any number of decimals
		}
		r := write(t, c, "amounts", nil, create(fmt.Sprintf(`{"id":%d,"price":%s}`, i, price)))[0]
		if !strings.HasPrefix(class(r.Err), "INVALID ") {
			t.Errorf("%s: %v", price, r.Err)
		}
	}
	if r := write(t, c, "amounts", nil, create(`{"id":9,"price":1.9900}`))[0]; r.Err != nil {
		t.Error(r.Err)
	}
}

// lost: when the answer to a commit does not come, nobody says that nothing was stored.
func lost(t *testing.T, d database) {
	if d.driver != driverPostgres {
		t.Skip("only PostgreSQL can be made to end a connection in a commit")
	}
	d.table(t, "doomed", "id integer PRIMARY KEY")
	d.exec(t,
		`CREATE FUNCTION fall() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'`,
		`CREATE CONSTRAINT TRIGGER fall AFTER INSERT ON doomed DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fall()`)
	w, err := d.open(t, nil).Writer(t.Context(), sdk.WriteRequest{Entity: "doomed"})
	if err != nil {
		t.Fatal(err)
	}
	results, _, err := w.Write(t.Context(), []sdk.Op{create(`{"id":1}`), create(`{"id":2}`)})
	if class(err) != "AMBIGUOUS sql.lost" || len(results) != 0 {
		t.Errorf("a batch: %v", err)
	}
	results, _, err = w.Write(t.Context(), []sdk.Op{create(`{"id":1}`)})
	if err != nil || class(results[0].Err) != "AMBIGUOUS sql.lost" {
		t.Errorf("one alone: %v, %v", results, err)
	}
}

// check: the tables are shown as the database describes them.
func check(t *testing.T, d database) {
	d.table(t, "shown_table", "id "+d.types["integer"]+" PRIMARY KEY, price "+d.types["money"])
	c := d.open(t, map[string]any{"queries": map[string]any{"sound": "SELECT id FROM shown_table", "unsound": "SELEC 1"}})
	facts, problems := c.Check(context.Background())
	all := strings.Join(facts, "\n")
	want := fmt.Sprintf("shown_table: id %s (key), price %s", strings.ToLower(d.types["integer"]), strings.ToLower(d.types["money"]))
	if d.driver == driverMySQL {
		want = "price decimal(12,2)"
	}
	if !strings.Contains(all, want) || !strings.Contains(all, "sound: id") {
		t.Errorf("%s", all)
	}
	if len(problems) != 1 || problems[0].GetAttribute() != "queries.unsound" {
		t.Errorf("%v", problems)
	}
}

// badKeys: a key that does not tell rows apart is said to be none, before a row is lost by it.
func badKeys(t *testing.T, d database) {
	d.table(t, "loose", "a "+d.types["integer"]+", b "+d.types["integer"])
	d.exec(t, "INSERT INTO loose VALUES (1, 1), (1, 2), (NULL, 3)")
	for keys, want := range map[string]string{"": "FATAL sql.no_key", "a": "FATAL sql.key_null", "x": "FATAL sql.no_column"} {
		over := map[string]any{"keys": map[string]any{"loose": keys}}
		if keys == "" {
			over = nil
		}
		if _, _, _, err := tryRead(d.open(t, over), sdk.ReadRequest{Entity: "loose"}); class(err) != want {
			t.Errorf("%q: %v", keys, err)
		}
	}
	d.exec(t, "DELETE FROM loose WHERE a IS NULL")
	c := d.open(t, map[string]any{"keys": map[string]any{"loose": "a"}})
	if _, _, _, err := tryRead(c, sdk.ReadRequest{Entity: "loose"}); class(err) != "FATAL sql.key_not_unique" {
		t.Errorf("twice the same: %v", err)
	}
	if r := write(t, c, "loose", nil, update("1", `{"b":9}`))[0]; class(r.Err) != "FATAL sql.key_not_unique" {
		t.Errorf("an update of two rows: %v", r.Err)
	}
	if records, _, _ := read(t, d.open(t, map[string]any{"keys": map[string]any{"loose": "a, b"}}), sdk.ReadRequest{Entity: "loose"}); keysIn(records) != "[1,1] [1,2]" {
		t.Errorf("%s", keysIn(records))
	}
}
