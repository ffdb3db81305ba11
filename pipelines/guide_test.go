package pipelines_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"golang.org/x/tools/txtar"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/transforms"
)

// TestGuide runs what the guide shows: its pieces of HCL are right and have the style, its recipes make what it says of a
// record, and its reference is that of the code.
func TestGuide(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	guide := generated(string(data), "functions", functionReference())
	guide = generated(guide, "blocks", blockReference(t))
	if guide != string(data) {
		if os.Getenv("UPDATE") == "" {
			t.Errorf("the reference is not that of the code; UPDATE=1 go test writes it:\n%s", cmp.Diff(string(data), guide))
		} else if err := os.WriteFile("README.md", []byte(guide), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var last, before string // the last piece of HCL, and the one it belongs to
	recipes := 0
	for _, m := range fence.FindAllStringSubmatch(guide, -1) {
		language, text := m[1], m[2]
		switch language {
		case "hcl":
			if tidy, _ := pipelines.Format([]byte(text), "README.md"); string(tidy) != text {
				t.Errorf("kopru fmt changes it: %s", cmp.Diff(text, string(tidy)))
			}
			if !strings.HasPrefix(text, "test ") {
				before = ""
			} else {
				before = last
			}
			snippet(t, before, text)
			last = text
		case "ts":
			scriptTest(t, text)
		case "":
			recipes++
			recipe(t, last, text)
		}
	}
	if recipes < 15 {
		t.Errorf("%d recipes show what they make", recipes)
	}
}

var (
	fence  = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```\n")
	marked = `(?s)(<!-- %s: [^\n]*-->\n).*?(<!-- end -->\n)`
)

func generated(guide, name, text string) string {
	re := regexp.MustCompile(fmt.Sprintf(marked, name))
	return re.ReplaceAllStringFunc(guide, func(whole string) string {
		m := re.FindStringSubmatch(whole)
		return m[1] + text + m[2]
	})
}

func functionReference() string {
	var out strings.Builder
	var groups []string
	byGroup := map[string][]string{}
	for _, f := range pipelines.Functions() {
		if !slices.Contains(groups, f.Group) {
			groups = append(groups, f.Group)
		}
		cell := strings.NewReplacer("|", "\\|", "\n", " ")
		byGroup[f.Group] = append(byGroup[f.Group], fmt.Sprintf("| `%s` | %s | `%s` → `%s` |\n", f.Name, cell.Replace(f.Doc), cell.Replace(f.Example), cell.Replace(f.Result)))
	}
	slices.Sort(groups)
	for _, group := range groups {
		fmt.Fprintf(&out, "\n**%s**\n\n| | what it gives | example |\n|---|---|---|\n%s", group, strings.Join(byGroup[group], ""))
	}
	return out.String() + "\n"
}

// blocks are probed for what they take: each with an attribute that nobody knows.
var blocks = []struct{ name, what, probe string }{
	{"require", "which versions the project needs: `kopru = \"~> 1.2\"`, and connectors by their names; `{ version, source, key }` says where one comes from ([releases](../plugins/README.md#be-released))", ""},
	{"use", "brings in a template", "use \"u\" {\n zzz = 1\n}\n"},
	{"variable", "a setting", "variable \"v\" {\n default = 1\n zzz = 1\n}\n"},
	{"locals", "values made of settings", ""},
	{"connection", "a system, with its connector's settings", "connection \"file\" \"there\" {\n zzz = 1\n}\n"},
	{"alert", "who is told of what ([alerts](../engine/README.md#alerts))", "alert \"a\" {\n zzz = 1\n}\n"},
	{"engine", "where the state is, how long it keeps what, and how runs end", "engine {\n zzz = 1\n}\n"},
	{"oidc", "in `engine`: who logs people in ([login](../engine/README.md#login-by-an-identity-provider))", "engine {\n oidc {\n  zzz = 1\n }\n}\n"},
	{"pipeline", "a source and steps", "pipeline \"p\" {\n zzz = 1\n source \"x\" {\n connection = file.here\n }\n}\n"},
	{"source", "where records come from", step("source \"x\" {\n connection = file.here\n zzz = 1\n}\n")},
	{"filter", "which records go on", step("source \"x\" {\n connection = file.here\n}\nfilter \"f\" {\n keep = true\n zzz = 1\n}\n")},
	{"lookup", "finds one record elsewhere", step("source \"x\" {\n connection = file.here\n}\nlookup \"customer\" {\n connection = vismanet.books\n match = { email = \"\" }\n zzz = 1\n}\n")},
	{"transform", "makes another record", step("source \"x\" {\n connection = file.here\n}\ntransform \"t\" {\n set = record\n zzz = 1\n}\n")},
	{"sink", "finds, creates or updates one record", step("source \"x\" {\n connection = file.here\n}\nsink \"customer\" {\n connection = vismanet.books\n match = { email = \"\" }\n set = { name = \"\", email = \"\" }\n zzz = 1\n}\n")},
	{"on_error", "what happens to a record that fails", step("source \"x\" {\n connection = file.here\n}\non_error {\n zzz = 1\n}\n")},
}

func step(text string) string { return "pipeline \"p\" {\n" + text + "}\n" }

var has = regexp.MustCompile(`It has: (.*)\.$`)

// blockReference lists the attributes of every block, as the language itself tells them.
func blockReference(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	out.WriteString("\n| block | is | attributes |\n|---|---|---|\n")
	for _, b := range blocks {
		attributes := "names of your choice"
		if b.probe != "" {
			dir, opts := project(t, txtar.Parse([]byte("-- main.hcl --\n"+b.probe)))
			_, diags := pipelines.Load(dir, opts)
			attributes = ""
			for _, d := range diags {
				if m := has.FindStringSubmatch(d.Detail); m != nil && strings.Contains(d.Summary, "zzz") {
					attributes = "`" + strings.ReplaceAll(m[1], ", ", "`, `") + "`"
				}
			}
			if attributes == "" {
				t.Errorf("%s: what it has is not told: %+v", b.name, diags)
			}
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s |\n", b.name, b.what, attributes)
	}
	return out.String() + "\n"
}

// shippedBridge gives the settings of the bridge, which is all that a use of it needs to be judged.
type shippedBridge struct{ dir string }

func (shippedBridge) Names() []string { return []string{"mpluskassa-vismanet"} }

func (b shippedBridge) Dir(string) (string, error) {
	text, err := os.ReadFile("mpluskassa-vismanet/variables.hcl")
	if err == nil {
		err = os.WriteFile(filepath.Join(b.dir, "variables.hcl"), text, 0o600)
	}
	return b.dir, err
}

// snippet loads a piece of HCL: whole blocks as they are, steps in a pipeline. before is the project that a test is of.
func snippet(t *testing.T, before, text string) *pipelines.Project {
	t.Helper()
	archive := "-- main.hcl --\n" + inPipeline(t, text)
	if before != "" {
		archive = "-- main.hcl --\n" + before + "-- main.test.hcl --\n" + text
	}
	if strings.Contains(archive, `connection "`) {
		archive = "bare\n" + archive
	}
	dir, opts := project(t, txtar.Parse([]byte(archive)))
	opts.Templates = shippedBridge{t.TempDir()}
	p, diags := pipelines.Load(dir, opts)
	suite, more := pipelines.LoadTests(dir, opts)
	for _, d := range append(diags, more...) {
		t.Errorf("%s: %s\n%s", d.Code, said(d), text)
	}
	if before != "" && len(suite.Tests) != 1 {
		t.Errorf("%d tests in %s", len(suite.Tests), text)
	}
	return p
}

// inPipeline puts steps into a pipeline.
func inPipeline(t *testing.T, text string) string {
	t.Helper()
	file, diags := hclsyntax.ParseConfig([]byte(text), "README.md", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%v in %s", diags, text)
	}
	var steps, others strings.Builder
	for _, block := range file.Body.(*hclsyntax.Body).Blocks {
		rng := block.Range()
		rng.End = block.CloseBraceRange.End
		piece := string(rng.SliceBytes([]byte(text))) + "\n"
		if slices.Contains([]string{"filter", "lookup", "transform", "sink", "on_error"}, block.Type) {
			steps.WriteString(piece)
		} else {
			others.WriteString(piece)
		}
	}
	if steps.Len() == 0 {
		return text
	}
	return others.String() + step("source \"in\" {\n connection = file.here\n entity = \"in.jsonl\"\n}\n"+steps.String())
}

// recipe takes records through the steps of a snippet: each line is one, followed by what is made of it.
func recipe(t *testing.T, text, pairs string) {
	t.Helper()
	p := snippet(t, "", text)
	var in string
	for line := range strings.Lines(pairs) {
		line = strings.TrimSpace(line)
		want, isResult := strings.CutPrefix(line, "→ ")
		if !isResult {
			in = line
			continue
		}
		if got := through(t, p.Pipelines[0].Steps, in); got != want {
			t.Errorf("%s becomes\n%s, not\n%s by\n%s", in, got, want, text)
		}
	}
}

// scriptTest runs the tests of a script, of one that is as it says.
func scriptTest(t *testing.T, text string) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "order.test.ts"), []byte(text))
	write(t, filepath.Join(dir, "order.ts"), []byte(`export default (o: any, ctx: any) => o.lines.length > 0 ? o : ctx.fail("no lines")`))
	results, diags := transforms.Test(t.Context(), dir, "order.test.ts", func(string) bool { return true })
	if len(diags) > 0 || len(results) != 1 || results[0].Failure != nil {
		t.Errorf("%v %+v", diags, results)
	}
}

func through(t *testing.T, steps []pipelines.Step, in string) string {
	t.Helper()
	doc, err := record.Decode([]byte(in))
	if err != nil {
		t.Fatalf("%s: %v", in, err)
	}
	scope := &pipelines.Scope{Slots: make([]any, 20)}
	scope.Slots[pipelines.SlotRecord], scope.Slots[pipelines.SlotSource] = doc, doc
	value := func(e pipelines.Expr) any {
		v, err := e.Eval(scope)
		if err != nil {
			t.Errorf("%s: %v", in, err)
		}
		return v
	}
	for _, step := range steps {
		switch s := step.(type) {
		case *pipelines.Filter:
			if value(s.Keep) != true {
				return fmt.Sprint("dropped: ", value(s.Reason))
			}
		case *pipelines.Transform:
			scope.Slots[pipelines.SlotRecord] = value(s.Set)
		case *pipelines.Sink:
			scope.Slots[pipelines.SlotRecord] = value(s.Set)
		}
	}
	out, err := record.Encode(scope.Slots[pipelines.SlotRecord])
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(`,"`, `, "`, `":`, `": `, `},{`, `}, {`).Replace(string(out))
}
