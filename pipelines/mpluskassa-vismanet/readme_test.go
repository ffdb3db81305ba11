package bridge

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The tests that the README names are there.
func TestProofsAreThere(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, room := range []string{"cmd", "engine", "pipelines", "plugins", "transforms"} {
		err := filepath.WalkDir(filepath.Join("../..", room), func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			there[filepath.Base(path)] = true
			if !strings.HasSuffix(path, "_test.go") {
				return nil
			}
			text, err := os.ReadFile(path)
			for _, m := range function.FindAllStringSubmatch(string(text), -1) {
				there[m[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	proofs := regexp.MustCompile("`(Test\\w+|[\\w/]+(?:\\.txtar|\\.test\\.hcl|\\.test\\.ts|_test\\.go))`").FindAllStringSubmatch(string(readme), -1)
	if len(proofs) < 50 {
		t.Errorf("only %d proofs are named", len(proofs))
	}
	for _, m := range proofs {
		if !there[filepath.Base(m[1])] {
			t.Errorf("there is no %s", m[1])
		}
	}
}
