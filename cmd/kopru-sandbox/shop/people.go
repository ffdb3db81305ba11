package shop

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Postal is an address as somebody typed it.
type Postal struct {
	Name, Company, Contact, Street, Zipcode, City, Country string
}

// Relation is a customer of the till.
type Relation struct {
	Number                                    int64
	Name, Company, Contact, Email             string
	Telephone, Mobile, VatNumber, ExtID, Text string
	Home, Delivery                            Postal
	Created                                   time.Time

	nation *nation
}

// people makes up relations.
type people struct {
	rng     *rand.Rand
	nations []*nation
	mails   map[string]int
}

func pick[T any](rng *rand.Rand, all []T) T { return all[rng.IntN(len(all))] }

func (p *people) nation() *nation {
	switch n := p.rng.IntN(100); {
	case n < 58:
		return p.nations[0]
	case n < 76:
		return p.nations[1]
	case n < 91:
		return p.nations[2]
	case n < 96:
		return p.nations[3]
	}
	return p.nations[4]
}

// relation makes up a person, or a company in one of four cases.
func (p *people) relation(number int64, created time.Time) *Relation {
	n := p.nation()
	r := &Relation{Number: number, Created: created, nation: n}
	person := pick(p.rng, n.given) + " " + pick(p.rng, n.family)
	r.Name = person
	if p.rng.IntN(4) == 0 {
		r.Company = pick(p.rng, n.firms)
		r.Name, r.Contact = r.Company, person
		if p.rng.IntN(2) == 0 {
			r.VatNumber = p.vatNumber(n)
		}
	}
	r.Email = p.mail(r, n)
	if p.rng.IntN(3) > 0 {
		r.Mobile = p.digits(n.phone)
	} else {
		r.Telephone = p.digits(n.phone)
	}
	r.Home = p.postal(r, n)
	if p.rng.IntN(4) == 0 {
		r.Delivery = p.postal(r, n)
	}
	if p.rng.IntN(12) == 0 {
		r.ExtID = fmt.Sprintf("CUST-%d", number)
	}
	if p.rng.IntN(15) == 0 {
		r.Text = "Belt eerst.\r\nLet op:\tde hond \u000b bijt\u200b niet."
	}
	return r
}

// mail is a new address, now and then typed with capitals or blanks.
func (p *people) mail(r *Relation, n *nation) string {
	name := mailName(r.Name)
	p.mails[name+n.mail]++
	if count := p.mails[name+n.mail]; count > 1 {
		name = fmt.Sprintf("%s%d", name, count)
	}
	if r.Company != "" {
		return "info@" + strings.ReplaceAll(name, ".", "-") + "." + n.mail
	}
	switch p.rng.IntN(10) {
	case 0:
		return strings.ToUpper(name[:1]) + name[1:] + "@" + strings.ToUpper(n.mail[:1]) + n.mail[1:]
	case 1:
		return " " + name + "@" + n.mail + " "
	}
	return name + "@" + n.mail
}

func (p *people) postal(r *Relation, n *nation) Postal {
	street := pick(p.rng, n.streets)
	for strings.Contains(street, "#") {
		street = strings.Replace(street, "#", strconv.Itoa(1+p.rng.IntN(240)), 1)
	}
	zip := p.digits(n.zip)
	if n.iso == "NL" && p.rng.IntN(3) == 0 {
		zip = strings.ToLower(strings.ReplaceAll(zip, " ", ""))
	}
	return Postal{
		Name: r.Name, Company: r.Company, Contact: r.Contact, Street: street, Zipcode: zip, City: pick(p.rng, n.cities),
		Country: pick(p.rng, n.spellings),
	}
}

func (p *people) vatNumber(n *nation) string {
	switch n.iso {
	case "NL":
		return p.digits("NL99ddddddd") + "B01"
	case "NO":
		return p.digits("99ddddddd MVA")
	case "SE":
		return p.digits("SE99dddddddd") + "01"
	case "DE":
		return p.digits("DE99ddddddd")
	}
	return p.digits("99dddddddd")
}

// digits fills a pattern: d is a digit, a run of A two letters of a Dutch postal code.
func (p *people) digits(pattern string) string {
	var b strings.Builder
	for _, r := range pattern {
		switch r {
		case 'd':
			b.WriteByte(byte('0' + p.rng.IntN(10)))
		case 'A':
			b.WriteByte("ABCEGHJKLNPRTVWXZ"[p.rng.IntN(17)])
		default:
			b.WriteRune(r)
		}
	}
	s := b.String()
	if strings.HasPrefix(s, "0") && strings.HasPrefix(pattern, "dddd ") {
		s = "1" + s[1:] // no Dutch postal code starts with 0
	}
	return s
}
