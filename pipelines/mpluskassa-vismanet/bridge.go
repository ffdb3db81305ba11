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
// typed, or yes or no where the variable is a bool. With Keys or Of, the setting is a map, and these are its keys.
type Choice struct {
	Setting string
	Part    string // what it is about, as a heading
	Among   []string
	Values  List
	Keys    List
	Of      []string
}

// IsMap tells whether a setting has a value for each of several keys.
func (c Choice) IsMap() bool { return c.Keys != (List{}) || c.Of != nil }

// Choices are the settings that kopru init asks for, in its order. Those of a flow that is not wanted are left out.
var Choices = []Choice{
	{Setting: "order_form", Part: "Orders", Among: []string{"sales_order", "invoice", "invoiced_order"}},
	{Setting: "orders_start", Part: "Orders"},
	{Setting: "employee_number", Part: "Orders", Values: till("employee", "employeeNumber", "name")},
	{Setting: "order_type", Part: "Orders", Values: books("order_type", "orderType", "description")},
	{Setting: "return_order_type", Part: "Orders", Values: books("order_type", "orderType", "description")},
	{Setting: "quote_order_type", Part: "Orders", Values: books("order_type", "orderType", "description")},
	{Setting: "check_totals", Part: "Orders"},
	{Setting: "ship_orders", Part: "Orders"},
	{Setting: "release_invoices", Part: "Orders"},
	{Setting: "settle_credits", Part: "Orders"},
	{Setting: "vat_categories", Part: "VAT and revenue", Keys: vatRates, Values: books("vat_category", "vatCategoryId", "description")},
	{Setting: "vat_zone", Part: "VAT and revenue", Values: books("vat_zone", "id", "description")},
	{Setting: "revenue_accounts", Part: "VAT and revenue", Of: []string{"domestic", "eu", "outside"}, Values: accounts},
	{Setting: "default_debtor", Part: "Customers"},
	{Setting: "always_default_debtor", Part: "Customers"},
	{Setting: "update_customers", Part: "Customers"},
	{Setting: "customer_class_person", Part: "Customers", Values: books("customer_class", "id", "description")},
	{Setting: "customer_class_company", Part: "Customers", Values: books("customer_class", "id", "description")},
	{Setting: "credit_terms", Part: "Customers", Values: books("credit_terms", "termsId", "description")},
	{Setting: "customers_without_email", Part: "Customers"},
	{Setting: "branches", Part: "Branches, deliveries and payments", Keys: till("branch", "branchNumber", "branchName"), Values: books("branch", "number", "name")},
	{
		Setting: "delivery_methods", Part: "Branches, deliveries and payments",
		Keys: till("delivery_method", "deliveryMethod", "description"), Values: books("carrier", "carrierId", "carrierDescription"),
	},
	{Setting: "payment_methods", Part: "Branches, deliveries and payments", Keys: payments, Values: books("payment_method", "paymentMethodID", "description")},
	{Setting: "register_payments", Part: "Branches, deliveries and payments"},
	{Setting: "missing_item", Part: "Products", Among: []string{"park", "create", "fallback"}},
	{Setting: "item_class", Part: "Products", Values: books("item_class", "id", "description")},
	{Setting: "warehouse", Part: "Products", Values: books("warehouse", "warehouseID", "description")},
	{
		Setting: "vat_codes", Part: "Products",
		Keys: books("vat_category", "vatCategoryId", "description"), Values: till("vat_group", "vatCode", "vatPercentage"),
	},
	{Setting: "item_price_with_vat", Part: "Products"},
	{Setting: "stock_available_is_net", Part: "Stock"},
	{Setting: "receipts_start", Part: "Receipts"},
	{Setting: "receipts_of_orders", Part: "Receipts"},
	{Setting: "receipt_revenue_accounts", Part: "Receipts", Keys: vatRates, Values: accounts},
	{Setting: "receipt_payment_accounts", Part: "Receipts", Keys: payments, Values: accounts},
}

var (
	vatRates = till("vat_group", "vatPercentage", "")
	payments = till("payment_method", "method", "description")
	accounts = books("account", "accountCD", "description")
)

func till(entity, key, label string) List { return List{"mpluskassa.shop", entity, key, label} }

func books(entity, key, label string) List { return List{"vismanet.books", entity, key, label} }
