package expr

import (
	"math/bits"
	"strconv"

	"github.com/cockroachdb/apd/v3"

	"github.com/kopru-io/kopru/plugins/record"
)

// small is a decimal of at most 18 digits: coef / 10^scale. Nearly every amount and quantity is one, and computing
// with it needs no memory. Whatever does not fit is left to apd, with the same results.
type small struct {
	coef  int64
	scale int
}

const smallDigits = 18

var powers = func() (p [smallDigits + 1]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// parseSmall reads plain numbers such as "-12.50".
func parseSmall(s string) (small, bool) {
	var d small
	i, digits, point := 0, 0, -1
	negative := len(s) > 0 && s[0] == '-'
	if negative {
		i = 1
	}
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			d.coef = d.coef*10 + int64(c-'0')
			if digits++; digits > smallDigits {
				return d, false
			}
		case c == '.' && point < 0 && digits > 0:
			point = digits
		default:
			return d, false
		}
	}
	if digits == 0 || point == digits {
		return d, false
	}
	if point >= 0 {
		d.scale = digits - point
	}
	if negative {
		d.coef = -d.coef
	}
	return d, true
}

// smallOf is the small decimal of a number or of a text that is one.
func smallOf(v any) (small, bool) {
	switch v := v.(type) {
	case record.Number:
		return parseSmall(string(v))
	case string:
		return parseSmall(v)
	}
	return small{}, false
}

// number writes d with all its decimals, as apd would.
func (d small) number() record.Number {
	var buf [smallDigits + 4]byte
	digits := strconv.AppendInt(buf[:0], d.coef, 10)
	if d.scale == 0 {
		return record.Number(digits)
	}
	var out [2*smallDigits + 4]byte
	b := out[:0]
	if digits[0] == '-' {
		b, digits = append(b, '-'), digits[1:]
	}
	for range d.scale + 1 - len(digits) {
		b = append(b, '0')
		if len(b) == 1 || len(b) == 2 && b[0] == '-' {
			b = append(b, '.')
		}
	}
	for i, c := range digits {
		if i > 0 && len(digits)-i == d.scale {
			b = append(b, '.')
		}
		b = append(b, c)
	}
	return record.Number(b)
}

// align brings two decimals to one scale; ok is false when that takes more digits than there are.
func align(a, b small) (x, y int64, scale int, ok bool) {
	scale = max(a.scale, b.scale)
	x, ok1 := scaled(a.coef, scale-a.scale)
	y, ok2 := scaled(b.coef, scale-b.scale)
	return x, y, scale, ok1 && ok2
}

func scaled(coef int64, by int) (int64, bool) {
	if by == 0 || coef == 0 {
		return coef, true
	}
	if by > smallDigits {
		return 0, false
	}
	return times(coef, powers[by])
}

// times multiplies where the product has at most 18 digits.
func times(a, b int64) (int64, bool) {
	high, low := bits.Mul64(absolute(a), absolute(b))
	if high != 0 || low >= uint64(powers[smallDigits]) {
		return 0, false
	}
	return a * b, true
}

func absolute(i int64) uint64 {
	if i < 0 {
		return uint64(-i)
	}
	return uint64(i)
}

// compareSmall compares without memory; ok is false when it can't.
func compareSmall(a, b any) (int, bool) {
	x, ok1 := smallOf(a)
	y, ok2 := smallOf(b)
	if !ok1 || !ok2 {
		return 0, false
	}
	i, j, _, ok := align(x, y)
	switch {
	case i < j:
		return -1, ok
	case i > j:
		return 1, ok
	}
	return 0, ok
}

// smallOperation is + - or * on small decimals; ok is false when the result is not one.
type smallOperation func(a, b small) (small, bool)

func addSmall(a, b small) (small, bool) {
	x, y, scale, ok := align(a, b)
	return small{x + y, scale}, ok
}

func subtractSmall(a, b small) (small, bool) {
	x, y, scale, ok := align(a, b)
	return small{x - y, scale}, ok
}

func multiplySmall(a, b small) (small, bool) {
	coef, ok := times(a.coef, b.coef)
	return small{coef, a.scale + b.scale}, ok && a.scale+b.scale <= smallDigits
}

// equal is record.Equal without memory for the usual numbers.
func equal(a, b any) bool {
	x, ok1 := a.(record.Number)
	y, ok2 := b.(record.Number)
	if ok1 && ok2 {
		if x == y {
			return true
		}
		if c, ok := compareSmall(a, b); ok {
			return c == 0
		}
	}
	return record.Equal(a, b)
}

// fromDecimal writes a result: no exponent, no minus before zero.
func fromDecimal(d *apd.Decimal) record.Number {
	if d.Exponent > 0 {
		d.Reduce(d)
	}
	if d.IsZero() {
		d.Negative = false
	}
	return record.FromDecimal(d)
}
