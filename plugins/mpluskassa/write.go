package mpluskassa

import (
	"context"
	"errors"
	"maps"
	"strings"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

const (
	opCreate = protocol.Operation_OPERATION_CREATE
	opUpdate = protocol.Operation_OPERATION_UPDATE
)

// Writer opens a stream of writes to an entity.
func (c *connection) Writer(_ context.Context, r sdk.WriteRequest) (sdk.BatchWriter, error) {
	var write func(context.Context, sdk.Op, map[string]any) (string, *answer, error)
	of := ""
	switch r.Entity {
	case "relation":
		write, of = c.writeRelation, "Relation"
	case "order":
		of = "Order"
		write = func(ctx context.Context, op sdk.Op, fields map[string]any) (string, *answer, error) {
			return c.writeOrder(ctx, op, fields, r.Options)
		}
	case "article":
		write, of = c.writeArticle, "Article"
	case "stock":
		write = func(ctx context.Context, op sdk.Op, fields map[string]any) (string, *answer, error) {
			return c.writeStock(ctx, op, fields, r.Options)
		}
	default:
		return nil, sdk.Fatal("mpluskassa.unsupported", "%s can't be written", r.Entity)
	}
	return sdk.PerOp(c.concurrency, func(ctx context.Context, op sdk.Op) sdk.Result {
		fields, err := record.DecodeObject(op.Payload)
		if err != nil {
			return sdk.Result{Err: sdk.Invalid("mpluskassa.bad_value", "the payload can't be read: %v", err)}
		}
		if err := c.writable(r.Entity, of, op.Operation, fields); err != nil {
			return sdk.Result{Err: err}
		}
		id, a, err := write(ctx, op, fields)
		if err != nil {
			return sdk.Result{ID: id, Err: err, Exchanges: exchangesOf(err)}
		}
		return sdk.Result{ID: id, Exchanges: []*protocol.Exchange{a.exchange}}
	}), nil
}

// writable refuses operations and fields that the manifest doesn't offer: leaving one out in silence would be a lie.
func (c *client) writable(entity, of string, operation protocol.Operation, fields map[string]any) error {
	flag := create
	switch operation {
	case opCreate:
	case opUpdate:
		flag = update
	default:
		return sdk.Invalid("mpluskassa.unsupported",
			"MplusKASSA has no way to delete a %s; see the fields `active` and `cancelState`", entity)
	}
	if of == "" {
		return nil // the request's own schema judges
	}
	if joins := entity == "article" && operation == opCreate; joins && fields["productNumber"] != nil {
		fields = maps.Clone(fields)
		delete(fields, "productNumber")
	}
	return c.allowed(of, flag, fields)
}

// allowed checks the fields of a type and what is inside them.
func (c *client) allowed(of string, flag sdk.Flag, fields map[string]any) error {
	for name, v := range fields {
		f, known := c.schema.find(of, name)
		fail := sdk.Invalid("mpluskassa.unknown_field", "MplusKASSA has no field %q here", name)
		if known {
			fail = sdk.Invalid("mpluskassa.read_only_field", "MplusKASSA doesn't let %q be set here", name)
		}
		if !known || f.flags&flag == 0 {
			return fail.At(name)
		}
		inner := objects(v)
		if m, ok := v.(map[string]any); ok {
			inner = []map[string]any{m}
		}
		for _, m := range inner {
			if err := c.allowed(f.of, flag, m); err != nil {
				var fail *sdk.Failure
				if errors.As(err, &fail) {
					fail.Field = name + "." + fail.Field
				}
				return err
			}
		}
	}
	return nil
}

func (c *connection) writeRelation(ctx context.Context, op sdk.Op, fields map[string]any) (string, *answer, error) {
	if op.Operation == opUpdate {
		fields["relationNumber"] = record.Number(op.ID)
		a, err := c.send(ctx, "updateRelation", map[string]any{"relation": fields}, true)
		return op.ID, a, err
	}
	a, err := c.call(ctx, "createRelation", map[string]any{"relation": fields})
	if err != nil {
		return "", nil, err
	}
	return c.made(op, "createRelation", a, a.value("relationNumber"))
}

// made is a create's result. Without the number of what was made nobody could find it again.
func (c *client) made(op sdk.Op, operation string, a *answer, id string) (string, *answer, error) {
	if id == "" || id == "0" {
		f := sdk.Ambiguous("mpluskassa.bad_answer", "%s succeeded for %s, but the answer doesn't say which id it got", operation, op.Key)
		f.Exchanges = []*protocol.Exchange{a.exchange}
		return "", nil, f
	}
	return id, a, nil
}

// ---- orders

func (c *connection) writeOrder(
	ctx context.Context, op sdk.Op, fields map[string]any, options sdk.Config,
) (string, *answer, error) {
	if op.Operation == opUpdate {
		if fields["cancelState"] != stateCancelled {
			return op.ID, nil, sdk.Invalid("mpluskassa.read_only_field",
				"an order can only be cancelled: cancelState = %q", stateCancelled).At("cancelState")
		}
		a, err := c.call(ctx, "cancelOrder", map[string]any{"orderId": op.ID})
		return op.ID, a, err
	}
	for field, option := range map[string]string{
		"employeeNumber": "employee", "vatMethod": "vat_method",
	} {
		if v := options.String(option); v != "" && fields[field] == nil {
			fields[field] = v
		}
	}
	if c.exclusivePrice == priceExcl && fields["vatMethod"] == "VAT-METHOD-EXCLUSIVE" {
		eachLine(fields, priceWithoutVat)
	}
	a, err := c.createOrder(ctx, op, fields)
	if err != nil {
		return "", nil, err
	}
	id := ""
	if info := a.child("info"); info != nil {
		id = info.value("orderId")
	}
	return c.made(op, "createOrder", a, id)
}

// createOrder uses the call that can be repeated without making two orders, where the installation has it.
func (c *client) createOrder(ctx context.Context, op sdk.Op, order map[string]any) (*answer, error) {
	if op.IdempotencyKey != "" {
		a, err := c.call(ctx, "createOrderV3", map[string]any{"request": map[string]any{
			"idempotencyKey": op.IdempotencyKey, "order": order,
		}})
		if !isCode(err, codeNotImplemented) {
			return a, err
		}
	}
	return c.call(ctx, "createOrder", map[string]any{"order": order})
}

// priceWithoutVat is the opposite of withoutVat.
func priceWithoutVat(line map[string]any) {
	data, _ := line["data"].(map[string]any)
	if p, there := data["priceExcl"]; there {
		data["price"] = p
		delete(data, "priceExcl")
	}
}

// ---- articles

// writeArticle writes an article by way of its product, as MplusKASSA wants it. A new one makes a product of its own,
// or joins the one whose productNumber is given.
func (c *connection) writeArticle(ctx context.Context, op sdk.Op, fields map[string]any) (string, *answer, error) {
	product := map[string]any{"articleList": []any{fields}}
	if op.Operation == opUpdate {
		fields["articleNumber"] = record.Number(op.ID)
		owners, err := c.articlesBy(ctx, []string{op.ID})
		if err != nil {
			return op.ID, nil, err
		}
		owner := owners[op.ID]
		if owner == nil {
			return op.ID, nil, sdk.NotFound("mpluskassa.article_not_found", "there is no article %s", op.ID)
		}
		product["productNumber"] = owner["productNumber"]
		a, err := c.send(ctx, "updateProduct", map[string]any{"product": product}, true)
		return op.ID, a, err
	}
	if number := fields["productNumber"]; number != nil {
		delete(fields, "productNumber")
		product["productNumber"] = number
		a, err := c.call(ctx, "updateProduct", map[string]any{"product": product})
		if err != nil {
			return "", nil, err
		}
		return c.made(op, "updateProduct", a, orElse(a.value("newArticleNumbers"), fields["articleNumber"]))
	}
	product["description"] = fields["description"]
	a, err := c.call(ctx, "createProduct", map[string]any{"product": product})
	if err != nil {
		return "", nil, err
	}
	return c.made(op, "createProduct", a, a.value("articleNumbers"))
}

// ---- stock

// writeStock sets a stock. Create and update are the same: the amount is absolute, so it can be repeated.
func (c *connection) writeStock(
	ctx context.Context, op sdk.Op, fields map[string]any, options sdk.Config,
) (string, *answer, error) {
	if op.Operation == opUpdate {
		branch, article, _ := strings.Cut(op.ID, "/")
		fields["branchNumber"], fields["articleNumber"] = record.Number(branch), record.Number(article)
	}
	if fields["amount"] == nil {
		return op.ID, nil, sdk.Invalid("mpluskassa.bad_value", "without an amount MplusKASSA would set the stock to 0").At("amount")
	}
	if e := options.String("employee"); e != "" && fields["employeeNumber"] == nil {
		fields["employeeNumber"] = e
	}
	a, err := c.call(ctx, "setStock", map[string]any{"request": fields})
	return stockID(fields), a, err
}
