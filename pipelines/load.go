package pipelines

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/pipelines/expr"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// Catalog knows the connectors that are installed. It starts no process for one it has seen before.
type Catalog interface {
	Names() []string
	Manifest(name string) (*protocol.Manifest, error)
}

// Options of Load.
type Options struct {
	Catalog  Catalog
	Vars     map[string]string // --var: they win over everything
	VarFiles []string          // --var-file, in order; later ones win
	Env      func(string) (string, bool)
}

// DefaultVarFile is read when it is there, before the files that are named.
const DefaultVarFile = "kopru.vars.hcl"

// Load reads every *.hcl file of a folder. It returns all diagnostics, and the project as far as it could be made
// out; with errors among the diagnostics it must not be run.
func Load(dir string, opts Options) (*Project, diag.List) {
	l := &loader{
		opts: opts, files: map[string]*hclsyntax.Body{}, functions: expr.Functions(),
		project: &Project{Dir: dir, Files: map[string][]byte{}},
	}
	l.read(dir)
	blocks := l.sort()
	l.functions["env"], l.functions["file"] = l.envFunction(), l.fileFunction()
	l.require(blocks["require"])
	l.variables(blocks["variable"])
	l.locals(blocks["locals"])
	l.connections(blocks["connection"])
	l.pipelines(blocks["pipeline"])
	slices.SortStableFunc(l.diags, func(a, b diag.Diagnostic) int {
		if a.Subject == nil || b.Subject == nil {
			return 0
		}
		return cmp.Or(cmp.Compare(a.Subject.Filename, b.Subject.Filename), cmp.Compare(a.Subject.Start.Byte, b.Subject.Start.Byte))
	})
	return l.project, l.diags
}

// loader carries a project from text to definition.
type loader struct {
	opts      Options
	project   *Project
	files     map[string]*hclsyntax.Body
	functions map[string]expr.Function
	vars      map[string]any // values by name
	localVars map[string]any
	diags     diag.List
}

func (l *loader) add(diags ...diag.Diagnostic) { l.diags = append(l.diags, diags...) }

func (l *loader) errorf(rng hcl.Range, code, summary, detail string) {
	l.add(diag.Diagnostic{Severity: diag.Error, Code: code, Summary: summary, Detail: detail, Subject: rng.Ptr()})
}

// read parses the folder's files; a mistake in one does not hide those in others.
func (l *loader) read(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		l.add(diag.Diagnostic{
			Severity: diag.Error, Code: "lang.no_project", Summary: "No project here",
			Detail: "The folder can't be read: " + err.Error(),
		})
		return
	}
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || !strings.HasSuffix(name, ".hcl") || strings.HasSuffix(name, ".vars.hcl") || strings.HasPrefix(name, ".") {
			continue
		}
		if body := l.parse(filepath.Join(dir, name), name); body != nil {
			l.files[name] = body
		}
	}
	if len(l.project.Files) == 0 {
		l.add(diag.Diagnostic{
			Severity: diag.Error, Code: "lang.no_project", Summary: "No project here",
			Detail: "There is no *.hcl file in " + dir + ". Name the folder that holds your pipelines.",
		})
	}
}

func (l *loader) parse(path, name string) *hclsyntax.Body {
	data, err := os.ReadFile(path)
	if err != nil {
		l.add(diag.Diagnostic{
			Severity: diag.Error, Code: "lang.unreadable", Summary: "A file can't be read", Detail: err.Error(),
		})
		return nil
	}
	l.project.Files[name] = data
	file, diags := hclsyntax.ParseConfig(data, name, hcl.InitialPos)
	l.add(fromHCL(diags)...)
	if file == nil {
		return nil
	}
	body, _ := file.Body.(*hclsyntax.Body)
	return body
}

// fromHCL takes over the parser's own diagnostics.
func fromHCL(diags hcl.Diagnostics) diag.List {
	var out diag.List
	for _, d := range diags {
		severity := diag.Error
		if d.Severity == hcl.DiagWarning {
			severity = diag.Warning
		}
		out = append(out, diag.Diagnostic{
			Severity: severity, Code: "lang.syntax", Summary: d.Summary, Detail: d.Detail, Subject: d.Subject,
		})
	}
	return out
}

var blockTypes = map[string][]string{ // type → names of its labels
	"require": {}, "variable": {"name"}, "locals": {}, "connection": {"connector", "name"}, "pipeline": {"name"},
}

// sort gathers the top-level blocks of all files by type.
func (l *loader) sort() map[string][]*hclsyntax.Block {
	out := map[string][]*hclsyntax.Block{}
	for _, name := range sortedNames(l.files) {
		body := l.files[name]
		for _, attr := range body.Attributes {
			l.errorf(attr.NameRange, "lang.unknown_attribute", "Unexpected attribute \""+attr.Name+"\"",
				"At the top of a file there are only blocks: "+strings.Join(sortedNames(blockTypes), ", ")+".")
		}
		for _, block := range body.Blocks {
			labels, ok := blockTypes[block.Type]
			if !ok {
				l.add(diag.Diagnostic{
					Severity: diag.Error, Code: "lang.unknown_block", Summary: "Unknown block \"" + block.Type + "\"",
					Detail:  "The blocks are: " + strings.Join(sortedNames(blockTypes), ", ") + ".",
					Suggest: diag.Closest(block.Type, sortedNames(blockTypes)), Subject: block.TypeRange.Ptr(),
				})
				continue
			}
			if l.labels(block, labels) {
				out[block.Type] = append(out[block.Type], block)
			}
		}
	}
	return out
}

// labels checks that a block has the labels it needs.
func (l *loader) labels(block *hclsyntax.Block, want []string) bool {
	if len(block.Labels) == len(want) {
		return true
	}
	example := block.Type
	for _, name := range want {
		example += " \"" + name + "\""
	}
	l.errorf(block.DefRange(), "lang.labels", "Wrong labels", "Write this block as: "+example+" { … }")
	return false
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
