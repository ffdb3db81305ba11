package pipelines

import (
	"bytes"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/kopru-io/kopru/pipelines/diag"
)

// Format returns the text of a file in the one style that all projects have: HCL's own indentation and alignment, no
// white space at the end of a line, at most one empty line in a row and none beside a brace, one between blocks, and
// one line feed at the end. Comments stay, and so does the meaning. A text that is no HCL comes back as it is, with
// what is wrong with it.
func Format(src []byte, name string) ([]byte, diag.List) {
	tokens, _ := hclsyntax.LexConfig(src, name, hcl.InitialPos)
	if rng, deep := tooDeep(tokens); deep {
		return src, diag.List{{
			Severity: diag.Error, Code: "lang.syntax", Summary: "Too many brackets in brackets",
			Detail: "Take the expression apart with locals.", Subject: rng.Ptr(),
		}}
	}
	if _, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos); diags.HasErrors() {
		return src, fromHCL(diags)
	}
	out := src
	for range mostPasses { // some of HCL's alignments settle only at the second pass
		next := hclwrite.Format(spaced(out, name))
		if bytes.Equal(next, out) {
			break
		}
		out = next
	}
	if !sameTokens(src, out, name) {
		return src, nil // rather untidy than another program
	}
	return out, nil
}

const mostPasses = 5

// spaced mends line ends and empty lines.
func spaced(src []byte, name string) []byte {
	tokens, _ := hclsyntax.LexConfig(src, name, hcl.InitialPos)
	closing := blockEnds(src, name)
	var out bytes.Buffer
	end := 0                 // of what was copied from src
	opened, empty := true, 0 // whether nothing but a brace stands before, and how many empty lines do
	for i, token := range tokens {
		if token.Type == hclsyntax.TokenEOF {
			break
		}
		gap := src[end:token.Range.Start.Byte]
		end = token.Range.End.Byte
		atStart := i == 0 || endsLine(tokens[i-1])
		if token.Type == hclsyntax.TokenNewline {
			if atStart {
				empty++
			} else {
				out.WriteByte('\n')
			}
			continue
		}
		if atStart {
			shut := token.Type == hclsyntax.TokenCBrace
			if (empty > 0 || i > 1 && closing[tokens[i-2].Range.Start.Byte]) && !opened && !shut {
				out.WriteByte('\n')
			}
			empty = 0
		}
		out.Write(gap)
		out.Write(lineEnd(token))
		opened = token.Type == hclsyntax.TokenOBrace
	}
	text := bytes.TrimRight(out.Bytes(), "\n")
	if len(text) == 0 {
		return nil
	}
	return append(text, '\n')
}

// endsLine tells whether the next token begins a line.
func endsLine(t hclsyntax.Token) bool {
	return t.Type == hclsyntax.TokenNewline || t.Type == hclsyntax.TokenComment && bytes.HasSuffix(t.Bytes, []byte("\n"))
}

// lineEnd is a token without what editors leave at the end of a comment's line.
func lineEnd(t hclsyntax.Token) []byte {
	if t.Type != hclsyntax.TokenComment || !endsLine(t) {
		return t.Bytes
	}
	return append(bytes.TrimRight(t.Bytes, " \t\r\n"), '\n')
}

// blockEnds is where the closing braces of blocks of several lines stand: an empty line comes after them.
func blockEnds(src []byte, name string) map[int]bool {
	file, _ := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	out := map[int]bool{}
	var visit func(*hclsyntax.Body)
	visit = func(body *hclsyntax.Body) {
		for _, block := range body.Blocks {
			if block.OpenBraceRange.Start.Line != block.CloseBraceRange.Start.Line {
				out[block.CloseBraceRange.Start.Byte] = true
			}
			visit(block.Body)
		}
	}
	visit(file.Body.(*hclsyntax.Body)) // what the parser makes of native syntax
	return out
}

// sameTokens tells whether two texts differ in white space and line ends alone.
func sameTokens(a, b []byte, name string) bool {
	return slices.EqualFunc(significant(a, name), significant(b, name), bytes.Equal)
}

func significant(src []byte, name string) [][]byte {
	tokens, _ := hclsyntax.LexConfig(src, name, hcl.InitialPos)
	var out [][]byte
	for i, t := range tokens {
		switch {
		case t.Type == hclsyntax.TokenComment:
			out = append(out, bytes.TrimRight(t.Bytes, " \t\r\n"))
		case t.Type != hclsyntax.TokenNewline:
			out = append(out, t.Bytes)
		case i > 0 && !endsLine(tokens[i-1]): // empty lines mean nothing
			out = append(out, []byte("\n"))
		}
	}
	return out
}
