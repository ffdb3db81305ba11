package vismanet

import (
	"fmt"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// payment is money from or to a customer.
type payment struct {
	stamp
	number, kind, status    string
	customer                *customer
	reference, method, cash string
	currency, text, branch  string
	date                    time.Time
	amount                  *apd.Decimal
	applied                 []application
}

// application is how much of a document a payment settles.
type application struct {
	kind     string
	document *document
	amount   *apd.Decimal
}

func (p *payment) key() string { return p.number }

const paymentTypes = "Payment CreditNote Prepayment Refund VoidPayment SmallBalanceWo VoidRefund Undefined"

var paymentUpdate = newSchema("PaymentUpdateDto",
	wrapped(text, "referenceNumber applicationPeriod paymentRef customer location paymentMethod cashAccount currency invoiceText branch"),
	wrapped(moment, "applicationDate"), wrappedEnum("type", paymentTypes), wrapped(boolean, "hold overrideNumberSeries"),
	wrapped(number, "paymentAmount"),
	listOf(newSchema("PaymentOrdersLinesUpdateDto", bareEnum("operation", operations), wrapped(text, "orderType orderNumber"),
		wrapped(number, "appliedToOrder")), "ordersToApply"),
	listOf(newSchema("FinanceChargesUpdateDto", bareEnum("operation", operations),
		wrapped(text, "entryType offsetAccount offsetSubAccount description"), wrapped(number, "amount"), wrapped(integer, "lineNbr")),
		"financeCharges"),
	listOf(newSchema("PaymentLinesUpdateDto", bareEnum("operation", operations), wrappedEnum("documentType", documentTypes),
		wrapped(text, "writeOffReasonCode refNbr"), wrapped(number, "cashDiscountTaken balanceWriteOff crossRate amountPaid")),
		"paymentLines"),
)

var releasePayment = newSchema("ReleasePaymentActionDto", wrappedEnum("type", paymentTypes))

func (s *Server) postPayment(r *request) response {
	v, bad := s.read(s.api, r, paymentUpdate)
	if bad != nil {
		return *bad
	}
	f := &flaws{}
	p := s.newPayment(v, s.branch(r), f)
	if len(f.all) > 0 {
		const first = "Error inserting the payment. Error: Inserting 'Payment' record raised at least one error. Please review the errors."
		return s.apiProblem(append([]flaw{{message: first}}, f.all...))
	}
	p.number = s.books.nextNumber("payment", 400_001, "%d", func(n string) bool { return s.books.payments.get(n) != nil })
	p.stamp = s.books.newStamp()
	s.books.payments.put(p)
	return s.created(r, "/v1/customerPayment/"+pathKey(p.number))
}

func (s *Server) newPayment(v values, branch string, f *flaws) *payment {
	b := s.books.setup
	p := &payment{
		kind: v.text("type"), status: "Balanced", branch: branch, date: s.books.clock(), amount: zero, text: v.text("invoiceText"),
		reference: v.text("paymentRef"), method: v.text("paymentMethod"), cash: v.text("cashAccount"), currency: v.text("currency"),
	}
	f.require(p.kind == "Payment" || p.kind == "Refund" || p.kind == "Prepayment", "type", "", "'Type' '%s' cannot be inserted.", p.kind)
	f.require(p.reference != "", "paymentRef", "", "'Payment Ref.' cannot be empty.")
	if p.customer = s.books.customers.get(v.text("customer")); p.customer == nil {
		f.add("customer", "", "'Customer' '%s' cannot be found in the system.", v.text("customer"))
		return p
	}
	set(&p.currency, p.customer.currency)
	set(&p.method, p.customer.payment)
	if hold, _ := v.flag("hold"); hold {
		p.status = "Hold"
	}
	if t := v.time("applicationDate"); t != nil {
		p.date = *t
	}
	if a := v.decimal("paymentAmount"); a != nil {
		p.amount = round(a, b.decimals(p.currency))
	}
	f.require(!p.amount.Negative, "paymentAmount", "", "'Payment Amount' should not be negative.")
	m := b.paymentMethod(p.method)
	if m == nil || !m.active {
		f.add("paymentMethod", "", "'Payment Method' '%s' cannot be found in the system.", p.method)
		return p
	}
	if p.cash == "" && len(m.cashAccounts) > 0 {
		p.cash = m.cashAccounts[0]
	}
	f.require(containsText(m.cashAccounts, p.cash), "cashAccount", "", "'Cash Account' '%s' cannot be found in the system.", p.cash)
	s.apply(p, v.list("paymentLines"), f)
	return p
}

// apply takes over what the payment settles: released documents of its customer, up to their balance.
func (s *Server) apply(p *payment, lines []values, f *flaws) {
	left := p.amount
	for i, line := range lines {
		path := fmt.Sprintf("paymentLines[%d]", i)
		l := s.books.ledgers()[line.text("documentType")]
		if l == nil {
			f.add(path+".documentType", "", "'Document Type' '%s' cannot be applied.", line.text("documentType"))
			continue
		}
		d, amount := l.shelf.get(line.text("refNbr")), line.decimal("amountPaid")
		switch {
		case d == nil || d.customer != p.customer || d.draft():
			f.add(path+".refNbr", "", "'Reference Nbr.' '%s' cannot be found in the system.", line.text("refNbr"))
		case amount == nil || amount.Cmp(d.balance()) > 0 || amount.Cmp(left) > 0:
			f.add(path+".amountPaid", "", "'Amount Paid' exceeds the balance of the document or of the payment.")
		default:
			left = difference(left, amount)
			p.applied = append(p.applied, application{l.kind, d, amount})
		}
	}
}

func (s *Server) paymentOf(r *request) (*payment, *response) {
	p := s.books.payments.get(r.path["paymentNumber"])
	if p == nil {
		resp := s.missing("Payment", r.path["paymentNumber"])
		return nil, &resp
	}
	return p, nil
}

func (s *Server) getPayment(r *request) response {
	p, bad := s.paymentOf(r)
	if bad != nil {
		return *bad
	}
	return s.single(s.renderPaymentDocument(p), p.quotedETag())
}

func (s *Server) putPayment(r *request) response {
	p, bad := s.paymentOf(r)
	if bad != nil {
		return *bad
	}
	if bad := stale(r, &p.stamp); bad != nil {
		return *bad
	}
	v, bad := s.read(s.api, r, paymentUpdate)
	if bad != nil {
		return *bad
	}
	if p.status != "Balanced" && p.status != "Hold" {
		return s.refuse("Error: The payment is released and cannot be changed.\r\n")
	}
	if v.has("invoiceText") {
		p.text = v.text("invoiceText")
	}
	if hold, given := v.flag("hold"); given {
		p.status = map[bool]string{true: "Hold", false: "Balanced"}[hold]
	}
	s.books.touch(&p.stamp)
	return response{status: 204}.with("ETag", p.quotedETag())
}

func (s *Server) releasePayment(r *request) response {
	p, bad := s.paymentOf(r)
	if bad != nil {
		return *bad
	}
	v, bad := s.read(s.api, r, releasePayment)
	if bad != nil {
		return *bad
	}
	switch kind := v.text("type"); {
	case kind != "" && kind != p.kind, kind == "" && p.kind != "Payment":
		return s.missing("Payment", p.number)
	case p.status != "Balanced":
		return action("Document status is invalid for processing: " + p.status)
	}
	left := p.amount
	for _, a := range p.applied {
		s.settle(a.document, a.amount)
		left = difference(left, a.amount)
	}
	if p.status = "Open"; left.IsZero() {
		p.status = "Closed"
	}
	s.books.touch(&p.stamp)
	return action("")
}

func (s *Server) listPayments(r *request) response {
	keep := func(p *payment) bool {
		return equalFilter(p.number, r.param("paymentNbr")) && equalFilter(p.customer.number, r.param("customer")) &&
			equalFilter(p.kind, r.param("paymentType")) && equalFilter(p.status, r.param("status"))
	}
	return answerList(s, r, listing[*payment]{rows: s.books.payments.all, keep: keep, render: s.renderPaymentDocument, paged: true})
}

func (s *Server) renderPaymentDocument(p *payment) object {
	left := p.amount
	lines := []object{}
	for _, a := range p.applied {
		left = difference(left, a.amount)
		lines = append(lines, object{"documentType": a.kind, "refNbr": a.document.number, "amountPaid": plain(a.amount)})
	}
	out := object{
		"refNbr": p.number, "type": p.kind, "status": p.status, "hold": p.status == "Hold", "paymentRef": p.reference,
		"customer":        object{"number": p.customer.number, "name": p.customer.name},
		"applicationDate": s.day(p.date), "currency": p.currency, "cashAccount": p.cash, "paymentAmount": plain(p.amount),
		"paymentAmountInCurrency": plain(p.amount), "availableBalance": plain(left), "paymentLines": lines, "branch": p.branch,
		"lastModifiedDateTime": s.instant(p.modified), "timeStamp": p.etag(),
	}
	putText(out, "invoiceText", p.text)
	if m := s.books.setup.paymentMethod(p.method); m != nil {
		out["paymentMethod"] = object{"id": m.id, "description": m.description}
	}
	return out
}
