package pipelines

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/dustin/go-humanize"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/pipelines/expr"
	"github.com/kopru-io/kopru/transforms"
)

func (f *flow) filter(block *hclsyntax.Block) {
	b := f.body(block)
	s := &Filter{Name: block.Labels[0], Range: block.DefRange()}
	keep := f.compile(b, "keep", "true or false", expr.Bool)
	if keep == nil {
		b.lack("keep", "Only records for which it is true go on.")
		keep = expr.Constant(true, block.DefRange())
	}
	s.Keep = keep
	if reason := f.compile(b, "reason", "a text", expr.String, expr.Number, expr.Bool); reason != nil {
		s.Reason = reason
	} else {
		s.Reason = expr.Constant("dropped by filter "+s.Name, block.DefRange())
	}
	b.end()
	f.pipeline.Steps = append(f.pipeline.Steps, s)
}

func (f *flow) lookup(block *hclsyntax.Block) {
	b := f.body(block)
	s := &Lookup{Name: block.Labels[0], Range: block.DefRange()}
	s.Connection, s.Entity, s.Schema = f.entity(b)
	match := f.compile(b, "match", "an object", expr.Object)
	if match == nil {
		b.lack("match", "Say what to look for, such as match = { email = record.email }.")
		match = expr.Constant(map[string]any{}, block.DefRange())
	}
	s.Match = match
	s.Missing = b.word("missing", "null", "null", "park", "dead_letter")
	s.Several = b.word("several", "dead_letter", "dead_letter", "first", "all")
	b.end()
	var shape *expr.Shape
	if s.Schema != nil && s.Connection != nil {
		f.able(block.DefRange(), s.Schema.GetCanLookup(), s.Connection, s.Entity, "look up")
		if block.Body.Attributes["match"] != nil {
			f.matchFields(match, s.Schema, s.Entity, s.Connection)
		}
		shape = expr.OfEntity(s.Schema, s.Entity+" of "+s.Connection.Type)
		if s.Several == "all" {
			shape = &expr.Shape{Kind: expr.List, Element: shape}
		}
	}
	s.Slot = f.name(block, shape)
	f.pipeline.Steps = append(f.pipeline.Steps, s)
}

func (f *flow) transform(block *hclsyntax.Block) {
	b := f.body(block)
	s := &Transform{Name: block.Labels[0], Range: block.DefRange()}
	set := f.compile(b, "set", "an object", expr.Object)
	before := len(f.diags)
	script := b.text("script", "")
	told := len(f.diags) > before
	budget := f.budget(b)
	if v, rng, ok := b.public("vars"); ok && v != nil {
		m, isObject := v.(map[string]any)
		if !isObject {
			f.errorf(rng, "lang.wrong_type", "vars is an object", "Write it as vars = { name = value }; the script sees it as ctx.vars.")
		}
		s.Vars = m
	}
	attr := block.Body.Attributes["script"]
	if set == nil && attr == nil {
		b.lack("script", "Name a JavaScript or TypeScript file of the project, or write the new record with set = { … }.")
	}
	b.end()
	switch {
	case set != nil && attr != nil:
		f.errorf(attr.NameRange, "lang.conflict", "Both script and set", "A transform has one of them; make two transforms of it.")
		f.env.Shapes["record"] = nil
	case set != nil:
		s.Set = set
		f.env.Shapes["record"] = set.Shape()
	case script == "":
		if attr != nil && !told && len(f.roots(attr.Expr, f.broken)) == 0 {
			f.errorf(attr.Expr.Range(), "lang.wrong_value", "No script", "Name a JavaScript or TypeScript file of the project.")
		}
		f.env.Shapes["record"] = nil
	default:
		s.Path, s.Input = script, f.env.Shapes["record"]
		s.Script = f.script(script, budget, b.place("script"), b.place("limits"))
		f.env.Shapes["record"] = nil
	}
	f.pipeline.Steps = append(f.pipeline.Steps, s)
}

// script compiles a script; what is wrong with it stands in the script, or at its name when it can't be read.
func (f *flow) script(path string, budget transforms.Budget, rng, limits hcl.Range) *transforms.Program {
	program, diags := transforms.Load(f.project.Dir, path, budget, f.project.Templates...)
	for _, d := range diags {
		if d.Subject == nil && d.Code == "transform.import" && filepath.IsLocal(path) {
			var known []string
			for _, dir := range append([]string{f.project.Dir}, f.project.Templates...) {
				for _, c := range scripts(dir) {
					known = append(known, c.Name)
				}
			}
			d.Summary, d.Detail = "There is no script \""+path+"\"", "It is looked for beside the pipelines, then in the templates that the project uses."
			d.Suggest = diag.Closest(path, known)
		}
		if d.Code == "transform.limits" {
			d.Subject = limits.Ptr()
		} else if d.Subject == nil || !f.keepSource(d.Subject.Filename) {
			d.Subject = rng.Ptr()
		}
		f.add(d)
	}
	if program != nil {
		for _, name := range program.Files() {
			if dir := f.rootOf(name); dir != f.project.Dir {
				f.input(filepath.Join(dir, name))
			}
		}
	}
	return program
}

// budget reads a script's limits.
func (f *flow) budget(b *body) transforms.Budget {
	v, rng, ok := b.public("limits")
	var out transforms.Budget
	if !ok || v == nil {
		return out
	}
	const how = `Write it as limits = { time = "1s", depth = 400, output = "4 MiB" }; with memory = "64 MiB" the script runs in a process of its own.`
	attr := b.block.Body.Attributes["limits"]
	m, isObject := v.(map[string]any)
	if !isObject {
		f.errorf(rng, "lang.wrong_value", "Wrong limits", how)
	}
	for _, name := range sortedNames(m) {
		value, ok := m[name], true
		switch name {
		case "time":
			out.Time = f.duration(value, entryRange(attr, name), "time", 0)
		case "depth":
			out.Depth = quantity(value)
			ok = out.Depth > 0
		case "output":
			out.Output = quantity(value)
			ok = out.Output > 0
		case "memory":
			out.Memory = quantity(value)
			ok = out.Memory > 0
		default:
			ok = false
		}
		if !ok {
			f.wrongEntry(attr, "Wrong limits", name, how, "time", "depth", "output", "memory")
		}
	}
	return out
}

// wrongEntry complains about an entry of an object, at its place.
func (l *loader) wrongEntry(attr *hclsyntax.Attribute, summary, name, how string, known ...string) {
	d := diag.Diagnostic{Severity: diag.Error, Code: "lang.wrong_value", Summary: summary, Detail: how, Subject: entryRange(attr, name).Ptr()}
	if slices.Contains(known, name) {
		d.Detail = fmt.Sprintf("%s can't be this. %s", name, how)
	} else {
		d.Detail = fmt.Sprintf("There is no %q. %s", name, how)
		d.Suggest = diag.Closest(name, known)
	}
	l.add(d)
}

// entryRange is where an entry of an object stands, or the whole attribute where that is made some other way.
func entryRange(attr *hclsyntax.Attribute, name string) hcl.Range {
	object, _ := attr.Expr.(*hclsyntax.ObjectConsExpr)
	if object != nil {
		for _, item := range object.Items {
			if key, diags := item.KeyExpr.Value(nil); !diags.HasErrors() && key.Type() == cty.String && !key.IsNull() && key.AsString() == name {
				return hcl.RangeBetween(item.KeyExpr.Range(), item.ValueExpr.Range())
			}
		}
	}
	return attr.Expr.Range()
}

// quantity is a whole number above zero, or a number of bytes such as "4 MiB"; 0 for what is neither.
func quantity(v any) int {
	if text, ok := v.(string); ok {
		bytes, err := humanize.ParseBytes(text)
		if err != nil || bytes > math.MaxInt32 {
			return 0
		}
		return int(bytes)
	}
	d, ok := positive(v)
	if !ok {
		return 0
	}
	i, err := d.Int64()
	if err != nil || i > math.MaxInt32 {
		return 0
	}
	return int(i)
}

// keepSource makes a script's text known, for the snippets of diagnostics.
func (f *flow) keepSource(name string) bool {
	if !filepath.IsLocal(name) {
		return false
	}
	path := filepath.Join(f.rootOf(name), name)
	data, err := os.ReadFile(path)
	if err == nil {
		f.project.Files[name], f.project.paths[name] = data, path
	}
	return err == nil
}
