package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/state"
)

// nodesView is who works with a state database.
type nodesView struct {
	State  string      `json:"state"`
	Nodes  []nodeView  `json:"nodes"`
	Pauses []pauseView `json:"paused_connections"`
}

type nodeView struct {
	Name    string   `json:"name"`
	Host    string   `json:"host"`
	PID     int      `json:"pid"`
	Version string   `json:"version"`
	State   string   `json:"state"`
	Since   string   `json:"since"`
	Beat    string   `json:"last_heartbeat"`
	Runs    []string `json:"runs"`
	Serves  []string `json:"serves"` // the pipelines that it runs when they are due
}

type pauseView struct {
	Connection string `json:"connection"`
	Until      string `json:"until"`
	Reason     string `json:"reason"`
}

func (c *cli) nodesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "nodes [DIR]",
		Short: "List the processes that run pipelines with this state database, and the connections that are paused",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withState(cmd, args, func(store *state.Store) error {
				nodes, err := store.Nodes(cmd.Context())
				if err != nil {
					return err
				}
				pauses, err := store.Pauses(cmd.Context())
				if err != nil {
					return err
				}
				view := viewNodes(state.SafeName(store.DSN()), nodes, pauses)
				if c.json {
					return c.printJSON(view)
				}
				c.printNodes(view)
				return nil
			})
		},
	}
}

const clock = "2006-01-02 15:04:05 MST"

func viewNodes(database string, nodes []state.Node, pauses []state.Pause) nodesView {
	out := nodesView{State: database, Nodes: []nodeView{}, Pauses: []pauseView{}}
	for i := range nodes {
		n := &nodes[i]
		view := nodeView{
			Name: n.Name, Host: n.Host(), PID: n.PID(), Version: n.Version, State: n.State(),
			Since: n.Since.Format(clock), Beat: n.Beat.Format(clock), Runs: append([]string{}, n.Runs...),
			Serves: append([]string{}, n.Serves...),
		}
		out.Nodes = append(out.Nodes, view)
	}
	for _, p := range pauses {
		out.Pauses = append(out.Pauses, pauseView{p.Connection, p.Until.Format(clock), p.Reason})
	}
	return out
}

func (c *cli) printNodes(v nodesView) {
	if len(v.Nodes) == 0 {
		fmt.Fprintf(c.out, "No node works with %s. Start one with: kopru run\n", v.State)
	}
	for _, n := range v.Nodes {
		doing := "runs nothing just now"
		if len(n.Runs) > 0 {
			doing = "runs " + strings.Join(n.Runs, ", ")
		}
		fmt.Fprintf(c.out, "%-24s %-8s since %s, heard of at %s, version %s, %s\n",
			n.Name, n.State, n.Since, n.Beat[len(time.DateOnly)+1:], n.Version, doing)
	}
	for _, p := range v.Pauses {
		fmt.Fprintf(c.out, "%-24s paused   until %s: %s\n", p.Connection, p.Until, p.Reason)
	}
}
