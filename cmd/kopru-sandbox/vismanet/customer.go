package vismanet

import (
	"maps"
	"slices"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// customer is a debtor. Address and contact pairs that were never set are nil and read as the main ones.
type customer struct {
	stamp
	number, name, status                                      string
	class, terms, currency, zone, priceClass, parent, payment string
	plain                                                     values // fields that read and write under one name
	main, invoice, delivery                                   *address
	contact, invoiceContact, deliveryContact                  *contactInfo
	attributes                                                map[string]string
	creditLimit                                               *apd.Decimal
}

const statuses = "Active OnHold CreditHold Inactive OneTime"

var segmentUpdate = newSchema("SegmentUpdateDto", bare(integer, "segmentId"), bare(text, "segmentValue"))

var attributeLine = newSchema("AttributeLineUpdateDto", wrapped(text, "attributeId attributeValue"))

// The customer's own texts, flags and numbers that have one name for reading and writing.
const (
	customerTexts = "accountReference vatRegistrationId corporateId gln"
	customerFlags = "printInvoices acceptAutoInvoices sendInvoicesByEmail sendDunningLettersViaEMail printDunningLetters printStatements " +
		"sendStatementsByEmail printMultiCurrencyStatements invoiceToDefaultLocation excludeDebtCollection"
	customerIntegers = "numberOfEmployees creditDaysPastDue"
)

var customerUpdate = newSchema("CustomerUpdateDto",
	wrapped(text, "number name parentRecordNumber currencyId customerClassId creditTermsId vatZoneId note priceClassId "+customerTexts),
	wrapped(boolean, "overrideNumberSeries "+customerFlags),
	wrapped(integer, customerIntegers),
	wrapped(number, "creditLimit"),
	bare(boolean, "overrideWithClassValues"),
	wrappedEnum("status", statuses),
	wrappedEnum("creditVerification", "Disabled DaysPastDue CreditLimit LimitAndDaysPastDue"),
	wrappedEnum("statementType", "OpenItem BalanceBroughtForward"),
	wrappedGroup(addressUpdate, "mainAddress invoiceAddress deliveryAddress"),
	wrappedGroup(contactInfoUpdate, "mainContact invoiceContact deliveryContact"),
	wrappedGroup(newSchema("EInvoiceContractUpdateDto", wrapped(text, "fInvoiceContractID fInvoiceIntermediatorID")),
		"eInvoiceContract"),
	wrappedGroup(newSchema("CustomerDefaultPaymentMethodUpdateDto", wrapped(text, "paymentMethodId"),
		wrapped(boolean, "isDefault")),
		"defaultPaymentMethod"),
	wrappedGroup(newSchema("CustomerGlAccountsUpdateDto",
		wrapped(text, "customerLedgerAccount salesAccount salesNonTaxableAccount salesEuAccount salesExportAccount discountAccount "+
			"freightAccount cashDiscountAccount prepaymentAccount"),
		listOf(segmentUpdate, "customerLedgerSubaccount salesSubaccount discountSubaccount freightSubaccount "+
			"cashDiscountSubaccount prepaymentSubaccount")), "glAccounts"),
	listOf(newSchema("CustomerDirectDebitUpdateDto",
		bareEnum("operation", "Insert Update Delete"), bare(text, "id"),
		wrapped(text, "mandateId mandateDescription bic iban branch"),
		wrapped(moment, "dateOfSignature lastCollectionDate expirationDate"),
		wrapped(boolean, "isDefault oneTime"), wrapped(number, "maxAmount")), "directDebitLines"),
	listOf(attributeLine, "attributeLines"),
)

func newCustomer() *customer {
	return &customer{
		status: "Active", main: &address{}, contact: &contactInfo{}, creditLimit: zero, plain: values{},
		attributes: map[string]string{},
	}
}

func (c *customer) key() string { return c.number }

// emails are the addresses under which the customer is found.
func (c *customer) emails() []string {
	return []string{c.contact.email, orMain(c.invoiceContact, c.contact).email}
}

func (b *books) addCustomer(c *customer) {
	c.stamp = b.newStamp()
	c.main.id, c.contact.id = b.nextID(), b.nextID()
	b.customers.put(c)
	for _, email := range c.emails() {
		b.customersByEmail.add(email, c)
	}
}

// replaceCustomer puts a changed copy in the place of the customer.
func (b *books) replaceCustomer(c, changed *customer) {
	for _, email := range c.emails() {
		b.customersByEmail.drop(email, c)
	}
	*c = *changed
	b.touch(&c.stamp)
	for _, email := range c.emails() {
		b.customersByEmail.add(email, c)
	}
}

// renderCustomer is the CustomerDto.
func (s *Server) renderCustomer(c *customer) object {
	b := s.books.setup
	invoice, delivery := orMain(c.invoice, c.main), orMain(c.delivery, c.main)
	o := object{
		"internalId": c.internalID, "number": c.number, "name": c.name, "status": c.status,
		"mainAddress": c.main.render(b), "mainContact": c.contact.render(),
		"invoiceAddress": invoice.render(b), "invoiceContact": orMain(c.invoiceContact, c.contact).render(),
		"deliveryAddress": delivery.render(b), "deliveryContact": orMain(c.deliveryContact, c.contact).render(),
		"currencyId": c.currency, "creditLimit": plain(c.creditLimit), "creditVerification": "Disabled",
		"statementType":        "OpenItem",
		"location":             object{"id": "Main", "name": "Primary Location", "countryId": delivery.country},
		"attributes":           s.renderAttributes(c.attributes),
		"lastModifiedDateTime": s.instant(c.modified), "createdDateTime": s.instant(c.created), "timeStamp": c.etag(),
		"directDebitLines": []object{}, "paymentMethods": []object{},
	}
	maps.Copy(o, object(c.plain))
	if k := b.classOfCustomer(c.class); k != nil {
		o["customerClass"] = object{"id": k.id, "description": k.description}
	}
	if t := b.term(c.terms); t != nil {
		o["creditTerms"] = object{"id": t.id, "description": t.description}
	}
	if z := b.zone(c.zone); z != nil {
		o["vatZone"] = s.renderZone(z)
	}
	if p := pick(b.priceClasses, c.priceClass); p != nil {
		o["priceClass"] = p.reference()
	}
	if parent := s.books.customers.get(c.parent); parent != nil {
		o["parentRecord"] = object{"number": parent.number, "name": parent.name}
	}
	if c.payment != "" {
		o["defaultPaymentMethodId"] = c.payment
		o["paymentMethods"] = []object{{"paymentMethodId": c.payment, "isDefault": true}}
	}
	delete(o, "note") // has its own operation
	return o
}

func orMain[T any](own, main *T) *T {
	if own != nil {
		return own
	}
	return main
}

// renderAttributes lists values with their text, in order of id.
func (s *Server) renderAttributes(have map[string]string) []object {
	out := make([]object, 0, len(have))
	for _, id := range slices.Sorted(maps.Keys(have)) {
		o := object{"id": id, "value": have[id], "description": have[id]}
		if a := s.books.attribute(id); a != nil {
			o["description"] = a.textOf(have[id])
		}
		out = append(out, o)
	}
	return out
}

func (s *Server) listCustomers(r *request) response {
	attributes, err := attributeFilter(r)
	if err != nil {
		return s.refuseWith(400, err.Error())
	}
	rows := s.books.customers.all
	if email := r.param("email"); email != "" && s.opts.EmailFilter == "exact" {
		rows = slices.SortedFunc(slices.Values(s.books.customersByEmail.get(email)), func(x, y *customer) int {
			return strings.Compare(x.number, y.number)
		})
	}
	keep := func(c *customer) bool {
		return s.emailMatches(c, r.param("email")) && containsFold(c.name, r.param("name")) &&
			equalFilter(c.status, r.param("status")) && equalFilter(c.plain.text("corporateId"), r.param("corporateId")) &&
			equalFilter(c.plain.text("vatRegistrationId"), r.param("vatRegistrationId")) &&
			(r.param("phone") == "" || c.contact.phone1 == r.param("phone") || c.contact.phone2 == r.param("phone")) &&
			hasAttributes(c.attributes, attributes)
	}
	return answerList(s, r, listing[*customer]{rows: rows, keep: keep, render: s.renderCustomer, paged: true})
}

func (s *Server) emailMatches(c *customer, email string) bool {
	if email == "" || s.opts.EmailFilter != "contains" {
		return true // exact ones were looked up
	}
	return slices.ContainsFunc(c.emails(), func(have string) bool { return containsFold(have, email) })
}

func (s *Server) customerOf(r *request, by string) (*customer, *response) {
	key := r.path[by]
	c := s.books.customers.get(key)
	if by == "internalID" {
		c = s.books.customers.internal(key)
	}
	if c == nil {
		resp := s.missing("Customer", key)
		return nil, &resp
	}
	return c, nil
}

func (s *Server) getCustomer(by string) handlerFunc {
	return func(r *request) response {
		c, bad := s.customerOf(r, by)
		if bad != nil {
			return *bad
		}
		return s.single(s.renderCustomer(c), c.quotedETag())
	}
}

func (s *Server) getCustomerNote(r *request) response {
	c, bad := s.customerOf(r, "customerCd")
	if bad != nil {
		return *bad
	}
	return ok(object{"note": c.plain.text("note")})
}

func (s *Server) postCustomer(r *request) response {
	v, bad := s.read(s.api, r, customerUpdate)
	if bad != nil {
		return *bad
	}
	c := newCustomer()
	if flaws := s.checkNewCustomer(v); len(flaws) > 0 {
		const first = "Error inserting the customer. Error: Inserting 'Customer' record raised at least one error. Please review the errors."
		flaws = append([]flaw{{message: first}}, flaws...)
		return s.apiProblem(flaws)
	}
	if v.text("customerClassId") == "" {
		v["customerClassId"] = s.opts.DefaultCustomerClass
	}
	if flaws := s.changeCustomer(c, v, true); len(flaws) > 0 {
		return s.apiProblem(flaws)
	}
	c.number = v.text("number")
	if forced, _ := v.flag("overrideNumberSeries"); !forced {
		c.number = s.books.nextNumber("customer", 10001, "%d", func(n string) bool { return s.books.customers.get(n) != nil })
	}
	s.books.addCustomer(c)
	return s.created(r, "/v1/customer/"+pathKey(c.number))
}

// checkNewCustomer is what a create needs beyond a change.
func (s *Server) checkNewCustomer(v values) []flaw {
	var flaws []flaw
	need := func(given bool, message string) {
		if !given {
			flaws = append(flaws, flaw{message: "Error: " + message})
		}
	}
	main := v.group("mainAddress")
	need(v.text("name") != "", "'Customer Name' cannot be empty.")
	need(v.text("customerClassId") != "" || s.opts.DefaultCustomerClass != "", "'Customer Class' cannot be empty.")
	need(s.opts.CustomerAddress == "none" || main.text("countryId") != "", "'Country' cannot be empty.")
	need(s.opts.CustomerAddress != "full" || main.text("addressLine1") != "" && main.text("postalCode") != "",
		"'Address line 1' and 'Postal code' cannot be empty.")
	forced, _ := v.flag("overrideNumberSeries")
	need(!forced || v.text("number") != "", "'Customer ID' cannot be empty.")
	need(!forced || s.books.customers.get(v.text("number")) == nil, "The customer '"+v.text("number")+"' already exists.")
	need(forced || v.text("number") == "" || s.opts.NumberWithoutOverride == "ignored",
		"'Customer ID' is numbered automatically and cannot be set.")
	return flaws
}

func (s *Server) putCustomer(by string) handlerFunc {
	return func(r *request) response {
		c, bad := s.customerOf(r, by)
		if bad != nil {
			return *bad
		}
		if bad := stale(r, &c.stamp); bad != nil {
			return *bad
		}
		v, bad := s.read(s.api, r, customerUpdate)
		if bad != nil {
			return *bad
		}
		if v.has("name") && v.text("name") == "" {
			return s.refuse("Error: 'Customer Name' cannot be empty.\r\n")
		}
		draft := c.clone()
		if flaws := s.changeCustomer(draft, v, false); len(flaws) > 0 {
			return s.apiProblem(flaws)
		}
		s.books.replaceCustomer(c, draft)
		return response{status: 204}.with("ETag", c.quotedETag())
	}
}

// clone is a copy to change, so that a refused update leaves the record alone.
func (c *customer) clone() *customer {
	d := *c
	d.plain, d.attributes = maps.Clone(c.plain), maps.Clone(c.attributes)
	for _, a := range []**address{&d.main, &d.invoice, &d.delivery} {
		if *a != nil {
			copied := **a
			*a = &copied
		}
	}
	for _, i := range []**contactInfo{&d.contact, &d.invoiceContact, &d.deliveryContact} {
		if *i != nil {
			copied := **i
			*i = &copied
		}
	}
	return &d
}
