package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/retry"

	"github.com/kopru-io/kopru/plugins/protocol"
)

const (
	artifactType = "application/vnd.kopru.connector.v1"
	layerType    = "application/octet-stream"
)

// registry is an OCI registry with the path before the repositories' names.
type registry string

// repository opens a connector's repository with the credentials that `docker login` keeps.
func (r registry) repository(name string) (*remote.Repository, error) {
	repo, err := remote.NewRepository(path.Join(string(r), name))
	if err != nil {
		return nil, fmt.Errorf("oci://%s: %w", r, err)
	}
	repo.PlainHTTP = protocol.Loopback((&url.URL{Host: repo.Reference.Host()}).Hostname())
	store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		return nil, err
	}
	repo.Client = &auth.Client{Client: retry.DefaultClient, Cache: auth.NewCache(), Credential: credentials.Credential(store)}
	return repo, nil
}

// Versions lists the tags.
func (r registry) Versions(ctx context.Context, name string) ([]string, error) {
	repo, err := r.repository(name)
	if err != nil {
		return nil, err
	}
	var out []string
	err = repo.Tags(ctx, "", func(tags []string) error {
		out = append(out, tags...)
		return nil
	})
	return out, err
}

// Open fetches the layer with a file's name.
func (r registry) Open(ctx context.Context, name, v, file string) (io.ReadCloser, error) {
	repo, err := r.repository(name)
	if err != nil {
		return nil, err
	}
	_, data, err := oras.FetchBytes(ctx, repo, v, oras.FetchBytesOptions{})
	if errors.Is(err, errdef.ErrNotFound) {
		return nil, fmt.Errorf("%s:%s: %w", repo.Reference, v, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("%s:%s: %w", repo.Reference, v, err)
	}
	for _, layer := range m.Layers {
		if layer.Annotations[ocispec.AnnotationTitle] == file {
			return repo.Blobs().Fetch(ctx, layer)
		}
	}
	return nil, fmt.Errorf("%s:%s holds no %s: %w", repo.Reference, v, file, fs.ErrNotExist)
}

// Push copies a release from a source to a registry, oci://host/path.
func Push(ctx context.Context, s Source, name, v, to string) error {
	target, err := From(to, "")
	if err != nil {
		return err
	}
	r, ok := target.(registry)
	if !ok {
		return fmt.Errorf("%s is no registry: write oci://host/path; a folder of releases is served as it stands", to)
	}
	repo, err := r.repository(name)
	if err != nil {
		return err
	}
	data, err := text(ctx, s, name, v, releaseFile)
	if err != nil {
		return err
	}
	packed, err := parse(data, name, v)
	if err != nil {
		return err
	}
	files := []string{releaseFile, signatureFile}
	for _, p := range packed.Programs {
		files = append(files, p.File)
	}
	var layers []ocispec.Descriptor
	for _, file := range files {
		layer, err := pushFile(ctx, s, repo, name, v, file)
		if err != nil {
			return fmt.Errorf("push %s: %w", file, err)
		}
		layers = append(layers, layer)
	}
	m, err := oras.PackManifest(ctx, repo, oras.PackManifestVersion1_1, artifactType, oras.PackManifestOptions{Layers: layers})
	if err != nil {
		return err
	}
	return repo.Tag(ctx, m, v)
}

// pushFile reads the file twice: a registry wants to know its checksum first.
func pushFile(ctx context.Context, s Source, repo content.Storage, name, v, file string) (ocispec.Descriptor, error) {
	layer := ocispec.Descriptor{MediaType: layerType, Annotations: map[string]string{ocispec.AnnotationTitle: file}}
	f, err := s.Open(ctx, name, v, file)
	if err != nil {
		return layer, err
	}
	digester := digest.Canonical.Digester()
	layer.Size, err = io.Copy(digester.Hash(), f)
	_ = f.Close() // only read
	if err != nil {
		return layer, err
	}
	layer.Digest = digester.Digest()
	if there, err := repo.Exists(ctx, layer); err != nil || there {
		return layer, err
	}
	if f, err = s.Open(ctx, name, v, file); err != nil {
		return layer, err
	}
	defer f.Close() //nolint:errcheck // only read
	return layer, repo.Push(ctx, layer, f)
}
