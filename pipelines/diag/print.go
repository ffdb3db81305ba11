package diag

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Print shows diagnostics to a human: what is wrong, the line with the place marked, and what to do. files holds the
// sources by name.
func Print(w io.Writer, list List, files map[string][]byte, color bool) {
	red, yellow, bold, reset := "", "", "", ""
	if color {
		red, yellow, bold, reset = "\033[31m", "\033[33m", "\033[1m", "\033[0m"
	}
	for _, d := range list {
		word, tint := "Error", red
		if d.Severity == Warning {
			word, tint = "Warning", yellow
		}
		fmt.Fprintf(w, "%s%s:%s %s%s%s  [%s]\n", tint, word, reset, bold, d.Summary, reset, d.Code)
		if d.Subject != nil {
			fmt.Fprintf(w, "\n  %s line %d, column %d\n", d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column)
			snippet(w, d, files[d.Subject.Filename])
		}
		text := d.Detail
		if d.Suggest != "" {
			text += fmt.Sprintf(" Did you mean %q?", d.Suggest)
		}
		fmt.Fprintf(w, "\n  %s\n\n", strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  "))
	}
}

// snippet shows the line of the subject with carets below it.
func snippet(w io.Writer, d Diagnostic, source []byte) {
	lines := bytes.Split(source, []byte("\n"))
	n := d.Subject.Start.Line
	if n < 1 || n > len(lines) || source == nil {
		return
	}
	line := strings.TrimRight(string(lines[n-1]), "\r")
	prefix := fmt.Sprintf("  %4d: ", n)
	fmt.Fprintf(w, "%s%s\n", prefix, line)
	end := d.Subject.End.Column
	if d.Subject.End.Line != n {
		end = len([]rune(line)) + 1
	}
	start := max(1, d.Subject.Start.Column)
	var indent strings.Builder
	for i, r := range []rune(line) { // tabs stay tabs, so that the carets stand below
		if i >= start-1 {
			break
		}
		if r == '\t' {
			indent.WriteRune('\t')
		} else {
			indent.WriteByte(' ')
		}
	}
	fmt.Fprintf(w, "%s%s%s\n", strings.Repeat(" ", len(prefix)), indent.String(), strings.Repeat("^", max(1, end-start)))
}

// Place is where a diagnostic stands, in JSON. Lines and columns count from 1.
type Place struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"end_line"`
	EndColumn int    `json:"end_column"`
}

// Object is a diagnostic in JSON.
type Object struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`
	Summary  string   `json:"summary"`
	Detail   string   `json:"detail"`
	Suggest  string   `json:"did_you_mean,omitempty"`
	Place    *Place   `json:"place,omitempty"`
}

// JSON returns the list as it is printed with --json.
func JSON(list List) []Object {
	out := make([]Object, len(list))
	for i, d := range list {
		out[i] = Object{Severity: d.Severity, Code: d.Code, Summary: d.Summary, Detail: d.Detail, Suggest: d.Suggest}
		if d.Subject != nil {
			out[i].Place = &Place{
				d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column, d.Subject.End.Line, d.Subject.End.Column,
			}
		}
	}
	return out
}
