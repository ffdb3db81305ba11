package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// write is one unit that must be durable as a whole, waiting for the writer.
type write struct {
	ctx  context.Context
	do   func(context.Context, *sql.Tx) error
	done chan error
}

// maxGroup is how many waiting writes share one commit, and so one wait for the disk.
const maxGroup = 32

// commit hands do to the writer and waits until it is durable.
func (s *Store) commit(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	if s.dialect.name == "postgres" { // the server groups commits itself
		return s.untilNoDeadlock(ctx, do)
	}
	w := &write{ctx: ctx, do: do, done: make(chan error, 1)}
	select {
	case s.writes <- w:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return <-w.done // once handed over it is carried out: the caller must know how it ended
}

// writer is the one goroutine that writes to SQLite. Writes that wait at the same time share a transaction, each in
// a savepoint of its own, so that one that fails takes no other with it.
func (s *Store) writer() {
	defer close(s.stopped)
	for first := range s.writes {
		group := []*write{first}
	more:
		for len(group) < maxGroup {
			select {
			case w, ok := <-s.writes:
				if !ok {
					break more
				}
				group = append(group, w)
			default:
				break more
			}
		}
		s.writeGroup(group)
	}
}

func (s *Store) writeGroup(group []*write) {
	if len(group) == 1 {
		group[0].done <- s.transact(context.WithoutCancel(group[0].ctx), group[0].do)
		return
	}
	ctx := context.Background()
	errs := make([]error, len(group))
	err := s.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for i, w := range group {
			if _, err := tx.ExecContext(ctx, "SAVEPOINT w"); err != nil {
				return err
			}
			errs[i] = w.do(ctx, tx)
			end := "RELEASE w"
			if errs[i] != nil {
				end = "ROLLBACK TO w"
			}
			if _, err := tx.ExecContext(ctx, end); err != nil {
				return err
			}
		}
		return nil
	})
	for i, w := range group {
		if err != nil {
			w.done <- err
		} else {
			w.done <- classify(errs[i])
		}
	}
}

// untilNoDeadlock repeats a transaction that PostgreSQL gave up for another one's sake: nothing of it has happened.
func (s *Store) untilNoDeadlock(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	for {
		err := s.transact(ctx, do)
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != deadlockDetected || ctx.Err() != nil {
			return err
		}
	}
}

const deadlockDetected = "40P01"

func (s *Store) transact(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return classify(err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if err := do(ctx, tx); err != nil {
		return classify(err)
	}
	if err := tx.Commit(); err != nil {
		return classify(fmt.Errorf("commit: %w", err))
	}
	return nil
}

// pieces are how many rows, or values of a list, a statement has: few kinds of statement, so that keeping them pays.
var pieces = []int{500, 64, 16, 4, 1}

// insert writes rows in as few statements as the databases' limit on parameters allows.
func (s *Store) insert(ctx context.Context, tx *sql.Tx, into string, columns int, suffix string, rows [][]any) error {
	const maxParameters = 6000
	for len(rows) > 0 {
		n := pieces[slices.IndexFunc(pieces, func(n int) bool { return n <= len(rows) && n*columns <= maxParameters })]
		args := make([]any, 0, n*columns)
		for _, row := range rows[:n] {
			args = append(args, row...)
		}
		if _, err := tx.ExecContext(ctx, s.insertText(into, columns, suffix, n), args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func (s *Store) insertText(into string, columns int, suffix string, rows int) string {
	group := "(" + marks(columns) + ")"
	text := into + " VALUES " + group
	for range rows - 1 {
		text += "," + group
	}
	return s.rebind(text + " " + suffix)
}
