package pipelines

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/pipelines/expr"
	"github.com/kopru-io/kopru/plugins/record"
)

// variables works out every variable: its default, overridden by files, the environment and the command line.
func (l *loader) variables(blocks []*hclsyntax.Block) {
	l.vars = map[string]any{}
	l.alone = true
	given := l.givenBy()
	declared := map[string]*hclsyntax.Block{}
	var inOrder []string
	for _, block := range blocks {
		name := block.Labels[0]
		l.identifier(block, 0)
		if first, ok := declared[name]; ok {
			l.errorf(block.DefRange(), "lang.duplicate", "Variable \""+name+"\" is declared twice",
				"The first one is at "+place(first.DefRange())+". Remove one.")
			continue
		}
		declared[name] = block
		inOrder = append(inOrder, name)
	}
	for _, name := range inOrder {
		v, ok := l.variable(declared[name], name, given)
		l.vars[name] = v
		if !ok {
			l.broken["var."+name] = true
		}
	}
	l.alone = false
	l.unknownVariables(declared, given)
	l.describe(inOrder, declared, given)
	for _, name := range inOrder {
		for _, inner := range declared[name].Body.Blocks {
			if inner.Type == "validation" && !l.broken["var."+name] {
				l.validation(name, inner)
			}
		}
	}
}

// describe lists the variables for those who look at the settings or change them.
func (l *loader) describe(names []string, declared map[string]*hclsyntax.Block, files map[string]given) {
	literal := func(block *hclsyntax.Block, name string) any {
		attr := block.Body.Attributes[name]
		if attr == nil {
			return nil
		}
		v, _ := attr.Expr.Value(nil) // what is no literal was told already
		out, err := expr.FromCty(v)
		if err != nil {
			return nil
		}
		return out
	}
	for _, name := range names {
		block := declared[name]
		v := Variable{
			Name: name, Type: "any", Sensitive: l.sensitive["var."+name], Value: l.vars[name], From: "default",
			Default: literal(block, "default"), Required: block.Body.Attributes["default"] == nil, Range: block.DefRange(),
		}
		v.Description, _ = literal(block, "description").(string)
		if attr := block.Body.Attributes["type"]; attr != nil {
			if want, diags := typeexpr.TypeConstraint(attr.Expr); !diags.HasErrors() {
				v.Type = typeexpr.TypeString(want)
			}
		}
		for _, inner := range block.Body.Blocks {
			if text, ok := literal(inner, "error_message").(string); ok {
				v.Rules = append(v.Rules, text)
			}
		}
		if _, ok := files[name]; ok {
			v.From = "file"
		}
		if _, ok := l.opts.Env("KOPRU_VAR_" + name); ok {
			v.From = "environment"
		}
		if _, ok := l.opts.Vars[name]; ok {
			v.From = "command line"
		}
		if v.Sensitive {
			v.Value, v.Default = nil, nil
		}
		l.project.Variables = append(l.project.Variables, v)
	}
}

// place names a position in the text.
func place(rng hcl.Range) string { return fmt.Sprintf("%s, line %d", rng.Filename, rng.Start.Line) }

// unknownVariables complains about values for variables that nobody declares.
func (l *loader) unknownVariables(declared map[string]*hclsyntax.Block, files map[string]given) {
	unknown := func(name, where string, rng *hcl.Range) {
		if _, ok := declared[name]; ok {
			return
		}
		l.add(diag.Diagnostic{
			Severity: diag.Error, Code: "var.unknown", Summary: "There is no variable \"" + name + "\"",
			Detail:  where + " gives a value for it, but no variable block declares it.",
			Suggest: diag.Closest(name, sortedNames(declared)), Subject: rng,
		})
	}
	for _, name := range sortedNames(files) {
		unknown(name, "This line", files[name].rng.Ptr())
	}
	for _, name := range sortedNames(l.opts.Vars) {
		unknown(name, "--var", nil)
	}
	for _, name := range sortedNames(l.varied) {
		unknown(name, "The test", l.variedAt.Ptr())
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
	if _, err := os.Stat(standard); err == nil || l.opts.Standard != nil {
		paths = slices.Concat([]string{standard}, paths)
	}
	for _, path := range paths {
		name := filepath.Base(path)
		if path != standard {
			name = path // may have the name of another
		}
		body := l.parse(path, name)
		if body == nil {
			continue
		}
		for _, block := range body.Blocks {
			l.errorf(block.DefRange(), "lang.unknown_block", "Unexpected block", "A vars file has only lines such as name = \"value\".")
		}
		for name, attr := range body.Attributes {
			l.offerVariables(name)
			l.opts.cursor.mention(expr.Mention{Name: name, Of: "var", Range: attr.NameRange})
			out[name] = given{attr.Expr, attr.NameRange}
		}
	}
	return out
}

// declaration is what a variable block says.
type declaration struct {
	name                string
	block               *hclsyntax.Block
	want                cty.Type
	sensitive, nullable bool
}

func (l *loader) variable(block *hclsyntax.Block, name string, files map[string]given) (any, bool) {
	b := l.body(block)
	d := declaration{name: name, block: block, want: cty.DynamicPseudoType}
	b.text("description", "")
	d.sensitive = b.bool("sensitive", false)
	d.nullable = b.bool("nullable", false)
	if attr := b.attr("type"); attr != nil {
		var diags hcl.Diagnostics
		d.want, diags = typeexpr.TypeConstraint(attr.Expr)
		for _, d := range fromHCL(diags) {
			d.Code = "var.type"
			d.Detail += " Types are string, number, bool, list(…), map(…), object({ … }) and any."
			l.add(d)
		}
	}
	l.maps["var."+name] = d.want.IsMapType()
	l.sensitive["var."+name] = d.sensitive
	standard, rng, valid := b.value("default")
	b.end("validation")
	if attr := block.Body.Attributes["default"]; attr != nil && d.sensitive {
		l.plainSecret(attr.Expr, name)
	}
	v, rng, state := l.valueOf(d, files, standard, rng, valid)
	switch {
	case state == wrong:
		return nil, false
	case state == absent && block.Body.Attributes["default"] != nil:
		return nil, false // its mistake was told
	case state == absent:
		l.errorf(block.DefRange(), "var.missing", "Variable \""+name+"\" has no value",
			fmt.Sprintf("Give it one in %s, as KOPRU_VAR_%s in the environment, or with --var %s=….", DefaultVarFile, name, name))
		return nil, false
	case v == nil && !d.nullable && block.Body.Attributes["default"] == nil:
		l.errorf(rng, "var.invalid", "Variable \""+name+"\" can't be null", "Give it a value, or declare it with nullable = true.")
		return nil, false
	}
	if d.sensitive { // before its type is judged: what is wrong with a secret is still a secret
		l.secret(v)
	}
	l.origins[name] = rng
	converted, err := conform(v, d.want)
	if err != nil {
		l.errorf(rng, "var.invalid", "Wrong value for variable \""+name+"\"",
			fmt.Sprintf("It is declared as %s: %v. %s", typeexpr.TypeString(d.want), err, howToWrite(d.want)))
		return nil, false
	}
	if d.sensitive {
		l.secret(converted)
	}
	return converted, true
}

// howToWrite shows a value of a type.
func howToWrite(want cty.Type) string {
	switch {
	case want == cty.Bool:
		return "Write true or false, without quotes."
	case want == cty.Number:
		return "Write a number without quotes, such as 12.50."
	case want.IsListType() || want.IsSetType() || want.IsTupleType():
		return "Write a list, such as [\"a\", \"b\"]."
	case want.IsMapType() || want.IsObjectType():
		return "Write an object, such as { a = \"b\" }."
	}
	return "Write a text in quotes."
}

// state of a variable's value.
type state int

const (
	absent state = iota
	present
	wrong // which was told
)

// valueOf finds the value that wins: --var, the environment, files, the default.
func (l *loader) valueOf(d declaration, files map[string]given, standard any, rng hcl.Range, valid bool) (any, hcl.Range, state) {
	if v, ok := l.varied[d.name]; ok {
		return v, l.variedAt, present
	}
	if text, ok := l.opts.Vars[d.name]; ok {
		v, ok := l.fromText(text, d, "--var "+d.name)
		return v, d.block.DefRange(), stateOf(ok)
	}
	if text, ok := l.opts.Env("KOPRU_VAR_" + d.name); ok {
		v, ok := l.fromText(text, d, "KOPRU_VAR_"+d.name)
		return v, d.block.DefRange(), stateOf(ok)
	}
	if g, ok := files[d.name]; ok {
		v, ok := l.evaluate(g.expr)
		return v, g.expr.Range(), stateOf(ok)
	}
	if valid {
		return standard, rng, present
	}
	return nil, rng, absent
}

func stateOf(ok bool) state {
	if ok {
		return present
	}
	return wrong
}

// fromText reads a value given as plain text: texts as they are, everything else as an expression. What is wrong with
// it is told at the variable, since the text stands in no file.
func (l *loader) fromText(text string, d declaration, where string) (any, bool) {
	if d.want == cty.String {
		return text, true
	}
	e, diags := hclsyntax.ParseExpression([]byte(text), where, hcl.InitialPos)
	if diags.HasErrors() || hcl.ExprAsKeyword(e) != "" {
		return text, true
	}
	before := len(l.diags)
	v, ok := l.evaluate(e)
	for i := before; i < len(l.diags); i++ {
		l.diags[i].Subject = d.block.DefRange().Ptr()
		l.diags[i].Detail = where + ": " + l.diags[i].Detail
	}
	return v, ok
}

func (l *loader) validation(name string, block *hclsyntax.Block) {
	b := l.body(block)
	message := b.text("error_message", "The value is not allowed.")
	v, rng, ok := b.value("condition")
	if b.block.Body.Attributes["condition"] == nil {
		b.lack("condition", "It is true for values that are allowed, such as condition = var."+name+" != \"\".")
	}
	b.end()
	if !ok {
		return
	}
	isTrue, isBool := v.(bool)
	if !isBool {
		l.errorf(rng, "lang.wrong_type", "condition is true or false", "This is a "+record.Kind(v)+". Compare it with something.")
	} else if !isTrue {
		l.errorf(l.origins[name], "var.invalid", "Wrong value for variable \""+name+"\"",
			message+" (The rule is in "+place(block.DefRange())+".)")
	}
}
