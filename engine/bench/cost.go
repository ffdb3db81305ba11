package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cost measures what a record costs: the processor's time of the engine with its connectors and of the database's
// server, bytes in state, and transactions.
func (b *bench) cost(ctx context.Context, name string) error {
	r := result{job: name, what: fmt.Sprintf("of a record, of %d: processor (engine with connectors + database server), bytes in state, transactions", b.orders)}
	server, err := newEndpoint(0)
	if err != nil {
		return err
	}
	defer server.Close() //nolint:errcheck // it has done its work
	for _, postgres := range []bool{false, true} {
		if postgres && b.postgres == "" {
			continue
		}
		for _, w := range []struct{ what, hcl string }{
			{"appended, failures only", pipeline(mapping, "failures")},
			{"appended, an entry each", pipeline(mapping, "all")},
			{"created, an entry each", things(server.url)},
		} {
			lines, err := b.costOf(ctx, w.what, w.hcl, postgres)
			if err != nil {
				return err
			}
			r.lines = append(r.lines, lines...)
		}
	}
	b.done(r)
	return nil
}

// costOf runs a pipeline twice: what it brings about, and what it costs to find that nothing is to be done.
func (b *bench) costOf(ctx context.Context, what, hcl string, postgres bool) ([]string, error) {
	p, err := b.project(map[string]string{"bench.hcl": hcl})
	if err != nil {
		return nil, err
	}
	defer p.remove()
	if err := os.Link(b.in, filepath.Join(p.dir, "in.jsonl")); err != nil {
		return nil, err
	}
	database, name := meter(fileMeter{filepath.Join(p.dir, ".kopru", "state.db")}), "SQLite"
	if postgres {
		dsn, err := b.newDatabase(ctx)
		if err != nil {
			return nil, err
		}
		db, err := sql.Open("pgx", dsn)
		if err != nil {
			return nil, err
		}
		defer db.Close() //nolint:errcheck // only read
		p.env = append(p.env, "KOPRU_STATE="+dsn)
		database, name = serverMeter{db}, "PostgreSQL"
	}
	one := func(what string) (string, error) {
		before, err := database.read(ctx)
		if err != nil {
			return "", err
		}
		_, f, err := p.once(ctx)
		if err != nil {
			return "", err
		}
		after, err := database.read(ctx)
		if err != nil {
			return "", err
		}
		n := time.Duration(b.orders)
		line := fmt.Sprintf("%-10s %-24s  %v", name, what, (f.cpu / n).Round(100*time.Nanosecond))
		if postgres {
			line += fmt.Sprintf(" + %v", ((after.cpu - before.cpu) / n).Round(100*time.Nanosecond))
		}
		line += fmt.Sprintf(", %d bytes", (after.bytes-before.bytes)/int64(b.orders))
		if postgres {
			line += fmt.Sprintf(", %.3f transactions", float64(after.transactions-before.transactions)/float64(b.orders))
		}
		return line, nil
	}
	first, err := one(what)
	if err != nil || !strings.HasPrefix(what, "created") {
		return []string{first}, err
	}
	if _, _, err := timed(p.command(ctx, "reset", "bench", "--full", "--yes")); err != nil {
		return nil, err
	}
	second, err := one("unchanged, an entry each")
	return []string{first, second}, err
}

// meter reads what a database has used up.
type meter interface {
	read(ctx context.Context) (use, error)
}

type use struct {
	bytes, transactions int64
	cpu                 time.Duration
}

type fileMeter struct{ path string }

func (m fileMeter) read(context.Context) (use, error) {
	info, err := os.Stat(m.path) // the engine has moved the log into it at its end
	if err != nil {
		return use{}, nil //nolint:nilerr // there is none yet
	}
	return use{bytes: info.Size()}, nil
}

type serverMeter struct{ db *sql.DB }

func (m serverMeter) read(ctx context.Context) (u use, err error) {
	if err := pause(ctx, 1500*time.Millisecond); err != nil { // the server counts with a delay
		return u, err
	}
	var backend int
	err = m.db.QueryRowContext(ctx, "SELECT pg_database_size(datname), xact_commit, pg_backend_pid() FROM pg_stat_database "+
		"WHERE datname = current_database()").Scan(&u.bytes, &u.transactions, &backend)
	if err != nil {
		return u, err
	}
	parent, _ := processTimes(backend)
	_, u.cpu = processTimes(parent)
	for _, c := range children(parent) {
		_, own := processTimes(c)
		u.cpu += own
	}
	return u, nil
}

// processTimes are a process's parent and the processor's time of it and of its children that have ended; zero when
// it is not of this machine.
func processTimes(pid int) (parent int, cpu time.Duration) {
	const tick = 10 * time.Millisecond
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(data), ") ")
	f := strings.Fields(rest)
	if len(f) < 15 {
		return 0, 0
	}
	parent, _ = strconv.Atoi(f[1])
	for _, field := range f[11:15] { // user and system, own and children's
		n, _ := strconv.Atoi(field)
		cpu += time.Duration(n) * tick
	}
	return parent, cpu
}
