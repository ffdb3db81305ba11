package vismanet

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (s *Server) orderOf(r *request) (*order, *response) {
	o := s.books.orders.get(orderKey(r.path["type"], r.path["orderId"]))
	if o == nil {
		resp := problem(http.StatusNotFound, fmt.Sprintf("Order with type '%s' and id '%s' was not found", r.path["type"],
			r.path["orderId"]))
		return nil, &resp
	}
	return o, nil
}

// orderToChange is orderOf for a change: the order must be open for it and, where the contract asks, named by its version.
func (s *Server) orderToChange(r *request, versioned bool) (*order, *response) {
	o, bad := s.orderOf(r)
	if bad != nil {
		return nil, bad
	}
	want := r.http.Header.Get("If-Match")
	var resp response
	switch {
	case versioned && want == "":
		resp = problem(http.StatusPreconditionRequired, "If-Match header was not supplied")
	case versioned && !o.matches(want):
		resp = problem(http.StatusPreconditionFailed, "Order version does not match with If-Match header")
	default:
		return o, nil
	}
	return nil, &resp
}

// postOrder makes an order. Nothing refuses a customer's reference that was used before: creates are not idempotent.
func (s *Server) postOrder(r *request) response {
	v, bad := s.read(s.salesOrder, r, newOrder)
	if bad != nil {
		return *bad
	}
	kind := s.books.setup.orderType(v.text("type"))
	if kind == nil || !kind.active {
		message := fmt.Sprintf("Order type '%s' is not an active sales order type", v.text("type"))
		return s.salesOrderProblem([]flaw{{path: "type", code: codeInvalid, message: message}})
	}
	now := s.books.clock()
	o := &order{kind: kind, status: "Open", branch: s.branch(r), date: now, requestOn: now}
	f := &flaws{}
	s.numberOrder(o, v, f)
	if status := v.text("status"); status != "" {
		f.require(same(status, "Open") || same(status, "Hold"), "status", codeInvalid,
			"Status must be null, empty or one of Open or Hold, not '%s'", status)
		if same(status, "Hold") {
			o.status = "Hold"
		}
	}
	s.changeOrder(o, v, f)
	for i, line := range v.list("orderLines") {
		s.addLine(o, line, fmt.Sprintf("orderLines[%d]", i), f)
	}
	checkUnique(v.list("orderLines"), "sortOrder", codeSortTwice, f)
	if len(f.all) > 0 {
		return s.salesOrderProblem(f.all)
	}
	o.sortLines()
	s.calculate(o)
	if o.number == "" {
		o.number = s.books.nextNumber(kind.id, 1, "%06d",
			func(n string) bool { return s.books.orders.get(orderKey(kind.id, n)) != nil })
	}
	s.books.addOrder(o)
	return response{status: http.StatusCreated}.with("Location", s.linkTo(r, o))
}

// numberOrder takes an own number where the type or the caller asks for one; otherwise there must be none.
func (s *Server) numberOrder(o *order, v values, f *flaws) {
	override, _ := v.flag("overrideNumberSeries")
	number := v.text("orderId")
	switch {
	case o.kind.manual || override:
		f.require(number != "", "orderId", codeNull, "OrderId is required with manual numbering")
		f.require(s.books.orders.get(orderKey(o.kind.id, number)) == nil, "orderId", codeInvalid,
			"Order '%s' already exists", number)
		o.number = number
	case number != "":
		f.add("orderId", codeNotAllowed, "OrderId must be null or empty, as the order type numbers automatically")
	}
}

// branch is the header's branch, or the company's; the body may name another one.
func (s *Server) branch(r *request) string {
	if b := r.http.Header.Get("branchid"); b != "" {
		return b
	}
	return s.books.setup.branches[0].id
}

func (s *Server) linkTo(r *request, o *order) string {
	return r.base + "/api/v3/SalesOrders/" + pathKey(o.kind.id) + "/" + pathKey(o.number)
}

func accepted(o *order) response {
	return response{status: http.StatusAccepted}.with("ETag", o.quotedETag())
}

func (s *Server) patchOrder(r *request) response {
	o, bad := s.orderToChange(r, true)
	if bad != nil {
		return *bad
	}
	v, bad := s.read(s.salesOrder, r, patchOrder)
	if bad != nil {
		return *bad
	}
	if v.text("status") != "" {
		return s.patchStatus(o, v)
	}
	if o.busy() {
		return problem(http.StatusMethodNotAllowed, "The order is "+o.status+" and cannot be changed")
	}
	draft, f := o.clone(), &flaws{}
	s.changeOrder(draft, v, f)
	if len(f.all) > 0 {
		return s.salesOrderProblem(f.all)
	}
	for _, l := range draft.lines {
		if !l.manualPrice {
			l.unitPrice = s.ownPrice(draft, l.item)
		}
	}
	s.calculate(draft)
	s.books.replaceOrder(o, draft)
	return accepted(o)
}

// patchStatus changes the status, which has to come alone.
func (s *Server) patchStatus(o *order, v values) response {
	f, allowed := &flaws{}, strings.Fields(orderStatuses)
	at := slices.IndexFunc(allowed, func(status string) bool { return same(status, v.text("status")) })
	f.require(at >= 0, "status", codeInvalid, "Status must be one of %s, not '%s'", orderStatuses, v.text("status"))
	f.require(len(v) == 1, "status", codeNotAllowed, "When status is set, no other fields may be patched in the same call")
	if len(f.all) > 0 {
		return s.salesOrderProblem(f.all)
	}
	draft := o.clone()
	draft.status = allowed[at]
	if o.busy() && (o.status == "Shipping" || draft.status != "Open") {
		return problem(http.StatusMethodNotAllowed, "The order is "+o.status+" and can only be opened again")
	}
	s.books.replaceOrder(o, draft)
	return accepted(o)
}

func (s *Server) deleteOrder(r *request) response {
	o, bad := s.orderToChange(r, false)
	if bad != nil {
		return *bad
	}
	if o.status != "Cancelled" && o.busy() {
		return problem(http.StatusMethodNotAllowed, "The order is "+o.status+" and cannot be deleted")
	}
	s.books.removeOrder(o)
	return response{status: http.StatusAccepted}
}

// changeLines runs a change on a copy of the order's lines and stores it when nothing is wrong with it.
func (s *Server) changeLines(o *order, change func(draft *order, f *flaws)) response {
	if o.busy() {
		return problem(http.StatusMethodNotAllowed, "The order is "+o.status+" and cannot be changed")
	}
	draft, f := o.clone(), &flaws{}
	change(draft, f)
	if len(f.all) > 0 {
		return s.salesOrderProblem(f.all)
	}
	draft.sortLines()
	s.calculate(draft)
	s.books.replaceOrder(o, draft)
	return accepted(o)
}

func (s *Server) linesOf(r *request, sc *schema, none string) ([]values, *response) {
	v, bad := s.read(s.salesOrder, r, sc)
	if bad != nil {
		return nil, bad
	}
	if len(v.list("lines")) == 0 {
		resp := s.salesOrderProblem([]flaw{{path: "lines", code: "0001-EmptyNotAllowed", message: none}})
		return nil, &resp
	}
	return v.list("lines"), nil
}

func (s *Server) postLines(r *request) response {
	o, bad := s.orderToChange(r, false)
	if bad != nil {
		return *bad
	}
	lines, bad := s.linesOf(r, addLines, "There are no lines set to add")
	if bad != nil {
		return *bad
	}
	return s.changeLines(o, func(draft *order, f *flaws) {
		checkUnique(lines, "sortOrder", codeSortTwice, f)
		for i, v := range lines {
			s.addLine(draft, v, fmt.Sprintf("lines[%d]", i), f)
		}
	})
}

func (s *Server) patchLines(r *request) response {
	o, bad := s.orderToChange(r, true)
	if bad != nil {
		return *bad
	}
	lines, bad := s.linesOf(r, patchLines, "There are no lines set to patch")
	if bad != nil {
		return *bad
	}
	return s.changeLines(o, func(draft *order, f *flaws) {
		f.require(len(lines) <= len(draft.lines), "lines", codeTooManyLines,
			"The number of provided lines exceed existing sales order lines")
		checkUnique(lines, "lineId", codeLineTwice, f)
		checkUnique(lines, "sortOrder", codeSortTwice, f)
		for i, v := range lines {
			s.patchOrderLine(draft, v, fmt.Sprintf("lines[%d]", i), f)
		}
	})
}

func (s *Server) deleteLines(r *request) response {
	o, bad := s.orderToChange(r, false)
	if bad != nil {
		return *bad
	}
	ids := strings.FieldsFunc(strings.Join(r.params("ids"), ","), func(c rune) bool { return c == ',' })
	if len(ids) == 0 || len(ids) > 1000 {
		return *badQuery("ids", "Between 1 and 1000 line ids are required.")
	}
	return s.changeLines(o, func(draft *order, f *flaws) {
		for _, id := range ids {
			n, err := strconv.Atoi(id)
			if err != nil || draft.line(n) == nil {
				f.add("ids", codeNoSuchLine, "Line Id %s. Line with provided Id does not exists in the order", id)
				continue
			}
			draft.lines = slices.DeleteFunc(draft.lines, func(l *orderLine) bool { return l.id == n })
		}
	})
}

// listOrders is both lists of orders; the type is part of the path in one of them.
func (s *Server) listOrders(r *request) response {
	after, bad := modifiedSince(r)
	if bad != nil {
		return *bad
	}
	field, descending, bad := sortBy(r, "created", "lastModified", "orderId")
	if bad != nil {
		return *bad
	}
	var rows []*order
	kind, customer, status, filter := r.path["type"], r.param("customerId"), r.param("status"), strings.ToLower(r.param("filter"))
	for _, at := range s.books.searchable() {
		if !strings.Contains(at.text, filter) {
			continue
		}
		if o := at.order; equalFilter(o.kind.id, kind) && equalFilter(o.customer.number, customer) && equalFilter(o.status, status) &&
			(after == nil || !o.modified.Before(*after)) && s.found(o, filter) {
			rows = append(rows, o)
		}
	}
	slices.SortStableFunc(rows, func(x, y *order) int {
		n := compareOrders(x, y, field)
		if descending {
			return -n
		}
		return n
	})
	return s.page3(r, len(rows), 100, s.opts.MaxPageSize, func(i int) object { return s.renderListedOrder(r, rows[i]) })
}

// compareOrders orders by a field; orders of one moment keep the sequence in which they were made.
func compareOrders(x, y *order, field string) int {
	switch field {
	case "orderId":
		return strings.Compare(x.number, y.number)
	case "lastModified":
		return compareTimes(x.modified, y.modified, x, y)
	}
	return compareTimes(x.created, y.created, x, y)
}

func compareTimes(s, t time.Time, x, y *order) int {
	if n := s.Compare(t); n != 0 {
		return n
	}
	return x.internalID - y.internalID
}

// found applies the free filter: order number, customer's order number and customer name.
func (s *Server) found(o *order, filter string) bool {
	for _, have := range []string{o.number, o.customerOrder, o.customer.name} {
		if filter == "" || same(have, filter) || s.opts.OrderFilter == "contains" && containsFold(have, filter) {
			return true
		}
	}
	return false
}
