package shop

import "time"

// Kind is what a bridge with default settings can make of an order.
type Kind string

// The kinds of orders.
const (
	Normal      Kind = "normal"
	Return      Kind = "return"       // all goods come back: the total is negative
	Cancelled   Kind = "cancelled"    // cancelled at the till
	NoEmail     Kind = "no_email"     // the customer has no e-mail address
	MissingItem Kind = "missing_item" // an article isn't in the books
	SharedEmail Kind = "shared_email" // two customers in the books have the e-mail address
	Exchange    Kind = "exchange"     // one article comes back, another is taken; made on request only
)

// Kinds are all kinds of orders.
func Kinds() []Kind {
	return []Kind{Normal, Return, Cancelled, NoEmail, MissingItem, SharedEmail, Exchange}
}

// Order is an order as the till keeps it. Times are in the shop's zone.
type Order struct {
	Kind Kind

	ID, ExtID, Type           string
	Year                      int
	Number                    int64
	Branch, Workplace         int
	FinancialBranch, Category int
	Employee                  int64
	Relation                  int64
	RelationName              string
	Entered, Changed          time.Time
	Financial                 time.Time // only its date counts
	Reference                 string
	Invoice, Delivery         Postal
	DeliveryMethod            string
	PaymentMethod             string
	VatMethod                 string
	Lines                     []Line
	Payments                  []Payment
	Paid, Delivered           bool
	Cancelled                 bool
	Table                     int
}

// Line is a line of an order. Price is per unit with VAT, or without when Net; Discount is on the whole line.
type Line struct {
	ID                              string
	Article                         int64
	PLU, Text                       string
	Quantity                        Quantity
	Price, Discount                 int64
	DiscountPercent                 int
	VatCode, Percent, TurnoverGroup int
	Net                             bool
	With                            string // the line that it was chosen with, such as an extra
}

// Payment is an amount that was paid.
type Payment struct {
	ID, Method, Reference string
	Amount                int64
	At                    time.Time
}

// amount is quantity × price less the discount, as the price is written.
func (l *Line) amount() int64 { return l.Quantity.Times(l.Price) - l.Discount }

// Incl is what the customer pays for the line.
func (l *Line) Incl() int64 {
	if l.Net {
		return Incl(l.amount(), l.Percent)
	}
	return l.amount()
}

// Excl is the line without VAT.
func (l *Line) Excl() int64 {
	if l.Net {
		return l.amount()
	}
	return Excl(l.amount(), l.Percent)
}

// UnitIncl and UnitExcl are the price of one with and without VAT.
func (l *Line) UnitIncl() int64 {
	if l.Net {
		return Incl(l.Price, l.Percent)
	}
	return l.Price
}

// UnitExcl is the price of one without VAT.
func (l *Line) UnitExcl() int64 {
	if l.Net {
		return l.Price
	}
	return Excl(l.Price, l.Percent)
}

// VatTotal is what an order comes to under one VAT code.
type VatTotal struct {
	Code, Percent int
	Excl, Vat     int64
}

// VatTotals are the totals per VAT code, in the order of the lines. VAT is computed per code, not per line.
func (o *Order) VatTotals() []VatTotal {
	var out []VatTotal
	var incl []int64
	for i := range o.Lines {
		l := &o.Lines[i]
		at := -1
		for j := range out {
			if out[j].Code == l.VatCode && out[j].Percent == l.Percent {
				at = j
			}
		}
		if at < 0 {
			at = len(out)
			out, incl = append(out, VatTotal{Code: l.VatCode, Percent: l.Percent}), append(incl, 0)
		}
		out[at].Excl += l.Excl()
		incl[at] += l.Incl()
	}
	for i := range out {
		if o.Net() {
			out[i].Vat = RoundDiv(out[i].Excl*int64(out[i].Percent), 100)
			continue
		}
		out[i].Excl = Excl(incl[i], out[i].Percent)
		out[i].Vat = incl[i] - out[i].Excl
	}
	return out
}

// Net tells whether the lines' prices are without VAT.
func (o *Order) Net() bool { return len(o.Lines) > 0 && o.Lines[0].Net }

// Total is the order with and without VAT, in cents.
func (o *Order) Total() (incl, excl int64) {
	for _, t := range o.VatTotals() {
		excl += t.Excl
		incl += t.Excl + t.Vat
	}
	return incl, excl
}
