package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/engine/state"
)

// house measures what is there before and beside the records: starting, checking, resting, and a state that has grown.
func (b *bench) house(ctx context.Context, name string) error {
	r := result{job: name, what: "start, checks, rest, and a state that has grown"}
	var first, checked, parsed []time.Duration
	for range max(3, b.rounds) {
		d, err := b.firstRecord(ctx)
		if err != nil {
			return err
		}
		first = append(first, d)
		whole, parsing, err := b.validate(ctx, 50)
		if err != nil {
			return err
		}
		checked, parsed = append(checked, whole), append(parsed, parsing)
	}
	engine, connector, err := b.idle(ctx)
	if err != nil {
		return err
	}
	r.lines = append(r.lines,
		fmt.Sprintf("start to first record written  %v", middle(first)),
		fmt.Sprintf("validate a project of 50 files  %v, %.0f times what parsing them takes",
			middle(checked), middle(checked).Seconds()/max(middle(parsed), time.Millisecond).Seconds()),
		fmt.Sprintf("memory at rest  engine %v, a connector %v", engine, connector))
	grown, err := b.stateGrown(ctx, b.grown)
	if err != nil {
		return err
	}
	r.lines = append(r.lines, grown...)
	r.lines = append(r.lines, fmt.Sprintf("first record %v, validate %v, at rest %d MB + %d MB a connector",
		middle(first), middle(checked), engine.own/1024, connector.own/1024))
	b.done(r)
	return nil
}

func middle(all []time.Duration) time.Duration {
	f := make([]figures, len(all))
	for i, d := range all {
		f[i].took = d
	}
	return median(f).took.Round(time.Millisecond)
}

// firstRecord is the time from the start of the process until a record has been written.
func (b *bench) firstRecord(ctx context.Context) (time.Duration, error) {
	p, err := b.project(map[string]string{"bench.hcl": pipeline("", "all"), "in.jsonl": `{"id":"1"}` + "\n"})
	if err != nil {
		return 0, err
	}
	defer p.remove()
	began := time.Now()
	cmd := p.command(ctx, "run", "--once", p.dir)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	var took time.Duration
	for took == 0 && time.Since(began) < time.Minute {
		if info, err := os.Stat(filepath.Join(p.dir, "out.jsonl")); err == nil && info.Size() > 0 {
			took = time.Since(began)
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			break
		}
	}
	if err := cmd.Wait(); err != nil {
		return 0, err
	}
	if took == 0 {
		return 0, fmt.Errorf("no record came")
	}
	return took, nil
}

// validate is how long it takes to check a project of so many files, and how long nothing but parsing them.
func (b *bench) validate(ctx context.Context, n int) (whole, parsing time.Duration, err error) {
	files := map[string]string{"connections.hcl": fileConnections}
	for i := range n {
		files[fmt.Sprintf("p%d.hcl", i)] = flowOf(strconv.Itoa(i), mapping, "all")
	}
	p, err := b.project(files)
	if err != nil {
		return 0, 0, err
	}
	defer p.remove()
	_, f, err := timed(p.command(ctx, "validate", p.dir))
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	for name, text := range files {
		if _, diags := hclsyntax.ParseConfig([]byte(text), name, hcl.InitialPos); diags.HasErrors() {
			return 0, 0, diags
		}
	}
	return f.took, time.Since(began), nil
}

// idle is the memory of an engine that waits for the next hour, and of its largest connector.
func (b *bench) idle(ctx context.Context) (engine, connector atRest, err error) {
	p, err := b.project(map[string]string{"bench.hcl": fileConnections + flowOf("1", `transform "shape" { script = "order.ts" }`, "all", "every = \"1h\""), "order.ts": script})
	if err != nil {
		return engine, connector, err
	}
	defer p.remove()
	if err := os.Link(b.in, filepath.Join(p.dir, "in.jsonl")); err != nil {
		return engine, connector, err
	}
	cmd := p.command(ctx, "run", p.dir)
	if err := cmd.Start(); err != nil {
		return engine, connector, err
	}
	defer func() { _ = cmd.Cancel(); _ = cmd.Wait() }() // it was told to end
	for quiet, size := 0, int64(-1); quiet < 30; {
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return engine, connector, err
		}
		info, err := os.Stat(filepath.Join(p.dir, "out1.jsonl"))
		if err != nil || info.Size() == 0 || info.Size() != size {
			quiet = 0
		}
		if err == nil {
			size = info.Size()
		}
		quiet++
	}
	for _, c := range children(cmd.Process.Pid) {
		if m := restOf(c); m.own > connector.own {
			connector = m
		}
	}
	return restOf(cmd.Process.Pid), connector, nil
}

// atRest is the memory of a process, in KB: what it has for itself, and the pages of its program's file that are in
// memory, which the kernel shares and takes back at will.
type atRest struct{ own, program int64 }

func restOf(pid int) atRest { return atRest{memory(pid, "RssAnon"), memory(pid, "RssFile")} }

func (a atRest) String() string {
	return fmt.Sprintf("%d MB of its own and %d MB of its program's file", a.own/1024, a.program/1024)
}

// stateGrown compares what records cost in an empty state with what they cost beside many links and activity entries.
func (b *bench) stateGrown(ctx context.Context, n int) ([]string, error) {
	server, err := newEndpoint(0)
	if err != nil {
		return nil, err
	}
	defer server.Close() //nolint:errcheck // it has done its work
	run := func(before int) (figures, int64, error) {
		p, err := b.project(map[string]string{"bench.hcl": things(server.url)})
		if err != nil {
			return figures{}, 0, err
		}
		defer p.remove()
		if err := os.Link(b.in, filepath.Join(p.dir, "in.jsonl")); err != nil {
			return figures{}, 0, err
		}
		file := filepath.Join(p.dir, ".kopru", "state.db")
		if err := fill(ctx, file, before); err != nil {
			return figures{}, 0, err
		}
		size := int64(0)
		if info, err := os.Stat(file); err == nil {
			size = info.Size()
		}
		_, f, err := p.once(ctx)
		return f, size, err
	}
	empty, _, err := run(0)
	if err != nil {
		return nil, err
	}
	full, size, err := run(n)
	if err != nil {
		return nil, err
	}
	return []string{fmt.Sprintf("%d upserts beside %d links and as many activity entries (%d MB): %.2f of the rate beside none, peak %d MB against %d MB",
		b.orders, n, size>>20, empty.took.Seconds()/full.took.Seconds(), full.engineKB/1024, empty.engineKB/1024)}, nil
}

// fill puts links and activity into a state, as runs do.
func fill(ctx context.Context, file string, n int) error {
	store, err := state.Open(ctx, file)
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // Settle tells
	row := state.Run{ID: "earlier", Pipeline: "earlier", Kind: "run", StartedAt: time.Now(), Node: "earlier/1"}
	fence, err := store.StartRun(ctx, row)
	if err != nil {
		return err
	}
	for i := 0; i < n; {
		s := state.Settlement{Run: row.ID, Fence: fence, Pipeline: row.Pipeline}
		for range min(5000, n-i) {
			key := fmt.Sprint("earlier-", i)
			s.Links = append(s.Links, state.Link{Scope: "bench.thing", Key: key, TargetID: key, Hash: "0123456789abcdef0123456789abcdef"})
			s.Entries = append(s.Entries, state.Entry{
				At: time.Now(), Run: row.ID, Pipeline: row.Pipeline, Entity: "in", Key: key, RecordID: key, Outcome: state.Delivered,
			})
			s.Counts.Read, s.Counts.Delivered, i = s.Counts.Read+1, s.Counts.Delivered+1, i+1
		}
		if err := store.Settle(ctx, s); err != nil {
			return err
		}
	}
	row.Status, row.FinishedAt = "succeeded", time.Now()
	return store.FinishRun(ctx, row, fence)
}
