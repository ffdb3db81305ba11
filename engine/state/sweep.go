package state

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"
)

// Retention is how long what is kept for people is kept. Zero = for ever.
type Retention struct {
	Activity time.Duration // entries, with what they are found by
	Stories  time.Duration // at most as long as the entries
	Letters  time.Duration // after they were closed, and announcements whose records have ended
	Runs     time.Duration // with backfills
	Audit    time.Duration
	Counts   time.Duration // of hours and steps
}

const (
	swept      = 500              // rows in one transaction
	sweepEvery = time.Hour        // by whichever node is first
	sweepTurn  = 10 * time.Minute // of one that does not say that it is still at it
	mentionsAt = "mentions"
	retention  = "retention"
)

// Sweep removes what was kept long enough, in small transactions with as long a rest after each, and gives the space
// back. One node does it once an hour; to others, and before that, it does nothing. It returns how many rows went, by
// table.
func (s *Store) Sweep(ctx context.Context, keep Retention) (removed map[string]int64, err error) {
	w := &sweeper{Store: s, keep: keep, removed: map[string]int64{}}
	if mine, err := w.turn(ctx, retention, sweepTurn); err != nil || !mine {
		return nil, err
	}
	for _, sweep := range []func(context.Context) error{
		w.intents, w.activity, w.stories, w.letters, w.runs, w.audit, w.counts, w.mentions, w.giveBack,
	} {
		if err := sweep(ctx); err != nil {
			return w.removed, err
		}
	}
	return w.removed, w.next(ctx, retention, sweepEvery)
}

type sweeper struct {
	*Store
	keep    Retention
	removed map[string]int64
}

// turn tells whether this node is the one to do something now.
func (w *sweeper) turn(ctx context.Context, name string, turn time.Duration) (bool, error) {
	_, err := w.changes(ctx, "INSERT INTO sweeps (name, due, place) VALUES (?, 0, 0) ON CONFLICT (name) DO NOTHING", name)
	if err != nil {
		return false, err
	}
	return w.changes(ctx, "UPDATE sweeps SET due = "+w.dialect.clock+" + ? WHERE name = ? AND due <= "+w.dialect.clock, turn.Milliseconds(), name)
}

// next says when the next one may.
func (w *sweeper) next(ctx context.Context, name string, in time.Duration) error {
	_, err := w.changes(ctx, "UPDATE sweeps SET due = "+w.dialect.clock+" + ? WHERE name = ?", in.Milliseconds(), name)
	return err
}

// batches repeats a transaction until it has nothing to do any more.
func (w *sweeper) batches(ctx context.Context, batch func(context.Context, *sql.Tx) (more bool, err error)) error {
	for {
		began, more := time.Now(), false
		err := w.commit(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
			more, err = batch(ctx, tx)
			if err == nil {
				_, err = tx.ExecContext(ctx, w.rebind("UPDATE sweeps SET due = "+w.dialect.clock+" + ? WHERE name = ?"), sweepTurn.Milliseconds(), retention)
			}
			return err
		})
		if err != nil || !more {
			return err
		}
		select {
		case <-time.After(time.Since(began)): // the database is there for the runs first
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// remove deletes rows of a table until there are none any more.
func (w *sweeper) remove(ctx context.Context, table, statement string, args ...any) error {
	return w.batches(ctx, func(ctx context.Context, tx *sql.Tx) (bool, error) {
		n, err := w.exec(ctx, tx, statement, args...)
		w.removed[table] += n
		return n > 0, err
	})
}

func (s *Store) exec(ctx context.Context, tx *sql.Tx, statement string, args ...any) (int64, error) {
	result, err := tx.ExecContext(ctx, s.rebind(statement), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func before(keep time.Duration) int64 { return time.Now().Add(-keep).UnixMilli() }

// entries goes through the entries behind place and up to those of a time, which are in order of their numbers.
func (w *sweeper) entries(ctx context.Context, keep time.Duration, place func(context.Context, *sql.Tx) (int64, error),
	do func(ctx context.Context, tx *sql.Tx, last int64, records []any) error,
) error {
	if keep == 0 {
		return nil
	}
	end, err := w.entryBefore(ctx, time.Now().Add(-keep), 0)
	if err != nil || end <= 0 {
		return err
	}
	return w.batches(ctx, func(ctx context.Context, tx *sql.Tx) (bool, error) {
		from, err := place(ctx, tx)
		if err != nil {
			return false, err
		}
		var last int64
		var records []any
		err = scanAll(ctx, tx, w.rebind("SELECT id, record_id FROM activity WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"), []any{from, end, swept},
			func(rows *sql.Rows) error {
				var record string
				err := rows.Scan(&last, &record)
				records = append(records, record)
				return err
			})
		if err != nil || len(records) == 0 {
			return false, err
		}
		n, err := w.exec(ctx, tx, "DELETE FROM stories WHERE record_id IN ("+marks(len(records))+")", records...)
		w.removed["stories"] += n
		if err != nil {
			return false, err
		}
		return true, do(ctx, tx, last, records)
	})
}

func (w *sweeper) activity(ctx context.Context) error {
	fromStart := func(context.Context, *sql.Tx) (int64, error) { return 0, nil }
	return w.entries(ctx, w.keep.Activity, fromStart, func(ctx context.Context, tx *sql.Tx, last int64, _ []any) error {
		n, err := w.exec(ctx, tx, "DELETE FROM activity WHERE id <= ?", last)
		w.removed["activity"] += n
		return err
	})
}

func (w *sweeper) stories(ctx context.Context) error {
	place := func(ctx context.Context, tx *sql.Tx) (at int64, err error) {
		err = tx.QueryRowContext(ctx, w.rebind("SELECT place FROM sweeps WHERE name = ?"), retention).Scan(&at)
		return at, err
	}
	return w.entries(ctx, w.keep.Stories, place, func(ctx context.Context, tx *sql.Tx, last int64, _ []any) error {
		_, err := w.exec(ctx, tx, "UPDATE sweeps SET place = ? WHERE name = ?", last, retention)
		return err
	})
}

func (w *sweeper) letters(ctx context.Context) error {
	if w.keep.Letters == 0 {
		return nil
	}
	return w.remove(ctx, "held", "DELETE FROM held WHERE id IN (SELECT id FROM held WHERE status IN ('released', 'superseded', 'discarded') "+
		"AND updated_at < ? LIMIT ?)", before(w.keep.Letters), swept)
}

// intents removes announcements of runs that died: their record has ended since, in a later run, and no letter has it.
func (w *sweeper) intents(ctx context.Context) error {
	if w.keep.Letters == 0 {
		return nil
	}
	return w.remove(ctx, "intents", "DELETE FROM intents WHERE at < ? "+
		"AND run NOT IN (SELECT run FROM leases WHERE until > "+w.dialect.clock+" UNION ALL SELECT holder FROM partitions WHERE until > "+w.dialect.clock+") "+
		"AND NOT EXISTS (SELECT 1 FROM held WHERE held.key = intents.key AND "+openHeld+") "+
		"AND (EXISTS (SELECT 1 FROM activity a WHERE a.key = intents.key AND a.at > intents.at) OR EXISTS (SELECT 1 FROM runs d JOIN runs l "+
		"ON l.pipeline = d.pipeline AND l.started_at > d.started_at AND l.status IN ('succeeded', 'partial') WHERE d.id = intents.run))",
		before(w.keep.Letters))
}

func (w *sweeper) runs(ctx context.Context) error {
	if w.keep.Runs == 0 {
		return nil
	}
	return w.ofPipelines(ctx, func(pipeline string) error {
		return w.batches(ctx, func(ctx context.Context, tx *sql.Tx) (bool, error) {
			var ids []any
			err := scanAll(ctx, tx, w.rebind("SELECT id FROM runs WHERE pipeline = ? AND started_at < ? AND status <> 'running' LIMIT ?"),
				[]any{pipeline, before(w.keep.Runs), swept}, func(rows *sql.Rows) error {
					var id string
					err := rows.Scan(&id)
					ids = append(ids, id)
					return err
				})
			if err != nil || len(ids) == 0 {
				return false, err
			}
			in := " IN (" + marks(len(ids)) + ")"
			n, err := w.exec(ctx, tx, "DELETE FROM runs WHERE id"+in, ids...)
			w.removed["runs"] += n
			for _, statement := range []string{"DELETE FROM partitions WHERE backfill", "DELETE FROM backfills WHERE id"} {
				if err == nil {
					_, err = w.exec(ctx, tx, statement+in, ids...)
				}
			}
			return true, err
		})
	})
}

func (w *sweeper) ofPipelines(ctx context.Context, do func(pipeline string) error) error {
	names, err := w.pipelineNames(ctx)
	for _, name := range names {
		if err == nil {
			err = do(name)
		}
	}
	return err
}

func (w *sweeper) audit(ctx context.Context) error {
	if w.keep.Audit == 0 {
		return nil
	}
	return w.remove(ctx, "audit", "DELETE FROM audit WHERE at < ? AND id IN (SELECT id FROM audit ORDER BY id LIMIT ?)", before(w.keep.Audit), swept)
}

func (w *sweeper) counts(ctx context.Context) error {
	if w.keep.Counts == 0 {
		return nil
	}
	return w.ofPipelines(ctx, func(pipeline string) error {
		return errors.Join(
			w.remove(ctx, "hourly", "DELETE FROM hourly WHERE pipeline = ? AND hour < ?", pipeline, before(w.keep.Counts)),
			w.remove(ctx, "steps", "DELETE FROM steps WHERE pipeline = ? AND hour < ?", pipeline, before(w.keep.Counts)))
	})
}

// mentions removes what leads to nothing any more. That takes a look at all, so it is done once a day.
func (w *sweeper) mentions(ctx context.Context) error {
	if mine, err := w.turn(ctx, mentionsAt, 24*time.Hour); err != nil || !mine {
		return err
	}
	last := []any{"", "", ""}
	return w.batches(ctx, func(ctx context.Context, tx *sql.Tx) (bool, error) {
		page := 0
		var idle [][]any
		err := scanAll(ctx, tx, w.rebind("SELECT m.term, m.pipeline, m.key, "+
			"CASE WHEN EXISTS (SELECT 1 FROM activity a WHERE a.key = m.key AND a.pipeline = m.pipeline) "+
			"OR EXISTS (SELECT 1 FROM held h WHERE h.pipeline = m.pipeline AND h.key = m.key) THEN 1 ELSE 0 END "+
			"FROM mentions m WHERE (m.term, m.pipeline, m.key) > (?, ?, ?) ORDER BY m.term, m.pipeline, m.key LIMIT ?"),
			append(slices.Clone(last), swept), func(rows *sql.Rows) error {
				var term, pipeline, key string
				leads := 0
				err := rows.Scan(&term, &pipeline, &key, &leads)
				last = []any{term, pipeline, key}
				page++
				if leads == 0 {
					idle = append(idle, last)
				}
				return err
			})
		for _, m := range idle {
			if err == nil {
				_, err = w.exec(ctx, tx, "DELETE FROM mentions WHERE term = ? AND pipeline = ? AND key = ?", m...)
			}
		}
		w.removed["mentions"] += int64(len(idle))
		return page == swept, err
	})
}

// giveBack makes SQLite's file smaller by what is free in it. PostgreSQL's autovacuum does its own work.
func (w *sweeper) giveBack(ctx context.Context) error {
	if w.dialect.name != "sqlite" {
		return nil
	}
	return w.batches(ctx, func(ctx context.Context, tx *sql.Tx) (bool, error) {
		var before, after int64
		free := func(n *int64) error { return tx.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(n) }
		if err := free(&before); err != nil || before == 0 {
			return false, err
		}
		if err := scanAll(ctx, tx, "PRAGMA incremental_vacuum(1000)", nil, func(*sql.Rows) error { return nil }); err != nil {
			return false, err
		}
		err := free(&after)
		return after > 0 && after < before, err // a file of an older version gives nothing back, until it is compacted
	})
}
