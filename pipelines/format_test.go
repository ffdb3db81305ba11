package pipelines_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines"
)

func TestFormat(t *testing.T) {
	t.Parallel()
	untidy := strings.Join([]string{
		"", "", "# what it is for   ", "pipeline   \"p\" {", "", "", "  source \"order\" {", "connection=mpluskassa.shop # the till",
		"      start = \"\"\t", "  }", "  filter \"f\" {", "    keep = record.total>0\r", "", "", "", "    // why  \r", "    reason = <<-EOT", "      a",
		"", "", "      b  ", "    EOT", "", "  }", "  # last words", "", "}", "variable \"a\" { default = 1 }",
		"variable \"b\" { default = {", "x=1", "", "  long = [1,2 ] }}", "locals {", "a=1", "}", "", "",
	}, "\n")
	want := `# what it is for
pipeline "p" {
  source "order" {
    connection = mpluskassa.shop # the till
    start      = ""
  }

  filter "f" {
    keep = record.total > 0

    // why
    reason = <<-EOT
      a


      b  
    EOT
  }

  # last words
}

variable "a" { default = 1 }
variable "b" { default = {
  x = 1

long = [1, 2] } }

locals {
  a = 1
}
`
	got, diags := pipelines.Format([]byte(untidy), "main.hcl")
	if d := cmp.Diff(want, string(got)); d != "" || len(diags) > 0 {
		t.Errorf("%s%v", d, diags)
	}
	wrong := []byte("pipeline \"p\" {\n")
	if got, diags := pipelines.Format(wrong, "main.hcl"); !diags.HasErrors() || !bytes.Equal(got, wrong) {
		t.Errorf("%q, %v", got, diags)
	}
}

// TestBridgeIsFormatted: what we ship has the style.
func TestBridgeIsFormatted(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("mpluskassa-vismanet/*.hcl")
	if err != nil || len(paths) == 0 {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := pipelines.Format(text, path)
		if d := cmp.Diff(string(text), string(got)); d != "" {
			t.Errorf("%s: kopru fmt changes it:\n%s", path, d)
		}
	}
}

// FuzzFormat: whatever a file holds, nothing panics, a second pass changes nothing, and the text that is still one means
// the same.
func FuzzFormat(f *testing.F) {
	seed(f)
	for _, text := range []string{
		"a = <<A\n x\n\n\n${ \n1 }\n\nA\n", "a = [ # c\n\n1,\n\n\n2 ]\r\nb {\r\n}\r\nc {\n\n}\n", "a = \"${ b\n}\"\n/* x\n\n\n */ b = 1", "\ufeffa = 1",
		"a = {\n\n  b = 1, c = (\n\n 2 )\n\n}\n", "b {\n  x = 1 }\nc {}\nd {\n} # e\nf {\n}/**/\n", "#a\n\n\n#b\n\n\n\na=1//c\n\n/**/",
		"a = !b\nc=- 1\nd = a ? b : c\ne = a ...\n", "a = f(\n  1,\n\n  2\n)\n", "a=b?c:d?e:f\nx = [for a , b in c: d=>e...if f]\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		once, diags := pipelines.Format(src, "main.hcl")
		if diags.HasErrors() {
			if !bytes.Equal(once, src) {
				t.Fatal("a text that is no HCL was changed")
			}
			return
		}
		if twice, _ := pipelines.Format(once, "main.hcl"); !bytes.Equal(once, twice) {
			t.Errorf("not done at once:\n%q\n%q\n%q", src, once, twice)
		}
		if before, after := meaning(t, src), meaning(t, once); !cmp.Equal(before, after) {
			t.Errorf("means something else: %s", cmp.Diff(before, after))
		}
	})
}

// meaning is what a parser makes of a text, without places.
func meaning(t *testing.T, src []byte) any {
	t.Helper()
	file, diags := hclsyntax.ParseConfig(src, "main.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%q can't be parsed: %v", src, diags)
	}
	return bodyMeaning(file.Body.(*hclsyntax.Body))
}

func bodyMeaning(body *hclsyntax.Body) any {
	attributes := map[string]any{}
	for name, attr := range body.Attributes {
		attributes[name] = expressionMeaning(attr.Expr)
	}
	var blocks []any
	for _, block := range body.Blocks {
		blocks = append(blocks, []any{block.Type, block.Labels, bodyMeaning(block.Body)})
	}
	return []any{attributes, blocks}
}

// expressionMeaning is the kinds of an expression's parts, in order, with the values of the literal ones.
func expressionMeaning(e hclsyntax.Expression) []string {
	var out []string
	_ = hclsyntax.VisitAll(e, func(node hclsyntax.Node) hcl.Diagnostics {
		switch node := node.(type) {
		case *hclsyntax.LiteralValueExpr:
			out = append(out, node.Val.GoString())
		case *hclsyntax.ScopeTraversalExpr:
			for _, step := range node.Traversal {
				switch step := step.(type) {
				case hcl.TraverseRoot:
					out = append(out, step.Name)
				case hcl.TraverseAttr:
					out = append(out, step.Name)
				case hcl.TraverseIndex:
					out = append(out, step.Key.GoString())
				}
			}
		case *hclsyntax.FunctionCallExpr:
			out = append(out, node.Name)
		case *hclsyntax.BinaryOpExpr:
			out = append(out, node.Op.Type.GoString())
		case hclsyntax.Expression:
			out = append(out, strings.TrimPrefix(kindOf(node), "*hclsyntax."))
		}
		return nil
	})
	return out
}

func kindOf(node any) string { return fmt.Sprintf("%T", node) }
