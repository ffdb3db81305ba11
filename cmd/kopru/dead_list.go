package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/dashboard"
	"github.com/kopru-io/kopru/engine/state"
)

func (c *cli) deadListCommand() *cobra.Command {
	var ch choice
	var group bool
	cmd := &cobra.Command{
		Use:   "list [DIR] [ID …]",
		Short: "List dead letters and parked records, newest first, or count them by what is wrong",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := ch.read(args); err != nil {
				return err
			}
			store, err := c.openState(cmd.Context(), ch.dir)
			if err != nil {
				return err
			}
			defer store.Close() //nolint:errcheck // only read
			if group {
				return c.listGroups(cmd.Context(), store, &ch)
			}
			return c.listLetters(cmd.Context(), store, &ch)
		},
	}
	ch.flags(cmd)
	cmd.Flags().BoolVar(&group, "group", false, "count them per pipeline, step and code")
	cmd.Flags().IntVar(&ch.filter.Limit, "limit", 100, "no more than so many")
	return cmd
}

func (c *cli) listLetters(ctx context.Context, store *state.Store, ch *choice) error {
	held, err := store.Held(ctx, ch.filter)
	if err != nil {
		return err
	}
	list := make([]dashboard.Letter, len(held))
	for i, h := range held {
		if list[i], err = asShown(ctx, store, h); err != nil {
			return err
		}
	}
	if c.json {
		return c.printJSON(map[string]any{"letters": list})
	}
	if len(list) == 0 {
		fmt.Fprintln(c.out, "Nothing is dead or parked.")
		return nil
	}
	columns := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, "LETTER\tSTATUS\tSINCE\tPIPELINE\tKEY\tSTEP\tCODE\tWHY")
	for _, l := range list {
		fmt.Fprintf(columns, "#%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			l.ID, l.Status, minute(l.Since), l.Pipeline, cell(l.Key, 36), l.Step, l.Code, cell(why(l), 120))
	}
	if err := columns.Flush(); err != nil {
		return err
	}
	if len(list) == ch.filter.Limit {
		fmt.Fprintf(c.out, "\nThese are the newest %d; --limit shows more, --group counts them all.\n", len(list))
	}
	printNext(c.out, ch, list)
	return nil
}

// asShown is a letter with the number of the one it waits behind.
func asShown(ctx context.Context, store *state.Store, h state.Held) (dashboard.Letter, error) {
	l := dashboard.AsLetter(h)
	if h.Status != state.HeldParked || h.WaitTarget != "" {
		return l, nil
	}
	open, err := store.HeldKeys(ctx, h.Pipeline, []string{h.Key})
	if err != nil {
		return l, err
	}
	if refs := open[h.Key]; len(refs) > 0 && refs[0].ID < h.ID {
		l.WaitsFor = fmt.Sprintf("#%d, %s", refs[0].ID, h.WaitsFor)
	}
	return l, nil
}

// why is the reason at a glance.
func why(l dashboard.Letter) string {
	switch {
	case l.Status == state.HeldDiscarded:
		return "discarded: " + l.Reason
	case l.Queued:
		return "the next run replays it; " + l.Message
	case l.Status == state.HeldParked:
		return "waits for " + l.WaitsFor
	}
	return l.Message
}

func minute(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

// cell is text that stays on its line and in its column.
func cell(text string, width int) string {
	return ansi.Truncate(strings.Join(strings.Fields(text), " "), width, "…")
}

// printNext says what can be done about the newest open letter.
func printNext(w io.Writer, ch *choice, list []dashboard.Letter) {
	for _, l := range list {
		if l.Status != state.HeldDead && l.Status != state.HeldParked {
			continue
		}
		fmt.Fprintf(w, "\nNext:\n"+
			"  kopru dead show%s %d\n"+
			"  kopru dead replay%s %d --plan\n"+
			"  kopru dead discard%s %d --reason \"…\"\n", ch.inDir(), l.ID, ch.inDir(), l.ID, ch.inDir(), l.ID)
		return
	}
}

func (c *cli) listGroups(ctx context.Context, store *state.Store, ch *choice) error {
	found, err := store.HeldGroups(ctx, ch.filter)
	if err != nil {
		return err
	}
	groups := make([]dashboard.Group, len(found))
	for i, g := range found {
		groups[i] = dashboard.Group{
			Letters: g.Letters, Status: g.Status, Pipeline: g.Pipeline, Step: g.Step, Code: g.Code, Oldest: g.Oldest,
			Example: dashboard.AsLetter(g.Example),
		}
	}
	if c.json {
		return c.printJSON(map[string]any{"groups": groups})
	}
	if len(groups) == 0 {
		fmt.Fprintln(c.out, "Nothing is dead or parked.")
		return nil
	}
	columns := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, "LETTERS\tSTATUS\tPIPELINE\tSTEP\tCODE\tOLDEST\tFOR EXAMPLE")
	for _, g := range groups {
		fmt.Fprintf(columns, "%d\t%s\t%s\t%s\t%s\t%s\t#%d %s: %s\n", g.Letters, g.Status, g.Pipeline, g.Step, g.Code,
			minute(g.Oldest), g.Example.ID, cell(g.Example.Key, 36), cell(why(g.Example), 100))
	}
	if err := columns.Flush(); err != nil {
		return err
	}
	g := groups[0]
	fmt.Fprintf(c.out, "\nNext, for the largest group:\n  kopru dead replay%s --pipeline %s --step %s --code %s --plan\n",
		ch.inDir(), g.Pipeline, g.Step, g.Code)
	return nil
}
