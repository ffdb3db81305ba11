package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Settle makes a settlement durable, all of it or nothing. A run that has lost its lease gets ErrFenced.
func (s *Store) Settle(ctx context.Context, st Settlement) error {
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := s.holdsLease(ctx, tx, st.Pipeline, st.Run, st.Fence); err != nil {
			return err
		}
		steps := []func(context.Context, *sql.Tx, Settlement) error{
			s.settleLinks, s.settleIntents, s.settleHeld, s.settleActivity, s.settlePlaces,
		}
		for _, step := range steps {
			if err := step(ctx, tx, st); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) holdsLease(ctx context.Context, tx *sql.Tx, pipeline, run string, fence int64) error {
	var holder string
	var current int64
	err := tx.QueryRowContext(ctx, s.rebind("SELECT run, fence FROM leases WHERE pipeline = ?"+s.dialect.lock), pipeline).
		Scan(&holder, &current)
	if errors.Is(err, sql.ErrNoRows) || err == nil && (holder != run || current != fence) {
		return ErrFenced
	}
	return err
}

func (s *Store) settleLinks(ctx context.Context, tx *sql.Tx, st Settlement) error {
	// One statement may touch a row only once, and the last word counts.
	last := make(map[[2]string]Link, len(st.Links))
	for _, l := range st.Links {
		last[[2]string{l.Scope, l.Key}] = l
	}
	rows := make([][]any, 0, len(last))
	for _, l := range st.Links {
		id := [2]string{l.Scope, l.Key}
		if l, ok := last[id]; ok {
			rows = append(rows, []any{l.Scope, l.Key, l.TargetID, l.Version, l.Hash})
			delete(last, id)
		}
	}
	return s.insert(ctx, tx, "INSERT INTO links (scope, key, target_id, version, hash)", 5,
		"ON CONFLICT (scope, key) DO UPDATE SET target_id = excluded.target_id, version = excluded.version, hash = excluded.hash",
		rows)
}

func (s *Store) settleIntents(ctx context.Context, tx *sql.Tx, st Settlement) error {
	for _, i := range st.DoneIntents {
		if _, err := tx.ExecContext(ctx, s.rebind("DELETE FROM intents WHERE target = ? AND match = ?"), i.Target, i.Match); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) settleHeld(ctx context.Context, tx *sql.Tx, st Settlement) error {
	now := time.Now().UnixMilli()
	for _, r := range st.Release {
		query, args := "UPDATE held SET status = ?, updated_at = ? WHERE id = ?", []any{r.Status, now, r.ID}
		if r.ID == 0 {
			query = "UPDATE held SET status = ?, updated_at = ? WHERE pipeline = ? AND key = ? AND status IN ('dead', 'parked')"
			args = []any{r.Status, now, st.Pipeline, r.Key}
		}
		if _, err := tx.ExecContext(ctx, s.rebind(query), args...); err != nil {
			return err
		}
	}
	rows := make([][]any, 0, len(st.Hold))
	for _, h := range st.Hold {
		if h.ID != 0 {
			if err := s.holdAgain(ctx, tx, h); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []any{
			h.Pipeline, h.Run, h.Entity, h.Key, h.RecordID, h.Status, h.Step, h.Code, h.Class, h.Message, h.WaitsFor,
			h.Original, h.Current, h.Exchanges, h.Meta, h.Version, h.Attempts, h.CreatedAt.UnixMilli(), h.UpdatedAt.UnixMilli(),
		})
	}
	return s.insert(ctx, tx, "INSERT INTO held ("+heldColumns+")", 19, "", rows)
}

// holdAgain notes that a held record was tried again and did not come through.
func (s *Store) holdAgain(ctx context.Context, tx *sql.Tx, h Held) error {
	_, err := tx.ExecContext(ctx, s.rebind("UPDATE held SET run = ?, record_id = ?, status = ?, step = ?, code = ?, class = ?, message = ?, "+
		"waits_for = ?, current = ?, exchanges = ?, version = ?, attempts = ?, updated_at = ? WHERE id = ?"),
		h.Run, h.RecordID, h.Status, h.Step, h.Code, h.Class, h.Message, h.WaitsFor, h.Current, h.Exchanges, h.Version,
		h.Attempts, h.UpdatedAt.UnixMilli(), h.ID)
	return err
}

const heldColumns = "pipeline, run, entity, key, record_id, status, step, code, class, message, waits_for, " +
	"original, current, exchanges, meta, version, attempts, created_at, updated_at"

func (s *Store) settleActivity(ctx context.Context, tx *sql.Tx, st Settlement) error {
	rows := make([][]any, len(st.Entries))
	for i, e := range st.Entries {
		rows[i] = []any{
			e.At.UnixMilli(), e.Run, e.Pipeline, e.Entity, e.Key, e.RecordID, string(e.Outcome), e.Code, e.Reason, e.Detail,
			e.Took.Microseconds(),
		}
	}
	err := s.insert(ctx, tx, "INSERT INTO activity (at, run, pipeline, entity, key, record_id, outcome, code, reason, detail, took_us)",
		11, "", rows)
	if err != nil {
		return err
	}
	// The roll-up counts every record, also those that have no entry of their own.
	hour := time.Now().Truncate(time.Hour).UnixMilli()
	var hours [][]any
	for _, o := range []struct {
		outcome Outcome
		n       int64
	}{
		{Delivered, st.Counts.Delivered},
		{Unchanged, st.Counts.Unchanged},
		{Filtered, st.Counts.Filtered},
		{Parked, st.Counts.Parked - st.StillParked},
		{Dead, st.Counts.Dead},
	} {
		if o.n > 0 {
			hours = append(hours, []any{st.Pipeline, hour, string(o.outcome), o.n})
		}
	}
	return s.insert(ctx, tx, "INSERT INTO hourly (pipeline, hour, outcome, records)", 4,
		"ON CONFLICT (pipeline, hour, outcome) DO UPDATE SET records = hourly.records + excluded.records", hours)
}

// settlePlaces moves the cursor and the positions of append-only sinks.
func (s *Store) settlePlaces(ctx context.Context, tx *sql.Tx, st Settlement) error {
	if st.Cursor != nil {
		err := s.insert(ctx, tx, "INSERT INTO cursors (pipeline, source, cursor)", 3,
			"ON CONFLICT (pipeline, source) DO UPDATE SET cursor = excluded.cursor",
			[][]any{{st.Pipeline, st.Source, *st.Cursor}})
		if err != nil {
			return err
		}
	}
	rows := make([][]any, 0, len(st.Positions))
	for step, position := range st.Positions {
		rows = append(rows, []any{st.Pipeline, step, position})
	}
	return s.insert(ctx, tx, "INSERT INTO positions (pipeline, step, position)", 3,
		"ON CONFLICT (pipeline, step) DO UPDATE SET position = excluded.position", rows)
}

// PutIntents announces creates. They are durable when it returns.
func (s *Store) PutIntents(ctx context.Context, intents []Intent) error {
	rows := make([][]any, len(intents))
	for i, in := range intents {
		rows[i] = []any{in.Target, in.Match, in.Run, in.Key, in.At.UnixMilli()}
	}
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return s.insert(ctx, tx, "INSERT INTO intents (target, match, run, key, at)", 5,
			"ON CONFLICT (target, match) DO UPDATE SET run = excluded.run, key = excluded.key, at = excluded.at", rows)
	})
}

// Intents returns the open intents of a target among the given matches.
func (s *Store) Intents(ctx context.Context, target string, matches []string) (map[string]Intent, error) {
	out := map[string]Intent{}
	err := s.each(ctx, "SELECT target, match, run, key, at FROM intents WHERE target = ? AND match IN", []any{target}, matches, "",
		func(rows *sql.Rows) error {
			var i Intent
			var at int64
			if err := rows.Scan(&i.Target, &i.Match, &i.Run, &i.Key, &at); err != nil {
				return err
			}
			i.At = time.UnixMilli(at)
			out[i.Match] = i
			return nil
		})
	return out, err
}

// each runs a query with a list of texts, in pieces that any database takes.
func (s *Store) each(
	ctx context.Context, query string, args []any, list []string, suffix string, scan func(*sql.Rows) error,
) error {
	for part := range slices.Chunk(list, 500) {
		all := slices.Clone(args)
		for _, text := range part {
			all = append(all, text)
		}
		if err := s.query(ctx, fmt.Sprintf("%s (%s) %s", query, marks(len(part)), suffix), all, scan); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) query(ctx context.Context, query string, args []any, scan func(*sql.Rows) error) error {
	rows, err := s.read.QueryContext(ctx, s.rebind(query), args...)
	if err != nil {
		return classify(err)
	}
	defer rows.Close() //nolint:errcheck // Err below tells
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return classify(rows.Err())
}
