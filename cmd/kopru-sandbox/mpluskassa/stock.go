package mpluskassa

import (
	"time"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/shop"
)

// stock is what a branch has of an article. Free is what can be sold: what is there less what is reserved.
type stock struct {
	branch, article int64
	id              int64
	changed         time.Time
	free, reserved  shop.Quantity
}

// keptAt names the stock of a branch.
type keptAt struct{ branch, article int64 }

// movement is a change of what is there.
type movement struct {
	id, branch, article int64
	at                  time.Time
	by                  shop.Quantity
	kind                string
}

func (t *till) addStock(branch, article int64, q shop.Quantity, at time.Time) *stock {
	t.stockID = next(t.stockID)
	s := &stock{branch: branch, article: article, id: t.stockID, changed: at, free: q}
	t.stocks = append(t.stocks, s)
	t.stockOf[keptAt{branch, article}] = s
	t.movements = append(t.movements, movement{t.stockID, branch, article, at, q, "STOCK-HISTORY-TYPE-MANUAL"})
	return s
}

func (t *till) stock(branch, article int64) *stock {
	return t.stockOf[keptAt{branch, article}]
}

// plus adds exactly, at the finer of the two scales.
func plus(a, b shop.Quantity) shop.Quantity {
	for a.Scale < b.Scale {
		a.Unscaled, a.Scale = a.Unscaled*10, a.Scale+1
	}
	for b.Scale < a.Scale {
		b.Unscaled, b.Scale = b.Unscaled*10, b.Scale+1
	}
	a.Unscaled += b.Unscaled
	return a
}

func minus(q shop.Quantity) shop.Quantity {
	q.Unscaled = -q.Unscaled
	return q
}

// maxScale is how many decimals a quantity may have.
const maxScale = 6

// readQuantity reads an unscaled number; a missing scale is 0.
func readQuantity(e *element, number, scale string) (shop.Quantity, bool) {
	q := shop.Quantity{Unscaled: e.num(number), Scale: int(e.num(scale))}
	const most = int64(1_000_000_000_000)
	return q, q.Scale >= 0 && q.Scale <= maxScale && q.Unscaled < most && q.Unscaled > -most
}

func (t *till) quantity(number, scale string, q shop.Quantity) []*element {
	if q.Scale == 0 && t.opts.OmitScale {
		return []*element{val(number, q.Unscaled)}
	}
	return []*element{val(number, q.Unscaled), val(scale, q.Scale)}
}

// atStock finds the stock a request is about; the result says what is wrong with it.
func (t *till) atStock(r *element) (*stock, string) {
	if t.branch(r.num("branchNumber")) == nil {
		return nil, "BRANCH-NOT-FOUND"
	}
	a, _ := t.article(r.num("articleNumber"))
	if a == nil {
		return nil, "ARTICLE-NOT-FOUND"
	}
	if !a.flag("stockArticle") {
		return nil, "NO-STOCK-ARTICLE"
	}
	if s := t.stock(r.num("branchNumber"), r.num("articleNumber")); s != nil {
		return s, ""
	}
	return t.addStock(r.num("branchNumber"), r.num("articleNumber"), shop.Quantity{}, t.now()), ""
}

func (t *till) setStock(req *element) (*element, error) {
	r := req.get("request")
	s, problem := t.atStock(r)
	if problem != "" {
		return el("", val("result", "SET-STOCK-RESULT-"+problem)), nil
	}
	q, ok := readQuantity(r, "amount", "decimalPlaces")
	if !ok {
		return el("", val("result", "SET-STOCK-RESULT-FAILED")), nil
	}
	if !t.opts.SetStockFree {
		q = plus(q, minus(s.reserved))
	}
	t.move(s, plus(q, minus(s.free)), "STOCK-HISTORY-TYPE-API")
	return el("", val("result", "SET-STOCK-RESULT-OK"), val("stockId", s.id)), nil
}

func (t *till) updateStock(req *element) (*element, error) {
	r := req.get("request")
	s, problem := t.atStock(r)
	if problem != "" {
		return el("", val("result", "UPDATE-STOCK-RESULT-"+problem)), nil
	}
	q, ok := readQuantity(r, "amountChanged", "decimalPlaces")
	if !ok {
		return el("", val("result", "UPDATE-STOCK-RESULT-FAILED")), nil
	}
	t.move(s, q, "STOCK-HISTORY-TYPE-API")
	return el("", val("result", "UPDATE-STOCK-RESULT-OK"), val("stockId", s.id)), nil
}

// move changes what is there.
func (t *till) move(s *stock, by shop.Quantity, kind string) {
	t.stockID = next(t.stockID)
	s.id, s.changed, s.free = t.stockID, t.now(), plus(s.free, by)
	t.movements = append(t.movements, movement{s.id, s.branch, s.article, s.changed, by, kind})
}

// reserve keeps an order's goods apart, or gives them free again.
func (t *till) reserve(o *order, yes bool) {
	if o.reserved == yes {
		return
	}
	o.reserved = yes
	for _, l := range o.Lines {
		s := t.stock(int64(o.FinancialBranch), l.Article)
		if s == nil {
			continue
		}
		q := l.Quantity
		if !yes {
			q = minus(q)
		}
		t.stockID = next(t.stockID)
		s.id, s.changed = t.stockID, t.now()
		s.free, s.reserved = plus(s.free, minus(q)), plus(s.reserved, q)
	}
}

func (t *till) getStock(req *element) (*element, error) {
	r := req.get("request")
	branches := r.get("branchNumbers").numbers("branchNumber")
	branches[r.num("branchNumber")] = true
	articles := r.get("articleNumbers").numbers("articleNumbers")
	var found []*stock
	for branch := range branches {
		for article := range articles {
			if s := t.stock(branch, article); s != nil {
				found = append(found, s)
			}
		}
	}
	if len(articles) == 0 {
		for _, s := range t.stocks {
			if branches[s.branch] {
				found = append(found, s)
			}
		}
	}
	out := el("")
	for _, s := range page(found, func(s *stock) int64 { return s.id }, t.since(r.num("stockId"))) {
		e := el(
			"articleStocks", val("branchNumber", s.branch), val("articleNumber", s.article),
			t.moment("changeTimestamp", s.changed), val("stockId", s.id),
		)
		e.add(t.quantity("amountFree", "decimalPlacesFree", s.free)...)
		e.add(t.quantity("amountReserved", "decimalPlacesReserved", s.reserved)...)
		e.add(t.quantity("amountIncoming", "decimalPlacesIncoming", shop.Quantity{})...)
		out.add(e.add(val("isDayStockArticle", false)))
	}
	return out, nil
}

// since is the first stock id a request wants.
func (t *till) since(id int64) int64 {
	if t.opts.StockAfter && id > 0 {
		return id + 1
	}
	return id
}

// getStockHistory answers both versions: the first names one branch, the second any number.
func (t *till) getStockHistory(req *element) (*element, error) {
	r := req.get("request")
	branches := r.numbers("branchNumbers")
	if r.has("branchNumber") {
		branches[r.num("branchNumber")] = true
	}
	articles := r.get("articleNumbers").numbers("articleNumbers")
	from, hasFrom := t.readDate(r.get("fromFinancialDateTime"))
	through, hasThrough := t.readDate(r.get("throughFinancialDateTime"))
	var found []movement
	for _, m := range t.movements {
		if len(branches) > 0 && !branches[m.branch] || len(articles) > 0 && !articles[m.article] ||
			hasFrom && m.at.Before(from) || hasThrough && m.at.After(through) {
			continue
		}
		found = append(found, m)
	}
	out := el("")
	id := func(m movement) int64 { return m.id }
	for _, m := range page(found, id, t.since(r.num("sinceStockId")), r.num("sinceStockIdLimit")) {
		e := el(
			"articleStockHistory", val("stockId", m.id), t.moment("timestamp", m.at),
			val("branchNumber", m.branch), val("articleNumber", m.article),
			val("type", m.kind),
		)
		out.add(e.add(t.quantity("amountChanged", "decimalPlaces", m.by)...))
	}
	return out, nil
}
