package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/plugins/host"
)

// TestReferences: the reference of each of our connectors is that of its program. UPDATE=1 writes them.
func TestReferences(t *testing.T) {
	t.Parallel()
	h := host.New(host.Options{Dirs: []string{binaries}})
	t.Cleanup(h.Close)
	for _, name := range h.Names() {
		m, err := h.Manifest(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		var want strings.Builder
		writeReference(&want, m)
		file := filepath.Join("../../plugins", name, "REFERENCE.md")
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(file, []byte(want.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want.String(), string(got)); diff != "" {
			t.Errorf("%s is not current; UPDATE=1 go test writes it:\n%s", file, diff)
		}
	}
	if len(h.Names()) < 3 {
		t.Errorf("there are only %v", h.Names())
	}
}
