package sftp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"path"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/kopru-io/kopru/plugins/file"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/sdk"
)

type connection struct {
	settings settings
	log      *slog.Logger
}

// Close has nothing to end: each read and each stream of writes logs in for itself.
func (*connection) Close() error { return nil }

// Check logs in and looks into the folder.
func (c *connection) Check(ctx context.Context) ([]string, []*protocol.Problem) {
	s, err := c.dial(ctx)
	if err != nil {
		return nil, []*protocol.Problem{problem(err)}
	}
	defer s.close()
	facts := []string{"server " + s.version}
	entries, err := s.client.ReadDir(c.settings.folder)
	if err != nil {
		return facts, []*protocol.Problem{{
			Attribute: "path", Summary: fmt.Sprintf("the folder %q can't be read: %v", c.settings.folder, err), Detail: "Make the folder, or correct `path`.",
		}}
	}
	return append(facts, fmt.Sprintf("%d files and folders in %s", len(entries), c.settings.folder)), nil
}

func problem(err error) *protocol.Problem {
	p := &protocol.Problem{Attribute: "host", Summary: err.Error()}
	var f *sdk.Failure
	if errors.As(err, &f) && f.Field != "" {
		p.Attribute = f.Field
	}
	return p
}

// session is one login. It is the folder that the file connector's code works in.
type session struct {
	client  *sftp.Client
	shell   *ssh.Client
	folder  string
	version string
}

// dial logs in; the session ends with ctx at the latest.
func (c *connection) dial(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, c.settings.timeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.settings.address)
	if err != nil {
		return nil, sdk.Transient("sftp.unreached", "the server can't be reached: %v", err).At("host")
	}
	_ = raw.SetDeadline(time.Now().Add(c.settings.timeout)) // a fresh connection takes it
	conn, channels, requests, err := ssh.NewClientConn(raw, c.settings.address, &c.settings.client)
	if err != nil {
		return nil, errors.Join(c.refused(err), raw.Close())
	}
	_ = raw.SetDeadline(time.Time{})
	shell := ssh.NewClient(conn, channels, requests)
	client, err := sftp.NewClient(shell)
	if err != nil {
		return nil, errors.Join(sdk.Fatal("sftp.no_sftp", "the server lets %q log in, but not use SFTP: %v", c.settings.client.User, err).At("user"), shell.Close())
	}
	return &session{client: client, shell: shell, folder: c.settings.folder, version: string(conn.ServerVersion())}, nil
}

func (c *connection) refused(err error) *sdk.Failure {
	var other *stranger
	switch {
	case errors.As(err, &other):
		return sdk.Auth("sftp.host_key", "%s is not the server it should be: %v. Ask its owner whether the key was changed, and only then change `host_key`",
			c.settings.address, other).At("host_key")
	case strings.Contains(err.Error(), "no common algorithm for host key"): // the library exports no error for it
		return sdk.Auth("sftp.host_key", "%s has no key of the kind of `host_key`: %v", c.settings.address, err).At("host_key")
	case strings.Contains(err.Error(), "unable to authenticate"): // nor for this
		return sdk.Auth("sftp.login", "the server does not let %q log in; correct `user`, and `password` or `private_key`", c.settings.client.User).At("user")
	}
	return sdk.Transient("sftp.unreached", "the server can't be spoken to: %v", err).At("host")
}

func (s *session) close() {
	_ = s.client.Close()
	_ = s.shell.Close()
}

// until ends the session with ctx, so that nothing waits for a server that nobody wants to hear any more.
func (s *session) until(ctx context.Context) (done func()) {
	stop := context.AfterFunc(ctx, func() { _ = s.shell.Close() })
	return func() {
		stop()
		s.close()
	}
}

func (s *session) at(name string) string { return path.Join(s.folder, name) }

// Stat describes a file.
func (s *session) Stat(name string) (fs.FileInfo, error) { return s.client.Stat(s.at(name)) }

// Open opens a file for reading.
func (s *session) Open(name string) (file.Source, error) { return s.client.Open(s.at(name)) }

// ReadDir lists a folder.
func (s *session) ReadDir(name string) ([]fs.DirEntry, error) {
	infos, err := s.client.ReadDir(s.at(name))
	entries := make([]fs.DirEntry, len(infos))
	for i, info := range infos {
		entries[i] = fs.FileInfoToDirEntry(info)
	}
	return entries, err
}

// Read reads a file or the files of a pattern.
func (c *connection) Read(ctx context.Context, request sdk.ReadRequest, emit func(sdk.Batch) error) (string, error) {
	if request.Entity == "-" {
		return "", sdk.Fatal("sftp.no_stdio", "there is no standard input on a server; name a file")
	}
	s, err := c.dial(ctx)
	if err != nil {
		return "", err
	}
	defer s.until(ctx)()
	done := request.Options.String("done")
	if done != "" {
		if err := s.moveAway(request.Cursor, done, c.log); err != nil {
			return "", err
		}
	}
	request.Entity = strings.ReplaceAll(request.Entity, number, "*") // what was written
	return file.ReadFrom(ctx, s, request, done != "", c.log, emit)
}

// moveAway moves what the settled cursor has read to its end.
func (s *session) moveAway(cursor, done string, log *slog.Logger) error {
	names, err := file.Finished(s, cursor)
	if err != nil || len(names) == 0 {
		return err
	}
	if done, err = file.Name(done); err != nil {
		return err
	}
	if err := s.client.MkdirAll(s.at(done)); err != nil {
		return sdk.Fatal("sftp.done", "the folder %q can't be made: %v; give the user the right to it", done, err).At("done")
	}
	for _, name := range names {
		to := path.Join(done, path.Base(name))
		if _, err := s.Stat(to); err == nil { // one of the same name was there before
			ext := path.Ext(to)
			to = strings.TrimSuffix(to, ext) + time.Now().UTC().Format("-20060102T150405.000000") + ext
		}
		if err := s.client.Rename(s.at(name), s.at(to)); err != nil {
			return sdk.Fatal("sftp.done", "%q can't be moved to %q: %v; give the user the right to it", name, to, err).At("done")
		}
		log.Debug("a file that was read is moved", "file", name, "to", to)
	}
	return nil
}
