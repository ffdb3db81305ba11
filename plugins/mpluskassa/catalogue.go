package mpluskassa

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/kopru-io/kopru/plugins/sdk"
)

// catalogue knows which articles have a barcode or an outside id, and which products a description, none of which
// MplusKASSA can search by. It is filled at the first question and then follows the sync markers.
type catalogue struct {
	mu      sync.Mutex
	next    int64
	keys    map[string][]string // by kind and number: what it was found under
	numbers map[string][]string // by field and value: the numbers of the articles or products that have it
}

// find returns the numbers of the articles, or of the products, whose field has the value.
func (k *catalogue) find(ctx context.Context, c *client, field string, value any) ([]string, error) {
	v := strings.TrimSpace(plain(value))
	if v == "" {
		return nil, badMatch("article", "articleNumber, sku, pluNumber, extArticleId or barcode")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.follow(ctx, c); err != nil {
		return nil, err
	}
	return slices.Clone(k.numbers[field+"="+v]), nil
}

// follow brings the catalogue up to date. When the markers went back it starts anew.
func (k *catalogue) follow(ctx context.Context, c *client) error {
	highest, err := c.current(ctx, productSequence().head)
	if err != nil {
		return err
	}
	if k.next == 0 || highest >= 0 && highest < k.next-1 {
		k.next, k.keys, k.numbers = 1, map[string][]string{}, map[string][]string{}
	}
	if highest >= 0 && highest < k.next {
		return nil
	}
	next, err := c.walk(ctx, productSequence(), k.next, func(rows []row) error {
		for _, r := range rows {
			product, err := c.decode("Product", r.node)
			if err != nil {
				return sdk.Fatal("mpluskassa.bad_answer", "product %s can't be read: %v", r.value("productNumber"), err)
			}
			k.note("productNumber", product, "description")
			for _, a := range objects(product["articleList"]) {
				k.note("articleNumber", a, skuExt, skuBarcode)
			}
		}
		return nil
	})
	k.next = next
	return err
}

// note files a thing under what its fields have now.
func (k *catalogue) note(id string, thing map[string]any, fields ...string) {
	number := plain(thing[id])
	own := id + "=" + number
	for _, key := range k.keys[own] {
		k.numbers[key] = slices.DeleteFunc(k.numbers[key], func(n string) bool { return n == number })
	}
	k.keys[own] = nil
	for _, f := range fields {
		if v := strings.TrimSpace(plain(thing[f])); v != "" {
			k.keys[own] = append(k.keys[own], f+"="+v)
			k.numbers[f+"="+v] = append(k.numbers[f+"="+v], number)
		}
	}
}
