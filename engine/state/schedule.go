package state

import (
	"context"
	"database/sql"
	"time"
)

// TakeDue takes the run of a pipeline that was due at a time. It is false when somebody has taken it, or a later one.
func (s *Store) TakeDue(ctx context.Context, pipeline string, due time.Time) (taken bool, err error) {
	return s.changes(ctx, "INSERT INTO schedules (pipeline, due, waiting) VALUES (?, ?, 0) "+
		"ON CONFLICT (pipeline) DO UPDATE SET due = excluded.due WHERE schedules.due < excluded.due", pipeline, due.UnixMilli())
}

// Await notes that a run of a pipeline waits for the one under way. There is one that waits, or none.
func (s *Store) Await(ctx context.Context, pipeline string) error {
	_, err := s.changes(ctx, await, pipeline)
	return err
}

const await = "INSERT INTO schedules (pipeline, due, waiting) VALUES (?, 0, 1) ON CONFLICT (pipeline) DO UPDATE SET waiting = 1"

// TakeWaiting takes the run that waits, if there is one.
func (s *Store) TakeWaiting(ctx context.Context, pipeline string) (taken bool, err error) {
	return s.changes(ctx, "UPDATE schedules SET waiting = 0 WHERE pipeline = ? AND waiting = 1", pipeline)
}

// LastDue is when the run that was taken last was due, by pipeline.
func (s *Store) LastDue(ctx context.Context) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	err := s.query(ctx, "SELECT pipeline, due FROM schedules WHERE due > 0", nil, func(rows *sql.Rows) error {
		var pipeline string
		var due int64
		err := rows.Scan(&pipeline, &due)
		out[pipeline] = time.UnixMilli(due)
		return err
	})
	return out, err
}

// Takeover is a pipeline that nobody runs although it should be: its run died, or another waited for that run's end.
// After is the fence of that run.
type Takeover struct {
	Pipeline string
	After    int64
	Died     bool
}

// Takeovers lists the pipelines that wait for a node to run them, whatever their schedule says.
func (s *Store) Takeovers(ctx context.Context) ([]Takeover, error) {
	now, err := s.now(ctx, s.read)
	if err != nil {
		return nil, err
	}
	var out []Takeover
	err = s.query(ctx, "SELECT l.pipeline, l.fence, l.run, l.node, l.until, COALESCE(s.waiting, 0) FROM leases l "+
		"LEFT JOIN schedules s ON s.pipeline = l.pipeline LEFT JOIN halts h ON h.pipeline = l.pipeline "+
		"WHERE l.run <> '' OR s.waiting = 1 AND h.pipeline IS NULL", nil, func(rows *sql.Rows) error {
		var t Takeover
		var run, node string
		var until, waiting int64
		if err := rows.Scan(&t.Pipeline, &t.After, &run, &node, &until, &waiting); err != nil {
			return err
		}
		t.Died = run != ""
		if !t.Died || until <= now.UnixMilli() || gone(node) {
			out = append(out, t)
		}
		return nil
	})
	return out, err
}

// changes carries out a statement and tells whether it changed anything.
func (s *Store) changes(ctx context.Context, statement string, args ...any) (changed bool, err error) {
	err = s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, s.rebind(statement), args...)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		changed = n > 0
		return err
	})
	return changed, err
}

// asker is a database or a transaction.
type asker interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// now is the database's clock: those of the nodes differ.
func (s *Store) now(ctx context.Context, from asker) (time.Time, error) {
	if s.dialect.name == "sqlite" { // one machine
		return time.Now(), nil
	}
	var us int64
	err := from.QueryRowContext(ctx, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").Scan(&us)
	return time.UnixMicro(us), classify(err)
}

// Alone does something that no other node does at the same time, such as making tables.
func (s *Store) Alone(ctx context.Context, do func() error) error {
	if s.dialect.name == "sqlite" { // one writer at a time, and it waits
		return do()
	}
	return s.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(4207849486)"); err != nil {
			return err
		}
		return do()
	})
}
