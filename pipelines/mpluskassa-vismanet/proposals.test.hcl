# What becomes of a proposal.

locals {
  proposal = merge(local.order, {
    proposalId     = "prop-1"
    proposalNumber = { year = 2026, number = 4 }
    state          = "PROPOSAL-STATE-OUTSTANDING"
  })

  quote = {
    id         = "QT/77", customerOrder = "P2026-4", customerRefNo = "prop-1", status = "Open"
    orderLines = [{ inventoryId = "MOK-01", quantity = 3, unitPrice = 4.123 }]
  }

  proposal_vars = { proposals_every = "5m", proposals_start = "2026-01-01", quote_order_type = "Q2" }
}

test "a proposal becomes a quote" {
  pipeline = "proposals"
  vars     = local.proposal_vars
  record   = local.proposal

  given "inventory_item" {
    record = local.item
  }

  expect "customer" {
    create = { name = "Jan de Vries" }
  }

  expect "sales_order" {
    create = {
      type       = "Q2"
      customer   = { id = "customer-1", order = "P2026-4", refNo = "prop-1" }
      orderLines = [{ inventoryId = "MOK-01", quantity = 3, unitPrice = 4.123, taxCategoryId = "03" }]
    }
  }
}

test "a proposal that changed changes its quote" {
  pipeline = "proposals"
  record   = local.proposal

  given "sales_order" {
    record = merge(local.quote, { orderLines = [{ inventoryId = "MOK-01", quantity = 2, unitPrice = 4.123 }] })
  }

  given "inventory_item" {
    record = local.item
  }

  expect "sales_order" {
    update = { orderLines = [{ inventoryId = "MOK-01", quantity = 3 }] }
  }
}

test "the quote of a proposal that is no offer any more is cancelled" {
  pipeline = "proposals"
  records = [
    merge(local.proposal, { state = "PROPOSAL-STATE-ORDER" }),
  ]

  given "sales_order" {
    record = local.quote
  }

  expect "cancelled" {
    update = { status = "Cancelled" }
  }
}

test "or it is kept, by setting" {
  pipeline = "proposals"
  vars     = { ordered_proposals = "keep" }
  record   = merge(local.proposal, { state = "PROPOSAL-STATE-ORDER" })
  outcome  = "filtered"
  reason   = "already in Visma.net as QT/77"

  given "sales_order" {
    record = local.quote
  }
}

test "a proposal that was cancelled before it was sent, and a quote that is closed, are left alone" {
  pipeline = "proposals"
  records = [
    merge(local.proposal, { proposalId = "prop-9", state = "PROPOSAL-STATE-CANCELLED" }),
    local.proposal,
  ]
  outcome = "filtered"
  reason  = ["it is no offer any more: PROPOSAL-STATE-CANCELLED", "already in Visma.net as QT/77, which is Completed"]

  given "sales_order" {
    record = merge(local.quote, { status = "Completed" })
  }
}
