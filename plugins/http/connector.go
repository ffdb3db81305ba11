// Package http connects to any system with a REST API that speaks JSON: the project's settings say where its records are,
// how its pages follow each other and how it wants to be asked for changes.
package http

import (
	"context"
	"fmt"
	"log/slog"
	nethttp "net/http"
	"slices"
	"strings"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// Version of the connector.
const Version = "0.1.0"

// concurrency is how many calls may be under way at once on one connection; limit.concurrency of a connection asks for fewer.
const concurrency = 4

// Connector is the static side.
type Connector struct{ now func() time.Time }

// New returns the connector.
func New() *Connector { return &Connector{now: time.Now} }

// Manifest describes the settings; the entities are those that a connection's settings declare.
func (c *Connector) Manifest() *protocol.Manifest {
	return &protocol.Manifest{
		Name: "http", Version: Version, OpenEntities: true, Access: &protocol.Access{Hosts: []string{"*"}}, // those in the settings
		Summary: "Any system with a REST API that speaks JSON: its paths, pages and fields are settings.",
		Config:  attributes(),
		Entities: []*protocol.Entity{{
			Name: "*", Description: "What `entities` of the connection declares under this name.",
			OpenFields: true, CanRead: true, CanLookup: true, CanCreate: true, CanUpdate: true, CanDelete: true, Incremental: true,
			Concurrency: concurrency,
		}},
	}
}

// Validate judges a configuration.
func (c *Connector) Validate(config sdk.Config) []*protocol.Problem {
	_, problems := parse(config)
	return problems
}

// Open makes a connection; nothing is called yet.
func (c *Connector) Open(_ context.Context, _ string, config sdk.Config, log *slog.Logger) (sdk.Connection, error) {
	s, problems := parse(config)
	if len(problems) > 0 {
		p := problems[0]
		return nil, sdk.Fatal("http.settings", "%s: %s %s", p.GetAttribute(), p.GetSummary(), p.GetDetail()).At(p.GetAttribute())
	}
	transport := nethttp.DefaultTransport.(*nethttp.Transport).Clone()
	transport.MaxIdleConnsPerHost = concurrency
	conn := &connection{settings: *s, now: c.now, log: log, idle: transport.CloseIdleConnections}
	conn.http = s.client(transport, c.now)
	return conn, nil
}

var (
	_ sdk.Connector = (*Connector)(nil)
	_ sdk.Reader    = (*connection)(nil)
	_ sdk.Looker    = (*connection)(nil)
	_ sdk.Writer    = (*connection)(nil)
)

type connection struct {
	settings
	http *sdk.HTTP
	now  func() time.Time
	log  *slog.Logger
	idle func()
}

// Close drops the idle connections.
func (c *connection) Close() error {
	c.idle()
	return nil
}

// Check asks for the first page of each entity, or for what `check` names.
func (c *connection) Check(ctx context.Context) (facts []string, problems []*protocol.Problem) {
	if c.check != "" {
		answer, err := c.get(ctx, c.address(c.check, nil))
		if err != nil {
			return nil, []*protocol.Problem{wrong(err, "check")}
		}
		return []string{fmt.Sprintf("%s answered %d", c.check, answer.Status)}, clock(c, answer)
	}
	for _, name := range c.names() {
		e := c.entities[name]
		read := &reading{connection: c, entity: e}
		begun := c.now()
		var answer *sdk.HTTPResponse
		records := 0
		err := c.http.Walk(ctx, read.request(), e.pages(), "", func(p sdk.Page) error {
			answer, records = p.Answer, len(p.Records)
			return errEnough
		})
		if err != errEnough { //nolint:errorlint // as it was returned
			problems = append(problems, wrong(err, "entities."+name))
			if class := classOf(err); class != protocol.FailureClass_FAILURE_CLASS_NOT_FOUND && class != protocol.FailureClass_FAILURE_CLASS_FATAL {
				return facts, problems // the others would fail alike
			}
			continue
		}
		facts = append(facts, fmt.Sprintf("%s: %d records on the first page, in %s", name, records, c.now().Sub(begun).Round(time.Millisecond)))
		if len(facts) == 1 {
			problems = append(problems, clock(c, answer)...)
		}
	}
	return facts, problems
}

func clock(c *connection, answer *sdk.HTTPResponse) []*protocol.Problem {
	if p := sdk.Clock(c.base.Host, answer.Header, c.now()); p != nil {
		return []*protocol.Problem{p}
	}
	return nil
}

// wrong is a failed call as a problem, at the setting that most likely is at fault.
func wrong(err error, at string) *protocol.Problem {
	p := &protocol.Problem{Attribute: at, Summary: err.Error()}
	switch classOf(err) {
	case protocol.FailureClass_FAILURE_CLASS_AUTH:
		p.Attribute, p.Detail = "auth", "Compare the credentials, and what they give a right to, with what the system's administration shows."
	case protocol.FailureClass_FAILURE_CLASS_TRANSIENT:
		p.Attribute, p.Detail = "url", "Is the address right, and does the system answer at this time?"
	case protocol.FailureClass_FAILURE_CLASS_NOT_FOUND:
		p.Detail = "Compare the path with the system's documentation; it is joined to `url`."
	}
	return p
}

// entity finds what the settings say about an entity.
func (c *connection) entity(name string) (*entity, error) {
	if e := c.entities[name]; e != nil {
		return e, nil
	}
	return nil, sdk.Fatal("http.unknown_entity", "`entities` of the connection declares no %q; there are: %s", name, strings.Join(c.names(), ", "))
}

func (s *settings) names() []string {
	names := make([]string, 0, len(s.entities))
	for name := range s.entities {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
