# What becomes of a day's receipts.

locals {
  receipt = {
    receiptType     = "RECEIPT-TYPE-RECEIPT"
    vatMethod       = "VAT-METHOD-INCLUSIVE"
    totalInclAmount = 23.96
    lineList = [
      { articleNumber = 1, text = "Mok", sku = "MOK-01", data = { quantity = 3, price = 4.99, totalInclAmount = 14.97, vatPercentage = 21 } },
      { articleNumber = 2, text = "Thee", sku = "THEE-1", data = { quantity = 1, price = 8.99, totalInclAmount = 8.99, vatPercentage = 9 } },
    ]
    paymentList = [{ method = "PIN", amount = 20 }, { method = "CASH", amount = 3.96 }]
  }

  receipts_day = {
    id       = "1/2026-03-14", branchNumber = 1, date = "2026-03-14"
    receipts = [local.receipt, local.receipt]
  }

  receipts_vars = {
    receipts_debtor              = "10777"
    receipts_every               = "1h"
    receipts_start               = "2026-01-01"
    receipts_hours_after         = 6
    receipt_revenue_accounts     = { "21" = "8000", "9" = "8010" }
    receipt_payment_accounts     = { PIN = "1100", CASH = "1000" }
    receipt_payment_vat_category = "GEEN"
    branches                     = { "1" = "2" }
  }
}

test "the receipts of a day are one invoice, to the cent" {
  pipeline = "receipts"
  vars     = local.receipts_vars
  record   = local.receipts_day

  # 29.94 and 17.98 with VAT are 24.74 + 5.20 and 16.50 + 1.49: a cent too much.
  expect "invoice" {
    create = {
      customerNumber    = "10777"
      documentDate      = "2026-03-14"
      branchNumber      = "2"
      customerVatZoneId = "01"
      customerRefNumber = "Z1-2026-03-14"
      externalReference = "Z1-2026-03-14/1"
      invoiceLines = [
        { description = "Sales 9 %", unitPriceInCurrency = 16.50, accountNumber = "8010", vatCodeId = "02" },
        { description = "Sales 21 %", unitPriceInCurrency = 24.74, accountNumber = "8000", vatCodeId = "03" },
        { description = "Paid PIN", unitPriceInCurrency = -40, accountNumber = "1100", vatCodeId = "GEEN" },
        { description = "Paid CASH", unitPriceInCurrency = -7.92, accountNumber = "1000", vatCodeId = "GEEN" },
        { description = "Rounding", unitPriceInCurrency = -0.01, inventoryNumber = "AFRONDING", vatCodeId = "00" },
      ]
    }
  }

  expect "released" {
    update = { released = true }
  }
}

test "receipts of orders and cash that is put in or taken out do not count" {
  pipeline = "receipts"
  vars     = local.receipts_vars
  record = merge(local.receipts_day, {
    receipts = [
      merge(local.receipt, { orderIds = ["ord-1"] }),
      merge(local.receipt, { receiptType = "RECEIPT-TYPE-CASH-INFLOW" }),
    ]
  })
  outcome = "filtered"
  reason  = "no receipts that count"
}

test "receipts of orders count where the orders are not booked" {
  pipeline = "receipts"
  vars     = merge(local.receipts_vars, { receipts_of_orders = true, release_invoices = false, vat_zone = "" })
  record   = merge(local.receipts_day, { receipts = [merge(local.receipt, { orderIds = ["ord-1"] })] })

  expect "invoice" {
    create = { invoiceLines = [{ unitPriceInCurrency = 8.25 }, { unitPriceInCurrency = 12.37 }, { unitPriceInCurrency = -20 }, { unitPriceInCurrency = -3.96 }] }
  }

  expect "released" {
    update = []
  }
}

test "a gift card that is sold stands on its own account" {
  pipeline = "receipts"
  vars     = merge(local.receipts_vars, { special_lines = { "MOK-01" = { account = "1510" } } })
  record   = merge(local.receipts_day, { receipts = [local.receipt] })

  expect "invoice" {
    create = { invoiceLines = [{ description = "Sales 9 %" }, { description = "Paid PIN" }, { description = "Paid CASH" }, { description = "Mok", accountNumber = "1510" }] }
  }
}

test "a late receipt is a correction of its own amount" {
  pipeline = "receipts"
  vars     = local.receipts_vars
  record   = local.receipts_day

  given "customer_invoice" {
    record = {
      referenceNumber = "200001", customerRefNumber = "Z1-2026-03-14", externalReference = "Z1-2026-03-14/1", released = true, amountInCurrency = 0
      invoiceLines = [
        { accountNumber = "8010", vatCodeId = "02", amountInCurrency = 8.25 },
        { accountNumber = "8000", vatCodeId = "03", amountInCurrency = 12.37 },
        { accountNumber = "1100", vatCodeId = "GEEN", amountInCurrency = -20 },
        { accountNumber = "1000", vatCodeId = "GEEN", amountInCurrency = -3.96 },
      ]
    }
  }

  expect "invoice" {
    create = {
      externalReference = "Z1-2026-03-14/2"
      invoiceText       = "Till receipts of 2026-03-14, branch 1, correction 1"
      invoiceLines      = [{ unitPriceInCurrency = 8.25 }, { unitPriceInCurrency = 12.37 }, { unitPriceInCurrency = -20 }, { unitPriceInCurrency = -3.96 }]
    }
  }
}

test "a day that is booked but was not released is released, and not booked again" {
  pipeline = "receipts"
  vars     = local.receipts_vars
  record   = merge(local.receipts_day, { receipts = [local.receipt] })

  given "customer_invoice" {
    record = {
      referenceNumber = "200001", customerRefNumber = "Z1-2026-03-14", externalReference = "Z1-2026-03-14/1", released = false, amountInCurrency = 0
      invoiceLines = [
        { accountNumber = "8010", vatCodeId = "02", amountInCurrency = 8.25 },
        { accountNumber = "8000", vatCodeId = "03", amountInCurrency = 12.37 },
        { accountNumber = "1100", vatCodeId = "GEEN", amountInCurrency = -20 },
        { accountNumber = "1000", vatCodeId = "GEEN", amountInCurrency = -3.96 },
      ]
    }
  }

  expect "invoice" {
    create = []
  }

  expect "released" {
    update = { released = true }
  }
}

test "a day that changed is told where the setting says so" {
  pipeline = "receipts"
  vars     = merge(local.receipts_vars, { changed_days = "alert" })
  record   = local.receipts_day
  outcome  = "dead"
  code     = "transform.rejected"
  reason   = "the day changed after it was booked as 200001"

  given "customer_invoice" {
    record = { referenceNumber = "200001", customerRefNumber = "Z1-2026-03-14", externalReference = "Z1-2026-03-14/1", released = true, amountInCurrency = 0, invoiceLines = [] }
  }
}
