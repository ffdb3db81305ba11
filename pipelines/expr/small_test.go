package expr

import (
	"testing"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"

	"github.com/kopru-io/kopru/plugins/record"
)

// TestSmall: the quick way gives what apd gives, to the last zero, or leaves it to apd.
func TestSmall(t *testing.T) {
	t.Parallel()
	numbers := rapid.StringMatching(`-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,18})?`)
	small, all := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		x, y := numbers.Draw(t, "x"), numbers.Draw(t, "y")
		a, ok1 := parseSmall(x)
		b, ok2 := parseSmall(y)
		all++
		if !ok1 || !ok2 {
			return
		}
		p, _ := record.Number(x).Decimal()
		q, _ := record.Number(y).Decimal()
		if got := a.number(); string(got) != x && a.coef != 0 {
			t.Fatalf("%s is written %s", x, got)
		}
		for _, op := range []struct {
			quick smallOperation
			exact func(d, x, y *apd.Decimal) (apd.Condition, error)
		}{{addSmall, decimals.Add}, {subtractSmall, decimals.Sub}, {multiplySmall, decimals.Mul}} {
			got, ok := op.quick(a, b)
			if !ok {
				continue
			}
			small++
			var d apd.Decimal
			if _, err := op.exact(&d, p, q); err != nil || fromDecimal(&d) != got.number() {
				t.Fatalf("%s and %s: %s, want %s (%v)", x, y, got.number(), fromDecimal(&d), err)
			}
		}
		if c, ok := compareSmall(record.Number(x), y); ok && c != p.Cmp(q) {
			t.Fatalf("%s to %s: %d", x, y, c)
		}
		if got, want := equal(record.Number(x), record.Number(y)), p.Cmp(q) == 0; got != want {
			t.Fatalf("%s == %s: %v", x, y, got)
		}
	})
	if small == 0 || all == 0 {
		t.Errorf("of %d pairs none was small: nothing is proved", all)
	}
}

// TestPlain: numbers in texts have no exponent and no needless zeros.
func TestPlain(t *testing.T) {
	t.Parallel()
	for in, want := range map[record.Number]string{
		"0": "0", "-0": "0", "0.00": "0", "12.50": "12.5", "12.0": "12", "100": "100", "-0.5": "-0.5", "1e3": "1000", "1E-2": "0.01",
		"-12": "-12", "10.05": "10.05", "0.10": "0.1", "-3.20": "-3.2",
	} {
		if got := plain(in); got != want {
			t.Errorf("%s is written %s, want %s", in, got, want)
		}
	}
}
