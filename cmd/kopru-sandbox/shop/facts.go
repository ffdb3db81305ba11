package shop

import "strings"

// Facts are what a test can check a run against.
type Facts struct {
	Orders    int          // without table orders
	ByKind    map[Kind]int // of those
	Customers int          // different e-mail addresses among orders of the kinds normal and return
	TotalIncl int64        // cents, of the kinds normal and return
	Relations int
	Articles  int
	Missing   []string // SKUs that the books don't have
}

// Expect counts what the shop holds now.
func (s *Shop) Expect() Facts {
	f := Facts{Orders: len(s.Orders), ByKind: make(map[Kind]int), Relations: len(s.Relations)}
	mail := make(map[int64]string, len(s.Relations))
	for _, r := range s.Relations {
		mail[r.Number] = strings.ToLower(strings.TrimSpace(r.Email))
	}
	customers := make(map[string]bool)
	for _, o := range s.Orders {
		f.ByKind[o.Kind]++
		if o.Kind == Normal || o.Kind == Return {
			customers[mail[o.Relation]] = true
			incl, _ := o.Total()
			f.TotalIncl += incl
		}
	}
	f.Customers = len(customers)
	for _, p := range s.Products {
		f.Articles += len(p.Articles)
	}
	for _, a := range s.missing {
		f.Missing = append(f.Missing, a.SKU())
	}
	return f
}
