package expr

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// Kind is the type of a value as far as it is known.
type Kind int

// Kinds. Any is everything.
const (
	Any Kind = iota
	Null
	Bool
	String
	Number
	List
	Object
)

var kindNames = [...]string{"any", "null", "bool", "string", "number", "list", "object"}

func (k Kind) String() string { return kindNames[k] }

func (k Kind) withArticle() string {
	switch k {
	case Null:
		return "null"
	case Object, Any:
		return "an " + k.String()
	}
	return "a " + k.String()
}

// Shape is what is known of a value before there is a record: its kind, its fields, its elements. A nil *Shape knows
// nothing.
type Shape struct {
	Kind    Kind
	Fields  map[string]*Shape // of an object
	Open    bool              // the object may have other fields
	Element *Shape            // of a list
	Of      string            // whose it is, for messages: "order of mpluskassa"
	Field   *protocol.Field   // what the connector says of it; nil when it is no connector's

	keys   map[string]hcl.Range // where the fields of an object constructor stand
	values map[string]hclsyntax.Expression
}

func (s *Shape) set(name string, field *Shape, key hcl.Range, value hclsyntax.Expression) {
	if s.keys == nil {
		s.keys, s.values = map[string]hcl.Range{}, map[string]hclsyntax.Expression{}
	}
	if field == nil {
		field = &Shape{}
	}
	s.Fields[name], s.keys[name], s.values[name] = field, key, value
}

// KeyRange is where a field of an object constructor is named.
func (s *Shape) KeyRange(name string) (hcl.Range, bool) {
	r, ok := s.keys[name]
	return r, ok
}

// Text is the text that a field of an object constructor has, when it is written there in plain.
func (s *Shape) Text(name string) (string, bool) {
	t, ok := s.values[name].(*hclsyntax.TemplateExpr)
	if !ok || !t.IsStringLiteral() {
		return "", false
	}
	v, diags := t.Value(nil)
	if diags.HasErrors() {
		return "", false
	}
	return v.AsString(), true
}

// OfEntity is the shape of an entity's records.
func OfEntity(e *protocol.Entity, of string) *Shape {
	return &Shape{Kind: Object, Fields: ofFields(e.GetFields(), of), Open: e.GetOpenFields() || len(e.GetFields()) == 0, Of: of}
}

func ofFields(fields []*protocol.Field, of string) map[string]*Shape {
	out := make(map[string]*Shape, len(fields))
	for _, f := range fields {
		out[f.GetName()] = OfField(f, of)
	}
	return out
}

// OfField is the shape of a field.
func OfField(f *protocol.Field, of string) *Shape {
	of = f.GetName() + " of " + of
	object := &Shape{Kind: Object, Fields: ofFields(f.GetFields(), of), Open: len(f.GetFields()) == 0, Of: of, Field: f}
	switch f.GetType() {
	case protocol.FieldType_FIELD_TYPE_STRING, protocol.FieldType_FIELD_TYPE_DATE, protocol.FieldType_FIELD_TYPE_DATETIME:
		return &Shape{Kind: String, Field: f}
	case protocol.FieldType_FIELD_TYPE_INTEGER, protocol.FieldType_FIELD_TYPE_DECIMAL:
		return &Shape{Kind: Number, Field: f}
	case protocol.FieldType_FIELD_TYPE_BOOL:
		return &Shape{Kind: Bool, Field: f}
	case protocol.FieldType_FIELD_TYPE_OBJECT:
		return object
	case protocol.FieldType_FIELD_TYPE_LIST:
		if len(f.GetFields()) > 0 {
			return &Shape{Kind: List, Element: object, Field: f}
		}
		return &Shape{Kind: List, Field: f}
	}
	return &Shape{Field: f}
}

// ShapeOf is what is known of a value: everything.
func ShapeOf(v any) *Shape {
	switch v := v.(type) {
	case nil:
		return &Shape{Kind: Null}
	case bool:
		return &Shape{Kind: Bool}
	case string:
		return &Shape{Kind: String}
	case record.Number:
		return &Shape{Kind: Number}
	case []any:
		return &Shape{Kind: List}
	case map[string]any:
		s := &Shape{Kind: Object, Fields: map[string]*Shape{}}
		for k, item := range v {
			s.Fields[k] = ShapeOf(item)
		}
		return s
	}
	return nil
}

// either is what is known of a value that is one of two.
func either(a, b *Shape) *Shape {
	switch {
	case a == nil || b == nil:
		return nil
	case a.Kind == Null:
		return b
	case b.Kind == Null:
		return a
	case a.Kind != b.Kind:
		return nil
	case a.Kind == Object:
		return merged(a, b)
	}
	return a
}

// merged has the fields of both, as merge() gives.
func merged(a, b *Shape) *Shape {
	if a == nil || a.Kind == Any {
		a = &Shape{Kind: Object, Open: true}
	}
	if b == nil || b.Kind == Any {
		b = &Shape{Kind: Object, Open: true}
	}
	out := &Shape{Kind: Object, Fields: map[string]*Shape{}, Open: a.Open || b.Open, Of: a.Of}
	for _, s := range []*Shape{a, b} {
		for name, field := range s.Fields {
			out.Fields[name] = field
			if r, ok := s.keys[name]; ok {
				if out.keys == nil {
					out.keys, out.values = map[string]hcl.Range{}, map[string]hclsyntax.Expression{}
				}
				out.keys[name], out.values[name] = r, s.values[name]
			}
		}
	}
	return out
}

func sameFields(a, b *Shape) bool {
	if a == nil || b == nil || a.Kind != b.Kind || len(a.Fields) != len(b.Fields) {
		return false
	}
	for name := range a.Fields {
		if _, ok := b.Fields[name]; !ok {
			return false
		}
	}
	return true
}
