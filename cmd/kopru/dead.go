package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/state"
)

func (c *cli) deadCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead",
		Short: "Look at records that did not come through, try them again or close them",
	}
	cmd.AddCommand(c.deadListCommand(), c.deadShowCommand(), c.deadReplayCommand(), c.deadDiscardCommand())
	return cmd
}

// choice is which letters a verb is about.
type choice struct {
	dir    string
	filter state.HeldFilter
	all    bool
}

func (ch *choice) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&ch.filter.Pipeline, "pipeline", "", "letters of this pipeline")
	flags.StringVar(&ch.filter.Status, "status", "", "dead, parked, released, superseded, discarded or all (default dead and parked)")
	flags.StringVar(&ch.filter.Key, "key", "", "letters of this record")
	flags.StringVar(&ch.filter.Code, "code", "", "letters with this error code")
	flags.StringVar(&ch.filter.Step, "step", "", "letters that failed at this step")
}

// read takes letters' numbers, with or without a #, and the project's folder from the arguments.
func (ch *choice) read(args []string) error {
	ch.dir = "."
	for _, arg := range args {
		if id, err := strconv.ParseInt(strings.TrimPrefix(arg, "#"), 10, 64); err == nil && id > 0 {
			ch.filter.IDs = append(ch.filter.IDs, id)
			continue
		}
		if info, err := os.Stat(arg); err != nil || !info.IsDir() {
			return fmt.Errorf("%q is neither a letter's number nor a project's folder", arg)
		}
		ch.dir = arg
	}
	known := []string{"", state.HeldDead, state.HeldParked, state.HeldReleased, state.HeldSuperseded, state.HeldDiscarded, "all"}
	if !slices.Contains(known, ch.filter.Status) {
		return fmt.Errorf("--status %s: it is one of: %s", ch.filter.Status, strings.Join(known[1:], ", "))
	}
	if ch.filter.Status == "all" {
		ch.filter.Status = state.AnyStatus
	}
	return nil
}

// open names the letters chosen, oldest first, all of them open.
func (ch *choice) open(ctx context.Context, store *state.Store) ([]state.HeldRef, error) {
	f := ch.filter
	if ids := f.IDs; len(ids) > 0 {
		return named(ctx, store, f)
	}
	if !ch.all && cmp.Or(f.Pipeline, f.Status, f.Key, f.Code, f.Step) == "" {
		return nil, errors.New("name letters by their numbers, or choose them with --pipeline, --step, --code, --key, --status or --all")
	}
	refs, err := store.HeldRefs(ctx, f)
	if err != nil {
		return nil, err
	}
	for _, r := range refs {
		if err := mustBeOpen(r); err != nil {
			return nil, err
		}
	}
	return refs, nil
}

// named finds letters by number, and misses none.
func named(ctx context.Context, store *state.Store, f state.HeldFilter) ([]state.HeldRef, error) {
	ids := slices.Compact(slices.Sorted(slices.Values(f.IDs)))
	found := map[int64]bool{}
	var out []state.HeldRef
	for part := range slices.Chunk(ids, 500) {
		f.IDs = part
		refs, err := store.HeldRefs(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, r := range refs {
			if err := mustBeOpen(r); err != nil {
				return nil, err
			}
			found[r.ID] = true
		}
		out = append(out, refs...)
	}
	for _, id := range ids {
		if !found[id] {
			return nil, fmt.Errorf("there is no letter #%d among those you chose; see: kopru dead list", id)
		}
	}
	return out, nil
}

func mustBeOpen(r state.HeldRef) error {
	if r.Status == state.HeldDead || r.Status == state.HeldParked {
		return nil
	}
	return fmt.Errorf("#%d is closed already (%s); see: kopru dead show %d", r.ID, r.Status, r.ID)
}

func refIDs(refs []state.HeldRef) []int64 {
	ids := make([]int64, len(refs))
	for i, r := range refs {
		ids[i] = r.ID
	}
	return ids
}

// letters is "1 letter", "2 letters".
func letters(n int) string {
	if n == 1 {
		return "1 letter"
	}
	return fmt.Sprintf("%d letters", n)
}

// inDir is how a command names the project's folder.
func (ch *choice) inDir() string {
	if ch.dir == "." {
		return ""
	}
	return " " + ch.dir
}

func (c *cli) deadDiscardCommand() *cobra.Command {
	var ch choice
	var reason string
	cmd := &cobra.Command{
		Use:   "discard [DIR] [ID …]",
		Short: "Close letters for good, with a reason that is kept",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := ch.read(args); err != nil {
				return err
			}
			if reason = strings.TrimSpace(reason); reason == "" {
				return errors.New(`say why with --reason "…": it is kept with the letter and in the activity`)
			}
			store, err := c.openState(cmd.Context(), ch.dir)
			if err != nil {
				return err
			}
			defer store.Close() //nolint:errcheck // Discard is durable by then
			refs, err := ch.open(cmd.Context(), store)
			if err != nil {
				return err
			}
			if err := store.Discard(cmd.Context(), refIDs(refs), reason); err != nil {
				return err
			}
			if c.json {
				return c.printJSON(map[string]any{"discarded": refIDs(refs), "reason": reason})
			}
			fmt.Fprintf(c.out, "discarded %s\n", letters(len(refs)))
			return nil
		},
	}
	ch.flags(cmd)
	cmd.Flags().BoolVar(&ch.all, "all", false, "all open letters")
	cmd.Flags().StringVar(&reason, "reason", "", "why nobody needs to bother any more")
	return cmd
}
