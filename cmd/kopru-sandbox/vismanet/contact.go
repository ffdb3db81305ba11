package vismanet

import (
	"maps"
	"strings"
)

// contact is a person, usually at a customer. It is not the customer's own mainContact.
type contact struct {
	stamp
	business string
	address  *address
	plain    values // fields that read and write under one name
}

func (c *contact) key() string { return itoa(c.internalID) }

const (
	contactTexts = "firstName lastName position email web phone1 phone2 phone3 fax"
	contactFlags = "active sameAsAccount doNotCall doNotFax doNotEmail doNotMail noMassMail noMarketing"
)

var contactUpdate = newSchema("ContactUpdateDto",
	wrapped(text, contactTexts+" businessAccount"), wrapped(boolean, contactFlags),
	wrappedEnum("title", "Doctor Miss Mr Mrs Ms Prof"), wrappedEnum("contactMethod", "Any Email Mail Fax Phone"),
	wrappedGroup(addressUpdate, "address"))

func (c *contact) displayName() string {
	return strings.TrimSpace(c.plain.text("firstName") + " " + c.plain.text("lastName"))
}

// renderContact is the ContactDto.
func (s *Server) renderContact(c *contact) object {
	o := object{
		"contactId": c.internalID, "displayName": c.displayName(), "address": c.address.render(s.books.setup),
		"lastModifiedDateTime": s.instant(c.modified), "timeStamp": c.etag(),
	}
	for _, name := range strings.Fields(contactFlags) {
		o[name] = false
	}
	maps.Copy(o, object(c.plain))
	if c.business != "" {
		o["businessAccount"], o["businessAccountType"] = c.business, "Customer"
	}
	return o
}

func (s *Server) listContacts(r *request) response {
	return s.contactsOf(r, func(c *contact) bool { return equalFilter(c.business, r.param("businessAccount")) })
}

func (s *Server) listCustomerContacts(r *request) response {
	customer, bad := s.customerOf(r, "customerCd")
	if bad != nil {
		return *bad
	}
	return s.contactsOf(r, func(c *contact) bool { return same(c.business, customer.number) })
}

func (s *Server) contactsOf(r *request, mine func(*contact) bool) response {
	active := r.param("active")
	keep := func(c *contact) bool {
		on, _ := c.plain.flag("active")
		return mine(c) && containsFold(c.displayName(), r.param("displayName")) &&
			equalFilter(c.plain.text("firstName"), r.param("firstName")) &&
			equalFilter(c.plain.text("lastName"), r.param("lastName")) &&
			equalFilter(c.plain.text("email"), r.param("email")) && (active == "" || same(active, "true") == on)
	}
	return answerList(s, r, listing[*contact]{rows: s.books.contacts.all, keep: keep, render: s.renderContact})
}

func (s *Server) getContact(r *request) response {
	c := s.books.contacts.internal(r.path["contactId"])
	if c == nil {
		return s.missing("Contact", r.path["contactId"])
	}
	return s.single(s.renderContact(c), c.quotedETag())
}

func (s *Server) postContact(r *request) response {
	v, bad := s.read(s.api, r, contactUpdate)
	if bad != nil {
		return *bad
	}
	c := &contact{address: &address{id: s.books.nextID()}, plain: values{"active": true, "contactMethod": "Any"}}
	if flaws := s.changeContact(c, v); len(flaws) > 0 {
		return s.apiProblem(flaws)
	}
	c.stamp = s.books.newStamp()
	s.books.contacts.put(c)
	return s.created(r, "/v1/contact/"+c.key())
}

func (s *Server) putContact(r *request) response {
	c := s.books.contacts.internal(r.path["contactId"])
	if c == nil {
		return s.missing("Contact", r.path["contactId"])
	}
	if bad := stale(r, &c.stamp); bad != nil {
		return *bad
	}
	v, bad := s.read(s.api, r, contactUpdate)
	if bad != nil {
		return *bad
	}
	draft, where := *c, *c.address
	draft.address, draft.plain = &where, maps.Clone(c.plain)
	if flaws := s.changeContact(&draft, v); len(flaws) > 0 {
		return s.apiProblem(flaws)
	}
	*c = draft
	s.books.touch(&c.stamp)
	return response{status: 204}.with("ETag", c.quotedETag())
}

func (s *Server) changeContact(c *contact, v values) []flaw {
	var flaws []flaw
	change(c.plain, v, contactTexts+" "+contactFlags+" title contactMethod")
	if c.plain.text("lastName") == "" {
		flaws = append(flaws, flaw{message: "Error: 'Last Name' cannot be empty."})
	}
	if v.has("businessAccount") {
		c.business = v.text("businessAccount")
		if customer := s.books.customers.get(c.business); customer != nil {
			c.business = customer.number
		} else if c.business != "" {
			flaws = append(flaws, flaw{message: "Error: 'Business Account' '" + c.business + "' cannot be found in the system."})
		}
	}
	if g := v.group("address"); g != nil {
		c.address.change(g)
		if err := s.books.checkCountry(c.address); err != nil {
			flaws = append(flaws, flaw{path: "address", message: err.Error() + "."})
		}
	}
	return flaws
}

// change sets the named fields that were sent; null and empty text clear them.
func change(plain, v values, names string) {
	for _, name := range strings.Fields(names) {
		if !v.has(name) {
			continue
		}
		if value := v[name]; value == nil || value == "" {
			delete(plain, name)
		} else {
			plain[name] = value
		}
	}
}
