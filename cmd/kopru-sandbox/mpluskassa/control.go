package mpluskassa

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/fault"
	"github.com/kopru-io/kopru/cmd/kopru-sandbox/shop"
)

// Control is for tests and demos: what happened, what is there, and what shall go wrong.
func (s *Server) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) { send(w, http.StatusOK, s.Stats()) })
	mux.HandleFunc("GET /log", func(w http.ResponseWriter, _ *http.Request) { send(w, http.StatusOK, s.log.list()) })
	mux.HandleFunc("DELETE /log", func(w http.ResponseWriter, _ *http.Request) {
		s.log.clear()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) { send(w, http.StatusOK, s.faults.List()) })
	mux.HandleFunc("POST /faults", s.addFault)
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, _ *http.Request) {
		s.faults.Clear()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /orders", s.listOrders)
	mux.HandleFunc("POST /orders", s.addOrders)
	mux.HandleFunc("POST /orders/{id}/cancel", s.cancelOrder)
	mux.HandleFunc("GET /relations", s.listRelations)
	mux.HandleFunc("POST /relations", s.addRelation)
	mux.HandleFunc("PATCH /orders/{id}", s.patchOrder)
	mux.HandleFunc("PATCH /relations/{number}", s.patchRelation)
	mux.HandleFunc("GET /receipts", s.listPapers(&s.till.receipts))
	mux.HandleFunc("POST /receipts", s.addReceipts)
	mux.HandleFunc("GET /proposals", s.listPapers(&s.till.proposals))
	mux.HandleFunc("POST /proposals", s.addProposals)
	mux.HandleFunc("PATCH /proposals/{id}", s.patchProposal)
	mux.HandleFunc("GET /articles", s.listArticles)
	mux.HandleFunc("POST /articles", s.addArticle)
	mux.HandleFunc("PATCH /articles/{number}", s.patchArticle)
	mux.HandleFunc("GET /groups", s.listGroups)
	mux.HandleFunc("POST /groups", s.addGroup)
	mux.HandleFunc("PATCH /groups/{number}", s.patchGroup)
	mux.HandleFunc("DELETE /groups/{number}", s.deleteGroup)
	return mux
}

// Stats are counts of what was asked and of what is there.
func (s *Server) Stats() map[string]any {
	out := make(map[string]any)
	s.log.stats(out)
	out["most_at_once"] = s.workers.Most()
	s.mu.Lock()
	defer s.mu.Unlock()
	orders, tables, total := 0, 0, int64(0)
	kinds := make(map[shop.Kind]int)
	for _, o := range s.till.orders {
		if !defaultTypes()[o.Type] {
			tables++
			continue
		}
		orders++
		if incl, _ := o.Total(); !o.Cancelled {
			total += incl
		}
		if o.Kind != "" {
			kinds[o.Kind]++
		}
	}
	articles := 0
	for _, p := range s.till.products {
		articles += len(articlesOf(p))
	}
	out["orders"], out["other_orders"], out["orders_by_kind"] = orders, tables, kinds
	out["orders_total"] = shop.Euros(total) // of those not cancelled
	out["relations"], out["products"], out["articles"] = len(s.till.relations), len(s.till.products), articles
	return out
}

func (s *Server) addFault(w http.ResponseWriter, r *http.Request) {
	var f fault.Fault
	if !receive(w, r, &f) {
		return
	}
	if err := s.faults.Add(f, "getOrders"); err != nil {
		refuse(w, err)
		return
	}
	send(w, http.StatusCreated, f)
}

// summary is an order as the control API lists it.
type summary struct {
	ID         string    `json:"id"`
	ExtID      string    `json:"ext_id,omitempty"`
	Number     string    `json:"number"`
	Type       string    `json:"type"`
	Kind       shop.Kind `json:"kind,omitempty"`
	Category   int       `json:"category,omitempty"`
	Relation   int64     `json:"relation"`
	Date       string    `json:"date"`
	Lines      int       `json:"lines"`
	TotalIncl  string    `json:"total_incl"`
	TotalExcl  string    `json:"total_excl"`
	Paid       string    `json:"paid"`
	Cancelled  bool      `json:"cancelled"`
	Delivered  bool      `json:"delivered"`
	SyncMarker int64     `json:"sync_marker"`

	Vat      map[string]vatSum `json:"vat"` // by percentage
	LineList []lineSummary     `json:"line_list"`
}

type vatSum struct {
	Excl string `json:"excl"`
	Vat  string `json:"vat"`
}

type lineSummary struct {
	Article   int64  `json:"article"`
	PLU       string `json:"plu,omitempty"`
	Quantity  string `json:"quantity"`
	Delivered string `json:"delivered"`
}

// parts are what an order comes to by VAT rate, and its lines with what is gone of them.
func (o *order) parts() (map[string]vatSum, []lineSummary) {
	excl, vat := make(map[string]int64), make(map[string]int64)
	for _, g := range o.VatTotals() { // several codes may have one rate
		excl[strconv.Itoa(g.Percent)] += g.Excl
		vat[strconv.Itoa(g.Percent)] += g.Vat
	}
	sums := make(map[string]vatSum, len(excl))
	for rate := range excl {
		sums[rate] = vatSum{shop.Euros(excl[rate]), shop.Euros(vat[rate])}
	}
	lines := make([]lineSummary, 0, len(o.Lines))
	for _, l := range o.Lines {
		gone := o.delivered[l.ID]
		if o.Delivered {
			gone = l.Quantity
		}
		lines = append(lines, lineSummary{l.Article, l.PLU, l.Quantity.String(), gone.String()})
	}
	return sums, lines
}

// paid is what was paid of an order.
func (o *order) paid() string {
	sum := int64(0)
	for _, p := range o.Payments {
		sum += p.Amount
	}
	return shop.Euros(sum)
}

func (s *Server) listOrders(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	out := make([]summary, 0, len(s.till.orders))
	for _, o := range s.till.orders {
		incl, excl := o.Total()
		vat, lines := o.parts()
		out = append(out, summary{
			ID: o.ID, ExtID: o.ExtID, Number: fmt.Sprintf("%d-%d", o.Year, o.Number), Type: o.Type, Kind: o.Kind,
			Category: o.Category, Relation: o.Relation, Paid: o.paid(),
			Date: o.Financial.Format("2006-01-02"), Lines: len(o.Lines), TotalIncl: shop.Euros(incl),
			TotalExcl: shop.Euros(excl),
			Cancelled: o.Cancelled, Delivered: o.Delivered, SyncMarker: o.marker, Vat: vat, LineList: lines,
		})
	}
	s.mu.Unlock()
	send(w, http.StatusOK, out)
}

const maxNewOrders = 10_000

func (s *Server) addOrders(w http.ResponseWriter, r *http.Request) {
	var want struct {
		Count int       `json:"count"`
		Kind  shop.Kind `json:"kind"`
	}
	if !receive(w, r, &want) {
		return
	}
	if want.Count < 1 || want.Count > maxNewOrders || want.Kind != "" && !slices.Contains(shop.Kinds(), want.Kind) {
		refuse(w, fmt.Errorf("count is 1 to %d, and kind one of %v or left out", maxNewOrders, shop.Kinds()))
		return
	}
	s.mu.Lock()
	ids := make([]string, 0, want.Count)
	for _, o := range s.till.shop.Sell(want.Count, want.Kind, s.till.now()) {
		ids = append(ids, o.ID)
	}
	s.till.takeOver()
	s.mu.Unlock()
	send(w, http.StatusCreated, map[string]any{"ids": ids})
}

func (s *Server) cancelOrder(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.till.named(r.PathValue("id"))
	if o == nil {
		send(w, http.StatusNotFound, map[string]string{"error": "no such order"})
		return
	}
	if !o.Cancelled {
		s.till.cancel(o, true)
	}
	send(w, http.StatusOK, map[string]any{"id": o.ID, "sync_marker": o.marker})
}

// named is the order with an id or a number such as 2025-1001.
func (t *till) named(name string) *order {
	if o := t.byID[name]; o != nil {
		return o
	}
	for _, o := range t.orders {
		if name == fmt.Sprintf("%d-%d", o.Year, o.Number) {
			return o
		}
	}
	return nil
}

// patchOrder changes quantities, line by line, the customer or where it goes, as when somebody edits the order at the till:
// {"quantities": ["2", "0.530"], "relation": 101, "street": "Dam 1"}.
func (s *Server) patchOrder(w http.ResponseWriter, r *http.Request) {
	var want struct {
		Quantities []string `json:"quantities"`
		Relation   int64    `json:"relation"`
		Street     string   `json:"street"` // of the delivery
		Extras     int      `json:"extras"` // how many of the last lines were chosen with the first one
	}
	if !receive(w, r, &want) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.till.named(r.PathValue("id"))
	if o == nil || len(want.Quantities) > len(o.Lines) || want.Extras < 0 || want.Extras >= len(o.Lines) || want.Relation != 0 && s.till.relation(want.Relation) == nil {
		refuse(w, errors.New("there is no such order or relation, or it has fewer lines"))
		return
	}
	lines := slices.Clone(o.Lines)
	for i, text := range want.Quantities {
		whole, fraction, _ := strings.Cut(text, ".")
		n, err := strconv.ParseInt(whole+fraction, 10, 64)
		if err != nil {
			refuse(w, fmt.Errorf("%q is no quantity", text))
			return
		}
		lines[i].Quantity, lines[i].Discount, lines[i].DiscountPercent = shop.Quantity{Unscaled: n, Scale: len(fraction)}, 0, 0
	}
	for i := len(lines) - want.Extras; i < len(lines); i++ {
		lines[i].With = lines[0].ID
	}
	o.Lines = lines
	if rel := s.till.relation(want.Relation); rel != nil {
		o.Relation, o.RelationName, o.Invoice, o.Delivery = want.Relation, rel.str("name"), shop.Postal{}, shop.Postal{}
	}
	if want.Street != "" {
		o.Delivery.Street = want.Street
		o.Delivery.City = cmp.Or(o.Delivery.City, "Ede")
	}
	o.version++
	s.till.touch(o, s.till.now())
	send(w, http.StatusOK, map[string]any{"id": o.ID, "sync_marker": o.marker})
}

// patchRelation changes fields of a relation; the names are those of the contract.
func (s *Server) patchRelation(w http.ResponseWriter, r *http.Request) {
	number, change, ok := s.patch(w, r, "Relation", readOnlyRelation())
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rel := s.till.relation(number)
	if rel == nil {
		send(w, http.StatusNotFound, map[string]string{"error": "no such relation"})
		return
	}
	s.till.changeRelation(rel, change)
	send(w, http.StatusOK, map[string]any{"number": number, "sync_marker": rel.num("syncMarker")})
}

// patch takes the fields of a type that are to change, and the number of the thing whose they are; 0, which nothing has,
// when it is none. What is wrong with the fields was answered.
func (s *Server) patch(w http.ResponseWriter, r *http.Request, of string, readOnly []string) (number int64, change *element, ok bool) {
	var fields map[string]any
	if !receive(w, r, &fields) {
		return 0, nil, false
	}
	change, err := s.change(of, fields, readOnly)
	if err != nil {
		refuse(w, err)
		return 0, nil, false
	}
	if number, err = strconv.ParseInt(r.PathValue("number"), 10, 64); err != nil {
		number = 0
	}
	return number, change, true
}

// change makes an element of fields of a type.
func (s *Server) change(of string, fields map[string]any, readOnly []string) (*element, error) {
	change := el("change")
	for name, v := range fields {
		f := s.contract.structures[of].field(name)
		if f == nil || f.structure != nil || slices.Contains(readOnly, name) {
			return nil, fmt.Errorf("%q is not a field of %s that can be changed here", name, of)
		}
		text, ok := fmt.Sprint(v), true
		if f.kind != "string" {
			text, ok = scalar(text, f)
		}
		if !ok {
			return nil, fmt.Errorf("%v is not a value of %s", v, name)
		}
		change.add(val(name, text))
	}
	return change, nil
}

func receive(w http.ResponseWriter, r *http.Request, into any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	d.UseNumber()
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil && d.More() {
		err = errors.New("more than one value")
	}
	if err != nil && !errors.Is(err, io.EOF) {
		refuse(w, fmt.Errorf("the body: %w", err))
		return false
	}
	return true
}

func refuse(w http.ResponseWriter, err error) {
	send(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
}

func send(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may be gone; nothing is left to do about that
}
