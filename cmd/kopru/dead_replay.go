package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/dashboard"
	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/record"
)

// replayed is how the replay of one pipeline's letters ended.
type replayed struct {
	run.Summary
	Queued []int64            `json:"queued,omitempty"` // for the next run, since one is under way
	Open   []dashboard.Letter `json:"open"`             // did not come through
}

// statusQueued is the Status of a replay that is left to the next run.
const statusQueued = "queued"

// replayFlags are the ways to replay.
type replayFlags struct {
	choice
	from   string
	record string
	edit   bool
	plan   bool
}

func (c *cli) deadReplayCommand() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay [DIR] [ID …]",
		Short: "Try letters again with today's definition, from the start or from a step",
		Example: "  kopru dead replay 12 --plan\n" +
			"  kopru dead replay --pipeline orders --code sink.not_found\n" +
			"  kopru dead replay 12 --from sales_order --edit",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.read(args); err != nil {
				return err
			}
			return c.replay(cmd.Context(), &f)
		},
	}
	f.flags(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&f.all, "all", false, "all open letters")
	flags.StringVar(&f.from, "from", "", "begin at this `step`, with the record as it was there; the steps before are not run again")
	flags.StringVar(&f.record, "record", "", "replay the JSON object in this `file` (- is standard input) in place of the record")
	flags.BoolVar(&f.edit, "edit", false, "edit the record in $EDITOR, then replay it")
	flags.BoolVar(&f.plan, "plan", false, "say what would be created, updated and left alone; write nothing")
	cmd.MarkFlagsMutuallyExclusive("record", "edit")
	return cmd
}

func (c *cli) replay(ctx context.Context, f *replayFlags) error {
	p, err := c.load(ctx, f.dir)
	if err != nil {
		return err
	}
	defer p.close()
	runner, store, err := c.runner(ctx, p)
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // everything is settled by then
	refs, err := f.open(ctx, store)
	if err != nil {
		return err
	}
	if len(refs) == 0 && !c.json {
		fmt.Fprintln(c.out, "There is no such letter.")
		return nil
	}
	chosen, err := p.ofLetters(refs)
	if err != nil {
		return err
	}
	body, err := c.editedRecord(ctx, store, f, refs)
	if err != nil {
		return err
	}
	whats := make([]run.Replay, len(chosen))
	for i, pipeline := range chosen {
		whats[i] = run.Replay{From: f.from, Record: body}
		for _, r := range refs {
			if r.Pipeline == pipeline.Name {
				whats[i].IDs = append(whats[i].IDs, r.ID)
			}
		}
	}
	if f.plan {
		return c.planReplays(ctx, runner, chosen, whats)
	}
	progress := newProgress(c)
	runner.Progress = progress.show
	var done []replayed
	for i, pipeline := range chosen {
		result, err := replayOne(ctx, runner, store, pipeline, whats[i])
		progress.end()
		if err != nil {
			return err
		}
		done = append(done, result)
	}
	return c.printReplayed(done)
}

// ofLetters returns the pipelines that letters belong to.
func (p *project) ofLetters(refs []state.HeldRef) ([]*pipelines.Pipeline, error) {
	var names []string
	for _, r := range refs {
		if slices.Contains(names, r.Pipeline) {
			continue
		}
		if _, err := p.pick([]string{r.Pipeline}); err != nil {
			return nil, fmt.Errorf("#%d can't be replayed: %w. Discard it if its pipeline is gone for good", r.ID, err)
		}
		names = append(names, r.Pipeline)
	}
	if len(names) == 0 {
		return nil, nil
	}
	return p.pick(names)
}

// replayOne replays, or leaves it to the next run when one is under way. Its error is about what was asked for.
func replayOne(
	ctx context.Context, runner *run.Runner, store *state.Store, p *pipelines.Pipeline, what run.Replay,
) (replayed, error) {
	summary, err := runner.Replay(ctx, p, what)
	out := replayed{Summary: summary, Open: []dashboard.Letter{}}
	switch {
	case errors.Is(err, state.ErrBusy):
		out.Status, out.Error, out.Queued = statusQueued, "", what.IDs
		return out, nil
	case err != nil && summary.Records.Read == 0:
		return out, err
	}
	for part := range slices.Chunk(what.IDs, 500) {
		held, err := store.Held(ctx, state.HeldFilter{IDs: part, Limit: len(part)})
		if err != nil {
			return out, err
		}
		for _, h := range slices.Backward(held) {
			if h.Open() {
				out.Open = append(out.Open, dashboard.AsLetter(h))
			}
		}
	}
	return out, nil
}

func (c *cli) planReplays(ctx context.Context, runner *run.Runner, chosen []*pipelines.Pipeline, whats []run.Replay) error {
	plans := make([]*run.Plan, len(chosen))
	for i, pipeline := range chosen {
		plan, err := runner.PlanReplay(ctx, pipeline, whats[i])
		if err != nil {
			return err
		}
		plans[i] = plan
		if !c.json {
			printPlan(c.out, plan)
		}
	}
	if c.json {
		return c.printJSON(map[string]any{"plans": plans})
	}
	return nil
}

// mostShown is how many letters that failed again are named.
const mostShown = 20

func (c *cli) printReplayed(list []replayed) error {
	code := exitOK
	for _, r := range list {
		switch {
		case r.Status == run.Failed:
			code = exitFailed
		case r.Status != run.Succeeded && code == exitOK:
			code = exitPartial
		}
		if !c.json {
			c.printOneReplayed(r)
		}
	}
	if c.json {
		if err := c.printJSON(map[string]any{"pipelines": list}); err != nil {
			return err
		}
	}
	if code != exitOK {
		return exit(code)
	}
	return nil
}

func (c *cli) printOneReplayed(r replayed) {
	if r.Status == statusQueued {
		fmt.Fprintf(c.err, "%s: a run is under way, so %s wait for the next one, which replays them\n", r.Name, letters(len(r.Queued)))
		return
	}
	printSummary(c.err, r.Summary)
	for i, l := range r.Open {
		if i == mostShown {
			fmt.Fprintf(c.err, "  and %d more\n", len(r.Open)-mostShown)
			break
		}
		fmt.Fprintf(c.err, "  #%d %s %s at %s, attempt %d: %s\n", l.ID, cell(l.Key, 36), l.Status, l.Step, l.Attempts, cell(why(l), 120))
	}
}

// editedRecord is the record to replay in place of the one that is kept, nil for none.
func (c *cli) editedRecord(ctx context.Context, store *state.Store, f *replayFlags, refs []state.HeldRef) ([]byte, error) {
	if !f.edit && f.record == "" {
		return nil, nil
	}
	if len(refs) != 1 {
		return nil, fmt.Errorf("an edited record is for one letter, and %d are chosen; name one by its number", len(refs))
	}
	switch f.record {
	case "":
	case "-":
		return io.ReadAll(c.in)
	default:
		return os.ReadFile(f.record)
	}
	held, err := store.Held(ctx, state.HeldFilter{IDs: refIDs(refs)})
	if err != nil {
		return nil, err
	}
	return c.editor(ctx, held[0], f.from)
}

// editor lets a person edit the record of a letter. What they wrote stays where it is when it can't be used.
func (c *cli) editor(ctx context.Context, h state.Held, from string) ([]byte, error) {
	before := h.Original
	if from != "" {
		before = h.Current
	}
	if len(h.Edited) > 0 && h.EditedStep == from {
		before = h.Edited
	}
	file, err := os.CreateTemp("", fmt.Sprintf("kopru-letter-%d-*.json", h.ID))
	if err != nil {
		return nil, err
	}
	_, err = file.WriteString(pretty(before) + "\n")
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	command, _ := c.env("EDITOR")
	words := strings.Fields(command)
	if len(words) == 0 {
		words = []string{"vi"}
	}
	cmd := exec.CommandContext(ctx, words[0], append(words[1:], file.Name())...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.in, c.out, c.err
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("editing with %s ($EDITOR): %w", words[0], err)
	}
	after, err := os.ReadFile(file.Name())
	if err != nil {
		return nil, err
	}
	if bytes.Equal(bytes.TrimSpace(after), []byte(pretty(before))) {
		return nil, errors.Join(errors.New("nothing was changed, so nothing was replayed"), os.Remove(file.Name()))
	}
	if _, err := record.DecodeObject(after); err != nil {
		return nil, fmt.Errorf("that is no JSON object any more, so nothing was replayed; what you wrote is in %s: mend it, "+
			"then replay with --record %[1]s", file.Name())
	}
	return after, os.Remove(file.Name())
}
