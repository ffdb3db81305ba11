package file

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"

	"github.com/kopru-io/kopru/plugins/sdk"
)

// Folder is where files are: one of this machine, or another connector's. Names have slashes and lead to something within
// it. Its errors are those of io/fs.
type Folder interface {
	Stat(name string) (fs.FileInfo, error)
	Open(name string) (Source, error)
	ReadDir(name string) ([]fs.DirEntry, error)
}

// Source is a file that is read.
type Source interface {
	io.ReadSeekCloser
	io.ReaderAt
	Stat() (fs.FileInfo, error)
}

// here is a folder of this machine; the operating system keeps every path inside it, links included.
type here struct{ *os.Root }

func (h here) Open(name string) (Source, error) { return h.Root.Open(name) }

func (h here) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(h.FS(), name) }

// ReadFrom reads the files of a folder as the file connector reads its own: an entity is a name or a pattern, with the
// options, the cursors and the failures of its manifest. With leaving, files are moved away when they are Finished: then
// one that is not there has no records.
func ReadFrom(ctx context.Context, dir Folder, request sdk.ReadRequest, leaving bool, log *slog.Logger, emit func(sdk.Batch) error) (string, error) {
	c := &connection{log: log}
	return c.read(ctx, request, &reading{dir: dir, leaving: leaving}, emit)
}

// Finished are the files that were read to their end, by a cursor of a read with leaving, and are as they were then.
func Finished(dir Folder, cursor string) ([]string, error) {
	all, err := parseCursor(cursor)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if m := all[name]; m.state == atEnd && m.seen != "" {
			if seen, err := onDisk(dir, name); err == nil && seen == m.seen { // else it is gone, or read on
				names = append(names, name)
			}
		}
	}
	return names, nil
}

// Encode makes a whole file of records, as the file connector writes one with the entity's name and options.
func Encode(request sdk.WriteRequest, ops []sdk.Op) ([]byte, error) {
	f, e, err := encoderOf(request)
	if err != nil {
		return nil, err
	}
	text, err := encode(nil, e, ops, true)
	if err != nil {
		return nil, err
	}
	text = append(text, e.closing()...)
	if !f.gzip {
		return text, nil
	}
	_, text, err = newPacker().pack(text, "")
	return text, err
}

// Name is an entity's path within a folder; it fails when it leads out of it, or stands for many files.
func Name(entity string) (string, error) {
	name, err := localName(entity)
	if err == nil && isPattern(name) {
		err = sdk.Fatal("file.pattern", "%q stands for many files; only one can be written", name)
	}
	return name, err
}
