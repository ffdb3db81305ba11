package vismanet

import (
	"fmt"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// shipment is goods of one order from one warehouse: a pick list until it is confirmed.
type shipment struct {
	stamp
	number, status, operation string
	order                     *order
	warehouse                 string
	date                      time.Time
	lines                     []shippedLine
	invoice                   string
}

// shippedLine is how much of an order's line is on a shipment.
type shippedLine struct {
	id       int
	quantity *apd.Decimal
}

func (x *shipment) key() string { return x.number }

func (x *shipment) quantity() *apd.Decimal {
	n := zero
	for _, l := range x.lines {
		n = sum(n, l.quantity)
	}
	return n
}

var createShipmentAction = newSchema("CreateShipmentActionDto",
	bare(text, "orderType shipmentWarehouse operation"), bare(boolean, "returnShipmentDto"), bare(moment, "shipmentDate"))

// createShipment makes a shipment of what is left of an order in one warehouse.
func (s *Server) createShipment(r *request) response {
	v, bad := s.read(s.api, r, createShipmentAction)
	if bad != nil {
		return *bad
	}
	kind := v.text("orderType")
	set(&kind, "SO")
	o := s.books.orders.get(orderKey(kind, r.path["saleOrderNumber"]))
	if o == nil {
		return s.missing("Sales Order", orderKey(kind, r.path["saleOrderNumber"]))
	}
	x, refused := s.ship(o, v.text("shipmentWarehouse"), nil)
	if refused != "" {
		return action(refused)
	}
	if t := v.time("shipmentDate"); t != nil {
		x.date = *t
	}
	resp := action("")
	resp.body.(object)["referenceNumber"] = x.number
	return resp
}

// ship makes a shipment of an order: of everything that is left, or of the quantities by item.
func (s *Server) ship(o *order, warehouse string, only map[string]*apd.Decimal) (*shipment, string) {
	if o.kind.behavior != "SalesOrder" && o.kind.behavior != "RMAOrder" {
		return nil, "Orders of the type " + o.kind.id + " are not shipped."
	}
	if o.status != "Open" && o.status != "BackOrder" {
		return nil, "The order is " + o.status + " and cannot be shipped."
	}
	x := &shipment{status: "Open", operation: o.kind.operation, order: o, warehouse: warehouse, date: s.books.clock()}
	for _, l := range o.lines {
		left := difference(l.quantity, l.onShipments)
		if wanted := only[l.item.number]; only != nil {
			if wanted == nil {
				continue
			}
			left = wanted
		}
		if l.item.charge() || l.completed || left.IsZero() {
			continue
		}
		set(&x.warehouse, l.warehouse)
		if !same(l.warehouse, x.warehouse) {
			continue
		}
		x.lines = append(x.lines, shippedLine{l.id, left})
	}
	if len(x.lines) == 0 {
		return nil, "There is nothing to ship from the warehouse " + warehouse + "."
	}
	for _, l := range x.lines {
		line := o.line(l.id)
		line.onShipments = sum(line.onShipments, l.quantity)
	}
	x.number = s.books.nextNumber("shipment", 1, "%06d", func(n string) bool { return s.books.shipments.get(n) != nil })
	x.stamp = s.books.newStamp()
	s.books.shipments.put(x)
	o.status = "Shipping"
	s.books.touch(&o.stamp)
	return x, ""
}

func (s *Server) shipmentOf(r *request) (*shipment, *response) {
	x := s.books.shipments.get(r.path["shipmentNumber"])
	if x == nil {
		resp := s.missing("Shipment", r.path["shipmentNumber"])
		return nil, &resp
	}
	return x, nil
}

func (s *Server) confirmShipment(r *request) response {
	x, bad := s.shipmentOf(r)
	if bad != nil {
		return *bad
	}
	if x.status != "Open" {
		return action("The shipment is " + x.status + " and cannot be confirmed.")
	}
	s.confirm(x)
	return action("")
}

// confirm takes the goods out of stock. An order of which everything is gone is completed.
func (s *Server) confirm(x *shipment) {
	o := x.order
	s.books.book(o, difference)
	done := true
	for _, l := range x.lines {
		line := o.line(l.id)
		line.shipped = sum(line.shipped, l.quantity)
		if line.item.stocked() {
			st := line.item.at(x.warehouse)
			st.onHand, st.modified = difference(st.onHand, l.quantity), s.books.clock()
		}
	}
	for _, l := range o.lines {
		if !l.item.charge() && l.shipped.Cmp(l.quantity) < 0 {
			done = false
		}
	}
	x.status = "Confirmed"
	if o.status = "BackOrder"; done {
		o.status = "Completed"
	}
	s.books.book(o, sum)
	s.books.touch(&x.stamp)
	s.books.touch(&o.stamp)
}

// prepareInvoice makes the invoice of what was shipped, or of the whole order where the type needs no shipment. Its
// answer has no body, as its status promises.
func (s *Server) prepareInvoice(r *request) response {
	o := s.books.orders.get(orderKey(r.path["orderType"], r.path["orderNumber"]))
	if o == nil {
		return s.missing("Sales Order", orderKey(r.path["orderType"], r.path["orderNumber"]))
	}
	if refused := s.invoice(o); refused != "" {
		return action(refused)
	}
	return response{status: 204}
}

func (s *Server) invoice(o *order) (refused string) {
	quantities := map[*orderLine]*apd.Decimal{}
	var from []*shipment
	switch o.kind.behavior {
	case "Invoice", "CreditMemo":
		if o.status != "Open" {
			return "The order is " + o.status + " and cannot be invoiced."
		}
		for _, l := range o.lines {
			quantities[l] = l.quantity
		}
	default:
		for _, x := range s.books.shipments.all {
			if x.order != o || x.status != "Confirmed" {
				continue
			}
			from = append(from, x)
			for _, l := range x.lines {
				line := o.line(l.id)
				if quantities[line] == nil {
					quantities[line] = zero
				}
				quantities[line] = sum(quantities[line], l.quantity)
			}
		}
		if len(from) == 0 {
			return "There is no confirmed shipment to invoice."
		}
		for _, l := range o.lines { // charges go with the first invoice
			if l.item.charge() && l.billed.IsZero() {
				quantities[l] = l.quantity
			}
		}
	}
	d := s.documentOfOrder(o, quantities)
	for _, x := range from {
		x.status, x.invoice, d.shipment = "Invoiced", d.number, x.number
		s.books.touch(&x.stamp)
	}
	o.invoice = d.number
	if len(from) == 0 {
		o.status = "Invoiced"
	}
	s.books.touch(&o.stamp)
	return ""
}

// documentOfOrder is the draft that bills quantities of an order's lines.
func (s *Server) documentOfOrder(o *order, quantities map[*orderLine]*apd.Decimal) *document {
	kind := invoiceKind
	if strings.HasPrefix(o.kind.document, "Credit") {
		kind = creditKind
	}
	d := &document{
		kind: kind, status: "Balanced", customer: o.customer, currency: o.currency, zone: o.zone, branch: o.branch, terms: o.terms,
		date: o.date, plain: values{}, settled: zero, orderType: o.kind.id, orderNumber: o.number, payment: o.customer.payment,
	}
	for name, t := range map[string]string{"customerRefNumber": o.customerOrder, "externalReference": o.customerOrder} {
		if t != "" {
			d.plain[name] = t
		}
	}
	for _, l := range o.lines {
		q := quantities[l]
		if q == nil {
			continue
		}
		l.billed = sum(l.billed, q)
		part := *l
		part.quantity = q
		if !l.discount.IsZero() && l.discountPercent.IsZero() && !l.quantity.IsZero() {
			part.discount = quotient(product(l.discount, q), l.quantity)
		}
		s.price(o, &part)
		account := l.plain.text("salesAccountId")
		set(&account, s.books.setup.incomeAccount(l.category))
		d.lines = append(d.lines, &documentLine{
			id: l.id, item: l.item, description: l.plain.text("description"), account: account, category: l.category, unit: l.unit,
			branch: o.branch, quantity: q, unitPrice: l.unitPrice, discount: part.discount, amount: part.amount,
		})
	}
	s.totalDocument(d)
	s.addDocument(s.books.ledgers()[kind], d)
	return d
}

func (s *Server) getShipment(r *request) response {
	x, bad := s.shipmentOf(r)
	if bad != nil {
		return *bad
	}
	return s.single(s.renderShipment(x), x.quotedETag())
}

func (s *Server) listShipments(r *request) response {
	keep := func(x *shipment) bool {
		return equalFilter(x.status, r.param("status")) && equalFilter(x.order.customer.number, r.param("customerNumber"))
	}
	return answerList(s, r, listing[*shipment]{rows: s.books.shipments.all, keep: keep, render: s.renderShipment, paged: true})
}

func (s *Server) renderShipment(x *shipment) object {
	w := s.books.setup.warehouse(x.warehouse)
	lines := []object{}
	for i, l := range x.lines {
		line := x.order.line(l.id)
		lines = append(lines, object{
			"lineNumber": i + 1, "orderType": x.order.kind.id, "orderNbr": x.order.number, "orderLineNbr": line.id,
			"inventoryNumber": line.item.number, "uom": line.unit, "shippedQty": plain(l.quantity),
			"orderedQty": plain(line.quantity), "description": line.plain.text("description"),
		})
	}
	ordered := object{"orderType": x.order.kind.id, "orderNbr": x.order.number, "shippedQty": plain(x.quantity())}
	putText(ordered, "invoiceNbr", x.invoice)
	out := object{
		"shipmentNumber": x.number, "shipmentType": "Issue", "status": x.status, "operation": x.operation, "hold": false,
		"shipmentDate": s.day(x.date), "currencyId": x.order.currency, "shippedQuantity": plain(x.quantity()),
		"customer":            object{"internalId": x.order.customer.internalID, "number": x.order.customer.number, "name": x.order.customer.name},
		"shipmentDetailLines": lines, "shipmentOrderLines": []object{ordered}, "shipmentPackageLines": []object{},
		"lastModifiedDateTime": s.instant(x.modified), "timeStamp": x.etag(),
	}
	if w != nil {
		out["fromWarehouse"] = object{"id": w.id, "description": w.description}
	}
	return out
}

// listOrderShipments is the Sales Order Service's list of an order's shipments.
func (s *Server) listOrderShipments(r *request) response {
	o, bad := s.orderOf(r)
	if bad != nil {
		return *bad
	}
	out := []object{}
	for _, x := range s.books.shipments.all {
		if x.order != o {
			continue
		}
		row := object{
			"type": "Issue", "id": x.number, "date": utc(x.date), "quantity": plain(x.quantity()), "weight": plain(zero),
			"volume": plain(zero), "invoiceType": nil, "invoiceId": nil, "inventoryDocumentType": nil, "inventoryReferenceId": nil,
			"status": x.status,
		}
		if x.invoice != "" {
			row["invoiceType"], row["invoiceId"] = invoiceKind, x.invoice
		}
		out = append(out, row)
	}
	return ok(out)
}

// getOldOrder is the ERP API's own view of an order, as far as it says what became of it.
func (s *Server) getOldOrder(r *request) response {
	o := s.books.orders.get(orderKey(r.path["orderType"], r.path["orderNbr"]))
	if o == nil {
		return s.missing("Sales Order", orderKey(r.path["orderType"], r.path["orderNbr"]))
	}
	out := object{
		"orderType": o.kind.id, "orderNo": o.number, "status": o.status, "hold": o.status == "Hold", "date": s.day(o.date),
		"customer": object{"internalId": o.customer.internalID, "number": o.customer.number, "name": o.customer.name},
		"currency": o.currency, "orderTotal": plain(o.money.total), "taxTotal": plain(o.money.tax),
		"canceled": o.status == "Cancelled", "lastModifiedDateTime": s.instant(o.modified),
	}
	putText(out, "customerOrder", o.customerOrder, "customerRefNo", o.refNo, "invoiceNbr", o.invoice,
		"description", o.plain.text("description"))
	return s.single(out, "")
}

// controlShip ships an order, or some of it, as when the warehouse does: {"order", "quantities": {item: "1"}}; the order
// is named as the customer's order is. What it ships is confirmed, and with "invoice" invoiced too.
func (s *Server) controlShip(v values) error {
	o := find(s.books.orders.all, func(o *order) bool { return same(o.customerOrder, v.text("order")) })
	if o == nil {
		return fmt.Errorf("there is no order %q", v.text("order"))
	}
	if billed, _ := v.flag("invoice"); billed && o.kind.behavior != "SalesOrder" {
		return nonEmpty(s.invoice(o))
	}
	var only map[string]*apd.Decimal
	if quantities, given := v["quantities"].(object); given {
		only = map[string]*apd.Decimal{}
		for number, quantity := range quantities {
			q, err := parseDecimal(fmt.Sprint(quantity))
			if err != nil {
				return err
			}
			only[number] = q
		}
	}
	x, refused := s.ship(o, "", only)
	if refused != "" {
		return nonEmpty(refused)
	}
	s.confirm(x)
	if billed, _ := v.flag("invoice"); billed {
		return nonEmpty(s.invoice(o))
	}
	return nil
}

func nonEmpty(refused string) error {
	if refused == "" {
		return nil
	}
	return fmt.Errorf("%s", refused)
}
