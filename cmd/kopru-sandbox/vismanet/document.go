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
	applied                                []application // of a credit note: the invoices that it is taken off
	orderType, orderNumber, shipment       string        // of the order it was made of
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
		return s.single(s.renderDocument(l, d, true, true), d.quotedETag())
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
		draft.applied = slices.Clone(d.applied)
		s.applyCredit(&draft, v.list("applicationLines"), f)
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
		for _, a := range d.applied {
			if a.amount.Cmp(a.document.balance()) > 0 {
				return action("The document " + a.document.number + " has no balance of " + a.amount.Text('f'))
			}
		}
		d.status = "Open"
		s.settle(d, zero)
		for _, a := range d.applied {
			s.settle(a.document, a.amount)
			s.settle(d, a.amount)
		}
		return action("")
	}
}

// applyCredit takes over what a draft of a credit note is to settle: released invoices of its customer, each once, up to
// their balance.
func (s *Server) applyCredit(d *document, lines []values, f *flaws) {
	for i, line := range lines {
		path := fmt.Sprintf("applicationLines[%d]", i)
		invoice, amount := s.books.invoices.get(line.text("refNbr")), line.decimal("amountPaid")
		at := slices.IndexFunc(d.applied, func(a application) bool { return a.document == invoice })
		switch operation := line.text("operation"); {
		case line.text("documentType") != invoiceKind || invoice == nil || invoice.customer != d.customer || invoice.draft():
			f.add(path+".refNbr", "", "'Reference Nbr.' '%s' cannot be found in the system.", line.text("refNbr"))
		case operation == "Delete" && at >= 0:
			d.applied = slices.Delete(d.applied, at, at+1)
		case amount == nil || amount.Negative || amount.Cmp(invoice.balance()) > 0:
			f.add(path+".amountPaid", "", "'Amount Paid' exceeds the balance of the document.")
		case operation == "Update" && at >= 0:
			d.applied[at].amount = amount
		case operation == "Update" || operation == "Delete":
			f.add(path+".refNbr", "", "The application of '%s' cannot be found.", invoice.number)
		case at >= 0:
			f.add(path+".refNbr", "", "An attempt was made to add a duplicate entry.")
		default:
			d.applied = append(d.applied, application{invoiceKind, invoice, amount})
		}
	}
	total := zero
	for _, a := range d.applied {
		total = sum(total, a.amount)
	}
	f.require(total.Cmp(d.money.total) <= 0, "applicationLines", "", "The applications exceed the balance of the document.")
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
		applications := strings.EqualFold(r.param("expandApplications"), "true")
		render := func(d *document) object { return s.renderDocument(l, d, address, applications) }
		return answerList(s, r, listing[*document]{rows: l.shelf.all, keep: keep, render: render, paged: true})
	}
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
