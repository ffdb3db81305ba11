package vismanet

import (
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// named is a record with nothing but a key and a text.
type named struct{ id, description string }

type vat struct {
	id, description, kind, level, country string
	rate                                  *apd.Decimal
}

type vatCategory struct {
	id, description string
	vats            []string
}

type vatZone struct {
	id, description, category string
	vats                      []string
}

type currency struct {
	id, description, symbol string
	decimals                int
	rate                    *apd.Decimal // of one unit, in the base currency
}

type customerClass struct {
	id, description, zone, terms, currency, paymentMethod string
	attributes                                            []string
}

type itemClass struct {
	id, description, kind, postingClass, vatCategory, unit string
	attributes                                             []string
}

type paymentMethod struct {
	id, description, means string
	active                 bool
	cashAccounts           []string
}

type account struct {
	number, description, kind, category string
	cash, active                        bool
}

type warehouse struct {
	id, branch, description string
	internalID              int
}

// orderType is how a kind of sales order behaves. paymentReference is "required", "allowed" or "prohibited".
type orderType struct {
	id, description, behavior, operation, document string
	operations                                     []string
	paymentReference                               string
	needsPaymentMethod, manual, active             bool
}

type term struct {
	id, description string
	days            int
}

// setup is what a bookkeeper arranged once; the API only reads it.
type setup struct {
	vats           []*vat
	categories     []*vatCategory
	zones          []*vatZone
	currencies     []*currency
	customerClass  []*customerClass
	itemClasses    []*itemClass
	postingClasses []*named
	priceClasses   []*named
	terms          []*term
	paymentMethods []*paymentMethod
	accounts       []*account
	carriers       []*named
	warehouses     []*warehouse
	branches       []*named
	countries      []*named
	orderTypes     []*orderType
	units          []string
	salesPersons   []*named
	shippingTerms  []*named
	shippingZones  []*named
	fobPoints      []*named
	reasonCodes    []*named
	baseCurrency   string
	at             time.Time
}

// vatStart is when every rate became valid.
var vatStart = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)

func newSetup() *setup {
	s := &setup{
		baseCurrency: "EUR", at: time.Date(2025, 1, 1, 8, 0, 0, 0, time.UTC), units: []string{"STK", "KG", "PAAR", "DOOS", "UUR"},
		postingClasses: []*named{{"HANDEL", "Handelsgoederen"}, {"DIENST", "Diensten"}},
		priceClasses:   []*named{{"VIP", "Vaste klanten"}},
		terms:          []*term{{"00", "Contant", 0}, {"14", "14 dagen", 14}, {"30", "30 dagen", 30}},
		carriers: []*named{
			{"POSTNL", "PostNL pakket"},
			{"DHL", "DHL Parcel"},
			{"POSTEN", "Posten parcel"},
			{"AFHALEN", "Afhalen in de winkel"},
		},
		branches:      []*named{{"1", "Hoofdvestiging"}, {"2", "Filiaal"}},
		salesPersons:  []*named{{"1", "Winkel"}, {"2", "Webshop"}},
		shippingTerms: []*named{{"DAP", "Delivered at place"}, {"EXW", "Ex works"}},
		shippingZones: []*named{{"NL", "Nederland"}, {"EU", "Europa"}},
		fobPoints:     []*named{{"MAGAZIJN", "Magazijn"}},
		reasonCodes:   []*named{{"RETOUR", "Retour"}, {"GARANTIE", "Garantie"}},
		warehouses:    []*warehouse{{"1", "1", "Hoofdmagazijn", 1}, {"2", "2", "Winkel", 2}},
	}
	s.addCountries()
	s.addTaxes()
	s.addMoney()
	s.addClasses()
	s.addOrderTypes()
	return s
}

func (s *setup) addCountries() {
	for _, c := range []named{
		{"NL", "Nederland"},
		{"NO", "Norge"},
		{"SE", "Sverige"},
		{"DE", "Deutschland"},
		{"BE", "België"},
		{"TR", "Türkiye"},
		{"DK", "Danmark"},
		{"FI", "Suomi"},
		{"FR", "France"},
		{"GB", "United Kingdom"},
		{"US", "United States"},
	} {
		s.countries = append(s.countries, &c)
	}
}

func (s *setup) addTaxes() {
	for _, v := range []struct{ id, text, level, country, rate string }{
		{"3", "BTW hoog 21 %", "VatTypeHigh", "NL", "21"},
		{"2", "BTW laag 9 %", "VatTypeLow", "NL", "9"},
		{"0", "BTW nul", "VatTypeZero", "NL", "0"},
		{"N3", "MVA 25 %", "VatTypeHigh", "NO", "25"},
		{"N2", "MVA 15 %", "VatTypeMedium", "NO", "15"},
		{"N1", "MVA 12 %", "VatTypeLow", "NO", "12"},
		{"N0", "MVA 0 %", "VatTypeZero", "NO", "0"},
		{"S3", "Moms 25 %", "VatTypeHigh", "SE", "25"},
		{"S2", "Moms 12 %", "VatTypeMedium", "SE", "12"},
		{"S1", "Moms 6 %", "VatTypeLow", "SE", "6"},
		{"S0", "Moms 0 %", "VatTypeZero", "SE", "0"},
	} {
		s.vats = append(s.vats, &vat{
			id: v.id, description: v.text, kind: "Vat", level: v.level, country: v.country,
			rate: dec(v.rate),
		})
	}
	s.vats = append(s.vats, &vat{
		id: "EU", description: "Intracommunautaire levering", kind: "ReverseVat",
		level: "VatTypeZero", country: "NL", rate: dec("0"),
	})
	s.categories = []*vatCategory{
		{"03", "Hoog tarief", []string{"3", "N3", "S3", "EU"}},
		{"02", "Laag tarief", []string{"2", "N2", "S2", "EU"}},
		{"01", "Laagste tarief", []string{"2", "N1", "S1", "EU"}},
		{"00", "Nultarief", []string{"0", "N0", "S0", "EU"}},
		{"05", "Vrijgesteld", nil},
	}
	s.zones = []*vatZone{
		{"01", "Binnenland", "03", []string{"3", "2", "0"}},
		{"NO", "Norge", "03", []string{"N3", "N2", "N1", "N0"}},
		{"SE", "Sverige", "03", []string{"S3", "S2", "S1", "S0"}},
		{"02", "EU verlegd", "03", []string{"EU"}},
		{"04", "Export", "00", nil},
	}
}

func (s *setup) addMoney() {
	s.currencies = []*currency{
		{"EUR", "Euro", "€", 2, dec("1")},
		{"NOK", "Norsk krone", "kr", 2, dec("0.085")},
		{"SEK", "Svensk krona", "kr", 2, dec("0.0875")},
		{"USD", "US dollar", "$", 2, dec("0.92")},
		{"JPY", "Yen", "¥", 0, dec("0.0061")},
	}
	s.paymentMethods = []*paymentMethod{
		{"1", "Contant", "CashOrCheck", true, []string{"1000"}},
		{"2", "Pin", "CreditCard", true, []string{"1100"}},
		{"3", "iDEAL", "DirectDeposit", true, []string{"1514", "1100"}},
		{"5", "Webshop", "CashOrCheck", true, []string{"1514"}},
		{"9", "Cheque (vervallen)", "CashOrCheck", false, nil},
	}
	s.accounts = []*account{
		{"1000", "Kas", "Asset", "", true, true},
		{"1100", "Bank", "Asset", "", true, true},
		{"1514", "Webshop tussenrekening", "Asset", "", true, true},
		{"1300", "Debiteuren", "Asset", "", false, true},
		{"1500", "Te betalen BTW", "Liability", "", false, true},
		{"8000", "Omzet hoog", "Income", "03", false, true},
		{"8010", "Omzet laag", "Income", "02", false, true},
		{"8020", "Omzet nul", "Income", "00", false, true},
		{"8090", "Afrondingsverschillen", "Income", "00", false, true},
		{"7000", "Inkoopwaarde", "Expense", "", false, true},
		{"8999", "Oude omzetrekening", "Income", "03", false, false},
	}
}

func (s *setup) addClasses() {
	s.customerClass = []*customerClass{
		{"PRIVAT", "Particulieren", "01", "14", "EUR", "5", []string{"WEBID", "NEWSLETTER"}},
		{"BEDRIJF", "Bedrijven", "01", "30", "EUR", "", []string{"WEBID"}},
		{"KASSA", "Kassaverkoop", "01", "00", "EUR", "1", nil},
		{"NORGE", "Norske kunder", "NO", "14", "NOK", "", []string{"WEBID"}},
	}
	s.itemClasses = []*itemClass{
		{
			"HANDEL", "Handelsgoederen", "FinishedGoodItem", "HANDEL", "03", "STK",
			[]string{"COLOR", "SIZE", "SEIZOEN", "LEVERBAAR", "WEBSHOP", "FAMILIE", "WEBGROEP"},
		},
		{"NIETVRD", "Niet-voorraad", "NonStockItem", "DIENST", "03", "STK", []string{"WEBSHOP"}},
		{"DIENST", "Diensten", "ServiceItem", "DIENST", "03", "UUR", nil},
		{"KOSTEN", "Toeslagen", "ChargeItem", "DIENST", "03", "STK", nil},
	}
}

func (s *setup) addOrderTypes() {
	issue, receipt, both := []string{"Issue"}, []string{"Receipt"}, []string{"Receipt", "Issue"}
	s.orderTypes = []*orderType{
		{"SO", "Verkooporder", "SalesOrder", "Issue", "Invoice", issue, "allowed", false, false, true},
		{"QT", "Offerte", "Quote", "Issue", "NoUpdate", issue, "prohibited", false, false, true},
		{"IN", "Factuurorder", "Invoice", "Issue", "Invoice", issue, "allowed", false, false, true},
		{"CS", "Contante verkoop", "Invoice", "Issue", "CashSale", issue, "required", true, false, true},
		{"RM", "Retour met vervanging", "RMAOrder", "Receipt", "CreditMemo", both, "allowed", false, false, true},
		{"CR", "Creditorder", "CreditMemo", "Receipt", "CreditMemo", receipt, "allowed", false, false, true},
		{"CM", "Creditnota", "CreditMemo", "Receipt", "CreditMemo", receipt, "allowed", false, false, true},
		{"MO", "Verkooporder, eigen nummering", "SalesOrder", "Issue", "Invoice", issue, "allowed", false, true, true},
		{"WO", "Werkorder (vervallen)", "SalesOrder", "Issue", "Invoice", issue, "allowed", false, false, false},
	}
}

func (s *setup) vat(id string) *vat { return find(s.vats, func(v *vat) bool { return same(v.id, id) }) }

func (s *setup) category(id string) *vatCategory {
	return find(s.categories, func(c *vatCategory) bool { return same(c.id, id) })
}

func (s *setup) zone(id string) *vatZone {
	return find(s.zones, func(z *vatZone) bool { return same(z.id, id) })
}

func (s *setup) currency(id string) *currency {
	return find(s.currencies, func(c *currency) bool { return same(c.id, id) })
}

func (s *setup) classOfCustomer(id string) *customerClass {
	return find(s.customerClass, func(c *customerClass) bool { return same(c.id, id) })
}

func (s *setup) classOfItem(id string) *itemClass {
	return find(s.itemClasses, func(c *itemClass) bool { return same(c.id, id) })
}

func (s *setup) term(id string) *term {
	return find(s.terms, func(t *term) bool { return same(t.id, id) })
}

func (s *setup) paymentMethod(id string) *paymentMethod {
	return find(s.paymentMethods, func(m *paymentMethod) bool { return same(m.id, id) })
}

func (s *setup) account(number string) *account {
	return find(s.accounts, func(a *account) bool { return same(a.number, number) })
}

// incomeAccount is where sales of a tax category go unless the item says otherwise; empty when there is none.
func (s *setup) incomeAccount(category string) string {
	a := find(s.accounts, func(a *account) bool { return a.active && a.kind == "Income" && a.category == category })
	if a == nil {
		return ""
	}
	return a.number
}

func (s *setup) warehouse(id string) *warehouse {
	return find(s.warehouses, func(w *warehouse) bool { return same(w.id, id) })
}

func (s *setup) orderType(id string) *orderType {
	return find(s.orderTypes, func(t *orderType) bool { return same(t.id, id) })
}

func pick(all []*named, id string) *named {
	return find(all, func(n *named) bool { return same(n.id, id) })
}

func same(x, y string) bool { return strings.EqualFold(x, y) }

// reference is {id, description} of a record, or null without one.
func (n *named) reference() any {
	if n == nil {
		return nil
	}
	return object{"id": n.id, "description": n.description}
}
