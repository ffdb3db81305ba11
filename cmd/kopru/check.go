package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/pipelines"
)

// checked is the answer of one connection.
type checked struct {
	Connection string    `json:"connection"`
	OK         bool      `json:"ok"`
	Facts      []string  `json:"facts,omitempty"`
	Problems   []problem `json:"problems,omitempty"`
}

type problem struct {
	Attribute string `json:"attribute,omitempty"`
	File      string `json:"file,omitempty"`
	Line      int    `json:"line,omitempty"`
	Summary   string `json:"summary"`
	Detail    string `json:"detail,omitempty"`
	Warning   bool   `json:"warning,omitempty"`
}

func (c *cli) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [DIR]",
		Short: "Try every connection live and say exactly what is wrong",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, _ := split(args)
			p, err := c.load(cmd.Context(), dir)
			if err != nil {
				return err
			}
			defer p.close()
			var answers []checked
			failed := false
			for _, def := range p.Connections {
				answer := p.check(cmd.Context(), def)
				failed = failed || !answer.OK
				answers = append(answers, answer)
				if !c.json {
					c.printChecked(answer)
				}
			}
			if c.json {
				if err := c.printJSON(map[string]any{"connections": answers}); err != nil {
					return err
				}
			}
			if failed {
				return exit(exitFailed)
			}
			return nil
		},
	}
}

// check tries one connection.
func (p *project) check(ctx context.Context, def *pipelines.Connection) checked {
	answer := checked{Connection: def.Address(), OK: true}
	conn, err := p.host.Connect(ctx, run.Target(def))
	if err != nil {
		answer.OK = false
		answer.Problems = []problem{{Summary: err.Error()}}
		return answer
	}
	facts, problems, err := conn.Check(ctx)
	if err != nil {
		answer.OK = false
		answer.Problems = []problem{{Summary: err.Error()}}
	}
	answer.Facts = facts
	for _, x := range problems {
		answer.OK = answer.OK && x.GetWarning()
		place := def.Place(x.GetAttribute())
		answer.Problems = append(answer.Problems, problem{
			Attribute: x.GetAttribute(), File: place.Filename, Line: place.Start.Line, Summary: x.GetSummary(), Detail: x.GetDetail(), Warning: x.GetWarning(),
		})
	}
	return answer
}

func (c *cli) printChecked(a checked) {
	sign := "✓"
	if !a.OK {
		sign = "✗"
	}
	fmt.Fprintf(c.out, "%s %s\n", sign, a.Connection)
	for _, fact := range a.Facts {
		fmt.Fprintf(c.out, "    %s\n", fact)
	}
	for _, p := range a.Problems {
		word := "problem"
		if p.Warning {
			word = "warning"
		}
		fmt.Fprintf(c.out, "    %s: %s\n", word, p.Summary)
		if p.Attribute != "" {
			fmt.Fprintf(c.out, "      at: %s, %s line %d\n", p.Attribute, p.File, p.Line)
		}
		if p.Detail != "" {
			fmt.Fprintf(c.out, "      %s\n", p.Detail)
		}
	}
}
