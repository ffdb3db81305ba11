package shop

// Branch is a branch of the shop with its workplaces.
type Branch struct {
	Number           int
	Name, Short      string
	Workplaces       []string // numbered from 1
	DefaultWorkplace bool     // orders of the branch need no workplace number
}

// Employee may enter orders.
type Employee struct {
	Number int64
	Name   string
}

// VatRate is a VAT code of the till with its percentage.
type VatRate struct{ Code, Percent int }

// Method is a payment or delivery method.
type Method struct {
	Code, Description string
	Active            bool
	Negative          bool // a payment method that pays back
}

// Group is an article group of the web shop or a turnover group.
type Group struct {
	Number, Parent, VatCode int
	Name                    string
}

// Lookups are the short lists a shop keeps.
type Lookups struct {
	Branches       []Branch
	Employees      []Employee
	VatRates       []VatRate
	Payments       []Method
	Deliveries     []Method
	Categories     []Group // order categories
	TurnoverGroups []Group
	ArticleGroups  []Group
}

// Superuser is the employee the vendor's own clients enter orders under.
const Superuser = 999999

func newLookups() Lookups {
	return Lookups{
		Branches: []Branch{
			{1, "Hoofdvestiging", "HV", []string{"Kassa 1", "Kassa 2"}, true},
			{2, "Webshop", "WEB", []string{"Web"}, false},
		},
		Employees: []Employee{{Superuser, "Supervisor"}, {101, "Femke Kassa"}, {102, "Øystein Kveld"}, {103, "Ayşe Günay"}},
		VatRates:  []VatRate{{0, 0}, {1, 9}, {2, 21}},
		Payments: []Method{
			{"CASH", "Contant", true, true},
			{"PIN", "Pin", true, true},
			{"IDEAL", "iDEAL", true, false},
			{"REKENING", "Op rekening", true, true},
			{"CHEQUE", "Cheque (vervallen)", false, false},
		},
		Deliveries: []Method{
			{"AFHALEN", "Afhalen in de winkel", true, false},
			{"POST", "Verzenden per post", true, false},
			{"KOERIER", "Fietskoerier", true, false},
			{"BOOT", "Per boot (vervallen)", false, false},
		},
		Categories: []Group{{Number: 1, Name: "Webshop"}, {Number: 2, Name: "Winkel"}, {Number: 3, Name: "Telefonisch"}},
		TurnoverGroups: []Group{
			{Number: 1, VatCode: 2, Name: "Kleding"},
			{Number: 2, VatCode: 1, Name: "Levensmiddelen"},
			{Number: 3, VatCode: 1, Name: "Boeken"},
			{Number: 4, VatCode: 2, Name: "Wonen"},
			{Number: 5, VatCode: 2, Name: "Diensten"},
			{Number: 6, VatCode: 0, Name: "Waardebonnen"},
		},
		ArticleGroups: []Group{
			{Number: 1, Name: "Webshop"},
			{Number: 2, Parent: 1, Name: "Kleding & schoenen"},
			{Number: 3, Parent: 1, Name: "Delicatessen"},
			{Number: 4, Parent: 1, Name: "Cadeau"},
			{Number: 5, Name: "Winkel"},
		},
	}
}

// Percent is the rate behind a VAT code; ok is false for a code the till doesn't have.
func (l *Lookups) Percent(code int) (percent int, ok bool) {
	for _, r := range l.VatRates {
		if r.Code == code {
			return r.Percent, true
		}
	}
	return 0, false
}
