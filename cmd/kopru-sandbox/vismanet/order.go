package vismanet

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// order is a sales order. The groups hold what was sent for a section, checked.
type order struct {
	stamp
	kind           *orderType
	number, status string

	customer                              *customer
	customerOrder, refNo                  string
	contactID                             int
	terms, currency, zone, branch         string
	date, requestOn                       time.Time
	cancelBy                              *time.Time
	plain                                 values // description, note, salesPersonId, …
	shipping, billing, financial, payment values
	print, freight, custom                values

	lines    []*orderLine
	lastLine int
	money    totals
	invoice  string // its latest
}

// orderLine is one line; id never changes, sort is where it stands.
type orderLine struct {
	id, sort                    int
	item                        *item
	operation, unit, category   string
	warehouse                   string
	quantity, unitPrice         *apd.Decimal
	discountPercent, discount   *apd.Decimal
	gross, amount               *apd.Decimal // before and after discount
	onShipments, shipped        *apd.Decimal
	billed                      *apd.Decimal
	manualPrice, manualDiscount bool
	completed                   bool
	moved                       bool   // was sent a sortOrder, which wins of one that was there
	plain                       values // description, note, thresholds, dates, …
}

func orderKey(kind, number string) string { return kind + "/" + number }

func (o *order) key() string { return orderKey(o.kind.id, o.number) }

// closed orders can't be changed, only opened again.
func (o *order) closed() bool {
	return o.status == "Cancelled" || o.status == "Completed" || o.status == "Invoiced"
}

// busy orders are being shipped: the warehouse has them, and nobody else may change them.
func (o *order) busy() bool { return o.closed() || o.status == "Shipping" }

// reserves tells whether the order's lines book stock.
func (o *order) reserves() bool { return o.kind.behavior != "Quote" && !o.closed() }

// factor is -1 for a line that goes against the order, such as the replacement in a return.
func (o *order) factor(l *orderLine) *apd.Decimal {
	if l.operation != o.kind.operation {
		return apd.New(-1, 0)
	}
	return apd.New(1, 0)
}

// clone is a copy to change, so that a refused change leaves the order alone.
func (o *order) clone() *order {
	d := *o
	for _, g := range d.groups() {
		*g = maps.Clone(*g) // merge replaces what lies deeper
	}
	d.lines = make([]*orderLine, 0, len(o.lines))
	for _, l := range o.lines {
		copied := *l
		copied.plain = maps.Clone(l.plain)
		d.lines = append(d.lines, &copied)
	}
	return &d
}

func (o *order) groups() []*values {
	return []*values{&o.plain, &o.shipping, &o.billing, &o.financial, &o.payment, &o.print, &o.freight, &o.custom}
}

func (o *order) line(id int) *orderLine {
	return find(o.lines, func(l *orderLine) bool { return l.id == id })
}

// merge sets what was sent and not null, group by group.
func merge(into *values, sent values) {
	if *into == nil {
		*into = make(values)
	}
	for name, value := range sent {
		if g, is := value.(values); is {
			inner := maps.Clone((*into).group(name))
			merge(&inner, g)
			(*into)[name] = inner
		} else if value != nil {
			(*into)[name] = value
		}
	}
}

func (b *books) addOrder(o *order) {
	o.stamp = b.newStamp()
	b.orders.put(o)
	b.ordersByRefNo.add(o.refNo, o)
	b.book(o, sum)
	if b.searched != nil {
		b.searched = append(b.searched, o.searched())
	}
}

// searched is an order with the texts that the free filter of the list looks at, in lower case.
type searched struct {
	order *order
	text  string
}

func (o *order) searched() searched {
	return searched{o, strings.ToLower(strings.Join([]string{o.number, o.customerOrder, o.customer.name}, "\n"))}
}

// searchable is every order, ready to be searched: a large shop looks for one at each order it sends.
func (b *books) searchable() []searched {
	if b.searched == nil {
		for _, o := range b.orders.all {
			b.searched = append(b.searched, o.searched())
		}
	}
	return b.searched
}

// replaceOrder puts a changed copy in the place of the order.
func (b *books) replaceOrder(o, changed *order) {
	b.ordersByRefNo.drop(o.refNo, o)
	b.searched = nil
	b.book(o, difference)
	*o = *changed
	b.touch(&o.stamp)
	b.ordersByRefNo.add(o.refNo, o)
	b.book(o, sum)
}

func (b *books) removeOrder(o *order) {
	b.ordersByRefNo.drop(o.refNo, o)
	b.searched = nil
	b.book(o, difference)
	b.orders.remove(o)
}

// book adds the order's open lines to what is booked, or takes them off.
func (b *books) book(o *order, op func(x, y *apd.Decimal) *apd.Decimal) {
	if !o.reserves() {
		return
	}
	for _, l := range o.lines {
		if l.item.stocked() && l.operation == "Issue" && !l.completed {
			st := l.item.at(l.warehouse)
			st.booked, st.modified = op(st.booked, difference(l.quantity, l.shipped)), b.clock()
		}
	}
}

// sortLines puts lines in their order and numbers them from 1, as the ERP does with any sortOrder it is sent.
func (o *order) sortLines() {
	slices.SortStableFunc(o.lines, func(x, y *orderLine) int {
		switch {
		case x.sort == y.sort && x.moved != y.moved:
			if x.moved {
				return -1
			}
			return 1
		case x.sort == y.sort:
			return x.id - y.id
		case x.sort == 0:
			return 1
		case y.sort == 0:
			return -1
		}
		return x.sort - y.sort
	})
	for i, l := range o.lines {
		l.sort, l.moved = i+1, false
	}
}
