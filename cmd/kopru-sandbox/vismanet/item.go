package vismanet

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// item is an inventory item, of stock or not.
type item struct {
	stamp
	number, description, status, kind              string
	class, postingClass, category                  string
	baseUnit, salesUnit, purchaseUnit              string
	defaultWarehouse, defaultIssue, defaultReceipt string
	price, recommended                             *apd.Decimal
	categories                                     []int
	plain                                          values // fields that read and write under one name
	packaging, intrastat                           values
	accounts                                       map[string]string
	attributes                                     map[string]string
	alternates                                     []*alternate
	stock                                          map[string]*stock
}

// alternate is a cross reference: another number under which the item is known, such as a bar code.
type alternate struct {
	kind, account, id, description, unit string
	version                              uint64
}

// stock is what lies in one warehouse, and what of it open orders have booked.
type stock struct {
	onHand, booked *apd.Decimal
	modified       time.Time
}

// available is what the rules of the item classes say: what lies there, less what is booked unless they leave that out.
func (s *Server) available(st *stock) *apd.Decimal {
	if s.opts.GrossAvailable {
		return st.onHand
	}
	return difference(st.onHand, st.booked)
}

const (
	itemStatuses = "Active NoSales NoPurchases NoRequest Inactive MarkedForDeletion Unknown"
	itemKinds    = "NonStockItem LaborItem ServiceItem ChargeItem ExpenseItem FinishedGoodItem ComponentPartItem SubassemblyItem"
	itemAccounts = "expenseAccrualAccount inventoryAccount expenseAccount cogsAccount expenseNonTaxableAccount expenseEuAccount " +
		"expenseImportAccount salesAccount salesNonTaxableAccount salesEuAccount salesExportAccount"
)

var itemUpdate = newSchema("InventoryUpdateDto",
	wrapped(text, "inventoryNumber description body itemClass postingClass vatCode baseUnit salesUnit purchaseUnit "+
		"defaultWarehouse defaultIssueFrom defaultReceiptTo note "+itemAccounts),
	wrappedEnum("status", itemStatuses), wrappedEnum("type", itemKinds),
	wrapped(number, "defaultPrice"), wrapped(boolean, "kitItem"),
	listOf(segmentUpdate, "expenseSubaccount cogsSubaccount salesSubaccount"), listOf(attributeLine, "attributeLines"),
	bareGroup(newSchema("PackagingUpdateDto", wrapped(number, "baseItemWeight baseItemVolume"),
		wrapped(text, "weightUOM volumeUOM")), "packaging"),
	bareGroup(newSchema("IntrastatUpdateDto", wrapped(text, "cN8 countryOfOrigin supplementaryMeasureUnit")), "intrastat"),
	listOf(newSchema("SupplierDetailsDto", bareEnum("operation", "Insert Update Delete"),
		wrapped(boolean, "active default override"),
		wrapped(text, "supplierID location purchaseUnit supplierItemID currencyID"),
		wrapped(integer, "shipmentLeadTime minOrderFreq"),
		wrapped(number, "minOrderQty maxOrderQty lotSize eoq")), "supplierDetails"),
	listOf(alternateLine, "crossReferences"))

const alternateKinds = "CPN VPN Global Barcode"

var alternateLine = newSchema("CrossReferenceUpdateDto", bareEnum("operation", "Insert Update Delete"),
	wrappedEnum("alternateType", alternateKinds), wrapped(text, "bAccount alternateID description uom"))

var alternateUpdate = newSchema("InventoryCrossReferenceUpdateDto",
	wrappedEnum("alternateType", alternateKinds), wrapped(text, "bAccount alternateID description uom"))

func (i *item) key() string { return i.number }

// stocked tells whether the item is kept in a warehouse; its type decides that.
func (i *item) stocked() bool {
	return containsText([]string{"FinishedGoodItem", "ComponentPartItem", "SubassemblyItem"}, i.kind)
}

// charge tells whether the item is an amount rather than goods; only those may be sold in a negative quantity.
func (i *item) charge() bool {
	return containsText([]string{"ChargeItem", "ExpenseItem", "LaborItem", "ServiceItem"}, i.kind)
}

// sellable tells whether an order may have the item; NoPurchases and NoRequest only block buying.
func (i *item) sellable() bool {
	return !containsText([]string{"NoSales", "Inactive", "MarkedForDeletion", "Unknown"}, i.status)
}

func (i *item) sellsIn(unit string) bool {
	return containsText([]string{i.baseUnit, i.salesUnit, i.purchaseUnit}, unit)
}

// at is the item's stock in a warehouse, which starts at nothing.
func (i *item) at(warehouse string) *stock {
	s := i.stock[warehouse]
	if s == nil {
		s = &stock{onHand: zero, booked: zero}
		i.stock[warehouse] = s
	}
	return s
}

func (i *item) clone() *item {
	d := *i
	d.plain, d.packaging, d.intrastat = maps.Clone(i.plain), maps.Clone(i.packaging), maps.Clone(i.intrastat)
	d.accounts, d.attributes = maps.Clone(i.accounts), maps.Clone(i.attributes)
	d.alternates = make([]*alternate, 0, len(i.alternates))
	for _, a := range i.alternates {
		copied := *a
		d.alternates = append(d.alternates, &copied)
	}
	return &d
}

func (b *books) addItem(i *item) {
	i.stamp = b.newStamp()
	if i.accounts["salesAccount"] == "" {
		i.accounts["salesAccount"] = b.setup.incomeAccount(i.category)
	}
	b.items.put(i)
	for _, a := range i.alternates {
		b.itemsByAlternate.add(a.id, i)
	}
}

// replaceItem puts a changed copy in the place of the item.
func (b *books) replaceItem(i, changed *item) {
	for _, a := range i.alternates {
		b.itemsByAlternate.drop(a.id, i)
	}
	*i = *changed
	b.touch(&i.stamp)
	for _, a := range i.alternates {
		b.itemsByAlternate.add(a.id, i)
	}
}

// The parts of an item that a list shows on request; a single item has them all.
var itemParts = map[string]func(s *Server, i *item, o object){
	"expandCrossReference": func(s *Server, i *item, o object) { o["crossReferences"] = s.renderAlternates(i) },
	"expandAttachment":     func(_ *Server, _ *item, o object) { o["attachments"] = []object{} },
	"expandAttribute":      func(s *Server, i *item, o object) { o["attributes"] = s.renderAttributes(i.attributes) },
	"expandWarehouseDetail": func(s *Server, i *item, o object) {
		o["warehouseDetails"] = s.renderWarehouseDetails(i)
	},
	"expandAccountInformation": func(s *Server, i *item, o object) { o["accountInformation"] = s.renderAccounts(i) },
	"expandInventoryUnits":     func(_ *Server, _ *item, o object) { o["inventoryUnits"] = []object{} },
	"expandSupplierDetails":    func(_ *Server, _ *item, o object) { o["supplierDetails"] = []object{} },
	"expandSalesCategories":    func(s *Server, i *item, o object) { o["salesCategories"] = s.renderItemCategories(i) },
	"expandNote":               func(_ *Server, i *item, o object) { putText(o, "note", i.plain.text("note")) },
}

// renderItem is the InventoryDto with the wanted parts.
func (s *Server) renderItem(i *item, wants func(part string) bool) object {
	b := s.books.setup
	o := object{
		"inventoryId": i.internalID, "inventoryNumber": i.number, "status": i.status, "type": i.kind, "description": i.description,
		"defaultPrice": plain(i.price), "lastModifiedDateTime": s.instant(i.modified),
		"baseUnit": i.baseUnit, "salesUnit": i.salesUnit, "purchaseUnit": i.purchaseUnit,
		"stockItem": i.stocked(), "kitItem": false, "timestamp": i.etag(),
		"packaging": renderValues(i.packaging), "intrastat": renderValues(i.intrastat),
	}
	maps.Copy(o, object(i.plain))
	delete(o, "note") // has a part of its own
	if c := b.classOfItem(i.class); c != nil {
		o["itemClass"] = object{
			"type": c.kind, "id": c.id, "description": c.description,
			"attributes": s.books.classAttributes(c.attributes),
		}
	}
	if c := b.category(i.category); c != nil {
		o["vatCode"] = object{"id": c.id, "description": c.description}
	}
	if p := pick(b.postingClasses, i.postingClass); p != nil {
		o["postingClass"] = p.reference()
	}
	for name, id := range map[string]string{
		"defaultWarehouse": i.defaultWarehouse, "defaultIssueFrom": i.defaultIssue, "defaultReceiptTo": i.defaultReceipt,
	} {
		if w := b.warehouse(id); w != nil {
			o[name] = object{"id": w.id, "description": w.description}
		}
	}
	if i.recommended != nil {
		o["recommendedPrice"] = plain(i.recommended)
	}
	for part, put := range itemParts {
		if wants(part) {
			put(s, i, o)
		}
	}
	return o
}

// renderValues writes checked values as they were sent, without what is empty.
func renderValues(v values) object {
	o := make(object, len(v))
	for name, value := range v {
		switch t := value.(type) {
		case nil:
		case *apd.Decimal:
			o[name] = plain(t)
		case time.Time:
			o[name] = utc(t)
		case values:
			o[name] = renderValues(t)
		case string:
			putText(o, name, t)
		default:
			o[name] = t
		}
	}
	return o
}

func (s *Server) renderAlternates(i *item) []object {
	out := make([]object, 0, len(i.alternates))
	for _, a := range i.alternates {
		o := object{"alternateType": a.kind, "alternateID": a.id, "timestamp": (&stamp{version: a.version}).etag()}
		putText(o, "description", a.description, "uom", a.unit)
		if c := s.books.customers.get(a.account); c != nil {
			o["bAccount"] = object{"internalId": c.internalID, "number": c.number, "name": c.name}
		}
		out = append(out, o)
	}
	return out
}

func (s *Server) renderAccounts(i *item) object {
	o := make(object)
	for name, number := range i.accounts {
		if a := s.books.setup.account(number); a != nil {
			o[name] = object{"type": a.kind, "number": a.number, "description": a.description}
		}
	}
	return o
}

func (s *Server) renderWarehouseDetails(i *item) []object {
	out := make([]object, 0, len(i.stock))
	for _, id := range slices.Sorted(maps.Keys(i.stock)) {
		st := i.stock[id]
		out = append(out, object{
			"isDefault": same(id, i.defaultWarehouse), "warehouse": id, "quantityOnHand": plain(st.onHand),
			"available":            plain(s.available(st)),
			"availableForShipment": plain(st.onHand), "lastModifiedDateTime": s.instant(st.modified),
		})
	}
	return out
}

func (s *Server) listItems(r *request) response {
	attributes, err := attributeFilter(r)
	if err != nil {
		return s.refuseWith(400, err.Error())
	}
	rows := s.books.items.all
	if id := r.param("alternateID"); id != "" {
		rows = slices.SortedFunc(slices.Values(s.books.itemsByAlternate.get(id)), func(x, y *item) int {
			return strings.Compare(strings.ToLower(x.number), strings.ToLower(y.number))
		})
	}
	stocked, err := readDateFilter(r, "availabilityLastModifiedDateTime")
	if err != nil {
		return s.refuseWith(400, err.Error())
	}
	category, err := intParam(r, "salesCategory", 0)
	if err != nil {
		return s.refuseWith(400, err.Error())
	}
	number, status, description, kinds := r.param("inventoryNumber"), r.param("status"), r.param("description"), r.params("inventoryTypes")
	keep := func(i *item) bool {
		return equalFilter(i.number, number) && equalFilter(i.status, status) && containsFold(i.description, description) &&
			wantedBy(kinds, i.kind) && (category == 0 || slices.Contains(i.categories, category)) && hasAttributes(i.attributes, attributes) && i.stockChanged(stocked)
	}
	wants := func(part string) bool {
		if v := r.param(part); v != "" {
			return same(v, "true")
		}
		return s.opts.ExpandDefault == "on"
	}
	return answerList(s, r, listing[*item]{
		rows: rows, keep: keep, paged: true, maxSize: s.opts.MaxInventoryPageSize,
		render: func(i *item) object { return s.renderItem(i, wants) },
	})
}

// stockChanged applies the filter on availability.
func (i *item) stockChanged(f dateFilter) bool {
	if f.condition == "" {
		return true
	}
	for _, st := range i.stock {
		if f.keeps(st.modified) {
			return true
		}
	}
	return false
}

func (s *Server) itemOf(r *request) (*item, *response) {
	i, key := s.books.items.get(r.path["inventoryNumber"]), r.path["inventoryNumber"]
	if id, is := r.path["inventoryId"]; is {
		i, key = s.books.items.internal(id), id
	}
	if i == nil {
		resp := s.missing("Inventory Item", key)
		return nil, &resp
	}
	return i, nil
}

func (s *Server) getItem(r *request) response {
	i, bad := s.itemOf(r)
	if bad != nil {
		return *bad
	}
	return s.single(s.renderItem(i, func(string) bool { return true }), `"`+i.etag()+`"`)
}
