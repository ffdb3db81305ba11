package sftp

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/kopru-io/kopru/plugins/acceptance"
	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// TestMain: the test binary confines connectors as kopru does.
func TestMain(m *testing.M) {
	host.ConfineIfAsked()
	os.Exit(m.Run())
}

const password = "s3cret & more"

// server is an SFTP server on this machine; its folder is a real one.
type server struct {
	folder  string
	config  sdk.Config // of a connection to it
	key     ssh.PublicKey
	private ed25519.PrivateKey // that it lets in
}

func newKey(t *testing.T) (ssh.Signer, ed25519.PrivateKey) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer, private
}

// locked is a private key as a user has it.
func locked(t *testing.T, key ed25519.PrivateKey) string {
	t.Helper()
	block, err := ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte("a phrase"))
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block))
}

func newServer(t *testing.T) server {
	t.Helper()
	hostKey, _ := newKey(t)
	userKey, private := newKey(t)
	refused := errors.New("no")
	config := &ssh.ServerConfig{
		PasswordCallback: func(c ssh.ConnMetadata, given []byte) (*ssh.Permissions, error) {
			if c.User() != "kopru" || subtle.ConstantTimeCompare(given, []byte(password)) == 0 {
				return nil, refused
			}
			return nil, nil //nolint:nilnil // it may do all
		},
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if string(key.Marshal()) != string(userKey.PublicKey().Marshal()) {
				return nil, refused
			}
			return nil, nil //nolint:nilnil // it may do all
		},
	}
	config.AddHostKey(hostKey)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	s := server{folder: t.TempDir(), key: hostKey.PublicKey(), private: private}
	go func() {
		for {
			raw, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(raw, config)
		}
	}()
	s.config = sdk.Config{
		"host": "127.0.0.1", "port": record.Int(int64(listener.Addr().(*net.TCPAddr).Port)), "user": "kopru", "password": password, "timeout": "10s",
		"path": s.folder, "host_key": strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.key))),
	}
	return s
}

func serve(raw net.Conn, config *ssh.ServerConfig) {
	conn, channels, requests, err := ssh.NewServerConn(raw, config)
	if err != nil {
		_ = raw.Close()
		return
	}
	defer conn.Close()
	go ssh.DiscardRequests(requests)
	for c := range channels {
		channel, asked, err := c.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range asked {
				_ = r.Reply(r.Type == "subsystem", nil)
			}
		}()
		go func() {
			files, err := sftp.NewServer(channel)
			if err == nil {
				_ = files.Serve()
			}
			_ = channel.Close()
		}()
	}
}

func (s server) open(t *testing.T, over sdk.Config) *connection {
	t.Helper()
	config := maps.Clone(s.config)
	maps.Copy(config, over)
	c, err := New().Open(context.Background(), "test", config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return c.(*connection)
}

func (s server) put(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(s.folder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = io.WriteString(f, text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// files lists all there are, hidden ones too.
func (s server) files(t *testing.T) string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(s.folder, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(s.folder, path)
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func (s server) text(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// read reads from a cursor and returns the keys, and the cursor to go on with.
func read(t *testing.T, c *connection, entity, cursor string, options sdk.Config) (keys, end string) {
	t.Helper()
	var all []string
	end, err := c.Read(context.Background(), sdk.ReadRequest{Entity: entity, Cursor: cursor, Options: options, BatchSize: 10}, func(b sdk.Batch) error {
		for _, r := range b.Records {
			all = append(all, r.Key)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " "), end
}

func class(err error) string {
	var f *sdk.Failure
	if !errors.As(err, &f) {
		return fmt.Sprint(err)
	}
	return strings.TrimPrefix(f.Class.String(), "FAILURE_CLASS_") + " " + f.Code
}

func create(payload string) sdk.Op {
	return sdk.Op{Operation: protocol.Operation_OPERATION_CREATE, Key: "k", Payload: []byte(payload)}
}

func TestAccepted(t *testing.T) {
	s := newServer(t)
	var lines strings.Builder
	for i := range 25 {
		fmt.Fprintf(&lines, "{\"id\":%d,\"total\":1.50}\n", i)
	}
	s.put(t, "in/a.jsonl", lines.String())
	s.put(t, "in/b.csv", "id,text\nx,Æ 漢字 😀\ny,\"a \"\"b\"\"\"\n")
	program := filepath.Join(t.TempDir(), "kopru-connector-sftp")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/kopru-connector-sftp").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	report, err := acceptance.Run(t.Context(), acceptance.Options{
		Binary: program, Launcher: os.Args[:1],
		Spec: acceptance.Spec{
			Dir: t.TempDir(), Config: s.config,
			Refused: []acceptance.Refused{
				{Attribute: "host_key", Config: map[string]any{"host_key": "ssh-ed25519 AAAA"}},
				{Attribute: "private_key", Config: map[string]any{"private_key": "not a key"}},
			},
			Reads: []acceptance.Read{{Entity: "in/a.jsonl", AtLeast: 25}, {Entity: "in/*.csv", AtLeast: 2}},
			Writes: []acceptance.Write{
				{Entity: "out/a-{n}.jsonl", Create: map[string]any{"id": "{unique}", "text": "Æ 漢字 😀"}, Options: map[string]any{"if_exists": "replace"}},
				{Entity: "out/b-{n}.csv.gz", Create: map[string]any{"id": "{unique}", "text": "\"x\""}, Options: map[string]any{"if_exists": "append"}},
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if report.Level != acceptance.Enduring {
		t.Errorf("level %s", report.Level)
	}
	for _, r := range report.Results {
		if r.Status == acceptance.Failed {
			t.Errorf("%s %s: %s", r.ID, r.Subject, r.Detail)
		}
	}
}

// TestWriting: a file is there when it is whole, each batch has one, and what was not settled is taken back.
func TestWriting(t *testing.T) {
	s := newServer(t)
	c := s.open(t, nil)
	request := sdk.WriteRequest{Entity: "out/o-{n}.csv", Options: sdk.Config{"columns": []any{"id", "name"}}}
	open := func() sdk.BatchWriter {
		t.Helper()
		w, err := c.Writer(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	write := func(w sdk.BatchWriter, payloads ...string) string {
		t.Helper()
		var ops []sdk.Op
		for _, p := range payloads {
			ops = append(ops, create(p))
		}
		_, position, err := w.Write(t.Context(), ops)
		if err != nil {
			t.Fatal(err)
		}
		return position
	}
	w := open()
	settled := write(w, `{"id":1,"name":"a,b"}`, `{"id":2}`)
	write(w, `{"id":3,"name":"never settled"}`)
	_ = w.Close()
	if got := s.text(t, "out/o-00000001.csv"); got != "id,name\n1,\"a,b\"\n2,\n" {
		t.Errorf("%q", got)
	}
	s.put(t, "out/o-1.csv", "somebody else's\n")
	request.Position = settled
	w = open()
	if got := s.files(t); got != "out/o-00000001.csv out/o-1.csv" {
		t.Errorf("after the next begin: %s", got)
	}
	if err := os.Remove(filepath.Join(s.folder, "out/o-00000001.csv")); err != nil { // it was taken
		t.Fatal(err)
	}
	write(w, `{"id":4,"name":""}`)
	if _, _, err := w.Write(t.Context(), []sdk.Op{create(`{"id":5,"unknown":1}`)}); class(err) != "INVALID file.unknown_field" {
		t.Errorf("%v", err)
	}
	_ = w.Close()
	if got := s.files(t); got != "out/o-00000002.csv out/o-1.csv" {
		t.Errorf("at the end: %s", got)
	}
	request.Position = ""
	if _, err := c.Writer(t.Context(), request); class(err) != "FATAL sftp.exists" {
		t.Errorf("%v", err)
	}
	request.Entity = "orders.csv"
	if _, err := c.Writer(t.Context(), request); class(err) != "FATAL sftp.no_number" {
		t.Errorf("%v", err)
	}
	request.Entity = "../o-{n}.csv"
	if _, err := c.Writer(t.Context(), request); class(err) != "FATAL file.outside" {
		t.Errorf("%v", err)
	}
}

// TestDone: files are moved once all in them is settled, as long as nothing came into them since.
func TestDone(t *testing.T) {
	s := newServer(t)
	c := s.open(t, nil)
	options := sdk.Config{"done": "archive/done"}
	s.put(t, "in/a.jsonl", "{\"id\":1}\n{\"id\":2}\n")
	s.put(t, "in/c.jsonl", "{\"id\":4}\n{\"id\":")
	var cursor string
	again := func(keys, files string) {
		t.Helper()
		var got string
		if got, cursor = read(t, c, "in/*.jsonl", cursor, options); got != keys || s.files(t) != files {
			t.Fatalf("%q of %s", got, s.files(t))
		}
	}
	again("1 2 4", "in/a.jsonl in/c.jsonl")
	s.put(t, "in/a.jsonl", "{\"id\":5}\n")
	again("5", "in/a.jsonl in/c.jsonl")
	s.put(t, "in/c.jsonl", "6}\n")
	again("6", "archive/done/a.jsonl in/c.jsonl")
	s.put(t, "in/a.jsonl", "{\"id\":7}\n") // a new one of an old name
	again("7", "archive/done/a.jsonl archive/done/c.jsonl in/a.jsonl")
	keys, cursor := read(t, c, "in/*.jsonl", cursor, options)
	if keys != "" || strings.Count(s.files(t), "archive/done/a") != 2 || strings.Contains(s.files(t), "in/") {
		t.Errorf("%s of %s", keys, s.files(t))
	}
	s.put(t, "in/b.json", `[{"id":3}]`+"\n")
	_, end := read(t, c, "in/b.json", "", options)
	if keys, _ := read(t, c, "in/b.json", end, options); keys != "" || !strings.Contains(s.files(t), "archive/done/b.json") {
		t.Errorf("a list: %s of %s", keys, s.files(t))
	}
	if keys, _ = read(t, c, "in/none.csv", cursor, options); keys != "" {
		t.Errorf("of a file that is not there: %s", keys)
	}
	if _, err := c.Read(t.Context(), sdk.ReadRequest{Entity: "in/none.csv"}, nil); class(err) != "FATAL file.not_found" {
		t.Errorf("without done: %v", err)
	}
}

// TestWhoIsThere: only the server with the known key is spoken to, and nobody is let in without a right.
func TestWhoIsThere(t *testing.T) {
	s := newServer(t)
	other, _ := newKey(t)
	for name, of := range map[string]struct {
		over sdk.Config
		want string // "" = well; else the failure, and the setting that a check names
	}{
		"key line":       {nil, ""},
		"fingerprint":    {sdk.Config{"host_key": ssh.FingerprintSHA256(s.key)}, ""},
		"another key":    {sdk.Config{"host_key": string(ssh.MarshalAuthorizedKey(other.PublicKey()))}, "AUTH sftp.host_key host_key"},
		"another print":  {sdk.Config{"host_key": ssh.FingerprintSHA256(other.PublicKey())}, "AUTH sftp.host_key host_key"},
		"wrong password": {sdk.Config{"password": "wr0ng-one"}, "AUTH sftp.login user"},
		"private key":    {sdk.Config{"password": nil, "private_key": locked(t, s.private), "passphrase": "a phrase"}, ""},
		"nobody there":   {sdk.Config{"port": record.Int(1)}, "TRANSIENT sftp.unreached host"},
	} {
		c := s.open(t, of.over)
		session, err := c.dial(t.Context())
		if err == nil {
			session.close()
		}
		facts, problems := c.Check(t.Context())
		got := ""
		if err != nil && len(problems) == 1 {
			got = class(err) + " " + problems[0].GetAttribute()
			if strings.Contains(err.Error(), password) || strings.Contains(err.Error(), "wr0ng") {
				t.Errorf("%s: a password in %v", name, err)
			}
		}
		if got != of.want || err == nil && len(facts) != 2 {
			t.Errorf("%s: %v, %v, %v", name, err, facts, problems)
		}
	}
	if _, problems := s.open(t, sdk.Config{"path": "/no/such"}).Check(t.Context()); len(problems) != 1 || problems[0].GetAttribute() != "path" {
		t.Errorf("%v", problems)
	}
}

func TestSettings(t *testing.T) {
	good := newServer(t).config
	for wrong, over := range map[string]sdk.Config{
		"host": {"host": "sftp://x"}, "port": {"port": record.Int(0)}, "user": {"user": ""}, "host_key": {"host_key": ""}, "password": {"password": ""},
		"private_key": {"private_key": "x"}, "timeout": {"timeout": "0s"}, "": {},
	} {
		config := maps.Clone(good)
		maps.Copy(config, over)
		var got []string
		for _, p := range New().Validate(config) {
			got = append(got, p.GetAttribute())
		}
		if strings.Join(got, " ") != wrong {
			t.Errorf("%v: %v", over, got)
		}
	}
}
