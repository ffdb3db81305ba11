package state

import (
	"context"
	"database/sql"
	"strings"
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
