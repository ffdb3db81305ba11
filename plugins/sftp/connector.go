// Package sftp connects to files on an SFTP server, in the formats of the file connector.
package sftp

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/kopru-io/kopru/plugins/file"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// Connector reads and writes files in a folder of an SFTP server.
type Connector struct{}

// New returns the connector.
func New() *Connector { return &Connector{} }

// Manifest describes the connector.
func (*Connector) Manifest() *protocol.Manifest {
	const (
		text     = protocol.AttributeType_ATTRIBUTE_TYPE_STRING
		integer  = protocol.AttributeType_ATTRIBUTE_TYPE_INTEGER
		duration = protocol.AttributeType_ATTRIBUTE_TYPE_DURATION
	)
	host := sdk.Attribute("host", text, "The server: a name or an address.", sdk.Required)
	host.Example = "sftp.example.com"
	hostKey := sdk.Attribute("host_key", text, "The server's public key, as `ssh-keyscan HOST` shows it, or its fingerprint. "+
		"A server with another key is not spoken to.", sdk.Required)
	hostKey.Example = "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8"
	folder := sdk.WithDefault(sdk.Attribute("path", text, "The folder on the server that the files are in.", 0), ".")
	folder.Example = "/outbound"
	done := sdk.Attribute("done", text, "The folder, within that of the connection, that files are moved to when they have been read to their end "+
		"and all that was in them is settled: when the next read begins. Without it they stay, and are remembered.", 0)
	done.Example = "done"
	return &protocol.Manifest{
		Name: "sftp", Version: "0.1.0", OpenEntities: true, Access: &protocol.Access{Hosts: []string{"*"}},
		Summary: "Files on an SFTP server: JSON lines, JSON and CSV, also compressed with gzip.",
		Config: []*protocol.Attribute{
			host,
			sdk.WithDefault(sdk.Attribute("port", integer, "The server's port.", 0), defaultPort),
			sdk.Attribute("user", text, "Who logs in.", sdk.Required),
			sdk.Attribute("password", text, "The user's password.", sdk.Sensitive),
			sdk.Attribute("private_key", text, "The user's private key (PEM or OpenSSH), instead of a password.", sdk.Sensitive),
			sdk.Attribute("passphrase", text, "What the private key is encrypted with.", sdk.Sensitive),
			hostKey, folder,
			sdk.WithDefault(sdk.Attribute("timeout", duration, "How long the server may take to answer a login.", 0), "30s"),
		},
		Entities: []*protocol.Entity{{
			Name: "*",
			Description: `A file, as its path in the folder: "orders.jsonl", "items.csv.gz"; "in/*.csv" reads many. "out/orders-{n}.csv" writes: ` +
				"each batch is a file of its own, with its number in the place of {n}.",
			OpenFields: true, CanRead: true, CanCreate: true, AppendOnly: true, Incremental: true,
			SourceOptions: append(file.SourceOptions(), done),
			SinkOptions:   file.SinkOptions(),
		}},
	}
}

const defaultPort = 22

// Validate judges the settings together.
func (*Connector) Validate(config sdk.Config) []*protocol.Problem {
	_, problems := parse(config)
	return problems
}

// Open makes a connection, which calls nobody before it is used.
func (*Connector) Open(_ context.Context, _ string, config sdk.Config, log *slog.Logger) (sdk.Connection, error) {
	s, problems := parse(config)
	if len(problems) > 0 {
		return nil, sdk.Fatal("sftp.settings", "%s %s", problems[0].GetSummary(), problems[0].GetDetail()).At(problems[0].GetAttribute())
	}
	return &connection{settings: s, log: log}, nil
}

type settings struct {
	address, folder string
	client          ssh.ClientConfig
	timeout         time.Duration
}

func parse(config sdk.Config) (s settings, problems []*protocol.Problem) {
	p := &sdk.Settings{Config: config}
	wrong := p.Wrong
	host := config.String("host")
	if host == "" || strings.ContainsAny(host, "/@ ") {
		wrong("host", fmt.Sprintf("%q is no server.", host), "Write its name or address alone; user, port and folder have settings of their own.")
	}
	s.address = net.JoinHostPort(host, fmt.Sprint(p.Integer("port", 1, 65535)))
	s.folder, s.timeout = path.Clean(config.String("path")), p.Duration("timeout", time.Millisecond)
	s.client = ssh.ClientConfig{User: config.String("user"), Timeout: s.timeout}
	if s.client.User == "" {
		wrong("user", "nobody logs in.", "Name the `user`.")
	}
	var err error
	if s.client.HostKeyCallback, s.client.HostKeyAlgorithms, err = known(config.String("host_key")); err != nil {
		wrong("host_key", err.Error(), "Write a line of `ssh-keyscan HOST`, without the host's name, or a fingerprint such as SHA256:…; ask the server's owner whether it is theirs.")
	}
	password, key := config.String("password"), config.String("private_key")
	switch {
	case password == "" && key == "":
		wrong("password", "there is nothing to log in with.", "Give a `password` or a `private_key`.")
	case password != "":
		s.client.Auth = append(s.client.Auth, ssh.Password(password), ssh.KeyboardInteractive(
			func(_, _ string, questions []string, _ []bool) ([]string, error) { // how some servers ask for a password
				answers := make([]string, len(questions))
				for i := range answers {
					answers[i] = password
				}
				return answers, nil
			}))
	}
	if key != "" {
		signer, err := signer(key, config.String("passphrase"))
		if err != nil {
			wrong("private_key", "the key can't be used: "+err.Error()+".", "Give the whole of it, with its BEGIN and END lines, and the `passphrase` if it has one.")
		} else {
			s.client.Auth = append([]ssh.AuthMethod{ssh.PublicKeys(signer)}, s.client.Auth...)
		}
	}
	return s, p.Problems
}

func signer(key, passphrase string) (ssh.Signer, error) {
	if passphrase != "" {
		return ssh.ParsePrivateKeyWithPassphrase([]byte(key), []byte(passphrase))
	}
	return ssh.ParsePrivateKey([]byte(key))
}

// known accepts one host key: a public key, for which the server is asked then, or a fingerprint.
func known(text string) (ssh.HostKeyCallback, []string, error) {
	text = strings.TrimSpace(text)
	wanted := text
	var algorithms []string
	if !strings.HasPrefix(text, "SHA256:") {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(text))
		if err != nil {
			return nil, nil, fmt.Errorf("%q is no public key and no fingerprint.", sdk.Brief(text, 40))
		}
		wanted, algorithms = ssh.FingerprintSHA256(key), []string{key.Type()}
		if key.Type() == ssh.KeyAlgoRSA {
			algorithms = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
		}
	}
	return func(_ string, _ net.Addr, key ssh.PublicKey) error {
		if got := ssh.FingerprintSHA256(key); got != wanted {
			return &stranger{got: got, wanted: wanted}
		}
		return nil
	}, algorithms, nil
}

// stranger says that a server has another key than it should have.
type stranger struct{ got, wanted string }

func (s *stranger) Error() string { return "its key is " + s.got + " and not " + s.wanted }
