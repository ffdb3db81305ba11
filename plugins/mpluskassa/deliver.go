package mpluskassa

import (
	"context"
	"maps"
	"slices"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// deliveredField shows what is delivered of an order's lines in one place, where it can be set.
const deliveredField = "delivered"

// deliveredOf is how much of each line is delivered, by its id; nil for an order without lines.
func deliveredOf(order map[string]any) any {
	out := map[string]any{}
	for _, l := range objects(order["lineList"]) {
		data, _ := l["data"].(map[string]any)
		id := record.Text(l["lineId"])
		if n, ok := data["deliveredQuantity"].(record.Number); ok && id != "" {
			out[id] = n
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// deliver puts on a packing slip what is missing to the quantities that are wanted. It compares with the order as it is
// now, so that a delivery whose answer was lost is not made twice.
func (c *connection) deliver(ctx context.Context, id string, wanted map[string]any) (*answer, error) {
	orders, err := c.findOrders(ctx, id, "")
	if err != nil {
		return nil, err
	}
	if len(orders) == 0 {
		return nil, sdk.NotFound("mpluskassa.order_not_found", "there is no order %s", id)
	}
	have, _ := orders[0][deliveredField].(map[string]any)
	var lines []any
	for _, line := range slices.Sorted(maps.Keys(wanted)) {
		at := deliveredField + "." + line
		want, ok := wanted[line].(record.Number)
		now, known := have[line].(record.Number)
		if !ok || !known {
			return nil, sdk.Invalid("mpluskassa.bad_value", "%s is no quantity of a line of the order", at).At(at)
		}
		missing, err := less(want, now)
		if err != nil {
			return nil, sdk.Invalid("mpluskassa.bad_value", "%s: %v", at, err).At(at)
		}
		switch d, err := missing.Decimal(); {
		case err != nil:
			return nil, sdk.Invalid("mpluskassa.bad_value", "%s: %v", at, err).At(at)
		case d.Negative && !d.IsZero():
			return nil, sdk.Invalid("mpluskassa.delivered_more", "%s of the line are delivered already; a delivery can't be taken back", now).At(at)
		case !d.IsZero():
			lines = append(lines, map[string]any{"lineId": line, "quantity": missing})
		}
	}
	if len(lines) == 0 {
		return c.call(ctx, "getOrder", map[string]any{"orderId": id}) // it is as wanted
	}
	return c.call(ctx, "deliverOrderV2", map[string]any{"request": map[string]any{
		"orderDelivery": map[string]any{"orderId": id, "lineList": lines},
	}})
}
