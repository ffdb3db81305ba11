# A sales order entered in Visma.net becomes an order in the till: once, with its customer, at the price it has there.

variable "orders_to_till_every" {
  type        = string
  default     = "1m"
  description = "How often Visma.net is asked for new and changed sales orders"
}

variable "orders_to_till_start" {
  type        = string
  default     = ""
  description = "The first read takes orders that changed on or after this day (2026-01-31); empty takes all"

  validation {
    condition     = var.orders_to_till_start == "" || can(parsedate("YYYY-MM-DD", var.orders_to_till_start))
    error_message = "Write it as 2026-01-31, or leave it empty."
  }
}

variable "orders_to_till_types" {
  type        = list(string)
  default     = ["SO"]
  description = "Visma.net order types that go to the till"
}

variable "till_branch" {
  type        = number
  default     = 1
  description = "Branch of the till where orders from Visma.net are entered"
}

variable "till_workplace" {
  type        = number
  default     = 1
  description = "Workplace of the till where orders from Visma.net are entered"
}

variable "till_relation" {
  type        = string
  default     = ""
  description = "Relation number of the till for orders whose customer has no e-mail address; empty refuses them"
}

variable "till_delivery_methods" {
  type        = map(string)
  default     = {}
  description = "Ship via in Visma.net → delivery method of the till, such as { POSTNL = \"POST\" }"
}

pipeline "orders_to_till" {
  description = "Visma.net sales orders become MplusKASSA orders"
  enabled     = contains(var.flows, "orders_to_till")
  every       = var.orders_to_till_every

  source "sales_order" {
    connection = vismanet.books
    start      = var.orders_to_till_start == "" ? null : var.orders_to_till_start
  }

  filter "wanted" {
    keep   = contains(var.orders_to_till_types, record.type) && contains(["Open", "BackOrder", "Shipping"], record.status)
    reason = "${record.type} orders that are ${record.status} do not go to the till"
  }

  # An order that came from the till bears the till's id.
  lookup "own" {
    connection = mpluskassa.shop
    entity     = "order"
    match      = { orderId = record.customerRefNo }
  }

  filter "not_from_the_till" {
    keep   = own == null
    reason = "it came from the till"
  }

  lookup "existing" {
    connection = mpluskassa.shop
    entity     = "order"
    match      = { extOrderId = record.id }
  }

  filter "new" {
    keep   = existing == null
    reason = "already in the till as ${try(existing.orderId, "")}"
  }

  lookup "debtor" {
    connection = vismanet.books
    entity     = "customer"
    match      = { number = record.customer.id }
    missing    = "dead_letter"
  }

  # Prices with VAT, and the proof that the total is the one that Visma.net has.
  transform "with_debtor" {
    set = merge(record, { debtor = debtor })
  }

  transform "order" {
    script = "order_to_till.ts"
    vars = {
      vat_rates     = { for rate, category in var.vat_categories : category => rate }
      vat_codes     = var.vat_codes
      till_relation = var.till_relation
      currency      = var.currency
    }
  }

  sink "relation" {
    connection = mpluskassa.shop
    when       = record.customer != null
    match      = { email = record.customer.email }
    several    = "first"
    link       = "email:${sha256(lower(record.customer.email))}"

    set = {
      name        = record.customer.name
      companyName = record.customer.company
      contact     = record.customer.contact
      email       = record.customer.email
      telephone   = record.customer.phone
      address     = record.customer.address
      zipcode     = record.customer.zipcode
      city        = record.customer.city
      country     = record.customer.country
    }
  }

  # Every item must be an article of the till before the order is placed.
  sink "article" {
    connection = mpluskassa.shop
    for_each   = record.lines
    match      = { sku = each.value.sku }
    link       = each.value.sku
    create     = false
    missing    = "park"
    set        = {}
  }

  sink "till_order" {
    connection = mpluskassa.shop
    entity     = "order"
    link       = record.id
    match      = { extOrderId = record.id }

    set = merge(
      {
        extOrderId            = record.id
        entryBranchNumber     = var.till_branch
        financialBranchNumber = var.till_branch
        workplaceNumber       = var.till_workplace
        employeeNumber        = tonumber(var.employee_number)
        relationNumber        = relation == null ? tonumber(var.till_relation) : relation.relationNumber
        reference             = record.reference
        financialDate         = record.date
        vatMethod             = "VAT-METHOD-INCLUSIVE"
        invoiceAddress        = record.invoiceAddress
        deliveryAddress       = record.deliveryAddress
        lineList = [for i, line in record.lines : {
          articleNumber = article[i].articleNumber
          text          = line.text
          data = merge(
            { quantity = line.quantity, price = line.price, discountAmount = line.discount },
            line.vatCode == null ? {} : { vatCode = tonumber(line.vatCode) },
          )
        }]
      },
      record.deliveryDate == null ? {} : { deliveryDate = record.deliveryDate },
      lookup(var.till_delivery_methods, coalesce(record.shipVia, ""), "") == "" ? {} : { deliveryMethod = var.till_delivery_methods[record.shipVia] },
    )
  }

  on_error {
    retry = { attempts = 6, backoff = "exponential", initial = "500ms", max = "1m" }
    then  = "dead_letter"
  }
}
