package vismanet

import (
	"github.com/cockroachdb/apd/v3"
)

// totals is the money of an order, in its currency.
type totals struct {
	lines, freight, taxable, exempt, tax, total *apd.Decimal
	quantity                                    *apd.Decimal
	taxes                                       []*taxTotal
}

// taxTotal is one VAT of an order.
type taxTotal struct {
	vat          *vat
	taxable, tax *apd.Decimal
}

// price sets a line's amounts: each is rounded to the currency, so that the sum of the lines is what is printed.
func (s *Server) price(o *order, l *orderLine) {
	places := s.books.setup.decimals(o.currency)
	l.gross = round(product(l.quantity, l.unitPrice), places)
	if l.discountPercent.IsZero() {
		l.discount = round(l.discount, places)
	} else {
		l.discount = percent(l.gross, l.discountPercent, places)
	}
	l.amount = difference(l.gross, l.discount)
}

// ownPrice is what the ERP asks when nobody set a price by hand: the item's, in the order's currency.
func (s *Server) ownPrice(o *order, i *item) *apd.Decimal {
	price := i.price
	if c := s.books.setup.currency(o.currency); c != nil && c.id != s.books.setup.baseCurrency {
		price = quotient(price, c.rate)
	}
	return round(price, s.opts.PriceDecimals)
}

// calculate computes the order's totals. Tax is computed once for each VAT, on the sum of its lines, unless the switch
// asks for it line by line.
func (s *Server) calculate(o *order) {
	b := s.books.setup
	places := b.decimals(o.currency)
	t := totals{lines: zero, freight: zero, taxable: zero, exempt: zero, tax: zero, quantity: zero}
	if f := o.freight.decimal("premiumAmount"); f != nil {
		t.freight = round(f, places)
		t.addTaxable(b.rates(o.zone, s.freightCategory(o)), t.freight, places)
	}
	for _, l := range o.lines {
		s.price(o, l)
		amount := product(l.amount, o.factor(l))
		t.lines, t.quantity = sum(t.lines, amount), sum(t.quantity, l.quantity)
		t.addTaxable(b.rates(o.zone, l.category), amount, places)
	}
	for _, x := range t.taxes {
		if !s.opts.TaxPerLine {
			x.tax = percent(x.taxable, x.rate(), places)
		}
		t.taxable, t.tax = sum(t.taxable, x.taxable), sum(t.tax, x.tax)
	}
	t.total = sum(sum(t.lines, t.freight), t.tax)
	o.money = t
}

// rate is what the customer pays; with reverse charge that is nothing.
func (t *taxTotal) rate() *apd.Decimal {
	if t.vat.kind == "ReverseVat" {
		return zero
	}
	return t.vat.rate
}

func (t *totals) addTaxable(vats []*vat, amount *apd.Decimal, places int) {
	if len(vats) == 0 {
		t.exempt = sum(t.exempt, amount)
	}
	for _, v := range vats {
		x := find(t.taxes, func(x *taxTotal) bool { return x.vat == v })
		if x == nil {
			x = &taxTotal{vat: v, taxable: zero, tax: zero}
			t.taxes = append(t.taxes, x)
		}
		x.taxable = sum(x.taxable, amount)
		x.tax = sum(x.tax, percent(amount, x.rate(), places))
	}
}

func (s *Server) freightCategory(o *order) string {
	if c := o.freight.text("taxCategoryId"); c != "" {
		return c
	}
	if z := s.books.setup.zone(o.zone); z != nil {
		return z.category
	}
	return ""
}

// inBase is an amount of the order in the company's currency.
func (s *Server) inBase(o *order, amount *apd.Decimal) *apd.Decimal {
	b := s.books.setup
	c := b.currency(o.currency)
	if c == nil {
		return amount
	}
	return round(product(amount, c.rate), b.decimals(b.baseCurrency))
}

// decimals is the precision of amounts in a currency.
func (s *setup) decimals(id string) int {
	if c := s.currency(id); c != nil {
		return c.decimals
	}
	return 2
}
