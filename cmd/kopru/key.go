package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/state"
)

func (c *cli) keyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Encrypt what the state keeps of records, and change the key",
		Long: "Encrypt what the state keeps of records.\n\nThe key stands in KOPRU_KEY, in the file that KOPRU_KEY_FILE names, or as key in the engine block. " +
			"Once the state has been opened with a key it is opened with no other. Stop all nodes before the first one. Without the key " +
			"nothing can be read any more, so keep a copy where you keep no backup of the state.\n\nTo change it, put a new one in front, with a comma: " +
			"KOPRU_KEY=new,old. The first one writes, all of them read. Once every node has both, run kopru key rotate; then take the old one out.",
	}
	cmd.AddCommand(&cobra.Command{
		Use: "new", Short: "Make a key", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			key := state.NewKey()
			if c.json {
				return c.printJSON(map[string]any{"key": key.String(), "name": key.Name()})
			}
			fmt.Fprintln(c.out, key)
			return nil
		},
	}, &cobra.Command{
		Use: "rotate [DIR]", Short: "Encrypt with the newest key what is encrypted with another, or not at all", Args: cobra.MaximumNArgs(1),
		Long: "Encrypt with the newest key, the first of KOPRU_KEY, what is encrypted with another, or not at all, and leave no trace of how it was. " +
			"Runs may go on meanwhile; broken off, it goes on where it ended. At its end the database is compacted, and runs wait for that.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withState(cmd, args, func(store *state.Store) error {
				rows, err := store.Rotate(cmd.Context())
				if err != nil {
					return err
				}
				if err := store.Compact(cmd.Context(), "stories", "held", "activity", "intents", "vault"); err != nil {
					return err
				}
				key, _ := store.Encrypted()
				if c.json {
					return c.printJSON(map[string]any{"key": key, "rows": rows})
				}
				fmt.Fprintf(c.out, "%d rows are encrypted anew; all is encrypted with the key %s\n", rows, key)
				return nil
			})
		},
	})
	return cmd
}
