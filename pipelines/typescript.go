package pipelines

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/expr"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/transforms/std"
)

// TypeScript declares, for editors, what the project's scripts work with: the library, the entities of its connectors,
// and for each script the record and the vars that it is given.
func (p *Project) TypeScript() string {
	w := &typeWriter{}
	w.line("// Written by kopru types; the next one replaces it.")
	w.line("")
	w.text(std.Declarations())
	w.text("\n" + std.TestDeclarations())
	w.scripts(p)
	w.line("")
	w.line("declare const console: Record<\"log\" | \"info\" | \"debug\" | \"warn\" | \"error\", (...values: unknown[]) => void>;")
	seen := map[string]bool{}
	for _, c := range p.Connections {
		if c.Manifest != nil && !seen[c.Type] {
			seen[c.Type] = true
			w.connector(c.Manifest)
		}
	}
	return w.out.String()
}

// typeWriter writes TypeScript.
type typeWriter struct {
	out    strings.Builder
	indent string
	given  bool // values are known, so that their fields are there
}

func (w *typeWriter) line(format string, args ...any) {
	if format != "" {
		w.out.WriteString(w.indent)
		fmt.Fprintf(&w.out, format, args...)
	}
	w.out.WriteByte('\n')
}

func (w *typeWriter) text(s string) { w.out.WriteString(s) }

func (w *typeWriter) doc(text string) {
	if text = strings.ReplaceAll(strings.TrimSpace(text), "*/", "* /"); text != "" {
		w.line("/** %s */", text)
	}
}

// inside writes what f does, further in.
func (w *typeWriter) inside(f func()) {
	before := w.indent
	w.indent += "  "
	f()
	w.indent = before
}

// scripts says what each script is given. One that stands in several steps may be given what any of them is.
func (w *typeWriter) scripts(p *Project) {
	steps := map[string][]*Transform{}
	for _, pipeline := range p.Pipelines {
		for _, step := range pipeline.Steps {
			if t, ok := step.(*Transform); ok && t.Path != "" {
				steps[t.Path] = append(steps[t.Path], t)
			}
		}
	}
	w.line("")
	w.line("declare module \"kopru/std\" {")
	w.inside(func() {
		w.line("interface Scripts {")
		w.inside(func() {
			for _, path := range sortedNames(steps) {
				var records, vars []string
				for _, t := range steps[path] {
					records = append(records, w.typeOf(t.Input))
					given := typeWriter{indent: w.indent, given: true}
					vars = append(vars, given.typeOf(varsShape(t.Vars)))
				}
				w.line("%s: { record: %s; vars: %s };", strconv.Quote(path), union(records), union(vars))
			}
		})
		w.line("}")
	})
	w.line("}")
}

// varsShape is what is known of vars. Their maps may have other keys tomorrow.
func varsShape(vars map[string]any) *expr.Shape {
	s := &expr.Shape{Kind: expr.Object, Fields: map[string]*expr.Shape{}}
	for name, v := range vars {
		s.Fields[name] = expr.ShapeOf(v)
		s.Fields[name].Open = true
	}
	return s
}

func union(types []string) string {
	slices.Sort(types)
	return strings.Join(slices.Compact(types), " | ")
}

// connector declares the entities of a connector in a namespace.
func (w *typeWriter) connector(m *protocol.Manifest) {
	w.line("")
	w.doc(m.GetName() + " " + m.GetVersion() + ": " + m.GetSummary())
	w.line("declare namespace %s {", identifier(m.GetName()))
	w.inside(func() {
		for _, e := range m.GetEntities() {
			if e.GetName() == "*" {
				continue
			}
			w.doc(e.GetDescription())
			w.line("interface %s %s", identifier(e.GetName()), w.typeOf(expr.OfEntity(e, e.GetName())))
		}
	})
	w.line("}")
}

var notInName = regexp.MustCompile(`[^A-Za-z0-9_]`)

func identifier(name string) string { return notInName.ReplaceAllString(name, "_") }

// typeOf is a shape as a type.
func (w *typeWriter) typeOf(s *expr.Shape) string {
	if s == nil {
		return "any"
	}
	if t := fieldType(s.Field); t != "" {
		return t
	}
	switch s.Kind {
	case expr.Null:
		return "null"
	case expr.Bool:
		return "boolean"
	case expr.String:
		return "string"
	case expr.Number:
		return amount
	case expr.List:
		return list(w.typeOf(s.Element))
	case expr.Object:
		return w.object(s)
	}
	return "any"
}

const amount = `import("kopru/std").Amount`

// fieldType is what a connector says more exactly of a field than a shape does.
func fieldType(f *protocol.Field) string {
	if len(f.GetValues()) > 0 && f.GetType() == protocol.FieldType_FIELD_TYPE_STRING {
		quoted := make([]string, len(f.GetValues()))
		for i, v := range f.GetValues() {
			quoted[i] = strconv.Quote(v)
		}
		return strings.Join(quoted, " | ")
	}
	switch {
	case f.GetType() == protocol.FieldType_FIELD_TYPE_INTEGER:
		return "number"
	case f.GetType() == protocol.FieldType_FIELD_TYPE_LIST && len(f.GetFields()) == 0:
		switch f.GetItems() {
		case protocol.FieldType_FIELD_TYPE_STRING, protocol.FieldType_FIELD_TYPE_DATE, protocol.FieldType_FIELD_TYPE_DATETIME:
			return "string[]"
		case protocol.FieldType_FIELD_TYPE_INTEGER:
			return "number[]"
		case protocol.FieldType_FIELD_TYPE_DECIMAL:
			return list(amount)
		case protocol.FieldType_FIELD_TYPE_BOOL:
			return "boolean[]"
		}
	}
	return ""
}

func list(of string) string { return "Array<" + of + ">" }

func (w *typeWriter) object(s *expr.Shape) string {
	inner := &typeWriter{indent: w.indent + "  ", given: w.given}
	inner.line("{")
	for _, name := range sortedNames(s.Fields) {
		field := s.Fields[name]
		if field != nil {
			inner.doc(fieldDoc(field.Field))
		}
		key := name
		if !hclsyntax.ValidIdentifier(name) || strings.Contains(name, "-") {
			key = strconv.Quote(name)
		}
		if w.given {
			inner.line("%s: %s;", key, inner.typeOf(field))
		} else {
			inner.line("%s?: %s;", key, orNull(inner.typeOf(field)))
		}
	}
	if s.Open {
		inner.line("[name: string]: any;")
	}
	return strings.TrimLeft(inner.out.String(), " ") + w.indent + "}"
}

func orNull(t string) string {
	if t == "any" || t == "null" {
		return t
	}
	return t + " | null"
}

// fieldDoc is what a human should know of a field.
func fieldDoc(f *protocol.Field) string {
	var parts []string
	if text := strings.TrimRight(f.GetDescription(), ". "); text != "" {
		parts = append(parts, text+".")
	}
	switch f.GetType() {
	case protocol.FieldType_FIELD_TYPE_DATE:
		parts = append(parts, `A day, such as "2026-01-31".`)
	case protocol.FieldType_FIELD_TYPE_DATETIME:
		parts = append(parts, `A time, such as "2026-01-31T12:30:00Z".`)
	}
	if f.GetPii() {
		parts = append(parts, "Personal data.")
	}
	if f.GetReferences() != "" {
		parts = append(parts, "Refers to "+f.GetReferences()+".")
	}
	return strings.Join(parts, " ")
}
