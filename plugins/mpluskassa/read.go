package mpluskassa

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// Read streams the records of an entity.
func (c *connection) Read(ctx context.Context, r sdk.ReadRequest, emit func(sdk.Batch) error) (string, error) {
	switch r.Entity {
	case "order":
		return c.readOrders(ctx, r, emit, sequence{operation: "getOrders", id: "orderId", head: "orderSyncMarker"})
	case "proposal":
		return c.readOrders(ctx, r, emit, sequence{operation: "getProposals", id: "proposalId", head: "proposalSyncMarker"})
	case "receipt_day":
		return c.readDays(ctx, r, emit)
	}
	if !r.From.IsZero() || !r.To.IsZero() {
		return "", sdk.Fatal("mpluskassa.no_range",
			"only orders, proposals and days of receipts can be read for a period; %s has no dates to go by", r.Entity)
	}
	switch r.Entity {
	case "stock":
		return c.readStock(ctx, r, emit)
	case "article":
		return c.readProducts(ctx, r, emit, true)
	case "product":
		return c.readProducts(ctx, r, emit, false)
	}
	if s, ok := sequences()[r.Entity]; ok {
		return c.readSequence(ctx, r, emit, s, func(rows []row) ([]made, error) {
			if r.Entity == "article_group" {
				return c.placed(ctx, s, rows)
			}
			return c.rowsWith(s, rows, nil), nil
		})
	}
	if l, ok := lists()[r.Entity]; ok {
		return "", c.readList(ctx, r, emit, l)
	}
	return "", sdk.Fatal("mpluskassa.unknown_entity", "there is no entity %q", r.Entity)
}

// sequences are the entities that are read by sync marker as they stand.
func sequences() map[string]sequence {
	return map[string]sequence{
		"relation":      {operation: "getRelations", id: "relationNumber", head: "relationSyncMarker"},
		"employee":      {operation: "getEmployees", id: "employeeNumber", head: "employeeSyncMarker"},
		"article_group": {operation: "getArticleGroupChanges", id: "groupNumber", head: "articleGroupSyncMarker"},
	}
}

// rowsWith makes a record of each row, with what add adds to it.
func (c *client) rowsWith(s sequence, rows []row, add func(fields map[string]any)) []made {
	of := c.listOf(s.operation).of
	out := make([]made, 0, len(rows))
	for _, r := range rows {
		m := made{marker: r.marker}
		fields, err := c.decode(of, r.node)
		if err != nil {
			m.records = []sdk.Record{unreadable(r.node, s.id, err)}
		} else {
			if add != nil {
				add(fields)
			}
			rec := recordOf(r.value(s.id), fields, "changeTimestamp")
			rec.Delete = fields["isDeleted"] == true
			m.records = []sdk.Record{rec}
		}
		out = append(out, m)
	}
	return out
}

// ---- orders

// readOrders reads orders, or proposals, which are of the same kind.
func (c *connection) readOrders(ctx context.Context, r sdk.ReadRequest, emit func(sdk.Batch) error, s sequence) (string, error) {
	wanted, err := c.period(r)
	if err != nil {
		return "", err
	}
	s.extra = map[string]any{}
	if kinds, ok := r.Options["order_types"].([]any); ok && len(kinds) > 0 {
		s.extra["orderTypeList"] = kinds
	}
	// The server narrows only a read from the beginning: filters and markers together are known to miss changes.
	if r.Cursor == "" || !r.From.IsZero() || !r.To.IsZero() {
		wanted.ask(s.extra)
	}
	relation, products := r.Options.Bool("with_relation"), r.Options.Bool("with_products")
	j := c.newJoins()
	return c.readSequence(ctx, r, emit, s, func(rows []row) ([]made, error) {
		return c.orderRows(ctx, j, s, rows, wanted, relation, products)
	})
}

func (c *client) orderRows(
	ctx context.Context, j *joins, s sequence, rows []row, wanted period, relation, products bool,
) ([]made, error) {
	of := c.listOf(s.operation).of
	out := make([]made, len(rows))
	orders := make([]map[string]any, len(rows))
	var kept []map[string]any
	for i, r := range rows {
		out[i].marker = r.marker
		o, err := c.decode(of, r.node)
		switch {
		case err != nil:
			out[i].records = []sdk.Record{unreadable(r.node, s.id, err)}
		case wanted.has(o):
			orders[i] = o
			kept = append(kept, o)
		}
	}
	if err := j.prepare(ctx, kept, relation, products || c.needsArticles()); err != nil {
		return nil, err
	}
	for i, o := range orders {
		if o != nil {
			j.complete(o, relation, products)
			if of == "Order" {
				o[deliveredField] = deliveredOf(o)
			}
			out[i].records = []sdk.Record{recordOf(record.Text(o[s.id]), o, "entryTimestamp")}
		}
	}
	return out, nil
}

// period is the booking dates that are wanted, both included; "" is open.
type period struct{ first, last string }

// period is that of a ranged read, and what the source's `start` leaves alone.
func (c *client) period(r sdk.ReadRequest) (period, error) {
	p := period{first: r.Options.String("start")}
	if p.first != "" {
		if _, err := time.Parse(time.DateOnly, p.first); err != nil {
			return p, sdk.Fatal("mpluskassa.bad_option", "`start` is not a date such as 2026-01-31").At("start")
		}
	}
	if !r.From.IsZero() {
		p.first = max(p.first, r.From.In(c.codec.zone).Format(time.DateOnly))
	}
	if !r.To.IsZero() {
		p.last = r.To.Add(-1).In(c.codec.zone).Format(time.DateOnly)
	}
	return p, nil
}

func (p period) ask(request map[string]any) {
	if p.first != "" {
		request["fromFinancialDate"] = p.first
	}
	if p.last != "" {
		request["throughFinancialDate"] = p.last
	}
}

// has goes by the booking date and, for want of one, by the day of entry. An order without either is not left out.
func (p period) has(order map[string]any) bool {
	day, _ := order["financialDate"].(string)
	if day == "" {
		if entered, _ := order["entryTimestamp"].(string); len(entered) >= len(time.DateOnly) {
			day = entered[:len(time.DateOnly)]
		}
	}
	return day == "" || day >= p.first && (p.last == "" || day <= p.last)
}

// ---- products and articles

func productSequence() sequence {
	return sequence{
		operation: "getProducts", id: "productNumber", head: "articleSyncMarker", inner: "articleList/article",
		extra: map[string]any{"includeAllArticlesOfSelectedProducts": true},
	}
}

func (c *connection) readProducts(ctx context.Context, r sdk.ReadRequest, emit func(sdk.Batch) error, single bool) (string, error) {
	return c.readSequence(ctx, r, emit, productSequence(), func(rows []row) ([]made, error) {
		out := make([]made, 0, len(rows))
		for _, row := range rows {
			m := made{marker: row.marker}
			product, err := c.decode("Product", row.node)
			switch {
			case err != nil:
				m.records = []sdk.Record{unreadable(row.node, "productNumber", err)}
			case single:
				for _, a := range c.articlesOf(product) {
					m.records = append(m.records, recordOf(record.Text(a["articleNumber"]), a, "changeTimestamp"))
				}
			default:
				c.complement(product)
				m.records = []sdk.Record{recordOf(record.Text(product["productNumber"]), product, "")}
			}
			out = append(out, m)
		}
		return out, nil
	})
}

// ---- stock

// readStock goes by stockId. Whether that is asked for inclusively is not documented, so the highest one seen is asked
// for again, and what was seen before is dropped.
func (c *connection) readStock(ctx context.Context, r sdk.ReadRequest, emit func(sdk.Batch) error) (string, error) {
	branch := r.Options.Int("branch")
	if branch == 0 {
		return "", sdk.Fatal("mpluskassa.bad_option", "`branch` is missing: stock is kept per branch").At("branch")
	}
	highest := int64(0)
	if r.Cursor != "" {
		next, done, err := c.begin(ctx, r.Cursor, "stockId")
		if err != nil {
			return "", err
		}
		highest = next - 1
		if done {
			return r.Cursor, nil
		}
	}
	for {
		fresh, err := c.stockSince(ctx, branch, highest)
		if err != nil {
			return "", err
		}
		if len(fresh) == 0 {
			return strconv.FormatInt(highest+1, 10), nil
		}
		if err := batches(fresh, r.BatchSize, true, emit); err != nil {
			return "", err
		}
		highest = fresh[len(fresh)-1].marker
	}
}

func (c *client) stockSince(ctx context.Context, branch, highest int64) ([]made, error) {
	request := map[string]any{"branchNumber": record.Int(branch)}
	if highest > 0 {
		request["stockId"] = record.Int(highest)
	}
	a, err := c.call(ctx, "getStock", map[string]any{"request": request})
	if err != nil {
		return nil, err
	}
	nodes, _ := c.listOf("getStock").rows(a.node)
	var out []made
	for _, n := range nodes {
		var id int64
		if err := n.ints(map[string]*int64{"stockId": &id}); err != nil {
			return nil, sdk.Fatal("mpluskassa.bad_answer", "a row of getStock has no usable stockId: %v", err)
		}
		if id <= highest {
			continue
		}
		m := made{marker: id}
		if fields, err := c.stockOf(n, branch); err != nil {
			m.records = []sdk.Record{unreadable(n, "articleNumber", err)}
		} else {
			m.records = []sdk.Record{recordOf(stockID(fields), fields, "changeTimestamp")}
		}
		out = append(out, m)
	}
	slices.SortStableFunc(out, func(a, b made) int { return cmp.Compare(a.marker, b.marker) })
	return out, nil
}

// stockOf is the stock of an article in a branch, with what can be sold of it and what setStock would set.
func (c *client) stockOf(n *node, branch int64) (map[string]any, error) {
	fields, err := c.decode("ArticleStock", n)
	if err != nil {
		return nil, err
	}
	if numberIn(fields, "branchNumber") == "" {
		fields["branchNumber"] = record.Int(branch)
	}
	free, ok := fields["amountFree"].(record.Number)
	reserved, there := fields["amountReserved"].(record.Number)
	if !ok || !there {
		return nil, at("amountFree", errors.New("an amount is missing"))
	}
	physical := free
	available := free
	if c.freeIsNet {
		physical, err = sum(free, reserved)
	} else {
		available, err = less(free, reserved)
	}
	if err != nil {
		return nil, at("amountReserved", err)
	}
	fields["available"], fields["amount"] = available, physical
	if c.setsFree {
		fields["amount"] = free
	}
	return fields, nil
}

func stockID(fields map[string]any) string {
	return record.Text(fields["branchNumber"]) + "/" + record.Text(fields["articleNumber"])
}

// ---- small lists

// small is a list that comes whole and is small enough to look through.
type small struct{ operation, id string }

func lists() map[string]small {
	return map[string]small{
		"branch":          {"getBranches", "branchNumber"},
		"vat_group":       {"getVatGroupList", "vatCode"},
		"payment_method":  {"getPaymentMethods", "method"},
		"delivery_method": {"getDeliveryMethods", "deliveryMethod"},
		"order_category":  {"getOrderCategories", "orderCategoryNumber"},
	}
}

// idOf is a row's identity. A VAT code is one only within its branch and country.
func (l small) idOf(fields map[string]any) string {
	id := record.Text(fields[l.id])
	if l.operation == "getVatGroupList" {
		return record.Text(fields["branchNumber"]) + "/" + record.Text(fields["countryIso3"]) + "/" + id
	}
	return id
}

func (c *connection) readList(ctx context.Context, r sdk.ReadRequest, emit func(sdk.Batch) error, l small) error {
	rows, err := c.rowsOf(ctx, l.operation, nil)
	if err != nil {
		return err
	}
	all := make([]made, len(rows))
	for i, fields := range rows {
		all[i].records = []sdk.Record{recordOf(l.idOf(fields), fields, "")}
	}
	return batches(all, r.BatchSize, false, emit)
}
