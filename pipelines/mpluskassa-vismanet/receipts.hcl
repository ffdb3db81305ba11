# For merchants who want no order for each receipt: the receipts of a day and branch become one invoice, when the day is
# over, with a line for each VAT rate and one for each payment method. What is sold and what was paid come to nothing; what
# was not paid stays open.

variable "receipts_every" {
  type        = string
  default     = "15m"
  description = "How often the till is asked for days that are over"
}

variable "receipts_start" {
  type        = string
  default     = ""
  description = "Days before this one (2026-01-31) are left alone; empty takes all"

  validation {
    condition     = var.receipts_start == "" || can(parsedate("YYYY-MM-DD", var.receipts_start))
    error_message = "Write it as 2026-01-31, or leave it empty."
  }
}

variable "receipts_hours_after" {
  type        = number
  default     = 4
  description = "A day is over so many hours after midnight"
}

variable "receipts_debtor" {
  type        = string
  default     = ""
  description = "Customer number that the days are booked on; empty takes default_debtor"
}

variable "receipts_of_orders" {
  type        = bool
  default     = false
  description = "Whether receipts of orders count: not where the orders are booked themselves"
}

variable "receipt_revenue_accounts" {
  type        = map(string)
  default     = {}
  description = "VAT rate in percent → account of what was sold at it, such as { \"21\" = \"8000\", \"9\" = \"8010\", \"0\" = \"8020\" }"
}

variable "receipt_payment_accounts" {
  type        = map(string)
  default     = {}
  description = "Payment method of the till → account that the money goes through, such as { CASH = \"1000\", PIN = \"1230\" }"
}

variable "receipt_payment_vat_category" {
  type        = string
  default     = ""
  description = "Tax category of the lines of payments, which should be outside VAT; empty takes that of 0 %"
}

variable "changed_days" {
  type        = string
  default     = "book"
  description = "Days that changed after they were booked, as by a late receipt: \"book\" the difference, or \"alert\" (a dead letter that names it)"

  validation {
    condition     = contains(["book", "alert"], var.changed_days)
    error_message = "changed_days is \"book\" or \"alert\"."
  }
}

pipeline "receipts" {
  description = "A day's receipts of MplusKASSA become an invoice in Visma.net"
  enabled     = contains(var.flows, "receipts")
  every       = var.receipts_every

  source "day" {
    connection  = mpluskassa.shop
    entity      = "receipt_day"
    start       = var.receipts_start
    hours_after = var.receipts_hours_after
  }

  # What is booked of the day: the invoice and its corrections.
  lookup "booked" {
    connection = vismanet.books
    entity     = "customer_invoice"
    match      = { customerRefNumber = "Z${record.branchNumber}-${record.date}" }
    several    = "all"
  }

  transform "known" {
    set = merge(record, { reference = "Z${record.branchNumber}-${record.date}", booked = booked })
  }

  # The day's totals, less what is booked of them.
  transform "totals" {
    script = "receipts.ts"
    vars = {
      vat_categories       = var.vat_categories
      special_lines        = var.special_lines
      rounding_item        = var.rounding_item
      of_orders            = var.receipts_of_orders
      revenue_accounts     = var.receipt_revenue_accounts
      payment_accounts     = var.receipt_payment_accounts
      payment_vat_category = var.receipt_payment_vat_category
      changed_days         = var.changed_days
      debtor               = var.receipts_debtor == "" ? var.default_debtor : var.receipts_debtor
    }
  }

  filter "changed" {
    keep   = length(record.lines) > 0 || (record.isDraft && var.release_invoices)
    reason = record.part == 0 ? "no receipts that count" : "already in Visma.net as ${record.number}"
  }

  sink "invoice" {
    connection = vismanet.books
    entity     = "customer_invoice"
    when       = length(record.lines) > 0
    link       = "day:${record.externalReference}"
    match      = { externalReference = record.externalReference }

    set = merge(
      {
        customerNumber    = record.debtor
        documentDate      = record.date
        currencyId        = var.currency
        customerRefNumber = record.reference
        externalReference = record.externalReference
        invoiceText       = record.description
        invoiceLines = [for line in record.lines : merge(
          {
            description         = line.text
            quantity            = 1
            unitPriceInCurrency = line.amount
            vatCodeId           = line.taxCategory
          },
          line.item == null ? {} : { inventoryNumber = line.item },
          line.account == null ? {} : { accountNumber = line.account },
        )]
      },
      var.vat_zone == "" ? {} : { customerVatZoneId = var.vat_zone },
      lookup(var.branches, tostring(record.branch), "") == "" ? {} : { branchNumber = var.branches[tostring(record.branch)] },
    )
  }

  sink "released" {
    connection = vismanet.books
    entity     = "customer_invoice"
    when       = var.release_invoices
    link       = "day:released:${record.externalReference}"
    match      = { externalReference = record.externalReference }
    create     = false
    update     = ["released"]
    set        = { released = true }
  }

  on_error {
    retry = { attempts = 6, backoff = "exponential", initial = "500ms", max = "1m" }
    then  = "dead_letter"
  }
}
