package mpluskassa

import (
	"slices"

	"github.com/kopru-io/kopru/plugins/sdk"
)

const (
	create = sdk.OnCreate
	update = sdk.OnUpdate
	pii    = sdk.PII
	match  = sdk.Match
)

// stateCancelled is the cancelState that cancels an order.
const stateCancelled = "ORDER-CANCEL-STATE-COMPLETE"

func vatMethods() []string {
	return []string{"VAT-METHOD-INCLUSIVE", "VAT-METHOD-EXCLUSIVE", "VAT-METHOD-SHIFTED", "VAT-METHOD-NONE"}
}

func orderTypes() schema {
	return schema{
		"Order": slices.Concat(orderIdentity(), orderAmounts(), orderProgress()),
		"Address": {
			f("addressId", ident, 0, "Identity of the address."),
			f("name", text, pii|create, "Name."),
			f("contact", text, pii|create, "Person."),
			f("address", text, pii|create, "Street and house number."),
			f("zipcode", text, pii|create, "Postal code."),
			f("city", text, pii|create, "City."),
			f("country", text, create, "Country, in words."),
			f("label", text, create, "Label."),
			f("companyName", text, pii|create, "Company."),
			f("supplierInformation", text, 0, "Information about the supplier."),
		},
		"Payment": {
			f("paymentId", ident, 0, "Identity of the payment."),
			f("financialDate", date, 0, "Booking date."),
			f("entryTimestamp", moment, 0, "When it was entered."),
			f("branchNumber", number, 0, "Branch.").ref("branch"),
			f("workplaceNumber", number, 0, "Workplace."),
			f("employeeNumber", long, 0, "Employee.").ref("employee"),
			f("method", text, 0, "Code of the payment method.").ref("payment_method").required(),
			f("description", text, 0, "Payment method in words."),
			f("amount", cents, 0, "Amount paid.").required(),
			f("paymentMethodType", text, 0, "Kind of payment method."),
			f("accountNumber", number, 0, "Ledger account."),
			f("giftcardNumber", text, 0, "Gift card."),
			f("externalPaymentId", ident, 0, "The payment's id in another system."),
			f("externalReference", text, 0, "Reference in another system."),
		},
		"VatGroup": {
			f("branchNumber", number, match, "Branch.").ref("branch"),
			f("extBranchId", text, 0, "The branch's id in another system."),
			f("countryCode", number, 0, "Country, as a number."),
			f("countryIso3", text, match, "Country, in three letters."),
			f("vatCode", number, match, "VAT code.").required(),
			f("vatPercentage", percent, 0, "Rate in percent.").required(),
			f("exclAmount", cents, 0, "Amount without VAT at this rate."),
			f("vatAmount", cents, 0, "VAT at this rate."),
			f("accountNumber", number, 0, "Ledger account."),
		},
		"YearNumber": {
			f("year", number, 0, "Year.").required(),
			f("number", long, 0, "Number within the year.").required(),
		},
		"WorkplaceYearNumber": {
			f("branchNumber", number, 0, "Branch.").required(),
			f("workplaceNumber", number, 0, "Workplace.").required(),
			f("year", number, 0, "Year.").required(),
			f("number", long, 0, "Number within the year.").required(),
		},
	}
}

// receiptTypes are proposals and receipts. Of receipts, what a day's totals need: neither the customer nor the employee.
func receiptTypes() schema {
	return schema{
		"Proposal": {
			f("proposalId", ident, 0, "Identity of the proposal."),
			f("extProposalId", ident, 0, "The proposal's id in another system."),
			f("orderId", ident, 0, "Order that was made of it."),
			f("invoiceId", ident, 0, "Invoice that was made of it."),
			f("transactionString", text, 0, "Name of the proposal as the till shows it."),
			f("syncMarker", long, 0, "Place in the sequence of changes."),
			obj("proposalNumber", "YearNumber", 0, "Number of the proposal within its year."),
			f("employeeNumber", long, 0, "Employee under whom it stands.").ref("employee"),
			f("entryTimestamp", moment, 0, "When it was entered."),
			f("relationNumber", long, 0, "Customer.").ref("relation"),
			f("relationName", text, pii, "Name of the customer."),
			obj("deliveryAddress", "Address", 0, "Where the goods would go."),
			obj("invoiceAddress", "Address", 0, "Where the bill would go."),
			f("financialDate", date, 0, "Booking date."),
			f("financialBranchNumber", number, 0, "Branch that books it.").ref("branch"),
			f("entryBranchNumber", number, 0, "Branch where it was entered.").ref("branch"),
			f("reference", text, 0, "Reference of the customer or the shop."),
			f("totalInclAmount", cents, 0, "Total with VAT."),
			f("totalExclAmount", cents, 0, "Total without VAT."),
			f("vatMethod", text, 0, "How VAT is reckoned."),
			many("vatGroupList", "vatGroup", "VatGroup", 0, "VAT per rate."),
			f("changeCounter", number, 0, "Counts changes."),
			f("state", text, 0, "What became of it: PROPOSAL-STATE-OUTSTANDING, -ORDER, -INVOICE or -CANCELLED."),
			many("lineList", "line", "Line", 0, "What is offered."),
			f("orderCategoryNumber", number, 0, "Category of the order.").ref("order_category"),
		},
		"Receipt": {
			f("receiptId", ident, 0, "Identity of the receipt.").required(),
			each("orderIds", "id", text, 0, "Orders that it belongs to."),
			f("transactionString", text, 0, "Name of the receipt as the till shows it."),
			f("syncMarker", long, 0, "Place in the sequence of changes."),
			obj("receiptNumber", "WorkplaceYearNumber", 0, "Number of the receipt at its workplace."),
			f("receiptType", text, 0, "RECEIPT-TYPE-RECEIPT, -CREDIT-RECEIPT, -CASH-INFLOW, -CASH-OUTFLOW or -PAYMENT-METHOD-TRANSFER.").required(),
			f("entryTimestamp", moment, 0, "When it was entered.").required(),
			f("financialDate", date, 0, "Booking date.").required(),
			f("financialBranchNumber", number, 0, "Branch that books it.").ref("branch").required(),
			f("totalInclAmount", cents, 0, "Total with VAT.").required(),
			f("totalExclAmount", cents, 0, "Total without VAT.").required(),
			f("vatMethod", text, 0, "How VAT is reckoned.").required(),
			many("vatGroupList", "vatGroup", "VatGroup", 0, "VAT per rate."),
			f("paidAmount", cents, 0, "What was paid.").required(),
			f("state", text, 0, "How far it is paid.").required(),
			many("lineList", "line", "Line", 0, "What was sold."),
			many("paymentList", "payment", "Payment", 0, "How it was paid."),
			f("creditedReceiptId", ident, 0, "Receipt that this one takes back."),
		},
	}
}

func lineTypes() schema {
	return schema{
		"Line": {
			f("lineId", ident, 0, "Identity of the line."),
			f("employeeNumber", long, 0, "Employee.").ref("employee"),
			f("articleNumber", long, create|sdk.Required, "Article.").ref("article").required(),
			f("pluNumber", ident, 0, "PLU number of the article."),
			f("text", text, create, "Description on the order."),
			f("supplierRelationNumber", long, 0, "Supplier.").ref("relation"),
			f("supplierRelationName", text, 0, "Name of the supplier."),
			f("supplierArticleNumber", text, 0, "The supplier's number of the article."),
			obj("data", "LineData", create|sdk.Required, "Quantities and amounts."),
			f("courseNumber", number, 0, "Course of the menu."),
			f("menuDescription", text, 0, "Menu."),
			f("lineType", text, 0, "Kind of line."),
			many("preparationList", "line", "Line", 0, "Preparations and components of the line."),
			f("retourReason", text, 0, "Why it came back."),
			f("sequenceNumber", number, 0, "Place on the order."),
			f("subLineType", text, 0, "Kind of line below a line."),
			f("lineKind", text, 0, "Whether it is a heading or a subtotal."),
			f("salesOrderLineId", ident, 0, "Line of the sales order this is based on."),
		},
		"LineData": {
			f("quantity", quantity, create|sdk.Required, "Quantity.").scaledBy("decimalPlaces").required(),
			f("deliveredQuantity", quantity, 0, "Quantity delivered.").scaledBy("deliveredDecimalPlaces"),
			f("cancelledQuantity", quantity, 0, "Quantity cancelled.").scaledBy("cancelledDecimalPlaces"),
			f("price", cents, create, "Price of one, with VAT. Without it MplusKASSA prices the line."),
			f("priceExcl", cents, create, "Price of one, without VAT."),
			f("originalPrice", cents, 0, "Price before discount, with VAT."),
			f("originalPriceExcl", cents, 0, "Price before discount, without VAT."),
			f("purchasePrice", cents, 0, "Purchase price."),
			f("averagePurchasePrice", decimal, 0, "Average purchase price, in euros."),
			f("turnoverGroup", number, 0, "Turnover group."),
			f("turnoverGroupName", text, 0, "Name of the turnover group."),
			f("turnoverGroupType", text, 0, "Kind of turnover group."),
			f("turnoverGroupAccountNumber", number, 0, "Ledger account of the turnover group."),
			f("turnoverGroupCostCenter", text, 0, "Cost centre of the turnover group."),
			f("vatCode", number, create, "VAT code; overrides the article's.").ref("vat_group"),
			f("vatPercentage", percent, 0, "VAT rate in percent."),
			f("siUnit", text, 0, "Unit."),
			f("discountType", text, 0, "Kind of discount."),
			f("discountPercentage", discount, 0, "Discount in percent; its scale is not documented, so don't reckon with it."),
			f("discountAmount", cents, create, "Discount with VAT."),
			f("discountAmountExcl", cents, 0, "Discount without VAT."),
			f("totalInclAmount", cents, 0, "Amount of the line with VAT."),
			f("totalExclAmount", cents, 0, "Amount of the line without VAT."),
			f("priceType", text, 0, "Where the price came from."),
		},
	}
}

// orderIdentity is what an order is and who it is for.
func orderIdentity() []field {
	return []field{
		f("orderId", ident, match, "Identity of the order.").required(),
		f("extOrderId", ident, match|create, "The order's id in another system; unique for ever."),
		each("invoiceIds", "id", text, 0, "Invoices made of the order."),
		each("extInvoiceIds", "id", text, 0, "Ids of these invoices in another system."),
		f("transactionString", text, 0, "Name of the order as the till shows it."),
		f("syncMarker", long, 0, "Place in the sequence of changes."),
		f("orderType", text, 0, "Kind of order, such as ORDER-TYPE-SALES-ORDER."),
		f("entryBranchNumber", number, create|sdk.Required, "Branch where the order was entered.").ref("branch"),
		f("entryExtBranchId", text, 0, "That branch's id in another system."),
		f("employeeNumber", long, create, "Employee under whom the order stands; without it the sink's `employee`.").ref("employee"),
		f("employeeName", text, pii, "Name of the employee."),
		f("entryTimestamp", moment, create, "When the order was entered."),
		f("relationNumber", long, create|sdk.Required, "Customer.").ref("relation"),
		f("relationName", text, pii, "Name of the customer."),
		f("relationCategoryId", number, 0, "Category of the customer."),
		f("relationBankAccountNumber", text, pii, "Bank account of the customer."),
		f("relationVatNumber", text, pii, "VAT number of the customer."),
		obj("deliveryAddress", "Address", create, "Where the goods go."),
		obj("invoiceAddress", "Address", create, "Where the bill goes."),
		f("financialDate", date, create, "Booking date."),
		f("financialBranchNumber", number, create, "Branch that books the order.").ref("branch"),
		f("financialExtBranchId", text, 0, "That branch's id in another system."),
		f("workplaceNumber", number, create, "Workplace; needed for another than the default branch."),
		f("reference", text, create, "Reference of the customer or the shop."),
		f("activityId", ident, 0, "Activity the order belongs to."),
	}
}

// orderAmounts is what it costs and how it goes out.
func orderAmounts() []field {
	return []field{
		f("totalInclAmount", cents, 0, "Total with VAT."),
		f("totalExclAmount", cents, 0, "Total without VAT."),
		f("vatMethod", text, create, "How VAT is reckoned; without it the sink's `vat_method`.").oneOf(vatMethods()...),
		many("vatGroupList", "vatGroup", "VatGroup", 0, "VAT per rate."),
		f("deliveryMethod", text, create, "Code of the delivery method.").ref("delivery_method"),
		f("deliveryDate", date, create, "Day of delivery."),
		f("deliveryPeriodBegin", moment, create, "Delivery not before."),
		f("deliveryPeriodEnd", moment, create, "Delivery not after."),
		f("paymentMethod", text, create, "Code of the payment method.").ref("payment_method"),
	}
}

// orderProgress is how far it is and what belongs to it.
func orderProgress() []field {
	return []field{
		f("changeCounter", number, 0, "Counts changes."),
		f("versionNumber", number, 0, "Counts versions."),
		f("prepaidAmount", cents, 0, "What was paid beforehand."),
		f("fullyPaid", boolean, 0, "Whether everything is paid."),
		f("deliveryState", text, 0, "How far it is delivered."),
		f("cancelState", text, update, "How far it is cancelled. "+stateCancelled+" cancels the order; nothing undoes that.").
			oneOf("ORDER-CANCEL-STATE-NOTHING", "ORDER-CANCEL-STATE-PARTIAL", stateCancelled),
		f("completeState", text, 0, "How far it is done with."),
		f("tableNumber", number, 0, "Table."),
		f("tableSubNumber", number, 0, "Part of the table."),
		f("tableDescription", text, 0, "Name of the table."),
		f("numberOfGuests", number, 0, "Guests at the table."),
		obj("orderNumber", "YearNumber", 0, "Number of the order within its year."),
		obj("branchOrderNumber", "WorkplaceYearNumber", 0, "Number of the order at its workplace."),
		f("orderBarcode", text, 0, "Barcode of the order."),
		f("orderCategoryNumber", number, create, "Category of the order.").ref("order_category"),
		f("orderCategoryDescription", text, 0, "Name of the category."),
		f("onDeliveryUrl", text, 0, "Address called on delivery."),
		f("onInvoiceUrl", text, 0, "Address called on invoicing."),
		many("lineList", "line", "Line", create|sdk.Required, "What was ordered."),
		many("paymentList", "payment", "Payment", 0, "What was paid."),
		f("vatChange", text, 0, "Change of VAT, such as for take-away."),
		f("vatCountryCode", number, 0, "Country of the VAT, as a number."),
		f("vatCountryIso3", ident, create, "Country of the VAT, in three letters."),
		obj("cateringOrderNumber", "YearNumber", 0, "Number as a catering order."),
		many("invoiceNumbers", "yearNumber", "YearNumber", 0, "Numbers of the invoices."),
		each("packingSlipIds", "id", text, 0, "Packing slips."),
		many("packingSlipNumbers", "yearNumber", "YearNumber", 0, "Numbers of the packing slips."),
		f("proposalId", ident, 0, "Proposal the order was made of."),
		f("extProposalId", ident, 0, "The proposal's id in another system."),
		obj("proposalNumber", "YearNumber", 0, "Number of the proposal."),
		f("branchGroupNumber", number, 0, "Group of branches."),
		f("ownerId", ident, 0, "Owner."),
	}
}
