package mpluskassa

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/kopru-io/kopru/plugins/record"
)

const (
	joinChunk = 200    // numbers asked for in one call
	joinKept  = 10_000 // entries kept during a read
)

// joins fetches what orders refer to, for many at once, and keeps it for the length of a read.
type joins struct {
	*client
	relations map[string]map[string]any // by relationNumber; nil = there is none
	articles  map[string]map[string]any // by articleNumber
}

func (c *client) newJoins() *joins {
	return &joins{client: c, relations: map[string]map[string]any{}, articles: map[string]map[string]any{}}
}

// prepare fetches what the orders need and is not there yet.
func (j *joins) prepare(ctx context.Context, orders []map[string]any, relations, articles bool) error {
	var people, goods []string
	for _, o := range orders {
		if n := numberIn(o, "relationNumber"); relations && n != "" {
			people = append(people, n)
		}
		if articles {
			eachLine(o, func(line map[string]any) { goods = append(goods, numberIn(line, "articleNumber")) })
		}
	}
	if err := fetch(ctx, j.relations, people, j.relationsBy); err != nil {
		return err
	}
	return fetch(ctx, j.articles, goods, j.articlesBy)
}

// fetch fills known with what is asked for and missing in it; what does not exist is remembered as nil. A server may
// answer with fewer than were asked for, as it does with pages: the rest is asked for until nothing more comes.
func fetch(
	ctx context.Context, known map[string]map[string]any, numbers []string,
	by func(context.Context, []string) (map[string]map[string]any, error),
) error {
	if len(known) > joinKept {
		clear(known)
	}
	slices.Sort(numbers)
	numbers = slices.DeleteFunc(slices.Compact(numbers), func(n string) bool {
		_, there := known[n]
		return there || n == ""
	})
	for chunk := range slices.Chunk(numbers, joinChunk) {
		for more := true; more && len(chunk) > 0; {
			found, err := by(ctx, chunk)
			if err != nil {
				return err
			}
			maps.Copy(known, found)
			rest := slices.DeleteFunc(slices.Clone(chunk), func(n string) bool { return found[n] != nil })
			chunk, more = rest, len(rest) < len(chunk)
		}
		for _, n := range chunk {
			known[n] = nil
		}
	}
	return nil
}

func (c *client) relationsBy(ctx context.Context, numbers []string) (map[string]map[string]any, error) {
	rows, err := c.rowsOf(ctx, "getRelations", map[string]any{"relationNumbers": numberList(numbers)})
	if err != nil {
		return nil, err
	}
	out := map[string]map[string]any{}
	for _, r := range rows {
		out[numberIn(r, "relationNumber")] = r
	}
	return out, nil
}

func (c *client) articlesBy(ctx context.Context, numbers []string) (map[string]map[string]any, error) {
	products, err := c.rowsOf(ctx, "getProducts", map[string]any{
		"articleNumbers": numberList(numbers), "includeAllArticlesOfSelectedProducts": false,
	})
	if err != nil {
		return nil, err
	}
	out := map[string]map[string]any{}
	for _, p := range products {
		for _, a := range c.articlesOf(p) {
			out[numberIn(a, "articleNumber")] = a
		}
	}
	return out, nil
}

// rowsOf calls an operation with a request and decodes the list it answers with.
func (c *client) rowsOf(ctx context.Context, operation string, request map[string]any) ([]map[string]any, error) {
	var whole map[string]any
	if request != nil {
		whole = map[string]any{"request": request}
	}
	a, err := c.call(ctx, operation, whole)
	if err != nil {
		return nil, err
	}
	values, err := c.decodeAnswer(operation, a)
	if err != nil {
		return nil, err
	}
	return objects(values[c.listOf(operation).name]), nil
}

// ---- what orders look like with what belongs to them

// complete gives an order what belongs to it; prepare has fetched it.
func (j *joins) complete(order map[string]any, relation, products bool) {
	if n := numberIn(order, "relationNumber"); relation && n != "" {
		order["relation"] = orNull(j.relations[n])
	}
	eachLine(order, func(line map[string]any) {
		article := j.articles[numberIn(line, "articleNumber")]
		if products && numberIn(line, "articleNumber") != "" {
			line["product"] = orNull(article)
		}
		line["sku"] = j.skuOf(line, article)
		if j.exclusivePrice == priceExcl && order["vatMethod"] == "VAT-METHOD-EXCLUSIVE" {
			withoutVat(line)
		}
	})
}

// withoutVat puts a price that has no VAT in it where it belongs.
func withoutVat(line map[string]any) {
	data, _ := line["data"].(map[string]any)
	if p, there := data["price"]; there {
		data["priceExcl"] = p
		delete(data, "price")
	}
}

// needsArticles tells whether a line alone doesn't say what its sku is.
func (s settings) needsArticles() bool { return s.sku == skuExt || s.sku == skuBarcode }

// skuOf is what identifies the article of a line or an article itself to the outside: text, or nil when it has none.
func (s settings) skuOf(line, article map[string]any) any {
	from := func(name string) string {
		for _, m := range []map[string]any{line, article} {
			if v := strings.TrimSpace(record.Text(m[name])); v != "" && v != "0" {
				return v
			}
		}
		return ""
	}
	out := ""
	switch s.sku {
	case skuAuto:
		if out = from(skuPlu); out == "" {
			out = from(skuArticle)
		}
	default:
		out = from(s.sku)
	}
	if out == "" {
		return nil
	}
	return out
}

// articlesOf are a product's articles, each with what the product says about all.
func (c *client) articlesOf(product map[string]any) []map[string]any {
	var out []map[string]any
	product["groupNumbers"] = sortedNumbers(product["groupNumbers"])
	for _, a := range objects(product["articleList"]) {
		a = maps.Clone(a)
		complete(a)
		for as, name := range map[string]string{
			"productNumber": "productNumber", "productDescription": "description", "groupNumbers": "groupNumbers",
		} {
			if v, there := product[name]; there {
				a[as] = v
			}
		}
		a["sku"] = c.skuOf(nil, a)
		out = append(out, a)
	}
	return out
}

// ---- small things

func eachLine(order map[string]any, visit func(map[string]any)) {
	for _, l := range objects(order["lineList"]) {
		visit(l)
		eachLine(map[string]any{"lineList": l["preparationList"]}, visit)
	}
}

func objects(v any) []map[string]any {
	items, _ := v.([]any)
	out := make([]map[string]any, 0, len(items))
	for _, item := range items {
		if m, ok := item.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// numberIn is a number's text, "" for none: 0 is how MplusKASSA writes none.
func numberIn(m map[string]any, name string) string {
	if s := record.Text(m[name]); s != "0" {
		return s
	}
	return ""
}

func numberList(numbers []string) []any {
	out := make([]any, len(numbers))
	for i, n := range numbers {
		out[i] = record.Number(n)
	}
	return out
}

func orNull(m map[string]any) any {
	if m == nil {
		return nil
	}
	return m
}
