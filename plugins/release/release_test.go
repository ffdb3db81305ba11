package release

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-version"

	"github.com/kopru-io/kopru/plugins/protocol"
)

// published is a folder of releases with two versions of one connector, and the publisher's public key.
func published(t *testing.T) (dir, public string) {
	t.Helper()
	dir = t.TempDir()
	keyFile := filepath.Join(dir, "vendor.key")
	public, err := GenerateKey(keyFile, "")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ReadKey(keyFile, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"1.0.0", "1.10.0", "1.9.0", "2.0.0-beta.1"} {
		program := filepath.Join(dir, "program")
		if err := os.WriteFile(program, []byte("program "+v), 0o755); err != nil {
			t.Fatal(err)
		}
		m := &protocol.Manifest{Name: "webshop", Version: v, Summary: "A shop."}
		if _, err := Pack(dir, m, map[string]string{"linux_amd64": program, "windows_amd64": program}, key); err != nil {
			t.Fatal(err)
		}
	}
	return dir, public
}

// TestSources: a folder, a web site and a registry give the same.
func TestSources(t *testing.T) {
	t.Parallel()
	dir, public := published(t)
	key, err := ParseKey(public)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(web.Close)
	store := httptest.NewServer(&ociRegistry{blobs: map[string][]byte{}, manifests: map[string][]byte{}})
	t.Cleanup(store.Close)
	oci := "oci://" + strings.TrimPrefix(store.URL, "http://") + "/vendor/connectors"
	for _, v := range []string{"1.0.0", "1.10.0", "2.0.0-beta.1"} {
		if err := Push(t.Context(), folder(dir), "webshop", v, oci); err != nil {
			t.Fatal(err)
		}
	}
	for _, address := range []string{dir, web.URL, oci} {
		s, err := From(address, "/nowhere")
		if err != nil {
			t.Fatal(err)
		}
		v, err := Newest(t.Context(), s, "webshop", nil)
		if err != nil || v != "1.10.0" {
			t.Fatalf("%s: %q, %v", address, v, err)
		}
		r, err := Get(t.Context(), s, "webshop", v, key)
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		if m, err := r.Describes(); err != nil || m.GetSummary() != "A shop." {
			t.Errorf("%s: %v, %v", address, m, err)
		}
		mirror := t.TempDir()
		if err := Mirror(t.Context(), s, r, mirror); err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		p, ok := r.On("linux_amd64")
		if !ok {
			t.Fatal("there is no program for linux_amd64")
		}
		path, err := Install(t.Context(), folder(mirror), r, p, "sha256:"+p.SHA256, t.TempDir())
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != "program 1.10.0" {
			t.Errorf("%s: %q, %v", address, data, err)
		}
		_, err = Get(t.Context(), s, "webshop", "7.0.0", key)
		if err == nil || !strings.Contains(err.Error(), "webshop 7.0.0") {
			t.Errorf("%s: a version that is not there: %v", address, err)
		}
	}
}

// TestRefused: what is not as its publisher signed it is refused, with a code, and leaves nothing behind.
func TestRefused(t *testing.T) {
	t.Parallel()
	dir, public := published(t)
	key, err := ParseKey(public)
	if err != nil {
		t.Fatal(err)
	}
	at := func(v, file string) string { return filepath.Join(dir, "webshop", v, file) }
	good, err := Get(t.Context(), folder(dir), "webshop", "1.0.0", key)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what, code string, err error) {
		t.Helper()
		var e *Error
		if !errors.As(err, &e) || e.Code != code {
			t.Errorf("%s: %v, want %s", what, err, code)
		}
	}

	p, _ := good.On("windows_amd64")
	if err := os.WriteFile(at("1.0.0", p.File), []byte("program 6.6.6"), 0o755); err != nil {
		t.Fatal(err)
	}
	target := t.TempDir()
	_, err = Install(t.Context(), folder(dir), good, p, "sha256:"+p.SHA256, target)
	refused("another program", "release.tampered", err)
	if left, _ := os.ReadDir(target); len(left) != 0 {
		t.Errorf("a refused program left %v", left)
	}

	move := func(from, to string) {
		t.Helper()
		data, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	move(at("1.0.0", releaseFile), at("1.9.0", releaseFile))
	_, err = Get(t.Context(), folder(dir), "webshop", "1.9.0", key)
	refused("a release with another's signature", "release.signature", err)
	move(at("1.0.0", signatureFile), at("1.9.0", signatureFile))
	_, err = Get(t.Context(), folder(dir), "webshop", "1.9.0", key)
	refused("an old release as a new one", "release.swapped", err)
	if err := os.Remove(at("1.9.0", signatureFile)); err != nil {
		t.Fatal(err)
	}
	_, err = Get(t.Context(), folder(dir), "webshop", "1.9.0", key)
	refused("no signature", "release.signature", err)

	_, err = ParseKey("RWnonsense")
	refused("a key that is none", "release.key", err)
	never, err := version.NewConstraint("> 5")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Newest(t.Context(), folder(dir), "webshop", never)
	refused("no such version", "release.no_version", err)
	if _, err := folder(dir).Open(t.Context(), "..", "..", "etc/passwd"); err == nil {
		t.Error("a file outside of the folder was opened")
	}
	if _, err := From("http://connectors.example.com", ""); err == nil {
		t.Error("plain http was accepted")
	}
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	text, whole := protocol.FieldType_FIELD_TYPE_STRING, protocol.FieldType_FIELD_TYPE_INTEGER
	before := &protocol.Manifest{
		Config: []*protocol.Attribute{{Name: "url"}, {Name: "user", Description: "Who."}},
		Entities: []*protocol.Entity{
			{Name: "order", CanRead: true, Fields: []*protocol.Field{
				{Name: "id", Type: text},
				{Name: "lines", Fields: []*protocol.Field{{Name: "count", Type: text, Values: []string{"1"}}}},
			}},
			{Name: "customer"},
		},
	}
	after := &protocol.Manifest{
		Config: []*protocol.Attribute{{Name: "user", Description: "Whose."}, {Name: "token", Required: true}},
		Entities: []*protocol.Entity{
			{Name: "order", Fields: []*protocol.Field{
				{Name: "id", Type: text},
				{Name: "lines", Fields: []*protocol.Field{{Name: "count", Type: whole, Values: []string{"1", "2"}}}},
			}},
			{Name: "stock"},
		},
	}
	want := []Difference{
		{"", "setting url is gone"},
		{"", "setting token is new, and required"},
		{"customer", "entity customer is gone"},
		{"order", "entity order.lines.count: type was string, is integer"},
		{"order", "entity order.lines.count: values was [1], is [1, 2]"},
		{"order", "entity order: can_read was true, is false"},
		{"stock", "entity stock is new"},
	}
	if diff := cmp.Diff(want, Differences(before, after)); diff != "" {
		t.Error(diff)
	}
	if same := Differences(before, before); len(same) != 0 {
		t.Errorf("the same differs: %v", same)
	}
}

func TestLockFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "kopru.lock.hcl")
	if l, err := ReadLock(file); l != nil || err != nil {
		t.Fatalf("no lock: %v, %v", l, err)
	}
	want := &Lock{Connectors: []Locked{
		{Name: "webshop", Version: "1.0.0", Source: "oci://example.com/x", Key: "RW", Checksums: map[string]string{"any": "sha256:aa"}},
		{Name: "file", Version: "0.1.0", Checksums: map[string]string{"linux_amd64": "sha256:bb"}},
	}}
	if err := want.Write(file); err != nil {
		t.Fatal(err)
	}
	got, err := ReadLock(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	sums := got.Checksums("darwin_arm64")
	if diff := cmp.Diff(map[string]string{"webshop": "sha256:aa", "file": ""}, sums); diff != "" {
		t.Error(diff)
	}
}

// ociRegistry is as much of an OCI registry as a release needs.
type ociRegistry struct {
	mu        sync.Mutex
	blobs     map[string][]byte // by digest
	manifests map[string][]byte // by tag and by digest
	tags      []string
}

var ociPath = regexp.MustCompile(`^/v2/vendor/connectors/webshop/(blobs/uploads|blobs|manifests|tags)/(.*)$`)

func (o *ociRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	m := ociPath.FindStringSubmatch(r.URL.Path)
	body, err := io.ReadAll(r.Body)
	if m == nil || err != nil {
		http.NotFound(w, r)
		return
	}
	sum := sha256.Sum256(body)
	name := "sha256:" + hex.EncodeToString(sum[:])
	switch kind, what := m[1], m[2]; {
	case kind == "tags":
		fmt.Fprintf(w, `{"tags":["%s"]}`, strings.Join(o.tags, `","`))
	case kind == "blobs/uploads" && r.Method == http.MethodPost:
		w.Header().Set("Location", r.URL.Path+"1")
		w.WriteHeader(http.StatusAccepted)
	case kind == "blobs/uploads" && r.URL.Query().Get("digest") == name:
		o.blobs[name] = body
		w.WriteHeader(http.StatusCreated)
	case kind == "manifests" && r.Method == http.MethodPut:
		o.manifests[what], o.manifests[name] = body, body
		if !strings.HasPrefix(what, "sha256:") {
			o.tags = append(o.tags, what)
		}
		w.WriteHeader(http.StatusCreated)
	case kind == "manifests":
		give(w, r, o.manifests[what], "application/vnd.oci.image.manifest.v1+json")
	case kind == "blobs":
		give(w, r, o.blobs[what], "application/octet-stream")
	default:
		w.WriteHeader(http.StatusBadRequest)
	}
}

func give(w http.ResponseWriter, r *http.Request, data []byte, kind string) {
	if data == nil {
		http.NotFound(w, r)
		return
	}
	sum := sha256.Sum256(data)
	w.Header().Set("Docker-Content-Digest", "sha256:"+hex.EncodeToString(sum[:]))
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(data)
	}
}
