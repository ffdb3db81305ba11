package vismanet

import "fmt"

// address and contactInfo are the parts that customers, locations, contacts and orders share.
type address struct {
	id                                                     int
	line1, line2, line3, postalCode, city, country, county string
}

type contactInfo struct {
	id                                               int
	name, attention, email, web, phone1, phone2, fax string
}

var addressUpdate = newSchema("AddressUpdateDto",
	wrapped(text, "addressLine1 addressLine2 addressLine3 postalCode city countryId county"))

var contactInfoUpdate = newSchema("ContactInfoUpdateDto",
	wrapped(text, "name attention email web phone1 phone2 fax"))

// change sets the fields that were sent.
func (a *address) change(v values) {
	for name, to := range map[string]*string{
		"addressLine1": &a.line1, "addressLine2": &a.line2, "addressLine3": &a.line3,
		"postalCode": &a.postalCode, "city": &a.city, "countryId": &a.country, "county": &a.county,
	} {
		if v.has(name) {
			*to = v.text(name)
		}
	}
}

func (c *contactInfo) change(v values) {
	for name, to := range map[string]*string{
		"name": &c.name, "attention": &c.attention, "email": &c.email, "web": &c.web,
		"phone1": &c.phone1, "phone2": &c.phone2, "fax": &c.fax,
	} {
		if v.has(name) {
			*to = v.text(name)
		}
	}
}

// render is the v1 read shape: country.id where the write shape has countryId.
func (a *address) render(s *setup) object {
	o := object{"addressId": a.id}
	putText(o, "addressLine1", a.line1, "addressLine2", a.line2, "addressLine3", a.line3, "postalCode", a.postalCode,
		"city", a.city)
	if c := pick(s.countries, a.country); c != nil {
		o["country"] = object{"id": c.id, "name": c.description}
	}
	if a.county != "" {
		o["county"] = object{"id": a.county, "name": a.county}
	}
	return o
}

func (c *contactInfo) render() object {
	o := object{"contactId": c.id}
	putText(o, "name", c.name, "attention", c.attention, "email", c.email, "web", c.web, "phone1", c.phone1, "phone2",
		c.phone2, "fax", c.fax)
	return o
}

// putText sets the texts that are not empty; the ERP leaves the others out.
func putText(o object, pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			o[pairs[i]] = pairs[i+1]
		}
	}
}

// checkCountry refuses an address with a country the company doesn't know.
func (b *books) checkCountry(a *address) error {
	if a != nil && a.country != "" && pick(b.setup.countries, a.country) == nil {
		return fmt.Errorf("'Country' '%s' cannot be found in the system", a.country)
	}
	return nil
}
