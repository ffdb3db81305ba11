package transforms_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/transforms"
	"github.com/kopru-io/kopru/transforms/std"
)

var (
	fence    = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")
	fileName = regexp.MustCompile(`^// (\S+)\n`)
)

// TestReadme runs what the guide shows: every script on the records below it, and every step.
func TestReadme(t *testing.T) {
	guide, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range std.Functions() {
		if f.Doc == "" {
			t.Errorf("%s has no documentation", f.Signature)
		}
	}
	if current := marked.ReplaceAllString(string(guide), "${1}"+strings.ReplaceAll(reference(), "$", "$$")+"${2}"); current != string(guide) {
		if os.Getenv("UPDATE") == "" {
			t.Errorf("the reference is not that of the code; UPDATE=1 go test writes it:\n%s", cmp.Diff(string(guide), current))
		} else if err := os.WriteFile("README.md", []byte(current), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir, blocks := t.TempDir(), fence.FindAllStringSubmatch(string(guide), -1)
	for _, b := range blocks {
		if m := fileName.FindStringSubmatch(b[2]); m != nil {
			path := filepath.Join(dir, m[1])
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			text := b[2]
			if b[1] == "json" {
				text = text[len(m[0]):]
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	var program *transforms.Program
	ran := 0
	for _, b := range blocks {
		switch kind, text := b[1], b[2]; kind {
		case "ts":
			if strings.Contains(text, "export default") {
				var diags any
				if program, diags = loadScript(dir, fileName.FindStringSubmatch(text)[1]); program == nil {
					t.Fatalf("%s\n%+v", text, diags)
				}
			}
		case "hcl":
			showStep(t, dir, text)
		case "":
			ran += showRecords(t, program, text)
		}
	}
	if ran < 10 {
		t.Errorf("only %d records were run; is the guide still written as this test reads it?", ran)
	}
}

var marked = regexp.MustCompile(`(?s)(<!-- library: [^\n]*-->\n).*?(<!-- end -->\n)`)

// reference are tables of what the library offers, a topic each.
func reference() string {
	var out strings.Builder
	topic, of := "", ""
	cell := strings.NewReplacer("|", "\\|")
	for _, f := range std.Functions() {
		if f.Topic != topic || f.Of != of {
			title := strings.ToUpper(f.Topic[:1]) + f.Topic[1:]
			if f.Of != "" {
				title += ": methods of `" + f.Of + "`"
			}
			fmt.Fprintf(&out, "\n**%s**\n\n| | what it does | example |\n|---|---|---|\n", title)
			topic, of = f.Topic, f.Of
		}
		var examples []string
		for _, e := range f.Examples {
			examples = append(examples, fmt.Sprintf("`%s` → `%s`", cell.Replace(e.Expression), cell.Replace(e.Result)))
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s |\n", cell.Replace(f.Signature), cell.Replace(f.Doc), strings.Join(examples, "<br>"))
	}
	return out.String() + "\n"
}

func loadScript(dir, name string) (*transforms.Program, any) {
	p, diags := transforms.Load(dir, name, transforms.Budget{})
	return p, diags
}

// showStep loads a step in a pipeline of its own.
func showStep(t *testing.T, dir, step string) {
	t.Helper()
	text := "pipeline \"p\" {\n  source \"s\" {\n    connection = file.here\n  }\n" + step + "}\n"
	if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	_, diags := pipelines.Load(dir, pipelines.Options{})
	for _, d := range diags {
		if d.Code != "lang.unknown_connection" {
			t.Errorf("%s\n%+v", step, d)
		}
	}
}

// showRecords runs lines of records; below each stands what comes of it.
func showRecords(t *testing.T, p *transforms.Program, text string) int {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		in, err := record.Decode([]byte(lines[i]))
		if err != nil {
			t.Fatalf("%s: %v", lines[i], err)
		}
		rt := p.Runtime(transforms.Env{Now: now, Vars: map[string]any{"country": "NL"}})
		got, err := rt.Call(context.Background(), in, nil)
		if want, ok := strings.CutPrefix(lines[i+1], "✗ "); ok {
			if f := failure(t, err); !strings.HasPrefix(f.Code+" "+f.Error(), want) {
				t.Errorf("%s gives %s %v, not %s", lines[i], f.Code, f, want)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", lines[i], err)
		}
		want, err := record.Decode([]byte(strings.TrimPrefix(lines[i+1], "→ ")))
		if err != nil {
			t.Fatalf("%s: %v", lines[i+1], err)
		}
		if !record.Equal(want, got) {
			t.Errorf("%s: %s", lines[i], cmp.Diff(encode(t, want), encode(t, got)))
		}
	}
	return len(lines) / 2
}
