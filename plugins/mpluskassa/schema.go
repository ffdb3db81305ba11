package mpluskassa

import (
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// kind says how a value stands on the wire and in a record.
type kind int

const (
	text     kind = iota // text; "" is a value
	ident                // text whose emptiness means that there is none: null in a record, never sent empty
	number               // 32 bits
	long                 // 64 bits
	boolean              //
	cents                // euros in a record, whole cents on the wire
	quantity             // a decimal in a record; an unscaled number and its scale in another element on the wire
	scaled               // like quantity, but without a scale it is a whole number whatever the settings say
	decimal              // a decimal in both
	percent              // percent in a record; on the wire in the scale that a setting gives
	discount             // the same with a scale of its own
	date                 // "2026-01-31"; three numbers on the wire, with a 0 in them for none
	moment               // RFC 3339; a wall clock on the wire
	object               //
	list                 // a JSON list; on the wire repeated elements, most often inside a wrapper
)

// field is one element of a type: what it is on the wire, in a record and in the manifest.
type field struct {
	name   string
	kind   kind
	flags  sdk.Flag
	about  string
	always bool   // the schema wants it: sent even when empty
	scale  string // quantity: the element with the number of decimals, which follows
	of     string // object, list of objects: their type
	item   string // list: the element inside the wrapper; "" = the field itself is repeated
	items  kind   // list of scalars: their kind
	refs   string
	values []string
}

// schema holds the types in use by their name in the WSDL, fields in the WSDL's order. One table serves the
// manifest, the reading of answers and the writing of requests. The type of an operation's element has its name.
type schema map[string][]field

func f(name string, k kind, flags sdk.Flag, about string) field {
	return field{name: name, kind: k, flags: flags, about: about}
}

func (f field) required() field          { f.always = true; return f }
func (f field) ref(entity string) field  { f.refs = entity; return f }
func (f field) oneOf(vs ...string) field { f.values = vs; return f }
func (f field) scaledBy(e string) field  { f.scale = e; return f }
func obj(name, of string, flags sdk.Flag, about string) field {
	return field{name: name, kind: object, of: of, flags: flags, about: about}
}

// many is a list of objects inside a wrapper; with item "" the field itself is repeated.
func many(name, item, of string, flags sdk.Flag, about string) field {
	return field{name: name, kind: list, item: item, of: of, flags: flags, about: about}
}

// each is a list of scalars inside a wrapper; with item "" the field itself is repeated.
func each(name, item string, items kind, flags sdk.Flag, about string) field {
	return field{name: name, kind: list, item: item, items: items, flags: flags, about: about}
}

func (s schema) find(of, name string) (field, bool) {
	for _, f := range s[of] {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

// described turns a type into manifest fields. A type inside itself is described once: deeper ones have no fields.
func (s schema) described(of string, above ...string) []*protocol.Field {
	for _, a := range above {
		if a == of {
			return nil
		}
	}
	above = append(above, of)
	var out []*protocol.Field
	for _, f := range s[of] {
		p := sdk.Field(f.name, f.kind.manifest(), f.about, f.flags)
		p.References, p.Values = f.refs, f.values
		switch {
		case f.of != "":
			p.Fields = inside(s.described(f.of, above...), f.flags)
		case f.kind == list:
			p.Items = f.items.manifest()
		}
		out = append(out, p)
	}
	return out
}

// inside takes from fields what they can't do inside a field with these flags.
func inside(fields []*protocol.Field, flags sdk.Flag) []*protocol.Field {
	for _, f := range fields {
		f.Match = false
		f.OnCreate = f.GetOnCreate() && flags&create != 0
		f.OnUpdate = f.GetOnUpdate() && flags&update != 0
		f.Required = f.GetRequired() && f.GetOnCreate()
		f.Fields = inside(f.GetFields(), flags)
	}
	return fields
}

func (k kind) manifest() protocol.FieldType {
	switch k {
	case number, long:
		return protocol.FieldType_FIELD_TYPE_INTEGER
	case boolean:
		return protocol.FieldType_FIELD_TYPE_BOOL
	case cents, quantity, scaled, decimal, percent, discount:
		return protocol.FieldType_FIELD_TYPE_DECIMAL
	case date:
		return protocol.FieldType_FIELD_TYPE_DATE
	case moment:
		return protocol.FieldType_FIELD_TYPE_DATETIME
	case object:
		return protocol.FieldType_FIELD_TYPE_OBJECT
	case list:
		return protocol.FieldType_FIELD_TYPE_LIST
	}
	return protocol.FieldType_FIELD_TYPE_STRING
}
