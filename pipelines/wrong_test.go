package pipelines_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/pipelines/diag"
)

// base gives the projects of testdata their connections, unless they say "bare".
const base = `
connection "mpluskassa" "shop" {
  url    = "https://till.example.com"
  ident  = "shop"
  secret = env("TILL_SECRET")
}

connection "vismanet" "books" {
  client_secret = env("BOOKS_SECRET")
}

connection "file" "here" {}
`

// expectation is an "ERROR code: text" or "WARN code: text" comment, at the line it stands on; line 0 is the project.
type expectation struct {
	file     string
	line     int
	severity diag.Severity
	code     string
	parts    []string
	met      bool
}

var marker = regexp.MustCompile(`\b(ERROR|WARN) ([a-z]+\.[a-z_]+): `)

func expectations(file string, text []byte, place bool) []*expectation {
	var out []*expectation
	for i, line := range strings.Split(string(text), "\n") {
		found := marker.FindAllStringSubmatchIndex(line, -1)
		for k, m := range found {
			end := len(line)
			if k+1 < len(found) {
				end = found[k+1][0]
			}
			e := &expectation{file: file, line: i + 1, severity: diag.Error, code: line[m[4]:m[5]]}
			if line[m[2]:m[3]] == "WARN" {
				e.severity = diag.Warning
			}
			if !place {
				e.file, e.line = "", 0
			}
			for _, part := range strings.Split(line[m[1]:end], "…") {
				e.parts = append(e.parts, strings.Trim(part, " #/"))
			}
			out = append(out, e)
		}
	}
	return out
}

func (e *expectation) fits(d diag.Diagnostic) bool {
	if d.Code != e.code || d.Severity != e.severity || e.met {
		return false
	}
	if d.Subject == nil && e.line != 0 || d.Subject != nil && (d.Subject.Filename != e.file || d.Subject.Start.Line != e.line) {
		return false
	}
	text := said(d)
	return !slices.ContainsFunc(e.parts, func(part string) bool { return !strings.Contains(text, part) })
}

func said(d diag.Diagnostic) string {
	text := d.Summary + ". " + d.Detail
	if d.Suggest != "" {
		text += fmt.Sprintf(" did you mean %q", d.Suggest)
	}
	return text
}

// project unpacks an archive and returns its folder and the options its comment asks for.
func project(t *testing.T, archive *txtar.Archive) (string, pipelines.Options) {
	t.Helper()
	dir := t.TempDir()
	opts := pipelines.Options{Catalog: fixtures(), Vars: map[string]string{}, Version: "1.2.3"}
	environment := map[string]string{"TILL_SECRET": "till-secret", "BOOKS_SECRET": "books-secret"}
	bare := false
	for line := range strings.Lines(string(archive.Comment)) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		name, value, _ := strings.Cut(rest, "=")
		switch word {
		case "bare":
			bare = true
		case "env":
			environment[name] = value
		case "var":
			opts.Vars[name] = value
		case "var-file":
			opts.VarFiles = append(opts.VarFiles, filepath.Join(dir, rest))
		}
	}
	opts.Env = func(name string) (string, bool) { v, ok := environment[name]; return v, ok }
	for _, f := range archive.Files {
		write(t, filepath.Join(dir, f.Name), f.Data)
	}
	if !bare {
		write(t, filepath.Join(dir, "base.hcl"), []byte(base))
	}
	return dir, opts
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestWrong loads wrong projects: every mistake is told, once, at its place, with what to do, and nothing else is.
func TestWrong(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/wrong/*.txtar")
	if err != nil || len(paths) < 90 {
		t.Fatalf("%d wrong projects: %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			dir, opts := project(t, archive)
			want := expectations("", archive.Comment, false)
			for _, f := range archive.Files {
				name := f.Name
				if slices.Contains(opts.VarFiles, filepath.Join(dir, name)) {
					name = filepath.Join(dir, name)
				}
				want = append(want, expectations(name, f.Data, true)...)
			}
			if len(want) == 0 {
				t.Fatal("nothing is expected to be wrong")
			}
			loaded, diags := pipelines.Load(dir, opts)
			if suite, more := pipelines.LoadTests(dir, opts); !diags.HasErrors() {
				diags = append(diags, more...)
				maps.Copy(loaded.Files, suite.Files)
			}
			for _, d := range diags {
				wellFormed(t, loaded, d)
				i := slices.IndexFunc(want, func(e *expectation) bool { return e.fits(d) })
				if i < 0 {
					t.Errorf("unexpected: %s %s at %v: %s", d.Severity, d.Code, d.Subject, said(d))
					continue
				}
				want[i].met = true
			}
			for _, e := range want {
				if !e.met {
					t.Errorf("not told: %s %s at %s:%d: %q", e.severity, e.code, e.file, e.line, e.parts)
				}
			}
		})
	}
}

var clumsy = regexp.MustCompile(`%!|\w\.\.(\s|$)|: \.|\[\]$`)

// wellFormed checks what every diagnostic owes its reader.
func wellFormed(t *testing.T, p *pipelines.Project, d diag.Diagnostic) {
	t.Helper()
	if d.Code == "" || d.Summary == "" || len(d.Detail) < 10 {
		t.Errorf("says too little: %+v", d)
	}
	if diag.Explain(d.Code) == "" {
		t.Errorf("%s is not in the catalogue", d.Code)
	}
	if strings.ContainsAny(d.Summary, "\n") || clumsy.MatchString(said(d)) {
		t.Errorf("badly put: %s", said(d))
	}
	if strings.Contains(said(d), "till-secret") {
		t.Errorf("tells a secret: %s", said(d))
	}
	placed(t, p, d)
}

// placed checks that a diagnostic stands in a file.
func placed(t *testing.T, p *pipelines.Project, d diag.Diagnostic) {
	t.Helper()
	if d.Subject == nil {
		return
	}
	text, ok := p.Files[d.Subject.Filename]
	start, end := d.Subject.Start, d.Subject.End
	if !ok || start.Line < 1 || start.Column < 1 || start.Byte < 0 || end.Byte > len(text) || end.Byte < start.Byte || end.Line < start.Line ||
		start.Line > strings.Count(string(text), "\n")+1 {
		t.Errorf("stands outside of its file: %s at %v (known: %v)", d.Code, d.Subject, ok)
	}
}
