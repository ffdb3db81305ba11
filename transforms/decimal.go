package transforms

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"
	"github.com/dop251/goja"

	"github.com/kopru-io/kopru/plugins/record"
)

const (
	mostDigits   = 2000 // of a decimal that is computed with, before and behind the point together
	exactDigits  = 15   // any decimal text of so many significant digits survives a JavaScript number
	exactInteger = 1 << 53
)

// decimal is what a script's Decimal holds. It never changes.
type decimal struct{ value *apd.Decimal }

// exact has no precision of its own: sums, differences and products keep all digits.
var exact = apd.Context{MaxExponent: apd.MaxExponent, MinExponent: apd.MinExponent, Traps: apd.DefaultTraps}

var decimalText = regexp.MustCompile(`^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$`)

var (
	errTooLong = errors.New("the number has too many digits to compute with")
	errByZero  = errors.New("division by zero")
)

// parseDecimal reads decimal text.
func parseDecimal(text string) (*apd.Decimal, error) {
	text = strings.TrimSpace(text)
	if !decimalText.MatchString(text) {
		return nil, fmt.Errorf("%s is not a number", strconv.Quote(clip(text, 40)))
	}
	d, _, err := apd.NewFromString(text)
	if err != nil {
		return nil, fmt.Errorf("%s is not a number", strconv.Quote(clip(text, 40)))
	}
	return d, nil
}

// plain tells whether d can be computed with, without its exponent costing time and memory.
func plain(d *apd.Decimal) bool {
	return d.Exponent >= -mostDigits && d.Exponent <= mostDigits && d.NumDigits() <= mostDigits
}

// numberText is d as a JSON number; an exponent is only written where the digits would be too many.
func numberText(d *apd.Decimal) record.Number {
	if d.IsZero() && d.Negative {
		d = new(apd.Decimal).Abs(d)
	}
	if !plain(d) {
		return record.Number(d.Text('E'))
	}
	return record.FromDecimal(d)
}

// quotient is a divided by b with so many digits behind the point, half away from zero.
func quotient(a, b *apd.Decimal, digits int) (*apd.Decimal, error) {
	if b.IsZero() {
		return nil, errByZero
	}
	num, den := new(apd.BigInt).Set(&a.Coeff), new(apd.BigInt).Set(&b.Coeff)
	if shift := int64(a.Exponent) - int64(b.Exponent) + int64(digits); shift >= 0 {
		num.Mul(num, powerOfTen(shift))
	} else {
		den.Mul(den, powerOfTen(-shift))
	}
	q, rest := new(apd.BigInt).QuoRem(num, den, new(apd.BigInt))
	if rest.Add(rest, rest).Cmp(den) >= 0 {
		q.Add(q, apd.NewBigInt(1))
	}
	out := &apd.Decimal{Exponent: int32(-digits)}
	out.Coeff.Set(q)
	out.Negative = a.Negative != b.Negative && q.Sign() != 0
	return out, nil
}

func powerOfTen(n int64) *apd.BigInt {
	return new(apd.BigInt).Exp(apd.NewBigInt(10), apd.NewBigInt(n), nil)
}

var one = apd.New(1, 0)

// fromFloat is a JavaScript number as a decimal. A binary remainder, as of 0.1 + 0.2, is an error: silently keeping
// it puts wrong money into the books.
func fromFloat(f float64) (record.Number, error) {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return "", fmt.Errorf("%s is not a number", strings.TrimPrefix(strconv.FormatFloat(f, 'g', -1, 64), "+"))
	case f == math.Trunc(f):
		if math.Abs(f) > exactInteger {
			return "", fmt.Errorf("%s is larger than a JavaScript number can hold exactly; use Decimal from %q or keep it as text",
				strconv.FormatFloat(f, 'f', -1, 64), stdImport)
		}
		return record.Int(int64(f)), nil
	}
	text := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, _, _ := strings.Cut(strings.TrimPrefix(text, "-"), "e")
	if len(mantissa)-1 > exactDigits {
		return "", fmt.Errorf("%s is inexact: compute with Decimal from %q, or round the result",
			strconv.FormatFloat(f, 'g', -1, 64), stdImport)
	}
	return record.Number(strconv.FormatFloat(f, 'f', -1, 64)), nil
}

// decimalOf reads an argument that is a Decimal, a number or text.
func (r *Runtime) decimalOf(v goja.Value) *apd.Decimal {
	var d *apd.Decimal
	var err error
	switch x := exported(v).(type) {
	case *decimal:
		return x.value
	case int64:
		return apd.New(x, 0)
	case float64:
		var n record.Number
		if n, err = fromFloat(x); err == nil {
			d, err = n.Decimal()
		}
	case string:
		d, err = parseDecimal(x)
	case *big.Int:
		d, err = parseDecimal(x.String())
	default:
		err = fmt.Errorf("%s is not a number", describe(v))
	}
	if err != nil {
		panic(r.vm.NewTypeError(err.Error()))
	}
	return d
}

// operand is decimalOf for arithmetic.
func (r *Runtime) operand(v goja.Value) *apd.Decimal {
	d := r.decimalOf(v)
	if !plain(d) {
		panic(r.vm.NewTypeError(errTooLong.Error()))
	}
	return d
}

// wrap makes a script's Decimal.
func (r *Runtime) wrap(d *apd.Decimal) *goja.Object {
	o := r.vm.ToValue(&decimal{d}).(*goja.Object)
	_ = o.SetPrototype(r.decimalProto) // a fresh object takes any prototype
	return o
}

func (r *Runtime) digitsArgument(v goja.Value, method string) int {
	n, ok := exported(v).(int64)
	if !ok || n < 0 || n > 100 {
		panic(r.vm.NewTypeError(fmt.Sprintf("Decimal: %s needs the number of digits behind the point, 0 to 100", method)))
	}
	return int(n)
}

type decimalMethod func(self *apd.Decimal, arg func(int) goja.Value) any

// decimalClass makes the constructor; its prototype is r.decimalProto.
func (r *Runtime) decimalClass() goja.Value {
	class := r.vm.ToValue(func(call goja.ConstructorCall) *goja.Object {
		return r.wrap(r.decimalOf(call.Argument(0)))
	}).(*goja.Object)
	r.decimalProto = class.Get("prototype").(*goja.Object)
	r.defineMethods(r.arithmetic())
	r.defineMethods(r.comparison())
	r.defineMethods(r.conversion())
	_ = class.DefineDataProperty("name", r.vm.ToValue("Decimal"), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE)
	return class
}

func (r *Runtime) defineMethods(methods map[string]decimalMethod) {
	for name, method := range methods {
		f := r.vm.ToValue(func(call goja.FunctionCall) goja.Value {
			self, ok := exported(call.This).(*decimal)
			if !ok {
				panic(r.vm.NewTypeError("Decimal." + name + " was called on " + describe(call.This)))
			}
			switch out := method(self.value, call.Argument).(type) {
			case *apd.Decimal:
				return r.wrap(out)
			case error:
				panic(r.vm.NewTypeError("Decimal: " + out.Error()))
			default:
				return r.vm.ToValue(out)
			}
		})
		_ = r.decimalProto.DefineDataProperty(name, f, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
	}
}

func (r *Runtime) arithmetic() map[string]decimalMethod {
	binary := func(op func(c *apd.Context, d, x, y *apd.Decimal) (apd.Condition, error)) decimalMethod {
		return func(self *apd.Decimal, arg func(int) goja.Value) any {
			other, out := r.operand(arg(0)), new(apd.Decimal)
			if !plain(self) {
				return errTooLong
			}
			if _, err := op(&exact, out, self, other); err != nil {
				return err
			}
			if !plain(out) {
				return errTooLong
			}
			return out
		}
	}
	return map[string]decimalMethod{
		"plus":  binary((*apd.Context).Add),
		"minus": binary((*apd.Context).Sub),
		"times": binary((*apd.Context).Mul),
		"div": func(self *apd.Decimal, arg func(int) goja.Value) any {
			other, digits := r.operand(arg(0)), r.digitsArgument(arg(1), "div(x, digits)")
			return r.divided(self, other, digits)
		},
		"round": func(self *apd.Decimal, arg func(int) goja.Value) any {
			return r.divided(self, one, r.digitsArgument(arg(0), "round(digits)"))
		},
		"neg": func(self *apd.Decimal, _ func(int) goja.Value) any { return new(apd.Decimal).Neg(self) },
		"abs": func(self *apd.Decimal, _ func(int) goja.Value) any { return new(apd.Decimal).Abs(self) },
	}
}

func (r *Runtime) divided(a, b *apd.Decimal, digits int) any {
	if !plain(a) {
		return errTooLong
	}
	out, err := quotient(a, b, digits)
	if err != nil {
		return err
	}
	return out
}

func (r *Runtime) comparison() map[string]decimalMethod {
	compare := func(holds func(int) bool) decimalMethod {
		return func(self *apd.Decimal, arg func(int) goja.Value) any { return holds(self.Cmp(r.decimalOf(arg(0)))) }
	}
	return map[string]decimalMethod{
		"cmp": func(self *apd.Decimal, arg func(int) goja.Value) any { return self.Cmp(r.decimalOf(arg(0))) },
		"eq":  compare(func(c int) bool { return c == 0 }),
		"lt":  compare(func(c int) bool { return c < 0 }),
		"lte": compare(func(c int) bool { return c <= 0 }),
		"gt":  compare(func(c int) bool { return c > 0 }),
		"gte": compare(func(c int) bool { return c >= 0 }),
		"isZero": func(self *apd.Decimal, _ func(int) goja.Value) any {
			return self.IsZero()
		},
		"isNegative": func(self *apd.Decimal, _ func(int) goja.Value) any {
			return self.Negative && !self.IsZero()
		},
	}
}

func (r *Runtime) conversion() map[string]decimalMethod {
	text := func(self *apd.Decimal, _ func(int) goja.Value) any { return string(numberText(self)) }
	return map[string]decimalMethod{
		"toString": text,
		"toFixed": func(self *apd.Decimal, arg func(int) goja.Value) any {
			if d, ok := r.divided(self, one, r.digitsArgument(arg(0), "toFixed(digits)")).(*apd.Decimal); ok {
				return string(numberText(d))
			}
			return errTooLong
		},
		"toNumber": func(self *apd.Decimal, _ func(int) goja.Value) any {
			f, _ := strconv.ParseFloat(string(numberText(self)), 64)
			return f
		},
		"toJSON": func(self *apd.Decimal, arg func(int) goja.Value) any {
			n := numberText(self)
			if v, ok := r.number(n); ok {
				return v
			}
			return string(n)
		},
		"valueOf": func(*apd.Decimal, func(int) goja.Value) any {
			return errors.New("a Decimal has no + - * / < >; use .plus() .minus() .times() .div() .lt() .gt()")
		},
	}
}
