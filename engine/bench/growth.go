package main

import (
	"bytes"
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
	one, err := several(3, func() (figures, error) { return b.flows(ctx, 1, 1) })
	if err != nil {
		return err
	}
	r.lines = append(r.lines, fmt.Sprintf("starting and ending take %v of each run, and are not in what follows", one.took.Round(time.Millisecond)))
	var cheapest, dearest time.Duration
	var before, peak int64
	for n := 1000; n <= b.most; n *= 10 {
		times := 3
		if n > 100_000 { // long enough to be steady
			times = 1
		}
		f, err := several(times, func() (figures, error) { return b.flows(ctx, 1, n) })
		if err != nil {
			return err
		}
		each := (f.took - one.took) / time.Duration(n)
		r.lines = append(r.lines, fmt.Sprintf("%8d records  %v a record, %v processor   peak %d MB engine, %d MB connector",
			n, each.Round(100*time.Nanosecond), ((f.cpu-one.cpu)/time.Duration(n)).Round(100*time.Nanosecond), f.engineKB/1024, f.connectKB/1024))
		before, peak = peak, f.engineKB
		if n >= 10_000 { // below that, what starting takes one time and the next differs more than the records do
			if cheapest == 0 || each < cheapest {
				cheapest = each
			}
			dearest = max(dearest, each)
		}
	}
	for n := 1; n <= 64; n *= 4 {
		started, err := b.flows(ctx, n, 1)
		if err != nil {
			return err
		}
		f, err := b.flows(ctx, n, b.most/n)
		if err != nil {
			return err
		}
		work := time.Duration(b.most / n * n)
		r.lines = append(r.lines, fmt.Sprintf("%8d pipelines of %d records  %v a record, %v processor   peak %d MB engine, %d MB connector",
			n, b.most/n, ((f.took-started.took)/work).Round(100*time.Nanosecond), ((f.cpu-started.cpu)/work).Round(100*time.Nanosecond),
			f.engineKB/1024, f.connectKB/1024))
	}
	if b.postgres == "" {
		r.lines = append(r.lines, "nodes were left out: there is no PostgreSQL")
	}
	for n := 1; n <= 3 && b.postgres != ""; n++ {
		f, records, err := b.nodes(ctx, n)
		if err != nil {
			return err
		}
		each := func(d time.Duration) time.Duration { return (d / time.Duration(records)).Round(100 * time.Nanosecond) }
		r.lines = append(r.lines, fmt.Sprintf("%8d nodes  %v a record, from the first one on (%v is what the systems take), %v processor of the nodes",
			n, each(f.took), (answersIn/(nodePipelines*nodeCalls)).Round(100*time.Nanosecond), each(f.cpu)))
	}
	r.lines = append(r.lines, fmt.Sprintf("dearest record ÷ cheapest, from 10⁴ records on: %.2f; peak of the engine with ten times the records: %.2f",
		dearest.Seconds()/max(cheapest.Seconds(), 1e-9), float64(peak)/float64(max(before, 1))))
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

// What several nodes share: systems that are slow enough for one machine to serve all nodes, since this is about what
// sharing costs, and not about how fast this machine is.
const (
	nodePipelines = 12
	nodeCalls     = 2 // at once, of each
	answersIn     = 20 * time.Millisecond
)

// nodes lets engines share pipelines over PostgreSQL, each of which posts to a slow system of its own.
func (b *bench) nodes(ctx context.Context, n int) (f figures, records int, err error) {
	records = max(250, b.most/500)
	server, err := newEndpoint(answersIn)
	if err != nil {
		return f, 0, err
	}
	defer server.Close() //nolint:errcheck // it has done its work
	text := "connection \"file\" \"from\" {\n  path = \".\"\n}\n"
	for i := range nodePipelines {
		text += strings.NewReplacer("{n}", strconv.Itoa(i), "{url}", server.url, "{calls}", strconv.Itoa(nodeCalls)).Replace(`
connection "post" "c{n}" {
  url = "{url}"
  limit = { concurrency = {calls} }
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
		return f, 0, err
	}
	defer p.remove()
	if _, err := generate(filepath.Join(p.dir, "in.jsonl"), records); err != nil {
		return f, 0, err
	}
	db, err := b.newDatabase(ctx)
	if err != nil {
		return f, 0, err
	}
	p.env = append(p.env, "KOPRU_STATE="+db)
	running := make([]*node, n)
	for i := range running {
		if running[i], err = startNode(p.command(ctx, "run", "--listen", "off", p.dir)); err != nil {
			return f, 0, err
		}
		defer running[i].stop()
	}
	var began time.Time
	late := time.Now().Add(10 * time.Minute)
	for due := int64(nodePipelines * records); server.arrived.Load() < due; {
		if began.IsZero() && server.arrived.Load() > 0 {
			began = time.Now()
		}
		for _, one := range running {
			select {
			case <-one.ended:
				return f, 0, fmt.Errorf("a node ended: %w\n%s", one.err, one.said.Bytes())
			default:
			}
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return f, 0, err
		}
		if time.Now().After(late) {
			return f, 0, fmt.Errorf("%d nodes brought %d of %d records in ten minutes", n, server.arrived.Load(), due)
		}
	}
	f.took = time.Since(began)
	for _, one := range running {
		one.stop()
		f.cpu += one.cmd.ProcessState.UserTime() + one.cmd.ProcessState.SystemTime()
	}
	return f, nodePipelines * records, nil
}

// node is an engine that runs until it is told to stop.
type node struct {
	cmd   *exec.Cmd
	said  bytes.Buffer
	ended chan struct{}
	err   error // why, once it has
}

func startNode(cmd *exec.Cmd) (*node, error) {
	n := &node{cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &n.said, &n.said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(n.ended)
		n.err = cmd.Wait()
	}()
	return n, nil
}

func (n *node) stop() {
	_ = n.cmd.Cancel() // it may have ended
	<-n.ended
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
