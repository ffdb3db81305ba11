package vismanet

// lists are what other records refer to. They are only read; a look-up compares the whole list.
func lists() []*entity {
	name := field{name: "description", about: "Description."}
	active := field{name: "active", kind: truth, about: "Whether it is in use."}
	paymentMethod := field{name: "paymentMethodId", refs: "payment_method", about: "Payment method of new customers."}
	return []*entity{
		readOnlyList("customer_class", "/v1/customer/customerClass", "id", false, "A class of customers.",
			name, field{name: "taxZoneId", refs: "vat_zone", about: "VAT zone of new customers."}, paymentMethod),
		readOnlyList("credit_terms", "/v1/creditTerm", "termsId", true, "Credit terms.", name),
		readOnlyList("item_class", "/v1/inventory/itemClass", "id", true, "A class of items.",
			name, field{name: "type", about: "Type of its items."}),
		readOnlyList("vat_category", "/v1/vatCategory", "vatCategoryId", false, "A VAT category, as items and lines have.",
			name, active),
		readOnlyList("vat_zone", "/v1/vatZone", "id", true, "A VAT zone, as customers and orders have.",
			name, field{name: "defaultVatCategory", refs: "vat_category", about: "VAT category."}),
		readOnlyList("payment_method", "/v1/paymentmethod", "paymentMethodID", false, "A payment method.",
			name, active, field{name: "meansOfPayment", about: "How it pays."}),
		readOnlyList("carrier", "/v1/carrier", "carrierId", true, "A way of delivery, as ship via on orders.",
			field{name: "carrierDescription", about: "Description."}),
		readOnlyList("warehouse", "/v1/warehouse", "warehouseID", true, "A warehouse.", name, active),
		currency(),
		readOnlyList("account", "/v1/account", "accountCD", false, "An account of the general ledger.",
			name, active, field{name: "type", about: "Asset, Liability, Income or Expense."}),
		readOnlyList("branch", "/v1/branch", "number", false, "A branch of the company.",
			field{name: "name", about: "Name."}, field{name: "isActive", kind: truth, about: "Whether it is in use."}),
		readOnlyList("order_type", "/v1/salesordertype", "orderType", true, "A sales order type.",
			name, active, field{name: "behavior", about: "What it does: SalesOrder, Invoice, Quote, RMAOrder or CreditMemo."}),
	}
}

func currency() *entity {
	return readOnlyList("currency", "/v1/currency", "id", false, "A currency.",
		field{name: "description", about: "Description."},
		field{name: "isBaseCurrency", kind: truth, about: "Whether the company keeps its books in it."})
}

func readOnlyList(name, path, key string, paged bool, about string, fields ...field) *entity {
	return &entity{
		name: name, path: path, key: key, paged: paged, about: about,
		matches: []match{{field: key, fold: true}},
		fields:  append([]field{{name: key, about: "Its id."}}, fields...),
	}
}

// single tells whether a single one can be asked for.
func (e *entity) single() bool { return e.create || e.update }
