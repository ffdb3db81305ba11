package shop

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Product is what the shop offers; its articles are the sizes and colours that are sold.
type Product struct {
	Number      int64
	Description string
	Groups      []int
	Articles    []*Article
}

// Article is what is sold, stocked and ordered.
type Article struct {
	Number                                   int64
	PLU, ExtID, Description, Barcode, Brand  string
	Colour, Size                             string
	ColourSequence, SizeSequence             int
	TurnoverGroup, VatCode                   int
	Price, Purchase                          int64 // cents; Price is with VAT
	Unit                                     string
	StockArticle, Active, Webshop, Forgotten bool // Forgotten: the books don't have it
	Stock                                    map[int]Quantity

	class string
}

// SKU is the number under which the books keep the article: the PLU, or the article number where there is none.
func (a *Article) SKU() string {
	if a.PLU != "" {
		return a.PLU
	}
	return strconv.FormatInt(a.Number, 10)
}

// offer is a line of the catalogue.
type offer struct {
	name, plu, unit string
	price           int64
	turnover, vat   int
	class           string
	colours, sizes  []string
	off             bool
	forgotten       bool
}

func offers() []offer {
	const trade, other, service, cost = "HANDEL", "NIETVRD", "DIENST", "KOSTEN"
	sizes := []string{"S", "M", "L", "XL"}
	return []offer{
		{
			name: "Merino trui", plu: "TRUI", unit: "STK", price: 8995, turnover: 1, vat: 2, class: trade,
			colours: []string{"Blauw", "Rood", "Groen"}, sizes: sizes,
		},
		{
			name: "T-shirt Åse", plu: "TSH", unit: "STK", price: 1995, turnover: 1, vat: 2, class: trade,
			colours: []string{"Wit", "Zwart"}, sizes: sizes[:3],
		},
		{
			name: "Wollen sokken", plu: "SOK", unit: "PAAR", price: 1250, turnover: 1, vat: 2, class: trade,
			colours: []string{"Grijs"}, sizes: []string{"36-39", "40-43"},
		},
		{
			name: "Wandelschoenen Fjäll", plu: "SCHOEN", unit: "PAAR", price: 13999, turnover: 1, vat: 2, class: trade,
			colours: []string{"Bruin"}, sizes: []string{"41", "42", "43"},
		},
		{name: "Kaas jong belegen", plu: "00471", unit: "KG", price: 1295, turnover: 2, vat: 1, class: trade},
		{name: "Kaas oud", plu: "00472", unit: "KG", price: 1895, turnover: 2, vat: 1, class: trade},
		{name: "Gehakt", plu: "35", unit: "KG", price: 899, turnover: 2, vat: 1, class: trade},
		{name: "Appels Elstar", unit: "KG", price: 249, turnover: 2, vat: 1, class: trade},
		{name: "Koffiebonen espresso 1 kg", plu: "0815-ESP", unit: "STK", price: 1495, turnover: 2, vat: 1, class: trade},
		{name: "Siyah çay 500 g", plu: "CAY-500", unit: "STK", price: 749, turnover: 2, vat: 1, class: trade},
		{name: "Brødmiks til smørbrød", plu: "BROD-1", unit: "STK", price: 389, turnover: 2, vat: 1, class: trade},
		{name: `Hagelslag "puur" & melk <500 g>`, plu: "HAGEL", unit: "STK", price: 299, turnover: 2, vat: 1, class: trade},
		{name: "Boek: De stille haven", plu: "BOEK-0001", unit: "STK", price: 2250, turnover: 3, vat: 1, class: trade},
		{
			name: "Mok „Kærlighet”", plu: "MOK-01", unit: "STK", price: 995, turnover: 4, vat: 2, class: trade,
			colours: []string{"Blå", "Rød"},
		},
		{name: "Kaars\tvanille\u00a0– groot", plu: "KAARS", unit: "STK", price: 1595, turnover: 4, vat: 2, class: trade},
		{name: "Lamp Söder", plu: "LAMP-SÖD", unit: "STK", price: 12900, turnover: 4, vat: 2, class: trade},
		{name: "Cadeauverpakking 🎁", plu: "INPAK", unit: "STK", price: 150, turnover: 4, vat: 2, class: other},
		{name: "Cadeaubon € 25", plu: "BON-25", unit: "STK", price: 2500, turnover: 6, vat: 0, class: other},
		{name: "Postzegels", plu: "ZEGEL", unit: "STK", price: 121, turnover: 6, vat: 0, class: other},
		{name: "Verzendkosten", plu: "VERZEND", unit: "STK", price: 495, turnover: 5, vat: 2, class: other},
		{name: "Reparatie per uur", plu: "REP-UUR", unit: "UUR", price: 6250, turnover: 5, vat: 2, class: service},
		{name: "Emballage", plu: "EMB", unit: "STK", price: 25, turnover: 5, vat: 0, class: cost, off: true},
		{
			name: "Paraplu (oud model)", plu: "PARAPLU", unit: "STK", price: 2495, turnover: 4, vat: 2, class: trade,
			off: true,
		},
		{
			name: "Herfstsjaal", plu: "SJAAL-NW", unit: "STK", price: 3495, turnover: 1, vat: 2, class: trade,
			forgotten: true,
		},
		{
			name: "Thermosfles", plu: "FLES-NW", unit: "STK", price: 2795, turnover: 4, vat: 2, class: trade,
			forgotten: true,
		},
	}
}

func newProducts(rng *rand.Rand) []*Product {
	var out []*Product
	number := int64(4501)
	for i, o := range offers() {
		p := &Product{Number: int64(301 + i), Description: o.name, Groups: []int{groupOf(o.turnover)}}
		for c, colour := range orOne(o.colours) {
			for s, size := range orOne(o.sizes) {
				a := o.article(number, rng)
				a.Colour, a.Size = colour, size
				if colour != "" {
					a.ColourSequence, a.PLU = c+1, a.PLU+"-"+short(colour)
					a.Description += " " + colour
				}
				if size != "" {
					a.SizeSequence, a.PLU = s+1, a.PLU+"-"+size
					a.Description += " " + size
				}
				p.Articles = append(p.Articles, a)
				number++
			}
		}
		out = append(out, p)
	}
	return out
}

func (o offer) article(number int64, rng *rand.Rand) *Article {
	a := &Article{
		Number: number, PLU: o.plu, ExtID: fmt.Sprintf("A%05d", number), Description: o.name,
		Barcode: ean13(number), Brand: "Huismerk",
		TurnoverGroup: o.turnover, VatCode: o.vat, Price: o.price, Purchase: o.price * 45 / 100, Unit: o.unit,
		StockArticle: o.class == "HANDEL", Active: !o.off, Webshop: o.unit != "KG", Forgotten: o.forgotten,
		class: o.class,
	}
	if a.StockArticle {
		a.Stock = map[int]Quantity{1: o.quantity(rng), 2: o.quantity(rng)}
	}
	return a
}

func (o offer) quantity(rng *rand.Rand) Quantity {
	if o.unit == "KG" {
		return Quantity{rng.Int64N(60_000), 3}
	}
	return Quantity{rng.Int64N(80), 0}
}

func groupOf(turnover int) int {
	switch turnover {
	case 1:
		return 2
	case 2, 3:
		return 3
	case 4:
		return 4
	}
	return 5
}

func orOne(all []string) []string {
	if len(all) == 0 {
		return []string{""}
	}
	return all
}

// short is a colour as it stands in a PLU.
func short(colour string) string { return strings.ToUpper(mailName(colour)[:2]) }
