package expr

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// Mention is a name in an expression, for an editor.
type Mention struct {
	Name     string
	Range    hcl.Range
	Root     bool      // it begins a path, else it is the field of something
	Of       string    // the root that it is a field of, directly: "var", "record"; "" = of something deeper
	Shape    *Shape    // what is known of its value
	Function *Function // when it is one
	Names    []Named   // what might stand there
}

// Named is a name that might stand somewhere.
type Named struct {
	Name  string
	Kind  string // field, function or name
	Shape *Shape
	Doc   string
}

// mentionRoot tells of a name that begins a path.
func (c *compiler) mentionRoot(name string, rng hcl.Range) {
	if c.env.Mention == nil {
		return
	}
	shapes := map[string]*Shape{}
	for n := range c.env.Constants {
		shapes[n] = c.env.Shapes[n]
	}
	for n := range c.env.Slots {
		shapes[n] = c.env.Shapes[n]
	}
	for n, l := range c.names {
		shapes[n] = l.shape
	}
	var names []Named
	for _, n := range slices.Sorted(maps.Keys(shapes)) {
		names = append(names, Named{Name: n, Kind: "name", Shape: shapes[n]})
	}
	for _, n := range slices.Sorted(maps.Keys(c.env.Functions)) {
		names = append(names, Named{Name: n, Kind: "function", Doc: c.env.Functions[n].Doc})
	}
	c.env.Mention(Mention{Name: name, Range: rng, Root: true, Shape: shapes[name], Names: names})
}

// mentionField tells of a field.
func (c *compiler) mentionField(parent *Shape, of, name string, rng hcl.Range) {
	if c.env.Mention == nil || parent == nil {
		return
	}
	var names []Named
	for _, n := range slices.Sorted(maps.Keys(parent.Fields)) {
		names = append(names, Named{Name: n, Kind: "field", Shape: parent.Fields[n]})
	}
	c.env.Mention(Mention{Name: name, Range: rng, Of: of, Shape: parent.Fields[name], Names: names})
}

func (c *compiler) mentionFunction(f Function, rng hcl.Range) {
	if c.env.Mention != nil {
		c.env.Mention(Mention{Name: f.Name, Range: rng, Function: &f})
	}
}

// Type is what is known of a value in a word or two, "" for nothing.
func (s *Shape) Type() string {
	if s == nil || s.Kind == Any {
		return ""
	}
	if f := s.Field; f != nil {
		return strings.ToLower(strings.TrimPrefix(f.GetType().String(), "FIELD_TYPE_"))
	}
	return s.Kind.String()
}
