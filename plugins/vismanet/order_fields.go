package vismanet

import "github.com/kopru-io/kopru/plugins/sdk"

func salesOrder() *entity {
	return &entity{
		name: "sales_order", sales: true, path: "/api/v3/SalesOrders", key: "id", paged: true,
		about:    "A sales order of the Sales Order Service, with its lines. Its id is type and number: SO/000223.",
		modified: "lastModified", version: "version", ifMatch: true, overrides: true, create: true, update: true,
		matches: []match{
			{field: "id", fold: true},
			{field: "customerOrder", query: "filter"},
			{field: "customerRefNo"},
			{field: "orderId", query: "filter", fold: true},
			{field: "type", fold: true},
		},
		natural: func(body map[string]any) map[string]any {
			c, _ := body["customer"].(map[string]any)
			match := map[string]any{"customerOrder": c["order"], "customerRefNo": c["refNo"]}
			return only("customerOrder", "customerRefNo")(match)
		},
		fields: orderFields(),
	}
}

func orderFields() []field {
	return append(orderHeadFields(), orderPartFields()...)
}

func orderHeadFields() []field {
	return []field{
		{name: "id", about: "Type and number, such as SO/000223.", decode: nothing},
		{name: "type", flags: once | sdk.Required, refs: "order_type", about: "Order type, such as SO."},
		{name: "orderId", flags: once, about: "Order number; only with manual numbering or override_number_series."},
		{name: "customerOrder", from: "customer.order", about: "Order number at the customer; written as customer.order."},
		{
			name: "customerRefNo", from: "customer.refNo",
			about: "Reference at the customer; written as customer.refNo. A look-up by it alone reads the whole list.",
		},
		{
			name: "status", from: "status.description", flags: write,
			about: "Open or Hold when created; later also BackOrder, Cancelled and Completed.",
		},
		{name: "date", kind: day, flags: write, about: "Order date, in the company's time zone."},
		{name: "requestOn", kind: day, flags: write, about: "Day the customer wants it."},
		{name: "cancelBy", kind: day, flags: write, about: "Day after which it is cancelled."},
		{name: "currencyId", flags: write, about: "Currency; without it the customer's."},
		{name: "description", flags: write, about: "Description, up to 255 characters, without personal data."},
		{name: "note", flags: write, about: "Note, up to 2048 characters, without personal data."},
		{name: "customer", kind: object, flags: write | sdk.Required, about: "Who ordered.", fields: orderCustomerFields()},
		{
			name: "billing", kind: object, flags: person, fields: placeFields(),
			about: "Where the invoice goes; without it the customer's address.",
		},
		{
			name: "shipping", kind: object, flags: person, fields: shippingFields(),
			about: "Where the goods go; without it the customer's address.",
		},
		{name: "orderTotal", kind: decimal, from: "totals.orderTotal", about: "Total with VAT."},
		{name: "taxTotal", kind: decimal, from: "totals.taxTotal", about: "VAT."},
		{name: "lastModified", kind: moment, about: "When it last changed."},
	}
}

func orderPartFields() []field {
	return []field{
		{
			name: "paymentSettings", kind: object, flags: write, about: "How it is paid.",
			fields: []field{
				{name: "paymentMethodId", from: "paymentMethod.id", refs: "payment_method", about: "Payment method."},
				{name: "cashAccountId", about: "Cash account."},
				{name: "paymentReference", about: "Payment reference, up to 40 characters."},
			},
		},
		{
			name: "financialInformation", kind: object, flags: write, about: "For the invoice.",
			fields: []field{
				{name: "invoiceSeparately", kind: truth, about: "On an invoice of its own."},
				{name: "invoiceId", about: "Invoice number."},
				{name: "invoiceDate", kind: day, about: "Invoice date."},
				{name: "dueDate", kind: day, about: "Due date."},
				{name: "cashDiscountDate", kind: day, about: "Last day of the cash discount."},
				{name: "postPeriod", about: "Financial period, as MMYYYY."},
			},
		},
		{name: "taxZoneId", from: "customer.taxZone.id", flags: write, refs: "vat_zone", about: "VAT zone."},
		{name: "branchId", from: "branch.id", flags: write, refs: "branch", about: "Branch."},
		{name: "projectId", from: "project.id", flags: write, about: "Project."},
		{name: "salesPersonId", from: "salesPerson.id", flags: write, about: "Sales person."},
		{name: "ownerId", from: "owner.id", flags: write, about: "Owner, an employee."},
		{name: "originalOrderType", flags: write, about: "Type of the order this one comes from."},
		{name: "originalOrderId", flags: write, about: "Number of the order this one comes from."},
		{name: "isRotRutDeductible", kind: truth, flags: write, about: "Swedish ROT/RUT deduction."},
		{
			name: "useReplacementCostForMarginAndProfit", kind: truth, flags: write,
			about: "Margins are computed from the replacement cost.",
		},
		{
			name: "print", kind: object, flags: write, about: "What is printed.",
			fields: []field{
				{name: "descriptionOnInvoice", kind: truth, about: "The description on the invoice."},
				{name: "noteOnInternalDocuments", kind: truth, about: "The note on internal documents."},
				{name: "noteOnExternalDocuments", kind: truth, about: "The note on external documents."},
			},
		},
		{
			name: "freight", kind: object, flags: write, about: "Freight.",
			fields: []field{
				{name: "cost", kind: decimal, about: "Cost."},
				{name: "premiumAmount", kind: decimal, about: "Premium."},
				{name: "taxCategoryId", refs: "vat_category", about: "VAT category."},
			},
		},
		{name: "customFields", kind: object, flags: write, about: "Free fields.", fields: customFields()},
		{
			name: "orderLines", kind: list, flags: write, fields: lineFields(),
			about: "The lines. A change goes by their items: lines with others are added, and those left out are deleted.",
		},
	}
}

func orderCustomerFields() []field {
	return []field{
		{name: "id", refs: "customer", flags: sdk.Writable | sdk.Required, about: "Customer number."},
		{name: "name", flags: sdk.PII | readOnly, about: "Name of the customer."},
		{name: "contactId", kind: whole, refs: "contact", about: "Contact."},
		{name: "order", about: "Order number at the customer, up to 40 characters."},
		{name: "refNo", about: "Reference at the customer, up to 40 characters."},
		{name: "locationId", from: "location.id", about: "Location."},
		{name: "termsId", from: "/financialInformation.terms.id", refs: "credit_terms", about: "Terms; else the customer's."},
		{name: "gln", from: "location.gln", flags: once, about: "Global location number."},
	}
}

func placeFields() []field {
	return []field{
		{
			name: "address", kind: object, flags: sdk.PII, about: "Address.",
			fields: []field{
				{name: "line1", flags: sdk.PII, about: "First line, up to 50 characters."},
				{name: "line2", flags: sdk.PII, about: "Second line."},
				{name: "line3", flags: sdk.PII, about: "Third line."},
				{name: "postalCode", flags: sdk.PII, about: "Postal code, up to 20 characters."},
				{name: "city", flags: sdk.PII, about: "City, up to 50 characters."},
				{name: "countryId", from: "country.id", about: "Country, two letters; needed with an address."},
				{name: "stateId", from: "county.id", about: "State or county."},
			},
		},
		{
			name: "contact", kind: object, flags: sdk.PII, about: "Contact.",
			fields: []field{
				{name: "name", flags: sdk.PII, about: "Name."},
				{name: "attention", flags: sdk.PII, about: "Attention of."},
				{name: "phone1", flags: sdk.PII, about: "Telephone."},
				{name: "email", flags: sdk.PII, about: "E-mail addresses, with a semicolon in between."},
			},
		},
	}
}

func shippingFields() []field {
	return append(placeFields(),
		field{name: "scheduledDate", kind: day, about: "Day it is to be sent."},
		field{name: "shipSeparately", kind: truth, about: "In a shipment of its own."},
		field{name: "rule", about: "What to do when not all is there: BackOrderAllowed, CancelRemainder or ShipComplete."},
		field{name: "preferredWarehouseId", from: "preferredWarehouse.id", refs: "warehouse", about: "Warehouse."},
		field{name: "intrastatTransactionTypeId", kind: whole, from: "intrastatTransactionType.id", about: "For intrastat."},
		field{name: "shipViaId", from: "shipVia.id", refs: "carrier", about: "Way of delivery."},
		field{name: "residentialDelivery", kind: truth, about: "To a home."},
		field{name: "saturdayDelivery", kind: truth, about: "On Saturday."},
		field{name: "insurance", kind: truth, about: "With insurance."},
		field{name: "priority", kind: whole, about: "Priority."},
		field{name: "zoneId", from: "zone.id", about: "Shipping zone."},
		field{name: "fobPointId", from: "fobPoint.id", about: "FOB point."},
		field{name: "termsId", from: "terms.id", about: "Shipping terms."},
	)
}

func customFields() []field {
	var out []field
	for _, name := range []string{"customStr1", "customStr2", "customStr3", "customStr4", "customStr5"} {
		out = append(out, field{name: name, about: "Free text, up to 100 characters."})
	}
	return append(out,
		field{name: "customDec1", kind: decimal, about: "Free number, up to 4 decimals."},
		field{name: "customDec2", kind: decimal, about: "Free number, up to 4 decimals."},
		field{name: "customInt1", kind: whole, about: "Free whole number."},
		field{name: "customInt2", kind: whole, about: "Free whole number."},
		field{name: "customDateTimeUtc1", kind: moment, about: "Free moment."},
	)
}

func lineFields() []field {
	return []field{
		{name: "lineId", kind: whole, flags: readOnly, about: "Visma.net's number of the line."},
		{name: "quantityOnShipments", kind: decimal, flags: readOnly, about: "How many are on shipments."},
		{name: "billedQuantity", kind: decimal, flags: readOnly, about: "How many are invoiced."},
		{name: "inventoryId", from: "inventory.id", flags: once | sdk.Required, refs: "inventory_item", about: "Item number."},
		{name: "description", about: "Text, up to 256 characters; without it the item's."},
		{name: "quantity", kind: decimal, about: "How many."},
		{name: "unitOfMeasure", about: "Unit; without it the item's."},
		{name: "unitPrice", kind: decimal, about: "Price of one, without VAT."},
		{name: "hasManualPrice", kind: truth, about: "The price stays; when false Visma.net's price lists replace it."},
		{name: "unitCost", kind: decimal, about: "Cost of one."},
		{name: "discountPercent", kind: decimal, about: "Discount in percent, -100 to 100."},
		{name: "discountAmount", kind: decimal, about: "Discount on the line."},
		{name: "discountCode", about: "Discount code."},
		{name: "hasManualDiscount", kind: truth, about: "The discount stays; when false Visma.net's rules replace it."},
		{name: "taxCategoryId", refs: "vat_category", about: "VAT category; without it the item's."},
		{name: "warehouseId", refs: "warehouse", about: "Warehouse."},
		{name: "warehouseLocationId", from: "warehouseLocation.id", about: "Location in the warehouse."},
		{name: "operation", about: "Issue or Receipt."},
		{name: "reasonCode", about: "Reason code."},
		{name: "shippingRule", about: "What to do when not all is there."},
		{name: "undershipThreshold", kind: decimal, about: "Least part to send, in percent."},
		{name: "overshipThreshold", kind: decimal, about: "Most to send, in percent."},
		{name: "shipDate", kind: day, about: "Day it is to be sent."},
		{name: "requestDate", kind: day, about: "Day the customer wants it."},
		{name: "salesAccountId", about: "Sales account."},
		{name: "subaccount", kind: pairs, about: "Subaccount segments by id."},
		{name: "note", about: "Note, up to 2048 characters."},
		{name: "externalLink", about: "Link, up to 255 characters."},
		{name: "branchId", from: "branch.id", refs: "branch", about: "Branch."},
		{name: "commissionable", kind: truth, about: "Commission is paid."},
		{name: "salesPersonId", from: "salesPerson.id", about: "Sales person."},
		{name: "purchaseOrderSource", about: "Where it is bought."},
		{name: "supplierId", from: "supplier.id", about: "Supplier."},
		{name: "supplierPrice", kind: decimal, about: "The supplier's price."},
		{name: "projectTaskId", about: "Project task."},
		{name: "isRotRutDeductible", kind: truth, about: "Swedish ROT/RUT deduction."},
		{name: "sortOrder", kind: whole, about: "Place among the lines."},
		{name: "invoiceType", about: "Type of the invoice that is returned."},
		{name: "invoiceNumber", about: "Number of the invoice that is returned."},
		{name: "invoiceLineNumber", kind: whole, about: "Line of the invoice that is returned."},
		{name: "inventoryAlternateId", about: "Alternate number of the item."},
		{name: "customFields", kind: object, about: "Free fields.", fields: customFields()},
	}
}
