package vismanet

import (
	"fmt"
	"strconv"
)

const orderExpansions = "None Billing Payment FinancialInformation Shipping Customer Owner Origin Note Freight Attachments CustomFields All"

func (s *Server) getOrder(r *request) response {
	o, bad := s.orderOf(r)
	if bad != nil {
		return *bad
	}
	expand, bad := expandOf(r, orderExpansions)
	if bad != nil {
		return *bad
	}
	return ok(s.renderOrder(o, expand)).with("ETag", o.quotedETag())
}

// renderOrder is the SalesOrderDto. A section that was not asked for is null, lines are never part of it.
func (s *Server) renderOrder(o *order, expand []string) object {
	out := object{
		"type": o.kind.id, "orderId": o.number, "branch": pick(s.books.setup.branches, o.branch).reference(),
		"description": orNull(o.plain.text("description")), "date": utc(o.date), "cancelBy": utcOrNull(o.cancelBy),
		"lastModified": utc(o.modified), "requestOn": utc(o.requestOn), "orderQty": plain(o.money.quantity),
		"currencyId": o.currency,
		"createdBy":  nil, "project": nil, "print": s.renderPrint(o), "totals": s.renderTotals(o), "version": o.etag(),
		"emailed":           false,
		"status":            object{"description": o.status, "cancelled": o.status == "Cancelled", "hold": o.status == "Hold"},
		"originalOrderType": orNull(o.plain.text("originalOrderType")), "originalOrderId": orNull(o.plain.text("originalOrderId")),
		"salesPerson": pick(s.books.setup.salesPersons, o.plain.text("salesPersonId")).reference(),
	}
	for _, part := range []struct {
		expansion, name string
		render          func(o *order) any
	}{
		{"Billing", "billing", func(o *order) any {
			return object{
				"address": s.renderOrderAddress(o.billing, orMain(o.customer.invoice, o.customer.main)),
				"contact": renderOrderContact(o.billing, orMain(o.customer.invoiceContact, o.customer.contact)),
			}
		}},
		{"Payment", "paymentSettings", s.renderPayment},
		{"FinancialInformation", "financialInformation", s.renderFinancial},
		{"Shipping", "shipping", s.renderShipping},
		{"Customer", "customer", s.renderOrderCustomer},
		{"Owner", "owner", func(o *order) any { return object{"internalId": nil, "id": orNull(o.plain.text("ownerId"))} }},
		{"Origin", "origin", func(o *order) any {
			return object{
				"orderType": orNull(o.plain.text("originalOrderType")),
				"orderId":   orNull(o.plain.text("originalOrderId")),
			}
		}},
		{"Note", "note", func(o *order) any { return orNull(o.plain.text("note")) }},
		{"Freight", "freight", s.renderFreight},
		{"Attachments", "attachments", func(*order) any { return []object{} }},
		{"CustomFields", "customFields", func(o *order) any { return renderValues(o.custom) }},
	} {
		out[part.name] = nil
		if expands(expand, part.expansion) {
			out[part.name] = part.render(o)
		}
	}
	return out
}

func (s *Server) renderTotals(o *order) object {
	out := object{"discountTotal": plain(zero), "discountTotalInBaseCurrency": plain(zero)}
	m, open := o.money, o.money.lines
	if o.closed() {
		open = zero
	}
	for _, a := range []struct {
		name   string
		amount any
		base   any
	}{
		{"orderTotal", plain(m.total), plain(s.inBase(o, m.total))},
		{"taxableTotal", plain(m.taxable), plain(s.inBase(o, m.taxable))},
		{"taxExemptTotal", plain(m.exempt), plain(s.inBase(o, m.exempt))},
		{"taxTotal", plain(m.tax), plain(s.inBase(o, m.tax))},
		{"freightTotal", plain(m.freight), plain(s.inBase(o, m.freight))},
		{"unbilledAmount", plain(open), plain(s.inBase(o, open))},
		{"unshippedAmount", plain(open), plain(s.inBase(o, open))},
		{"paymentTotal", plain(zero), plain(zero)},
	} {
		out[a.name], out[a.name+"InBaseCurrency"] = a.amount, a.base
	}
	return out
}

func (s *Server) renderPrint(o *order) object {
	out := object{}
	for _, name := range []string{"descriptionOnInvoice", "noteOnInternalDocuments", "noteOnExternalDocuments"} {
		out[name], _ = o.print.flag(name)
	}
	return out
}

// renderOrderAddress is the order's own address, or the customer's.
func (s *Server) renderOrderAddress(section values, of *address) object {
	own := section.group("address")
	override, given := own.flag("overridesDefault")
	overridden := own != nil && (override || !given)
	a := address{id: of.id}
	if overridden {
		a.line1, a.line2, a.line3, a.postalCode = own.text("line1"), own.text("line2"), own.text("line3"), own.text("postalCode")
		a.city, a.country, a.county = own.text("city"), own.text("countryId"), own.text("stateId")
	} else {
		a = *of
	}
	out := object{
		"id": a.id, "overridesDefault": overridden, "line1": orNull(a.line1), "line2": orNull(a.line2), "line3": orNull(a.line3),
		"postalCode": orNull(a.postalCode), "city": orNull(a.city), "country": nil, "county": nil,
	}
	if c := pick(s.books.setup.countries, a.country); c != nil {
		out["country"] = object{"id": c.id, "name": c.description}
	}
	if a.county != "" {
		out["county"] = object{"id": a.county, "name": a.county}
	}
	return out
}

func renderOrderContact(section values, of *contactInfo) object {
	own := section.group("contact")
	override, given := own.flag("overridesDefault")
	overridden := own != nil && (override || !given)
	c := *of
	if overridden {
		c = contactInfo{
			id: of.id, name: own.text("name"), attention: own.text("attention"), email: own.text("email"),
			phone1: own.text("phone1"),
		}
	}
	return object{
		"id": c.id, "overridesDefault": overridden, "name": orNull(c.name), "attention": orNull(c.attention),
		"email":  orNull(c.email),
		"phone1": orNull(c.phone1), "phone2": orNull(c.phone2), "fax": orNull(c.fax),
	}
}

func (s *Server) renderPayment(o *order) any {
	id := o.payment.text("paymentMethodId")
	if id == "" {
		id = o.customer.payment
	}
	out := object{
		"paymentMethod": nil, "cashAccountId": orNull(o.payment.text("cashAccountId")),
		"paymentReference": orNull(o.payment.text("paymentReference")),
	}
	if m := s.books.setup.paymentMethod(id); m != nil {
		out["paymentMethod"] = object{"id": m.id, "description": m.description}
		if out["cashAccountId"] == nil && len(m.cashAccounts) > 0 {
			out["cashAccountId"] = m.cashAccounts[0]
		}
	}
	return out
}

func (s *Server) renderFinancial(o *order) any {
	separate, _ := o.financial.flag("invoiceSeparately")
	out := object{
		"invoiceSeparately": separate, "invoiceId": orNull(o.financial.text("invoiceId")),
		"invoiceDate": utcOrNull(o.financial.time("invoiceDate")),
		"dueDate":     utcOrNull(o.financial.time("dueDate")), "cashDiscountDate": utcOrNull(o.financial.time("cashDiscountDate")),
		"postPeriod": orNull(o.financial.text("postPeriod")), "terms": nil,
	}
	if t := s.books.setup.term(o.terms); t != nil {
		out["terms"] = object{"id": t.id, "description": t.description}
	}
	return out
}

func (s *Server) renderShipping(o *order) any {
	b, v := s.books.setup, o.shipping
	rule := v.text("rule")
	if rule == "" {
		rule = "BackOrderAllowed"
	}
	scheduled := v.time("scheduledDate")
	if scheduled == nil {
		scheduled = &o.requestOn
	}
	out := object{
		"address":       s.renderOrderAddress(v, orMain(o.customer.delivery, o.customer.main)),
		"contact":       renderOrderContact(v, orMain(o.customer.deliveryContact, o.customer.contact)),
		"scheduledDate": utc(*scheduled), "rule": rule, "preferredWarehouse": nil,
		"shipVia":  pick(b.carriers, v.text("shipViaId")).reference(),
		"fobPoint": pick(b.fobPoints, v.text("fobPointId")).reference(),
		"terms":    pick(b.shippingTerms, v.text("termsId")).reference(), "zone": pick(b.shippingZones, v.text("zoneId")).reference(),
		"intrastatTransactionType": nil, "priority": v.integer("priority"),
	}
	for _, name := range []string{"shipSeparately", "residentialDelivery", "saturdayDelivery", "insurance"} {
		out[name], _ = v.flag(name)
	}
	if w := b.warehouse(v.text("preferredWarehouseId")); w != nil {
		out["preferredWarehouse"] = object{"id": w.id, "description": w.description}
	}
	return out
}

func (s *Server) renderOrderCustomer(o *order) any {
	c := o.customer
	out := object{
		"internalId": c.internalID, "id": c.number, "name": c.name, "order": orNull(o.customerOrder), "refNo": orNull(o.refNo),
		"location": c.mainLocation(), "taxZone": nil, "contactId": nil,
	}
	if z := s.books.setup.zone(o.zone); z != nil {
		out["taxZone"] = object{"id": z.id, "description": z.description}
	}
	if o.contactID != 0 {
		out["contactId"] = o.contactID
	}
	return out
}

func (s *Server) renderFreight(o *order) any {
	amount, base := plain(o.money.freight), plain(s.inBase(o, o.money.freight))
	return object{
		"volume": plain(zero), "weight": plain(zero), "cost": plain(zero), "costInBaseCurrency": plain(zero),
		"premiumAmount":               amount,
		"premiumAmountInBaseCurrency": base, "amount": plain(zero), "amountInBaseCurrency": plain(zero),
		"taxCategoryId": orNull(s.freightCategory(o)),
	}
}

// renderListedOrder is the SalesOrderListDto: flat, and with the customer's references.
func (s *Server) renderListedOrder(r *request, o *order) object {
	return object{
		"_links": object{"self": object{"href": s.linkTo(r, o)}},
		"type":   o.kind.id, "orderId": o.number, "status": o.status, "date": utc(o.date),
		"shippingScheduledDate": utc(o.requestOn),
		"customerId":            o.customer.number, "customerName": o.customer.name, "orderQty": plain(o.money.quantity),
		"orderTotal": plain(o.money.total), "taxTotal": plain(o.money.tax), "currency": o.currency, "location": mainLocation,
		"requestOn": utc(o.requestOn), "customerOrder": orNull(o.customerOrder), "customerRefNo": orNull(o.refNo),
		"description": orNull(o.plain.text("description")), "lastModified": utc(o.modified),
	}
}

func (s *Server) listLines(r *request) response {
	o, bad := s.orderOf(r)
	if bad != nil {
		return *bad
	}
	return s.page3(r, len(o.lines), 1000, s.opts.MaxPageSize, func(i int) object { return s.renderLine(o, o.lines[i]) })
}

func (s *Server) getLine(r *request) response {
	o, bad := s.orderOf(r)
	if bad != nil {
		return *bad
	}
	if n, err := strconv.Atoi(r.path["lineId"]); err == nil {
		if l := o.line(n); l != nil {
			return ok(s.renderLine(o, l))
		}
	}
	return problem(404, fmt.Sprintf("Line '%s' was not found in the order", r.path["lineId"]))
}

// renderLine is the SalesOrderLineDto.
func (s *Server) renderLine(o *order, l *orderLine) object {
	open := difference(l.quantity, l.shipped)
	if o.closed() || l.completed {
		open = zero
	}
	extended := l.gross
	if s.opts.ExtendedPriceNet {
		extended = l.amount
	}
	branch := l.plain.text("branchId")
	if branch == "" {
		branch = o.branch
	}
	out := renderValues(l.plain)
	delete(out, "branchId")
	delete(out, "warehouseLocationId")
	delete(out, "supplierId")
	delete(out, "salesPersonId")
	for name, value := range (object{
		"lineId": l.id, "sortOrder": l.sort, "lineType": l.item.lineType(), "operation": l.operation, "orderDate": utc(o.date),
		"branch":        pick(s.books.setup.branches, branch).reference(),
		"inventory":     object{"id": l.item.number, "description": l.item.description, "baseUnit": l.item.baseUnit},
		"unitOfMeasure": l.unit, "quantity": plain(l.quantity), "baseOrderQuantity": plain(l.quantity),
		"unitPrice":     plain(l.unitPrice),
		"extendedPrice": plain(extended), "lineTotalBeforeDiscount": plain(l.gross), "discountAmount": plain(l.discount),
		"discountPercent": plain(l.discountPercent),
		"taxCategoryId":   l.category, "warehouseId": l.warehouse, "openQuantity": plain(open), "billedQuantity": plain(l.billed),
		"quantityOnShipments": plain(l.onShipments), "hasManualDiscount": l.manualDiscount, "hasManualPrice": l.manualPrice,
		"freeItem":  false,
		"completed": l.completed, "openLine": !open.IsZero(), "supplierPrice": plain(l.plain.decimal("supplierPrice")),
		"salesPerson": pick(s.books.setup.salesPersons, l.plain.text("salesPersonId")).reference(),
		"attachments": []object{}, "purchaseOrderNumbers": []string{}, "autoCreateIssue": false,
	}) {
		out[name] = value
	}
	return out
}

func (i *item) lineType() string {
	switch {
	case i.stocked():
		return "GoodsForInventory"
	case i.charge():
		return "MiscCharge"
	}
	return "NonInventoryGoods"
}

func (s *Server) getTaxes(r *request) response {
	o, bad := s.orderOf(r)
	if bad != nil {
		return *bad
	}
	out := []object{}
	for _, t := range o.money.taxes {
		out = append(out, object{
			"taxId": t.vat.id, "taxRate": plain(t.vat.rate), "taxableAmount": plain(t.taxable), "taxAmount": plain(t.tax),
			"exemptTax":        false,
			"includeInTaxable": true, "isPendingTax": false, "isStatisticalTax": false,
			"isReverseTax": t.vat.kind == "ReverseVat", "taxType": "VAT",
		})
	}
	return ok(out)
}
