package pipelines

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

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
	Standard []byte            // stands for what is in DefaultVarFile, nil = the file is read
	Env      func(string) (string, bool)
	Secret   func(name string) (string, error) // what secret() gives; nil = there are none
	Version  string                            // kopru's own, for require { kopru = … }; "" = not checked
	// Detached is for an editor's machine: that env() and secret() have no values there is no mistake, and what depends
	// on them is not judged. The project can't be run then.
	Detached bool
	// Templates are those that a use block can name without a path, nil = none.
	Templates Templates
	MadeUp    bool              // look at nothing outside of the project: what env() would read is made up
	Buffers   map[string][]byte // files of the project as an editor has them, by name, instead of those on the disk

	cursor *cursor
}

// nothing is the catalog of no connectors.
type nothing struct{}

func (nothing) Names() []string { return nil }
func (nothing) Manifest(string) (*protocol.Manifest, error) {
	return nil, errors.New("no connector is installed")
}

// DefaultVarFile is read when it is there, before the files that are named.
const DefaultVarFile = "kopru.vars.hcl"

// Load reads every *.hcl file of a folder. It returns all diagnostics, and the project as far as it could be made
// out; with errors among the diagnostics it must not be run.
func Load(dir string, opts Options) (*Project, diag.List) {
	l := newLoader(dir, opts)
	l.load(nil)
	l.tidy()
	return l.project, l.diags
}

// load reads the project, with more locals than its own files have.
func (l *loader) load(locals []*hclsyntax.Block) {
	l.read(l.project.Dir)
	blocks := l.sort()
	l.require(blocks["require"])
	l.variables(blocks["variable"])
	l.locals(slices.Concat(blocks["locals"], locals))
	l.engine(blocks["engine"])
	l.connections(blocks["connection"])
	l.pipelines(blocks["pipeline"])
	l.reconciles(blocks["reconcile"])
	l.alerts(blocks["alert"])
}

func newLoader(dir string, opts Options) *loader {
	if opts.Catalog == nil {
		opts.Catalog = nothing{}
	}
	if opts.Env == nil || opts.MadeUp {
		opts.Env = func(string) (string, bool) { return "", false }
	}
	l := &loader{
		opts: opts, files: map[string]*hclsyntax.Body{}, functions: expr.Functions(),
		project: &Project{Dir: dir, Files: map[string][]byte{}, paths: map[string]string{}}, unparsed: map[string]bool{},
		broken: map[string]bool{}, sensitive: map[string]bool{}, maps: map[string]bool{}, sources: map[string]string{}, unusable: map[string]bool{}, origins: map[string]hcl.Range{}, given: map[string]given{},
	}
	l.functions["env"], l.functions["file"], l.functions["secret"] = l.envFunction(), l.fileFunction(), l.secretFunction()
	return l
}

// tidy puts the diagnostics in order of the text, leaves out what may only follow from a text that can't be parsed, and
// blots out secrets.
func (l *loader) tidy() {
	told := map[string]bool{}
	l.diags = slices.DeleteFunc(l.diags, func(d diag.Diagnostic) bool {
		if d.Subject != nil { // as of a script in several steps
			key := fmt.Sprint(d.Subject, d.Code, d.Summary, d.Detail)
			if told[key] {
				return true
			}
			told[key] = true
		}
		if l.lacking && len(l.project.Templates) == 0 && slices.Contains([]string{"lang.unknown_connection", "var.undeclared", "var.unknown"}, d.Code) {
			return true
		}
		if len(l.unparsed) == 0 || d.Code == "lang.syntax" || d.Code == "lang.unreadable" || d.Subject == nil {
			return false
		}
		return l.unparsed[d.Subject.Filename] || slices.Contains([]string{"lang.unknown_connection", "var.undeclared", "var.unknown"}, d.Code)
	})
	slices.SortStableFunc(l.diags, func(a, b diag.Diagnostic) int {
		if a.Subject == nil || b.Subject == nil {
			return cmp.Compare(boolean(a.Subject != nil), boolean(b.Subject != nil))
		}
		return cmp.Or(cmp.Compare(a.Subject.Filename, b.Subject.Filename), cmp.Compare(a.Subject.Start.Byte, b.Subject.Start.Byte))
	})
	for _, secret := range l.project.Secrets {
		if len(secret) < shortestSecret {
			continue
		}
		for i := range l.diags {
			l.diags[i].Summary = strings.ReplaceAll(l.diags[i].Summary, secret, "•••")
			l.diags[i].Detail = strings.ReplaceAll(l.diags[i].Detail, secret, "•••")
		}
		for name, text := range l.project.Files {
			l.project.Files[name] = bytes.ReplaceAll(text, []byte(secret), bytes.Repeat([]byte("*"), len(secret)))
		}
	}
}

// shortestSecret: blotting out shorter ones would tell them, by where the gaps are.
const shortestSecret = 4

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// loader carries a project from text to definition.
type loader struct {
	opts      Options
	project   *Project
	files     map[string]*hclsyntax.Body
	functions map[string]expr.Function
	declared  []*Pipeline    // also those that are not enabled
	vars      map[string]any // values by name
	localVars map[string]any
	diags     diag.List

	unparsed  map[string]bool      // files with a syntax error
	lacking   bool                 // a template is not there, which was told
	broken    map[string]bool      // "var.x" and "local.x" without a value, which was told
	sensitive map[string]bool      // "var.x" and "local.x" that hold secrets
	sources   map[string]string    // where required connectors come from, by name
	unusable  map[string]bool      // connectors that were told to be so
	maps      map[string]bool      // "var.x" declared as maps
	origins   map[string]hcl.Range // where variables have their values from
	alone     bool                 // var and local can't be referred to now
	unset     bool                 // env() or secret() had no value
	given     map[string]given     // what templates' variables are given
	varied    map[string]any       // values that a test gives variables
	variedAt  hcl.Range            // where it does
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
	for name := range l.opts.Buffers {
		if !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == name }) {
			entries = append(entries, unsaved(name))
		}
	}
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || !isProjectFile(name) {
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
	l.use()
}

// unsaved is a file that is only in an editor yet.
type unsaved string

func (u unsaved) Name() string             { return string(u) }
func (unsaved) IsDir() bool                { return false }
func (unsaved) Type() os.FileMode          { return 0 }
func (unsaved) Info() (os.FileInfo, error) { return nil, os.ErrNotExist }

func (l *loader) parse(path, name string) *hclsyntax.Body {
	data, given := l.opts.Buffers[name]
	if !given && l.opts.Standard != nil && path == filepath.Join(l.project.Dir, DefaultVarFile) {
		data, given = l.opts.Standard, true
	}
	var err error
	if !given {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		l.add(diag.Diagnostic{
			Severity: diag.Error, Code: "lang.unreadable", Summary: "A file can't be read", Detail: err.Error(),
		})
		return nil
	}
	l.project.Files[name], l.project.paths[name] = data, path
	if len(data) > largestFile || !utf8.Valid(data) {
		l.add(diag.Diagnostic{
			Severity: diag.Error, Code: "lang.unreadable", Summary: name + " can't be read",
			Detail: "A file is text in UTF-8 and at most 1 MiB.", Subject: &hcl.Range{Filename: name, Start: hcl.InitialPos, End: hcl.InitialPos},
		})
		l.unparsed[name] = true
		return nil
	}
	tokens, _ := hclsyntax.LexConfig(data, name, hcl.InitialPos)
	if rng, deep := tooDeep(tokens); deep {
		l.errorf(rng, "lang.syntax", "Too many brackets in brackets", "Take the expression apart with locals.")
		l.unparsed[name] = true
		return nil
	}
	l.leadingZeros(tokens)
	file, diags := hclsyntax.ParseConfig(data, name, hcl.InitialPos)
	l.takeOver(diags, name)
	if file == nil {
		return nil
	}
	body, _ := file.Body.(*hclsyntax.Body)
	return body
}

const (
	largestFile = 1 << 20
	deepest     = 200
)

// tooDeep finds the bracket that is nested deeper than a human would: parsers are recursive.
func tooDeep(tokens hclsyntax.Tokens) (hcl.Range, bool) {
	depth, prefix := 0, 0
	for _, token := range tokens {
		switch token.Type {
		case hclsyntax.TokenOParen, hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenTemplateInterp,
			hclsyntax.TokenTemplateControl, hclsyntax.TokenQuestion:
			depth++
		case hclsyntax.TokenCParen, hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenTemplateSeqEnd, hclsyntax.TokenColon:
			depth--
		}
		if token.Type == hclsyntax.TokenBang || token.Type == hclsyntax.TokenMinus {
			prefix++
		} else {
			prefix = 0
		}
		if depth > deepest || prefix > deepest {
			return token.Range, true
		}
	}
	return hcl.Range{}, false
}

// takeOver adds the parser's own diagnostics about a file. An attribute that stands twice does not keep the rest of the
// file from being understood; every other mistake may.
func (l *loader) takeOver(diags hcl.Diagnostics, name string) {
	told, last := map[string]bool{}, -1
	for _, d := range diags {
		if d.Summary == "Unclosed template interpolation sequence" {
			told["Invalid multi-line string"] = true // which it makes it
		}
	}
	for _, d := range fromHCL(diags) {
		if d.Summary == "Attribute redefined" {
			d.Code = "lang.duplicate"
			d.Detail += " Remove one of them."
		} else if d.Severity == diag.Error {
			l.unparsed[name] = true
			if told[d.Summary] { // the parser stumbles over one mistake several times
				continue
			}
			told[d.Summary] = true
			if d.Subject != nil && d.Subject.Start.Byte == last { // what follows from it
				continue
			}
			if d.Subject != nil {
				last = d.Subject.Start.Byte
			}
			if told["Invalid character"] && d.Summary == "Invalid expression" {
				continue // which the character makes it
			}
			if d.Summary == "Unclosed configuration block" {
				l.unclosed(&d, name)
			}
			if hint := slip(d, l.project.Files[name]); hint != "" {
				d.Detail = hint
			}
		}
		l.add(d)
	}
}

var method = regexp.MustCompile(`\.[a-zA-Z_]+$`)

// slip knows what people write who think of another language.
func slip(d diag.Diagnostic, text []byte) string {
	if d.Subject == nil || d.Subject.Start.Byte > len(text) {
		return ""
	}
	rest := text[d.Subject.Start.Byte:]
	before := bytes.TrimRight(text[:d.Subject.Start.Byte], " ")
	starts := func(word string) bool {
		return bytes.HasPrefix(rest, []byte(word)) && (len(rest) == len(word) || strings.ContainsAny(string(rest[len(word):len(word)+1]), " \t\n("))
	}
	switch {
	case bytes.HasPrefix(rest, []byte("=")) && (bytes.HasSuffix(before, []byte("==")) || bytes.HasSuffix(before, []byte("!="))):
		return "Two values are compared with == or !=; there is no === here."
	case d.Summary == "Invalid multi-line string":
		return "Is the closing quote missing? A text that goes over several lines is written <<-END, its lines, END."
	case bytes.HasSuffix(before, []byte(" not")):
		return "Write && for and, || for or, and ! for not."
	case bytes.HasSuffix(before, []byte(" if")):
		return "A choice is written condition ? one : other."
	case bytes.HasPrefix(rest, []byte("(")) && method.Match(before):
		return "Values have no methods: write function(value), such as upper(record.name), and [for x in list : x.field] for each of a list."
	case starts("="):
		return "To compare two values, write ==."
	case starts("and"), starts("or"), starts("not"):
		return "Write && for and, || for or, and ! for not."
	case starts("in"):
		return "Whether a list has an element is asked with contains(list, element)."
	}
	return ""
}

// leadingZeros finds numbers such as 01, which would lose their zeros: they are codes, and belong in quotes.
func (l *loader) leadingZeros(tokens hclsyntax.Tokens) {
	for i, token := range tokens {
		digits := token.Bytes
		if token.Type != hclsyntax.TokenNumberLit || len(digits) < 2 || digits[0] != '0' || digits[1] < '0' || digits[1] > '9' {
			continue
		}
		if i > 0 && tokens[i-1].Type == hclsyntax.TokenDot { // a.01
			continue
		}
		l.errorf(token.Range, "lang.leading_zero", "A number has no leading zeros",
			fmt.Sprintf("This would be %s. A code is a text: write it in quotes, \"%s\".", strings.TrimLeft(string(digits[:len(digits)-1]), "0")+string(digits[len(digits)-1:]), digits))
	}
}

// fromHCL takes over diagnostics of the HCL library.
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
	"reconcile": {"name"}, "alert": {"name"},
	"engine": {}, "use": {"name"},
}

// sort gathers the top-level blocks of all files by type.
func (l *loader) sort() map[string][]*hclsyntax.Block {
	out := map[string][]*hclsyntax.Block{}
	for _, name := range sortedNames(l.files) {
		body := l.files[name]
		for _, attr := range body.Attributes {
			l.offer(attr.Name, "block", sortedNames(blockTypes), func(name string) string { return blockDocs[name] })
			if slices.Contains(sortedNames(blockTypes), attr.Name) {
				l.errorf(attr.NameRange, "lang.unknown_attribute", "Unexpected attribute \""+attr.Name+"\"",
					"Write it as a block, without an equals sign: "+attr.Name+" { … }")
				continue
			}
			l.errorf(attr.NameRange, "lang.unknown_attribute", "Unexpected attribute \""+attr.Name+"\"",
				"At the top of a file there are only blocks: "+strings.Join(sortedNames(blockTypes), ", ")+".")
		}
		for _, block := range body.Blocks {
			labels, ok := blockTypes[block.Type]
			if block.Type == "test" {
				l.errorf(block.TypeRange, "lang.unknown_block", "A test among the pipelines",
					"Tests stand in files of their own, whose names end in "+TestFile+".")
				continue
			}
			if !ok {
				detail := belongs(block.Type)
				if detail == "" {
					detail = "The blocks are: " + strings.Join(sortedNames(blockTypes), ", ") + "."
				}
				l.add(diag.Diagnostic{
					Severity: diag.Error, Code: "lang.unknown_block", Summary: "Unknown block \"" + block.Type + "\"",
					Detail:  detail,
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

// distinct yields the blocks whose name is not taken yet, and reports the others.
func (l *loader) distinct(what string, blocks []*hclsyntax.Block) iter.Seq[*hclsyntax.Block] {
	return func(yield func(*hclsyntax.Block) bool) {
		seen := map[string]hcl.Range{}
		for _, block := range blocks {
			name := block.Labels[0]
			if first, ok := seen[name]; ok {
				l.errorf(block.DefRange(), "lang.duplicate", what+" \""+name+"\" stands here twice",
					"The first one is at "+place(first)+". Give one of them another name.")
				continue
			}
			seen[name] = block.DefRange()
			if !yield(block) {
				return
			}
		}
	}
}

// identifier checks a label that expressions refer to.
func (l *loader) identifier(block *hclsyntax.Block, label int) {
	if name := block.Labels[label]; !hclsyntax.ValidIdentifier(name) {
		l.errorf(block.LabelRanges[label], "lang.name", fmt.Sprintf("%q is not a name", name),
			"Expressions refer to it, so it begins with a letter and has only letters, digits, _ and -."+named(block))
	}
}

// named says where the name of a file, a table or an address goes.
func named(block *hclsyntax.Block) string {
	if !slices.Contains([]string{"source", "lookup", "sink", "target"}, block.Type) || len(block.Labels) == 0 {
		return ""
	}
	return fmt.Sprintf(" Give the step a short one, and write entity = %q in it.", block.Labels[0])
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
