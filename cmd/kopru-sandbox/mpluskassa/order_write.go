package mpluskassa

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"reflect"
	"slices"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/shop"
)

// refusal is why an order isn't saved: the end of a result's name, and a message.
type refusal struct{ result, message string }

func failed(format string, args ...any) *refusal {
	return &refusal{"FAILED", fmt.Sprintf(format, args...)}
}

// newOrder checks what was sent and keeps it.
func (t *till) newOrder(sent *element) (*order, *refusal) {
	if sent == nil {
		return nil, failed("No order given.")
	}
	if ext := sent.str("extOrderId"); ext != "" && t.byExtID[ext] != nil {
		return nil, &refusal{"EXT-ORDER-ID-ALREADY-EXISTS", "An order with this extOrderId already exists."}
	}
	now := t.now()
	o := &order{Order: &shop.Order{
		ID: uuid(), Type: "ORDER-TYPE-EXTERNAL-SALES-ORDER", Year: now.Year(), Number: t.nextOrderNumber(),
		Entered: now, Changed: now,
		Financial: now, VatMethod: "VAT-METHOD-INCLUSIVE", ExtID: sent.str("extOrderId"),
	}}
	if wrong := t.fill(o.Order, sent); wrong != nil {
		return nil, wrong
	}
	t.keep(o)
	t.reserve(o, true)
	return o, nil
}

func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// createdFrom is where the numbers start of what is created through the API, far from those the shop gives itself.
const createdFrom = 5_000_000

func (t *till) nextOrderNumber() int64 {
	t.created++
	return createdFrom + t.created
}

// fill takes over what was sent; what wasn't stays.
func (t *till) fill(o *shop.Order, sent *element) *refusal {
	for name, into := range map[string]*string{
		"orderType": &o.Type, "reference": &o.Reference, "vatMethod": &o.VatMethod,
		"deliveryMethod": &o.DeliveryMethod, "paymentMethod": &o.PaymentMethod,
	} {
		if sent.has(name) {
			*into = sent.str(name)
		}
	}
	for name, into := range map[string]*int{
		"entryBranchNumber": &o.Branch, "financialBranchNumber": &o.FinancialBranch, "workplaceNumber": &o.Workplace,
		"orderCategoryNumber": &o.Category, "tableNumber": &o.Table,
	} {
		if sent.has(name) {
			*into = int(sent.num(name))
		}
	}
	for name, into := range map[string]*shop.Postal{"deliveryAddress": &o.Delivery, "invoiceAddress": &o.Invoice} {
		if a := sent.get(name); a != nil {
			*into = shop.Postal{
				Name: a.str("name"), Company: a.str("companyName"), Contact: a.str("contact"), Street: a.str("address"),
				Zipcode: a.str("zipcode"), City: a.str("city"), Country: a.str("country"),
			}
		}
	}
	if at, ok := t.readDate(sent.get("financialDate")); ok && t.day(at) != t.day(o.Financial) {
		o.Financial = at
	}
	if at, ok := t.readDate(sent.get("entryTimestamp")); ok {
		o.Entered = at
	}
	if sent.has("employeeNumber") || o.Employee == 0 {
		o.Employee = sent.num("employeeNumber")
	}
	if sent.has("relationNumber") || o.Relation == 0 {
		o.Relation = sent.num("relationNumber")
	}
	if wrong := t.checkOrder(o); wrong != nil {
		return wrong
	}
	if list := sent.get("lineList"); list != nil {
		return t.fillLines(o, list.all("line"))
	}
	return nil
}

func (t *till) checkOrder(o *shop.Order) *refusal {
	relation := t.relation(o.Relation)
	if relation == nil {
		return failed("Relation %d not found.", o.Relation)
	}
	o.RelationName = relation.str("name")
	if e, _ := t.employee(o.Employee); e == nil {
		return failed("Employee %d not found.", o.Employee)
	}
	branch := t.branch(int64(o.Branch))
	switch {
	case branch == nil:
		return failed("Entry branch %d not found.", o.Branch)
	case o.Workplace == 0 && !branch.DefaultWorkplace:
		return failed("Entry branch %d needs a workplaceNumber.", o.Branch)
	case o.Workplace < 0 || o.Workplace > len(branch.Workplaces):
		return failed("Workplace %d not found.", o.Workplace)
	}
	o.FinancialBranch = cmp.Or(o.FinancialBranch, o.Branch)
	if t.branch(int64(o.FinancialBranch)) == nil {
		return failed("Financial branch %d not found.", o.FinancialBranch)
	}
	return nil
}

// fillLines replaces the lines: whoever leaves one out drops it.
func (t *till) fillLines(o *shop.Order, sent []*element) *refusal {
	lines := make([]shop.Line, 0, len(sent))
	for _, s := range sent {
		l, wrong := t.readLine(o, s)
		if wrong != nil {
			return wrong
		}
		lines = append(lines, l)
	}
	o.Lines = lines
	return nil
}

func (t *till) readLine(o *shop.Order, sent *element) (shop.Line, *refusal) {
	data := sent.get("data")
	a, _ := t.article(sent.num("articleNumber"))
	if a == nil {
		return shop.Line{}, failed("Article %d not found.", sent.num("articleNumber"))
	}
	q, ok := readQuantity(data, "quantity", "decimalPlaces")
	if !ok {
		return shop.Line{}, failed("Quantity of article %d out of range.", sent.num("articleNumber"))
	}
	l := shop.Line{
		ID: sent.str("lineId"), Article: sent.num("articleNumber"), PLU: a.str("pluNumber"),
		Text: a.str("description"), Quantity: q,
		VatCode: int(a.num("vatCode")), TurnoverGroup: int(a.num("turnoverGroup")),
	}
	if !slices.ContainsFunc(o.Lines, func(known shop.Line) bool { return known.ID == l.ID }) {
		l.ID = uuid()
	}
	if sent.has("text") {
		l.Text = sent.str("text")
	}
	if data.has("vatCode") {
		l.VatCode = int(data.num("vatCode"))
	}
	if l.Percent, ok = t.shop.Percent(l.VatCode); !ok {
		return shop.Line{}, failed("VAT code %d not found.", l.VatCode)
	}
	return l, t.priceLine(o, &l, a, data)
}

// priceLine prices a line by what was sent, or else as the article is priced.
func (t *till) priceLine(o *shop.Order, l *shop.Line, a, data *element) *refusal {
	l.Net = o.VatMethod == "VAT-METHOD-EXCLUSIVE" && t.opts.NetPrices
	switch {
	case data.has("price"):
		l.Price = data.num("price")
	case data.has("priceExcl") && l.Net:
		l.Price = data.num("priceExcl")
	case data.has("priceExcl"):
		l.Price = shop.Incl(data.num("priceExcl"), l.Percent)
	case l.Net:
		l.Price = a.num("priceExcl")
	default:
		l.Price = a.num("priceIncl")
	}
	const most = int64(1_000_000_000)
	if l.Price > most || l.Price < -most || l.Quantity.Unscaled > most || l.Quantity.Unscaled < -most {
		return failed("Amount of article %d out of range.", l.Article)
	}
	if o.VatMethod == "VAT-METHOD-SHIFTED" || o.VatMethod == "VAT-METHOD-NONE" {
		l.Price, l.Percent = shop.Excl(l.Price, l.Percent), 0
	}
	l.DiscountPercent = int(data.num("discountPercentage")) / t.opts.PercentScale
	switch {
	case data.has("discountAmount"):
		l.Discount = max(-most, min(most, data.num("discountAmount")))
	case l.DiscountPercent != 0:
		l.Discount = shop.RoundDiv(l.Quantity.Times(l.Price)*int64(l.DiscountPercent), 100)
	}
	return nil
}

func orderString(o *order) string { return fmt.Sprintf("Verkooporder %d.%d", o.Year, o.Number) }

func orderInfo(id, text string) *element {
	return el("info", val("orderId", id), val("orderString", text))
}

func (t *till) createOrder(req *element) (*element, error) {
	o, wrong := t.newOrder(req.get("order"))
	if wrong != nil {
		result := val("result", "CREATE-ORDER-RESULT-"+wrong.result)
		return el("", result, orderInfo("", ""), val("errorMessage", wrong.message)), nil
	}
	return el("", val("result", "CREATE-ORDER-RESULT-OK"), orderInfo(o.ID, orderString(o)), val("errorMessage", "")), nil
}

func (t *till) createOrderV2(req *element) (*element, error) {
	out, err := t.createOrder(req.get("request"))
	if o := t.byID[out.get("info").str("orderId")]; o != nil {
		out.add(t.orderElement(o, true))
	}
	return out, err
}

// createOrderV3 gives the same key the same answer.
func (t *till) createOrderV3(req *element) (*element, error) {
	r := req.get("request")
	key := r.str("idempotencyKey")
	if key == "" {
		return nil, clientFault("idempotencyKey is required")
	}
	if known := t.replies[key]; known != nil {
		again := el("", known.children...)
		again.put(val("idempotencyResult", "IDEMPOTENCY-RESULT-REPLAY-RESPONSE"))
		return again, nil
	}
	out, err := t.createOrderV2(req)
	if o := t.byID[out.get("info").str("orderId")]; o != nil && len(r.get("paymentList").all("payment")) > 0 {
		out.add(val("payResult", t.payNew(o, r)))
	}
	out.put(val("idempotencyResult", "IDEMPOTENCY-RESULT-ORIGINAL-RESPONSE"))
	t.replies[key] = out
	return out, err
}

// payNew books payments that came with a new order.
func (t *till) payNew(o *order, r *element) string {
	sum := int64(0)
	for _, p := range r.get("paymentList").all("payment") {
		o.Payments = append(o.Payments, shop.Payment{
			ID: uuid(), Method: p.str("method"), Amount: p.num("amount"), Reference: p.str("externalReference"),
			At: t.now(),
		})
		sum += p.num("amount")
	}
	t.touch(o, t.now())
	if total, _ := o.Total(); !r.flag("prepay") {
		if sum < total {
			return "PAY-ORDER-RESULT-PAYMENT-INSUFFICIENT"
		}
		o.Paid, o.Delivered = true, true
		t.reserve(o, false)
	}
	return "PAY-ORDER-RESULT-OK"
}

func (t *till) updateOrder(req *element) (*element, error) {
	sent := req.get("order")
	id := sent.str("orderId")
	answer := func(result, text, message string) *element {
		return el("", val("result", "UPDATE-ORDER-RESULT-"+result), orderInfo(id, text), val("errorMessage", message))
	}
	o := t.byID[id]
	switch {
	case o == nil:
		return answer("NOT-FOUND", "", "Order not found."), nil
	case stale(sent, "changeCounter", o.changes) || stale(sent, "versionNumber", o.version):
		return answer("ORDER-HAS-CHANGED", "", "Order has changed."), nil
	case o.Cancelled:
		return answer("FAILED", "", "Order is cancelled."), nil
	}
	changed := *o.Order
	if wrong := t.fill(&changed, sent); wrong != nil {
		return answer(wrong.result, "", wrong.message), nil
	}
	if reflect.DeepEqual(&changed, o.Order) {
		if t.opts.OldNoChanges {
			return answer("FAILED", "", "Order not saved because there were no changes in the order."), nil
		}
		return answer("NO-CHANGES", orderString(o), ""), nil
	}
	reserved := o.reserved
	t.reserve(o, false)
	*o.Order = changed
	t.reserve(o, reserved)
	o.version++
	t.touch(o, t.now())
	return answer("OK", orderString(o), ""), nil
}

// stale tells whether the sender saw an older state; who names none isn't asked.
func stale(sent *element, name string, now int) bool {
	return sent.has(name) && sent.num(name) != 0 && sent.num(name) != int64(now)
}

func (t *till) cancelOrder(req *element) (*element, error) {
	o := t.byID[req.str("orderId")]
	result, message := "OK", ""
	switch branch := req.get("request").num("branchNumber"); {
	case o == nil:
		result, message = "NOT-FOUND", "Order not found."
	case o.Cancelled:
		result, message = "ALREADY-CANCELLED", "Order is already cancelled."
	case branch != 0 && branch != int64(o.Branch):
		result = "PENDING" // the other branch is told
		t.cancel(o, true)
	default:
		t.cancel(o, true)
	}
	return el("", val("result", "CANCEL-ORDER-RESULT-"+result), val("message", message)), nil
}

// cancelOrderV2 takes a cancellation back.
func (t *till) cancelOrderV2(req *element) (*element, error) {
	o := t.byID[req.get("request").str("orderId")]
	result, message := "OK", ""
	switch {
	case o == nil:
		result, message = "NOT-FOUND", "Order not found."
	case o.Cancelled:
		result = "UNDO-CANCEL-OK"
		t.cancel(o, false)
	default:
		t.cancel(o, true)
	}
	return el("", val("result", "CANCEL-ORDER-RESULT-"+result), val("message", message)), nil
}

func (t *till) cancel(o *order, yes bool) {
	o.Cancelled = yes
	if o.reserved || !yes {
		t.reserve(o, !yes && !o.Delivered)
	}
	t.touch(o, t.now())
}
