# What a merchant may want different in all flows; what belongs to one flow stands at the top of its file.
# Change values in a *.vars.hcl file, not here.

variable "flows" {
  type        = list(string)
  default     = ["orders"]
  description = "What is kept in step"

  validation {
    condition = length([for f in var.flows : f if !contains([
      "order_status",
      "orders",
      "orders_to_till",
      "proposals",
      "receipts",
      "products",
      "products_from_till",
      "categories",
      "categories_from_till",
      "stock",
      "customers",
      "customers_to_books",
    ], f)]) == 0
    error_message = "The flows are: order_status, orders, orders_to_till, proposals, receipts, products, products_from_till, categories, categories_from_till, stock, customers, customers_to_books."
  }
}

# ---- the till

variable "timezone" {
  type        = string
  default     = "Europe/Amsterdam"
  description = "Zone of the till's clock; it decides the booking date"
}

variable "employee_number" {
  type        = string
  default     = "999999"
  description = "Employee under whom orders without one are entered; digits only"

  validation {
    condition     = length(regexall("^[0-9]+$", var.employee_number)) == 1
    error_message = "The employee number has digits only, such as 999999."
  }
}

variable "country" {
  type        = string
  default     = "NL"
  description = "Country of the shop (two letters): where an address names none"
}

variable "currency" {
  type        = string
  default     = "EUR"
  description = "Currency of the till"
}

# ---- money

variable "payment_methods" {
  type        = map(string)
  default     = {}
  description = "Payment method of the till → payment method in Visma.net"
}

variable "vat_categories" {
  type        = map(string)
  description = "VAT rate in percent → tax category in Visma.net, such as { \"21\" = \"03\", \"9\" = \"02\", \"0\" = \"00\" }"
  default     = { "21" = "03", "9" = "02", "0" = "00" }
}

variable "vat_zone" {
  type        = string
  default     = "01"
  description = "VAT zone for orders on which the till charged VAT; empty leaves the customer's own"
}

variable "vat_zones" {
  type        = map(string)
  default     = {}
  description = "VAT zones of customers and orders by country or by \"domestic\", \"eu\", \"outside\", each also with \"_person\" or \"_company\", or by \"person\", \"company\", such as { NO = \"NO\", eu_company = \"02\", outside = \"04\" }; else vat_zone, or the customer's own"
}

variable "price_decimals" {
  type        = number
  default     = 6
  description = "Decimals of a unit price in Visma.net; fewer are sent where they are enough"
}

variable "rounding_item" {
  type        = string
  default     = "AFRONDING"
  description = "Item without VAT for a cent that unit prices without VAT can't express; empty sends no such order"
}

# ---- customers

variable "update_customers" {
  type        = bool
  default     = false
  description = "Whether orders bring a customer's name and addresses in Visma.net up to date"
}

variable "default_debtor" {
  type        = string
  default     = ""
  description = "Customer number for orders without a usable customer (no e-mail address); empty refuses them"
}

variable "always_default_debtor" {
  type        = bool
  default     = false
  description = "Book every order on the default debtor"
}

variable "several_customers" {
  type        = string
  default     = "dead_letter"
  description = "When several customers have the e-mail address: \"dead_letter\" names them, \"first\" takes the oldest that is active"
}

variable "customer_class_person" {
  type        = string
  default     = "PRIVAT"
  description = "Customer class of persons"
}

variable "customer_class_company" {
  type        = string
  default     = "BEDRIJF"
  description = "Customer class of companies"
}

variable "customer_classes" {
  type        = map(string)
  default     = {}
  description = "Other customer classes by country or area, with keys as in vat_zones, such as { NO = \"NORGE\", eu_company = \"EU\" }"
}

variable "credit_terms_for" {
  type        = map(string)
  default     = {}
  description = "Other credit terms of new customers, with keys as in vat_zones, such as { company = \"30\", outside = \"00\" }"
}

variable "credit_terms" {
  type        = string
  default     = ""
  description = "Credit terms of new customers; empty takes those of the class"
}

# ---- products

variable "missing_item" {
  type        = string
  default     = "park"
  description = "When Visma.net has no item with the SKU: \"park\" the order until it does, \"create\" the item, or book it on the \"fallback\" item"

  validation {
    condition     = contains(["park", "create", "fallback"], var.missing_item)
    error_message = "missing_item is \"park\", \"create\" or \"fallback\"."
  }
}

variable "fallback_item" {
  type        = string
  default     = ""
  description = "Item that stands in for a missing one, with the till's text; needed with missing_item = \"fallback\""
}

variable "item_class" {
  type        = string
  default     = ""
  description = "Item class of items that an order creates; needed with missing_item = \"create\""
}

variable "warehouse" {
  type        = string
  default     = ""
  description = "Warehouse the lines are taken from; empty takes the item's own"
}
