package host

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/plugins/protocol"
)

// TestConfine: what a process may have is what its connector declares and its settings name.
func TestConfine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	m := func(a *protocol.Access) *protocol.Manifest {
		return &protocol.Manifest{Access: a, Config: []*protocol.Attribute{
			{Name: "read", Path: protocol.PathAccess_PATH_ACCESS_READ},
			{Name: "write", Path: protocol.PathAccess_PATH_ACCESS_WRITE, DefaultJson: `"data"`},
			{Name: "url"},
		}}
	}
	for name, tt := range map[string]struct {
		access *protocol.Access
		config map[string]any
		want   confinement
	}{
		"nothing said":            {nil, nil, confinement{AnyPort: true, Write: []string{dir + "/data"}}},
		"nothing asked for":       {&protocol.Access{}, nil, confinement{Write: []string{dir + "/data"}}},
		"anybody":                 {&protocol.Access{Hosts: []string{"a:1", "*"}}, nil, confinement{AnyPort: true, Write: []string{dir + "/data"}}},
		"ports":                   {&protocol.Access{Hosts: []string{"a:443", "*:25"}}, nil, confinement{Ports: []uint16{443, 25, 53}, Write: []string{dir + "/data"}}},
		"files":                   {&protocol.Access{Files: []string{"/srv/x"}}, map[string]any{"read": "/srv/y", "write": "/srv/new/z.db", "url": "/srv/no"}, confinement{Read: []string{"/srv/x", "/srv/y"}, Write: []string{"/srv/new"}}},
		"a folder of the project": {&protocol.Access{}, map[string]any{"read": "in.csv", "write": "data"}, confinement{Read: []string{dir + "/in.csv"}, Write: []string{dir + "/data"}}},
	} {
		if diff := cmp.Diff(tt.want, confine(m(tt.access), tt.config, Resources{}, dir)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestConfined: a connector gets what it asked for, and is refused the rest by the kernel.
func TestConfined(t *testing.T) {
	if lack := unenforced(); lack != "" {
		t.Skip(lack)
	}
	t.Setenv("NOSY_ASKED", "asked")
	t.Setenv("NOSY_OTHER", "other")
	machines := t.TempDir() // temporary folder, where others keep what is theirs
	t.Setenv("TMPDIR", machines)
	if err := os.WriteFile(filepath.Join(machines, "theirs.txt"), []byte("text"), 0o666); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(".", "confined-")
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, name := range []string{"mine", "mine/inner", "yours"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"read.txt", "yours/secret.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h, _ := newTestHost(t, func(o *Options) { o.Launcher = []string{self} })
	config := map[string]any{"folder": filepath.Join(dir, "mine"), "file": filepath.Join(dir, "read.txt")}
	c := connect(t, h, "nosy", config)
	own, err := answer(t.Context(), c, "env", "TMPDIR")
	if err != nil || filepath.Dir(own) != machines {
		t.Errorf("its temporary folder is %q, %v", own, err)
	}
	for _, tt := range []struct{ do, with, want string }{
		{"read", dir + "/read.txt", "text"},
		{"read", dir + "/yours/secret.txt", "!"},
		{"read", dir + "/mine/../yours/secret.txt", "!"},
		{"write", dir + "/mine/new.txt", ""},
		{"read", dir + "/mine/new.txt", "nosy"},
		{"rename", dir + "/mine/new.txt", ""},
		{"write", dir + "/read.txt", "!"},
		{"write", dir + "/yours/new.txt", "!"},
		{"read", machines + "/theirs.txt", "!"},
		{"write", machines + "/new.txt", "!"},
		{"write", own + "/new.txt", ""},
		{"read", own + "/new.txt", "nosy"},
		{"dial", listener.Addr().String(), "!"},
		{"env", "NOSY_ASKED", "asked"},
		{"env", "NOSY_OTHER", ""},
		{"read", fmt.Sprintf("/proc/%d/environ", os.Getpid()), "!"},
	} {
		got, err := answer(t.Context(), c, tt.do, tt.with)
		switch {
		case tt.want == "!" && (err == nil || !strings.Contains(err.Error(), "connector.confined") || !strings.Contains(err.Error(), "writes "+dir+"/mine")):
			t.Errorf("%s %s: %q, %v; it should be refused and told why", tt.do, tt.with, got, err)
		case tt.want != "!" && (err != nil || got != tt.want):
			t.Errorf("%s %s: %q, %v, want %q", tt.do, tt.with, got, err, tt.want)
		}
	}
	facts, _, err := c.Check(t.Context())
	if err != nil || len(facts) != 1 || !strings.HasPrefix(facts[0], "confined: reads "+dir+"/read.txt") {
		t.Errorf("%q, %v", facts, err)
	}

	// Another connection has a process and leave of its own.
	other, err := h.Connect(t.Context(), Target{Type: "nosy", Name: "other", Config: map[string]any{"file": dir + "/yours/secret.txt"}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := answer(t.Context(), other, "read", dir+"/yours/secret.txt"); err != nil || got != "text" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := answer(t.Context(), other, "read", own+"/new.txt"); err == nil {
		t.Errorf("it reads another's temporary file: %q", got)
	}
	h.Close()
	if left, err := filepath.Glob(machines + "/*"); err != nil || len(left) != 1 {
		t.Errorf("after the end there are %v, %v", left, err)
	}
}

// TestResources: a process gets the memory and the processors it was given, and one that wants more harms only itself.
func TestResources(t *testing.T) {
	if unenforced() == everything {
		t.Skip(everything)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h, _ := newTestHost(t, func(o *Options) { o.Launcher = []string{self} })
	c, err := h.Connect(t.Context(), Target{Type: "nosy", Name: "small", Resources: Resources{Memory: 256 << 20, CPUs: 1}})
	if err != nil {
		t.Fatal(err)
	}
	other := connect(t, h, "nosy", nil)
	if got, err := answer(t.Context(), c, "cpus", ""); err != nil || got != "1" {
		t.Errorf("%q processors, %v", got, err)
	}
	if _, err := answer(t.Context(), c, "grow", "20"); err != nil {
		t.Errorf("20 MiB: %v", err)
	}
	_, err = answer(t.Context(), c, "grow", "600")
	failing(t, err, transient, "connector.died", "its memory is limited to 256 MiB")
	if _, err := answer(t.Context(), other, "grow", "600"); err != nil {
		t.Errorf("another connection has no such limit: %v", err)
	}
}

func answer(ctx context.Context, c *Connection, do, with string) (string, error) {
	hits, err := c.Lookup(ctx, "thing", []*protocol.Query{{Match: fmt.Appendf(nil, `{"do":%q,"with":%q}`, do, with)}})
	if err != nil {
		return "", err
	}
	if err := AsError(hits[0].GetFailure(), nil); err != nil {
		return "", err
	}
	text := string(hits[0].GetFound()[0].GetFields())
	return strings.TrimSuffix(strings.TrimPrefix(text, `{"answer":"`), `"}`), nil
}
