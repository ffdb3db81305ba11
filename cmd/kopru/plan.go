package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
	"golang.org/x/term"

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

// page is where a plan is shown.
type page struct {
	w     io.Writer
	color bool
	width int // 0 = lines are as long as they are
}

// newPage has colours, and lines as wide as the screen, only on a terminal.
func newPage(w io.Writer) page {
	p := page{w: w, color: colorful(w)}
	if f, ok := terminalOf(w); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			p.width = max(width, 60)
		}
	}
	return p
}

// What the colours of a plan are for.
const (
	plain  = ""
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (p page) line(color, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if p.width > 0 {
		text = ansi.Truncate(text, p.width, "…")
	}
	if p.color && color != plain {
		text = "\x1b[" + color + "m" + text + "\x1b[0m"
	}
	fmt.Fprintln(p.w, text)
}

// printPlan says how much would be done, then for each record what, then what would not be delivered and why.
func printPlan(w io.Writer, p *run.Plan) {
	out := newPage(w)
	out.line(bold, "%s · %s · nothing is written", p.Pipeline, countOf(int(p.Counts.Read), "record"))
	names := slices.Sorted(maps.Keys(p.Sinks))
	wide := 0
	for _, name := range names {
		wide = max(wide, len(name))
	}
	for _, name := range names {
		s := p.Sinks[name]
		out.line(plain, "  %-*s  create %d, update %d, leave alone %d", wide, name, s.Created, s.Updated, s.Unchanged)
	}
	for _, r := range p.Records {
		begun := false
		for _, e := range r.Effects {
			if e.Action != run.ActionCreate && e.Action != run.ActionUpdate && len(e.Conflicts) == 0 {
				continue
			}
			if !begun {
				out.line(plain, "")
				out.line(bold, "  %s", r.Key)
				begun = true
			}
			out.effect(e)
		}
	}
	printSkips(out, p)
	if fields := protectedFields(p); len(fields) > 0 {
		out.line(plain, "")
		out.line(dim, "  differ and stay as they are: %s", strings.Join(fields, ", "))
	}
	out.line(plain, "")
}

// effect is what would be done for a record in one place.
func (p page) effect(e run.Effect) {
	switch e.Action {
	case run.ActionCreate:
		p.line(green, "    + create %-14s %s", e.Entity, shortFields(e.Fields))
	case run.ActionUpdate:
		p.line(yellow, "    ~ update %-14s %s", e.Entity, e.ID)
		for _, change := range e.Changes {
			p.line(plain, "        %s: %s → %s", change.Field, short(change.From), short(change.To))
		}
	}
	for _, c := range e.Conflicts {
		p.line(red, "    ! both sides changed %s of %s: %s here, %s there; the %s's counts", c.Field, e.Entity, short(c.Source), short(c.Target), c.Kept)
	}
}

func printSkips(out page, p *run.Plan) {
	signs := []struct {
		outcome     state.Outcome
		sign, color string
	}{{state.Filtered, "-", dim}, {state.Parked, "⏸", yellow}, {state.Dead, "✗", red}}
	begun := false
	for _, s := range signs {
		keys := map[string][]string{}
		for _, r := range p.Records {
			if r.Outcome == s.outcome {
				keys[r.Reason] = append(keys[r.Reason], r.Key)
			}
		}
		reasons := slices.Sorted(maps.Keys(keys))
		slices.SortStableFunc(reasons, func(a, b string) int { return len(keys[b]) - len(keys[a]) })
		for _, reason := range reasons {
			if !begun {
				out.line(plain, "")
				begun = true
			}
			shown := keys[reason][:min(3, len(keys[reason]))]
			more := ""
			if n := len(keys[reason]) - len(shown); n > 0 {
				more = fmt.Sprintf(" and %d more", n)
			}
			out.line(s.color, "  %s %s: %d × %s (%s%s)", s.sign, s.outcome, len(keys[reason]), reason, strings.Join(shown, ", "), more)
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
		switch v := fields[name].(type) {
		case map[string]any, nil:
		case []any:
			parts = append(parts, fmt.Sprintf("%s=[%d]", name, len(v)))
		default:
			parts = append(parts, name+"="+short(fields[name]))
		}
	}
	return ansi.Truncate(strings.Join(parts, " "), 100, "…")
}

func short(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return ansi.Truncate(string(data), 60, "…")
}
