package mpluskassa

import (
	"net/http"
	"strconv"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/shop"
)

// articleSummary is an article as the control API lists it.
type articleSummary struct {
	Number      int64             `json:"number"`
	Product     int64             `json:"product"`
	ProductName string            `json:"product_name"`
	PLU         string            `json:"plu,omitempty"`
	Description string            `json:"description"`
	LongText    string            `json:"long_text,omitempty"`
	Barcode     string            `json:"barcode,omitempty"`
	Colour      string            `json:"colour,omitempty"`
	Size        string            `json:"size,omitempty"`
	VatCode     int64             `json:"vat_code"`
	PriceIncl   string            `json:"price_incl"`
	PriceExcl   string            `json:"price_excl"`
	Active      bool              `json:"active"`
	Stocked     bool              `json:"stocked"`
	Groups      []string          `json:"groups,omitempty"`
	Custom      map[string]string `json:"custom,omitempty"`
	Free        map[string]string `json:"free,omitempty"` // by branch
	Reserved    map[string]string `json:"reserved,omitempty"`
}

func (s *Server) listArticles(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	out := []articleSummary{}
	for _, p := range s.till.products {
		for _, a := range articlesOf(p) {
			out = append(out, s.till.summary(p, a))
		}
	}
	s.mu.Unlock()
	send(w, http.StatusOK, out)
}

func (t *till) summary(p, a *element) articleSummary {
	out := articleSummary{
		Number: a.num("articleNumber"), Product: p.num("productNumber"), ProductName: p.str("description"), PLU: a.str("pluNumber"),
		Description: a.str("description"), LongText: a.str("extraText"), Barcode: a.str("barcode"), Colour: a.str("colour"),
		Size: a.str("size"), VatCode: a.num("vatCode"), PriceIncl: shop.Euros(a.num("priceIncl")), PriceExcl: shop.Euros(a.num("priceExcl")),
		Active: a.flag("active"), Stocked: a.flag("stockArticle"), Custom: map[string]string{}, Free: map[string]string{},
		Reserved: map[string]string{},
	}
	for _, g := range t.groups {
		if p.numbers("groupNumbers")[g.number] {
			out.Groups = append(out.Groups, g.name)
		}
	}
	for _, f := range a.get("customFieldList").all("customField") {
		for _, c := range f.children {
			if c.name != "fieldName" && c.name != "dataType" && c.name != "decimalPlaces" {
				out.Custom[f.str("fieldName")] += c.text
			}
		}
	}
	for _, st := range t.stocks {
		if st.article == out.Number {
			out.Free[strconv.FormatInt(st.branch, 10)] = st.free.String()
			out.Reserved[strconv.FormatInt(st.branch, 10)] = st.reserved.String()
		}
	}
	return out
}

// patchArticle changes fields of an article, as when somebody does so in the till; the names are those of the contract.
func (s *Server) patchArticle(w http.ResponseWriter, r *http.Request) {
	number, change, ok := s.patch(w, r, "Article", readOnlyArticle())
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, p := s.till.article(number)
	if a == nil {
		send(w, http.StatusNotFound, map[string]string{"error": "no such article"})
		return
	}
	change.put(val("articleNumber", number))
	s.till.saveArticle(p, change)
	send(w, http.StatusOK, map[string]any{"number": number, "sync_marker": a.num("syncMarker")})
}

func (s *Server) listGroups(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	out := []map[string]any{}
	for _, g := range s.till.groups {
		if !g.deleted {
			out = append(out, map[string]any{
				"number": g.number, "parent": g.parent, "name": g.name, "order": g.order, "products": len(s.till.productsIn(g.number)),
			})
		}
	}
	s.mu.Unlock()
	send(w, http.StatusOK, out)
}
