package expr_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/pipelines/expr"
	"github.com/kopru-io/kopru/plugins/record"
)

// order is the record of these tests.
const order = `{
	"id": "o-1", "total": 12.50, "paid": true, "count": 3, "note": null, "flag": "1", "text": "7", "nfd": "e\u0301", "nfc": "\u00e9",
	"customer": {"email": "jan@x.nl", "address": {"city": "Utrecht"}},
	"lines": [{"sku": "a", "quantity": 2, "price": 6.865}, {"sku": "b", "quantity": 1, "price": 0.10}],
	"tags": ["x", "y"], "empty": []
}`

// env is what the expressions may refer to.
func env() *expr.Env {
	return &expr.Env{
		Slots:     map[string]int{"record": 0},
		Constants: map[string]any{"var": map[string]any{"rate": record.Number("21"), "names": map[string]any{"a": "A"}, "none": nil}},
		Functions: expr.Functions(),
	}
}

func decode(tb testing.TB, text string) any {
	tb.Helper()
	v, err := record.Decode([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func compile(tb testing.TB, source string, env *expr.Env) (*expr.Expr, diag.List) {
	tb.Helper()
	parsed, diags := hclsyntax.ParseExpression([]byte(source), "test.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		tb.Fatalf("%s: %v", source, diags)
	}
	return expr.Compile(parsed, env)
}

func evaluate(tb testing.TB, source string, rec any) (any, error) {
	tb.Helper()
	e, diags := compile(tb, source, env())
	if diags.HasErrors() {
		tb.Fatalf("%s: %s: %s", source, diags[0].Summary, diags[0].Detail)
	}
	return e.Eval(&expr.Scope{Slots: []any{rec}})
}

func TestValues(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`record.total`:          `12.50`,
		`record.total + 0.5`:    `13.00`,
		`record.total * 2`:      `25.00`,
		`0.1 + 0.2 == 0.3`:      `true`,
		`1 / 3`:                 `0.3333333333333333333333333333333333`,
		`10 / 4`:                `2.5`,
		`-record.count`:         `-3`,
		`0 * -1`:                `0`,
		`7 % 4`:                 `3`,
		`"${record.total} EUR"`: `"12.5 EUR"`,
		`"%{ if record.paid }paid%{ else }open%{ endif }"`:              `"paid"`,
		`"%{ for t in record.tags }<${t}>%{ endfor }"`:                  `"<x><y>"`,
		`record.customer.address.city`:                                  `"Utrecht"`,
		`record["customer"].email`:                                      `"jan@x.nl"`,
		`record.lines[1].sku`:                                           `"b"`,
		`record.lines[*].sku`:                                           `["a","b"]`,
		`record.lines.*.quantity`:                                       `[2,1]`,
		`record.lines[record.count - 2].sku`:                            `"b"`,
		`record.note[*]`:                                                `[]`,
		`record.id[*]`:                                                  `["o-1"]`,
		`[for l in record.lines : l.price * l.quantity]`:                `[13.730,0.10]`,
		`[for i, t in record.tags : "${i}${t}"]`:                        `["0x","1y"]`,
		`[for t in record.tags : t if t != "x"]`:                        `["y"]`,
		`{ for l in record.lines : l.sku => l.price }`:                  `{"a":6.865,"b":0.10}`,
		`{ for t in ["a", "a"] : t => 1... }`:                           `{"a":[1,1]}`,
		`[for a in [[1], [2]] : [for b in a : b + 1]]`:                  `[[2],[3]]`,
		`{ (record.id) = 1, "b c" = 2, d = 3 }`:                         `{"b c":2,"d":3,"o-1":1}`,
		`round(sum([for l in record.lines : l.price * l.quantity]), 2)`: `13.83`,
		`record.paid && record.total > 10`:                              `true`,
		`record.flag && true`:                                           `true`,
		`record.text > 6`:                                               `true`,
		`var.names.a`:                                                   `"A"`,
		`var.names[record.tags[0]]`:                                     `null`,
		`link("a", "b")`:                                                `null`,
		`max(record.lines[*].quantity...)`:                              `2`,
		`coalesce(record.id, record.note.deep)`:                         `"o-1"`,
		`coalesce(record.note, "")`:                                     `""`,
		`lookup(record.customer, "phone", "none")`:                      `"none"`,
		`formatdate("YYYY Q1", "2026-05-02")`:                           `"2026 Q1"`,
		`date("2026-05-02T23:00:00", "Europe/Amsterdam")`:               `"2026-05-02"`,
		`date(null)`:                       `null`,
		`try(record.lines[9].sku, "none")`: `"none"`,
		`can(record.note.deep)`:            `false`,
		`can([1] + 2)`:                     `false`,
		`can("a".b)`:                       `false`,
		`can("a"[0])`:                      `false`,
		`try("${[1]}x", [1].a, "none")`:    `"none"`,
		`try(try("a" + 1, "b" * 2), 3)`:    `3`,
		`tonumber("12.50")`:                `12.50`,
		`tostring(12.50)`:                  `"12.5"`,
	} {
		got, err := evaluate(t, source, decode(t, order))
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		text, err := record.Encode(got)
		if err != nil || string(text) != want {
			t.Errorf("%s = %s, want %s (%v)", source, text, want, err)
		}
	}
}

// TestDifferences states where we differ from HCL on purpose.
func TestDifferences(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`record.absent`:                    `null`,    // HCL: an error
		`record.absent == null`:            `true`,    // HCL: an error
		`false && "no bool"`:               `false`,   // HCL: an error, for it converts both sides
		`true ? 1 : "a"`:                   `1`,       // HCL: "1"
		`true ? { a = 1 } : []`:            `{"a":1}`, // HCL: an error
		`0.1 + 0.2 == 0.3`:                 `true`,    // HCL: false
		`0.3 % 0.1`:                        `0.0`,     // HCL: 0.1 less a little
		`1.50 * 1`:                         `1.5`,     // the text of a project loses its zeros as in HCL,
		`record.total * 1`:                 `12.50`,   // a record's number does not
		`record.nfd == record.nfc`:         `false`,   // HCL: true, for it normalizes all texts
		`[null] == [null]`:                 `true`,    // HCL: unknown
		`record.tags == ["x", "y"]`:        `true`,    // HCL: false when one of them is a list, the other a tuple
		`"${10000000000000000000000 + 1}"`: `10000000000000000000001`,
	} {
		got, err := evaluate(t, source, decode(t, order))
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if text, err := record.Encode(got); err != nil || string(text) != want {
			t.Errorf("%s = %s, want %s (%v)", source, text, want, err)
		}
	}
}

// TestEvaluationErrors: each has a stable code and stands where the mistake is.
func TestEvaluationErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		source, code string
		column       int
		text         string
	}{
		{`record.note.deep`, "expr.null_value", 12, `record.note is null, so it has no field "deep"`},
		{`record.id.deep`, "expr.wrong_type", 10, `record.id is a string`},
		{`record.customer.phone.number`, "expr.null_value", 22, `record.customer.phone is null`},
		{`record.lines[2].sku`, "expr.out_of_range", 13, "has 2 elements, so there is none at 2"},
		{`record.lines["x"]`, "expr.wrong_type", 13, "the index of a list is a whole number"},
		{`record.note[0]`, "expr.null_value", 12, "null"},
		{`1 + record.note`, "expr.null_value", 5, "null where a number is needed"},
		{`record.id * 2`, "expr.wrong_type", 1, `the text "o-1" is not a number`},
		{`2 * record.paid`, "expr.wrong_type", 5, "a bool where a number is needed"},
		{`-record.note`, "expr.null_value", 2, "null"},
		{`1 / (record.count - 3)`, "expr.division_by_zero", 5, "division by zero"},
		{`1 % (record.count - 3)`, "expr.division_by_zero", 5, "division by zero"},
		{`record.count ? 1 : 2`, "expr.wrong_type", 1, "a number where true or false is needed"},
		{`true && record.note`, "expr.null_value", 9, "null where true or false is needed"},
		{`!record.id`, "expr.wrong_type", 2, "a string where true or false"},
		{`"a${record.note}"`, "expr.wrong_type", 5, "null can't be part of a text"},
		{`"a${record.customer}"`, "expr.wrong_type", 5, "an object can't be part of a text"},
		{`[for x in record.note : x]`, "expr.null_value", 11, "null can't be gone through"},
		{`[for x in record.id : x]`, "expr.wrong_type", 11, "a string can't be gone through"},
		{`{ for t in ["a", "a"] : t => 1 }`, "expr.duplicate_key", 25, "two elements give the field"},
		{`{ for t in [null] : t => 1 }`, "expr.wrong_type", 21, "null can't be the name of a field"},
		{`{ (record.note) = 1 }`, "expr.wrong_type", 3, "null can't be the name"},
		{`upper(record.tags)`, "expr.function", 1, "upper: a text is needed, not a list"},
		{`upper(record.tags...)`, "expr.function", 1, "upper was given 2 arguments"},
		{`substr(record.tags...)`, "expr.function", 1, "substr was given 2 arguments"},
		{`max(record.empty...)`, "expr.function", 1, "max was given 0 arguments"},
		{`max(record.note...)`, "expr.wrong_type", 1, "… takes a list, not null"},
		{`coalesce("", record.note)`, "expr.null_value", 1, "no value but null and empty texts"},
		{`regexall("(${record.id}", record.id)`, "expr.function", 1, "missing closing )"},
		{`formatdate("YYYY", record.id)`, "expr.function", 1, "no point in time"},
		{`date("2026-01-01", "Mars/Base")`, "expr.function", 1, "no time zone"},
		{`date("2026-01-01", 5)`, "expr.function", 1, "not a number"},
		{`round(1, 99)`, "expr.function", 1, "between 0 and 30"},
		{`tonumber("NaN")`, "expr.function", 1, "is not a number"},
		{`tobool("yes")`, "expr.function", 1, "neither true nor false"},
		{`format("%x", 1)`, "expr.function", 1, "%x is not known"},
		{`format("%s %s", 1)`, "expr.function", 1, "more % than values"},
		{`format("%s", 1, 2)`, "expr.function", 1, "more values than %"},
		{`slice([1], 0, 2)`, "expr.function", 1, "two positions in it"},
		{`jsondecode("{")`, "expr.function", 1, "jsondecode"},
		{`merge({}, record.tags)`, "expr.function", 1, "an object is needed, not a list"},
	} {
		_, err := evaluate(t, tc.source, decode(t, order))
		var failure *expr.EvalError
		if !errors.As(err, &failure) {
			t.Errorf("%s: %v is not an EvalError", tc.source, err)
			continue
		}
		if failure.Code != tc.code || failure.Range.Start.Column != tc.column || !strings.Contains(failure.Message, tc.text) {
			t.Errorf("%s: %s at column %d: %s\nwant %s at %d: %s", tc.source,
				failure.Code, failure.Range.Start.Column, failure.Message, tc.code, tc.column, tc.text)
		}
	}
}

// TestCompileErrors: all mistakes of an expression, where they are.
func TestCompileErrors(t *testing.T) {
	t.Parallel()
	for source, want := range map[string][]string{
		`recrd.id`:                         {"lang.unknown_name 1 record"},
		`uper(nope) + lwer(record.id)`:     {"lang.unknown_name 6 ", "lang.unknown_function 1 upper", "lang.unknown_function 14 lower"},
		`upper()`:                          {"lang.arguments 1 "},
		`try()`:                            {"lang.arguments 1 "},
		`can(1, 2)`:                        {"lang.arguments 1 "},
		`try(record.tags...)`:              {"lang.arguments 1 "},
		`link("a")`:                        {"lang.arguments 1 "},
		`[1] + {}`:                         {"lang.wrong_type 1 ", "lang.wrong_type 7 "},
		`!5 || 7`:                          {"lang.wrong_type 2 ", "lang.wrong_type 7 "},
		`record.note + "x"`:                {"lang.wrong_type 1 "},
		`record.note < "x"`:                {"lang.wrong_type 15 "},
		`try([1] + 2, {} + 3)`:             {"lang.wrong_type 14 "}, // nothing swallows what the last argument says
		`try(1, 2) + [1]`:                  {"lang.wrong_type 13 "},
		`"a".b`:                            {"lang.wrong_type 4 "},
		`"a"[0]`:                           {"lang.wrong_type 4 "},
		`"${[1]}x"`:                        {"lang.wrong_type 4 "},
		`{ a.b = 1 }`:                      {"lang.syntax 3 ", "lang.unknown_name 3 "},
		`{ a = 1, a = 2 }`:                 {"lang.duplicate 10 "},
		`{ a = 1 }.b`:                      {"lang.unknown_field 10 "},
		`[{ a = 1 }].a`:                    {"lang.wrong_type 12 "},
		`[{ abc = 1 }][*].abd`:             {"lang.unknown_field 17 abc"},
		`[for lne in record.lines : line]`: {"lang.unknown_name 28 lne"},
	} {
		_, diags := compile(t, source, env())
		var got []string
		for _, d := range diags {
			got = append(got, strings.Join([]string{d.Code, itoa(d.Subject.Start.Column), d.Suggest}, " "))
			if d.Summary == "" || d.Detail == "" {
				t.Errorf("%s: %s says too little", source, d.Code)
			}
		}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%s:\n got %q\nwant %q", source, got, want)
		}
	}
}

// TestFailingLink: what the state database says is not the expression's to swallow.
func TestFailingLink(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk full")
	for _, source := range []string{`link("a", "b")`, `try(link("a", "b"), "x")`, `can(link("a", "b"))`} {
		e, _ := compile(t, source, env())
		_, err := e.Eval(&expr.Scope{Link: func(string, string) (any, error) { return nil, broken }})
		if !errors.Is(err, broken) {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// TestFresh: lists and objects that an expression makes are new each time, since records get hold of them.
func TestFresh(t *testing.T) {
	t.Parallel()
	e, _ := compile(t, `true ? { a = [1] } : null`, env())
	scope := &expr.Scope{}
	first, _ := e.Eval(scope)
	first.(map[string]any)["a"].([]any)[0] = "changed"
	second, _ := e.Eval(scope)
	if text, _ := record.Encode(second); string(text) != `{"a":[1]}` {
		t.Errorf("the second value is %s", text)
	}
}

// TestFunctions runs the example of every function.
func TestFunctions(t *testing.T) {
	t.Parallel()
	for name, fn := range expr.Functions() {
		if fn.Doc == "" || !strings.Contains(fn.Example, name+"(") || fn.Result == "" {
			t.Errorf("%s is not documented: %q %q %q", name, fn.Doc, fn.Example, fn.Result)
			continue
		}
		got, err := evaluate(t, fn.Example, nil)
		if err != nil {
			t.Errorf("%s: %v", fn.Example, err)
			continue
		}
		want, err := evaluate(t, fn.Result, nil)
		if err != nil || !record.Equal(got, want) {
			t.Errorf("%s = %#v, not %s (%v)", fn.Example, got, fn.Result, err)
		}
		if kind := expr.ShapeOf(got).Kind; fn.Returns != expr.Any && fn.Returns != kind {
			t.Errorf("%s returns a %s, is said to return a %s", name, kind, fn.Returns)
		}
	}
}

func itoa(i int) string { return string(record.Int(int64(i))) }
