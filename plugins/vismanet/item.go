package vismanet

import (
	"context"
	"net/url"
	"slices"
	"strconv"

	"github.com/kopru-io/kopru/plugins/sdk"
)

func item() *entity {
	return &entity{
		name: "inventory_item", path: "/v1/inventory", key: "inventoryNumber", paged: true,
		about: "An item: a stock item, a non-stock item or a service.",
		// Visma says that the defaults of these will change: each is sent.
		query:    itemParts("CrossReference", "Attribute", "AccountInformation", "Note", "SalesCategories"),
		modified: "lastModifiedDateTime", version: "timestamp", create: true, update: true,
		matches: []match{
			{field: "inventoryNumber", fold: true},
			{field: "alternateID", query: "alternateID", fold: true, values: alternates},
		},
		fallback: "alternateID",
		natural:  only("inventoryNumber"),
		fields:   itemFields(),
		join:     joinItems,
		prepare:  prepareBarcode,
	}
}

// itemParts asks for some parts of items and says of the others that they are not wanted.
func itemParts(wanted ...string) url.Values {
	query := url.Values{"addCostPriceStatistics": {"false"}}
	for _, part := range []string{
		"CrossReference", "Attribute", "AccountInformation", "Note", "Attachment", "WarehouseDetail", "InventoryUnits",
		"SupplierDetails", "SalesCategories",
	} {
		query.Set("expand"+part, strconv.FormatBool(slices.Contains(wanted, part)))
	}
	return query
}

// joinItems tells items the currency of their prices and where in the tree their categories stand.
func joinItems(ctx context.Context, a *erpAPI, rows []row) error {
	currency, err := a.baseCurrency(ctx)
	if err != nil {
		return err
	}
	var paths map[string]any
	for _, r := range rows {
		if currency != "" {
			r.Fields["currencyId"] = currency
		}
		categories, _ := r.Fields["salesCategories"].([]any)
		if len(categories) > 0 && paths == nil {
			if paths, err = a.categoryPaths(ctx); err != nil {
				return err
			}
		}
		for _, c := range categories {
			m, _ := c.(map[string]any)
			if path := paths[textOf(m["categoryId"])]; path != nil {
				m["path"] = path
			}
		}
	}
	return nil
}

// baseCurrency is the company's; it is asked for once.
func (a *erpAPI) baseCurrency(ctx context.Context) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.currency != "" {
		return a.currency, nil
	}
	found, err := a.find(ctx, nil, currency(), nil)
	if err != nil {
		return "", err
	}
	for _, f := range found {
		if f.Fields["isBaseCurrency"] == true {
			a.currency = f.ID
		}
	}
	return a.currency, nil
}

// alternates are the numbers that mean the item to anybody: not those of one customer or supplier.
func alternates(fields map[string]any) []any {
	items, _ := fields["crossReferences"].([]any)
	var out []any
	for _, item := range items {
		m, _ := item.(map[string]any)
		if m["alternateType"] == "Barcode" || m["alternateType"] == "Global" {
			out = append(out, m["alternateID"])
		}
	}
	return out
}

func itemFields() []field {
	fields := append(itemMainFields(), itemAccounts()...)
	return append(fields,
		field{
			name: "packaging", kind: object, bare: true, flags: write, about: "Weight and volume.",
			fields: []field{
				{name: "baseItemWeight", kind: decimal, about: "Weight of one."},
				{name: "weightUOM", about: "Unit of the weight."},
				{name: "baseItemVolume", kind: decimal, about: "Volume of one."},
				{name: "volumeUOM", about: "Unit of the volume."},
			},
		},
		field{
			name: "intrastat", kind: object, bare: true, flags: write, about: "For intrastat.",
			fields: []field{
				{name: "cN8", about: "Commodity code."},
				{name: "countryOfOrigin", about: "Country of origin."},
				{name: "supplementaryMeasureUnit", about: "Supplementary unit."},
			},
		},
		attributeField("item class"),
		field{
			name: "attributeTexts", kind: pairs, decode: attributeTexts, from: "attributes",
			about: `What the attributes' values are called, by the attribute's id, such as {"COLOR": "Red"}.`,
		},
		field{
			name: "salesCategories", kind: list, about: "Sales categories it is in; Visma.net lets only people set them.",
			fields: []field{
				{name: "categoryId", kind: whole, refs: "sales_category", about: "Category."},
				{name: "description", about: "Name."},
				{name: "path", decode: nothing, about: "Its name behind those above it, such as \"Web > Shoes\", in reads."},
			},
		},
		crossReferences(), barcode(),
		field{name: "lastModifiedDateTime", kind: moment, about: "When it last changed."},
	)
}

func itemMainFields() []field {
	types := []string{
		"NonStockItem", "LaborItem", "ServiceItem", "ChargeItem", "ExpenseItem",
		"FinishedGoodItem", "ComponentPartItem", "SubassemblyItem",
	}
	return []field{
		{name: "inventoryNumber", flags: once, about: "Item number; left out when Visma.net numbers by itself."},
		{name: "inventoryId", kind: whole, about: "Visma.net's own id."},
		{name: "alternateID", about: "Only for look-ups: a barcode or global number of crossReferences.", decode: nothing},
		{
			name: "status", flags: write, about: "Whether the item is in use.",
			values: []string{"Active", "NoSales", "NoPurchases", "NoRequest", "Inactive", "MarkedForDeletion", "Unknown"},
		},
		{name: "type", flags: write, about: "The last three are kept in stock, the others are not.", values: types},
		{name: "description", flags: write, about: "Short name, one line."},
		{name: "body", flags: write, about: "Long text."},
		{name: "itemClass", from: "itemClass.id", flags: write, refs: "item_class", about: "Class; may supply what is left out."},
		{name: "postingClass", from: "postingClass.id", flags: write, about: "Posting class, of stock items."},
		{name: "vatCode", from: "vatCode.id", flags: write, refs: "vat_category", about: "VAT category."},
		{name: "defaultPrice", kind: decimal, flags: write, about: "Price in the base currency, without VAT."},
		{name: "recommendedPrice", kind: decimal, about: "Recommended price."},
		{name: "currencyId", decode: nothing, about: "Currency of its prices: the company's base currency, in reads."},
		{name: "baseUnit", flags: write, about: "Unit it is counted in."},
		{name: "salesUnit", flags: write, about: "Unit it is sold in."},
		{name: "purchaseUnit", flags: write, about: "Unit it is bought in."},
		{name: "defaultWarehouse", from: "defaultWarehouse.id", flags: write, refs: "warehouse", about: "Warehouse."},
		{name: "defaultIssueFrom", from: "defaultIssueFrom.id", flags: write, about: "Location it is issued from."},
		{name: "defaultReceiptTo", from: "defaultReceiptTo.id", flags: write, about: "Location it is received to."},
		{name: "kitItem", kind: truth, flags: write, about: "It is a kit."},
		{name: "stockItem", kind: truth, about: "It is kept in stock."},
		{name: "note", flags: write, about: "Note."},
	}
}

// itemAccounts are read from an object of their own.
func itemAccounts() []field {
	var fields []field
	for _, a := range [][2]string{
		{"salesAccount", "Sales account."},
		{"salesNonTaxableAccount", "Sales account without VAT."},
		{"salesEuAccount", "Sales account in the EU."},
		{"salesExportAccount", "Export account."},
		{"expenseAccount", "Expense account."},
		{"expenseNonTaxableAccount", "Expense account without VAT."},
		{"expenseEuAccount", "Expense account in the EU."},
		{"expenseImportAccount", "Import account."},
		{"expenseAccrualAccount", "Expense accrual account."},
		{"inventoryAccount", "Inventory account, of stock items."},
		{"cogsAccount", "Cost of goods sold account, of stock items."},
	} {
		fields = append(fields, field{name: a[0], from: "accountInformation." + a[0] + ".number", flags: write, about: a[1]})
	}
	return fields
}

func nothing(any) any { return nil }

const barcodeType = "Barcode"

// barcode is the first of an item's barcodes.
func barcode() field {
	return field{
		name: "barcode", from: "crossReferences", flags: write,
		about: "Its barcode, the first of several. A new one takes the place of the only one there is, or stands beside several.",
		decode: func(v any) any {
			if all := barcodesIn(v); len(all) > 0 {
				return all[0]["alternateID"]
			}
			return nil
		},
		encode: func(v any) (string, any) {
			if textOf(v) == "" {
				return "crossReferences", []any{}
			}
			return "crossReferences", []any{map[string]any{
				"operation": "Insert", "alternateType": wrap(barcodeType), "alternateID": wrap(v),
			}}
		},
	}
}

func barcodesIn(references any) []map[string]any {
	items, _ := references.([]any)
	var out []map[string]any
	for _, item := range items {
		if m, _ := item.(map[string]any); m["alternateType"] == barcodeType && textOf(m["alternateID"]) != "" {
			out = append(out, m)
		}
	}
	return out
}

// prepareBarcode puts a new barcode in the place of the old one: a reference can't be told to have another number.
func prepareBarcode(ctx context.Context, a *erpAPI, t *trail, id string, body map[string]any) error {
	lines, _ := body["crossReferences"].([]any)
	if len(lines) == 0 {
		delete(body, "crossReferences")
		return nil
	}
	found, err := a.get(ctx, t, item(), id)
	if err != nil || found == nil {
		return err
	}
	line, _ := lines[0].(map[string]any)
	wanted, _ := line["alternateID"].(map[string]any)
	have := barcodesIn(found.Fields["crossReferences"])
	if slices.ContainsFunc(have, func(m map[string]any) bool { return textOf(m["alternateID"]) == textOf(wanted["value"]) }) {
		delete(body, "crossReferences")
		return nil
	}
	if len(have) == 1 {
		old := map[string]any{"operation": "Delete", "alternateType": wrap(barcodeType), "alternateID": wrap(have[0]["alternateID"])}
		if have[0]["uom"] != nil {
			line["uom"] = wrap(have[0]["uom"])
		}
		body["crossReferences"] = []any{old, line}
	}
	return nil
}

// crossReferences are inserted with a new item. To change them later, each line would have to say what is done to it.
func crossReferences() field {
	inner := []field{
		{
			name: "alternateType", about: "What kind of number it is: a customer's, a supplier's, anybody's or a barcode.",
			values: []string{"CPN", "VPN", "Global", "Barcode"}, flags: sdk.OnCreate,
		},
		{name: "alternateID", about: "The number.", flags: sdk.OnCreate},
		{name: "bAccount", from: "bAccount.number", about: "Customer or supplier whose number it is.", flags: sdk.OnCreate},
		{name: "description", about: "Description.", flags: sdk.OnCreate},
		{name: "uom", about: "Unit it stands for.", flags: sdk.OnCreate},
	}
	return field{
		name: "crossReferences", kind: list, flags: once, fields: inner,
		about: "Barcodes and other numbers of the item; set when the item is created.",
		encode: func(v any) (string, any) {
			items, _ := v.([]any)
			lines := make([]any, 0, len(items))
			for _, item := range items {
				m, _ := item.(map[string]any)
				line := map[string]any{"operation": "Insert"}
				for _, f := range inner {
					if m[f.name] != nil {
						line[f.name] = wrap(m[f.name])
					}
				}
				lines = append(lines, line)
			}
			return "crossReferences", lines
		},
	}
}
