package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/pipelines/diag"
)

// countOf is a number of things: 1 pipeline, 2 pipelines.
func countOf(n int, of string) string {
	if n != 1 {
		of += "s"
	}
	return fmt.Sprintf("%d %s", n, of)
}

func (c *cli) validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate [DIR]",
		Short: "Check a project offline, its tests included, and name every mistake",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, _ := split(args)
			h := c.newHost(dir, c.logger(&hidden{}))
			defer h.Close()
			p, diags, err := c.definition(cmd.Context(), dir, h)
			if err != nil {
				return err
			}
			tests := 0
			if !diags.HasErrors() {
				opts, err := c.options()
				if err != nil {
					return err
				}
				opts.Catalog = catalog{cmd.Context(), h}
				suite, more := pipelines.LoadTests(dir, opts)
				tests, diags = len(suite.Tests), append(diags, more...)
				for name, text := range suite.Files {
					if _, known := p.Files[name]; !known {
						p.Files[name] = text
					}
				}
			}
			if err := c.tell(p, diags); err != nil {
				return err
			}
			if c.json {
				return c.printJSON(map[string]any{"diagnostics": diag.JSON(diags), "pipelines": len(p.Pipelines), "tests": tests})
			}
			fmt.Fprintf(c.out, "%s is valid: %s, %s, %s.\n", dir, countOf(len(p.Pipelines), "pipeline"), countOf(len(p.Connections), "connection"),
				countOf(tests, "test"))
			return nil
		},
	}
}
