package mpluskassa

// defaultTypes are the orders getOrders gives unless others are asked for.
func defaultTypes() map[string]bool {
	return map[string]bool{
		"ORDER-TYPE-SALES-ORDER": true, "ORDER-TYPE-REPEAT-SALES-ORDER": true, "ORDER-TYPE-EXTERNAL-SALES-ORDER": true,
	}
}

func (t *till) getOrders(req *element) (*element, error) {
	r := req.get("request")
	wanted := t.orderFilter(r)
	var found []*order
	for _, o := range t.orders {
		if wanted(o) {
			found = append(found, o)
		}
	}
	withLines := !r.has("includeLineList") || r.flag("includeLineList")
	return t.orderList(found, r, withLines), nil
}

func (t *till) orderList(found []*order, r *element, withLines bool) *element {
	list := el("orderList")
	marker := func(o *order) int64 { return o.marker }
	for _, o := range page(found, marker, r.num("syncMarker"), r.num("syncMarkerLimit"), int64(t.opts.PageCap)) {
		list.add(t.orderElement(o, withLines))
	}
	return el("", list)
}

// orderFilter is what a getOrders request wants; several filters must all agree.
func (t *till) orderFilter(r *element) func(*order) bool {
	types := r.get("orderTypeList").texts("orderType")
	if len(types) == 0 {
		types = defaultTypes()
	}
	from, hasFrom := t.readDate(r.get("fromFinancialDate"))
	through, hasThrough := t.readDate(r.get("throughFinancialDate"))
	branches, employees, relations := r.numbers("branchNumbers"), r.numbers("employeeNumbers"), r.numbers("relationNumbers")
	ids, numbers := r.texts("orderIds"), r.all("orderNumbers")
	inLines := t.lineFilter(r)
	return func(o *order) bool {
		switch {
		case !types[o.Type],
			hasFrom && t.day(o.Financial) < t.day(from), hasThrough && t.day(o.Financial) > t.day(through),
			len(branches) > 0 && !branches[int64(o.FinancialBranch)],
			len(employees) > 0 && !employees[o.Employee],
			len(relations) > 0 && !relations[o.Relation],
			len(ids) > 0 && !ids[o.ID],
			r.str("activityId") != "":
			return false
		}
		hit := len(numbers) == 0
		for _, n := range numbers {
			hit = hit || n.num("year") == int64(o.Year) && n.num("number") == o.Number
		}
		return hit && inLines(o)
	}
}

// lineFilter looks for an order with a line that has the articles asked for.
func (t *till) lineFilter(r *element) func(*order) bool {
	articles, groups := r.numbers("articleNumbers"), r.numbers("articleTurnoverGroups")
	suppliers := r.numbers("supplierRelationNumbers")
	plus, barcodes := r.textList("articlePluNumbers"), r.textList("articleBarcodes")
	if len(articles)+len(groups)+len(suppliers)+len(plus)+len(barcodes) == 0 {
		return func(*order) bool { return true }
	}
	return func(o *order) bool {
		for _, l := range o.Lines {
			a, _ := t.article(l.Article)
			if (len(articles) == 0 || articles[l.Article]) && (len(groups) == 0 || groups[int64(l.TurnoverGroup)]) &&
				(len(suppliers) == 0 || suppliers[a.num("supplierRelationNumber")]) && (len(plus) == 0 || plus[l.PLU]) &&
				(len(barcodes) == 0 || barcodes[a.str("barcode")]) {
				return true
			}
		}
		return false
	}
}

func (t *till) getOrder(req *element) (*element, error) {
	return t.oneOrder(t.byID[req.str("orderId")]), nil
}

func (t *till) findOrder(req *element) (*element, error) {
	return t.oneOrder(t.byExtID[req.str("extOrderId")]), nil
}

func (t *till) oneOrder(o *order) *element {
	if o == nil {
		return el("", val("result", "GET-ORDER-RESULT-NOT-FOUND"))
	}
	return el("", val("result", "GET-ORDER-RESULT-OK"), t.orderElement(o, true))
}

func (t *till) getOrdersByExtOrderIDs(req *element) (*element, error) {
	r := req.get("request")
	ids := r.get("extOrderIds").texts("id")
	var found []*order
	for _, o := range t.orders {
		if o.ExtID != "" && ids[o.ExtID] {
			found = append(found, o)
		}
	}
	return t.orderList(found, r, true), nil
}
