package vismanet

import (
	"fmt"
	"time"

	"github.com/cockroachdb/apd/v3"
)

func (s *Server) newDocument(l *ledger, v values, branch string, f *flaws) *document {
	d := &document{kind: l.kind, status: "Balanced", branch: branch, date: s.books.clock(), plain: values{}, settled: zero}
	c := s.books.customers.get(v.text("customerNumber"))
	switch {
	case c == nil:
		f.add("customerNumber", "", "'Customer' '%s' cannot be found in the system.", v.text("customerNumber"))
		return d
	case c.status != "Active" && c.status != "OneTime":
		f.add("customerNumber", "", "'Customer' status is '%s'.", c.status)
		return d
	}
	d.customer, d.currency, d.zone, d.terms, d.payment = c, c.currency, c.zone, c.terms, c.payment
	if forced, _ := v.flag("overrideNumberSeries"); forced {
		d.number = v.text("referenceNumber")
		f.require(d.number != "" && l.shelf.get(d.number) == nil, "referenceNumber", "", "'Reference Nbr.' is not free.")
	}
	s.changeDocument(l, d, v, f)
	for i, line := range v.list(l.lines) {
		s.changeDocumentLines(d, line, fmt.Sprintf("%s[%d]", l.lines, i), f)
	}
	s.totalDocument(d)
	f.require(!d.money.total.Negative, l.lines, "", "'Balance' should not be negative.")
	s.applyCredit(d, v.list("applicationLines"), f)
	return d
}

// changeDocument sets what was sent about the document as a whole.
func (s *Server) changeDocument(l *ledger, d *document, v values, f *flaws) {
	b := s.books.setup
	for name, ref := range map[string]struct {
		to     *string
		exists func(id string) bool
	}{
		"currencyId":        {&d.currency, func(id string) bool { return b.currency(id) != nil }},
		"customerVatZoneId": {&d.zone, func(id string) bool { return b.zone(id) != nil }},
		"branchNumber":      {&d.branch, func(id string) bool { return pick(b.branches, id) != nil }},
		"creditTermsId":     {&d.terms, func(id string) bool { return b.term(id) != nil }},
		"paymentMethodId": {&d.payment, func(id string) bool {
			m := b.paymentMethod(id)
			return m != nil && m.active
		}},
	} {
		if id := v.text(name); id != "" {
			f.require(ref.exists(id), name, "", "'%s' cannot be found in the system.", id)
			*ref.to = id
		}
	}
	if t := v.time("documentDate"); t != nil {
		d.date = *t
	}
	if hold, given := v.flag("hold"); given {
		d.status = map[bool]string{true: "Hold", false: "Balanced"}[hold]
	}
	change(d.plain, v, documentTexts)
	if period := d.plain.text("postPeriod"); period != "" {
		_, err := time.Parse("200601", period)
		f.require(err == nil, "postPeriod", "", "'Post Period' '%s' cannot be found in the system.", period)
	}
	// Without the override the customer's own address stands.
	if g := v.group(l.address); g != nil {
		if override, _ := g.flag("overrideAddress"); override {
			d.address = &address{id: s.books.nextID()}
			d.address.change(g)
			if err := s.books.checkCountry(d.address); err != nil {
				f.add(l.address, "", "%s.", err)
			}
		}
	}
}

func (s *Server) changeDocumentLines(d *document, v values, path string, f *flaws) {
	n := v.integer("lineNumber")
	line := find(d.lines, func(l *documentLine) bool { return l.id == n })
	switch operation := v.text("operation"); {
	case operation == "" || operation == "Insert":
		d.lastLine++
		line = &documentLine{id: d.lastLine, quantity: zero, unitPrice: zero, discount: zero, amount: zero, branch: d.branch}
		d.lines = append(d.lines, line)
		s.changeDocumentLine(line, v, path, f)
	case line == nil:
		f.add(path+".lineNumber", "", "The line %d cannot be found.", n)
	case operation == "Delete":
		kept := d.lines[:0]
		for _, l := range d.lines {
			if l != line {
				kept = append(kept, l)
			}
		}
		d.lines = kept
	default:
		s.changeDocumentLine(line, v, path, f)
	}
}

func (s *Server) changeDocumentLine(l *documentLine, v values, path string, f *flaws) {
	b := s.books.setup
	if number := v.text("inventoryNumber"); number != "" {
		i := s.books.items.get(number)
		switch {
		case i == nil:
			f.add(path+".inventoryNumber", "", "'Inventory ID' '%s' cannot be found in the system.", number)
			return
		case !i.sellable():
			f.add(path+".inventoryNumber", "", "The inventory item is %s.", i.status)
			return
		}
		l.item, l.description, l.category, l.unit = i, i.description, i.category, i.salesUnit
		if l.account = i.accounts["salesAccount"]; l.account == "" {
			l.account = b.incomeAccount(i.category)
		}
		l.unitPrice = i.price
	}
	for name, to := range map[string]*string{
		"description": &l.description, "accountNumber": &l.account, "vatCodeId": &l.category, "uom": &l.unit, "note": &l.note,
		"branchNumber": &l.branch,
	} {
		if t := v.text(name); t != "" {
			*to = t
		}
	}
	for name, to := range map[string]**apd.Decimal{
		"quantity": &l.quantity, "unitPriceInCurrency": &l.unitPrice,
	} {
		if d := v.decimal(name); d != nil {
			*to = d
		}
	}
	l.unitPrice = round(l.unitPrice, s.opts.PriceDecimals)
	gross := round(product(l.quantity, l.unitPrice), 2)
	if manual := v.decimal("manualAmountInCurrency"); manual != nil {
		gross = round(manual, 2)
	}
	// A discount that nobody calls manual gives way to the ERP's own, which is none.
	if manual, _ := v.flag("manualDiscount"); manual || s.opts.ImplicitManual {
		switch rate, amount := v.decimal("discountPercent"), v.decimal("discountAmountInCurrency"); {
		case rate != nil:
			l.discount = percent(gross, rate, 2)
		case amount != nil:
			l.discount = round(amount, 2)
		}
	}
	l.amount = difference(gross, l.discount)
	a := b.account(l.account)
	f.require(a != nil && a.active, path+".accountNumber", "", "'Account' '%s' cannot be found in the system.", l.account)
	f.require(l.category == "" || b.category(l.category) != nil, path+".vatCodeId", "", "'VAT Category' '%s' cannot be found in the system.",
		l.category)
	f.require(l.item == nil || l.item.sellsIn(l.unit), path+".uom", "", "'UOM' '%s' cannot be found in the system.", l.unit)
	f.require(pick(b.branches, l.branch) != nil, path+".branchNumber", "", "'Branch' '%s' cannot be found in the system.", l.branch)
}

// totalDocument computes the document's money: VAT once for each, on the sum of its lines.
func (s *Server) totalDocument(d *document) {
	b := s.books.setup
	t := totals{lines: zero, freight: zero, taxable: zero, exempt: zero, tax: zero, quantity: zero}
	places := b.decimals(d.currency)
	for _, l := range d.lines {
		t.lines = sum(t.lines, l.amount)
		t.addTaxable(b.rates(d.zone, l.category), l.amount, places)
	}
	for _, x := range t.taxes {
		if !s.opts.TaxPerLine {
			x.tax = percent(x.taxable, x.rate(), places)
		}
		t.taxable, t.tax = sum(t.taxable, x.taxable), sum(t.tax, x.tax)
	}
	t.total = sum(t.lines, t.tax)
	d.money = t
}
