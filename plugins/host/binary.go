package host

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/kopru-io/kopru/plugins/protocol"
)

const prefix = "kopru-connector-"

// installed maps a connector's name to its binary; the first folder wins.
func installed(dirs []string) map[string]string {
	found := map[string]string{}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // a folder that is not there holds no connectors
		}
		for _, e := range entries {
			name, ok := strings.CutPrefix(strings.TrimSuffix(e.Name(), ".exe"), prefix)
			path := filepath.Join(dir, e.Name())
			if ok && name != "" && found[name] == "" && executable(path) {
				found[name] = path
			}
		}
	}
	return found
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && (runtime.GOOS == "windows" || info.Mode()&0o111 != 0)
}

// find returns a connector's binary with an absolute path.
func (h *Host) find(name string) (string, error) {
	all := installed(h.options.Dirs)
	path, ok := all[name]
	if !ok {
		known := "no connector is installed at all"
		if len(all) > 0 {
			known = "there are " + strings.Join(slices.Sorted(maps.Keys(all)), ", ")
		}
		return "", fail(fatal, "connector.missing", "the connector %q is not installed: there is no %s%s in %s; %s",
			name, prefix, name, strings.Join(h.options.Dirs, ", "), known)
	}
	return filepath.Abs(path)
}

// taken is a checksum, and what the file was like when it was taken.
type taken struct {
	info os.FileInfo
	sum  string
}

// checksum is a file's sha256 in hexadecimal. A file that was not touched since is not read again: whoever can hide a
// change of it can also make one between any check and the start.
func (h *Host) checksum(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if last, ok := h.sums.Load(path); ok {
		if t := last.(taken); os.SameFile(t.info, info) && t.info.Size() == info.Size() && t.info.ModTime().Equal(info.ModTime()) {
			return t.sum, nil
		}
	}
	sum, err := checksum(path)
	if err == nil {
		h.sums.Store(path, taken{info, sum})
	}
	return sum, err
}

func checksum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// cachePath is where the manifest of the binary with a checksum is kept; "" without a cache.
func (h *Host) cachePath(sum string) string {
	if h.options.CacheDir == "" {
		return ""
	}
	return filepath.Join(h.options.CacheDir, sum+".manifest")
}

// cached returns a manifest that was asked for before; nil when there is none or it can't be read.
func (h *Host) cached(sum, name string) *protocol.Manifest {
	path := h.cachePath(sum)
	if path == "" {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	m := &protocol.Manifest{}
	if proto.Unmarshal(data, m) != nil || m.GetName() != name {
		return nil
	}
	return m
}

// cache keeps a manifest. Readers see a whole file or none.
func (h *Host) cache(sum string, m *protocol.Manifest) error {
	path := h.cachePath(sum)
	if path == "" {
		return nil
	}
	data, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".manifest-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // it may be gone
		return fmt.Errorf("keep the manifest: %w", err)
	}
	return nil
}
