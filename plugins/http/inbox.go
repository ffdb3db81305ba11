package http

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/kopru-io/kopru/plugins/sdk"
)

const (
	inboxFile   = "inbox.db"
	mostAtOnce  = 256 // deliveries that share one write to the disk
	forgetEvery = time.Hour
)

// inbox keeps deliveries on disk until the engine has settled them: a SQLite file, whose every transaction is flushed.
type inbox struct {
	db       *sql.DB
	name     string // tells this inbox from one that was made anew in its place: positions count in one only
	remember time.Duration
	now      func() time.Time
	incoming chan *delivery
	stop     chan struct{}
	done     sync.WaitGroup
}

// delivery is what a sender posted.
type delivery struct {
	seq    int64
	entity string
	id     string // by the sender; "" = it says none
	at     time.Time
	body   []byte
	kept   chan error // is told once, when it is durable
}

const inboxTables = `
CREATE TABLE IF NOT EXISTS inbox (name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS delivery (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, entity TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS delivery_entity ON delivery (entity, seq);
CREATE TABLE IF NOT EXISTS seen (entity TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (entity, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seen_at ON seen (at);
`

// openInbox opens the inbox in a folder, or makes it. Several processes may have it open.
func openInbox(folder string, remember time.Duration, now func() time.Time) (*inbox, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	path := (&url.URL{Path: filepath.ToSlash(filepath.Join(folder, inboxFile))}).EscapedPath()
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)"+
		"&_pragma=synchronous(FULL)&_pragma=temp_store(MEMORY)&_pragma=secure_delete(ON)")
	if err != nil {
		return nil, err
	}
	i := &inbox{db: db, remember: remember, now: now, incoming: make(chan *delivery), stop: make(chan struct{})}
	if err = i.make(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	i.done.Go(i.keep)
	return i, nil
}

func (i *inbox) make() error {
	tx, err := i.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to take back
	if _, err := tx.Exec(inboxTables); err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO inbox SELECT ? WHERE NOT EXISTS (SELECT 1 FROM inbox)`, rand.Text()); err != nil {
		return err
	}
	if err := tx.QueryRow(`SELECT name FROM inbox`).Scan(&i.name); err != nil {
		return err
	}
	return tx.Commit()
}

// put returns when the delivery is durable, or was before.
func (i *inbox) put(ctx context.Context, d *delivery) error {
	d.kept = make(chan error, 1)
	select {
	case i.incoming <- d:
		return <-d.kept
	case <-i.stop:
		return errors.New("the connector ends")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// keep writes what comes in; deliveries that are there at the same time share a transaction.
func (i *inbox) keep() {
	var forgotten time.Time
	for {
		var all []*delivery
		select {
		case d := <-i.incoming:
			all = append(all, d)
		case <-i.stop:
			return
		}
	more:
		for len(all) < mostAtOnce {
			select {
			case d := <-i.incoming:
				all = append(all, d)
			default:
				break more
			}
		}
		forget := i.now().Sub(forgotten) > forgetEvery
		err := i.write(all, forget)
		if forget && err == nil {
			forgotten = i.now()
		}
		for _, d := range all {
			d.kept <- err
		}
	}
}

func (i *inbox) write(all []*delivery, forget bool) error {
	tx, err := i.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to take back
	if forget {
		if _, err := tx.Exec(`DELETE FROM seen WHERE at < ?`, i.now().Add(-i.remember).UnixMilli()); err != nil {
			return err
		}
	}
	for _, d := range all {
		if d.id != "" {
			r, err := tx.Exec(`INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, d.entity, d.id, d.at.UnixMilli())
			if err != nil {
				return err
			}
			if n, err := r.RowsAffected(); err != nil {
				return err
			} else if n == 0 { // it came before
				continue
			}
		}
		if _, err := tx.Exec(`INSERT INTO delivery (entity, id, at, body) VALUES (?, ?, ?, ?)`, d.entity, d.id, d.at.UnixMilli(), d.body); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// after lists deliveries of an entity in their order.
func (i *inbox) after(ctx context.Context, entity string, seq int64, most int) (all []delivery, err error) {
	rows, err := i.db.QueryContext(ctx, `SELECT seq, id, at, body FROM delivery WHERE entity = ? AND seq > ? ORDER BY seq LIMIT ?`, entity, seq, most)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err says it
	for rows.Next() {
		d := delivery{entity: entity}
		var at int64
		if err := rows.Scan(&d.seq, &d.id, &at, &d.body); err != nil {
			return nil, err
		}
		d.at = time.UnixMilli(at)
		all = append(all, d)
	}
	return all, rows.Err()
}

// settle removes what the engine has settled. That a delivery came is remembered on.
func (i *inbox) settle(ctx context.Context, entity string, seq int64) error {
	_, err := i.db.ExecContext(ctx, `DELETE FROM delivery WHERE entity = ? AND seq <= ?`, entity, seq)
	return err
}

// waiting counts an entity's deliveries.
func (i *inbox) waiting(ctx context.Context, entity string) (n int, err error) {
	err = i.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM delivery WHERE entity = ?`, entity).Scan(&n)
	return n, err
}

// Close ends the inbox.
func (i *inbox) Close() error {
	close(i.stop)
	i.done.Wait()
	return i.db.Close()
}

// read passes an entity's deliveries on. What the cursor covers is settled, and goes.
func (c *connection) readInbox(ctx context.Context, e *entity, q sdk.ReadRequest, emit func(sdk.Batch) error) (string, error) {
	r := &reading{connection: c, entity: e, query: q, emit: emit}
	if err := r.parse(); err != nil {
		return "", err
	}
	if r.ranged() {
		return "", sdk.Fatal("http.no_range", "%s is posted: what was settled is gone, and can't be read by time", q.Entity)
	}
	box, err := c.hooks.box()
	if err != nil {
		return "", err
	}
	at := position{Inbox: box.name}
	if r.at.Inbox == box.name { // else all that is there is new
		at.Seq = r.at.Seq
		if err := box.settle(ctx, q.Entity, at.Seq); err != nil {
			return "", inboxFailed(err)
		}
	}
	for {
		all, err := box.after(ctx, q.Entity, at.Seq, q.BatchSize)
		if err != nil {
			return "", inboxFailed(err)
		}
		if len(all) == 0 {
			return at.String(), nil
		}
		b := sdk.Batch{}
		for _, d := range all {
			records, err := r.delivered(d)
			if err != nil {
				return "", err
			}
			b.Records = append(b.Records, records...)
			at.Seq = d.seq
		}
		b.Cursor = at.String()
		if err := emit(b); err != nil {
			return "", err
		}
	}
}

// Committed removes what is settled from the inbox.
func (c *connection) Committed(ctx context.Context, name, cursor string) error {
	e, err := c.entity(name)
	if err != nil || e.Webhook == nil {
		return err
	}
	r := &reading{query: sdk.ReadRequest{Cursor: cursor}}
	if err := r.parse(); err != nil {
		return err
	}
	box, err := c.hooks.box()
	if err != nil || r.at.Inbox != box.name {
		return err
	}
	return inboxFailed(box.settle(ctx, name, r.at.Seq))
}

func inboxFailed(err error) error {
	if err == nil {
		return nil
	}
	return sdk.Transient("http.inbox", "the inbox can't be used: %v", err)
}
