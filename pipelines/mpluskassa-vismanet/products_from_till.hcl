# For shops that keep their articles in the till: an article becomes an item of Visma.net, under its SKU.

variable "products_from_till_every" {
  type        = string
  default     = "5m"
  description = "How often the till is asked for new and changed articles"
}

variable "product_groups" {
  type        = list(string)
  default     = []
  description = "Numbers of the article groups whose articles Visma.net gets; empty takes all"
}

variable "item_classes" {
  type        = map(string)
  default     = {}
  description = "Turnover group of the till → item class of a new item, such as { \"1\" = \"HANDEL\" }; others get item_class"
}

variable "item_field_attributes" {
  type        = map(string)
  default     = {}
  description = "Text field of the article → attribute of the item, such as { colour = \"COLOR\", size = \"SIZE\" }"
}

variable "item_custom_field_attributes" {
  type        = map(string)
  default     = {}
  description = "Custom field of the till → attribute of the item, such as { Seizoen = \"SEIZOEN\" }"
}

variable "attribute_values" {
  type        = map(string)
  default     = {}
  description = "Text in the till → id of the attribute's value in Visma.net, such as { Blauw = \"BLAUW\" }; others are sent as they are"
}

variable "update_items" {
  type        = list(string)
  default     = ["defaultPrice", "vatCode", "barcode"]
  description = "Fields that a changed article may overwrite in Visma.net, attributes as \"attributes.COLOR\"; a new item gets all"
}

pipeline "products_from_till" {
  description = "Articles of the till become Visma.net items"
  enabled     = contains(var.flows, "products_from_till")
  every       = var.products_from_till_every

  source "article" {
    connection = mpluskassa.shop
  }

  filter "known" {
    keep   = record.sku != null
    reason = "it has no SKU"
  }

  filter "wanted" {
    keep   = length(var.product_groups) == 0 || length([for g in record.groupNumbers : g if contains(var.product_groups, tostring(g))]) > 0
    reason = "its article groups are not synchronised"
  }

  transform "facts" {
    script = "item.ts"
    vars = {
      vat_categories               = var.vat_categories
      price_decimals               = var.price_decimals
      item_price_with_vat          = var.item_price_with_vat
      item_classes                 = var.item_classes
      item_class                   = var.item_class
      item_field_attributes        = var.item_field_attributes
      item_custom_field_attributes = var.item_custom_field_attributes
      attribute_values             = var.attribute_values
      category_attribute           = var.category_attribute
      barcode_check                = var.barcode_check
    }
  }

  # The article's group must be a value of the attribute first, which categories_from_till sees to; once it is, it is not
  # asked for again.
  sink "group" {
    connection = vismanet.books
    entity     = "attribute"
    when       = contains(var.flows, "categories_from_till") && try(record.attributes[var.category_attribute], null) != null
    link       = "value:${record.attributes[var.category_attribute]}"
    match      = { attributeID = var.category_attribute, valueID = record.attributes[var.category_attribute] }
    create     = false
    missing    = "park"
    set        = { attributeID = var.category_attribute }
  }

  # Everything a new item needs comes from its class, but for what is said here.
  sink "item" {
    connection = vismanet.books
    entity     = "inventory_item"
    pair       = "product"
    match      = { inventoryNumber = record.sku }
    create     = record.active
    missing    = "skip"
    update     = var.update_items

    set = merge(
      {
        inventoryNumber = record.sku
        description     = record.name
        status          = record.active ? "Active" : "NoSales"
        vatCode         = record.vatCode
        defaultPrice    = record.price
      },
      record.longText == "" ? {} : { body = record.longText },
      record.class == "" ? {} : { itemClass = record.class },
      length(record.attributes) == 0 ? {} : { attributes = record.attributes },
      record.barcode == "" ? {} : { barcode = record.barcode },
    )
  }

  on_error {
    retry = { attempts = 6, backoff = "exponential", initial = "500ms", max = "1m" }
    then  = "dead_letter"
  }
}
