package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
)

// growth measures what becomes of the cost of a record as work grows: more records, more pipelines, more nodes.
func (b *bench) growth(ctx context.Context, name string) error {
	r := result{job: name, what: "as work grows: records, pipelines at once, nodes on PostgreSQL"}
	var cheapest, dearest time.Duration
	for n := 1000; n <= b.most; n *= 10 {
		f, err := b.flows(ctx, 1, n)
		if err != nil {
			return err
		}
		each := f.took / time.Duration(n)
		r.lines = append(r.lines, fmt.Sprintf("%8d records  %v a record   peak %d MB engine, %d MB connector",
			n, each.Round(100*time.Nanosecond), f.engineKB/1024, f.connectKB/1024))
		if n >= 10_000 { // below that, starting is most of it
			if cheapest == 0 || each < cheapest {
				cheapest = each
			}
			dearest = max(dearest, each)
		}
	}
	for n := 1; n <= 64; n *= 4 {
		f, err := b.flows(ctx, n, b.most/n)
		if err != nil {
			return err
		}
		r.lines = append(r.lines, fmt.Sprintf("%8d pipelines of %d records  %v a record   peak %d MB engine, %d MB connector",
			n, b.most/n, (f.took/time.Duration(b.most/n*n)).Round(100*time.Nanosecond), f.engineKB/1024, f.connectKB/1024))
	}
	if b.postgres != "" {
		for n := 1; n <= 3; n++ {
			took, records, err := b.nodes(ctx, n)
			if err != nil {
				return err
			}
			r.lines = append(r.lines, fmt.Sprintf("%8d nodes  %v a record", n, (took/time.Duration(records)).Round(100*time.Nanosecond)))
		}
	}
	r.lines = append(r.lines, fmt.Sprintf("dearest record ÷ cheapest, from 10⁴ records on: %.2f", dearest.Seconds()/max(cheapest.Seconds(), 1e-9)))
	b.done(r)
	return nil
}

// flows runs so many pipelines at once, each over so many records.
func (b *bench) flows(ctx context.Context, pipelines, records int) (figures, error) {
	text := fileConnections
	for i := range pipelines {
		text += flowOf(strconv.Itoa(i), mapping, "all")
	}
	p, err := b.project(map[string]string{"bench.hcl": text})
	if err != nil {
		return figures{}, err
	}
	defer p.remove()
	if _, err := generate(filepath.Join(p.dir, "in.jsonl"), records); err != nil {
		return figures{}, err
	}
	got, f, err := p.once(ctx)
	if want := pipelines * records; err == nil && got.Read != want {
		err = fmt.Errorf("%d records were read, %d were due", got.Read, want)
	}
	for i := 0; err == nil && i < pipelines; i++ {
		err = arrived(filepath.Join(p.dir, fmt.Sprintf("out%d.jsonl", i)), records-records/4)
	}
	return f, err
}

// nodes lets engines share pipelines over PostgreSQL, each of which posts to a slow system of its own.
func (b *bench) nodes(ctx context.Context, n int) (time.Duration, int, error) {
	const pipelines = 12
	records := max(250, b.most/100)
	server, err := newEndpoint(5 * time.Millisecond)
	if err != nil {
		return 0, 0, err
	}
	defer server.Close() //nolint:errcheck // it has done its work
	text := "connection \"file\" \"from\" {\n  path = \".\"\n}\n"
	for i := range pipelines {
		text += strings.NewReplacer("{n}", strconv.Itoa(i), "{url}", server.url).Replace(`
connection "post" "c{n}" {
  url = "{url}"
  limit { concurrency = 2 }
}

pipeline "p{n}" {
  every = "1h"
  source "in" {
    connection = file.from
    entity     = "in.jsonl"
    key        = "id"
  }
  sink "thing" {
    connection = post.c{n}
    set        = { id = record.id, number = record.number }
  }
}
`)
	}
	p, err := b.project(map[string]string{"bench.hcl": text})
	if err != nil {
		return 0, 0, err
	}
	defer p.remove()
	if _, err := generate(filepath.Join(p.dir, "in.jsonl"), records); err != nil {
		return 0, 0, err
	}
	db, err := b.newDatabase(ctx)
	if err != nil {
		return 0, 0, err
	}
	p.env = append(p.env, "KOPRU_STATE="+db)
	began := time.Now()
	for range n {
		cmd := p.command(ctx, "run", p.dir)
		if err := cmd.Start(); err != nil {
			return 0, 0, err
		}
		defer func(cmd *exec.Cmd) { _ = cmd.Cancel(); _ = cmd.Wait() }(cmd) // it was told to end
	}
	for server.arrived.Load() < int64(pipelines*records) {
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return 0, 0, err
		}
	}
	return time.Since(began), pipelines * records, nil
}

// newDatabase makes an empty database on the PostgreSQL that was given, and returns its address.
func (b *bench) newDatabase(ctx context.Context) (string, error) {
	db, err := sql.Open("pgx", b.postgres)
	if err != nil {
		return "", err
	}
	defer db.Close() //nolint:errcheck // nothing is lost
	name := fmt.Sprintf("kopru_bench_%d_%d", os.Getpid(), time.Now().UnixNano())
	if _, err := db.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	u, err := url.Parse(b.postgres)
	if err != nil {
		return "", err
	}
	u.Path = "/" + name
	return u.String(), nil
}
