# Settings that the other tests leave as they are.

locals {
  debtor = {
    number          = "10011"
    name            = "Jan de Vries"
    customerClassId = "PRIVAT"
    status          = "Active"
    email           = "jan@x.example"
    mainContact     = { email = "jan@x.example", phone1 = "020-5551234" }
    mainAddress     = { addressLine1 = "Kerkstraat 12 a", postalCode = "1017 GC", city = "Amsterdam", countryId = "NL" }
  }

  relation = { relationNumber = 501, name = "Jan de Vries", email = "jan@x.example", active = true }

  # A sales order that was entered in the books: three at 4.99 with VAT.
  sale = {
    id         = "WO/000077"
    type       = "WO"
    status     = "Open"
    date       = "2026-03-14"
    currencyId = "EUR"
    requestOn  = "2026-03-17"
    orderTotal = 14.97
    customer   = { id = "10011" }
    shipping   = { shipViaId = "POSTNL" }
    orderLines = [{
      inventoryId = "MOK-01", quantity = 3, unitPrice = 4.124, taxCategoryId = "03", quantityOnShipments = 2
    }]
  }
}

test "with ship_orders off, an order is invoiced without a shipment" {
  pipeline = "orders"
  vars     = { order_form = "invoiced_order", ship_orders = false }
  record = {
    orderId         = "ord-1"
    relationNumber  = 501
    orderNumber     = { year = 2026, number = 17 }
    entryTimestamp  = "2026-03-14T10:02:11"
    financialDate   = "2026-03-14"
    cancelState     = "ORDER-CANCEL-STATE-NOTHING"
    vatMethod       = "VAT-METHOD-INCLUSIVE"
    totalInclAmount = 14.97
    invoiceAddress  = { address = "Kerkstraat 12a", zipcode = "1017 GC", city = "Amsterdam", country = "Nederland" }
    relation        = { relationNumber = 501, name = "Jan de Vries", email = "jan@x.example" }
    lineList        = [{ articleNumber = 1001, text = "Mok", sku = "MOK-01", data = { quantity = 3, price = 4.99, totalInclAmount = 14.97, vatPercentage = 21 } }]
    vatGroupList    = [{ vatPercentage = 21, exclAmount = 12.37, vatAmount = 2.60 }]
  }

  given "inventory_item" {
    record = { inventoryNumber = "MOK-01", description = "Mok" }
  }

  expect "shipment" {
    create = []
  }

  expect "order_invoice" {
    create = { orderType = "SO" }
  }
}

test "countries have the names that the till uses" {
  pipeline = "customers"
  vars     = { flows = ["customers"], country_names = { NL = "Holland" } }
  record   = local.debtor

  expect "relation" {
    create = { name = "Jan de Vries", country = "Holland", email = "jan@x.example" }
  }
}

test "an address without a country is in that of the shop" {
  pipeline = "customers_to_books"
  vars     = { flows = ["customers_to_books"], country = "BE" }
  record   = merge(local.relation, { address = "Meir 1", zipcode = "2000", city = "Antwerpen" })

  expect "customer" {
    create = { mainAddress = { addressLine1 = "Meir 1", postalCode = "2000", countryId = "BE" } }
  }
}

test "customers of other classes stay where they are" {
  pipeline = "customers"
  vars     = { flows = ["customers"], customers_from_classes = ["BEDRIJF"] }
  record   = local.debtor

  outcome = "filtered"
  reason  = "customer class PRIVAT is not synchronised"
}

test "items of other classes stay where they are" {
  pipeline = "products"
  vars     = { flows = ["products"], product_classes = ["HANDEL"] }
  record   = { inventoryNumber = "1001", description = "Mok", itemClass = "DIENST", status = "Active" }

  outcome = "filtered"
  reason  = "items of class DIENST are not synchronised"
}

test "the till's VAT codes, turnover groups and text fields are told by settings" {
  pipeline = "products"
  vars = {
    flows            = ["products"]
    vat_categories   = { "21" = "HOOG" }
    vat_codes        = { HOOG = "7" }
    turnover_groups  = { HANDEL = "4" }
    attribute_fields = { MERK = "brandName" }
  }
  record = {
    inventoryNumber = "1001"
    description     = "Mok"
    itemClass       = "HANDEL"
    status          = "Active"
    vatCode         = "HOOG"
    defaultPrice    = 10
    attributes      = { MERK = "B", COLOR = "ROOD" }
    attributeTexts  = { MERK = "Blond", COLOR = "Rood" }
  }

  expect "article" {
    create = { articleNumber = 1001, vatCode = 7, turnoverGroup = 4, brandName = "Blond", colour = null, priceIncl = 12.10 }
  }
}

test "custom fields of the till become attributes, with the ids of their values" {
  pipeline = "products_from_till"
  vars = {
    flows                        = ["products_from_till"]
    item_custom_field_attributes = { Seizoen = "SEASON" }
    attribute_values             = { Zomer = "S" }
  }
  records = [
    { articleNumber = 1001, sku = "1001", description = "Mok", vatPercentage = 21, priceIncl = 4.99, customFields = { Seizoen = "Zomer" } },
    { articleNumber = 1002, sku = "1002", description = "Beker", vatPercentage = 21, priceIncl = 4.99, customFields = { Seizoen = "Winter" } },
  ]

  expect "item" {
    create = [{ attributes = { SEASON = "S" } }, { attributes = { SEASON = "Winter" } }]
  }
}

test "an article waits until its group is a value of the attribute" {
  pipeline = "products_from_till"
  vars     = { flows = ["products_from_till", "categories_from_till"], category_attribute = "GROEP" }
  records = [
    { articleNumber = 1001, sku = "1001", description = "Mok", vatPercentage = 21, priceIncl = 4.99, groupNumbers = [30] },
    { articleNumber = 1002, sku = "1002", description = "Beker", vatPercentage = 21, priceIncl = 4.99, groupNumbers = [31] },
    { articleNumber = 1003, sku = "1003", description = "Los", vatPercentage = 21, priceIncl = 4.99, groupNumbers = [] },
  ]
  outcome = ["delivered", "parked", "delivered"]

  given "attribute" {
    record = { attributeID = "GROEP", valueID = "30" }
  }

  expect "item" {
    create = [{ inventoryNumber = "1001", attributes = { GROEP = "30" } }, { inventoryNumber = "1003" }]
  }
}

test "only what update_groups names is changed of an article group" {
  pipeline = "categories"
  vars     = { flows = ["categories"], update_groups = ["sortOrder"] }
  record   = { categoryID = 5, ancestry = [{ categoryID = 5, description = "Mokken", sortOrder = 2, path = "Mokken" }] }

  given "article_group" {
    record = { groupNumber = 30, path = "Mokken", name = "MOKKEN", parent = "", sortOrder = 1 }
  }

  expect "group" {
    update = { sortOrder = 2 }
    exact  = true
  }
}

test "the attribute of the till's article groups is called as the setting says" {
  pipeline = "categories_from_till"
  vars     = { flows = ["categories_from_till"], category_attribute = "GROEP", category_attribute_name = "Soort" }
  record   = { groupNumber = 30, name = "Mokken", path = "Servies > Mokken" }

  expect "attribute" {
    create = { attributeID = "GROEP", description = "Soort", values = { "30" = "Servies > Mokken" } }
  }
}

test "of several customers with one e-mail address the oldest is taken where the setting says so" {
  pipeline = "orders"
  vars     = { several_customers = "first" }
  record   = local.order

  given "inventory_item" {
    record = local.item
  }

  given "customer" {
    records = [
      { number = "10011", name = "J. de Vries", email = "jan@x.example" },
      { number = "10012", name = "Jan de Vries", email = "jan@x.example" },
    ]
  }

  expect "sales_order" {
    create = { customer = { id = "10011" } }
  }
}

test "several customers with one e-mail address are told" {
  pipeline = "orders"
  record   = local.order
  outcome  = "dead"
  reason   = "10011"

  given "inventory_item" {
    record = local.item
  }

  given "customer" {
    records = [
      { number = "10011", name = "J. de Vries", email = "jan@x.example" },
      { number = "10012", name = "Jan de Vries", email = "jan@x.example" },
    ]
  }
}

test "relations of other categories stay in the till" {
  pipeline = "customers_to_books"
  vars     = { flows = ["customers_to_books"], relation_categories = [3] }
  records = [
    { relationNumber = 501, name = "Jan de Vries", email = "jan@x.example", categoryIds = [1, 3] },
    { relationNumber = 502, name = "Piet Bakker", email = "piet@x.example", categoryIds = [1] },
    { relationNumber = 503, name = "An Smit", email = "an@x.example" },
  ]
  outcome = ["delivered", "filtered", "filtered"]
  reason  = ["", "in none of the categories", "in none of the categories"]
}

test "an order from the books is entered at the till's branch and workplace, with its delivery method" {
  pipeline = "orders_to_till"
  vars = {
    flows                 = ["orders_to_till"]
    orders_to_till_types  = ["WO"]
    till_branch           = 4
    till_workplace        = 2
    till_delivery_methods = { POSTNL = "POST" }
    vat_codes             = { "03" = "7" }
  }
  records = [local.sale, merge(local.sale, { id = "SO/000078", type = "SO" })]
  outcome = ["delivered", "filtered"]
  reason  = ["", "SO orders that are Open do not go to the till"]

  given "customer" {
    record = local.debtor
  }

  given "article" {
    record = { articleNumber = 1001, sku = "MOK-01" }
  }

  expect "till_order" {
    create = {
      extOrderId            = "WO/000077"
      entryBranchNumber     = 4
      financialBranchNumber = 4
      workplaceNumber       = 2
      deliveryMethod        = "POST"
      deliveryDate          = "2026-03-17"
      lineList              = [{ articleNumber = 1001, data = { quantity = 3, price = 4.99, vatCode = 7 } }]
    }
  }
}

test "what the till does is told by the order's status in the books" {
  pipeline = "order_status"
  vars     = { flows = ["order_status"], order_statuses = { Hold = "cancel", Shipping = "deliver" } }
  records = [
    merge(local.sale, { id = "SO/000001", customerRefNo = "ord-1", status = "Hold" }),
    merge(local.sale, { id = "SO/000002", customerRefNo = "ord-2", status = "Shipping" }),
    merge(local.sale, { id = "SO/000003", customerRefNo = "ord-3", status = "Completed" }),
  ]
  outcome = ["delivered", "delivered", "filtered"]
  reason  = ["", "", "order that is Completed"]

  given "order" {
    records = [for id in ["ord-1", "ord-2", "ord-3"] : {
      orderId = id, lineList = [{ lineId = "line-1", sku = "MOK-01", data = { quantity = 3, deliveredQuantity = 0 } }]
    }]
  }

  expect "state" {
    update = [{ cancelState = "ORDER-CANCEL-STATE-COMPLETE" }, { delivered = { line-1 = 2 } }]
    exact  = true
  }
}

test "goods that came back are not delivered" {
  pipeline = "order_status"
  vars     = { flows = ["order_status"] }
  records = [
    merge(local.sale, { id = "CR/000001", type = "CR", customerRefNo = "ord-1", status = "Completed" }),
    merge(local.sale, { id = "RM/000001", type = "RM", customerRefNo = "ord-1", status = "BackOrder" }),
    merge(local.sale, { id = "CR/000002", type = "CR", customerRefNo = "ord-1", status = "Cancelled" }),
  ]
  outcome = ["filtered", "filtered", "delivered"]
  reason  = ["CR order, of goods that come back", "RM order, of goods that come back", ""]

  given "order" {
    record = { orderId = "ord-1", lineList = [{ lineId = "line-1", sku = "MOK-01", data = { quantity = -3, deliveredQuantity = 0 } }] }
  }

  expect "state" {
    update = { cancelState = "ORDER-CANCEL-STATE-COMPLETE" }
    exact  = true
  }
}

# What became of a customer goes along where a list of fields says so.

test "a debtor that became inactive is so in the till" {
  pipeline = "customers"
  vars     = { flows = ["customers"] }
  record   = merge(local.debtor, { status = "Inactive" })

  given "relation" {
    record = local.relation
  }

  expect "relation" {
    update = { active = false }
  }
}

test "without active in update_relations the relation stays active" {
  pipeline = "customers"
  vars     = { flows = ["customers"], update_relations = ["name"] }
  record   = merge(local.debtor, { status = "Inactive", name = "J. de Vries" })

  given "relation" {
    record = local.relation
  }

  expect "relation" {
    update = { name = "J. de Vries", companyName = "" }
    exact  = true
  }
}

test "a relation that became inactive is so in the books, where the setting says so" {
  pipeline = "customers_to_books"
  vars     = { flows = ["customers_to_books"], update_customers_from_till = ["active"] }
  record   = merge(local.relation, { active = false, name = "J. de Vries" })

  given "customer" {
    record = local.debtor
  }

  expect "customer" {
    update = { status = "Inactive" }
    exact  = true
  }
}

test "without active in update_customers_from_till the customer stays active" {
  pipeline = "customers_to_books"
  vars     = { flows = ["customers_to_books"] }
  record   = merge(local.relation, { active = false, name = "J. de Vries" })

  given "customer" {
    record = local.debtor
  }

  expect "customer" {
    update = { name = "J. de Vries", status = null }
  }
}

test "inactive customers are not made" {
  pipeline = "customers"
  vars     = { flows = ["customers"] }
  record   = merge(local.debtor, { status = "Inactive" })
  outcome  = "filtered"
  reason   = "no relation with"
}

test "inactive relations are not made" {
  pipeline = "customers_to_books"
  vars     = { flows = ["customers_to_books"] }
  record   = merge(local.relation, { active = false })
  outcome  = "filtered"
  reason   = "no customer with"
}
