package pipelines

import (
	"strings"
	"testing"

	"github.com/kopru-io/kopru/plugins/record"
)

// TestVarFile changes values in texts of people, who find all else as they left it.
func TestVarFile(t *testing.T) {
	t.Parallel()
	const begin = `# Ada's shop
shop = "Old" # since May

vat = {
  "21" = "03" # high
  "9"  = "02" # low
  "0"  = "00"
}
short = { a = "1", b = "2" }
none  = {}
`
	for _, c := range []struct {
		name  string
		value any
		want  string
	}{
		{"shop", `New "${x}"`, "shop = \"New \\\"$${x}\\\"\" # since May\n"},
		{"vat", map[string]any{"21": "05", "9": "02", "0": "00"}, "vat = {\n  \"21\" = \"05\" # high\n  \"9\"  = \"02\" # low\n  \"0\"  = \"00\"\n}\n"},
		{"vat", map[string]any{"21": "03", "0": "00"}, "vat = {\n  \"21\" = \"03\" # high\n  \"0\"  = \"00\"\n}\n"},
		{"vat", map[string]any{"21": "03", "9": "02"}, "vat = {\n  \"21\" = \"03\" # high\n  \"9\"  = \"02\" # low\n}\n"},
		{
			"vat",
			map[string]any{"21": "03", "9": "02", "0": "00", "in x": "1"},
			"vat = {\n  \"21\"   = \"03\" # high\n  \"9\"    = \"02\" # low\n  \"0\"    = \"00\"\n  \"in x\" = \"1\"\n}\n",
		},
		{"short", map[string]any{"a": "1", "c": "3"}, "short = { a = \"1\", c = \"3\" }\n"},
		{"short", map[string]any{}, "short = {}\n"},
		{"none", map[string]any{"a": "1"}, "none  = { a = \"1\" }\n"},
		{"more", []any{"x", record.Number("2.5"), true, nil}, "none  = {}\n\n# what it is\nmore = [\"x\", 2.5, true, null]\n"},
	} {
		f, err := ReadVarFile([]byte(begin))
		if err != nil {
			t.Fatal(err)
		}
		f.Set(c.name, "what it is", c.value)
		got := string(f.Bytes())
		if !strings.Contains(got, c.want) || !strings.Contains(got, "# Ada's shop\n") {
			t.Errorf("%s = %v:\n%s", c.name, c.value, got)
		}
		again, err := ReadVarFile([]byte(got))
		if err != nil {
			t.Fatal(err)
		}
		v, err := ReadValue("any", string(again.file.Body().GetAttribute(c.name).Expr().BuildTokens(nil).Bytes()))
		if c.name != "more" && (err != nil || !record.Equal(v, c.value)) {
			t.Errorf("%s is %v, %v", c.name, v, err)
		}
		f.Unset(c.name)
		if strings.Contains(string(f.Bytes()), "\n"+c.name) {
			t.Errorf("%s is still there:\n%s", c.name, f.Bytes())
		}
	}
	for text, want := range map[string]string{`{ "21" = "03", eu = [1, 2.5] }`: `{ "21" = "03", eu = [1, 2.5] }`, "true": "true", "[]": "[]", `"a$${b}"`: `"a$${b}"`} {
		v, err := ReadValue("any", text)
		if err != nil || WriteValue(v) != want {
			t.Errorf("%s became %s, %v", text, WriteValue(v), err)
		}
	}
	for _, wrong := range []string{"1\nb = 2", "[1", "env(\"X\")", "x"} {
		if v, err := ReadValue("number", wrong); err == nil {
			t.Errorf("%q is %v", wrong, v)
		}
	}
}
