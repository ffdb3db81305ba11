package pipelines_test

import (
	"fmt"

	"github.com/kopru-io/kopru/plugins/protocol"
)

// connectors are manifests like those of a till, of books and of files.
type connectors map[string]*protocol.Manifest

func (c connectors) Names() []string { return []string{"file", "mpluskassa", "vismanet"} }

func (c connectors) Manifest(name string) (*protocol.Manifest, error) {
	if m, ok := c[name]; ok {
		return m, nil
	}
	return nil, fmt.Errorf("no such program")
}

func fixtures() connectors {
	return connectors{"mpluskassa": till(), "vismanet": books(), "file": files(), "api": declaring("api", objectsType, true), "db": declaring("db", textMapType, false)}
}

type (
	fields     = []*protocol.Field
	attributes = []*protocol.Attribute
)

const (
	text    = protocol.FieldType_FIELD_TYPE_STRING
	decimal = protocol.FieldType_FIELD_TYPE_DECIMAL
	boolean = protocol.FieldType_FIELD_TYPE_BOOL
	day     = protocol.FieldType_FIELD_TYPE_DATE
	object  = protocol.FieldType_FIELD_TYPE_OBJECT
	list    = protocol.FieldType_FIELD_TYPE_LIST

	textSetting  = protocol.AttributeType_ATTRIBUTE_TYPE_STRING
	whole        = protocol.AttributeType_ATTRIBUTE_TYPE_INTEGER
	amount       = protocol.AttributeType_ATTRIBUTE_TYPE_DECIMAL
	yesNo        = protocol.AttributeType_ATTRIBUTE_TYPE_BOOL
	duration     = protocol.AttributeType_ATTRIBUTE_TYPE_DURATION
	address      = protocol.AttributeType_ATTRIBUTE_TYPE_URL
	date         = protocol.AttributeType_ATTRIBUTE_TYPE_DATE
	textListType = protocol.AttributeType_ATTRIBUTE_TYPE_STRING_LIST
	textMapType  = protocol.AttributeType_ATTRIBUTE_TYPE_STRING_MAP
	objectsType  = protocol.AttributeType_ATTRIBUTE_TYPE_OBJECT_MAP
)

func field(name string, t protocol.FieldType, inner ...*protocol.Field) *protocol.Field {
	return &protocol.Field{Name: name, Type: t, Fields: inner}
}

// writable: c = on create, u = on update, m = match, r = required.
func writable(how string, f *protocol.Field) *protocol.Field {
	for _, c := range how {
		switch c {
		case 'c':
			f.OnCreate = true
		case 'u':
			f.OnUpdate = true
		case 'm':
			f.Match = true
		case 'r':
			f.Required = true
		}
	}
	return f
}

func setting(name string, t protocol.AttributeType, standard string) *protocol.Attribute {
	return &protocol.Attribute{Name: name, Type: t, DefaultJson: standard, Description: "The " + name + "."}
}

func required(a *protocol.Attribute) *protocol.Attribute {
	a.Required = true
	return a
}

func till() *protocol.Manifest {
	secret := required(setting("secret", textSetting, ""))
	secret.Sensitive = true
	mode := setting("mode", textSetting, `"live"`)
	mode.Values = []string{"live", "test"}
	return &protocol.Manifest{
		Name: "mpluskassa", Version: "1.4.0",
		Config: attributes{
			required(setting("url", address, "")), required(setting("ident", textSetting, "")), secret, mode,
			setting("timezone", textSetting, `"Europe/Amsterdam"`), setting("page_size", whole, "100"), setting("timeout", duration, `"30s"`),
			setting("factor", amount, ""), setting("tags", textListType, ""), setting("headers", textMapType, ""), setting("trace", yesNo, ""), setting("kinds", objectsType, ""),
		},
		Entities: []*protocol.Entity{
			{
				Name: "order", CanRead: true, Incremental: true,
				SourceOptions: attributes{setting("start", date, ""), setting("with_relation", yesNo, "false")},
				Fields: fields{
					field("orderId", text), field("total", decimal), field("paid", boolean), field("cancelState", text), field("extOrderId", text),
					field("date", day), field("customer", object, field("email", text), field("name", text), field("company", boolean)),
					field("lines", list, field("sku", text), field("quantity", decimal), field("price", decimal)), field("note", 0), field("tags", list),
				},
			},
			{Name: "employee", CanLookup: true, Fields: fields{writable("m", field("number", text)), field("name", text)}},
		},
	}
}

func books() *protocol.Manifest {
	secret := required(setting("client_secret", textSetting, ""))
	secret.Sensitive = true
	status := writable("cu", field("status", text))
	status.Values = []string{"Active", "OnHold"}
	return &protocol.Manifest{
		Name: "vismanet", Version: "2.0.1",
		Config: attributes{setting("url", address, `"https://api.example.com"`), secret},
		Entities: []*protocol.Entity{
			{
				Name: "customer", CanLookup: true, CanCreate: true, CanUpdate: true, CanRead: true, IdField: "number",
				Fields: fields{
					writable("m", field("number", text)), writable("cur", field("name", text)), writable("cum", field("email", text)), status,
					writable("cu", field("mainAddress", object, field("city", text), field("countryId", text))),
					writable("c", field("customerClassId", text)), field("openBalance", decimal), writable("cu", field("blocked", boolean)),
				},
			},
			{
				Name: "sales_order", CanLookup: true, CanCreate: true, IdField: "number",
				SinkOptions: attributes{setting("hold", yesNo, "false")},
				Fields: fields{
					writable("m", field("number", text)), writable("cm", field("customerOrder", text)), writable("c", field("date", day)),
					writable("c", field("customer", object, field("id", text), field("order", text))),
					writable("c", field("orderLines", list, field("inventoryId", text), field("quantity", decimal), field("unitPrice", decimal))),
				},
			},
			{Name: "report", CanRead: true, Fields: fields{field("title", text)}},
			{Name: "journal", CanCreate: true, Fields: fields{writable("c", field("amount", decimal))}},
		},
	}
}

// declaring is a connector whose connections name their entities themselves.
func declaring(name string, t protocol.AttributeType, only bool) *protocol.Manifest {
	kinds := setting("kinds", t, "")
	kinds.Declares = &protocol.Declares{Only: only, Fields: "fields"}
	return &protocol.Manifest{
		Name: name, Version: "0.1.0", OpenEntities: true, Config: attributes{kinds, setting("views", textListType, "")},
		Entities: []*protocol.Entity{{Name: "*", OpenFields: true, CanRead: true, CanLookup: true, CanCreate: true, CanUpdate: true}},
	}
}

func files() *protocol.Manifest {
	format := setting("format", textSetting, "")
	format.Values = []string{"jsonl", "json", "csv"}
	return &protocol.Manifest{
		Name: "file", Version: "0.1.0", OpenEntities: true,
		Config: attributes{setting("path", textSetting, `"."`)},
		Entities: []*protocol.Entity{{
			Name: "*", OpenFields: true, CanRead: true, CanCreate: true, AppendOnly: true, Incremental: true,
			SourceOptions: attributes{setting("key", textSetting, ""), format}, SinkOptions: attributes{format, setting("columns", textListType, "")},
		}},
	}
}
