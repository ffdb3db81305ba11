package main

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/state"
)

// letter is a dead letter or a parked record as it is shown.
type letter struct {
	ID        int64           `json:"id"`
	Pipeline  string          `json:"pipeline"`
	Key       string          `json:"key"`
	Status    string          `json:"status"`
	Step      string          `json:"step"`
	Code      string          `json:"code"`
	Message   string          `json:"message"`
	WaitsFor  string          `json:"waits_for,omitempty"`
	Attempts  int             `json:"attempts"`
	Since     string          `json:"since"`
	Original  json.RawMessage `json:"original,omitempty"`
	Current   json.RawMessage `json:"current,omitempty"`
	Exchanges json.RawMessage `json:"exchanges,omitempty"`
}

func asLetter(h state.Held) letter {
	return letter{
		ID: h.ID, Pipeline: h.Pipeline, Key: h.Key, Status: h.Status, Step: h.Step, Code: h.Code, Message: h.Message,
		WaitsFor: h.WaitsFor, Attempts: h.Attempts, Since: h.CreatedAt.Format("2006-01-02 15:04:05 MST"),
	}
}

func (c *cli) deadCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "dead", Short: "Look at records that did not come through"}
	var filter state.HeldFilter
	list := &cobra.Command{
		Use:   "list [DIR]",
		Short: "List dead letters and parked records, newest first",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, _ := split(args)
			store, err := c.openState(cmd.Context(), dir)
			if err != nil {
				return err
			}
			defer store.Close() //nolint:errcheck // only read
			held, err := store.Held(cmd.Context(), filter)
			if err != nil {
				return err
			}
			letters := make([]letter, len(held))
			for i, h := range held {
				letters[i] = asLetter(h)
			}
			if c.json {
				return c.printJSON(map[string]any{"letters": letters})
			}
			if len(letters) == 0 {
				fmt.Fprintln(c.out, "Nothing is dead or parked.")
			}
			for _, l := range letters {
				fmt.Fprintf(c.out, "#%-5d %-7s %-10s %-20s %s: %s\n", l.ID, l.Status, l.Pipeline, l.Key, l.Step, l.Message)
			}
			return nil
		},
	}
	flags := list.Flags()
	flags.StringVar(&filter.Pipeline, "pipeline", "", "of this pipeline")
	flags.StringVar(&filter.Status, "status", "", "dead or parked")
	flags.StringVar(&filter.Key, "key", "", "of this record")
	flags.StringVar(&filter.Code, "code", "", "with this error code")
	flags.IntVar(&filter.Limit, "limit", 100, "no more than so many")
	show := &cobra.Command{
		Use:   "show ID [DIR]",
		Short: "Show a dead letter whole: the record as it came, as the steps made it, what was sent and answered",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return fmt.Errorf("%q is no dead letter's number", args[0])
			}
			dir, _ := split(args[1:])
			store, err := c.openState(cmd.Context(), dir)
			if err != nil {
				return err
			}
			defer store.Close() //nolint:errcheck // only read
			held, err := store.Held(cmd.Context(), state.HeldFilter{IDs: []int64{id}, Limit: 1})
			if err != nil {
				return err
			}
			if len(held) == 0 {
				return fmt.Errorf("there is no dead letter #%d", id)
			}
			l := asLetter(held[0])
			l.Original, l.Current, l.Exchanges = held[0].Original, held[0].Current, held[0].Exchanges
			return c.printJSON(l)
		},
	}
	cmd.AddCommand(list, show)
	return cmd
}
