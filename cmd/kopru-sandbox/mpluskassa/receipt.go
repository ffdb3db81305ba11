package mpluskassa

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/shop"
)

// Receipts and proposals are made on request only: a shop has none to begin with.

const (
	outstanding = "PROPOSAL-STATE-OUTSTANDING"
	sold        = "RECEIPT-TYPE-RECEIPT"
)

// paper is a receipt or a proposal: an order's customer, lines and payments under a number of its own.
type paper struct {
	*order
	state  string // of a proposal: what became of it; of a receipt: its type
	orders []string
}

// papers are a sequence of receipts or proposals.
type papers struct {
	all    []*paper
	marker int64
}

func (s *papers) keep(p *paper) {
	s.all = append(s.all, p)
	s.touch(p)
}

func (s *papers) touch(p *paper) {
	s.marker = next(s.marker)
	p.order.marker = s.marker
	p.changes++
}

// wanted are those that a request asks for, as a page.
func (s *papers) wanted(t *till, r *element) []*paper {
	from, hasFrom := t.readDate(r.get("fromFinancialDate"))
	through, hasThrough := t.readDate(r.get("throughFinancialDate"))
	branches := r.numbers("branchNumbers")
	var found []*paper
	for _, p := range s.all {
		if hasFrom && t.day(p.Financial) < t.day(from) || hasThrough && t.day(p.Financial) > t.day(through) ||
			len(branches) > 0 && !branches[int64(p.FinancialBranch)] {
			continue
		}
		found = append(found, p)
	}
	marker := func(p *paper) int64 { return p.order.marker }
	return page(found, marker, r.num("syncMarker"), r.num("syncMarkerLimit"), int64(t.opts.PageCap))
}

func (t *till) getReceipts(req *element) (*element, error) {
	r := req.get("request")
	list := el("receiptList")
	for _, p := range t.receipts.wanted(t, r) {
		list.add(t.receipt(p, !r.has("includeLineList") || r.flag("includeLineList"), r.flag("includeOrderReferences")))
	}
	return el("", list), nil
}

func (t *till) receipt(p *paper, withLines, withOrders bool) *element {
	incl, excl := p.Total()
	e := el("receipt", val("receiptId", p.ID))
	if withLines && withOrders {
		ids := el("orderIds")
		for _, id := range p.orders {
			ids.add(val("id", id))
		}
		e.add(ids)
	}
	employee, _ := t.employee(p.Employee)
	e.add(
		val("transactionString", fmt.Sprintf("Bon %d.%d", p.Year, p.Number)), val("syncMarker", p.order.marker),
		el("receiptNumber", val("branchNumber", p.Branch), val("workplaceNumber", p.Workplace), val("year", p.Year), val("number", p.Number)),
		val("receiptType", p.state), val("employeeNumber", p.Employee), val("employeeName", employee.Name),
		t.moment("entryTimestamp", p.Entered), val("relationNumber", p.Relation), t.date("financialDate", p.Financial),
		val("financialBranchNumber", p.FinancialBranch), val("workplaceNumber", p.Workplace),
		val("totalInclAmount", incl), val("totalExclAmount", excl), val("vatMethod", p.VatMethod), t.vatGroups(p.order),
		val("changeCounter", p.changes), val("paidAmount", incl), val("state", "RECEIPT-STATE-PAID"),
	)
	if withLines {
		e.add(t.lines(p.order), t.payments(p.order))
	}
	return e
}

func (t *till) getProposals(req *element) (*element, error) {
	r := req.get("request")
	list := el("proposalList")
	for _, p := range t.proposals.wanted(t, r) {
		incl, excl := p.Total()
		e := el(
			"proposal", val("proposalId", p.ID), val("syncMarker", p.order.marker),
			el("proposalNumber", val("year", p.Year), val("number", p.Number)), val("proposalType", "PROPOSAL-TYPE-PROPOSAL"),
			val("employeeNumber", p.Employee), t.moment("entryTimestamp", p.Entered), val("relationNumber", p.Relation),
			val("relationName", p.RelationName), address("deliveryAddress", p.Delivery), address("invoiceAddress", p.Invoice),
			t.date("financialDate", p.Financial), val("financialBranchNumber", p.FinancialBranch), val("workplaceNumber", p.Workplace),
			val("entryBranchNumber", p.Branch), val("reference", p.Reference), val("totalInclAmount", incl),
			val("totalExclAmount", excl), val("vatMethod", p.VatMethod), t.vatGroups(p.order), val("changeCounter", p.changes),
			val("state", p.state),
		)
		if !r.has("includeLineList") || r.flag("includeLineList") {
			e.add(t.lines(p.order))
		}
		list.add(e)
	}
	return el("", list), nil
}

// ---- control

// addReceipts rings up sales of a day: {"count": 3, "date": "2026-01-31"}. With "kind": "return" goods come back, and
// "orders" are the orders that they belong to.
func (s *Server) addReceipts(w http.ResponseWriter, r *http.Request) {
	s.addPapers(w, r, &s.till.receipts, sold)
}

func (s *Server) addProposals(w http.ResponseWriter, r *http.Request) {
	s.addPapers(w, r, &s.till.proposals, outstanding)
}

func (s *Server) addPapers(w http.ResponseWriter, r *http.Request, to *papers, state string) {
	var want struct {
		Count  int       `json:"count"`
		Date   string    `json:"date"`
		Kind   shop.Kind `json:"kind"`
		Orders []string  `json:"orders"`
	}
	if !receive(w, r, &want) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.till.now()
	if want.Date != "" {
		var err error
		if at, err = time.ParseInLocation(time.DateOnly, want.Date, s.till.shop.Zone); err != nil {
			refuse(w, err)
			return
		}
	}
	if want.Count < 1 || want.Count > maxNewOrders || want.Kind != "" && want.Kind != shop.Return {
		refuse(w, fmt.Errorf("count is 1 to %d, and kind %q or left out", maxNewOrders, shop.Return))
		return
	}
	ids := make([]string, want.Count)
	for i := range ids {
		o := s.till.shop.Ring(want.Kind, state == outstanding, at)
		o.Number = int64(len(to.all) + 1)
		to.keep(&paper{order: &order{Order: o}, state: state, orders: want.Orders})
		ids[i] = o.ID
	}
	send(w, http.StatusCreated, map[string]any{"ids": ids})
}

// patchProposal says what became of a proposal: {"state": "PROPOSAL-STATE-CANCELLED"}.
func (s *Server) patchProposal(w http.ResponseWriter, r *http.Request) {
	var want struct {
		State string `json:"state"`
	}
	if !receive(w, r, &want) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.till.proposals.all
	at := slices.IndexFunc(all, func(p *paper) bool { return r.PathValue("id") == p.ID })
	if at < 0 || !s.contract.enums["ProposalState"][want.State] {
		refuse(w, errors.New("there is no such proposal or state"))
		return
	}
	all[at].state = want.State
	s.till.proposals.touch(all[at])
	send(w, http.StatusOK, map[string]any{"id": all[at].ID})
}

// sums are receipts or proposals as the control API lists them.
func (s *papers) sums() []map[string]any {
	out := []map[string]any{}
	for _, p := range s.all {
		incl, _ := p.Total()
		vat, _ := p.parts()
		paid := map[string]int64{}
		for _, m := range p.Payments {
			paid[m.Method] += m.Amount
		}
		payments := map[string]string{}
		for method, amount := range paid {
			payments[method] = shop.Euros(amount)
		}
		out = append(out, map[string]any{
			"vat": vat, "payments": payments, "orders": p.orders,
			"id": p.ID, "number": fmt.Sprintf("%d-%d", p.Year, p.Number), "date": p.Financial.Format(time.DateOnly),
			"branch": p.FinancialBranch, "state": p.state, "total_incl": shop.Euros(incl),
		})
	}
	return out
}

func (s *Server) listPapers(of *papers) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		send(w, http.StatusOK, of.sums())
	}
}
