package vismanet

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// The catalogued error codes that the emulator uses.
const (
	codeNull            = "0001-NullNotAllowed"
	codeInvalid         = "0003-InvalidValue"
	codeNotAllowed      = "0004-ValueNotAllowed"
	codeNoSuchLine      = "0200-LineIdDoesNotExist"
	codeDiscount        = "1101-DiscountAmountMoreThanExtPrice"
	codeFreightCost     = "1310-FreightCostCanNotBeSetManually"
	codeCustomer        = "1400-CustomerLookupException"
	codeTerms           = "1401-MissingTermsId"
	codePaymentMethod   = "1402-PaymentMethodIdNotFound"
	codePaymentInactive = "1403-InactivePaymentMethodId"
	codeReference       = "1405-PaymentReferenceRequired"
	codeNoReference     = "1406-PaymentReferenceProhibited"
	codeCustomerStatus  = "1407-InvalidCustomerStatus"
	codePaymentRequired = "1409-PaymentMethodRequired"
	codeCashInactive    = "1501-CashAccountInactive"
	codeCashAccount     = "1502-CashAccountNotFound"
	codeCashMethod      = "1503-CashAccountInvalidForPaymentMethod"
	codePeriod          = "1600-FinancialPeriodNotFound"
	codePlace           = "1700-WarehouseLocationNotFound"
	codeOperation       = "1800-InvalidLineOperation"
	codeWarehouse       = "1802-InvalidWarehouseId"
	codeItem            = "1804-InventoryIdNotFound"
	codeCategory        = "1805-InvalidTaxCategoryId"
	codeAccount         = "1806-InvalidSalesAccountId"
	codeReason          = "1807-InvalidReasonCode"
	codeUnit            = "1808-InvalidUnitOfMeasure"
	codeQuantity        = "1809-InvalidQuantityForType"
	codeLineCompleted   = "1810-LineAlreadyCompleted"
	codeTooManyLines    = "1813-InputLinesExceedExistingLinesCount"
	codeSortTwice       = "1816-SortOrderNbrIsNotUnique"
	codeLineTwice       = "1817-LineIdIsNotUnique"
	codeSalesPerson     = "1902-SalesPersonNotFound"
	codeSupplier        = "1903-SupplierNotFound"
	codeProject         = "1904-ProjectNotFound"
	codeProjectTask     = "1908-ProjectTaskNotFound"
	codeRotRut          = "1921-RotRutNotActivatedForCompany"
)

// flaws collects what is wrong with an order.
type flaws struct{ all []flaw }

func (f *flaws) add(path, code, format string, args ...any) {
	last := path[strings.LastIndexByte(path, '.')+1:]
	f.all = append(f.all, flaw{path: path, code: code, message: fmt.Sprintf(format, args...), params: object{"property": last}})
}

func (f *flaws) require(good bool, path, code, format string, args ...any) {
	if !good {
		f.add(path, code, format, args...)
	}
}

// changeOrder applies what was sent to a new order or to a copy of a stored one.
func (s *Server) changeOrder(o *order, v values, f *flaws) {
	s.changeOrderCustomer(o, v.group("customer"), f)
	for name, to := range map[string]*string{"currencyId": &o.currency, "taxZoneId": &o.zone, "branchId": &o.branch} {
		if t := v.text(name); t != "" {
			*to = t
		}
	}
	for name, to := range map[string]*time.Time{"date": &o.date, "requestOn": &o.requestOn} {
		if t := v.time(name); t != nil {
			*to = *t
		}
	}
	if t := v.time("cancelBy"); t != nil {
		o.cancelBy = t
	}
	merge(&o.plain, only(v, "description note ownerId salesPersonId projectId originalOrderType originalOrderId "+
		"useReplacementCostForMarginAndProfit isRotRutDeductible"))
	for name, to := range map[string]*values{
		"shipping": &o.shipping, "billing": &o.billing, "financialInformation": &o.financial, "paymentSettings": &o.payment,
		"print": &o.print, "freight": &o.freight, "customFields": &o.custom,
	} {
		merge(to, v.group(name))
	}
	s.checkOrder(o, f)
	s.checkPayment(o, f)
}

// only is the named fields of a body.
func only(v values, names string) values {
	out := make(values)
	for _, name := range strings.Fields(names) {
		if v.has(name) {
			out[name] = v[name]
		}
	}
	return out
}

func (s *Server) changeOrderCustomer(o *order, v values, f *flaws) {
	if v == nil {
		return
	}
	if id, gln := v.text("id"), v.text("gln"); id != "" || gln != "" || o.customer == nil {
		c := s.books.customers.get(id)
		if c == nil && id == "" && gln != "" {
			c = find(s.books.customers.all, func(c *customer) bool { return c.plain.text("gln") == gln })
		}
		switch {
		case c == nil:
			f.add("customer.id", codeCustomer, "Customer '%s' cannot be found", id+gln)
		case c.status != "Active" && c.status != "OneTime":
			f.add("customer.id", codeCustomerStatus, "Invalid Customer Status: customer '%s' is %s", c.number, c.status)
		default:
			o.customer, o.terms, o.currency, o.zone = c, c.terms, c.currency, c.zone
		}
	}
	for name, to := range map[string]*string{"order": &o.customerOrder, "refNo": &o.refNo, "termsId": &o.terms} {
		if t, given := v[name].(string); given {
			*to = t
		}
	}
	if v["contactId"] != nil {
		o.contactID = v.integer("contactId")
		f.require(s.books.contacts.byID[o.contactID] != nil, "customer.contactId", codeInvalid,
			"Contact '%d' cannot be found", o.contactID)
	}
	if l := v.text("locationId"); l != "" {
		f.require(same(l, mainLocation), "customer.locationId", codeInvalid, "Location '%s' cannot be found for the customer", l)
	}
}

var period = regexp.MustCompile(`^(0[1-9]|1[0-2])20\d\d$`)

// checkOrder refuses what names a record that isn't there.
func (s *Server) checkOrder(o *order, f *flaws) {
	b := s.books.setup
	for _, ref := range []struct {
		path, value, code string
		exists            bool
	}{
		{"currencyId", o.currency, codeInvalid, b.currency(o.currency) != nil},
		{"taxZoneId", o.zone, codeInvalid, b.zone(o.zone) != nil},
		{"branchId", o.branch, codeInvalid, pick(b.branches, o.branch) != nil},
		{"customer.termsId", o.terms, codeInvalid, b.term(o.terms) != nil},
		{
			"salesPersonId", o.plain.text("salesPersonId"), codeSalesPerson,
			pick(b.salesPersons, o.plain.text("salesPersonId")) != nil,
		},
		{"projectId", o.plain.text("projectId"), codeProject, false},
		{
			"shipping.preferredWarehouseId", o.shipping.text("preferredWarehouseId"), codeWarehouse,
			b.warehouse(o.shipping.text("preferredWarehouseId")) != nil,
		},
		{"shipping.shipViaId", o.shipping.text("shipViaId"), codeInvalid, pick(b.carriers, o.shipping.text("shipViaId")) != nil},
		{"shipping.termsId", o.shipping.text("termsId"), codeInvalid, pick(b.shippingTerms, o.shipping.text("termsId")) != nil},
		{"shipping.zoneId", o.shipping.text("zoneId"), codeInvalid, pick(b.shippingZones, o.shipping.text("zoneId")) != nil},
		{
			"shipping.fobPointId", o.shipping.text("fobPointId"), codeInvalid,
			pick(b.fobPoints, o.shipping.text("fobPointId")) != nil,
		},
		{
			"freight.taxCategoryId", o.freight.text("taxCategoryId"), codeCategory,
			b.category(o.freight.text("taxCategoryId")) != nil,
		},
		{
			"financialInformation.postPeriod", o.financial.text("postPeriod"), codePeriod,
			period.MatchString(o.financial.text("postPeriod")),
		},
	} {
		f.require(ref.value == "" || ref.exists, ref.path, ref.code, "The value '%s' of %s cannot be found or is invalid",
			ref.value, ref.path)
	}
	s.checkParties(o, f)
	if c := b.currency(o.currency); c != nil {
		o.currency = c.id
	}
	if o.customer != nil {
		f.require(o.terms != "", "customer.termsId", codeTerms,
			"TermsId cannot be empty in the order. Set a default terms on the customer or specify the terms for the order")
	}
	if cost := o.freight.decimal("cost"); cost != nil {
		f.require(cost.IsZero(), "freight.cost", codeFreightCost,
			"Freight cost is not allowed to be set manually according to the Ship Via Code settings")
	}
	if rot, _ := o.plain.flag("isRotRutDeductible"); rot {
		f.add("isRotRutDeductible", codeRotRut, "Cannot set ROT/RUT deductible as ROT/RUT is not activated for the company.")
	}
}

// checkParties refuses an address in no known country and an e-mail address that is none.
func (s *Server) checkParties(o *order, f *flaws) {
	for path, g := range map[string]values{"shipping": o.shipping, "billing": o.billing} {
		if c := g.group("address").text("countryId"); c != "" {
			f.require(pick(s.books.setup.countries, c) != nil, path+".address.countryId", codeInvalid, "Country '%s' cannot be found", c)
		}
		for _, mail := range strings.Split(g.group("contact").text("email"), ";") {
			at := strings.IndexByte(mail, '@')
			f.require(mail == "" || at > 0 && at < len(mail)-1, path+".contact.email", codeInvalid,
				"The Email field is not a valid e-mail address.")
		}
	}
}

// checkPayment settles the payment method and cash account, and what the order type wants of them.
func (s *Server) checkPayment(o *order, f *flaws) {
	b, id, cash := s.books.setup, o.payment.text("paymentMethodId"), o.payment.text("cashAccountId")
	if id == "" && o.customer != nil {
		id = o.customer.payment
	}
	m := b.paymentMethod(id)
	switch {
	case id == "":
		f.require(!o.kind.needsPaymentMethod, "paymentSettings.paymentMethodId", codePaymentRequired,
			"Payment method not set, order type requires it")
	case m == nil:
		f.add("paymentSettings.paymentMethodId", codePaymentMethod, "Payment method '%s' set for order can not be found", id)
	case !m.active:
		f.add("paymentSettings.paymentMethodId", codePaymentInactive, "Payment method '%s' set for order is inactive", id)
	}
	if a := b.account(cash); cash != "" {
		switch {
		case a == nil || !a.cash:
			f.add("paymentSettings.cashAccountId", codeCashAccount, "Cash account '%s' set on order can not be found", cash)
		case !a.active:
			f.add("paymentSettings.cashAccountId", codeCashInactive, "Cash account '%s' set for order is inactive", cash)
		case m == nil || !containsText(m.cashAccounts, cash):
			f.add("paymentSettings.cashAccountId", codeCashMethod,
				"Cash account '%s' cannot be used with the set Payment Method", cash)
		}
	}
	reference := o.payment.text("paymentReference")
	f.require(reference != "" || o.kind.paymentReference != "required", "paymentSettings.paymentReference", codeReference,
		"Payment reference not set, order type requires it")
	f.require(reference == "" || o.kind.paymentReference != "prohibited", "paymentSettings.paymentReference", codeNoReference,
		"Order type does not allow payment reference")
}
