package shop

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Books is what the shop's bookkeeper already keeps in the ERP before the
// first order is sent there.
type Books struct {
	Customers []Customer
	Items     []Item
}

// Customer is a debtor in the books.
type Customer struct {
	Number, Name, Class, Email, Phone, Attention, VatNumber string

	Address Address
	Active  bool
}

// Address is a postal address as the books keep it.
type Address struct {
	Line1, PostalCode, City, Country string
}

// Item is a stock or service item in the books. Price (without VAT) and the
// quantities of Stock (by warehouse) are decimal text.
type Item struct {
	Number, Description, Class, TaxCategory, Unit, Price, EAN string

	Active bool
	Stock  map[string]string
}

// newBooks fills the books: every article but the forgotten ones, and the customers who came to the ERP before.
func (s *Shop) newBooks() Books {
	var b Books
	for _, p := range s.Products {
		for _, a := range p.Articles {
			if !a.Forgotten {
				b.Items = append(b.Items, s.item(a))
			}
		}
	}
	b.Items = append(b.Items, Item{
		Number: "AFRONDING", Description: "Afronding", Class: "NIETVRD", TaxCategory: "00", Unit: "STK",
		Price: "0.00", Active: true,
	})
	b.Customers = []Customer{
		{Number: "10001", Name: "Kassaverkoop", Class: "KASSA", Address: Address{Country: "NL"}, Active: true},
		sharedCustomer("10002", "Dubbel & Dubbel B.V."),
		sharedCustomer("10003", "Dubbel & Dubbel (oud)"),
		{
			Number: "10004", Name: "Fjordvarer AS", Class: "NORGE", Email: "post@fjordvarer.example", Active: true,
			Address: Address{Line1: "Storgata 1 B", PostalCode: "0182", City: "Oslo", Country: "NO"},
		},
		{
			Number: "10005", Name: "Vertrokken V.O.F.", Class: "BEDRIJF", Email: "weg@vertrokken.example",
			Address: Address{Country: "NL"},
		},
	}
	for i, r := range s.mailable {
		if i > 1 && i%8 == 2 {
			b.Customers = append(b.Customers, s.customer(fmt.Sprint(10010+len(b.Customers)), r))
		}
	}
	return b
}

// fillBooks adds what only the books have: items as they come from a supplier's list, and customers from before the till.
func (s *Shop) fillBooks(size Size) {
	b, goods := &s.books, slices.DeleteFunc(offers(), func(o offer) bool { return o.class != "HANDEL" || o.off })
	for number := int64(firstSupplied); len(b.Items) < size.Items; number++ {
		o := pick(s.rng, goods)
		o.plu, o.price = fmt.Sprintf("L-%d", number), 95+5*s.rng.Int64N(3000)
		a := o.article(number, s.rng)
		a.Description = fmt.Sprintf("%s %d", o.name, number)
		b.Items = append(b.Items, s.item(a))
	}
	for i := int64(1); len(b.Customers) < size.Customers; i++ {
		r := s.people.relation(firstSupplied+i, time.Time{})
		b.Customers = append(b.Customers, s.customer(fmt.Sprint(20000+i), r))
	}
}

// firstSupplied is above all numbers of the till's own.
const firstSupplied = 200001

func sharedCustomer(number, name string) Customer {
	return Customer{
		Number: number, Name: name, Class: "BEDRIJF", Email: "info@dubbel.example", Phone: "020-5550123",
		Attention: "Noëlle van 't Hof",
		Address:   Address{Line1: "1e Oosterparkstraat 5-3", PostalCode: "1091 GZ", City: "Amsterdam", Country: "NL"},
		Active:    true,
	}
}

func (s *Shop) item(a *Article) Item {
	percent, _ := s.Percent(a.VatCode)
	i := Item{
		Number: a.SKU(), Description: a.Description, Class: a.class,
		TaxCategory: map[int]string{21: "03", 9: "02", 0: "00"}[percent],
		Unit:        a.Unit, Price: Euros(Excl(a.Price, percent)), EAN: a.Barcode, Active: a.Active,
	}
	for branch, q := range a.Stock {
		if i.Stock == nil {
			i.Stock = make(map[string]string)
		}
		i.Stock[strconv.Itoa(branch)] = q.String()
	}
	return i
}

// customer is a relation as the books have it: known by the same e-mail address, written plainly.
func (s *Shop) customer(number string, r *Relation) Customer {
	c := Customer{
		Number: number, Name: r.Name, Class: "PRIVAT", Email: strings.ToLower(strings.TrimSpace(r.Email)),
		Phone:     cmp.Or(r.Mobile, r.Telephone),
		Attention: r.Contact, VatNumber: r.VatNumber, Active: true,
		Address: Address{r.Home.Street, strings.ToUpper(r.Home.Zipcode), r.Home.City, r.nation.iso},
	}
	if r.Company != "" {
		c.Class = "BEDRIJF"
	}
	return c
}
