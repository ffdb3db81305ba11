package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/pipelines/diag"
)

func (c *cli) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain [CODE]",
		Short: "Say what an error code means and what to do; without one, list them",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				if c.json {
					return c.printJSON(map[string]any{"codes": diag.Codes()})
				}
				for _, code := range diag.Codes() {
					fmt.Fprintln(c.out, code)
				}
				return nil
			}
			help := diag.Explain(args[0])
			if help == "" {
				suggestion := ""
				if closest := diag.Closest(args[0], diag.Codes()); closest != "" {
					suggestion = fmt.Sprintf("; did you mean %q?", closest)
				}
				return fmt.Errorf("there is no code %q%s", args[0], suggestion)
			}
			if c.json {
				return c.printJSON(map[string]any{"code": args[0], "help": help})
			}
			fmt.Fprintf(c.out, "%s\n  %s\n", args[0], help)
			return nil
		},
	}
}
