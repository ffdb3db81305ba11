package pipelines

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/plugins/record"
)

// body reads a block's attributes by name, with load-time values, and in the end complains about those nobody asked
// for and those that are lacking.
type body struct {
	l       *loader
	block   *hclsyntax.Block
	what    string // for messages: "source \"order\""
	known   []string
	lacking []lack
	docs    map[string]string // of what a connector declares
}

// lack is an attribute that should be there. It is told in the end, when it is clear whether it was only misspelt.
type lack struct{ name, detail string }

func (l *loader) body(block *hclsyntax.Block) *body {
	what := block.Type
	for _, label := range block.Labels {
		what += fmt.Sprintf(" %q", label)
	}
	return &body{l: l, block: block, what: what}
}

// attr returns an attribute, nil when it is absent.
func (b *body) attr(name string) *hclsyntax.Attribute {
	b.known = append(b.known, name)
	return b.block.Body.Attributes[name]
}

// place is where an attribute's value stands, the block's beginning when it is absent.
func (b *body) place(name string) hcl.Range {
	if attr := b.block.Body.Attributes[name]; attr != nil {
		return attr.Expr.Range()
	}
	return b.block.DefRange()
}

// value evaluates an attribute at load time; ok is false when it is absent or wrong.
func (b *body) value(name string) (v any, rng hcl.Range, ok bool) {
	attr := b.attr(name)
	if attr == nil {
		return nil, b.block.DefRange(), false
	}
	v, ok = b.l.evaluate(attr.Expr)
	return v, attr.Expr.Range(), ok
}

// public is a value that is shown or stored, and so must hold no secret.
func (b *body) public(name string) (v any, rng hcl.Range, ok bool) {
	v, rng, ok = b.value(name)
	if ok {
		b.l.noSecret(b.block.Body.Attributes[name].Expr)
	}
	return v, rng, ok
}

func (b *body) text(name, otherwise string) string {
	v, rng, ok := b.public(name)
	if !ok || v == nil {
		return otherwise
	}
	s, isText := v.(string)
	if !isText {
		b.l.errorf(rng, "lang.wrong_type", "A text is needed",
			fmt.Sprintf("%s of %s is a text in quotes, not a %s.", name, b.what, record.Kind(v)))
		return otherwise
	}
	return s
}

// word is a text that must be one of a few.
func (b *body) word(name, otherwise string, allowed ...string) string {
	s := b.text(name, otherwise)
	b.l.offer(s, "value", allowed, nil)
	if slices.Contains(allowed, s) {
		return s
	}
	b.l.add(diag.Diagnostic{
		Severity: diag.Error, Code: "lang.wrong_value", Summary: fmt.Sprintf("%q can't be %s", s, name),
		Detail: name + " is one of: " + strings.Join(allowed, ", ") + ".", Suggest: diag.Closest(s, allowed),
		Subject: b.place(name).Ptr(),
	})
	return otherwise
}

func (b *body) bool(name string, otherwise bool) bool {
	v, rng, ok := b.public(name)
	if !ok || v == nil {
		return otherwise
	}
	out, isBool := v.(bool)
	if !isBool {
		b.l.errorf(rng, "lang.wrong_type", "true or false is needed",
			fmt.Sprintf("%s of %s is true or false, not a %s.", name, b.what, record.Kind(v)))
		return otherwise
	}
	return out
}

func (b *body) duration(name string, otherwise time.Duration) time.Duration {
	v, rng, ok := b.public(name)
	if !ok || v == nil || v == "" {
		return otherwise
	}
	return b.l.duration(v, rng, name, otherwise)
}

// count is a whole number above zero, 0 when it is absent.
func (b *body) count(name string) int {
	v, rng, ok := b.public(name)
	if !ok || v == nil {
		return 0
	}
	text, _ := v.(record.Number)
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 1 {
		b.l.errorf(rng, "lang.wrong_value", "Not a number of things", name+" is a whole number above zero.")
		return 0
	}
	return n
}

func (l *loader) duration(v any, rng hcl.Range, name string, otherwise time.Duration) time.Duration {
	s, _ := v.(string)
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		l.errorf(rng, "lang.wrong_value", "Not a length of time", name+" is a text such as \"30s\", \"5m\" or \"1h30m\".")
		return otherwise
	}
	return d
}

// names is a list of texts, as a set.
func (b *body) names(name string) map[string]bool {
	v, rng, ok := b.public(name)
	if !ok || v == nil {
		return nil
	}
	return b.l.set(v, rng, name)
}

func (l *loader) set(v any, rng hcl.Range, name string) map[string]bool {
	list, ok := v.([]any)
	out := map[string]bool{}
	for _, item := range list {
		s, isText := item.(string)
		ok = ok && isText
		out[s] = true
	}
	if !ok {
		l.errorf(rng, "lang.wrong_type", "A list of texts is needed", name+" is a list of fields' names, such as [\"name\", \"email\"].")
		return nil
	}
	return out
}

// rest returns the attributes nobody has asked for.
func (b *body) rest() []*hclsyntax.Attribute {
	var out []*hclsyntax.Attribute
	for _, name := range sortedNames(b.block.Body.Attributes) {
		if !slices.Contains(b.known, name) {
			out = append(out, b.block.Body.Attributes[name])
		}
	}
	return out
}

// lack notes that an attribute is missing and what it is for.
func (b *body) lack(name, detail string) { b.lacking = append(b.lacking, lack{name, detail}) }

// end complains about attributes and blocks that mean nothing here, and about attributes that are missing.
func (b *body) end(blocks ...string) {
	b.l.opts.cursor.body(b, blocks)
	misspelt := map[string]bool{}
	for _, attr := range b.rest() {
		misspelt[b.l.unknownAttribute(attr, b.what, b.known, blocks)] = true
	}
	for _, inner := range b.block.Body.Blocks {
		if slices.Contains(blocks, inner.Type) {
			continue
		}
		detail := "There is no such block in " + b.what + "."
		if where := belongs(inner.Type); where != "" {
			detail = where
		} else if len(blocks) > 0 {
			detail += " There are: " + strings.Join(blocks, ", ") + "."
		}
		if slices.Contains(b.known, inner.Type) {
			detail = fmt.Sprintf("Write it with an equals sign: %s = { … }", inner.Type)
			misspelt[inner.Type] = true
		}
		b.l.add(diag.Diagnostic{
			Severity: diag.Error, Code: "lang.unknown_block", Summary: "Unknown block \"" + inner.Type + "\"",
			Detail: detail, Suggest: diag.Closest(inner.Type, blocks), Subject: inner.TypeRange.Ptr(),
		})
	}
	for _, lack := range b.lacking {
		if !misspelt[lack.name] {
			b.l.errorf(b.block.DefRange(), "lang.missing_attribute", "Missing attribute \""+lack.name+"\"",
				fmt.Sprintf("%s needs %s. %s", b.what, lack.name, lack.detail))
		}
	}
}

// unjudged ends a body whose connector is not known: what the other attributes should be can't be told, only whether
// they have a value.
func (b *body) unjudged() {
	var lacking []string
	for _, lack := range b.lacking {
		lacking = append(lacking, lack.name)
	}
	for _, attr := range b.rest() {
		if diag.Closest(attr.Name, lacking) != "" {
			continue // misspelt, as end will tell
		}
		b.l.evaluate(attr.Expr)
		b.known = append(b.known, attr.Name)
	}
	for _, inner := range b.block.Body.Blocks {
		b.known = append(b.known, inner.Type)
	}
	b.end()
}

// unknownAttribute returns the name that was probably meant.
func (l *loader) unknownAttribute(attr *hclsyntax.Attribute, what string, known, blocks []string) string {
	known = slices.Compact(slices.Sorted(slices.Values(known)))
	d := diag.Diagnostic{
		Severity: diag.Error, Code: "lang.unknown_attribute", Summary: "Unknown attribute \"" + attr.Name + "\"",
		Detail:  fmt.Sprintf("%s has no such attribute. It has: %s.", what, strings.Join(known, ", ")),
		Suggest: diag.Closest(attr.Name, known), Subject: attr.NameRange.Ptr(),
	}
	if slices.Contains(blocks, attr.Name) {
		d.Detail, d.Suggest = fmt.Sprintf("Write it as a block, without an equals sign: %s { … }", attr.Name), ""
	}
	l.add(d)
	return d.Suggest
}
