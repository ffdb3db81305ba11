// Package std is the library that scripts import as "kopru/std": SKUs and article numbers, addresses, names, telephone
// numbers, countries, text and money.
package std

import (
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Files are the library's TypeScript sources; index.ts is what is imported.
//
//go:embed *.ts
var Files embed.FS

// sources in the order in which the library presents itself.
var sources = []string{
	"transform", "decimal", "money", "vat", "sku", "ean", "text", "address", "country", "phone", "reject",
}

var (
	// A documented declaration: its comment, its kind, and as much of it as says what it is.
	declaration = regexp.MustCompile(`(?ms)^(/\*\*(?:[^*]|\*[^/])*\*/\n)` +
		`((?:export )?(function|interface|type|const) (?:[^\n]*\{\}$|[^\n]* \{$\n.*?^\}|.*?;$))`)
	body     = regexp.MustCompile(`(?s) \{\n.*`)
	constant = regexp.MustCompile(`(?ms)^(export const \w+: \w+) = .*;$`)
	optional = regexp.MustCompile(`(\w+) = \d+`)
	example  = regexp.MustCompile(`(?m)^ \* (\w.*\S) +// (.+)$`)
)

// Declarations says in TypeScript what the library has, with the comments of its sources, for editors.
func Declarations() string { return declarations("kopru/std", sources) }

// TestDeclarations says what tests of scripts have.
func TestDeclarations() string { return declarations("kopru/test", []string{"testing"}) }

func declarations(module string, sources []string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "declare module %q {\n", module)
	for i, name := range sources {
		for j, d := range declared(name) {
			if i+j > 0 {
				out.WriteByte('\n')
			}
			out.WriteString("  " + strings.ReplaceAll(d, "\n", "\n  ") + "\n")
		}
	}
	return out.String() + "}\n"
}

// declared lists what one source offers, without its code.
func declared(source string) []string {
	text, err := Files.ReadFile(source + ".ts")
	if err != nil {
		panic(err) // it is embedded
	}
	var out []string
	for _, m := range declaration.FindAllStringSubmatch(string(text), -1) {
		comment, head, kind := m[1], m[2], m[3]
		switch kind {
		case "function":
			head = optional.ReplaceAllString(body.ReplaceAllString(head, ";"), "$1?: number")
		case "const":
			head = constant.ReplaceAllString(head, "$1;")
		}
		out = append(out, comment+head)
	}
	return out
}

// Function is what the documentation says of a function, or of a method of a type.
type Function struct {
	Topic     string // "money"
	Of        string // the type that it is a method of, "" = none
	Signature string // "roundMoney(amount: Numeric, digits?: number): Decimal"
	Doc       string
	Examples  []Example
}

var topics = map[string]string{
	"decimal": "exact numbers", "money": "money", "vat": "VAT numbers", "sku": "SKUs", "ean": "article numbers", "text": "text and names",
	"address": "addresses", "country": "countries", "phone": "telephone numbers", "reject": "a way out, for functions that have no `ctx`",
	"testing": "in tests, from `kopru/test`",
}

var (
	method    = regexp.MustCompile(`(?m)^((?:  /\*\* .* \*/\n)?)  (\w+\(.*);$`)
	signature = regexp.MustCompile(`(?m)^export (?:function|const) ((\w+)[^\n]*);$`)
	owner     = regexp.MustCompile(`(?m)^export interface (\w+) \{$`)
	margin    = regexp.MustCompile(`(?m)^ *(?:/\*\*|\*/|\*) ?| ?\*/$`)
)

// Functions lists what the library offers, and what tests of scripts have, in the order of the documentation.
func Functions() []Function {
	var out []Function
	for _, source := range append(slices.Clone(sources), "testing") {
		var methods []Function
		for _, d := range declared(source) {
			at := strings.Index(d, "*/\n") + len("*/\n")
			if m := owner.FindStringSubmatch(d); m != nil && topics[source] != "" {
				for _, inner := range method.FindAllStringSubmatch(d[at:], -1) {
					methods = append(methods, Function{Topic: topics[source], Of: m[1], Signature: inner[2], Doc: prose(inner[1])})
				}
			}
			if m := signature.FindStringSubmatch(d); m != nil {
				f := Function{Topic: topics[source], Signature: m[1], Doc: prose(d[:at])}
				for _, e := range example.FindAllStringSubmatch(d[:at], -1) {
					f.Examples = append(f.Examples, Example{e[1], e[2]})
				}
				out = append(out, f)
			}
		}
		out = append(out, methods...)
	}
	return out
}

// prose is a comment without its margin and its examples, in one line.
func prose(comment string) string {
	text, _, _ := strings.Cut(margin.ReplaceAllString(comment, ""), "@example")
	return strings.Join(strings.Fields(text), " ")
}

// Example is a line of the documentation: an expression and what it gives.
type Example struct{ Expression, Result string }

// Examples lists the examples of the documentation.
func Examples() []Example {
	var out []Example
	for _, name := range sources {
		for _, d := range declared(name) {
			for _, m := range example.FindAllStringSubmatch(d, -1) {
				out = append(out, Example{m[1], m[2]})
			}
		}
	}
	return out
}
