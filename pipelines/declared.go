package pipelines

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/kopru-io/kopru/plugins/protocol"
)

// declared are the entities that a connection's own settings name, each with the types of its fields, nil = none are said.
// Only the manifest says which settings do, so that no connector has to be started. By is the setting beside which there
// are no others, "" = there are.
func (c *Connection) declared() (entities map[string]map[string]any, by string) {
	entities = map[string]map[string]any{}
	for _, a := range c.Manifest.GetConfig() {
		d := a.GetDeclares()
		value, given := c.Config[a.GetName()]
		if d == nil || !given {
			continue
		}
		if d.GetOnly() {
			by = a.GetName()
		}
		switch value := value.(type) {
		case map[string]any:
			for name, what := range value {
				object, _ := what.(map[string]any)
				if fields, ok := object[d.GetFields()].(map[string]any); ok || entities[name] == nil {
					entities[name] = fields
				}
			}
		case []any:
			for _, item := range value {
				if name, ok := item.(string); ok && entities[name] == nil {
					entities[name] = nil
				}
			}
		}
	}
	return entities, by
}

var declaredTypes = map[string]protocol.FieldType{
	"string": protocol.FieldType_FIELD_TYPE_STRING, "integer": protocol.FieldType_FIELD_TYPE_INTEGER,
	"decimal": protocol.FieldType_FIELD_TYPE_DECIMAL, "bool": protocol.FieldType_FIELD_TYPE_BOOL,
	"date": protocol.FieldType_FIELD_TYPE_DATE, "datetime": protocol.FieldType_FIELD_TYPE_DATETIME,
	"object": protocol.FieldType_FIELD_TYPE_OBJECT, "list": protocol.FieldType_FIELD_TYPE_LIST,
}

// shaped is an entity with the fields that were declared for it. What may be done with them only its connector knows.
func shaped(open *protocol.Entity, name string, types map[string]any) *protocol.Entity {
	if types == nil {
		return open
	}
	e, _ := proto.Clone(open).(*protocol.Entity)
	e.Name, e.OpenFields = name, false
	for _, field := range slices.Sorted(maps.Keys(types)) {
		t, _ := types[field].(string)
		e.Fields = append(e.Fields, &protocol.Field{Name: field, Type: declaredTypes[t], Match: true, OnCreate: true, OnUpdate: true})
	}
	return e
}

// toWrite is an entity as a sink knows it: a declaration says what is read, and more may be written.
func toWrite(c *Connection, e *protocol.Entity) *protocol.Entity {
	if e == nil || slices.Contains(c.Manifest.GetEntities(), e) {
		return e
	}
	out, _ := proto.Clone(e).(*protocol.Entity)
	out.OpenFields = true
	return out
}

// whatItHas says which entities a connection has.
func whatItHas(c *Connection, known []string) string {
	if _, by := c.declared(); by != "" {
		return fmt.Sprintf(" `%s` of the connection, at %s, declares: %s.", by, place(c.Range), strings.Join(known, ", "))
	}
	if len(known) > 0 {
		return fmt.Sprintf(" %s has: %s.", c.Type, strings.Join(known, ", "))
	}
	return ""
}
