package state

import (
	"context"
	"database/sql"
)

// Pair says which record of another system a record belongs to, and what its direction remembers. There is one for
// each of the two directions.
type Pair struct {
	Name   string // of the pair in the definition
	Target string // what the direction writes to: "vismanet.books/customer"
	Key    string // id of the record in the source
	ID     string // id of the record in the target
	Memory string // what this direction knows of both
	Note   string // what the other direction has left for this one to know
}

// Pair returns what is known of a record; without an ID nothing is.
func (s *Store) Pair(ctx context.Context, name, target, key string) (Pair, error) {
	p := Pair{Name: name, Target: target, Key: key}
	err := s.query(ctx, "SELECT id, memory, note FROM pairs WHERE name = ? AND target = ? AND key = ?",
		[]any{name, target, key}, func(rows *sql.Rows) error { return rows.Scan(&p.ID, &p.Memory, &p.Note) })
	return p, err
}

// KeepPair makes a pair durable for the direction that has just dealt with it, and for the way back. A direction that
// remembers strikes out its note with that, and the way back gets one. It is not kept when the direction's note is no
// more the one it has read: then the other direction has dealt with the pair meanwhile. A memory or a note that is empty
// leaves what stands. A record that already belongs to another one keeps that: back then changes nothing.
func (s *Store) KeepPair(ctx context.Context, own, back Pair) (kept bool, err error) {
	err = s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, s.rebind("INSERT INTO pairs (name, target, key, id, memory, note) VALUES (?, ?, ?, ?, ?, '') "+
			"ON CONFLICT (name, target, key) DO UPDATE SET id = excluded.id, "+
			"memory = CASE WHEN excluded.memory = '' THEN pairs.memory ELSE excluded.memory END, "+
			"note = CASE WHEN excluded.memory = '' THEN pairs.note ELSE '' END "+
			"WHERE excluded.memory = '' OR pairs.note = ?"),
			own.Name, own.Target, own.Key, own.ID, own.Memory, own.Note)
		if err != nil {
			return err
		}
		rows, err := result.RowsAffected()
		if kept = rows > 0; err != nil || !kept || back.Target == "" {
			return err
		}
		_, err = tx.ExecContext(ctx, s.rebind("INSERT INTO pairs (name, target, key, id, memory, note) VALUES (?, ?, ?, ?, '', ?) "+
			"ON CONFLICT (name, target, key) DO UPDATE SET id = excluded.id, "+
			"note = CASE WHEN excluded.note = '' THEN pairs.note ELSE excluded.note END "+
			"WHERE pairs.id = '' OR pairs.id = excluded.id"),
			back.Name, back.Target, back.Key, back.ID, back.Note)
		return err
	})
	return kept, err
}
