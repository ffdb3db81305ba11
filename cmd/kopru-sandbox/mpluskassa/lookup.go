package mpluskassa

import (
	"time"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/shop"
)

func (t *till) getAPIVersion(*element) (*element, error) {
	built := time.Date(2026, 7, 30, 12, 0, 0, 0, t.shop.Zone)
	return el(
		"", val("majorNumber", 1), val("minorNumber", 0), val("revisionNumber", 0), val("databaseMajorNumber", 67),
		val("databaseMinorNumber", 1), val("databaseRevisionNumber", 0), val("serviceMajorNumber", 67),
		val("serviceMinorNumber", 1),
		val("serviceRevisionNumber", 3), t.date("serviceDate", built), val("inDebugMode", false),
	), nil
}

func (t *till) getDatabaseVersion(*element) (*element, error) {
	return el("", val("majorNumber", 67), val("minorNumber", 1), val("revisionNumber", 0)), nil
}

func (t *till) getCurrentSyncMarkers(*element) (*element, error) {
	return el(
		"", val("articleSyncMarker", t.articleMarker), val("articleGroupSyncMarker", t.groupMarker),
		val("relationSyncMarker", t.relationMarker), val("employeeSyncMarker", len(t.shop.Employees)),
		val("invoiceSyncMarker", 0),
		val("receiptSyncMarker", t.receipts.marker), val("orderSyncMarker", t.orderMarker), val("proposalSyncMarker", t.proposals.marker),
		val("stockId", t.stockID),
	), nil
}

func (t *till) getBranches(*element) (*element, error) {
	list := el("branches")
	for _, b := range t.shop.Branches {
		places := el("workplaces")
		for i, name := range b.Workplaces {
			places.add(el(
				"workplace", val("workplaceNumber", i+1), val("workplaceName", name), val("isMobile", false),
				val("workplaceType", "STANDARD"),
			))
		}
		list.add(el(
			"branch", val("branchNumber", b.Number), val("branchName", b.Name), val("abbreviation", b.Short),
			val("extBranchId", ""), places,
			val("countryCode", 528), val("countryIso3", "NLD"), val("countryName", "Nederland"),
		))
	}
	return el("", list), nil
}

func (t *till) getAvailableTerminalList(*element) (*element, error) {
	b := t.shop.Branches[0]
	return el("", el(
		"return", val("branchNumber", b.Number), val("branchName", b.Name), val("terminalNumber", 40),
		val("terminalName", "Handheld 1"),
		val("terminalStatus", "TERMINAL-STATUS-AVAILABLE"), val("uniqueDeviceIdentifier", ""),
	)), nil
}

// branch is a branch by number, or nil.
func (t *till) branch(number int64) *shop.Branch {
	for i := range t.shop.Branches {
		if int64(t.shop.Branches[i].Number) == number {
			return &t.shop.Branches[i]
		}
	}
	return nil
}

// employee is an employee with the marker, which is the place in the list.
func (t *till) employee(number int64) (*shop.Employee, int) {
	for i := range t.shop.Employees {
		if t.shop.Employees[i].Number == number {
			return &t.shop.Employees[i], i + 1
		}
	}
	return nil, 0
}

func (t *till) employeeElement(name string, number int64) *element {
	e, marker := t.employee(number)
	return el(name, val("employeeNumber", e.Number), val("syncMarker", marker), val("name", e.Name), val("active", true))
}

func (t *till) getEmployees(req *element) (*element, error) {
	r := req.get("request")
	wanted := r.numbers("employeeNumbers")
	var found []int64
	for _, e := range t.shop.Employees {
		if len(wanted) == 0 || wanted[e.Number] {
			found = append(found, e.Number)
		}
	}
	marker := func(number int64) int64 {
		_, m := t.employee(number)
		return int64(m)
	}
	list := el("employeeList")
	for _, number := range page(found, marker, r.num("syncMarker"), r.num("syncMarkerLimit"), int64(t.opts.PageCap)) {
		list.add(t.employeeElement("employee", number))
	}
	return el("", list), nil
}

func (t *till) getEmployee(req *element) (*element, error) {
	number := req.num("employeeNumber")
	if e, _ := t.employee(number); e == nil {
		return el("", val("result", "GET-EMPLOYEE-RESULT-NOT-FOUND")), nil
	}
	return el("", val("result", "GET-EMPLOYEE-RESULT-OK"), t.employeeElement("employee", number)), nil
}

func (t *till) getVatGroupList(*element) (*element, error) {
	out := el("")
	for _, b := range t.shop.Branches {
		for _, r := range t.shop.VatRates {
			out.add(el(
				"vatGroup", val("branchNumber", b.Number), val("countryCode", 528), val("countryIso3", "NLD"),
				val("vatCode", r.Code),
				val("vatPercentage", r.Percent*t.opts.PercentScale),
			))
		}
	}
	return out, nil
}

func (t *till) getPaymentMethods(*element) (*element, error) {
	list := el("paymentMethodList")
	for _, m := range t.shop.Payments {
		list.add(el(
			"paymentMethod", val("method", m.Code), val("description", m.Description), val("buttonText", m.Description),
			val("allowNegativeAmount", m.Negative), val("active", m.Active), val("type", "PAYMENT-METHOD-TYPE-PAYMENT"),
		))
	}
	return el("", list), nil
}

func (t *till) getDeliveryMethods(req *element) (*element, error) {
	list := el("deliveryMethodList")
	for _, m := range t.shop.Deliveries {
		if m.Active || !req.get("request").flag("onlyEnabled") {
			list.add(el(
				"deliveryMethod", val("deliveryMethod", m.Code), val("description", m.Description),
				val("buttonText", m.Description),
				val("enabled", m.Active),
			))
		}
	}
	return el("", list), nil
}

func (t *till) getOrderCategories(*element) (*element, error) {
	out := el("")
	for _, c := range t.shop.Categories {
		out.add(el(
			"orderCategory", val("orderCategoryNumber", c.Number), val("orderCategoryDescription", c.Name),
			val("allowCancel", true),
			val("allowProcess", true),
		))
	}
	return out, nil
}

func (t *till) getTurnoverGroups(*element) (*element, error) {
	list := el("turnoverGroupList")
	for _, g := range t.shop.TurnoverGroups {
		list.add(el(
			"turnoverGroup", val("turnoverGroupType", "TURNOVER-GROUP-TYPE-TURNOVER"), val("turnoverGroup", g.Number),
			val("turnoverGroupName", g.Name), val("accountNumber", 8000+g.Number), val("defaultVatCode", g.VatCode),
		))
	}
	return el("", list), nil
}
