package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
)

// cursorsView is where the reading of each source stands.
type cursorsView struct {
	Live      []state.Place        `json:"live"`
	Backfills []backfillCursorView `json:"backfills"` // that are not finished
}

type backfillCursorView struct {
	Pipeline   string          `json:"pipeline"`
	Span       string          `json:"span"`
	Status     string          `json:"status"`
	Since      time.Time       `json:"since"`
	Done       int             `json:"done"`
	Partitions []partitionView `json:"partitions"`
}

func (c *cli) cursorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cursor [DIR]",
		Short: "List how far each source was read: by live runs, and by backfills that are not finished",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withState(cmd, args, func(store *state.Store) error {
				view, err := viewCursors(cmd.Context(), store)
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(view)
				}
				return c.printCursors(view)
			})
		},
	}
}

func viewCursors(ctx context.Context, store *state.Store) (cursorsView, error) {
	view := cursorsView{Live: []state.Place{}, Backfills: []backfillCursorView{}}
	live, err := store.Cursors(ctx)
	if err != nil {
		return view, err
	}
	view.Live = append(view.Live, live...)
	open, err := store.Backfills(ctx, "", true, 0)
	if err != nil {
		return view, err
	}
	utc := &backfilling{span: span{zone: time.UTC}}
	for _, b := range open {
		view.Backfills = append(view.Backfills, backfillCursorView{
			Pipeline: b.Pipeline, Span: b.Span, Status: b.Status, Since: b.StartedAt, Done: b.Done(),
			Partitions: utc.viewParts(b.Partitions),
		})
	}
	return view, nil
}

func (c *cli) printCursors(view cursorsView) error {
	if len(view.Live)+len(view.Backfills) == 0 {
		fmt.Fprintln(c.out, "nothing was read yet")
		return nil
	}
	table := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	if len(view.Live) > 0 {
		fmt.Fprintln(table, "PIPELINE\tSOURCE\tCURSOR")
		for _, p := range view.Live {
			fmt.Fprintf(table, "%s\t%s\t%s\n", p.Pipeline, p.Source, ansi.Truncate(p.Cursor, 100, "…"))
		}
	}
	for _, b := range view.Backfills {
		if err := table.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(c.out, "backfill of %s of %s, begun %s: %s, %d of %s done\n", b.Pipeline, spanText(b.Span),
			b.Since.Local().Format("2006-01-02 15:04:05"), b.Status, b.Done, partitionsText(len(b.Partitions)))
		for _, p := range b.Partitions {
			if p.Status == state.PartitionDone {
				continue
			}
			at := "from its beginning"
			if p.Cursor != "" {
				at = "from " + ansi.Truncate(p.Cursor, 60, "…")
			}
			fmt.Fprintf(table, "  %d\t%s\t%s\t%d records\t%s\t%s\n", p.Number, p.From, p.Status, p.Records.Read, at, p.Node)
		}
	}
	return table.Flush()
}

// resetFlags say where a source is to be read from.
type resetFlags struct {
	full   bool
	cursor string
	yes    bool
}

func (c *cli) resetCommand() *cobra.Command {
	var f resetFlags
	cmd := &cobra.Command{
		Use:   "reset [DIR] PIPELINE",
		Short: "Move a pipeline's cursor by hand, so that its source is read again",
		Long: "Move a pipeline's cursor by hand, so that its source is read again.\n\nLinks stay: what was delivered before is recognised, so " +
			"nothing is doubled. Only targets that can\nbut be appended to, such as files, get the records once more.",
		Example: "  kopru reset orders --full\n  kopru reset orders --cursor 41200 --yes",
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, names := split(args)
			return c.reset(cmd.Context(), dir, names, f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.full, "full", false, "read from the beginning")
	flags.StringVar(&f.cursor, "cursor", "", "read on from this `cursor`, as `kopru cursor` shows it")
	flags.BoolVar(&f.yes, "yes", false, "do not ask")
	cmd.MarkFlagsMutuallyExclusive("full", "cursor")
	return cmd
}

func (c *cli) reset(ctx context.Context, dir string, names []string, f resetFlags) error {
	p, err := c.load(ctx, dir)
	if err != nil {
		return err
	}
	defer p.close()
	pipeline, err := p.one(names)
	if err != nil {
		return err
	}
	store, err := c.openState(ctx, p.dir)
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // what was changed is durable
	now, err := store.Cursor(ctx, pipeline.Name, pipeline.Source.Name)
	if err != nil {
		return err
	}
	if !c.json {
		c.explainReset(pipeline, now, f)
	}
	if !f.full && f.cursor == "" {
		return errors.New("say where to read from: --full, or --cursor TEXT")
	}
	if !f.yes && !c.confirmed("Move the cursor?") {
		return errors.New("nothing was changed; confirm, or add --yes")
	}
	if err := store.SetCursor(ctx, pipeline.Name, pipeline.Source.Name, f.cursor); err != nil {
		if errors.Is(err, state.ErrBusy) {
			return fmt.Errorf("%w; stop it first, or wait until it is over", err)
		}
		return err
	}
	if c.json {
		return c.printJSON(map[string]any{
			"pipeline": pipeline.Name, "source": pipeline.Source.Name, "before": now, "cursor": f.cursor,
		})
	}
	fmt.Fprintf(c.out, "done; `kopru plan %s` shows what the next run would do\n", pipeline.Name)
	return nil
}

func (c *cli) explainReset(p *pipelines.Pipeline, now string, f resetFlags) {
	fmt.Fprintf(c.out, "%s reads %s from %s\n", p.Name, p.Source.Name, cursorText(now))
	if !f.full && f.cursor == "" {
		return
	}
	fmt.Fprintf(c.out, "it would read from %s\n", cursorText(f.cursor))
	for _, step := range p.Steps {
		s, ok := step.(*pipelines.Sink)
		switch {
		case !ok:
		case s.Schema.GetAppendOnly():
			fmt.Fprintf(c.out, "  %s: only appended to, so what is read again stands there twice\n", s.Name)
		default:
			fmt.Fprintf(c.out, "  %s: links stay, so what was delivered is recognised and not doubled\n", s.Name)
		}
	}
}

func cursorText(cursor string) string {
	if cursor == "" {
		return "the beginning"
	}
	return ansi.Truncate(cursor, 100, "…")
}

// confirmed asks a person who sits there; anybody else has not said yes.
func (c *cli) confirmed(question string) bool {
	if !c.attended() {
		return false
	}
	fmt.Fprintf(c.err, "%s [y/N] ", question)
	answer, _ := bufio.NewReader(c.in).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true
	}
	return false
}
