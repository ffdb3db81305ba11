# What becomes of an order. Each test runs the pipeline itself, among systems that hold what the test says.

locals {
  # An order as the till gives it: three at 4.99 with 21 % VAT, for a person who is new.
  order = {
    orderId         = "ord-1"
    relationNumber  = 501
    orderNumber     = { year = 2026, number = 17 }
    entryTimestamp  = "2026-03-14T10:02:11"
    financialDate   = "2026-03-14"
    cancelState     = "ORDER-CANCEL-STATE-NOT-CANCELLED"
    vatMethod       = "VAT-METHOD-INCLUSIVE"
    totalInclAmount = 14.97
    deliveryMethod  = "POST"
    invoiceAddress  = { address = "Kerkstraat 12a", zipcode = "1017 GC", city = "Amsterdam", country = "Nederland" }
    relation        = { relationNumber = 501, name = "Jan de Vries", email = " JAN@X.example ", telephone = "020-5551234" }
    lineList = [{
      articleNumber = 1001
      text          = "Mok"
      sku           = "MOK-01"
      data          = { quantity = 3, price = 4.99, totalInclAmount = 14.97, vatPercentage = 21 }
    }]
    vatGroupList = [{ vatPercentage = 21, exclAmount = 12.37, vatAmount = 2.60 }]
  }

  item = { inventoryNumber = "MOK-01", description = "Mok" }
}

test "an order of a new person becomes a customer and a sales order" {
  pipeline = "orders"
  record   = local.order

  given "inventory_item" {
    record = local.item
  }

  # As customers_to_books has it, only the till's contact is one.
  expect "order" {
    record = { total = 14.97, isReturn = false, customer = { person = "Jan de Vries", attention = null } }
  }

  expect "customer" {
    create = {
      name            = "Jan de Vries"
      customerClassId = "PRIVAT"
      mainContact     = { email = "jan@x.example", phone1 = "020-5551234" }
      mainAddress     = { addressLine1 = "Kerkstraat 12a", postalCode = "1017 GC", city = "Amsterdam", countryId = "NL" }
    }
  }

  expect "contact" {
    create = []
  }

  expect "item" {
    create = []
  }

  expect "sales_order" {
    create = {
      type       = "SO"
      date       = "2026-03-14"
      currencyId = "EUR"
      taxZoneId  = "01"
      customer   = { id = "customer-1", order = "2026-17", refNo = "ord-1" }
      orderLines = [{ inventoryId = "MOK-01", quantity = 3, unitPrice = 4.123, hasManualPrice = true, taxCategoryId = "03" }]
    }
  }
}

test "a company is the debtor, the person on the order its contact" {
  pipeline = "orders"
  vars = {
    delivery_methods = { POST = "POSTNL" }
    payment_methods  = { PIN = "CARD" }
    warehouse        = "01"
    credit_terms     = "14"
  }
  record = merge(local.order, {
    paymentList    = [{ method = "PIN" }]
    invoiceAddress = { companyName = "Koffie BV", contact = "Piet van den Berg", address = "Dam 1", zipcode = "1012 JS", city = "Amsterdam", country = "NL" }
    relation       = merge(local.order.relation, { companyName = "Koffie BV", contact = "Piet van den Berg", vatNumber = "NL001234567B01" })
  })
  snapshot = true

  given "inventory_item" {
    record = local.item
  }

  expect "customer" {
    create = { name = "Koffie BV", customerClassId = "BEDRIJF", vatRegistrationId = "NL001234567B01", creditTermsId = "14" }
  }

  expect "contact" {
    create = { businessAccount = "customer-1", firstName = "Piet", lastName = "van den Berg" }
  }

  expect "sales_order" {
    create = {
      shipping        = { shipViaId = "POSTNL" }
      paymentSettings = { paymentMethodId = "CARD" }
      orderLines      = [{ warehouseId = "01" }]
    }
  }
}

test "cancelled orders, orders of other categories and orders that are there already are left out" {
  pipeline = "orders"
  vars     = { order_categories = ["7"] }
  records = [
    merge(local.order, { orderId = "ord-1", orderCategoryNumber = 7, cancelState = "ORDER-CANCEL-STATE-COMPLETE" }),
    merge(local.order, { orderId = "ord-2", orderCategoryNumber = 8 }),
    merge(local.order, { orderId = "ord-3", orderCategoryNumber = 7 }),
  ]
  outcome = "filtered"
  reason  = ["cancelled in the till", "order category 8 is not synchronised", "already in Visma.net as SO-77"]

  given "sales_order" {
    record = {
      id         = "SO-77", customerOrder = "2026-17", customerRefNo = "ord-3", status = "Completed"
      orderLines = [{ inventoryId = "MOK-01", quantity = 3, unitPrice = 4.123 }]
    }
  }
}

test "two orders of one new person make one customer" {
  pipeline = "orders"
  records = [
    local.order,
    merge(local.order, { orderId = "ord-2", orderNumber = { year = 2026, number = 18 }, relation = merge(local.order.relation, { email = "jan@X.example" }) }),
  ]

  given "inventory_item" {
    record = local.item
  }

  expect "customer" {
    create = {}
  }

  expect "sales_order" {
    create = [{ customer = { id = "customer-1" } }, { customer = { id = "customer-1" } }]
  }
}

test "a customer who is there already is left alone, or brought up to date where the setting allows" {
  pipeline = "orders"
  vars     = { update_customers = true }
  record   = local.order

  given "customer" {
    record = { number = "10001", email = "jan@x.example", name = "J. de Vries" }
  }

  given "inventory_item" {
    record = local.item
  }

  expect "customer" {
    create = []
    update = { name = "Jan de Vries" }
  }

  expect "sales_order" {
    create = { customer = { id = "10001" } }
  }
}

test "an order without an e-mail address needs the default debtor" {
  pipeline = "orders"
  vars     = { default_debtor = "" }
  record   = merge(local.order, { relation = { name = "Jan" } })
  outcome  = "dead"
  code     = "transform.rejected"
  reason   = "no default_debtor is set"
}

test "the default debtor takes the orders without an e-mail address" {
  pipeline = "orders"
  vars     = { default_debtor = "10999" }
  record   = merge(local.order, { relation = { name = "Jan" } })

  given "inventory_item" {
    record = local.item
  }

  expect "customer" {
    create = []
  }

  expect "sales_order" {
    create = { customer = { id = "10999" } }
  }
}

test "an order waits for a product that Visma.net does not have" {
  pipeline = "orders"
  record   = local.order
  outcome  = "parked"
  reason   = "MOK-01"

  expect "sales_order" {
    create = []
  }
}

test "a product that Visma.net does not have is made where the setting says so" {
  pipeline = "orders"
  vars     = { missing_item = "create", item_class = "SHOP" }
  record   = local.order

  expect "item" {
    create = {
      inventoryNumber = "MOK-01"
      description     = "Mok"
      type            = "NonStockItem"
      vatCode         = "03"
      defaultPrice    = 4.123
      itemClass       = "SHOP"
    }
    exact = true
  }
}

test "what Visma.net refuses is a dead letter with its words" {
  pipeline = "orders"
  record   = local.order
  outcome  = "dead"
  code     = "vismanet.period_closed"
  reason   = "The period is closed"

  given "inventory_item" {
    record = local.item
  }

  fails "sales_order" {
    code    = "vismanet.period_closed"
    message = "The period is closed"
  }
}

test "by setting, an order becomes an invoice that is released and paid" {
  vars = {
    order_form        = "invoice"
    register_payments = true
    payment_methods   = { PIN = "2" }
    revenue_accounts  = { domestic = "8000" }
    branches          = { "1" = "2" }
  }
  record = merge(local.order, {
    financialBranchNumber = 1
    paymentList           = [{ paymentId = "pay-1", method = "PIN", amount = 14.97 }, { paymentId = "pay-2", method = "VOUCHER", amount = 1 }]
  })

  given "inventory_item" {
    record = local.item
  }

  expect "sales_order" {
    create = []
  }

  expect "invoice" {
    create = {
      customerNumber    = "customer-1"
      documentDate      = "2026-03-14"
      customerRefNumber = "2026-17"
      externalReference = "ord-1"
      customerVatZoneId = "01"
      branchNumber      = "2"
      invoiceLines      = [{ inventoryNumber = "MOK-01", quantity = 3, unitPriceInCurrency = 4.123, vatCodeId = "03", accountNumber = "8000" }]
    }
  }

  expect "released" {
    update = { released = true }
  }

  expect "payment" {
    create = { type = "Payment", customer = "customer-1", paymentRef = "pay-1", paymentMethod = "2", paymentAmount = 14.97 }
  }

  expect "paid" {
    update = { released = true }
  }
}

test "a return becomes a credit note, and what was paid back a refund" {
  vars = {
    order_form        = "invoice"
    register_payments = true
    payment_methods   = { PIN = "2" }
  }
  record = merge(local.order, {
    totalInclAmount = -14.97
    vatGroupList    = []
    paymentList     = [{ paymentId = "pay-1", method = "PIN", amount = -14.97 }]
    lineList        = [{ articleNumber = 1001, text = "Mok", sku = "MOK-01", data = { quantity = -3, price = 4.99, totalInclAmount = -14.97, vatPercentage = 21 } }]
  })

  given "inventory_item" {
    record = local.item
  }

  expect "invoice" {
    create = []
  }

  expect "credit_note" {
    create = { externalReference = "ord-1", lines = [{ inventoryNumber = "MOK-01", quantity = 3, unitPriceInCurrency = 4.123 }] }
  }

  expect "released_credit" {
    update = { released = true }
  }

  expect "payment" {
    create = { type = "Refund", paymentAmount = 14.97 }
  }
}

test "by category, an order is shipped and invoiced in one go" {
  vars   = { order_form_by_category = { "4" = "invoiced_order" }, order_type_by_category = { "4" = "SO" }, warehouse = "1" }
  record = merge(local.order, { orderCategoryNumber = 4 })

  given "inventory_item" {
    record = local.item
  }

  expect "shipment" {
    create = { orderType = "SO", warehouse = "1" }
  }

  expect "shipped" {
    update = { confirmed = true }
  }

  expect "order_invoice" {
    create = { orderType = "SO" }
  }

  expect "released_order" {
    update = { released = true }
  }
}

test "a return of that kind is credited" {
  vars = { order_form = "invoiced_order" }
  record = merge(local.order, {
    totalInclAmount = -14.97
    vatGroupList    = []
    lineList        = [{ articleNumber = 1001, text = "Mok", sku = "MOK-01", data = { quantity = -3, price = 4.99, totalInclAmount = -14.97, vatPercentage = 21 } }]
  })

  given "inventory_item" {
    record = local.item
  }

  expect "shipment" {
    create = []
  }

  expect "order_credit" {
    create = { orderType = "CR" }
  }

  expect "released_return" {
    update = { released = true }
  }
}

test "an interrupted order is shipped, invoiced and released by the next run" {
  vars   = { order_form = "invoiced_order" }
  record = local.order

  given "inventory_item" {
    record = local.item
  }

  given "sales_order" {
    record = {
      id         = "SO/77", customerOrder = "2026-17", customerRefNo = "ord-1", status = "Open", orderTotal = 14.97
      orderLines = [{ inventoryId = "MOK-01", quantity = 3, unitPrice = 4.12333, discountAmount = 0 }]
    }
  }

  expect "sales_order" {
    create = []
  }

  expect "shipment" {
    create = { orderType = "SO", orderNumber = "77" }
  }

  expect "order_invoice" {
    create = { orderType = "SO", orderNumber = "77" }
  }

  expect "released_order" {
    update = { released = true }
  }
}

test "an invoice that an interrupted run left as a draft is released" {
  vars   = { order_form = "invoice" }
  record = local.order

  given "inventory_item" {
    record = local.item
  }

  given "customer_invoice" {
    record = {
      referenceNumber = "100", externalReference = "ord-1", status = "Balanced", released = false, amountInCurrency = 14.97
      invoiceLines    = [{ inventoryNumber = "MOK-01", quantity = 3, unitPriceInCurrency = 4.12333, discountAmountInCurrency = 0 }]
    }
  }

  expect "invoice" {
    create = []
  }

  expect "released" {
    update = { released = true }
  }
}

test "an order that is cancelled in the till is cancelled in Visma.net" {
  record = merge(local.order, { cancelState = "ORDER-CANCEL-STATE-COMPLETE" })

  given "sales_order" {
    record = { id = "SO/77", customerOrder = "2026-17", customerRefNo = "ord-1", status = "Open", orderLines = [] }
  }

  expect "customer" {
    create = []
  }

  expect "cancelled" {
    update = { status = "Cancelled" }
  }
}

test "a fallback item stands in for a product that Visma.net does not have" {
  vars   = { missing_item = "fallback", fallback_item = "DIVERSEN" }
  record = local.order

  expect "sales_order" {
    create = { orderLines = [{ inventoryId = "DIVERSEN", description = "Mok", quantity = 3 }] }
  }
}
