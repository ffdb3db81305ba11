package vismanet

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// document is an invoice or a credit note of the customer ledger. Amounts of both are positive.
type document struct {
	stamp
	kind                                   string // Invoice or CreditNote
	number, status                         string
	customer                               *customer
	currency, zone, branch, terms, payment string
	date                                   time.Time
	plain                                  values // texts that read and write under one name
	address                                *address
	lines                                  []*documentLine
	lastLine                               int
	money                                  totals
	settled                                *apd.Decimal
	orderType, orderNumber, shipment       string // of the order it was made of
}

type documentLine struct {
	id                            int
	item                          *item
	description, account          string
	category, unit, branch, note  string
	quantity, unitPrice, discount *apd.Decimal
	amount                        *apd.Decimal
}

const (
	invoiceKind = "Invoice"
	creditKind  = "CreditNote"
)

func (d *document) key() string { return d.number }

// draft tells whether the document can still be changed and deleted.
func (d *document) draft() bool { return d.status == "Balanced" || d.status == "Hold" }

func (d *document) balance() *apd.Decimal { return difference(d.money.total, d.settled) }

// documentTexts read and write under one name.
const documentTexts = "customerRefNumber externalReference paymentReference invoiceText note postPeriod"

var overriddenAddress = newSchema("SalesInvoiceAddressUpdateDto", wrapped(boolean, "overrideAddress"),
	wrapped(text, "addressLine1 addressLine2 addressLine3 postalCode city countryId county"))

var overriddenContact = newSchema("SalesInvoiceContactUpdateDto", wrapped(boolean, "overrideContact"),
	wrapped(text, "name attention email phone1"))

const operations = "Insert Update Delete"

var invoiceUpdate = newSchema("CustomerInvoiceUpdateDto",
	wrapped(text, "paymentMethodId creditTermsId currencyId customerRefNumber externalReference customerProject paymentReference project "+
		"customerVatZoneId accountingCostRef originatorDocRef contractDocRef directDebitMandateId debtCollectionCaseNbr "+
		"debtCollectionCaseStatus debtCollectionCaseType debtCollectionCaseUrl referenceNumber customerNumber childCustomerNumber "+
		"postPeriod financialPeriod invoiceText locationId salesperson note branchNumber cashAccount"),
	wrapped(moment, "cashDiscountDate documentDueDate startDate endDate documentDate origInvoiceDate"),
	wrapped(number, "exchangeRate"), wrapped(integer, "contact salesPersonID"),
	wrapped(boolean, "domesticServicesDeductibleDocument sendToAutoInvoice revoked overrideNumberSeries excludeDebtCollection "+
		"consolidateInvoices hold dontPrint dontEmail"),
	bareGroup(newSchema("RotRutUpdateDto", wrapped(boolean, "distributedAutomaticaly"), wrappedEnum("type", "Rut Rot"),
		wrapped(text, "appartment estate organizationNbr"), //nolint:misspell // the contract says so
		listOf(newSchema("RotRutDistributionUpdateDto", bareEnum("operation", operations), wrapped(integer, "lineNbr"),
			wrapped(text, "personalId"), wrapped(number, "amount"), wrapped(boolean, "extra")), "distribution")), "rotRutDetails"),
	listOf(taxDetailUpdate, "taxDetailLines"),
	listOf(newSchema("CustomerInvoiceLinesUpdateDto", documentLineFields(),
		wrapped(text, "typeOfWork"), wrapped(moment, "startDate endDate"), wrapped(boolean, "domesticServicesDeductible"),
		wrappedEnum("itemType", "Service MaterialCost OtherCost")), "invoiceLines"),
	wrappedGroup(overriddenAddress, "billingAddress"), wrappedGroup(overriddenContact, "invoiceContact"),
)

var creditNoteUpdate = newSchema("CustomerCreditNoteUpdateDto",
	wrapped(text, "currencyId customerRefNumber externalReference project customerVatZoneId referenceNumber customerNumber "+
		"childCustomerNumber postPeriod financialPeriod invoiceText locationId salesperson note branchNumber cashAccount"),
	wrapped(moment, "documentDate origInvoiceDate"), wrapped(integer, "contact salesPersonID"), wrapped(number, "exchangeRate"),
	wrapped(boolean, "overrideNumberSeries sendToAutoInvoice consolidateInvoices hold dontPrint dontEmail"),
	listOf(newSchema("CustomerCreditNoteLineUpdateDto", documentLineFields()), "lines"),
	listOf(taxDetailUpdate, "taxDetails"),
	listOf(newSchema("PaymentLineBaseUpdateDto", bareEnum("operation", operations), wrappedEnum("documentType", documentTypes),
		wrapped(text, "refNbr"), wrapped(number, "amountPaid")), "applicationLines"),
	wrappedGroup(overriddenAddress, "invoiceAddress"), wrappedGroup(overriddenContact, "invoiceContact"),
)

var taxDetailUpdate = newSchema("TaxDetailUpdateDto", wrapped(text, "taxId"), wrapped(number, "taxableAmount vatAmount"))

const documentTypes = "Invoice DebitNote CreditNote Payment VoidPayment Prepayment Refund FinCharge SmallBalanceWo SmallCreditWo " +
	"CashSale CashReturn Undefined NoUpdate"

func documentLineFields() []field {
	var out []field
	for _, part := range [][]field{
		bareEnum("operation", operations),
		wrapped(text, "discountCode taskId inventoryNumber description accountNumber vatCodeId uom salesperson deferralCode note branchNumber"),
		wrapped(moment, "termStartDate termEndDate"), wrapped(integer, "lineNumber deferralSchedule"),
		wrapped(number, "quantity unitPriceInCurrency manualAmountInCurrency discountPercent discountAmountInCurrency"),
		wrapped(boolean, "manualDiscount"), listOf(segmentUpdate, "subaccount"),
	} {
		out = append(out, part...)
	}
	return out
}

// ledger is the shelf of a kind of document, and what its endpoints call things.
type ledger struct {
	kind, what, path, lines, address string
	schema                           *schema
	shelf                            *shelf[*document]
	first                            int
}

func (b *books) ledgers() map[string]*ledger {
	return map[string]*ledger{
		invoiceKind: {
			invoiceKind, "Invoice", "/v1/customerinvoice/", "invoiceLines", "billingAddress", invoiceUpdate, b.invoices, 200_001,
		},
		creditKind: {
			creditKind, "Credit Note", "/v1/customerCreditNote/", "lines", "invoiceAddress", creditNoteUpdate, b.creditNotes, 300_001,
		},
	}
}

func (s *Server) postDocument(l *ledger) handlerFunc {
	return func(r *request) response {
		v, bad := s.read(s.api, r, l.schema)
		if bad != nil {
			return *bad
		}
		f := &flaws{}
		d := s.newDocument(l, v, s.branch(r), f)
		if len(f.all) > 0 {
			first := fmt.Sprintf("Error inserting the document. Error: Inserting '%s' record raised at least one error. "+
				"Please review the errors.", l.what)
			return s.apiProblem(append([]flaw{{message: first}}, f.all...))
		}
		s.addDocument(l, d)
		return s.created(r, l.path+pathKey(d.number))
	}
}

func (s *Server) addDocument(l *ledger, d *document) {
	if d.number == "" {
		d.number = s.books.nextNumber(l.kind, l.first, "%d", func(n string) bool { return l.shelf.get(n) != nil })
	}
	d.stamp = s.books.newStamp()
	l.shelf.put(d)
}

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

func (s *Server) documentOf(l *ledger, r *request) (*document, *response) {
	d := l.shelf.get(r.path["number"])
	if d == nil {
		resp := s.missing(l.what, r.path["number"])
		return nil, &resp
	}
	return d, nil
}

func (s *Server) getDocument(l *ledger) handlerFunc {
	return func(r *request) response {
		d, bad := s.documentOf(l, r)
		if bad != nil {
			return *bad
		}
		return s.single(s.renderDocument(l, d, true), d.quotedETag())
	}
}

func (s *Server) putDocument(l *ledger) handlerFunc {
	return func(r *request) response {
		d, bad := s.documentOf(l, r)
		if bad != nil {
			return *bad
		}
		if bad := stale(r, &d.stamp); bad != nil {
			return *bad
		}
		v, bad := s.read(s.api, r, l.schema)
		if bad != nil {
			return *bad
		}
		if !d.draft() {
			return s.refuse("Error: The document is " + d.status + " and cannot be changed.\r\n")
		}
		draft, f := *d, &flaws{}
		draft.plain = maps.Clone(d.plain)
		draft.lines = nil
		for _, line := range d.lines {
			copied := *line
			draft.lines = append(draft.lines, &copied)
		}
		s.changeDocument(l, &draft, v, f)
		for i, line := range v.list(l.lines) {
			s.changeDocumentLines(&draft, line, fmt.Sprintf("%s[%d]", l.lines, i), f)
		}
		s.totalDocument(&draft)
		if len(f.all) > 0 {
			return s.apiProblem(f.all)
		}
		*d = draft
		s.books.touch(&d.stamp)
		return response{status: 204}.with("ETag", d.quotedETag())
	}
}

func (s *Server) deleteDocument(l *ledger) handlerFunc {
	return func(r *request) response {
		d, bad := s.documentOf(l, r)
		if bad != nil {
			return *bad
		}
		if !d.draft() {
			return s.refuse("Error: The document is released and cannot be deleted.\r\n")
		}
		l.shelf.remove(d)
		return response{status: 204}
	}
}

// releaseDocument books it. What has nothing to be paid is closed at once.
func (s *Server) releaseDocument(l *ledger) handlerFunc {
	return func(r *request) response {
		d, bad := s.documentOf(l, r)
		if bad != nil {
			return *bad
		}
		if bad := stale(r, &d.stamp); bad != nil {
			return *bad
		}
		if d.status != "Balanced" {
			return action("Document status is invalid for processing: " + d.status)
		}
		d.status = "Open"
		s.settle(d, zero)
		return action("")
	}
}

// settle takes an amount off what is open.
func (s *Server) settle(d *document, amount *apd.Decimal) {
	d.settled = sum(d.settled, amount)
	if d.balance().IsZero() {
		d.status = "Closed"
	}
	s.books.touch(&d.stamp)
}

// action is an action's answer: 200 whether it went well or not.
func action(refused string) response {
	out := object{"actionId": newUUID(), "actionResult": "Done", "errorInfo": nil}
	if refused != "" {
		out["actionResult"], out["errorInfo"] = "Failed", refused
	}
	return ok(out)
}

func (s *Server) listDocuments(l *ledger) handlerFunc {
	return func(r *request) response {
		keep := func(d *document) bool {
			return equalFilter(d.kind, r.param("documentType")) && equalFilter(d.status, r.param("status")) &&
				equalFilter(d.customer.number, r.param("customer")) && equalFilter(d.branch, r.param("branch")) &&
				equalFilter(d.plain.text("externalReference"), r.param("externalReference")) &&
				equalFilter(d.plain.text("customerRefNumber"), r.param("customerRefNumber"))
		}
		address := strings.EqualFold(r.param("expandInvoiceAddress"), "true")
		render := func(d *document) object { return s.renderDocument(l, d, address) }
		return answerList(s, r, listing[*document]{rows: l.shelf.all, keep: keep, render: render, paged: true})
	}
}

// renderDocument is the CustomerInvoiceDto or CustomerCreditNoteDto.
func (s *Server) renderDocument(l *ledger, d *document, withAddress bool) object {
	b := s.books.setup
	c := b.currency(d.currency)
	base := func(x *apd.Decimal) *apd.Decimal {
		if c == nil {
			return x
		}
		return round(product(x, c.rate), b.decimals(b.baseCurrency))
	}
	out := object{
		"referenceNumber": d.number, "documentType": d.kind, "status": d.status, "hold": d.status == "Hold",
		"customer": object{"number": d.customer.number, "name": d.customer.name}, "currencyId": d.currency,
		"documentDate": s.day(d.date), "postPeriod": d.date.UTC().Format("200601"), "financialPeriod": d.date.UTC().Format("200601"),
		"location":             object{"id": "Main", "name": "Primary Location", "countryId": d.customer.main.country},
		"lastModifiedDateTime": s.instant(d.modified), "createdDateTime": s.instant(d.created), "timeStamp": d.etag(),
		"attachments": []object{}, "applications": []object{}, "taxDetails": s.renderTaxDetails(d),
	}
	for name, amount := range map[string]*apd.Decimal{
		"amount": d.money.total, "balance": d.balance(), "vatTotal": d.money.tax, "vatTaxableTotal": d.money.taxable,
		"vatExemptTotal": d.money.exempt, "detailTotal": d.money.lines, "discountTotal": zero,
	} {
		out[name], out[name+"InCurrency"] = plain(base(amount)), plain(amount)
	}
	maps.Copy(out, object(d.plain))
	if l.kind == creditKind {
		delete(out, "documentDueDate")
	} else if t := b.term(d.terms); t != nil {
		out["creditTerms"] = object{"id": t.id, "description": t.description}
		out["documentDueDate"] = s.day(d.date.AddDate(0, 0, t.days))
	}
	if m := b.paymentMethod(d.payment); m != nil {
		out["paymentMethod"] = object{"id": m.id, "description": m.description}
	}
	if z := b.zone(d.zone); z != nil {
		out["customerVatZone"] = object{"id": z.id, "description": z.description}
	}
	if br := pick(b.branches, d.branch); br != nil {
		out["branchNumber"] = object{"number": br.id, "name": br.description}
	}
	if withAddress {
		a := orMain(d.address, orMain(d.customer.invoice, d.customer.main)).render(b)
		a["overrideAddress"] = d.address != nil
		out["invoiceAddress"] = a
	}
	lines := make([]object, 0, len(d.lines))
	for _, line := range d.lines {
		lines = append(lines, s.renderDocumentLine(d, line))
	}
	out[l.lines] = lines
	return out
}

func (s *Server) renderTaxDetails(d *document) []object {
	out := []object{}
	for i, t := range d.money.taxes {
		out = append(out, object{
			"taxId": t.vat.id, "recordId": i + 1, "vatId": object{"number": t.vat.id, "description": t.vat.description},
			"vatRate": plain(t.vat.rate), "taxableAmount": plain(t.taxable), "vatAmount": plain(t.tax),
		})
	}
	return out
}

func (s *Server) renderDocumentLine(d *document, l *documentLine) object {
	b := s.books.setup
	out := object{
		"lineNumber": l.id, "quantity": plain(l.quantity), "unitPrice": plain(l.unitPrice), "unitPriceInCurrency": plain(l.unitPrice),
		"amount": plain(l.amount), "amountInCurrency": plain(l.amount), "discountAmount": plain(l.discount),
		"discountAmountInCurrency": plain(l.discount), "manualDiscount": !l.discount.IsZero(),
	}
	putText(out, "description", l.description, "uom", l.unit, "note", l.note, "soOrderType", d.orderType,
		"soOrderNbr", d.orderNumber, "soShipmentNbr", d.shipment)
	if l.item != nil {
		out["inventoryNumber"] = l.item.number
	}
	if a := b.account(l.account); a != nil {
		out["account"] = object{"type": a.kind, "number": a.number, "description": a.description}
	}
	if c := b.category(l.category); c != nil {
		out["vatCode"] = object{"id": c.id, "description": c.description}
	}
	if br := pick(b.branches, l.branch); br != nil {
		out["branchNumber"] = object{"number": br.id, "name": br.description}
	}
	return out
}

// documentsTwice are the outside references that several documents of one kind have, beside those made of orders.
func (b *books) documentsTwice() []string {
	twice := []string{}
	for _, l := range b.ledgers() {
		seen := map[string]int{}
		for _, d := range l.shelf.all {
			if ref := d.plain.text("externalReference"); ref != "" && d.orderNumber == "" {
				if seen[ref]++; seen[ref] == 2 {
					twice = append(twice, ref)
				}
			}
		}
	}
	slices.Sort(twice)
	return twice
}
