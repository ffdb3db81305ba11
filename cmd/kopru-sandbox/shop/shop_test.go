package shop

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestSameSeedSameShop(t *testing.T) {
	t.Parallel()
	a, b, other := New(1, Size{Orders: 200}), New(1, Size{Orders: 200}), New(2, Size{Orders: 200})
	if !reflect.DeepEqual(a.Orders, b.Orders) || !reflect.DeepEqual(a.Relations, b.Relations) || !reflect.DeepEqual(a.Books(), b.Books()) {
		t.Error("the same seed gave two shops")
	}
	if reflect.DeepEqual(a.Orders, other.Orders) {
		t.Error("two seeds gave the same orders")
	}
	at := time.Date(2026, 3, 29, 3, 0, 0, 0, time.UTC)
	if !reflect.DeepEqual(a.Sell(20, "", at), b.Sell(20, "", at)) {
		t.Error("the same seed sold differently later on")
	}
}

func TestDemoShopIsMostlyClean(t *testing.T) {
	t.Parallel()
	got := New(1, Size{Orders: 600}).Expect().ByKind
	want := map[Kind]int{Normal: 575, Return: 11, Cancelled: 4, NoEmail: 5, MissingItem: 3, SharedEmail: 2}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("kinds are %v, want %v", got, want)
	}
}

func TestTotalsAddUp(t *testing.T) {
	t.Parallel()
	s := New(3, Size{Orders: 1500})
	s.Sell(10, Exchange, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))
	severalRates, discounts, decimals := 0, 0, 0
	for _, o := range s.Orders {
		incl, excl := o.Total()
		lines, paid := int64(0), int64(0)
		for _, l := range o.Lines {
			lines += l.Incl()
			if l.Discount != 0 {
				discounts++
			}
			if l.Quantity.Scale > 0 {
				decimals++
			}
		}
		vat := int64(0)
		for _, g := range o.VatTotals() {
			vat += g.Vat
		}
		for _, p := range o.Payments {
			paid += p.Amount
		}
		if lines != incl || excl+vat != incl {
			t.Errorf("order %d: lines %d, total %d, without VAT %d, VAT %d", o.Number, lines, incl, excl, vat)
		}
		if !o.Cancelled && paid != incl {
			t.Errorf("order %d: paid %d of %d", o.Number, paid, incl)
		}
		if (o.Kind == Return) != (incl < 0) && o.Kind != Exchange {
			t.Errorf("order %d of kind %s has the total %d", o.Number, o.Kind, incl)
		}
		if len(o.VatTotals()) > 1 {
			severalRates++
		}
	}
	if severalRates == 0 || discounts == 0 || decimals == 0 {
		t.Errorf("%d orders with several rates, %d discounts, %d decimal quantities", severalRates, discounts, decimals)
	}
}

func TestKindsAreWhatTheySay(t *testing.T) {
	t.Parallel()
	s := New(1, Size{Orders: 600})
	items := make(map[string]bool)
	for _, i := range s.Books().Items {
		items[i.Number] = true
	}
	mails := make(map[string]int)
	for _, c := range s.Books().Customers {
		mails[c.Email]++
	}
	relations := make(map[int64]*Relation)
	for _, r := range s.Relations {
		relations[r.Number] = r
	}
	for _, o := range s.Orders {
		missing := false
		for _, l := range o.Lines {
			sku := l.PLU
			if sku == "" {
				sku = (&Article{Number: l.Article}).SKU()
			}
			missing = missing || !items[sku]
		}
		if missing != (o.Kind == MissingItem) {
			t.Errorf("order %d of kind %s: missing item %v", o.Number, o.Kind, missing)
		}
		mail := strings.ToLower(strings.TrimSpace(relations[o.Relation].Email))
		if (mail == "") != (o.Kind == NoEmail) {
			t.Errorf("order %d of kind %s has the e-mail address %q", o.Number, o.Kind, mail)
		}
		if (mails[mail] > 1 && mail != "") != (o.Kind == SharedEmail) {
			t.Errorf("order %d of kind %s: %d customers with its e-mail address", o.Number, o.Kind, mails[mail])
		}
		if o.Cancelled != (o.Kind == Cancelled) {
			t.Errorf("order %d of kind %s: cancelled %v", o.Number, o.Kind, o.Cancelled)
		}
	}
	if !items["AFRONDING"] || items["SJAAL-NW"] || items["FLES-NW"] {
		t.Error("the books have the wrong items")
	}
}

func TestOldYearEndsAtTheTill(t *testing.T) {
	t.Parallel()
	s := New(1, Size{Orders: 600})
	last, first := s.Orders[17], s.Orders[18]
	if last.Entered.Format("2006-01-02 15:04") != "2025-12-31 23:59" || last.Year != 2025 {
		t.Errorf("the last order of the year was entered at %v", last.Entered)
	}
	if first.Year != 2026 || first.Entered.UTC().Year() != 2025 {
		t.Errorf("the first order of the year was entered at %v", first.Entered)
	}
	for i, o := range s.Orders[1:] {
		if o.Entered.Before(s.Orders[i].Entered) {
			t.Errorf("order %d was entered before the one before it", o.Number)
		}
	}
}

func TestEmailsAreUnique(t *testing.T) {
	t.Parallel()
	seen := make(map[string]int64)
	for _, r := range New(1, Size{Orders: 3000}).Relations {
		mail := strings.ToLower(strings.TrimSpace(r.Email))
		if other, ok := seen[mail]; ok && mail != "" && r.Number != 102 {
			t.Errorf("relations %d and %d share %s", other, r.Number, mail)
		}
		seen[mail] = r.Number
		if strings.Contains(r.Home.Street, "#") || strings.HasPrefix(mail, ".") || strings.HasPrefix(mail, "@") {
			t.Errorf("relation %d: %q, %q", r.Number, r.Home.Street, r.Email)
		}
	}
}

func TestRounding(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ n, d, want int64 }{{5, 2, 3}, {-5, 2, -3}, {4, 3, 1}, {-4, 3, -1}, {5, 3, 2}, {0, 7, 0}} {
		if got := RoundDiv(c.n, c.d); got != c.want {
			t.Errorf("RoundDiv(%d, %d) = %d, want %d", c.n, c.d, got, c.want)
		}
	}
	if got := (Quantity{530, 3}).Times(1295); got != 686 {
		t.Errorf("0.530 × 12.95 = %d cents, want 686", got)
	}
	if got := (Quantity{-530, 3}).String() + " " + Euros(-5); got != "-0.530 -0.05" {
		t.Errorf("decimal text is %q", got)
	}
	if got := ean13(4501); got != "2000000045016" && len(got) != 13 {
		t.Errorf("bar code is %s", got)
	}
}

func TestBooksAreAsBigAsAskedFor(t *testing.T) {
	plain, big := New(1, Size{Orders: 50}), New(1, Size{Orders: 50, Items: 300, Customers: 200})
	if len(big.Books().Items) != 300 || len(big.Books().Customers) != 200 {
		t.Errorf("%d items, %d customers", len(big.Books().Items), len(big.Books().Customers))
	}
	if !reflect.DeepEqual(plain.Expect(), big.Expect()) {
		t.Errorf("the till is another one: %+v, %+v", plain.Expect(), big.Expect())
	}
	known := make(map[string]bool)
	for _, i := range big.Books().Items {
		if known[i.Number] || i.EAN != "" && known[i.EAN] {
			t.Errorf("%s, %s is there twice", i.Number, i.EAN)
		}
		known[i.Number], known[i.EAN] = true, true
	}
	for _, c := range big.Books().Customers[5:] {
		if known[c.Email] {
			t.Errorf("%s is there twice", c.Email)
		}
		known[c.Email] = true
	}
}
