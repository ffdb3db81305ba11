// Package state is the one database: cursors, links, intents, dead letters, activity and runs, in SQLite beside the
// project or in PostgreSQL. One transaction a batch settles everything that a batch changes.
package state

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/kopru-io/kopru/plugins/protocol"
)

// Errors a caller acts on.
var (
	// ErrFenced: another node has taken the pipeline over; whatever this run still does must not be settled.
	ErrFenced = errors.New("another run has taken over this pipeline")
	// ErrBusy: another live run holds the pipeline.
	ErrBusy = errors.New("another run of this pipeline is under way")
	// ErrUnavailable: the database can't be written just now (disk full, server away); nothing was changed.
	ErrUnavailable = errors.New("the state database is not available")
)

// poolSize is how many connections to PostgreSQL a process has at most.
const poolSize = 16

//go:embed schema.sql
var schema string

// Store is an open state database. It is safe for use by several goroutines.
type Store struct {
	Lease time.Duration // LeaseTime; the nodes of one database agree on it

	dialect dialect
	write   *sql.DB // SQLite: one connection
	read    *sql.DB
	dsn     string
	seal    *seal

	writes  chan *write
	stopped chan struct{}
	once    sync.Once
}

// dialect is what differs between the two databases.
type dialect struct {
	name   string
	serial string
	blob   string
	lock   string // suffix of a SELECT that is to hold its row until the transaction ends
	clock  string // the database's clock in milliseconds

	passing string // a table that need not survive a crash of the server
	unless  string // a column is added unless it is there
}

var (
	sqliteDialect = dialect{
		name: "sqlite", serial: "INTEGER PRIMARY KEY AUTOINCREMENT", blob: "BLOB",
		clock: "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)",
	}
	postgresDialect = dialect{
		name: "postgres", serial: "BIGSERIAL PRIMARY KEY", blob: "BYTEA", lock: " FOR UPDATE", passing: "UNLOGGED", unless: "IF NOT EXISTS",
		clock: "(extract(epoch FROM clock_timestamp()) * 1000)::bigint",
	}
)

// Open opens the database at dsn, a file name or a postgres:// address, and creates what is missing. With keys, what is
// kept of records is encrypted: the first one writes, all of them read. ErrKey when none of them fits.
func Open(ctx context.Context, dsn string, keys ...Key) (*Store, error) {
	s := &Store{Lease: LeaseTime, dsn: dsn, writes: make(chan *write, 64), stopped: make(chan struct{})}
	var err error
	if IsPostgres(dsn) {
		s.dialect = postgresDialect
		var config *pgx.ConnConfig
		if config, err = pgx.ParseConfig(dsn); err == nil {
			Unfreeze(config)
			s.write = stdlib.OpenDB(*config)
			s.write.SetMaxOpenConns(poolSize)
			s.write.SetMaxIdleConns(poolSize) // making a connection costs more than any of our questions
			s.write.SetConnMaxIdleTime(time.Minute)
		}
		s.read = s.write
	} else {
		s.dialect = sqliteDialect
		if err = os.MkdirAll(filepath.Dir(dsn), 0o750); err == nil {
			s.write, s.read, err = openSQLite(dsn)
		}
	}
	if err == nil {
		err = s.migrate(ctx)
	}
	if err == nil {
		err = s.unlock(ctx, keys)
	}
	if err != nil {
		return nil, fmt.Errorf("state database %s: %w", SafeName(dsn), err)
	}
	go s.writer()
	return s, nil
}

// Unfreeze makes the server end a session that stands still in the middle of a transaction: a node that is frozen, or
// whose machine is gone without a word, would else hold its locks, and all other nodes, for ever.
func Unfreeze(config *pgx.ConnConfig) {
	const setting = "idle_in_transaction_session_timeout"
	if config.RuntimeParams[setting] == "" {
		config.RuntimeParams[setting] = strconv.FormatInt((10 * time.Second).Milliseconds(), 10)
	}
}

// IsPostgres tells whether dsn names a PostgreSQL server rather than a file.
func IsPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// Unprotected names the host of a PostgreSQL to which dsn may go over the network unencrypted, "" when it goes to none.
func Unprotected(dsn string) string {
	if !IsPostgres(dsn) {
		return ""
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return ""
	}
	ways := map[string]*tls.Config{config.Host: config.TLSConfig}
	for _, f := range config.Fallbacks {
		if tls, ok := ways[f.Host]; !ok || tls != nil {
			ways[f.Host] = f.TLSConfig
		}
	}
	for _, host := range slices.Sorted(maps.Keys(ways)) {
		if ways[host] == nil && !strings.HasPrefix(host, "/") && !protocol.Loopback(host) {
			return host
		}
	}
	return ""
}

// SafeName is dsn without its password.
func SafeName(dsn string) string {
	if !IsPostgres(dsn) {
		return dsn
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "postgres://…"
	}
	query := u.Query()
	for _, name := range []string{"password", "sslpassword"} {
		if query.Has(name) {
			query.Set(name, "xxxxx")
			u.RawQuery = query.Encode()
		}
	}
	return u.Redacted()
}

// SQLiteName is the driver's name for a file, with the settings every connection to it must share.
func SQLiteName(path string) string {
	return "file:" + path + "?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=auto_vacuum(INCREMENTAL)&_pragma=journal_mode(WAL)" +
		"&_pragma=synchronous(FULL)&_pragma=cache_size(-65536)&_pragma=temp_store(MEMORY)" +
		"&_pragma=secure_delete(ON)"
}

func openSQLite(path string) (write, read *sql.DB, err error) {
	if write, err = openKeeping(SQLiteName(path)); err != nil {
		return nil, nil, err
	}
	write.SetMaxOpenConns(1)
	if read, err = openKeeping(SQLiteName(path) + "&_pragma=query_only(true)"); err != nil {
		return nil, nil, err
	}
	read.SetMaxOpenConns(4)
	return write, read, nil
}

// migrate makes the tables. Once it has, it does nothing: to look whether an index is there, PostgreSQL locks the table,
// which a node that joins must not do to those at work.
func (s *Store) migrate(ctx context.Context) error {
	text := strings.NewReplacer("{serial}", s.dialect.serial, "{blob}", s.dialect.blob, "{passing}", s.dialect.passing, "{unless_there}", s.dialect.unless).Replace(schema)
	if s.dialect.name == "postgres" { // several nodes may start at once
		text = "SELECT pg_advisory_xact_lock(4207849484);\n" + text
	}
	sum := sha256.Sum256([]byte(text))
	version := hex.EncodeToString(sum[:])
	var one int
	if s.write.QueryRowContext(ctx, s.rebind("SELECT 1 FROM schemas WHERE version = ?"), version).Scan(&one) == nil {
		return nil
	}
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	for _, statement := range strings.Split(stripComments(text), ";") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		_, err := tx.ExecContext(ctx, statement)
		if err != nil && !strings.Contains(err.Error(), "duplicate column name") { // SQLite can't be asked to add it unless it is there
			return err
		}
	}
	_, err = tx.ExecContext(ctx, s.rebind("INSERT INTO schemas (version) VALUES (?) ON CONFLICT (version) DO NOTHING"), version)
	if err != nil {
		return err
	}
	return tx.Commit()
}

func stripComments(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "--") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// Close waits for what is being written and closes the database.
func (s *Store) Close() error {
	var err error
	s.once.Do(func() {
		close(s.writes)
		<-s.stopped
		err = s.write.Close()
		if s.read != s.write {
			err = errors.Join(err, s.read.Close())
		}
	})
	return err
}

// DSN is where the database is, for others who keep their own tables in it. It may hold a password.
func (s *Store) DSN() string { return s.dsn }

// rebind writes ? placeholders the way the database wants them.
func (s *Store) rebind(query string) string {
	if s.dialect.name == "sqlite" {
		return query
	}
	var b strings.Builder
	n := 0
	for _, r := range query {
		if r == '?' {
			n++
			b.WriteString("$" + strconv.Itoa(n))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// classify marks errors that pass when the disk has room or the server is back.
func classify(err error) error {
	if err == nil {
		return nil
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		switch lite.Code() & 0xff {
		case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN:
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	var network net.Error
	switch {
	case errors.As(err, &pg) && (strings.HasPrefix(pg.Code, "53") || strings.HasPrefix(pg.Code, "57P") || strings.HasPrefix(pg.Code, "08")),
		errors.As(err, &connect), errors.As(err, &network),
		errors.Is(err, sql.ErrConnDone), errors.Is(err, driver.ErrBadConn), errors.Is(err, io.ErrUnexpectedEOF),
		pgconn.SafeToRetry(err): // the connection was closed before anything was sent
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }
