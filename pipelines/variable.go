package pipelines

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/pipelines/expr"
	"github.com/kopru-io/kopru/plugins/record"
)

func (l *loader) envFunction() expr.Function {
	return expr.Function{
		Name: "env", Doc: "A variable of the environment, or the last argument when it is not set.",
		Example: `env("NOT_SET", "x") = "x"`, Min: 1, Max: 2, Returns: expr.String,
		Call: func(args []any) (any, error) {
			name, ok := args[0].(string)
			if !ok {
				return nil, errors.New("the name of a variable is needed")
			}
			if v, ok := l.opts.Env(name); ok && v != "" {
				return v, nil
			}
			if len(args) == 2 {
				return args[1], nil
			}
			return nil, fmt.Errorf("%s is not set in the environment; set it before you start kopru", name)
		},
	}
}

func (l *loader) fileFunction() expr.Function {
	return expr.Function{
		Name: "file", Doc: "The text of a file of the project.", Example: `file("greeting.txt") = "hello"`,
		Min: 1, Max: 1, Returns: expr.String,
		Call: func(args []any) (any, error) {
			name, _ := args[0].(string)
			if name == "" || !filepath.IsLocal(name) {
				return nil, fmt.Errorf("%q is no file inside the project", name)
			}
			data, err := os.ReadFile(filepath.Join(l.project.Dir, name))
			if err != nil {
				return nil, err
			}
			return string(data), nil
		},
	}
}

// require checks the versions that the project asks for.
func (l *loader) require(blocks []*hclsyntax.Block) {
	for _, block := range blocks {
		b := l.body(block)
		for _, attr := range b.rest() {
			b.known = append(b.known, attr.Name)
			v, ok := l.evaluate(attr.Expr)
			if !ok {
				continue
			}
			constraints, err := version.NewConstraint(fmt.Sprint(v))
			if err != nil {
				l.errorf(attr.Expr.Range(), "lang.wrong_value", "Not a version constraint", "Write it like \"~> 1.2\" or \">= 1.0, < 2.0\".")
				continue
			}
			l.checkVersion(attr, constraints)
		}
		b.end()
	}
}

func (l *loader) checkVersion(attr *hclsyntax.Attribute, constraints version.Constraints) {
	m, err := l.opts.Catalog.Manifest(attr.Name)
	if err != nil {
		l.unknownConnector(attr.Name, attr.NameRange, err)
		return
	}
	have, err := version.NewVersion(m.GetVersion())
	if err != nil || !constraints.Check(have) {
		l.errorf(attr.Expr.Range(), "lang.version", "Another version of "+attr.Name+" is needed",
			fmt.Sprintf("The project asks for %s; installed is %s.", constraints, m.GetVersion()))
	}
}

// variables works out every variable: its default, overridden by files, the environment and the command line.
func (l *loader) variables(blocks []*hclsyntax.Block) {
	l.vars = map[string]any{}
	given := l.givenFiles()
	declared := map[string]hcl.Range{}
	type check struct {
		name  string
		block *hclsyntax.Block
	}
	var checks []check
	for _, block := range blocks {
		name := block.Labels[0]
		if first, ok := declared[name]; ok {
			l.errorf(block.DefRange(), "lang.duplicate", "Variable \""+name+"\" is declared twice", "The first one is at "+first.String()+".")
			continue
		}
		declared[name] = block.DefRange()
		l.vars[name] = l.variable(block, name, given)
		for _, inner := range block.Body.Blocks {
			if inner.Type == "validation" {
				checks = append(checks, check{name, inner})
			}
		}
	}
	for name, g := range given {
		if _, ok := declared[name]; !ok {
			l.add(diag.Diagnostic{
				Severity: diag.Error, Code: "var.unknown", Summary: "There is no variable \"" + name + "\"",
				Detail: "A value is given for it, but no variable block declares it.", Suggest: diag.Closest(name, sortedNames(declared)),
				Subject: g.rng.Ptr(),
			})
		}
	}
	for name := range l.opts.Vars {
		if _, ok := declared[name]; !ok {
			l.add(diag.Diagnostic{
				Severity: diag.Error, Code: "var.unknown", Summary: "There is no variable \"" + name + "\"",
				Detail: "--var gives a value for it, but no variable block declares it.", Suggest: diag.Closest(name, sortedNames(declared)),
			})
		}
	}
	for _, c := range checks {
		l.validation(c.name, c.block)
	}
}

// given is a value from a vars file.
type given struct {
	expr hclsyntax.Expression
	rng  hcl.Range
}

func (l *loader) givenFiles() map[string]given {
	out := map[string]given{}
	paths := l.opts.VarFiles
	standard := filepath.Join(l.project.Dir, DefaultVarFile)
	if _, err := os.Stat(standard); err == nil {
		paths = slices.Concat([]string{standard}, paths)
	}
	for _, path := range paths {
		body := l.parse(path, filepath.Base(path))
		if body == nil {
			continue
		}
		for _, block := range body.Blocks {
			l.errorf(block.DefRange(), "lang.unknown_block", "Unexpected block", "A vars file has only lines such as name = \"value\".")
		}
		for name, attr := range body.Attributes {
			out[name] = given{attr.Expr, attr.NameRange}
		}
	}
	return out
}

func (l *loader) variable(block *hclsyntax.Block, name string, files map[string]given) any {
	b := l.body(block)
	b.text("description", "")
	sensitive := b.bool("sensitive", false)
	nullable := b.bool("nullable", false)
	want := cty.DynamicPseudoType
	if attr := b.attr("type"); attr != nil {
		var diags hcl.Diagnostics
		want, diags = typeexpr.TypeConstraint(attr.Expr)
		for _, d := range fromHCL(diags) {
			d.Code = "var.type"
			l.add(d)
		}
	}
	v, rng, found := b.value("default")
	b.end("validation")
	if g, ok := files[name]; ok {
		v, found = l.evaluate(g.expr)
		rng = g.expr.Range()
	}
	if text, ok := l.opts.Env("KOPRU_VAR_" + name); ok {
		v, found = l.fromText(text, want, "the environment variable KOPRU_VAR_"+name), true
		rng = block.DefRange()
	}
	if text, ok := l.opts.Vars[name]; ok {
		v, found = l.fromText(text, want, "--var "+name), true
		rng = block.DefRange()
	}
	if !found {
		if b.block.Body.Attributes["default"] == nil {
			l.errorf(block.DefRange(), "var.missing", "Variable \""+name+"\" has no value",
				fmt.Sprintf("Give it one in %s, as KOPRU_VAR_%s in the environment, or with --var %s=….", DefaultVarFile, name, name))
		}
		return nil
	}
	if v == nil && !nullable && b.block.Body.Attributes["default"] == nil {
		l.errorf(rng, "var.invalid", "Variable \""+name+"\" can't be null", "Give it a value, or declare it with nullable = true.")
	}
	converted, err := conform(v, want)
	if err != nil {
		l.errorf(rng, "var.invalid", "Wrong value for variable \""+name+"\"", fmt.Sprintf("It is declared as %s: %v.", typeexpr.TypeString(want), err))
		return v
	}
	if sensitive {
		l.secret(converted)
	}
	return converted
}

// fromText reads a value given as plain text: texts as they are, everything else as an expression.
func (l *loader) fromText(text string, want cty.Type, where string) any {
	if want == cty.String {
		return text
	}
	e, diags := hclsyntax.ParseExpression([]byte(text), where, hcl.InitialPos)
	if diags.HasErrors() || want == cty.DynamicPseudoType && hcl.ExprAsKeyword(e) != "" {
		return text
	}
	v, _ := l.evaluate(e)
	return v
}

// secret remembers what must never be shown.
func (l *loader) secret(v any) {
	switch v := v.(type) {
	case string:
		l.project.Secrets = append(l.project.Secrets, v)
	case []any:
		for _, item := range v {
			l.secret(item)
		}
	case map[string]any:
		for _, item := range v {
			l.secret(item)
		}
	}
}

func (l *loader) validation(name string, block *hclsyntax.Block) {
	b := l.body(block)
	message := b.text("error_message", "The value is not allowed.")
	v, _, ok := b.value("condition")
	b.end()
	if ok && v != true {
		l.errorf(block.DefRange(), "var.invalid", "Wrong value for variable \""+name+"\"", message)
	}
}

// conform converts v to a declared type as HCL does, and says where it can't.
func conform(v any, want cty.Type) (any, error) {
	if v == nil || want == cty.DynamicPseudoType {
		return v, nil
	}
	switch {
	case want == cty.String:
		switch v := v.(type) {
		case string:
			return v, nil
		case record.Number:
			return string(v), nil
		case bool:
			return fmt.Sprint(v), nil
		}
	case want == cty.Number:
		if _, ok := v.(record.Number); ok {
			return v, nil
		}
		if s, ok := v.(string); ok {
			if d, err := record.Number(s).Decimal(); err == nil {
				return record.FromDecimal(d), nil
			}
		}
	case want == cty.Bool:
		if b, ok := v.(bool); ok {
			return b, nil
		}
		if s, ok := v.(string); ok && (s == "true" || s == "false") {
			return s == "true", nil
		}
	case want.IsListType() || want.IsSetType():
		if list, ok := v.([]any); ok {
			return conformList(list, want.ElementType())
		}
	case want.IsMapType():
		if m, ok := v.(map[string]any); ok {
			return conformMap(m, func(string) cty.Type { return want.ElementType() })
		}
	case want.IsObjectType():
		if m, ok := v.(map[string]any); ok {
			for name, t := range want.AttributeTypes() {
				if _, present := m[name]; !present && !want.AttributeOptional(name) {
					return nil, fmt.Errorf("the field %q is missing (%s)", name, t.FriendlyName())
				}
			}
			return conformMap(m, func(k string) cty.Type {
				if want.HasAttribute(k) {
					return want.AttributeType(k)
				}
				return cty.DynamicPseudoType
			})
		}
	case want.IsTupleType():
		return v, nil
	}
	return nil, fmt.Errorf("a %s was given", record.Kind(v))
}

func conformList(list []any, element cty.Type) (any, error) {
	out := make([]any, len(list))
	for i, item := range list {
		x, err := conform(item, element)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		out[i] = x
	}
	return out, nil
}

func conformMap(m map[string]any, typeOf func(string) cty.Type) (any, error) {
	out := make(map[string]any, len(m))
	for k, item := range m {
		x, err := conform(item, typeOf(k))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
		out[k] = x
	}
	return out, nil
}

// locals works the locals out in whatever order they need each other.
func (l *loader) locals(blocks []*hclsyntax.Block) {
	l.localVars = map[string]any{}
	pending := map[string]*hclsyntax.Attribute{}
	for _, block := range blocks {
		for name, attr := range block.Body.Attributes {
			if first, ok := pending[name]; ok {
				l.errorf(attr.NameRange, "lang.duplicate", "Local \""+name+"\" is defined twice", "The first one is at "+first.NameRange.String()+".")
				continue
			}
			pending[name] = attr
		}
		for _, inner := range block.Body.Blocks {
			l.errorf(inner.DefRange(), "lang.unknown_block", "Unexpected block", "locals has only lines such as name = value.")
		}
	}
	for len(pending) > 0 {
		progress := false
		for _, name := range sortedNames(pending) {
			if slices.ContainsFunc(localsIn(pending[name].Expr), func(n string) bool { return pending[n] != nil }) {
				continue
			}
			v, _ := l.evaluate(pending[name].Expr)
			l.localVars[name] = v
			delete(pending, name)
			progress = true
		}
		if !progress {
			names := sortedNames(pending)
			l.errorf(pending[names[0]].NameRange, "lang.cycle", "Locals need each other in a circle",
				"None of these can be worked out first: "+strings.Join(names, ", ")+".")
			return
		}
	}
}

// localsIn lists the locals an expression refers to.
func localsIn(e hclsyntax.Expression) []string {
	var out []string
	for _, t := range e.Variables() {
		if t.RootName() == "local" && len(t) > 1 {
			if attr, ok := t[1].(hcl.TraverseAttr); ok {
				out = append(out, attr.Name)
			}
		}
	}
	return out
}
