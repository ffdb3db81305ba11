package shop

import (
	"fmt"
	"strings"
	"time"
)

// add sells one order of a kind.
func (s *Shop) add(kind Kind, at time.Time) {
	o := s.order(s.buyer(kind, at), at)
	o.Kind = kind
	switch kind {
	case Return:
		s.giveBack(o)
	case Cancelled:
		o.Cancelled, o.Paid, o.Delivered, o.Payments = true, false, false, nil
	case MissingItem:
		s.addLine(o, pick(s.rng, s.missing))
	case Exchange:
		back := s.line(pick(s.rng, s.sellable))
		back.Quantity.Unscaled, back.Discount, back.DiscountPercent = -back.Quantity.Unscaled, 0, 0
		o.Lines = append(o.Lines, back)
	}
	s.pay(o)
	s.sold++
	s.Orders = append(s.Orders, o)
}

// Ring makes a sale at the counter that no order knows of, or the offer of one to a customer.
func (s *Shop) Ring(kind Kind, offer bool, at time.Time) *Order {
	buyer := s.cash
	if offer {
		buyer = pick(s.rng, s.mailable)
	}
	o := s.order(buyer, at)
	if kind == Return {
		s.giveBack(o)
	}
	if !offer {
		s.pay(o)
	}
	return o
}

// buyer is who places the next order. A new customer orders twice in a row.
func (s *Shop) buyer(kind Kind, at time.Time) *Relation {
	switch {
	case kind == SharedEmail:
		return s.shared
	case kind == NoEmail:
		if s.rng.IntN(3) > 0 {
			return s.cash
		}
		return pick(s.rng, s.noEmail)
	case s.newest != nil:
		r := s.newest
		s.newest = nil
		return r
	case s.sold%40 == 7:
		return s.mailable[0]
	case s.sold%40 == 8:
		return s.mailable[1]
	case s.rng.IntN(3) == 0:
		r := s.newRelation(at)
		s.mailable = append(s.mailable, r)
		if s.rng.IntN(4) == 0 {
			s.newest = r
		}
		return r
	}
	return pick(s.rng, s.mailable)
}

// order is an order of a relation, in the web shop or at the counter.
func (s *Shop) order(r *Relation, at time.Time) *Order {
	n := int64(1001 + len(s.Orders) + len(s.Tables))
	o := &Order{
		ID: s.uuid(), Type: "ORDER-TYPE-SALES-ORDER", Year: at.Year(), Number: n, Branch: 1,
		Workplace: 1 + s.rng.IntN(2), FinancialBranch: 1,
		Category: 2, Employee: pick(s.rng, s.Employees).Number, Relation: r.Number, RelationName: r.Name,
		Entered: at, Changed: at,
		Financial: at, Invoice: r.Home, Delivery: r.Home, DeliveryMethod: "AFHALEN", PaymentMethod: "PIN",
		VatMethod: "VAT-METHOD-INCLUSIVE",
	}
	if r.Delivery.Street != "" {
		o.Delivery = r.Delivery
	}
	web := r != s.cash && s.rng.IntN(10) < 7
	if web {
		o.Type = "ORDER-TYPE-EXTERNAL-SALES-ORDER"
		o.ExtID, o.Reference = fmt.Sprintf("WEB-%07d", n), fmt.Sprintf("Webshop order %d", n)
		o.Branch, o.Workplace, o.Category, o.Employee = 2, 1, 1, Superuser
		o.DeliveryMethod, o.PaymentMethod = "POST", "IDEAL"
	} else if s.rng.IntN(3) == 0 {
		o.Invoice, o.Delivery = Postal{}, Postal{} // the till then goes by the relation
	}
	for range 1 + s.rng.IntN(5) {
		s.addLine(o, pick(s.rng, s.sellable))
	}
	if s.rng.IntN(20) == 0 {
		s.discount(o, 10)
	}
	return o
}

// addLine adds an article that isn't on the order yet.
func (s *Shop) addLine(o *Order, a *Article) {
	for i := range o.Lines {
		if o.Lines[i].Article == a.Number {
			return
		}
	}
	o.Lines = append(o.Lines, s.line(a))
}

func (s *Shop) line(a *Article) Line {
	percent, _ := s.Percent(a.VatCode)
	l := Line{
		ID: s.uuid(), Article: a.Number, PLU: a.PLU, Text: a.Description, Quantity: s.quantity(a), Price: a.Price,
		VatCode: a.VatCode, Percent: percent, TurnoverGroup: a.TurnoverGroup,
	}
	if s.rng.IntN(8) == 0 {
		l.DiscountPercent = 5 * (1 + s.rng.IntN(5))
		l.Discount = RoundDiv(l.Quantity.Times(l.Price)*int64(l.DiscountPercent), 100)
	}
	return l
}

func (s *Shop) quantity(a *Article) Quantity {
	switch a.Unit {
	case "KG":
		if s.rng.IntN(5) == 0 {
			return Quantity{530, 3}
		}
		return Quantity{100 + s.rng.Int64N(2400), 3}
	case "UUR":
		return Quantity{25 * (1 + s.rng.Int64N(12)), 2}
	}
	if s.rng.IntN(4) > 0 {
		return Quantity{1, 0}
	}
	return Quantity{2 + s.rng.Int64N(4), 0}
}

// discount takes a percentage off the order as a whole. The till spreads it over the lines, and the biggest line takes
// the cents that rounding leaves.
func (s *Shop) discount(o *Order, percent int) {
	incl, _ := o.Total()
	left := RoundDiv(incl*int64(percent), 100)
	biggest := 0
	for i := range o.Lines {
		l := &o.Lines[i]
		if l.Incl() > o.Lines[biggest].Incl() {
			biggest = i
		}
		share := RoundDiv(l.Incl()*int64(percent), 100)
		l.Discount += share
		l.DiscountPercent = 0
		left -= share
	}
	o.Lines[biggest].Discount += left
}

// giveBack turns an order into a return of the same goods.
func (s *Shop) giveBack(o *Order) {
	for i := range o.Lines {
		l := &o.Lines[i]
		l.Quantity.Unscaled, l.Discount = -l.Quantity.Unscaled, -l.Discount
	}
	o.Reference = strings.TrimSpace("Retour " + o.Reference)
	o.PaymentMethod, o.DeliveryMethod = "PIN", "AFHALEN"
}

// pay settles the order, in part with cash now and then.
func (s *Shop) pay(o *Order) {
	if o.Cancelled {
		return
	}
	total, _ := o.Total()
	cash := int64(0)
	if o.Category == 2 && total > 2000 && s.rng.IntN(6) == 0 {
		cash = total / 2
		o.Payments = append(o.Payments, Payment{ID: s.uuid(), Method: "CASH", Amount: cash, At: o.Entered})
	}
	p := Payment{ID: s.uuid(), Method: o.PaymentMethod, Amount: total - cash, At: o.Entered}
	if p.Method == "IDEAL" {
		p.Reference = fmt.Sprintf("tr_%08x", s.rng.Uint32())
	}
	o.Payments = append(o.Payments, p)
	o.Paid, o.Delivered = true, o.Category == 2
}
