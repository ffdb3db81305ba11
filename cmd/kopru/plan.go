package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
)

func (c *cli) planCommand() *cobra.Command {
	var opts run.PlanOptions
	cmd := &cobra.Command{
		Use:   "plan [DIR] [PIPELINE …]",
		Short: "Say what a run would create, update and leave alone; write nothing",
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, names := split(args)
			return c.plan(cmd.Context(), dir, names, opts)
		},
	}
	cmd.Flags().IntVar(&opts.Limit, "limit", 0, "plan no more than so many records")
	cmd.Flags().StringVar(&opts.Key, "key", "", "plan only the record with this key")
	return cmd
}

func (c *cli) plan(ctx context.Context, dir string, names []string, opts run.PlanOptions) error {
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
	defer store.Close() //nolint:errcheck // a plan writes nothing
	plans := make([]*run.Plan, 0, len(picked))
	for _, pipeline := range picked {
		plan, err := runner.Plan(ctx, pipeline, opts)
		if err != nil {
			return fmt.Errorf("pipeline %q: %w", pipeline.Name, err)
		}
		plans = append(plans, plan)
		if !c.json {
			printPlan(c.out, plan)
		}
	}
	if c.json {
		return c.printJSON(map[string]any{"plans": plans})
	}
	return nil
}

// printPlan shows the effects grouped by sink and action, then what would not be delivered and why.
func printPlan(w io.Writer, p *run.Plan) {
	fmt.Fprintf(w, "%s · %d records · nothing is written\n", p.Pipeline, p.Counts.Read)
	for _, r := range p.Records {
		for _, e := range r.Effects {
			switch e.Action {
			case run.ActionCreate:
				fmt.Fprintf(w, "  + create %-14s %-20s %s\n", e.Entity, r.Key, shortFields(e.Fields))
			case run.ActionUpdate:
				fmt.Fprintf(w, "  ~ update %-14s %-20s %s\n", e.Entity, r.Key, e.ID)
				for _, change := range e.Changes {
					fmt.Fprintf(w, "      %s: %s → %s\n", change.Field, short(change.From), short(change.To))
				}
			}
			for _, c := range e.Conflicts {
				fmt.Fprintf(w, "  ! both   %-14s %-20s %s: %s here, %s there; the %s's counts\n", e.Entity, r.Key, c.Field, short(c.Source),
					short(c.Target), c.Kept)
			}
		}
	}
	printSkips(w, p)
	names := make([]string, 0, len(p.Sinks))
	for name := range p.Sinks {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		s := p.Sinks[name]
		fmt.Fprintf(w, "  = %s: create %d, update %d, leave alone %d\n", name, s.Created, s.Updated, s.Unchanged)
	}
	if fields := protectedFields(p); len(fields) > 0 {
		fmt.Fprintf(w, "  fields that differ and stay as they are: %s\n", strings.Join(fields, ", "))
	}
}

func printSkips(w io.Writer, p *run.Plan) {
	signs := []struct {
		outcome state.Outcome
		sign    string
	}{{state.Filtered, "-"}, {state.Parked, "⏸"}, {state.Dead, "✗"}}
	for _, s := range signs {
		keys := map[string][]string{}
		for _, r := range p.Records {
			if r.Outcome == s.outcome {
				keys[r.Reason] = append(keys[r.Reason], r.Key)
			}
		}
		reasons := make([]string, 0, len(keys))
		for reason := range keys {
			reasons = append(reasons, reason)
		}
		slices.SortFunc(reasons, func(a, b string) int { return len(keys[b]) - len(keys[a]) })
		for _, reason := range reasons {
			shown := keys[reason][:min(3, len(keys[reason]))]
			more := ""
			if n := len(keys[reason]) - len(shown); n > 0 {
				more = fmt.Sprintf(" and %d more", n)
			}
			fmt.Fprintf(w, "  %s %s %d × %s (%s%s)\n", s.sign, s.outcome, len(keys[reason]), reason, strings.Join(shown, ", "), more)
		}
	}
}

func protectedFields(p *run.Plan) []string {
	counts := map[string]int{}
	for _, r := range p.Records {
		for _, e := range r.Effects {
			for _, change := range e.Protected {
				counts[e.Step+"."+change.Field]++
			}
		}
	}
	fields := make([]string, 0, len(counts))
	for field, n := range counts {
		fields = append(fields, fmt.Sprintf("%s (%d)", field, n))
	}
	slices.Sort(fields)
	return fields
}

// shortFields is a create at a glance.
func shortFields(fields map[string]any) string {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	parts := make([]string, 0, len(names))
	for _, name := range names {
		switch fields[name].(type) {
		case map[string]any, []any, nil:
		default:
			parts = append(parts, name+"="+short(fields[name]))
		}
	}
	return cut(strings.Join(parts, " "), 100)
}

func short(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return cut(string(data), 60)
}

func cut(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}
