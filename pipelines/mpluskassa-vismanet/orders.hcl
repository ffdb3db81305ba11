# An order taken at the till becomes a sales order in Visma.net: once, exact to the cent.

pipeline "orders" {
  description = "MplusKASSA orders become Visma.net sales orders"
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
    keep   = var.order_filter == "" || tostring(coalesce(record.orderCategoryNumber, 0)) == var.order_filter
    reason = "order category ${coalesce(record.orderCategoryNumber, "none")} is not synchronised"
  }

  filter "not_cancelled" {
    keep   = record.cancelState != "ORDER-CANCEL-STATE-COMPLETE"
    reason = "cancelled in the till"
  }

  # What the till left out comes from the settings.
  transform "complete" {
    set = merge(record, {
      employeeNumber = coalesce(record.employeeNumber, tonumber(var.employee_number))
      reference      = coalesce(record.extOrderId, "${record.orderNumber.year}-${record.orderNumber.number}")
    })
  }

  # Already there? Then it is left alone.
  lookup "existing" {
    connection = vismanet.books
    entity     = "sales_order"
    match = {
      customerOrder = record.reference
      customerRefNo = record.orderId
    }
  }

  filter "new" {
    keep   = existing == null
    reason = "already in Visma.net as ${try(existing.id, "")}"
  }

  # Addresses taken apart, prices without VAT, and the proof that the total stays what the customer paid.
  transform "order" {
    script = "order.ts"
    vars = {
      country        = var.country
      vat_categories = var.vat_categories
      price_decimals = var.price_decimals
      rounding_item  = var.rounding_item
      default_debtor = var.default_debtor
    }
  }

  # The debtor, found by e-mail address: a company with its person as contact, or a person.
  sink "customer" {
    connection = vismanet.books
    when       = record.customer != null && !var.always_default_debtor
    match      = { email = record.customer.email }
    several    = var.several_customers
    pair       = "customer"
    link       = source.relationNumber
    update     = var.update_customers ? ["name", "mainAddress", "mainContact", "invoiceAddress", "deliveryAddress", "vatRegistrationId"] : "none"

    set = merge(
      {
        name            = record.customer.name
        customerClassId = record.customer.company ? var.customer_class_company : var.customer_class_person
        mainAddress     = record.customer.address
        invoiceAddress  = record.customer.address
        deliveryAddress = record.delivery.address
        mainContact = {
          name      = record.customer.name
          attention = record.customer.person
          email     = record.customer.email
          phone1    = record.customer.phone
        }
      },
      record.customer.vatNumber == null ? {} : { vatRegistrationId = record.customer.vatNumber },
      var.credit_terms == "" ? {} : { creditTermsId = var.credit_terms },
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

  # Every product must be in Visma.net before the order is placed.
  sink "item" {
    connection = vismanet.books
    entity     = "inventory_item"
    for_each   = record.lines
    match      = { inventoryNumber = each.value.sku }
    link       = each.value.sku
    create     = var.missing_item == "create"
    missing    = "park"

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

  sink "sales_order" {
    connection = vismanet.books
    link       = record.orderId
    match = {
      customerOrder = record.reference
      customerRefNo = record.orderId
    }

    set = merge(
      {
        type        = record.isReturn ? var.return_order_type : var.order_type
        date        = record.date
        currencyId  = var.currency
        description = record.description
        customer = {
          id    = customer == null ? var.default_debtor : customer.number
          order = record.reference
          refNo = record.orderId
        }
        billing = { address = record.billing.address, contact = record.billing.contact }
        shipping = merge(
          { address = record.delivery.orderAddress, contact = record.delivery.contact },
          lookup(var.delivery_methods, coalesce(record.deliveryMethod, ""), "") == "" ? {} : { shipViaId = var.delivery_methods[record.deliveryMethod] },
        )
        orderLines = [for i, line in concat(record.lines, record.rounding) : merge(
          {
            # The item's own number: it may have been found by its barcode.
            inventoryId       = try(item[i].inventoryNumber, line.sku)
            description       = line.text
            quantity          = line.quantity
            unitPrice         = line.unitPrice
            hasManualPrice    = true
            discountAmount    = line.discountAmount
            hasManualDiscount = true
            taxCategoryId     = line.taxCategory
          },
          var.warehouse == "" ? {} : { warehouseId = var.warehouse },
        )]
      },
      var.vat_zone == "" || !record.vatCharged ? {} : { taxZoneId = var.vat_zone },
      lookup(var.payment_methods, coalesce(record.paymentMethod, ""), "") == "" ? {} : {
        paymentSettings = { paymentMethodId = var.payment_methods[record.paymentMethod] }
      },
    )
  }

  on_error {
    retry = { attempts = 6, backoff = "exponential", initial = "500ms", max = "1m" }
    then  = "dead_letter"
  }
}
