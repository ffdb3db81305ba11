package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A pipeline belongs either to one live run or to partitions of its backfill, any number of them, never to both: a
// record that a backfill has read but not yet delivered would overwrite the newer state that a live run delivers
// meanwhile. The row of the pipeline in leases is locked by whoever takes either.

// lease is a pipeline's row in leases, locked until the transaction ends.
type lease struct {
	run, node, wanted         string
	fence, until, wantedUntil int64
	now                       time.Time
}

func (s *Store) lease(ctx context.Context, tx *sql.Tx, pipeline string) (lease, error) {
	// A row to lock, so that of two nodes that come at once one sees the other.
	_, err := tx.ExecContext(ctx, s.rebind("INSERT INTO leases (pipeline, run, fence, seq, node, until) VALUES (?, '', 0, 0, '', 0) "+
		"ON CONFLICT (pipeline) DO NOTHING"), pipeline)
	if err != nil {
		return lease{}, err
	}
	var l lease
	err = tx.QueryRowContext(ctx, s.rebind("SELECT run, node, fence, until, wanted, wanted_until FROM leases WHERE pipeline = ?"+
		s.dialect.lock), pipeline).Scan(&l.run, &l.node, &l.fence, &l.until, &l.wanted, &l.wantedUntil)
	if err == nil {
		l.now, err = s.now(ctx, tx)
	}
	return l, err
}

// held tells whether a live run holds the pipeline.
func (l lease) held() bool {
	return l.run != "" && l.until > l.now.UnixMilli() && !gone(l.node)
}

// due tells whether a live run waits for the pipeline, and the backfill had its turn since the last one.
func (l lease) due() bool {
	now := l.now.UnixMilli()
	return l.wantedUntil > now && now-l.until > Turn.Milliseconds()
}

// makeRoom notes that a run waits for partitions that are under way. It returns whether there are any.
func (s *Store) makeRoom(ctx context.Context, tx *sql.Tx, l lease, r Run) (waits bool, err error) {
	rows, err := tx.QueryContext(ctx, s.rebind("SELECT "+partitionColumns+" FROM partitions WHERE pipeline = ? AND status = ?"),
		r.Pipeline, PartitionRunning)
	if err != nil {
		return false, err
	}
	defer rows.Close() //nolint:errcheck // Err below tells
	for rows.Next() {
		p, h, err := s.scanPartition(rows)
		if err != nil {
			return false, err
		}
		waits = waits || h.live(p, l.now)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || !waits {
		return false, err
	}
	if l.wanted != r.ID && l.wantedUntil > l.now.UnixMilli() {
		return true, fmt.Errorf("%w: it waits for its backfill to give way", ErrBusy)
	}
	_, err = tx.ExecContext(ctx, s.rebind("UPDATE leases SET wanted = ?, wanted_until = ? WHERE pipeline = ?"),
		r.ID, l.now.Add(wantedTime).UnixMilli(), r.Pipeline)
	return true, err
}

// TakePartition takes the next piece of a backfill that nobody works on, also one whose node is silent or gone.
// ErrBusy when there is none just now, ErrDone when there will be none.
func (s *Store) TakePartition(ctx context.Context, backfill, node string) (Partition, error) {
	var taken *Partition
	var why error
	err := s.commit(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		taken, why, err = s.takePartition(ctx, tx, backfill, node)
		return err
	})
	switch {
	case err != nil:
		return Partition{}, err
	case taken == nil:
		return Partition{}, why
	}
	return *taken, nil
}

func (s *Store) takePartition(ctx context.Context, tx *sql.Tx, backfill, node string) (taken *Partition, why, err error) {
	var pipeline, status string
	var alone int64
	err = tx.QueryRowContext(ctx, s.rebind("SELECT b.pipeline, b.alone, r.status FROM backfills b JOIN runs r ON r.id = b.id "+
		"WHERE b.id = ?"), backfill).Scan(&pipeline, &alone, &status)
	if errors.Is(err, sql.ErrNoRows) || err == nil && status != "running" {
		return nil, ErrDone, nil
	}
	if err != nil {
		return nil, nil, err
	}
	l, err := s.lease(ctx, tx, pipeline)
	if err != nil {
		return nil, nil, err
	}
	free, running, failed, err := s.free(ctx, tx, backfill, l.now)
	switch {
	case err != nil:
		return nil, nil, err
	case failed || len(free) == 0 && running == 0:
		if running == 0 {
			return nil, ErrDone, s.conclude(ctx, tx, backfill, failed)
		}
		return nil, ErrDone, nil
	case l.held():
		return nil, fmt.Errorf("%w (%s on %s)", ErrBusy, l.run, l.node), nil
	case l.due():
		return nil, fmt.Errorf("%w: a run of the pipeline is due", ErrBusy), nil
	case len(free) == 0 || running > 0 && alone != 0:
		return nil, fmt.Errorf("%w: the rest of the backfill is being worked on", ErrBusy), nil
	}
	if err := s.dropDead(ctx, tx, pipeline, l); err != nil {
		return nil, nil, err
	}
	p := free[0]
	p.Node, p.Status, p.Fence, p.Error = node, PartitionRunning, p.Fence+1, ""
	p.Holder = fmt.Sprintf("%s/%d.%d", p.Backfill, p.Number, p.Fence)
	_, err = tx.ExecContext(ctx, s.rebind("UPDATE partitions SET status = ?, error = '', holder = ?, node = ?, fence = ?, seq = 0, until = ? "+
		"WHERE backfill = ? AND number = ?"),
		p.Status, p.Holder, p.Node, p.Fence, l.now.Add(s.Lease).UnixMilli(), p.Backfill, p.Number)
	return &p, nil, err
}

// dropDead takes the pipeline from a live run whose node fell silent, so that it can't settle beside the backfill. Its
// run is made up for by whichever node is there for it.
func (s *Store) dropDead(ctx context.Context, tx *sql.Tx, pipeline string, l lease) error {
	if l.run == "" {
		return nil
	}
	_, err := tx.ExecContext(ctx, s.rebind("UPDATE leases SET run = '', fence = fence + 1 WHERE pipeline = ?"), pipeline)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, s.rebind("UPDATE runs SET status = 'failed', finished_at = ?, error = ? WHERE id = ? AND status = 'running'"),
		l.now.UnixMilli(), "its node, "+l.node+", is gone", l.run)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, s.rebind(await), pipeline)
	return err
}

// free lists the partitions that can be taken, and tells about the others.
func (s *Store) free(
	ctx context.Context, tx *sql.Tx, backfill string, now time.Time,
) (free []Partition, running int, failed bool, err error) {
	rows, err := tx.QueryContext(ctx, s.rebind("SELECT "+partitionColumns+" FROM partitions WHERE backfill = ? ORDER BY number"), backfill)
	if err != nil {
		return nil, 0, false, err
	}
	defer rows.Close() //nolint:errcheck // Err below tells
	for rows.Next() {
		p, h, err := s.scanPartition(rows)
		switch {
		case err != nil:
			return nil, 0, false, err
		case h.live(p, now):
			running++
		case p.Status == PartitionFailed:
			failed = true
		case p.Status == PartitionWaiting || p.Status == PartitionRunning:
			free = append(free, p)
		}
	}
	return free, running, failed, rows.Err()
}

// conclude ends a backfill on which nobody works any more.
func (s *Store) conclude(ctx context.Context, tx *sql.Tx, backfill string, failed bool) error {
	if !failed {
		return s.endBackfill(ctx, tx, backfill, "succeeded", "")
	}
	all, err := s.partitions(ctx, tx, backfill)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(p Partition) bool { return p.Status == PartitionFailed })
	return s.endBackfill(ctx, tx, backfill, PartitionFailed, fmt.Sprintf("partition %d: %s", all[i].Number, all[i].Error))
}

// BeginReading returns the cursor from which a partition is read, and notes what will be read once more.
func (s *Store) BeginReading(ctx context.Context, p Partition) (cursor string, err error) {
	err = s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		now, h, err := s.holdsPartition(ctx, tx, p.Backfill, p.Number, p.Fence)
		if err != nil {
			return err
		}
		cursor = now.Cursor
		_, err = tx.ExecContext(ctx, s.rebind("UPDATE partitions SET again = again + ?, placed = ? WHERE backfill = ? AND number = ?"),
			now.Counts.Read-h.placed, now.Counts.Read, p.Backfill, p.Number)
		return err
	})
	return cursor, err
}

// RenewPartition keeps the lease. ErrFenced when it is lost. A live run may be due meanwhile: giveWay is true when the
// partition should make room for it, and has a place to go on from.
func (s *Store) RenewPartition(ctx context.Context, p Partition) (giveWay bool, err error) {
	err = s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		l, err := s.lease(ctx, tx, p.Pipeline)
		if err != nil {
			return err
		}
		now, _, err := s.holdsPartition(ctx, tx, p.Backfill, p.Number, p.Fence)
		if err != nil {
			return err
		}
		giveWay = l.due() && now.Cursor != ""
		_, err = tx.ExecContext(ctx, s.rebind("UPDATE partitions SET until = ? WHERE backfill = ? AND number = ?"),
			l.now.Add(s.Lease).UnixMilli(), p.Backfill, p.Number)
		return err
	})
	return giveWay, err
}

// EndPartition gives a partition back: done, failed for a reason, or waiting to be gone on with. The last one ends the
// backfill.
func (s *Store) EndPartition(ctx context.Context, p Partition, status, reason string) error {
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		l, err := s.lease(ctx, tx, p.Pipeline) // so that the last two do not overlook each other
		if err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, s.rebind("UPDATE partitions SET status = ?, error = ?, until = ? "+
			"WHERE backfill = ? AND number = ? AND fence = ?"), status, s.seal.text(reason), l.now.UnixMilli(), p.Backfill, p.Number, p.Fence)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(ErrFenced, err)
		}
		free, running, failed, err := s.free(ctx, tx, p.Backfill, l.now)
		if err != nil || running > 0 || len(free) > 0 && !failed {
			return err
		}
		return s.conclude(ctx, tx, p.Backfill, failed)
	})
}

// holdsPartition locks a partition's row and checks that its lease stands. Unlike a pipeline's, one that has run out
// is lost although nobody took it: a live run may have begun.
func (s *Store) holdsPartition(ctx context.Context, tx *sql.Tx, backfill string, number int, fence int64) (Partition, hold, error) {
	p, h, err := s.scanPartition(tx.QueryRowContext(ctx, s.rebind("SELECT "+partitionColumns+
		" FROM partitions WHERE backfill = ? AND number = ?"+s.dialect.lock), backfill, number))
	if errors.Is(err, sql.ErrNoRows) || err == nil && p.Fence != fence {
		return p, h, ErrFenced
	}
	if err != nil {
		return p, h, err
	}
	now, err := s.now(ctx, tx)
	if err == nil && h.until <= now.UnixMilli() {
		err = ErrFenced
	}
	return p, h, err
}

// settlePartition checks a partition's lease and moves its cursor and counts. settled is true when this very
// settlement was made before.
func (s *Store) settlePartition(ctx context.Context, tx *sql.Tx, st Settlement) (settled bool, err error) {
	p, h, err := s.holdsPartition(ctx, tx, st.Backfill, st.Partition, st.Fence)
	if err != nil || st.Seq > 0 && st.Seq <= h.seq {
		return true, err
	}
	p.Counts.Add(st.Counts)
	if p.Sinks == nil {
		p.Sinks = map[string]SinkCounts{}
	}
	for step, c := range st.Sinks {
		total := p.Sinks[step]
		total.Add(c)
		p.Sinks[step] = total
	}
	if st.Cursor != nil {
		p.Cursor, h.placed = *st.Cursor, p.Counts.Read
	}
	counts, sinks, err := countsJSON(p.Counts, p.Sinks)
	if err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, s.rebind("UPDATE partitions SET cursor = ?, counts = ?, sinks = ?, placed = ?, seq = ? "+
		"WHERE backfill = ? AND number = ?"), p.Cursor, counts, sinks, h.placed, max(h.seq, st.Seq), st.Backfill, st.Partition)
	return false, err
}
