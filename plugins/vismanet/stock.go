package vismanet

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/kopru-io/kopru/plugins/sdk"
)

// stock is what lies in the warehouses, as the Sales Order Service tells it: the only list that can be asked for what
// changed.
func stock() *entity {
	quantity := func(name, about string) field { return field{name: name, kind: decimal, about: about} }
	return &entity{
		name: "stock", path: "/api/v3/Inventory", key: "inventoryNumber", sales: true,
		about:    "The stock of an item in all its warehouses.",
		modified: "lastModifiedDateTime",
		matches:  []match{{field: "inventoryNumber", fold: true}},
		fields: []field{
			{name: "inventoryNumber", from: "inventoryId", refs: "inventory_item", about: "Item number."},
			{name: "internalId", kind: whole, about: "Visma.net's own id of the item."},
			{name: "description", about: "Short name of the item."},
			{name: "baseUnit", about: "Unit it is counted in."},
			{name: "attributes", kind: pairs, about: "Attributes of the item by id."},
			{name: "warehouses", from: "availability", kind: list, about: "What is where.", fields: []field{
				{name: "warehouseId", refs: "warehouse", about: "Warehouse."},
				{name: "description", about: "Name of the warehouse."},
				quantity("quantityOnHand", "What lies there."),
				quantity("quantityAvailable", "What is available by the rules of the item's class."),
				quantity("quantityAvailableForShipment", "What can be shipped at once."),
				quantity("quantityNotAvailable", "What lies there and does not count as available."),
				quantity("quantityPurchaseOrders", "What is on purchase orders."),
				{name: "lastModified", kind: moment, about: "When it last changed there."},
			}},
			{name: "lastModifiedDateTime", kind: moment, about: "When it last changed in any warehouse.", decode: nothing},
		},
	}
}

// stockAPI reads stock.
type stockAPI struct{ *orderAPI }

// askedAtOnce is how many items are asked for by number in one call.
const askedAtOnce = 50

func (a *stockAPI) get(ctx context.Context, t *trail, e *entity, id string) (*sdk.Found, error) {
	rows, err := a.numbered(ctx, t, e, []string{id})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	out, err := a.complete(ctx, e, rows[:1])
	return &out[0].Found, err
}

func (a *stockAPI) find(context.Context, *trail, *entity, map[string]any) ([]sdk.Found, error) {
	return nil, nil // everything goes by the number
}

// page reads the items of which anything changed. Whether the answer then has all of their warehouses is not
// documented, so they are asked for by number.
func (a *stockAPI) page(ctx context.Context, t *trail, e *entity, n int, since time.Time) (page, error) {
	query := url.Values{"expand": {"Attribute"}}
	if !since.IsZero() {
		query.Set("modifiedSince", since.UTC().Format("2006-01-02T15:04:05.000Z"))
		query.Set("modifiedSinceCondition", ">=")
	}
	p, err := a.list(ctx, t, e.path, n, a.settings.pageSize, query)
	if err != nil || since.IsZero() {
		return p, err
	}
	var numbers []string
	for _, row := range p.rows {
		numbers = append(numbers, textOf(row["inventoryId"]))
	}
	p.rows = nil
	for chunk := range slices.Chunk(numbers, askedAtOnce) {
		rows, err := a.numbered(ctx, t, e, chunk)
		if err != nil {
			return page{}, err
		}
		p.rows = append(p.rows, rows...)
	}
	return p, nil
}

// numbered asks for items by number.
func (a *stockAPI) numbered(ctx context.Context, t *trail, e *entity, numbers []string) ([]map[string]any, error) {
	query := url.Values{"expand": {"Attribute"}, "inventoryId": numbers}
	p, err := a.list(ctx, t, e.path, 0, max(len(numbers), 1), query)
	return p.rows, err
}

func (a *stockAPI) complete(_ context.Context, e *entity, rows []map[string]any) ([]row, error) {
	out := make([]row, len(rows))
	for i, in := range rows {
		fields := a.codec(false).decode(e.fields, in)
		latest := ""
		warehouses, _ := fields["warehouses"].([]any)
		for _, w := range warehouses {
			m, _ := w.(map[string]any)
			latest = max(latest, textOf(m["lastModified"])) // all are written alike, in UTC
		}
		if latest != "" {
			fields[e.modified] = latest
		}
		out[i] = row{Found: sdk.Found{ID: textOf(fields[e.key]), Fields: fields}}
	}
	return out, nil
}

// stockSummary is all that the ERP API says of the stock of one item, with what sales orders have reserved.
func stockSummary() *entity {
	return &entity{
		name: "stock_summary", path: "/v1/inventorysummary", key: "inventoryNumber", lookupOnly: true,
		about:   "The stock of one item in detail, with what is reserved.",
		matches: []match{{field: "inventoryNumber", fold: true}},
		fields: []field{
			{name: "inventoryNumber", from: "inventory.number", refs: "inventory_item", about: "Item number."},
			{
				name: "places", kind: list, fields: stockPlaceFields(), decode: nothing,
				about: "What is where: a row for each warehouse and location.",
			},
		},
	}
}

func stockPlaceFields() []field {
	fields := []field{
		{name: "warehouseId", from: "warehouse.id", refs: "warehouse", about: "Warehouse."},
		{name: "location", from: "location.name", about: "Location in it."},
	}
	for _, q := range [][2]string{
		{"onHand", "What lies there."},
		{"available", "What is available by the rules of the item's class."},
		{"availableForShipment", "What can be shipped at once."},
		{"notAvailable", "What lies there and does not count as available."},
		{"soBooked", "Booked by sales orders."},
		{"soAllocated", "Allocated to sales orders."},
		{"soShipped", "On shipments that are not confirmed."},
		{"soBackOrdered", "On back orders."},
		{"purchaseOrders", "On purchase orders."},
	} {
		fields = append(fields, field{name: q[0], kind: decimal, about: q[1]})
	}
	return fields
}

// summaryAPI asks for one item's summary, which comes as its rows.
type summaryAPI struct{ *erpAPI }

func (a *summaryAPI) get(ctx context.Context, t *trail, e *entity, id string) (*sdk.Found, error) {
	ans, err := a.client.do(ctx, t, call{service: a.client.erp, method: http.MethodGet, path: e.path + "/" + segment(id)})
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p, ok := rowsOf(ans, false)
	if !ok {
		return nil, a.client.erp.broken("no stock of " + strconv.Quote(id))
	}
	places := make([]any, 0, len(p.rows))
	for _, in := range p.rows {
		places = append(places, a.codec(false).decode(stockPlaceFields(), in))
	}
	return &sdk.Found{ID: id, Fields: map[string]any{"inventoryNumber": id, "places": places}}, nil
}
