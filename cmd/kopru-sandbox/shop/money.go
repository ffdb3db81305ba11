package shop

import (
	"fmt"
	"strconv"
	"strings"
)

// Quantity is an exact decimal: 0.530 is {530, 3}.
type Quantity struct {
	Unscaled int64
	Scale    int
}

func (q Quantity) String() string { return decimal(q.Unscaled, q.Scale) }

// Times is the quantity times an amount in cents, rounded half away from zero.
func (q Quantity) Times(cents int64) int64 { return RoundDiv(q.Unscaled*cents, pow10(q.Scale)) }

// RoundDiv divides and rounds half away from zero, as the till does. d is positive.
func RoundDiv(n, d int64) int64 {
	if n < 0 {
		return -RoundDiv(-n, d)
	}
	return (2*n + d) / (2 * d)
}

// Excl takes VAT of a whole percentage out of an amount in cents.
func Excl(incl int64, percent int) int64 { return RoundDiv(incl*100, int64(100+percent)) }

// Incl puts VAT onto an amount in cents.
func Incl(excl int64, percent int) int64 { return excl + RoundDiv(excl*int64(percent), 100) }

func pow10(n int) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}

// decimal writes an unscaled integer as decimal text.
func decimal(unscaled int64, scale int) string {
	if scale == 0 {
		return strconv.FormatInt(unscaled, 10)
	}
	sign := ""
	if unscaled < 0 {
		sign, unscaled = "-", -unscaled
	}
	p := pow10(scale)
	return fmt.Sprintf("%s%d.%0*d", sign, unscaled/p, scale, unscaled%p)
}

// Euros writes cents as decimal text: 1995 is "19.95".
func Euros(cents int64) string { return decimal(cents, 2) }

// ean13 is a bar code of the range meant for use inside a shop, with its check digit.
func ean13(article int64) string {
	s := fmt.Sprintf("200%09d", article)
	sum := 0
	for i, d := range s {
		sum += int(d-'0') * (1 + 2*(i%2))
	}
	return s + strconv.Itoa((10-sum%10)%10)
}

// mailName turns a name into the part of an e-mail address before the @.
func mailName(name string) string {
	name = strings.NewReplacer(
		" & ", "-", "'", "", ".", "", " ", ".", "å", "a", "ä", "a", "á", "a", "ö", "o", "ø", "o", "ó", "o", "é",
		"e", "ë", "e", "æ", "ae",
		"ü", "u", "ı", "i", "ş", "s", "ğ", "g", "ç", "c", "ß", "ss",
	).Replace(strings.ToLower(name))
	var b strings.Builder
	for _, r := range name {
		if r >= 'a' && r <= 'z' || r == '.' || r == '-' {
			b.WriteRune(r)
		}
	}
	return b.String()
}
