package mpluskassa

import (
	"context"
	"slices"
	"strings"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// lookupBatch is how many things MplusKASSA is asked for in one call.
const lookupBatch = 50

// terms are what MplusKASSA is asked for on behalf of some queries: by what it can search by, and by what the catalogue
// knows the numbers of.
type terms struct {
	numbers, plus, keys []string
}

// together is an entity of which several are asked for in one call.
type together struct {
	add   func(t *terms, q sdk.Query) error // what a query asks for
	fetch func(ctx context.Context, t terms) ([]map[string]any, error)
	idOf  func(map[string]any) string
}

func (c *connection) together(entity string) (together, bool) {
	by := func(name string) func(map[string]any) string {
		return func(m map[string]any) string { return record.Text(m[name]) }
	}
	switch entity {
	case "relation":
		return together{relationTerms, c.fetchRelations, by("relationNumber")}, true
	case "article":
		return together{c.articleTerms, c.fetchArticles, by("articleNumber")}, true
	case "stock":
		return together{stockTerms, c.fetchStock, stockID}, true
	}
	return together{}, false
}

// LookupBatch answers several queries, with as few calls as MplusKASSA's lists allow.
func (c *connection) LookupBatch(ctx context.Context, entity string, queries []sdk.Query) ([]sdk.Answer, error) {
	answers := make([]sdk.Answer, len(queries))
	all, ok := c.together(entity)
	var t terms
	for i, q := range queries {
		switch {
		case q.ID == "" && len(q.Match) == 0:
			answers[i].Err = sdk.Invalid("mpluskassa.bad_query", "nothing to look %s up by", entity)
		case ok:
			answers[i].Err = all.add(&t, q)
		default:
			rows, idOf, err := c.candidates(ctx, entity, q)
			answers[i] = sdk.Answer{Found: pick(q, rows, idOf), Err: err}
		}
	}
	if !ok {
		return answers, nil
	}
	rows, err := all.fetch(ctx, t)
	if sdk.IsClass(err, invalid) && len(queries) > 1 { // one of them is wrong, and none of the others' business
		for i, q := range queries {
			answers[i].Found, answers[i].Err = c.Lookup(ctx, entity, q)
		}
		return answers, nil
	}
	if err != nil {
		return nil, err
	}
	for i, q := range queries {
		if answers[i].Err == nil {
			answers[i].Found = pick(q, rows, all.idOf)
		}
	}
	return answers, nil
}

// relationTerms asks by number, else by what tells relations apart. MplusKASSA's own search answers with one relation
// only, takes a part of a word for the whole, and blanks around an address for a part of it.
func relationTerms(t *terms, q sdk.Query) error {
	if number := orElse(q.ID, q.Match["relationNumber"]); number != "" {
		t.number(number)
		return nil
	}
	for _, field := range personal {
		if strings.TrimSpace(record.Text(q.Match[field])) != "" {
			t.keys = append(t.keys, filedAs(field, q.Match[field]))
			return nil
		}
	}
	return badMatch("relation", "relationNumber, extRelationId, email or relationCode")
}

func (c *connection) fetchRelations(ctx context.Context, t terms) ([]map[string]any, error) {
	found, err := c.people.find(ctx, c.client, t.keys...)
	if err != nil {
		return nil, err
	}
	return all(append(t.numbers, found...), func(numbers []string) ([]map[string]any, []string, error) {
		rows, err := c.rowsOf(ctx, "getRelations", map[string]any{"relationNumbers": numberList(numbers)})
		return rows, values(rows, "relationNumber"), err
	})
}

// articleTerms asks for what may be the article: an article number counts as a sku where there is no PLU number.
func (c *connection) articleTerms(t *terms, q sdk.Query) error {
	sku := strings.TrimSpace(record.Text(q.Match["sku"]))
	plu := strings.TrimSpace(record.Text(q.Match["pluNumber"]))
	switch number := orElse(q.ID, q.Match["articleNumber"]); {
	case number != "":
		t.number(number)
	case plu != "":
		t.plus = append(t.plus, plu)
	case sku != "" && (c.sku == skuExt || c.sku == skuBarcode):
		t.keys = append(t.keys, filedAs(c.sku, sku))
	case sku != "":
		if c.sku != skuArticle {
			t.plus = append(t.plus, sku)
		}
		if c.sku != skuPlu {
			t.number(sku)
		}
	default:
		field := skuBarcode
		if record.Text(q.Match[skuExt]) != "" {
			field = skuExt
		}
		if strings.TrimSpace(record.Text(q.Match[field])) == "" {
			return badMatch("article", "articleNumber, sku, pluNumber, extArticleId or barcode")
		}
		t.keys = append(t.keys, filedAs(field, q.Match[field]))
	}
	return nil
}

func (c *connection) fetchArticles(ctx context.Context, t terms) ([]map[string]any, error) {
	found, err := c.catalogue.find(ctx, c.client, t.keys...)
	if err != nil {
		return nil, err
	}
	articles := func(request map[string]any) (out []map[string]any, err error) {
		products, err := c.rowsOf(ctx, "getProducts", request)
		for _, p := range products {
			out = append(out, c.articlesOf(p)...)
		}
		return out, err
	}
	out, err := all(t.plus, func(plus []string) ([]map[string]any, []string, error) {
		texts := make([]any, len(plus))
		for i, plu := range plus {
			texts[i] = map[string]any{"text": plu}
		}
		rows, err := articles(map[string]any{"pluNumbers": texts})
		return rows, values(rows, "pluNumber"), err
	})
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{} // one may be found in two ways
	for _, number := range values(out, "articleNumber") {
		seen[number] = true
	}
	numbered, err := all(append(t.numbers, found...), func(numbers []string) ([]map[string]any, []string, error) {
		rows, err := articles(map[string]any{"articleNumbers": numberList(numbers)})
		return rows, values(rows, "articleNumber"), err
	})
	for _, a := range numbered {
		if !seen[record.Text(a["articleNumber"])] {
			out = append(out, a)
		}
	}
	return out, err
}

// stockTerms asks by stock ids, "branch/article".
func stockTerms(t *terms, q sdk.Query) error {
	branch, article, _ := strings.Cut(q.ID, "/")
	if q.ID == "" {
		branch, article = record.Text(q.Match["branchNumber"]), record.Text(q.Match["articleNumber"])
	}
	if !isWhole(branch) || !isWhole(article) {
		return badMatch("stock", "branchNumber and articleNumber")
	}
	t.keys = append(t.keys, branch+"/"+article)
	return nil
}

func (c *connection) fetchStock(ctx context.Context, t terms) ([]map[string]any, error) {
	articles := map[string][]string{} // by branch
	for _, key := range t.keys {
		branch, article, _ := strings.Cut(key, "/")
		articles[branch] = append(articles[branch], article)
	}
	var out []map[string]any
	for branch, numbers := range articles {
		rows, err := all(numbers, func(numbers []string) ([]map[string]any, []string, error) {
			rows, err := c.stocks(ctx, branch, numbers)
			return rows, values(rows, "articleNumber"), err
		})
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}

// stocks asks for the stock of articles in a branch.
func (c *client) stocks(ctx context.Context, branch string, articles []string) ([]map[string]any, error) {
	number, err := whole(branch)
	if err != nil {
		return nil, badMatch("stock", "branchNumber and articleNumber")
	}
	a, err := c.call(ctx, "getStock", map[string]any{"request": map[string]any{
		"branchNumber": record.Number(branch), "articleNumbers": numberList(articles),
	}})
	if err != nil {
		return nil, err
	}
	nodes, _ := c.listOf("getStock").rows(a.node)
	out := make([]map[string]any, len(nodes))
	for i, n := range nodes {
		if out[i], err = c.stockOf(n, number); err != nil {
			return nil, sdk.Fatal("mpluskassa.bad_answer", "the stock of articles %s can't be read: %v", strings.Join(articles, ", "), err)
		}
	}
	return out, nil
}

// number notes a number, if it is one: what is none belongs to nothing.
func (t *terms) number(n string) {
	if isWhole(n) {
		t.numbers = append(t.numbers, n)
	}
}

// all asks for things in lists. A server may answer with fewer than were asked for, as it does with pages: the rest is
// asked for until nothing more comes.
func all(
	wanted []string, ask func(wanted []string) (rows []map[string]any, found []string, err error),
) (out []map[string]any, err error) {
	known := map[string]bool{}
	wanted = slices.DeleteFunc(slices.Clone(wanted), func(w string) bool {
		twice := known[w]
		known[w] = true
		return twice
	})
	for chunk := range slices.Chunk(wanted, lookupBatch) {
		for len(chunk) > 0 {
			rows, found, err := ask(chunk)
			if err != nil {
				return nil, err
			}
			out = append(out, rows...)
			rest := slices.DeleteFunc(slices.Clone(chunk), func(w string) bool { return slices.Contains(found, w) })
			if len(rest) == len(chunk) {
				break
			}
			chunk = rest
		}
	}
	return out, nil
}

// values are a field of all rows.
func values(rows []map[string]any, field string) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = strings.TrimSpace(record.Text(r[field]))
	}
	return out
}
