package mpluskassa

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// Lookup finds records by id or by fields. MplusKASSA searches loosely: whatever it finds is compared here.
func (c *connection) Lookup(ctx context.Context, entity string, q sdk.Query) ([]sdk.Found, error) {
	answers, err := c.LookupBatch(ctx, entity, []sdk.Query{q})
	if err != nil {
		return nil, err
	}
	return answers[0].Found, answers[0].Err
}

// pick keeps the rows that are what is asked for.
func pick(q sdk.Query, rows []map[string]any, idOf func(map[string]any) string) []sdk.Found {
	var out []sdk.Found
	for _, r := range rows {
		if id := idOf(r); (q.ID == "" || q.ID == id) && equals(r, q.Match) {
			out = append(out, sdk.Found{ID: id, Fields: r})
		}
	}
	// What is out of use comes after the others: whoever takes the first means one that is in use.
	idle := func(f sdk.Found) int {
		if f.Fields["active"] == false {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(out, func(a, b sdk.Found) int { return idle(a) - idle(b) })
	return out
}

// candidates are records that may be what is asked for.
func (c *connection) candidates(ctx context.Context, entity string, q sdk.Query) (
	rows []map[string]any, idOf func(map[string]any) string, err error,
) {
	by := func(name string) func(map[string]any) string {
		return func(m map[string]any) string { return record.Text(m[name]) }
	}
	switch entity {
	case "order":
		rows, err = c.findOrders(ctx, orElse(q.ID, q.Match["orderId"]), record.Text(q.Match["extOrderId"]))
		return rows, by("orderId"), err
	case "product":
		rows, err = c.findProducts(ctx, orElse(q.ID, q.Match["productNumber"]), q.Match)
		return rows, by("productNumber"), err
	case "employee":
		rows, err = c.findEmployees(ctx, orElse(q.ID, q.Match["employeeNumber"]))
		return rows, by("employeeNumber"), err
	case "article_group":
		rows, err = c.findGroups(ctx, q)
		return rows, by("groupNumber"), err
	}
	if l, ok := lists()[entity]; ok {
		rows, err = c.rowsOf(ctx, l.operation, nil)
		return rows, l.idOf, err
	}
	return nil, nil, sdk.Fatal("mpluskassa.unsupported", "%s can't be looked up", entity)
}

func (c *client) findOrders(ctx context.Context, id, ext string) ([]map[string]any, error) {
	name, request := "getOrder", map[string]any{"orderId": id}
	if id == "" {
		if ext == "" {
			return nil, badMatch("order", "orderId or extOrderId")
		}
		name, request = "findOrder", map[string]any{"extOrderId": ext}
	}
	order, err := c.one(ctx, name, request, "order")
	if err != nil || order == nil {
		return nil, err
	}
	j := c.newJoins()
	if err := j.prepare(ctx, []map[string]any{order}, false, c.needsArticles()); err != nil {
		return nil, err
	}
	j.complete(order, false, false)
	order[deliveredField] = deliveredOf(order)
	return []map[string]any{order}, nil
}

// one calls an operation that answers with one thing; nil when there is none.
func (c *client) one(ctx context.Context, name string, request map[string]any, what string) (map[string]any, error) {
	a, err := c.call(ctx, name, request)
	if sdk.IsClass(err, missing) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	values, err := c.decodeAnswer(name, a)
	if err != nil {
		return nil, err
	}
	found, _ := values[what].(map[string]any)
	return found, nil
}

// numbered asks a list for one number.
func (c *client) numbered(ctx context.Context, operation, field, number string) ([]map[string]any, error) {
	if !isWhole(number) {
		return nil, nil // a number that is none belongs to nothing
	}
	return c.rowsOf(ctx, operation, map[string]any{field: numberList([]string{number})})
}

func (c *client) findEmployees(ctx context.Context, number string) ([]map[string]any, error) {
	if number != "" {
		return c.numbered(ctx, "getEmployees", "employeeNumbers", number)
	}
	var out []map[string]any
	_, err := c.walk(ctx, sequences()["employee"], 1, func(rows []row) error {
		for _, r := range rows {
			fields, err := c.decode("Employee", r.node)
			if err != nil {
				return sdk.Fatal("mpluskassa.bad_answer", "an employee can't be read: %v", err)
			}
			out = append(out, fields)
		}
		return nil
	})
	return out, err
}

// findProducts asks by number, else by the description, which MplusKASSA can't search by.
func (c *connection) findProducts(ctx context.Context, number string, match map[string]any) ([]map[string]any, error) {
	var out []map[string]any
	var err error
	if number != "" {
		out, err = c.numbered(ctx, "getProducts", "productNumbers", number)
	} else {
		if record.Text(match["description"]) == "" {
			return nil, badMatch("product", "productNumber or description")
		}
		var numbers []string
		numbers, err = c.catalogue.find(ctx, c.client, filedAs("description", match["description"]))
		if err == nil && len(numbers) > 0 {
			out, err = c.rowsOf(ctx, "getProducts", map[string]any{"productNumbers": numberList(numbers)})
		}
	}
	for _, p := range out {
		c.complement(p)
	}
	return out, err
}

// ---- comparing

// equals tells whether all of match stands in fields. Blanks around don't count, and case doesn't in e-mail addresses.
func equals(fields, match map[string]any) bool {
	for name, want := range match {
		have, there := fields[name]
		if !there || !same(name, have, want) {
			return false
		}
	}
	return true
}

func same(name string, have, want any) bool {
	h, w := strings.TrimSpace(record.Text(have)), strings.TrimSpace(record.Text(want))
	switch {
	case name == "email":
		return h != "" && strings.EqualFold(h, w)
	case h == "" || w == "":
		return record.Equal(have, want)
	}
	return h == w || record.Equal(have, want)
}

func badMatch(entity, fields string) error {
	return sdk.Invalid("mpluskassa.bad_query", "%s is looked up by %s", entity, fields)
}

func isCode(err error, code string) bool {
	var f *sdk.Failure
	return errors.As(err, &f) && f.Code == code
}

func orElse(id string, v any) string {
	if id != "" {
		return id
	}
	return strings.TrimSpace(record.Text(v))
}

// exchangesOf are those of a failure.
func exchangesOf(err error) []*protocol.Exchange {
	var f *sdk.Failure
	if errors.As(err, &f) {
		return f.Exchanges
	}
	return nil
}
