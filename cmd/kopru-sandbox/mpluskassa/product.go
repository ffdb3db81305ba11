package mpluskassa

import (
	"maps"
	"slices"
	"time"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/shop"
)

func (t *till) nextArticleMarker() int64 {
	t.articleMarker = next(t.articleMarker)
	return t.articleMarker
}

// addProducts takes the catalogue over, with its stock.
func (t *till) addProducts() {
	created := time.Date(2024, 1, 15, 9, 0, 0, 0, t.shop.Zone)
	for _, p := range t.shop.Products {
		list := el("articleList")
		for _, a := range p.Articles {
			list.add(t.articleOf(a, created))
			for _, b := range t.shop.Branches {
				if q, ok := a.Stock[b.Number]; ok {
					t.addStock(int64(b.Number), a.Number, q, created)
				}
			}
		}
		e := el(
			"product", val("productNumber", p.Number), val("syncMarker", t.nextArticleMarker()),
			val("description", p.Description), val("extraText", ""), list,
		)
		var groups []int64
		for _, g := range p.Groups {
			groups = append(groups, int64(g))
		}
		t.setGroups(e, groups)
		t.addProduct(e)
		for _, a := range articlesOf(e) {
			t.own(a, e)
		}
	}
}

// owned is an article with its product.
type owned struct{ article, product *element }

func (t *till) articleOf(a *shop.Article, created time.Time) *element {
	percent, _ := t.shop.Percent(a.VatCode)
	e := el(
		"article", val("articleNumber", a.Number), val("extArticleId", a.ExtID), val("pluNumber", a.PLU),
		val("syncMarker", t.nextArticleMarker()),
		t.moment("changeTimestamp", created.AddDate(0, 18, 0)), t.moment("createTimestamp", created),
		val("active", a.Active),
		val("description", a.Description), val("invoiceText", a.Description), val("receiptText", a.Description),
		val("displayText", a.Description),
		val("barcode", a.Barcode), val("brandName", a.Brand), val("turnoverGroup", a.TurnoverGroup),
		val("vatCode", a.VatCode),
		val("vatPercentage", percent*t.opts.PercentScale), val("averagePurchasePrice", a.Purchase),
		val("purchasePrice", a.Purchase),
		val("priceIncl", a.Price), val("priceExcl", shop.Excl(a.Price, percent)), val("unit", a.Unit),
		val("supplierRelationNumber", 0),
		val("webshop", a.Webshop), el("categoryIds"), val("stockArticle", a.StockArticle),
		val("specialPrice", "PRICE-NORMAL"),
		el("imageList"), el("customFieldList"), val("discontinued", !a.Active),
	)
	if a.Colour != "" {
		e.add(val("colour", a.Colour), val("colourSequenceNumber", a.ColourSequence))
	}
	if a.Size != "" {
		e.add(val("size", a.Size), val("sizeSequenceNumber", a.SizeSequence))
	}
	return e
}

func articlesOf(product *element) []*element { return product.get("articleList").all("article") }

// article is an article with its product; nil when there is none.
func (t *till) article(number int64) (article, product *element) {
	if number == 0 {
		return nil, nil
	}
	o := t.articles[number]
	return o.article, o.product
}

func (t *till) product(number int64) *element { return t.numbered[number] }

func (t *till) addProduct(p *element) {
	number := p.num("productNumber")
	t.products = append(t.products, p)
	t.numbered[number] = p
	t.lastProduct = max(t.lastProduct, number)
}

func (t *till) own(article, product *element) {
	number := article.num("articleNumber")
	t.articles[number] = owned{article, product}
	t.lastArticle = max(t.lastArticle, number)
}

// asked are the products that a request may mean: a look-up by number needs no others.
func (t *till) asked(products, articles map[int64]bool, plus map[string]bool) []*element {
	found := map[*element]bool{}
	switch {
	case len(products) > 0:
		for number := range products {
			found[t.product(number)] = true
		}
	case len(articles) > 0 && len(plus) == 0:
		for number := range articles {
			_, p := t.article(number)
			found[p] = true
		}
	default:
		return t.products
	}
	delete(found, nil)
	return slices.Collect(maps.Keys(found))
}

// productMarker is the highest marker of a product and its articles.
func productMarker(p *element) int64 {
	highest := p.num("syncMarker")
	for _, a := range articlesOf(p) {
		highest = max(highest, a.num("syncMarker"))
	}
	return highest
}

func (t *till) getProducts(req *element) (*element, error) {
	r := req.get("request")
	var found []*element
	since, bySince := t.readDate(r.get("changedSinceTimestamp"))
	bySince = bySince && r.has("changedSinceBranchNumber")
	numbers, groups := r.numbers("productNumbers"), r.numbers("groupNumbers")
	articles, plus := r.numbers("articleNumbers"), r.textList("pluNumbers")
	for _, p := range t.asked(numbers, articles, plus) {
		if len(groups) > 0 && !meets(p.numbers("groupNumbers"), groups) {
			continue
		}
		wanted := el("articleList")
		for _, a := range articlesOf(p) {
			if t.wantsArticle(r, a, articles, plus) && (!bySince || !t.stored(a.get("changeTimestamp")).Before(since)) {
				wanted.add(a)
			}
		}
		if len(wanted.children) == 0 && (bySince || filtersArticles(r)) {
			continue
		}
		if r.flag("includeAllArticlesOfSelectedProducts") {
			wanted = p.get("articleList")
		}
		part := el("product")
		part.merge(p, "articleList")
		found = append(found, part.add(wanted))
	}
	from := r.num("syncMarker")
	out := page(found, productMarker, from)
	out = limitArticles(out, r.num("syncMarkerLimit"), int64(t.opts.PageCap))
	return el("", el("productList", out...)), nil
}

// limitArticles counts articles, not products, but gives the first product whole.
func limitArticles(mixed []*element, limits ...int64) []*element {
	out := page(mixed, productMarker, 0)
	mix(out) // back in the order of the markers
	for _, limit := range limits {
		count := int64(0)
		for i, p := range out {
			count += int64(len(articlesOf(p)))
			if limit > 0 && i > 0 && count > limit {
				out = out[:i]
				break
			}
		}
	}
	mix(out)
	return out
}

func filtersArticles(r *element) bool {
	return r.has("articleNumbers") || len(r.textList("pluNumbers")) > 0 || r.flag("onlyActive") || r.flag("onlyWebshop")
}

func (t *till) wantsArticle(r, a *element, numbers map[int64]bool, plus map[string]bool) bool {
	switch {
	case (len(numbers) > 0 || len(plus) > 0) && !numbers[a.num("articleNumber")] && !plus[a.str("pluNumber")]:
		return false
	case r.flag("onlyActive") && !a.flag("active"), r.flag("onlyWebshop") && !a.flag("webshop"):
		return false
	case t.opts.ChangedArticlesOnly && a.num("syncMarker") < r.num("syncMarker"):
		return false
	}
	return true
}

func meets(a, b map[int64]bool) bool {
	for n := range a {
		if b[n] {
			return true
		}
	}
	return false
}
