// Package release is how connectors travel: what a publisher packs and signs, where it is fetched from, and what a
// project locks.
//
// A release is one version of a connector: a program for each platform, and release.json, which names them with their
// checksums and describes the connector. release.json is signed by the publisher; nothing else needs to be.
package release

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"aead.dev/minisign"
	"github.com/hashicorp/go-version"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/kopru-io/kopru/plugins/protocol"
)

const (
	releaseFile   = "release.json"
	signatureFile = "release.json.minisig"
	prefix        = "kopru-connector-"

	// Anywhere is the platform of a program that runs on all of them, such as a script.
	Anywhere = "any"
)

// Error is a refusal. Its code is explained by `kopru explain`.
type Error struct{ Code, Message string }

func (e *Error) Error() string { return e.Message + " [" + e.Code + "]" }

func refuse(code, format string, args ...any) error {
	return &Error{code, fmt.Sprintf(format, args...)}
}

// Platform is this machine's, such as linux_amd64.
func Platform() string { return runtime.GOOS + "_" + runtime.GOARCH }

// Release is one version of a connector, as its publisher signed it.
type Release struct {
	Name     string          `json:"name"`
	Version  string          `json:"version"`
	Programs []Program       `json:"programs"`
	Manifest json.RawMessage `json:"manifest"` // protocol.Manifest in protobuf's JSON
}

// Program is a connector's program for one platform.
type Program struct {
	Platform string `json:"platform"`
	File     string `json:"file"`
	Size     int64  `json:"size"`
	SHA256   string `json:"sha256"`
}

// Describes is the connector's manifest.
func (r *Release) Describes() (*protocol.Manifest, error) {
	m := &protocol.Manifest{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(r.Manifest, m); err != nil {
		return nil, fmt.Errorf("the manifest in %s %s: %w", r.Name, r.Version, err)
	}
	return m, nil
}

// Checksums are the programs', by platform.
func (r *Release) Checksums() map[string]string {
	out := map[string]string{}
	for _, p := range r.Programs {
		out[p.Platform] = "sha256:" + p.SHA256
	}
	return out
}

// On returns the program for a platform.
func (r *Release) On(platform string) (Program, bool) {
	for _, want := range []string{platform, Anywhere} {
		if i := slices.IndexFunc(r.Programs, func(p Program) bool { return p.Platform == want }); i >= 0 {
			return r.Programs[i], true
		}
	}
	return Program{}, false
}

var (
	nameForm     = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	platformForm = regexp.MustCompile(`^(any|[a-z0-9]+_[a-z0-9]+)$`)
	sumForm      = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// parse reads release.json, whose signature is verified, of a version that was asked for.
func parse(data []byte, name, v string) (*Release, error) {
	r := &Release{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, refuse("release.malformed", "the release of %s %s can't be read: %v", name, v, err)
	}
	if r.Name != name || r.Version != v {
		return nil, refuse("release.swapped", "what is offered as %s %s is signed as %s %s", name, v, r.Name, r.Version)
	}
	for _, p := range r.Programs {
		if !platformForm.MatchString(p.Platform) || p.File != fileName(name, p.Platform) || !sumForm.MatchString(p.SHA256) || p.Size <= 0 {
			return nil, refuse("release.malformed", "the release of %s %s names a program wrongly: %q for %q", name, v, p.File, p.Platform)
		}
	}
	return r, nil
}

func fileName(name, platform string) string {
	file := prefix + name + "_" + platform
	if strings.HasPrefix(platform, "windows_") {
		file += ".exe"
	}
	return file
}

// ParseKey reads a publisher's public key: minisign's text, such as RWQ….
func ParseKey(text string) (minisign.PublicKey, error) {
	var key minisign.PublicKey
	if err := key.UnmarshalText([]byte(text)); err != nil {
		return key, refuse("release.key", "%q is no public key: it is the line that begins with RW in the publisher's .pub file", text)
	}
	return key, nil
}

// GenerateKey makes a publisher's keys in minisign's form, in file and file.pub. The secret one is encrypted when there
// is a password. Files that are there already are left alone.
func GenerateKey(file, password string) (public string, err error) {
	pub, secret, err := minisign.GenerateKey(nil)
	if err != nil {
		return "", err
	}
	private, err := secret.MarshalText()
	if password != "" {
		private, err = minisign.EncryptKey(password, secret)
	}
	if err != nil {
		return "", err
	}
	open, err := pub.MarshalText()
	if err != nil {
		return "", err
	}
	if err := writeNew(file, private, 0o600); err != nil {
		return "", err
	}
	return pub.String(), writeNew(file+".pub", open, 0o644)
}

func writeNew(file string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// ReadKey reads a publisher's secret key.
func ReadKey(file, password string) (minisign.PrivateKey, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return minisign.PrivateKey{}, err
	}
	if minisign.IsEncrypted(data) {
		return minisign.DecryptKey(password, data)
	}
	var key minisign.PrivateKey
	return key, key.UnmarshalText(data)
}

// Pack writes a signed release into a folder of releases, which can be served as it stands. programs are files by
// platform.
func Pack(folder string, m *protocol.Manifest, programs map[string]string, key minisign.PrivateKey) (*Release, error) {
	name, v := m.GetName(), m.GetVersion()
	if _, err := version.NewSemver(v); err != nil || !nameForm.MatchString(name) {
		return nil, fmt.Errorf("%q in version %q can't be released: the name is of a-z, 0-9 and _, the version like 1.2.3", name, v)
	}
	dir := filepath.Join(folder, name, v)
	if _, err := os.Stat(filepath.Join(dir, releaseFile)); err == nil {
		return nil, fmt.Errorf("%s holds this version already; a version is released once: raise the connector's version", dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	r := &Release{Name: name, Version: v}
	var err error
	if r.Manifest, err = protojson.Marshal(m); err != nil {
		return nil, err
	}
	for platform, source := range programs {
		if !platformForm.MatchString(platform) {
			return nil, fmt.Errorf("%q is no platform: write it like linux_amd64, or any", platform)
		}
		p := Program{Platform: platform, File: fileName(name, platform)}
		if p.SHA256, p.Size, err = copyFile(filepath.Join(dir, p.File), source); err != nil {
			return nil, err
		}
		r.Programs = append(r.Programs, p)
	}
	slices.SortFunc(r.Programs, func(a, b Program) int { return strings.Compare(a.Platform, b.Platform) })
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, err
	}
	signature := minisign.SignWithComments(key, data, name+" "+v, "signature of "+releaseFile)
	if err := os.WriteFile(filepath.Join(dir, signatureFile), signature, 0o644); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, releaseFile), data, 0o644); err != nil {
		return nil, err
	}
	return r, writeIndex(folder, name)
}

func copyFile(target, source string) (sum string, size int64, err error) {
	in, err := os.Open(source)
	if err != nil {
		return "", 0, err
	}
	defer in.Close() //nolint:errcheck // only read
	return save(target, in)
}

// save writes a program so that it is there whole or not at all, and returns its checksum.
func save(target string, in io.Reader) (sum string, size int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(target), ".program-*")
	if err != nil {
		return "", 0, err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it has its name by then, or is of no use
	hash := sha256.New()
	size, err = io.Copy(io.MultiWriter(f, hash), in)
	if err == nil {
		err = f.Chmod(0o755)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), target)
	}
	return hex.EncodeToString(hash.Sum(nil)), size, err
}
