package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/dashboard"
)

// statusView is what `kopru status` and `kopru top` show: what the dashboard's overview does.
type statusView struct {
	*dashboard.Overview
	PerSecond map[string]float64 `json:"records_per_second,omitempty"` // by pipeline, since the last look
}

func (c *cli) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status [DIR]",
		Short: "Show how every pipeline and connection is, and what is wrong",
		Long: `Shows what the dashboard's overview does: health, how far behind, today's records, open letters, alerts that are open.
The exit code is 0 when nothing needs a person, else 3.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			look, done, err := c.looker(cmd.Context(), args)
			if err != nil {
				return err
			}
			defer done()
			v, err := look(cmd.Context())
			if err != nil {
				return err
			}
			if c.json {
				err = c.printJSON(v)
			} else {
				err = printStatus(c.out, v)
			}
			if err == nil && v.NeedsSomebody() {
				return exit(exitPartial)
			}
			return err
		},
	}
}

func (c *cli) topCommand() *cobra.Command {
	var every time.Duration
	var times int
	cmd := &cobra.Command{
		Use:   "top [DIR]",
		Short: "Watch the pipelines: what kopru status shows, with rates, again and again",
		Long:  "Shows what kopru status does, with the records a second since the last look, until Ctrl-C. With --json one line a look.",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			look, done, err := c.looker(cmd.Context(), args)
			if err != nil {
				return err
			}
			defer done()
			return c.top(cmd.Context(), look, max(every, 100*time.Millisecond), times)
		},
	}
	cmd.Flags().DurationVar(&every, "every", 2*time.Second, "how often")
	cmd.Flags().IntVar(&times, "times", 0, "end after so many looks (default: never)")
	return cmd
}

// looker returns what looks at a project's state.
func (c *cli) looker(ctx context.Context, args []string) (look func(context.Context) (*statusView, error), done func(), err error) {
	dir, _ := split(args)
	c.detached = true
	p, err := c.load(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	store, err := c.openState(ctx, dir)
	if err != nil {
		p.close()
		return nil, nil, err
	}
	runs := map[string]bool{}
	for _, pipeline := range p.Pipelines {
		runs[pipeline.Name] = true
	}
	engine := dashboard.Engine{
		Store: store, Log: p.log, Clean: p.secrets.clean,
		Definition: func() dashboard.Definition { return dashboard.Definition{Project: p.Project, Runs: runs} },
	}
	look = func(ctx context.Context) (*statusView, error) {
		seen, err := engine.Look(ctx)
		return &statusView{Overview: seen}, err
	}
	return look, func() { _ = store.Close(); p.close() }, nil
}

// clean moves to the terminal's upper left corner and clears what is below.
const clean = "\x1b[H\x1b[J"

func (c *cli) top(ctx context.Context, look func(context.Context) (*statusView, error), every time.Duration, times int) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	before, at := map[string]int64{}, time.Time{}
	for n := 1; ; n++ {
		v, err := look(ctx)
		if err != nil {
			return err
		}
		now := time.Now()
		v.PerSecond = map[string]float64{}
		for i := range v.Pipelines {
			p := &v.Pipelines[i]
			if read := p.Today.Read; !at.IsZero() && read >= before[p.Name] { // at midnight it begins anew
				v.PerSecond[p.Name] = float64(read-before[p.Name]) / now.Sub(at).Seconds()
			}
			before[p.Name] = p.Today.Read
		}
		at = now
		if err := c.redraw(v); err != nil || n == times {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// redraw shows a look in place of the last one, where there is a terminal.
func (c *cli) redraw(v *statusView) error {
	if c.json {
		return json.NewEncoder(c.out).Encode(v)
	}
	var b bytes.Buffer
	if f, ok := c.out.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		b.WriteString(clean)
	}
	fmt.Fprintf(&b, "%s\n\n", time.Now().Format(time.DateTime))
	if err := printStatus(&b, v); err != nil {
		return err
	}
	_, err := b.WriteTo(c.out)
	return err
}

func printStatus(out io.Writer, v *statusView) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	head, rate := "", func(string) string { return "" }
	if len(v.PerSecond) > 0 {
		head, rate = "PER SECOND\t", func(name string) string { return fmt.Sprintf("%.1f\t", v.PerSecond[name]) }
	}
	fmt.Fprintf(w, "PIPELINE\tHEALTH\t%sBEHIND\tTODAY\tDEAD\tPARKED\tNEXT RUN\n", head)
	for i := range v.Pipelines {
		p := &v.Pipelines[i]
		health, next := p.Health, "by hand"
		if p.Running {
			health += ", running"
		}
		if p.HaltedAt != nil {
			next = "paused by " + p.HaltedBy
		} else if p.Next != nil {
			next = p.Next.Format(time.TimeOnly)
		}
		fmt.Fprintf(w, "%s\t%s\t%s%s\t%d\t%d\t%d\t%s\n", p.Name, health, rate(p.Name), behind(p.LagSeconds), p.Today.Read, p.Dead, p.Parked, next)
	}
	fmt.Fprint(w, "\nCONNECTION\tSTATE\tSINCE\tWHY\n")
	for _, c := range v.Connections {
		since := ""
		if c.Since != nil {
			since = minute(*c.Since)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", c.Address, c.State, since, cell(c.Reason, 100))
	}
	if len(v.Alerts) > 0 {
		fmt.Fprint(w, "\nALERT\tSINCE\tTOLD\tWHAT\n")
	}
	for _, a := range v.Alerts {
		told := "not yet"
		if a.Told != nil {
			told = minute(*a.Told)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", a.Alert, minute(a.Since), told, cell(a.What, 120))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	running := 0
	for i := range v.Nodes {
		if v.Nodes[i].State == "running" {
			running++
		}
	}
	if running == 0 {
		_, err := fmt.Fprint(out, "\nNo engine works just now. Start one with: kopru run\n")
		return err
	}
	return nil
}

func behind(seconds *float64) string {
	if seconds == nil {
		return "–"
	}
	return (time.Duration(*seconds) * time.Second).String()
}
