package vismanet

import (
	"context"
	"maps"
	"net/url"
	"slices"

	"github.com/kopru-io/kopru/plugins/sdk"
)

// A document of the customer ledger is made as a draft, which releasing books. Both are writes of their own, so that
// each can be tried again: `released` is set by a change.

func customerInvoice() *entity {
	return &entity{
		name: "customer_invoice", path: "/v1/customerinvoice", createPath: "/v2/customerinvoice", key: "referenceNumber",
		about: "An invoice of the customer ledger, with its lines; those made of sales orders too.",
		paged: true, query: documentQuery("Invoice"), modified: "lastModifiedDateTime", created: "createdDateTime",
		version: "timeStamp", ifMatch: true, overrides: true, create: true, update: true,
		matches: documentMatches(), natural: only("externalReference"), actions: map[string]string{"released": "release"},
		fields: slices.Concat(documentFields(), []field{
			{name: "creditTermsId", from: "creditTerms.id", flags: write, refs: "credit_terms", about: "Credit terms."},
			{name: "paymentMethodId", from: "paymentMethod.id", flags: write, refs: "payment_method", about: "Payment method."},
			{name: "paymentReference", flags: write, about: "Payment reference."},
			addressOf("billingAddress", "Where the invoice goes; without it the customer's address."),
			documentLines("invoiceLines"),
		}),
	}
}

func creditNote() *entity {
	return &entity{
		name: "credit_note", path: "/v1/customerCreditNote", createPath: "/v2/customerCreditNote", key: "referenceNumber",
		about: "A credit note of the customer ledger, with its lines; amounts are positive.",
		paged: true, query: documentQuery("CreditNote"), modified: "lastModifiedDateTime", created: "createdDateTime",
		version: "timeStamp", ifMatch: true, overrides: true, create: true, update: true,
		matches: documentMatches(), natural: only("externalReference"), actions: map[string]string{"released": "release"},
		fields: slices.Concat(documentFields(), []field{
			addressOf("invoiceAddress", "Where the credit note goes; without it the customer's address."),
			documentLines("lines"),
			applicationLines(),
		}),
		prepare: prepareApplications,
	}
}

// applicationLines are the documents that a credit note settles once it is released. Lists leave them out.
func applicationLines() field {
	f := field{
		name: "applicationLines", from: "applications", kind: list, flags: sdk.OnUpdate,
		about: "Invoices that it is taken off; to be said while it is a draft. A look-up by its number shows them.",
		fields: []field{
			{name: "documentType", from: "docType", about: "Invoice.", values: documentTypes()},
			{name: "refNbr", about: "Number of the invoice."},
			{name: "amountPaid", kind: decimal, about: "How much of it."},
		},
	}
	f.constant = map[string]any{"operation": "Insert"}
	return f
}

// prepareApplications says of the invoices that the credit note is taken off already that these lines are changed.
func prepareApplications(ctx context.Context, a *erpAPI, t *trail, id string, body map[string]any) error {
	lines := objects(body["applicationLines"])
	if len(lines) == 0 {
		return nil
	}
	found, err := a.get(ctx, t, creditNote(), id)
	if err != nil || found == nil {
		return err
	}
	for _, have := range objects(found.Fields["applicationLines"]) {
		for _, line := range lines {
			if textOf(dig(line, "refNbr.value")) == textOf(have["refNbr"]) {
				line["operation"] = "Update"
			}
		}
	}
	return nil
}

func documentQuery(kind string) url.Values {
	return url.Values{
		"documentType": {kind}, "expandApplications": {"false"}, "expandDunningInformation": {"false"},
		"expandAttachments": {"false"}, "expandTaxDetails": {"false"}, "expandInvoiceAddress": {"true"},
	}
}

func documentMatches() []match {
	return []match{
		{field: "referenceNumber", fold: true},
		{field: "externalReference", query: "externalReference", fold: true},
		{field: "customerRefNumber", query: "customerRefNumber", fold: true},
	}
}

func documentFields() []field {
	return []field{
		{name: "referenceNumber", flags: once, about: "Number; left out when Visma.net numbers by itself."},
		{
			name: "customerNumber", from: "customer.number", flags: once | sdk.Required, refs: "customer",
			about: "Whom it is for.",
		},
		{name: "documentDate", kind: day, flags: write, about: "Date."},
		{name: "documentDueDate", kind: day, about: "Due date, which the credit terms give."},
		{name: "postPeriod", flags: write, about: "Financial period, as YYYYMM; without it that of the date."},
		{name: "currencyId", flags: write, about: "Currency; without it the customer's."},
		{name: "customerRefNumber", flags: write, about: "Reference at the customer, such as the order number."},
		{name: "externalReference", flags: write, about: "Reference in another system; a look-up by it is quick."},
		{name: "customerVatZoneId", from: "customerVatZone.id", flags: write, refs: "vat_zone", about: "VAT zone."},
		{name: "branchNumber", from: "branchNumber.number", flags: write, refs: "branch", about: "Branch."},
		{name: "invoiceText", flags: write, about: "Text on the document."},
		{name: "note", flags: write, about: "Note."},
		{name: "hold", kind: truth, flags: write, about: "It is kept from being released."},
		{
			name: "released", kind: truth, from: "status", flags: sdk.OnUpdate, decode: released,
			about: "It is booked. Setting it releases the draft, which nothing undoes.",
		},
		{name: "status", about: "Hold or Balanced while it is a draft; then Open, and Closed once it is paid."},
		{name: "amount", kind: decimal, about: "Total with VAT, in the company's currency."},
		{name: "amountInCurrency", kind: decimal, about: "Total with VAT."},
		{name: "vatTotalInCurrency", kind: decimal, about: "VAT."},
		{name: "balanceInCurrency", kind: decimal, about: "What is not settled yet."},
		{name: "createdDateTime", kind: moment, about: "When it was made."},
		{name: "lastModifiedDateTime", kind: moment, about: "When it last changed."},
	}
}

// released reads a status: what is no draft any more is booked.
func released(v any) any {
	switch textOf(v) {
	case "":
		return nil
	case "Hold", "Balanced", "Scheduled", "PendingPrint", "PendingEmail", "CreditHold", "CcHold":
		return false
	}
	return true
}

// addressOf is the document's own address. Visma.net reads what it writes as billingAddress under another name.
func addressOf(name, about string) field {
	f := field{name: name, from: "invoiceAddress", kind: object, flags: once | sdk.PII, about: about, fields: addressFields()}
	f.constant = map[string]any{"overrideAddress": wrap(true)}
	return f
}

func documentLines(name string) field {
	f := field{name: name, kind: list, flags: once, about: "Lines.", fields: []field{
		{name: "lineNumber", kind: whole, flags: readOnly, about: "Visma.net's number of the line."},
		{name: "inventoryNumber", refs: "inventory_item", about: "Item; without it the line needs an account."},
		{name: "description", about: "Text; without it the item's."},
		{name: "quantity", kind: decimal, about: "How many."},
		{name: "uom", about: "Unit; without it the item's."},
		{name: "unitPriceInCurrency", kind: decimal, about: "Price of one, without VAT."},
		{name: "discountAmountInCurrency", kind: decimal, about: "Discount on the line."},
		{name: "manualDiscount", kind: truth, about: "The discount stays; when false Visma.net's rules replace it."},
		{name: "amountInCurrency", kind: decimal, flags: readOnly, about: "Amount of the line, without VAT."},
		{name: "accountNumber", from: "account.number", about: "Account; without it the item's sales account."},
		{name: "vatCodeId", from: "vatCode.id", refs: "vat_category", about: "VAT category; without it the item's."},
		{name: "branchNumber", from: "branchNumber.number", refs: "branch", about: "Branch."},
		{name: "note", about: "Note."},
		{name: "soOrderType", flags: readOnly, about: "Type of the sales order it comes from."},
		{name: "soOrderNbr", flags: readOnly, about: "Number of the sales order it comes from."},
	}}
	f.constant = map[string]any{"operation": "Insert"}
	return f
}

func customerPayment() *entity {
	types := []string{
		"Payment", "CreditNote", "Prepayment", "Refund", "VoidPayment", "SmallBalanceWo", "VoidRefund", "Undefined",
	}
	lines := field{name: "paymentLines", kind: list, flags: once, about: "What it settles.", fields: []field{
		{name: "documentType", about: "Invoice or CreditNote.", values: documentTypes()},
		{name: "refNbr", about: "Number of the document."},
		{name: "amountPaid", kind: decimal, about: "How much of it."},
	}}
	lines.constant = map[string]any{"operation": "Insert"}
	return &entity{
		name: "customer_payment", path: "/v1/customerPayment", key: "refNbr", paged: true,
		about:    "Money from or to a customer, and what it settles.",
		modified: "lastModifiedDateTime", version: "timeStamp", ifMatch: true, overrides: true, create: true, update: true,
		matches: []match{
			{field: "refNbr", query: "paymentNbr", fold: true},
			{field: "customer", query: "customer", fold: true},
			{field: "paymentRef", fold: true},
			{field: "type"},
		},
		natural: only("customer", "paymentRef"), actions: map[string]string{"released": "release"}, typed: true,
		fields: []field{
			{name: "refNbr", about: "Number."},
			{name: "type", flags: once | sdk.Required, about: "Payment is money in, Refund money out.", values: types},
			{name: "customer", from: "customer.number", flags: once | sdk.Required, refs: "customer", about: "Who pays or is paid."},
			{name: "paymentRef", flags: write, about: "Reference of the payment. A look-up by it needs the customer to be quick."},
			{name: "applicationDate", kind: day, flags: write, about: "Date."},
			{name: "paymentMethod", from: "paymentMethod.id", flags: write, refs: "payment_method", about: "Payment method."},
			{name: "cashAccount", flags: write, about: "Cash account; without it that of the payment method."},
			{name: "currency", flags: write, about: "Currency; without it the customer's."},
			{name: "paymentAmount", kind: decimal, flags: write, about: "Amount."},
			{name: "invoiceText", flags: write, about: "Text."},
			{name: "branch", flags: write, refs: "branch", about: "Branch."},
			{name: "hold", kind: truth, flags: write, about: "It is kept from being released."},
			{
				name: "released", kind: truth, from: "status", flags: sdk.OnUpdate, decode: released,
				about: "It is booked. Setting it releases the draft, which nothing undoes.",
			},
			{name: "status", about: "Hold or Balanced while it is a draft; then Open, and Closed once it is applied."},
			{name: "availableBalance", kind: decimal, about: "What is not applied yet."},
			lines,
			{name: "lastModifiedDateTime", kind: moment, about: "When it last changed."},
		},
	}
}

func documentTypes() []string {
	return []string{
		"Invoice", "DebitNote", "CreditNote", "Payment", "VoidPayment", "Prepayment", "Refund", "FinCharge",
		"SmallBalanceWo", "SmallCreditWo", "CashSale", "CashReturn", "Undefined", "NoUpdate",
	}
}

// actionsIn takes the fields out of a change that are brought about by actions, and says which these are.
func (e *entity) actionsIn(in map[string]any) (rest map[string]any, actions []string) {
	rest = maps.Clone(in)
	for _, name := range slices.Sorted(maps.Keys(e.actions)) {
		if rest[name] == true {
			actions = append(actions, e.actions[name])
		}
		delete(rest, name)
	}
	return rest, actions
}
