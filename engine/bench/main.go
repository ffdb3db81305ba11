// Command bench measures Kopru against hand-written Go loops that do the same work on the same machine, in turns, and
// prints ratios. Absolute figures say something about the machine; the ratios say something about Kopru.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"
)

func main() {
	if name := os.Getenv(loopEnv); name != "" {
		if err := runLoop(name); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	b := bench{out: os.Stdout}
	flag.IntVar(&b.orders, "orders", 50_000, "orders a run")
	flag.IntVar(&b.rounds, "rounds", 3, "rounds; medians are printed")
	flag.StringVar(&b.bin, "bin", "bin", "folder of the binaries")
	only := flag.String("job", "", "run only this job")
	flag.Parse()
	if err := b.run(ctx, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one measurement of all jobs.
type bench struct {
	out    io.Writer
	bin    string
	dir    string
	orders int
	rounds int
}

// job is work that is done twice: by Kopru, and by a loop that is its limit.
type job struct {
	name     string
	what     string
	pipeline string // HCL, with in.jsonl and out.jsonl in its folder
	script   string // order.ts
	limit    func(in, out string) error
	keeps    func(orders int) int // lines that must have arrived
}

// figures are of one run.
type figures struct {
	took   time.Duration
	peakKB int64
}

func (b *bench) run(ctx context.Context, only string) error {
	dir, err := os.MkdirTemp("", "kopru-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	b.dir = dir
	if b.bin, err = filepath.Abs(b.bin); err != nil {
		return err
	}
	in := filepath.Join(dir, "in.jsonl")
	size, err := generate(in, b.orders)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "%d orders of %d bytes, medians of %d rounds in turn\n", b.orders, size/int64(b.orders), b.rounds)
	for _, j := range jobs() {
		if only != "" && only != j.name {
			continue
		}
		if err := b.measure(ctx, j, in); err != nil {
			return fmt.Errorf("%s: %w", j.name, err)
		}
	}
	return nil
}

func (b *bench) measure(ctx context.Context, j job, in string) error {
	var kopru, limit, twin []figures
	for range b.rounds {
		for _, turn := range []struct {
			into *[]figures
			do   func() (figures, error)
		}{
			{&limit, func() (figures, error) { return b.loop(ctx, j, in) }},
			{&kopru, func() (figures, error) { return b.kopru(ctx, j, in) }},
			{&twin, func() (figures, error) { return b.loop(ctx, j, in) }},
		} {
			f, err := turn.do()
			if err != nil {
				return err
			}
			*turn.into = append(*turn.into, f)
		}
	}
	k, l, t := median(kopru), median(limit), median(twin)
	rate := func(f figures) float64 { return float64(b.orders) / f.took.Seconds() }
	fmt.Fprintf(b.out, "\n%s  %s\n", j.name, j.what)
	fmt.Fprintf(b.out, "  kopru  %8.0f records/s   peak %3d MB (engine)\n", rate(k), k.peakKB/1024)
	fmt.Fprintf(b.out, "  loop   %8.0f records/s   peak %3d MB\n", rate(l), l.peakKB/1024)
	low, high := spread(limit, twin)
	fmt.Fprintf(b.out, "%s ratio=%.2f (A/A %.2f, %.2f…%.2f)\n", j.name, rate(k)/rate(l), rate(t)/rate(l), low, high)
	return nil
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
