package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/plugins/protocol"
)

func (c *cli) connectorDocsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "docs NAME",
		Short: "Print a connector's reference in Markdown: settings, what it may use, entities, fields and options",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h := c.newHost(".", c.logger(nil))
			defer h.Close()
			m, err := h.Manifest(cmd.Context(), args[0])
			if err != nil {
				return fmt.Errorf("connector %q: %w", args[0], err)
			}
			var text strings.Builder
			writeReference(&text, m)
			if c.json {
				return c.printJSON(map[string]any{"name": m.GetName(), "markdown": text.String()})
			}
			_, err = io.WriteString(c.out, text.String())
			return err
		},
	}
}

// writeReference writes what a manifest says as Markdown.
func writeReference(w io.Writer, m *protocol.Manifest) {
	fmt.Fprintf(w, "# %s %s\n\n%s\n\n", m.GetName(), m.GetVersion(), m.GetSummary())
	fmt.Fprintf(w, "This page is written by `kopru connector docs %s`.\n\n## Connection\n\n```hcl\nconnection %q \"name\" {\n", m.GetName(), m.GetName())
	width := 0
	for _, a := range m.GetConfig() {
		if a.GetRequired() {
			width = max(width, len(a.GetName()))
		}
	}
	for _, a := range m.GetConfig() {
		if a.GetRequired() {
			fmt.Fprintf(w, "  %-*s = %s\n", width, a.GetName(), settingExample(a))
		}
	}
	fmt.Fprint(w, "}\n```\n\n")
	writeSettings(w, "setting", m.GetConfig())
	writeAccess(w, m)
	for _, e := range m.GetEntities() {
		writeEntity(w, e)
	}
}

// settingExample is a value that could stand in a project.
func settingExample(a *protocol.Attribute) string {
	switch {
	case a.GetSensitive():
		return fmt.Sprintf("secret(%q)", a.GetName())
	case a.GetDefaultJson() != "":
		return a.GetDefaultJson()
	case len(a.GetValues()) > 0:
		return fmt.Sprintf("%q", a.GetValues()[0])
	case a.GetExample() == "":
		return "…"
	case a.GetType() == protocol.AttributeType_ATTRIBUTE_TYPE_STRING || a.GetType() == protocol.AttributeType_ATTRIBUTE_TYPE_URL:
		return fmt.Sprintf("%q", a.GetExample())
	}
	return a.GetExample()
}

func writeSettings(w io.Writer, what string, all []*protocol.Attribute) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(w, "| %s | type | | what it is |\n|---|---|---|---|\n", what)
	for _, a := range all {
		var marks []string
		if a.GetRequired() {
			marks = append(marks, "required")
		}
		if a.GetSensitive() {
			marks = append(marks, "secret")
		}
		if a.GetDefaultJson() != "" {
			marks = append(marks, "default `"+a.GetDefaultJson()+"`")
		}
		switch a.GetPath() {
		case protocol.PathAccess_PATH_ACCESS_READ:
			marks = append(marks, "is read")
		case protocol.PathAccess_PATH_ACCESS_WRITE:
			marks = append(marks, "is read and written")
		}
		text := a.GetDescription()
		if len(a.GetValues()) > 0 {
			text += " One of " + codes(a.GetValues()) + "."
		}
		if a.GetExample() != "" {
			text += " Example: " + codes([]string{a.GetExample()}) + "."
		}
		kind := strings.ToLower(strings.TrimPrefix(a.GetType().String(), "ATTRIBUTE_TYPE_"))
		fmt.Fprintf(w, "| `%s` | %s | %s | %s |\n", a.GetName(), settingKinds.Replace(kind), strings.Join(marks, ", "), tableCell(text))
	}
	fmt.Fprintln(w)
}

func writeAccess(w io.Writer, m *protocol.Manifest) {
	a := m.GetAccess()
	hosts := "any host: it does not say which"
	switch {
	case len(a.GetHosts()) == 1 && a.GetHosts()[0] == "*":
		hosts = "any host"
	case len(a.GetHosts()) > 0:
		hosts = codes(a.GetHosts())
	case a != nil:
		hosts = "nobody"
	}
	fmt.Fprintf(w, "Its process calls %s.", hosts)
	if len(a.GetFiles()) > 0 {
		fmt.Fprintf(w, " It reads %s.", codes(a.GetFiles()))
	}
	if len(a.GetEnvironment()) > 0 {
		fmt.Fprintf(w, " It is given the environment variables %s.", codes(a.GetEnvironment()))
	}
	fmt.Fprintln(w)
}

func writeEntity(w io.Writer, e *protocol.Entity) {
	title := "`" + e.GetName() + "`"
	if e.GetName() == "*" {
		title = "Any name"
	}
	can := marked([]mark{
		{e.GetCanRead(), "read"},
		{e.GetIncremental(), "read only what changed"},
		{e.GetCanLookup(), "look up"},
		{e.GetCanCreate(), "create"},
		{e.GetCanUpdate(), "update"},
		{e.GetCanDelete(), "delete"},
		{e.GetAppendOnly(), "only append"},
	})
	fmt.Fprintf(w, "\n## %s\n\n%s\n\nIt can: %s.", title, e.GetDescription(), strings.Join(can, ", "))
	if e.GetIdField() != "" {
		fmt.Fprintf(w, " Its id is `%s`.", e.GetIdField())
	}
	if e.GetOpenFields() {
		fmt.Fprint(w, " Records may have fields that are not listed here.")
	}
	fmt.Fprint(w, "\n\n")
	if len(e.GetFields()) > 0 {
		fmt.Fprint(w, "| field | type | | what it is |\n|---|---|---|---|\n")
		writeFields(w, "", e.GetFields())
		fmt.Fprintln(w)
	}
	writeSettings(w, "source option", e.GetSourceOptions())
	writeSettings(w, "sink option", e.GetSinkOptions())
}

func writeFields(w io.Writer, path string, fields []*protocol.Field) {
	for _, f := range fields {
		kind := typeName(f.GetType())
		if f.GetType() == protocol.FieldType_FIELD_TYPE_LIST && len(f.GetFields()) == 0 {
			kind += " of " + typeName(f.GetItems())
		}
		text := f.GetDescription()
		if len(f.GetValues()) > 0 {
			text += " One of " + codes(f.GetValues()) + "."
		}
		if f.GetReferences() != "" {
			text += " The id of a `" + f.GetReferences() + "`."
		}
		fmt.Fprintf(w, "| `%s` | %s | %s | %s |\n", path+f.GetName(), kind, strings.TrimSpace(strings.Join(fieldMarks(f), ", ")), tableCell(text))
		inner := path + f.GetName() + "."
		if f.GetType() == protocol.FieldType_FIELD_TYPE_LIST {
			inner = path + f.GetName() + "[]."
		}
		writeFields(w, inner, f.GetFields())
	}
}

func codes(all []string) string { return "`" + strings.Join(all, "`, `") + "`" }

var settingKinds = strings.NewReplacer("string_list", "list of text", "string_map", "map of text", "object_map", "objects by name", "string", "text")

// tableCell is text that does not end a table's cell.
func tableCell(text string) string {
	return strings.TrimSpace(strings.NewReplacer("|", `\|`, "\n", " ").Replace(text))
}
