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

// Choice is a setting that kopru init asks for: one of Among, one that a system knows, or with neither a text that is
// typed. With Keys or Of, the setting is a map, and these are its keys.
type Choice struct {
	Setting string
	Among   []string
	Values  List
	Keys    List
	Of      []string
}

// IsMap tells whether a setting has a value for each of several keys.
func (c Choice) IsMap() bool { return c.Keys != (List{}) || c.Of != nil }

// Choices are the settings that kopru init asks for, in its order. Those of a flow that is not wanted are left out.
var Choices = []Choice{
	{Setting: "order_form", Among: []string{"sales_order", "invoice", "invoiced_order"}},
	{Setting: "orders_start"},
	{Setting: "employee_number", Values: till("employee", "employeeNumber", "name")},
	{Setting: "order_type", Values: books("order_type", "orderType", "description")},
	{Setting: "return_order_type", Values: books("order_type", "orderType", "description")},
	{Setting: "quote_order_type", Values: books("order_type", "orderType", "description")},
	{Setting: "vat_categories", Keys: vatRates, Values: books("vat_category", "vatCategoryId", "description")},
	{Setting: "vat_zone", Values: books("vat_zone", "id", "description")},
	{Setting: "revenue_accounts", Of: []string{"domestic", "eu", "outside"}, Values: accounts},
	{Setting: "default_debtor"},
	{Setting: "customer_class_person", Values: books("customer_class", "id", "description")},
	{Setting: "customer_class_company", Values: books("customer_class", "id", "description")},
	{Setting: "credit_terms", Values: books("credit_terms", "termsId", "description")},
	{Setting: "branches", Keys: till("branch", "branchNumber", "branchName"), Values: books("branch", "number", "name")},
	{
		Setting: "delivery_methods",
		Keys:    till("delivery_method", "deliveryMethod", "description"), Values: books("carrier", "carrierId", "carrierDescription"),
	},
	{Setting: "payment_methods", Keys: payments, Values: books("payment_method", "paymentMethodID", "description")},
	{Setting: "missing_item", Among: []string{"park", "create", "fallback"}},
	{Setting: "item_class", Values: books("item_class", "id", "description")},
	{Setting: "warehouse", Values: books("warehouse", "warehouseID", "description")},
	{
		Setting: "vat_codes",
		Keys:    books("vat_category", "vatCategoryId", "description"), Values: till("vat_group", "vatCode", "vatPercentage"),
	},
	{Setting: "receipts_start"},
	{Setting: "receipt_revenue_accounts", Keys: vatRates, Values: accounts},
	{Setting: "receipt_payment_accounts", Keys: payments, Values: accounts},
}

var (
	vatRates = till("vat_group", "vatPercentage", "")
	payments = till("payment_method", "method", "description")
	accounts = books("account", "accountCD", "description")
)

func till(entity, key, label string) List { return List{"mpluskassa.shop", entity, key, label} }

func books(entity, key, label string) List { return List{"vismanet.books", entity, key, label} }
