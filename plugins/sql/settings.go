package sql

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/sdk"
)

const (
	driverPostgres  = "postgres"
	driverMySQL     = "mysql"
	driverSQLServer = "sqlserver"
	driverSQLite    = "sqlite"

	tlsOn  = "on"
	tlsOff = "off"
)

// settings is a connection's configuration, parsed.
type settings struct {
	driver                         string
	host                           string // a name, an address, or the path of a unix socket
	port                           int64
	database, user, password, path string
	tls                            bool
	ca                             string
	zone                           *time.Location // of columns without one
	queries                        map[string]string
	keys                           map[string][]string // by entity: its key columns
}

func attributes() []*protocol.Attribute {
	const (
		text    = protocol.AttributeType_ATTRIBUTE_TYPE_STRING
		integer = protocol.AttributeType_ATTRIBUTE_TYPE_INTEGER
		texts   = protocol.AttributeType_ATTRIBUTE_TYPE_STRING_MAP
	)
	driver := sdk.Attribute("driver", text, "Which database it is; mysql is for MariaDB too.", sdk.Required)
	driver.Values = []string{driverPostgres, driverMySQL, driverSQLServer, driverSQLite}
	host := sdk.Attribute("host", text, "Where the server is: a name, an address, or the path of its unix socket (of PostgreSQL: of the folder it is in).", 0)
	host.Example = "db.example.com"
	encrypted := sdk.Attribute("tls", text, "Whether the connection is encrypted and the server's certificate verified. Without it: on, but to this machine itself off.", 0)
	encrypted.Values = []string{tlsOn, tlsOff}
	zone := sdk.WithDefault(sdk.Attribute("timezone", text, "The zone of times in columns that have none.", 0), "UTC")
	zone.Example = "Europe/Amsterdam"
	queries := sdk.Attribute("queries", texts, "Queries that can be read like a table, by the name of their entity.", 0)
	queries.Example = `{ open_orders = "SELECT id, total FROM orders WHERE NOT paid" }`
	keys := sdk.Attribute("keys", texts, "The columns that tell rows apart, by entity, for views, queries and tables without a primary key. Several with commas between.", 0)
	keys.Example = `{ open_orders = "id" }`
	return []*protocol.Attribute{
		driver, host,
		sdk.Attribute("port", integer, "The server's port, if it is not the usual one.", 0),
		sdk.Attribute("database", text, "The database on the server.", 0),
		sdk.Attribute("user", text, "Who logs in. It needs no more rights than its pipelines use.", 0),
		sdk.Attribute("password", text, "The user's password.", sdk.Sensitive),
		sdk.Attribute("path", text, "The file of an SQLite database. It must be there.", sdk.WritePath),
		encrypted,
		sdk.Attribute("ca", text, "A file with the certificates (PEM) that the server's is verified by, instead of the system's.", sdk.ReadPath),
		zone, sdk.DeclaresEntities(queries, false, ""), sdk.DeclaresEntities(keys, false, ""),
	}
}

// parseSettings collects everything that is wrong, not just the first thing.
func parseSettings(config sdk.Config) (settings, []*protocol.Problem) {
	s := settings{
		driver: config.String("driver"), host: config.String("host"), port: config.Int("port"), database: config.String("database"),
		user: config.String("user"), password: config.String("password"), path: config.String("path"), ca: config.String("ca"),
		queries: map[string]string{}, keys: map[string][]string{},
	}
	p := &sdk.Settings{Config: config}
	wrong := p.Wrong
	if dialects[s.driver] == nil {
		wrong("driver", fmt.Sprintf("there is no driver %q.", s.driver), "It is postgres, mysql, sqlserver or sqlite.")
	}
	if s.driver == driverSQLite {
		if s.path == "" {
			wrong("path", "an SQLite database has a `path`.", "Name its file.")
		}
		for _, name := range []string{"host", "port", "user", "password", "database", "tls", "ca"} {
			if config[name] != nil {
				wrong(name, "SQLite has no `"+name+"`.", "Leave it out; `path` names the file.")
			}
		}
	} else {
		s.server(config, wrong)
	}
	s.zone = p.TimeZone("timezone")
	named := func(attribute string, use func(name, value string)) {
		all, _ := config[attribute].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(all)) {
			text, _ := all[name].(string)
			if text = strings.TrimSpace(text); text == "" {
				wrong(attribute+"."+name, "it is empty.", "Fill it in or leave it out.")
				continue
			}
			use(name, text)
		}
	}
	named("queries", func(name, text string) { s.queries[name] = strings.TrimRight(text, "; \t\r\n") })
	named("keys", func(name, text string) {
		for column := range strings.SplitSeq(text, ",") {
			if column = strings.TrimSpace(column); column == "" {
				wrong("keys."+name, fmt.Sprintf("%q is no list of columns.", text), `Write it like "id" or "order_id, line".`)
				continue
			}
			s.keys[name] = append(s.keys[name], column)
		}
	})
	if s.tls = config.String("tls") != tlsOff && s.driver != driverSQLite; config.String("tls") == "" && local(s.host) {
		s.tls = false
	}
	if s.driver != driverSQLite && !s.tls && !local(s.host) && s.host != "" {
		p.Problems = append(p.Problems, &protocol.Problem{
			Attribute: "tls", Warning: true, Summary: "the password and all data go to " + s.host + " unencrypted.",
			Detail: `Leave tls = "off" out, unless the way there is encrypted otherwise.`,
		})
	}
	return s, p.Problems
}

// server judges what leads to a server.
func (s *settings) server(config sdk.Config, wrong func(attribute, summary, detail string)) {
	switch {
	case s.host == "":
		wrong("host", "the database's server has a `host`.", "Name it, such as db.example.com.")
	case strings.Contains(s.host, "://"), strings.ContainsAny(s.host, " @?"), !strings.HasPrefix(s.host, "/") && strings.ContainsAny(s.host, "/"):
		wrong("host", "the `host` is a name or an address alone.", "Port, user and database have settings of their own.")
	}
	if s.path != "" {
		wrong("path", "only SQLite has a `path`.", "Leave it out, or say driver = \"sqlite\".")
	}
	if config["port"] != nil && (s.port < 1 || s.port > 65535) {
		wrong("port", fmt.Sprintf("%s is no port.", config.String("port")), "It is a number from 1 to 65535; without it the usual one is taken.")
	}
}

// local tells whether a host is this machine: what is said to it passes no network.
func local(host string) bool {
	return strings.HasPrefix(host, "/") || protocol.Loopback(host)
}

// tlsConfig verifies the server's certificate; nil = no TLS.
func (s settings) tlsConfig() (*tls.Config, error) {
	if !s.tls {
		return nil, nil
	}
	config := &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12}
	if s.ca == "" {
		return config, nil
	}
	pem, err := os.ReadFile(s.ca)
	if err != nil {
		return nil, sdk.Fatal("sql.ca", "the certificates can't be read: %v", err).At("ca")
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, sdk.Fatal("sql.ca", "%s has no certificate in PEM", s.ca).At("ca")
	}
	return config, nil
}

// address is the server's, with the usual port when there is none.
func (s settings) address(usual int64) string {
	port := s.port
	if port == 0 {
		port = usual
	}
	return net.JoinHostPort(s.host, fmt.Sprint(port))
}
