package expr_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/expr"
)

const filterSource = `record.total > 0 && record.customer.address.city != var.rate`

// mappingSource makes an object of twenty fields.
func mappingSource() string {
	var b strings.Builder
	b.WriteString("{\n")
	for i := range 4 {
		fmt.Fprintf(&b, "id%d = record.id\ntotal%d = record.total * 1.21\ncity%d = upper(record.customer.address.city)\n", i, i, i)
		fmt.Fprintf(&b, "label%d = \"${record.id}/${record.count}\"\nsku%d = record.lines[0].sku\n", i, i)
	}
	return b.String() + "}"
}

func benchmarkCompiled(b *testing.B, source string) {
	e, diags := compile(b, source, env())
	if diags.HasErrors() {
		b.Fatal(diags)
	}
	scope := &expr.Scope{Slots: []any{decode(b, order)}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Eval(scope); err != nil {
			b.Fatal(err)
		}
	}
}

// benchmarkHCL converts the record and asks HCL, for comparison.
func benchmarkHCL(b *testing.B, source string) {
	parsed, diags := hclsyntax.ParseExpression([]byte(source), "test.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		b.Fatal(diags)
	}
	rec := decode(b, order)
	b.ReportAllocs()
	for b.Loop() {
		if _, diags := parsed.Value(hclContext(rec)); diags.HasErrors() {
			b.Fatal(diags)
		}
	}
}

func BenchmarkFilter(b *testing.B) {
	b.Run("short", func(b *testing.B) { benchmarkCompiled(b, `record.id == "o-2"`) })
	b.Run("compiled", func(b *testing.B) { benchmarkCompiled(b, filterSource) })
	b.Run("hcl", func(b *testing.B) { benchmarkHCL(b, filterSource) })
}

func BenchmarkMapping(b *testing.B) {
	b.Run("compiled", func(b *testing.B) { benchmarkCompiled(b, mappingSource()) })
	b.Run("hcl", func(b *testing.B) { benchmarkHCL(b, mappingSource()) })
}
