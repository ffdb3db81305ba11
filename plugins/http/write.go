package http

import (
	"context"
	"maps"
	nethttp "net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// refused gives an answer the meaning that the settings say it has.
func (c *connection) refused(f *sdk.Failure, answer *sdk.HTTPResponse) {
	if class, ok := c.statuses[strconv.Itoa(answer.Status)]; ok {
		f.Class = class
	}
	if at := c.config.String("error_message"); at != "" {
		if text := gjson.GetBytes(answer.Body, at).String(); text != "" {
			f.RemoteMessage = text[:min(len(text), longestWords)]
		}
	}
	if at := c.config.String("error_field"); at != "" {
		f.Field = gjson.GetBytes(answer.Body, at).String()
	}
}

const longestWords = 2000 // bytes of a message

func (c *connection) get(ctx context.Context, address string) (*sdk.HTTPResponse, error) {
	return c.http.Do(ctx, sdk.HTTPRequest{Method: nethttp.MethodGet, URL: address, Header: c.header(), Refused: c.refused})
}

// fetch gets one record; nil = there is none with this id.
func (c *connection) fetch(ctx context.Context, e *entity, id string) (*sdk.Found, error) {
	q := url.Values{}
	for name, value := range e.Query {
		q.Set(name, value)
	}
	answer, err := c.get(ctx, c.address(e.one(id), q))
	if classOf(err) == protocol.FailureClass_FAILURE_CLASS_NOT_FOUND {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found, err := e.found(e.inner(answer.Body))
	if err == nil && found.ID != id {
		return nil, sdk.Fatal("http.not_exact", "asked for %s, the system answers with %q; correct `item` or `id`", id, found.ID)
	}
	if err == nil && e.ETag {
		found.Version = answer.Header.Get("ETag")
	}
	return &found, err
}

// inner is the record in an answer about one.
func (e *entity) inner(body []byte) []byte {
	if e.Item == "" {
		return body
	}
	return []byte(gjson.GetBytes(body, e.Item).Raw)
}

func (e *entity) found(item []byte) (sdk.Found, error) {
	fields, err := e.fields(item)
	return sdk.Found{ID: e.idOf(item), Fields: fields}, err
}

// Lookup finds records by id or by fields. The system narrows the list by the parameters in `lookup`; what it gives is compared
// here, so that nothing is taken that is only alike.
func (c *connection) Lookup(ctx context.Context, name string, query sdk.Query) ([]sdk.Found, error) {
	e, err := c.asked(name)
	if err != nil {
		return nil, err
	}
	if query.ID != "" {
		found, err := c.fetch(ctx, e, query.ID)
		if found == nil || err != nil {
			return nil, err
		}
		return []sdk.Found{*found}, nil
	}
	r := &reading{connection: c, entity: e}
	request := r.request()
	narrowed, err := url.Parse(request.URL)
	if err != nil {
		return nil, err
	}
	q, narrow := narrowed.Query(), false
	for field, value := range query.Match {
		parameter := e.Lookup[field]
		text, ok := plain(value)
		if parameter == "" || !ok {
			continue
		}
		q.Set(parameter, text)
		narrow = true
	}
	if !narrow {
		return nil, sdk.Fatal("http.no_lookup", "%s can't be found by these fields: `lookup` of the entity names no parameter for any of them", name)
	}
	narrowed.RawQuery = q.Encode()
	request.URL = narrowed.String()
	var out []sdk.Found
	err = c.http.Walk(ctx, request, e.pages(), "", func(p sdk.Page) error {
		for _, item := range p.Records {
			found, err := e.found(item)
			if err != nil {
				return err
			}
			if !matches(found.Fields, query.Match) {
				continue
			}
			if found.ID == "" {
				return sdk.Fatal("http.no_id", "a %s has no id at %s", name, e.ID)
			}
			out = append(out, found)
		}
		return nil
	})
	for i := 0; e.ETag && err == nil && i < len(out); i++ { // a list does not give them
		var one *sdk.Found
		if one, err = c.fetch(ctx, e, out[i].ID); err == nil && one != nil {
			out[i] = *one
		}
	}
	return out, err
}

func matches(fields, match map[string]any) bool {
	for name, want := range match {
		if have, ok := fields[name]; !ok || !record.Equal(have, want) {
			return false
		}
	}
	return true
}

// plain is a value as it stands in a query.
func plain(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case record.Number:
		return string(v), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// Writer begins writing.
func (c *connection) Writer(_ context.Context, w sdk.WriteRequest) (sdk.BatchWriter, error) {
	e, err := c.asked(w.Entity)
	if err != nil {
		return nil, err
	}
	t := &writer{connection: c, entity: e}
	return sdk.PerOp(concurrency, t.write), nil
}

type writer struct {
	*connection
	entity *entity
}

// write sends one operation, and what has to be asked for it.
func (w *writer) write(ctx context.Context, op sdk.Op) sdk.Result {
	r := sdk.Result{ID: op.ID}
	switch op.Operation {
	case protocol.Operation_OPERATION_CREATE:
		w.create(ctx, op, &r)
	case protocol.Operation_OPERATION_UPDATE:
		w.update(ctx, op, &r)
	case protocol.Operation_OPERATION_DELETE:
		_, r.Err = w.send(ctx, op, w.entity.Delete, w.entity.one(op.ID), nil, op.Version, &r)
	default:
		r.Err = sdk.Fatal("http.unsupported", "%s is no operation of this connector", op.Operation)
	}
	return r
}

func (w *writer) create(ctx context.Context, op sdk.Op, r *sdk.Result) {
	answer, err := w.send(ctx, op, w.entity.Create, w.entity.Path, op.Payload, "", r)
	if r.Err = err; err != nil {
		return
	}
	if r.ID = w.entity.idOf(w.entity.inner(answer.Body)); r.ID == "" {
		if u, err := url.Parse(answer.Header.Get("Location")); err == nil && u.Path != "" {
			r.ID = path.Base(u.Path)
		}
	}
	if r.ID == "" {
		r.Err = sdk.Ambiguous("http.no_id", "the system took it, and its answer has no id at %s and no Location", w.entity.ID)
	}
	if w.entity.ETag {
		r.Version = answer.Header.Get("ETag")
	}
}

// update sends what changed; a PUT replaces the record, so that the rest of it is sent along as it stands now.
func (w *writer) update(ctx context.Context, op sdk.Op, r *sdk.Result) {
	body, version := []byte(op.Payload), op.Version
	if w.entity.Update == nethttp.MethodPut {
		whole, now, err := w.whole(ctx, op)
		if r.Err = err; err != nil {
			return
		}
		body = whole
		if version == "" {
			version = now
		}
	}
	answer, err := w.send(ctx, op, w.entity.Update, w.entity.one(op.ID), body, version, r)
	if r.Err = err; err == nil && w.entity.ETag {
		r.Version = answer.Header.Get("ETag")
	}
}

// whole is the record as it is to be.
func (w *writer) whole(ctx context.Context, op sdk.Op) (body []byte, version string, err error) {
	answer, err := w.get(ctx, w.address(w.entity.one(op.ID), nil))
	if err != nil {
		return nil, "", err
	}
	all, err := record.DecodeObject(w.entity.inner(answer.Body))
	if err != nil {
		return nil, "", sdk.Transient("http.bad_answer", "what is there can't be read: %v", err)
	}
	changes, err := record.DecodeObject(op.Payload)
	if err != nil {
		return nil, "", sdk.Invalid("http.no_object", "what is to be written is no JSON object: %v", err)
	}
	maps.Copy(all, changes)
	body, err = record.Encode(all)
	return body, answer.Header.Get("ETag"), err
}

func (w *writer) send(
	ctx context.Context, op sdk.Op, method, where string, body []byte, version string, r *sdk.Result,
) (*sdk.HTTPResponse, error) {
	request := sdk.HTTPRequest{Method: method, URL: w.address(where, nil), Header: w.header(), Body: body, Write: true, Refused: w.refused}
	if len(body) > 0 {
		request.Header.Set("Content-Type", "application/json")
		if w.entity.Wrap != "" {
			request.Body = []byte(`{` + strconv.Quote(w.entity.Wrap) + `:` + string(body) + `}`)
		}
	}
	if name := w.config.String("idempotency_header"); name != "" && op.IdempotencyKey != "" {
		request.Header.Set(name, op.IdempotencyKey)
	}
	if w.entity.ETag && strings.TrimSpace(version) != "" {
		request.Header.Set("If-Match", version)
	}
	answer, err := w.http.Do(ctx, request)
	if err == nil {
		r.Exchanges = append(r.Exchanges, answer.Exchange)
	}
	return answer, err
}
