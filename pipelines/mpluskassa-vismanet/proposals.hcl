# A proposal of the till becomes a quote in Visma.net, a sales order of a quote type. What is made of it in the till, an
# order or an invoice, comes by its own flow; the quote is then done with.

variable "proposals_every" {
  type        = string
  default     = "1m"
  description = "How often the till is asked for new and changed proposals"
}

variable "proposals_start" {
  type        = string
  default     = ""
  description = "Proposals before this date (2026-01-31) are left alone; empty takes all"

  validation {
    condition     = var.proposals_start == "" || can(parsedate("YYYY-MM-DD", var.proposals_start))
    error_message = "Write it as 2026-01-31, or leave it empty."
  }
}

variable "quote_order_type" {
  type        = string
  default     = "QT"
  description = "Visma.net order type for proposals"
}

variable "ordered_proposals" {
  type        = string
  default     = "cancel"
  description = "The quote of a proposal that became an order or an invoice in the till: \"cancel\" it in Visma.net while it is open, or \"keep\" it"

  validation {
    condition     = contains(["cancel", "keep"], var.ordered_proposals)
    error_message = "ordered_proposals is \"cancel\" or \"keep\"."
  }
}

pipeline "proposals" {
  description = "MplusKASSA proposals become Visma.net quotes"
  enabled     = contains(var.flows, "proposals")
  every       = var.proposals_every

  source "proposal" {
    connection    = mpluskassa.shop
    start         = var.proposals_start
    with_relation = true
    with_products = true
  }

  # A proposal is an order that nobody has placed yet, and is made of one in the same way.
  transform "complete" {
    set = merge(record, {
      orderId     = record.proposalId
      reference   = "P${record.proposalNumber.year}-${record.proposalNumber.number}"
      form        = "sales_order"
      orderType   = var.quote_order_type
      isCancelled = record.state == "PROPOSAL-STATE-CANCELLED" || (record.state != "PROPOSAL-STATE-OUTSTANDING" && var.ordered_proposals == "cancel")
    })
  }

  lookup "sent" {
    connection = vismanet.books
    entity     = "sales_order"
    match      = { customerOrder = record.reference, customerRefNo = record.orderId }
  }

  transform "compare" {
    set = merge(record, {
      existing = sent == null ? null : {
        id     = sent.id
        status = sent.status
        lines = [for l in coalesce(sent.orderLines, []) : {
          sku = l.inventoryId, quantity = l.quantity, unitPrice = l.unitPrice, discountAmount = l.discountAmount
        }]
      }
    })
  }

  filter "offered" {
    keep   = record.existing != null || record.state == "PROPOSAL-STATE-OUTSTANDING"
    reason = "it is no offer any more: ${record.state}"
  }

  filter "open" {
    keep   = record.existing == null || contains(["Open", "Hold"], record.existing.status)
    reason = "already in Visma.net as ${try(record.existing.id, "")}, which is ${try(record.existing.status, "")}"
  }

  transform "quote" {
    script = "order.ts"
    vars   = local.order_vars
  }

  filter "changed" {
    keep   = record.action != "none"
    reason = "already in Visma.net as ${try(record.existing.id, "")}"
  }

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

  # The debtor, found by e-mail address, or made as an order would make it.
  sink "customer" {
    connection = vismanet.books
    when       = record.action != "cancel" && record.customer != null && !var.always_default_debtor
    match      = { email = record.customer.email }
    several    = var.several_customers
    pair       = "customer"
    link       = source.relationNumber
    update     = "none"

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

  sink "item" {
    connection = vismanet.books
    entity     = "inventory_item"
    when       = record.action != "cancel"
    for_each   = record.allLines
    match      = { inventoryNumber = each.value.sku }
    link       = each.value.sku
    create     = false
    missing    = var.missing_item == "fallback" ? "null" : "park"
    set        = {}
  }

  sink "sales_order" {
    connection = vismanet.books
    when       = record.action != "cancel"
    link       = record.orderId
    match      = { customerOrder = record.reference, customerRefNo = record.orderId }
    update     = var.changed_orders == "update" ? flatten([for f in var.update_orders : local.order_fields[f]]) : "none"

    set = merge(
      {
        type        = record.orderType
        date        = record.date
        currencyId  = var.currency
        description = "Till proposal ${record.reference}"
        customer = {
          id    = customer == null ? var.default_debtor : customer.number
          order = record.reference
          refNo = record.orderId
        }
        billing  = { address = record.billing.address, contact = record.billing.contact }
        shipping = { address = record.delivery.orderAddress, contact = record.delivery.contact }
        orderLines = [for i, line in record.allLines : merge(
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
        )]
      },
      record.vatZone == null ? {} : { taxZoneId = record.vatZone },
      lookup(var.branches, tostring(coalesce(record.branch, 0)), "") == "" ? {} : { branchId = var.branches[tostring(record.branch)] },
    )
  }

  on_error {
    retry = { attempts = 6, backoff = "exponential", initial = "500ms", max = "1m" }
    then  = "dead_letter"
  }
}
