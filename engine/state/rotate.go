package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// sealedTable is a table of which some columns are sealed.
type sealedTable struct {
	name, key        string
	first            any // comes before every key
	documents, texts []string
}

var sealedTables = []sealedTable{
	{"stories", "record_id", "", []string{"story"}, nil},
	{"held", "id", int64(0), []string{"original", "current", "exchanges", "meta", "edited"}, []string{"message", "waits_for", "reason"}},
	{"activity", "id", int64(0), nil, []string{"reason"}},
	{"runs", "id", "", nil, []string{"error"}},
}

// sealedFew are sealed texts of tables with few rows.
var sealedFew = []passing{
	{table: "partitions", column: "error", kind: "TEXT"},
	{table: "troubles", column: "reason", kind: "TEXT"},
	{table: "pauses", column: "reason", kind: "TEXT"},
	{table: "tests", column: "answer", kind: "TEXT"},
}

// rotated is how many rows are looked at in one transaction.
const rotated = 500

// Rotate seals anew, with the newest key, what is sealed with an older one or not at all, in small transactions, so that
// runs may go on meanwhile. It returns how many rows it wrote. Older keys are of no use afterwards.
func (s *Store) Rotate(ctx context.Context) (rows int64, err error) {
	if s.seal.writes == nil {
		return 0, fmt.Errorf("%w: no key was given to encrypt with", ErrKey)
	}
	for _, t := range sealedTables {
		n, err := s.rotateTable(ctx, t)
		if rows += n; err != nil {
			return rows, fmt.Errorf("%s: %w", t.name, err)
		}
	}
	for _, few := range sealedFew {
		n, err := s.rotateFew(ctx, few.table, few.column)
		if rows += n; err != nil {
			return rows, fmt.Errorf("%s: %w", few.table, err)
		}
	}
	err = s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error { // last: it says which key the state is encrypted with
		stored, err := s.vault(ctx, tx)
		if err != nil {
			return err
		}
		if stored, err = s.seal.open(stored); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, s.rebind("UPDATE vault SET value = ? WHERE name = ?"), s.seal.bytes(stored), lookupName)
		return err
	})
	return rows, err
}

// rotateFew seals a column anew, all in one transaction.
func (s *Store) rotateFew(ctx context.Context, table, column string) (written int64, err error) {
	err = s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var stale []string
		err := scanAll(ctx, tx, "SELECT DISTINCT "+column+" FROM "+table+" WHERE "+column+" <> ''", nil, func(rows *sql.Rows) error {
			var text string
			err := rows.Scan(&text)
			if text != "" && !s.seal.textSealedNow(text) {
				stale = append(stale, text)
			}
			return err
		})
		if err != nil {
			return err
		}
		written = 0
		for _, text := range stale {
			plain, err := s.seal.openText(text)
			if err != nil {
				return err
			}
			n, err := s.exec(ctx, tx, "UPDATE "+table+" SET "+column+" = ? WHERE "+column+" = ?", s.seal.text(plain), text)
			if err != nil {
				return err
			}
			written += n
		}
		return nil
	})
	return written, err
}

func (s *Store) rotateTable(ctx context.Context, t sealedTable) (written int64, err error) {
	columns := append(append([]string{t.key}, t.documents...), t.texts...)
	from := "SELECT " + strings.Join(columns, ", ") + " FROM " + t.name
	page := s.rebind(from + " WHERE " + t.key + " > ? ORDER BY " + t.key + " LIMIT ?" + s.dialect.lock)
	update := s.rebind("UPDATE " + t.name + " SET " + strings.Join(columns[1:], " = ?, ") + " = ? WHERE " + t.key + " = ?")
	after := t.first
	for n := rotated; err == nil && n == rotated; {
		err = s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
			var old [][]any
			n = 0
			last := after
			err := scanAll(ctx, tx, page, []any{after, rotated}, func(rows *sql.Rows) error {
				n++
				values, stale, err := s.reseal(rows, t, &last)
				if stale {
					old = append(old, append(values, last))
				}
				return err
			})
			for _, values := range old {
				if err == nil {
					_, err = tx.ExecContext(ctx, update, values...)
				}
			}
			if err == nil {
				after, written = last, written+int64(len(old))
			}
			return err
		})
	}
	return written, err
}

// reseal reads a row and returns its sealed columns as the newest key writes them, and whether they differ.
func (s *Store) reseal(rows *sql.Rows, t sealedTable, key *any) (values []any, stale bool, err error) {
	documents, texts := make([][]byte, len(t.documents)), make([]string, len(t.texts))
	into := []any{key}
	for i := range documents {
		into = append(into, &documents[i])
	}
	for i := range texts {
		into = append(into, &texts[i])
	}
	if err := rows.Scan(into...); err != nil {
		return nil, false, err
	}
	var errs []error
	for _, d := range documents {
		plain, err := s.seal.open(d)
		errs = append(errs, err)
		stale = stale || len(d) > 0 && !s.seal.sealedNow(d)
		values = append(values, s.seal.bytes(plain))
	}
	for _, text := range texts {
		plain, err := s.seal.openText(text)
		errs = append(errs, err)
		stale = stale || text != "" && !s.seal.textSealedNow(text)
		values = append(values, s.seal.text(plain))
	}
	return values, stale, errors.Join(errs...)
}

// Compact gives the space of what was removed back, and leaves no trace of it in the database's files. On SQLite, others
// wait meanwhile; on PostgreSQL, those who use one of the tables do.
func (s *Store) Compact(ctx context.Context, tables ...string) error {
	if s.dialect.name == "postgres" {
		for _, t := range tables {
			if _, err := s.write.ExecContext(ctx, "VACUUM (FULL, ANALYZE) "+t); err != nil {
				return classify(err)
			}
		}
		return nil
	}
	for _, statement := range []string{"PRAGMA auto_vacuum = INCREMENTAL", "VACUUM"} {
		if _, err := s.write.ExecContext(ctx, statement); err != nil {
			return classify(err)
		}
	}
	var busy, all, done int
	if err := s.write.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &all, &done); err != nil {
		return classify(err)
	}
	if busy != 0 {
		return fmt.Errorf("%w: somebody was reading it, so its journal still has what was removed; do it once more", ErrUnavailable)
	}
	return nil
}
