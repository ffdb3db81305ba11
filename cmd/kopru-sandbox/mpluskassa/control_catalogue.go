package mpluskassa

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

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

// addArticle makes an article, as when somebody does so in the till: {"article": {"description": "Muts", "priceIncl": 1995},
// "groups": [2]}. The names of the article are those of the contract. It is a product of its own, in the groups, or with
// "product" another article of that one.
func (s *Server) addArticle(w http.ResponseWriter, r *http.Request) {
	var want struct {
		Product int64          `json:"product"`
		Groups  []int64        `json:"groups"`
		Article map[string]any `json:"article"`
	}
	if !receive(w, r, &want) {
		return
	}
	readOnly := slices.DeleteFunc(readOnlyArticle(), func(name string) bool { return name == "articleNumber" })
	sent, err := s.change("Article", want.Article, readOnly)
	switch {
	case err != nil:
	case sent.str("description") == "":
		err = errors.New("an article has a description")
	case want.Product != 0 && len(want.Groups) > 0:
		err = errors.New("an article of a product is in that one's groups")
	}
	if err != nil {
		refuse(w, err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, _ := s.till.article(sent.num("articleNumber")); a != nil {
		refuse(w, errors.New("the article number is taken"))
		return
	}
	sent.name = "article"
	product := el("product", el("articleList", sent))
	save, number := s.till.createProduct, "articleNumbers"
	if want.Product != 0 {
		save, number = s.till.updateProduct, "newArticleNumbers"
		product.add(val("productNumber", want.Product))
	} else {
		product.add(val("description", sent.str("description")))
		for _, g := range want.Groups {
			product.add(val("groupNumbers", g))
		}
	}
	answer, err := save(el("", product))
	saved(w, http.StatusCreated, answer.num(number), answer, err)
}

// saved tells the number of what was made or changed, or what the till said against it.
func saved(w http.ResponseWriter, status int, number int64, answer *element, err error) {
	switch result := answer.str("result"); {
	case err != nil:
		refuse(w, err)
	case !strings.HasSuffix(result, "-OK"):
		refuse(w, errors.New(strings.TrimSpace(result+" "+answer.str("errorMessage"))))
	default:
		send(w, status, map[string]any{"number": number})
	}
}

// addGroup makes an article group: {"name": "Mutsen", "parentGroupNumber": 2, "sortOrder": 1}. The names are those of the
// contract, as they are where one is changed.
func (s *Server) addGroup(w http.ResponseWriter, r *http.Request) {
	_, change, ok := s.patch(w, r, "NewArticleGroupRequest", nil)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer, err := s.till.newArticleGroup(request(change))
	saved(w, http.StatusCreated, answer.num("groupNumber"), answer, err)
}

// request is an element as an operation's only parameter.
func request(e *element) *element {
	e.name = "request"
	return el("", e)
}

func (s *Server) patchGroup(w http.ResponseWriter, r *http.Request) {
	number, change, ok := s.patch(w, r, "UpdateArticleGroupRequest", []string{"groupNumber"})
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.till.group(number) == nil {
		send(w, http.StatusNotFound, map[string]string{"error": "no such group"})
		return
	}
	change.put(val("groupNumber", number))
	answer, err := s.till.updateArticleGroup(request(change))
	saved(w, http.StatusOK, number, answer, err)
}

// deleteGroup deletes a group with all below it; the products stay.
func (s *Server) deleteGroup(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.ParseInt(r.PathValue("number"), 10, 64)
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.till.group(number)
	if err != nil || g == nil {
		send(w, http.StatusNotFound, map[string]string{"error": "no such group"})
		return
	}
	s.till.drop(g)
	w.WriteHeader(http.StatusNoContent)
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
