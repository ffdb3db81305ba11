package vismanet

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cockroachdb/apd/v3"
)

// decimals computes money exactly; only round and quotient lose digits, half away from zero.
var decimals = func() *apd.Context {
	c := apd.BaseContext.WithPrecision(200)
	c.Rounding = apd.RoundHalfUp
	return c
}()

// parseDecimal reads the text of a JSON number.
func parseDecimal(text string) (*apd.Decimal, error) {
	if len(text) > 100 {
		return nil, errors.New("a number of that length is outside the range of a decimal number")
	}
	d, _, err := apd.NewFromString(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not a decimal number: %w", text, err)
	}
	if d.Form != apd.Finite || d.Exponent > 28 || d.Exponent < -28 || d.NumDigits() > 28 {
		return nil, fmt.Errorf("%q is outside the range of a decimal number", text)
	}
	return d, nil
}

// dec is the decimal of a literal of this package.
func dec(text string) *apd.Decimal {
	d, err := parseDecimal(text)
	if err != nil {
		panic(err)
	}
	return d
}

// The operands are bounded by parseDecimal, so that 200 digits never overflow and errors can't happen.

func sum(x, y *apd.Decimal) *apd.Decimal { return operate(decimals.Add, x, y) }

func difference(x, y *apd.Decimal) *apd.Decimal { return operate(decimals.Sub, x, y) }

func product(x, y *apd.Decimal) *apd.Decimal { return operate(decimals.Mul, x, y) }

func quotient(x, y *apd.Decimal) *apd.Decimal { return operate(decimals.Quo, x, y) }

func operate(op func(d, x, y *apd.Decimal) (apd.Condition, error), x, y *apd.Decimal) *apd.Decimal {
	d := new(apd.Decimal)
	if _, err := op(d, x, y); err != nil {
		panic(err)
	}
	return d
}

// round keeps the given number of decimals.
func round(x *apd.Decimal, places int) *apd.Decimal {
	d := new(apd.Decimal)
	if _, err := decimals.Quantize(d, x, int32(-places)); err != nil {
		panic(err)
	}
	return d
}

// percent is x × rate / 100, rounded to places decimals.
func percent(x, rate *apd.Decimal, places int) *apd.Decimal {
	d := product(x, rate)
	d.Exponent -= 2
	return round(d, places)
}

// plain is a decimal as a JSON number without exponent or needless zeros.
func plain(x *apd.Decimal) json.Number {
	if x == nil || x.IsZero() {
		return "0.0"
	}
	d := new(apd.Decimal)
	d.Reduce(x)
	return json.Number(d.Text('f'))
}
