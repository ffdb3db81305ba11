package state

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"time"
)

// overlap is how long a node that has ended its work still counts as being at work: what it did may have crossed with
// what another one was just about to do.
const overlap = time.Minute

// Claim is the answer to the announcement of a create.
type Claim struct {
	Held    bool   // another node has announced the same and is at it: nothing was announced
	ID      string // what the target called it, when it has answered that node
	Earlier bool   // somebody had announced it before and nobody knows how that ended
	Others  bool   // other nodes are at work
}

// Announce notes a create before it is sent, unless another node is at the very same one. It is durable when it
// returns.
func (s *Store) Announce(ctx context.Context, in Intent, node string) (Claim, error) {
	var c Claim
	err := s.commit(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		if c, err = s.announce(ctx, tx, in, node); err != nil || c.Held {
			return err
		}
		since := s.dialect.clock + " - " + strconv.FormatInt(overlap.Milliseconds(), 10)
		c.Others, err = s.exists(ctx, tx, "SELECT 1 FROM leases WHERE node <> ? AND until > "+since+
			" UNION ALL SELECT 1 FROM partitions WHERE node <> ? AND until > "+since+" LIMIT 1", node, node)
		return err
	})
	return c, err
}

func (s *Store) announce(ctx context.Context, tx *sql.Tx, in Intent, node string) (Claim, error) {
	for {
		result, err := tx.ExecContext(ctx, s.rebind("INSERT INTO intents (target, match, run, key, at, id) VALUES (?, ?, ?, ?, ?, '') "+
			"ON CONFLICT (target, match) DO NOTHING"), in.Target, in.Match, in.Run, in.Key, in.At.UnixMilli())
		if err != nil {
			return Claim{}, err
		}
		if n, err := result.RowsAffected(); err != nil || n == 1 {
			return Claim{}, err
		}
		var run, id string
		err = tx.QueryRowContext(ctx, s.rebind("SELECT run, id FROM intents WHERE target = ? AND match = ?"+s.dialect.lock), in.Target, in.Match).
			Scan(&run, &id)
		if errors.Is(err, sql.ErrNoRows) { // ended just now
			continue
		}
		if err != nil {
			return Claim{}, err
		}
		if run != in.Run {
			if live, err := s.elsewhere(ctx, tx, run, node); err != nil || live {
				return Claim{Held: live, ID: id}, err
			}
		}
		_, err = tx.ExecContext(ctx, s.rebind("UPDATE intents SET run = ?, key = ?, at = ? WHERE target = ? AND match = ?"),
			in.Run, in.Key, in.At.UnixMilli(), in.Target, in.Match)
		return Claim{Earlier: run != in.Run}, err
	}
}

// elsewhere tells whether a run, or a taken partition, is alive on another node.
func (s *Store) elsewhere(ctx context.Context, tx *sql.Tx, run, node string) (bool, error) {
	if run == "" {
		return false, nil
	}
	rows, err := tx.QueryContext(ctx, s.rebind("SELECT node FROM leases WHERE run = ? AND until > "+s.dialect.clock+
		" UNION ALL SELECT node FROM partitions WHERE holder = ? AND until > "+s.dialect.clock), run, run)
	if err != nil {
		return false, err
	}
	defer rows.Close() //nolint:errcheck // Err below tells
	live := false
	for rows.Next() {
		var of string
		if err := rows.Scan(&of); err != nil {
			return false, err
		}
		live = live || of != node && !gone(of)
	}
	return live, rows.Err()
}

func (s *Store) exists(ctx context.Context, tx *sql.Tx, query string, args ...any) (bool, error) {
	var one int
	err := tx.QueryRowContext(ctx, s.rebind(query), args...).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// Intents returns the open intents of a target among the given matches.
func (s *Store) Intents(ctx context.Context, target string, matches []string) (map[string]Intent, error) {
	out := map[string]Intent{}
	alive := "COALESCE((SELECT MAX(node) FROM leases l WHERE l.run = i.run AND l.run <> '' AND l.until > " + s.dialect.clock + "), " +
		"(SELECT MAX(node) FROM partitions p WHERE p.holder = i.run AND p.holder <> '' AND p.until > " + s.dialect.clock + "), '')"
	err := s.each(ctx, "SELECT i.target, i.match, i.run, i.key, i.at, i.id, "+alive+" FROM intents i WHERE i.target = ? AND i.match IN",
		[]any{target}, matches, "", func(rows *sql.Rows) error {
			var i Intent
			var at int64
			if err := rows.Scan(&i.Target, &i.Match, &i.Run, &i.Key, &at, &i.ID, &i.Node); err != nil {
				return err
			}
			if gone(i.Node) {
				i.Node = ""
			}
			i.At = time.UnixMilli(at)
			out[i.Match] = i
			return nil
		})
	return out, err
}

// Answered tells other nodes at once what a create has brought, before its record is settled.
func (s *Store) Answered(ctx context.Context, in Intent, id string) error {
	return s.setIntent(ctx, "UPDATE intents SET id = ? WHERE target = ? AND match = ? AND run = ?", id, in.Target, in.Match, in.Run)
}

// Unclaim lets other nodes go on with what this one has announced and not brought about for sure. They ask the target
// first.
func (s *Store) Unclaim(ctx context.Context, in Intent) error {
	return s.setIntent(ctx, "UPDATE intents SET run = '' WHERE target = ? AND match = ? AND run = ?", in.Target, in.Match, in.Run)
}

func (s *Store) setIntent(ctx context.Context, query string, args ...any) error {
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, s.rebind(query), args...)
		return err
	})
}
