package state

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"time"
)

// User is a person who may come in.
type User struct {
	Name     string
	Role     string
	Password string // argon2id, never the password
	At       time.Time
}

// PutUser keeps a user, in place of an earlier one of the same name, whose sessions end.
func (s *Store) PutUser(ctx context.Context, u User) error {
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := s.endSessions(ctx, tx, u.Name); err != nil {
			return err
		}
		return s.insert(ctx, tx, "INSERT INTO users (name, role, password, at)", 4,
			"ON CONFLICT (name) DO UPDATE SET role = excluded.role, password = excluded.password",
			[][]any{{u.Name, u.Role, u.Password, u.At.UnixMilli()}})
	})
}

// RemoveUser forgets a user and ends their sessions, also those that an identity provider began. It is false when there
// is none of that name.
func (s *Store) RemoveUser(ctx context.Context, name string) (removed bool, err error) {
	err = s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		ended, err := s.endSessions(ctx, tx, name)
		if err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, s.rebind("DELETE FROM users WHERE name = ?"), name)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		removed = n+ended > 0
		return err
	})
	return removed, err
}

func (s *Store) endSessions(ctx context.Context, tx *sql.Tx, name string) (int64, error) {
	result, err := tx.ExecContext(ctx, s.rebind("DELETE FROM passes WHERE kind <> ? AND name = ?"), KindToken, name)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Users lists the users by name.
func (s *Store) Users(ctx context.Context) ([]User, error) {
	var out []User
	err := s.query(ctx, "SELECT name, role, password, at FROM users ORDER BY name", nil, func(rows *sql.Rows) error {
		var u User
		var at int64
		err := rows.Scan(&u.Name, &u.Role, &u.Password, &at)
		u.At = time.UnixMilli(at)
		out = append(out, u)
		return err
	})
	return out, err
}

// Kinds of passes.
const (
	KindSession = "session"
	KindToken   = "token"
	KindOIDC    = "oidc " // then what the session was judged by
)

// Pass lets a browser or a program in. What its owner shows is kept as a digest only.
type Pass struct {
	Kind  string
	Name  string // of the user, or of the token
	Role  string // as of now
	At    time.Time
	Until time.Time // zero = for good
}

func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// PutPass keeps a pass, and forgets those that have run out.
func (s *Store) PutPass(ctx context.Context, p Pass, secret string) error {
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, s.rebind("DELETE FROM passes WHERE until > 0 AND until < ?"), p.At.UnixMilli())
		if err != nil {
			return err
		}
		return s.insert(ctx, tx, "INSERT INTO passes (digest, kind, name, role, at, until)", 6, "",
			[][]any{{digest(secret), p.Kind, p.Name, p.Role, p.At.UnixMilli(), millis(p.Until)}})
	})
}

// PassOf returns the pass that a secret stands for. A session has the role that its user has now.
func (s *Store) PassOf(ctx context.Context, kind, secret string, now time.Time) (pass Pass, ok bool, err error) {
	err = s.query(ctx, "SELECT p.name, COALESCE(u.role, p.role), p.at, p.until FROM passes p "+
		"LEFT JOIN users u ON p.kind = 'session' AND u.name = p.name WHERE p.digest = ? AND p.kind = ?",
		[]any{digest(secret), kind}, func(rows *sql.Rows) error {
			var at, until int64
			err := rows.Scan(&pass.Name, &pass.Role, &at, &until)
			pass.Kind, pass.At, pass.Until = kind, moment(at), moment(until)
			ok = until == 0 || until > now.UnixMilli()
			return err
		})
	return pass, ok, err
}

// EndPass makes a secret worth nothing.
func (s *Store) EndPass(ctx context.Context, kind, secret string) error {
	_, err := s.changes(ctx, "DELETE FROM passes WHERE digest = ? AND kind = ?", digest(secret), kind)
	return err
}

// Tokens lists the tokens of programs by name.
func (s *Store) Tokens(ctx context.Context) ([]Pass, error) {
	var out []Pass
	err := s.query(ctx, "SELECT name, role, at, until FROM passes WHERE kind = 'token' ORDER BY name", nil, func(rows *sql.Rows) error {
		p := Pass{Kind: KindToken}
		var at, until int64
		err := rows.Scan(&p.Name, &p.Role, &at, &until)
		p.At, p.Until = moment(at), moment(until)
		out = append(out, p)
		return err
	})
	return out, err
}

// RemoveToken ends a token by its name. It is false when there is none of that name.
func (s *Store) RemoveToken(ctx context.Context, name string) (bool, error) {
	return s.changes(ctx, "DELETE FROM passes WHERE kind = 'token' AND name = ?", name)
}

// Deed is who did what, for the audit log.
type Deed struct {
	ID     int64
	At     time.Time
	Who    string
	Action string
	What   string
}

// Note writes into the audit log.
func (s *Store) Note(ctx context.Context, d Deed) error {
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return s.insert(ctx, tx, "INSERT INTO audit (at, who, action, what)", 4, "",
			[][]any{{d.At.UnixMilli(), d.Who, d.Action, d.What}})
	})
}

// Deeds returns the audit log, newest first; before is an id, for paging.
func (s *Store) Deeds(ctx context.Context, before int64, limit int) ([]Deed, error) {
	c := conditions{}
	if before > 0 {
		c = c.raw("id < ?", before)
	}
	where, args := c.text()
	var out []Deed
	err := s.query(ctx, "SELECT id, at, who, action, what FROM audit"+where+" ORDER BY id DESC LIMIT ?", append(args, limitOr(limit)),
		func(rows *sql.Rows) error {
			var d Deed
			var at int64
			err := rows.Scan(&d.ID, &at, &d.Who, &d.Action, &d.What)
			d.At = time.UnixMilli(at)
			out = append(out, d)
			return err
		})
	return out, err
}

// Halt is a pipeline whose schedule a person has stopped.
type Halt struct {
	Pipeline string
	At       time.Time
	Who      string
}

// PutHalt stops a pipeline's schedule, for all nodes.
func (s *Store) PutHalt(ctx context.Context, h Halt) error {
	_, err := s.changes(ctx, "INSERT INTO halts (pipeline, at, who) VALUES (?, ?, ?) ON CONFLICT (pipeline) DO NOTHING",
		h.Pipeline, h.At.UnixMilli(), h.Who)
	return err
}

// EndHalt lets a pipeline follow its schedule again.
func (s *Store) EndHalt(ctx context.Context, pipeline string) error {
	_, err := s.changes(ctx, "DELETE FROM halts WHERE pipeline = ?", pipeline)
	return err
}

// Halts lists the pipelines that are stopped.
func (s *Store) Halts(ctx context.Context) (map[string]Halt, error) {
	out := map[string]Halt{}
	err := s.query(ctx, "SELECT pipeline, at, who FROM halts", nil, func(rows *sql.Rows) error {
		var h Halt
		var at int64
		err := rows.Scan(&h.Pipeline, &at, &h.Who)
		h.At = time.UnixMilli(at)
		out[h.Pipeline] = h
		return err
	})
	return out, err
}
