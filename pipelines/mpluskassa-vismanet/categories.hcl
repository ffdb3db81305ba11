# Categories. Visma.net's sales categories become the till's article groups, with their tree. The other way the API only
# lets an attribute be written: the till's groups become its values.

variable "categories_every" {
  type        = string
  default     = "15m"
  description = "How often categories are compared; Visma.net gives no changes, so all are read"
}

variable "categories_under" {
  type        = string
  default     = ""
  description = "Path of the article group of the till that Visma.net's categories stand in, such as \"Webshop\"; empty puts them at the top"
}

variable "update_groups" {
  type        = list(string)
  default     = ["name", "parent", "sortOrder"]
  description = "Fields of an article group that a changed category may overwrite"
}

variable "category_attribute" {
  type        = string
  default     = ""
  description = "Attribute of Visma.net whose values are the till's article groups; empty when that flow is not used"
}

variable "category_attribute_name" {
  type        = string
  default     = "Article group"
  description = "What the attribute is called when it is made. A person then adds it to the item classes: the API can't"
}

pipeline "categories" {
  description = "Visma.net's sales categories become the till's article groups"
  enabled     = contains(var.flows, "categories")
  every       = var.categories_every

  source "category" {
    connection = vismanet.books
    entity     = "sales_category"
  }

  # Each category sees to those above it first, so that the order in which they come doesn't matter.
  transform "line" {
    set = {
      line = [for i, c in record.ancestry : {
        id     = c.categoryID
        name   = c.description
        order  = c.sortOrder
        path   = join(" > ", compact([var.categories_under, c.path]))
        parent = join(" > ", compact([var.categories_under, i == 0 ? "" : record.ancestry[i - 1].path]))
      }]
    }
  }

  sink "group" {
    connection = mpluskassa.shop
    entity     = "article_group"
    for_each   = record.line
    link       = tostring(each.value.id)
    match      = { path = each.value.path }
    update     = var.update_groups

    set = {
      name      = each.value.name
      parent    = each.value.parent
      sortOrder = each.value.order
    }
  }

  on_error {
    retry = { attempts = 6, backoff = "exponential", initial = "500ms", max = "1m" }
    then  = "dead_letter"
  }
}

pipeline "categories_from_till" {
  description = "The till's article groups become the values of an attribute in Visma.net"
  enabled     = contains(var.flows, "categories_from_till")
  every       = var.categories_every

  # Deleted groups keep their value: items may still have it.
  source "group" {
    connection = mpluskassa.shop
    entity     = "article_group"
  }

  filter "there" {
    keep   = meta.operation != "delete" && var.category_attribute != ""
    reason = var.category_attribute == "" ? "category_attribute is not set" : "deleted in the till"
  }

  sink "attribute" {
    connection = vismanet.books
    link       = "group:${record.groupNumber}"
    match      = { attributeID = var.category_attribute }
    update     = ["values"]

    set = {
      attributeID = var.category_attribute
      description = var.category_attribute_name
      controlType = "Combo"
      values      = { (tostring(record.groupNumber)) = coalesce(record.path, record.name) }
    }
  }

  on_error {
    retry = { attempts = 6, backoff = "exponential", initial = "500ms", max = "1m" }
    then  = "dead_letter"
  }
}
