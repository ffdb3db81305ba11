package pipelines

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/pipelines/expr"
)

// Templates knows the templates that come with kopru.
type Templates interface {
	Names() []string
	// Dir is a folder with the files of one.
	Dir(name string) (string, error)
}

// isProjectFile tells whether a file of a folder belongs to its definition.
func isProjectFile(name string) bool {
	return strings.HasSuffix(name, ".hcl") && !strings.HasSuffix(name, ".vars.hcl") && !strings.HasSuffix(name, TestFile) &&
		!strings.HasPrefix(name, ".") && name != LockFile
}

// use adds the files of the templates that the project names, but for those in whose place it has a file of its own.
// What a template declares as variables is what it can be given.
func (l *loader) use() {
	seen := map[string]hcl.Range{}
	for _, name := range sortedNames(l.files) {
		for _, block := range l.files[name].Blocks {
			if block.Type != "use" || !l.labels(block, []string{"name"}) {
				continue
			}
			if first, ok := seen[block.Labels[0]]; ok {
				l.errorf(block.LabelRanges[0], "lang.duplicate", "The name \""+block.Labels[0]+"\" is taken",
					"The first use of this name is at "+place(first)+". Give one of them another name.")
				continue
			}
			seen[block.Labels[0]] = block.DefRange()
			l.template(block)
		}
	}
}

func (l *loader) template(block *hclsyntax.Block) {
	b := l.body(block)
	l.alone = true // the variables are what the template declares, so not known yet
	source := b.text("source", "")
	l.alone = false
	l.offer(source, "template", l.shipped(), nil)
	if block.Body.Attributes["source"] == nil {
		b.lack("source", "Name a folder, such as \"../bridge\", or a template that comes with kopru: "+strings.Join(l.shipped(), ", ")+".")
	}
	with := b.attr("with")
	b.end()
	if source == "" {
		return
	}
	dir, ok := l.templateDir(source, b.place("source"))
	if !ok {
		l.lacking = true
		return
	}
	if with != nil {
		defer func() { l.with(with) }() // when the template's variables are known
	}
	l.project.Templates = append(l.project.Templates, dir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		l.errorf(b.place("source"), "lang.no_template", "The template can't be read", fmt.Sprintf("%s: %v.", source, unwrapped(err)))
		return
	}
	found := false
	for _, e := range entries {
		if e.IsDir() || !isProjectFile(e.Name()) {
			continue
		}
		found = true
		if _, replaced := l.project.Files[e.Name()]; replaced {
			continue
		}
		name := path.Join(filepath.ToSlash(source), e.Name())
		if body := l.parse(filepath.Join(dir, e.Name()), name); body != nil {
			l.files[name] = body
			l.noNesting(body)
		}
		l.input(filepath.Join(dir, e.Name()))
	}
	if !found {
		l.errorf(b.place("source"), "lang.no_template", "No template here", "There is no *.hcl file in "+source+".")
	}
}

// input notes a file outside of the project's folder that the definition depends on.
func (l *loader) input(path string) {
	if relative, err := filepath.Rel(l.project.Dir, path); err == nil {
		l.project.Inputs = append(l.project.Inputs, relative)
	}
}

func (l *loader) noNesting(body *hclsyntax.Body) {
	for _, block := range body.Blocks {
		if block.Type == "use" {
			l.errorf(block.DefRange(), "lang.unsupported", "A template in a template", "Only a project uses templates; name both there.")
		}
	}
}

// with takes the values that a template's variables are given.
func (l *loader) with(attr *hclsyntax.Attribute) {
	object, ok := attr.Expr.(*hclsyntax.ObjectConsExpr)
	if !ok {
		l.errorf(attr.Expr.Range(), "lang.wrong_type", "with is an object", "Write it as with = { name = value }, with the template's variables as names.")
		return
	}
	for _, item := range object.Items {
		key, diags := item.KeyExpr.Value(nil)
		if diags.HasErrors() || key.IsNull() || key.Type().FriendlyName() != "string" {
			l.errorf(item.KeyExpr.Range(), "lang.wrong_type", "Not a name", "Write the name of one of the template's variables.")
			continue
		}
		l.offerVariables(key.AsString())
		l.opts.cursor.mention(expr.Mention{Name: key.AsString(), Of: "var", Range: item.KeyExpr.Range()})
		if first, ok := l.given[key.AsString()]; ok {
			l.errorf(item.KeyExpr.Range(), "lang.duplicate", "Variable \""+key.AsString()+"\" is given twice",
				"The first value is at "+place(first.rng)+". Remove one.")
			continue
		}
		l.given[key.AsString()] = given{item.ValueExpr, item.KeyExpr.Range()}
	}
}

// offerVariables offers what can be given.
func (l *loader) offerVariables(name string) {
	if l.opts.cursor == nil {
		return
	}
	var names []string
	for _, file := range sortedNames(l.files) {
		for _, b := range l.files[file].Blocks {
			if b.Type == "variable" && len(b.Labels) == 1 {
				names = append(names, b.Labels[0])
			}
		}
	}
	l.offer(name, "variable", names, func(name string) string { return l.variableDoc(expr.Mention{Of: "var", Name: name}) })
}

// templateDir is the folder of a template: one that is named by its path, or one that comes with kopru.
func (l *loader) templateDir(source string, rng hcl.Range) (string, bool) {
	isPath := strings.HasPrefix(source, "./") || strings.HasPrefix(source, "../") || filepath.IsAbs(source)
	switch {
	case isPath:
		dir := source
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(l.project.Dir, source)
		}
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir, true
		}
		l.errorf(rng, "lang.no_template", "No such template", fmt.Sprintf("There is no folder %s; the path is relative to the project.", source))
		return "", false
	case l.opts.Templates != nil && slices.Contains(l.opts.Templates.Names(), source):
		dir, err := l.opts.Templates.Dir(source)
		if err != nil {
			l.errorf(rng, "lang.no_template", "The template can't be read", err.Error())
		}
		return dir, err == nil
	}
	l.add(diag.Diagnostic{
		Severity: diag.Error, Code: "lang.no_template", Summary: fmt.Sprintf("No template %q comes with kopru", source),
		Detail:  "There are: " + strings.Join(l.shipped(), ", ") + ". A folder of yours begins with ./ or ../.",
		Suggest: diag.Closest(source, l.shipped()), Subject: rng.Ptr(),
	})
	return "", false
}

func (l *loader) shipped() []string {
	if l.opts.Templates == nil {
		return []string{"none"}
	}
	return l.opts.Templates.Names()
}

// rootOf is the folder that holds a file which the definition names: the project's own first, so that it can replace
// a template's.
func (l *loader) rootOf(name string) string {
	for _, dir := range append([]string{l.project.Dir}, l.project.Templates...) {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && !info.IsDir() && filepath.IsLocal(name) {
			return dir
		}
	}
	return l.project.Dir
}

// givenBy is what vars files say, over what templates are given.
func (l *loader) givenBy() map[string]given {
	out := maps.Clone(l.given)
	maps.Copy(out, l.givenFiles())
	return out
}
