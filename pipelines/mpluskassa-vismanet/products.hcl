# An item of Visma.net becomes an article of the till: found by its SKU, made where there is none, changed where the
# settings allow. Items of one family become the sizes and colours of one product.

variable "products_every" {
  type        = string
  default     = "5m"
  description = "How often Visma.net is asked for new and changed items"
}

variable "products_start" {
  type        = string
  default     = ""
  description = "Items that did not change since this date (2026-01-31) are left alone at first; empty takes all"

  validation {
    condition     = var.products_start == "" || can(parsedate("YYYY-MM-DD", var.products_start))
    error_message = "Write it as 2026-01-31, or leave it empty."
  }
}

variable "product_classes" {
  type        = list(string)
  default     = []
  description = "Item classes whose items the till gets; empty takes all"
}

variable "product_filter" {
  type        = map(string)
  default     = {}
  description = "Attribute → value that an item must have for the till to get it, such as { WEBSHOP = \"1\" }"
}

variable "article_numbers" {
  type        = string
  default     = "digits"
  description = "The till's article number of a new article: the SKU's \"digits\", the SKU \"spelled\" in digits, or the \"till\"'s own"

  validation {
    condition     = contains(["digits", "spelled", "till"], var.article_numbers)
    error_message = "article_numbers is \"digits\" (A-12 becomes 12), \"spelled\" (A-12 becomes 99331316 17…, never two alike) or \"till\" (it gives the next free number)."
  }
}

variable "article_number_map" {
  type        = map(string)
  default     = {}
  description = "SKU → article number, for those whose digits are missing or fall together; a file does as well: jsondecode(file(\"numbers.json\"))"

  validation {
    condition     = length([for sku, number in var.article_number_map : sku if length(regexall("^[1-9][0-9]{0,17}$", number)) == 0]) == 0
    error_message = "Article numbers have digits only, at most 18, and no zero in front."
  }
}

variable "item_price" {
  type        = string
  default     = "defaultPrice"
  description = "Price of an item that counts: \"defaultPrice\" or \"recommendedPrice\""

  validation {
    condition     = contains(["defaultPrice", "recommendedPrice"], var.item_price)
    error_message = "item_price is \"defaultPrice\" or \"recommendedPrice\"."
  }
}

variable "item_price_with_vat" {
  type        = bool
  default     = false
  description = "Whether prices of items in Visma.net have VAT in them"
}

variable "article_price" {
  type        = string
  default     = "with_vat"
  description = "Which price the till is given; it reckons the other: \"with_vat\" or \"without_vat\""

  validation {
    condition     = contains(["with_vat", "without_vat"], var.article_price)
    error_message = "article_price is \"with_vat\" or \"without_vat\"."
  }
}

variable "vat_codes" {
  type        = map(string)
  default     = { "03" = "2", "02" = "1", "00" = "0" }
  description = "VAT category in Visma.net → VAT code of the till"
}

variable "turnover_groups" {
  type        = map(string)
  default     = {}
  description = "Item class in Visma.net → turnover group of the till, such as { HANDEL = \"1\" }; without one the till decides"
}

variable "family_attribute" {
  type        = string
  default     = ""
  description = "Attribute whose value items of one product share, and which names the product in the till; empty makes every item a product"
}

variable "attribute_fields" {
  type        = map(string)
  default     = { COLOR = "colour", SIZE = "size" }
  description = "Attribute of an item → text field of the article: colour, size, brandName, invoiceText …"
}

variable "attribute_custom_fields" {
  type        = map(string)
  default     = {}
  description = "Attribute of an item → custom field of the till, such as { SEIZOEN = \"Seizoen\", ACTIE = \"Actie:bool\", KG = \"Gewicht:number\" }"
}

variable "barcode_check" {
  type        = string
  default     = "refuse"
  description = "An EAN or GTIN whose check digit is wrong: \"refuse\" the item, \"leave_out\" the barcode, or \"off\""

  validation {
    condition     = contains(["refuse", "leave_out", "off"], var.barcode_check)
    error_message = "barcode_check is \"refuse\", \"leave_out\" or \"off\"."
  }
}

variable "manage_stock" {
  type        = string
  default     = "item"
  description = "Whether the till keeps stock of an article: as the \"item\" says, \"all\" or \"none\""

  validation {
    condition     = contains(["item", "all", "none"], var.manage_stock)
    error_message = "manage_stock is \"item\" (stock items only), \"all\" or \"none\"."
  }
}

variable "manage_stock_attribute" {
  type        = string
  default     = ""
  description = "Checkbox attribute that decides it for the items that have it"
}

variable "update_articles" {
  type        = list(string)
  default     = ["priceIncl", "priceExcl", "vatCode", "barcode", "active", "stockArticle"]
  description = "Fields that a changed item may overwrite in the till; a new article gets all"
}

pipeline "products" {
  description = "Visma.net items become articles of the till"
  enabled     = contains(var.flows, "products")
  every       = var.products_every

  source "item" {
    connection = vismanet.books
    entity     = "inventory_item"
    start      = var.products_start
  }

  filter "goods" {
    keep   = record.inventoryNumber != var.rounding_item
    reason = "the item that orders are rounded with"
  }

  filter "of_class" {
    keep   = length(var.product_classes) == 0 || contains(var.product_classes, record.itemClass)
    reason = "items of class ${coalesce(record.itemClass, "none")} are not synchronised"
  }

  filter "wanted" {
    keep   = length([for id, value in var.product_filter : id if try(record.attributes[id], "") != value]) == 0
    reason = "its attributes are not those of product_filter"
  }

  # What the till has under this SKU keeps its number.
  lookup "there" {
    connection = mpluskassa.shop
    entity     = "article"
    match      = { sku = record.inventoryNumber }
  }

  # A new one's number has digits only. Which other items would get the same?
  transform "number" {
    set = merge(record, {
      number = there != null ? tostring(there.articleNumber) : lookup(
        var.article_number_map, record.inventoryNumber,
        var.article_numbers == "digits" ? regexreplace(digits(record.inventoryNumber), "^0+", "") : "",
      )
    })
  }

  lookup "alike" {
    connection = vismanet.books
    entity     = "item_digits"
    match      = { digits = there == null && var.article_numbers == "digits" ? record.number : null }
  }

  transform "rivals" {
    set = merge(record, { is_new = there == null, alike = [for sku in try(alike.numbers, []) : sku if sku != record.inventoryNumber] })
  }

  # One that the till has under another number, which a person may have given it, is no rival.
  sink "rival" {
    connection = mpluskassa.shop
    entity     = "article"
    for_each   = record.alike
    match      = { sku = each.value }
    link       = each.value
    create     = false
    missing    = "null"
    update     = "none"
    set        = {}
  }

  transform "facts" {
    set = merge(record, {
      alike = [for i, sku in record.alike : sku if try(tostring(rival[i].articleNumber), record.number) == record.number]
    })
  }

  # Number, price, barcode and what the attributes mean; two SKUs on one number are refused.
  transform "product" {
    script = "product.ts"
    vars = {
      article_numbers         = var.article_numbers
      article_number_map      = var.article_number_map
      currency                = var.currency
      vat_categories          = var.vat_categories
      vat_codes               = var.vat_codes
      item_price              = var.item_price
      item_price_with_vat     = var.item_price_with_vat
      article_price           = var.article_price
      family_attribute        = var.family_attribute
      attribute_fields        = var.attribute_fields
      attribute_custom_fields = var.attribute_custom_fields
      barcode_check           = var.barcode_check
      manage_stock            = var.manage_stock
      manage_stock_attribute  = var.manage_stock_attribute
    }
  }

  # The article groups of its sales categories, where that flow keeps them.
  sink "group" {
    connection = mpluskassa.shop
    entity     = "article_group"
    for_each   = [for c in record.categories : join(" > ", compact([var.categories_under, c])) if contains(var.flows, "categories")]
    match      = { path = each.value }
    link       = "path:${each.value}"
    create     = false
    missing    = "park"
    set        = {}
  }

  # What goes where in the till. The SKU stays readable in the PLU number, so that the way back is exact.
  transform "fields" {
    set = merge(record, {
      groups = [for n in sort([for g in group : g.groupNumber]) : tonumber(n)]
      article = merge(
        {
          pluNumber    = record.sku
          description  = record.name
          invoiceText  = record.name
          receiptText  = record.name
          displayText  = record.name
          active       = record.active
          stockArticle = record.stocked
          vatCode      = tonumber(record.vatCode)
        },
        record.number == "" ? {} : { articleNumber = tonumber(record.number) },
        record.longText == "" ? {} : { extraText = record.longText },
        record.barcode == "" ? {} : { barcode = record.barcode },
        lookup(var.turnover_groups, record.class, "") == "" ? {} : { turnoverGroup = tonumber(var.turnover_groups[record.class]) },
        record.price,
        record.fields,
        length(record.custom) == 0 ? {} : { customFields = record.custom },
      )
    })
  }

  # The product of a family begins with the first of its articles; the others join it.
  sink "family" {
    connection = mpluskassa.shop
    entity     = "product"
    when       = record.family != "" && record.is_new
    match      = { description = record.family }
    link       = "family:${record.family}"
    create     = record.active
    missing    = "skip"
    update     = "none"

    set = merge(
      { description = record.family, articleList = [record.article] },
      length(record.groups) == 0 ? {} : { groupNumbers = record.groups },
    )
  }

  sink "article" {
    connection = mpluskassa.shop
    pair       = "product"
    wins       = "all"
    match      = { sku = record.sku }
    create     = record.active
    missing    = "skip"
    update     = var.update_articles

    set = merge(
      record.article,
      family == null ? {} : { productNumber = family.productNumber },
      length(record.groups) == 0 ? {} : { groupNumbers = record.groups },
    )
  }

  on_error {
    retry = { attempts = 6, backoff = "exponential", initial = "500ms", max = "1m" }
    then  = "dead_letter"
  }
}
