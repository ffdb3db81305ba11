package secret_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/pipelines/secret"
)

// TestStore: what was set is there for whoever has the key, and nobody else.
func TestStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := func(key string) *secret.Store {
		return secret.Open(dir, func(name string) (string, bool) { return key, key != "" && name == secret.KeyVariable })
	}
	if names, err := open("").Names(); err != nil || len(names) != 0 {
		t.Errorf("%v %v", names, err)
	}
	for name, value := range map[string]string{"TILL": "s3cret-of-the-till", "BOOKS": "line\nline"} {
		if err := open("").Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := open("").Get("BOOKS"); v != "line\nline" || err != nil {
		t.Errorf("%q %v", v, err)
	}
	file, _ := os.ReadFile(filepath.Join(dir, secret.File))
	if strings.Contains(string(file), "TILL") || strings.Contains(string(file), "s3cret") {
		t.Errorf("the file shows %s", file)
	}
	key, _ := os.ReadFile(filepath.Join(dir, secret.KeyFile))
	if info, err := os.Stat(filepath.Join(dir, secret.KeyFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if err := os.Remove(filepath.Join(dir, secret.KeyFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := open("").Get("TILL"); err == nil || !strings.Contains(err.Error(), secret.KeyVariable) {
		t.Errorf("without the key: %v", err)
	}
	if err := open("").Set("TILL", "x"); err == nil {
		t.Error("a second key was made, and the first one's secrets are lost")
	}
	if err := open(string(key)).Remove("BOOKS"); err != nil {
		t.Fatal(err)
	}
	if names, err := open(string(key)).Names(); err != nil || cmp.Diff([]string{"TILL"}, names) != "" {
		t.Errorf("%v %v", names, err)
	}
	if err := open(string(key)).Remove("BOOKS"); !errors.Is(err, secret.ErrUnknown) {
		t.Errorf("%v", err)
	}
	for _, wrong := range []string{"AGE-SECRET-KEY-1WRONG", "hünter2"} {
		if _, err := open(wrong).Get("TILL"); err == nil || strings.Contains(err.Error(), wrong) {
			t.Errorf("%v", err)
		}
	}
	other := "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33"
	if _, err := open(other).Get("TILL"); err == nil || !strings.Contains(err.Error(), "another key") {
		t.Errorf("%v", err)
	}
}
