package pipelines_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/pipelines/diag"
)

// seed begins with the HCL files of all wrong projects.
func seed(f *testing.F) {
	f.Helper()
	paths, err := filepath.Glob("testdata/wrong/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if filepath.Ext(file.Name) == ".hcl" {
				f.Add(file.Data)
			}
		}
	}
}

// FuzzLoad: whatever a file holds, nothing panics, and every diagnostic has a code and stands in the file.
func FuzzLoad(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		check(t, data)
	})
}

// TestDeep: what no human writes is refused, and quickly.
func TestDeep(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{
		"[", "(", "{", "!", "-", "a ? ", "\"${", "[for x in ", "a {\n", "f(", "{ a = ", "<<A\n${", "a || (", "a[", "a.*[*].", "1 + ", "a.",
		"a != ", "\"a\" == ", "%{ if ", "f(1)[", "a ? a : ",
	} {
		check(t, []byte("locals {\n  a = "+strings.Repeat(unit, 1500)))
		check(t, []byte("locals {\n  a = "+strings.Repeat(unit, 1500)+"1\n}\n"))
	}
}

func check(t *testing.T, data []byte) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.hcl"), data)
	write(t, filepath.Join(dir, "base.hcl"), []byte(base))
	p, diags := pipelines.Load(dir, pipelines.Options{
		Catalog: fixtures(), Env: func(string) (string, bool) { return "till-secret", true },
	})
	for _, d := range diags {
		if d.Summary == "" || diag.Explain(d.Code) == "" {
			t.Errorf("%+v", d)
		}
		placed(t, p, d)
	}
	var out bytes.Buffer
	diag.Print(&out, diags, p.Files, true)
}
