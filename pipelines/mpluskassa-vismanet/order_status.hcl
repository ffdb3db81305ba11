# What becomes of a till order in Visma.net goes back to the till: quantities that were shipped, and cancellations.

variable "order_status_every" {
  type        = string
  default     = "1m"
  description = "How often Visma.net is asked what became of the till's orders"
}

variable "order_statuses" {
  type        = map(string)
  description = "Status of the sales order in Visma.net → what the till does: \"deliver\" what was shipped or invoiced, line by line, \"cancel\" the order, or \"ignore\" it"
  default = {
    Open      = "ignore"
    BackOrder = "deliver"
    Completed = "deliver"
    Invoiced  = "deliver"
    Cancelled = "cancel"
  }

  validation {
    condition     = length([for what in values(var.order_statuses) : what if !contains(["deliver", "cancel", "ignore"], what)]) == 0
    error_message = "The till can \"deliver\", \"cancel\" or \"ignore\"."
  }
}

pipeline "order_status" {
  description = "Shipments and cancellations in Visma.net reach the orders of MplusKASSA"
  enabled     = contains(var.flows, "order_status")
  every       = var.order_status_every

  source "sales_order" {
    connection = vismanet.books
  }

  filter "news" {
    keep   = record.customerRefNo != null && lookup(var.order_statuses, record.status, "ignore") != "ignore"
    reason = "${record.type} order that is ${record.status}"
  }

  # What comes back leaves nothing to deliver.
  filter "goods_leave" {
    keep   = var.order_statuses[record.status] == "cancel" || !contains([var.return_order_type, var.exchange_order_type], record.type)
    reason = "${record.type} order, of goods that come back"
  }

  lookup "till_order" {
    connection = mpluskassa.shop
    entity     = "order"
    match      = { orderId = record.customerRefNo }
  }

  filter "of_the_till" {
    keep   = till_order != null
    reason = "it is no order of the till"
  }

  transform "with_till_order" {
    set = merge(record, { till = till_order, what = var.order_statuses[record.status] })
  }

  # Which line of the till is which of Visma.net, and how much of it is gone.
  transform "status" {
    script = "order_status.ts"
  }

  filter "changed" {
    keep   = record.cancels || length(record.delivered) > 0
    reason = "the till knows it already"
  }

  sink "state" {
    connection = mpluskassa.shop
    entity     = "order"
    match      = { orderId = record.orderId }
    link       = record.orderId
    create     = false
    update     = ["delivered", "cancelState"]
    set = merge(
      record.cancels ? { cancelState = "ORDER-CANCEL-STATE-COMPLETE" } : {},
      length(record.delivered) == 0 ? {} : { delivered = record.delivered },
    )
  }

  on_error {
    retry = { attempts = 6, backoff = "exponential", initial = "500ms", max = "1m" }
    then  = "dead_letter"
  }
}
