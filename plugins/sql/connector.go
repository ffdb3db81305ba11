// Package sql connects to databases: PostgreSQL, MySQL and MariaDB, SQL Server and SQLite. An entity is a table, a view,
// or a query of one's own. What columns it has and of which types is asked of the database.
package sql

import (
	"context"
	"database/sql"
	"log/slog"
	"sync"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// Connector connects to a database.
type Connector struct{}

// New returns the connector.
func New() *Connector { return &Connector{} }

const (
	concurrency = 4
	// Reads give their connection back after each page, so that few are needed for many.
	mostConnections = 2 * concurrency
	idleFor         = time.Minute
	lifetime        = 30 * time.Minute // behind a load balancer, a new one may lead elsewhere
)

// Manifest describes the connector.
func (*Connector) Manifest() *protocol.Manifest {
	const text = protocol.AttributeType_ATTRIBUTE_TYPE_STRING
	cursor := sdk.Attribute("cursor", text, "The column that grows with every change, such as updated_at or a serial number: only rows "+
		"after the last one are read. Rows in which it is null are not seen, nor are deleted ones. Without it every read is of the whole.", 0)
	cursor.Example = "updated_at"
	overlap := sdk.WithDefault(sdk.Attribute("overlap", protocol.AttributeType_ATTRIBUTE_TYPE_DURATION,
		"How far a read looks back behind the last time it saw, for what was committed late. Only where the cursor is a time.", 0), "10s")
	exists := sdk.WithDefault(sdk.Attribute("if_exists", text,
		"What becomes of a create whose key is there already, with other values: a dead letter, or an update of that row.", 0), ifExistsFail)
	exists.Values = []string{ifExistsFail, ifExistsUpdate}
	once := sdk.Attribute("once_by", text, "A text column with a unique index, made for Kopru. Each create writes there what tells it from all "+
		"others, so that one that is sent twice stands once, also where the database itself chooses the key.", 0)
	once.Example = "kopru_key"
	return &protocol.Manifest{
		Name: "sql", Version: "0.1.0", OpenEntities: true, Access: &protocol.Access{Hosts: []string{"*"}},
		Summary: "Databases: PostgreSQL, MySQL and MariaDB, SQL Server and SQLite.",
		Config:  attributes(),
		Entities: []*protocol.Entity{{
			Name: "*",
			Description: `A table or view, as "orders" or "sales.orders", or a query by its name in the connection. ` +
				"Its fields are its columns; `kopru check` shows them.",
			OpenFields: true, CanRead: true, CanLookup: true, CanCreate: true, CanUpdate: true, CanDelete: true, Incremental: true,
			Concurrency:   concurrency,
			SourceOptions: []*protocol.Attribute{cursor, overlap},
			SinkOptions:   []*protocol.Attribute{exists, once},
		}},
	}
}

// Validate judges the settings together.
func (*Connector) Validate(config sdk.Config) []*protocol.Problem {
	_, problems := parseSettings(config)
	return problems
}

// Open makes a connection, which calls nobody before it is used.
func (*Connector) Open(_ context.Context, _ string, config sdk.Config, log *slog.Logger) (sdk.Connection, error) {
	s, problems := parseSettings(config)
	for _, p := range problems {
		if !p.GetWarning() {
			return nil, sdk.Fatal("sql.settings", "%s %s", p.GetSummary(), p.GetDetail()).At(p.GetAttribute())
		}
	}
	c := &connection{settings: s, dialect: dialects[s.driver], log: log, tables: map[string]cached{}, hider: &sdk.HTTP{Secrets: []string{s.password}}}
	db, err := c.dialect.open(s)
	if err != nil {
		return nil, c.failure(err)
	}
	db.SetMaxOpenConns(mostConnections)
	db.SetMaxIdleConns(mostConnections)
	db.SetConnMaxIdleTime(idleFor)
	db.SetConnMaxLifetime(lifetime)
	c.db = db
	return c, nil
}

type connection struct {
	settings settings
	dialect  dialect
	db       *sql.DB
	log      *slog.Logger
	hider    *sdk.HTTP

	mu     sync.Mutex
	tables map[string]cached // by entity
}

// Close closes the connections to the database.
func (c *connection) Close() error { return c.db.Close() }
