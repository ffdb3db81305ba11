package main

import (
	"context"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/schedule"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
)

const aboutBackfill = `Read a range of a pipeline's source once more, or all of it, beside the live runs.

A backfill has a cursor of its own and never touches the live one. It is cut into partitions, which every ` + "`kopru run`" + `
with the same state database helps with. Killed at any moment, the same command goes on where it ended.

A plain date is a whole day, and both days are included, in the time zone of the source's clock (the connection's
timezone, else UTC). A moment, such as 2025-01-31T12:00:00+01:00, is exact, and the last one is not included. Without
--to the range ends now; without either, everything is read.

Live runs go first: a partition makes room for one that is due as soon as it has a place to go on from, and goes on
afterwards. A source that gives no such places in a range is read to the partition's end first.`

// backfillFlags are the ways to backfill.
type backfillFlags struct {
	from, to   string
	partitions int
	plan       bool
	limit      int
	restart    bool
	append     bool
}

func (c *cli) backfillCommand() *cobra.Command {
	var f backfillFlags
	cmd := &cobra.Command{
		Use:   "backfill [DIR] PIPELINE",
		Short: "Read a range of a pipeline's source once more, beside the live runs",
		Long:  aboutBackfill,
		Example: "  kopru backfill orders --from 2025-01-01 --to 2025-06-30 --plan\n" +
			"  kopru backfill orders --from 2025-01-01 --to 2025-06-30",
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, names := split(args)
			return c.backfill(cmd.Context(), dir, names, &f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.from, "from", "", "first `day`, or moment, to read")
	flags.StringVar(&f.to, "to", "", "last `day`, included, or the moment before which to stop (default: now)")
	flags.IntVar(&f.partitions, "partitions", 0, "cut the range into so many pieces, at most 32 (default: by month, by week when it is short)")
	flags.BoolVar(&f.plan, "plan", false, "say what would be read, created, updated and left alone; write nothing")
	flags.IntVar(&f.limit, "limit", 0, "with --plan, plan no more than so many records")
	flags.BoolVar(&f.restart, "restart", false, "begin anew instead of going on with a backfill that is not finished")
	flags.BoolVar(&f.append, "append", false, "also where a target can only be appended to and has something in it, which would then stand there twice")
	return cmd
}

func (c *cli) backfill(ctx context.Context, dir string, names []string, f *backfillFlags) error {
	p, err := c.load(ctx, dir)
	if err != nil {
		return err
	}
	defer p.close()
	pipeline, err := p.one(names)
	if err != nil {
		return err
	}
	asked, err := spanOf(pipeline, f.from, f.to, time.Now())
	if err != nil {
		return err
	}
	runner, store, err := c.runner(ctx, p)
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // everything is settled by then
	w := &backfilling{cli: c, project: p, pipeline: pipeline, span: asked, flags: f, runner: runner, store: store}
	if f.plan {
		return w.showPlan(ctx)
	}
	b, err := w.begin(ctx)
	if err != nil {
		return err
	}
	return w.work(ctx, b)
}

// one returns the one pipeline that is named.
func (p *project) one(names []string) (*pipelines.Pipeline, error) {
	if len(names) == 0 && len(p.Pipelines) == 1 {
		return p.Pipelines[0], nil
	}
	picked, err := p.pick(names)
	if err != nil {
		return nil, err
	}
	if len(names) != 1 {
		return nil, fmt.Errorf("name one pipeline; there are %d: %v", len(p.Pipelines), pipelineNames(p.Pipelines))
	}
	return picked[0], nil
}

// backfilling is the command at work.
type backfilling struct {
	*cli
	project  *project
	pipeline *pipelines.Pipeline
	span     span
	flags    *backfillFlags
	runner   *run.Runner
	store    *state.Store
}

func (w *backfilling) showPlan(ctx context.Context) error {
	parts, err := w.span.pieces(w.flags.partitions)
	if err != nil {
		return err
	}
	plan, err := w.runner.Plan(ctx, w.pipeline, run.PlanOptions{
		Limit: w.flags.limit, Span: true, From: w.span.from, To: w.span.to,
	})
	if err != nil {
		return fmt.Errorf("pipeline %q: %w", w.pipeline.Name, err)
	}
	if w.json {
		return w.printJSON(map[string]any{"plans": []*run.Plan{plan}, "partitions": w.viewParts(parts)})
	}
	fmt.Fprintf(w.out, "%s, in %s\n", w.span, partitionsText(len(parts)))
	printPlan(w.out, plan)
	return nil
}

// begin goes on with the backfill that the same words began, or begins one.
func (w *backfilling) begin(ctx context.Context) (state.Backfill, error) {
	open, err := w.store.Backfills(ctx, w.pipeline.Name, true, 1)
	if err != nil {
		return state.Backfill{}, err
	}
	if len(open) == 1 {
		b := open[0]
		total, _, _ := b.Total()
		switch {
		case w.flags.restart, b.Span != w.span.text && b.Status == state.PartitionFailed && total.Read == 0: // it never began
			if err := w.store.StopBackfill(ctx, b.ID); err != nil {
				return b, err
			}
			return w.beginAnew(ctx)
		case b.Span != w.span.text:
			return b, fmt.Errorf("the backfill of %s that began %s is not finished (%s, %d of %s done). Go on with it by the same words, "+
				"or add --restart to begin this one in its place", spanText(b.Span), w.local(b.StartedAt), b.Status, b.Done(), partitionsText(len(b.Partitions)))
		case w.flags.partitions > 0 && w.flags.partitions != len(b.Partitions):
			return b, fmt.Errorf("this backfill is under way in %s; leave --partitions out to go on with it, or add --restart to begin anew",
				partitionsText(len(b.Partitions)))
		}
		w.tell("goes on with the backfill of %s of %s, begun %s: %d of %s done, %d records so far",
			w.pipeline.Name, spanText(b.Span), w.local(b.StartedAt), b.Done(), partitionsText(len(b.Partitions)), total.Read)
		return b, w.store.ResumeBackfill(ctx, b.ID)
	}
	return w.beginAnew(ctx)
}

func (w *backfilling) beginAnew(ctx context.Context) (state.Backfill, error) {
	parts, err := w.span.pieces(w.flags.partitions)
	if err != nil {
		return state.Backfill{}, err
	}
	appends, err := w.appends(ctx)
	if err != nil {
		return state.Backfill{}, err
	}
	b := state.Backfill{
		ID: ulid.Make().String(), Pipeline: w.pipeline.Name, Span: w.span.text, Alone: appends, Version: w.pipeline.Version,
		Node: w.runner.Node, StartedAt: time.Now(), Partitions: parts,
	}
	if err := w.store.BeginBackfill(ctx, b); err != nil {
		return b, err
	}
	w.tell("backfill of %s: %s, in %s", w.pipeline.Name, w.span, partitionsText(len(parts)))
	return w.store.Backfill(ctx, b.ID)
}

// appends tells whether a target can only be appended to. One that has something in it already would get the same
// records twice, and must be meant.
func (w *backfilling) appends(ctx context.Context) (bool, error) {
	positions, err := w.store.Positions(ctx, w.pipeline.Name)
	if err != nil {
		return false, err
	}
	only := false
	for _, step := range w.pipeline.Steps {
		s, ok := step.(*pipelines.Sink)
		if !ok || !s.Schema.GetAppendOnly() {
			continue
		}
		only = true
		if positions[s.Name] != "" && !w.flags.append {
			return true, fmt.Errorf("sink %q only appends to %s, which has something in it: what is read again would stand there twice. "+
				"Add --append if that is meant", s.Name, s.Entity)
		}
	}
	return only, nil
}

// tell says something to a person who watches.
func (w *backfilling) tell(format string, args ...any) {
	if !w.json {
		fmt.Fprintf(w.err, format+"\n", args...)
	}
}

func (w *backfilling) local(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

func spanText(text string) string {
	if text == ".." {
		return "everything"
	}
	return text
}

func partitionsText(n int) string {
	if n == 1 {
		return "1 partition"
	}
	return fmt.Sprintf("%d partitions", n)
}

// helpBackfill is a `kopru run` node's share of a backfill.
func (s *server) helpBackfill(ctx context.Context, job schedule.BackfillJob) error {
	pipeline := s.current().picked[job.Pipeline]
	if pipeline == nil {
		return fmt.Errorf("there is no pipeline %q any more", job.Pipeline)
	}
	err := s.runner.Backfill(ctx, pipeline, job.Backfill)
	if err != nil {
		s.project.log.Error("helping with a backfill failed", "pipeline", job.Pipeline, "error", err)
	}
	return err
}
