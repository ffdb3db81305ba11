package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Errors of backfills that a caller acts on.
var (
	// ErrDone: nothing is left to be taken of a backfill, here or elsewhere.
	ErrDone = errors.New("the backfill is over")
	// ErrGivesWay: partitions of a backfill are under way and make room for the run that asked.
	ErrGivesWay = errors.New("a backfill of this pipeline is under way and gives way to the run")
)

// Turn is how long a backfill may work before it gives way to a live run once more, so that neither starves.
const Turn = 15 * time.Second

// wantedTime is how long a run's wish for its pipeline stands without being renewed.
const wantedTime = 5 * time.Second

// Statuses of partitions. A backfill itself has those of a run, and Stopped.
const (
	PartitionWaiting = "waiting"
	PartitionRunning = "running"
	PartitionDone    = "done"
	PartitionFailed  = "failed"

	Stopped = "stopped" // closed by a person before it was over
)

// Backfill is a run that reads a range of a source once more, cut into partitions that any node may work on.
type Backfill struct {
	ID         string
	Pipeline   string
	Span       string // the range as it was asked for: the same words go on with the same backfill
	Alone      bool   // one partition at a time, since a target can only be appended to
	Status     string // running, succeeded, partial, failed, stopped
	Version    string // of the definition
	Node       string // that began it
	Error      string
	StartedAt  time.Time
	FinishedAt time.Time // zero while it runs
	Partitions []Partition
}

// Partition is a piece of a backfill, with the lease under which it is worked on.
type Partition struct {
	Backfill string
	Number   int // from 1
	Pipeline string
	From, To time.Time // To is excluded; zero = open
	Cursor   string
	Status   string
	Counts   Counts
	Sinks    map[string]SinkCounts
	Again    int64 // of Counts.Read, those that had been read before an interruption
	Error    string
	Holder   string // names this taking of the partition
	Node     string
	Fence    int64
}

// Open tells whether the backfill has still something to do: it runs, or failed and can be taken up again.
func (b Backfill) Open() bool { return b.Status == "running" || b.Status == PartitionFailed }

// Done is how many partitions are done.
func (b Backfill) Done() int {
	n := 0
	for _, p := range b.Partitions {
		if p.Status == PartitionDone {
			n++
		}
	}
	return n
}

// Total adds the partitions up. A record that was read again after an interruption counts each time, with the outcome
// that it then had; again says how many those are.
func (b Backfill) Total() (counts Counts, sinks map[string]SinkCounts, again int64) {
	sinks = map[string]SinkCounts{}
	for _, p := range b.Partitions {
		counts.Add(p.Counts)
		again += p.Again
		for step, c := range p.Sinks {
			total := sinks[step]
			total.Add(c)
			sinks[step] = total
		}
	}
	return counts, sinks, again
}

// BeginBackfill notes a backfill with its partitions, of which From and To count. ErrBusy when the pipeline has an
// open one.
func (s *Store) BeginBackfill(ctx context.Context, b Backfill) error {
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := s.lease(ctx, tx, b.Pipeline); err != nil { // only one begins at a time
			return err
		}
		var other string
		err := tx.QueryRowContext(ctx, s.rebind("SELECT b.id FROM backfills b JOIN runs r ON r.id = b.id "+
			"WHERE b.pipeline = ? AND r.status IN ('running', 'failed') LIMIT 1"), b.Pipeline).Scan(&other)
		if err == nil {
			return fmt.Errorf("%w: the backfill %s is not over", ErrBusy, other)
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		err = s.insert(ctx, tx,
			"INSERT INTO runs (id, pipeline, kind, status, started_at, finished_at, counts, sinks, error, version, node, streak)", 12, "",
			[][]any{{b.ID, b.Pipeline, "backfill", "running", b.StartedAt.UnixMilli(), 0, "{}", "{}", "", b.Version, b.Node, b.ID}})
		if err != nil {
			return err
		}
		alone := 0
		if b.Alone {
			alone = 1
		}
		err = s.insert(ctx, tx, "INSERT INTO backfills (id, pipeline, span, alone)", 4, "", [][]any{{b.ID, b.Pipeline, b.Span, alone}})
		if err != nil {
			return err
		}
		rows := make([][]any, len(b.Partitions))
		for i, p := range b.Partitions {
			rows[i] = []any{
				b.ID, i + 1, b.Pipeline, millis(p.From), millis(p.To), "", PartitionWaiting, "{}", "{}", 0, 0, "", "", "", 0, 0, 0,
			}
		}
		return s.insert(ctx, tx, "INSERT INTO partitions (backfill, number, pipeline, from_ms, to_ms, cursor, status, counts, sinks, "+
			"again, placed, error, holder, node, fence, seq, until)", 17, "", rows)
	})
}

// ResumeBackfill takes up again what failed.
func (s *Store) ResumeBackfill(ctx context.Context, id string) error {
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, s.rebind("UPDATE partitions SET status = ?, error = '' WHERE backfill = ? AND status = ?"),
			PartitionWaiting, id, PartitionFailed)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, s.rebind("UPDATE runs SET status = 'running', finished_at = 0, error = '' WHERE id = ?"), id)
		return err
	})
}

// StopBackfill closes a backfill that is not over. Whoever works on it can settle nothing more.
func (s *Store) StopBackfill(ctx context.Context, id string) error {
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, s.rebind("UPDATE partitions SET status = ?, fence = fence + 1, until = ? "+
			"WHERE backfill = ? AND status <> ?"), Stopped, now.UnixMilli(), id, PartitionDone)
		if err != nil {
			return err
		}
		return s.endBackfill(ctx, tx, id, Stopped, "stopped before it was over")
	})
}

// endBackfill writes how a backfill ended, with the sum of its partitions.
func (s *Store) endBackfill(ctx context.Context, tx *sql.Tx, id, status, message string) error {
	b := Backfill{ID: id}
	var err error
	if b.Partitions, err = s.partitions(ctx, tx, id); err != nil {
		return err
	}
	total, sinks, _ := b.Total()
	if status == "succeeded" && total.Parked+total.Dead > 0 {
		status = "partial"
	}
	countsText, sinksText, err := countsJSON(total, sinks)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx,
		s.rebind("UPDATE runs SET status = ?, finished_at = ?, counts = ?, sinks = ?, error = ? WHERE id = ?"),
		status, time.Now().UnixMilli(), countsText, sinksText, s.seal.text(message), id)
	return err
}

// Backfills returns the backfills of a pipeline, or of all when it is "", newest first; open leaves out what is over.
func (s *Store) Backfills(ctx context.Context, pipeline string, open bool, limit int) ([]Backfill, error) {
	c := conditions{}.and("b.pipeline", pipeline)
	if open {
		c = c.raw("r.status IN ('running', 'failed')")
	}
	where, args := c.text()
	var out []Backfill
	err := s.query(ctx, "SELECT b.id, b.pipeline, b.span, b.alone, r.status, r.version, r.node, r.error, r.started_at, r.finished_at "+
		"FROM backfills b JOIN runs r ON r.id = b.id"+where+" ORDER BY b.id DESC LIMIT ?", append(args, limitOr(limit)),
		func(rows *sql.Rows) error {
			b, err := s.scanBackfill(rows.Scan)
			out = append(out, b)
			return err
		})
	for i := range out {
		if err == nil {
			out[i].Partitions, err = s.partitions(ctx, s.read, out[i].ID)
		}
	}
	return out, err
}

// RunningBackfills names the pipelines of the backfills that are under way.
func (s *Store) RunningBackfills(ctx context.Context) (byID map[string]string, err error) {
	byID = map[string]string{}
	err = s.query(ctx, "SELECT b.id, b.pipeline FROM backfills b JOIN runs r ON r.id = b.id WHERE r.status = 'running'", nil,
		func(rows *sql.Rows) error {
			var id, pipeline string
			err := rows.Scan(&id, &pipeline)
			byID[id] = pipeline
			return err
		})
	return byID, err
}

// Backfill returns one of them.
func (s *Store) Backfill(ctx context.Context, id string) (Backfill, error) {
	var b Backfill
	err := s.query(ctx, "SELECT b.id, b.pipeline, b.span, b.alone, r.status, r.version, r.node, r.error, r.started_at, r.finished_at "+
		"FROM backfills b JOIN runs r ON r.id = b.id WHERE b.id = ?", []any{id}, func(rows *sql.Rows) (err error) {
		b, err = s.scanBackfill(rows.Scan)
		return err
	})
	if err == nil && b.ID == "" {
		err = fmt.Errorf("there is no backfill %s", id)
	}
	if err == nil {
		b.Partitions, err = s.partitions(ctx, s.read, id)
	}
	return b, err
}

func (s *Store) scanBackfill(scan func(...any) error) (Backfill, error) {
	var b Backfill
	var alone, started, finished int64
	err := scan(&b.ID, &b.Pipeline, &b.Span, &alone, &b.Status, &b.Version, &b.Node, &b.Error, &started, &finished)
	b.Alone, b.StartedAt, b.FinishedAt = alone != 0, moment(started), moment(finished)
	if err == nil {
		b.Error, err = s.seal.openText(b.Error)
	}
	return b, err
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}

// partitions returns those of a backfill, in order.
func (s *Store) partitions(ctx context.Context, from querier, id string) ([]Partition, error) {
	rows, err := from.QueryContext(ctx, s.rebind("SELECT "+partitionColumns+" FROM partitions WHERE backfill = ? ORDER BY number"), id)
	if err != nil {
		return nil, classify(err)
	}
	defer rows.Close() //nolint:errcheck // Err below tells
	var out []Partition
	for rows.Next() {
		p, _, err := s.scanPartition(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, classify(rows.Err())
}

const partitionColumns = "backfill, number, pipeline, from_ms, to_ms, cursor, status, counts, sinks, again, placed, error, holder, " +
	"node, fence, seq, until"

// hold is what of a partition's row only this package needs.
type hold struct {
	placed, seq, until int64
}

// live tells whether somebody works on it.
func (h hold) live(p Partition, now time.Time) bool {
	return p.Status == PartitionRunning && h.until > now.UnixMilli() && !gone(p.Node)
}

func (s *Store) scanPartition(row interface{ Scan(...any) error }) (Partition, hold, error) {
	var p Partition
	var h hold
	var from, to int64
	var counts, sinks string
	err := row.Scan(&p.Backfill, &p.Number, &p.Pipeline, &from, &to, &p.Cursor, &p.Status, &counts, &sinks, &p.Again, &h.placed,
		&p.Error, &p.Holder, &p.Node, &p.Fence, &h.seq, &h.until)
	if err != nil {
		return p, h, err
	}
	p.From, p.To = moment(from), moment(to)
	p.Error, err = s.seal.openText(p.Error)
	return p, h, errors.Join(err, json.Unmarshal([]byte(counts), &p.Counts), json.Unmarshal([]byte(sinks), &p.Sinks))
}

func countsJSON(counts Counts, sinks map[string]SinkCounts) (countsText, sinksText string, err error) {
	c, err := json.Marshal(counts)
	if err != nil {
		return "", "", err
	}
	if sinks == nil {
		sinks = map[string]SinkCounts{}
	}
	k, err := json.Marshal(sinks)
	return string(c), string(k), err
}

// millis is a time as the database keeps it, 0 for none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
