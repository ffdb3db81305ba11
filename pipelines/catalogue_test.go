package pipelines_test

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kopru-io/kopru/pipelines/diag"
)

var codePattern = regexp.MustCompile(`["\[]((?:lang|pair|var|expr|transform|source|filter|lookup|connector|sink|parked|replay|release|test|alert)\.[a-z_]{2,}|parked)["\]]`)

// TestCatalogue: every code in the sources is explained, and nothing is explained that is not there.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	used := map[string]string{}
	for _, root := range []string{".", "../transforms", "../engine", "../plugins", "../cmd/kopru"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && d.Name() == "node_modules" {
				return cmp.Or(err, fs.SkipDir)
			}
			if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".pb.go") || d.Name() == "catalogue.go" {
				return nil
			}
			text, err := os.ReadFile(path)
			for _, m := range codePattern.FindAllStringSubmatch(string(text), -1) {
				if m[1] != "release.json" { // a file
					used[m[1]] = path
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(used) < 100 {
		t.Errorf("%d codes are used", len(used))
	}
	for code, path := range used {
		if len(diag.Explain(code)) < 20 {
			t.Errorf("%s (%s) is not in the catalogue", code, path)
		}
	}
	for _, code := range diag.Codes() {
		if used[code] == "" {
			t.Errorf("%s is in the catalogue, and nobody uses it", code)
		}
	}
	if diag.Explain("no.such") != "" || !slices.IsSorted(diag.Codes()) {
		t.Error("the catalogue explains what is not in it, or is not sorted")
	}
}
