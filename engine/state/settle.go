package state

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Settle makes a settlement durable, all of it or nothing. A run that has lost its lease gets ErrFenced. When the
// answer is lost with the database, the same settlement may be settled again: it then counts once.
func (s *Store) Settle(ctx context.Context, st Settlement) error {
	st = s.sealed(st)
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		settled, err := s.holdsLease(ctx, tx, st)
		if err != nil || settled {
			return err
		}
		steps := []func(context.Context, *sql.Tx, Settlement) error{
			s.settleLinks, s.settleIntents, s.settleCame, s.settleHeld, s.settleActivity, s.settleStories, s.settlePlaces,
		}
		for _, step := range steps {
			if err := step(ctx, tx, st); err != nil {
				return err
			}
		}
		return nil
	})
}

// sealed is a settlement as it is stored.
func (s *Store) sealed(st Settlement) Settlement {
	if s.seal.writes == nil {
		return st
	}
	st.Entries, st.Stories, st.Hold = slices.Clone(st.Entries), slices.Clone(st.Stories), slices.Clone(st.Hold)
	for i := range st.Entries {
		st.Entries[i].Reason = s.seal.text(st.Entries[i].Reason)
	}
	for i := range st.Stories {
		st.Stories[i].Body = s.seal.bytes(st.Stories[i].Body)
	}
	for i := range st.Hold {
		s.seal.letter(&st.Hold[i])
	}
	st.DoneIntents, st.Came = s.seal.intents(st.DoneIntents), s.seal.intents(st.Came)
	return st
}

// letter seals what a letter tells of its record.
func (s *seal) letter(h *Held) {
	for _, document := range h.documents() {
		*document = s.bytes(*document)
	}
	for _, text := range h.texts() {
		*text = s.text(*text)
	}
	h.WaitMatch = s.equal(h.WaitMatch)
}

func (s *seal) intents(list []Intent) []Intent {
	if s.writes == nil {
		return list
	}
	list = slices.Clone(list)
	for i := range list {
		list[i].Match = s.equal(list[i].Match)
	}
	return list
}

// holdsLease checks that the run still has its pipeline, and whether this very settlement was made before.
func (s *Store) holdsLease(ctx context.Context, tx *sql.Tx, st Settlement) (settled bool, err error) {
	if st.Backfill != "" {
		return s.settlePartition(ctx, tx, st)
	}
	var holder string
	var fence, seq int64
	err = tx.QueryRowContext(ctx, s.rebind("SELECT run, fence, seq FROM leases WHERE pipeline = ?"+s.dialect.lock), st.Pipeline).
		Scan(&holder, &fence, &seq)
	switch {
	case errors.Is(err, sql.ErrNoRows) || err == nil && (holder != st.Run || fence != st.Fence):
		return false, ErrFenced
	case err != nil || st.Seq > 0 && st.Seq <= seq:
		return true, err
	case st.Seq == 0:
		return false, nil
	}
	_, err = tx.ExecContext(ctx, s.rebind("UPDATE leases SET seq = ? WHERE pipeline = ?"), st.Seq, st.Pipeline)
	return false, err
}

func (s *Store) settleLinks(ctx context.Context, tx *sql.Tx, st Settlement) error {
	// One statement may touch a row only once, and the last word counts. All nodes lock rows in the same order.
	last := make(map[[2]string]Link, len(st.Links))
	for _, l := range st.Links {
		last[[2]string{l.Scope, l.Key}] = l
	}
	rows := make([][]any, 0, len(last))
	for _, l := range slices.SortedFunc(maps.Values(last), byScopeAndKey) {
		rows = append(rows, []any{l.Scope, l.Key, l.TargetID, l.Version, l.Hash})
	}
	return s.insert(ctx, tx, "INSERT INTO links (scope, key, target_id, version, hash)", 5,
		"ON CONFLICT (scope, key) DO UPDATE SET target_id = excluded.target_id, version = excluded.version, hash = excluded.hash",
		rows)
}

func byScopeAndKey(a, b Link) int {
	return cmp.Or(cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Key, b.Key))
}

func (s *Store) settleIntents(ctx context.Context, tx *sql.Tx, st Settlement) error {
	byTarget := map[string][]any{}
	for _, i := range st.DoneIntents {
		byTarget[i.Target] = append(byTarget[i.Target], i.Match)
	}
	for target, matches := range byTarget {
		for part := range slices.Chunk(matches, 500) {
			// One that another run has announced anew since is that run's to end.
			_, err := tx.ExecContext(ctx, s.rebind("DELETE FROM intents WHERE target = ? AND (run = ? OR run NOT IN (SELECT run FROM leases "+
				"WHERE until > "+s.dialect.clock+" UNION ALL SELECT holder FROM partitions WHERE until > "+s.dialect.clock+")) AND match IN ("+
				marks(len(part))+")"), append([]any{target, st.Run}, part...)...)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

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
	err = s.insert(ctx, tx, "INSERT INTO hourly (pipeline, hour, outcome, records)", 4,
		"ON CONFLICT (pipeline, hour, outcome) DO UPDATE SET records = hourly.records + excluded.records", hours)
	if err != nil {
		return err
	}
	return s.insert(ctx, tx, "INSERT INTO steps (pipeline, step, hour, what, records)", 5,
		"ON CONFLICT (pipeline, step, hour, what) DO UPDATE SET records = steps.records + excluded.records", stepRows(st, hour))
}

// stepRows are what happened at each step: how many records ended there, and what sinks did.
func stepRows(st Settlement, hour int64) [][]any {
	var rows [][]any
	add := func(step, what string, n int64) {
		if n > 0 {
			rows = append(rows, []any{st.Pipeline, step, hour, what, n})
		}
	}
	for end, n := range st.Ends {
		add(end.Step, end.Outcome, n)
	}
	for step, c := range st.Sinks {
		add(step, "created", c.Created)
		add(step, "updated", c.Updated)
		add(step, "same", c.Unchanged)
	}
	return rows
}

// settlePlaces moves the cursor and the positions of append-only sinks.
func (s *Store) settlePlaces(ctx context.Context, tx *sql.Tx, st Settlement) error {
	if st.Cursor != nil && st.Backfill == "" { // a partition's cursor moved with its counts
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

// each runs a query with a list of texts, in pieces that any database takes.
func (s *Store) each(
	ctx context.Context, query string, args []any, list []string, suffix string, scan func(*sql.Rows) error,
) error {
	for part := range slices.Chunk(list, pieces[0]) {
		all := slices.Clone(args)
		for _, text := range part {
			all = append(all, text)
		}
		n := len(part)
		for ; !slices.Contains(pieces, n); n++ { // the last one again, which changes nothing
			all = append(all, part[len(part)-1])
		}
		if err := s.query(ctx, fmt.Sprintf("%s (%s) %s", query, marks(n), suffix), all, scan); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) query(ctx context.Context, query string, args []any, scan func(*sql.Rows) error) error {
	return classify(scanAll(ctx, s.read, s.rebind(query), args, scan))
}

// scanAll gives each row of an answer to scan.
func scanAll(ctx context.Context, in interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}, query string, args []any, scan func(*sql.Rows) error,
) error {
	rows, err := in.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err below tells
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
