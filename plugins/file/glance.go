package file

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// glance checks JSON objects as most are written: without escapes, control characters, deep nesting or very many fields.
// It never calls sound what is not; what it does not call sound is for the real parser to judge.
type glance struct {
	text  []byte
	name  string // of the field that is looked for
	value []byte // of that field
	names []span // of the objects that are open
}

type span struct{ from, to int }

const (
	glanceDepth  = 64
	glanceFields = 32
)

// object tells whether text is one sound object, and finds the value of the field.
func (g *glance) object(text []byte, name string) (value []byte, sound bool) {
	if !plainText(text) || bytes.IndexByte(text, '\\') >= 0 || !utf8.Valid(text) {
		return nil, false
	}
	g.text, g.name, g.value, g.names = text, name, nil, g.names[:0]
	i := g.space(0)
	if g.at(i) != '{' {
		return nil, false
	}
	i = g.members(i+1, 0)
	return g.value, i >= 0 && g.space(i) == len(text)
}

// plainText tells whether there are no control characters. It looks at eight bytes at once: a byte below 0x20 borrows
// from its highest bit when 0x20 is taken from it.
func plainText(text []byte) bool {
	const each = 0x0101010101010101
	for ; len(text) >= 8; text = text[8:] {
		x := binary.LittleEndian.Uint64(text)
		if (x-each*0x20) & ^x & (each*0x80) != 0 {
			return false
		}
	}
	for _, c := range text {
		if c < 0x20 {
			return false
		}
	}
	return true
}

// at is the byte at i, 0 behind the end.
func (g *glance) at(i int) byte {
	if i < len(g.text) {
		return g.text[i]
	}
	return 0
}

func (g *glance) space(i int) int {
	for g.at(i) == ' ' {
		i++
	}
	return i
}

// The functions below go past something and return the place behind it, -1 when they have their doubts.

// members goes past what is in an object, and its end.
func (g *glance) members(i, depth int) int {
	base := len(g.names)
	if i = g.space(i); g.at(i) == '}' {
		return i + 1
	}
	for {
		if g.at(i) != '"' {
			return -1
		}
		name := span{from: i + 1}
		if i = g.quoted(i); i < 0 {
			return -1
		}
		name.to = i - 1
		if !g.fresh(base, name) {
			return -1
		}
		if i = g.space(i); g.at(i) != ':' {
			return -1
		}
		from := g.space(i + 1)
		if i = g.any(from, depth); i < 0 {
			return -1
		}
		if depth == 0 && string(g.text[name.from:name.to]) == g.name {
			g.value = g.text[from:i]
		}
		switch i = g.space(i); g.at(i) {
		case ',':
			i = g.space(i + 1)
		case '}':
			g.names = g.names[:base]
			return i + 1
		default:
			return -1
		}
	}
}

// fresh notes a name of the object whose names begin at base, unless it is there already.
func (g *glance) fresh(base int, name span) bool {
	text := g.text[name.from:name.to]
	if len(g.names)-base >= glanceFields {
		return false
	}
	for _, n := range g.names[base:] {
		if n.to-n.from == len(text) && bytes.Equal(g.text[n.from:n.to], text) {
			return false
		}
	}
	g.names = append(g.names, name)
	return true
}

func (g *glance) any(i, depth int) int {
	switch c := g.at(i); {
	case c == '"':
		return g.quoted(i)
	case c == '-' || c >= '0' && c <= '9':
		return g.number(i)
	case c == '{' && depth < glanceDepth:
		return g.members(i+1, depth+1)
	case c == '[' && depth < glanceDepth:
		return g.elements(i+1, depth+1)
	case c == 't':
		return g.word(i, "true")
	case c == 'f':
		return g.word(i, "false")
	case c == 'n':
		return g.word(i, "null")
	}
	return -1
}

func (g *glance) elements(i, depth int) int {
	if i = g.space(i); g.at(i) == ']' {
		return i + 1
	}
	for {
		if i = g.any(i, depth); i < 0 {
			return -1
		}
		switch i = g.space(i); g.at(i) {
		case ',':
			i = g.space(i + 1)
		case ']':
			return i + 1
		default:
			return -1
		}
	}
}

// quoted needs not look for escapes: there are none.
func (g *glance) quoted(i int) int {
	n := bytes.IndexByte(g.text[i+1:], '"')
	if n < 0 {
		return -1
	}
	return i + n + 2
}

func (g *glance) word(i int, word string) int {
	if end := i + len(word); end <= len(g.text) && string(g.text[i:end]) == word {
		return end
	}
	return -1
}

func (g *glance) number(i int) int {
	if g.at(i) == '-' {
		i++
	}
	if g.at(i) == '0' {
		i++
	} else if i = g.digits(i); i < 0 {
		return -1
	}
	if g.at(i) == '.' {
		if i = g.digits(i + 1); i < 0 {
			return -1
		}
	}
	if c := g.at(i); c == 'e' || c == 'E' {
		i++
		if c := g.at(i); c == '+' || c == '-' {
			i++
		}
		i = g.digits(i)
	}
	return i
}

// digits goes past one digit or more.
func (g *glance) digits(i int) int {
	from := i
	for c := g.at(i); c >= '0' && c <= '9'; c = g.at(i) {
		i++
	}
	if i == from {
		return -1
	}
	return i
}
