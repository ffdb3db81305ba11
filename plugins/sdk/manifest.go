package sdk

import (
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// Flag says something about a setting or a field; several are joined with |.
type Flag uint

// The flags. Required, Sensitive and the paths are for settings; Required and the rest for fields.
const (
	Required  Flag = 1 << iota // must be given; of a field: needed to create
	Sensitive                  // a secret: never shown, logged or stored
	Match                      // Lookup accepts the field
	OnCreate                   // create may set the field
	OnUpdate                   // update may set the field
	PII                        // personal data
	ReadPath                   // the setting is a file or folder that is read: the process can open no other
	WritePath                  // the same, and it is written too

	Writable = OnCreate | OnUpdate
)

func (f Flag) has(g Flag) bool { return f&g != 0 }

// Attribute describes a setting of a connection, a source or a sink. Its Example and Values can be set on what it
// returns; a default is added with WithDefault.
func Attribute(name string, t protocol.AttributeType, description string, flags Flag) *protocol.Attribute {
	a := &protocol.Attribute{
		Name: name, Type: t, Description: description,
		Required: flags.has(Required), Sensitive: flags.has(Sensitive),
	}
	if flags.has(ReadPath) {
		a.Path = protocol.PathAccess_PATH_ACCESS_READ
	}
	if flags.has(WritePath) {
		a.Path = protocol.PathAccess_PATH_ACCESS_WRITE
	}
	return a
}

// WithDefault adds the value a setting has when it is not given: a record value, or an int. It panics on a value
// that no setting can have, which is a fault in the connector's source.
func WithDefault(a *protocol.Attribute, value any) *protocol.Attribute {
	if i, ok := value.(int); ok {
		value = record.Int(int64(i))
	}
	data, err := record.Encode(value)
	if err != nil {
		panic("default of " + a.GetName() + ": " + err.Error())
	}
	a.DefaultJson = string(data)
	return a
}

// DeclaresEntities says that a setting names entities of its connection, shaped like the one named "*": by the keys of a
// map, or the texts of a list. Only = there are no others. Fields is where, in each object of a map, the types of its
// fields stand; "" = nowhere.
func DeclaresEntities(a *protocol.Attribute, only bool, fields string) *protocol.Attribute {
	a.Declares = &protocol.Declares{Only: only, Fields: fields}
	return a
}

// Field describes a field of an entity. Its References and Values can be set on what it returns.
func Field(name string, t protocol.FieldType, description string, flags Flag) *protocol.Field {
	return &protocol.Field{
		Name: name, Type: t, Description: description,
		Pii: flags.has(PII), Required: flags.has(Required), Match: flags.has(Match),
		OnCreate: flags.has(OnCreate), OnUpdate: flags.has(OnUpdate),
	}
}

// Object describes a field that holds an object with the given fields.
func Object(name, description string, flags Flag, fields ...*protocol.Field) *protocol.Field {
	f := Field(name, protocol.FieldType_FIELD_TYPE_OBJECT, description, flags)
	f.Fields = fields
	return f
}

// List describes a field that holds a list of objects with the given fields.
func List(name, description string, flags Flag, fields ...*protocol.Field) *protocol.Field {
	f := Field(name, protocol.FieldType_FIELD_TYPE_LIST, description, flags)
	f.Fields = fields
	return f
}

// Scalars describes a field that holds a list of plain values.
func Scalars(name, description string, flags Flag, items protocol.FieldType) *protocol.Field {
	f := Field(name, protocol.FieldType_FIELD_TYPE_LIST, description, flags)
	f.Items = items
	return f
}

// settings decodes a JSON object of settings and fills in the defaults.
func settings(data []byte, attributes []*protocol.Attribute) (Config, error) {
	c := Config{}
	if len(data) > 0 {
		m, err := record.DecodeObject(data)
		if err != nil {
			return nil, err
		}
		c = m
	}
	for _, a := range attributes {
		if c[a.GetName()] != nil || a.GetDefaultJson() == "" {
			continue
		}
		v, err := record.Decode([]byte(a.GetDefaultJson()))
		if err != nil {
			return nil, Fatal("connector.manifest", "the default of %s is not JSON: %v", a.GetName(), err)
		}
		c[a.GetName()] = v
	}
	return c, nil
}
