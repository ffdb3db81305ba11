// Package postgrestest gives tests and measurements a PostgreSQL of their own, where its programs are installed.
package postgrestest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
)

// Env names a server to use instead of starting one; its user must be allowed to create databases.
const Env = "KOPRU_TEST_POSTGRES"

// Server is a running PostgreSQL.
type Server struct {
	base string // address of the database "postgres"
	dir  string
	bin  string
	as   *syscall.Credential

	settings string

	mu      sync.Mutex
	next    int
	stopped bool
}

// ErrMissing says that PostgreSQL can't be run here.
var ErrMissing = errors.New("PostgreSQL is not installed; `make test-needs` installs it")

// Start starts a server that ends with the test. Without PostgreSQL's programs the test is skipped, saying so.
func Start(t testing.TB) *Server {
	t.Helper()
	if base := os.Getenv(Env); base != "" {
		return &Server{base: base}
	}
	s, err := Launch("-c fsync=off")
	if errors.Is(err, ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.End() })
	return s
}

// Launch starts a server in a folder of its own; settings are what it is given on its command line. End ends it.
func Launch(settings string) (*Server, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return nil, ErrMissing
	}
	slices.Sort(found)
	dir, err := os.MkdirTemp("", "kopru-pg-") // a socket's path may have a hundred characters, and a test's folder is longer
	if err != nil {
		return nil, err
	}
	s := &Server{bin: filepath.Dir(found[len(found)-1]), dir: dir, settings: settings, stopped: true}
	query := url.Values{"host": {dir}, "sslmode": {"disable"}}
	s.base = "postgres://kopru@/postgres?" + query.Encode()
	if err := s.make(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func (s *Server) make() error {
	if os.Getuid() == 0 { // the server refuses to run as root
		if err := s.becomeUser("postgres"); err != nil {
			return err
		}
	}
	if err := s.run("initdb", "-D", filepath.Join(s.dir, "data"), "-U", "kopru", "-A", "trust", "-E", "UTF8", "--no-sync"); err != nil {
		return err
	}
	return s.resume()
}

func (s *Server) becomeUser(name string) error {
	u, err := user.Lookup(name)
	if err != nil {
		return fmt.Errorf("%w: there is no user %q to run it as", ErrMissing, name)
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32) // of this machine's own user table
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	s.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.dir, int(uid), int(gid)) //nolint:gosec // 32 bits
}

func (s *Server) run(name string, args ...string) error {
	cmd := exec.Command(filepath.Join(s.bin, name), args...) //nolint:gosec,noctx // it must also stop when whoever started it is told to
	cmd.Dir = s.dir
	if s.as != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// Address is that of the database "postgres".
func (s *Server) Address() string { return s.base }

// End stops the server for good.
func (s *Server) End() error { return errors.Join(s.stop(), os.RemoveAll(s.dir)) }

// Stop ends the server at once, as a crash does; Resume brings it back.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
}

// Resume starts the server again.
func (s *Server) Resume(t testing.TB) {
	t.Helper()
	if err := s.resume(); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir == "" || s.stopped {
		return nil
	}
	s.stopped = true
	return s.run("pg_ctl", "-D", filepath.Join(s.dir, "data"), "-m", "immediate", "-w", "stop")
}

func (s *Server) resume() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = false
	return s.run("pg_ctl", "-D", filepath.Join(s.dir, "data"), "-l", filepath.Join(s.dir, "log"), "-w", "-o",
		fmt.Sprintf("-c listen_addresses= -c unix_socket_directories=%s -c max_connections=500 %s", s.dir, s.settings), "start")
}

// Database creates an empty database and returns its address.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	s.mu.Lock()
	s.next++
	name := fmt.Sprintf("test_%d_%d_%d", os.Getpid(), time.Now().UnixNano(), s.next)
	s.mu.Unlock()
	db, err := sql.Open("pgx", s.base)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // nothing is lost
	if _, err := db.ExecContext(context.Background(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return strings.Replace(s.base, "/postgres?", "/"+name+"?", 1)
}
