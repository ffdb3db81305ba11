package mpluskassa

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/kopru-io/kopru/plugins/sdk"
)

// catalogue knows which articles have a barcode or an outside id, neither of which MplusKASSA can search by. It is
// filled at the first question and then follows the sync markers.
type catalogue struct {
	mu       sync.Mutex
	next     int64
	keys     map[string][]string // by articleNumber: what it was found under
	articles map[string][]string // by field and value: articleNumbers
}

// find returns the numbers of the articles that have what match says.
func (k *catalogue) find(ctx context.Context, c *client, match map[string]any) ([]string, error) {
	key := ""
	for _, f := range []string{skuExt, skuBarcode} {
		if v := strings.TrimSpace(plain(match[f])); v != "" {
			key = f + "=" + v
		}
	}
	if key == "" {
		return nil, badMatch("article", "articleNumber, pluNumber, extArticleId or barcode")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.follow(ctx, c); err != nil {
		return nil, err
	}
	return slices.Clone(k.articles[key]), nil
}

// follow brings the catalogue up to date. When the markers went back it starts anew.
func (k *catalogue) follow(ctx context.Context, c *client) error {
	highest, err := c.current(ctx, productSequence().head)
	if err != nil {
		return err
	}
	if k.next == 0 || highest >= 0 && highest < k.next-1 {
		k.next, k.keys, k.articles = 1, map[string][]string{}, map[string][]string{}
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
			for _, a := range objects(product["articleList"]) {
				k.note(a)
			}
		}
		return nil
	})
	k.next = next
	return err
}

func (k *catalogue) note(article map[string]any) {
	number := plain(article["articleNumber"])
	for _, key := range k.keys[number] {
		k.articles[key] = slices.DeleteFunc(k.articles[key], func(n string) bool { return n == number })
	}
	k.keys[number] = nil
	for _, f := range []string{skuExt, skuBarcode} {
		if v := strings.TrimSpace(plain(article[f])); v != "" {
			k.keys[number] = append(k.keys[number], f+"="+v)
			k.articles[f+"="+v] = append(k.articles[f+"="+v], number)
		}
	}
}
