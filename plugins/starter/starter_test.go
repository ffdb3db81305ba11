package starter_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kopru-io/kopru/plugins/acceptance"
	"github.com/kopru-io/kopru/plugins/starter"
)

// pythons may have what a connector needs: the one on the path, and the one that Debian's packages are for.
var pythons = []string{"python3", "/usr/bin/python3"}

// leave is where a connector looks at the time until which it may write, and how it would not. Go's is in the SDK.
var leave = map[string]struct{ file, listens, never string }{
	"python": {"kopru.py", "if begin_before and", "if False and"},
	"node":   {"kopru.mjs", "if (batch.begin_before &&", "if (false &&"},
}

// TestStarters writes each project, builds it as its README says and judges what comes of it.
func TestStarters(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range starter.Languages {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			dir, sdk := filepath.Join(t.TempDir(), "webshop"), ""
			if language == "go" {
				sdk = root
			}
			if _, err := starter.Write(dir, "webshop", language, sdk); err != nil {
				t.Fatal(err)
			}
			do := func(command string, args ...string) {
				t.Helper()
				cmd := exec.Command(command, args...)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off", "npm_config_offline=true")
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%s %s: %v\n%s", command, strings.Join(args, " "), err, out)
				}
			}
			switch language {
			case "go": // without asking the network for what it needs
				do("cp", filepath.Join(root, "go.sum"), ".")
			case "node":
				for _, program := range []string{"node", "npm"} {
					if _, err := exec.LookPath(program); err != nil {
						t.Skip("there is no " + program)
					}
				}
				install := exec.Command("npm", "install", "--offline", "--ignore-scripts")
				if install.Dir = dir; install.Run() != nil {
					t.Skip("npm's cache lacks what a connector needs; .ci/test-needs fetches it")
				}
			case "python":
				if !slices.ContainsFunc(pythons, func(p string) bool {
					return exec.Command(p, "-c", "import grpc, google.protobuf, cryptography").Run() == nil
				}) {
					t.Skip("there is no python3 with grpcio, protobuf and cryptography")
				}
			}
			do("make", "build")
			if language != "go" {
				do("make", "test")
			}
			do("sh", "notes.sh", "build/notes")
			r := judged(t, dir, "")
			for _, result := range r.Results {
				if result.Status == acceptance.Failed {
					t.Errorf("%s: %s", result.ID, result.Detail)
				}
			}
			if r.Level != acceptance.Enduring {
				t.Errorf("level %s", r.Level)
			}
			if deaf, ok := leave[language]; ok { // one that has no ear for the engine's leave to write
				deafen(t, filepath.Join(dir, "connector", deaf.file), deaf.listens, deaf.never)
				do("make", "build")
				r := judged(t, dir, "write")
				if !slices.ContainsFunc(r.Results, func(r acceptance.Result) bool {
					return r.ID == "write.late" && r.Status == acceptance.Failed
				}) {
					t.Errorf("a batch that comes too late is written, and nobody says so")
				}
			}
		})
	}
}

func judged(t *testing.T, dir, only string) *acceptance.Report {
	t.Helper()
	spec, err := acceptance.ReadSpec(filepath.Join(dir, "accept.hcl"), func(string) (string, bool) {
		return filepath.Join(dir, "build", "notes"), true
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := acceptance.Run(context.Background(), acceptance.Options{
		Binary: filepath.Join(dir, "bin", "kopru-connector-webshop"), Spec: spec, Only: only,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func deafen(t *testing.T, path, listens, never string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	deaf := strings.Replace(string(text), listens, never, 1)
	if deaf == string(text) {
		t.Fatal("there is nothing to take away")
	}
	if err := os.WriteFile(path, []byte(deaf), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRefused(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ dir, name, language, sdk, why string }{
		{full, "webshop", "go", "", "not empty"},
		{t.TempDir(), "Web-Shop", "go", "", "no name for a connector"},
		{t.TempDir(), "webshop", "cobol", "", "there are go"},
		{t.TempDir(), "webshop", "go", t.TempDir(), "no checkout of Kopru"},
		{t.TempDir(), "webshop", "python", "../..", "needs no SDK"},
	} {
		if _, err := starter.Write(tt.dir, tt.name, tt.language, tt.sdk); err == nil || !strings.Contains(err.Error(), tt.why) {
			t.Errorf("%s %s: %v", tt.name, tt.language, err)
		}
	}
}
