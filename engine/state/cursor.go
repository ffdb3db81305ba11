package state

import (
	"context"
	"database/sql"
	"fmt"
)

// Place is where the settled part of a source ends.
type Place struct {
	Pipeline string `json:"pipeline"`
	Source   string `json:"source"`
	Cursor   string `json:"cursor"`
}

// Cursors lists the live cursors.
func (s *Store) Cursors(ctx context.Context) ([]Place, error) {
	var out []Place
	err := s.query(ctx, "SELECT pipeline, source, cursor FROM cursors ORDER BY pipeline, source", nil, func(rows *sql.Rows) error {
		var p Place
		err := rows.Scan(&p.Pipeline, &p.Source, &p.Cursor)
		out = append(out, p)
		return err
	})
	return out, err
}

// SetCursor moves a live cursor by hand; "" is the beginning. ErrBusy while a run holds the pipeline. A run that fell
// silent can settle nothing more afterwards.
func (s *Store) SetCursor(ctx context.Context, pipeline, source, cursor string) error {
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		l, err := s.lease(ctx, tx, pipeline)
		if err != nil {
			return err
		}
		if l.held() {
			return fmt.Errorf("%w (%s on %s)", ErrBusy, l.run, l.node)
		}
		if _, err := tx.ExecContext(ctx, s.rebind("UPDATE leases SET run = '', fence = fence + 1 WHERE pipeline = ?"), pipeline); err != nil {
			return err
		}
		if cursor == "" {
			_, err := tx.ExecContext(ctx, s.rebind("DELETE FROM cursors WHERE pipeline = ? AND source = ?"), pipeline, source)
			return err
		}
		return s.insert(ctx, tx, "INSERT INTO cursors (pipeline, source, cursor)", 3,
			"ON CONFLICT (pipeline, source) DO UPDATE SET cursor = excluded.cursor", [][]any{{pipeline, source, cursor}})
	})
}
