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

// unclosed finds the block whose brace is missing. The parser names the outermost one that is open at the end of the file;
// the text's indentation tells which one it is: what follows it begins no further right than it does.
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
		if at != last && t.Type == hclsyntax.TokenIdent && len(open) > 0 {
			if o := open[len(open)-1]; at > o.line && at <= len(lines) && indent(lines[at-1]) <= o.indent {
				d.Subject = o.brace.Ptr()
				d.Detail = fmt.Sprintf("Its closing brace is missing: line %d begins no further right than this block does.", at)
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
