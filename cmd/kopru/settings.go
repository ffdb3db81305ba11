package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/pipelines"
)

// settingLine is a variable of the project.
type settingLine struct {
	Name        string   `json:"name"`
	Type        string   `json:"type"`
	Value       any      `json:"value"`
	From        string   `json:"from"`
	Sensitive   bool     `json:"sensitive,omitempty"`
	Description string   `json:"description,omitempty"`
	Rules       []string `json:"rules,omitempty"`
	File        string   `json:"file"`
}

func (c *cli) settingsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "settings [DIR] [NAME...]",
		Short: "List the project's settings: what each is, its value, and where that comes from",
		RunE: func(_ *cobra.Command, args []string) error {
			dir, names := split(args)
			opts, err := c.options()
			if err != nil {
				return err
			}
			opts.Detached = true
			opts.Secret = c.secrets(dir)
			p, diags := pipelines.VariablesOf(dir, opts)
			if err := c.tell(p, diags); err != nil {
				return err
			}
			lines, err := settingLines(p, names)
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(map[string]any{"settings": lines})
			}
			return c.printSettings(lines, len(names) > 0)
		},
	}
}

func settingLines(p *pipelines.Project, names []string) ([]settingLine, error) {
	lines, byName := []settingLine{}, map[string]settingLine{}
	var known []string
	for _, v := range p.Variables {
		line := settingLine{v.Name, v.Type, v.Value, v.From, v.Sensitive, v.Description, v.Rules, v.Range.Filename}
		lines, byName[v.Name], known = append(lines, line), line, append(known, v.Name)
	}
	if len(names) == 0 {
		return lines, nil
	}
	lines = nil
	for _, name := range names {
		line, ok := byName[name]
		if !ok {
			return nil, fmt.Errorf("there is no setting %q%s; kopru settings lists them", name, didYouMean(name, known))
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// printSettings writes a line for each setting or, of those that were asked for, all there is to know.
func (c *cli) printSettings(lines []settingLine, whole bool) error {
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, l := range lines {
		value := "(secret)"
		if !l.Sensitive {
			text, err := json.Marshal(l.Value)
			if err != nil {
				return err
			}
			value = string(text)
		}
		if !whole {
			fmt.Fprintf(w, "%s\t%s\t%s\n", l.Name, l.From, ansi.Truncate(value, 60, "…"))
			continue
		}
		fmt.Fprintf(w, "%s = %s\n  %s\n  %s, from: %s, declared in %s\n", l.Name, value, l.Description, l.Type, l.From, l.File)
		for _, rule := range l.Rules {
			fmt.Fprintf(w, "  %s\n", rule)
		}
	}
	return w.Flush()
}
