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

# ---- goods come back and others are taken: two mugs at 12.10 are taken, a plate at 10.90 comes back

locals {
  exchange = merge(local.order, {
    totalInclAmount = 13.30
    vatGroupList    = [{ vatPercentage = 21, exclAmount = 20, vatAmount = 4.20 }, { vatPercentage = 9, exclAmount = -10, vatAmount = -0.90 }]
    paymentList     = [{ paymentId = "pay-1", method = "PIN", amount = 13.30 }]
    lineList = [
      { articleNumber = 1001, text = "Mok", sku = "MOK-01", data = { quantity = 2, price = 12.10, totalInclAmount = 24.20, vatPercentage = 21 } },
      { articleNumber = 1002, text = "Bord", sku = "BORD-01", data = { quantity = -1, price = 10.90, totalInclAmount = -10.90, vatPercentage = 9 } },
    ]
  })
  taken_order = {
    id         = "SO/77", customerOrder = "2026-17", customerRefNo = "ord-1", status = "Completed", orderTotal = 24.20
    orderLines = [{ inventoryId = "MOK-01", quantity = 2, unitPrice = 10, discountAmount = 0 }]
  }
  back_order = {
    id         = "CR/12", customerOrder = "2026-17-R", customerRefNo = "ord-1-R", status = "Invoiced", orderTotal = 10.90
    orderLines = [{ inventoryId = "BORD-01", quantity = 1, unitPrice = 10, discountAmount = 0 }]
  }
}

test "an exchange that is invoiced: what is taken is an invoice, what comes back a credit note" {
  pipeline = "orders"
  vars     = { order_form = "invoiced_order", register_payments = true, payment_methods = { PIN = "2" }, revenue_accounts = { domestic = "8000" } }
  record   = local.exchange

  given "inventory_item" {
    records = [{ inventoryNumber = "MOK-01" }, { inventoryNumber = "BORD-01" }]
  }

  expect "sales_order" {
    create = {
      type       = "SO"
      customer   = { order = "2026-17", refNo = "ord-1" }
      orderLines = [{ inventoryId = "MOK-01", quantity = 2, unitPrice = 10, taxCategoryId = "03" }]
    }
  }

  expect "back_order" {
    create = {
      type       = "CR"
      date       = "2026-03-14"
      currencyId = "EUR"
      taxZoneId  = "01"
      customer   = { id = "customer-1", order = "2026-17-R", refNo = "ord-1-R" }
      orderLines = [{ inventoryId = "BORD-01", quantity = 1, unitPrice = 10, taxCategoryId = "02", salesAccountId = "8000" }]
    }
  }

  expect "shipment" {
    create = { orderType = "SO" }
  }

  expect "order_invoice" {
    create = { orderType = "SO" }
  }

  expect "order_credit" {
    create = []
  }

  expect "back_credit" {
    create = { orderType = "CR" }
  }

  expect "released_order" {
    update = { released = true }
  }

  expect "released_back" {
    update = { released = true }
  }

  expect "payment" {
    create = { type = "Payment", paymentAmount = 13.30, paymentLines = [{ documentType = "Invoice" }] }
  }
}

test "where more comes back than is taken, what was paid back is a refund" {
  pipeline = "orders"
  vars     = { order_form = "invoiced_order", register_payments = true, payment_methods = { PIN = "2" } }
  record = merge(local.exchange, {
    totalInclAmount = -8.50
    vatGroupList    = []
    paymentList     = [{ paymentId = "pay-1", method = "PIN", amount = -8.50 }]
    lineList = [
      { articleNumber = 1001, text = "Mok", sku = "MOK-01", data = { quantity = 2, price = 12.10, totalInclAmount = 24.20, vatPercentage = 21 } },
      { articleNumber = 1002, text = "Bord", sku = "BORD-01", data = { quantity = -3, price = 10.90, totalInclAmount = -32.70, vatPercentage = 9 } },
    ]
  })

  given "inventory_item" {
    records = [{ inventoryNumber = "MOK-01" }, { inventoryNumber = "BORD-01" }]
  }

  expect "order" {
    record = { total = -8.50, isReturn = false, expected = 24.20, back = { expected = 32.70 } }
  }

  expect "order_invoice" {
    create = { orderType = "SO" }
  }

  expect "payment" {
    create = { type = "Refund", paymentAmount = 8.50, paymentLines = [{ documentType = "CreditNote" }] }
  }
}

test "an exchange of which a run placed the one half is finished by the next one" {
  pipeline = "orders"
  vars     = { order_form = "invoiced_order" }
  record   = local.exchange

  given "inventory_item" {
    records = [{ inventoryNumber = "MOK-01" }, { inventoryNumber = "BORD-01" }]
  }

  given "sales_order" {
    record = merge(local.taken_order, { status = "Open" })
  }

  expect "sales_order" {
    create = []
  }

  expect "back_order" {
    create = { type = "CR", customer = { refNo = "ord-1-R" } }
  }

  expect "back_credit" {
    create = { orderType = "CR" }
  }

  expect "order_invoice" {
    create = { orderNumber = "77" }
  }
}

test "an exchange that was invoiced and is then cancelled is for somebody to undo" {
  pipeline = "orders"
  vars     = { order_form = "invoiced_order", cancelled_orders = "credit" }
  record   = merge(local.exchange, { cancelState = "ORDER-CANCEL-STATE-COMPLETE" })
  outcome  = "dead"
  reason   = "SO/77 in Visma.net is Completed, CR/12 in Visma.net is Invoiced; credit there what was invoiced"

  given "sales_order" {
    records = [local.taken_order, local.back_order]
  }
}

test "an exchange that is cancelled while both halves are open is cancelled in both" {
  pipeline = "orders"
  vars     = { order_form = "invoiced_order" }
  record   = merge(local.exchange, { cancelState = "ORDER-CANCEL-STATE-COMPLETE" })

  given "sales_order" {
    records = [merge(local.taken_order, { status = "Open" }), merge(local.back_order, { status = "Open" })]
  }

  expect "cancelled" {
    update = { status = "Cancelled" }
  }

  expect "cancelled_back" {
    update = { status = "Cancelled" }
  }
}

test "an exchange that changed after it was invoiced is told, with both halves" {
  pipeline = "orders"
  vars     = { order_form = "invoiced_order" }
  record = merge(local.exchange, {
    totalInclAmount = 24.20, vatGroupList = []
    lineList        = [local.exchange.lineList[0], merge(local.exchange.lineList[1], { data = merge(local.exchange.lineList[1].data, { cancelledQuantity = -1 }) })]
  })
  outcome = "dead"
  reason  = "SO/77 in Visma.net is Completed, CR/12 in Visma.net is Invoiced and stays as it is: 1 × BORD-01 is gone"

  given "sales_order" {
    records = [local.taken_order, local.back_order]
  }
}

test "the credit of an exchange that is one order has the goods go the other way" {
  pipeline = "orders"
  vars     = { cancelled_orders = "credit" }
  record   = merge(local.exchange, { cancelState = "ORDER-CANCEL-STATE-COMPLETE" })

  given "inventory_item" {
    records = [{ inventoryNumber = "MOK-01" }, { inventoryNumber = "BORD-01" }]
  }

  given "sales_order" {
    record = {
      id = "RM/5", customerOrder = "2026-17", customerRefNo = "ord-1", status = "Completed", orderTotal = -13.30
      orderLines = [
        { inventoryId = "MOK-01", quantity = 2, unitPrice = 10, discountAmount = 0, operation = "Issue" },
        { inventoryId = "BORD-01", quantity = 1, unitPrice = 10, discountAmount = 0, operation = "Receipt" },
      ]
    }
  }

  expect "sales_order" {
    create = {
      type     = "RM"
      customer = { refNo = "ord-1-C" }
      orderLines = [
        { inventoryId = "MOK-01", quantity = 2, operation = "Receipt" },
        { inventoryId = "BORD-01", quantity = 1, operation = "Issue" },
      ]
    }
  }

  expect "order" {
    record = { expected = 13.30 }
  }
}

# ---- what changed after it was sent

locals {
  sent_order = {
    id       = "SO/77", customerOrder = "2026-17", customerRefNo = "ord-1", status = "Open", orderTotal = 14.97
    customer = { id = "10011" }
    billing = {
      address = { line1 = "Kerkstraat 12a", postalCode = "1017 GC", city = "Amsterdam", countryId = "NL" }
      contact = { email = "jan@x.example" }
    }
    shipping   = { address = { line1 = "Kerkstraat 12a", postalCode = "1017 GC", city = "Amsterdam", countryId = "NL" } }
    orderLines = [{ inventoryId = "MOK-01", quantity = 3, unitPrice = 4.12333, discountAmount = 0 }]
  }
  other = { relationNumber = 502, name = "An Smit", email = "an@x.example" }
}

test "an order that was sent keeps its form, whatever its category says later" {
  pipeline = "orders"
  vars     = { order_form_by_category = { "2" = "invoice" } }
  records = [
    merge(local.order, { orderCategoryNumber = 1 }),
    merge(local.order, { orderCategoryNumber = 2 }),
  ]
  outcome = ["delivered", "filtered"]
  reason  = ["", "already in Visma.net as"]

  given "inventory_item" {
    record = local.item
  }

  expect "sales_order" {
    create = [{ type = "SO" }]
  }

  expect "invoice" {
    create = []
  }
}

test "an invoice stays one too" {
  pipeline = "orders"
  vars     = { order_form_by_category = { "2" = "invoice" } }
  records = [
    merge(local.order, { orderCategoryNumber = 2 }),
    merge(local.order, { orderCategoryNumber = 1 }),
  ]
  outcome = ["delivered", "filtered"]
  reason  = ["", "already in Visma.net as"]

  given "inventory_item" {
    record = local.item
  }

  expect "sales_order" {
    create = []
  }

  expect "invoice" {
    create = [{ externalReference = "ord-1" }]
  }
}

test "an order that becomes a return after it was sent is told" {
  pipeline = "orders"
  record = merge(local.order, {
    totalInclAmount = -14.97
    vatGroupList    = []
    lineList        = [{ articleNumber = 1001, text = "Mok", sku = "MOK-01", data = { quantity = -3, price = 4.99, totalInclAmount = -14.97, vatPercentage = 21 } }]
  })
  outcome = "dead"
  reason  = "so that it would be of type CR now, but SO/77 in Visma.net is Open and stays one of type SO"

  given "sales_order" {
    record = local.sent_order
  }
}

test "an invoice that becomes a return after it was sent is told, and not credited besides" {
  pipeline = "orders"
  vars     = { order_form = "invoice" }
  records = [
    local.order,
    merge(local.order, {
      totalInclAmount = -14.97
      vatGroupList    = []
      lineList        = [{ articleNumber = 1001, text = "Mok", sku = "MOK-01", data = { quantity = -3, price = 4.99, totalInclAmount = -14.97, vatPercentage = 21 } }]
    }),
  ]
  outcome = ["delivered", "dead"]
  reason  = ["", "so that it would be of type CreditNote now"]

  given "inventory_item" {
    record = local.item
  }

  expect "credit_note" {
    create = []
  }
}

test "another address goes to Visma.net while the order is open there" {
  pipeline = "orders"
  records = [
    merge(local.order, { deliveryDate = "2026-03-20", deliveryAddress = { address = "Dam 1", zipcode = "1012 JS", city = "Amsterdam", country = "NL" } }),
    merge(local.order, { orderId = "ord-2", orderNumber = { year = 2026, number = 18 }, deliveryAddress = { address = "Dam 1", city = "Amsterdam" } }),
  ]
  outcome = ["delivered", "filtered"]
  reason  = ["", "already in Visma.net as SO/78"]

  given "inventory_item" {
    record = local.item
  }

  given "customer" {
    record = { number = "10011", email = "jan@x.example", name = "Jan de Vries" }
  }

  given "sales_order" {
    records = [local.sent_order, merge(local.sent_order, { id = "SO/78", customerOrder = "2026-18", customerRefNo = "ord-2", status = "Completed" })]
  }

  expect "sales_order" {
    update = { shipping = { address = { line1 = "Dam 1", postalCode = "1012 JS" } }, requestOn = "2026-03-20" }
  }
}

test "another customer goes to Visma.net while the order is open there" {
  pipeline = "orders"
  records  = [local.order, merge(local.order, { relationNumber = 502, relation = local.other })]

  given "inventory_item" {
    record = local.item
  }

  given "customer" {
    records = [{ number = "10011", email = "jan@x.example", name = "Jan de Vries" }, { number = "10012", email = "an@x.example", name = "An Smit" }]
  }

  given "sales_order" {
    record = merge(local.sent_order, { orderLines = [{ inventoryId = "MOK-01", quantity = 2, unitPrice = 4.12333, discountAmount = 0 }] })
  }

  expect "sales_order" {
    update = [{ orderLines = [{ quantity = 3 }] }, { customer = { id = "10012" } }]
  }
}

test "or is told once it is invoiced" {
  pipeline = "orders"
  vars     = { order_form = "invoice" }
  records = [
    local.order,
    merge(local.order, { orderId = "ord-2", orderNumber = { year = 2026, number = 18 }, relationNumber = 502, relation = local.other }),
    merge(local.order, { relationNumber = 502, relation = local.other }),
  ]
  outcome = ["delivered", "delivered", "dead"]
  reason  = ["", "", "it is of another customer, 10011 → 10012"]

  given "inventory_item" {
    record = local.item
  }

  given "customer" {
    records = [{ number = "10011", email = "jan@x.example", name = "Jan de Vries" }, { number = "10012", email = "an@x.example", name = "An Smit" }]
  }
}

test "what update_orders leaves out stays as it is in Visma.net" {
  pipeline = "orders"
  vars     = { update_orders = ["lines"] }
  records = [
    local.order,
    merge(local.order, { relationNumber = 502, relation = local.other, deliveryAddress = { address = "Dam 1", city = "Amsterdam" } }),
  ]
  outcome = ["delivered", "filtered"]
  reason  = ["", "already in Visma.net as"]

  given "inventory_item" {
    record = local.item
  }

  expect "sales_order" {
    create = {}
    update = []
  }
}

test "the credit of an order that was cancelled is taken off its invoice" {
  pipeline = "orders"
  vars     = { order_form = "invoice", cancelled_orders = "credit" }
  record   = merge(local.order, { cancelState = "ORDER-CANCEL-STATE-COMPLETE" })

  given "inventory_item" {
    record = local.item
  }

  given "customer" {
    record = { number = "10011", email = "jan@x.example", name = "Jan de Vries" }
  }

  given "customer_invoice" {
    record = {
      referenceNumber = "100", externalReference = "ord-1", status = "Open", released = true, amountInCurrency = 14.97, balanceInCurrency = 9.97
      customerNumber  = "10011"
      invoiceLines    = [{ inventoryNumber = "MOK-01", quantity = 3, unitPriceInCurrency = 4.12333, discountAmountInCurrency = 0 }]
    }
  }

  given "credit_note" {
    record = { referenceNumber = "200", externalReference = "ord-1-C", status = "Balanced", released = false, amountInCurrency = 14.97 }
  }

  expect "credit_note" {
    create = []
  }

  expect "applied" {
    update = { applicationLines = [{ documentType = "Invoice", refNbr = "100", amountPaid = 9.97 }] }
  }

  expect "released_credit" {
    update = { released = true }
  }
}

test "unless settle_credits is off" {
  pipeline = "orders"
  vars     = { order_form = "invoice", cancelled_orders = "credit", settle_credits = false }
  record   = merge(local.order, { cancelState = "ORDER-CANCEL-STATE-COMPLETE" })

  given "inventory_item" {
    record = local.item
  }

  given "customer_invoice" {
    record = {
      referenceNumber = "100", externalReference = "ord-1", status = "Open", released = true, amountInCurrency = 14.97, balanceInCurrency = 14.97
      invoiceLines    = [{ inventoryNumber = "MOK-01", quantity = 3, unitPriceInCurrency = 4.12333, discountAmountInCurrency = 0 }]
    }
  }

  given "credit_note" {
    record = { referenceNumber = "200", externalReference = "ord-1-C", status = "Balanced", released = false, amountInCurrency = 14.97 }
  }

  expect "applied" {
    update = []
  }
}

test "another article at the same price is a change" {
  pipeline = "orders"
  record = merge(local.order, {
    lineList = [{ articleNumber = 1009, text = "Mok L", sku = "MOK-02", data = { quantity = 3, price = 4.99, totalInclAmount = 14.97, vatPercentage = 21 } }]
  })

  given "inventory_item" {
    records = [local.item, { inventoryNumber = "MOK-02", description = "Mok L" }]
  }

  given "customer" {
    record = { number = "10011", email = "jan@x.example", name = "Jan de Vries" }
  }

  given "sales_order" {
    record = local.sent_order
  }

  expect "sales_order" {
    update = { orderLines = [{ inventoryId = "MOK-02", quantity = 3 }] }
  }
}

test "and is told where it is too late" {
  pipeline = "orders"
  record = merge(local.order, {
    lineList = [{ articleNumber = 1009, text = "Mok L", sku = "MOK-02", data = { quantity = 3, price = 4.99, totalInclAmount = 14.97, vatPercentage = 21 } }]
  })
  outcome = "dead"
  reason  = "3 × MOK-02 instead of 3 × MOK-01"

  given "sales_order" {
    record = merge(local.sent_order, { status = "Completed" })
  }
}

test "a fallback item stands for the article that it was booked for" {
  pipeline = "orders"
  vars     = { missing_item = "fallback", fallback_item = "DIVERSEN" }
  record   = local.order
  outcome  = "filtered"
  reason   = "already in Visma.net as SO/77"

  given "sales_order" {
    record = merge(local.sent_order, { orderLines = [{ inventoryId = "DIVERSEN", quantity = 3, unitPrice = 4.12333, discountAmount = 0 }] })
  }
}
