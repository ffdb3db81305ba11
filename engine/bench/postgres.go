package main

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// startPostgres starts a server for what is measured on PostgreSQL, unless one was given or none is installed. Its
// commits are durable, as Kopru's own are.
func (b *bench) startPostgres() (stop func()) {
	stop = func() {}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if b.postgres != "" || len(found) == 0 {
		return stop
	}
	slices.Sort(found)
	bin := filepath.Dir(found[len(found)-1])
	base, err := newServer(bin)
	if err != nil {
		fmt.Fprintln(b.out, "PostgreSQL does not start; what needs it is left out:", err)
		return stop
	}
	b.postgres = base.address
	return func() { _ = base.run("pg_ctl", "-D", base.data, "-m", "immediate", "stop"); _ = os.RemoveAll(base.dir) } // nothing is lost
}

// server is a PostgreSQL in a folder of its own.
type server struct {
	bin, dir, data, address string
	as                      *syscall.Credential
}

func newServer(bin string) (*server, error) {
	dir, err := os.MkdirTemp("", "kopru-pg-") // a socket's path must be short
	if err != nil {
		return nil, err
	}
	s := &server{bin: bin, dir: dir, data: filepath.Join(dir, "data")}
	if os.Getuid() == 0 { // it refuses to run as root
		if err := s.becomeUser("postgres"); err != nil {
			return nil, err
		}
	}
	if err := s.run("initdb", "-D", s.data, "-U", "kopru", "-A", "trust", "-E", "UTF8"); err != nil {
		return nil, err
	}
	err = s.run("pg_ctl", "-D", s.data, "-l", filepath.Join(dir, "log"), "-w", "-o",
		fmt.Sprintf("-c listen_addresses= -c unix_socket_directories=%s -c max_connections=300", dir), "start")
	s.address = "postgres://kopru@/postgres?" + url.Values{"host": {dir}, "sslmode": {"disable"}}.Encode()
	return s, err
}

func (s *server) becomeUser(name string) error {
	u, err := user.Lookup(name)
	if err != nil {
		return err
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32) // of this machine's own user table
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	s.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.dir, int(uid), int(gid)) //nolint:gosec // 32 bits
}

func (s *server) run(name string, args ...string) error {
	cmd := exec.Command(filepath.Join(s.bin, name), args...) //nolint:gosec,noctx // it must also stop when the bench is told to
	cmd.Dir = s.dir
	if s.as != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}
