package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Trace is a row of the state in which a person stands.
type Trace struct {
	Table string         `json:"table"`
	Row   map[string]any `json:"row"` // by column; documents as text
	where []any          // of its key
}

// personal is a table with rows that can be about one person. They are erased as a whole.
type personal struct {
	name     string
	key      []string
	columns  []string // that may hold something personal
	pipeline string   // column; with key it says whose record it is
}

var personalTables = []personal{
	{"stories", []string{"record_id"}, []string{"story"}, ""},
	{"activity", []string{"id"}, []string{"key", "reason", "detail"}, "pipeline"},
	{"held", []string{"id"}, []string{
		"key", "message", "waits_for", "wait_match", "original", "current", "exchanges", "meta", "edited", "reason",
	}, "pipeline"},
	{"mentions", []string{"term", "pipeline", "key"}, []string{"term", "key"}, "pipeline"},
	{"intents", []string{"target", "match"}, []string{"match", "key", "id"}, ""},
	{"links", []string{"scope", "key"}, []string{"key", "target_id", "version"}, ""},
	{"pairs", []string{"name", "target", "key"}, []string{"key", "id", "memory", "note"}, ""},
}

// Person finds all that the state keeps of whom one of the texts names, such as an e-mail address or the number of a
// customer: the rows that hold it, in whatever way they are stored, and everything else of the records that they are of.
// It reads the whole state.
func (s *Store) Person(ctx context.Context, texts []string) (traces []Trace, err error) {
	f := &finder{Store: s, records: map[any]bool{}, owners: map[[2]string]bool{}, seen: map[string]bool{}}
	for _, text := range texts {
		text = strings.ToLower(strings.TrimSpace(text))
		if text == "" {
			continue
		}
		f.terms = append(f.terms, s.SearchTerm(text))
		f.needles = append(f.needles, needles(text)...)
	}
	if len(f.terms) == 0 {
		return nil, errors.New("whom to look for must be said")
	}
	for _, t := range personalTables {
		if err := f.scan(ctx, t); err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
	}
	for _, owner := range slices.Collect(maps.Keys(f.owners)) { // all else of the same records
		for _, t := range personalTables {
			if t.pipeline != "" {
				err = errors.Join(err, f.rows(ctx, t, "pipeline = ? AND key = ?", owner[0], owner[1]))
			}
		}
	}
	for _, record := range slices.Collect(maps.Keys(f.records)) {
		err = errors.Join(err, f.rows(ctx, personalTables[0], "record_id = ?", record))
	}
	return f.traces, err
}

// needles are what a text is looked for as inside of others: an e-mail address is, a number would be found everywhere.
func needles(text string) []string {
	if !strings.Contains(text, "@") {
		return nil
	}
	return []string{text, strings.ToLower(url.QueryEscape(text))}
}

// finder collects traces.
type finder struct {
	*Store
	needles, terms []string
	records        map[any]bool       // whose stories are meant
	owners         map[[2]string]bool // pipeline and key of the records that are meant
	seen           map[string]bool
	traces         []Trace
}

// all are a table's columns for reading: its key, then the rest.
func (t personal) all() []string {
	out := slices.Clone(t.key)
	more := t.columns
	switch t.name {
	case "stories":
		more = []string{"at", "story"}
	case "activity":
		more = []string{"at", "run", "pipeline", "entity", "key", "record_id", "outcome", "code", "reason", "detail"}
	case "held":
		more = strings.Split(heldColumns, ", ")
	}
	for _, c := range more {
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// scan looks at every row of a table. Rows that hold one of the texts are traces, and say which records are meant.
func (f *finder) scan(ctx context.Context, t personal) error {
	return f.read(ctx, t, "", nil, func(row map[string]any) bool {
		if term, _ := row["term"].(string); slices.Contains(f.terms, term) {
			return true
		}
		if key, _ := row["key"].(string); slices.Contains(f.terms, strings.ToLower(key)) {
			return true
		}
		for _, c := range t.columns {
			if f.holds(row[c]) {
				return true
			}
		}
		id, _ := row["record_id"].(string)
		return t.name == "activity" && f.records[id]
	})
}

func (f *finder) holds(v any) bool {
	text, _ := v.(string)
	if text == "" {
		return false
	}
	text = strings.ToLower(text)
	return slices.ContainsFunc(f.needles, func(needle string) bool { return strings.Contains(text, needle) })
}

func (f *finder) rows(ctx context.Context, t personal, where string, args ...any) error {
	return f.read(ctx, t, " WHERE "+where, args, func(map[string]any) bool { return true })
}

// read gives opened rows to a judge, and keeps those that are meant.
func (f *finder) read(ctx context.Context, t personal, where string, args []any, meant func(map[string]any) bool) error {
	columns := t.all()
	return f.query(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+t.name+where, args, func(rows *sql.Rows) error {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		key := slices.Clone(values[:len(t.key)]) // as stored
		row := make(map[string]any, len(columns))
		for i, c := range columns {
			v, err := f.plain(values[i])
			if err != nil {
				return err
			}
			row[c] = v
		}
		if !meant(row) {
			return nil
		}
		if id := fmt.Sprint(t.name, key); !f.seen[id] {
			f.seen[id] = true
			f.traces = append(f.traces, Trace{t.name, row, key})
		}
		f.follow(t, row)
		return nil
	})
}

// follow notes whose record a row is of.
func (f *finder) follow(t personal, row map[string]any) {
	if id, _ := row["record_id"].(string); id != "" {
		f.records[id] = true
	}
	if t.pipeline != "" {
		pipeline, _ := row["pipeline"].(string)
		key, _ := row["key"].(string)
		if key != "" {
			f.owners[[2]string{pipeline, key}] = true
		}
	}
}

func (f *finder) plain(v any) (any, error) {
	switch v := v.(type) {
	case []byte:
		plain, err := f.seal.open(v)
		return string(plain), err
	case string:
		return f.seal.openText(v)
	}
	return v, nil
}

// Erased is what was removed of a person.
type Erased struct {
	Rows    map[string]int64 `json:"rows"`    // removed, by table
	Blotted map[string]int64 `json:"blotted"` // of other tables, in which the person was named in passing
	Left    int64            `json:"left"`    // found by looking for all of it again afterwards
}

// erasures is how often it is looked again: runs that are under way may write meanwhile.
const erasures = 3

// erasedAtOnce is how many rows go in one transaction.
const erasedAtOnce = 500

// Erase removes all that Person finds, and blots the texts out where other tables name them in passing. Then it looks
// again, and leaves no trace in the database's files. Users of the dashboard are not meant.
func (s *Store) Erase(ctx context.Context, texts []string) (Erased, error) {
	out := Erased{Rows: map[string]int64{}, Blotted: map[string]int64{}}
	for range erasures {
		traces, err := s.Person(ctx, texts)
		if err != nil {
			return out, err
		}
		passing, err := s.passing(ctx, texts)
		if out.Left = int64(len(traces) + len(passing)); err != nil || out.Left == 0 {
			break
		}
		if err := s.erase(ctx, traces, out.Rows); err != nil {
			return out, err
		}
		for _, p := range passing {
			if err := s.blot(ctx, p, texts); err != nil {
				return out, fmt.Errorf("%s.%s: %w", p.table, p.column, err)
			}
			out.Blotted[p.table]++
		}
	}
	tables := slices.Collect(maps.Keys(out.Rows))
	return out, s.Compact(ctx, slices.Sorted(slices.Values(slices.AppendSeq(tables, maps.Keys(out.Blotted))))...)
}

func (s *Store) erase(ctx context.Context, traces []Trace, count map[string]int64) error {
	for part := range slices.Chunk(traces, erasedAtOnce) {
		err := s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
			for _, trace := range part {
				i := slices.IndexFunc(personalTables, func(t personal) bool { return t.name == trace.Table })
				n, err := s.exec(ctx, tx, "DELETE FROM "+trace.Table+" WHERE "+strings.Join(personalTables[i].key, " = ? AND ")+" = ?", trace.where...)
				if err != nil {
					return err
				}
				count[trace.Table] += n
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// passing is a text in another table that names a person.
type passing struct{ table, column, kind, text string }

// accounts are tables of people who work with Kopru, and of keys.
var accounts = []string{"users", "passes", "vault"}

// Passing tells how many texts of other tables name one of the texts, by table.
func (s *Store) Passing(ctx context.Context, texts []string) (map[string]int64, error) {
	found, err := s.passing(ctx, texts)
	out := map[string]int64{}
	for _, p := range found {
		out[p.table]++
	}
	return out, err
}

func (s *Store) passing(ctx context.Context, texts []string) ([]passing, error) {
	var columns []passing
	query := "SELECT m.name, p.name, CASE p.type WHEN 'BLOB' THEN 'BLOB' ELSE 'TEXT' END FROM sqlite_master m JOIN pragma_table_info(m.name) p " +
		"WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'"
	holds := "instr(lower(CAST(%[1]s AS TEXT)), ?) > 0"
	if s.dialect.name == "postgres" {
		query = "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid " +
			"WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND c.relnamespace = current_schema()::regnamespace " +
			"AND format_type(a.atttypid, a.atttypmod) IN ('text', 'character varying', 'json', 'jsonb', 'jsonb[]')"
		holds = "strpos(lower(CAST(%[1]s AS TEXT)), ?) > 0"
	}
	err := s.query(ctx, query, nil, func(rows *sql.Rows) error {
		var p passing
		err := rows.Scan(&p.table, &p.column, &p.kind)
		known := slices.ContainsFunc(personalTables, func(t personal) bool { return t.name == p.table })
		if !known && !slices.Contains(accounts, p.table) {
			columns = append(columns, p)
		}
		return err
	})
	out, sealedErr := s.passingSealed(ctx, texts)
	err = errors.Join(err, sealedErr)
	for _, needle := range allNeedles(texts) {
		for _, c := range columns {
			if err != nil {
				return nil, err
			}
			column := `"` + c.column + `"`
			err = s.query(ctx, "SELECT DISTINCT CAST("+column+" AS TEXT) FROM "+c.table+" WHERE "+fmt.Sprintf(holds, column), []any{needle},
				func(rows *sql.Rows) error {
					c := c
					err := rows.Scan(&c.text)
					if !slices.Contains(out, c) {
						out = append(out, c)
					}
					return err
				})
		}
	}
	return out, err
}

// sealedInPassing are sealed texts of tables that are not a person's, which the database can't search.
var sealedInPassing = append([]passing{{table: "runs", column: "error", kind: "TEXT"}}, sealedFew...)

func (s *Store) passingSealed(ctx context.Context, texts []string) (out []passing, err error) {
	if s.seal.writes == nil {
		return nil, nil
	}
	list := allNeedles(texts)
	for _, c := range sealedInPassing {
		err = s.query(ctx, "SELECT DISTINCT "+c.column+" FROM "+c.table+" WHERE "+c.column+" <> ''", nil, func(rows *sql.Rows) error {
			c := c
			if err := rows.Scan(&c.text); err != nil {
				return err
			}
			plain, err := s.seal.openText(c.text)
			if plain != c.text && slices.ContainsFunc(list, func(needle string) bool { return strings.Contains(strings.ToLower(plain), needle) }) {
				out = append(out, c)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func allNeedles(texts []string) []string {
	var out []string
	for _, text := range texts {
		out = append(out, needles(strings.ToLower(strings.TrimSpace(text)))...)
	}
	return out
}

// blot strikes the texts out where one is named in passing.
func (s *Store) blot(ctx context.Context, p passing, texts []string) error {
	text, err := s.seal.openText(p.text)
	if err != nil {
		return err
	}
	sealed := text != p.text
	for _, needle := range allNeedles(texts) {
		for at := strings.Index(strings.ToLower(text), needle); at >= 0; at = strings.Index(strings.ToLower(text), needle) {
			text = text[:at] + "•••" + text[at+len(needle):]
		}
	}
	if sealed {
		text = s.seal.text(text)
	}
	column := `"` + p.column + `"`
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := s.exec(ctx, tx, "UPDATE "+p.table+" SET "+column+" = CAST(CAST(? AS TEXT) AS "+p.kind+") WHERE CAST("+column+" AS TEXT) = ?", text, p.text)
		return err
	})
}
