package vismanet

import (
	"context"
	"net/http"
	"net/url"

	"github.com/kopru-io/kopru/plugins/sdk"
)

// salesOrderTotal is what Visma.net makes of an order, without all that an order has. Orders that were written a moment
// ago are the last that changed, so that one page of the list tells of all of them.
func salesOrderTotal() *entity {
	return &entity{
		name: "sales_order_total", sales: true, path: "/api/v3/SalesOrders", key: "id", lookupOnly: true, batch: totalsAtOnce,
		about:   "What a sales order comes to. Several that were just written take one call.",
		matches: []match{{field: "id", fold: true}},
		fields: []field{
			{name: "id", about: "Type and number, such as SO/000223.", decode: nothing},
			{name: "orderTotal", kind: decimal, about: "Total with VAT."},
			{name: "taxTotal", kind: decimal, about: "VAT."},
		},
	}
}

// totalsAtOnce is how many orders are asked for together, and latest how long the list is in which they are looked for.
const (
	totalsAtOnce = 20
	latest       = 100
)

type totalsAPI struct{ *orderAPI }

func (a *totalsAPI) get(ctx context.Context, t *trail, e *entity, id string) (*sdk.Found, error) {
	path, ok := orderPath(e, id)
	if !ok {
		return nil, nil
	}
	ans, err := a.client.do(ctx, t, call{service: a.client.orders, method: http.MethodGet, path: path})
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	body, ok := ans.body.(map[string]any)
	totals, known := body["totals"].(map[string]any)
	if !ok || !known {
		return nil, a.client.orders.broken("no totals of " + id)
	}
	return a.total(e, orderKey(body), totals), nil
}

func (a *totalsAPI) total(e *entity, id string, totals map[string]any) *sdk.Found {
	fields := a.codec(false).decode(e.fields, totals)
	fields["id"] = id
	return &sdk.Found{ID: id, Fields: fields}
}

func (a *totalsAPI) find(context.Context, *trail, *entity, map[string]any) ([]sdk.Found, error) {
	return nil, nil // everything goes by the id
}

// lately are the orders that changed last, by id.
func (a *totalsAPI) lately(ctx context.Context, t *trail, e *entity) (map[string]*sdk.Found, error) {
	p, err := a.list(ctx, t, e.path, 0, latest, url.Values{"orderBy": {"lastModified desc"}})
	if err != nil {
		return nil, err
	}
	out := make(map[string]*sdk.Found, len(p.rows))
	for _, in := range p.rows {
		out[orderKey(in)] = a.total(e, orderKey(in), in)
	}
	return out, nil
}

// LookupBatch answers several queries: of orders by the list of those that changed last, and one by one where that doesn't
// have them.
func (c *connection) LookupBatch(ctx context.Context, name string, queries []sdk.Query) ([]sdk.Answer, error) {
	e, api, err := c.entity(name)
	if err != nil {
		return nil, err
	}
	lately := map[string]*sdk.Found{}
	if totals, ok := api.(*totalsAPI); ok {
		t := &trail{}
		if lately, err = totals.lately(ctx, t, e); err != nil {
			return nil, withTrail(err, t)
		}
	}
	answers := make([]sdk.Answer, len(queries))
	for i, q := range queries {
		id := q.ID
		if id == "" {
			id = textOf(q.Match[e.key])
		}
		if found := lately[id]; found != nil && (q.ID != "" || e.equals(found.Fields, q.Match)) {
			answers[i].Found = []sdk.Found{*found}
			continue
		}
		answers[i].Found, answers[i].Err = c.Lookup(ctx, name, q)
	}
	return answers, nil
}
