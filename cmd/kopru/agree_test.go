package main

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// both is what the two emulators hold, as they say themselves: nothing here goes through a connector or the bridge.
type both struct {
	Orders    []saleInTill
	Proposals []offerInTill
	Relations []map[string]string
	Articles  []articleInTill
	Groups    []groupInTill
	Receipts  []receiptInTill

	Booked     []orderInBooks
	Documents  []documentInBooks
	Customers  []customerInBooks
	Items      []itemInBooks
	Categories []categoryInBooks
	Attributes []attributeInBooks

	Forms    map[int]string // what becomes of orders, by their category; sales orders where it says nothing
	Payments bool           // whether what was paid is registered
}

type (
	saleInTill struct {
		ID, Kind, Type       string
		Ext                  string `json:"ext_id"`
		Category, Relation   int
		Total                string `json:"total_incl"`
		Paid                 string
		Cancelled, Delivered bool
		Vat                  map[string]struct{ Excl, Vat string }
		Lines                []struct{ PLU, Quantity, Delivered string } `json:"line_list"`
	}
	offerInTill struct {
		ID, State string
		Total     string `json:"total_incl"`
	}
	receiptInTill struct {
		ID, Date string
		Branch   int
		Orders   []string
		Vat      map[string]struct{ Excl, Vat string }
		Payments map[string]string
	}
	articleInTill struct {
		Number                    int64
		PLU, Description, Barcode string
		Code                      int    `json:"vat_code"`
		Price                     string `json:"price_incl"`
		Active, Stocked           bool
		Free                      map[string]string
	}
	groupInTill struct {
		Number, Parent int64
		Name           string
	}

	orderInBooks struct {
		Type, Number, Status string
		RefNo                string `json:"customerRefNo"`
		Reference            string `json:"customerOrder"`
		Customer             string `json:"customerNumber"`
		Currency             string
		Total                figureOf
		Lines                []struct {
			Inventory, Operation, TaxCategory string
			Quantity, Amount, Shipped, Billed figureOf
		}
	}
	documentInBooks struct {
		Kind    string                  `json:"documentType"`
		Number  string                  `json:"referenceNumber"`
		RefNo   string                  `json:"externalReference"`
		Ours    string                  `json:"customerRefNumber"`
		Whose   struct{ Number string } `json:"customer"`
		Status  string
		Total   figureOf `json:"amountInCurrency"`
		Balance figureOf `json:"balanceInCurrency"`
		Lines   []struct {
			InventoryNumber  string
			Account          struct{ Number string }
			VatCode          struct{ ID string }
			AmountInCurrency figureOf
		}
	}
	customerInBooks struct {
		Number, Name, Class, Status, Email, Phone, Attention, VATNumber, Line1, PostalCode, City, Country string
	}
	itemInBooks struct {
		Number, Description, Status, TaxCategory string
		Price                                    figureOf
		Alternates                               []string
		Stock, Available                         map[string]figureOf
	}
	categoryInBooks struct {
		ID, Parent  int
		Description string
	}
	attributeInBooks struct {
		ID     string
		Values map[string]string
	}
)

// sku is the number under which the books keep an article.
func (t articleInTill) sku() string {
	if t.PLU != "" {
		return t.PLU
	}
	return fmt.Sprint(t.Number)
}

// figureOf is a number that is compared exactly.
type figureOf struct{ *big.Rat }

func (f *figureOf) UnmarshalJSON(data []byte) error {
	f.Rat = rat(strings.Trim(string(data), `"`))
	return nil
}

// rat reads a number; nothing is 0.
func rat(text string) *big.Rat {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return new(big.Rat)
	}
	return r
}

// round is to so many decimals, half away from zero.
func round(r *big.Rat, decimals int) *big.Rat { return rat(r.FloatString(decimals)) }

// The settings that the week runs with, said once more: tax category → VAT rate, and the till's code of each.
var (
	vatRateOf = map[string]string{"03": "21", "02": "9", "00": "0"}
	vatCodeOf = map[string]int{"03": 2, "02": 1, "00": 0}
)

const (
	roundingItem  = "AFRONDING"
	defaultDebtor = "10001"
	groupsUnder   = "Webshop"
	groupsOf      = "WEBGROEP" // the attribute that has the till's groups as its values
)

// look asks both emulators what they hold.
func (w *world) look() *both {
	w.t.Helper()
	b := &both{}
	for path, into := range map[string]any{
		"mpluskassa/orders": &b.Orders, "mpluskassa/proposals": &b.Proposals, "mpluskassa/relations": &b.Relations,
		"mpluskassa/articles": &b.Articles, "mpluskassa/groups": &b.Groups, "mpluskassa/receipts": &b.Receipts, "vismanet/orders": &b.Booked,
		"vismanet/documents": &b.Documents, "vismanet/customers": &b.Customers, "vismanet/items": &b.Items,
		"vismanet/categories": &b.Categories, "vismanet/attributes": &b.Attributes,
	} {
		w.control("GET", path, nil, into)
	}
	return b
}

// agreement collects what is wrong; what an open letter tells of is excused.
type agreement struct {
	*both
	letters map[string]string // pipeline/key → code, of what is dead or parked
	wrong   []string
	keys    map[string]bool // pipeline/key of what is wrong
	excused map[string]bool // letters that tell of something
}

// agree compares the two systems: what they differ in, but for what a letter tells, and those letters.
func (b *both) agree(letters map[string]string) *agreement {
	a := &agreement{both: b, letters: letters, keys: map[string]bool{}, excused: map[string]bool{}}
	a.orders()
	a.receipts()
	a.ordersToTill()
	a.statuses()
	a.proposals()
	a.customers()
	a.products()
	a.stock()
	a.groups()
	slices.Sort(a.wrong)
	return a
}

// say notes a difference, unless one of the letters pipeline/key is open.
func (a *agreement) say(letters []string, format string, args ...any) {
	for _, l := range letters {
		if _, open := a.letters[l]; open {
			a.excused[l] = true
			return
		}
	}
	for _, l := range letters {
		a.keys[l] = true
	}
	a.wrong = append(a.wrong, fmt.Sprintf(format, args...))
}

// ---- orders

// booking is an order's place in the books: credits are negative.
type booking struct {
	name  string
	whose string // customer number
	open  bool   // of a sales order, it can still be changed
	ref   string // of a sales order, the till's reference, which its invoices bear
	draft bool
	owed  *big.Rat // of a document, what is not settled; nil of a sales order
	total *big.Rat
	net   map[string]*big.Rat // by VAT rate, without the rounding item
}

func (g *booking) add(category, item string, amount *big.Rat) {
	if item == roundingItem {
		return
	}
	rate := vatRateOf[category]
	if g.net[rate] == nil {
		g.net[rate] = new(big.Rat)
	}
	g.net[rate].Add(g.net[rate], amount)
}

func signed(r *big.Rat, minus bool) *big.Rat {
	if minus {
		return new(big.Rat).Neg(r)
	}
	return r
}

// bookings are what stands in the books, by the till's id and by that of a credit of it.
func (a *agreement) bookings() map[string][]*booking {
	out := map[string][]*booking{}
	for _, o := range a.Booked {
		if o.RefNo == "" || o.Status == "Cancelled" || o.Type == "QT" {
			continue
		}
		back := o.Type == "CR"
		g := &booking{
			name: o.Type + "/" + o.Number, whose: o.Customer, open: o.Status == "Open" || o.Status == "BackOrder", ref: o.Reference, total: signed(o.Total.Rat, back || o.Type == "RM"),
			net: map[string]*big.Rat{},
		}
		for _, l := range o.Lines {
			g.add(l.TaxCategory, l.Inventory, signed(l.Amount.Rat, back || l.Operation == "Receipt"))
		}
		out[o.RefNo] = append(out[o.RefNo], g)
	}
	for _, d := range a.Documents {
		if d.RefNo == "" || d.RefNo == d.Ours || d.ofDay() { // it is the invoice of a sales order, or of a day's receipts
			continue
		}
		back := d.Kind != "Invoice"
		g := &booking{
			name: d.Kind + " " + d.Number, whose: d.Whose.Number, draft: d.draft(), owed: d.Balance.Rat, total: signed(d.Total.Rat, back),
			net: map[string]*big.Rat{},
		}
		for _, l := range d.Lines {
			g.add(l.VatCode.ID, l.InventoryNumber, signed(l.AmountInCurrency.Rat, back))
		}
		out[d.RefNo] = append(out[d.RefNo], g)
	}
	return out
}

// orders: each till order is booked exactly once, with its amounts by VAT rate; a cancelled one comes to nothing.
func (a *agreement) orders() {
	booked := a.bookings()
	for _, o := range a.Orders {
		mine, credit := booked[o.ID], booked[o.ID+"-C"]
		back := booked[o.ID+"-R"] // in an exchange that is invoiced
		delete(booked, o.ID)
		delete(booked, o.ID+"-C")
		delete(booked, o.ID+"-R")
		letters := []string{"orders/" + o.ID}
		due := !o.Cancelled && o.Type != "ORDER-TYPE-TABLE-ORDER" && !strings.HasPrefix(o.Ext, "SO/")
		switch {
		case o.Cancelled && len(back) > 0:
			a.say(letters, "the cancelled exchange %s still stands in the books: %s", o.ID, names(mine, back))
		case (len(back) > 0) != (due && len(mine) > 0 && o.Kind == "exchange" && a.Forms[o.Category] == "invoiced_order") || len(back) > 1:
			a.say(letters, "of the %s order %s this came back: %s", o.Kind, o.ID, names(back))
		case len(back) > 0 && len(mine) == 1:
			a.exchanged(o, mine[0], back[0], letters)
		case o.Cancelled && len(mine)+len(credit) > 0:
			left := new(big.Rat)
			for _, g := range append(mine, credit...) {
				left.Add(left, g.total)
			}
			if left.Sign() != 0 || len(mine) != len(credit) || len(mine) > 1 {
				a.say(letters, "the cancelled order %s still stands for %s in the books: %s", o.ID, left.FloatString(2), names(mine, credit))
			}
			if a.Forms[o.Category] == "invoiced_order" && len(credit) > 0 {
				a.invoiced(o, credit[0], letters)
			}
		case !due && len(mine)+len(credit) > 0:
			a.say(letters, "the order %s has no business in the books: %s", o.ID, names(mine, credit))
		case due && (len(mine) != 1 || len(credit) > 0):
			a.say(letters, "the %s order %s is booked %d times: %s", o.Kind, o.ID, len(mine), names(mine, credit))
		case due:
			g := mine[0]
			a.amounts(o, g, "0", letters)
			a.belongs(o, g, letters)
			if form := a.Forms[o.Category]; form == "invoiced_order" {
				a.invoiced(o, g, letters)
			} else if (form == "invoice") != (g.owed != nil) {
				a.say(letters, "the %s order %s is to be booked as %q, but stands as %s", o.Kind, o.ID, form, g.name)
			} else {
				a.settled(o, g, letters)
			}
		}
	}
	for ref, list := range booked {
		if !slices.ContainsFunc(a.Proposals, func(p offerInTill) bool {
			return p.ID == ref
		}) {
			a.say(nil, "%s is booked for the order %s, which the till does not have", names(list, nil), ref)
		}
	}
}

// belongs: an order is booked on the customer of its relation, where an e-mail address tells who that is. One that moved
// after it was closed in the books is told where the customer is known.
func (a *agreement) belongs(o saleInTill, g *booking, letters []string) {
	till, books := a.faces()
	of := slices.IndexFunc(till, func(f face) bool { return f.id == fmt.Sprint(o.Relation) })
	if of < 0 || till[of].email == "" {
		return
	}
	books = slices.DeleteFunc(books, func(f face) bool { return f.email != till[of].email })
	_, told := a.letters[letters[0]]
	if len(books) == 1 && books[0].id != g.whose && (g.open || told) {
		a.say(letters, "the %s order %s is of relation %d, %s, but %s is of customer %s", o.Kind, o.ID, o.Relation, books[0].id, g.name, g.whose)
	}
}

// amounts: an order is booked at its total and at its net amounts by VAT rate, which may be off by so much.
func (a *agreement) amounts(o saleInTill, g *booking, off string, letters []string) {
	if g.total.Cmp(rat(o.Total)) != 0 {
		a.say(letters, "the %s order %s is %s in the till, %s in %s", o.Kind, o.ID, o.Total, g.total.FloatString(2), g.name)
	}
	for rate := range union(o.Vat, g.net) {
		net, want := g.net[rate], rat(o.Vat[rate].Excl)
		if net == nil {
			net = new(big.Rat)
		}
		tax := round(new(big.Rat).Mul(net, new(big.Rat).Quo(rat(rate), rat("100"))), 2)
		tax.Sub(tax, rat(o.Vat[rate].Vat))
		if want.Sub(net, want); want.Abs(want).Cmp(rat(off)) > 0 || tax.Abs(tax).Cmp(rat("0.01")) > 0 {
			a.say(letters, "the %s order %s has %s + %s VAT at %s %% in the till, %s net in %s",
				o.Kind, o.ID, o.Vat[rate].Excl, o.Vat[rate].Vat, rate, net.FloatString(2), g.name)
		}
	}
}

// exchanged: what was taken and what came back are invoiced and credited at their totals, and come to the order's. Each is
// net by itself, so that of both the net amounts may be off by a cent.
func (a *agreement) exchanged(o saleInTill, taken, back *booking, letters []string) {
	both := &booking{name: names([]*booking{taken, back}), total: new(big.Rat).Add(taken.total, back.total), net: map[string]*big.Rat{}}
	for _, g := range []*booking{taken, back} {
		for rate, net := range g.net {
			if both.net[rate] == nil {
				both.net[rate] = new(big.Rat)
			}
			both.net[rate].Add(both.net[rate], net)
		}
	}
	a.amounts(o, both, "0.01", letters)
	if taken.total.Sign() <= 0 || back.total.Sign() >= 0 {
		a.say(letters, "of the exchange %s %s was taken and %s came back", o.ID, taken.total.FloatString(2), back.total.FloatString(2))
	}
	owed, documents := new(big.Rat), []*booking{}
	for _, g := range []*booking{taken, back} {
		if d := a.madeOf(o, g, letters); d != nil {
			documents = append(documents, d)
			owed.Add(owed, signed(d.owed, g == back))
			both.draft = both.draft || d.draft
		}
	}
	both.owed = owed
	a.settled(o, both, letters)
	if len(documents) == 2 && documents[0].owed.Sign() != 0 && documents[1].owed.Sign() != 0 {
		a.say(letters, "of the exchange %s both %s and %s are open, against each other", o.ID, documents[0].name, documents[1].name)
	}
}

func (d documentInBooks) draft() bool { return d.Status == "Hold" || d.Status == "Balanced" }

// invoiced: a sales order has exactly one invoice or credit note, at its total.
func (a *agreement) invoiced(o saleInTill, g *booking, letters []string) {
	if d := a.madeOf(o, g, letters); d != nil {
		a.settled(o, d, letters)
	}
}

// madeOf is the invoice or credit note of a sales order.
func (a *agreement) madeOf(o saleInTill, g *booking, letters []string) *booking {
	var found []*booking
	for _, d := range a.Documents {
		if d.RefNo == d.Ours && d.RefNo == g.ref {
			found = append(found, &booking{
				name: d.Kind + " " + d.Number, total: signed(d.Total.Rat, d.Kind != "Invoice"), draft: d.draft(), owed: d.Balance.Rat,
			})
		}
	}
	switch {
	case len(found) != 1:
		a.say(letters, "%s of the %s order %s has %d invoices: %s", g.name, o.Kind, o.ID, len(found), names(found))
	case found[0].total.Cmp(g.total) != 0:
		a.say(letters, "%s of the %s order %s is %s, its invoice %s is %s", g.name, o.Kind, o.ID, g.total.FloatString(2), found[0].name,
			found[0].total.FloatString(2))
	default:
		return found[0]
	}
	return nil
}

// settled: an invoice is no draft any more, and nothing is owed where everything was paid.
func (a *agreement) settled(o saleInTill, g *booking, letters []string) {
	switch {
	case g.draft:
		a.say(letters, "%s of the %s order %s was not released", g.name, o.Kind, o.ID)
	case g.owed != nil && a.Payments && !o.Cancelled && rat(o.Paid).Cmp(rat(o.Total)) == 0 && g.owed.Sign() != 0:
		a.say(letters, "%s of the %s order %s, which is paid, has %s open", g.name, o.Kind, o.ID, g.owed.FloatString(2))
	}
}

// ---- receipts

// The accounts that the week books receipts on, by VAT rate and by payment method.
var (
	revenueAccounts = map[string]string{"21": "8000", "9": "8010", "0": "8020"}
	paymentAccounts = map[string]string{"CASH": "1000", "PIN": "1100"}
)

// ofDay tells the invoice of a day's receipts.
func (d documentInBooks) ofDay() bool {
	return strings.HasPrefix(d.RefNo, d.Ours+"/") && strings.HasPrefix(d.Ours, "Z")
}

// receipts: what is booked of a day is, account by account, what was sold at each rate and paid by each method.
func (a *agreement) receipts() {
	want, have := map[string]map[string]*big.Rat{}, map[string]map[string]*big.Rat{}
	add := func(to map[string]map[string]*big.Rat, day, account string, amount *big.Rat) {
		if to[day] == nil {
			to[day] = map[string]*big.Rat{}
		}
		if to[day][account] == nil {
			to[day][account] = new(big.Rat)
		}
		to[day][account].Add(to[day][account], amount)
	}
	sold := map[string]map[string]*big.Rat{} // with VAT
	for _, r := range a.Receipts {
		if len(r.Orders) > 0 {
			continue
		}
		day := fmt.Sprintf("Z%d-%s", r.Branch, r.Date)
		for rate, v := range r.Vat {
			add(sold, day, rate, new(big.Rat).Add(rat(v.Excl), rat(v.Vat)))
		}
		for method, amount := range r.Payments {
			add(want, day, paymentAccounts[method], signed(rat(amount), true))
		}
	}
	for day, rates := range sold {
		for rate, incl := range rates {
			factor := new(big.Rat).Add(rat("1"), new(big.Rat).Quo(rat(rate), rat("100")))
			add(want, day, revenueAccounts[rate], round(incl.Quo(incl, factor), 2))
		}
	}
	for _, d := range a.Documents {
		if !d.ofDay() {
			continue
		}
		if d.draft() {
			a.say([]string{"receipts/" + d.Ours}, "%s %s of the day %s was not released", d.Kind, d.Number, d.Ours)
		}
		for _, l := range d.Lines {
			if l.InventoryNumber != roundingItem {
				add(have, d.Ours, l.Account.Number, l.AmountInCurrency.Rat)
			}
		}
		add(have, d.Ours, "total", d.Total.Rat)
	}
	for day := range union(want, have) {
		for account := range union(want[day], have[day]) {
			w, h := new(big.Rat), new(big.Rat)
			if r := want[day][account]; r != nil {
				w = r
			}
			if r := have[day][account]; r != nil {
				h = r
			}
			if w.Cmp(h) != 0 {
				a.say([]string{"receipts/" + day}, "the day %s: %s by the till's receipts, %s in the books on %s", day, w.FloatString(2), h.FloatString(2), account)
			}
		}
	}
}

func union[V, W any](a map[string]V, b map[string]W) map[string]bool {
	out := map[string]bool{}
	for k := range a {
		out[k] = true
	}
	for k := range b {
		out[k] = true
	}
	return out
}

func names(lists ...[]*booking) string {
	var out []string
	for _, list := range lists {
		for _, g := range list {
			out = append(out, g.name)
		}
	}
	return strings.Join(out, ", ")
}

// ordersToTill: each order that was entered in the books is in the till exactly once, at its total.
func (a *agreement) ordersToTill() {
	for _, o := range a.Booked {
		id := o.Type + "/" + o.Number
		if o.Type != "SO" || o.RefNo != "" {
			continue
		}
		found := 0
		for _, t := range a.Orders {
			if t.Ext != id {
				continue
			}
			found++
			if rat(t.Total).Cmp(o.Total.Rat) != 0 {
				a.say(nil, "%s is %s in the books, %s in the till", id, o.Total.FloatString(2), t.Total)
			}
		}
		if found != 1 {
			a.say([]string{"orders_to_till/" + id}, "%s is %d times in the till", id, found)
		}
	}
}

// statuses: what was shipped in the books left the till's order, and what was cancelled there is cancelled in the till.
func (a *agreement) statuses() {
	gone := map[string]map[string]*big.Rat{} // order → item → quantity
	flow := map[string]string{}
	for _, o := range a.Booked {
		if o.Type != "SO" || o.RefNo == "" {
			continue
		}
		flow[o.RefNo] = "order_status/SO/" + o.Number
		if o.Status == "Cancelled" {
			gone[o.RefNo] = nil
			continue
		}
		gone[o.RefNo] = map[string]*big.Rat{}
		for _, l := range o.Lines {
			q := l.Shipped.Rat
			if l.Billed.Cmp(q) > 0 {
				q = l.Billed.Rat
			}
			gone[o.RefNo][l.Inventory] = q
		}
		if o.Status != "BackOrder" && o.Status != "Completed" && o.Status != "Invoiced" {
			delete(gone, o.RefNo)
		}
	}
	for _, o := range a.Orders {
		shipped, news := gone[o.ID]
		if !news || shipped != nil && o.Cancelled {
			continue
		}
		letters := []string{flow[o.ID], "orders/" + o.ID}
		if shipped == nil {
			if !o.Cancelled {
				a.say(letters, "the order %s is cancelled in the books only", o.ID)
			}
			continue
		}
		for _, l := range o.Lines {
			if q := shipped[l.PLU]; q != nil && q.Cmp(rat(l.Delivered)) > 0 {
				a.say(letters, "the order %s: %s × %s left the books, %s the till", o.ID, q.FloatString(3), l.PLU, l.Delivered)
			}
		}
	}
}

// proposals: an outstanding one is a quote at its total, any other is none.
func (a *agreement) proposals() {
	for _, p := range a.Proposals {
		open := 0
		for _, o := range a.Booked {
			if o.Type != "QT" || o.RefNo != p.ID || o.Status == "Cancelled" {
				continue
			}
			open++
			if o.Total.Cmp(rat(p.Total)) != 0 {
				a.say([]string{"proposals/" + p.ID}, "the proposal %s is %s in the till, %s in the books", p.ID, p.Total, o.Total.FloatString(2))
			}
		}
		want := 0
		if p.State == "PROPOSAL-STATE-OUTSTANDING" {
			want = 1
		}
		if open != want {
			a.say([]string{"proposals/" + p.ID}, "the proposal %s is %s, and %d times a quote in the books", p.ID, p.State, open)
		}
	}
}

// ---- customers

func plainText(s string) string { return strings.Join(strings.Fields(s), " ") }

func emailOf(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

var countries = map[string]string{
	"nederland": "NL", "nl": "NL", "nld": "NL", "the netherlands": "NL", "": "NL", "noorwegen": "NO", "norge": "NO", "no": "NO", "norway": "NO",
	"nor": "NO", "zweden": "SE", "sverige": "SE", "se": "SE", "sweden": "SE", "swe": "SE", "duitsland": "DE", "deutschland": "DE", "de": "DE",
	"germany": "DE", "turkije": "TR", "türkiye": "TR", "tr": "TR", "tur": "TR",
}

// face is a customer as both sides can show one.
type face struct {
	id, where                                               string
	name, person, email, phone, address, zip, city, country string
	vatNumber                                               string
	active                                                  bool
}

func (f face) differs(from face) string {
	var out []string
	for what, v := range map[string][2]string{
		"name": {f.name, from.name}, "person": {f.person, from.person}, "phone": {f.phone, from.phone}, "address": {f.address, from.address},
		"postal code": {f.zip, from.zip}, "city": {f.city, from.city}, "country": {f.country, from.country},
		"VAT number": {f.vatNumber, from.vatNumber}, "active": {fmt.Sprint(f.active), fmt.Sprint(from.active)},
	} {
		if v[0] != v[1] {
			out = append(out, fmt.Sprintf("%s: %q, %q", what, v[0], v[1]))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}

func (a *agreement) faces() (till, books []face) {
	zip := func(s string) string { return strings.ToUpper(strings.ReplaceAll(s, " ", "")) }
	for _, r := range a.Relations {
		name := r["companyName"]
		for _, other := range []string{r["name"], r["contact"], r["email"]} {
			if plainText(name) == "" {
				name = other
			}
		}
		till = append(till, face{
			id: r["relationNumber"], where: r["extRelationId"], name: plainText(name), person: plainText(r["contact"]), email: emailOf(r["email"]),
			phone: plainText(r["telephone"]), address: plainText(r["address"]), zip: zip(r["zipcode"]), city: plainText(r["city"]),
			country: countries[strings.ToLower(r["country"])], active: r["active"] != "false",
			vatNumber: plainText(r["vatNumber"]),
		})
	}
	for _, c := range a.Customers {
		books = append(books, face{
			id: c.Number, name: plainText(c.Name), person: plainText(c.Attention), email: emailOf(c.Email), phone: plainText(c.Phone),
			address: plainText(c.Line1), zip: zip(c.PostalCode), city: plainText(c.City), country: c.Country, active: c.Status != "Inactive",
			vatNumber: plainText(c.VATNumber),
		})
	}
	return till, books
}

// customers: whoever has an e-mail address is in both systems once, and alike.
func (a *agreement) customers() {
	till, books := a.faces()
	by := func(list []face, email string) []face {
		return slices.DeleteFunc(slices.Clone(list), func(f face) bool { return f.email != email })
	}
	letters := func(lists ...[]face) (out []string) {
		for i, list := range lists {
			for _, f := range list {
				out = append(out, []string{"customers_to_books/", "customers/"}[i]+f.id)
			}
		}
		return out
	}
	emails := map[string]bool{}
	for _, f := range slices.Concat(till, books) {
		if f.email != "" {
			emails[f.email] = true
		}
	}
	for email := range emails {
		here, there := by(till, email), by(books, email)
		switch {
		case len(here) == 1 && len(there) == 1:
			if off := here[0].differs(there[0]); off != "" {
				a.say(letters(here, there), "the customer %s, %s in the till and %s in the books: %s", email, here[0].id, there[0].id, off)
			}
		case len(here) > 1 || len(there) > 1:
			a.say(letters(here, there), "%s is %d times in the till, %d times in the books", email, len(here), len(there))
		case slices.ContainsFunc(slices.Concat(here, there), func(f face) bool { return f.active }):
			a.say(letters(here, there), "%s is in the till %d times, in the books %d times", email, len(here), len(there))
		}
	}
	for _, f := range books {
		if f.email == "" && f.active && f.id != defaultDebtor &&
			!slices.ContainsFunc(till, func(t face) bool { return t.where == "visma-"+f.id }) {
			a.say(letters(nil, []face{f}), "the customer %s without an e-mail address is not in the till", f.id)
		}
	}
}

// ---- articles and items

func blocked(status string) bool {
	return slices.Contains([]string{"NoSales", "Inactive", "MarkedForDeletion", "Unknown"}, status)
}

// products: each article is an item, alike in price, name, barcode, VAT and whether it is sold; and the other way round.
func (a *agreement) products() {
	found := map[string]bool{}
	for _, t := range a.Articles {
		sku := t.sku()
		letters := []string{"products/" + sku, fmt.Sprintf("products_from_till/%d", t.Number)}
		if found[sku] {
			a.say(letters, "the SKU %s is in the till twice", sku)
		}
		found[sku] = true
		at := slices.IndexFunc(a.Items, func(i itemInBooks) bool {
			return i.Number == sku
		})
		if at < 0 {
			if t.Active {
				a.say(letters, "the article %s is no item in the books", sku)
			}
			continue
		}
		i := a.Items[at]
		factor := new(big.Rat).Add(rat("1"), new(big.Rat).Quo(rat(vatRateOf[i.TaxCategory]), rat("100")))
		if incl := round(factor.Mul(factor, i.Price.Rat), 2); incl.Cmp(rat(t.Price)) != 0 {
			a.say(letters, "%s costs %s in the till, %s (%s with VAT) in the books", sku, t.Price, i.Price.FloatString(6), incl.FloatString(2))
		}
		if plainText(t.Description) != plainText(i.Description) {
			a.say(letters, "%s is called %q in the till, %q in the books", sku, t.Description, i.Description)
		}
		if t.Code != vatCodeOf[i.TaxCategory] {
			a.say(letters, "%s has the VAT code %d in the till, the category %s in the books", sku, t.Code, i.TaxCategory)
		}
		if t.Active == blocked(i.Status) {
			a.say(letters, "%s is sold in one system only: %s in the books", sku, i.Status)
		}
		if code := strings.Join(i.Alternates, " "); code != t.Barcode {
			a.say(letters, "%s has the barcode %q in the till, %q in the books", sku, t.Barcode, code)
		}
	}
	for _, i := range a.Items {
		if !found[i.Number] && i.Number != roundingItem && !blocked(i.Status) {
			a.say([]string{"products/" + i.Number}, "the item %s is no article in the till", i.Number)
		}
	}
}

// stock: what the till may sell is what is available in all warehouses, nothing where it is less.
func (a *agreement) stock() {
	free := map[string]string{}
	for _, t := range a.Articles {
		if t.Stocked {
			free[t.sku()] = t.Free["1"]
		}
	}
	for _, i := range a.Items {
		have, stocked := free[i.Number]
		if !stocked || len(i.Available) == 0 {
			continue
		}
		want := new(big.Rat)
		for _, q := range i.Available {
			want.Add(want, q.Rat)
		}
		if want.Sign() < 0 {
			want = new(big.Rat)
		}
		if want.Cmp(rat(have)) != 0 {
			a.say([]string{"stock/" + i.Number}, "%s: the till may sell %q, in the books %s are available", i.Number, have, want.FloatString(3))
		}
	}
}

// ---- groups

// groups: the tree of categories stands in the till, and each group of the till is a value of the attribute.
func (a *agreement) groups() {
	paths := map[string]int{}
	values := map[string]string{}
	for _, t := range a.Attributes {
		if t.ID == groupsOf {
			values = t.Values
		}
	}
	for _, g := range a.Groups {
		path, parent := g.Name, g.Parent
		for parent != 0 {
			at := slices.IndexFunc(a.Groups, func(p groupInTill) bool {
				return p.Number == parent
			})
			path, parent = a.Groups[at].Name+" > "+path, a.Groups[at].Parent
		}
		paths[path]++
		if have := values[fmt.Sprint(g.Number)]; have != path {
			a.say([]string{fmt.Sprintf("categories_from_till/%d", g.Number)}, "the group %d is %q in the till, %q in the books", g.Number, path, have)
		}
	}
	for _, c := range a.Categories {
		path, parent := c.Description, c.Parent
		for parent != 0 {
			for _, p := range a.Categories {
				if p.ID == parent {
					path, parent = p.Description+" > "+path, p.Parent
					break
				}
			}
		}
		path = groupsUnder + " > " + path
		if paths[path] != 1 {
			a.say([]string{fmt.Sprintf("categories/%d", c.ID)}, "the category %q is %d times in the till", path, paths[path])
		}
	}
}

// TestTheComparisonSeesMistakes makes mistakes in two systems that agree, and sees each told.
func TestTheComparisonSeesMistakes(t *testing.T) {
	t.Parallel()
	w := newWeek(t, 1, 12)
	w.run()
	w.control("POST", "mpluskassa/orders", fields{"count": 2, "kind": "return"}, nil)
	w.control("POST", "mpluskassa/proposals", fields{"count": 1}, nil)
	w.settle()
	letters := codesOf(w.openLetters())
	b := w.look()
	if wrong := b.agree(letters).wrong; len(wrong) > 0 {
		t.Fatalf("the systems don't agree to begin with: %s", strings.Join(wrong, "\n"))
	}
	back := first(t, b.Orders, func(o saleInTill) bool { return o.Kind == "return" })
	var sales []orderInBooks
	for _, o := range b.Booked {
		if o.Type == "SO" {
			sales = append(sales, o)
		}
	}
	again := func(o orderInBooks, kind string) {
		var lines []fields
		for _, l := range o.Lines {
			lines = append(lines, fields{"inventoryId": l.Inventory, "quantity": json.Number(l.Quantity.FloatString(3)), "taxCategoryId": l.TaxCategory})
		}
		w.inOffice("POST", "salesorder/api/v3/SalesOrders", fields{
			"type": kind, "customer": fields{"id": o.Customer, "refNo": o.RefNo}, "orderLines": lines,
		})
	}
	credit := first(t, b.Booked, func(o orderInBooks) bool { return o.RefNo == back.ID })
	item := first(t, b.Items, func(i itemInBooks) bool { return i.Number == "00471" })
	pair := b.pairs()[0]
	for _, mistake := range []struct {
		what, want string
		do         func()
	}{
		{"an order stands in the books twice", "is booked 2 times: SO/", func() { again(sales[0], "SO") }},
		{"a return is booked as a sale too", "the return order .* is booked 2 times", func() { again(credit, "SO") }},
		{"an order is booked that nobody placed", "which the till does not have", func() {
			o := sales[1]
			o.RefNo = "nobody's"
			again(o, "SO")
		}},
		{"an order has another quantity", "the normal order .* is [0-9.]+ in the till, [0-9.]+ in SO/", func() {
			w.control("PATCH", "mpluskassa/orders/"+sales[2].RefNo, fields{"quantities": []string{"77"}}, nil)
		}},
		{"an order is cancelled in the till", "still stands for", func() { w.control("POST", "mpluskassa/orders/"+sales[3].RefNo+"/cancel", nil, nil) }},
		{"an order is cancelled in the books", "is booked 0 times", func() {
			w.inOffice("PATCH", "salesorder/api/v3/SalesOrders/SO/"+sales[4].Number, fields{"status": "Cancelled"})
		}},
		{"a shipment is not told", "left the books", func() {
			o := first(t, b.Booked, func(o orderInBooks) bool {
				return o.Type == "SO" && slices.ContainsFunc(b.Orders, func(s saleInTill) bool { return s.ID == o.RefNo && !s.Delivered && s.Kind == "normal" }) &&
					!slices.ContainsFunc(sales[:5], func(s orderInBooks) bool { return s.Number == o.Number })
			})
			w.control("POST", "vismanet/shipments", fields{"order": o.Reference}, nil)
		}},
		{"a proposal is no quote", "0 times a quote", func() { w.control("POST", "mpluskassa/proposals", fields{"count": 1}, nil) }},
		{"an order of the books is not in the till", "is 0 times in the till", func() {
			w.inOffice("POST", "salesorder/api/v3/SalesOrders", fields{
				"type": "SO", "customer": fields{"id": pair[1]}, "orderLines": []fields{{"inventoryId": "HAGEL", "quantity": 1}},
			})
		}},
		{"stock is off by one", `00471: the till may sell`, func() {
			more := new(big.Rat).Add(item.Stock["1"].Rat, rat("1"))
			w.control("PATCH", "vismanet/items/00471", fields{"stock": fields{"1": more.FloatString(3)}}, nil)
		}},
		{"a price is off by a cent", "LAMP-SÖD costs 129.01 in the till", func() {
			a := first(t, b.Articles, func(a articleInTill) bool { return a.PLU == "LAMP-SÖD" })
			w.control("PATCH", fmt.Sprint("mpluskassa/articles/", a.Number), fields{"priceIncl": 12901}, nil)
		}},
		{"a barcode is another", `KAARS has the barcode`, func() {
			w.control("PATCH", "vismanet/items/KAARS", fields{"ean": "4006381333931"}, nil)
		}},
		{"a name is another", `HAGEL is called`, func() { w.control("PATCH", "vismanet/items/HAGEL", fields{"description": "Muisjes"}, nil) }},
		{"a VAT rate is another", "BOEK-0001 has the VAT code", func() { w.control("PATCH", "vismanet/items/BOEK-0001", fields{"taxCategory": "03"}, nil) }},
		{"an item is blocked", "CAY-500 is sold in one system only", func() { w.control("PATCH", "vismanet/items/CAY-500", fields{"status": "NoSales"}, nil) }},
		{"an item is missing", "the item N-1 is no article", func() {
			w.control("POST", "vismanet/items", fields{"number": "N-1", "description": "Nieuw", "class": "HANDEL"}, nil)
		}},
		{"a customer has another number", `phone: "1", `, func() { w.control("PATCH", "mpluskassa/relations/"+pair[0], fields{"telephone": "1"}, nil) }},
		{"a customer is missing", "nieuw@week.example is in the till 1 times, in the books 0 times", func() {
			w.control("POST", "mpluskassa/relations", fields{"name": "Nieuw", "email": "Nieuw@week.example"}, nil)
		}},
		{"a day's receipts are not booked", `the day Z1-2026-01-05: -?[0-9.]+ by the till's receipts, 0.00 in the books`, func() {
			w.control("POST", "mpluskassa/receipts", fields{"count": 1, "date": "2026-01-05"}, nil)
		}},
		{"a category is missing", `"Webshop > Web > Rubriek" is 0 times`, func() {
			w.control("PUT", "vismanet/categories/77", fields{"description": "Rubriek", "parent": 1}, nil)
		}},
		{"a group is unknown", `the group \d+ is "Los" in the till`, func() { w.control("POST", "mpluskassa/groups", fields{"name": "Los"}, nil) }},
	} {
		before := w.look().agree(letters).wrong
		mistake.do()
		after := w.look().agree(letters).wrong
		news := slices.DeleteFunc(after, func(text string) bool { return slices.Contains(before, text) })
		if !slices.ContainsFunc(news, regexp.MustCompile(mistake.want).MatchString) {
			t.Errorf("%s: told is %q", mistake.what, news)
		}
	}
}

// TestTheComparisonSeesDocuments has an order that is an invoice and one that is shipped and invoiced, and spoils them.
func TestTheComparisonSeesDocuments(t *testing.T) {
	t.Parallel()
	made := func() *both {
		text := `{
			"Orders": [
				{"id": "a", "kind": "normal", "category": 1, "total_incl": "12.10", "paid": "12.10", "vat": {"21": {"excl": "10.00", "vat": "2.10"}}},
				{"id": "b", "kind": "normal", "category": 2, "total_incl": "12.10", "paid": "12.10", "vat": {"21": {"excl": "10.00", "vat": "2.10"}}},
				{"id": "c", "kind": "exchange", "category": 2, "total_incl": "6.05", "paid": "6.05", "vat": {"21": {"excl": "5.00", "vat": "1.05"}}}
			],
			"Documents": [
				{"documentType": "Invoice", "referenceNumber": "1", "externalReference": "a", "customerRefNumber": "ref-a", "status": "Closed",
					"amountInCurrency": 12.1, "balanceInCurrency": 0, "lines": [{"vatCode": {"id": "03"}, "amountInCurrency": 10}]},
				{"documentType": "Invoice", "referenceNumber": "2", "externalReference": "ref-b", "customerRefNumber": "ref-b", "status": "Closed",
					"amountInCurrency": 12.1, "balanceInCurrency": 0},
				{"documentType": "Invoice", "referenceNumber": "3", "externalReference": "ref-c", "customerRefNumber": "ref-c", "status": "Closed",
					"amountInCurrency": 12.1, "balanceInCurrency": 0},
				{"documentType": "CreditNote", "referenceNumber": "4", "externalReference": "ref-c-R", "customerRefNumber": "ref-c-R", "status": "Closed",
					"amountInCurrency": 6.05, "balanceInCurrency": 0}
			],
			"Booked": [{"type": "SO", "number": "5", "status": "Completed", "customerRefNo": "b", "customerOrder": "ref-b", "total": 12.1,
				"lines": [{"taxCategory": "03", "quantity": 1, "amount": 10, "shipped": 1, "billed": 1}]},
				{"type": "SO", "number": "6", "status": "Completed", "customerRefNo": "c", "customerOrder": "ref-c", "total": 12.1,
				"lines": [{"taxCategory": "03", "quantity": 1, "amount": 10, "shipped": 1, "billed": 1}]},
				{"type": "CR", "number": "7", "status": "Invoiced", "customerRefNo": "c-R", "customerOrder": "ref-c-R", "total": 6.05,
				"lines": [{"taxCategory": "03", "quantity": 1, "amount": 5, "shipped": 0, "billed": 1}]}]
		}`
		b := &both{}
		if err := json.Unmarshal([]byte(text), b); err != nil {
			t.Fatal(err)
		}
		b.Forms, b.Payments = map[int]string{1: "invoice", 2: "invoiced_order"}, true
		return b
	}
	for _, mistake := range []struct {
		want string
		do   func(b *both)
	}{
		{"", func(*both) {}},
		{"Invoice 1 of the normal order a was not released", func(b *both) { b.Documents[0].Status = "Balanced" }},
		{"Invoice 2 of the normal order b was not released", func(b *both) { b.Documents[1].Status = "Hold" }},
		{"Invoice 1 of the normal order a, which is paid, has 12.10 open", func(b *both) { b.Documents[0].Balance.Rat = rat("12.1") }},
		{"the normal order a is 12.10 in the till, 12.11 in Invoice 1", func(b *both) { b.Documents[0].Total.Rat = rat("12.11") }},
		{"SO/5 of the normal order b is 12.10, its invoice Invoice 2 is 12.11", func(b *both) { b.Documents[1].Total.Rat = rat("12.11") }},
		{"SO/5 of the normal order b has 0 invoices", func(b *both) { b.Documents = b.Documents[:1] }},
		{"SO/5 of the normal order b has 2 invoices", func(b *both) { b.Documents = append(b.Documents, b.Documents[1]) }},
		{"of the exchange order c this came back: ", func(b *both) { b.Booked = b.Booked[:2] }},
		{"the exchange order c is 6.05 in the till, 6.04 in SO/6, CR/7", func(b *both) { b.Booked[2].Total.Rat = rat("6.06") }},
		{"CR/7 of the exchange order c has 0 invoices", func(b *both) { b.Documents = b.Documents[:3] }},
		{"SO/6, CR/7 of the exchange order c was not released", func(b *both) { b.Documents[3].Status = "Balanced" }},
		{"SO/6, CR/7 of the exchange order c, which is paid, has 6.05 open", func(b *both) { b.Documents[2].Balance.Rat = rat("6.05") }},
		{"of the exchange c both Invoice 3 and CreditNote 4 are open, against each other", func(b *both) {
			b.Documents[2].Balance.Rat, b.Documents[3].Balance.Rat = rat("6.05"), rat("6.05")
		}},
		{"the cancelled exchange c still stands in the books: SO/6, CR/7", func(b *both) { b.Orders[2].Cancelled = true }},
		{`the normal order b is to be booked as "invoice", but stands as SO/5`, func(b *both) { b.Forms[2] = "invoice" }},
		{`the normal order a is to be booked as "", but stands as Invoice 1`, func(b *both) { b.Forms[1] = "" }},
	} {
		b := made()
		mistake.do(b)
		told := strings.Join(b.agree(nil).wrong, "; ")
		if mistake.want == "" && told != "" || !strings.Contains(told, mistake.want) {
			t.Errorf("told is %q, want %q", told, mistake.want)
		}
	}
}

// TestTheComparisonSeesWrongSettings books all orders with the VAT categories exchanged.
func TestTheComparisonSeesWrongSettings(t *testing.T) {
	t.Parallel()
	w := newWeek(t, 1, 6, `vat_categories = { "21" = "02", "9" = "03", "0" = "00" }`, "check_totals = false")
	if out, err := w.kopru("run", "--once", w.project, "orders").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b := w.look()
	told := &agreement{both: b, keys: map[string]bool{}, excused: map[string]bool{}}
	told.orders()
	if len(b.Orders) < 6 || !slices.ContainsFunc(told.wrong, regexp.MustCompile(`VAT at 21 % in the till, [0-9.]+ net in SO/`).MatchString) {
		t.Errorf("told is %q", told.wrong)
	}
}

func first[T any](t *testing.T, list []T, is func(T) bool) T {
	t.Helper()
	at := slices.IndexFunc(list, is)
	if at < 0 {
		t.Fatalf("there is none among %d", len(list))
	}
	return list[at]
}
