// Package vismanet connects to Visma.net ERP: master data over the ERP API (v1) and sales orders over the Sales Order
// Service (v3).
//
// Both APIs are shown in one shape per entity, that of writing without its wrappers: what is read can be written
// back, and a pipeline compares the two field by field. What Visma's documentation leaves open is a setting.
package vismanet

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// Version of the connector.
const Version = "0.1.0"

// concurrency is how many requests may be under way at once on one connection; Visma publishes no short-term limit,
// and widely used clients stop at this many.
const concurrency = 8

// Connector is the static side.
type Connector struct{ now func() time.Time }

// New returns the connector.
func New() *Connector { return &Connector{now: time.Now} }

// Manifest describes settings and entities.
func (c *Connector) Manifest() *protocol.Manifest {
	m := &protocol.Manifest{
		Access:  &protocol.Access{Hosts: []string{"*"}}, // those in the settings
		Name:    "vismanet",
		Version: Version,
		Summary: "Visma.net ERP: customers, contacts, items, sales orders, and the lists they refer to.",
		Config:  attributes(),
	}
	for _, e := range entities() {
		m.Entities = append(m.Entities, e.manifest())
	}
	return m
}

// Validate judges a configuration.
func (c *Connector) Validate(config sdk.Config) []*protocol.Problem {
	_, problems := parseSettings(config)
	return problems
}

// Open makes a connection; the first token is fetched when it is first needed.
func (c *Connector) Open(_ context.Context, _ string, config sdk.Config, log *slog.Logger) (sdk.Connection, error) {
	s, problems := parseSettings(config)
	if len(problems) > 0 {
		p := problems[0]
		f := sdk.Fatal("vismanet.settings", "%s: %s %s", p.GetAttribute(), p.GetSummary(), p.GetDetail())
		return nil, f.At(p.GetAttribute())
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = concurrency
	client := newClient(s, transport, c.now, log)
	conn := &connection{settings: s, client: client, entities: map[string]*entity{}, idle: transport.CloseIdleConnections}
	conn.erp = &erpAPI{client: client, settings: s}
	conn.orders = &orderAPI{client: client, settings: s}
	conn.digits = &digitsAPI{erpAPI: conn.erp}
	steps := &stepAPI{conn.erp, conn.orders}
	conn.others = map[string]api{
		"sales_order": conn.orders, "sales_order_total": &totalsAPI{conn.orders}, "stock": &stockAPI{conn.orders}, "stock_summary": &summaryAPI{conn.erp}, "item_digits": conn.digits,
		"shipment": steps, "order_invoice": steps, "order_credit_note": steps,
	}
	for _, e := range entities() {
		conn.entities[e.name] = e
	}
	return conn, nil
}

var (
	_ sdk.Connector   = (*Connector)(nil)
	_ sdk.Reader      = (*connection)(nil)
	_ sdk.Looker      = (*connection)(nil)
	_ sdk.BatchLooker = (*connection)(nil)
	_ sdk.Writer      = (*connection)(nil)
)

// connection is one opened configuration.
type connection struct {
	settings settings
	client   *client
	entities map[string]*entity
	erp      *erpAPI
	orders   *orderAPI
	digits   *digitsAPI
	others   map[string]api // of the entities that the ERP API's ordinary ways don't do for
	idle     func()
}

// Close lets idle connections go.
func (c *connection) Close() error {
	c.idle()
	return nil
}

// api is one of the two services in terms of entities. The trail collects what was said.
type api interface {
	// get finds a record by its id; nil when there is none.
	get(ctx context.Context, t *trail, e *entity, id string) (*sdk.Found, error)
	// find returns the records whose fields equal those of a match.
	find(ctx context.Context, t *trail, e *entity, match map[string]any) ([]sdk.Found, error)
	// page reads the n-th page, counted from 0, of what changed since a moment (zero: everything).
	page(ctx context.Context, t *trail, e *entity, n int, since time.Time) (page, error)
	// complete makes records of rows, in their order; one that is gone by now has no fields.
	complete(ctx context.Context, e *entity, rows []map[string]any) ([]row, error)
	create(ctx context.Context, t *trail, e *entity, body map[string]any) (id, version string, err error)
	update(ctx context.Context, t *trail, e *entity, id, version string, body map[string]any) (newVersion string, err error)
}

func (c *connection) entity(name string) (*entity, api, error) {
	e := c.entities[name]
	if e == nil {
		return nil, nil, sdk.Fatal("vismanet.unknown_entity", "Visma.net has no entity %q here", name)
	}
	if other := c.others[name]; other != nil {
		return e, other, nil
	}
	return e, c.erp, nil
}
