package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/cockroachdb/apd/v3"
	"github.com/dop251/goja"
	"github.com/sourcegraph/conc/stream"
)

// perBatch is how many lines share a goroutine's turn, as many as a batch of the engine has.
const perBatch = 250

// eachBatch reads lines, works on batches of them on all cores, and writes what comes out in order, with one sync at
// the end.
func eachBatch(in, out string, work func(lines [][]byte) ([]byte, error)) error {
	from, err := os.Open(in)
	if err != nil {
		return err
	}
	defer from.Close() //nolint:errcheck // only read
	to, err := os.Create(out)
	if err != nil {
		return err
	}
	defer to.Close() //nolint:errcheck // Sync tells
	w := bufio.NewWriterSize(to, 1<<20)
	var failed error
	s := stream.New().WithMaxGoroutines(runtime.GOMAXPROCS(0))
	submit := func(lines [][]byte) {
		s.Go(func() stream.Callback {
			data, err := work(lines)
			return func() {
				if failed == nil {
					failed = err
				}
				_, _ = w.Write(data) // Flush tells
			}
		})
	}
	scanner := bufio.NewScanner(from)
	scanner.Buffer(make([]byte, 1<<20), 1<<20)
	lines := make([][]byte, 0, perBatch)
	for scanner.Scan() {
		if lines = append(lines, bytes.Clone(scanner.Bytes())); len(lines) == perBatch {
			submit(lines)
			lines = make([][]byte, 0, perBatch)
		}
	}
	submit(lines)
	s.Wait()
	for _, err := range []error{scanner.Err(), failed, w.Flush()} {
		if err != nil {
			return err
		}
	}
	if err := to.Sync(); err != nil && out != os.DevNull {
		return err
	}
	return nil
}

func copyLoop(in, out string) error {
	return eachBatch(in, out, func(lines [][]byte) ([]byte, error) {
		var b bytes.Buffer
		for _, line := range lines {
			b.Write(line)
			b.WriteByte('\n')
		}
		return b.Bytes(), nil
	})
}

func scriptLoop(in, out string) error { return eachScripted(in, out, nil) }

// eachScripted applies the script to all lines. With a function, what comes out goes there instead of into the file.
func eachScripted(in, out string, send func(lines [][]byte)) error {
	program, err := goja.Compile("order.js", "("+strings.TrimSuffix(strings.TrimPrefix(script, "export default "), "\n")+")", true)
	if err != nil {
		return err
	}
	return eachBatch(in, out, func(lines [][]byte) ([]byte, error) {
		vm := goja.New()
		v, err := vm.RunProgram(program)
		if err != nil {
			return nil, err
		}
		call, ok := goja.AssertFunction(v)
		if !ok {
			return nil, fmt.Errorf("the script is no function")
		}
		var b bytes.Buffer
		var made [][]byte
		for _, line := range lines {
			var doc map[string]any
			if err := json.Unmarshal(line, &doc); err != nil {
				return nil, err
			}
			result, err := call(goja.Undefined(), vm.ToValue(doc))
			if err != nil {
				return nil, err
			}
			data, err := result.ToObject(vm).MarshalJSON()
			if err != nil {
				return nil, err
			}
			if send != nil {
				made = append(made, data)
				continue
			}
			b.Write(data)
			b.WriteByte('\n')
		}
		if send != nil {
			send(made)
		}
		return b.Bytes(), nil
	})
}

// order is what the mapping by hand reads.
type order struct {
	ID, Number, Date, State, Currency string
	Customer                          struct {
		Number             json.Number
		Name, Email, Phone string
	}
	InvoiceAddress, DeliveryAddress struct{ Street, PostalCode, City, Country string }
	Lines                           []struct {
		SKU, Text       string
		Quantity, Price json.Number
	}
}

type mapped struct {
	Reference   string          `json:"reference"`
	Date        string          `json:"date"`
	Currency    string          `json:"currency"`
	Customer    string          `json:"customer"`
	Name        string          `json:"name"`
	Email       string          `json:"email"`
	Phone       string          `json:"phone"`
	Street      string          `json:"street"`
	PostalCode  string          `json:"postalCode"`
	City        string          `json:"city"`
	Country     string          `json:"country"`
	ShipStreet  string          `json:"shipStreet"`
	ShipPostal  string          `json:"shipPostal"`
	ShipCity    string          `json:"shipCity"`
	ShipCountry string          `json:"shipCountry"`
	FirstItem   string          `json:"firstItem"`
	FirstText   string          `json:"firstText"`
	FirstAmount json.RawMessage `json:"firstAmount"`
	LineCount   int             `json:"lineCount"`
	Source      string          `json:"source"`
}

func mappingLoop(in, out string) error {
	return eachBatch(in, out, func(lines [][]byte) ([]byte, error) {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		for _, line := range lines {
			var o order
			if err := json.Unmarshal(line, &o); err != nil {
				return nil, err
			}
			if o.State != "paid" {
				continue
			}
			amount, err := product(o.Lines[0].Quantity, o.Lines[0].Price)
			if err != nil {
				return nil, err
			}
			err = enc.Encode(mapped{
				o.Number, o.Date, o.Currency, o.Customer.Number.String(), o.Customer.Name, strings.ToLower(o.Customer.Email), o.Customer.Phone,
				o.InvoiceAddress.Street, o.InvoiceAddress.PostalCode, o.InvoiceAddress.City, o.InvoiceAddress.Country,
				o.DeliveryAddress.Street, o.DeliveryAddress.PostalCode, o.DeliveryAddress.City, o.DeliveryAddress.Country,
				o.Lines[0].SKU, strings.ToUpper(o.Lines[0].Text), amount, len(o.Lines), "till " + o.ID,
			})
			if err != nil {
				return nil, err
			}
		}
		return b.Bytes(), nil
	})
}

// product is exact, as money must be.
func product(x, y json.Number) (json.RawMessage, error) {
	var a, b, c apd.Decimal
	if _, _, err := a.SetString(x.String()); err != nil {
		return nil, err
	}
	if _, _, err := b.SetString(y.String()); err != nil {
		return nil, err
	}
	if _, err := apd.BaseContext.WithPrecision(34).Mul(&c, &a, &b); err != nil {
		return nil, err
	}
	return json.RawMessage(c.Text('f')), nil
}
