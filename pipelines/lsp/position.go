package lsp

import (
	"bytes"
	"unicode/utf8"

	"github.com/a-h/templ/lsp/protocol"
	"github.com/hashicorp/hcl/v2"
)

// The protocol counts lines and, within them, the units of UTF-16 from 0; HCL counts bytes.

// offsetOf is the byte at a position; one beyond its line is the line's end.
func offsetOf(text []byte, p protocol.Position) int {
	at := 0
	for range p.Line {
		end := bytes.IndexByte(text[at:], '\n')
		if end < 0 {
			return len(text)
		}
		at += end + 1
	}
	for units := uint32(0); units < p.Character && at < len(text) && text[at] != '\n'; {
		r, size := utf8.DecodeRune(text[at:])
		at += size
		units += width(r)
	}
	return at
}

// positionOf is the position of a byte.
func positionOf(text []byte, offset int) protocol.Position {
	before := text[:min(max(offset, 0), len(text))]
	p := protocol.Position{Line: uint32(bytes.Count(before, []byte{'\n'}))}
	for _, r := range string(before[bytes.LastIndexByte(before, '\n')+1:]) {
		p.Character += width(r)
	}
	return p
}

func width(r rune) uint32 {
	if r > 0xFFFF {
		return 2
	}
	return 1
}

func rangeOf(rng hcl.Range, text []byte) protocol.Range {
	return protocol.Range{Start: positionOf(text, rng.Start.Byte), End: positionOf(text, rng.End.Byte)}
}
