package dashboard

import (
	"slices"
	"strings"

	"github.com/kopru-io/kopru/plugins/record"
)

// Line is a line of a document, with what happened to it since the one before.
type Line struct {
	Indent int
	Name   string // of the field, "" in lists
	Text   string
	Mark   string // added, removed, changed, or "" where nothing changed
	Was    string // of a changed value
}

// Pad is the indentation as characters, so that a copied document keeps its shape.
func (l Line) Pad() string { return strings.Repeat("  ", l.Indent) }

// document writes a record line by line, marked against the one before; the same twice marks nothing.
func document(before, now any) []Line {
	d := &differ{}
	d.value("", before, now, "", 0, "")
	return d.lines
}

type differ struct{ lines []Line }

func (d *differ) add(l Line) { d.lines = append(d.lines, l) }

func (d *differ) value(name string, before, now any, mark string, indent int, comma string) {
	switch n := now.(type) {
	case map[string]any:
		b, same := before.(map[string]any)
		if mark == "" && !same {
			mark = "added"
			d.gone(name, before, indent)
		}
		if len(n) == 0 && len(b) == 0 {
			d.add(Line{Indent: indent, Name: name, Text: "{}" + comma, Mark: mark})
			return
		}
		d.add(Line{Indent: indent, Name: name, Text: "{", Mark: mark})
		d.fields(b, n, mark, indent+1)
		d.add(Line{Indent: indent, Text: "}" + comma, Mark: mark})
	case []any:
		b, same := before.([]any)
		if mark == "" && !same {
			mark = "added"
			d.gone(name, before, indent)
		}
		if len(n) == 0 && len(b) == 0 {
			d.add(Line{Indent: indent, Name: name, Text: "[]" + comma, Mark: mark})
			return
		}
		d.add(Line{Indent: indent, Name: name, Text: "[", Mark: mark})
		for i, v := range n {
			switch {
			case mark != "" || i >= len(b):
				d.value("", nil, v, "added", indent+1, separator(i, len(n)))
			default:
				d.value("", b[i], v, "", indent+1, separator(i, len(n)))
			}
		}
		for _, v := range b[min(len(b), len(n)):] {
			d.value("", nil, v, "removed", indent+1, "")
		}
		d.add(Line{Indent: indent, Text: "]" + comma, Mark: mark})
	default:
		l := Line{Indent: indent, Name: name, Text: scalar(now) + comma, Mark: mark}
		if mark == "" && !record.Equal(before, now) {
			l.Mark, l.Was = "changed", scalar(before)
		}
		d.add(l)
	}
}

// gone shows a list or an object that something else replaced.
func (d *differ) gone(name string, before any, indent int) {
	if before != nil {
		d.value(name, nil, before, "removed", indent, "")
	}
}

func (d *differ) fields(before, now map[string]any, mark string, indent int) {
	names := make([]string, 0, len(now))
	for name := range now {
		names = append(names, name)
	}
	for name := range before {
		if _, ok := now[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	left := len(now)
	for _, name := range names {
		v, is := now[name]
		old, was := before[name]
		if !is {
			d.value(name, nil, old, "removed", indent, "")
			continue
		}
		left--
		comma := ","
		if left == 0 {
			comma = ""
		}
		switch {
		case mark != "":
			d.value(name, nil, v, mark, indent, comma)
		case !was:
			d.value(name, nil, v, "added", indent, comma)
		default:
			d.value(name, old, v, "", indent, comma)
		}
	}
}

func separator(i, n int) string {
	if i == n-1 {
		return ""
	}
	return ","
}

// scalar is a value on one line.
func scalar(v any) string {
	data, err := record.Encode(v)
	if err != nil {
		return "?"
	}
	return string(data)
}
