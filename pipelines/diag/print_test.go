package diag_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/apparentlymart/go-textseg/v15/textseg"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/diag"
)

const source = "pipeline \"p\" {\n\tkeep = record.totl > 0\n  reason = \"é✓👍🏽 e\u0301 ${nope} x\"\r\n  last = [\n    1,\n  ]\n}\n"

// at is the place of a piece of source, with columns as the HCL parser counts them: in what a reader calls a character.
func at(t *testing.T, piece string) *hcl.Range {
	t.Helper()
	start := strings.Index(source, piece)
	if start < 0 {
		t.Fatalf("no %q", piece)
	}
	position := func(end int) hcl.Pos {
		tail := source[:end]
		line := strings.Count(tail, "\n") + 1
		from := strings.LastIndex(tail, "\n") + 1
		tokens := hcl.NewRangeScanner([]byte(tail[from:]), "main.hcl", textseg.ScanGraphemeClusters)
		column := 1
		for tokens.Scan() {
			column++
		}
		return hcl.Pos{Line: line, Column: column, Byte: end}
	}
	return &hcl.Range{Filename: "main.hcl", Start: position(start), End: position(start + len(piece))}
}

func TestPrint(t *testing.T) {
	t.Parallel()
	list := diag.List{
		{
			Severity: diag.Error, Code: "lang.unknown_field", Summary: "Unknown field \"totl\"", Detail: "The order has no such field.",
			Suggest: "total", Subject: at(t, "totl"),
		},
		{Severity: diag.Warning, Code: "lang.unknown_name", Summary: "Unknown name \"nope\"", Detail: "Two\nlines.", Subject: at(t, "nope")},
		{Severity: diag.Error, Code: "lang.wrong_type", Summary: "Several lines", Detail: "Detail.", Subject: at(t, "[\n    1,\n  ]")},
		{Severity: diag.Error, Code: "lang.no_project", Summary: "No project here", Detail: "There is no *.hcl file."},
		{
			Severity: diag.Error, Code: "lang.syntax", Summary: "Elsewhere", Detail: "Not to be shown.",
			Subject: &hcl.Range{Filename: "other.hcl", Start: hcl.Pos{Line: 9, Column: 2}},
		},
	}
	var out strings.Builder
	diag.Print(&out, list, map[string][]byte{"main.hcl": []byte(source)}, false)
	want := `Error: Unknown field "totl"  [lang.unknown_field]

  main.hcl line 2, column 16
     2: ` + "\t" + `keep = record.totl > 0
        ` + "\t" + `              ^^^^

  The order has no such field. Did you mean "total"?

Warning: Unknown name "nope"  [lang.unknown_name]

  main.hcl line 3, column 21
     3:   reason = "é✓👍🏽 e` + "\u0301" + ` ${nope} x"
                             ^^^^

  Two
  lines.

Error: Several lines  [lang.wrong_type]

  main.hcl line 4, column 10
     4:   last = [
                 ^

  Detail.

Error: No project here  [lang.no_project]

  There is no *.hcl file.

Error: Elsewhere  [lang.syntax]

  other.hcl line 9, column 2

  Not to be shown.

`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Error(d)
	}
}

// TestPrintLongLine: a line that no screen shows is left out.
func TestPrintLongLine(t *testing.T) {
	t.Parallel()
	rng := &hcl.Range{Filename: "main.hcl", Start: hcl.Pos{Line: 1, Column: 900}, End: hcl.Pos{Line: 1, Column: 901}}
	var out strings.Builder
	diag.Print(&out, diag.List{{Code: "lang.syntax", Subject: rng}}, map[string][]byte{"main.hcl": []byte(strings.Repeat("x", 2000))}, false)
	if strings.Contains(out.String(), "xx") || !strings.Contains(out.String(), "line 1, column 900") {
		t.Error(out.String())
	}
}

// TestPrintColor: colour only when asked, and reset in the same line.
func TestPrintColor(t *testing.T) {
	t.Parallel()
	list := diag.List{{Severity: diag.Error, Code: "lang.syntax", Summary: "No", Detail: "Detail.", Subject: at(t, "totl")}}
	list = append(list, diag.Diagnostic{Severity: diag.Warning, Code: "lang.no_match", Summary: "Hm", Detail: "Detail."})
	files := map[string][]byte{"main.hcl": []byte(source)}
	var plain, colored strings.Builder
	diag.Print(&plain, list, files, false)
	diag.Print(&colored, list, files, true)
	if strings.Contains(plain.String(), "\033") {
		t.Error("colour without being asked")
	}
	for line := range strings.Lines(colored.String()) {
		if i := strings.LastIndex(line, "\033["); i >= 0 && !strings.HasPrefix(line[i:], "\033[0m") {
			t.Errorf("not reset: %q", line)
		}
	}
	if !strings.Contains(colored.String(), "\033[31mError:") || !strings.Contains(colored.String(), "\033[33mWarning:") {
		t.Errorf("no colour: %q", colored.String())
	}
	stripped := strings.NewReplacer("\033[31m", "", "\033[33m", "", "\033[1m", "", "\033[0m", "").Replace(colored.String())
	if d := cmp.Diff(plain.String(), stripped); d != "" {
		t.Error(d)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	list := diag.List{
		{
			Severity: diag.Error, Code: "lang.unknown_field", Summary: "Unknown field \"totl\"", Detail: "Detail.", Suggest: "total",
			Subject: at(t, "totl"),
		},
		{Severity: diag.Warning, Code: "lang.no_match", Summary: "Hm", Detail: "Detail."},
	}
	got, err := json.Marshal(diag.JSON(list))
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"severity":"error","code":"lang.unknown_field","summary":"Unknown field \"totl\"","detail":"Detail.","did_you_mean":"total",` +
		`"place":{"file":"main.hcl","line":2,"column":16,"end_line":2,"end_column":20}},` +
		`{"severity":"warning","code":"lang.no_match","summary":"Hm","detail":"Detail."}]`
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Error(d)
	}
	if empty, _ := json.Marshal(diag.JSON(nil)); string(empty) != "[]" {
		t.Errorf("no diagnostics are %s", empty)
	}
}

func TestClosest(t *testing.T) {
	t.Parallel()
	known := []string{"total", "email", "id", "orderId"}
	for name, want := range map[string]string{
		"totl": "total", "emial": "email", "EMAIL": "email", "orderid": "orderId", "ordreId": "orderId", "ids": "id",
		"x": "", "": "", "something": "", "q": "",
	} {
		if got := diag.Closest(name, known); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// TestParserColumns: the places that the parser gives are what the snippets count with.
func TestParserColumns(t *testing.T) {
	t.Parallel()
	file, _ := hclsyntax.ParseConfig([]byte("a = [\"é✓👍🏽 e\u0301\", nope]"), "main.hcl", hcl.InitialPos)
	list := file.Body.(*hclsyntax.Body).Attributes["a"].Expr.(*hclsyntax.TupleConsExpr)
	if start := list.Exprs[1].Range().Start; start.Column != 15 {
		t.Errorf("nope stands at %v", start)
	}
}
