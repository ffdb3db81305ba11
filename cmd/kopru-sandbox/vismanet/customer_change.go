package vismanet

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// refuseFunc notes one thing wrong with a change.
type refuseFunc func(path, format string, args ...any)

// changeCustomer applies what was sent; a flaw means the draft is not to be kept.
func (s *Server) changeCustomer(c *customer, v values, isNew bool) []flaw {
	var flaws []flaw
	refuse := func(path, format string, args ...any) {
		flaws = append(flaws, flaw{path: path, message: fmt.Sprintf(format, args...)})
	}
	if v.has("customerClassId") {
		class := s.books.setup.classOfCustomer(v.text("customerClassId"))
		if class == nil {
			refuse("customerClassId", "'Customer Class' '%s' cannot be found in the system.", v.text("customerClassId"))
			return flaws
		}
		c.class = class.id
		if override, _ := v.flag("overrideWithClassValues"); isNew || override {
			c.terms, c.zone, c.currency, c.payment = class.terms, class.zone, class.currency, class.paymentMethod
		}
	}
	s.changeReferences(c, v, refuse)
	change(c.plain, v, customerTexts+" "+customerFlags+" "+customerIntegers+" creditVerification statementType note")
	if v.text("name") != "" {
		c.name = v.text("name")
		if !isNew {
			s.books.searched = nil
		}
	}
	if v.text("status") != "" {
		c.status = v.text("status")
	}
	if d := v.decimal("creditLimit"); d != nil {
		c.creditLimit = d
	}
	s.changeAddresses(c, v, refuse)
	s.changeAttributes(c.attributes, s.classAttributes(c), v.list("attributeLines"), refuse)
	return flaws
}

// changeReferences sets the fields that name a record of the setup.
func (s *Server) changeReferences(c *customer, v values, refuse refuseFunc) {
	b := s.books.setup
	for _, ref := range []struct {
		name, label string
		to          *string
		exists      func(id string) bool
	}{
		{"creditTermsId", "Terms", &c.terms, func(id string) bool { return b.term(id) != nil }},
		{"vatZoneId", "VAT Zone", &c.zone, func(id string) bool { return b.zone(id) != nil }},
		{"currencyId", "Currency ID", &c.currency, func(id string) bool { return b.currency(id) != nil }},
		{"priceClassId", "Price Class", &c.priceClass, func(id string) bool { return pick(b.priceClasses, id) != nil }},
		{"parentRecordNumber", "Parent", &c.parent, func(id string) bool { return s.books.customers.get(id) != nil }},
	} {
		if !v.has(ref.name) {
			continue
		}
		id := v.text(ref.name)
		if id != "" && !ref.exists(id) {
			refuse(ref.name, "'%s' '%s' cannot be found in the system.", ref.label, id)
			continue
		}
		*ref.to = id
	}
	if p := v.group("defaultPaymentMethod").text("paymentMethodId"); p != "" {
		if b.paymentMethod(p) == nil {
			refuse("defaultPaymentMethod", "'Payment Method' '%s' cannot be found in the system.", p)
		}
		c.payment = p
	}
}

func (s *Server) changeAddresses(c *customer, v values, refuse refuseFunc) {
	for name, to := range map[string]**address{
		"mainAddress": &c.main, "invoiceAddress": &c.invoice, "deliveryAddress": &c.delivery,
	} {
		g := v.group(name)
		if g == nil {
			continue
		}
		if *to == nil {
			*to = &address{id: s.books.nextID()}
		}
		(*to).change(g)
		if err := s.books.checkCountry(*to); err != nil {
			refuse(name, "%s.", err)
		}
	}
	for name, to := range map[string]**contactInfo{
		"mainContact": &c.contact, "invoiceContact": &c.invoiceContact, "deliveryContact": &c.deliveryContact,
	} {
		g := v.group(name)
		if g == nil {
			continue
		}
		if *to == nil {
			*to = &contactInfo{id: s.books.nextID()}
		}
		(*to).change(g)
	}
}

func (s *Server) classAttributes(c *customer) []string {
	if k := s.books.setup.classOfCustomer(c.class); k != nil {
		return k.attributes
	}
	return nil
}

// changeAttributes sets attribute values; an attribute that the class doesn't have, or a value its list lacks, is refused.
func (s *Server) changeAttributes(have map[string]string, allowed []string, lines []values, refuse refuseFunc) {
	for _, line := range lines {
		id, value := line.text("attributeId"), line.text("attributeValue")
		a := s.books.attribute(id)
		switch {
		case a == nil || !containsText(allowed, id):
			refuse("attributeLines", "The attribute '%s' does not belong to the class.", id)
		case value == "":
			delete(have, a.id)
		case !a.accepts(value):
			refuse("attributeLines", "The value '%s' is not a value of the attribute '%s'.", value, id)
		default:
			have[a.id] = value
		}
	}
}

func containsText(all []string, one string) bool {
	for _, t := range all {
		if same(t, one) {
			return true
		}
	}
	return false
}

func containsFold(have, want string) bool {
	return want == "" || strings.Contains(strings.ToLower(have), strings.ToLower(want))
}

// equalFilter is an optional filter on equality.
func equalFilter(have, want string) bool { return want == "" || same(have, want) }

func itoa(n int) string { return strconv.Itoa(n) }

// pathKey escapes a key for a Location header.
func pathKey(key string) string { return url.PathEscape(key) }
