package release

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclsimple"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Lock is a project's kopru.lock.hcl: the connectors it runs with, to the byte.
type Lock struct {
	Connectors []Locked `hcl:"connector,block"`
}

// Locked is one connector. Without a source it is one that was installed by hand or with kopru, and only the platforms
// on which it was locked are known.
type Locked struct {
	Name      string            `hcl:"name,label" json:"name"`
	Version   string            `hcl:"version" json:"version"`
	Source    string            `hcl:"source,optional" json:"source,omitempty"`
	Key       string            `hcl:"key,optional" json:"key,omitempty"`
	Checksums map[string]string `hcl:"checksums" json:"checksums"` // sha256:…, by platform
}

// On is the checksum for a platform, "" = none.
func (l Locked) On(platform string) string {
	if sum := l.Checksums[platform]; sum != "" {
		return sum
	}
	return l.Checksums[Anywhere]
}

// ReadLock reads a lock file; nil without an error when there is none.
func ReadLock(file string) (*Lock, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l := &Lock{}
	if err := hclsimple.Decode(filepath.Base(file), data, nil, l); err != nil {
		return nil, refuse("release.lock", "the lock can't be read: %v; mend it or make it anew with kopru connector lock", err)
	}
	return l, nil
}

// Get returns a connector's entry.
func (l *Lock) Get(name string) (Locked, bool) {
	if l == nil {
		return Locked{}, false
	}
	i := slices.IndexFunc(l.Connectors, func(c Locked) bool { return c.Name == name })
	if i < 0 {
		return Locked{}, false
	}
	return l.Connectors[i], true
}

// Checksums are those for a platform, by connector; "" for one that is not locked there.
func (l *Lock) Checksums(platform string) map[string]string {
	out := map[string]string{}
	for _, c := range l.Connectors {
		out[c.Name] = c.On(platform)
	}
	return out
}

// Write writes the lock file, with connectors in order.
func (l *Lock) Write(file string) error {
	slices.SortFunc(l.Connectors, func(a, b Locked) int { return strings.Compare(a.Name, b.Name) })
	var out bytes.Buffer
	out.WriteString("# Written by kopru connector lock. Keep it with the project: only what stands here is started.\n")
	for _, c := range l.Connectors {
		f := hclwrite.NewEmptyFile()
		block := f.Body().AppendNewBlock("connector", []string{c.Name})
		gohcl.EncodeIntoBody(&c, block.Body())
		for _, optional := range []string{"source", "key"} {
			if c.Source == "" {
				block.Body().RemoveAttribute(optional)
			}
		}
		out.WriteByte('\n')
		out.Write(hclwrite.Format(f.Bytes()))
	}
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write the lock: %w", err)
	}
	return nil
}
