package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/state"
)

// linked says which record over there a source's key became.
type linked struct {
	Scope   string `json:"scope"` // "<pipeline>.<step>" unless the sink says otherwise
	Key     string `json:"key"`
	ID      string `json:"id"`
	Version string `json:"version,omitempty"`
}

func (c *cli) linksCommand() *cobra.Command {
	var scope, key, id string
	var limit int
	cmd := &cobra.Command{
		Use:   "links [DIR]",
		Short: "Show which record in the target a record of the source became, or the other way round",
		Example: `  kopru links --key af16c270-08ff-4d96-ac21-ba7290aac212
  kopru links --id SO/000123`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withState(cmd, args, func(store *state.Store) error {
				found, err := store.LinksOf(cmd.Context(), scope, key, id, limit)
				if err != nil {
					return err
				}
				links := make([]linked, len(found))
				for i, l := range found {
					links[i] = linked{Scope: l.Scope, Key: l.Key, ID: l.TargetID, Version: l.Version}
				}
				if c.json {
					return c.printJSON(map[string]any{"links": links})
				}
				if len(links) == 0 {
					fmt.Fprintln(c.out, "No links.")
				}
				for _, l := range links {
					fmt.Fprintf(c.out, "%-24s %-40s → %s\n", l.Scope, l.Key, l.ID)
				}
				return nil
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&scope, "scope", "", "of this sink, `PIPELINE.STEP`")
	flags.StringVar(&key, "key", "", "of this record of the source")
	flags.StringVar(&id, "id", "", "of this record of the target")
	flags.IntVar(&limit, "limit", 100, "no more than so many")
	return cmd
}
