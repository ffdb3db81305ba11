// Package postgrestest gives tests a PostgreSQL of their own, where its programs are installed.
package postgrestest

import (
	"context"
	"database/sql"
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

	mu      sync.Mutex
	next    int
	stopped bool
}

// Start starts a server that ends with the test. Without PostgreSQL's programs the test is skipped, saying so.
func Start(t testing.TB) *Server {
	t.Helper()
	if base := os.Getenv(Env); base != "" {
		return &Server{base: base}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		t.Skip("PostgreSQL is not installed; `make test-needs` installs it")
	}
	slices.Sort(found)
	// A socket's path may have a hundred characters; t.TempDir is longer than that.
	dir, err := os.MkdirTemp("", "kopru-pg-")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{bin: filepath.Dir(found[len(found)-1]), dir: dir}
	t.Cleanup(func() {
		s.Stop(t)
		_ = os.RemoveAll(dir)
	})
	if os.Getuid() == 0 { // the server refuses to run as root
		s.as = credential(t, "postgres")
		if err := os.Chown(dir, int(s.as.Uid), int(s.as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	s.run(t, "initdb", "-D", filepath.Join(dir, "data"), "-U", "kopru", "-A", "trust", "-E", "UTF8", "--no-sync")
	query := url.Values{"host": {dir}, "sslmode": {"disable"}}
	s.base = "postgres://kopru@/postgres?" + query.Encode()
	s.Resume(t)
	return s
}

func credential(t testing.TB, name string) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Skipf("there is no user %q to run PostgreSQL as", name)
	}
	uid, _ := strconv.Atoi(u.Uid) // of this machine's own user table
	gid, _ := strconv.Atoi(u.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func (s *Server) run(t testing.TB, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	if s.as != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// Stop ends the server at once, as a crash does; Resume brings it back.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir == "" || s.stopped {
		return
	}
	s.stopped = true
	s.run(t, "pg_ctl", "-D", filepath.Join(s.dir, "data"), "-m", "immediate", "-w", "stop")
}

// Resume starts the server again.
func (s *Server) Resume(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = false
	s.run(t, "pg_ctl", "-D", filepath.Join(s.dir, "data"), "-l", filepath.Join(s.dir, "log"), "-w", "-o",
		fmt.Sprintf("-c listen_addresses= -c unix_socket_directories=%s -c fsync=off -c max_connections=500", s.dir), "start")
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
