package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"aead.dev/minisign"
	"github.com/hashicorp/go-version"

	"github.com/kopru-io/kopru/plugins/protocol"
)

const (
	indexFile   = "versions.json"
	mostText    = 16 << 20 // bytes of release.json and of an index
	mostProgram = 1 << 30  // bytes
)

// Source is where releases are fetched from. What it gives is not trusted before its signature is verified.
type Source interface {
	// Versions lists those there are of a connector.
	Versions(ctx context.Context, name string) ([]string, error)
	// Open opens one file of a release.
	Open(ctx context.Context, name, version, file string) (io.ReadCloser, error)
}

// From returns the source at an address: a folder, taken relative to dir, an https address, or oci://host/path. All
// hold NAME/VERSION/ with the files of a release; in a registry NAME is a repository and VERSION a tag.
func From(address, dir string) (Source, error) {
	scheme, rest, isURL := strings.Cut(address, "://")
	switch {
	case !isURL:
		if !filepath.IsAbs(address) {
			address = filepath.Join(dir, address)
		}
		return folder(address), nil
	case scheme == "oci":
		return registry(rest), nil
	case scheme == "https", scheme == "http":
		u, err := url.Parse(address)
		if err != nil {
			return nil, err
		}
		if scheme == "http" && !protocol.Loopback(u.Hostname()) {
			return nil, fmt.Errorf("%s: plain http is accepted only to this machine; write https://", address)
		}
		return site{u, &http.Client{Timeout: 10 * time.Minute}}, nil
	}
	return nil, fmt.Errorf("%s: connectors come from a folder, an https:// address or an oci:// registry", address)
}

// Get fetches a release and verifies its signature.
func Get(ctx context.Context, s Source, name, v string, key minisign.PublicKey) (*Release, error) {
	data, err := text(ctx, s, name, v, releaseFile)
	if err != nil {
		return nil, fmt.Errorf("the release %s %s: %w", name, v, err)
	}
	signature, err := text(ctx, s, name, v, signatureFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refuse("release.signature", "%s %s has no signature and is not used", name, v)
	}
	if err != nil {
		return nil, fmt.Errorf("the signature of %s %s: %w", name, v, err)
	}
	if !minisign.Verify(key, data, signature) {
		return nil, refuse("release.signature",
			"the signature of %s %s is not by the key %s that the project trusts, or the release was changed since; it is not used", name, v, key)
	}
	return parse(data, name, v)
}

func text(ctx context.Context, s Source, name, v, file string) ([]byte, error) {
	f, err := s.Open(ctx, name, v, file)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, mostText+1))
	if len(data) > mostText {
		err = fmt.Errorf("%s has more than %d bytes", file, mostText)
	}
	return data, err
}

// Newest returns the newest version that meets constraints. One that is a pre-release must be asked for.
func Newest(ctx context.Context, s Source, name string, constraints version.Constraints) (string, error) {
	all, err := s.Versions(ctx, name)
	if err != nil {
		return "", fmt.Errorf("the versions of %s: %w", name, err)
	}
	var newest *version.Version
	for _, v := range all {
		candidate, err := version.NewSemver(v)
		if err != nil || !constraints.Check(candidate) || constraints.Len() == 0 && candidate.Prerelease() != "" {
			continue
		}
		if newest == nil || candidate.GreaterThan(newest) {
			newest = candidate
		}
	}
	if newest == nil {
		return "", refuse("release.no_version", "no version of %s meets %q; there are: %s", name, constraints, strings.Join(all, ", "))
	}
	return newest.Original(), nil
}

// Install writes a release's program for a platform into dir and returns its path. The program must have the checksum
// that is expected; otherwise nothing is written.
func Install(ctx context.Context, s Source, r *Release, p Program, want, dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	target := filepath.Join(dir, prefix+r.Name)
	if strings.HasSuffix(p.File, ".exe") {
		target += ".exe"
	}
	return target, fetch(ctx, s, r, p, want, target)
}

func fetch(ctx context.Context, s Source, r *Release, p Program, want, target string) error {
	in, err := s.Open(ctx, r.Name, r.Version, p.File)
	if err != nil {
		return fmt.Errorf("the program of %s %s for %s: %w", r.Name, r.Version, p.Platform, err)
	}
	defer in.Close() //nolint:errcheck // only read
	part := target + ".part"
	defer os.Remove(part) //nolint:errcheck // it has its name by then, or is of no use
	sum, _, err := save(part, io.LimitReader(in, mostProgram))
	if err != nil {
		return err
	}
	if "sha256:"+sum != want {
		return refuse("release.tampered", "the program of %s %s for %s is not the one that was signed and locked: its checksum is sha256:%s, %s was expected; it is not installed",
			r.Name, r.Version, p.Platform, sum, want)
	}
	return os.Rename(part, target)
}

// Mirror copies a release with the programs of all platforms into a folder, which can then be a source.
func Mirror(ctx context.Context, s Source, r *Release, to string) error {
	dir := filepath.Join(to, r.Name, r.Version)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, p := range r.Programs {
		if err := fetch(ctx, s, r, p, "sha256:"+p.SHA256, filepath.Join(dir, p.File)); err != nil {
			return err
		}
	}
	for _, file := range []string{signatureFile, releaseFile} {
		data, err := text(ctx, s, r.Name, r.Version, file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file), data, 0o644); err != nil {
			return err
		}
	}
	return writeIndex(to, r.Name)
}

// folder is a folder of releases.
type folder string

// Versions reads the folders' names: whoever copies one in need not know of the index.
func (f folder) Versions(_ context.Context, name string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(string(f), name))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(string(f), name, e.Name(), releaseFile)); err == nil {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// Open opens a file of a release.
func (f folder) Open(_ context.Context, name, v, file string) (io.ReadCloser, error) {
	return os.OpenInRoot(string(f), filepath.Join(name, v, file))
}

// writeIndex lists a connector's versions for those who fetch by http, where folders can't be listed.
func writeIndex(to, name string) error {
	versions, err := folder(to).Versions(context.Background(), name)
	if err != nil {
		return err
	}
	data, err := json.Marshal(versions)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, name, indexFile), append(data, '\n'), 0o644)
}

// site is a folder of releases that is served.
type site struct {
	base   *url.URL
	client *http.Client
}

// Versions reads the index.
func (s site) Versions(ctx context.Context, name string) ([]string, error) {
	data, err := text(ctx, s, name, "", indexFile)
	if err != nil {
		return nil, err
	}
	var out []string
	return out, json.Unmarshal(data, &out)
}

// Open gets a file.
func (s site) Open(ctx context.Context, name, v, file string) (io.ReadCloser, error) {
	address := s.base.JoinPath(path.Join(name, v, file))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, err
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode == http.StatusOK {
		return answer.Body, nil
	}
	_ = answer.Body.Close() // its text is of no use
	if answer.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("%s: %w", address.Redacted(), fs.ErrNotExist)
	}
	return nil, fmt.Errorf("%s answered %s", address.Redacted(), answer.Status)
}
