package vismanet

import "slices"

// lookup is one list of the setup, read only. Its single records have the list's path and their key.
type lookup struct {
	path     string
	paged    bool
	envelope bool // the page comes wrapped in an object
	bare     bool // the DTO has no metadata
	single   bool // its records can be read one by one
	entries  []*entryOf
}

// entryOf is one record of such a list.
type entryOf struct {
	stamp
	id   string
	body func() object
}

func (e *entryOf) key() string { return e.id }

func (e *entryOf) render() object { return e.body() }

// entriesOf makes a list's records; the setup never changes, so that this is done once.
func entriesOf[T any](s *Server, all []*T, id func(*T) string, render func(*T) object) []*entryOf {
	out := make([]*entryOf, 0, len(all))
	for _, t := range all {
		out = append(out, &entryOf{stamp: stamp{created: s.books.setup.at, modified: s.books.setup.at}, id: id(t), body: func() object { return render(t) }})
	}
	return out
}

func (s *Server) lookups() []*lookup {
	return slices.Concat(s.classLookups(), s.moneyLookups(), s.placeLookups())
}

func idOf(n *named) string { return n.id }

func (s *Server) classLookups() []*lookup {
	b := s.books.setup
	return []*lookup{
		{
			path: "/v1/customer/customerClass", single: true, bare: true,
			entries: entriesOf(s, b.customerClass, func(c *customerClass) string { return c.id }, func(c *customerClass) object {
				return object{
					"id": c.id, "description": c.description, "taxZoneId": c.zone, "requiredTaxzoneId": false,
					"paymentMethodId": c.paymentMethod, "attributes": s.books.classAttributes(c.attributes),
				}
			}),
		},
		{
			path: "/v1/inventory/itemClass", single: true, paged: true,
			entries: entriesOf(s, b.itemClasses, func(c *itemClass) string { return c.id }, func(c *itemClass) object {
				attributes := s.books.classAttributes(c.attributes)
				return object{"type": c.kind, "id": c.id, "description": c.description, "attributes": attributes}
			}),
		},
		{
			path: "/v1/inventory/itemPostClass", paged: true,
			entries: entriesOf(s, b.postingClasses, idOf, func(n *named) object {
				return object{"id": n.id, "description": n.description}
			}),
		},
		{
			path: "/v1/salesordertype", single: true, paged: true,
			entries: entriesOf(s, b.orderTypes, func(t *orderType) string { return t.id }, func(t *orderType) object {
				return object{
					"orderType": t.id, "active": t.active, "description": t.description, "behavior": t.behavior,
					"defaultOperation": t.operation, "customerDocumentType": t.document,
				}
			}),
		},
	}
}

func (s *Server) moneyLookups() []*lookup {
	b := s.books.setup
	at := s.instant(b.at)
	return []*lookup{
		{
			path: "/v1/vat", single: true, bare: true,
			entries: entriesOf(s, b.vats, func(v *vat) string { return v.id }, s.renderVat),
		},
		{
			path: "/v1/vatCategory", single: true, bare: true,
			entries: entriesOf(s, b.categories, func(c *vatCategory) string { return c.id }, s.renderVatCategory),
		},
		{
			path: "/v1/vatZone", single: true, paged: true,
			entries: entriesOf(s, b.zones, func(z *vatZone) string { return z.id }, s.renderZone),
		},
		{
			path: "/v1/currency", single: true, bare: true,
			entries: entriesOf(s, b.currencies, func(c *currency) string { return c.id }, func(c *currency) object {
				return object{
					"id": c.id, "description": c.description, "symbol": c.symbol, "isBaseCurrency": c.id == b.baseCurrency,
					"decimalPrecision": c.decimals, "isUsedForAccounting": true,
				}
			}),
		},
		{
			path: "/v1/creditTerm", envelope: true,
			entries: entriesOf(s, b.terms, func(t *term) string { return t.id }, func(t *term) object {
				return object{
					"termsId": t.id, "description": t.description, "visibleTo": "All", "dueDateType": "FixedNumberOfDays",
					"dueDay1": t.days, "createdDateTime": at, "lastModifiedDateTime": at,
				}
			}),
		},
		{
			path: "/v1/account", single: true,
			entries: entriesOf(s, b.accounts, func(a *account) string { return a.number }, func(a *account) object {
				o := object{
					"accountCD": a.number, "type": a.kind, "active": a.active, "description": a.description, "cashAccount": a.cash,
					"publicCode1": a.number, "lastModifiedDateTime": at, "timeStamp": (&stamp{version: 2001}).etag(),
				}
				putText(o, "taxCategory", a.category)
				return o
			}),
		},
		{path: "/v1/cashaccount", single: true, bare: true, entries: cashAccounts(s)},
		{
			path: "/v1/paymentmethod", single: true, bare: true,
			entries: entriesOf(s, b.paymentMethods, func(m *paymentMethod) string { return m.id }, func(m *paymentMethod) object {
				return object{
					"paymentMethodID": m.id, "active": m.active, "meansOfPayment": m.means, "description": m.description,
					"useInAP": false, "details": []object{},
				}
			}),
		},
	}
}

func (s *Server) placeLookups() []*lookup {
	b := s.books.setup
	at := s.instant(b.at)
	return []*lookup{
		{
			path: "/v1/country", single: true, paged: true,
			entries: entriesOf(s, b.countries, idOf, func(n *named) object { return object{"id": n.id, "name": n.description} }),
		},
		{
			path: "/v1/carrier", single: true, paged: true,
			entries: entriesOf(s, b.carriers, idOf, func(n *named) object {
				return object{"carrierId": n.id, "carrierDescription": n.description, "lastModifiedDateTime": at}
			}),
		},
		{
			path: "/v1/warehouse", single: true, paged: true,
			entries: entriesOf(s, b.warehouses, func(w *warehouse) string { return w.id }, s.renderWarehouse),
		},
		{
			path: "/v1/branch", single: true, bare: true,
			entries: entriesOf(s, b.branches, idOf, func(n *named) object {
				return object{
					"number": n.id, "name": n.description, "isMainBranch": n.id == b.branches[0].id, "isActive": true,
					"lastModifiedDateTime": at, "defaultCountry": object{"id": "NL", "name": "Nederland"},
				}
			}),
		},
		{
			path: "/v1/unitofmeasure", bare: true,
			entries: entriesOf(s, unitsOf(b), idOf, func(n *named) object {
				return object{
					"fromUnit": n.id, "toUnit": n.id, "unitMultDiv": "Multiply", "unitRate": 1, "supplementaryMeasureUnit": "None",
				}
			}),
		},
	}
}

func (s *Server) renderWarehouse(w *warehouse) object {
	return object{
		"warehouseID": w.id, "active": true, "description": w.description, "locationEntry": "Validate",
		"avgDefaultCost": "AverageCost",
		"branch":         object{"number": w.branch, "name": pick(s.books.setup.branches, w.branch).description},
		"locations": []object{{
			"locationId": stockLocation, "description": "Stelling 1", "active": true, "inclQtyAvail": true,
			"salesValid": true, "receiptsValid": true, "transfersValid": true,
		}},
		"timestamp": (&stamp{version: uint64(w.internalID)}).etag(),
	}
}

func cashAccounts(s *Server) []*entryOf {
	var cash []*account
	for _, a := range s.books.setup.accounts {
		if a.cash {
			cash = append(cash, a)
		}
	}
	return entriesOf(s, cash, func(a *account) string { return a.number }, func(a *account) object {
		return object{
			"number": a.number, "description": a.description, "currency": s.books.setup.baseCurrency, "entryTypes": []object{},
			"account":              object{"type": a.kind, "number": a.number, "description": a.description},
			"lastModifiedDateTime": s.instant(s.books.setup.at),
		}
	})
}

func unitsOf(b *setup) []*named {
	out := make([]*named, 0, len(b.units))
	for _, u := range b.units {
		out = append(out, &named{id: u})
	}
	return out
}

func (s *Server) renderVat(v *vat) object {
	return object{
		"vatCategoryId": v.id, "vatId": v.id, "description": v.description, "type": v.kind, "deductibleVat": true,
		"reverseVat": v.kind == "ReverseVat", "statisticalVat": false, "pendingVat": false, "calculateOn": "ItemAmount",
		"vismaXmlVatType": v.level, "lastModifiedDateTime": s.instant(s.books.setup.at),
		"schedules": []object{{
			"startDate": s.day(vatStart), "vatRate": plain(v.rate), "deductibleVatRate": 100,
			"groupType": "Output",
		}},
	}
}

func (s *Server) renderVatCategory(c *vatCategory) object {
	lines := make([]object, 0, len(c.vats))
	for _, id := range c.vats {
		v := s.books.setup.vat(id)
		lines = append(lines, object{
			"vatId": v.id, "description": v.description, "type": v.kind, "calculateOn": "ItemAmount",
			"vatRates": []object{{
				"revisionID": "1", "vatRate": plain(v.rate), "groupType": "Output",
				"startDate": s.day(vatStart),
			}},
		})
	}
	return object{
		"vatCategoryId": c.id, "description": c.description, "active": true, "excludeListedTaxes": false,
		"lastModifiedDateTime": s.instant(s.books.setup.at), "vatCategoryLines": lines,
	}
}

func (s *Server) renderZone(z *vatZone) object {
	o := object{"id": z.id, "description": z.description, "defaultVatCategory": z.category}
	if c := s.books.setup.category(z.category); c != nil {
		o["defaultTaxCategory"] = object{"number": c.id, "description": c.description}
	}
	return o
}

func (s *Server) listLookup(l *lookup) handlerFunc {
	return func(r *request) response {
		all := listing[*entryOf]{rows: l.entries, render: (*entryOf).render, paged: l.paged, bare: l.bare}
		if l.envelope {
			return envelope(s, r, all)
		}
		return answerList(s, r, all)
	}
}

func (s *Server) getLookup(l *lookup) handlerFunc {
	return func(r *request) response {
		e := find(l.entries, func(e *entryOf) bool { return same(e.id, r.path["key"]) })
		if e == nil {
			return s.missing("Record", r.path["key"])
		}
		if l.bare {
			return ok(e.render())
		}
		return s.single(e.render(), "")
	}
}
