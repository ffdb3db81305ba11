package engine_test

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/kopru-io/kopru/"

// arrows states which of our packages each room may import. The first matching prefix counts.
var arrows = []struct {
	room string
	may  []string
}{
	{"cmd/kopru-sandbox/mpluskassa", []string{"cmd/kopru-sandbox/fault", "cmd/kopru-sandbox/limit", "cmd/kopru-sandbox/shop"}},
	{"cmd/kopru-sandbox/vismanet", []string{"cmd/kopru-sandbox/fault", "cmd/kopru-sandbox/limit", "cmd/kopru-sandbox/shop"}},
	{"cmd/kopru-sandbox/fault", nil},
	{"cmd/kopru-sandbox/limit", nil},
	{"cmd/kopru-sandbox/shop", nil},
	{"cmd/kopru-sandbox", []string{"cmd/kopru-sandbox"}},
	{"cmd/kopru-connector-", []string{"plugins"}},
	{"cmd/", []string{"cmd", "engine", "pipelines", "transforms", "plugins/acceptance", "plugins/host", "plugins/protocol", "plugins/record", "plugins/release", "plugins/sdk", "plugins/starter"}},
	{"engine/bench", []string{"engine/state", "plugins/protocol", "plugins/sdk"}}, // which is a connector too
	{"engine", []string{"engine", "pipelines", "transforms", "plugins/host", "plugins/protocol", "plugins/record"}},
	{"pipelines/diag", nil},
	{"pipelines", []string{"pipelines", "transforms", "plugins/protocol", "plugins/record"}},
	{"transforms", []string{"transforms", "pipelines/diag", "plugins/record"}},
	{"plugins/protocol", nil},
	{"plugins/record", nil},
	{"plugins/sdk/fixture", []string{"plugins/sdk"}}, // in tests alone
	{"plugins/sdk", []string{"plugins/protocol", "plugins/record"}},
	{"plugins/host", []string{"plugins/host", "plugins/protocol", "plugins/record"}},
	{"plugins/acceptance", []string{"plugins/host", "plugins/protocol", "plugins/record"}},
	{"plugins/release", []string{"plugins/protocol"}},
	{"plugins/starter", []string{"plugins/protocol"}},
	{"plugins/sftp", []string{"plugins/file", "plugins/sdk", "plugins/protocol", "plugins/record"}}, // files, which lie elsewhere
	{"plugins/", []string{"plugins/sdk", "plugins/protocol", "plugins/record"}},                     // a connector; and its own packages
}

type listed struct {
	ImportPath string
	Dir        string
	Imports    []string
	GoFiles    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,GoFiles", module+"...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// TestArrows fails when an import points the wrong way.
func TestArrows(t *testing.T) {
	for _, p := range packages(t) {
		from := strings.TrimPrefix(p.ImportPath, module)
		for _, imported := range p.Imports {
			to, ours := strings.CutPrefix(imported, module)
			if ours && !allowed(from, to) {
				t.Errorf("%s must not import %s", from, to)
			}
		}
	}
}

func allowed(from, to string) bool {
	for _, a := range arrows {
		if !strings.HasPrefix(from, a.room) {
			continue
		}
		if to == from || strings.HasPrefix(to, from+"/") {
			return true
		}
		for _, prefix := range a.may {
			if to == prefix || strings.HasPrefix(to, prefix+"/") {
				return true
			}
		}
		return false
	}
	return false
}

// TestRoomNames keeps out the folders in which everything and nothing belongs.
func TestRoomNames(t *testing.T) {
	for _, p := range packages(t) {
		switch filepath.Base(p.ImportPath) {
		case "util", "utils", "common", "helper", "helpers", "base", "internal", "pkg", "lib", "misc":
			t.Errorf("%s: the name says nothing of what is inside", p.ImportPath)
		}
	}
}

// TestPackageSentence wants every package to say what it is.
func TestPackageSentence(t *testing.T) {
	for _, p := range packages(t) {
		documented := false
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			documented = documented || f.Doc != nil && (strings.HasPrefix(f.Doc.Text(), "Package ") || strings.HasPrefix(f.Doc.Text(), "Command "))
		}
		if len(p.GoFiles) > 0 && !documented {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}
