package expr_test

import (
	"errors"
	"fmt"
	"math/big"
	"testing"

	"github.com/cockroachdb/apd/v3"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	"pgregory.net/rapid"

	"github.com/kopru-io/kopru/pipelines/expr"
	"github.com/kopru-io/kopru/plugins/record"
)

// writer makes up expressions that both evaluators should agree about. What we do differently on purpose is left out:
// see TestDifferences.
type writer struct {
	t    *rapid.T
	wild bool // sprinkle mistakes in
}

func (w *writer) pick(options ...string) string { return rapid.SampledFrom(options).Draw(w.t, "pick") }

func (w *writer) number(depth int) string {
	if w.wild && rapid.IntRange(0, 9).Draw(w.t, "mistake") == 0 {
		return w.pick(`record.note`, `record.id`, `record.tags`, `record.tags[5]`, `null`, `"x"`, `record.note.deep`)
	}
	if depth == 0 {
		return w.pick(`record.count`, `record.total`, `record.text`, `record.lines[0].quantity`, `record.lines[1].price`,
			`var.rate`, `0`, `2`, `12.50`, `-3`, `"4"`, `record.big`)
	}
	a, b := w.number(depth-1), w.number(depth-1)
	switch w.pick("+", "-", "*", "neg", "()", "?", "fn") {
	case "+":
		return fmt.Sprintf("(%s + %s)", a, b)
	case "-":
		return fmt.Sprintf("(%s - %s)", a, b)
	case "*":
		return fmt.Sprintf("(%s * %s)", a, w.whole(1)) // small, for beyond 34 digits the two differ on purpose
	case "neg":
		return fmt.Sprintf("(-(%s))", a)
	case "?":
		tame := &writer{w.t, false}
		return fmt.Sprintf("(%s ? %s : %s)", w.boolean(0), tame.number(depth-1), tame.number(depth-1))
	case "fn":
		return w.pick(fmt.Sprintf("max(%s, %s)", a, b), fmt.Sprintf("min(%s, %s)", a, b), fmt.Sprintf("abs(%s)", a), "length(record.tags)")
	}
	return "(" + a + ")"
}

// whole is a number that a binary fraction holds exactly, so that comparing may not depend on rounding.
func (w *writer) whole(depth int) string {
	if depth == 0 {
		return w.pick(`record.count`, `record.lines[0].quantity`, `var.rate`, `0`, `2`, `7`, `-3`, `record.text`)
	}
	return fmt.Sprintf("(%s %s %s)", w.whole(depth-1), w.pick("+", "-", "*"), w.whole(depth-1))
}

func (w *writer) boolean(depth int) string {
	if w.wild && rapid.IntRange(0, 9).Draw(w.t, "mistake") == 0 {
		return w.pick(`record.note`, `record.id`, `record.count`, `record.tags`)
	}
	if depth == 0 {
		return w.pick(`record.paid`, `true`, `false`, `"true"`, `record.flag`, `record.note == null`)
	}
	tame := &writer{w.t, false} // a mistake beside && or || may never be looked at
	switch w.pick("compare", "leaf", "equal", "text", "not", "and", "or", "can") {
	case "compare":
		return fmt.Sprintf("(%s %s %s)", w.whole(depth-1), w.pick("<", "<=", ">", ">=", "==", "!="), w.whole(depth-1))
	case "leaf":
		return fmt.Sprintf("(%s %s %s)", w.number(0), w.pick("<", "<=", ">", ">="), w.number(0))
	case "equal":
		return fmt.Sprintf("(%s %s %s)", w.any(0), w.pick("==", "!="), w.any(0))
	case "text":
		return fmt.Sprintf("(%s == %s)", w.text(depth-1), w.text(depth-1))
	case "and":
		return fmt.Sprintf("(%s && %s)", tame.boolean(depth-1), tame.boolean(depth-1))
	case "or":
		return fmt.Sprintf("(%s || %s)", tame.boolean(depth-1), tame.boolean(depth-1))
	case "can":
		return fmt.Sprintf("can(%s)", w.any(depth-1))
	}
	return fmt.Sprintf("!(%s)", w.boolean(depth-1))
}

func (w *writer) text(depth int) string {
	if depth == 0 {
		return w.pick(`record.id`, `record.customer.email`, `"a"`, `"é✓"`, `record.lines[1].sku`, `record.tags[0]`, `var.names.a`,
			`record["customer"]["email"]`, `""`)
	}
	switch w.pick("template", "if", "for", "fn", "heredoc", "?") {
	case "template":
		return fmt.Sprintf(`"x${%s}-${%s}"`, w.pick(w.text(depth-1), w.whole(0), w.number(0), w.boolean(0)), w.text(depth-1))
	case "if":
		return fmt.Sprintf(`"%%{ if %s }a${%s}%%{ else }b%%{ endif }"`, w.boolean(depth-1), w.text(depth-1))
	case "for":
		return fmt.Sprintf(`"%%{ for k, v in %s }${k}=${v};%%{ endfor }"`, w.pick(`record.tags`, `record.customer.address`, `record.empty`))
	case "heredoc":
		return fmt.Sprintf("(<<-EOT\n  a ${%s}\n    b\n  EOT\n)", w.text(depth-1))
	case "?":
		tame := &writer{w.t, false} // HCL converts the arms, and then a mistake in one is told of the other
		return fmt.Sprintf("(%s ? %s : %s)", w.boolean(depth-1), tame.text(depth-1), tame.text(depth-1))
	}
	return w.pick("upper", "lower") + "(" + w.text(depth-1) + ")"
}

func (w *writer) list(depth int) string {
	switch w.pick("leaf", "for", "index", "if", "splat", "attr", "tuple", "concat", "nested", "keys") {
	case "for":
		return fmt.Sprintf("[for l in record.lines : l.%s]", w.pick("sku", "price", "quantity"))
	case "index":
		return fmt.Sprintf("[for i, l in record.lines : \"${i}${l.sku}${%s}\"]", w.text(0))
	case "if":
		return fmt.Sprintf("[for l in record.lines : l.price if l.quantity %s %s]", w.pick("<", ">="), w.whole(0))
	case "splat":
		return w.pick(`record.lines[*].sku`, `record.note[*]`, `record.id[*]`, `record.tags[*]`, `record.nested[*].in[*].x`)
	case "attr":
		return w.pick(`record.lines.*.price`, `record.tags.*`)
	case "tuple":
		return fmt.Sprintf("[%s, %s]", w.any(max(0, depth-1)), w.any(max(0, depth-1)))
	case "concat":
		return "concat([" + w.text(0) + "], record.tags)"
	case "nested":
		return `[for n in record.nested : [for i in n.in : i.x + 1]]`
	case "keys":
		return "keys(record.customer)"
	}
	return w.pick(`record.tags`, `record.lines`, `record.empty`, `[]`)
}

func (w *writer) object(depth int) string {
	switch w.pick("leaf", "make", "for", "group", "merge") {
	case "make":
		return fmt.Sprintf("{ a = %s, \"b c\" = %s, (record.id) : %s }", w.any(max(0, depth-1)), w.text(0), w.whole(0))
	case "for":
		return fmt.Sprintf("{ for l in record.lines : l.%s => %s }", w.pick("sku", "quantity"), w.pick("l", "l.price", w.text(0)))
	case "group":
		return "{ for l in concat(record.lines, record.lines) : l.sku => l.quantity... }"
	case "merge":
		return fmt.Sprintf("merge(record.customer, { email = %s })", w.text(0))
	}
	return w.pick(`record.customer`, `record`, `record.lines[0]`, `{}`, `var.names`)
}

func (w *writer) any(depth int) string {
	switch w.pick("number", "boolean", "text", "list", "object", "null", "try") {
	case "number":
		return w.number(depth)
	case "boolean":
		return w.boolean(depth)
	case "text":
		return w.text(depth)
	case "list":
		return w.list(depth)
	case "object":
		return w.object(depth)
	case "try":
		return fmt.Sprintf("try(%s, %s)", w.pick(w.number(depth), w.boolean(depth)), w.text(0))
	}
	return "null"
}

const document = `{
	"id": "o-1", "total": 12.50, "paid": true, "count": 3, "note": null, "flag": "1", "text": "7", "big": 99999999999999.99,
	"customer": {"email": "jan@x.nl", "address": {"city": "Utrecht"}},
	"lines": [{"sku": "a", "quantity": 2, "price": 6.865}, {"sku": "b", "quantity": 1, "price": 0.10}],
	"tags": ["x", "y"], "empty": [], "nested": [{"in": [{"x": 1}, {"x": 2}]}, {"in": []}]
}`

// TestSameAsHCL compares with HCL's own evaluator, on expressions with and without mistakes.
func TestSameAsHCL(t *testing.T) {
	t.Parallel()
	rec := decode(t, document)
	ctx := hclContext(rec)
	for _, wild := range []bool{false, true} {
		agreed := 0
		rapid.Check(t, func(t *rapid.T) {
			w := &writer{t, wild}
			source := w.any(rapid.IntRange(0, 3).Draw(t, "depth"))
			if compare(t, source, rec, ctx) {
				agreed++
			}
		})
		if agreed < 20 {
			t.Errorf("only %d expressions had a value: the comparison proves little", agreed)
		}
	}
}

// TestFoundUnlike keeps the expressions that TestSameAsHCL once found the two to disagree about.
func TestFoundUnlike(t *testing.T) {
	t.Parallel()
	rec := decode(t, document)
	ctx := hclContext(rec)
	for _, source := range []string{
		`try((record.note + "x"), record.id)`,
	} {
		compare(t, source, rec, ctx)
	}
}

// compare fails the test when the two disagree; it tells whether there was a value to compare.
func compare(t rapid.TB, source string, rec any, ctx *hcl.EvalContext) bool {
	parsed, diags := hclsyntax.ParseExpression([]byte(source), "test.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s: %v", source, diags)
	}
	theirs, diags := parsed.Value(ctx)
	got, err := run(parsed, rec)
	switch {
	case diags.HasErrors() && err == nil:
		t.Fatalf("%s = %v, and HCL says %v", source, got, diags)
	case diags.HasErrors():
		return false
	case err != nil:
		t.Fatalf("%s: %v, and HCL has %#v", source, err, theirs)
	case !theirs.IsWhollyKnown():
		return false // HCL can't compare collections that hold null
	}
	if !same(got, theirs) {
		t.Fatalf("%s = %#v, and HCL has %#v", source, got, theirs)
	}
	return true
}

func run(e hclsyntax.Expression, rec any) (any, error) {
	compiled, diags := expr.Compile(e, env())
	if diags.HasErrors() {
		return nil, errors.New(diags[0].Detail)
	}
	return compiled.Eval(&expr.Scope{Slots: []any{rec}})
}

// same compares numbers to 30 decimals, texts that HCL made of numbers, and everything else exactly.
func same(ours any, theirs cty.Value) bool {
	switch v := ours.(type) {
	case nil:
		return theirs.IsNull()
	case record.Number:
		if theirs.IsNull() || theirs.Type() == cty.String {
			return !theirs.IsNull() && sameNumber(v, theirs.AsString()) // a conditional made a text of it
		}
		return theirs.Type() == cty.Number && sameNumber(v, theirs.AsBigFloat().Text('g', 60))
	case string:
		return !theirs.IsNull() && theirs.Type() == cty.String && theirs.AsString() == v
	case bool:
		if !theirs.IsNull() && theirs.Type() == cty.String {
			return theirs.AsString() == fmt.Sprint(v)
		}
		return !theirs.IsNull() && theirs.Type() == cty.Bool && theirs.True() == v
	case []any:
		if theirs.IsNull() || !theirs.CanIterateElements() || theirs.LengthInt() != len(v) {
			return false
		}
		for i, item := range theirs.AsValueSlice() {
			if !same(v[i], item) {
				return false
			}
		}
		return true
	case map[string]any:
		if theirs.IsNull() || !theirs.CanIterateElements() || theirs.LengthInt() != len(v) {
			return false
		}
		for k, item := range theirs.AsValueMap() {
			if mine, ok := v[k]; !ok || !same(mine, item) {
				return false
			}
		}
		return true
	}
	return false
}

func sameNumber(ours record.Number, theirs string) bool {
	a, err1 := ours.Decimal()
	b, _, err2 := apd.NewFromString(theirs)
	if err1 != nil || err2 != nil {
		return false
	}
	var d apd.Decimal
	_, err := apd.BaseContext.WithPrecision(100).Sub(&d, a, b)
	return err == nil && d.Abs(&d).Cmp(apd.New(1, -30)) < 0 // what is left of 0.3 - 0.1 - 0.2 in 512 bits
}

// hclContext is the record as HCL's evaluator sees it.
func hclContext(rec any) *hcl.EvalContext {
	return &hcl.EvalContext{
		Variables: map[string]cty.Value{"record": toCty(rec), "var": toCty(env().Constants["var"])},
		Functions: map[string]function.Function{
			"upper": stdlib.UpperFunc, "lower": stdlib.LowerFunc, "max": stdlib.MaxFunc, "min": stdlib.MinFunc, "abs": stdlib.AbsoluteFunc,
			"length": stdlib.LengthFunc, "concat": stdlib.ConcatFunc, "keys": stdlib.KeysFunc, "merge": stdlib.MergeFunc,
			"try": tryfunc.TryFunc, "can": tryfunc.CanFunc,
		},
	}
}

func toCty(v any) cty.Value {
	switch v := v.(type) {
	case bool:
		return cty.BoolVal(v)
	case string:
		return cty.StringVal(v)
	case record.Number:
		f, _, err := big.ParseFloat(string(v), 10, 512, big.ToNearestEven)
		if err != nil {
			panic(err)
		}
		return cty.NumberVal(f)
	case []any:
		items := make([]cty.Value, len(v))
		for i := range v {
			items[i] = toCty(v[i])
		}
		return cty.TupleVal(items)
	case map[string]any:
		fields := map[string]cty.Value{}
		for k, item := range v {
			fields[k] = toCty(item)
		}
		return cty.ObjectVal(fields)
	}
	return cty.NullVal(cty.DynamicPseudoType)
}
