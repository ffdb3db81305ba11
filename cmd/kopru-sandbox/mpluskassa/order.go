package mpluskassa

import (
	"github.com/kopru-io/kopru/cmd/kopru-sandbox/shop"
)

// orderElement is an order as the API shows it.
func (t *till) orderElement(o *order, withLines bool) *element {
	incl, excl := o.Total()
	e := el(
		"order", val("orderId", o.ID), val("extOrderId", o.ExtID), val("syncMarker", o.marker), val("orderType", o.Type),
		val("entryBranchNumber", o.Branch), val("employeeNumber", o.Employee), t.moment("entryTimestamp", o.Entered),
		val("relationNumber", o.Relation), val("relationName", o.RelationName), address("deliveryAddress", o.Delivery),
		address("invoiceAddress", o.Invoice), t.date("financialDate", o.Financial),
		val("financialBranchNumber", o.FinancialBranch),
		val("workplaceNumber", o.Workplace), val("reference", o.Reference), val("totalInclAmount", incl),
		val("totalExclAmount", excl),
		val("vatMethod", o.VatMethod), t.vatGroups(o), val("deliveryMethod", o.DeliveryMethod),
		val("paymentMethod", o.PaymentMethod),
		val("changeCounter", o.changes), val("versionNumber", o.version), val("prepaidAmount", o.prepaid()),
		val("fullyPaid", o.Paid),
	)
	e.add(t.states(o)...)
	if employee, _ := t.employee(o.Employee); employee != nil {
		e.add(val("employeeName", employee.Name))
	}
	if o.Category != 0 {
		e.add(val("orderCategoryNumber", o.Category))
		for _, c := range t.shop.Categories {
			if c.Number == o.Category {
				e.add(val("orderCategoryDescription", c.Name))
			}
		}
	}
	if o.Table != 0 {
		e.add(val("tableNumber", o.Table), val("tableSubNumber", 0))
	}
	if withLines {
		e.add(el("invoiceIds"), t.lines(o), t.payments(o))
	}
	return e
}

func (t *till) states(o *order) []*element {
	delivery, cancel, complete := "NOTHING", "NOTHING", "NOTHING"
	switch {
	case o.Delivered:
		delivery = "COMPLETE"
	case len(o.delivered) > 0:
		delivery = "PARTIAL"
	}
	if o.Cancelled {
		cancel = "COMPLETE"
	}
	if o.Delivered && o.Paid || o.Cancelled {
		complete = "COMPLETE"
	}
	return []*element{
		val("deliveryState", "ORDER-DELIVERY-STATE-"+delivery),
		val("cancelState", "ORDER-CANCEL-STATE-"+cancel),
		val("completeState", "ORDER-COMPLETE-STATE-"+complete),
		el("orderNumber", val("year", o.Year), val("number", o.Number)),
	}
}

// prepaid is what was paid on an order that isn't settled.
func (o *order) prepaid() int64 {
	sum := int64(0)
	if !o.Paid {
		for _, p := range o.Payments {
			sum += p.Amount
		}
	}
	return sum
}

// address leaves out an address that nobody filled in.
func address(name string, p shop.Postal) *element {
	if p == (shop.Postal{}) {
		return nil
	}
	return el(
		name, val("name", p.Name), val("contact", p.Contact), val("address", p.Street), val("zipcode", p.Zipcode),
		val("city", p.City),
		val("country", p.Country), val("companyName", p.Company),
	)
}

func (t *till) vatGroups(o *order) *element {
	list := el("vatGroupList")
	for _, g := range o.VatTotals() {
		list.add(el(
			"vatGroup", val("vatCode", g.Code), val("vatPercentage", g.Percent*t.opts.PercentScale),
			val("exclAmount", g.Excl),
			val("vatAmount", g.Vat),
		))
	}
	return list
}

func (t *till) lines(o *order) *element {
	list := el("lineList")
	for i := range o.Lines {
		if o.Lines[i].With == "" {
			list.add(t.line(o, &o.Lines[i]))
		}
	}
	return list
}

func (t *till) line(o *order, l *shop.Line) *element {
	data := el("data", t.quantity("quantity", "decimalPlaces", l.Quantity)...)
	none := shop.Quantity{Scale: l.Quantity.Scale}
	delivered, cancelled := none, none
	if q, some := o.delivered[l.ID]; some {
		delivered = q
	}
	if o.Delivered {
		delivered = l.Quantity
	}
	if o.Cancelled {
		cancelled = l.Quantity
	}
	data.add(t.quantity("deliveredQuantity", "deliveredDecimalPlaces", delivered)...)
	data.add(t.quantity("cancelledQuantity", "cancelledDecimalPlaces", cancelled)...)
	kind := "DISCOUNT-TYPE-NONE"
	if l.Discount != 0 {
		kind = "DISCOUNT-TYPE-EXTERNAL-DISCOUNT"
	}
	data.add(
		val("price", l.UnitIncl()), val("priceExcl", l.UnitExcl()), val("turnoverGroup", l.TurnoverGroup),
		val("vatCode", l.VatCode),
		val("vatPercentage", l.Percent*t.opts.PercentScale), val("discountType", kind),
		val("discountPercentage", l.DiscountPercent*t.opts.PercentScale), val("discountAmount", l.Discount),
		val("totalInclAmount", l.Incl()), val("totalExclAmount", l.Excl()),
	)
	e := el(
		"line", val("lineId", l.ID), val("employeeNumber", o.Employee), val("articleNumber", l.Article),
		val("text", l.Text), data,
		val("lineType", map[bool]string{true: "LINE-TYPE-NONE", false: "LINE-TYPE-PREPARATION"}[l.With == ""]),
	)
	if l.PLU != "" {
		e.add(val("pluNumber", l.PLU))
	}
	chosen := el("preparationList")
	for i := range o.Lines {
		if o.Lines[i].With == l.ID {
			chosen.add(t.line(o, &o.Lines[i]))
		}
	}
	if len(chosen.children) > 0 {
		e.add(chosen)
	}
	return e
}

func (t *till) payments(o *order) *element {
	list := el("paymentList")
	for _, p := range o.Payments {
		e := el(
			"payment", val("paymentId", p.ID), t.date("financialDate", p.At), t.moment("entryTimestamp", p.At),
			val("branchNumber", o.Branch),
			val("method", p.Method), val("amount", p.Amount), val("paymentMethodType", "PAYMENT-METHOD-TYPE-PAYMENT"),
		)
		for _, m := range t.shop.Payments {
			if m.Code == p.Method {
				e.add(val("description", m.Description))
			}
		}
		if p.Reference != "" {
			e.add(val("externalReference", p.Reference))
		}
		list.add(e)
	}
	return list
}
