// Command bench measures Kopru against hand-written Go loops that do the same work on the same machine, in turns, and
// prints ratios. Absolute figures say something about the machine; the ratios say something about Kopru.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/kopru-io/kopru/plugins/sdk"
)

func main() {
	switch name := os.Getenv(loopEnv); {
	case filepath.Base(os.Args[0]) == connectorName:
		sdk.Serve(postConnector{})
		return
	case name != "":
		if err := loops[name](os.Getenv("KOPRU_BENCH_IN"), os.Getenv("KOPRU_BENCH_OUT")); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := bench{out: os.Stdout}
	flag.IntVar(&b.orders, "orders", 100_000, "orders a run of J0 to J3")
	flag.IntVar(&b.items, "items", 100_000, "items of J4")
	flag.IntVar(&b.grown, "grown", 2_000_000, "links and activity entries in the state of J5")
	flag.IntVar(&b.most, "most", 1_000_000, "the largest number of records of J6")
	flag.IntVar(&b.rounds, "rounds", 3, "rounds; medians are printed")
	flag.StringVar(&b.bin, "bin", "bin", "`folder` of the binaries")
	flag.StringVar(&b.postgres, "postgres", os.Getenv("KOPRU_BENCH_POSTGRES"),
		"`address` of a PostgreSQL whose user may create databases, for what is measured on several nodes; without it one is started, where it is installed")
	flag.StringVar(&b.keep, "keep", "", "`folder` to write results.md and results.svg to, beside what before.json there says was measured before")
	only := flag.String("job", "", "run only these jobs, such as J0,J3")
	flag.Parse()
	if err := b.run(ctx, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop is called
	}
}

// bench is one measurement of all jobs.
type bench struct {
	out                      io.Writer
	bin, dir, keep, postgres string
	orders, items, rounds    int
	grown, most              int

	in      string // the orders
	results []result
}

// result is what a job has to say.
type result struct {
	job, what string
	contest   bool // beside a limit: the figures below count
	ratio     float64
	processor float64 // the same by the processor's time, which other work on the machine disturbs less
	twin      float64 // the same between two measurements of the limit, and how much it varied
	low, high float64
	kopru     figures
	records   int
	lines     []string
}

// line sums a result up.
func (r result) line() string {
	if !r.contest {
		return r.job + " " + r.lines[len(r.lines)-1]
	}
	return fmt.Sprintf("%s ratio=%.2f (A/A %.2f, %.2f…%.2f)", r.job, r.ratio, r.twin, r.low, r.high)
}

func (b *bench) run(ctx context.Context, only string) error {
	dir, err := os.MkdirTemp("", "kopru-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	b.dir, b.in = dir, filepath.Join(dir, "in.jsonl")
	if b.bin, err = filepath.Abs(b.bin); err != nil {
		return err
	}
	if err := b.installConnector(); err != nil {
		return err
	}
	size, err := generate(b.in, b.orders)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "%d orders of %d bytes, medians of %d rounds in turn\n", b.orders, size/int64(b.orders), b.rounds)
	jobs := []struct {
		name string
		run  func(context.Context, string) error
	}{
		{"J0", b.throughFiles},
		{"J1", b.throughFiles},
		{"J1 (failures)", b.throughFiles},
		{"J2", b.throughFiles},
		{"J3", b.toEndpoint},
		{"J4", b.intoBooks},
		{"J5", b.house},
		{"J6", b.growth},
		{"cost", b.cost},
	}
	stopServer := b.startPostgres()
	defer stopServer()
	var failed error
	for _, j := range jobs {
		if only != "" && !slices.Contains(strings.Split(only, ","), j.name) {
			continue
		}
		if err := j.run(ctx, j.name); err != nil { // the others have their say
			failed = errors.Join(failed, fmt.Errorf("%s: %w", j.name, err))
			fmt.Fprintf(b.out, "\n%s failed: %v\n", j.name, err)
		}
		if ctx.Err() != nil {
			return failed
		}
	}
	fmt.Fprintln(b.out)
	for _, r := range b.results {
		fmt.Fprintln(b.out, r.line())
	}
	return errors.Join(failed, b.write())
}

// done takes a job's result and shows it.
func (b *bench) done(r result) {
	b.results = append(b.results, r)
	fmt.Fprintf(b.out, "\n%s  %s\n", r.job, r.what)
	for _, line := range r.lines {
		fmt.Fprintln(b.out, "  "+line)
	}
	if r.contest {
		fmt.Fprintln(b.out, r.line())
	}
}
