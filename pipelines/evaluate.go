package pipelines

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/pipelines/expr"
)

// recordNames are there only when a record comes along.
var recordNames = []string{"record", "source", "meta", "run", "each"}

// reserved can't be the name of a step.
var reserved = append([]string{"var", "local", "true", "false", "null"}, recordNames...)

// evaluate gives an expression's value at load time. What comes of a mistake that was told already is not told again.
func (l *loader) evaluate(e hclsyntax.Expression) (any, bool) {
	compiled, diags := expr.Compile(e, l.loadTime())
	if diags.HasErrors() {
		l.add(diags...)
		return nil, false
	}
	if len(l.roots(e, l.broken)) > 0 {
		return nil, false
	}
	l.unset = false
	v, err := compiled.Eval(&expr.Scope{})
	if l.unset && l.opts.Detached {
		return nil, false
	}
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
		d.Code, d.Summary, d.Detail, d.Subject = e.Code, e.Summary(), e.Sentence(), e.Range.Ptr()
	}
	return d
}

// loadTime is what expressions outside of a record's way may refer to.
func (l *loader) loadTime() *expr.Env {
	return &expr.Env{
		Constants: l.constants(), Shapes: l.shapes(), Functions: l.functions, Undeclared: l.undeclared, Mention: l.mention(),
		Unknown: func(name string, rng hcl.Range) *diag.Diagnostic {
			if l.alone && (name == "var" || name == "local") {
				return &diag.Diagnostic{
					Severity: diag.Error, Code: "var.reference", Summary: "A variable's value can't refer to others",
					Detail:  "Variables are what is given from outside. Work out what depends on them in locals { … }.",
					Subject: rng.Ptr(),
				}
			}
			if !slices.Contains(recordNames, name) && !l.isStep(name, rng) {
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

// isStep tells whether a pipeline that spans a place has a step of this name.
func (l *loader) isStep(name string, rng hcl.Range) bool {
	body := l.files[rng.Filename]
	if body == nil {
		return false
	}
	for _, block := range body.Blocks {
		if whole := block.Range(); block.Type != "pipeline" || rng.Start.Byte < whole.Start.Byte || rng.End.Byte > whole.End.Byte {
			continue
		}
		for _, inner := range block.Body.Blocks {
			if (inner.Type == "lookup" || inner.Type == "sink") && slices.Contains(inner.Labels, name) {
				return true
			}
		}
	}
	return false
}

func (l *loader) undeclared(root, name string, rng hcl.Range) *diag.Diagnostic {
	d := &diag.Diagnostic{Severity: diag.Error, Code: "var.undeclared", Subject: rng.Ptr()}
	if root == "var" {
		d.Summary = "There is no variable \"" + name + "\""
		d.Detail = fmt.Sprintf("Declare it: variable %q { … }.", name)
		d.Suggest = diag.Closest(name, sortedNames(l.vars))
	} else {
		d.Summary = "There is no local \"" + name + "\""
		d.Detail = fmt.Sprintf("Define it: locals { %s = … }.", name)
		d.Suggest = diag.Closest(name, sortedNames(l.localVars))
	}
	return d
}

func (l *loader) constants() map[string]any {
	if l.alone {
		return nil
	}
	return map[string]any{"var": l.vars, "local": l.localVars}
}

// shapes is what is known of var and local: of what went wrong, nothing.
func (l *loader) shapes() map[string]*expr.Shape {
	out := map[string]*expr.Shape{}
	for root, values := range map[string]map[string]any{"var": l.vars, "local": l.localVars} {
		shape := &expr.Shape{Kind: expr.Object, Fields: map[string]*expr.Shape{}}
		for name, v := range values {
			shape.Fields[name] = expr.ShapeOf(v)
			if l.broken[root+"."+name] || v == nil {
				shape.Fields[name] = &expr.Shape{}
			}
			if l.maps[root+"."+name] { // a key that is not there may be there tomorrow
				shape.Fields[name].Open = true
			}
		}
		out[root] = shape
	}
	return out
}

// roots lists the variables and locals, as "var.x", that an expression refers to and that are in a set.
func (l *loader) roots(e hclsyntax.Expression, set map[string]bool) []string {
	var out []string
	for _, t := range e.Variables() {
		if len(t) < 2 || t.RootName() != "var" && t.RootName() != "local" {
			continue
		}
		if name := t.RootName() + "." + stepName(t[1]); set[name] {
			out = append(out, name)
		}
	}
	return out
}

// stepName is the field that a step of a traversal takes, "" when it takes none.
func stepName(step hcl.Traverser) string {
	switch step := step.(type) {
	case hcl.TraverseAttr:
		return step.Name
	case hcl.TraverseIndex:
		if v, err := expr.FromCty(step.Key); err == nil {
			s, _ := v.(string)
			return s
		}
	}
	return ""
}

// noSecret complains where a secret would end up in what is shown or stored.
func (l *loader) noSecret(e hclsyntax.Expression) {
	for _, name := range l.roots(e, l.sensitive) {
		l.errorf(e.Range(), "lang.sensitive", name+" is a secret",
			"Here it would be stored and shown with every record. Secrets belong in the settings of a connection.")
		return
	}
	if call := secretCall(e); call != nil {
		l.diags = slices.DeleteFunc(l.diags, func(d diag.Diagnostic) bool { // that it has no value matters to nobody here
			return d.Code == "expr.function" && d.Subject != nil && *d.Subject == call.Range()
		})
		l.errorf(call.Range(), "lang.sensitive", "secret() can't be used here",
			"Here it would be stored and shown with every record. Secrets belong in the settings of a connection.")
	}
}

// secretCall is where an expression takes a secret out of the project's file, nil = nowhere.
func secretCall(e hclsyntax.Expression) (found *hclsyntax.FunctionCallExpr) {
	_ = hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics {
		if call, ok := n.(*hclsyntax.FunctionCallExpr); ok && call.Name == "secret" && found == nil {
			found = call
		}
		return nil
	})
	return found
}

// secret remembers what must never be shown.
func (l *loader) secret(v any) {
	switch v := v.(type) {
	case string:
		if v != "" && !slices.Contains(l.project.Secrets, v) {
			l.project.Secrets = append(l.project.Secrets, v)
		}
	case []any:
		for _, item := range v {
			l.secret(item)
		}
	case map[string]any:
		for _, k := range sortedNames(v) {
			l.secret(v[k])
		}
	}
}

// plainSecret warns of a secret that stands in the text.
func (l *loader) plainSecret(e hclsyntax.Expression, name string) {
	t, ok := e.(*hclsyntax.TemplateExpr)
	if !ok || !t.IsStringLiteral() {
		return
	}
	if v, diags := t.Value(nil); diags.HasErrors() || v.AsString() == "" {
		return
	}
	l.add(diag.Diagnostic{
		Severity: diag.Warning, Code: "lang.plain_secret", Summary: name + " is a secret in plain text",
		Detail: "Whoever sees this file can use it. Keep it with kopru secret set " + strings.ToUpper(name) + " and write secret(\"" +
			strings.ToUpper(name) + "\"), or take it from the environment with env().",
		Subject: e.Range().Ptr(),
	})
}
