package pipelines

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/plugins/record"
)

// TestFile is how the files that hold tests end.
const TestFile = ".test.hcl"

// Suite is the tests of a folder.
type Suite struct {
	Tests []*Test           // in order of the files' names and of the text
	Files map[string][]byte // sources by file name, for the snippets of diagnostics
}

// Test says what a pipeline makes of records that are made up, when the systems hold what is made up.
type Test struct {
	Name     string
	Project  *Project // with the test's own settings
	Pipeline *Pipeline
	Now      time.Time
	Records  []Made
	Given    []Given
	Fails    []Fails
	Outcome  []string // of each record, or one for all; empty = delivered or unchanged
	Reason   []string // what the reasons contain, likewise; empty = not said
	Code     string
	Expect   []*Expect
	Snapshot bool
	Range    hcl.Range

	places map[string]hcl.Range // of the attributes
}

// Made is a record as the source is made to give it.
type Made struct {
	Key     string
	Deleted bool
	Payload map[string]any
}

// Given is what a system holds before the run.
type Given struct {
	Connection *Connection
	Entity     string
	Records    []map[string]any
}

// Fails makes a system refuse what is written to an entity.
type Fails struct {
	Connection           *Connection
	Entity               string
	Class, Code, Message string
	Times                int // 0 = always
}

// Expect is what should have come of a step: the record after a transform, or what a sink should have been sent.
type Expect struct {
	Step           Step
	Record         *Wanted // after a transform; of several source records, one each
	Create, Update *Wanted // nil = not said
	Exact          bool    // nothing else may have been sent
	Range          hcl.Range
}

// Wanted is objects of which the fields that are named are compared.
type Wanted struct {
	Objects []map[string]any
	Range   hcl.Range

	expr hclsyntax.Expression
	list bool
}

// Place is where the test says a field of the ith object, or the nearest to it that it writes out.
func (w *Wanted) Place(i int, path string) hcl.Range {
	if w.list {
		path = fmt.Sprintf("[%d].%s", i, path)
	}
	return placeOf(w.expr, path)
}

// Place is where an attribute of the test stands, the test's beginning when it says nothing.
func (t *Test) Place(attribute string) hcl.Range {
	if rng, ok := t.places[attribute]; ok {
		return rng
	}
	return t.Range
}

// placeOf follows a path such as "lines[0].sku" into an expression, as far as it is written out.
func placeOf(e hclsyntax.Expression, path string) hcl.Range {
	name, rest := path, ""
	if i := strings.IndexAny(strings.TrimPrefix(path, "["), ".["); i >= 0 {
		i += len(path) - len(strings.TrimPrefix(path, "["))
		name, rest = path[:i], strings.TrimPrefix(path[i:], ".")
	}
	switch inner := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		return placeOf(inner.Expression, path)
	case *hclsyntax.ObjectConsExpr:
		for _, item := range inner.Items {
			if key, diags := item.KeyExpr.Value(nil); !diags.HasErrors() && !key.IsNull() && key.Type().FriendlyName() == "string" && key.AsString() == name {
				if rest == "" {
					return hcl.RangeBetween(item.KeyExpr.Range(), item.ValueExpr.Range())
				}
				return placeOf(item.ValueExpr, rest)
			}
		}
	case *hclsyntax.TupleConsExpr:
		var i int
		if _, err := fmt.Sscanf(name, "[%d]", &i); err == nil && i < len(inner.Exprs) {
			if rest == "" {
				return inner.Exprs[i].Range()
			}
			return placeOf(inner.Exprs[i], rest)
		}
	}
	return e.Range()
}

// LoadTests reads the *.test.hcl files of a folder whose project is right. It looks at no variable of the environment:
// a test gives the same answer everywhere.
func LoadTests(dir string, opts Options) (*Suite, diag.List) {
	s := newSuite(dir, opts)
	s.run()
	s.out.Files = s.project.Files
	s.files = nil
	s.tidy()
	return s.out, s.diags
}

func newSuite(dir string, opts Options) *suite {
	opts.MadeUp = true
	return &suite{
		loader: newLoader(dir, opts), dir: dir, opts: opts, out: &Suite{}, worlds: map[string]*loader{}, seen: map[string]hcl.Range{},
	}
}

// run reads all tests, and returns the files they stand in.
func (s *suite) run() map[string]*hclsyntax.Body {
	files := s.read()
	for _, name := range sortedNames(files) {
		for _, block := range files[name].Blocks {
			if block.Type == "test" && s.labels(block, []string{"name"}) {
				s.test(block)
			}
		}
	}
	return files
}

// suite reads tests. Its own loader parses them and collects what is wrong; the world of a test is the project with the
// settings of that test.
type suite struct {
	*loader
	dir    string
	opts   Options
	out    *Suite
	locals []*hclsyntax.Block
	worlds map[string]*loader // by the settings' hash
	seen   map[string]hcl.Range
}

func (s *suite) read() map[string]*hclsyntax.Body {
	files := map[string]*hclsyntax.Body{}
	paths, _ := filepath.Glob(filepath.Join(s.dir, "*"+TestFile)) // the pattern is right
	for name := range s.opts.Buffers {
		if path := filepath.Join(s.dir, name); strings.HasSuffix(name, TestFile) && !slices.Contains(paths, path) {
			paths = append(paths, path) // not saved yet
		}
	}
	for _, path := range paths {
		name := filepath.Base(path)
		body := s.parse(path, name)
		if body == nil {
			continue
		}
		files[name] = body
		for _, attr := range body.Attributes {
			s.offer(attr.Name, "block", []string{"test", "locals"}, nil)
			s.errorf(attr.NameRange, "lang.unknown_attribute", "Unexpected attribute \""+attr.Name+"\"",
				"At the top of a file of tests there are only the blocks test and locals.")
		}
		for _, block := range body.Blocks {
			switch block.Type {
			case "test":
			case "locals":
				s.locals = append(s.locals, block)
			default:
				s.add(diag.Diagnostic{
					Severity: diag.Error, Code: "lang.unknown_block", Summary: "Unexpected block \"" + block.Type + "\"",
					Detail:  "A file of tests has the blocks test and locals; everything else stands in the other *.hcl files.",
					Suggest: diag.Closest(block.Type, []string{"test", "locals"}), Subject: block.TypeRange.Ptr(),
				})
			}
		}
	}
	return files
}

// world is the project with some settings changed, and with the locals of the tests.
func (s *suite) world(set map[string]any, rng hcl.Range) *loader {
	key := record.Hash(set)
	if w, ok := s.worlds[key]; ok {
		return w
	}
	w := newLoader(s.dir, s.opts)
	w.varied, w.variedAt = set, rng
	w.load(s.locals)
	maps.Copy(s.project.Files, w.project.Files)
	before := s.worlds[record.Hash(nil)]
	for _, d := range w.diags {
		if d.Severity == diag.Error && (before == nil || !slices.ContainsFunc(before.diags, func(o diag.Diagnostic) bool { return samePlace(o, d) })) {
			s.add(d)
		}
	}
	s.project.Secrets = append(s.project.Secrets, w.project.Secrets...)
	s.worlds[key] = w
	return w
}

func samePlace(a, b diag.Diagnostic) bool {
	return a.Code == b.Code && (a.Subject == nil) == (b.Subject == nil) && (a.Subject == nil || *a.Subject == *b.Subject)
}

func (s *suite) test(block *hclsyntax.Block) {
	name := block.Labels[0]
	if first, ok := s.seen[name]; ok {
		s.errorf(block.LabelRanges[0], "lang.duplicate", "The test \""+name+"\" stands here twice",
			"The first one is at "+place(first)+". Give one of them another name.")
	}
	s.seen[name] = block.DefRange()
	world := s.world(nil, block.DefRange())
	var set map[string]any
	if attr := block.Body.Attributes["vars"]; attr != nil {
		before := len(world.diags)
		v, _ := world.evaluate(attr.Expr)
		var isObject bool
		if set, isObject = v.(map[string]any); !isObject && len(world.diags) == before {
			world.errorf(attr.Expr.Range(), "lang.wrong_type", "vars is an object", "Write it as vars = { name = value }.")
		}
		s.add(world.diags[before:]...)
		world.diags = world.diags[:before]
		world = s.world(set, attr.Expr.Range())
	}
	before := len(world.diags)
	t := &tester{flow: &flow{loader: world}, test: &Test{Name: name, Project: world.project, Range: block.DefRange(), places: map[string]hcl.Range{}}}
	t.read(block)
	s.add(world.diags[before:]...)
	world.diags = world.diags[:before]
	s.out.Tests = append(s.out.Tests, t.test)
}
