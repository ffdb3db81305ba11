# Customers of Visma.net become relations of the till. Orders make the customers that they need themselves; this flow
# and customers_to_books.hcl keep customers alike that change on either side. What is about both stands here.

variable "customers_every" {
  type        = string
  default     = "1m"
  description = "How often both systems are asked for new and changed customers"
}

variable "customers_start" {
  type        = string
  default     = ""
  description = "The first read takes customers of Visma.net that changed on or after this day (2026-01-31); empty takes all"

  validation {
    condition     = var.customers_start == "" || can(parsedate("YYYY-MM-DD", var.customers_start))
    error_message = "Write it as 2026-01-31, or leave it empty."
  }
}

variable "customers_from_classes" {
  type        = list(string)
  default     = []
  description = "Only customers of these classes go to the till; empty takes all"
}

variable "customers_without_email" {
  type        = bool
  default     = false
  description = "Whether customers without an e-mail address go to the till too; nothing can match them there, so they are always made"
}

variable "country_names" {
  type        = map(string)
  default     = { NL = "Nederland", BE = "België", DE = "Duitsland", NO = "Noorwegen", SE = "Zweden", DK = "Denemarken" }
  description = "Country (two letters) → how the till writes it; others are written as two letters"
}

variable "update_relations" {
  type        = list(string)
  default     = ["name", "contact", "email", "phone", "address", "delivery", "vat_number", "active"]
  description = "What a change in Visma.net may change of a relation in the till"

  validation {
    condition = length([for f in var.update_relations :
    f if !contains(["name", "contact", "email", "phone", "address", "delivery", "vat_number", "active"], f)]) == 0
    error_message = "It is a list of: name, contact, email, phone, address, delivery, vat_number, active."
  }
}

variable "update_customers_from_till" {
  type        = list(string)
  default     = ["name", "contact", "email", "phone", "address", "delivery", "vat_number"]
  description = "What a change in the till may change of a customer in Visma.net"

  validation {
    condition = length([for f in var.update_customers_from_till :
    f if !contains(["name", "contact", "email", "phone", "address", "delivery", "vat_number", "active"], f)]) == 0
    error_message = "It is a list of: name, contact, email, phone, address, delivery, vat_number, active."
  }
}

variable "customer_owner" {
  type        = map(string)
  default     = { contact = "till", email = "till", phone = "till" }
  description = "Whose value counts where both sides changed the same, by what it is: \"till\" or \"books\"; what is not named is the books'"

  validation {
    condition     = length([for f, owner in var.customer_owner : f if !contains(["till", "books"], owner)]) == 0
    error_message = "An owner is \"till\" or \"books\", such as { phone = \"till\" }."
  }
}

locals {
  # What the settings call it, and how the two systems do.
  relation_fields = {
    name       = ["name", "companyName"]
    contact    = ["contact"]
    email      = ["email"]
    phone      = ["telephone", "mobile"]
    address    = ["address", "zipcode", "city", "country"]
    delivery   = ["deliveryAddress", "deliveryZipcode", "deliveryCity", "deliveryCountry"]
    vat_number = ["vatNumber"]
    active     = ["active"]
  }

  customer_fields = {
    name       = ["name", "mainContact.name"]
    contact    = ["mainContact.attention"]
    email      = ["mainContact.email"]
    phone      = ["mainContact.phone1", "mainContact.phone2"]
    address    = ["mainAddress"]
    delivery   = ["deliveryAddress"]
    vat_number = ["vatRegistrationId"]
    active     = ["status"]
  }
}

pipeline "customers" {
  description = "Visma.net customers become MplusKASSA relations"
  enabled     = contains(var.flows, "customers")
  every       = var.customers_every

  source "customer" {
    connection = vismanet.books
    start      = var.customers_start
  }

  filter "wanted" {
    keep   = length(var.customers_from_classes) == 0 || contains(var.customers_from_classes, coalesce(record.customerClassId, "none"))
    reason = "customer class ${coalesce(record.customerClassId, "none")} is not synchronised"
  }

  filter "somebody" {
    keep   = record.number != var.default_debtor
    reason = "the default debtor is nobody"
  }

  filter "reachable" {
    keep   = var.customers_without_email || try(trim(record.email), "") != ""
    reason = "no e-mail address to match it by"
  }

  # A company is told by its class or, in a class of neither kind, by its numbers. A delivery address that is the main
  # one is not said twice.
  transform "customer" {
    set = {
      number = record.number
      email  = try(lower(trim(record.email)), "")
      name   = record.name
      active = record.status != "Inactive"
      company = (record.customerClassId == var.customer_class_company ||
      record.customerClassId != var.customer_class_person && (record.vatRegistrationId != null || record.corporateId != null))
      person    = try(record.mainContact.attention, null)
      phone     = try(record.mainContact.phone1, null)
      mobile    = try(record.mainContact.phone2, null)
      vatNumber = record.vatRegistrationId
      address   = coalesce(record.mainAddress, {})
      delivery  = record.deliveryAddress == record.mainAddress ? {} : coalesce(record.deliveryAddress, {})
    }
  }

  sink "relation" {
    connection = mpluskassa.shop
    pair       = "customer"
    match      = record.email != "" ? { email = record.email } : { extRelationId = "visma-${record.number}" }
    several    = var.several_customers
    create     = record.active
    missing    = "skip"
    update     = flatten([for f in var.update_relations : local.relation_fields[f]])
    wins       = flatten([for f, names in local.relation_fields : names if lookup(var.customer_owner, f, "books") == "books"])

    set = {
      extRelationId   = "visma-${record.number}"
      active          = record.active
      name            = record.name
      companyName     = record.company ? record.name : ""
      contact         = record.person
      email           = record.email
      telephone       = record.phone
      mobile          = record.mobile
      vatNumber       = record.vatNumber
      address         = join(" ", compact([try(record.address.addressLine1, ""), try(record.address.addressLine2, ""), try(record.address.addressLine3, "")]))
      zipcode         = try(record.address.postalCode, null)
      city            = try(record.address.city, null)
      country         = try(lookup(var.country_names, record.address.countryId, record.address.countryId), null)
      deliveryAddress = join(" ", compact([try(record.delivery.addressLine1, ""), try(record.delivery.addressLine2, ""), try(record.delivery.addressLine3, "")]))
      deliveryZipcode = try(record.delivery.postalCode, null)
      deliveryCity    = try(record.delivery.city, null)
      deliveryCountry = try(lookup(var.country_names, record.delivery.countryId, record.delivery.countryId), null)
    }
  }

  on_error {
    retry = { attempts = 6, backoff = "exponential", initial = "500ms", max = "1m" }
    then  = "dead_letter"
  }
}
