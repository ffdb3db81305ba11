package mpluskassa

import (
	"cmp"
	"maps"
	"slices"
)

// group is an article group, which the till also calls a web group.
type group struct {
	number, parent int64 // parent is 0 at the top
	order          int64
	name, text     string
	marker         int64
	deleted        bool
}

func (t *till) addGroups() {
	for i, g := range t.shop.ArticleGroups {
		t.groups = append(t.groups, &group{number: int64(g.Number), parent: int64(g.Parent), order: int64(i + 1), name: g.Name})
		t.touchGroup(t.groups[i])
	}
}

func (t *till) touchGroup(g *group) {
	t.groupMarker = next(t.groupMarker)
	g.marker = t.groupMarker
}

// group is a group by number, nil when there is none or it was deleted.
func (t *till) group(number int64) *group {
	for _, g := range t.groups {
		if g.number == number && !g.deleted {
			return g
		}
	}
	return nil
}

// inside are the groups in another, in their order.
func (t *till) inside(parent int64) []*group {
	var out []*group
	for _, g := range t.groups {
		if g.parent == parent && !g.deleted {
			out = append(out, g)
		}
	}
	slices.SortStableFunc(out, func(a, b *group) int { return cmp.Compare(a.order, b.order) })
	return out
}

// getArticleGroups answers with whole trees: those in which a group has the marker asked for or a higher one.
func (t *till) getArticleGroups(req *element) (*element, error) {
	r := req.get("request")
	wanted := r.numbers("groupNumbers")
	list := el("articleGroupList")
	for _, g := range t.inside(0) {
		if len(wanted) > 0 && !wanted[g.number] {
			continue
		}
		if tree, marker := t.groupTree(g, r.flag("retrieveArticleNumbers")); marker >= r.num("syncMarker") {
			list.add(tree)
		}
	}
	return el("", list), nil
}

func (t *till) groupTree(g *group, withArticles bool) (*element, int64) {
	subs := el("subGroupList")
	highest := g.marker
	for _, sub := range t.inside(g.number) {
		tree, marker := t.groupTree(sub, withArticles)
		subs.add(tree)
		highest = max(highest, marker)
	}
	products, articles := el("productNumbers"), el("articleNumbers")
	for _, p := range t.productsIn(g.number) {
		products.add(val("number", p.num("productNumber")))
		for _, a := range articlesOf(p) {
			articles.add(val("number", a.num("articleNumber")))
		}
	}
	e := el(
		"articleGroups", val("groupNumber", g.number), val("syncMarker", g.marker), val("name", g.name), val("text", g.text),
		subs, val("sortOrder", g.order), products,
	)
	if withArticles {
		e.add(articles)
	}
	return e, highest
}

// getArticleGroupChanges answers with the groups one by one, the deleted ones too.
func (t *till) getArticleGroupChanges(req *element) (*element, error) {
	r := req.get("request")
	wanted := r.numbers("groupNumbers")
	var found []*group
	for _, g := range t.groups {
		if len(wanted) == 0 || wanted[g.number] {
			found = append(found, g)
		}
	}
	list := el("changedArticleGroupList")
	marker := func(g *group) int64 { return g.marker }
	for _, g := range page(found, marker, r.num("syncMarker"), r.num("syncMarkerLimit"), int64(t.opts.PageCap)) {
		subs, products := el("subGroupNumbers"), el("productNumbers")
		for _, sub := range t.inside(g.number) {
			subs.add(val("number", sub.number))
		}
		for _, p := range t.productsIn(g.number) {
			products.add(val("number", p.num("productNumber")))
		}
		list.add(el(
			"changedArticleGroups", val("groupNumber", g.number), val("parentGroupNumber", g.parent), val("syncMarker", g.marker),
			val("name", g.name), val("text", g.text), subs, val("sortOrder", g.order), products, val("isDeleted", g.deleted),
		))
	}
	return el("", list), nil
}

func (t *till) newArticleGroup(req *element) (*element, error) {
	r := req.get("request")
	answer := func(result string, number int64) *element {
		return el("", val("result", "NEW-ARTICLE-GROUP-RESULT-"+result), val("groupNumber", number))
	}
	parent := r.num("parentGroupNumber")
	switch {
	case parent != 0 && t.group(parent) == nil:
		return answer("PARENT-NOTFOUND", 0), nil
	case r.str("name") == "":
		return answer("FAILED", 0), nil
	}
	g := &group{parent: parent, name: r.str("name"), text: r.str("text"), order: r.num("sortOrder")}
	for _, other := range t.groups {
		g.number = max(g.number, other.number)
	}
	g.number++
	if g.order == 0 {
		g.order = int64(len(t.inside(parent)) + 1)
	}
	t.groups = append(t.groups, g)
	t.touchGroup(g)
	if above := t.group(parent); above != nil {
		t.touchGroup(above)
	}
	return answer("OK", g.number), nil
}

func (t *till) updateArticleGroup(req *element) (*element, error) {
	r := req.get("request")
	answer := func(result string) *element { return el("", val("result", "SAVE-ARTICLE-GROUP-RESULT-"+result)) }
	g := t.group(r.num("groupNumber"))
	parent := r.num("parentGroupNumber")
	switch {
	case g == nil:
		return answer("NOT-FOUND"), nil
	case r.has("name") && r.str("name") == "", r.has("parentGroupNumber") && !t.mayStandIn(g, parent):
		return answer("FAILED"), nil
	}
	if r.has("name") {
		g.name = r.str("name")
	}
	if r.has("text") {
		g.text = r.str("text")
	}
	if r.has("sortOrder") {
		g.order = r.num("sortOrder")
	}
	if r.has("parentGroupNumber") {
		g.parent = parent
	}
	t.touchGroup(g)
	return answer("OK"), nil
}

// mayStandIn refuses a parent that isn't there or stands below the group itself.
func (t *till) mayStandIn(g *group, parent int64) bool {
	for at := parent; at != 0; {
		above := t.group(at)
		if above == nil || above == g {
			return false
		}
		at = above.parent
	}
	return true
}

// deleteArticleGroup deletes a group with all below it; the products stay.
func (t *till) deleteArticleGroup(req *element) (*element, error) {
	g := t.group(req.get("request").num("groupNumber"))
	if g == nil {
		return el("", val("result", "DELETE-ARTICLE-GROUP-RESULT-NOTFOUND")), nil
	}
	t.drop(g)
	return el("", val("result", "DELETE-ARTICLE-GROUP-RESULT-OK")), nil
}

func (t *till) drop(g *group) {
	for _, sub := range t.inside(g.number) {
		t.drop(sub)
	}
	for _, p := range t.productsIn(g.number) {
		t.regroup(p, g.number, false)
	}
	g.deleted = true
	t.touchGroup(g)
}

// ---- which products are in them

func (t *till) productsIn(number int64) []*element {
	var out []*element
	for _, p := range t.products {
		if p.numbers("groupNumbers")[number] {
			out = append(out, p)
		}
	}
	return out
}

// regroup puts a product into a group or takes it out of one.
func (t *till) regroup(p *element, number int64, in bool) {
	groups := p.numbers("groupNumbers")
	if groups[number] == in {
		return
	}
	if in {
		groups[number] = true
	} else {
		delete(groups, number)
	}
	t.setGroups(p, slices.Collect(maps.Keys(groups)))
	p.put(val("syncMarker", t.nextArticleMarker()))
}

func (t *till) setGroups(p *element, numbers []int64) {
	p.drop("groupNumbers")
	p.drop("sortOrderGroupList")
	slices.SortFunc(numbers, func(a, b int64) int { return cmp.Compare(b, a) }) // whose order means nothing
	order := el("sortOrderGroupList")
	for _, n := range numbers {
		p.add(val("groupNumbers", n))
		order.add(el("sortOrderGroup", val("groupNumber", n), val("sortOrder", 1)))
	}
	p.add(order)
}

// groupMembers changes the products of a group; the result's names begin with prefix.
func (t *till) groupMembers(prefix string, change func(r *element, g *group, products []*element)) handler {
	return func(req *element) (*element, error) {
		r := req.get("request")
		answer := func(result string) *element { return el("", val("result", prefix+"-RESULT-"+result)) }
		g := t.group(r.num("groupNumber"))
		if g == nil {
			return answer("NOT-FOUND"), nil
		}
		var products []*element
		for n := range r.get("productNumbers").numbers("number") {
			p := t.product(n)
			if p == nil {
				return answer("FAILED"), nil
			}
			products = append(products, p)
		}
		change(r, g, products)
		t.touchGroup(g)
		return answer("OK"), nil
	}
}

func (t *till) memberHandlers() map[string]handler {
	each := func(in bool) func(*element, *group, []*element) {
		return func(_ *element, g *group, products []*element) {
			for _, p := range products {
				t.regroup(p, g.number, in)
			}
		}
	}
	empty := func(g *group) {
		for _, p := range t.productsIn(g.number) {
			t.regroup(p, g.number, false)
		}
	}
	return map[string]handler{
		"addProductsToArticleGroup": t.groupMembers("ADD-PRODUCTS-TO-ARTICLE-GROUP", each(true)),
		"replaceProductsOfArticleGroup": t.groupMembers("REPLACE-PRODUCTS-OF-ARTICLE-GROUP", func(r *element, g *group, products []*element) {
			empty(g)
			each(true)(r, g, products)
		}),
		"deleteProductsFromArticleGroup": t.groupMembers("DELETE-PRODUCTS-FROM-ARTICLE-GROUP", func(r *element, g *group, products []*element) {
			if r.flag("removeAll") {
				empty(g)
			}
			each(false)(r, g, products)
		}),
	}
}
