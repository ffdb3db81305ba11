# What the till sold, against what is booked: kopru reconcile --from 2026-01-01 --to 2026-01-31

locals {
  # Tax category → VAT rate, of a country that has its own, and of the others.
  vat_rates_in = { for country, own in var.vat_categories_by_country : country => { for rate, category in own : category => rate } }
  vat_rates = merge(
    merge({}, values(local.vat_rates_in)...),
    { for category in distinct(compact([var.vat_category_outside_eu, var.vat_category_reverse_charge])) : category => "0" },
    { for rate, category in var.vat_categories : category => rate },
  )
}

reconcile "orders" {
  description = "The till's orders against Visma.net's sales orders, invoices and credit notes"
  timezone    = var.timezone
  pipelines   = ["orders"]

  # An order that came from Visma.net bears its number there, such as SO/000123.
  source "order" {
    connection = mpluskassa.shop
    keep = (record.cancelState != "ORDER-CANCEL-STATE-COMPLETE" &&
    !contains(var.orders_to_till_types, split("/", coalesce(record.extOrderId, "none"))[0]))
    key      = record.orderId
    day      = coalesce(record.financialDate, substr(record.entryTimestamp, 0, 10))
    amount   = record.totalInclAmount
    currency = var.currency
    vat      = [for g in coalesce(record.vatGroupList, []) : { rate = g.vatPercentage, vat = g.vatAmount }]
  }

  # A credit, of a return or of an order that was cancelled too late, counts against; an exchange is one too, and so is what
  # comes back in one that is invoiced. Quotes of proposals count as nothing.
  target "sales_order" {
    connection = vismanet.books
    keep = coalesce(record.customerRefNo, "none") != "none" && record.status != "Cancelled" && (
    record.type != var.quote_order_type || contains(concat([var.order_type], values(var.order_type_by_category)), record.type))
    key    = trimsuffix(trimsuffix(record.customerRefNo, "-C"), "-R")
    day    = record.date
    amount = contains([var.return_order_type, var.exchange_order_type], record.type) ? -record.orderTotal : record.orderTotal
    vat = [for l in coalesce(record.orderLines, []) : {
      rate = coalesce(try(local.vat_rates_in[record.shipping.address.countryId][l.taxCategoryId], null), lookup(local.vat_rates, coalesce(l.taxCategoryId, "none"), "0"))
      net = (record.type == var.return_order_type || l.operation == "Receipt" ? -1 : 1) * (
      round(l.quantity * l.unitPrice - coalesce(l.discountAmount, 0), 2))
    }]
  }

  # Orders that were booked as invoices. Those made of sales orders have that one's reference of the customer, if any, in
  # both fields, and those of a day's receipts are no orders.
  target "customer_invoice" {
    connection = vismanet.books
    keep = (coalesce(record.externalReference, "none") != "none" && record.externalReference != record.customerRefNumber &&
    length(regexall("^Z[0-9]+-[0-9-]{10}/", record.externalReference)) == 0)
    key    = trimsuffix(record.externalReference, "-C")
    day    = record.documentDate
    amount = record.amountInCurrency
    vat = [for l in coalesce(record.invoiceLines, []) : {
      rate = coalesce(try(local.vat_rates_in[record.billingAddress.countryId][l.vatCodeId], null), lookup(local.vat_rates, coalesce(l.vatCodeId, "none"), "0"))
      net  = l.amountInCurrency
    }]
  }

  target "credit_note" {
    connection = vismanet.books
    keep       = coalesce(record.externalReference, "none") != "none" && record.externalReference != record.customerRefNumber
    key        = trimsuffix(record.externalReference, "-C")
    day        = record.documentDate
    amount     = -record.amountInCurrency
    vat = [for l in coalesce(record.lines, []) : {
      rate = coalesce(try(local.vat_rates_in[record.invoiceAddress.countryId][l.vatCodeId], null), lookup(local.vat_rates, coalesce(l.vatCodeId, "none"), "0"))
      net  = -l.amountInCurrency
    }]
  }
}
