// Package bridge is the shipped bridge between MplusKASSA and Visma.net.
package bridge

import "embed"

// Name is how a use block names the bridge.
const Name = "mpluskassa-vismanet"

// Files are its pipelines, scripts and tests, so that every kopru has them along.
//
//go:embed *.hcl *.ts *.json
var Files embed.FS

// List is where the values come from that a setting may have: the records of an entity.
type List struct {
	Connection string // "vismanet.books"
	Entity     string
	Key, Label string // fields
}

// Choice is a setting whose values the systems know. With Keys, the setting is a map, and they are its keys.
type Choice struct {
	Setting string
	Keys    *List
	Values  List
}

// Choices are the settings for which kopru init asks the systems.
var Choices = []Choice{
	{Setting: "employee_number", Values: till("employee", "employeeNumber", "name")},
	{Setting: "order_type", Values: books("order_type", "orderType", "description")},
	{Setting: "return_order_type", Values: books("order_type", "orderType", "description")},
	{
		Setting: "vat_categories", Values: books("vat_category", "vatCategoryId", "description"),
		Keys: &List{"mpluskassa.shop", "vat_group", "vatPercentage", ""},
	},
	{Setting: "vat_zone", Values: books("vat_zone", "id", "description")},
	{Setting: "customer_class_person", Values: books("customer_class", "id", "description")},
	{Setting: "customer_class_company", Values: books("customer_class", "id", "description")},
	{Setting: "credit_terms", Values: books("credit_terms", "termsId", "description")},
	{
		Setting: "delivery_methods", Values: books("carrier", "carrierId", "carrierDescription"),
		Keys: &List{"mpluskassa.shop", "delivery_method", "deliveryMethod", "description"},
	},
	{
		Setting: "payment_methods", Values: books("payment_method", "paymentMethodID", "description"),
		Keys: &List{"mpluskassa.shop", "payment_method", "method", "description"},
	},
	{
		Setting: "vat_codes", Values: till("vat_group", "vatCode", "vatPercentage"),
		Keys: &List{"vismanet.books", "vat_category", "vatCategoryId", "description"},
	},
	{Setting: "warehouse", Values: books("warehouse", "warehouseID", "description")},
	{Setting: "item_class", Values: books("item_class", "id", "description")},
}

func till(entity, key, label string) List { return List{"mpluskassa.shop", entity, key, label} }

func books(entity, key, label string) List { return List{"vismanet.books", entity, key, label} }
