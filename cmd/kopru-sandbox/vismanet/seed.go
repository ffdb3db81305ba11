package vismanet

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/shop"
)

// New sets up a company with the shop's data. It panics on data that its setup doesn't know, which is a mistake in a
// program and not in a request.
func New(data shop.Books, opts Options) *Server {
	opts = opts.withDefaults()
	b := newBooks(opts.Now)
	customers := sorted(data.Customers, func(c shop.Customer) string { return c.Number })
	b.before(opts.Now, len(customers), func(i int) {
		c := customers[i]
		b.addCustomer(b.seedCustomer(c))
		if n, err := strconv.Atoi(c.Number); err == nil {
			b.lastNumbers["customer"] = max(b.lastNumbers["customer"], n)
		}
	})
	items := sorted(data.Items, func(i shop.Item) string { return i.Number })
	b.before(opts.Now, len(items), func(i int) { b.addItem(b.seedItem(items[i])) })
	return newServer(b, opts)
}

// before adds n records as of the minutes before now, one each, so that a read of what changed finds few of them.
func (b *books) before(now func() time.Time, n int, add func(i int)) {
	defer func() { b.now = now }()
	for i := range n {
		at := now().Add(time.Duration(i-n) * time.Minute)
		b.now = func() time.Time { return at }
		add(i)
	}
}

// sorted is a copy in order of key, so that every record goes to the end of its shelf.
func sorted[T any](all []T, key func(T) string) []T {
	return slices.SortedFunc(slices.Values(all), func(x, y T) int {
		return cmp.Compare(strings.ToLower(key(x)), strings.ToLower(key(y)))
	})
}

func (b *books) seedCustomer(c shop.Customer) *customer {
	class := b.setup.classOfCustomer(c.Class)
	if class == nil {
		panic(fmt.Errorf("customer %s has the unknown class %q", c.Number, c.Class))
	}
	out := newCustomer()
	out.number, out.name = c.Number, c.Name
	out.class, out.terms, out.zone, out.currency, out.payment = class.id, class.terms, class.zone, class.currency,
		class.paymentMethod
	*out.main = address{line1: c.Address.Line1, postalCode: c.Address.PostalCode, city: c.Address.City, country: c.Address.Country}
	if err := b.checkCountry(out.main); err != nil {
		panic(fmt.Errorf("customer %s: %w", c.Number, err))
	}
	*out.contact = contactInfo{name: c.Name, attention: c.Attention, email: c.Email, phone1: c.Phone}
	if c.VatNumber != "" {
		out.plain["vatRegistrationId"] = c.VatNumber
	}
	if !c.Active {
		out.status = "Inactive"
	}
	return out
}

func (b *books) seedItem(i shop.Item) *item {
	class := b.setup.classOfItem(i.Class)
	switch {
	case class == nil:
		panic(fmt.Errorf("item %s has the unknown class %q", i.Number, i.Class))
	case b.setup.category(i.TaxCategory) == nil:
		panic(fmt.Errorf("item %s has the unknown tax category %q", i.Number, i.TaxCategory))
	case !containsText(b.setup.units, i.Unit):
		panic(fmt.Errorf("item %s has the unknown unit %q", i.Number, i.Unit))
	}
	out := newItem()
	out.number, out.description = i.Number, i.Description
	out.class, out.kind, out.postingClass, out.category = class.id, class.kind, class.postingClass, i.TaxCategory
	out.baseUnit, out.salesUnit, out.purchaseUnit, out.price = i.Unit, i.Unit, i.Unit, dec(i.Price)
	if !i.Active {
		out.status = "Inactive"
	}
	if i.EAN != "" {
		b.version++
		out.alternates = append(out.alternates, &alternate{kind: "Barcode", id: i.EAN, unit: i.Unit, version: b.version})
	}
	for _, place := range slices.Sorted(maps.Keys(i.Stock)) {
		if b.setup.warehouse(place) == nil {
			panic(fmt.Errorf("item %s lies in the unknown warehouse %q", i.Number, place))
		}
		st := out.at(place)
		st.onHand, st.modified = dec(i.Stock[place]), b.clock()
	}
	return out
}
