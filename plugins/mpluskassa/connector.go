// Package mpluskassa connects to MplusKASSA, a Dutch point-of-sale system with a SOAP API: it reads orders, proposals and
// receipts with their relations and articles, and these by themselves with their groups and stock, looks them up, and
// writes what the API lets be written.
package mpluskassa

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// Connector makes connections to MplusKASSA installations.
type Connector struct{ now func() time.Time }

// New returns the connector.
func New() *Connector { return &Connector{now: time.Now} }

// Validate judges a configuration without network.
func (c *Connector) Validate(config sdk.Config) []*protocol.Problem {
	_, problems := parseSettings(config)
	return problems
}

// Open makes a connection. It calls nobody.
func (c *Connector) Open(_ context.Context, _ string, config sdk.Config, log *slog.Logger) (sdk.Connection, error) {
	s, problems := parseSettings(config)
	if len(problems) > 0 {
		p := problems[0]
		return nil, sdk.Fatal("mpluskassa.bad_setting",
			"%s: %s %s", p.GetAttribute(), p.GetSummary(), p.GetDetail()).At(p.GetAttribute())
	}
	return &connection{client: newClient(s, log), catalogue: newArticles(), people: newPeople(), now: c.now}, nil
}

type connection struct {
	*client
	catalogue *catalogue // of articles
	people    *catalogue
	now       func() time.Time
}

// Close lets go of idle connections.
func (c *connection) Close() error {
	c.http.Client.CloseIdleConnections()
	return nil
}

// Check asks whether the API is alive, then who it is.
func (c *connection) Check(ctx context.Context) (facts []string, problems []*protocol.Problem) {
	if err := c.alive(ctx); err != nil {
		return nil, []*protocol.Problem{c.explain(err)}
	}
	a, err := c.call(ctx, "getApiVersion", nil)
	if err != nil {
		return nil, []*protocol.Problem{c.explain(err)}
	}
	v, err := c.decodeAnswer("getApiVersion", a)
	if err != nil {
		return nil, []*protocol.Problem{c.explain(err)}
	}
	facts = append(facts, "API version "+version(v, "majorNumber", "minorNumber", "revisionNumber"))
	if v["serviceMajorNumber"] != nil {
		facts = append(facts, "Service version "+version(v, "serviceMajorNumber", "serviceMinorNumber", "serviceRevisionNumber"))
	}
	if v["databaseMajorNumber"] != nil {
		facts = append(facts, "Database version "+version(v, "databaseMajorNumber", "databaseMinorNumber", "databaseRevisionNumber"))
	}
	if most := record.Text(v["serviceMaxWorkerThreads"]); most != "" {
		facts = append(facts, "At most "+most+" workers")
	}
	if p := sdk.Clock("MplusKASSA", a.header, c.now()); p != nil {
		problems = append(problems, p)
	}
	rates, err := c.rowsOf(ctx, "getVatGroupList", nil)
	if err != nil {
		return facts, append(problems, c.explain(err))
	}
	fact, p := vatRates(rates)
	if p != nil {
		problems = append(problems, p)
	}
	return append(facts, fact), problems
}

// vatRates shows the rates as this connector reads them, for their scale on the wire is not documented.
func vatRates(groups []map[string]any) (fact string, problem *protocol.Problem) {
	var rates []string
	for _, g := range groups {
		rate, ok := g["vatPercentage"].(record.Number)
		if !ok || slices.Contains(rates, string(rate)) {
			continue
		}
		rates = append(rates, string(rate))
		d, err := rate.Decimal()
		if err == nil && !d.IsZero() && (d.Cmp(apd.New(1, 0)) < 0 || d.Cmp(apd.New(40, 0)) > 0) {
			problem = &protocol.Problem{
				Attribute: "vat_scale", Warning: true, Summary: "a VAT rate of " + string(rate) + " % is unlikely",
				Detail: "Correct `vat_scale`: it says how many decimals are in the rates that MplusKASSA sends.",
			}
		}
	}
	return "VAT rates in percent: " + strings.Join(rates, ", "), problem
}

func version(v map[string]any, major, minor, revision string) string {
	return record.Text(v[major]) + "." + record.Text(v[minor]) + "." + record.Text(v[revision])
}

// explain says what is wrong with a connection and what to do.
func (c *connection) explain(err error) *protocol.Problem {
	p := &protocol.Problem{Summary: c.http.Hide(err.Error())}
	var f *sdk.Failure
	switch {
	case !errors.As(err, &f):
	case f.Class == auth:
		p.Attribute = "secret"
		p.Detail = "Ident and secret belong together and to one port; take all three from the same page of the licence."
	case f.Code == "mpluskassa.wrong_address":
		p.Attribute = "url"
		p.Detail = "The address is https://api.mpluskassa.nl with the installation's own port of five digits, and no path."
	case f.Code == "mpluskassa.unreachable":
		p.Attribute = "url"
		p.Detail = "Check host and port. An installation on the customer's own server must be running and let this machine through."
	case f.RemoteStatus >= 500:
		p.Detail = "The address answers, but MplusKASSA behind it doesn't work now. Try again; if it lasts, ask MplusKASSA's support."
	}
	return p
}
