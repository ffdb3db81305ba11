package vismanet

import "slices"

// The bodies of the Sales Order Service. Nothing is wrapped here, and a PATCH has nearly the fields of a POST.

const (
	orderStatuses = "Open Hold BackOrder Cancelled Completed"
	shippingRules = "BackOrderAllowed CancelRemainder ShipComplete"
	invoiceTypes  = "Invoice CreditNote CashSales CashReturn DebitNote"
)

var customFieldsBody = newSchema("CustomFieldsDto", limited(100, "customStr1 customStr2 customStr3 customStr4 customStr5"),
	bare(number, "customDec1 customDec2"), bare(integer, "customInt1 customInt2"), bare(moment, "customDateTimeUtc1"))

func addressBody(name string, country []field, more ...[]field) *schema {
	return newSchema(name, append(more, limited(50, "line1 line2 line3 city stateId"), limited(20, "postalCode"), country)...)
}

func contactBody(name string, more ...[]field) *schema {
	return newSchema(name, append(more, limited(255, "name attention email"), limited(50, "phone1"), bare(textList, "emails"))...)
}

var (
	overrides    = bare(boolean, "overridesDefault")
	newAddress   = addressBody("NewSalesOrderAddressDto", required(limited(2, "countryId")))
	newContact   = contactBody("NewSalesOrderContactDto")
	patchAddress = addressBody("PatchSalesOrderAddressDto", limited(2, "countryId"), overrides)
	patchContact = contactBody("PatchSalesOrderContactDto", overrides)
)

func shippingBody(address, contact *schema, zone []field) *schema {
	return newSchema("SalesOrderShippingDto", bare(moment, "scheduledDate"),
		bare(boolean, "shipSeparately residentialDelivery saturdayDelivery insurance"), bareEnum("rule", shippingRules),
		bareGroup(address, "address"), bareGroup(contact, "contact"), limited(30, "preferredWarehouseId"),
		bare(integer, "intrastatTransactionTypeId priority"), limited(15, "shipViaId fobPointId termsId"), zone)
}

func billingBody(address, contact *schema) *schema {
	return newSchema("SalesOrderBillingDto", bareGroup(address, "address"), bareGroup(contact, "contact"))
}

var (
	orderCustomerBody = newSchema("SalesOrderCustomerDto", bare(text, "id locationId termsId gln"),
		bare(integer, "contactId"), limited(40, "order refNo"))

	printBody = newSchema("SalesOrderPrintDto", bare(boolean,
		"descriptionOnInvoice noteOnInternalDocuments noteOnExternalDocuments"))

	financialBody = newSchema("SalesOrderFinancialInfoDto", bare(boolean, "invoiceSeparately"),
		bare(moment, "invoiceDate dueDate cashDiscountDate"), limited(15, "invoiceId"), limited(6, "postPeriod"))

	paymentBody = newSchema("SalesOrderPaymentSettings", bare(text, "paymentMethodId"), limited(10, "cashAccountId"),
		limited(40, "paymentReference"))

	freightBody = newSchema("SalesOrderFreightDto", bare(number, "cost premiumAmount"), limited(10, "taxCategoryId"))
)

// orderFields are what POST and PATCH share.
func orderFields(customer []field, shipping, billing *schema) [][]field {
	return [][]field{
		customer, limited(5, "currencyId"), bare(moment, "date requestOn cancelBy"), limited(255, "description"),
		limited(2048, "note"),
		bare(text, "status ownerId taxZoneId"), limited(30, "branchId projectId"), limited(2, "originalOrderType"),
		limited(15, "originalOrderId salesPersonId"),
		bare(boolean, "useReplacementCostForMarginAndProfit isRotRutDeductible"), bare(anyObject, "rotRutDetails"),
		bareGroup(printBody, "print"), bareGroup(shipping, "shipping"), bareGroup(billing, "billing"),
		bareGroup(financialBody, "financialInformation"),
		bareGroup(paymentBody, "paymentSettings"), bareGroup(freightBody, "freight"), bareGroup(customFieldsBody, "customFields"),
	}
}

var newOrder = newSchema("NewSalesOrderCommand", slices.Concat(
	orderFields(required(bareGroup(orderCustomerBody, "customer")),
		shippingBody(newAddress, newContact, limited(15, "zoneId")), billingBody(newAddress, newContact)),
	[][]field{
		required(bare(text, "type")), limited(15, "orderId"), notNull(bare(boolean, "overrideNumberSeries")),
		listOf(newLine, "orderLines"),
	},
)...)

var patchOrder = newSchema("PatchSalesOrderCommand",
	orderFields(bareGroup(orderCustomerBody, "customer"), shippingBody(patchAddress, patchContact, bare(text, "zoneId")),
		billingBody(patchAddress, patchContact))...)

// lineFields are what a new and a patched line share.
var lineFields = [][]field{
	limited(256, "description"), limited(6, "unitOfMeasure"), limited(255, "externalLink"), limited(2048, "note"),
	limited(10, "salesAccountId discountCode"),
	limited(30, "projectTaskId"), limited(15, "salesPersonId invoiceNumber"), bareEnum("shippingRule", shippingRules),
	bare(text, "warehouseId warehouseLocationId reasonCode taxCategoryId operation purchaseOrderSource supplierId inventoryAlternateId"),
	bareEnum("invoiceType", invoiceTypes), bare(number, "unitCost unitPrice discountAmount supplierPrice"),
	between("-100", "100", "discountPercent"),
	between("0", "100", "undershipThreshold"), between("100", "999", "overshipThreshold"), bare(moment, "shipDate requestDate"),
	bare(boolean, "hasManualDiscount hasManualPrice commissionable isRotRutDeductible"),
	bare(integer, "sortOrder invoiceLineNumber"),
	bare(anyObject, "subaccount"), bareGroup(customFieldsBody, "customFields"),
}

var newLine = newSchema("NewSalesOrderLineDto",
	slices.Concat(lineFields, [][]field{
		required(bare(text, "inventoryId")), limited(30, "branchId"),
		notNull(bare(number, "quantity")),
	})...)

var patchLine = newSchema("PatchSalesOrderLineDto",
	slices.Concat(lineFields, [][]field{
		required(notNull(bare(integer, "lineId"))), bare(text, "branchId"),
		bare(number, "quantity"), bare(boolean, "completed"),
	})...)

var (
	addLines   = newSchema("AddSalesOrderLinesCommand", listOf(newLine, "lines"))
	patchLines = newSchema("PatchSalesOrderLinesCommand", listOf(patchLine, "lines"))
)
