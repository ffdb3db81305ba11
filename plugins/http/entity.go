package http

import (
	"encoding/json"
	"errors"
	"fmt"
	nethttp "net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/tidwall/gjson"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// entity is what the settings declare about one kind of record. Paths into JSON are gjson's; names of fields are not paths.
type entity struct {
	Path     string            `json:"path"`      // of the list, and of what is created
	ItemPath string            `json:"item_path"` // of one record, with {id}
	Method   string            `json:"method"`    // by which the list is read: GET or POST
	Body     any               `json:"body"`      // of a POST that reads
	Query    map[string]string `json:"query"`     // of every reading call
	Items    string            `json:"items"`     // path of the records in a list
	Item     string            `json:"item"`      // path of the record in an answer about one
	ID       string            `json:"id"`        // path of the id in a record
	Deleted  string            `json:"deleted"`   // path of what is true in a record that was deleted
	Paging   paging            `json:"paging"`
	Cursor   *mark             `json:"cursor"` // nil = every read reads everything
	Fields   map[string]string `json:"fields"` // their types; nil = records are passed on as they come
	Lookup   map[string]string `json:"lookup"` // field → parameter of the query that narrows the list to it
	Create   string            `json:"create"` // methods
	Update   string            `json:"update"`
	Delete   string            `json:"delete"`
	Wrap     string            `json:"wrap"`    // the field that what is written is put into
	Webhook  *webhook          `json:"webhook"` // nil = it is asked for
	ETag     bool              `json:"etag"`    // one record's answer has an ETag, and a write takes If-Match
}

type paging struct {
	Style         string `json:"style"`
	Parameter     string `json:"parameter"`
	First         *int   `json:"first"`
	Size          int    `json:"size"`
	SizeParameter string `json:"size_parameter"`
	Next          string `json:"next"`
	More          string `json:"more"`
}

// mark is the field by which a read goes on where the last one ended.
type mark struct {
	Field     string `json:"field"`     // path in a record
	Parameter string `json:"parameter"` // of the query: from when on
	Until     string `json:"until"`     // of the query: up to when; "" = it has none
	Format    string `json:"format"`
	Overlap   string `json:"overlap"` // how far a read looks back

	overlap time.Duration
}

// The formats of marks. All but the last two are times.
const (
	formatRFC3339  = "rfc3339"
	formatDate     = "date"
	formatDateTime = "datetime"
	formatUnix     = "unix"
	formatUnixMs   = "unix_ms"
	formatInteger  = "integer"
	formatText     = "text"
)

var (
	formats = []string{formatRFC3339, formatDateTime, formatDate, formatUnix, formatUnixMs, formatInteger, formatText}
	styles  = []string{
		string(sdk.OnePage), string(sdk.PageNumber), string(sdk.PageOffset), string(sdk.PageCursor), string(sdk.PageLink), string(sdk.PageAddress),
	}
	types = []string{"string", "integer", "decimal", "bool", "date", "datetime", "object", "list", "any"}
)

const assumedOverlap = time.Minute

// entities reads the setting that declares them.
func (p *problems) entities(setting any) map[string]*entity {
	out := map[string]*entity{}
	all, ok := setting.(map[string]any)
	if !ok || len(all) == 0 {
		p.Wrong("entities", "No kinds of records are declared.", `Write entities = { order = { path = "/orders" } }.`)
	}
	for name, v := range all {
		data, err := record.Encode(v)
		e := &entity{}
		if err == nil {
			err = jsonv2.Unmarshal(data, e, jsonv2.RejectUnknownMembers(true))
		}
		if err != nil {
			p.Wrong(misplaced("entities."+name, err))
			continue
		}
		e.fill()
		out[name] = e
		p.judge("entities."+name+".", e)
	}
	return out
}

// settingNames are what an entity has, and what is in its objects.
var settingNames = map[string]string{
	"": "path, item_path, method, body, query, items, item, id, deleted, paging, cursor, fields, lookup, create, update, delete, wrap, " +
		"etag, webhook",
	"paging":    "style, parameter, first, size, size_parameter, next, more",
	"cursor":    "field, parameter, until, format, overlap",
	"webhook":   "path, delivery, signature, unsigned",
	"signature": "header, prefix, encoding, signed, timestamp, timestamp_prefix, tolerance",
}

// misplaced says where in an entity's declaration something is that does not belong there.
func misplaced(at string, err error) (attribute, summary, detail string) {
	var semantic *jsonv2.SemanticError
	if !errors.As(err, &semantic) {
		return at, "This can't be read: " + err.Error(), ""
	}
	at += strings.ReplaceAll(string(semantic.JSONPointer), "/", ".")
	if errors.Is(err, jsonv2.ErrUnknownName) {
		parts := strings.Split(at, ".")
		known, ok := settingNames[parts[len(parts)-2]]
		if !ok || len(parts) < 4 {
			known = settingNames[""]
		}
		return at, "There is no such setting.", "There are here: " + known + "."
	}
	return at, fmt.Sprintf("A %s does not belong here.", semantic.JSONKind), ""
}

// fill sets what was left out.
func (e *entity) fill() {
	or := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	or(&e.Method, nethttp.MethodGet)
	or(&e.ItemPath, strings.TrimRight(e.Path, "/")+"/{id}")
	or(&e.ID, "id")
	or(&e.Create, nethttp.MethodPost)
	or(&e.Update, nethttp.MethodPatch)
	or(&e.Delete, nethttp.MethodDelete)
	if e.Paging.First == nil {
		one := 1
		e.Paging.First = &one
	}
	if e.Cursor != nil {
		or(&e.Cursor.Format, formatRFC3339)
	}
}

func (p *problems) judge(at string, e *entity) {
	oneOf := func(name, value string, values []string) {
		if !slices.Contains(values, value) {
			p.Wrong(at+name, fmt.Sprintf("%q is none that there is.", value), "It is one of: "+strings.Trim(strings.Join(values, ", "), ", ")+".")
		}
	}
	if e.Webhook != nil {
		p.webhook(at+"webhook.", e.Webhook)
	}
	switch {
	case e.Webhook != nil && e.Path == "":
	case e.Webhook != nil:
		p.Wrong(at+"path", "An entity is asked for or posted, not both.", "Leave path out, or make two entities.")
	case !strings.HasPrefix(e.Path, "/"):
		p.Wrong(at+"path", "This is no path.", "It begins with / and is joined to `url`.")
	case !strings.HasPrefix(e.ItemPath, "/") || !strings.Contains(e.ItemPath, "{id}"):
		p.Wrong(at+"item_path", "This is no path of one record.", `It begins with / and says where the id goes, such as "/orders/{id}".`)
	}
	oneOf("method", e.Method, []string{nethttp.MethodGet, nethttp.MethodPost})
	oneOf("create", e.Create, []string{nethttp.MethodPost, nethttp.MethodPut})
	oneOf("update", e.Update, []string{nethttp.MethodPatch, nethttp.MethodPut, nethttp.MethodPost})
	oneOf("delete", e.Delete, []string{nethttp.MethodDelete, nethttp.MethodPost})
	for name, t := range e.Fields {
		oneOf("fields."+name, t, types)
	}
	oneOf("paging.style", e.Paging.Style, styles)
	switch style := sdk.PageStyle(e.Paging.Style); {
	case e.Paging.Parameter == "" && slices.Contains([]sdk.PageStyle{sdk.PageNumber, sdk.PageOffset, sdk.PageCursor}, style):
		p.Wrong(at+"paging.parameter", "It is missing.", "Name the parameter of the query by which a page is asked for.")
	case e.Paging.Next == "" && slices.Contains([]sdk.PageStyle{sdk.PageCursor, sdk.PageAddress}, style):
		p.Wrong(at+"paging.next", "It is missing.", `Say where in an answer the next page is named, such as "meta.next".`)
	}
	if e.Paging.SizeParameter != "" && e.Paging.Size <= 0 {
		p.Wrong(at+"paging.size", "It is missing.", "Say how many records a page is to have.")
	}
	if m := e.Cursor; m != nil {
		p.mark(at+"cursor.", m, oneOf)
	}
}

func (p *problems) mark(at string, m *mark, oneOf func(name, value string, values []string)) {
	oneOf("cursor.format", m.Format, formats)
	if m.Field == "" || m.Parameter == "" {
		p.Wrong(at+"field", "field or parameter is missing.", "A cursor has both: where it is in a record, and in the query.")
	}
	m.overlap = assumedOverlap
	if m.Format == formatDate {
		m.overlap = 24 * time.Hour
	}
	if m.Overlap != "" {
		var err error
		if m.overlap, err = time.ParseDuration(m.Overlap); err != nil || m.overlap < 0 {
			p.Wrong(at+"overlap", "This is no length of time.", `Write it like "5m".`)
		}
	}
}

// pages is how the list is read.
func (e *entity) pages() sdk.Pages {
	return sdk.Pages{
		Style: sdk.PageStyle(e.Paging.Style), Items: e.Items, Parameter: e.Paging.Parameter, First: *e.Paging.First,
		SizeParameter: e.Paging.SizeParameter, Size: e.Paging.Size, Next: e.Paging.Next, More: e.Paging.More,
	}
}

// one is the path of a record.
func (e *entity) one(id string) string {
	return strings.ReplaceAll(e.ItemPath, "{id}", url.PathEscape(id))
}

// idOf is a record's id; "" = it has none.
func (e *entity) idOf(item []byte) string {
	id := gjson.GetBytes(item, e.ID)
	if id.Type == gjson.String || id.Type == gjson.Number {
		if id.Type == gjson.Number {
			return id.Raw // a float would lose digits
		}
		return id.Str
	}
	return ""
}

// fields are a record's fields: those that are declared, each of its type, or all.
func (e *entity) fields(item []byte) (map[string]any, error) {
	all, err := record.DecodeObject(item)
	if err != nil {
		return nil, sdk.Invalid("http.no_object", "a record is no JSON object: %v", err)
	}
	if e.Fields == nil {
		return all, nil
	}
	out := make(map[string]any, len(e.Fields))
	for name, t := range e.Fields {
		v, there := all[name]
		if !there {
			continue
		}
		if !isOf(t, v) {
			return all, sdk.Invalid("http.type", "%s is %s, and `fields` says %s", name, record.Kind(v), t).At(name)
		}
		out[name] = v
	}
	return out, nil
}

func isOf(t string, v any) bool {
	ok := true
	switch t {
	case "string":
		_, ok = v.(string)
	case "integer":
		n, isNumber := v.(record.Number)
		ok = isNumber && !strings.ContainsAny(string(n), ".eE")
	case "decimal":
		_, ok = v.(record.Number)
	case "bool":
		_, ok = v.(bool)
	case "date":
		text, _ := v.(string)
		_, err := time.Parse(time.DateOnly, text)
		ok = err == nil
	case "datetime":
		text, _ := v.(string)
		_, err := time.Parse(time.RFC3339Nano, text)
		ok = err == nil
	case "object":
		_, ok = v.(map[string]any)
	case "list":
		_, ok = v.([]any)
	}
	return ok || v == nil
}

// payload is a record as it is passed on.
func (e *entity) payload(item []byte) (json.RawMessage, error) {
	fields, err := e.fields(item)
	if err == nil && e.Fields == nil {
		return item, nil
	}
	data, encodeErr := record.Encode(fields)
	return data, errors.Join(err, encodeErr)
}
