package state

import (
	"context"
	"database/sql"
	"strings"
	"time"
)

// Cursor returns where the settled part of a source ends, "" at the beginning.
func (s *Store) Cursor(ctx context.Context, pipeline, source string) (string, error) {
	var cursor string
	err := s.query(ctx, "SELECT cursor FROM cursors WHERE pipeline = ? AND source = ?", []any{pipeline, source},
		func(rows *sql.Rows) error { return rows.Scan(&cursor) })
	return cursor, err
}

// Positions returns where the settled parts of a pipeline's append-only targets end, by step.
func (s *Store) Positions(ctx context.Context, pipeline string) (map[string]string, error) {
	out := map[string]string{}
	err := s.query(ctx, "SELECT step, position FROM positions WHERE pipeline = ?", []any{pipeline},
		func(rows *sql.Rows) error {
			var step, position string
			if err := rows.Scan(&step, &position); err != nil {
				return err
			}
			out[step] = position
			return nil
		})
	return out, err
}

// Links returns the links of a scope among the given keys.
func (s *Store) Links(ctx context.Context, scope string, keys []string) (map[string]Link, error) {
	out := make(map[string]Link, len(keys))
	err := s.each(ctx, "SELECT scope, key, target_id, version, hash FROM links WHERE scope = ? AND key IN", []any{scope}, keys, "",
		func(rows *sql.Rows) error {
			var l Link
			if err := rows.Scan(&l.Scope, &l.Key, &l.TargetID, &l.Version, &l.Hash); err != nil {
				return err
			}
			out[l.Key] = l
			return nil
		})
	return out, err
}

// LinksOf returns links newest key first, for people: by key, by target id, or all of a scope.
func (s *Store) LinksOf(ctx context.Context, scope, key, targetID string, limit int) ([]Link, error) {
	where, args := conditions{}.and("scope", scope).and("key", key).and("target_id", targetID).text()
	var out []Link
	err := s.query(ctx, "SELECT scope, key, target_id, version, hash FROM links"+where+" ORDER BY scope, key LIMIT ?",
		append(args, limitOr(limit)), func(rows *sql.Rows) error {
			var l Link
			if err := rows.Scan(&l.Scope, &l.Key, &l.TargetID, &l.Version, &l.Hash); err != nil {
				return err
			}
			out = append(out, l)
			return nil
		})
	return out, err
}

// ActivityPage returns activity, newest first; Before pages on.
func (s *Store) ActivityPage(ctx context.Context, f ActivityFilter) ([]Entry, error) {
	c := conditions{}.and("pipeline", f.Pipeline).and("outcome", string(f.Outcome)).and("key", f.Key).and("code", f.Code)
	if !f.From.IsZero() {
		c = c.raw("at >= ?", f.From.UnixMilli())
	}
	if !f.To.IsZero() {
		c = c.raw("at < ?", f.To.UnixMilli())
	}
	if f.Before > 0 {
		c = c.raw("id < ?", f.Before)
	}
	where, args := c.text()
	var out []Entry
	err := s.query(ctx, "SELECT id, at, run, pipeline, entity, key, record_id, outcome, code, reason, detail, took_us FROM activity"+
		where+" ORDER BY id DESC LIMIT ?", append(args, limitOr(f.Limit)), func(rows *sql.Rows) error {
		var e Entry
		var at, took int64
		err := rows.Scan(&e.ID, &at, &e.Run, &e.Pipeline, &e.Entity, &e.Key, &e.RecordID, &e.Outcome, &e.Code, &e.Reason,
			&e.Detail, &took)
		e.At, e.Took = time.UnixMilli(at), time.Duration(took)*time.Microsecond
		out = append(out, e)
		return err
	})
	return out, err
}

func limitOr(n int) int {
	if n <= 0 {
		return 100
	}
	return n
}

// conditions builds a WHERE from the parts of a filter that are set.
type conditions struct {
	parts []string
	args  []any
}

func (c conditions) and(column, value string) conditions {
	if value == "" {
		return c
	}
	return c.raw(column+" = ?", value)
}

func (c conditions) raw(part string, args ...any) conditions {
	return conditions{append(c.parts, part), append(c.args, args...)}
}

func (c conditions) text() (string, []any) {
	if len(c.parts) == 0 {
		return "", c.args
	}
	return " WHERE " + strings.Join(c.parts, " AND "), c.args
}
