package state

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"
)

// Pause is a connection whose system asked to be left alone for a while.
type Pause struct {
	Connection string
	Until      time.Time
	Reason     string
}

// Shared tells whether several nodes may use this database at a time.
func (s *Store) Shared() bool { return s.dialect.name == "postgres" }

// PauseConnection tells every node to leave a system alone for a while.
func (s *Store) PauseConnection(ctx context.Context, connection string, d time.Duration, reason string) error {
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		return s.insert(ctx, tx, "INSERT INTO pauses (connection, until, reason)", 3,
			"ON CONFLICT (connection) DO UPDATE SET until = excluded.until, reason = excluded.reason WHERE pauses.until < excluded.until",
			[][]any{{connection, now.Add(d).UnixMilli(), s.seal.text(reason)}})
	})
}

// Pauses lists the connections that are paused now.
func (s *Store) Pauses(ctx context.Context) ([]Pause, error) {
	now, err := s.now(ctx, s.read)
	if err != nil {
		return nil, err
	}
	var out []Pause
	err = s.query(ctx, "SELECT connection, until, reason FROM pauses WHERE until > ? ORDER BY connection", []any{now.UnixMilli()},
		func(rows *sql.Rows) error {
			var p Pause
			var until int64
			err := rows.Scan(&p.Connection, &until, &p.Reason)
			if err == nil {
				p.Reason, err = s.seal.openText(p.Reason)
			}
			p.Until = time.UnixMilli(until)
			out = append(out, p)
			return err
		})
	return out, err
}

// ReserveCalls gives the caller the next n calls of a connection, spaced so far apart, and nobody else. It returns how
// long from now the first of them may be made.
func (s *Store) ReserveCalls(ctx context.Context, connection string, spacing time.Duration, n int) (wait time.Duration, err error) {
	cost := (spacing * time.Duration(n)).Microseconds()
	err = s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		var end int64
		err = tx.QueryRowContext(ctx, s.rebind("INSERT INTO rates (connection, next) VALUES (?, ?) ON CONFLICT (connection) DO UPDATE "+
			"SET next = CASE WHEN rates.next < ? THEN excluded.next ELSE rates.next + ? END RETURNING next"),
			connection, now.UnixMicro()+cost, now.UnixMicro(), cost).Scan(&end)
		wait = time.Duration(end-cost-now.UnixMicro()) * time.Microsecond
		return err
	})
	return wait, err
}

// Share is a node's part of the calls that a connection allows at once.
type Share struct {
	Connection string
	Node       string
	Capacity   int // of the connection, for all nodes together
	Want       int // under way and waiting
	Held       int // under way
}

// ShareSlots divides a connection's calls at once among the nodes that want some. It returns how many this one may have
// under way, until Lease has passed, and for how long the connection is paused. What is under way beyond that
// counts as its own until it ends.
func (s *Store) ShareSlots(ctx context.Context, r Share) (may int, paused time.Duration, err error) {
	err = s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if s.dialect.name == "postgres" { // rows that are not there yet can't be locked
			if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(hashtextextended($1, 4207849485))", r.Connection); err != nil {
				return err
			}
		}
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		all, err := s.shares(ctx, tx, r.Connection, now)
		if err != nil {
			return err
		}
		mine := share{node: r.Node, want: r.Want}
		for _, other := range all {
			if other.node == r.Node {
				mine.served, mine.have = other.served, other.have
			}
		}
		may = divide(r.Capacity, mine, all)
		have := max(may, r.Held)
		if mine.have == 0 && have > 0 {
			mine.served = now.UnixMicro()
		}
		var until int64
		err = tx.QueryRowContext(ctx, s.rebind("SELECT COALESCE(MAX(until), 0) FROM pauses WHERE connection = ?"), r.Connection).Scan(&until)
		if err != nil {
			return err
		}
		paused = time.UnixMilli(until).Sub(now)
		return s.insert(ctx, tx, "INSERT INTO shares (connection, node, want, have, served, until)", 6,
			"ON CONFLICT (connection, node) DO UPDATE SET want = excluded.want, have = excluded.have, served = excluded.served, until = excluded.until",
			[][]any{{r.Connection, r.Node, r.Want, have, mine.served, now.Add(s.Lease).UnixMilli()}})
	})
	return may, paused, err
}

type share struct {
	node       string
	want, have int
	served     int64 // when it got its first one, after it had none
}

// shares are those of the nodes that live.
func (s *Store) shares(ctx context.Context, tx *sql.Tx, connection string, now time.Time) ([]share, error) {
	if _, err := tx.ExecContext(ctx, s.rebind("DELETE FROM shares WHERE connection = ? AND until < ?"), connection, now.UnixMilli()); err != nil {
		return nil, err
	}
	rows, err := tx.QueryContext(ctx, s.rebind("SELECT node, want, have, served FROM shares WHERE connection = ?"), connection)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err below tells
	var out []share
	for rows.Next() {
		var one share
		if err := rows.Scan(&one.node, &one.want, &one.have, &one.served); err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, rows.Err()
}

// divide is how many a node may have: as many as are its due when each in turn gets one until all are gone, those
// first that were served longest ago, and never one that another still has.
func divide(capacity int, mine share, all []share) int {
	nodes, free := []share{mine}, capacity
	for _, other := range all {
		if other.node != mine.node {
			nodes = append(nodes, other)
			free -= other.have
		}
	}
	slices.SortFunc(nodes, func(a, b share) int { return cmp.Or(cmp.Compare(a.served, b.served), cmp.Compare(a.node, b.node)) })
	due, left := 0, capacity
	for round := 0; left > 0; round++ {
		before := left
		for _, n := range nodes {
			if n.want > round && left > 0 {
				left--
				if n.node == mine.node {
					due++
				}
			}
		}
		if left == before {
			break
		}
	}
	return max(0, min(due, free))
}
