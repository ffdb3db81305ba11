package vismanet

import (
	"fmt"

	"github.com/cockroachdb/apd/v3"
)

// addLine adds a new line to an order.
func (s *Server) addLine(o *order, v values, path string, f *flaws) {
	number := v.text("inventoryId")
	i := s.books.items.get(number)
	if i == nil {
		f.add(path+".inventoryId", codeItem, "InventoryId '%s' cannot be found or is invalid", number)
		return
	}
	if !i.sellable() {
		f.add(path+".inventoryId", s.opts.InactiveItemCode,
			"InventoryId '%s' cannot be found or is invalid: the item status is %s", number, i.status)
		return
	}
	o.lastLine++
	l := &orderLine{
		id: o.lastLine, item: i, operation: o.kind.operation, unit: i.salesUnit, category: i.category,
		warehouse: o.shipping.text("preferredWarehouseId"),
		quantity:  zero, discountPercent: zero, discount: zero, onShipments: zero, shipped: zero, billed: zero,
		plain: values{"description": i.description, "salesAccountId": i.accounts["salesAccount"]},
	}
	if l.warehouse == "" {
		l.warehouse = i.defaultWarehouse
	}
	l.unitPrice = s.ownPrice(o, i)
	s.changeLine(o, l, v, path, f)
	o.lines = append(o.lines, l)
}

// changeLine applies what was sent to a line.
func (s *Server) changeLine(o *order, l *orderLine, v values, path string, f *flaws) {
	for name, to := range map[string]*string{
		"unitOfMeasure": &l.unit, "taxCategoryId": &l.category, "warehouseId": &l.warehouse, "operation": &l.operation,
	} {
		if t := v.text(name); t != "" {
			*to = t
		}
	}
	if q := v.decimal("quantity"); q != nil {
		l.quantity = q
	}
	if v["sortOrder"] != nil {
		l.sort, l.moved = v.integer("sortOrder"), true
	}
	s.changePrice(o, l, v)
	s.changeDiscount(o, l, v, path, f)
	merge(&l.plain, only(v, "description externalLink note salesAccountId discountCode branchId projectTaskId salesPersonId "+
		"invoiceNumber shippingRule warehouseLocationId reasonCode purchaseOrderSource supplierId inventoryAlternateId invoiceType "+
		"unitCost supplierPrice undershipThreshold overshipThreshold shipDate requestDate commissionable invoiceLineNumber customFields"))
	s.checkLine(o, l, path, f)
	if rot, _ := v.flag("isRotRutDeductible"); rot {
		f.add(path+".isRotRutDeductible", codeRotRut, "Cannot set ROT/RUT deductible as ROT/RUT is not activated for the company.")
	}
}

// changePrice keeps a sent price only when it is said to be manual; else the ERP's own replaces it.
func (s *Server) changePrice(o *order, l *orderLine, v values) {
	price := v.decimal("unitPrice")
	manual, given := v.flag("hasManualPrice")
	switch {
	case !given && price != nil:
		l.manualPrice = s.opts.ImplicitManual || l.manualPrice
	case given:
		l.manualPrice = manual
	}
	if !l.manualPrice {
		l.unitPrice = s.ownPrice(o, l.item)
	} else if price != nil {
		l.unitPrice = round(price, s.opts.PriceDecimals)
	}
}

// changeDiscount is changePrice for the discount; the ERP's own one is none.
func (s *Server) changeDiscount(o *order, l *orderLine, v values, path string, f *flaws) {
	rate, amount := v.decimal("discountPercent"), v.decimal("discountAmount")
	manual, given := v.flag("hasManualDiscount")
	switch {
	case !given && (rate != nil || amount != nil):
		l.manualDiscount = s.opts.ImplicitManual || l.manualDiscount
	case given:
		l.manualDiscount = manual
	}
	switch {
	case !l.manualDiscount:
		l.discountPercent, l.discount = zero, zero
	case rate != nil:
		l.discountPercent, l.discount = rate, zero
	case amount != nil:
		l.discountPercent, l.discount = zero, amount
	}
	s.price(o, l)
	if abs(l.discount).Cmp(abs(l.gross)) > 0 {
		f.add(path+".discountAmount", codeDiscount, "Discount amount can not be greater than Extended Price")
	}
}

func abs(x *apd.Decimal) *apd.Decimal { return new(apd.Decimal).Abs(x) }

func (s *Server) checkLine(o *order, l *orderLine, path string, f *flaws) {
	b := s.books.setup
	for _, ref := range []struct {
		name, value, code string
		exists            bool
	}{
		{"taxCategoryId", l.category, codeCategory, b.category(l.category) != nil},
		{"unitOfMeasure", l.unit, codeUnit, l.item.sellsIn(l.unit)},
		{"warehouseId", l.warehouse, codeWarehouse, b.warehouse(l.warehouse) != nil},
		{
			"warehouseLocationId", l.plain.text("warehouseLocationId"), codePlace,
			same(l.plain.text("warehouseLocationId"), stockLocation),
		},
		{"operation", l.operation, codeOperation, containsText(o.kind.operations, l.operation)},
		{"reasonCode", l.plain.text("reasonCode"), codeReason, pick(b.reasonCodes, l.plain.text("reasonCode")) != nil},
		{
			"salesPersonId", l.plain.text("salesPersonId"), codeSalesPerson,
			pick(b.salesPersons, l.plain.text("salesPersonId")) != nil,
		},
		{"branchId", l.plain.text("branchId"), codeInvalid, pick(b.branches, l.plain.text("branchId")) != nil},
		{"supplierId", l.plain.text("supplierId"), codeSupplier, false},
		{"projectTaskId", l.plain.text("projectTaskId"), codeProjectTask, false},
	} {
		f.require(ref.value == "" || ref.exists, path+"."+ref.name, ref.code,
			"The value '%s' of %s cannot be found or is invalid", ref.value, ref.name)
	}
	if number := l.plain.text("salesAccountId"); number != "" {
		a := b.account(number)
		f.require(a != nil && a.active, path+".salesAccountId", codeAccount, "Invalid SalesAccountId specified: '%s'", number)
	}
	f.require(!l.quantity.Negative || l.item.charge(), path+".quantity", codeQuantity,
		"Quantity must be zero or positive when inventory item is not of type MiscCharge")
	if w := b.warehouse(l.warehouse); w != nil {
		l.warehouse = w.id
	}
	for _, operation := range o.kind.operations {
		if same(operation, l.operation) {
			l.operation = operation
		}
	}
}

// patchOrderLine changes one line of an order as a PATCH asks.
func (s *Server) patchOrderLine(o *order, v values, path string, f *flaws) {
	l := o.line(v.integer("lineId"))
	if l == nil {
		f.add(path+".lineId", codeNoSuchLine, "Line Id %d. Line with provided Id does not exists in the order", v.integer("lineId"))
		return
	}
	if done, given := v.flag("completed"); given {
		f.require(len(v) == 2, path+".completed", codeNotAllowed,
			"When completed is set, no other fields may be patched in the same line")
		l.completed = done
		return
	}
	if l.completed {
		f.add(path+".lineId", codeLineCompleted, "Line is marked as completed. Patch operation can not be done on completed lines.")
		return
	}
	s.changeLine(o, l, v, path, f)
}

// checkUnique refuses two lines with one value of a number field.
func checkUnique(lines []values, name, code string, f *flaws) {
	seen := make(map[int]bool)
	for i, v := range lines {
		if v[name] == nil {
			continue
		}
		n := v.integer(name)
		f.require(!seen[n], fmt.Sprintf("lines[%d].%s", i, name), code, "The %s %d provided is not unique in your request", name, n)
		seen[n] = true
	}
}
