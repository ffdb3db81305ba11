package vismanet

import (
	"maps"

	"github.com/cockroachdb/apd/v3"
)

// renderDocument is the CustomerInvoiceDto or CustomerCreditNoteDto.
func (s *Server) renderDocument(l *ledger, d *document, withAddress, withApplications bool) object {
	b := s.books.setup
	c := b.currency(d.currency)
	base := func(x *apd.Decimal) *apd.Decimal {
		if c == nil {
			return x
		}
		return round(product(x, c.rate), b.decimals(b.baseCurrency))
	}
	out := object{
		"referenceNumber": d.number, "documentType": d.kind, "status": d.status, "hold": d.status == "Hold",
		"customer": object{"number": d.customer.number, "name": d.customer.name}, "currencyId": d.currency,
		"documentDate": s.day(d.date), "postPeriod": d.date.UTC().Format("200601"), "financialPeriod": d.date.UTC().Format("200601"),
		"location":             object{"id": "Main", "name": "Primary Location", "countryId": d.customer.main.country},
		"lastModifiedDateTime": s.instant(d.modified), "createdDateTime": s.instant(d.created), "timeStamp": d.etag(),
		"attachments": []object{}, "taxDetails": s.renderTaxDetails(d),
	}
	for name, amount := range map[string]*apd.Decimal{
		"amount": d.money.total, "balance": d.balance(), "vatTotal": d.money.tax, "vatTaxableTotal": d.money.taxable,
		"vatExemptTotal": d.money.exempt, "detailTotal": d.money.lines, "discountTotal": zero,
	} {
		out[name], out[name+"InCurrency"] = plain(base(amount)), plain(amount)
	}
	maps.Copy(out, object(d.plain))
	if l.kind == creditKind {
		delete(out, "documentDueDate")
	} else if t := b.term(d.terms); t != nil {
		out["creditTerms"] = object{"id": t.id, "description": t.description}
		out["documentDueDate"] = s.day(d.date.AddDate(0, 0, t.days))
	}
	if m := b.paymentMethod(d.payment); m != nil {
		out["paymentMethod"] = object{"id": m.id, "description": m.description}
	}
	if z := b.zone(d.zone); z != nil {
		out["customerVatZone"] = object{"id": z.id, "description": z.description}
	}
	if br := pick(b.branches, d.branch); br != nil {
		out["branchNumber"] = object{"number": br.id, "name": br.description}
	}
	if withAddress {
		a := orMain(d.address, orMain(d.customer.invoice, d.customer.main)).render(b)
		a["overrideAddress"] = d.address != nil
		out["invoiceAddress"] = a
	}
	applied := make([]object, 0, len(d.applied))
	for _, a := range d.applied {
		applied = append(applied, object{
			"docType": a.kind, "refNbr": a.document.number, "amountPaid": plain(a.amount), "balance": plain(a.document.balance()),
			"released": !d.draft(),
		})
	}
	if withApplications {
		out["applications"] = applied
	}
	lines := make([]object, 0, len(d.lines))
	for _, line := range d.lines {
		lines = append(lines, s.renderDocumentLine(d, line))
	}
	out[l.lines] = lines
	return out
}

func (s *Server) renderTaxDetails(d *document) []object {
	out := []object{}
	for i, t := range d.money.taxes {
		out = append(out, object{
			"taxId": t.vat.id, "recordId": i + 1, "vatId": object{"number": t.vat.id, "description": t.vat.description},
			"vatRate": plain(t.vat.rate), "taxableAmount": plain(t.taxable), "vatAmount": plain(t.tax),
		})
	}
	return out
}

func (s *Server) renderDocumentLine(d *document, l *documentLine) object {
	b := s.books.setup
	out := object{
		"lineNumber": l.id, "quantity": plain(l.quantity), "unitPrice": plain(l.unitPrice), "unitPriceInCurrency": plain(l.unitPrice),
		"amount": plain(l.amount), "amountInCurrency": plain(l.amount), "discountAmount": plain(l.discount),
		"discountAmountInCurrency": plain(l.discount), "manualDiscount": !l.discount.IsZero(),
	}
	putText(out, "description", l.description, "uom", l.unit, "note", l.note, "soOrderType", d.orderType,
		"soOrderNbr", d.orderNumber, "soShipmentNbr", d.shipment)
	if l.item != nil {
		out["inventoryNumber"] = l.item.number
	}
	if a := b.account(l.account); a != nil {
		out["account"] = object{"type": a.kind, "number": a.number, "description": a.description}
	}
	if c := b.category(l.category); c != nil {
		out["vatCode"] = object{"id": c.id, "description": c.description}
	}
	if br := pick(b.branches, l.branch); br != nil {
		out["branchNumber"] = object{"number": br.id, "name": br.description}
	}
	return out
}
