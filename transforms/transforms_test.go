package transforms_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/transforms"
)

var now = time.Date(2026, 11, 24, 12, 30, 0, 0, time.UTC)

type files map[string]string

func (f files) write(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range f {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func (f files) load(t testing.TB, script string, budget transforms.Budget) *transforms.Program {
	t.Helper()
	p, diags := transforms.Load(f.write(t), script, budget)
	if len(diags) > 0 {
		t.Fatalf("load: %+v", diags)
	}
	return p
}

func script(t testing.TB, text string) *transforms.Program {
	t.Helper()
	return files{"s.ts": text}.load(t, "s.ts", transforms.Budget{})
}

func run(t testing.TB, p *transforms.Program, in string) (any, error) {
	t.Helper()
	rec, err := record.Decode([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	return p.Runtime(transforms.Env{Now: now, Pipeline: "orders"}).Call(context.Background(), rec, nil)
}

func encode(t testing.TB, v any) string {
	t.Helper()
	data, err := record.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func failure(t testing.TB, err error) *transforms.Error {
	t.Helper()
	var f *transforms.Error
	if !errors.As(err, &f) {
		t.Fatalf("want a *transforms.Error, got %T %v", err, err)
	}
	return f
}

func TestValues(t *testing.T) {
	tests := []struct{ name, body, in, want string }{
		{"as it came", `return r`, `{"a":1,"b":"é€😀","c":[true,null,{}],"d":1.50,"e":-0.001}`, `{"a":1,"b":"é€😀","c":[true,null,{}],"d":1.5,"e":-0.001}`},
		{"no matter what was read", `return {a: r.a, b: r.b, x: r.b.x}`, `{"a":{"x":1.50},"b":{"x":1.50}}`, `{"a":{"x":1.5},"b":{"x":1.5},"x":1.5}`},
		{"null is not absent", `return {a: r.a === null, b: r.b === undefined, c: r.c, d: null, e: undefined}`, `{"a":null,"c":null}`, `{"a":true,"b":true,"c":null,"d":null}`},
		{"holes are null", `return {l: [1, , undefined, 2]}`, `{}`, `{"l":[1,null,null,2]}`},
		{"big integers", `return {same: r.id, type: typeof r.id, up: r.id.plus(1)}`, `{"id":12345678901234567890}`, `{"same":12345678901234567890,"type":"object","up":12345678901234567891}`},
		{"many digits", `return r`, `{"x":0.1234567890123456789,"y":1e400,"z":1e-400,"e":1.5e3}`, `{"e":1500,"x":0.1234567890123456789,"y":` + "1" + strings.Repeat("0", 400) + `,"z":0.` + strings.Repeat("0", 399) + `1}`},
		{"huge exponents stay short", `return r`, `{"x":1e99999}`, `{"x":1E+99999}`},
		{"dates", `return {d: new Date(Date.UTC(2026, 0, 2, 3, 4, 5)), now: c.now, same: Date.now() === c.now.getTime() && new Date().getTime() === Date.now()}`, `{}`, `{"d":"2026-01-02T03:04:05Z","now":"2026-11-24T12:30:00Z","same":true}`},
		{"boxed", `return {s: new String("x"), n: new Number(2), b: new Boolean(false)}`, `{}`, `{"b":false,"n":2,"s":"x"}`},
		{"bigint", `return {n: BigInt("123456789012345678901") * BigInt(2)}`, `{}`, `{"n":246913578024691357802}`},
		{"toJSON", `return {p: {toJSON() { return {x: 1} }}}`, `{}`, `{"p":{"x":1}}`},
		{"class instances", `class P { a = 1; #b = 2; get c() { return this.#b } }; return {p: new P()}`, `{}`, `{"p":{"a":1}}`},
		{"__proto__ is a field", `return {own: Object.keys(r), polluted: ({} as any).evil === undefined, r}`, `{"__proto__":{"evil":1}}`, `{"own":["__proto__"],"polluted":true,"r":{"__proto__":{"evil":1}}}`},
		{"keys in order", `return Object.keys(r)`, `{"b":1,"a":1,"c":1}`, `["a","b","c"]`},
		{"shared objects", `const a = {x: 1}; return {a, b: a, c: [a]}`, `{}`, `{"a":{"x":1},"b":{"x":1},"c":[{"x":1}]}`},
		{"surrogates", `return {s: "\ud83d\ude00"}`, `{}`, `{"s":"😀"}`},
		{"modern syntax", `const {a, ...rest} = r; let x = rest.b?.c ?? 5; x ||= 1; return {x, rest, at: [1,2,3].at(-1), s: "a-b".replaceAll("-", "+")}`, `{"a":1,"b":{"c":7}}`, `{"at":3,"rest":{"b":{"c":7}},"s":"a+b","x":7}`},
		{"integral floats", `return {a: 0.5 + 0.5, b: 1e15, c: -0, d: 2 ** 53}`, `{}`, `{"a":1,"b":1000000000000000,"c":0,"d":9007199254740992}`},
		{"small floats", `return {a: 1e-7, b: 123456.789}`, `{}`, `{"a":0.0000001,"b":123456.789}`},
		{"array subclasses and statics", `class L extends Array {}; const l = new L(); l.push(1); return {i: Array.isArray([]), s: l instanceof Array, l: l.length, f: Array.from({length: 2}, (_, i) => i), o: Array.of(3), e: [].concat([1]) instanceof Array}`, `{}`, `{"e":true,"f":[0,1],"i":true,"l":1,"o":[3],"s":true}`},
		{"regexps", `return {a: new RegExp("(b+)", "g") instanceof RegExp, b: "abbb".match(new RegExp("(b+)"))![1], c: "x1y2".replace(/\d/g, (d) => "<" + d + ">"), d: RegExp("x").source}`, `{}`, `{"a":true,"b":"bbb","c":"x<1>y<2>","d":"x"}`},
		{"buffers", `return {n: new Uint8Array(4).length, m: new Uint8Array([1, 2])[1], b: new ArrayBuffer(8).byteLength}`, `{}`, `{"b":8,"m":2,"n":4}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := run(t, script(t, "export default function (r: any, c: any) { "+tt.body+" }"), tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, encode(t, got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	tests := []struct{ name, body, code, contains string }{
		{"throw", `throw new Error("boo")`, "transform.threw", "boo"},
		{"throw text", `throw "boo"`, "transform.threw", `threw "boo"`},
		{"type error", `return r.a.b.c`, "transform.threw", "TypeError"},
		{"fail", `c.fail("no street", {field: "address.street"})`, "transform.rejected", "no street"},
		{"fail with a code", `c.fail("no street", {code: "no_street"})`, "script.no_street", "no street"},
		{"fail with no proper code", `c.fail("no street", {code: "No street!"})`, "transform.rejected", "no street"},
		{"caught and kept", `try { c.fail("x") } catch (e) { throw e }`, "transform.rejected", "x"},
		{"inexact", `return {lines: [{price: 0.1 + 0.2}]}`, "transform.inexact_number", "lines[0].price: 0.30000000000000004 is inexact"},
		{"not a number", `return {a: {b: 0 / 0}}`, "transform.inexact_number", "a.b: NaN"},
		{"infinite", `return {a: 1 / 0}`, "transform.inexact_number", "a: Inf"},
		{"too large", `return {a: 2 ** 60}`, "transform.inexact_number", "a: 1152921504606847000 is larger"},
		{"nothing", `return`, "transform.no_result", "undefined"},
		{"null", `return null`, "transform.no_result", "null"},
		{"function", `return {a: [() => 1]}`, "transform.bad_value", "a[0]: a function"},
		{"symbol", `return {a: Symbol("x")}`, "transform.bad_value", "a: a symbol"},
		{"cycle", `const a: any = {}; a.b = {c: a}; return a`, "transform.bad_value", "b.c: the object contains itself"},
		{"map", `return {a: new Map()}`, "transform.bad_value", "a: a Map"},
		{"set", `return {a: new Set([1])}`, "transform.bad_value", "a: a Set"},
		{"promise inside", `return {a: Promise.resolve(1)}`, "transform.bad_value", "await"},
		{"invalid date", `return {a: new Date(NaN)}`, "transform.bad_value", "a: the Date is invalid"},
		{"getter throws", `return {get a() { throw new Error("late") }}`, "transform.threw", "late"},
		{"operators on decimals", `return {a: r.big * 2}`, "transform.threw", ".times()"},
		{"no decimal", `return r.big.plus("1,5")`, "transform.threw", `"1,5" is not a number`},
		{"exponent bombs", `return r.bomb.plus(1)`, "transform.threw", "too many digits"},
		{"endless", `for (;;) {}`, "transform.timeout", "50ms"},
		{"endless with catch", `for (;;) { try { for (;;) {} } catch (e) {} finally { continue } }`, "transform.timeout", "50ms"},
		{"endless toString", `return "" + {toString() { for (;;) {} }}`, "transform.timeout", "50ms"},
		{"endless getter in result", `return {get a() { for (;;) {} }}`, "transform.timeout", "50ms"},
		{"recursion", `const f = (n: number): number => f(n + 1) + 1; return {n: f(0)}`, "transform.depth", "deep"},
		{"caught recursion", `const f = (): any => { try { return f() } catch (e) { return 1 } }; return {n: f()}`, "transform.depth", "deep"},
		{"huge text", `return {s: "x".repeat(5000)}`, "transform.output", "4096"},
		{"huge list", `const l: number[] = []; for (let i = 0; i < 3000; i++) l.push(i); return l`, "transform.output", "4096"},
		{"set length", `const l: any[] = []; l.length = 4e9; return l`, "transform.output", "4096"},
		{"shared until huge", `let a: any[] = [1]; for (let i = 0; i < 60; i++) a = [a, a]; return a`, "transform.output", "4096"},
		{"deep result", `let a: any = {}; for (let i = 0; i < 600; i++) a = {a}; return a`, "transform.output", "nested"},
		{"repeat", `return {s: "x".repeat(1 << 30)}`, "transform.output", "repeat"},
		{"caught repeat", `try { "x".repeat(1 << 30) } catch (e) {}; return {}`, "transform.output", "repeat"},
		{"padStart", `return {s: "x".padStart(1 << 30)}`, "transform.output", "padStart"},
		{"padEnd", `return {s: "x".padEnd(1 << 30)}`, "transform.output", "padEnd"},
		{"array", `return new Array(3e7)`, "transform.output", "Array(30000000)"},
		{"array without new", `return Array(3e7)`, "transform.output", "Array(30000000)"},
		{"array by the back door", `return new ([] as any).constructor(3e7).fill(0)`, "transform.output", "fill"},
		{"from", `return Array.from({length: 3e7})`, "transform.output", "from"},
		{"indexOf of a lie", `return [].indexOf.call({length: 2 ** 53 - 1}, 1)`, "transform.output", "indexOf"},
		{"sparse map", `const l: any[] = []; l.length = 4e9; return l.map((x) => x)`, "transform.output", "map"},
		{"join", `const s = "x".repeat(1e6); return {s: new Array(1000).fill(s).join("")}`, "transform.output", "join"},
		{"replaceAll", `const s = "x".repeat(1e6); return {s: s.replaceAll("x", s)}`, "transform.output", "replaceAll"},
		{"buffer", `return new ArrayBuffer(1e9)`, "transform.output", "ArrayBuffer"},
		{"typed array", `return new Float64Array(1e9)`, "transform.output", "Float64Array"},
		{"made regex", `return {m: new RegExp("^(?=a)(a+)+$").test("a".repeat(40) + "b")}`, "transform.regex", "without end"},
		{"pending", `return new Promise(() => {})`, "transform.pending", "never settles"},
		{"rejected promise", `return Promise.reject(new Error("no"))`, "transform.threw", "no"},
		{"asynchronous fail", `return (async () => { await null; c.fail("late", {field: "f"}) })()`, "transform.rejected", "late"},
		{"endless after await", `return (async () => { await null; for (;;) {} })()`, "transform.timeout", "50ms"},
		{"frozen vars", `c.vars.a = 2; return {}`, "transform.threw", "TypeError"},
		{"node", `return {p: process.env}`, "transform.threw", "process is not defined"},
		{"no files through source maps", `return {f: Function("//# sourceMappingURL=/etc/passwd\nreturn missing()")()}`, "transform.threw", "missing is not defined"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			source := "export default function (r: any, c: any): any {\n" + tt.body + "\n}"
			allowed := time.Second // on a slow machine too, what is refused for its size must not run out of time first
			if tt.code == "transform.timeout" {
				allowed = 50 * time.Millisecond
			}
			p := files{"s.ts": source}.load(t, "s.ts", transforms.Budget{Time: allowed, Output: 4096})
			rec := map[string]any{"big": record.Number("12345678901234567.89"), "bomb": record.Number("1e99999")}
			rt := p.Runtime(transforms.Env{Now: now, Vars: map[string]any{"a": record.Int(1)}})
			begun := time.Now()
			got, err := rt.Call(context.Background(), rec, nil)
			if err == nil {
				t.Fatalf("got %v", got)
			}
			f := failure(t, err)
			if f.Code != tt.code || !strings.Contains(f.Error(), tt.contains) {
				t.Errorf("got %s: %v", f.Code, f)
			}
			if f.File != "s.ts" || f.Line < 1 {
				t.Errorf("place %s:%d:%d", f.File, f.Line, f.Column)
			}
			if took := time.Since(begun); took > time.Minute {
				t.Errorf("took %s", took)
			}
			if _, err := rt.Call(context.Background(), rec, nil); failure(t, err).Code != tt.code {
				t.Errorf("the second time: %v", err)
			}
		})
	}
}

func TestDecimals(t *testing.T) {
	const header = `import { Decimal } from "kopru/std";
export default function (r: any) { return [`
	tests := []struct{ expr, want string }{
		{`Decimal(0.1).plus(0.2)`, `0.3`},
		{`new Decimal("1.10").times("1.10")`, `1.2100`},
		{`Decimal(1).div(3, 4)`, `0.3333`},
		{`Decimal(2).div(3, 4)`, `0.6667`},
		{`Decimal(-2).div(3, 0)`, `-1`},
		{`Decimal("1e3").div("1e-2", 1)`, `100000.0`},
		{`Decimal("2.345").round(2)`, `2.35`},
		{`Decimal("-2.345").round(2)`, `-2.35`},
		{`Decimal("2.344999").round(2)`, `2.34`},
		{`Decimal("-0.004").round(2)`, `0.00`},
		{`Decimal(1.5).round(2)`, `1.50`},
		{`Decimal("1.50").eq(1.5)`, `true`},
		{`Decimal("1.50").cmp("1.6")`, `-1`},
		{`Decimal(1).lt(2) && Decimal(2).gt(1) && Decimal(2).gte(2) && Decimal(2).lte(2)`, `true`},
		{`Decimal("-0").isZero() && !Decimal("-0").isNegative()`, `true`},
		{`Decimal("-3").abs().neg()`, `-3`},
		{`Decimal("1e-3").toString()`, `"0.001"`},
		{`Decimal("2.5").toFixed(0)`, `"3"`},
		{`Decimal(7).toFixed(2)`, `"7.00"`},
		{"`${Decimal(\"1.20\")}`", `"1.20"`},
		{`JSON.stringify({a: Decimal("1.20"), b: Decimal("123456789012345678.9")})`, `"{\"a\":1.2,\"b\":\"123456789012345678.9\"}"`},
		{`Decimal("0.1").toNumber() === 0.1`, `true`},
		{`Decimal(1) instanceof Decimal`, `true`},
		{`Object.keys(Decimal(1)).length`, `0`},
		{`typeof Decimal(1).plus`, `"function"`},
		{`Decimal(BigInt("12345678901234567890"))`, `12345678901234567890`},
		{`(() => { try { Decimal(1).div(0, 2) } catch (e) { return e.message } })()`, `"Decimal: division by zero"`},
		{`(() => { try { Decimal(0.1 + 0.2) } catch (e) { return e instanceof TypeError } })()`, `true`},
		{`(() => { try { Decimal(undefined as any) } catch (e) { return e.message } })()`, `"undefined is not a number"`},
		{`(() => { try { return (Decimal(1) as any) + 1 } catch (e) { return e instanceof TypeError } })()`, `true`},
		{`(() => { try { return (Decimal(1) as any) < Decimal(2) } catch (e) { return e instanceof TypeError } })()`, `true`},
		{`(() => { try { return (Decimal(1) as any).div(3) } catch (e) { return e instanceof TypeError } })()`, `true`},
	}
	for _, tt := range tests {
		t.Run(tt.expr, func(t *testing.T) {
			got, err := run(t, script(t, header+tt.expr+"] }"), `{}`)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff("["+tt.want+"]", encode(t, got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAsynchronous(t *testing.T) {
	p := script(t, `const later = async (x: number) => { await null; return x + 1 };
export default async function (r: any) { const a = await later(r.n); return {n: await Promise.all([later(a), 5])} }`)
	got, err := run(t, p, `{"n":1}`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"n":[3,5]}`, encode(t, got)); diff != "" {
		t.Error(diff)
	}
}

func TestPlaces(t *testing.T) {
	dir := files{
		"order.ts": "import { price } from './lib/price';\n\ninterface A { x: number }\n\nexport default function (r: any): A {\n  return { x: price(r) };\n}\n",
		"lib/price.ts": "type P = { price: number };\n\nexport function price(r: any): number {\n  const é: P = r;\n  if (r.throw) throw new Error(\"no price\");\n" +
			"  return é.price.missing.x;\n}\n",
		"my scripts/späce.js": "module.exports = function (r) {\n  return r.a.b;\n};\n",
		"promise.ts":          "async function f(): Promise<any> {\n  await null;\n  throw new Error('x');\n}\n\nexport default () => f();\n",
	}.write(t)
	tests := []struct {
		script, in, want string
	}{
		{"order.ts", `{"price":1}`, "lib/price.ts:6:26"},
		{"order.ts", `{"throw":true}`, "lib/price.ts:5:22"},
		{"my scripts/späce.js", `{}`, "my scripts/späce.js:2:14"},
		{"promise.ts", `{}`, "promise.ts:3:"},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			p, diags := transforms.Load(dir, tt.script, transforms.Budget{})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			_, err := run(t, p, tt.in)
			if f := failure(t, err); !strings.Contains(f.Error(), "("+tt.want) {
				t.Errorf("got %v\n%s", f, f.Stack)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret.ts"), []byte("export const x = 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	const fn = "\nexport default (r) => r"
	tests := []struct {
		name, source, code, place string
	}{
		{"syntax", "export default function (r) {\n  return r r;\n}", "transform.syntax", "2:12"},
		{"missing file", "import './nowhere';" + fn, "transform.import", "1:8"},
		{"package", "import x from 'left-pad';\nconsole.log(x);" + fn, "transform.import", "1:15"},
		{"node", "import fs from 'node:fs';\nfs;" + fn, "transform.import", "1:16"},
		{"library", "import x from 'kopru/other';\nx;" + fn, "transform.import", "1:15"},
		{"outside", "import {x} from '" + filepath.ToSlash(outside) + "/secret';\nexport default () => ({x})", "transform.import", "1:17"},
		{"through a link", "import {x} from './link/secret';\nexport default () => ({x})", "transform.import", "1:17"},
		{"unknown export", "import {nope} from 'kopru/std';\nexport default () => ({n: nope})", "transform.syntax", "1:9"},
		{"no default", "export const x = 1", "transform.no_default", "1:1"},
		{"default is no function", "export default {x: 1}", "transform.no_default", "1:1"},
		{"throws", "const x = 1;\nnull.x;" + fn, "transform.threw", "2:6"},
		{"hangs", "for (;;) {}" + fn, "transform.timeout", "1:"},
		{"look-ahead", "export default (r) => {\n  return {m: /^(?=a)(a+)+$/.test(r.s)};\n}", "transform.regex", "2:14"},
		{"property", "export default (r) => ({m: /\\p{L}/u.test(r.s)})", "transform.regex", "1:28"},
		{"back-reference", "export default (r) => ({m: /(a)\\1/.test(r.s)})", "transform.regex", "1:28"},
		{"look-behind", "export default (r) => ({m: /(?<=a)b/.test(r.s)})", "transform.regex", "1:28"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := files{"s.js": tt.source}.write(t)
			if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
				t.Skip("no symbolic links here")
			}
			p, diags := transforms.Load(dir, "s.js", transforms.Budget{Time: 50 * time.Millisecond})
			if p != nil || !diags.HasErrors() {
				t.Fatal("it loaded")
			}
			d := diags[0]
			if d.Code != tt.code || d.Severity != diag.Error || d.Summary == "" || d.Detail == "" {
				t.Errorf("got %+v", d)
			}
			if d.Subject == nil {
				t.Fatalf("no place: %+v", d)
			}
			line, column, _ := strings.Cut(tt.place, ":")
			if got := d.Subject.Start; d.Subject.Filename != "s.js" || itoa(got.Line) != line || column != "" && itoa(got.Column) != column {
				t.Errorf("got %v", d.Subject)
			}
		})
	}
}

func itoa(i int) string { return string(record.Int(int64(i))) }

func TestLoadPath(t *testing.T) {
	for _, path := range []string{"../x.ts", "/etc/passwd", "missing.ts"} {
		p, diags := transforms.Load(t.TempDir(), path, transforms.Budget{})
		if p != nil || !diags.HasErrors() || diags[0].Code != "transform.import" {
			t.Errorf("%s: %+v", path, diags)
		}
	}
}

func TestBundle(t *testing.T) {
	f := files{
		"main.ts":                        "import { up } from 'case';\nimport table from './data/table.json';\nimport { digits } from 'kopru/std';\nexport default (r: any) => ({s: up(r.s), t: table.x, d: digits('a1b2')})",
		"data/table.json":                `{"x":[1,2]}`,
		"node_modules/case/package.json": `{"name":"case","main":"index.js"}`,
		"node_modules/case/index.js":     "'use strict';\nexports.up = function (s) { return s.toUpperCase(); };",
	}
	p := f.load(t, "main.ts", transforms.Budget{})
	got, err := run(t, p, `{"s":"x"}`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"d":"12","s":"X","t":[1,2]}`, encode(t, got)); diff != "" {
		t.Error(diff)
	}
	want := []string{"data/table.json", "main.ts", "node_modules/case/index.js"}
	if diff := cmp.Diff(want, p.Files()); diff != "" {
		t.Error(diff)
	}
	if again := f.load(t, "main.ts", transforms.Budget{}); again.Digest() != p.Digest() {
		t.Error("the digest depends on where the project is")
	}
	f["data/table.json"] = `{"x":[1,3]}`
	if other := f.load(t, "main.ts", transforms.Budget{}); other.Digest() == p.Digest() {
		t.Error("the digest does not depend on what is imported")
	}
}

func TestContext(t *testing.T) {
	p := script(t, `export default (r: any, c: any) => {
  c.log("hello"); c.log({a: [1]}); console.warn("w", 1);
  return {p: c.pipeline, v: c.vars.list[0].x, m: c.meta.id, r: Math.floor(Math.random() * 1e9)};
}`)
	var logged []string
	env := transforms.Env{
		Now: now, Pipeline: "orders",
		Vars: map[string]any{"list": []any{map[string]any{"x": record.Number("1.10")}}},
		Log:  func(level, msg string) { logged = append(logged, level+" "+msg) },
	}
	call := func(in map[string]any) map[string]any {
		got, err := p.Runtime(env).Call(context.Background(), in, map[string]any{"id": "7"})
		if err != nil {
			t.Fatal(err)
		}
		return got.(map[string]any)
	}
	first, again, other := call(map[string]any{"a": "1"}), call(map[string]any{"a": "1"}), call(map[string]any{"a": "2"})
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the same record gave another result: %s", diff)
	}
	if first["r"] == other["r"] {
		t.Error("Math.random is the same for another record")
	}
	delete(first, "r")
	if diff := cmp.Diff(map[string]any{"p": "orders", "v": record.Number("1.1"), "m": "7"}, first); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"info hello", `info {"a":[1]}`, "warn w 1"}, logged[:3]); diff != "" {
		t.Error(diff)
	}
}

func TestNothingLeaksBetweenBatches(t *testing.T) {
	p := script(t, `let n = 0;
export default (r: any) => { const seen = (Array.prototype as any).seen ?? 0; (Array.prototype as any).seen = seen + 1; return {n: ++n, seen} }`)
	for range 3 {
		got, err := run(t, p, `{}`)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(`{"n":1,"seen":0}`, encode(t, got)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestRecordIsItsOwn(t *testing.T) {
	p := script(t, `export default (r: any) => { r.a.b = 2; r.l.push(3); delete r.c; return r }`)
	in := map[string]any{"a": map[string]any{"b": record.Int(1)}, "l": []any{}, "c": "x"}
	got, err := p.Runtime(transforms.Env{Now: now}).Call(context.Background(), in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"a":{"b":2},"l":[3]}`, encode(t, got)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(`{"a":{"b":1},"c":"x","l":[]}`, encode(t, in)); diff != "" {
		t.Errorf("the caller's record changed: %s", diff)
	}
}

func TestCancelled(t *testing.T) {
	p := files{"s.ts": `export default (r: any, c: any) => { c.log("begun"); for (;;) {} }`}.load(t, "s.ts", transforms.Budget{Time: transforms.MaxTime})
	ctx, cancel := context.WithCancel(context.Background())
	rt := p.Runtime(transforms.Env{Now: now, Log: func(string, string) { cancel() }})
	if _, err := rt.Call(ctx, map[string]any{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// What a script waits for a processor is not its own time.
func TestBusyMachine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only there the processor time of a thread is known")
	}
	p := files{"s.ts": `export default (r: any, c: any) => { c.log("wait"); let x = 0; for (let i = 0; i < 1000; i++) x += i; return {x} }`}.
		load(t, "s.ts", transforms.Budget{Time: 50 * time.Millisecond})
	rt := p.Runtime(transforms.Env{Now: now, Log: func(string, string) { time.Sleep(200 * time.Millisecond) }})
	if _, err := rt.Call(context.Background(), map[string]any{}, nil); err != nil {
		t.Error(err)
	}
}

// A script that has used all its time must not spoil the next call.
func TestLateInterrupt(t *testing.T) {
	p := files{"s.ts": `export default (r: any) => { if (r.hang) for (;;) {}; let x = 0; for (let i = 0; i < 1000; i++) x += i; return {x} }`}.
		load(t, "s.ts", transforms.Budget{Time: 20 * time.Millisecond})
	rt := p.Runtime(transforms.Env{Now: now})
	for i := range 10 {
		rec := map[string]any{}
		if i%2 == 0 {
			rec["hang"] = true
		}
		_, err := rt.Call(context.Background(), rec, nil)
		if (err != nil) != (i%2 == 0) {
			t.Fatalf("call %d: %v", i, err)
		}
	}
}

// goja falls back to back-tracking for some texts even where a pattern is harmless by itself.
func TestBacktrackingFallbackEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes as long as the longest budget")
	}
	p := files{"s.ts": `export default (r: any) => ({m: ("é" + "a".repeat(40) + "b").replace(/^é(a+)+$/g, "")})`}.
		load(t, "s.ts", transforms.Budget{Time: 50 * time.Millisecond})
	begun := time.Now()
	got, err := run(t, p, `{}`)
	if err == nil {
		t.Skipf("the engine found an answer by itself: %v", got)
	}
	if f := failure(t, err); f.Code != "transform.timeout" {
		t.Errorf("got %v", f)
	}
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("took %s", took)
	}
}

// TestTemplates: a file of the project stands in the place of a template's, whoever imports it, and errors name the files
// alike.
func TestTemplates(t *testing.T) {
	t.Parallel()
	template := files{
		"order.ts":     "import { price } from './lib/price';\nimport { text } from './text';\nexport default (r: any) => ({ p: price(r), t: text(r) })",
		"text.ts":      "export const text = (r: any) => 'theirs ' + r.s",
		"lib/price.ts": "import { text } from '../text';\nexport const price = (r: any) => text(r).length",
		"other.ts":     "import './order';\nexport default (r: any) => r",
		"order.js":     "never asked for",
	}.write(t)
	for _, tt := range []struct {
		name, script, want string
		project            files
	}{
		{"none of its own", "order.ts", `{"p":8,"t":"theirs x"}`, files{}},
		{"the script", "order.ts", `{"t":"theirs x"}`, files{"order.ts": "import { text } from './text';\nexport default (r: any) => ({ t: text(r) })"}},
		{"what it imports", "order.ts", `{"p":6,"t":"ours x"}`, files{"text.ts": "export const text = (r: any) => 'ours ' + r.s"}},
		{"deeper", "order.ts", `{"p":1,"t":"theirs x"}`, files{"lib/price.ts": "export const price = (r: any) => 1"}},
		{"what throws", "order.ts", "text.ts:2:", files{"text.ts": "\nexport const text = (r: any) => r.nothing.there"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, diags := transforms.Load(tt.project.write(t), tt.script, transforms.Budget{}, template)
			if len(diags) > 0 {
				t.Fatal(diags)
			}
			got, err := run(t, p, `{"s":"x"}`)
			if err != nil {
				if f := failure(t, err); !strings.Contains(f.Error(), "("+tt.want) {
					t.Error(f)
				}
			} else if diff := cmp.Diff(tt.want, encode(t, got)); diff != "" {
				t.Error(diff)
			}
			if files := p.Files(); !slices.Contains(files, "order.ts") || slices.ContainsFunc(files, func(name string) bool { return !filepath.IsLocal(name) }) {
				t.Error(files)
			}
		})
	}
	_, diags := transforms.Load(files{"text.ts": "export const text = (r: any) => r r"}.write(t), "order.ts", transforms.Budget{}, template)
	if len(diags) != 1 || diags[0].Subject == nil || diags[0].Subject.Filename != "text.ts" {
		t.Error(diags)
	}
	_, diags = transforms.Load(files{"text.ts": "export const text = (r: any) => null.x;\ntext(1)"}.write(t), "order.ts", transforms.Budget{}, template)
	if len(diags) != 1 || diags[0].Subject == nil || diags[0].Subject.Filename != "text.ts" {
		t.Error(diags)
	}
}
