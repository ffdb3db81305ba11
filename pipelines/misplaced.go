package pipelines

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/diag"
)

// belongs says where a block goes that stands elsewhere, "" = there is none of this name.
func belongs(block string) string {
	switch {
	case slices.Contains([]string{"source", "filter", "lookup", "transform", "sink", "on_error"}, block):
		return "It goes into a pipeline block, beside the other steps."
	case slices.Contains([]string{"alert", "connection", "engine", "locals", "pipeline", "reconcile", "require", "use", "variable"}, block):
		return "It stands by itself, at the top level of a file. Is a closing brace missing above?"
	}
	return ""
}

// unclosed finds the brace that is not closed. The parser names the outermost one that is open at the end of the file; the
// text's indentation tells which one it is: what follows it begins no further right, or the next closing brace further left.
func (l *loader) unclosed(d *diag.Diagnostic, name string) {
	text := l.project.Files[name]
	tokens, _ := hclsyntax.LexConfig(text, name, hcl.InitialPos)
	type opener struct {
		brace  hcl.Range
		indent int
		line   int
	}
	indent := func(line []byte) int { return len(line) - len(bytes.TrimLeft(line, " \t")) }
	lines := bytes.Split(text, []byte("\n"))
	var open []opener
	last := 0 // line
	for _, t := range tokens {
		at := t.Range.Start.Line
		if at != last && len(open) > 0 && at <= len(lines) {
			o, depth := open[len(open)-1], indent(lines[at-1])
			if at > o.line && (t.Type == hclsyntax.TokenIdent && depth <= o.indent || t.Type == hclsyntax.TokenCBrace && depth < o.indent) {
				d.Subject = o.brace.Ptr()
				d.Detail = fmt.Sprintf("Its closing brace is missing: line %d begins further left than what is in it.", at)
				return
			}
		}
		last = at
		switch t.Type {
		case hclsyntax.TokenOBrace:
			open = append(open, opener{t.Range, indent(lines[at-1]), at})
		case hclsyntax.TokenCBrace:
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		}
	}
}
