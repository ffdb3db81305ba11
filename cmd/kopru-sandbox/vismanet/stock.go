package vismanet

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// stockLocation is the only place in each warehouse.
const stockLocation = "R1S1"

// The quantities of an InventorySummaryDto that this company never has.
const noQuantities = "notAvailable soAllocated soShipped soBackOrdered inIssues inReceipts inTransit inAssemblyDemand inAssemblySupply " +
	"purchasePrepared purchaseOrders poReceipts expired soToPurchase purchaseForSO purchaseForSOPrepared purchaseForSOReceipts soToDropShip " +
	"dropShipForSO dropShipForSOPrepared dropShipForSOReceipts estimatedUnitCost estimatedTotalCost"

// inventorySummary is the stock of one item, a row for each warehouse.
func (s *Server) inventorySummary(r *request) response {
	i, bad := s.itemOf(r)
	if bad != nil {
		return *bad
	}
	out := []object{}
	for _, id := range slices.Sorted(maps.Keys(i.stock)) {
		if !equalFilter(id, r.param("warehouse")) || !equalFilter(stockLocation, r.param("location")) {
			continue
		}
		st, w := i.stock[id], s.books.setup.warehouse(id)
		o := object{
			"inventory": object{"number": i.number, "description": i.description}, "baseUnit": i.baseUnit,
			"warehouse": object{"id": w.id, "description": w.description},
			"location":  object{"id": w.internalID, "name": stockLocation},
			"onHand":    plain(st.onHand), "available": plain(s.available(st)), "availableForShipment": plain(st.onHand),
			"soBooked": plain(st.booked),
		}
		for _, name := range strings.Fields(noQuantities) {
			o[name] = plain(zero)
		}
		out = append(out, o)
	}
	return ok(out)
}

// availabilityQuery is what GET /api/v3/Inventory was asked for.
type availabilityQuery struct {
	items, warehouses, locations []string
	expand                       []string
	condition                    string
	since                        *time.Time
	attributes                   map[string][]string
}

func readAvailabilityQuery(r *request) (availabilityQuery, *response) {
	q := availabilityQuery{
		items: r.params("inventoryId"), warehouses: r.params("warehouseId"), locations: r.params("locationId"),
		condition: r.param("modifiedSinceCondition"), attributes: make(map[string][]string),
	}
	var bad *response
	if q.expand, bad = expandOf(r, "None Location Attribute LotSerial All"); bad != nil {
		return q, bad
	}
	if q.since, bad = modifiedSince(r); bad != nil {
		return q, bad
	}
	if q.condition == "" {
		q.condition = ">="
	}
	if err := checkCondition(q.condition); err != nil {
		return q, badQuery("modifiedSinceCondition", err.Error())
	}
	for _, f := range r.params("attributeFilter") {
		id, value, found := strings.Cut(f, ":")
		if !found || id == "" {
			return q, badQuery("attributeFilter", "5000-InvalidAttributeFilter: Invalid attributeFilter")
		}
		id = strings.ToUpper(id)
		q.attributes[id] = append(q.attributes[id], value)
	}
	return q, nil
}

// listAvailability is the stock of many items. An item without stock to show is left out when stock was selected.
func (s *Server) listAvailability(r *request) response {
	q, bad := readAvailabilityQuery(r)
	if bad != nil {
		return *bad
	}
	var all []*item
	for _, i := range s.candidates(q.items) {
		if q.hasAttributes(i) && (len(q.places(i)) > 0 || q.since == nil && len(q.warehouses) == 0) {
			all = append(all, i)
		}
	}
	return s.page3(r, len(all), 10000, 10*s.opts.MaxPageSize, func(n int) object {
		i := all[n]
		o := object{
			"inventoryId": i.number, "internalId": i.internalID, "description": i.description, "baseUnit": i.baseUnit,
			"availability": s.availability(i, q), "attributes": nil,
		}
		if expands(q.expand, "Attribute") {
			o["attributes"] = maps.Clone(i.attributes)
		}
		return o
	})
}

func (s *Server) candidates(numbers []string) []*item {
	if len(numbers) == 0 {
		return s.books.items.all
	}
	var out []*item
	for _, n := range numbers {
		if i := s.books.items.get(n); i != nil {
			out = append(out, i)
		}
	}
	return out
}

func (q availabilityQuery) hasAttributes(i *item) bool {
	for id, values := range q.attributes {
		if !slices.Contains(values, i.attributes[id]) {
			return false
		}
	}
	return true
}

// places are the warehouses of an item that were asked for.
func (q availabilityQuery) places(i *item) []string {
	var out []string
	for id, st := range i.stock {
		if wantedBy(q.warehouses, id) && wantedBy(q.locations, stockLocation) &&
			(q.since == nil || compareMoment(st.modified, q.condition, *q.since)) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

func (s *Server) availability(i *item, q availabilityQuery) []object {
	out := []object{}
	for _, id := range q.places(i) {
		st, w := i.stock[id], s.books.setup.warehouse(id)
		o := s.quantities(st)
		o["internalWarehouseId"], o["warehouseId"], o["description"] = w.internalID, w.id, w.description
		o["estimatedUnitCost"], o["estimatedTotalCost"], o["locations"], o["lotSerials"] = nil, nil, nil, nil
		if expands(q.expand, "Location") {
			l := s.quantities(st)
			l["internalLocationId"], l["locationId"], l["description"], l["lotSerials"] = w.internalID, stockLocation,
				"Stelling 1", nil
			o["locations"] = []object{l}
		}
		if expands(q.expand, "LotSerial") {
			o["lotSerials"] = []object{}
		}
		out = append(out, o)
	}
	return out
}

// wantedBy tells whether a repeated parameter lets the id through; none lets all.
func wantedBy(ids []string, id string) bool { return len(ids) == 0 || containsText(ids, id) }

func (s *Server) quantities(st *stock) object {
	return object{
		"quantityOnHand": plain(st.onHand), "quantityAvailable": plain(s.available(st)),
		"quantityAvailableForShipment": plain(st.onHand),
		"quantityNotAvailable":         plain(zero), "quantityPurchaseOrders": plain(zero), "lastModified": utc(st.modified),
	}
}
