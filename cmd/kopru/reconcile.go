package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/dashboard"
	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/pipelines"
)

func (c *cli) reconcileCommand() *cobra.Command {
	var from, to string
	var asCSV bool
	cmd := &cobra.Command{
		Use:   "reconcile [DIR] [NAME …]",
		Short: "Compare, day by day, what happened with what is booked, and list the differences",
		Long: `Reads both sides of the project's reconcile blocks anew and compares them: records, amounts and VAT by rate of each
day, each currency apart, then every record that is missing, booked twice, unknown, in another currency, or off by some amount, with
what is known about why.
Nothing is written. The exit code is 3 when there are differences.`,
		Example: `  kopru reconcile --from 2026-01-01 --to 2026-01-31
  kopru reconcile orders --from 2026-01-31 --csv > january.csv`,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, names := split(args)
			p, err := c.load(cmd.Context(), dir)
			if err != nil {
				return err
			}
			defer p.close()
			picked, err := p.reconciles(names)
			if err != nil {
				return err
			}
			runner, store, err := c.runner(cmd.Context(), p)
			if err != nil {
				return err
			}
			defer store.Close() //nolint:errcheck // only read
			results := make([]*run.Reconciliation, len(picked))
			off := 0
			for i, def := range picked {
				first, last, err := daysOf(from, to, def.Zone)
				if err != nil {
					return err
				}
				if results[i], err = runner.Reconcile(cmd.Context(), def, first, last); err != nil {
					return fmt.Errorf("reconcile %q: %w", def.Name, err)
				}
				off += len(results[i].Differences)
			}
			switch {
			case c.json:
				err = c.printJSON(map[string]any{"reconciliations": results})
			case asCSV:
				err = writeReconciliations(c.out, results)
			default:
				for _, r := range results {
					if err == nil {
						err = printReconciliation(c.out, r)
					}
				}
			}
			if err == nil && off > 0 {
				return exit(exitPartial)
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&from, "from", "", "the first `day`, such as 2026-01-01")
	flags.StringVar(&to, "to", "", "the last `day`; without it the first is the only one")
	flags.BoolVar(&asCSV, "csv", false, "as comma-separated values, a line for each figure and each difference")
	_ = cmd.MarkFlagRequired("from") // it is declared above
	return cmd
}

// reconciles returns those named, all when none is.
func (p *project) reconciles(names []string) ([]*pipelines.Reconcile, error) {
	known := map[string]*pipelines.Reconcile{}
	var all []string
	for _, r := range p.Reconciles {
		known[r.Name] = r
		all = append(all, r.Name)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no reconcile block to say what is to be compared", p.dir)
	}
	if len(names) == 0 {
		names = all
	}
	out := make([]*pipelines.Reconcile, len(names))
	for i, name := range names {
		if out[i] = known[name]; out[i] == nil {
			return nil, fmt.Errorf("there is no reconcile block %q in %s; there are: %s", name, p.dir, strings.Join(all, ", "))
		}
	}
	return out, nil
}

func daysOf(from, to string, zone *time.Location) (first, last time.Time, err error) {
	if to == "" {
		to = from
	}
	for _, end := range []struct {
		flag, text string
		day        *time.Time
	}{{"--from", from, &first}, {"--to", to, &last}} {
		if *end.day, err = time.ParseInLocation(time.DateOnly, end.text, zone); err != nil {
			return first, last, fmt.Errorf("%s %s: write a day like 2026-01-31", end.flag, end.text)
		}
	}
	if last.Before(first) {
		return first, last, fmt.Errorf("--to %s is before --from %s", to, from)
	}
	return first, last, nil
}

func printReconciliation(out io.Writer, r *run.Reconciliation) error {
	fmt.Fprintf(out, "%s · %s to %s (%s)\n\n", r.Name, r.From, r.To, r.Zone)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  DAY\tWHAT\tHAPPENED\tBOOKED\t")
	day := ""
	for _, f := range r.Figures() {
		mark, shown := "", f.Day
		if f.Source != f.Target {
			mark = "≠"
		}
		if f.Day == day {
			shown = ""
		}
		day = f.Day
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\n", shown, in(f.What, f.Currency), f.Source, f.Target, mark)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(r.Differences) == 0 {
		_, err := fmt.Fprint(out, "\nNo differences.\n")
		return err
	}
	fmt.Fprintf(out, "\n%d differences\n", len(r.Differences))
	fmt.Fprintln(w, "  DAY\tKEY\tWHAT\tHAPPENED\tBOOKED\tOFF\tWHY")
	for _, d := range r.Differences {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.Day, d.Key, in(d.Kind, d.Currency), d.Source, d.Target, d.Off, d.Why)
	}
	return w.Flush()
}

// in is what an amount is of, with its currency where that is known.
func in(what, currency string) string { return strings.TrimSpace(what + " " + currency) }

// writeReconciliations writes everything as one table: a day's figures have no key, a difference has one.
func writeReconciliations(out io.Writer, all []*run.Reconciliation) error {
	w := csv.NewWriter(out)
	rows := [][]string{{"name", "day", "key", "what", "currency", "happened", "booked", "off", "why"}}
	for _, r := range all {
		for _, f := range r.Figures() {
			rows = append(rows, []string{r.Name, f.Day, "", f.What, dashboard.SafeCell(f.Currency), f.Source, f.Target, "", ""})
		}
		for _, d := range r.Differences {
			rows = append(rows, []string{r.Name, d.Day, dashboard.SafeCell(d.Key), d.Kind, dashboard.SafeCell(d.Currency), d.Source, d.Target, string(d.Off), dashboard.SafeCell(d.Why)})
		}
	}
	return w.WriteAll(rows)
}
