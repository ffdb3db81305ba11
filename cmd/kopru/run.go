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

// drain is how long a stopped engine lets runs finish what is in flight.
const drain = 30 * time.Second

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
	summaries := &summaries{byName: map[string]run.Summary{}}
	progress := newProgress(c)
	runner.Progress = progress.show
	scheduler, err := c.scheduler(ctx, p, picked, runner, store, summaries, once)
	if err != nil {
		return err
	}
	if err := scheduler.Start(ctx); err != nil {
		return err
	}
	if once {
		err = scheduler.RunOnce(ctx, pipelineNames(picked))
	} else {
		fmt.Fprintf(c.err, "running %d pipelines; end with Ctrl-C\n", len(picked))
		<-ctx.Done()
	}
	runner.Drain()
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	stopErr := scheduler.Stop(stopCtx)
	progress.end()
	if !once {
		return stopErr
	}
	if err != nil && len(summaries.byName) == 0 {
		return err
	}
	return errors.Join(c.printSummaries(summaries.in(picked)), stopErr)
}

func (c *cli) scheduler(
	ctx context.Context,
	p *project, picked []*pipelines.Pipeline, runner *run.Runner, store *state.Store, done *summaries, once bool,
) (*schedule.Scheduler, error) {
	byName := map[string]*pipelines.Pipeline{}
	every := map[string]time.Duration{}
	for _, pipeline := range picked {
		byName[pipeline.Name] = pipeline
		if pipeline.Every > 0 && !once {
			every[pipeline.Name] = pipeline.Every
		}
	}
	return schedule.New(ctx, store, schedule.Options{
		Node: runner.Node, Log: p.log, MaxWorkers: max(4, len(picked)), Every: every, OnlyOwn: once,
		Work: func(ctx context.Context, job schedule.Job) error {
			pipeline := byName[job.Pipeline]
			if pipeline == nil {
				return fmt.Errorf("there is no pipeline %q any more", job.Pipeline)
			}
			summary, err := runner.Run(ctx, pipeline)
			done.add(summary)
			if err != nil {
				p.log.Error("a run failed", "pipeline", job.Pipeline, "error", err)
			}
			return err
		},
	})
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
