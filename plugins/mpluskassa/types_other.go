package mpluskassa

import "github.com/kopru-io/kopru/plugins/sdk"

func relationTypes() schema {
	const both = create | update
	return schema{
		"Relation": {
			f("relationNumber", long, match|create, "Number of the relation; without it MplusKASSA gives one."),
			f("extRelationId", ident, match|both, "The relation's id in another system."),
			f("syncMarker", long, 0, "Place in the sequence of changes."),
			f("createTimestamp", moment, 0, "When it was made."),
			f("changeTimestamp", moment, 0, "When it was changed last."),
			f("active", boolean, both, "Whether it is in use."),
			f("name", text, pii|both, "Name."),
			f("address", text, pii|both, "Street and house number."),
			f("zipcode", text, pii|both, "Postal code."),
			f("city", text, pii|both, "City."),
			f("country", text, both, "Country, in words."),
			f("deliveryAddress", text, pii|both, "Street and house number for deliveries."),
			f("deliveryZipcode", text, pii|both, "Postal code for deliveries."),
			f("deliveryCity", text, pii|both, "City for deliveries."),
			f("deliveryCountry", text, both, "Country for deliveries."),
			f("contact", text, pii|both, "Person."),
			f("telephone", text, pii|both, "Telephone."),
			f("mobile", text, pii|both, "Mobile telephone."),
			f("email", text, pii|match|both, "E-mail address. Compared without regard to case."),
			f("website", text, both, "Web site."),
			f("birthDate", date, pii|both, "Date of birth."),
			f("relationCode", ident, match|both, "Code of the relation."),
			f("points", number, 0, "Points saved."),
			f("balance", cents, 0, "Balance of invoice credit and account."),
			f("priceGroupNumber", number, both, "Price group."),
			f("discountPercentage", discount, 0, "Discount in percent; its scale is not documented, so don't reckon with it."),
			f("categoryId", number, 0, "Category; superseded by categoryIds."),
			each("categoryIds", "category", number, both, "Categories."),
			f("cardNumber", ident, pii, "Customer card."),
			f("bankAccountNumber", text, pii|both, "Bank account."),
			f("creditLimit", cents, both, "Credit limit."),
			f("paymentWithinDays", number, both, "Days to pay in."),
			f("vatNumber", text, pii|both, "VAT number."),
			f("commerceNumber", text, both, "Number at the chamber of commerce."),
			f("extraText", text, both, "Notes."),
			f("defaultVatMethod", text, both, "How VAT is reckoned.").oneOf(vatMethods()...),
			f("condenseCombinedInvoice", boolean, both, "Whether combined invoices are condensed."),
			many("customFieldList", "customField", "CustomField", both, "Fields of the installation's own."),
			many("contactList", "relation", "Relation", 0, "Contacts."),
			f("companyName", text, pii|both, "Company."),
			each("cardNumbers", "", text, pii, "Customer cards."),
			f("invoiceCredit", decimal, 0, "Credit on invoices, in euros."),
			f("accountBalance", decimal, 0, "Balance of the account, in euros."),
			f("directDebit", boolean, both, "Whether invoices are collected."),
			f("reminderEmail", text, pii|both, "E-mail address for reminders."),
			f("canEarnPoints", boolean, both, "Whether points are given."),
			f("canRedeemPoints", boolean, both, "Whether points may be spent."),
		},
	}
}

func articleTypes() schema {
	return schema{
		"Product": {
			f("productNumber", long, match|create, "Number of the product; without it MplusKASSA gives one."),
			f("syncMarker", long, 0, "Place in the sequence of changes."),
			f("description", text, sdk.Required|match|create|update, "Description."),
			f("extraText", text, create|update, "More text."),
			many("articleList", "article", "Article", sdk.Required|create, "Its articles: sizes and colours."),
			each("groupNumbers", "", number, create|update, "Article groups it is in, by number."),
		},
		"Article": articleFieldsOf(),
		"CustomField": {
			f("fieldName", text, create|update, "Name of the field.").required(),
			f("dataType", text, create|update, "Kind of value.").oneOf("DATA-TYPE-STRING", "DATA-TYPE-INT", "DATA-TYPE-DECIMAL",
				"DATA-TYPE-BOOL", "DATA-TYPE-DATE", "DATA-TYPE-DATETIME", "DATA-TYPE-ARRAY", "DATA-TYPE-MULTISELECTINT",
				"DATA-TYPE-UNKNOWN", "DATA-TYPE-TEXT-ARRAY"),
			f("isRequired", boolean, 0, "Whether it must be filled in."),
			f("strValue", text, create|update, "Text."),
			f("intValue", scaled, create|update, "Number.").scaledBy("decimalPlaces"),
			f("boolValue", boolean, create|update, "Yes or no."),
			f("dateValue", date, create|update, "Date."),
			f("dateTimeValue", moment, create|update, "Moment."),
			each("multiSelectInt", "", number, create|update, "Choices."),
		},
		"Barcode": {
			f("barcodeId", long, 0, "Identity of the barcode."),
			f("description", text, 0, "Description."),
			f("barcode", ident, 0, "Barcode."),
			f("barcodeDate", date, 0, "Date of the barcode."),
			f("quantity", quantity, 0, "Quantity it stands for.").scaledBy("decimalPlaces"),
			f("purchasePrice", cents, 0, "Purchase price."),
			f("priceIncl", cents, 0, "Price with VAT."),
			f("priceExcl", cents, 0, "Price without VAT."),
			f("isCurrent", boolean, 0, "Whether it is the one in use."),
		},
		"ArticleStock": {
			f("branchNumber", number, match|create|sdk.Required, "Branch.").ref("branch"),
			f("articleNumber", long, match|create|sdk.Required, "Article.").ref("article").required(),
			f("changeTimestamp", moment, 0, "When it was changed last."),
			f("stockId", long, 0, "Place in the sequence of stock changes.").required(),
			f("amountFree", quantity, 0, "Can be sold.").scaledBy("decimalPlacesFree").required(),
			f("amountReserved", quantity, 0, "In orders that are not delivered.").scaledBy("decimalPlacesReserved").required(),
			f("amountIncoming", quantity, 0, "In purchase orders.").scaledBy("decimalPlacesIncoming").required(),
			f("ownAmountFree", decimal, 0, "Own stock that can be sold."),
			f("ownAmountReserved", decimal, 0, "Own stock in orders."),
			f("ownAmountIncoming", decimal, 0, "Own stock in purchase orders."),
			f("isDayStockArticle", boolean, 0, "Whether stock is kept per day.").required(),
		},
	}
}

func articleFieldsOf() []field {
	const both = create | update
	return []field{
		f("articleNumber", long, match|create, "Number of the article; without it MplusKASSA gives one."),
		f("extArticleId", ident, match|both, "The article's id in another system."),
		f("pluNumber", ident, match|both, "PLU number; may have letters."),
		f("syncMarker", long, 0, "Place in the sequence of changes."),
		f("changeTimestamp", moment, 0, "When it was changed last."),
		f("createTimestamp", moment, 0, "When it was made."),
		f("active", boolean, both, "Whether it is in use. Articles are never deleted."),
		f("description", text, sdk.Required|both, "Description."),
		f("colour", text, both, "Colour."),
		f("colourSequenceNumber", number, 0, "Place among the colours."),
		f("size", text, both, "Size."),
		f("sizeSequenceNumber", number, 0, "Place among the sizes."),
		f("invoiceText", text, both, "Text on invoices."),
		f("receiptText", text, both, "Text on receipts."),
		f("displayText", text, both, "Text on the display."),
		f("barcode", ident, match|both, "Barcode."),
		f("barcodeDate", date, both, "Date of the barcode."),
		f("contentUnit", text, 0, "Unit of the content."),
		f("contentQuantity", quantity, 0, "Content.").scaledBy("contentQuantityDecimalPlaces"),
		f("brandName", text, both, "Brand."),
		f("extraText", text, both, "More text."),
		f("turnoverGroup", number, both, "Turnover group, 0 to 999."),
		f("vatCode", number, both, "VAT code.").ref("vat_group"),
		f("vatPercentage", percent, 0, "VAT rate in percent."),
		f("vatCodeAlternative", number, 0, "VAT code for take-away."),
		f("vatPercentageAlternative", percent, 0, "VAT rate for take-away in percent."),
		f("averagePurchasePrice", cents, 0, "Average purchase price."),
		f("purchasePrice", cents, both, "Purchase price."),
		f("priceIncl", cents, both, "Price with VAT. Send this or priceExcl: the other is reckoned."),
		f("priceExcl", cents, both, "Price without VAT."),
		f("siUnit", text, 0, "Unit of measure."),
		f("unit", text, 0, "Unit."),
		f("supplierRelationNumber", long, both, "Supplier.").ref("relation"),
		f("supplierRelationName", text, 0, "Name of the supplier."),
		f("supplierArticleNumber", text, both, "The supplier's number of the article."),
		f("webshop", boolean, both, "Whether the web shop has it."),
		f("categoryId", number, 0, "Category; superseded by categoryIds."),
		each("categoryIds", "category", number, 0, "Categories."),
		f("stockArticle", boolean, both, "Whether stock is kept."),
		f("specialPrice", text, 0, "How the price comes about."),
		many("customFieldList", "customField", "CustomField", both, "Fields of the installation's own."),
		many("barcodeList", "barcode", "Barcode", 0, "All barcodes."),
		f("discontinued", boolean, both, "Whether it is being sold off."),
	}
}

func groupTypes() schema {
	return schema{
		"ChangedArticleGroup": {
			f("groupNumber", number, match, "Number of the group.").required(),
			f("parentGroupNumber", number, match|create|update, "Group it is in; 0 for none.").ref("article_group"),
			f("syncMarker", long, 0, "Place in the sequence of changes."),
			f("name", text, sdk.Required|match|create|update, "Name.").required(),
			f("text", text, create|update, "Text.").required(),
			each("subGroupNumbers", "number", long, 0, "Groups inside it."),
			f("sortOrder", number, create|update, "Place among its neighbours.").required(),
			each("productNumbers", "number", long, 0, "Products in it."),
			f("isDeleted", boolean, 0, "Whether it was deleted."),
		},
	}
}

// treeTypes are those of the tree that groups are looked up in.
func treeTypes() schema {
	return schema{
		"ArticleGroup": {
			f("groupNumber", number, 0, "").required(), f("name", text, 0, "").required(), f("text", text, 0, "").required(),
			many("subGroupList", "articleGroups", "ArticleGroup", 0, "").required(), f("sortOrder", number, 0, "").required(),
			each("productNumbers", "number", long, 0, ""),
		},
	}
}

func listTypes() schema {
	return schema{
		"Branch": {
			f("branchNumber", number, match, "Number of the branch.").required(),
			f("branchName", text, match, "Name.").required(),
			f("relationNumber", long, 0, "Relation it is for itself.").ref("relation"),
			f("abbreviation", text, 0, "Short name.").required(),
			f("extBranchId", ident, match, "The branch's id in another system."),
			f("priceGroupNumber", number, 0, "Price group."),
			many("workplaces", "workplace", "Workplace", 0, "Workplaces."),
			f("countryCode", number, 0, "Country, as a number.").required(),
			f("countryIso3", text, 0, "Country, in three letters.").required(),
			f("countryName", text, 0, "Country, in words.").required(),
		},
		"Workplace": {
			f("workplaceNumber", number, 0, "Number of the workplace.").required(),
			f("workplaceName", text, 0, "Name.").required(),
			f("isMobile", boolean, 0, "Whether it is carried about.").required(),
			f("workplaceType", text, 0, "Kind of workplace."),
			f("extWorkplaceId", ident, 0, "The workplace's id in another system."),
		},
		"Employee": {
			f("employeeNumber", long, match, "Number of the employee."),
			f("extEmployeeId", ident, match, "The employee's id in another system."),
			f("syncMarker", long, 0, "Place in the sequence of changes."),
			f("createTimestamp", moment, 0, "When it was made."),
			f("changeTimestamp", moment, 0, "When it was changed last."),
			f("name", text, pii|match, "Name."),
			f("email", text, pii, "E-mail address."),
			f("active", boolean, 0, "Whether it is in use."),
		},
		"PaymentMethod": {
			f("method", text, match, "Code of the method.").required(),
			f("description", text, match, "Description.").required(),
			f("buttonText", text, 0, "Text on the button.").required(),
			f("allowNegativeAmount", boolean, 0, "Whether it can pay back.").required(),
			f("active", boolean, 0, "Whether it is in use."),
			f("type", text, 0, "Kind of method."),
			f("accountNumber", number, 0, "Ledger account."),
		},
		"DeliveryMethod": {
			f("deliveryMethod", text, match, "Code of the method.").required(),
			f("description", text, match, "Description.").required(),
			f("buttonText", text, 0, "Text on the button.").required(),
			f("enabled", boolean, 0, "Whether it is in use."),
		},
		"OrderCategory": {
			f("orderCategoryNumber", number, match, "Number of the category.").required(),
			f("orderCategoryDescription", text, match, "Description.").required(),
			each("orderCategoryDependencyNumbers", "", number, 0, "Categories that must come before."),
			f("allowCancel", boolean, 0, "Whether such orders can be cancelled.").required(),
			f("allowProcess", boolean, 0, "Whether such orders can be processed.").required(),
		},
	}
}
