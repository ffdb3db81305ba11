# An order taken at the till becomes, by setting, a sales order, an invoice, or a sales order that is shipped and
# invoiced in one go: once, exact to the cent.

# ---- what becomes of an order

variable "order_form" {
  type        = string
  default     = "sales_order"
  description = "What orders become: \"sales_order\", \"invoice\" (in the customer ledger), or \"invoiced_order\", a sales order that is shipped and invoiced at once"

  validation {
    condition     = contains(["sales_order", "invoice", "invoiced_order"], var.order_form)
    error_message = "order_form is \"sales_order\", \"invoice\" or \"invoiced_order\"."
  }
}

variable "order_form_by_category" {
  type        = map(string)
  default     = {}
  description = "Other forms by order category number of the till, such as { \"1\" = \"invoice\" }"

  validation {
    condition     = length([for f in values(var.order_form_by_category) : f if !contains(["sales_order", "invoice", "invoiced_order"], f)]) == 0
    error_message = "The forms are \"sales_order\", \"invoice\" and \"invoiced_order\"."
  }
}

variable "order_type" {
  type        = string
  default     = "SO"
  description = "Visma.net order type for orders; a quote type such as QT makes quotes of them"
}

variable "order_type_by_category" {
  type        = map(string)
  default     = {}
  description = "Other order types by order category number of the till, such as { \"3\" = \"QT\" }"
}

variable "return_order_type" {
  type        = string
  default     = "CR"
  description = "Visma.net order type for orders whose total is negative; amounts are then sent positive"
}

variable "exchange_order_type" {
  type        = string
  default     = "RM"
  description = "Visma.net order type for orders with goods that come back and others that are taken; invoiced orders don't need it"
}

variable "changed_orders" {
  type        = string
  default     = "update"
  description = "Orders changed in the till after they were sent: \"update\" them while Visma.net allows it, \"alert\" (a dead letter with the differences), or \"ignore\""

  validation {
    condition     = contains(["update", "alert", "ignore"], var.changed_orders)
    error_message = "changed_orders is \"update\", \"alert\" or \"ignore\"."
  }
}

variable "update_orders" {
  type        = list(string)
  default     = ["lines", "addresses", "customer"]
  description = "What of a changed order goes to Visma.net, or is told where that is too late: \"lines\", \"addresses\" and the day of delivery (while it is open), \"customer\""

  validation {
    condition     = length([for f in var.update_orders : f if !contains(["lines", "addresses", "customer"], f)]) == 0
    error_message = "It is a list of: lines, addresses, customer."
  }
}

variable "cancelled_orders" {
  type        = string
  default     = "alert"
  description = "Orders cancelled in the till after they were sent are cancelled in Visma.net while they are open there. Later: \"alert\" (a dead letter), \"credit\" them, or \"ignore\""

  validation {
    condition     = contains(["alert", "credit", "ignore"], var.cancelled_orders)
    error_message = "cancelled_orders is \"alert\", \"credit\" or \"ignore\"."
  }
}

variable "check_totals" {
  type        = bool
  default     = true
  description = "Whether the total that Visma.net comes to is held against the till's after placing, at up to one more call for each order"
}

variable "ship_orders" {
  type        = bool
  default     = true
  description = "Whether invoiced orders are shipped first; false for an order type that is invoiced without a shipment, such as IN"
}

variable "release_invoices" {
  type        = bool
  default     = true
  description = "Whether invoices and credit notes are released, which books them; false leaves them as drafts"
}

variable "settle_credits" {
  type        = bool
  default     = true
  description = "Whether the credit of an exchange, or of an order that was cancelled, is taken off its invoice; needs release_invoices"
}

variable "register_payments" {
  type        = bool
  default     = false
  description = "Whether what was paid in the till is registered as paid on invoices; needs release_invoices and payment_methods"
}

# ---- where VAT and revenue go

variable "vat_categories_by_country" {
  type        = map(map(string))
  default     = {}
  description = "Other tax categories for goods delivered to a country, such as { NO = { \"25\" = \"03\", \"15\" = \"02\" } }"
}

variable "vat_category_outside_eu" {
  type        = string
  default     = ""
  description = "Tax category of lines without VAT that are delivered outside the EU; empty takes that of 0 %"
}

variable "vat_category_reverse_charge" {
  type        = string
  default     = ""
  description = "Tax category of lines without VAT for companies elsewhere in the EU that have a VAT number; empty takes that of 0 %"
}

variable "revenue_accounts" {
  type        = map(string)
  default     = {}
  description = "Sales account by country of delivery or by \"domestic\", \"eu\", \"outside\", each also with \"_person\" or \"_company\", such as { NO = \"8030\", eu_company = \"8040\" }; without one it is the item's"
}

variable "special_lines" {
  type        = map(map(string))
  default     = {}
  description = "Item and account for gift cards, deposits, tips and other lines that are no products, by the till's SKU, by \"group:N\" (turnover group) or by its type, such as { \"group:6\" = { item = \"CADEAUBON\", account = \"1510\" } }"
}

variable "cash_rounding_item" {
  type        = string
  default     = ""
  description = "Item without VAT for what cash payments were rounded by; empty leaves it open on the invoice"
}

# ---- where orders come from

variable "orders_every" {
  type        = string
  default     = "30s"
  description = "How often the till is asked for new and changed orders"
}

variable "orders_start" {
  type        = string
  default     = ""
  description = "Orders before this date (2026-01-31) are left alone; empty takes all"

  validation {
    condition     = var.orders_start == "" || can(parsedate("YYYY-MM-DD", var.orders_start))
    error_message = "Write it as 2026-01-31, or leave it empty."
  }
}

variable "order_categories" {
  type        = list(string)
  default     = []
  description = "Only orders of these order category numbers; empty takes all"
}

variable "delivery_methods" {
  type        = map(string)
  default     = {}
  description = "Delivery method of the till → ship via in Visma.net, such as { POST = \"POSTNL\" }"
}

variable "branches" {
  type        = map(string)
  default     = {}
  description = "Branch number of the till → branch in Visma.net; without one it is the connection's"
}

locals {
  order_vars = {
    country                     = var.country
    vat_categories              = var.vat_categories
    vat_categories_by_country   = var.vat_categories_by_country
    vat_category_outside_eu     = var.vat_category_outside_eu
    vat_category_reverse_charge = var.vat_category_reverse_charge
    vat_zone                    = var.vat_zone
    vat_zones                   = var.vat_zones
    revenue_accounts            = var.revenue_accounts
    special_lines               = var.special_lines
    price_decimals              = var.price_decimals
    rounding_item               = var.rounding_item
    cash_rounding_item          = var.cash_rounding_item
    default_debtor              = var.default_debtor
    always_default_debtor       = var.always_default_debtor
    fallback_item               = var.fallback_item
    customer_class_person       = var.customer_class_person
    customer_class_company      = var.customer_class_company
    customer_classes            = var.customer_classes
    credit_terms                = var.credit_terms
    credit_terms_for            = var.credit_terms_for
    return_order_type           = var.return_order_type
    exchange_order_type         = var.exchange_order_type
    changed_orders              = var.changed_orders
    update_orders               = var.update_orders
  }

  order_fields = {
    lines     = ["orderLines"]
    addresses = ["billing", "shipping", "requestOn"]
    customer  = ["customer", "currencyId", "taxZoneId"]
  }
}

pipeline "orders" {
  description = "MplusKASSA orders become Visma.net sales orders or invoices"
  enabled     = contains(var.flows, "orders")
  every       = var.orders_every

  # The order with the customer it belongs to and the products on it.
  source "order" {
    connection    = mpluskassa.shop
    start         = var.orders_start
    with_relation = true
    with_products = true
  }

  filter "wanted" {
    keep   = length(var.order_categories) == 0 || contains(var.order_categories, tostring(coalesce(record.orderCategoryNumber, 0)))
    reason = "order category ${coalesce(record.orderCategoryNumber, "none")} is not synchronised"
  }

  # An order that was entered in Visma.net bears its number there.
  lookup "origin" {
    connection = vismanet.books
    entity     = "sales_order"
    match      = { id = record.extOrderId }
  }

  filter "not_from_visma" {
    keep   = origin == null
    reason = "it came from Visma.net, as ${try(origin.id, "")}"
  }

  # What the till left out comes from the settings.
  transform "complete" {
    set = merge(record, {
      employeeNumber = coalesce(record.employeeNumber, tonumber(var.employee_number))
      reference      = coalesce(record.extOrderId, "${record.orderNumber.year}-${record.orderNumber.number}")
      form           = lookup(var.order_form_by_category, tostring(coalesce(record.orderCategoryNumber, 0)), var.order_form)
      orderType      = lookup(var.order_type_by_category, tostring(coalesce(record.orderCategoryNumber, 0)), var.order_type)
      isCancelled    = record.cancelState == "ORDER-CANCEL-STATE-COMPLETE"
      isBack         = coalesce(record.totalInclAmount, 0) < 0
      wasOrder       = link("orders.sales_order", record.orderId) != null
      wasInvoiced    = link("orders.order_invoice", record.orderId) != null || link("orders.order_credit", record.orderId) != null
      wasInvoice     = link("orders.invoice", record.orderId) != null
      wasCredit      = link("orders.credit_note", record.orderId) != null
      quantities     = [for l in coalesce(record.lineList, []) : coalesce(try(l.data.quantity, 0), 0)]
      left = [for l in coalesce(record.lineList, []) :
        coalesce(try(l.data.quantity, 0), 0) - (record.cancelState == "ORDER-CANCEL-STATE-COMPLETE" ? 0 : coalesce(try(l.data.cancelledQuantity, 0), 0))
      ]
    })
  }

  # What an order became it stays, whatever its category or the settings say by now.
  transform "form" {
    set = merge(record, {
      form = (
        record.wasInvoiced ? "invoiced_order" :
        record.wasOrder && record.form == "invoice" ? "sales_order" :
        record.wasInvoice || record.wasCredit ? "invoice" : record.form
      )
    })
  }

  # Goods that come back and others that are taken: where they are invoiced, these are an order and those a credit order.
  transform "ways" {
    set = merge(record, {
      isMixed  = record.form == "invoiced_order" && min(0, record.quantities...) < 0 && max(0, record.quantities...) > 0
      isParted = record.form == "invoiced_order" && min(0, record.left...) < 0 && max(0, record.left...) > 0
    })
  }

  # Already there? Sales orders go by the till's reference and its id, invoices by the id.
  lookup "sent_order" {
    connection = vismanet.books
    entity     = "sales_order"
    match = {
      customerOrder = record.form == "invoice" ? null : record.reference
      customerRefNo = record.orderId
    }
  }

  lookup "sent_invoice" {
    connection = vismanet.books
    entity     = "customer_invoice"
    match      = { externalReference = record.form == "invoice" && (record.wasInvoice || !record.isBack) ? record.orderId : null }
  }

  lookup "sent_credit" {
    connection = vismanet.books
    entity     = "credit_note"
    match      = { externalReference = record.form == "invoice" && (record.wasCredit || record.isBack) ? record.orderId : null }
  }

  lookup "sent_back" {
    connection = vismanet.books
    entity     = "sales_order"
    match = {
      customerOrder = record.isMixed ? "${record.reference}-R" : null
      customerRefNo = "${record.orderId}-R"
    }
  }

  # What came of a sales order that is to be invoiced.
  lookup "made_invoice" {
    connection = vismanet.books
    entity     = "order_invoice"
    match = record.form == "invoiced_order" && sent_order != null && (record.isParted || !record.isBack) ? {
      orderType = split("/", sent_order.id)[0], orderNumber = split("/", sent_order.id)[1]
    } : { orderNumber = null }
  }

  lookup "made_credit" {
    connection = vismanet.books
    entity     = "order_credit_note"
    match = record.form == "invoiced_order" && sent_order != null && record.isBack && !record.isParted ? {
      orderType = split("/", sent_order.id)[0], orderNumber = split("/", sent_order.id)[1]
    } : { orderNumber = null }
  }

  lookup "made_back" {
    connection = vismanet.books
    entity     = "order_credit_note"
    match = sent_back != null ? {
      orderType = split("/", sent_back.id)[0], orderNumber = split("/", sent_back.id)[1]
    } : { orderNumber = null }
  }

  # What stands there, in one shape for all forms, and what is known of the till's numbers: who the relation's customer is,
  # which items the lines' are. A run that was interrupted may have left a document that is still to be shipped, invoiced,
  # released or paid: then it goes on from there.
  transform "compare" {
    set = merge(record, {
      isUnfinished = (
        record.form == "sales_order" || try(sent_order.status, "") == "Cancelled" ? false :
        record.form == "invoiced_order" && sent_order != null && made_invoice == null && made_credit == null ? true :
        record.isParted && sent_order != null && made_back == null && try(sent_back.status, "") != "Cancelled" ? true :
        var.release_invoices && contains(["Hold", "Balanced"], try(made_back.status, "")) ? true :
        contains(
          concat(var.release_invoices ? ["Hold", "Balanced"] : [], var.release_invoices && var.register_payments ? ["Open"] : []),
          try(made_invoice.status, made_credit.status, sent_invoice.status, sent_credit.status, ""),
        )
      )
      debtorOfRelation = coalesce(
        link("orders.customer", tostring(coalesce(record.relationNumber, 0))),
        link("customers_to_books.customer", tostring(coalesce(record.relationNumber, 0))), "",
      )
      items = sent_order == null && sent_invoice == null && sent_credit == null ? [] : [for l in coalesce(record.lineList, []) : {
        sku = l.sku, number = link("orders.item", coalesce(l.sku, "none"))
      }]
      existingBack = sent_back == null ? null : {
        id     = sent_back.id
        status = sent_back.status
        lines = [for l in coalesce(sent_back.orderLines, []) : {
          sku = l.inventoryId, quantity = l.quantity, unitPrice = l.unitPrice, discountAmount = l.discountAmount
        }]
      }
      existing = (
        sent_order != null ? {
          id       = sent_order.id
          status   = sent_order.status
          type     = split("/", sent_order.id)[0]
          debtor   = try(sent_order.customer.id, null)
          email    = try(sent_order.billing.contact.email, null)
          billing  = try(sent_order.billing.address, null)
          shipping = try(sent_order.shipping.address, null)
          due      = sent_order.requestOn
          lines = [for l in coalesce(sent_order.orderLines, []) : {
            sku = l.inventoryId, quantity = l.quantity, unitPrice = l.unitPrice, discountAmount = l.discountAmount
          }]
        } :
        sent_invoice != null ? {
          id     = sent_invoice.referenceNumber
          status = sent_invoice.status
          type   = "Invoice"
          debtor = sent_invoice.customerNumber
          lines = [for l in coalesce(sent_invoice.invoiceLines, []) : {
            sku = l.inventoryNumber, quantity = l.quantity, unitPrice = l.unitPriceInCurrency, discountAmount = l.discountAmountInCurrency
          }]
        } :
        sent_credit != null ? {
          id     = sent_credit.referenceNumber
          status = sent_credit.status
          type   = "CreditNote"
          debtor = sent_credit.customerNumber
          lines = [for l in coalesce(sent_credit.lines, []) : {
            sku = l.inventoryNumber, quantity = l.quantity, unitPrice = l.unitPriceInCurrency, discountAmount = l.discountAmountInCurrency
          }]
        } : null
      )
    })
  }

  filter "not_cancelled" {
    keep   = !record.isCancelled || record.existing != null
    reason = "cancelled in the till before it was sent"
  }

  filter "to_cancel" {
    keep   = !record.isCancelled || (record.existing.status != "Cancelled" && var.cancelled_orders != "ignore")
    reason = "cancelled in the till; ${record.existing.id} in Visma.net is ${record.existing.status}"
  }

  filter "new" {
    keep   = record.existing == null || record.isCancelled || record.isUnfinished || var.changed_orders != "ignore"
    reason = "already in Visma.net as ${try(record.existing.id, "")}"
  }

  # A filter of one's own goes here: keep = … may ask for anything that the record has.

  transform "credit" {
    set = merge(record, {
      isCredit = record.isCancelled && var.cancelled_orders == "credit" && (record.form == "invoice" || !contains(["Open", "Hold", "BackOrder"], record.existing.status))
    })
  }

  # Addresses in shape, prices without VAT, and the proof that the total stays what the customer paid.
  transform "order" {
    script = "order.ts"
    vars   = local.order_vars
  }

  filter "changed" {
    keep   = record.action != "none"
    reason = "already in Visma.net as ${try(record.existing.id, "")}"
  }

  # ---- cancelled in the till, still open in Visma.net

  sink "cancelled" {
    connection = vismanet.books
    entity     = "sales_order"
    when       = record.action == "cancel"
    match      = { id = record.existing.id }
    link       = "cancel:${record.orderId}"
    create     = false
    update     = ["status"]
    set        = { status = "Cancelled" }
  }

  sink "cancelled_back" {
    connection = vismanet.books
    entity     = "sales_order"
    when       = record.action == "cancel" && record.existingBack != null
    match      = { id = try(record.existingBack.id, null) }
    link       = "cancel:${record.orderId}-R"
    create     = false
    update     = ["status"]
    set        = { status = "Cancelled" }
  }

  # ---- what an order needs

  # The debtor, found by e-mail address: a company with its person as contact, or a person.
  sink "customer" {
    connection = vismanet.books
    when       = record.action != "cancel" && record.customer != null && !var.always_default_debtor
    match      = { email = record.customer.email }
    several    = var.several_customers
    pair       = "customer"
    link       = source.relationNumber
    update     = var.update_customers ? ["name", "mainAddress", "mainContact", "invoiceAddress", "deliveryAddress", "vatRegistrationId"] : "none"

    set = merge(
      {
        name            = record.customer.name
        customerClassId = record.customer.class
        mainAddress     = record.customer.address
        invoiceAddress  = record.customer.address
        deliveryAddress = record.delivery.address
        mainContact = {
          name      = record.customer.name
          attention = record.customer.attention
          email     = record.customer.email
          phone1    = record.customer.phone
          phone2    = record.customer.mobile
        }
      },
      record.customer.vatNumber == null ? {} : { vatRegistrationId = record.customer.vatNumber },
      record.customer.terms == null ? {} : { creditTermsId = record.customer.terms },
      record.customer.vatZone == null ? {} : { vatZoneId = record.customer.vatZone },
    )
  }

  sink "contact" {
    connection = vismanet.books
    when       = customer != null && try(record.customer.company && record.customer.person != null, false)
    match      = { businessAccount = customer.number, email = record.customer.email }
    link       = "contact:${sha256(lower(record.customer.email))}"

    set = {
      businessAccount = customer.number
      firstName       = record.customer.firstName
      lastName        = record.customer.lastName
      email           = record.customer.email
      phone1          = record.customer.phone
    }
  }

  # An order.ts of one's own may know nothing of what comes back.
  transform "all_lines" {
    set = merge(record, {
      allLines = coalesce(record.allLines, [for line in record.lines : merge(line, { isBack = false })])
    })
  }

  # Every product must be in Visma.net before the order is placed, unless another item stands in for it.
  sink "item" {
    connection = vismanet.books
    entity     = "inventory_item"
    when       = record.action != "cancel"
    for_each   = record.allLines
    match      = { inventoryNumber = each.value.sku }
    link       = each.value.sku
    create     = var.missing_item == "create"
    missing    = var.missing_item == "fallback" ? "null" : "park"

    set = merge(
      {
        inventoryNumber = each.value.sku
        description     = each.value.text
        type            = "NonStockItem"
        vatCode         = each.value.taxCategory
        defaultPrice    = each.value.unitPrice
      },
      var.item_class == "" ? {} : { itemClass = var.item_class },
    )
  }

  # The lines as sales orders and as invoices have them. Items have their own numbers: they may have been found by their
  # barcodes.
  transform "documents" {
    set = merge(record, {
      debtor = customer == null ? var.default_debtor : customer.number
      branch = lookup(var.branches, tostring(coalesce(record.branch, 0)), null)
      documentLines = [for i, line in record.allLines : {
        isBack = line.isBack

        order = merge(
          {
            inventoryId       = try(item[i].inventoryNumber, var.missing_item == "fallback" ? var.fallback_item : line.sku)
            description       = line.text
            quantity          = line.quantity
            unitPrice         = line.unitPrice
            hasManualPrice    = true
            discountAmount    = line.discountAmount
            hasManualDiscount = true
            taxCategoryId     = line.taxCategory
          },
          line.account == null ? {} : { salesAccountId = line.account },
          line.operation == null ? {} : { operation = line.operation },
          var.warehouse == "" ? {} : { warehouseId = var.warehouse },
        )

        invoice = merge(
          {
            inventoryNumber          = try(item[i].inventoryNumber, var.missing_item == "fallback" ? var.fallback_item : line.sku)
            description              = line.text
            quantity                 = line.quantity
            unitPriceInCurrency      = line.unitPrice
            discountAmountInCurrency = line.discountAmount
            manualDiscount           = true
            vatCodeId                = line.taxCategory
          },
          line.account == null ? {} : { accountNumber = line.account },
        )
      }]
    })
  }

  # ---- as a sales order

  sink "sales_order" {
    connection = vismanet.books
    when       = record.action != "cancel" && record.form != "invoice"
    link       = record.orderId
    match = {
      customerOrder = record.reference
      customerRefNo = record.orderId
    }
    update = var.changed_orders == "update" ? flatten([for f in var.update_orders : local.order_fields[f]]) : "none"

    set = merge(
      {
        type        = record.orderType
        date        = record.date
        currencyId  = var.currency
        description = record.description
        customer = {
          id    = record.debtor
          order = record.reference
          refNo = record.orderId
        }
        billing = { address = record.billing.address, contact = record.billing.contact }
        shipping = merge(
          { address = record.delivery.orderAddress, contact = record.delivery.contact },
          lookup(var.delivery_methods, coalesce(record.deliveryMethod, ""), "") == "" ? {} : { shipViaId = var.delivery_methods[record.deliveryMethod] },
        )
        orderLines = [for line in record.documentLines : line.order if !line.isBack]
      },
      record.deliveryDate == null ? {} : { requestOn = record.deliveryDate },
      record.vatZone == null ? {} : { taxZoneId = record.vatZone },
      record.branch == null ? {} : { branchId = record.branch },
      lookup(var.payment_methods, coalesce(record.paymentMethod, ""), "") == "" ? {} : {
        paymentSettings = { paymentMethodId = var.payment_methods[record.paymentMethod] }
      },
    )
  }

  # What comes back in an exchange that is invoiced, credited by an order of its own.
  sink "back_order" {
    connection = vismanet.books
    entity     = "sales_order"
    when       = record.action != "cancel" && record.back != null
    link       = "${record.orderId}-R"
    match = {
      customerOrder = "${record.reference}-R"
      customerRefNo = "${record.orderId}-R"
    }
    update = var.changed_orders == "update" ? flatten([for f in var.update_orders : local.order_fields[f]]) : "none"

    set = merge(
      {
        type        = var.return_order_type
        date        = record.date
        currencyId  = var.currency
        description = "${record.description}, what came back"
        customer = {
          id    = record.debtor
          order = "${record.reference}-R"
          refNo = "${record.orderId}-R"
        }
        billing    = { address = record.billing.address, contact = record.billing.contact }
        orderLines = [for line in record.documentLines : line.order if line.isBack]
      },
      record.vatZone == null ? {} : { taxZoneId = record.vatZone },
      record.branch == null ? {} : { branchId = record.branch },
    )
  }

  # Visma.net's own total is the one that counts. A document that was not right is neither shipped nor released.
  lookup "placed_order" {
    connection = vismanet.books
    entity     = "sales_order_total"
    match      = { id = var.check_totals ? try(sales_order.id, null) : null }
  }

  lookup "placed_back" {
    connection = vismanet.books
    entity     = "sales_order_total"
    match      = { id = var.check_totals ? try(back_order.id, null) : null }
  }

  transform "order_total" {
    set = merge(record, { placed = [
      { id = try(placed_order.id, null), total = try(placed_order.orderTotal, null), expected = record.expected },
      { id = try(placed_back.id, null), total = try(placed_back.orderTotal, null), expected = try(record.back.expected, null) },
    ] })
  }

  transform "check_order" {
    script = "total.ts"
  }

  # ---- shipped and invoiced in one go

  transform "numbered" {
    set = merge(record, {
      orderNumber = sales_order == null ? null : try(split("/", sales_order.id)[1], sales_order.id)
      isInvoiced  = sales_order != null && record.form == "invoiced_order"
    })
  }

  sink "shipment" {
    connection = vismanet.books
    when       = record.isInvoiced && !record.isReturn && var.ship_orders
    link       = record.orderId
    match      = { orderType = record.orderType, orderNumber = record.orderNumber }
    set = merge(
      { orderType = record.orderType, orderNumber = record.orderNumber },
      var.warehouse == "" ? {} : { warehouse = var.warehouse },
    )
  }

  sink "shipped" {
    connection = vismanet.books
    entity     = "shipment"
    when       = shipment != null
    link       = "shipped:${record.orderId}"
    match      = { orderType = record.orderType, orderNumber = record.orderNumber }
    create     = false
    update     = ["confirmed"]
    set        = { confirmed = true }
  }

  sink "order_invoice" {
    connection = vismanet.books
    when       = record.isInvoiced && !record.isReturn
    link       = record.orderId
    match      = { orderType = record.orderType, orderNumber = record.orderNumber }
    set        = { orderType = record.orderType, orderNumber = record.orderNumber }
  }

  sink "order_credit" {
    connection = vismanet.books
    entity     = "order_credit_note"
    when       = record.isInvoiced && record.isReturn
    link       = record.orderId
    match      = { orderType = record.orderType, orderNumber = record.orderNumber }
    set        = { orderType = record.orderType, orderNumber = record.orderNumber }
  }

  sink "back_credit" {
    connection = vismanet.books
    entity     = "order_credit_note"
    when       = record.isInvoiced && back_order != null
    link       = "${record.orderId}-R"
    match      = { orderType = var.return_order_type, orderNumber = try(split("/", back_order.id)[1], back_order.id, null) }
    set        = { orderType = var.return_order_type, orderNumber = try(split("/", back_order.id)[1], back_order.id, null) }
  }

  # ---- as an invoice or a credit note of the customer ledger

  sink "invoice" {
    connection = vismanet.books
    entity     = "customer_invoice"
    when       = record.form == "invoice" && !record.isReturn
    link       = record.orderId
    match      = { externalReference = record.orderId }

    set = merge(
      {
        customerNumber    = record.debtor
        documentDate      = record.date
        currencyId        = var.currency
        customerRefNumber = record.reference
        externalReference = record.orderId
        invoiceText       = record.description
        billingAddress = {
          addressLine1 = record.billing.address.line1
          postalCode   = record.billing.address.postalCode
          city         = record.billing.address.city
          countryId    = record.billing.address.countryId
        }
        invoiceLines = [for line in record.documentLines : line.invoice]
      },
      record.vatZone == null ? {} : { customerVatZoneId = record.vatZone },
      record.branch == null ? {} : { branchNumber = record.branch },
      lookup(var.payment_methods, coalesce(record.paymentMethod, ""), "") == "" ? {} : { paymentMethodId = var.payment_methods[record.paymentMethod] },
    )
  }

  sink "credit_note" {
    connection = vismanet.books
    when       = record.form == "invoice" && record.isReturn
    link       = record.orderId
    match      = { externalReference = record.orderId }

    set = merge(
      {
        customerNumber    = record.debtor
        documentDate      = record.date
        currencyId        = var.currency
        customerRefNumber = record.reference
        externalReference = record.orderId
        invoiceText       = record.description
        lines             = [for line in record.documentLines : line.invoice]
      },
      record.vatZone == null ? {} : { customerVatZoneId = record.vatZone },
      record.branch == null ? {} : { branchNumber = record.branch },
    )
  }

  lookup "placed_invoice" {
    connection = vismanet.books
    entity     = "customer_invoice"
    match      = { referenceNumber = var.check_totals ? try(invoice.referenceNumber, null) : null }
  }

  lookup "placed_credit" {
    connection = vismanet.books
    entity     = "credit_note"
    match      = { referenceNumber = var.check_totals ? try(credit_note.referenceNumber, null) : null }
  }

  transform "document_total" {
    set = merge(record, { placed = [{
      id       = try(placed_invoice.referenceNumber, placed_credit.referenceNumber, null)
      total    = try(placed_invoice.amountInCurrency, placed_credit.amountInCurrency, null)
      expected = record.expected
    }] })
  }

  transform "check_document" {
    script = "total.ts"
  }

  # ---- booked, and paid

  sink "released" {
    connection = vismanet.books
    entity     = "customer_invoice"
    when       = var.release_invoices && invoice != null
    link       = "released:${record.orderId}"
    match      = { externalReference = record.orderId }
    create     = false
    update     = ["released"]
    set        = { released = true }
  }

  sink "released_order" {
    connection = vismanet.books
    entity     = "order_invoice"
    when       = var.release_invoices && order_invoice != null
    link       = "released:${record.orderId}"
    match      = { orderType = record.orderType, orderNumber = record.orderNumber }
    create     = false
    update     = ["released"]
    set        = { released = true }
  }

  # A credit is taken off the invoice that it belongs to, which has something open: that of the same exchange, or of the
  # order that was cancelled.
  transform "settling" {
    set = merge(record, {
      credited = try(credit_note.referenceNumber, order_credit.referenceNumber, back_credit.referenceNumber, null)
      settles = (
        !var.settle_credits || !var.release_invoices ? null :
        back_credit != null ? try(released_order.referenceNumber, null) :
        record.action != "credit" || !record.isReturn ? null :
        record.form == "invoice" ? record.existing.id : try(made_invoice.referenceNumber, null)
      )
    })
  }

  lookup "settled" {
    connection = vismanet.books
    entity     = "customer_invoice"
    match      = { referenceNumber = record.credited == null ? null : record.settles }
  }

  lookup "settling_with" {
    connection = vismanet.books
    entity     = "credit_note"
    match      = { referenceNumber = try(settled.balanceInCurrency, 0) > 0 ? record.credited : null }
  }

  sink "applied" {
    connection = vismanet.books
    entity     = "credit_note"
    when       = contains(["Hold", "Balanced"], try(settling_with.status, ""))
    link       = "applied:${record.orderId}"
    match      = { referenceNumber = record.credited }
    create     = false
    update     = ["applicationLines"]
    set = {
      applicationLines = [{
        documentType = "Invoice"
        refNbr       = record.settles
        amountPaid   = min(settled.balanceInCurrency, settling_with.amountInCurrency)
      }]
    }
  }

  sink "released_credit" {
    connection = vismanet.books
    entity     = "credit_note"
    when       = var.release_invoices && credit_note != null
    link       = "released:${record.orderId}"
    match      = { externalReference = record.orderId }
    create     = false
    update     = ["released"]
    set        = { released = true }
  }

  sink "released_return" {
    connection = vismanet.books
    entity     = "order_credit_note"
    when       = var.release_invoices && order_credit != null
    link       = "released:${record.orderId}"
    match      = { orderType = record.orderType, orderNumber = record.orderNumber }
    create     = false
    update     = ["released"]
    set        = { released = true }
  }

  sink "released_back" {
    connection = vismanet.books
    entity     = "order_credit_note"
    when       = var.release_invoices && back_credit != null
    link       = "released:${record.orderId}-R"
    match      = { orderType = var.return_order_type, orderNumber = try(split("/", back_order.id)[1], back_order.id, null) }
    create     = false
    update     = ["released"]
    set        = { released = true }
  }

  # What was paid for an exchange is paid on its invoice, what was paid back is a refund of its credit note.
  transform "booked" {
    set = merge(record, {
      document = (
        released_back != null && record.total < 0 ? { type = "CreditNote", number = released_back.referenceNumber } :
        released != null ? { type = "Invoice", number = released.referenceNumber } :
        released_order != null ? { type = "Invoice", number = released_order.referenceNumber } :
        released_credit != null ? { type = "CreditNote", number = released_credit.referenceNumber } :
        released_return != null ? { type = "CreditNote", number = released_return.referenceNumber } : null
      )
    })
  }

  sink "payment" {
    connection = vismanet.books
    entity     = "customer_payment"
    when       = var.register_payments && record.document != null
    for_each   = [for p in record.payments : p if lookup(var.payment_methods, coalesce(p.method, ""), "") != "" && p.amount > 0]
    link       = each.value.id
    match      = { customer = record.debtor, paymentRef = each.value.id }

    set = {
      type            = record.document.type == "Invoice" ? "Payment" : "Refund"
      customer        = record.debtor
      paymentRef      = each.value.id
      applicationDate = coalesce(each.value.date, record.date)
      paymentMethod   = var.payment_methods[each.value.method]
      paymentAmount   = each.value.amount
      currency        = var.currency
      invoiceText     = each.value.text
      paymentLines    = [{ documentType = record.document.type, refNbr = record.document.number, amountPaid = each.value.amount }]
    }
  }

  sink "paid" {
    connection = vismanet.books
    entity     = "customer_payment"
    for_each   = [for p in coalesce(payment, []) : p if p != null]
    link       = "released:${each.value.paymentRef}"
    match      = { customer = record.debtor, paymentRef = each.value.paymentRef }
    create     = false
    update     = ["released"]
    set        = { released = true }
  }

  on_error {
    retry = { attempts = 6, backoff = "exponential", initial = "500ms", max = "1m" }
    then  = "dead_letter"
  }
}
