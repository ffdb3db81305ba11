// Package http connects to any system with a REST API that speaks JSON: the project's settings say where its records are,
// how its pages follow each other and how it wants to be asked for changes.
package http

import (
	"cmp"
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
type Connector struct {
	Transport nethttp.RoundTripper // carries the calls; nil = the net

	now func() time.Time
}

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
	conn.http = s.client(cmp.Or[nethttp.RoundTripper](c.Transport, transport), c.now)
	for _, e := range s.entities {
		if e.Webhook != nil && conn.hooks == nil {
			conn.hooks = s.listen(c.now, log)
		}
	}
	return conn, nil
}

var (
	_ sdk.Connector = (*Connector)(nil)
	_ sdk.Reader    = (*connection)(nil)
	_ sdk.Committer = (*connection)(nil)
	_ sdk.Looker    = (*connection)(nil)
	_ sdk.Writer    = (*connection)(nil)
)

type connection struct {
	settings
	http  *sdk.HTTP
	hooks *hooks // nil = nothing is posted to us
	now   func() time.Time
	log   *slog.Logger
	idle  func()
}

// Close drops the idle connections and stops listening.
func (c *connection) Close() error {
	c.idle()
	return c.hooks.Close()
}

// Check asks for the first page of each entity, or for what `check` names.
func (c *connection) Check(ctx context.Context) (facts []string, problems []*protocol.Problem) {
	if c.hooks != nil {
		facts, problems = c.hooks.check(ctx)
	}
	if c.check != "" {
		answer, err := c.get(ctx, c.address(c.check, nil))
		if err != nil {
			return facts, append(problems, wrong(err, "check"))
		}
		return append(facts, fmt.Sprintf("%s answered %d", c.check, answer.Status)), append(problems, clock(c, answer)...)
	}
	first := true
	for _, name := range c.names() {
		e := c.entities[name]
		if e.Webhook != nil {
			continue
		}
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
		if first {
			first = false
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

// asked finds an entity that is not posted to us.
func (c *connection) asked(name string) (*entity, error) {
	e, err := c.entity(name)
	if err == nil && e.Webhook != nil {
		return nil, sdk.Fatal("http.webhook", "%s is posted by the other system: it can only be read", name)
	}
	return e, err
}

func (s *settings) names() []string {
	names := make([]string, 0, len(s.entities))
	for name := range s.entities {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
