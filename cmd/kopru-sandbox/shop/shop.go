package shop

import (
	"fmt"
	"math/rand/v2"
	"time"
	_ "time/tzdata" // the till's clock is Dutch wherever the emulator runs
)

// Shop is the whole shop at one moment. It is not safe for concurrent use.
type Shop struct {
	Lookups
	Zone      *time.Location
	Products  []*Product
	Relations []*Relation
	Orders    []*Order

	// Tables are open table orders; a till keeps them apart from orders.
	Tables []*Order

	rng      *rand.Rand
	people   *people
	sellable []*Article
	missing  []*Article
	shared   *Relation // its e-mail address stands at two customers in the books
	cash     *Relation
	noEmail  []*Relation
	mailable []*Relation
	newest   *Relation // has one order and gets another
	sold     int       // orders made so far
	books    Books
}

// Size is how big a shop is made: the till's orders, and the items and customers that its books have at least. What the
// till doesn't know of these is in the books alone.
type Size struct{ Orders, Items, Customers int }

// New makes the shop of a seed.
func New(seed uint64, size Size) *Shop {
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil { // the zone is built in
		panic(fmt.Errorf("load the shop's time zone: %w", err))
	}
	rng := rand.New(rand.NewPCG(seed, 0x6b6f707275))
	s := &Shop{
		Lookups: newLookups(), Zone: zone, Products: newProducts(rng), rng: rng,
		people: &people{rng: rng, nations: nations(), mails: make(map[string]int)},
	}
	for _, p := range s.Products {
		for _, a := range p.Articles {
			switch {
			case a.Forgotten:
				s.missing = append(s.missing, a)
			case a.Active:
				s.sellable = append(s.sellable, a)
			}
		}
	}
	s.addKnownRelations()
	for _, at := range s.moments(size.Orders) {
		s.add(s.kind(), at)
	}
	s.addTables()
	s.books = s.newBooks()
	s.fillBooks(size)
	return s
}

// Books is what the ERP holds before the first order gets there.
func (s *Shop) Books() Books { return s.books }

// Sell makes n more orders of a kind at a moment; the empty kind takes its turn as the orders of the past did.
func (s *Shop) Sell(n int, kind Kind, at time.Time) []*Order {
	first := len(s.Orders)
	for range n {
		k := kind
		if k == "" {
			k = s.kind()
		}
		s.add(k, at.In(s.Zone).Truncate(time.Second))
	}
	return s.Orders[first:]
}

// kind is the next order's kind: nearly all are normal, and each other kind comes now and then.
func (s *Shop) kind() Kind {
	switch i := s.sold; {
	case i%150 == 37:
		return Cancelled
	case i%120 == 53:
		return NoEmail
	case i%200 == 91:
		return MissingItem
	case i%300 == 140:
		return SharedEmail
	case i%50 == 23:
		return Return
	}
	return Normal
}

// moments are when the orders of the past were entered. Two of them are close to midnight on New Year's Eve.
func (s *Shop) moments(n int) []time.Time {
	const before = 17
	at := time.Date(2025, 12, 29, 9, 0, 0, 0, s.Zone)
	most := min(170*time.Minute, 200*24*time.Hour/time.Duration(max(n, 1)))
	out := make([]time.Time, 0, n)
	for i := range n {
		switch {
		case i < before:
			at = at.Add(2*time.Hour + time.Duration(s.rng.IntN(5400))*time.Second)
		case i == before:
			at = time.Date(2025, 12, 31, 23, 59, 30, 0, s.Zone)
		case i == before+1:
			at = time.Date(2026, 1, 1, 0, 15, 0, 0, s.Zone)
		default:
			at = at.Add(time.Duration(s.rng.Int64N(int64(most)) + 1)).Truncate(time.Second)
		}
		out = append(out, at)
	}
	return out
}

// addKnownRelations adds the customers that every such shop has.
func (s *Shop) addKnownRelations() {
	created := time.Date(2024, 1, 15, 9, 0, 0, 0, s.Zone)
	s.cash = &Relation{Number: 1, Name: "Contante klant", Created: created}
	home := Postal{
		Name: "Sanne de Vries-Bakker", Street: "Kerkstraat 12a", Zipcode: "9712 AB", City: "Groningen", Country: "Nederland",
	}
	twice := &Relation{
		Number: 101, Name: home.Name, Email: "Sanne.deVries@voorbeeld.example", Mobile: "06-12005501", Home: home,
		Created: created,
	}
	again := &Relation{
		Number: 102, Name: "S. de Vries-Bakker", Email: " sanne.devries@VOORBEELD.example ", Home: home, Created: created,
	}
	office := Postal{
		Name: "Dubbel & Dubbel B.V.", Company: "Dubbel & Dubbel B.V.", Contact: "Noëlle van 't Hof",
		Street: "1e Oosterparkstraat 5-3", Zipcode: "1091gz", City: "Amsterdam", Country: "NLD",
	}
	s.shared = &Relation{
		Number: 103, Name: office.Name, Company: office.Company, Contact: office.Contact, Email: "info@dubbel.example",
		Home: office, Created: created,
	}
	s.Relations = append(s.Relations, s.cash, twice, again, s.shared)
	s.mailable = append(s.mailable, twice, again)
	for range 3 {
		r := s.newRelation(created)
		r.Email = ""
		s.noEmail = append(s.noEmail, r)
	}
	for range 30 {
		s.mailable = append(s.mailable, s.newRelation(created.AddDate(0, s.rng.IntN(20), s.rng.IntN(28))))
	}
}

func (s *Shop) newRelation(created time.Time) *Relation {
	r := s.people.relation(int64(100+len(s.Relations)), created)
	s.Relations = append(s.Relations, r)
	return r
}

func (s *Shop) addTables() {
	for i := range 3 {
		o := s.order(s.cash, s.lastMoment())
		o.Kind, o.Type, o.Table, o.ExtID, o.Reference = Normal, "ORDER-TYPE-TABLE-ORDER", i+1, "", ""
		s.Tables = append(s.Tables, o)
	}
}

// lastMoment is the moment of the latest order, or the shop's first day.
func (s *Shop) lastMoment() time.Time {
	if len(s.Orders) == 0 {
		return time.Date(2025, 12, 29, 9, 0, 0, 0, s.Zone)
	}
	return s.Orders[len(s.Orders)-1].Entered
}

// uuid is a random identifier in the usual shape.
func (s *Shop) uuid() string {
	a, b := s.rng.Uint64(), s.rng.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, 0x8000|b>>48&0x3fff, b&0xffffffffffff)
}
