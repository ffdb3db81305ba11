package file

import (
	"cmp"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kopru-io/kopru/plugins/sdk"
)

// localName makes an entity a path within the folder. os.Root guards the door; this gives the error its words.
func localName(entity string) (string, error) {
	if !filepath.IsLocal(filepath.FromSlash(entity)) {
		return "", sdk.Fatal("file.outside",
			"%q is not inside the connection's folder; name a file in it, or make another connection with another `path`", entity)
	}
	return path.Clean(entity), nil
}

func isPattern(name string) bool { return strings.ContainsAny(name, "*?[") }

// match lists the files that a pattern stands for, in name order. As in a shell, hidden files must be asked for.
// Unlike fs.Glob it fails when a folder can't be read: files that nobody sees would be records that nobody misses.
func match(dir Folder, pattern string) ([]string, error) {
	found := []string{"."}
	parts := strings.Split(pattern, "/")
	for i, part := range parts {
		if _, err := path.Match(part, ""); err != nil {
			return nil, sdk.Fatal("file.bad_pattern", "%q is not a pattern; use * for anything, ? for one character, [ab] for either", pattern)
		}
		var next []string
		for _, folder := range found {
			names, err := matchIn(dir, folder, part, i == len(parts)-1)
			if err != nil {
				return nil, err
			}
			next = append(next, names...)
		}
		found = next
	}
	slices.SortFunc(found, cmp.Compare)
	return found, nil
}

// matchIn lists what matches one part of a pattern in one folder: files at its end, folders before it.
func matchIn(dir Folder, folder, part string, last bool) ([]string, error) {
	if !isPattern(part) && !last {
		return []string{path.Join(folder, part)}, nil
	}
	entries, err := dir.ReadDir(folder)
	if err != nil {
		return nil, pathFailure(folder, err)
	}
	var names []string
	for _, e := range entries {
		ok, _ := path.Match(part, e.Name()) // the pattern was tried before
		if !ok || e.Name()[0] == '.' && part[0] != '.' {
			continue
		}
		name := path.Join(folder, e.Name())
		info, err := e.Info()
		if err == nil && info.Mode()&fs.ModeSymlink != 0 {
			info, err = dir.Stat(name)
		}
		switch {
		case errors.Is(err, fs.ErrNotExist): // moved away meanwhile
		case err != nil:
			return nil, pathFailure(name, err)
		case info.Mode().IsRegular() == last && info.IsDir() == !last:
			names = append(names, name)
		}
	}
	return names, nil
}

// openFile opens a file for reading. It must be an ordinary one: to open a named pipe would wait for its writer.
func openFile(dir Folder, name string) (Source, error) {
	info, err := dir.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		return nil, notRegular(name)
	}
	if err != nil {
		return nil, pathFailure(name, err)
	}
	f, err := dir.Open(name)
	if err != nil {
		return nil, pathFailure(name, err)
	}
	return f, nil
}

func notRegular(name string) error {
	return sdk.Fatal("file.not_a_file",
		"%q is a folder or a device, not a file; name a file, or a pattern such as %q", name, name+"/*.jsonl")
}

// pathFailure says what is wrong with a path, and what to do.
func pathFailure(name string, err error) error {
	switch {
	case strings.Contains(err.Error(), "path escapes"): // os.Root exports no error for it
		return sdk.Fatal("file.outside", "%q leads out of the connection's folder; nothing outside it can be read or written", name)
	case errors.Is(err, fs.ErrNotExist):
		return sdk.Fatal("file.not_found",
			"there is no %q in the connection's folder; put it there, or correct the entity or the connection's `path`", name)
	case errors.Is(err, fs.ErrPermission):
		return sdk.Auth("file.no_permission", "%q can't be opened: %v; give the user that runs Kopru the right to it", name, cause(err))
	}
	return sdk.Transient("file.io", "%q: %v", name, cause(err))
}

// cause leaves out the path that the operating system's errors repeat.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
