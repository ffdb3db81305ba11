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

// StartRun takes the pipeline's lease for a run and notes the run. ErrBusy when a live run holds it. The fence grows
// with every take-over; settling with an old one fails.
func (s *Store) StartRun(ctx context.Context, r Run) (fence int64, err error) {
	err = s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var holder, node string
		var until int64
		err := tx.QueryRowContext(ctx, s.rebind("SELECT run, node, fence, until FROM leases WHERE pipeline = ?"+s.dialect.lock), r.Pipeline).
			Scan(&holder, &node, &fence, &until)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err == nil && holder != "" && until > time.Now().UnixMilli() && !gone(node) {
			return fmt.Errorf("%w (%s on %s)", ErrBusy, holder, node)
		}
		fence++
		err = s.insert(ctx, tx, "INSERT INTO leases (pipeline, run, fence, node, until)", 5,
			"ON CONFLICT (pipeline) DO UPDATE SET run = excluded.run, fence = excluded.fence, node = excluded.node, until = excluded.until",
			[][]any{{r.Pipeline, r.ID, fence, r.Node, time.Now().Add(LeaseTime).UnixMilli()}})
		if err != nil {
			return err
		}
		return s.insert(ctx, tx,
			"INSERT INTO runs (id, pipeline, kind, status, started_at, finished_at, counts, sinks, error, version, node)", 11, "",
			[][]any{{r.ID, r.Pipeline, r.Kind, "running", r.StartedAt.UnixMilli(), 0, "{}", "{}", "", r.Version, r.Node}})
	})
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
		result, err := tx.ExecContext(ctx, s.rebind("UPDATE leases SET until = ? WHERE run = ? AND fence = ?"),
			time.Now().Add(LeaseTime).UnixMilli(), run, fence)
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
		_, err := tx.ExecContext(ctx,
			s.rebind("UPDATE runs SET status = ?, finished_at = ?, counts = ?, sinks = ?, error = ? WHERE id = ?"),
			r.Status, r.FinishedAt.UnixMilli(), string(counts), string(sinks), r.Error, r.ID)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, s.rebind("UPDATE leases SET run = '', until = 0 WHERE run = ? AND fence = ?"), r.ID, fence)
		return err
	})
}

// Runs returns the runs of a pipeline, or of all when it is "", newest first.
func (s *Store) Runs(ctx context.Context, pipeline string, limit int) ([]Run, error) {
	where, args := conditions{}.and("pipeline", pipeline).text()
	var out []Run
	err := s.query(ctx, "SELECT id, pipeline, kind, status, started_at, finished_at, counts, sinks, error, version, node FROM runs"+
		where+" ORDER BY started_at DESC, id DESC LIMIT ?", append(args, limitOr(limit)), func(rows *sql.Rows) error {
		var r Run
		var started, finished int64
		var counts, sinks string
		err := rows.Scan(&r.ID, &r.Pipeline, &r.Kind, &r.Status, &started, &finished, &counts, &sinks, &r.Error, &r.Version, &r.Node)
		if err != nil {
			return err
		}
		r.StartedAt = time.UnixMilli(started)
		if finished > 0 {
			r.FinishedAt = time.UnixMilli(finished)
		}
		out = append(out, r)
		last := &out[len(out)-1]
		return errors.Join(json.Unmarshal([]byte(counts), &last.Counts), json.Unmarshal([]byte(sinks), &last.Sinks))
	})
	return out, err
}
