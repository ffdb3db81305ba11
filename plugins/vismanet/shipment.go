package vismanet

import (
	"context"
	"net/http"
	"slices"

	"github.com/kopru-io/kopru/plugins/sdk"
)

// A sales order becomes shipments, and these an invoice, by actions of the ERP API. Each is an entity that is looked up
// by its order, so that what an action's lost answer would have said can be asked for.

func shipment() *entity {
	return &entity{
		name: "shipment", path: "/v1/shipment", key: "shipmentNumber", paged: true,
		about:    "A shipment of a sales order. Creating one ships what is left of the order.",
		modified: "lastModifiedDateTime", version: "timeStamp", create: true, update: true,
		matches: orderMatches("shipmentNumber"), natural: only("orderType", "orderNumber"),
		actions: map[string]string{"confirmed": "confirmShipment"}, step: "id",
		fields: []field{
			{name: "shipmentNumber", about: "Number."},
			{
				name: "orderType", flags: once | sdk.Required, from: "shipmentOrderLines", decode: ofFirst("orderType"),
				refs: "order_type", about: "Type of the order.",
			},
			{
				name: "orderNumber", flags: once | sdk.Required, from: "shipmentOrderLines", decode: ofFirst("orderNbr"),
				about: "Number of the order.",
			},
			{name: "shipmentDate", kind: day, flags: once, about: "Date; without it today."},
			{
				name: "warehouse", from: "fromWarehouse.id", flags: once, refs: "warehouse",
				about: "Warehouse that ships; Visma.net makes a shipment for each warehouse.",
			},
			{name: "operation", flags: once, values: []string{"Issue", "Receipt"}, about: "Goods out, or goods back."},
			{
				name: "confirmed", kind: truth, from: "status", flags: sdk.OnUpdate, decode: confirmed,
				about: "The goods are gone. Setting it confirms the shipment.",
			},
			{name: "status", about: "Open while it is a pick list, Hold, Cancelled; then Confirmed, Completed or Invoiced."},
			{name: "shippedQuantity", kind: decimal, about: "How many pieces."},
			{
				name: "shipmentDetailLines", kind: list, about: "Lines.", fields: []field{
					{name: "orderType", about: "Type of the order."},
					{name: "orderNbr", about: "Number of the order."},
					{name: "orderLineNbr", kind: whole, about: "Line of the order."},
					{name: "inventoryNumber", about: "Item."},
					{name: "shippedQty", kind: decimal, about: "How many were shipped."},
				},
			},
			{
				name: "trackingNumber", from: "shipmentPackageLines", decode: ofFirst("trackingNumber"),
				about: "Tracking number of the first package.",
			},
			{name: "lastModifiedDateTime", kind: moment, about: "When it last changed."},
		},
	}
}

func orderInvoice() *entity {
	e := orderDocument("invoiceLines", "Invoice")
	e.name, e.path = "order_invoice", "/v1/customerinvoice"
	e.about = "The invoice of a sales order. Creating one invoices what was shipped; see customer_invoice for all of it."
	return e
}

func orderCreditNote() *entity {
	e := orderDocument("lines", "CreditNote")
	e.name, e.path = "order_credit_note", "/v1/customerCreditNote"
	e.about = "The credit note of a credit order. Creating one credits the order; see credit_note for all of it."
	return e
}

// orderDocument is an invoice or a credit note as far as it is about its order.
func orderDocument(lines, kind string) *entity {
	return &entity{
		key: "referenceNumber", paged: true, query: documentQuery(kind),
		modified: "lastModifiedDateTime", version: "timeStamp", ifMatch: true, create: true, update: true,
		matches: orderMatches("referenceNumber"), natural: only("orderType", "orderNumber"),
		actions: map[string]string{"released": "release"}, step: "invoiceId",
		fields: []field{
			{name: "referenceNumber", about: "Number of the document."},
			{
				name: "orderType", flags: once | sdk.Required, from: lines, decode: ofFirst("soOrderType"),
				refs: "order_type", about: "Type of the order.",
			},
			{
				name: "orderNumber", flags: once | sdk.Required, from: lines, decode: ofFirst("soOrderNbr"),
				about: "Number of the order.",
			},
			{
				name: "released", kind: truth, from: "status", flags: sdk.OnUpdate, decode: released,
				about: "It is booked. Setting it releases the draft, which nothing undoes.",
			},
			{name: "status", about: "Hold or Balanced while it is a draft; then Open, and Closed once it is paid."},
			{name: "customerNumber", from: "customer.number", refs: "customer", about: "Whom it is for."},
			{name: "amountInCurrency", kind: decimal, about: "Total with VAT."},
			{name: "balanceInCurrency", kind: decimal, about: "What is not paid yet."},
			{name: "lastModifiedDateTime", kind: moment, about: "When it last changed."},
		},
	}
}

func orderMatches(key string) []match {
	return []match{{field: key, fold: true}, {field: "orderType", fold: true}, {field: "orderNumber", fold: true}}
}

// ofFirst is what the first thing of a list has under a name.
func ofFirst(name string) func(any) any {
	return func(v any) any {
		items, _ := v.([]any)
		for _, item := range items {
			if m, _ := item.(map[string]any); textOf(m[name]) != "" {
				return textOf(m[name])
			}
		}
		return nil
	}
}

// confirmed reads a status: what is no pick list any more is gone.
func confirmed(v any) any {
	switch textOf(v) {
	case "":
		return nil
	case "Open", "Hold", "Cancelled":
		return false
	}
	return true
}

// stepAPI is the ERP API for what is made of a sales order.
type stepAPI struct {
	*erpAPI
	orders *orderAPI
}

// find goes by the order, which alone knows what was made of it. Cancelled shipments are as good as none.
func (a *stepAPI) find(ctx context.Context, t *trail, e *entity, m map[string]any) ([]sdk.Found, error) {
	kind, number := textOf(m["orderType"]), textOf(m["orderNumber"])
	if kind == "" || number == "" {
		return nil, sdk.Invalid("vismanet.empty_match", "a %s is looked up by orderType and orderNumber together", e.name)
	}
	ids, err := a.madeOf(ctx, t, e, kind, number)
	if err != nil {
		return nil, err
	}
	var out []sdk.Found
	for _, id := range ids {
		found, err := a.get(ctx, t, e, id)
		if err != nil {
			return nil, err
		}
		if found == nil || found.Fields["status"] == "Cancelled" {
			continue
		}
		found.Fields["orderType"], found.Fields["orderNumber"] = kind, number // of several orders these are the one asked for
		out = append(out, *found)
	}
	return out, nil
}

// madeOf are the numbers of an order's shipments or invoices.
func (a *stepAPI) madeOf(ctx context.Context, t *trail, e *entity, kind, number string) ([]string, error) {
	path, _ := orderPath(salesOrder(), kind+"/"+number)
	ans, err := a.client.do(ctx, t, call{service: a.client.orders, method: http.MethodGet, path: path + "/shipment"})
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	rows, ok := ans.body.([]any)
	if !ok {
		return nil, a.client.orders.broken("no list of shipments")
	}
	var ids []string
	for _, row := range rows {
		m, _ := row.(map[string]any)
		if id := textOf(m[e.step]); id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 || e.step == "id" {
		return ids, nil
	}
	// An order that is invoiced without a shipment says so itself.
	ans, err = a.client.do(ctx, t, call{
		service: a.client.erp, method: http.MethodGet, path: "/v1/salesorder/" + segment(kind) + "/" + segment(number),
	})
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	order, _ := ans.body.(map[string]any)
	if id := textOf(order["invoiceNbr"]); id != "" {
		return []string{id}, nil
	}
	return nil, nil
}

// create has Visma.net carry the order one step further.
func (a *stepAPI) create(ctx context.Context, t *trail, e *entity, in map[string]any) (id, version string, err error) {
	kind, number := textOf(in["orderType"]), textOf(in["orderNumber"])
	r := call{service: a.client.erp, method: http.MethodPost}
	if e.step == "invoiceId" {
		r.path = "/v2/salesorder/" + segment(kind) + "/" + segment(number) + "/action/prepareInvoice"
	} else {
		bare := codec{v1: true, create: true, zone: a.settings.zone}
		body, err := bare.encode(e.fields, in)
		if err != nil {
			return "", "", err
		}
		if body["warehouse"] != nil {
			body["shipmentWarehouse"] = body["warehouse"]
		}
		delete(body, "warehouse")
		delete(body, "orderNumber")
		r.path, r.body = "/v1/salesorder/"+segment(number)+"/action/createShipment", body
	}
	ans, err := a.client.do(ctx, t, r)
	if err != nil {
		return "", "", err
	}
	if err := unfinished(ans); err != nil {
		return "", "", err
	}
	body, _ := ans.body.(map[string]any)
	return textOf(body["referenceNumber"]), "", nil
}
