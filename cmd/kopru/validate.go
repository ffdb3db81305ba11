package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (c *cli) validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate [DIR]",
		Short: "Check a project offline and name every mistake",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, _ := split(args)
			p, err := c.load(cmd.Context(), dir)
			if err != nil {
				return err
			}
			defer p.close()
			if c.json {
				return c.printJSON(map[string]any{"diagnostics": []any{}, "pipelines": len(p.Pipelines)})
			}
			fmt.Fprintf(c.out, "%s is valid: %d pipelines, %d connections.\n", dir, len(p.Pipelines), len(p.Connections))
			return nil
		},
	}
}
