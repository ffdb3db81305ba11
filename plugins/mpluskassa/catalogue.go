package mpluskassa

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// catalogue knows what has which value in fields that MplusKASSA can't search by, or only loosely. It is filled at the
// first question and then follows the sync markers.
type catalogue struct {
	of   sequence
	kind string                           // type of a row
	file func(*catalogue, map[string]any) // notes what a row has

	mu      sync.Mutex
	next    int64
	keys    map[string][]string // by kind and number: what it was found under
	numbers map[string][]string // by field and value: the numbers of the articles or products that have it
}

// newArticles files articles by barcode and outside id, and products by description.
func newArticles() *catalogue {
	return &catalogue{of: productSequence(), kind: "Product", file: func(k *catalogue, product map[string]any) {
		k.note("productNumber", product, "description")
		for _, a := range objects(product["articleList"]) {
			k.note("articleNumber", a, skuExt, skuBarcode)
		}
	}}
}

// newPeople files relations by what tells one from another.
func newPeople() *catalogue {
	return &catalogue{of: sequences()["relation"], kind: "Relation", file: func(k *catalogue, relation map[string]any) {
		k.note("relationNumber", relation, personal...)
	}}
}

// personal are the fields that a relation is looked up by.
var personal = []string{"extRelationId", "email", "relationCode"}

// find returns the numbers of the things that are filed under one of the keys.
func (k *catalogue) find(ctx context.Context, c *client, keys ...string) ([]string, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.follow(ctx, c); err != nil {
		return nil, err
	}
	var out []string
	for _, key := range keys {
		out = append(out, k.numbers[key]...)
	}
	return out, nil
}

// follow brings the catalogue up to date. When the markers went back it starts anew.
func (k *catalogue) follow(ctx context.Context, c *client) error {
	highest, err := c.current(ctx, k.of.head)
	if err != nil {
		return err
	}
	if k.next == 0 || highest >= 0 && highest < k.next-1 {
		k.next, k.keys, k.numbers = 1, map[string][]string{}, map[string][]string{}
	}
	if highest >= 0 && highest < k.next {
		return nil
	}
	next, err := c.walk(ctx, k.of, k.next, func(rows []row) error {
		for _, r := range rows {
			fields, err := c.decode(k.kind, r.node)
			if err != nil {
				return sdk.Fatal("mpluskassa.bad_answer", "%s %s can't be read: %v", k.of.id, r.value(k.of.id), err)
			}
			k.file(k, fields)
		}
		return nil
	})
	k.next = next
	return err
}

// note files a thing under what its fields have now.
func (k *catalogue) note(id string, thing map[string]any, fields ...string) {
	number := record.Text(thing[id])
	own := id + "=" + number
	for _, key := range k.keys[own] {
		k.numbers[key] = slices.DeleteFunc(k.numbers[key], func(n string) bool { return n == number })
	}
	k.keys[own] = nil
	for _, f := range fields {
		if strings.TrimSpace(record.Text(thing[f])) != "" {
			key := filedAs(f, thing[f])
			k.keys[own] = append(k.keys[own], key)
			k.numbers[key] = append(k.numbers[key], number)
		}
	}
}

// filedAs is what a field with a value is filed under: blanks around don't count, nor does case in e-mail addresses.
func filedAs(field string, value any) string {
	v := strings.TrimSpace(record.Text(value))
	if field == "email" {
		v = strings.ToLower(v)
	}
	return field + "=" + v
}

// made files what we have just made, which spares reading it again if nothing else has changed meanwhile.
func (k *catalogue) made(thing map[string]any, marker string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if m, err := whole(marker); err == nil && m == k.next {
		k.file(k, thing)
		k.next++
	}
}
