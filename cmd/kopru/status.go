package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
	"golang.org/x/term"

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
	engine := dashboard.Engine{
		Store: store, Log: p.log, Clean: p.secrets.clean,
		Definition: func() dashboard.Definition { return dashboard.Definition{Project: p.Project} },
	}
	look = func(ctx context.Context) (*statusView, error) {
		seen, err := engine.Look(ctx)
		return &statusView{Overview: seen}, err
	}
	return look, func() { _ = store.Close(); p.close() }, nil
}

func (c *cli) top(ctx context.Context, look func(context.Context) (*statusView, error), every time.Duration, times int) error {
	show := &screen{out: c.out}
	if f, ok := terminalOf(c.out); ok && !c.json {
		show.open(f)
		defer show.close()
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	resized := time.NewTicker(250 * time.Millisecond)
	defer resized.Stop()
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
		if c.json {
			err = json.NewEncoder(c.out).Encode(v)
		} else {
			err = show.draw(v, now, every)
		}
		if err != nil || n == times {
			return err
		}
		for waiting := true; waiting; {
			select {
			case <-tick.C:
				waiting = false
			case <-resized.C:
				if show.changed() {
					if err := show.draw(v, now, every); err != nil {
						return err
					}
				}
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// screen shows one look in the place of the one before, where there is a terminal, else one after the other.
type screen struct {
	out           io.Writer
	terminal      *os.File
	width, height int
	color         bool
}

const (
	screenOpen  = "\x1b[?1049h\x1b[?25l" // another screen, no cursor
	screenClose = "\x1b[?25h\x1b[?1049l"
)

func (s *screen) open(f *os.File) {
	s.terminal = f
	s.color = colorful(f)
	fmt.Fprint(s.out, screenOpen)
	s.changed()
}

func (s *screen) close() { fmt.Fprint(s.out, screenClose) }

// changed tells whether the terminal has another size than before.
func (s *screen) changed() bool {
	if s.terminal == nil {
		return false
	}
	width, height, err := term.GetSize(int(s.terminal.Fd())) //nolint:gosec // a file's number
	if err != nil || width == s.width && height == s.height {
		return false
	}
	s.width, s.height = width, height
	return true
}

func (s *screen) draw(v *statusView, at time.Time, every time.Duration) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s · %s", at.Format(time.TimeOnly), countOf(len(v.Pipelines), "pipeline"))
	if v.Dead > 0 {
		fmt.Fprintf(&b, " · %d dead", v.Dead)
	}
	if v.Parked > 0 {
		fmt.Fprintf(&b, " · %d parked", v.Parked)
	}
	if s.terminal != nil {
		fmt.Fprintf(&b, " · every %s, Ctrl-C ends", every)
	}
	b.WriteString("\n\n")
	if err := printStatus(&b, v); err != nil {
		return err
	}
	if s.terminal == nil {
		b.WriteByte('\n')
		_, err := b.WriteTo(s.out)
		return err
	}
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	if s.height > 2 && len(lines) > s.height {
		lines = append(lines[:s.height-1], fmt.Sprintf("… %d lines more; make the terminal higher, or see kopru status", len(lines)-s.height+1))
	}
	var screen strings.Builder
	screen.WriteString("\x1b[H")
	for i, line := range lines {
		if i > 0 {
			screen.WriteString("\r\n")
		}
		if s.width > 0 {
			line = ansi.Truncate(line, s.width, "…")
		}
		screen.WriteString(s.tint(line) + "\x1b[K")
	}
	screen.WriteString("\x1b[J")
	_, err := io.WriteString(s.out, screen.String())
	return err
}

var (
	stateColumn = regexp.MustCompile(`^(\S+\s+)(failing|attention|paused|waiting|well|new|open|down)\b`)
	stateColor  = map[string]string{"failing": "31", "down": "31", "attention": "33", "paused": "33", "waiting": "33", "well": "32", "open": "32"}
	headColumns = regexp.MustCompile(`^[A-Z]+  +[A-Z ]+$`)
)

// tint colours how a pipeline or a connection is, and makes heads bold.
func (s *screen) tint(line string) string {
	if !s.color {
		return line
	}
	if headColumns.MatchString(line) {
		return "\x1b[1m" + line + "\x1b[m"
	}
	m := stateColumn.FindStringSubmatch(line)
	if m == nil || stateColor[m[2]] == "" {
		return line
	}
	return m[1] + "\x1b[" + stateColor[m[2]] + "m" + m[2] + "\x1b[m" + line[len(m[0]):]
}

func printStatus(out io.Writer, v *statusView) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	head, rate := "", func(string) string { return "" }
	if v.PerSecond != nil {
		head, rate = "PER SECOND\t", func(name string) string {
			if n, ok := v.PerSecond[name]; ok {
				return fmt.Sprintf("%.1f\t", n)
			}
			return "–\t" // of one look there is none
		}
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
		} else if p.Unattended() {
			next = p.Schedule + ", but no node runs it"
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
