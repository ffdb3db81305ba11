package pipelines_test

import (
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
	for _, pattern := range []string{"*.go", "expr/*.go", "../transforms/*.go", "../engine/run/*.go", "../engine/rehearsal/*.go", "../plugins/release/*.go", "../cmd/kopru/connector_*.go", "../plugins/host/lock.go", "../plugins/host/confine.go"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range codePattern.FindAllStringSubmatch(string(text), -1) {
				if m[1] != "release.json" { // a file
					used[m[1]] = path
				}
			}
		}
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
