// Package starter holds the projects that vendors begin with: a small complete connector in each language, which reaches
// the highest level of the acceptance kit as it stands.
package starter

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/kopru-io/kopru/plugins/protocol"
)

//go:embed all:common all:go all:node all:python
var files embed.FS

// Languages there are projects for.
var Languages = []string{"go", "node", "python"}

var nameable = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Write writes a project for a connector into dir, which must be new or empty, and returns the files' paths in it. A Go
// project takes the SDK from the checkout of Kopru at sdk, unless that is "".
func Write(dir, name, language, sdk string) ([]string, error) {
	if !nameable.MatchString(name) {
		return nil, fmt.Errorf("%q is no name for a connector: use lower case letters, digits and _, such as \"webshop\"", name)
	}
	if !slices.Contains(Languages, language) {
		return nil, fmt.Errorf("there is no project for the language %q; there are %s", language, strings.Join(Languages, ", "))
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return nil, fmt.Errorf("%s is not empty; nothing was written", dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if sdk != "" {
		var err error
		if sdk, err = checkout(language, sdk); err != nil {
			return nil, err
		}
	}
	content := map[string][]byte{}
	for _, root := range []string{"common", language} {
		err := fs.WalkDir(files, root, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := files.ReadFile(p)
			to := strings.TrimSuffix(strings.TrimPrefix(p, root+"/"), ".tmpl")
			content[to] = []byte(strings.ReplaceAll(string(data), "CONNECTOR_NAME", name))
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if sdk != "" {
		content["go.mod"] = fmt.Appendf(content["go.mod"], "\nreplace %s => %s\n", module, modfile.AutoQuote(sdk))
	}
	if language != "go" {
		descriptors, err := descriptors()
		if err != nil {
			return nil, err
		}
		content["connector/connector.binpb"] = descriptors
		content["vectors.json"] = protocol.Vectors
	}
	return write(dir, content)
}

// module is what a Go project requires.
const module = "github.com/kopru-io/kopru"

// checkout is the whole path of a checkout of Kopru.
func checkout(language, dir string) (string, error) {
	if language != "go" {
		return "", fmt.Errorf("a connector in %s needs no SDK: leave --sdk out", language)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return "", fmt.Errorf("%s is no checkout of Kopru: %w", dir, err)
	}
	if modfile.ModulePath(data) != module {
		return "", fmt.Errorf("%s is no checkout of Kopru: its go.mod is of another module", dir)
	}
	return dir, nil
}

func write(dir string, content map[string][]byte) (written []string, err error) {
	for name, data := range content {
		target := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return nil, err
		}
		mode := fs.FileMode(0o644)
		if path.Ext(name) == ".sh" {
			mode = 0o755
		}
		if err := os.WriteFile(target, data, mode); err != nil {
			return nil, err
		}
		written = append(written, name)
	}
	slices.Sort(written)
	return written, nil
}

// descriptors is connector.proto in compiled form, from which other languages make their messages without a compiler.
func descriptors() ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(&descriptorpb.FileDescriptorSet{
		File: []*descriptorpb.FileDescriptorProto{protodesc.ToFileDescriptorProto(protocol.File_connector_proto)},
	})
}
