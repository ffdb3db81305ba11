package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/schedule"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
)

func (c *cli) runCommand() *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "run [DIR] [PIPELINE …]",
		Short: "Run pipelines: on their schedule, or once",
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, names := split(args)
			return c.run(cmd.Context(), dir, names, once)
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "run each pipeline once, print the summary and end")
	cmd.Flags().StringVar(&c.listen, "listen", "", "serve the dashboard at this `host:port`, or off (default: as the engine block says, else "+pipelines.DefaultListen+")")
	return cmd
}

func (c *cli) run(ctx context.Context, dir string, names []string, once bool) error {
	p, err := c.load(ctx, dir)
	if err != nil {
		return err
	}
	defer p.close()
	picked, err := p.pick(names)
	if err != nil {
		return err
	}
	runner, store, err := c.runner(ctx, p)
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // everything is settled by then
	progress := newProgress(c)
	defer progress.end()
	runner.Progress = progress.show
	if !once {
		return c.serve(ctx, p, names, runner, store)
	}
	return c.runOnce(ctx, p, picked, runner, store)
}

func (c *cli) runOnce(ctx context.Context, p *project, picked []*pipelines.Pipeline, runner *run.Runner, store *state.Store) error {
	done := &summaries{byName: map[string]run.Summary{}}
	byName := map[string]*pipelines.Pipeline{}
	for _, pipeline := range picked {
		byName[pipeline.Name] = pipeline
	}
	scheduler, err := schedule.New(ctx, store, schedule.Options{
		Node: runner.Node, Version: version, Log: p.log, MaxWorkers: max(4, len(picked)), OnlyOwn: true,
		Work: func(ctx context.Context, job schedule.Job) error {
			summary, err := runner.Run(ctx, byName[job.Pipeline])
			done.add(summary)
			return err
		},
	})
	if err != nil {
		return err
	}
	if err := scheduler.Start(ctx); err != nil {
		return err
	}
	err = scheduler.RunOnce(ctx, pipelineNames(picked))
	runner.Drain()
	sweep(ctx, p.log, store, p.Engine.Retention)
	stopErr := stop(ctx, scheduler, p.Engine.Drain)
	if err != nil && len(done.byName) == 0 {
		return err
	}
	return errors.Join(c.printSummaries(done.in(picked)), stopErr)
}

// stop lets runs finish what is in flight, for so long.
func stop(ctx context.Context, s *schedule.Scheduler, drain time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	return s.Stop(ctx)
}

func pipelineNames(list []*pipelines.Pipeline) []string {
	names := make([]string, len(list))
	for i, p := range list {
		names[i] = p.Name
	}
	return names
}

// summaries collects what runs had to say, from several workers.
type summaries struct {
	mu     sync.Mutex
	byName map[string]run.Summary
}

func (s *summaries) add(summary run.Summary) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byName[summary.Name] = summary
}

// in returns the summaries in the order of the pipelines; one that never ran counts as failed.
func (s *summaries) in(list []*pipelines.Pipeline) []run.Summary {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]run.Summary, len(list))
	for i, p := range list {
		summary, ok := s.byName[p.Name]
		if !ok {
			summary = run.Summary{Name: p.Name, Status: run.Failed, Error: "it did not run"}
		}
		out[i] = summary
	}
	return out
}

// printSummaries answers what `run --once` did. Records that went to standard output push it to standard error.
func (c *cli) printSummaries(list []run.Summary) error {
	if c.json {
		if err := c.printJSON(map[string]any{"pipelines": list}); err != nil {
			return err
		}
	} else {
		for _, s := range list {
			printSummary(c.err, s)
		}
	}
	worst := exitOK
	for _, s := range list {
		switch s.Status {
		case run.Failed:
			return exit(exitFailed)
		case run.Partial:
			worst = exitPartial
		}
	}
	if worst != exitOK {
		return exit(worst)
	}
	return nil
}

func printSummary(w io.Writer, s run.Summary) {
	fmt.Fprintf(w, "\n%s  %s  in %s\n", s.Name, s.Status, (time.Duration(s.DurationMS) * time.Millisecond).Round(10*time.Millisecond))
	if s.Error != "" {
		fmt.Fprintf(w, "  %s\n", s.Error)
	}
	r := s.Records
	fmt.Fprintf(w, "  read %d = delivered %d + unchanged %d + filtered %d + parked %d + dead %d\n",
		r.Read, r.Delivered, r.Unchanged, r.Filtered, r.Parked, r.Dead)
	names := make([]string, 0, len(s.Sinks))
	for name := range s.Sinks {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		k := s.Sinks[name]
		fmt.Fprintf(w, "  → %-16s created %d, updated %d, unchanged %d\n", name, k.Created, k.Updated, k.Unchanged)
	}
	if r.Parked+r.Dead > 0 {
		fmt.Fprintf(w, "  see why with: kopru dead list\n")
	}
}
