package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/state"
)

// activity is an entry as it is shown.
type activity struct {
	At       time.Time       `json:"at"`
	Pipeline string          `json:"pipeline"`
	Key      string          `json:"key"`
	Outcome  state.Outcome   `json:"outcome"`
	Code     string          `json:"code,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	Detail   json.RawMessage `json:"detail,omitempty"`
	TookMS   int64           `json:"took_ms"`
}

func (c *cli) activityCommand() *cobra.Command {
	var filter state.ActivityFilter
	var outcome string
	cmd := &cobra.Command{
		Use:   "activity [DIR]",
		Short: "Show what happened to records, newest first",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withState(cmd, args, func(store *state.Store) error {
				filter.Outcome = state.Outcome(outcome)
				entries, err := store.ActivityPage(cmd.Context(), filter)
				if err != nil {
					return err
				}
				rows := make([]activity, len(entries))
				for i, e := range entries {
					rows[i] = activity{
						At: e.At, Pipeline: e.Pipeline, Key: e.Key, Outcome: e.Outcome, Code: e.Code, Reason: e.Reason,
						Detail: e.Detail, TookMS: e.Took.Milliseconds(),
					}
				}
				if c.json {
					return c.printJSON(map[string]any{"activity": rows})
				}
				for _, r := range rows {
					fmt.Fprintf(c.out, "%s  %-10s %-20s %-10s %s %s\n",
						r.At.Local().Format("2006-01-02 15:04:05"), r.Pipeline, r.Key, r.Outcome, r.Reason, r.Detail)
				}
				return nil
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&filter.Pipeline, "pipeline", "", "of this pipeline")
	flags.StringVar(&outcome, "outcome", "", "delivered, unchanged, filtered, parked or dead")
	flags.StringVar(&filter.Key, "key", "", "of this record")
	flags.StringVar(&filter.Code, "code", "", "with this code")
	flags.IntVar(&filter.Limit, "limit", 50, "no more than so many")
	return cmd
}
