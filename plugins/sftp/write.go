package sftp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/kopru-io/kopru/plugins/file"
	"github.com/kopru-io/kopru/plugins/sdk"
)

const (
	// number stands in an entity's name where each file that is written has one of its own.
	number = "{n}"
	digits = 8 // at least, so that names sort as they were written
)

// Writer writes each batch as a file of its own, under another name until it is whole. Who waits for files on the server
// sees whole ones only, and may take them at any time.
func (c *connection) Writer(ctx context.Context, request sdk.WriteRequest) (sdk.BatchWriter, error) {
	name, err := file.Name(request.Entity)
	if err != nil {
		return nil, err
	}
	before, after, found := strings.Cut(path.Base(name), number)
	if !found || strings.Contains(after, number) || strings.Contains(path.Dir(name), number) {
		return nil, sdk.Fatal("sftp.no_number", "each batch is a file of its own: say where in the name %q its number goes, such as %q",
			request.Entity, "orders-"+number+".csv")
	}
	if _, err := file.Encode(request, nil); err != nil { // wrong options are told before there is a record
		return nil, err
	}
	s, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{session: s, request: request, folder: path.Dir(name), before: before, after: after}
	w.done = s.until(ctx)
	if err := w.begin(); err != nil {
		w.done()
		return nil, err
	}
	return w, nil
}

// writer writes files whose names are before, a number and after.
type writer struct {
	*session
	request       sdk.WriteRequest
	folder        string
	before, after string
	last          int64 // the number of the last file
	done          func()
}

// Position says how many files there were.
func (w *writer) Position() string { return strconv.FormatInt(w.last, 10) }

// begin takes away what was written after the position, if nobody else took it.
func (w *writer) begin() error {
	if err := w.client.MkdirAll(w.at(w.folder)); err != nil {
		return w.failure(w.folder, err)
	}
	entries, err := w.ReadDir(w.folder)
	if err != nil {
		return w.failure(w.folder, err)
	}
	var newest int64
	there := map[int64]string{}
	for _, e := range entries {
		if n, ok := w.numberOf(e.Name()); ok {
			there[n] = path.Join(w.folder, e.Name())
			newest = max(newest, n)
		}
	}
	switch exists := w.request.Options.String("if_exists"); {
	case w.request.Position != "":
		w.last, err = strconv.ParseInt(w.request.Position, 10, 64)
		if err != nil || w.last < 0 {
			return sdk.Fatal("sftp.bad_position", "the stored place %.100q is none of this connector; reset the pipeline's state", w.request.Position)
		}
	case exists == "append":
		w.last = newest
	case exists != "replace" && len(there) > 0:
		return sdk.Fatal("sftp.exists", `there are files such as %q already; say if_exists = "append" to go on after them or "replace" to remove them, or choose another name`,
			there[newest])
	}
	for n, name := range there {
		if n <= w.last {
			continue
		}
		if err := w.client.Remove(w.at(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return w.failure(name, err)
		}
	}
	return nil
}

// numberOf is the number of a file that was written here.
func (w *writer) numberOf(name string) (int64, bool) {
	text, ours := strings.CutPrefix(name, w.before)
	text, whole := strings.CutSuffix(text, w.after)
	if !ours || !whole || len(text) < digits {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n > 0
}

// Write writes a batch as the next file.
func (w *writer) Write(_ context.Context, ops []sdk.Op) ([]sdk.Result, string, error) {
	if len(ops) == 0 {
		return nil, w.Position(), nil
	}
	data, err := file.Encode(w.request, ops)
	if err != nil {
		return nil, "", err
	}
	base := fmt.Sprintf("%s%0*d%s", w.before, digits, w.last+1, w.after)
	name, part := path.Join(w.folder, base), path.Join(w.folder, "."+base+".part")
	if err := w.put(part, data); err != nil {
		return nil, "", w.failure(part, err)
	}
	if err := w.rename(w.at(part), w.at(name)); err != nil {
		return nil, "", w.failure(name, err)
	}
	w.last++
	return nil, w.Position(), nil
}

// put writes a whole file, onto the server's disk where it can be asked for that.
func (w *writer) put(name string, data []byte) error {
	f, err := w.client.Create(w.at(name))
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if _, ok := w.client.HasExtension("fsync@openssh.com"); ok && err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// rename gives a whole file its name, in the place of what a broken run left there.
func (w *writer) rename(from, to string) error {
	if _, ok := w.client.HasExtension("posix-rename@openssh.com"); ok {
		return w.client.PosixRename(from, to)
	}
	if err := w.client.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return w.client.Rename(from, to)
}

func (w *writer) failure(name string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return sdk.Auth("sftp.no_permission", "%q can't be written: %v; give the user the right to its folder", name, err)
	}
	return sdk.Transient("sftp.io", "%q can't be written: %v", name, err)
}

// Close ends the session.
func (w *writer) Close() error {
	w.done()
	return nil
}
