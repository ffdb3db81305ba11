// Package secret keeps a project's secrets in a file that is encrypted with age, beside the pipelines that use them.
package secret

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
)

const (
	// File holds the secrets. It may be in git.
	File = "secrets.age"
	// KeyFile opens File. It must not be in git.
	KeyFile = ".kopru/secrets.key"
	// KeyVariable is a variable of the environment that has the key itself, for containers.
	KeyVariable = "KOPRU_SECRETS_KEY"

	largestFile = 1 << 20
)

// Store is a project's secrets. Its zero value is no store: see Open.
type Store struct {
	dir  string
	env  func(string) (string, bool)
	read bool
	key  *age.X25519Identity
	all  map[string]string
}

// Open returns the secrets of the project in a folder. Nothing is read before it is needed.
func Open(dir string, env func(string) (string, bool)) *Store { return &Store{dir: dir, env: env} }

// ErrUnknown is what Get says of a secret that is not there.
var ErrUnknown = errors.New("unknown")

// Get returns a secret.
func (s *Store) Get(name string) (string, error) {
	if err := s.load(); err != nil {
		return "", err
	}
	v, ok := s.all[name]
	if !ok {
		return "", ErrUnknown
	}
	return v, nil
}

// Names lists the secrets there are.
func (s *Store) Names() ([]string, error) {
	if err := s.load(); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(s.all)), nil
}

var validName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Set keeps a secret. Where the project has none yet, a key is made for them.
func (s *Store) Set(name, value string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("%q is no name for a secret; it has letters, digits and _, such as TILL_SECRET", name)
	}
	if value == "" {
		return errors.New("the secret is empty")
	}
	if err := s.load(); err != nil {
		return err
	}
	s.all[name] = value
	return s.save()
}

// Remove forgets a secret. The error is ErrUnknown when there is none of that name.
func (s *Store) Remove(name string) error {
	if _, err := s.Get(name); err != nil {
		return err
	}
	delete(s.all, name)
	return s.save()
}

func (s *Store) path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

// load decrypts the file, once.
func (s *Store) load() error {
	if s.read {
		return nil
	}
	file, err := os.ReadFile(s.path(File))
	if errors.Is(err, fs.ErrNotExist) {
		s.all, s.read = map[string]string{}, true
		return nil
	}
	if err != nil {
		return err
	}
	if s.key, err = s.findKey(); err != nil {
		return err
	}
	if s.key == nil {
		return fmt.Errorf("%s can't be opened without its key: put the key into %s, or into %s in the environment",
			File, KeyFile, KeyVariable)
	}
	plain, err := age.Decrypt(armor.NewReader(bytes.NewReader(file)), s.key)
	var text []byte
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(plain, largestFile))
	}
	var other *age.NoIdentityMatchError
	if errors.As(err, &other) {
		return fmt.Errorf("%s is encrypted for another key than the one given", File)
	}
	if err != nil {
		return fmt.Errorf("%s is damaged: %w", File, err)
	}
	if json.Unmarshal(text, &s.all) != nil || s.all == nil {
		s.all = nil
		return fmt.Errorf("%s holds something else than secrets", File) // what exactly, nobody must see
	}
	s.read = true
	return nil
}

// findKey returns the key of the environment, or of the file; nil when there is none.
func (s *Store) findKey() (*age.X25519Identity, error) {
	text, where := "", KeyVariable
	if s.env != nil {
		text, _ = s.env(KeyVariable)
	}
	if text == "" {
		data, err := os.ReadFile(s.path(KeyFile))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		text, where = string(data), KeyFile
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if key, err := age.ParseX25519Identity(line); err == nil {
			return key, nil
		}
		break // without the error, which could show a part of it
	}
	return nil, fmt.Errorf("%s holds no key; it is a line that begins with AGE-SECRET-KEY-1", where)
}

// save encrypts the file anew. Whoever reads it meanwhile sees the old one or the new one.
func (s *Store) save() error {
	if err := s.needKey(); err != nil {
		return err
	}
	text, err := json.Marshal(s.all)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	armored := armor.NewWriter(&out)
	w, err := age.Encrypt(armored, s.key.Recipient())
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := errors.Join(w.Close(), armored.Close()); err != nil {
		return err
	}
	return replace(s.path(File), out.Bytes())
}

func (s *Store) needKey() (err error) {
	if s.key == nil {
		s.key, err = s.findKey()
	}
	if s.key != nil || err != nil {
		return err
	}
	if s.key, err = age.GenerateX25519Identity(); err != nil {
		return err
	}
	folder := filepath.Dir(s.path(KeyFile))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, ".gitignore"), []byte("*\n"), 0o600); err != nil {
		return err
	}
	note := "# Opens " + File + ". Keep a copy where only you can read it, and never put it into git.\n"
	return os.WriteFile(s.path(KeyFile), []byte(note+s.key.String()+"\n"), 0o600)
}

// replace puts a new file in an old one's place.
func replace(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".secrets-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone when all went well
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
