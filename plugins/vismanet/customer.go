package vismanet

import (
	"net/url"

	"github.com/kopru-io/kopru/plugins/sdk"
)

func customer() *entity {
	return &entity{
		name: "customer", path: "/v1/customer", key: "number", paged: true,
		about: "A debtor: a company or a person, told apart by class.",
		query: url.Values{
			"expandAccountInformation": {"false"}, "expandPaymentMethods": {"true"}, "expandDirectDebit": {"false"},
		},
		modified: "lastModifiedDateTime", created: "createdDateTime", version: "timeStamp", idle: "Inactive",
		ifMatch: true, overrides: true, create: true, update: true,
		matches: []match{
			{field: "number", fold: true},
			{field: "email", query: "email", fold: true},
			{field: "name", query: "name"},
			{field: "vatRegistrationId", query: "vatRegistrationId", fold: true},
			{field: "corporateId", query: "corporateId", fold: true},
		},
		natural: only("number"),
		fields:  customerFields(),
	}
}

func customerFields() []field {
	fields := append(customerMainFields(), customerSwitches()...)
	for _, p := range [][2]string{{"main", "Main"}, {"invoice", "Invoice"}, {"delivery", "Delivery"}} {
		fields = append(fields,
			field{name: p[0] + "Address", kind: object, flags: person, about: p[1] + " address.", fields: addressFields()},
			field{name: p[0] + "Contact", kind: object, flags: person, about: p[1] + " contact.", fields: contactInfoFields()})
	}
	return append(fields,
		field{
			name: "eInvoiceContract", kind: object, flags: write, about: "Finnish electronic invoice contract.",
			fields: []field{
				{name: "fInvoiceContractID", about: "Contract."}, {name: "fInvoiceIntermediatorID", about: "Intermediator."},
			},
		},
		attributeField("customer class"),
		field{name: "note", flags: once, about: "Note; set when the customer is created, and not read back."},
		field{name: "createdDateTime", kind: moment, about: "When it was made."},
		field{name: "lastModifiedDateTime", kind: moment, about: "When it last changed."},
	)
}

func customerMainFields() []field {
	return []field{
		{name: "number", flags: once, about: "Customer number; left out when Visma.net numbers by itself."},
		{name: "internalId", kind: whole, about: "Visma.net's own id."},
		{name: "name", flags: person | sdk.Required, about: "Name of the company or person."},
		{name: "email", from: "mainContact.email", flags: sdk.PII, about: "E-mail address; written as mainContact.email."},
		{
			name: "status", flags: write, about: "Whether the customer may buy.",
			values: []string{"Active", "OnHold", "CreditHold", "Inactive", "OneTime"},
		},
		{
			name: "customerClassId", from: "customerClass.id", flags: write, refs: "customer_class",
			about: "Customer class; Visma.net wants one unless it has a default.",
		},
		{name: "creditTermsId", from: "creditTerms.id", flags: write, refs: "credit_terms", about: "Credit terms."},
		{name: "currencyId", flags: write, about: "Currency, three letters."},
		{name: "vatRegistrationId", flags: write, about: "VAT registration number."},
		{name: "corporateId", flags: write, about: "Company registration number."},
		{name: "vatZoneId", from: "vatZone.id", flags: write, refs: "vat_zone", about: "VAT zone."},
		{name: "gln", flags: write, about: "Global location number."},
		{name: "accountReference", flags: write, about: "What the customer calls us."},
		{name: "parentRecordNumber", from: "parentRecord.number", flags: write, refs: "customer", about: "Parent."},
		{name: "priceClassId", from: "priceClass.id", flags: write, about: "Price class."},
		{
			name: "defaultPaymentMethodId", flags: write, refs: "payment_method", about: "Payment method.",
			encode: defaultPaymentMethod,
		},
		{name: "creditLimit", kind: decimal, flags: write, about: "Credit limit."},
		{name: "creditDaysPastDue", kind: whole, flags: write, about: "Days an invoice may be overdue."},
		{
			name: "creditVerification", flags: write, about: "What is checked before more credit is given.",
			values: []string{"Disabled", "DaysPastDue", "CreditLimit", "LimitAndDaysPastDue"},
		},
		{
			name: "statementType", flags: write, about: "What a statement lists.",
			values: []string{"OpenItem", "BalanceBroughtForward"},
		},
		{name: "numberOfEmployees", kind: whole, flags: write, about: "Number of employees."},
	}
}

func customerSwitches() []field {
	return switches([][2]string{
		{"printInvoices", "Invoices are printed."},
		{"acceptAutoInvoices", "The customer takes electronic invoices."},
		{"sendInvoicesByEmail", "Invoices are sent by e-mail."},
		{"sendDunningLettersViaEMail", "Dunning letters are sent by e-mail."},
		{"printDunningLetters", "Dunning letters are printed."},
		{"printStatements", "Statements are printed."},
		{"sendStatementsByEmail", "Statements are sent by e-mail."},
		{"printMultiCurrencyStatements", "Statements are made per currency."},
		{"invoiceToDefaultLocation", "Invoices go to the default location."},
		{"excludeDebtCollection", "No debt collection."},
	})
}

// switches are bools by name and description.
func switches(list [][2]string) []field {
	var out []field
	for _, s := range list {
		out = append(out, field{name: s[0], kind: truth, flags: write, about: s[1]})
	}
	return out
}

// defaultPaymentMethod is read as an id and written as an object.
func defaultPaymentMethod(v any) (string, any) {
	return "defaultPaymentMethod", wrap(map[string]any{"paymentMethodId": wrap(v), "isDefault": wrap(true)})
}

// attributeField shows attributes by their id, so that a pipeline compares just those that it sets.
func attributeField(owner string) field {
	return field{
		name: "attributes", from: "attributes", kind: pairs, flags: write,
		about: `Attributes of the ` + owner + ` by id, such as {"COLOR": "RED"}; those left out stay as they are.`,
		encode: func(v any) (string, any) {
			m, _ := v.(map[string]any)
			lines := make([]any, 0, len(m))
			for _, id := range sortedKeys(m) {
				lines = append(lines, map[string]any{"attributeId": wrap(id), "attributeValue": wrap(m[id])})
			}
			return "attributeLines", lines
		},
		decode: func(v any) any {
			out := map[string]any{}
			items, _ := v.([]any)
			for _, item := range items {
				m, _ := item.(map[string]any)
				if id := textOf(m["id"]); id != "" && textOf(m["value"]) != "" {
					out[id] = textOf(m["value"])
				}
			}
			if len(out) == 0 {
				return nil
			}
			return out
		},
	}
}

func addressFields() []field {
	return []field{
		{name: "addressLine1", flags: sdk.PII, about: "First line."},
		{name: "addressLine2", flags: sdk.PII, about: "Second line."},
		{name: "addressLine3", flags: sdk.PII, about: "Third line."},
		{name: "postalCode", flags: sdk.PII, about: "Postal code."},
		{name: "city", flags: sdk.PII, about: "City."},
		{name: "countryId", from: "country.id", about: "Country, two letters."},
		{name: "county", from: "county.id", about: "County, as its id."},
	}
}

func contactInfoFields() []field {
	return []field{
		{name: "name", flags: sdk.PII, about: "Name."},
		{name: "attention", flags: sdk.PII, about: "Attention of."},
		{name: "email", flags: sdk.PII, about: "E-mail address."},
		{name: "web", about: "Web address."},
		{name: "phone1", flags: sdk.PII, about: "Telephone."},
		{name: "phone2", flags: sdk.PII, about: "Another telephone."},
		{name: "fax", flags: sdk.PII, about: "Fax."},
	}
}
