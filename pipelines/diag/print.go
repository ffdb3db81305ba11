package diag

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/apparentlymart/go-textseg/v15/textseg"
	"golang.org/x/text/width"
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
	if len(lines[n-1]) > longestLine {
		return // nobody wrote it by hand, and nobody could find the place by eye
	}
	line := strings.TrimRight(string(lines[n-1]), "\r")
	prefix := fmt.Sprintf("  %4d: ", n)
	fmt.Fprintf(w, "%s%s\n", prefix, line)
	end := d.Subject.End.Column
	if d.Subject.End.Line != n {
		end = math.MaxInt
	}
	indent, marks := underline(line, d.Subject.Start.Column, end)
	fmt.Fprintf(w, "%s%s%s\n", strings.Repeat(" ", len(prefix)), indent, strings.Repeat("^", max(1, marks)))
}

const longestLine = 1000

// underline is what to write before the carets and how many there are. The parser counts columns in what a reader
// calls characters; a terminal gives some of them, such as an emoji, the room of two.
func underline(line string, start, end int) (indent string, marks int) {
	var before strings.Builder
	scanner := bufio.NewScanner(strings.NewReader(line))
	scanner.Split(textseg.ScanGraphemeClusters)
	scanner.Buffer(nil, len(line)+bufio.MaxScanTokenSize)
	for column := 1; column < end && scanner.Scan(); column++ {
		room := 1
		if r, _ := utf8.DecodeRune(scanner.Bytes()); width.LookupRune(r).Kind() == width.EastAsianWide {
			room = 2
		}
		switch {
		case column >= start:
			marks += room
		case scanner.Text() == "\t": // tabs stay tabs, so that the carets stand below
			before.WriteByte('\t')
		default:
			before.WriteString("  "[:room])
		}
	}
	return before.String(), marks
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
