package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// loopEnv makes this program be a loop, in a process of its own like Kopru's.
const loopEnv = "KOPRU_BENCH_LOOP"

// loops are the limits by name: hand-written programs that do the same work.
var loops = map[string]func(in, out string) error{
	"J0": copyLoop, "J1": scriptLoop, "J1 (failures)": scriptLoop, "J2": mappingLoop, "J3": postLoop, "J4": itemLoop,
}

// loop runs a limit in a process of its own.
func (b *bench) loop(ctx context.Context, name, in, out string, env ...string) (figures, error) {
	self, err := os.Executable()
	if err != nil {
		return figures{}, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), append(env, loopEnv+"="+name, "KOPRU_BENCH_IN="+in, "KOPRU_BENCH_OUT="+out)...)
	_, f, err := timed(cmd)
	return f, err
}

// contest is work that is done twice: by Kopru, and by a loop that is its limit.
type contest struct {
	job, what string
	records   int
	kopru     func(context.Context) (figures, error)
	limit     func(context.Context) (figures, error)
	allocated int64         // bytes, of a run that is not timed; 0 = not counted
	start     time.Duration // of Kopru, with next to nothing to do; 0 = not measured
	rounds    int           // 0 = as many as asked for
}

// measure does the work in turns: the limit, Kopru, and the limit again, whose two times tell the noise.
func (b *bench) measure(ctx context.Context, c contest) (result, error) {
	var kopru, limit, twin []figures
	for range cmp.Or(c.rounds, b.rounds) {
		for _, turn := range []struct {
			into *[]figures
			do   func(context.Context) (figures, error)
		}{{&limit, c.limit}, {&kopru, c.kopru}, {&twin, c.limit}} {
			f, err := turn.do(ctx)
			if err != nil {
				return result{}, err
			}
			*turn.into = append(*turn.into, f)
		}
	}
	k, l, t := median(kopru), median(limit), median(twin)
	rate := func(f figures) float64 { return float64(c.records) / f.took.Seconds() }
	each := func(d time.Duration) time.Duration {
		return (d / time.Duration(c.records)).Round(100 * time.Nanosecond)
	}
	r := result{job: c.job, what: c.what, contest: true, ratio: rate(k) / rate(l), twin: rate(t) / rate(l), kopru: k, records: c.records}
	r.low, r.high = spread(limit, twin)
	memory := fmt.Sprintf("peak %d MB engine, %d MB connector", k.engineKB/1024, k.connectKB/1024)
	if c.allocated > 0 {
		memory += fmt.Sprintf(", %d KB allocated a record by the engine", c.allocated/int64(c.records)/1024)
	}
	r.processor = l.cpu.Seconds() / k.cpu.Seconds()
	r.lines = []string{
		fmt.Sprintf("kopru  %8.0f records/s   %v processor a record   %s", rate(k), each(k.cpu), memory),
		fmt.Sprintf("loop   %8.0f records/s   %v processor a record   peak %d MB", rate(l), each(l.cpu), l.engineKB/1024),
		fmt.Sprintf("processor's time of the loop ÷ that of Kopru: %.2f", r.processor),
	}
	if c.start > 0 && k.took > 2*c.start { // else it says nothing
		r.lines = append(r.lines, fmt.Sprintf("without the %v that Kopru takes to start and end: %.0f records/s",
			c.start.Round(time.Millisecond), float64(c.records)/(k.took-c.start).Seconds()))
	}
	return r, nil
}

// several measures n times and returns the median.
func several(n int, measure func() (figures, error)) (figures, error) {
	var all []figures
	for range n {
		f, err := measure()
		if err != nil {
			return f, err
		}
		all = append(all, f)
	}
	return median(all), nil
}

func median(all []figures) figures {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b figures) int { return int(a.took - b.took) })
	return sorted[len(sorted)/2]
}

// spread is how much two measurements of the very same thing differ, round by round.
func spread(a, b []figures) (low, high float64) {
	for i := range a {
		r := a[i].took.Seconds() / b[i].took.Seconds()
		if i == 0 {
			low, high = r, r
		}
		low, high = min(low, r), max(high, r)
	}
	return low, high
}

// throughFiles are the jobs from file to file.
func (b *bench) throughFiles(ctx context.Context, name string) error {
	j := jobs()[name]
	c := contest{job: name, what: j.what, records: b.orders}
	c.limit = func(ctx context.Context) (figures, error) {
		out := filepath.Join(b.dir, name+".jsonl")
		defer os.Remove(out) //nolint:errcheck // a temporary file
		f, err := b.loop(ctx, name, b.in, out)
		if err != nil {
			return f, err
		}
		return f, arrived(out, j.keeps(b.orders))
	}
	kopru := func(ctx context.Context, in string, orders int, env ...string) (figures, error) {
		p, err := b.project(map[string]string{"bench.hcl": j.pipeline, "order.ts": j.script})
		if err != nil {
			return figures{}, err
		}
		defer p.remove()
		p.env = append(p.env, env...)
		if err := os.Link(in, filepath.Join(p.dir, "in.jsonl")); err != nil {
			return figures{}, err
		}
		got, f, err := p.once(ctx)
		if err == nil && (got.Read != orders || got.Delivered != j.keeps(orders)) {
			err = fmt.Errorf("it says %+v", got)
		}
		if err != nil {
			return f, err
		}
		return f, arrived(filepath.Join(p.dir, "out.jsonl"), j.keeps(orders))
	}
	c.kopru = func(ctx context.Context) (figures, error) { return kopru(ctx, b.in, b.orders) }
	traced, err := kopru(ctx, b.in, b.orders, "GODEBUG=gctrace=1")
	if err != nil {
		return err
	}
	one := filepath.Join(b.dir, "one.jsonl")
	if _, err := generate(one, 1); err != nil {
		return err
	}
	started, err := several(3, func() (figures, error) { return kopru(ctx, one, 1) })
	if err != nil {
		return err
	}
	c.start = started.took
	c.allocated = traced.allocated
	r, err := b.measure(ctx, c)
	if err == nil {
		b.done(r)
	}
	return err
}

// arrived counts the lines that are really there.
func arrived(path string, want int) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if got := bytes.Count(data, []byte("\n")); got != want {
		return fmt.Errorf("%d lines arrived, %d were due", got, want)
	}
	return nil
}

// toEndpoint posts what a script made of orders, to a server that answers at once and to a slow one.
func (b *bench) toEndpoint(ctx context.Context, _ string) error {
	for _, takes := range []time.Duration{0, 5 * time.Millisecond} {
		server, err := newEndpoint(takes)
		if err != nil {
			return err
		}
		counted := func(do func() (figures, error)) (figures, error) {
			server.arrived.Store(0)
			f, err := do()
			if got := server.arrived.Load(); err == nil && got != int64(b.orders) {
				err = fmt.Errorf("%d posts arrived, %d were due", got, b.orders)
			}
			return f, err
		}
		r, err := b.measure(ctx, contest{
			job:     fmt.Sprintf("J3 (%v)", takes),
			what:    fmt.Sprintf("file → TypeScript → HTTP, %v an answer, %d at once; limit: a client by hand with the same script", takes, atOnce),
			records: b.orders,
			limit: func(ctx context.Context) (figures, error) {
				return counted(func() (figures, error) { return b.loop(ctx, "J3", b.in, server.url) })
			},
			kopru: func(ctx context.Context) (figures, error) {
				p, err := b.project(map[string]string{"bench.hcl": posting(server.url), "order.ts": script})
				if err != nil {
					return figures{}, err
				}
				defer p.remove()
				if err := os.Link(b.in, filepath.Join(p.dir, "in.jsonl")); err != nil {
					return figures{}, err
				}
				return counted(func() (figures, error) { _, f, err := p.once(ctx); return f, err })
			},
		})
		_ = server.Close() // it has done its work
		if err != nil {
			return err
		}
		b.done(r)
	}
	return nil
}
