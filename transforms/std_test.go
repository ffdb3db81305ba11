package transforms_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/transforms"
	"github.com/kopru-io/kopru/transforms/std"
)

// library is a program that applies a function of the library to the list r.args.
func library(t *testing.T) func(function string, args ...any) (any, error) {
	t.Helper()
	p := script(t, `import * as std from "kopru/std";
export default (r: any) => ({out: (std as any)[r.function](...r.args)});`)
	rt := p.Runtime(transforms.Env{Now: now})
	return func(function string, args ...any) (any, error) {
		out, err := rt.Call(context.Background(), map[string]any{"function": function, "args": args}, nil)
		if err != nil {
			return nil, err
		}
		return out.(map[string]any)["out"], nil
	}
}

func TestSplitStreet(t *testing.T) {
	call := library(t)
	tests := []struct{ line, country, want string }{
		{"Kerkstraat 12a", "NL", "Kerkstraat|12|a"},
		{"Kerkstraat 12 a", "NL", "Kerkstraat|12|a"},
		{"Kerkstraat 12-A", "NL", "Kerkstraat|12|A"},
		{"Kerkstraat  12", "", "Kerkstraat|12|"},
		{"Van der Takstraat 8 bis", "NL", "Van der Takstraat|8|bis"},
		{"1e Oosterparkstraat 5-3", "NL", "1e Oosterparkstraat|5|3"},
		{"Storgata 1 B", "NO", "Storgata|1|B"},
		{"Storgata 1 H0203", "NO", "Storgata|1|H0203"},
		{"Storgatan 12 lgh 1101", "SE", "Storgatan|12|lgh 1101"},
		{"Atatürk Cad. No:5 D:3", "TR", "Atatürk Cad.|5|D:3"},
		{"Atatürk Cad. No: 5/3", "TR", "Atatürk Cad.|5|3"},
		{"Bağdat Caddesi No 12 Kat 2 Daire 5", "TR", "Bağdat Caddesi|12|Kat 2 Daire 5"},
		{"Bygade 5, 2. tv", "DK", "Bygade|5|2. tv"},
		{"Mannerheimintie 5 A 12", "FI", "Mannerheimintie|5|A 12"},
		{"Musterstr. 12-14", "DE", "Musterstr.|12-14|"},
		{"Straße des 17. Juni 135", "DE", "Straße des 17. Juni|135|"},
		{"Veldstraat 4 bus 12", "BE", "Veldstraat|4|bus 12"},
		{"Herengracht 100 III", "NL", "Herengracht|100|III"},
		{"Herengracht 100 2 hoog", "NL", "Herengracht|100|2 hoog"},
		{"Plein 1944 12", "NL", "Plein 1944|12|"},
		{"Laan 1940-1945 7", "NL", "Laan 1940-1945|7|"},
		{"'s-Gravenweg 201 b", "NL", "'s-Gravenweg|201|b"},
		{"12 Rue de Rivoli", "FR", "Rue de Rivoli|12|"},
		{"12 bis, Rue de Rivoli", "FR", "Rue de Rivoli|12|bis"},
		{"221B Baker Street", "GB", "Baker Street|221|B"},
		// kept whole
		{"12 Rue de Rivoli", "NL", ""},
		{"Plein 1944", "NL", ""},
		{"Kerkstraat 12-14", "NL", ""},
		{"Kerkstraat 12-14", "", ""},
		{"Kerkstraat 12 14", "NL", ""},
		{"Kerkstraat", "NL", ""},
		{"Postbus 123", "NL", ""},
		{"P.O. Box 5", "GB", ""},
		{"Kerkstraat 12 achter de kerk", "NL", ""},
		{"12", "NL", ""},
		{"", "NL", ""},
		{"Kerkstraat 123456", "NL", ""},
		{"Rue du 8 Mai 1945", "FR", ""},
	}
	for _, tt := range tests {
		t.Run(tt.line+" "+tt.country, func(t *testing.T) {
			got, err := call("splitStreet", tt.line, tt.country)
			if err != nil {
				t.Fatal(err)
			}
			m := got.(map[string]any)
			want := map[string]any{"street": strings.Join(strings.Fields(tt.line), " "), "number": "", "addition": "", "sure": false}
			if parts := strings.Split(tt.want, "|"); len(parts) == 3 {
				want = map[string]any{"street": parts[0], "number": parts[1], "addition": parts[2], "sure": true}
			}
			if diff := cmp.Diff(want, m); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whatever the line, nothing of it may get lost.
func FuzzSplitStreet(f *testing.F) {
	for _, s := range []string{"Kerkstraat 12a", "Atatürk Cad. No:5 D:3", "12 Rue 5", "a,1-2", "№ 5 x 5", "İ 1"} {
		f.Add(s, "NL")
	}
	p := script(f, `import { splitStreet } from "kopru/std"; export default (r: any) => splitStreet(r.s, r.c);`)
	f.Fuzz(func(t *testing.T, line, country string) {
		if len(line) > 200 {
			return
		}
		out, err := p.Runtime(transforms.Env{Now: now}).Call(context.Background(), map[string]any{"s": line, "c": country}, nil)
		if err != nil {
			t.Fatal(err)
		}
		m := out.(map[string]any)
		digits := regexp.MustCompile(`\d`)
		all := m["street"].(string) + m["number"].(string) + m["addition"].(string)
		want, got := digits.FindAllString(line, -1), digits.FindAllString(all, -1)
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q became %v: %s", line, m, diff)
		}
	})
}

func TestCountryCode(t *testing.T) {
	call := library(t)
	tests := map[string]string{
		"NL": "NL", "nl": "NL", "NLD": "NL", "Nederland": "NL", "The Netherlands": "NL", "Holland": "NL", " Nederländerna ": "NL",
		"Norge": "NO", "Noorwegen": "NO", "NOR": "NO", "Sverige": "SE", "Zweden": "SE", "Deutschland": "DE", "Duitsland": "DE",
		"Tyskland": "DE", "Almanya": "DE", "Türkiye": "TR", "TÜRKİYE": "TR", "Turkey": "TR", "Turkije": "TR", "België": "BE",
		"Belgique": "BE", "belgie": "BE", "U.K.": "GB", "England": "GB", "USA": "US", "Österreich": "AT", "Danmark": "DK", "Suomi": "FI",
		"Curaçao": "CW", "Åland": "AX", "İngiltere": "GB", "Czech Republic": "CZ",
	}
	for text, want := range tests {
		got, err := call("countryCode", text)
		if err != nil || got != want {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
	if got, err := call("countryCode", "", "Norge"); err != nil || got != "NO" {
		t.Errorf("fallback: %v %v", got, err)
	}
	for _, text := range []string{"Atlantis", "", "XX", "N"} {
		_, err := call("countryCode", text)
		if f := failure(t, err); f.Code != "transform.rejected" || f.Field != "country" || !strings.Contains(f.Message, text) {
			t.Errorf("%q: %v", text, f)
		}
	}
}

func TestText(t *testing.T) {
	call := library(t)
	tests := []struct {
		function string
		args     []any
		want     string
	}{
		{"digits", []any{"SKU 12-34"}, `"1234"`},
		{"digits", []any{nil}, `""`},
		{"cleanText", []any{"a\tb\r\nc\x00\x1b  d "}, `"a b c d"`},
		{"cutText", []any{"short", record.Int(5)}, `"short"`},
		{"cutText", []any{"a very long name", record.Int(12)}, `"a very long…"`},
		{"cutText", []any{"a very long name", record.Int(11)}, `"a very…"`},
		{"cutText", []any{"Donaudampfschifffahrt", record.Int(10)}, `"Donaudamp…"`},
		{"cutText", []any{"ab😀cd", record.Int(4)}, `"ab…"`},
		{"cutText", []any{"abc", record.Int(0)}, `""`},
		{"splitName", []any{"Dhr. Jan van der Berg"}, `{"firstName":"Jan","lastName":"van der Berg"}`},
		{"splitName", []any{"Anna Maria Jansen"}, `{"firstName":"Anna Maria","lastName":"Jansen"}`},
		{"splitName", []any{"Berg, Jan van den"}, `{"firstName":"Jan van den","lastName":"Berg"}`},
		{"splitName", []any{"Van Dijk"}, `{"firstName":"","lastName":"Van Dijk"}`},
		{"splitName", []any{"Madonna"}, `{"firstName":"","lastName":"Madonna"}`},
		{"splitName", []any{""}, `{"firstName":"","lastName":""}`},
	}
	for _, tt := range tests {
		got, err := call(tt.function, tt.args...)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, encode(t, got)); diff != "" {
			t.Errorf("%s(%v): %s", tt.function, tt.args, diff)
		}
	}
}

func TestMoney(t *testing.T) {
	call := library(t)
	n := func(s string) any { return record.Number(s) }
	list := func(s ...string) any {
		var out []any
		for _, x := range s {
			out = append(out, n(x))
		}
		return out
	}
	tests := []struct {
		function string
		args     []any
		want     string
	}{
		{"roundMoney", []any{n("2.345")}, `2.35`},
		{"roundMoney", []any{n("-2.345")}, `-2.35`},
		{"exclVat", []any{n("121.00"), n("21")}, `100.00`},
		{"exclVat", []any{n("9.99"), n("21"), n("4")}, `8.2562`},
		{"exclVat", []any{n("5"), n("0")}, `5.00`},
		{"inclVat", []any{n("100"), n("25")}, `125.00`},
		{"allocate", []any{n("10"), list("1", "1", "1")}, `[3.34,3.33,3.33]`},
		{"allocate", []any{n("-10"), list("1", "1", "1")}, `[-3.34,-3.33,-3.33]`},
		{"allocate", []any{n("10"), list("1", "2", "4")}, `[1.43,2.86,5.71]`},
		{"allocate", []any{n("0.05"), list("1", "1", "1", "1")}, `[0.02,0.01,0.01,0.01]`},
		{"allocate", []any{n("1"), list("0", "0")}, `[0.50,0.50]`},
		{"allocate", []any{n("1"), list("5", "-5")}, `[0.50,0.50]`},
		{"allocate", []any{n("10"), list("3", "-1")}, `[15.00,-5.00]`},
		{"allocate", []any{n("0.005"), list("1", "1")}, `[0.005,0.00]`},
		{"allocate", []any{n("7"), []any{}}, `[]`},
		{"allocate", []any{n("100"), list("1", "1", "1"), n("0")}, `[34,33,33]`},
	}
	for _, tt := range tests {
		got, err := call(tt.function, tt.args...)
		if err != nil {
			t.Fatal(err)
		}
		want, err := record.Decode([]byte(tt.want))
		if err != nil {
			t.Fatal(err)
		}
		if !record.Equal(want, got) {
			t.Errorf("%s(%v): got %s, want %s", tt.function, tt.args, encode(t, got), tt.want)
		}
	}
}

// Editors see what index.ts exports, whole.
func TestDeclarations(t *testing.T) {
	index, err := std.Files.ReadFile("index.ts")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, m := range regexp.MustCompile(`export (?:type )?\{ (.*?) \}`).FindAllStringSubmatch(string(index), -1) {
		want = append(want, strings.Split(m[1], ", ")...)
	}
	var got []string
	types := std.Declarations()
	for _, m := range regexp.MustCompile(`export (?:type|interface|const|function) (\w+)`).FindAllStringSubmatch(types, -1) {
		got = append(got, m[1])
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(slices.Compact(want), slices.Compact(got)); diff != "" {
		t.Error(diff)
	}
	for _, part := range []string{
		"export function roundMoney(amount: Numeric, digits?: number): Decimal;", "toFixed(digits: number): string;",
		"export const Decimal: DecimalClass;", "fail(message: string, options?: { field?: string; code?: string }): never;",
	} {
		if !strings.Contains(types, part) {
			t.Errorf("it lacks %s", part)
		}
	}
}

// What the documentation says that a function gives, it gives.
func TestDocumentedExamples(t *testing.T) {
	var body strings.Builder
	examples := std.Examples()
	for _, e := range examples {
		body.WriteString("[" + e.Expression + ", " + e.Result + "],\n")
	}
	p := script(t, `import * as std from "kopru/std";
const { `+strings.Join(documented(examples), ", ")+` } = std;
export default () => [`+body.String()+`];`)
	out, err := run(t, p, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	for i, pair := range out.([]any) {
		if got, want := pair.([]any)[0], pair.([]any)[1]; !record.Equal(want, got) {
			t.Errorf("%s gives %s, the documentation says %s", examples[i].Expression, encode(t, got), examples[i].Result)
		}
	}
}

// documented lists the functions that the examples call.
func documented(examples []std.Example) []string {
	var out []string
	for _, e := range examples {
		out = append(out, regexp.MustCompile(`^\w+`).FindString(e.Expression))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Whatever the SKU, it comes back, and no other has its digits.
func FuzzSKUDigits(f *testing.F) {
	for _, s := range []string{"4711", "0012", "AB-12", "99", "€ 1", "😀", "0", "991"} {
		f.Add(s)
	}
	p := script(f, `import { skuDigits, skuText } from "kopru/std";
export default (r: any) => ({ d: skuDigits(r.s, 4000), t: skuText(skuDigits(r.s, 4000)) });`)
	f.Fuzz(func(t *testing.T, sku string) {
		if len(sku) > 200 || strings.TrimSpace(sku) != sku || sku == "" || !utf8.ValidString(sku) {
			return
		}
		out, err := p.Runtime(transforms.Env{Now: now}).Call(context.Background(), map[string]any{"s": sku}, nil)
		if err != nil {
			t.Fatal(err)
		}
		m := out.(map[string]any)
		if m["t"] != sku && strings.TrimFunc(sku, func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' }) == sku {
			t.Errorf("%q became %v and came back as %q", sku, m["d"], m["t"])
		}
		if d := m["d"].(string); strings.Trim(d, "0123456789") != "" || len(d) > 1 && d[0] == '0' {
			t.Errorf("%q became %q", sku, d)
		}
	})
}

// Numbers come out of a script as they went in: the same value, to the last digit.
func FuzzNumbers(f *testing.F) {
	for _, s := range []string{"0", "-0", "1.10", "0.1", "123456789012345678", "1e21", "1e-7", "0.1234567890123456", "999999999999999.9", "-1.5E+2", "9007199254740993"} {
		f.Add(s)
	}
	p := script(f, `export default (r: any) => r;`)
	f.Fuzz(func(t *testing.T, text string) {
		in, err := record.Decode([]byte(text))
		n, isNumber := in.(record.Number)
		if err != nil || !isNumber {
			return
		}
		d, err := n.Decimal()
		if err != nil {
			return
		}
		out, err := p.Runtime(transforms.Env{Now: now}).Call(context.Background(), map[string]any{"n": n}, nil)
		if err != nil {
			t.Fatalf("%s: %v", n, err)
		}
		got, err := out.(map[string]any)["n"].(record.Number).Decimal()
		if err != nil || got.Cmp(d) != 0 {
			t.Errorf("%s became %v", n, out)
		}
		if _, err := record.Decode([]byte(encode(t, out))); err != nil {
			t.Errorf("%s: %v", n, err)
		}
	})
}
