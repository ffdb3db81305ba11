package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// LeaseTime is how long a run may be silent before another node takes its pipeline over.
const LeaseTime = 15 * time.Second

// Grace is the last part of a lease, in which its holder sends nothing more: what it sent before has so long to arrive
// before another node can be at work.
func (s *Store) Grace() time.Duration { return s.Lease / 3 }

// StartRun takes the pipeline's lease for a run and notes the run. ErrBusy when a live run holds it, ErrGivesWay when
// partitions of a backfill are under way: they make room for whoever keeps asking. The fence grows with every
// take-over; settling with an old one fails. A run whose answer was lost may ask again.
func (s *Store) StartRun(ctx context.Context, r Run) (fence int64, err error) {
	waits := false
	err = s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		l, err := s.lease(ctx, tx, r.Pipeline)
		if err != nil {
			return err
		}
		if l.held() && l.run == r.ID {
			fence = l.fence
			return nil
		}
		if l.held() {
			return fmt.Errorf("%w (%s on %s)", ErrBusy, l.run, l.node)
		}
		if waits, err = s.makeRoom(ctx, tx, l, r); err != nil || waits {
			return err
		}
		_, err = tx.ExecContext(ctx, s.rebind("UPDATE runs SET status = 'failed', finished_at = ?, error = ? WHERE id = ? AND status = 'running'"),
			l.now.UnixMilli(), "its node, "+l.node+", is gone; another run has taken over", l.run)
		if err != nil {
			return err
		}
		fence = l.fence + 1
		_, err = tx.ExecContext(ctx, s.rebind("UPDATE leases SET run = ?, fence = ?, seq = 0, node = ?, until = ?, wanted = '', wanted_until = 0 "+
			"WHERE pipeline = ?"), r.ID, fence, r.Node, l.now.Add(s.Lease).UnixMilli(), r.Pipeline)
		if err != nil {
			return err
		}
		return s.insert(ctx, tx,
			"INSERT INTO runs (id, pipeline, kind, status, started_at, finished_at, counts, sinks, error, version, node, streak)", 12, "",
			[][]any{{r.ID, r.Pipeline, r.Kind, "running", r.StartedAt.UnixMilli(), 0, "{}", "{}", "", r.Version, r.Node, r.ID}})
	})
	if err == nil && waits {
		err = ErrGivesWay
	}
	return fence, err
}

// gone tells whether a node "host/pid" was a process of this machine that is no more, so that a restart after a
// crash need not wait for the lease to end.
func gone(node string) bool {
	host, pidText, ok := strings.Cut(node, "/")
	here, err := os.Hostname()
	if !ok || err != nil || host != here {
		return false
	}
	pid, err := strconv.Atoi(pidText)
	if err != nil || pid == os.Getpid() {
		return false
	}
	p, err := os.FindProcess(pid)
	return err == nil && errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone)
}

// RenewRun keeps the lease. ErrFenced when it is lost.
func (s *Store) RenewRun(ctx context.Context, run string, fence int64) error {
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, s.rebind("UPDATE leases SET until = ? WHERE run = ? AND fence = ?"),
			now.Add(s.Lease).UnixMilli(), run, fence)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(ErrFenced, err)
		}
		return nil
	})
}

// FinishRun notes how a run ended and gives its lease back. A run that was fenced leaves the lease alone.
func (s *Store) FinishRun(ctx context.Context, r Run, fence int64) error {
	counts, err := json.Marshal(r.Counts)
	if err != nil {
		return err
	}
	sinks, err := json.Marshal(r.Sinks)
	if err != nil {
		return err
	}
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, s.rebind("UPDATE leases SET run = '', until = ? WHERE run = ? AND fence = ?"),
			now.UnixMilli(), r.ID, fence)
		if err != nil {
			return err
		}
		if r.Streak, err = s.streak(ctx, tx, &r, string(counts)); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx,
			s.rebind("UPDATE runs SET status = ?, finished_at = ?, counts = ?, waits = ?, sinks = ?, error = ?, streak = ? WHERE id = ?"),
			r.Status, r.FinishedAt.UnixMilli(), string(counts), r.Waits, string(sinks), s.seal.text(r.Error), r.Streak, r.ID)
		return err
	})
}

// streak is that of the run before when neither brought anything new and both are alike, else the run's own.
func (s *Store) streak(ctx context.Context, tx *sql.Tx, r *Run, counts string) (string, error) {
	if !r.Idle() {
		return r.ID, nil
	}
	var streak, sealed string
	err := tx.QueryRowContext(ctx, s.rebind("SELECT p.streak, p.error FROM runs r JOIN runs p ON p.pipeline = r.pipeline AND p.started_at < r.started_at "+
		"AND p.kind = r.kind AND p.version = r.version WHERE r.id = ? AND p.status = ? AND p.counts = ? AND p.waits = ? "+
		"AND p.started_at = (SELECT MAX(started_at) FROM runs l WHERE l.pipeline = r.pipeline AND l.started_at < r.started_at)"),
		r.ID, r.Status, counts, r.Waits).Scan(&streak, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return r.ID, nil
	}
	if err != nil {
		return "", err
	}
	if text, err := s.seal.openText(sealed); err != nil || text != r.Error {
		return r.ID, err
	}
	return streak, nil
}

// RunFilter selects runs; empty fields don't restrict.
type RunFilter struct {
	Pipeline string
	Streak   string
	Before   string // older than this run
	Limit    int    // 0 = 100
}

const runColumns = "r.id, r.pipeline, r.kind, r.status, r.started_at, r.finished_at, r.counts, r.waits, r.sinks, r.error, r.version, r.node, r.streak"

// scanRun reads runColumns, and what follows them into more.
func (s *Store) scanRun(rows *sql.Rows, r *Run, more ...any) error {
	var started, finished int64
	var counts, sinks string
	err := rows.Scan(append([]any{
		&r.ID, &r.Pipeline, &r.Kind, &r.Status, &started, &finished, &counts, &r.Waits, &sinks, &r.Error, &r.Version, &r.Node, &r.Streak,
	}, more...)...)
	if err != nil {
		return err
	}
	if r.Error, err = s.seal.openText(r.Error); err != nil {
		return err
	}
	r.StartedAt = time.UnixMilli(started)
	if finished > 0 {
		r.FinishedAt = time.UnixMilli(finished)
	}
	return errors.Join(json.Unmarshal([]byte(counts), &r.Counts), json.Unmarshal([]byte(sinks), &r.Sinks))
}

// Runs returns runs, newest first.
func (s *Store) Runs(ctx context.Context, f RunFilter) ([]Run, error) {
	where := conditions{}.and("pipeline", f.Pipeline).and("streak", f.Streak)
	if f.Before != "" {
		where = where.raw("(started_at, id) < (SELECT started_at, id FROM runs WHERE id = ?)", f.Before)
	}
	text, args := where.text()
	var out []Run
	err := s.query(ctx, "SELECT "+runColumns+" FROM runs r"+text+" ORDER BY started_at DESC, id DESC LIMIT ?", append(args, limitOr(f.Limit)),
		func(rows *sql.Rows) error {
			out = append(out, Run{})
			return s.scanRun(rows, &out[len(out)-1])
		})
	return out, err
}

// Streaks returns the runs of a pipeline, newest first, with those in a row that brought nothing new as one. Before is
// the streak to go on behind, "" at the newest.
func (s *Store) Streaks(ctx context.Context, pipeline, before string, limit int) ([]Streak, error) {
	where := conditions{}.and("pipeline", pipeline)
	if before != "" {
		where = where.raw("streak < ?", before)
	}
	text, args := where.text()
	var out []Streak
	err := s.query(ctx, "SELECT "+runColumns+", g.runs, g.since FROM (SELECT streak, COUNT(*) AS runs, MIN(started_at) AS since, MAX(id) AS last FROM runs"+
		text+" GROUP BY streak ORDER BY streak DESC LIMIT ?) g JOIN runs r ON r.id = g.last ORDER BY g.streak DESC", append(args, limitOr(limit)),
		func(rows *sql.Rows) error {
			var since int64
			out = append(out, Streak{})
			last := &out[len(out)-1]
			err := s.scanRun(rows, &last.Run, &last.Runs, &since)
			last.Since = time.UnixMilli(since)
			return err
		})
	return out, err
}
