package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	shipped "github.com/kopru-io/kopru/pipelines/mpluskassa-vismanet"
)

// templates are those that come with kopru. Each is laid out once in the user's cache, where scripts can be bundled.
type templates struct{}

// Names lists them.
func (templates) Names() []string { return []string{shipped.Name} }

// Dir is where a template's files are.
func (templates) Dir(name string) (string, error) {
	if name != shipped.Name {
		return "", fmt.Errorf("there is no template %q", name)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	sum := sha256.New()
	files := map[string][]byte{}
	err = fs.WalkDir(shipped.Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[path], err = shipped.Files.ReadFile(path)
		fmt.Fprintf(sum, "%s %d %s", path, len(files[path]), files[path])
		return err
	})
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "kopru", "templates", name+"-"+hex.EncodeToString(sum.Sum(nil)[:8]))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	return dir, layOut(dir, files)
}

// layOut writes a folder that is there whole or not at all, however many do it at the same time.
func layOut(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil { //nolint:gosec // nothing in it is secret
		return err
	}
	next, err := os.MkdirTemp(filepath.Dir(dir), ".new-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(next) //nolint:errcheck // gone when it was renamed
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(next, name), text, 0o644); err != nil { //nolint:gosec // nothing in it is secret
			return err
		}
	}
	err = os.Rename(next, dir)
	if _, statErr := os.Stat(dir); statErr == nil { // another was quicker
		return nil
	}
	return err
}
