package expr_test

import (
	"errors"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/expr"
)

// FuzzExpr: whatever stands there, nothing panics, and what is wrong has a code and a place in the text.
func FuzzExpr(f *testing.F) {
	for _, seed := range []string{
		`record.total * 1.21 > 10 && !record.paid`, `[for k, v in record.lines : v.sku if v.quantity > 1]`,
		`{ for l in record.lines : l.sku => l... }`, `"a${record.id}%{ if true }b%{ endif }"`, `record.lines[*].price`,
		`max(record.tags...)`, `try(substr("abc", 1, 1), null)`, `formatdate("YYYY", "2026-01-01")`, `1e9 % 7`, `-"5"`, `record[0]["x"]`,
		"<<-EOT\n  x ${record.id}\nEOT\n", `round(1e30, 30)`, `slice(record.tags, 0, 1)[0]`, `regexreplace("a", "(", "")`, `{ (null) = 1 }`,
	} {
		f.Add(seed)
	}
	for _, fn := range expr.Functions() {
		f.Add(fn.Example)
	}
	rec := decode(f, order)
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 4096 {
			return
		}
		parsed, diags := hclsyntax.ParseExpression([]byte(source), "test.hcl", hcl.InitialPos)
		if diags.HasErrors() {
			return
		}
		compiled, problems := expr.Compile(parsed, env())
		for _, d := range problems {
			inside(t, source, d.Code, d.Subject)
		}
		_, err := compiled.Eval(&expr.Scope{Slots: []any{rec}})
		var failure *expr.EvalError
		if err != nil && !errors.As(err, &failure) {
			t.Fatalf("%s: %v has no place", source, err)
		}
		if failure != nil {
			inside(t, source, failure.Code, &failure.Range)
		}
	})
}

func inside(t *testing.T, source, code string, rng *hcl.Range) {
	t.Helper()
	if code == "" || rng == nil || rng.Start.Line < 1 || rng.Start.Column < 1 || rng.Start.Byte < 0 || rng.End.Byte > len(source) ||
		rng.Start.Byte > rng.End.Byte {
		t.Fatalf("%q: %s stands at %v", source, code, rng)
	}
}
