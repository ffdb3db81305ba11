package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMistakesOnTheCommandLine: what is typed wrong is told with what was meant, or with how it is done.
func TestMistakesOnTheCommandLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"p.hcl": "variable \"country\" {\n  default = \"NL\"\n}\n\n" +
			"connection \"file\" \"here\" {}\n\npipeline \"orders\" {\n  source \"in\" {\n    connection = file.here\n    entity     = \"in.jsonl\"\n  }\n}\n",
		"in.jsonl": "{\"id\": 1}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for line, want := range map[string]string{
		"vaildate":                             "validate",
		"validate /nowhere":                    "there is no folder /nowhere; use: kopru validate [DIR]",
		"check " + dir + "/p.hcl":              "there is no folder",
		"validate a b":                         "use: kopru validate [DIR]",
		"run --onc":                            `did you mean "once"`,
		"plan --limt 3":                        `did you mean "limit"`,
		"plan --limit many":                    `"many" for "--limit"`,
		"secret set":                           "use: kopru secret set [DIR] NAME",
		"secret lst":                           `did you mean "list"`,
		"template coppy order.ts":              `did you mean "copy"`,
		"template list " + dir:                 "uses no template",
		"explain lang.unknwn_field":            `did you mean "lang.unknown_field"`,
		"explain digts":                        `did you mean "digits"`,
		"settings " + dir + " contry":          `did you mean "country"`,
		"validate " + dir + " --var contry=NL": `Did you mean "country"`,
		"validate " + dir + " --var country":   "name=value",
		"validate " + dir + " --vars no.hcl":   "no.hcl",
		"init " + dir + " --answers no.hcl":    "no.hcl",
		"init " + dir + " --set x":             "name=value",
		"init " + dir + " --credentials flie":  `"file"`,
		"fmt /nowhere":                         "/nowhere",
		"connector schema mpluskasa":           "mpluskassa",
	} {
		var out bytes.Buffer
		c := &cli{out: &out, err: &out, env: func(name string) (string, bool) { return binaries, name == "KOPRU_CONNECTORS" }}
		root := c.root()
		root.SetArgs(strings.Fields(line))
		root.SetOut(&out)
		root.SetErr(&out)
		err := root.ExecuteContext(t.Context())
		if err == nil {
			t.Errorf("%s: is taken", line)
			continue
		}
		if text := out.String() + err.Error(); !strings.Contains(text, want) {
			t.Errorf("%s: %s", line, text)
		}
	}
}

// TestLogTellsSpans: a machine reads the log's JSON, but so does the person who looks why a run waits.
func TestLogTellsSpans(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	(&cli{err: &out}).logger(nil).Warn("it waits", "in", 1606896081*time.Nanosecond)
	if !strings.Contains(out.String(), `"in":"1.607s"`) {
		t.Error(out.String())
	}
}
