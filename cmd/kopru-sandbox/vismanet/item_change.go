package vismanet

import (
	"fmt"
	"slices"
	"strings"
)

func newItem() *item {
	return &item{
		status: "Active", price: zero, plain: values{}, packaging: values{}, intrastat: values{}, accounts: map[string]string{},
		attributes: map[string]string{}, stock: map[string]*stock{}, defaultWarehouse: "1", defaultIssue: "1", defaultReceipt: "1",
	}
}

func (s *Server) postItem(r *request) response {
	v, bad := s.read(s.api, r, itemUpdate)
	if bad != nil {
		return *bad
	}
	i := newItem()
	i.number = v.text("inventoryNumber")
	var flaws []flaw
	for _, need := range []struct {
		good    bool
		message string
	}{
		{i.number != "", "'Inventory ID' cannot be empty."},
		{s.books.items.get(i.number) == nil, "The inventory item '" + i.number + "' already exists."},
		{v.text("itemClass") != "", "'Item Class' cannot be empty."},
	} {
		if !need.good {
			flaws = append(flaws, flaw{message: "Error: " + need.message})
		}
	}
	if len(flaws) == 0 {
		flaws = s.changeItem(i, v, true)
	}
	if len(flaws) > 0 {
		return s.apiProblem(flaws)
	}
	s.books.addItem(i)
	return s.created(r, "/v1/inventory/"+pathKey(i.number))
}

// putItem has no If-Match: the last writer wins.
func (s *Server) putItem(r *request) response {
	i, bad := s.itemOf(r)
	if bad != nil {
		return *bad
	}
	v, bad := s.read(s.api, r, itemUpdate)
	if bad != nil {
		return *bad
	}
	draft := i.clone()
	if flaws := s.changeItem(draft, v, false); len(flaws) > 0 {
		return s.apiProblem(flaws)
	}
	s.books.replaceItem(i, draft)
	return response{status: 204}
}

// changeItem applies what was sent; a flaw means the draft is not to be kept.
func (s *Server) changeItem(i *item, v values, isNew bool) []flaw {
	var flaws []flaw
	refuse := func(path, format string, args ...any) {
		flaws = append(flaws, flaw{path: path, message: fmt.Sprintf(format, args...)})
	}
	if id := v.text("itemClass"); id != "" {
		class := s.books.setup.classOfItem(id)
		if class == nil {
			refuse("itemClass", "'Item Class' '%s' cannot be found in the system.", id)
			return flaws
		}
		i.class = class.id
		if isNew {
			i.kind, i.postingClass, i.category = class.kind, class.postingClass, class.vatCategory
			i.baseUnit, i.salesUnit, i.purchaseUnit = class.unit, class.unit, class.unit
		}
	}
	change(i.plain, v, "body kitItem note")
	for name, to := range map[string]*string{"description": &i.description, "status": &i.status, "type": &i.kind} {
		if t := v.text(name); t != "" {
			*to = t
		}
	}
	if d := v.decimal("defaultPrice"); d != nil {
		i.price = d
	}
	s.changeItemReferences(i, v, refuse)
	change(i.packaging, v.group("packaging"), "baseItemWeight weightUOM baseItemVolume volumeUOM")
	change(i.intrastat, v.group("intrastat"), "cN8 countryOfOrigin supplementaryMeasureUnit")
	if class := s.books.setup.classOfItem(i.class); class != nil {
		s.changeAttributes(i.attributes, class.attributes, v.list("attributeLines"), refuse)
	}
	for n, line := range v.list("crossReferences") {
		kind, id := line.text("alternateType"), line.text("alternateID")
		if err := s.changeAlternate(i, line.text("operation"), kind, id, line); err != nil {
			refuse(fmt.Sprintf("crossReferences[%d]", n), "%s.", err)
		}
	}
	return flaws
}

func (s *Server) changeItemReferences(i *item, v values, refuse refuseFunc) {
	b := s.books.setup
	unit := func(id string) bool { return containsText(b.units, id) }
	place := func(id string) bool { return b.warehouse(id) != nil }
	for _, ref := range []struct {
		name, label string
		to          *string
		exists      func(id string) bool
	}{
		{"postingClass", "Posting Class", &i.postingClass, func(id string) bool { return pick(b.postingClasses, id) != nil }},
		{"vatCode", "Tax Category", &i.category, func(id string) bool { return b.category(id) != nil }},
		{"baseUnit", "Base Unit", &i.baseUnit, unit},
		{"salesUnit", "Sales Unit", &i.salesUnit, unit},
		{"purchaseUnit", "Purchase Unit", &i.purchaseUnit, unit},
		{"defaultWarehouse", "Default Warehouse", &i.defaultWarehouse, place},
		{"defaultIssueFrom", "Default Issue From", &i.defaultIssue, place},
		{"defaultReceiptTo", "Default Receipt To", &i.defaultReceipt, place},
	} {
		if id := v.text(ref.name); id != "" && !ref.exists(id) {
			refuse(ref.name, "'%s' '%s' cannot be found in the system.", ref.label, id)
		} else if id != "" {
			*ref.to = id
		}
	}
	for _, name := range strings.Fields(itemAccounts) {
		if number := v.text(name); number != "" && b.account(number) == nil {
			refuse(name, "'Account' '%s' cannot be found in the system.", number)
		} else if number != "" {
			i.accounts[name] = number
		}
	}
}

// changeAlternate does one operation on a cross reference. Type and id name the one that is there for Update and Delete.
func (s *Server) changeAlternate(i *item, operation, kind, id string, v values) error {
	at := slices.IndexFunc(i.alternates, func(a *alternate) bool { return same(a.kind, kind) && same(a.id, id) })
	s.books.version++
	switch operation {
	case "Insert", "":
		if kind == "" || id == "" {
			return fmt.Errorf("'Alternate Type' and 'Alternate ID' cannot be empty")
		}
		if at >= 0 {
			return fmt.Errorf("the cross reference %s '%s' already exists", kind, id)
		}
		i.alternates = append(i.alternates, &alternate{kind: kind, id: id})
		at = len(i.alternates) - 1
	case "Delete":
		if at < 0 {
			return fmt.Errorf("the cross reference %s '%s' cannot be found in the system", kind, id)
		}
		i.alternates = slices.Delete(i.alternates, at, at+1)
		return nil
	}
	if at < 0 {
		return fmt.Errorf("the cross reference %s '%s' cannot be found in the system", kind, id)
	}
	a := i.alternates[at]
	a.version = s.books.version
	for name, to := range map[string]*string{
		"alternateType": &a.kind, "alternateID": &a.id, "bAccount": &a.account, "description": &a.description, "uom": &a.unit,
	} {
		if v.has(name) {
			*to = v.text(name)
		}
	}
	switch {
	case a.kind == "CPN" && s.books.customers.get(a.account) == nil:
		return fmt.Errorf("'Business Account' '%s' cannot be found in the system", a.account)
	case a.unit != "" && !containsText(s.books.setup.units, a.unit):
		return fmt.Errorf("'Unit' '%s' cannot be found in the system", a.unit)
	}
	return nil
}

func (s *Server) listAlternates(r *request) response {
	i, bad := s.itemOf(r)
	if bad != nil {
		return *bad
	}
	return ok(s.renderAlternates(i))
}

// writeAlternate answers 200 where other writes answer 201 and 204. A PUT names the reference as it is in its path.
func (s *Server) writeAlternate(operation string) handlerFunc {
	return func(r *request) response {
		i, bad := s.itemOf(r)
		if bad != nil {
			return *bad
		}
		v, bad := s.read(s.api, r, alternateUpdate)
		if bad != nil {
			return *bad
		}
		kind, id := v.text("alternateType"), v.text("alternateID")
		if operation == "Update" {
			kind, id = r.path["alternateType"], r.path["alternateId"]
		}
		draft := i.clone()
		if err := s.changeAlternate(draft, operation, kind, id, v); err != nil {
			return s.refuse("Error: " + err.Error() + ".\r\n")
		}
		s.books.replaceItem(i, draft)
		return response{status: 200}
	}
}
