package rehearsal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/pipelines/diag"
)

// Snapshots are what tests with `snapshot = true` saw when somebody last looked and found it good: a JSON file beside
// each file of tests, for git.
type Snapshots struct {
	dir   string
	files map[string]map[string]json.RawMessage // by test file, then by test
}

// NewSnapshots reads those of a folder as they are needed.
func NewSnapshots(dir string) *Snapshots {
	return &Snapshots{dir: dir, files: map[string]map[string]json.RawMessage{}}
}

func snapshotFile(testFile string) string { return strings.TrimSuffix(testFile, ".hcl") + ".snap.json" }

func (s *Snapshots) of(testFile string) (map[string]json.RawMessage, error) {
	if known, ok := s.files[testFile]; ok {
		return known, nil
	}
	out := map[string]json.RawMessage{}
	data, err := os.ReadFile(filepath.Join(s.dir, snapshotFile(testFile)))
	if err == nil {
		err = json.Unmarshal(data, &out)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w; delete it and run kopru test --update", snapshotFile(testFile), err)
	}
	s.files[testFile] = out
	return out, nil
}

// Compare adds to each result where it differs from its snapshot. With update the snapshots are written anew instead,
// and those of tests that are gone are dropped; all results of a folder must be given then.
func (s *Snapshots) Compare(results []Result, update bool) (written []string, err error) {
	fresh := map[string]map[string][]Record{}
	for i := range results {
		t := results[i].Test
		if !t.Snapshot || len(results[i].Failures) > 0 {
			continue
		}
		file := t.Range.Filename
		if update {
			if fresh[file] == nil {
				fresh[file] = map[string][]Record{}
			}
			fresh[file][t.Name] = results[i].Records
			continue
		}
		known, err := s.of(file)
		if err != nil {
			return nil, err
		}
		results[i].Failures = append(results[i].Failures, differs(t, known[t.Name], results[i].Records)...)
	}
	for file, tests := range fresh {
		name := filepath.Join(s.dir, snapshotFile(file))
		text := []byte(lines(tests) + "\n")
		if old, err := os.ReadFile(name); err == nil && string(old) == string(text) {
			continue
		}
		if err := os.WriteFile(name, text, 0o644); err != nil { //nolint:gosec // it belongs in git
			return nil, err
		}
		written = append(written, snapshotFile(file))
	}
	slices.Sort(written)
	return written, nil
}

func differs(t *pipelines.Test, known json.RawMessage, records []Record) diag.List {
	if known == nil {
		return diag.List{failure(t.Place("snapshot"), "There is no snapshot yet", "Make it with kopru test --update, and look at it before you commit it.")}
	}
	if lines(known) == lines(records) {
		return nil
	}
	return diag.List{failure(t.Place("snapshot"), "Something else than in the snapshot",
		contrast(known, records)+"\nIf that is how it should be: kopru test --update")}
}
