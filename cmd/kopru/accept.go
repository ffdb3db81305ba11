package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/plugins/acceptance"
)

func (c *cli) acceptCommand() *cobra.Command {
	var spec, only string
	cmd := &cobra.Command{
		Use:   "accept BINARY",
		Short: "Judge a connector over the real protocol, promise by promise",
		Long: `Starts the connector as the engine does and holds it to each promise that plugins/README.md makes for it. The file
accept.hcl beside it, or --spec, says what it is tried with: a system that it can reach and may write to.

The level it reaches: "described" (it says truly what it is), "exact" (what it reads, finds and writes is right),
"enduring" (also when it is interrupted, killed or used by many). Exit code 1 when a promise is broken.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if spec == "" {
				spec = filepath.Join(filepath.Dir(args[0]), "accept.hcl")
			}
			s, err := acceptance.ReadSpec(spec, c.env)
			if err != nil {
				return fmt.Errorf("the specification of what to try: %w", err)
			}
			o := acceptance.Options{Binary: args[0], Spec: s, Only: only, Launcher: launcher()}
			if !c.json {
				o.Each = c.printVerdict
			}
			report, err := acceptance.Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			failed := 0
			for _, r := range report.Results {
				if r.Status == acceptance.Failed {
					failed++
					if !c.json {
						fmt.Fprintf(c.out, "\n%s %s\n  the promise: %s\n  what was seen: %s\n  again: kopru connector accept %s --spec %s --only %s\n",
							r.ID, r.Subject, r.Promise, r.Detail, args[0], spec, r.ID)
					}
				}
			}
			if c.json {
				err = c.printJSON(report)
			} else {
				fmt.Fprintf(c.out, "\n%s %s reaches the level %q.\n", report.Connector, report.Version, report.Level)
			}
			if err == nil && failed > 0 {
				return exit(exitFailed)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&spec, "spec", "", "what to try it with (default: accept.hcl beside the binary)")
	cmd.Flags().StringVar(&only, "only", "", "only checks whose id begins so, such as read or write.update")
	return cmd
}

func (c *cli) printVerdict(r acceptance.Result) {
	mark := map[acceptance.Status]string{acceptance.Passed: "✓", acceptance.Failed: "✗", acceptance.Skipped: "·"}[r.Status]
	line := fmt.Sprintf("%s %-18s %-16s %s", mark, r.ID, r.Subject, r.Promise)
	if r.Status == acceptance.Skipped {
		line = fmt.Sprintf("%s %-18s %-16s skipped: %s", mark, r.ID, r.Subject, r.Detail)
	}
	fmt.Fprintln(c.out, strings.TrimRight(line, " "))
}
