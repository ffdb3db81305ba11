package mpluskassa

import (
	"slices"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// Manifest describes the connector.
func (c *Connector) Manifest() *protocol.Manifest {
	s := newSchema()
	return &protocol.Manifest{
		Access: &protocol.Access{Hosts: []string{"*"}}, // the one in the settings
		Name:   "mpluskassa", Version: "0.1.0", Config: append(attributes(), unknowns()...),
		Summary: "MplusKASSA, a point-of-sale system: orders, relations, articles and stock over its SOAP API.",
		Entities: append([]*protocol.Entity{
			orderEntity(s), proposalEntity(s), receiptDayEntity(s), relationEntity(s), articleEntity(s), productEntity(s), stockEntity(s), groupEntity(s),
		}, listEntities(s)...),
	}
}

func orderEntity(s schema) *protocol.Entity {
	fields := withRelation(s, "Order")
	fields = append(fields, sdk.Object(deliveredField, "How much is delivered of each line, by lineId, such as {\"…\": 2}. "+
		"Setting it delivers what is missing, on a packing slip; those left out stay as they are.", sdk.OnUpdate))
	return &protocol.Entity{
		Name: "order", IdField: "orderId", Fields: fields, Concurrency: 2,
		Description: "Orders with their lines. A change can deliver one, or cancel it.",
		CanRead:     true, Incremental: true, CanLookup: true, CanCreate: true, CanUpdate: true,
		SourceOptions: append(orderOptions(), &protocol.Attribute{
			Name: "order_types", Type: texts,
			Description: "Kinds of orders, such as ORDER-TYPE-TABLE-ORDER. Without it sales, repeat and external sales orders.",
		}),
		SinkOptions: []*protocol.Attribute{
			sdk.WithDefault(sdk.Attribute("employee", textual,
				"Employee number for orders without one. It must exist.", 0), "999999"),
			oneOf(sdk.WithDefault(sdk.Attribute("vat_method", textual,
				"How VAT is reckoned on orders that don't say.", 0), vatMethods()[0]), vatMethods()...),
		},
	}
}

// withRelation are the fields of an order or a proposal, with its customer and what its lines say about articles.
func withRelation(s schema, of string) []*protocol.Field {
	return append(withLines(s, s.described(of)), sdk.Object("relation",
		"Its relation, with with_relation; null when there is none with its number.", 0, inside(s.described("Relation"), 0)...))
}

func withLines(s schema, fields []*protocol.Field) []*protocol.Field {
	for _, f := range fields {
		if f.GetName() == "lineList" {
			f.Fields = lineFields(s)
		}
	}
	return fields
}

func proposalEntity(s schema) *protocol.Entity {
	fields := inside(withRelation(s, "Proposal"), 0)
	return &protocol.Entity{
		Name: "proposal", IdField: "proposalId", Fields: fields, Concurrency: 2,
		Description: "Proposals with their lines.", CanRead: true, Incremental: true, SourceOptions: orderOptions(),
	}
}

func receiptDayEntity(s schema) *protocol.Entity {
	const text = protocol.FieldType_FIELD_TYPE_STRING
	branch := sdk.Field("branchNumber", protocol.FieldType_FIELD_TYPE_INTEGER, "Branch that books the receipts.", 0)
	branch.References = "branch"
	return &protocol.Entity{
		Name: "receipt_day", IdField: "id", Concurrency: 2,
		Description: `The receipts of a day of a branch: once the day is over, and again when one is added or changed later.`,
		CanRead:     true, Incremental: true,
		Fields: []*protocol.Field{
			sdk.Field("id", text, `Branch and day, as "1/2026-01-31".`, 0), branch,
			sdk.Field("date", protocol.FieldType_FIELD_TYPE_DATE, "Booking date.", 0),
			sdk.List("receipts", "All receipts of the day.", 0, inside(withLines(s, s.described("Receipt")), 0)...),
		},
		SourceOptions: []*protocol.Attribute{
			sdk.Attribute("start", day, "Days before this one are left alone; empty takes all.", 0),
			sdk.WithDefault(sdk.Attribute("hours_after", integer,
				"A day is over so many hours after midnight, by the till's clock.", 0), 4),
		},
	}
}

func orderOptions() []*protocol.Attribute {
	return []*protocol.Attribute{
		sdk.Attribute("start", day,
			"What has a booking date before this day is left alone; empty takes all.", 0),
		sdk.WithDefault(sdk.Attribute("with_relation", yesNo,
			"Give each its `relation`.", 0), false),
		sdk.WithDefault(sdk.Attribute("with_products", yesNo,
			"Give every line its article as `product`.", 0), false),
	}
}

// lineFields are those of a line with what this connector adds.
func lineFields(s schema) []*protocol.Field {
	return append(s.described("Line"),
		sdk.Field("sku", protocol.FieldType_FIELD_TYPE_STRING, "What identifies the article to other systems; see the setting `sku`.", 0),
		sdk.Object("product", "The line's article, with with_products; null when there is none with its number.", 0,
			inside(articleFields(s), 0)...))
}

func articleFields(s schema) []*protocol.Field {
	product := sdk.Field("productNumber", protocol.FieldType_FIELD_TYPE_INTEGER,
		"Product the article belongs to; a new article without it makes a product of its own.", sdk.OnCreate)
	product.References = "product"
	groups := sdk.Scalars("groupNumbers", "Article groups the product is in, by number.", sdk.Writable,
		protocol.FieldType_FIELD_TYPE_INTEGER)
	groups.References = "article_group"
	return append(s.described("Article"),
		product, groups, customFieldsField(),
		sdk.Field("productDescription", protocol.FieldType_FIELD_TYPE_STRING, "Description of the product.", 0),
		sdk.Field("sku", protocol.FieldType_FIELD_TYPE_STRING,
			"What identifies the article to other systems; see the setting `sku`. Written as the field that it stands for.", sdk.Match))
}

func customFieldsField() *protocol.Field {
	return sdk.Object("customFields",
		`Fields of the installation's own by name, such as { Seizoen = "Zomer" }; those left out stay as they are.`, sdk.Writable)
}

func relationEntity(s schema) *protocol.Entity {
	return &protocol.Entity{
		Name: "relation", IdField: "relationNumber", Fields: s.described("Relation"), Concurrency: 2, LookupBatch: lookupBatch,
		Description: "Customers and suppliers.",
		CanRead:     true, Incremental: true, CanLookup: true, CanCreate: true, CanUpdate: true,
	}
}

func articleEntity(s schema) *protocol.Entity {
	return &protocol.Entity{
		Name: "article", IdField: "articleNumber", Fields: articleFields(s), Concurrency: 2, LookupBatch: lookupBatch,
		Description: "What is sold, stocked and ordered; sizes and colours of one product are articles each.",
		CanRead:     true, Incremental: true, CanLookup: true, CanCreate: true, CanUpdate: true,
	}
}

func productEntity(s schema) *protocol.Entity {
	fields := s.described("Product")
	for _, f := range fields {
		if f.GetName() == "articleList" {
			f.Fields = append(f.Fields, inside([]*protocol.Field{customFieldsField()}, create)...)
		}
	}
	return &protocol.Entity{
		Name: "product", IdField: "productNumber", Fields: fields, Concurrency: 2,
		Description: "Products with their articles. A new one needs the articles it begins with; later ones are written as article.",
		CanRead:     true, Incremental: true, CanLookup: true, CanCreate: true, CanUpdate: true,
	}
}

func stockEntity(s schema) *protocol.Entity {
	const decimals = protocol.FieldType_FIELD_TYPE_DECIMAL
	branch := sdk.Attribute("branch", integer, "Branch whose stock is read.", sdk.Required)
	employee := sdk.Attribute("employee", textual, "Employee number that stock is set under.", 0)
	fields := append(s.described("ArticleStock"),
		sdk.Field("available", decimals, "What can be sold once reservations are off; see the setting `free_is_net`. "+
			"Set it or `amount`: what is reserved at that moment is put on top.", sdk.Writable),
		sdk.Field("amount", decimals, "All that is there, reserved or not; see the setting `stock_amount`.", sdk.Writable),
		sdk.Field("reference", protocol.FieldType_FIELD_TYPE_STRING, "Reference of the change.", sdk.Writable),
		sdk.Field("employeeNumber", protocol.FieldType_FIELD_TYPE_INTEGER, "Employee the change stands under.", sdk.Writable))
	return &protocol.Entity{
		Name: "stock", Fields: fields, Concurrency: 2, LookupBatch: lookupBatch,
		Description: `Stock per branch and article; its id is "branch/article".`,
		CanRead:     true, Incremental: true, CanLookup: true, CanCreate: true, CanUpdate: true,
		SourceOptions: []*protocol.Attribute{branch}, SinkOptions: []*protocol.Attribute{employee},
	}
}

func groupEntity(s schema) *protocol.Entity {
	const text = protocol.FieldType_FIELD_TYPE_STRING
	fields := append(s.described("ChangedArticleGroup"),
		sdk.Field("path", text, `Its name behind those above it, such as "Webshop > Kleding".`, sdk.Match),
		sdk.Field("parent", text, "Path of the group it is in, empty for none. Written instead of parentGroupNumber.", sdk.Writable))
	return &protocol.Entity{
		Name: "article_group", IdField: "groupNumber", Fields: fields, Concurrency: 2,
		Description: "Article groups, also called web groups; deleted ones come as deletions.",
		CanRead:     true, Incremental: true, CanLookup: true, CanCreate: true, CanUpdate: true,
	}
}

func listEntities(s schema) []*protocol.Entity {
	c := &client{codec: codec{schema: s}, operations: operations()}
	out := []*protocol.Entity{{
		Name: "employee", IdField: "employeeNumber", Fields: s.described("Employee"), Concurrency: 2,
		Description: "Employees.", CanRead: true, Incremental: true, CanLookup: true,
	}}
	about := map[string]string{
		"branch": "Branches with their workplaces.", "vat_group": "VAT rates per branch and country.",
		"payment_method": "Payment methods.", "delivery_method": "Delivery methods.", "order_category": "Order categories.",
	}
	for name, l := range lists() {
		e := &protocol.Entity{
			Name: name, IdField: l.id, Description: about[name], Fields: s.described(c.listOf(l.operation).of),
			Concurrency: 2, CanRead: true, CanLookup: true,
		}
		if name == "vat_group" {
			e.IdField = "" // a code is one only within its branch and country
		}
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b *protocol.Entity) int {
		if a.GetName() < b.GetName() {
			return -1
		}
		return 1
	})
	return out
}

func oneOf(a *protocol.Attribute, values ...string) *protocol.Attribute {
	a.Values = values
	return a
}
