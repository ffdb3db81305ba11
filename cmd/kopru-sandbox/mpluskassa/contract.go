package mpluskassa

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed contract.txt
var contractText string

// contract is what the vendor's WSDL says, as far as the emulator goes.
type contract struct {
	operations map[string]*operation
	structures map[string]*structure
	enums      map[string]map[string]bool
}

// operation is one operation: the element its Body child is, and the element that answers it.
type operation struct {
	name, response  string
	request, answer *structure
}

// structure is a complex type; its fields stand in the order of the schema's sequence.
type structure struct {
	name   string
	fields []field
	index  map[string]int
}

// field is one element of a structure. Scalars have no structure.
type field struct {
	name, kind     string
	optional, many bool
	structure      *structure
	enum           map[string]bool
}

func (s *structure) field(name string) *field {
	if i, ok := s.index[name]; ok {
		return &s.fields[i]
	}
	return nil
}

// readContract reads the text form, in which a line that starts with a tab goes on.
func readContract(text string) *contract {
	c := &contract{make(map[string]*operation), make(map[string]*structure), make(map[string]map[string]bool)}
	answers := make(map[string]string)
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\n\t", " "), "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		switch name := words[1]; words[0] {
		case "op":
			c.operations[name] = &operation{name: name, response: words[2], request: newStructure(name, words[4:])}
			answers[name] = words[3]
		case "type":
			c.structures[name] = newStructure(name, words[2:])
		case "enum":
			c.enums[name] = make(map[string]bool)
			for _, v := range words[2:] {
				c.enums[name][v] = true
			}
		}
	}
	for _, s := range c.structures {
		c.link(s)
	}
	for _, o := range c.operations {
		c.link(o.request)
		o.answer = c.structures[answers[o.name]]
	}
	return c
}

func newStructure(name string, fields []string) *structure {
	s := &structure{name: name, index: make(map[string]int)}
	for _, f := range fields {
		name, kind, _ := strings.Cut(f, ":")
		base := strings.TrimRight(name, "?*+")
		mark := name[len(base):]
		s.index[base] = len(s.fields)
		optional, many := mark == "?" || mark == "*", mark == "*" || mark == "+"
		s.fields = append(s.fields, field{name: base, kind: kind, optional: optional, many: many})
	}
	return s
}

func (c *contract) link(s *structure) {
	for i := range s.fields {
		f := &s.fields[i]
		f.structure, f.enum = c.structures[f.kind], c.enums[f.kind]
		if f.structure == nil && f.enum == nil && !scalarKinds[f.kind] {
			panic(fmt.Sprintf("contract: %s.%s has the unknown type %s", s.name, f.name, f.kind))
		}
	}
}

var scalarKinds = map[string]bool{
	"string": true, "int": true, "long": true, "short": true, "unsignedInt": true, "boolean": true, "decimal": true,
	"date": true, "dateTime": true, "base64Binary": true,
}
