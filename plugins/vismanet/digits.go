package vismanet

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kopru-io/kopru/plugins/sdk"
)

// itemDigits are the item numbers that have the same digits.
func itemDigits() *entity {
	return &entity{
		name: "item_digits", path: "/v1/inventory", key: "digits", lookupOnly: true,
		about:   "The items whose numbers have the same digits: what would fall together where only digits are allowed.",
		matches: []match{{field: "digits"}},
		fields: []field{
			{name: "digits", decode: nothing, about: "Digits without leading zeros."},
			{name: "numbers", kind: list, decode: nothing, about: "The item numbers that have them, sorted."},
		},
	}
}

// digitsAPI knows all item numbers by their digits, which Visma.net can't search by.
type digitsAPI struct {
	*erpAPI
	stale atomic.Bool // items were read since it last looked

	known   sync.Mutex
	latest  time.Time                  // the last change it has seen
	numbers map[string]string          // by Visma.net's own id: numbers can change
	alike   map[string]map[string]bool // by digits
}

func digitsOf(number string) string {
	only := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, number)
	return strings.TrimLeft(only, "0")
}

func (a *digitsAPI) get(ctx context.Context, t *trail, _ *entity, digits string) (*sdk.Found, error) {
	a.known.Lock()
	defer a.known.Unlock()
	if err := a.follow(ctx, t); err != nil {
		return nil, err
	}
	var numbers []any
	for _, n := range slices.Sorted(maps.Keys(a.alike[digits])) {
		numbers = append(numbers, n)
	}
	if numbers == nil {
		return nil, nil
	}
	return &sdk.Found{ID: digits, Fields: map[string]any{"digits": digits, "numbers": numbers}}, nil
}

// follow reads what changed, if items were read since it last did: nobody asks about items that were not.
func (a *digitsAPI) follow(ctx context.Context, t *trail) error {
	if a.numbers != nil && !a.stale.Load() {
		return nil
	}
	a.stale.Store(false)
	since := a.latest
	if a.numbers == nil {
		a.numbers, a.alike = map[string]string{}, map[string]map[string]bool{}
	} else {
		since = since.Add(-a.settings.overlap)
	}
	items := &entity{name: "inventory_item", path: "/v1/inventory", key: "inventoryNumber", paged: true, query: itemParts()}
	err := listing{
		fetch: func(n int) (page, error) { return a.page(ctx, t, items, n, since) },
		key:   func(in map[string]any) string { return rowKey(in, items.key) },
	}.walk(ctx, position{}, func(p page) error {
		for _, in := range p.rows {
			a.note(textOf(in["inventoryId"]), textOf(in["inventoryNumber"]))
			if t, err := parseTime(textOf(in["lastModifiedDateTime"]), a.settings.apiZone); err == nil && t.After(a.latest) {
				a.latest = t
			}
		}
		return nil
	})
	if err != nil {
		a.numbers, a.latest = nil, time.Time{} // what is known by half is not known
	}
	return err
}

func (a *digitsAPI) note(id, number string) {
	delete(a.alike[digitsOf(a.numbers[id])], a.numbers[id])
	a.numbers[id] = number
	d := digitsOf(number)
	if a.alike[d] == nil {
		a.alike[d] = map[string]bool{}
	}
	a.alike[d][number] = true
}
