package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/plugins/starter"
)

func (c *cli) connectorNewCommand() *cobra.Command {
	var language, dir, sdk string
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Begin a connector: a small complete one, which builds, is accepted and runs in a pipeline as it stands",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if dir == "" {
				dir = "kopru-connector-" + args[0]
			}
			written, err := starter.Write(dir, args[0], language, sdk)
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(map[string]any{"dir": dir, "files": written})
			}
			for _, name := range written {
				fmt.Fprintf(c.out, "  %s/%s\n", dir, name)
			}
			fmt.Fprintf(c.out, "\nNext:\n  cd %s\n  make accept\n", dir)
			return nil
		},
	}
	cmd.Flags().StringVar(&language, "lang", "go", "its language: "+strings.Join(starter.Languages, ", "))
	cmd.Flags().StringVar(&sdk, "sdk", "", "a checkout of Kopru to take the Go SDK from, where Go can't fetch this version of it")
	cmd.Flags().StringVar(&dir, "dir", "", "where to write it (default: kopru-connector-NAME)")
	return cmd
}
