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
