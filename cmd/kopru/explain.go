package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/pipelines/expr"
)

func (c *cli) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain [CODE|FUNCTION]",
		Short: "Say what an error code means, or what a function does; without one, list them",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			functions := pipelines.Functions()
			names := make([]string, len(functions))
			for i, f := range functions {
				names[i] = f.Name
			}
			if len(args) == 0 {
				return c.listExplained(names)
			}
			if i := slices.Index(names, args[0]); i >= 0 {
				return c.explainFunction(functions[i])
			}
			help := diag.Explain(args[0])
			if name, _, ok := strings.Cut(args[0], "."); ok && help == "" {
				help = c.codeOfConnector(name)
			}
			if help == "" {
				suggestion := ""
				if closest := diag.Closest(args[0], slices.Concat(diag.Codes(), names)); closest != "" {
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

// codeOfConnector is the help for a code that a connector gives to what its system said, "" when it is not installed.
func (c *cli) codeOfConnector(name string) string {
	h := c.newHost(".", c.logger(nil))
	defer h.Close()
	if !slices.Contains(h.Names(), name) {
		return ""
	}
	return "A code of the connector " + name + ". What the system said stands in the letter's message: kopru dead show NUMBER. Mend the record, the " +
		"setting or the system that it names, then kopru dead replay."
}

func (c *cli) listExplained(functions []string) error {
	if c.json {
		return c.printJSON(map[string]any{"codes": diag.Codes(), "functions": functions})
	}
	for _, name := range slices.Concat(diag.Codes(), functions) {
		fmt.Fprintln(c.out, name)
	}
	return nil
}

func (c *cli) explainFunction(f expr.Function) error {
	if c.json {
		return c.printJSON(map[string]any{"function": f.Name, "help": f.Doc, "example": f.Example, "result": f.Result})
	}
	fmt.Fprintf(c.out, "%s\n  %s\n\n  %s\n  → %s\n", f.Name, f.Doc, f.Example, f.Result)
	return nil
}
