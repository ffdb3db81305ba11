package vismanet

import (
	"context"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kopru-io/kopru/plugins/sdk"
)

// erpAPI is the ERP API, v1: wrapped values, lists as bare arrays, versions in the rows.
type erpAPI struct {
	client   *client
	settings settings

	mu       sync.Mutex
	currency string // the company's own, once it is known
}

func (a *erpAPI) codec(create bool) codec {
	return codec{wrapped: true, v1: true, create: create, zone: a.settings.zone, answers: a.settings.apiZone}
}

func (a *erpAPI) get(ctx context.Context, t *trail, e *entity, id string) (*sdk.Found, error) {
	if !e.single() {
		hits, err := a.find(ctx, t, e, map[string]any{e.key: id})
		if err != nil || len(hits) == 0 {
			return nil, err
		}
		return &hits[0], nil
	}
	ans, err := a.client.do(ctx, t, call{service: a.client.erp, method: http.MethodGet, path: e.path + "/" + segment(id)})
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	row, ok := ans.body.(map[string]any)
	if !ok { // taken for a record that is missing, it would be created again
		return nil, a.client.erp.broken("no " + e.name)
	}
	r := a.row(e, row)
	if ans.version != "" {
		r.Version = ans.version
	}
	return &r.Found, r.err
}

// row is one element of a list, which may be faulty on its own.
type row struct {
	sdk.Found
	err error
}

func (a *erpAPI) row(e *entity, in map[string]any) row {
	fields := a.codec(false).decode(e.fields, in)
	r := row{Found: sdk.Found{ID: textOf(fields[e.key]), Version: textOf(in[e.version]), Fields: fields}}
	if words := textOf(in["errorInfo"]); words != "" {
		f := sdk.Invalid("vismanet.faulty_row", "Visma.net could not read the %s %s completely", e.name, r.ID)
		r.err = f.Remote(http.StatusOK, words)
	}
	return r
}

func (a *erpAPI) find(ctx context.Context, t *trail, e *entity, m map[string]any) ([]sdk.Found, error) {
	query := url.Values{}
	for name, value := range m {
		if want, ok := e.matcher(name); ok && want.query != "" && a.settings.serverFilters {
			query.Set(want.query, strings.TrimSpace(textOf(value)))
		}
	}
	var out []sdk.Found
	list := listing{
		fetch: func(n int) (page, error) { return a.fetch(ctx, t, e, n, query) },
		key:   func(in map[string]any) string { return rowKey(in, e.key) },
	}
	err := list.walk(ctx, position{}, func(p page) error {
		for _, in := range p.rows {
			r := a.row(e, in)
			if !e.equals(r.Fields, m) {
				continue
			}
			if r.err != nil {
				return r.err
			}
			out = append(out, r.Found)
		}
		return nil
	})
	return out, err
}

func (a *erpAPI) page(ctx context.Context, t *trail, e *entity, n int, since time.Time) (page, error) {
	query := url.Values{}
	if !since.IsZero() { // both or neither: the moment alone does not filter; a zone is not accepted
		query.Set("lastModifiedDateTime", since.In(a.settings.apiZone).Format("2006-01-02 15:04:05.000"))
		query.Set("lastModifiedDateTimeCondition", ">=")
	}
	return a.fetch(ctx, t, e, n, query)
}

func (a *erpAPI) fetch(ctx context.Context, t *trail, e *entity, n int, filter url.Values) (page, error) {
	query := url.Values{}
	maps.Copy(query, e.query)
	maps.Copy(query, filter)
	if e.paged {
		query.Set("pageNumber", strconv.Itoa(n+1))
		query.Set("pageSize", strconv.Itoa(a.settings.pageSize))
	}
	ans, err := a.client.do(ctx, t, call{service: a.client.erp, method: http.MethodGet, path: e.path, query: query})
	if err != nil {
		return page{}, err
	}
	p, ok := rowsOf(ans, e.paged)
	if !ok {
		return page{}, a.client.erp.broken("no list of " + e.name)
	}
	if e.flatten != nil {
		p.rows = e.flatten(p.rows)
	}
	return p, nil
}

func (a *erpAPI) complete(ctx context.Context, e *entity, rows []map[string]any) ([]row, error) {
	out := make([]row, len(rows))
	for i, in := range rows {
		out[i] = a.row(e, in)
	}
	if e.join == nil {
		return out, nil
	}
	return out, e.join(ctx, a, out)
}

func (a *erpAPI) create(ctx context.Context, t *trail, e *entity, in map[string]any) (id, version string, err error) {
	body, err := a.codec(true).encode(e.fields, in)
	if err != nil {
		return "", "", err
	}
	if e.name == "customer" && a.settings.classValues && body["customerClassId"] != nil {
		body["overrideWithClassValues"] = true
	}
	if e.overrides && a.settings.overrideNumbers && body[e.key] != nil {
		body["overrideNumberSeries"] = wrap(true)
	}
	path := e.path
	if e.createPath != "" {
		path = e.createPath
	}
	ans, err := a.client.do(ctx, t, call{service: a.client.erp, method: http.MethodPost, path: path, body: body})
	if err != nil {
		return "", "", err
	}
	parts := located(ans.header, e.path)
	if len(parts) == 0 {
		parts = located(ans.header, path)
	}
	if len(parts) == 0 {
		return "", "", nil
	}
	return key(parts[len(parts)-1]), ans.version, nil
}

func (a *erpAPI) update(
	ctx context.Context, t *trail, e *entity, id, version string, in map[string]any,
) (newVersion string, err error) {
	in, actions := e.actionsIn(in)
	body, err := a.codec(false).encode(e.fields, in)
	if err == nil && e.prepare != nil {
		err = e.prepare(ctx, a, t, id, body)
	}
	if err != nil {
		return "", err
	}
	path := e.path + "/" + segment(id)
	if len(body) > 0 {
		r := call{service: a.client.erp, method: http.MethodPut, path: path, body: body}
		if e.ifMatch {
			r.version = version
		}
		ans, err := a.client.do(ctx, t, r)
		if err != nil {
			return "", err
		}
		version = ans.version
	}
	for _, action := range actions {
		var told map[string]any
		if e.typed {
			found, err := a.get(ctx, t, e, id)
			if err != nil || found == nil {
				return "", err
			}
			if told = map[string]any{}; found.Fields["type"] != nil {
				told["type"] = wrap(found.Fields["type"])
			}
		}
		if err := a.act(ctx, t, path+"/action/"+action, told); err != nil {
			return "", err
		}
		version = "" // it is another one now
	}
	return version, nil
}

// act has Visma.net do something. An action that is only queued is not done: the record shows when it is.
func (a *erpAPI) act(ctx context.Context, t *trail, path string, body map[string]any) error {
	ans, err := a.client.do(ctx, t, call{service: a.client.erp, method: http.MethodPost, path: path, body: body})
	if err != nil {
		return err
	}
	return unfinished(ans)
}

func unfinished(ans *answer) error {
	m, _ := ans.body.(map[string]any)
	if state := textOf(m["actionResult"]); state == "Queued" || state == "InProcess" {
		return sdk.Ambiguous("vismanet.action_"+strings.ToLower(state), "Visma.net has not finished yet: actionResult %s", state)
	}
	return nil
}

// ---- keys in addresses

// reserved are the characters that Visma wants a key wrapped for, and those that would change the path on the way.
const reserved = `:/?#[]@&*+;%\ `

// segment is a key as a part of a path.
func segment(key string) string {
	if strings.ContainsAny(key, reserved) || strings.Trim(key, ".") == "" {
		return "b64(" + base64.RawURLEncoding.EncodeToString([]byte(key)) + ")"
	}
	return url.PathEscape(key)
}

// key is what segment was made of.
func key(segment string) string {
	if inner, ok := strings.CutPrefix(segment, "b64("); ok {
		inner = strings.TrimRight(strings.TrimSuffix(inner, ")"), "=")
		if data, err := base64.RawURLEncoding.DecodeString(inner); err == nil {
			return string(data)
		}
	}
	return segment
}

// located is what Location has behind the collection's path, in parts; nil without it. Only the path counts:
// Location may name another of Visma's hosts.
func located(h http.Header, collection string) []string {
	u, err := url.Parse(h.Get("Location"))
	if err != nil {
		return nil
	}
	path := u.EscapedPath()
	i := strings.LastIndex(strings.ToLower(path), strings.ToLower(collection)+"/")
	if i < 0 {
		return nil
	}
	var out []string
	for part := range strings.SplitSeq(path[i+len(collection)+1:], "/") {
		if part, err := url.PathUnescape(part); err == nil && part != "" {
			out = append(out, part)
		}
	}
	return out
}
