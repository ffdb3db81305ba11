# What Visma.net has in stock becomes what the till may sell: absolute amounts, of what changed.

variable "stock_every" {
  type        = string
  default     = "2m"
  description = "How often Visma.net is asked for changed stock"
}

variable "stock_calculation" {
  type        = string
  default     = "available_minus_reserved"
  description = "What counts: \"available_minus_reserved\", \"available\", \"available_for_shipment\" or \"on_hand\""

  validation {
    condition     = contains(["available_minus_reserved", "available", "available_for_shipment", "on_hand"], var.stock_calculation)
    error_message = "stock_calculation is \"available_minus_reserved\", \"available\", \"available_for_shipment\" or \"on_hand\"."
  }
}

variable "stock_available_is_net" {
  type        = bool
  default     = true
  description = "Whether Visma.net's Available has sales reservations off already, as the rules of the item classes say; if not, every changed item is asked for what is reserved"
}

variable "stock_branches" {
  type        = map(list(string))
  default     = { "1" = [] }
  description = "Branch of the till → warehouses whose stock is summed for it; none named takes all, such as { \"1\" = [\"1\"], \"2\" = [\"2\", \"3\"] }"
}

variable "safety_stock" {
  type        = number
  default     = 0
  description = "Held back from what the till may sell, of every item and branch"
}

variable "stock_negative" {
  type        = string
  default     = "zero"
  description = "Less than nothing becomes \"zero\", or stays (\"keep\")"

  validation {
    condition     = contains(["zero", "keep"], var.stock_negative)
    error_message = "stock_negative is \"zero\" or \"keep\"."
  }
}

variable "stock_decimals" {
  type        = number
  default     = 3
  description = "Decimals of an amount, 0 to 6; what is beyond them is cut off, so that the till never sells more than there is"
}

variable "stock_missing" {
  type        = string
  default     = "park"
  description = "Stock of an item that the till doesn't have: \"park\" it until it does, or \"leave_out\""

  validation {
    condition     = contains(["park", "leave_out"], var.stock_missing)
    error_message = "stock_missing is \"park\" or \"leave_out\"."
  }
}

pipeline "stock" {
  description = "Visma.net's stock becomes the till's"
  enabled     = contains(var.flows, "stock")
  every       = var.stock_every

  source "stock" {
    connection = vismanet.books
  }

  filter "stocked" {
    keep   = length(record.warehouses) > 0
    reason = "Visma.net keeps no stock of it"
  }

  lookup "article" {
    connection = mpluskassa.shop
    match      = { sku = record.inventoryNumber }
    missing    = var.stock_missing == "park" ? "park" : "null"
  }

  filter "in_till" {
    keep   = article != null
    reason = "the till has no article with this SKU"
  }

  filter "managed" {
    keep   = try(article.stockArticle, false)
    reason = "the till keeps no stock of this article"
  }

  # Only where Available doesn't tell: one call for each item.
  lookup "summary" {
    connection = vismanet.books
    entity     = "stock_summary"
    match = {
      inventoryNumber = var.stock_calculation == "available_minus_reserved" && !var.stock_available_is_net ? record.inventoryNumber : null
    }
  }

  transform "facts" {
    set = merge(record, { articleNumber = article.articleNumber, reserved = try(summary.places, []) })
  }

  # How much each branch of the till may sell.
  transform "amounts" {
    script = "stock.ts"
    vars = {
      calculation = var.stock_calculation
      branches    = var.stock_branches
      safety      = var.safety_stock
      negative    = var.stock_negative
      decimals    = var.stock_decimals
    }
  }

  # Available is set so that just that is free to sell, whatever the till has reserved; on hand is all that lies there. An
  # order that comes from Visma.net is reserved there before it is in the till, so what was set is looked at again.
  sink "stock" {
    connection = mpluskassa.shop
    for_each   = record.branches
    link       = "${each.value.branch}/${record.articleNumber}"
    match      = { branchNumber = tonumber(each.value.branch), articleNumber = record.articleNumber }
    update     = ["amount", "available"]
    verify     = contains(var.flows, "orders_to_till")
    employee   = var.employee_number

    set = merge(
      { branchNumber = tonumber(each.value.branch), articleNumber = record.articleNumber },
      var.stock_calculation == "on_hand" ? { amount = each.value.amount } : { available = each.value.amount },
    )
  }

  on_error {
    retry = { attempts = 6, backoff = "exponential", initial = "500ms", max = "1m" }
    then  = "dead_letter"
  }
}
