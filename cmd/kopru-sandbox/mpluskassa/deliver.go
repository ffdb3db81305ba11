package mpluskassa

import (
	"github.com/kopru-io/kopru/cmd/kopru-sandbox/shop"
)

// deliverOrderV2 puts quantities of an order's lines on a packing slip. It adds to what was delivered before.
func (t *till) deliverOrderV2(req *element) (*element, error) {
	sent := req.get("request").get("orderDelivery")
	o := t.byID[sent.str("orderId")]
	answer := func(result, message string) *element {
		return el("", val("result", "DELIVER-ORDER-V2-RESULT-"+result), val("errorMessage", message))
	}
	switch {
	case o == nil:
		return answer("FAILED", "Order not found."), nil
	case o.Cancelled:
		return answer("FAILED", "Order is cancelled."), nil
	case o.Delivered:
		return answer("ALREADY-DELIVERED", "Order is already delivered."), nil
	}
	delivered := make(map[string]shop.Quantity, len(o.Lines))
	for id, q := range o.delivered {
		delivered[id] = q
	}
	lines := sent.get("lineList").all("line")
	if len(lines) == 0 {
		return answer("FAILED", "Nothing to deliver."), nil
	}
	for _, s := range lines {
		q, ok := readQuantity(s, "quantity", "decimalPlaces")
		l := o.line(s.str("lineId"))
		if l == nil || !ok {
			return answer("FAILED", "Order line not found."), nil
		}
		sum := plus(delivered[l.ID], q)
		if q.Unscaled <= 0 || compare(sum, l.Quantity) > 0 {
			return answer("FAILED", "More than ordered."), nil
		}
		delivered[l.ID] = sum
	}
	o.delivered, o.Delivered = delivered, true
	for _, l := range o.Lines {
		if compare(delivered[l.ID], l.Quantity) != 0 {
			o.Delivered = false
		}
	}
	if o.Delivered {
		t.reserve(o, false)
	}
	t.touch(o, t.now())
	out := answer("OK", "")
	out.add(val("packingSlipId", uuid()))
	return out, nil
}

// line is the order's line with the id, or nil.
func (o *order) line(id string) *shop.Line {
	for i := range o.Lines {
		if o.Lines[i].ID == id {
			return &o.Lines[i]
		}
	}
	return nil
}

// compare is -1, 0 or 1: a is less than, equal to or more than b.
func compare(a, b shop.Quantity) int {
	switch d := plus(a, minus(b)); {
	case d.Unscaled < 0:
		return -1
	case d.Unscaled > 0:
		return 1
	}
	return 0
}
