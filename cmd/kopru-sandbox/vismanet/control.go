package vismanet

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/fault"
)

// Control is for whoever runs the emulator: what happened, what is in the books, and how to misbehave. It speaks plain
// JSON and asks for no token.
func (s *Server) Control() http.Handler {
	mux := http.NewServeMux()
	for pattern, answer := range map[string]func(r *http.Request) (any, error){
		"GET /stats":                func(*http.Request) (any, error) { return s.stats(), nil },
		"GET /orders":               func(*http.Request) (any, error) { return s.controlOrders(), nil },
		"GET /customers":            func(*http.Request) (any, error) { return s.controlCustomers(), nil },
		"GET /items":                func(*http.Request) (any, error) { return s.controlItems(), nil },
		"GET /log":                  func(*http.Request) (any, error) { return s.log.list(), nil },
		"DELETE /log":               func(*http.Request) (any, error) { s.log.reset(); return nil, nil },
		"GET /faults":               func(*http.Request) (any, error) { return s.faults.List(), nil },
		"POST /faults":              s.controlAddFault,
		"DELETE /faults":            func(*http.Request) (any, error) { s.faults.Clear(); return nil, nil },
		"DELETE /tokens":            func(*http.Request) (any, error) { s.tokens.revoke(); return nil, nil },
		"POST /items":               s.controlAddItem,
		"PATCH /items/{number}":     s.controlChangeItem,
		"GET /categories":           func(*http.Request) (any, error) { return s.controlCategories(), nil },
		"PUT /categories/{id}":      s.controlPutCategory,
		"GET /attributes":           func(*http.Request) (any, error) { return s.controlAttributes(), nil },
		"PATCH /customers/{number}": s.controlChangeCustomer,
		"GET /documents":            func(*http.Request) (any, error) { return s.controlDocuments(), nil },
		"GET /payments":             func(*http.Request) (any, error) { return s.controlPayments(), nil },
		"POST /shipments":           s.controlAddShipment,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			body, err := answer(r)
			switch {
			case err != nil:
				w.WriteHeader(http.StatusBadRequest)
				body = object{"error": err.Error()}
			case body == nil:
				w.WriteHeader(http.StatusNoContent)
				return
			}
			_, _ = w.Write(encode(body)) // the client may be gone
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/") { // a prefix was stripped with its slash
			r = r.Clone(r.Context())
			r.URL.Path = "/" + r.URL.Path
			if r.URL.RawPath != "" {
				r.URL.RawPath = "/" + r.URL.RawPath
			}
		}
		mux.ServeHTTP(w, r)
	})
}

func (s *Server) stats() object {
	out := s.log.stats()
	out["most_at_once"] = s.atOnce.Most()
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.books
	out["orders"], out["customers"] = len(b.orders.all), len(b.customers.all)
	out["invoices"], out["credit_notes"], out["payments"] = len(b.invoices.all), len(b.creditNotes.all), len(b.payments.all)
	out["shipments"] = len(b.shipments.all)
	out["orders_total"], out["booked_total"] = plain(b.ordersTotal()), plain(b.bookedTotal())
	out["contacts"], out["items"] = len(b.contacts.all), len(b.items.all)
	twice := []string{}
	for _, orders := range b.ordersByRefNo {
		if len(orders) > 1 {
			twice = append(twice, orders[0].refNo)
		}
	}
	slices.Sort(twice)
	out["duplicate_orders"], out["duplicate_documents"] = twice, b.documentsTwice()
	return out
}

// ordersTotal is what all orders come to that are neither quotes nor cancelled, less what is given back.
func (b *books) ordersTotal() *apd.Decimal {
	total := zero
	for _, o := range b.orders.all {
		switch {
		case o.kind.behavior == "Quote" || o.status == "Cancelled":
		case o.kind.operation == "Receipt":
			total = difference(total, o.money.total)
		default:
			total = sum(total, o.money.total)
		}
	}
	return total
}

// bookedTotal is what released invoices come to, less released credit notes.
func (b *books) bookedTotal() *apd.Decimal {
	total := zero
	for _, d := range b.invoices.all {
		if !d.draft() {
			total = sum(total, d.money.total)
		}
	}
	for _, d := range b.creditNotes.all {
		if !d.draft() {
			total = difference(total, d.money.total)
		}
	}
	return total
}

func (s *Server) controlOrders() []object {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]object, 0, len(s.books.orders.all))
	for _, o := range s.books.orders.all {
		lines := make([]object, 0, len(o.lines))
		for _, l := range o.lines {
			lines = append(lines, object{
				"inventory": l.item.number, "quantity": plain(l.quantity), "unitPrice": plain(l.unitPrice),
				"discount": plain(l.discount),
				"amount":   plain(l.amount), "shipped": plain(l.shipped), "billed": plain(l.billed), "taxCategory": l.category, "operation": l.operation,
				"description": l.plain.text("description"),
			})
		}
		out = append(out, object{
			"type": o.kind.id, "number": o.number, "status": o.status, "customerNumber": o.customer.number,
			"customerOrder": o.customerOrder,
			"customerRefNo": o.refNo, "date": utc(o.date), "currency": o.currency, "total": plain(o.money.total),
			"taxTotal": plain(o.money.tax),
			"freight":  plain(o.money.freight), "lines": lines,
		})
	}
	return out
}

func (s *Server) controlDocuments() []object {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []object{}
	for _, kind := range []string{invoiceKind, creditKind} {
		l := s.books.ledgers()[kind]
		for _, d := range l.shelf.all {
			o := s.renderDocument(l, d, false, false)
			o["lines"] = o[l.lines]
			out = append(out, object(only(values(o), "documentType referenceNumber status customer documentDate customerRefNumber externalReference "+
				"currencyId amountInCurrency vatTotalInCurrency balanceInCurrency customerVatZone branchNumber lines")))
		}
	}
	return out
}

func (s *Server) controlPayments() []object {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []object{}
	for _, p := range s.books.payments.all {
		out = append(out, s.renderPaymentDocument(p))
	}
	return out
}

func (s *Server) controlAddShipment(r *http.Request) (any, error) {
	v, err := readControl(r, controlShipment)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return nil, s.controlShip(v)
}

func (s *Server) controlCustomers() []object {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]object, 0, len(s.books.customers.all))
	for _, c := range s.books.customers.all {
		out = append(out, object{
			"number": c.number, "name": c.name, "class": c.class, "status": c.status, "email": c.contact.email,
			"phone":     c.contact.phone1,
			"attention": c.contact.attention, "vatNumber": c.plain.text("vatRegistrationId"), "vatZone": c.zone,
			"currency": c.currency, "terms": c.terms,
			"line1": c.main.line1, "line2": c.main.line2, "postalCode": c.main.postalCode, "city": c.main.city, "country": c.main.country,
			"modified": utc(c.modified),
		})
	}
	return out
}

func (s *Server) controlItems() []object {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]object, 0, len(s.books.items.all))
	for _, i := range s.books.items.all {
		stock, available, alternates := object{}, object{}, []string{}
		for place, st := range i.stock {
			stock[place], available[place] = plain(st.onHand), plain(s.available(st))
		}
		for _, a := range i.alternates {
			alternates = append(alternates, a.id)
		}
		out = append(out, object{
			"number": i.number, "description": i.description, "class": i.class, "status": i.status,
			"type": i.kind, "body": i.plain.text("body"), "attributes": maps.Clone(i.attributes), "categories": slices.Clone(i.categories),
			"taxCategory": i.category, "unit": i.baseUnit,
			"price": plain(i.price), "stock": stock, "available": available, "alternates": alternates, "modified": utc(i.modified),
		})
	}
	return out
}

func (s *Server) controlAddFault(r *http.Request) (any, error) {
	var f fault.Fault
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("the fault is not valid: %w", err)
	}
	return nil, s.faults.Add(f, "POST /api/v3/SalesOrders")
}

var (
	controlItem = newSchema("Item", bare(text, "number description body class taxCategory unit ean price recommendedPrice"),
		bareEnum("status", itemStatuses), bare(anyObject, "stock attributes"), bare(textList, "categories"))

	controlCategory = newSchema("Category", bare(text, "description"), bare(integer, "parent sortOrder"))

	controlShipment = newSchema("Shipment", bare(text, "order"), bare(boolean, "invoice"), bare(anyObject, "quantities"))

	controlCustomer = newSchema("Customer",
		bare(text, "name email phone attention vatNumber line1 line2 postalCode city country"), bareEnum("status", statuses))
)

// readControl is strict about names, unlike the services: a typing mistake in a test should not go by unseen.
func readControl(r *http.Request, sc *schema) (values, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	o, err := parseBody(body)
	if err != nil {
		return nil, err
	}
	var reading reading
	v := reading.read(sc, o, "")
	switch {
	case len(reading.flaws) > 0:
		return nil, fmt.Errorf("%s", reading.flaws[0].message)
	case len(reading.ignored) > 0:
		return nil, fmt.Errorf("unknown member %q", reading.ignored[0])
	}
	return v, nil
}

// controlAddItem makes an item appear, as when somebody in the office enters it.
func (s *Server) controlAddItem(r *http.Request) (any, error) {
	v, err := readControl(r, controlItem)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := newItem()
	i.number = v.text("number")
	switch {
	case i.number == "":
		return nil, fmt.Errorf("number is required")
	case s.books.items.get(i.number) != nil:
		return nil, fmt.Errorf("item %q exists already", i.number)
	}
	if v.text("class") == "" {
		v["class"] = s.books.setup.itemClasses[0].id
	}
	if err := s.controlItem(i, v, true); err != nil {
		return nil, err
	}
	s.books.addItem(i)
	return object{"number": i.number}, nil
}

func (s *Server) controlChangeItem(r *http.Request) (any, error) {
	v, err := readControl(r, controlItem)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.books.items.get(r.PathValue("number"))
	if i == nil {
		return nil, fmt.Errorf("there is no item %q", r.PathValue("number"))
	}
	draft := i.clone()
	if err := s.controlItem(draft, v, false); err != nil {
		return nil, err
	}
	s.books.replaceItem(i, draft)
	return object{"number": i.number}, nil
}

// controlItem changes an item by the names of this API.
func (s *Server) controlItem(i *item, v values, isNew bool) error {
	change := values{}
	for name, to := range map[string]string{
		"class": "itemClass", "taxCategory": "vatCode", "unit": "baseUnit", "description": "description", "status": "status",
		"body": "body",
	} {
		if v.has(name) {
			change[to] = v[name]
		}
	}
	if u := v.text("unit"); u != "" {
		change["salesUnit"], change["purchaseUnit"] = u, u
	}
	if p := v.text("price"); p != "" {
		price, err := parseDecimal(p)
		if err != nil {
			return err
		}
		change["defaultPrice"] = price
	}
	if p := v.text("recommendedPrice"); p != "" {
		price, err := parseDecimal(p)
		if err != nil {
			return err
		}
		i.recommended = price
	}
	attributes, _ := v["attributes"].(object)
	var lines []values
	for id, value := range attributes {
		lines = append(lines, values{"attributeId": id, "attributeValue": fmt.Sprint(value)})
	}
	if lines != nil {
		change["attributeLines"] = lines
	}
	if err := s.controlItemCategories(i, v); err != nil {
		return err
	}
	if ean := v.text("ean"); ean != "" {
		change["crossReferences"] = []values{{"operation": "Insert", "alternateType": "Barcode", "alternateID": ean}}
	}
	if flaws := s.changeItem(i, change, isNew); len(flaws) > 0 {
		return fmt.Errorf("%s: %s", flaws[0].path, flaws[0].message)
	}
	stock, _ := v["stock"].(object)
	for place, quantity := range stock {
		q, err := parseDecimal(fmt.Sprint(quantity))
		if err != nil {
			return err
		}
		if s.books.setup.warehouse(place) == nil {
			return fmt.Errorf("there is no warehouse %q", place)
		}
		st := i.at(place)
		st.onHand, st.modified = q, s.books.clock()
	}
	return nil
}

// controlChangeCustomer changes a customer, as when the bookkeeper does so on screen.
func (s *Server) controlChangeCustomer(r *http.Request) (any, error) {
	v, err := readControl(r, controlCustomer)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.books.customers.get(r.PathValue("number"))
	if c == nil {
		return nil, fmt.Errorf("there is no customer %q", r.PathValue("number"))
	}
	draft := c.clone()
	for name, to := range map[string]*string{
		"name": &draft.name, "status": &draft.status, "email": &draft.contact.email, "phone": &draft.contact.phone1,
		"attention": &draft.contact.attention, "line1": &draft.main.line1, "line2": &draft.main.line2, "postalCode": &draft.main.postalCode,
		"city": &draft.main.city, "country": &draft.main.country,
	} {
		if v.has(name) {
			*to = v.text(name)
		}
	}
	if v.has("vatNumber") {
		draft.plain["vatRegistrationId"] = v.text("vatNumber")
	}
	if err := s.books.checkCountry(draft.main); err != nil {
		return nil, err
	}
	s.books.replaceCustomer(c, draft)
	return object{"number": c.number}, nil
}
