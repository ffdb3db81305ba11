package state

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
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

// Announce notes creates before they are sent, except those that another node is at. They are durable when it returns.
// New ones share a transaction; each that stands there already has one of its own, so that nobody waits for a row
// while others wait for his.
func (s *Store) Announce(ctx context.Context, intents []Intent, node string) ([]Claim, error) {
	intents = s.seal.intents(intents)
	claims := make([]Claim, len(intents))
	var fresh map[[2]string]bool
	err := s.commit(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		if fresh, err = s.announceNew(ctx, tx, intents); err != nil || len(fresh) == 0 {
			return err
		}
		others, err := s.others(ctx, tx, node)
		for i := range claims {
			claims[i].Others = others
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, in := range intents {
		at := [2]string{in.Target, in.Match}
		if fresh[at] {
			delete(fresh, at) // whoever announces the same is not the first
			continue
		}
		err := s.commit(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
			if claims[i], err = s.announce(ctx, tx, in, node); err != nil || claims[i].Held {
				return err
			}
			claims[i].Others, err = s.others(ctx, tx, node)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return claims, nil
}

const insertIntents = "INSERT INTO intents (target, match, run, key, at, id)"

// announceNew notes those that nobody has announced, and names them. It does so in one order, whoever it is: two nodes
// that announce the same must not wait for each other.
func (s *Store) announceNew(ctx context.Context, tx *sql.Tx, intents []Intent) (map[[2]string]bool, error) {
	sorted := slices.SortedFunc(slices.Values(intents), func(a, b Intent) int {
		return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.Match, b.Match))
	})
	fresh := make(map[[2]string]bool, len(intents))
	for len(sorted) > 0 {
		n := pieces[slices.IndexFunc(pieces, func(n int) bool { return n <= len(sorted) })]
		args := make([]any, 0, 6*n)
		for _, in := range sorted[:n] {
			args = append(args, in.Target, in.Match, in.Run, in.Key, in.At.UnixMilli(), "")
		}
		text := s.insertText(insertIntents, 6, "ON CONFLICT (target, match) DO NOTHING RETURNING target, match", n)
		err := scanAll(ctx, tx, text, args, func(rows *sql.Rows) error {
			var at [2]string
			err := rows.Scan(&at[0], &at[1])
			fresh[at] = true
			return err
		})
		if err != nil {
			return nil, err
		}
		sorted = sorted[n:]
	}
	return fresh, nil
}

// others tells whether other nodes are at work, or were just now.
func (s *Store) others(ctx context.Context, tx *sql.Tx, node string) (bool, error) {
	since := s.dialect.clock + " - " + strconv.FormatInt(overlap.Milliseconds(), 10)
	return s.exists(ctx, tx, "SELECT 1 FROM leases WHERE node <> ? AND until > "+since+
		" UNION ALL SELECT 1 FROM partitions WHERE node <> ? AND until > "+since+" LIMIT 1", node, node)
}

func (s *Store) announce(ctx context.Context, tx *sql.Tx, in Intent, node string) (Claim, error) {
	for {
		fresh, err := s.announceNew(ctx, tx, []Intent{in})
		if err != nil || len(fresh) == 1 {
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
	if s.seal.writes != nil {
		matches = slices.Clone(matches)
		for i := range matches {
			matches[i] = s.seal.equal(matches[i])
		}
	}
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
			err := s.seal.openAll(nil, []*string{&i.Match})
			out[i.Match] = i
			return err
		})
	return out, err
}

// Answered tells other nodes at once what a create has brought, before its record is settled.
func (s *Store) Answered(ctx context.Context, in Intent, id string) error {
	return s.setIntent(ctx, "UPDATE intents SET id = ? WHERE target = ? AND match = ? AND run = ?", id, in.Target, s.seal.equal(in.Match), in.Run)
}

// Unclaim lets other nodes go on with what this one has announced and not brought about for sure. They ask the target
// first.
func (s *Store) Unclaim(ctx context.Context, in Intent) error {
	return s.setIntent(ctx, "UPDATE intents SET run = '' WHERE target = ? AND match = ? AND run = ?", in.Target, s.seal.equal(in.Match), in.Run)
}

func (s *Store) setIntent(ctx context.Context, query string, args ...any) error {
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, s.rebind(query), args...)
		return err
	})
}
