package vismanet

import (
	"context"
	"net/url"
	"slices"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// kind is what a field holds.
type kind int

const (
	text    kind = iota
	whole        // a whole number
	decimal      // a number whose decimals are kept
	truth        // a bool
	day          // "2026-01-31": a business date, which v3 keeps as a moment
	moment       // RFC 3339
	object       // the fields of its own
	list         // a list of objects
	pairs        // an object of any names with texts
)

// field is one field of a record: how a record spells it, where an answer has it and how a body wants it.
type field struct {
	name   string
	kind   kind
	about  string
	flags  sdk.Flag // of a field in an object: 0 = as its parent
	from   string   // path in an answer; "" = name, "/…" = from the answer's root
	bare   bool     // v1: not wrapped in {"value": …}
	values []string
	refs   string
	fields []field
	// constant is sent with the object, or with each one of the list, as it stands here.
	constant map[string]any
	// encode and decode replace the ordinary treatment where an API's form is another one altogether.
	encode func(v any) (name string, out any)
	decode func(v any) any
}

// path is where an answer has the field.
func (f field) path() string {
	if f.from != "" {
		return f.from
	}
	return f.name
}

// entity is one kind of record and how its API is called.
type entity struct {
	name, about string
	sales       bool   // of the Sales Order Service
	path        string // "/v1/customer"
	createPath  string // where its POST goes, if elsewhere
	key         string // the field that is the id
	paged       bool
	query       url.Values // sent with every list
	modified    string     // field with the last change; "" = not incremental
	created     string     // field that tells which of several is the oldest
	idle        string     // status of records that are out of use: they come after the others
	version     string     // in an answer, where no ETag says it
	ifMatch     bool       // its PUT honours If-Match
	overrides   bool       // its create takes overrideNumberSeries
	create      bool
	update      bool
	lookupOnly  bool // it can't be listed
	batch       int  // look-ups that are answered together, 0 = one at a time
	matches     []match
	fields      []field
	actions     map[string]string // by field: the action that makes it true
	step        string            // made of a sales order: what its list of shipments calls the id
	typed       bool              // its actions want to be told the record's type
	// natural is what finds a record again after its create's answer named no id; nil = nothing surely does.
	natural func(body map[string]any) map[string]any
	// flatten makes a list's rows of those that came, where rows hold others.
	flatten func(rows []map[string]any) []map[string]any
	// join adds what other lists know to records that are read.
	join func(ctx context.Context, a *erpAPI, rows []row) error
	// prepare corrects the body of an update by what stands there.
	prepare func(ctx context.Context, a *erpAPI, t *trail, id string, body map[string]any) error
	// fallback names the match field to try when the key is not found.
	fallback string
}

// entities are all there are.
func entities() []*entity {
	return slices.Concat([]*entity{
		customer(), contact(), item(), itemDigits(), stock(), stockSummary(), attribute(), salesCategory(),
		salesOrder(), salesOrderTotal(), customerInvoice(), creditNote(), customerPayment(), shipment(), orderInvoice(),
		orderCreditNote(),
	}, lists())
}

const (
	write  = sdk.Writable
	person = sdk.Writable | sdk.PII
	once   = sdk.OnCreate // can't be changed later
)

// only looks a record up again by fields that together belong to one record alone.
func only(names ...string) func(map[string]any) map[string]any {
	return func(body map[string]any) map[string]any {
		m := map[string]any{}
		for _, name := range names {
			if m[name] = body[name]; m[name] == nil || m[name] == "" {
				return nil
			}
		}
		return m
	}
}

// match is a field that Lookup accepts.
type match struct {
	field string
	query string // the list's parameter that narrows; "" = none
	fold  bool   // upper and lower case are the same
	// values is what a record has there, when that is not the field itself.
	values func(fields map[string]any) []any
}

func (e *entity) matcher(name string) (match, bool) {
	i := slices.IndexFunc(e.matches, func(m match) bool { return m.field == name })
	if i < 0 {
		return match{}, false
	}
	return e.matches[i], true
}

// ---- what the manifest says

func (e *entity) manifest() *protocol.Entity {
	out := &protocol.Entity{
		Name: e.name, Description: e.about, IdField: e.key,
		CanRead: !e.lookupOnly, CanLookup: true, CanCreate: e.create, CanUpdate: e.update,
		Incremental: e.modified != "", Concurrency: concurrency, LookupBatch: int32(e.batch), //nolint:gosec // a small constant
	}
	for _, f := range e.fields {
		p := f.manifest(f.flags)
		_, p.Match = e.matcher(f.name)
		out.Fields = append(out.Fields, p)
	}
	if out.Incremental {
		start := sdk.Attribute("start", protocol.AttributeType_ATTRIBUTE_TYPE_DATE,
			"The first read takes what changed on or after this day; without it everything.", 0)
		start.Example = "2026-01-01"
		out.SourceOptions = append(out.SourceOptions, start)
	}
	return out
}

func (f field) manifest(flags sdk.Flag) *protocol.Field {
	types := map[kind]protocol.FieldType{
		text: protocol.FieldType_FIELD_TYPE_STRING, whole: protocol.FieldType_FIELD_TYPE_INTEGER,
		decimal: protocol.FieldType_FIELD_TYPE_DECIMAL, truth: protocol.FieldType_FIELD_TYPE_BOOL,
		day: protocol.FieldType_FIELD_TYPE_DATE, moment: protocol.FieldType_FIELD_TYPE_DATETIME,
		object: protocol.FieldType_FIELD_TYPE_OBJECT, list: protocol.FieldType_FIELD_TYPE_LIST,
		pairs: protocol.FieldType_FIELD_TYPE_OBJECT,
	}
	out := sdk.Field(f.name, types[f.kind], f.about, flags)
	out.Values, out.References = f.values, f.refs
	for _, inner := range f.fields {
		out.Fields = append(out.Fields, inner.manifest(inner.inherit(flags)))
	}
	return out
}

// inherit is what a field in an object may do: what it says itself, else what its parent may.
func (f field) inherit(parent sdk.Flag) sdk.Flag {
	if f.flags&sdk.Writable == 0 && f.flags&readOnly == 0 {
		return f.flags | parent&sdk.Writable
	}
	return f.flags &^ readOnly
}

// readOnly marks a field in a writable object that is not written.
const readOnly sdk.Flag = 1 << 20
