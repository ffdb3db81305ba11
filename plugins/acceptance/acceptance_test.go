package acceptance_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kopru-io/kopru/plugins/acceptance"
	"github.com/kopru-io/kopru/plugins/host"
)

// TestMain: the test binary confines connectors as kopru does.
func TestMain(m *testing.M) {
	host.ConfineIfAsked()
	os.Exit(m.Run())
}

// animals are the connectors of the zoo, each with the promise it breaks.
var animals = map[string]string{
	"unstable":    "describe.stable",
	"speechless":  "describe.complete",
	"incoherent":  "describe.coherent",
	"misdeclared": "describe.coherent",
	"careless":    "config.refused",
	"unwell":      "check.live",
	"chatty":      "secrets.silent",
	"indiscreet":  "secrets.silent",
	"keyless":     "read.all",
	"talkative":   "read.schema",
	"untyped":     "read.schema",
	"dropping":    "read.repeat",
	"restless":    "read.repeat",
	"lossy":       "read.resume",
	"gullible":    "read.bad_cursor",
	"pretending":  "write.create",
	"fuzzy":       "write.exact",
	"obliging":    "write.lookups",
	"overwriting": "write.update",
	"heedless":    "write.version",
	"agreeable":   "write.unknown_id",
	"hasty":       "write.partly",
	"cutting":     "write.text",
	"hoarding":    "write.delete",
	"forgetful":   "write.killed",
	"amnesiac":    "read.killed",
	"appending":   "append.cut_back",
	"buffering":   "append.killed",
	"placeless":   "append.order",
	"leaky":       "endure.leaks",
	"fragile":     "endure.parallel",
}

func TestZoo(t *testing.T) {
	bin := t.TempDir()
	honest := filepath.Join(bin, "kopru-connector-honest")
	if out, err := exec.Command("go", "build", "-o", honest, "./testdata/zoo").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Run("honest", func(t *testing.T) {
		r := judged(t, honest, "")
		if r.Level != acceptance.Enduring {
			t.Errorf("level %s:\n%s", r.Level, failures(r))
		}
		for _, result := range r.Results {
			if result.Status == acceptance.Skipped && !strings.HasPrefix(result.ID, "append.") && result.Subject != "log" {
				t.Errorf("%s %s was skipped: %s", result.ID, result.Subject, result.Detail)
			}
		}
	})
	for animal, broken := range animals {
		t.Run(animal, func(t *testing.T) {
			t.Parallel()
			binary := filepath.Join(bin, "kopru-connector-"+animal)
			if err := os.Link(honest, binary); err != nil {
				t.Fatal(err)
			}
			only, _, _ := strings.Cut(broken, ".")
			if broken == "secrets.silent" {
				only = "" // something has to be heard first
			}
			r := judged(t, binary, only)
			if !slices.ContainsFunc(r.Results, func(r acceptance.Result) bool { return r.ID == broken && r.Status == acceptance.Failed }) {
				t.Errorf("%s was not caught; these were:\n%s", broken, failures(r))
			}
			if r.Level == acceptance.Enduring {
				t.Errorf("the highest level in spite of it")
			}
		})
	}
}

func judged(t *testing.T, binary, only string) *acceptance.Report {
	t.Helper()
	dir := t.TempDir()
	for i := range 35 { // so many that there are places to resume at
		text := fmt.Sprintf(`{"id":"%06d","code":"c%d","note":"a note","count":%d,"version":1}`, i+1, i, i)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%06d.json", i+1)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "accept.hcl")
	err := os.WriteFile(file, []byte(`
config = { path = env("FOLDER"), password = "s3cret & more" }
refuse "path" { config = { path = "relative" } }
read "thing" { at_least = 35 }
write "thing" {
  create  = { code = "code-{unique}", note = "first", count = 1 }
  update  = { note = "second {unique}" }
  match   = { code = "code-{unique}" }
  invalid = { count = "many" }
}
write "log" { create = { line = "{unique}" } }
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := acceptance.ReadSpec(file, func(string) (string, bool) { return dir, true })
	if err != nil {
		t.Fatal(err)
	}
	r, err := acceptance.Run(context.Background(), acceptance.Options{Binary: binary, Spec: spec, Only: only, Launcher: os.Args[:1]})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func failures(r *acceptance.Report) (out string) {
	for _, result := range r.Results {
		if result.Status == acceptance.Failed {
			out += fmt.Sprintf("%s %s: %s\n", result.ID, result.Subject, result.Detail)
		}
	}
	return out
}
