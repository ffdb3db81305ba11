package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/kopru-io/kopru/plugins/protocol"
)

func (c *cli) connectorCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "connector", Short: "Look at connectors, begin one, judge one, release one, install and lock them"}
	cmd.AddCommand(
		c.connectorNewCommand(),
		c.acceptCommand(),
		c.connectorDocsCommand(),
		c.connectorKeyCommand(),
		c.connectorPackageCommand(),
		c.connectorPushCommand(),
		c.connectorLockCommand(),
		c.connectorInstallCommand(),
		c.connectorMirrorCommand(),
		&cobra.Command{
			Use:   "list",
			Short: "List connectors with their version",
			Args:  cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				h := c.newHost(".", c.logger(nil))
				defer h.Close()
				type row struct {
					Name    string `json:"name"`
					Version string `json:"version"`
					Summary string `json:"summary"`
					Problem string `json:"problem,omitempty"` // why it is not started
				}
				var rows []row
				for _, name := range h.Names() {
					m, err := h.Manifest(cmd.Context(), name)
					r := row{Name: name, Version: m.GetVersion(), Summary: m.GetSummary()}
					if err != nil {
						r.Problem = err.Error()
					}
					rows = append(rows, r)
				}
				if c.json {
					return c.printJSON(map[string]any{"connectors": rows})
				}
				for _, r := range rows {
					fmt.Fprintf(c.out, "%-14s %-8s %s\n", r.Name, r.Version, r.Summary+r.Problem)
				}
				return nil
			},
		},
		&cobra.Command{
			Use:   "schema NAME",
			Short: "Show a connector's settings and entities",
			Args:  cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				h := c.newHost(".", c.logger(nil))
				defer h.Close()
				m, err := h.Manifest(cmd.Context(), args[0])
				if err != nil {
					return fmt.Errorf("connector %q: %w", args[0], err)
				}
				if c.json {
					data, err := protojson.MarshalOptions{Multiline: true, UseProtoNames: true}.Marshal(m)
					if err != nil {
						return err
					}
					_, err = fmt.Fprintf(c.out, "%s\n", data)
					return err
				}
				c.printManifest(m)
				return nil
			},
		},
	)
	return cmd
}

func (c *cli) printManifest(m *protocol.Manifest) {
	fmt.Fprintf(c.out, "%s %s: %s\n\nSettings\n", m.GetName(), m.GetVersion(), m.GetSummary())
	for _, a := range m.GetConfig() {
		need := ""
		if a.GetRequired() {
			need = " (required)"
		} else if a.GetDefaultJson() != "" {
			need = " (default " + a.GetDefaultJson() + ")"
		}
		fmt.Fprintf(c.out, "  %-20s %s%s\n", a.GetName(), a.GetDescription(), need)
	}
	for _, e := range m.GetEntities() {
		fmt.Fprintf(c.out, "\n%s: %s\n", e.GetName(), e.GetDescription())
		c.printFields(e.GetFields(), "  ")
	}
}

func (c *cli) printFields(fields []*protocol.Field, indent string) {
	for _, f := range fields {
		marks := ""
		if all := fieldMarks(f); len(all) > 0 {
			marks = " " + strings.Join(all, " ")
		}
		fmt.Fprintf(c.out, "%s%-24s %-8s%s\n", indent, f.GetName(), typeName(f.GetType()), marks)
		c.printFields(f.GetFields(), indent+"  ")
	}
}

// fieldMarks are what can be said of a field in a word.
func fieldMarks(f *protocol.Field) []string {
	return marked([]mark{
		{f.GetMatch(), "match"},
		{f.GetOnCreate(), "create"},
		{f.GetOnUpdate(), "update"},
		{f.GetRequired(), "required"},
		{f.GetPii(), "personal"},
	})
}

// mark is a word that holds of something, or does not.
type mark struct {
	holds bool
	word  string
}

// marked are the words that hold.
func marked(all []mark) []string {
	var out []string
	for _, m := range all {
		if m.holds {
			out = append(out, m.word)
		}
	}
	return out
}

func typeName(t protocol.FieldType) string {
	names := map[protocol.FieldType]string{
		protocol.FieldType_FIELD_TYPE_STRING: "text", protocol.FieldType_FIELD_TYPE_INTEGER: "integer",
		protocol.FieldType_FIELD_TYPE_DECIMAL: "decimal", protocol.FieldType_FIELD_TYPE_BOOL: "bool",
		protocol.FieldType_FIELD_TYPE_DATE: "date", protocol.FieldType_FIELD_TYPE_DATETIME: "time",
		protocol.FieldType_FIELD_TYPE_OBJECT: "object", protocol.FieldType_FIELD_TYPE_LIST: "list",
	}
	if n, ok := names[t]; ok {
		return n
	}
	return "any"
}
