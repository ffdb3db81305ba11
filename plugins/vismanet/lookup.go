package vismanet

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// Lookup finds records by id or by fields, oldest first, and those that are out of use after the others. Whatever the API's filters do, only records whose fields
// equal what was asked for are hits.
func (c *connection) Lookup(ctx context.Context, name string, q sdk.Query) ([]sdk.Found, error) {
	e, api, err := c.entity(name)
	if err != nil {
		return nil, err
	}
	t := &trail{}
	hits, err := c.lookup(ctx, t, e, api, q)
	if err != nil {
		return nil, withTrail(err, t)
	}
	return hits, nil
}

// withTrail is err with all that was said.
func withTrail(err error, t *trail) error {
	f := *asFailure(err)
	if len(t.list) > 0 {
		f.Exchanges = t.list
	}
	return &f
}

func (c *connection) lookup(ctx context.Context, t *trail, e *entity, api api, q sdk.Query) ([]sdk.Found, error) {
	m := q.Match
	if q.ID != "" {
		m = map[string]any{e.key: q.ID}
	}
	if len(m) == 0 {
		return nil, sdk.Invalid("vismanet.empty_match", "a look-up of %s needs at least one field", e.name)
	}
	for name, value := range m {
		if _, ok := e.matcher(name); !ok {
			f := sdk.Invalid("vismanet.no_match_field", "%s can't be looked up by %s; use %s", e.name, name, e.matchable())
			return nil, f.At(name)
		}
		if textOf(value) == "" {
			return nil, nil // null and nothing equal nothing
		}
	}
	var hits []sdk.Found
	if id, ok := m[e.key]; ok {
		found, err := api.get(ctx, t, e, strings.TrimSpace(textOf(id)))
		if err != nil {
			return nil, err
		}
		if found != nil && e.equals(found.Fields, m) {
			hits = append(hits, *found)
		}
		if found != nil || q.ID != "" || e.fallback == "" || !c.settings.crossReferences || len(m) > 1 {
			return hits, nil
		}
		m = map[string]any{e.fallback: id}
	}
	hits, err := api.find(ctx, t, e, m)
	if err != nil {
		return nil, err
	}
	if !e.sales { // that service sorts by itself
		slices.SortStableFunc(hits, e.older)
	}
	return hits, nil
}

func (e *entity) matchable() string {
	names := make([]string, len(e.matches))
	for i, m := range e.matches {
		names[i] = m.field
	}
	return strings.Join(names, ", ")
}

// equals tells whether a record has all the values.
func (e *entity) equals(fields, want map[string]any) bool {
	for name, value := range want {
		m, ok := e.matcher(name)
		if !ok {
			return false
		}
		have := []any{fields[name]}
		if m.values != nil {
			have = m.values(fields)
		}
		if !slices.ContainsFunc(have, func(v any) bool { return m.same(v, value) }) {
			return false
		}
	}
	return true
}

func (m match) same(a, b any) bool {
	x, y := textOf(a), textOf(b)
	if x == "" {
		return false
	}
	return x == y || m.fold && strings.EqualFold(x, y)
}

// older sorts by when the records were made, or else by their id; those that are out of use come last.
func (e *entity) older(a, b sdk.Found) int {
	idle := func(f sdk.Found) int {
		if e.idle != "" && textOf(f.Fields["status"]) == e.idle {
			return 1
		}
		return 0
	}
	if n := idle(a) - idle(b); n != 0 {
		return n
	}
	if e.created != "" {
		x, err1 := time.Parse(time.RFC3339, textOf(a.Fields[e.created]))
		y, err2 := time.Parse(time.RFC3339, textOf(b.Fields[e.created]))
		if err1 == nil && err2 == nil && !x.Equal(y) {
			return x.Compare(y)
		}
	}
	x, err1 := strconv.Atoi(a.ID)
	y, err2 := strconv.Atoi(b.ID)
	if err1 == nil && err2 == nil {
		return x - y
	}
	return strings.Compare(a.ID, b.ID)
}

// rowKey tells the rows of a list apart.
func rowKey(in map[string]any, name string) string {
	if k := textOf(in[name]); k != "" {
		return k
	}
	return record.Hash(in)
}
