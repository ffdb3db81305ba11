package pipelines

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/pipelines/expr"
	"github.com/kopru-io/kopru/plugins/record"
)

// body reads a block's attributes by name, with load-time values, and in the end complains about those nobody asked
// for.
type body struct {
	l     *loader
	block *hclsyntax.Block
	what  string // for messages: "source \"order\""
	known []string
}

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

// value evaluates an attribute at load time; ok is false when it is absent or wrong.
func (b *body) value(name string) (v any, rng hcl.Range, ok bool) {
	attr := b.attr(name)
	if attr == nil {
		return nil, b.block.DefRange(), false
	}
	v, ok = b.l.evaluate(attr.Expr)
	return v, attr.Expr.Range(), ok
}

func (b *body) text(name, otherwise string) string {
	v, rng, ok := b.value(name)
	if !ok || v == nil {
		return otherwise
	}
	s, isText := v.(string)
	if !isText {
		b.l.errorf(rng, "lang.wrong_type", "A text is needed", fmt.Sprintf("%s of %s is a text, not a %s.", name, b.what, record.Kind(v)))
		return otherwise
	}
	return s
}

// word is a text that must be one of a few.
func (b *body) word(name, otherwise string, allowed ...string) string {
	s := b.text(name, otherwise)
	if slices.Contains(allowed, s) {
		return s
	}
	b.l.add(diag.Diagnostic{
		Severity: diag.Error, Code: "lang.wrong_value", Summary: fmt.Sprintf("%q can't be %s", s, name),
		Detail: name + " is one of: " + strings.Join(allowed, ", ") + ".", Suggest: diag.Closest(s, allowed),
		Subject: b.block.Body.Attributes[name].Expr.Range().Ptr(),
	})
	return otherwise
}

func (b *body) bool(name string, otherwise bool) bool {
	v, rng, ok := b.value(name)
	if !ok || v == nil {
		return otherwise
	}
	out, isBool := v.(bool)
	if !isBool {
		b.l.errorf(rng, "lang.wrong_type", "true or false is needed", fmt.Sprintf("%s of %s is true or false, not a %s.", name, b.what, record.Kind(v)))
		return otherwise
	}
	return out
}

func (b *body) duration(name string, otherwise time.Duration) time.Duration {
	v, rng, ok := b.value(name)
	if !ok || v == nil || v == "" {
		return otherwise
	}
	return b.l.duration(v, rng, name, otherwise)
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
	v, rng, ok := b.value(name)
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

// end complains about attributes and blocks that mean nothing here.
func (b *body) end(blocks ...string) {
	for _, attr := range b.rest() {
		b.l.unknownAttribute(attr, b.what, b.known)
	}
	for _, inner := range b.block.Body.Blocks {
		if slices.Contains(blocks, inner.Type) {
			continue
		}
		detail := "There is no such block in " + b.what + "."
		if slices.Contains(b.known, inner.Type) {
			detail = fmt.Sprintf("Write it with an equals sign: %s = { … }", inner.Type)
		}
		b.l.add(diag.Diagnostic{
			Severity: diag.Error, Code: "lang.unknown_block", Summary: "Unknown block \"" + inner.Type + "\"",
			Detail: detail, Suggest: diag.Closest(inner.Type, blocks), Subject: inner.TypeRange.Ptr(),
		})
	}
}

func (l *loader) unknownAttribute(attr *hclsyntax.Attribute, what string, known []string) {
	known = slices.Compact(slices.Sorted(slices.Values(known)))
	l.add(diag.Diagnostic{
		Severity: diag.Error, Code: "lang.unknown_attribute", Summary: "Unknown attribute \"" + attr.Name + "\"",
		Detail:  fmt.Sprintf("%s has no such attribute. It has: %s.", what, strings.Join(known, ", ")),
		Suggest: diag.Closest(attr.Name, known), Subject: attr.NameRange.Ptr(),
	})
}

func (l *loader) missing(block *hclsyntax.Block, name, what, detail string) {
	l.errorf(block.DefRange(), "lang.missing_attribute", "Missing attribute \""+name+"\"", fmt.Sprintf("%s needs %s. %s", what, name, detail))
}

// evaluate gives an expression's value at load time.
func (l *loader) evaluate(e hclsyntax.Expression) (any, bool) {
	compiled, diags := expr.Compile(e, l.loadTime())
	if diags.HasErrors() {
		l.add(diags...)
		return nil, false
	}
	v, err := compiled.Eval(&expr.Scope{})
	if err != nil {
		l.add(evaluationProblem(err, e.Range()))
		return nil, false
	}
	return v, true
}

func evaluationProblem(err error, rng hcl.Range) diag.Diagnostic {
	d := diag.Diagnostic{
		Severity: diag.Error, Code: "expr.failed", Summary: "The expression has no value", Detail: err.Error(), Subject: rng.Ptr(),
	}
	if e, ok := err.(*expr.EvalError); ok { //nolint:errorlint // Eval returns it bare
		d.Code, d.Detail, d.Subject = e.Code, strings.ToUpper(e.Message[:1])+e.Message[1:]+".", e.Range.Ptr()
	}
	return d
}

// loadTime is what expressions outside of a record's way may refer to.
func (l *loader) loadTime() *expr.Env {
	return &expr.Env{
		Constants: l.constants(), Functions: l.functions,
		Unknown: func(name string, rng hcl.Range) *diag.Diagnostic {
			if !slices.Contains(recordNames, name) {
				return nil
			}
			return &diag.Diagnostic{
				Severity: diag.Error, Code: "lang.record_time", Summary: "\"" + name + "\" can't be used here",
				Detail: "This is worked out once, when the project is loaded, and " + name + " is there only when a record comes along. " +
					"Use var, local, env() and file() here, and " + name + " in filter, lookup, transform and sink.",
				Subject: rng.Ptr(),
			}
		},
	}
}

func (l *loader) constants() map[string]any {
	vars := l.vars
	if vars == nil {
		vars = map[string]any{}
	}
	locals := l.localVars
	if locals == nil {
		locals = map[string]any{}
	}
	return map[string]any{"var": vars, "local": locals}
}

// recordNames are there only when a record comes along.
var recordNames = []string{"record", "source", "meta", "run", "each"}
