package vismanet

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kopru-io/kopru/plugins/sdk"
)

// orderAPI is the Sales Order Service, v3: plain JSON, lists in an envelope, lines apart from their order.
type orderAPI struct {
	client   *client
	settings settings
}

func (a *orderAPI) codec(create bool) codec {
	return codec{create: create, zone: a.settings.zone, answers: time.UTC}
}

// orderPath is the address of an order; false when the id is not one of an order.
func orderPath(e *entity, id string) (string, bool) {
	kind, number, ok := strings.Cut(id, "/")
	if !ok || kind == "" || number == "" {
		return "", false
	}
	return e.path + "/" + url.PathEscape(kind) + "/" + url.PathEscape(number), true
}

func (a *orderAPI) get(ctx context.Context, t *trail, e *entity, id string) (*sdk.Found, error) {
	path, ok := orderPath(e, id)
	if !ok {
		return nil, nil
	}
	ans, err := a.client.do(ctx, t, call{
		service: a.client.orders, method: http.MethodGet, path: path, query: url.Values{"expand": {"All"}},
	})
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	body, ok := ans.body.(map[string]any)
	if !ok {
		return nil, a.client.orders.broken("no order for " + id)
	}
	body["orderLines"], err = a.lines(ctx, t, path)
	if isMissing(err) {
		return nil, nil // deleted in between
	}
	if err != nil {
		return nil, err
	}
	fields := a.codec(false).decode(e.fields, body)
	fields["id"] = textOf(body["type"]) + "/" + textOf(body["orderId"])
	found := &sdk.Found{ID: textOf(fields["id"]), Version: ans.version, Fields: fields}
	if found.Version == "" {
		found.Version = textOf(body[e.version])
	}
	return found, nil
}

func (a *orderAPI) lines(ctx context.Context, t *trail, path string) ([]any, error) {
	lines := []any{}
	list := listing{
		fetch: func(n int) (page, error) {
			return a.list(ctx, t, path+"/lines", n, a.settings.orderPageSize, url.Values{})
		},
		key: func(in map[string]any) string { return rowKey(in, "lineId") },
	}
	err := list.walk(ctx, position{}, func(p page) error {
		for _, line := range p.rows {
			lines = append(lines, line)
		}
		return nil
	})
	return lines, err
}

// list reads one page. It counts pages itself: nextPage may name a host that must not get the token.
func (a *orderAPI) list(ctx context.Context, t *trail, path string, n, size int, query url.Values) (page, error) {
	query.Set("pageIndex", strconv.Itoa(n))
	query.Set("pageSize", strconv.Itoa(size))
	ans, err := a.client.do(ctx, t, call{service: a.client.orders, method: http.MethodGet, path: path, query: query})
	if n > 0 && hasStatus(err, http.StatusBadRequest) { // a page past the end: the list shrank
		return page{total: -1, last: true}, nil
	}
	if err != nil {
		return page{}, err
	}
	body, _ := ans.body.(map[string]any)
	items, ok := body["value"].([]any)
	if !ok {
		return page{}, a.client.orders.broken("a list without value")
	}
	p := page{total: count(body["totalCount"]), last: body["nextPage"] == nil, at: serverTime(ans.header)}
	for _, item := range items {
		if row, ok := item.(map[string]any); ok {
			p.rows = append(p.rows, row)
		}
	}
	return p, nil
}

// find searches the list, which has no lines, and then gets the orders that fit.
func (a *orderAPI) find(ctx context.Context, t *trail, e *entity, m map[string]any) ([]sdk.Found, error) {
	if m["type"] != nil && m["orderId"] != nil {
		found, err := a.get(ctx, t, e, textOf(m["type"])+"/"+textOf(m["orderId"]))
		if err != nil || found == nil || !e.equals(found.Fields, m) {
			return nil, err
		}
		return []sdk.Found{*found}, nil
	}
	query := url.Values{"orderBy": {"created asc"}}
	for _, name := range []string{"orderId", "customerOrder"} { // there is one filter: the last one wins
		if text := strings.TrimSpace(textOf(m[name])); text != "" {
			query.Set("filter", text)
		}
	}
	var ids []string
	list := listing{
		fetch: func(n int) (page, error) { return a.list(ctx, t, e.path, n, a.settings.orderPageSize, query) },
		key:   orderKey,
	}
	err := list.walk(ctx, position{}, func(p page) error {
		for _, in := range p.rows {
			in["id"] = orderKey(in)
			if e.equals(in, m) {
				ids = append(ids, orderKey(in))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var out []sdk.Found
	for _, id := range ids {
		found, err := a.get(ctx, t, e, id)
		if err != nil {
			return nil, err
		}
		if found != nil && e.equals(found.Fields, m) {
			out = append(out, *found)
		}
	}
	return out, nil
}

func orderKey(in map[string]any) string { return textOf(in["type"]) + "/" + textOf(in["orderId"]) }

// page lists by number: an order that changes while the list is read stays where it is.
func (a *orderAPI) page(ctx context.Context, t *trail, e *entity, n int, since time.Time) (page, error) {
	query := url.Values{"orderBy": {"orderId asc"}}
	if !since.IsZero() {
		query.Set("modifiedSince", since.UTC().Format("2006-01-02T15:04:05.000"))
	}
	p, err := a.list(ctx, t, e.path, n, a.settings.orderPageSize, query)
	for _, in := range p.rows {
		in[e.key] = orderKey(in)
	}
	return p, err
}

// complete gets each order of a list with all it has.
func (a *orderAPI) complete(ctx context.Context, e *entity, rows []map[string]any) ([]row, error) {
	out := make([]row, len(rows))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	for i, in := range rows {
		g.Go(func() error {
			found, err := a.get(ctx, nil, e, orderKey(in))
			if found != nil {
				out[i] = row{Found: *found}
			}
			return err
		})
	}
	return out, g.Wait()
}

func (a *orderAPI) create(ctx context.Context, t *trail, e *entity, in map[string]any) (id, version string, err error) {
	body, err := a.codec(true).encode(e.fields, in)
	if err != nil {
		return "", "", err
	}
	if a.settings.overrideNumbers && body["orderId"] != nil {
		body["overrideNumberSeries"] = true
	}
	ans, err := a.client.do(ctx, t, call{service: a.client.orders, method: http.MethodPost, path: e.path, body: body})
	if err != nil {
		return "", "", err
	}
	parts := located(ans.header, e.path)
	if len(parts) < 2 {
		return "", "", nil
	}
	return parts[0] + "/" + parts[1], ans.version, nil
}

// update changes the fields, then the lines, and at last, in a call of its own as the service demands, the status.
func (a *orderAPI) update(
	ctx context.Context, t *trail, e *entity, id, version string, in map[string]any,
) (newVersion string, err error) {
	in, lines, err := wantedLines(in)
	if err != nil {
		return "", err
	}
	body, err := a.codec(false).encode(e.fields, in)
	if err != nil {
		return "", err
	}
	path, ok := orderPath(e, id)
	if !ok {
		return "", sdk.NotFound("vismanet.not_found", "%q is not the id of an order; it looks like SO/000223", id)
	}
	overrideDefaults(body)
	status, withStatus := body["status"]
	delete(body, "status")
	if len(body) > 0 {
		if version, err = a.patch(ctx, t, path, version, body); err != nil {
			return "", err
		}
	}
	if len(lines) > 0 {
		if version == "" {
			if version, err = a.version(ctx, t, path); err != nil {
				return "", err
			}
		}
		if version, err = a.updateLines(ctx, t, path, version, lines); err != nil {
			return "", err
		}
	}
	if withStatus {
		if version, err = a.patch(ctx, t, path, version, map[string]any{"status": status}); err != nil {
			if len(body)+len(lines) > 0 {
				f := asFailure(err)
				f.Message = "the other fields were changed, but not the status: " + f.Message
			}
			return "", err
		}
	}
	return version, nil
}

// patch changes an order of a version; the service wants to know which.
func (a *orderAPI) patch(ctx context.Context, t *trail, path, version string, body map[string]any) (newVersion string, err error) {
	if version == "" {
		if version, err = a.version(ctx, t, path); err != nil {
			return "", err
		}
	}
	ans, err := a.client.do(ctx, t, call{
		service: a.client.orders, method: http.MethodPatch, path: path, body: body, version: version,
	})
	if err != nil {
		return "", err
	}
	return ans.version, nil
}

func (a *orderAPI) version(ctx context.Context, t *trail, path string) (string, error) {
	ans, err := a.client.do(ctx, t, call{service: a.client.orders, method: http.MethodGet, path: path})
	if err != nil {
		return "", err
	}
	if ans.version != "" {
		return ans.version, nil
	}
	body, _ := ans.body.(map[string]any)
	if v := textOf(body["version"]); v != "" {
		return v, nil
	}
	return "", sdk.Transient("vismanet.broken_answer", "%s does not say which version the order has", a.client.orders.title)
}

// overrideDefaults says of every address and contact in a change that it is the order's own.
func overrideDefaults(body map[string]any) {
	for _, place := range []string{"billing", "shipping"} {
		m, _ := body[place].(map[string]any)
		for _, part := range []string{"address", "contact"} {
			if inner, ok := m[part].(map[string]any); ok {
				inner["overridesDefault"] = true
			}
		}
	}
}
