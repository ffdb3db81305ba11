package mpluskassa

import (
	"context"
	"errors"
	"fmt"
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
	case "product":
		write, of = c.writeProduct, "Product"
	case "article_group":
		write = c.writeGroup
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
	switch entity {
	case "order":
		if operation == opUpdate {
			fields = without(fields, deliveredField)
		}
	case "article":
		fields = without(fields, "customFields", "groupNumbers")
		if operation == opCreate {
			fields = without(fields, "productNumber")
		}
	case "product":
		if list := objects(fields["articleList"]); len(list) > 0 {
			articles := make([]any, len(list))
			for i, a := range list {
				articles[i] = without(a, "customFields")
			}
			fields = maps.Clone(fields)
			fields["articleList"] = articles
		}
	}
	return c.allowed(of, flag, fields)
}

// without is fields less those that are no elements of the type itself.
func without(fields map[string]any, names ...string) map[string]any {
	fields = maps.Clone(fields)
	for _, name := range names {
		delete(fields, name)
	}
	return fields
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
	id, a, err := c.made(op, "createRelation", a, a.value("relationNumber"))
	if err == nil {
		fields["relationNumber"] = record.Number(id)
		c.people.made(fields, a.value("syncMarker"))
	}
	return id, a, err
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
		return c.updateOrder(ctx, op.ID, fields)
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

// updateOrder delivers an order or cancels it: nothing else of one can be changed.
func (c *connection) updateOrder(ctx context.Context, id string, fields map[string]any) (string, *answer, error) {
	delivered, delivers := fields[deliveredField].(map[string]any)
	cancels := fields["cancelState"] == stateCancelled
	if !cancels && (fields["cancelState"] != nil || !delivers) {
		return id, nil, sdk.Invalid("mpluskassa.read_only_field",
			"an order can only be delivered or cancelled: cancelState = %q", stateCancelled).At("cancelState")
	}
	var a *answer
	var err error
	if delivers {
		a, err = c.deliver(ctx, id, delivered)
	}
	if cancels && err == nil {
		a, err = c.call(ctx, "cancelOrder", map[string]any{"orderId": id})
	}
	return id, a, err
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
	if groups, there := fields["groupNumbers"]; there { // they are the product's
		delete(fields, "groupNumbers")
		product["groupNumbers"] = groups
	}
	if op.Operation == opUpdate {
		return c.updateArticle(ctx, op, fields, product)
	}
	if err := unfold(fields, nil); err != nil {
		return "", nil, err
	}
	if number := fields["productNumber"]; number != nil {
		delete(fields, "productNumber")
		product["productNumber"] = number
		a, err := c.call(ctx, "updateProduct", map[string]any{"product": product})
		if err != nil {
			return "", nil, c.holder(ctx, err, fields)
		}
		return c.made(op, "updateProduct", a, orElse(a.value("newArticleNumbers"), fields["articleNumber"]))
	}
	product["description"] = fields["description"]
	a, err := c.call(ctx, "createProduct", map[string]any{"product": product})
	if err != nil {
		return "", nil, c.holder(ctx, err, fields)
	}
	return c.made(op, "createProduct", a, a.value("articleNumbers"))
}

func (c *connection) updateArticle(ctx context.Context, op sdk.Op, fields, product map[string]any) (string, *answer, error) {
	owners, err := c.articlesBy(ctx, []string{op.ID})
	if err != nil {
		return op.ID, nil, err
	}
	have := owners[op.ID]
	if have == nil {
		return op.ID, nil, sdk.NotFound("mpluskassa.article_not_found", "there is no article %s", op.ID)
	}
	if err := unfold(fields, have); err != nil {
		return op.ID, nil, err
	}
	product["productNumber"] = have["productNumber"]
	if len(fields) == 0 { // only what is the product's
		delete(product, "articleList")
	}
	fields["articleNumber"] = record.Number(op.ID)
	a, err := c.send(ctx, "updateProduct", map[string]any{"product": product}, true)
	return op.ID, a, err
}

// writeProduct writes a product: a new one with the articles it begins with.
func (c *connection) writeProduct(ctx context.Context, op sdk.Op, fields map[string]any) (string, *answer, error) {
	if op.Operation == opUpdate {
		fields["productNumber"] = record.Number(op.ID)
		a, err := c.send(ctx, "updateProduct", map[string]any{"product": fields}, true)
		return op.ID, a, err
	}
	for _, a := range objects(fields["articleList"]) {
		if err := unfold(a, nil); err != nil {
			return "", nil, err
		}
	}
	a, err := c.call(ctx, "createProduct", map[string]any{"product": fields})
	if err != nil {
		return "", nil, c.holder(ctx, err, objects(fields["articleList"])...)
	}
	return c.made(op, "createProduct", a, a.value("productNumber"))
}

// holder says which article has the number that another was to get. Under another sku it is another article, and
// trying again would not help.
func (c *connection) holder(ctx context.Context, err error, wanted ...map[string]any) error {
	var f *sdk.Failure
	if !isCode(err, codeNumberTaken) || !errors.As(err, &f) {
		return err
	}
	for _, w := range wanted {
		number := numberIn(w, "articleNumber")
		holders, lookupErr := c.articlesBy(ctx, []string{number})
		if have := holders[number]; lookupErr == nil && have != nil && record.Text(have["sku"]) != record.Text(c.skuOf(nil, w)) {
			f.Class = invalid
			f.Message = fmt.Sprintf("the article number %s, wanted for %q, belongs to %q (%s); give one of them another number",
				number, record.Text(c.skuOf(nil, w)), record.Text(have["sku"]), record.Text(have["description"]))
			f.Field = "articleNumber"
		}
	}
	return f
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
	if err := c.toAmount(ctx, fields); err != nil {
		return op.ID, nil, err
	}
	if e := options.String("employee"); e != "" && fields["employeeNumber"] == nil {
		fields["employeeNumber"] = e
	}
	a, err := c.call(ctx, "setStock", map[string]any{"request": fields})
	return stockID(fields), a, err
}

// toAmount turns what shall be free to sell into what is there: what is reserved comes on top.
func (c *connection) toAmount(ctx context.Context, fields map[string]any) error {
	free, ok := fields["available"].(record.Number)
	delete(fields, "available")
	switch {
	case fields["amount"] != nil && ok:
		return sdk.Invalid("mpluskassa.bad_value", "a stock has either `amount` or `available` set, not both").At("available")
	case fields["amount"] != nil:
		return nil
	case !ok:
		return sdk.Invalid("mpluskassa.bad_value", "without an amount MplusKASSA would set the stock to 0").At("amount")
	}
	if fields["amount"] = free; c.setsFree && c.freeIsNet {
		return nil
	}
	rows, err := c.stocks(ctx, record.Text(fields["branchNumber"]), []string{record.Text(fields["articleNumber"])})
	if err != nil || len(rows) == 0 {
		return err
	}
	reserved, _ := rows[0]["amountReserved"].(record.Number) // checked when it was read
	amount, err := sum(free, reserved)
	if err != nil {
		return sdk.Invalid("mpluskassa.bad_value", "%v", err).At("available")
	}
	fields["amount"] = amount
	return nil
}
