package mpluskassa

import (
	"maps"
	"slices"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/shop"
)

// readOnlyArticle are the fields that only the server fills.
func readOnlyArticle() []string {
	return []string{
		"articleNumber", "syncMarker", "changeTimestamp", "createTimestamp", "averagePurchasePrice", "vatPercentage",
	}
}

func (t *till) createProduct(req *element) (*element, error) {
	sent := req.get("product")
	answer := func(result, message string) *element {
		return el("", val("result", "CREATE-PRODUCT-RESULT-"+result), val("productNumber", 0), val("errorMessage", message))
	}
	number := sent.num("productNumber")
	if t.product(number) != nil {
		return answer("FAILED-PRODUCT-NUMBER-ALREADY-TAKEN", "The product number is already taken."), nil
	}
	if message, ok := t.checkArticles(sent, nil); !ok {
		return answer(message, "The article can't be saved."), nil
	}
	if number == 0 {
		number = t.lastProduct + 1
	}
	p := el("product", val("productNumber", number), el("articleList"))
	p.merge(sent, "productNumber", "syncMarker", "articleList")
	t.setGroups(p, slices.Collect(maps.Keys(sent.numbers("groupNumbers"))))
	t.addProduct(p)
	p.put(val("syncMarker", t.nextArticleMarker()))
	out := el("", val("result", "CREATE-PRODUCT-RESULT-OK"), val("productNumber", number))
	for _, a := range articlesOf(sent) {
		out.add(val("articleNumbers", t.saveArticle(p, a)))
	}
	return out.add(t.moment("changeTimestamp", t.now()), val("syncMarker", t.articleMarker), val("errorMessage", "")), nil
}

func (t *till) updateProduct(req *element) (*element, error) {
	sent := req.get("product")
	answer := func(result, message string) *element {
		return el("", val("result", "UPDATE-PRODUCT-RESULT-"+result), val("errorMessage", message))
	}
	p := t.product(sent.num("productNumber"))
	if p == nil {
		return answer("NOT-FOUND", "Product not found."), nil
	}
	if message, ok := t.checkArticles(sent, p); !ok {
		return answer(message, "The article can't be saved."), nil
	}
	p.merge(sent, "productNumber", "syncMarker", "articleList")
	if sent.has("groupNumbers") {
		t.setGroups(p, slices.Collect(maps.Keys(sent.numbers("groupNumbers"))))
	}
	p.put(val("syncMarker", t.nextArticleMarker()))
	out := el("", val("result", "UPDATE-PRODUCT-RESULT-OK"))
	for _, a := range articlesOf(sent) {
		name := "existingArticleNumbers"
		if known, _ := t.article(a.num("articleNumber")); known == nil {
			name = "newArticleNumbers"
		}
		out.add(val(name, t.saveArticle(p, a)))
	}
	return out.add(t.moment("changeTimestamp", t.now()), val("syncMarker", t.articleMarker), val("errorMessage", "")), nil
}

// checkArticles refuses numbers of other products, numbers named twice, and what the till doesn't have: VAT codes,
// custom fields and groups.
func (t *till) checkArticles(sent, product *element) (result string, ok bool) {
	named := make(map[int64]bool)
	for n := range sent.numbers("groupNumbers") {
		if t.group(n) == nil {
			return "FAILED", false
		}
	}
	for _, a := range articlesOf(sent) {
		number := a.num("articleNumber")
		if known, owner := t.article(number); known != nil && owner != product || number != 0 && named[number] {
			return "FAILED-ARTICLE-NUMBER-ALREADY-TAKEN", false
		}
		named[number] = true
		if _, known := t.shop.Percent(int(a.num("vatCode"))); a.has("vatCode") && !known || a.num("turnoverGroup") > 999 || !typed(a) {
			return "FAILED", false
		}
	}
	return "", true
}

// saveArticle creates or changes an article and returns its number.
func (t *till) saveArticle(product, sent *element) int64 {
	number := sent.num("articleNumber")
	a, _ := t.article(number)
	if a == nil {
		if number == 0 {
			number = t.lastArticle + 1
		}
		a = el(
			"article", val("articleNumber", number), t.moment("createTimestamp", t.now()), val("active", true),
			val("vatCode", 2),
			val("stockArticle", false), val("webshop", false), val("specialPrice", "PRICE-NORMAL"),
			val("discontinued", false),
		)
		product.get("articleList").add(a)
		t.own(a, product)
	}
	a.merge(sent, readOnlyArticle()...)
	percent, _ := t.shop.Percent(int(a.num("vatCode")))
	a.put(val("vatPercentage", percent*t.opts.PercentScale))
	switch {
	case sent.has("priceIncl"):
		a.put(val("priceExcl", shop.Excl(a.num("priceIncl"), percent)))
	case sent.has("priceExcl"):
		a.put(val("priceIncl", shop.Incl(a.num("priceExcl"), percent)))
	}
	a.put(val("syncMarker", t.nextArticleMarker()))
	a.put(t.moment("changeTimestamp", t.now()))
	return number
}
