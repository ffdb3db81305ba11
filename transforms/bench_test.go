package transforms_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/dop251/goja"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/transforms"
)

const shape = `function (r) {
  let total = 0;
  const lines = r.lines.map((l) => { total += l.quantity; return { sku: l.sku, quantity: l.quantity, price: l.price, text: l.text.trim() }; });
  return { id: r.id, name: r.customer.name, city: r.customer.address.city, total, lines };
}`

func order() string {
	var lines []string
	for i := range 10 {
		lines = append(lines, fmt.Sprintf(`{"sku":"SKU-%d","text":" line %d ","quantity":%d,"price":%d.95,"vat":21.0,"data":{"a":"x","b":null,"c":true}}`, i, i, i+1, i*3))
	}
	return `{"id":"1001","date":"2026-01-02","customer":{"name":"Jansen","email":"a@example.com","address":{"street":"Kerkstraat 12","city":"Utrecht","zip":"3511AB"}},"lines":[` +
		strings.Join(lines, ",") + `]}`
}

// BenchmarkOrder is a call with an order of ten lines; BenchmarkPlain is the same with goja's own conversions, which
// do not keep decimals, know no budget and let a script write into the record.
func BenchmarkOrder(b *testing.B) {
	rt := files{"s.js": "export default " + shape}.load(b, "s.js", transforms.Budget{}).Runtime(transforms.Env{Now: now})
	rec, err := record.Decode([]byte(order()))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rt.Call(context.Background(), rec, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPlain(b *testing.B) {
	vm := goja.New()
	v, err := vm.RunString("(" + shape + ")")
	if err != nil {
		b.Fatal(err)
	}
	call, _ := goja.AssertFunction(v)
	decoded, err := record.Decode([]byte(order()))
	if err != nil {
		b.Fatal(err)
	}
	rec := floats(decoded)
	b.ReportAllocs()
	for b.Loop() {
		out, err := call(goja.Undefined(), vm.ToValue(rec))
		if err != nil {
			b.Fatal(err)
		}
		out.Export()
	}
}

func floats(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			out[k] = floats(x)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = floats(v[i])
		}
		return out
	case record.Number:
		var f float64
		_, _ = fmt.Sscan(string(v), &f)
		return f
	}
	return v
}

// BenchmarkBatch is what a batch costs before its first record.
func BenchmarkBatch(b *testing.B) {
	p := files{"s.ts": `import { Decimal, splitStreet } from "kopru/std"; export default (r: any) => ({s: splitStreet("a 1"), d: Decimal(1)})`}.
		load(b, "s.ts", transforms.Budget{})
	for b.Loop() {
		if _, err := p.Runtime(transforms.Env{Now: now}).Call(context.Background(), map[string]any{}, nil); err != nil {
			b.Fatal(err)
		}
	}
}
