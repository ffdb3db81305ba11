package transforms

import (
	"errors"
	"net/url"
	"reflect"
	"regexp"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/parser"

	"github.com/kopru-io/kopru/pipelines/diag"
)

// compile parses the bundle with its source map, refuses what no budget could stop, and compiles it.
func (b *bundler) compile(out *bundled) (*goja.Program, diag.List) {
	sourceMap := func(string) ([]byte, error) { return out.sourceMap, nil }
	tree, err := parser.ParseFile(nil, outName, out.source, 0, parser.WithSourceMapLoader(sourceMap))
	if err != nil {
		return nil, b.refused(err)
	}
	if diags := b.checkRegexps(tree); diags.HasErrors() {
		return nil, diags
	}
	code, err := goja.CompileAST(tree, true)
	if err != nil {
		return nil, b.refused(err)
	}
	return code, nil
}

// refused tells of source that esbuild accepts and goja does not.
func (b *bundler) refused(err error) diag.List {
	d := diag.Diagnostic{
		Severity: diag.Error, Code: "transform.syntax", Summary: err.Error(),
		Detail: "The script engine knows the language up to ES2022, without a few rare features.",
	}
	var list parser.ErrorList
	var compiler *goja.CompilerSyntaxError
	switch {
	case errors.As(err, &list) && len(list) > 0:
		d.Summary = list[0].Message
		d.Subject = b.place(list[0].Position)
	case errors.As(err, &compiler) && compiler.File != nil:
		d.Summary = compiler.Message
		d.Subject = b.place(compiler.File.Position(compiler.Offset))
	}
	return diag.List{d}
}

// checkRegexps refuses expressions that would run without bound or not do what they say.
func (b *bundler) checkRegexps(tree *ast.Program) diag.List {
	var diags diag.List
	walk(reflect.ValueOf(tree.Body), func(e *ast.RegExpLiteral) {
		if help := unfit(e.Pattern, e.Flags); help != "" {
			diags = append(diags, diag.Diagnostic{
				Severity: diag.Error, Code: "transform.regex", Summary: "/" + clip(e.Pattern, 200) + "/ can't be used",
				Detail: help, Subject: b.place(tree.File.Position(int(e.Idx0()) - tree.File.Base())),
			})
		}
	})
	return diags
}

var propertyEscape = regexp.MustCompile(`(?:^|[^\\])(?:\\\\)*\\[pP]\{`)

// unfit says what is wrong with a regular expression and what to do, "" for nothing.
func unfit(pattern, flags string) string {
	unicode := strings.Contains(flags, "u")
	if unicode && propertyEscape.MatchString(pattern) {
		return `The script engine does not know \p{…} and would look for these very characters. ` +
			`List what you mean, such as [a-zà-ÿ].`
	}
	_, err := parser.TransformRegExp(pattern, strings.Contains(flags, "s"), unicode)
	var incompatible parser.RegexpErrorIncompatible
	if errors.As(err, &incompatible) { // it would run by back-tracking
		return "Look-ahead, look-behind and back-references are not allowed, since they can run without end. " +
			"Match the parts with groups and compare them in code."
	}
	return ""
}

// walk calls visit for each regular expression below v. Scopes and files are reached by pointers that are no nodes.
func walk(v reflect.Value, visit func(*ast.RegExpLiteral)) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		switch node := v.Interface().(type) {
		case *ast.RegExpLiteral:
			visit(node)
			return
		case *file.File:
			return
		}
		walk(v.Elem(), visit)
	case reflect.Interface:
		walk(v.Elem(), visit)
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			// Declarations repeat what stands in the body.
			if f := v.Type().Field(i); f.IsExported() && f.Name != "DeclarationList" {
				walk(v.Field(i), visit)
			}
		}
	}
}

// authored is a position's file as the author knows it; "" when it is not in the project.
func authored(name string) string {
	if name == outName || name == "" || strings.HasPrefix(name, stdSpace+":") || strings.HasPrefix(name, "<") {
		return ""
	}
	if plain, err := url.PathUnescape(name); err == nil {
		return plain
	}
	return name
}
