# Relations of the till become customers in Visma.net: a company with its person, or a person. The settings stand in
# customers.hcl.

variable "relation_categories" {
  type        = list(number)
  default     = []
  description = "Only relations in one of these categories of the till go to Visma.net; empty takes all"
}

pipeline "customers_to_books" {
  description = "MplusKASSA relations become Visma.net customers"
  enabled     = contains(var.flows, "customers_to_books")
  every       = var.customers_every

  source "relation" {
    connection = mpluskassa.shop
  }

  filter "wanted" {
    keep   = length(var.relation_categories) == 0 || length([for c in coalesce(record.categoryIds, []) : c if contains(var.relation_categories, c)]) > 0
    reason = "in none of the categories that are synchronised"
  }

  filter "reachable" {
    keep   = try(trim(record.email), "") != "" || try(startswith(record.extRelationId, "visma-"), false)
    reason = "no e-mail address to match it by; its orders go to the default debtor"
  }

  # The till has one line for an address, Visma.net has three: those that it has stay as they are while they say the same.
  lookup "there" {
    connection = vismanet.books
    entity     = "customer"
    match      = try(startswith(record.extRelationId, "visma-"), false) ? { number = trimprefix(record.extRelationId, "visma-") } : { email = lower(trim(record.email)) }
    several    = "first"
  }

  transform "with_lines" {
    set = merge(record, { there = try({ address = there.mainAddress, delivery = there.deliveryAddress }, null) })
  }

  transform "debtor" {
    script = "debtor.ts"
    vars   = { country = var.country }
  }

  sink "customer" {
    connection = vismanet.books
    pair       = "customer"
    match      = record.number != null ? { number = record.number } : { email = record.email }
    several    = var.several_customers
    create     = record.active
    missing    = "skip"
    update     = flatten([for f in var.update_customers_from_till : local.customer_fields[f]])
    wins       = flatten([for f, names in local.customer_fields : names if lookup(var.customer_owner, f, "books") == "till"])

    set = merge(
      {
        name              = record.name
        vatRegistrationId = record.vatNumber
        status            = record.active ? "Active" : "Inactive"
        customerClassId   = record.company ? var.customer_class_company : var.customer_class_person
        mainAddress       = record.address
        deliveryAddress   = record.delivery
        mainContact = {
          name      = record.name
          attention = record.person
          email     = record.email
          phone1    = record.phone
          phone2    = record.mobile
        }
      },
      var.credit_terms == "" ? {} : { creditTermsId = var.credit_terms },
    )
  }

  # The person of a company.
  sink "contact" {
    connection = vismanet.books
    when       = record.company && record.person != null && record.email != ""
    match      = { businessAccount = customer.number, email = record.email }

    set = {
      businessAccount = customer.number
      firstName       = record.firstName
      lastName        = record.lastName
      email           = record.email
      phone1          = record.phone
    }
  }

  on_error {
    retry = { attempts = 6, backoff = "exponential", initial = "500ms", max = "1m" }
    then  = "dead_letter"
  }
}
