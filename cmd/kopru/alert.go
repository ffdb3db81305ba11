package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/alert"
	"github.com/kopru-io/kopru/pipelines"
)

func (c *cli) alertCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "alert", Short: "Who is told when something goes wrong"}
	cmd.AddCommand(&cobra.Command{
		Use:   "test [DIR] NAME",
		Short: "Send a test message to the channels of an alert block",
		Example: `  kopru secret set ALERT_MAIL    # smtp://user:password@mail.example.com:587/?from=kopru@example.com&to=office@example.com
  kopru alert test office`,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, names := split(args)
			p, err := c.load(cmd.Context(), dir)
			if err != nil {
				return err
			}
			defer p.close()
			a, err := p.alert(names)
			if err != nil {
				return err
			}
			return c.testAlert(cmd.Context(), p, a)
		},
	})
	return cmd
}

// alert returns the one that is named.
func (p *project) alert(names []string) (*pipelines.Alert, error) {
	var all []string
	for _, a := range p.Alerts {
		if len(names) == 1 && a.Name == names[0] {
			return a, nil
		}
		all = append(all, a.Name)
	}
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("%s has no alert block", p.dir)
	case len(names) != 1:
		return nil, fmt.Errorf("name one alert; there are: %s", strings.Join(all, ", "))
	}
	return nil, fmt.Errorf("there is no alert %q in %s; there are: %s", names[0], p.dir, strings.Join(all, ", "))
}

// tested is what came of a test message.
type tested struct {
	Channel string `json:"channel"`
	Sent    bool   `json:"sent"`
	Error   string `json:"error,omitempty"`
}

func (c *cli) testAlert(ctx context.Context, p *project, a *pipelines.Alert) error {
	title, text := alert.Example(a, p.Engine.URL, time.Now())
	results, failed := []tested{}, false
	for _, to := range a.To {
		r := tested{Channel: alert.Channel(to), Sent: true}
		if err := alert.Send(ctx, to, title, text); err != nil {
			r.Sent, r.Error, failed = false, p.secrets.clean(err.Error()), true
		}
		results = append(results, r)
	}
	if c.json {
		if err := c.printJSON(map[string]any{"alert": a.Name, "channels": results}); err != nil {
			return err
		}
	} else {
		for i, r := range results {
			if r.Sent {
				fmt.Fprintf(c.out, "%d. %s: sent\n", i+1, r.Channel)
			} else {
				fmt.Fprintf(c.out, "%d. %s: not sent: %s\n", i+1, r.Channel, r.Error)
			}
		}
	}
	if failed {
		return exit(exitFailed)
	}
	return nil
}

// guard looks after what the project's alerts name.
func (s *server) guard() *alert.Guard {
	project := func() *pipelines.Project { return s.current().project }
	return &alert.Guard{
		Store: s.runner.Store, Runner: s.runner, Log: s.project.log, Project: project, Connectors: s.project.host.Status,
		Clean: s.project.secrets.clean, Now: time.Now, Send: alert.Send,
		URL: func() string {
			if url := project().Engine.URL; url != "" {
				return url
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.url
		},
	}
}
