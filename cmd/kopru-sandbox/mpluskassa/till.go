package mpluskassa

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/shop"
)

// till is everything an installation keeps. Server.mu guards it.
type till struct {
	shop *shop.Shop
	opts Options

	orders  []*order // the shop's orders, tables and what was created here
	byID    map[string]*order
	byExtID map[string]*order
	replies map[string]*element // by idempotency key
	created int64               // orders created through the API

	relations []*element
	byNumber  map[int64]*element // relations
	products  []*element
	numbered  map[int64]*element // products
	articles  map[int64]owned    // by number
	groups    []*group
	stocks    []*stock
	stockOf   map[keptAt]*stock
	movements []movement
	receipts  papers
	proposals papers

	// The heads of the sequences.
	orderMarker, relationMarker, articleMarker, groupMarker, stockID, lastProduct, lastArticle int64

	known struct{ relations, orders int } // how many of the shop's are here already
}

// order is an order with what only a server keeps.
type order struct {
	*shop.Order
	marker           int64
	changes, version int
	reserved         bool                     // its goods are reserved
	delivered        map[string]shop.Quantity // of lines, by their id, while the order is not delivered as a whole
}

func newTill(s *shop.Shop, opts Options) *till {
	t := &till{
		shop: s, opts: opts, byID: make(map[string]*order), byExtID: make(map[string]*order),
		replies: make(map[string]*element), byNumber: make(map[int64]*element),
		numbered: make(map[int64]*element), articles: make(map[int64]owned),
		stockOf: make(map[keptAt]*stock),
	}
	t.addGroups()
	t.addProducts()
	t.takeOver()
	for _, o := range s.Tables {
		t.keep(&order{Order: o})
	}
	return t
}

// takeOver adds the relations and orders that the shop has got since.
func (t *till) takeOver() {
	for _, r := range t.shop.Relations[t.known.relations:] {
		t.keepRelation(r.Number, t.relationOf(r))
	}
	var cancelled []*order
	for _, o := range t.shop.Orders[t.known.orders:] {
		kept := &order{Order: o}
		t.keep(kept)
		if o.Cancelled {
			cancelled = append(cancelled, kept)
		}
	}
	for _, o := range cancelled { // which was their latest change
		t.touch(o, o.Changed)
	}
	t.known.relations, t.known.orders = len(t.shop.Relations), len(t.shop.Orders)
}

// keep stores a new order.
func (t *till) keep(o *order) {
	t.orders = append(t.orders, o)
	t.byID[o.ID] = o
	if o.ExtID != "" {
		t.byExtID[o.ExtID] = o
	}
	o.version = 1
	t.touch(o, o.Changed)
}

// touch gives a changed order a new marker.
func (t *till) touch(o *order, at time.Time) {
	t.orderMarker = next(t.orderMarker)
	o.marker, o.Changed = t.orderMarker, at
	o.changes++
}

// next is the next number of a sequence. Sequences have gaps.
func next(marker int64) int64 {
	if marker%11 == 7 {
		return marker + 3
	}
	return marker + 1
}

func (t *till) now() time.Time { return t.opts.Now().In(t.shop.Zone).Truncate(time.Second) }

// page is one page of a list by marker: the lowest ones from a marker on, but not in their order. A limit of 0 is none.
func page[T any](all []T, marker func(T) int64, from int64, limits ...int64) []T {
	var out []T
	for _, item := range all {
		if marker(item) >= from {
			out = append(out, item)
		}
	}
	slices.SortStableFunc(out, func(a, b T) int { return cmp.Compare(marker(a), marker(b)) })
	for _, limit := range limits {
		if limit > 0 && int64(len(out)) > limit {
			out = out[:limit]
		}
	}
	mix(out)
	return out
}

// mix turns the later part of a page around, so that the highest marker isn't last: 1, 4, 3.
func mix[T any](items []T) { slices.Reverse(items[len(items)/3:]) }

// handlers are the operations by name.
func (t *till) handlers() map[string]handler {
	out := map[string]handler{
		"getApiVersion": t.getAPIVersion, "getDatabaseVersion": t.getDatabaseVersion,
		"getCurrentSyncMarkers": t.getCurrentSyncMarkers,
		"getBranches":           t.getBranches, "getAvailableTerminalList": t.getAvailableTerminalList,
		"getEmployees": t.getEmployees, "getEmployee": t.getEmployee, "getVatGroupList": t.getVatGroupList,
		"getPaymentMethods": t.getPaymentMethods, "getPaymentMethodsV2": t.getPaymentMethods,
		"getDeliveryMethods": t.getDeliveryMethods, "getDeliveryMethodsV2": t.getDeliveryMethods,
		"getOrderCategories": t.getOrderCategories, "getTurnoverGroups": t.getTurnoverGroups,
		"getArticleGroups": t.getArticleGroups, "getArticleGroupChanges": t.getArticleGroupChanges,
		"newArticleGroup": t.newArticleGroup, "updateArticleGroup": t.updateArticleGroup,
		"deleteArticleGroup": t.deleteArticleGroup, "getCustomFieldLists": t.getCustomFieldLists,
		"getOrders": t.getOrders, "getOrder": t.getOrder, "findOrder": t.findOrder,
		"getOrdersByExtOrderIds": t.getOrdersByExtOrderIDs,
		"createOrder":            t.createOrder, "createOrderV2": t.createOrderV2, "createOrderV3": t.createOrderV3,
		"getReceipts": t.getReceipts, "getProposals": t.getProposals,
		"updateOrder": t.updateOrder, "cancelOrder": t.cancelOrder, "cancelOrderV2": t.cancelOrderV2,
		"deliverOrderV2": t.deliverOrderV2,
		"getRelations":   t.getRelations, "getRelation": t.getRelation, "findRelation": t.findRelation,
		"findRelationV2": t.findRelationV2,
		"createRelation": t.createRelation, "updateRelation": t.updateRelation,
		"getProducts": t.getProducts, "createProduct": t.createProduct, "updateProduct": t.updateProduct,
		"getStock": t.getStock, "setStock": t.setStock, "updateStock": t.updateStock,
		"getStockHistory": t.getStockHistory, "getStockHistoryV2": t.getStockHistory,
	}
	maps.Copy(out, t.memberHandlers())
	return out
}
