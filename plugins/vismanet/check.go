package vismanet

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// Check asks each service for a token and for one record, and says what is wrong with which.
func (c *connection) Check(ctx context.Context) (facts []string, problems []*protocol.Problem) {
	for _, probe := range []struct {
		service *service
		things  string
		run     func() (int, error)
	}{
		{c.client.erp, "customers", func() (int, error) { return c.probeERP(ctx) }},
		{c.client.orders, "sales orders", func() (int, error) { return c.probeOrders(ctx) }},
	} {
		n, err := probe.run()
		if err != nil {
			p := trouble(probe.service, asFailure(err))
			if len(problems) == 0 || !proto.Equal(problems[0], p) { // wrong credentials are wrong for both
				problems = append(problems, p)
			}
			continue
		}
		fact := fmt.Sprintf("%s at %s answers", probe.service.title, probe.service.base.Host)
		if n >= 0 {
			fact += fmt.Sprintf(": %d %s", n, probe.things)
		}
		facts = append(facts, fact)
		if l := probe.service.limits.Load(); l != nil {
			facts = append(facts, fmt.Sprintf("%s: %s of %s calls left, renewed in %s s",
				probe.service.title, l.remaining, l.limit, l.reset))
		}
		if missing := probe.service.tokens.missing(); len(missing) > 0 {
			problems = append(problems, &protocol.Problem{
				Attribute: probe.service.tokens.setting, Warning: true,
				Summary: "Visma Connect did not grant " + strings.Join(missing, ", ") + ".",
				Detail:  "Writes will be refused. Have the scopes approved for the company in the Visma App Store.",
			})
		}
	}
	if p := c.client.erp.tokens.apart(); p != nil {
		problems = append(problems, p)
	}
	return facts, problems
}

func (c *connection) probeERP(ctx context.Context) (int, error) {
	ans, err := c.client.do(ctx, nil, call{
		service: c.client.erp, method: http.MethodGet, path: "/v1/customer",
		query: url.Values{"pageNumber": {"1"}, "pageSize": {"1"}},
	})
	if err != nil {
		return 0, err
	}
	p, ok := rowsOf(ans, true)
	if !ok {
		return 0, c.client.erp.broken("no list of customers")
	}
	if len(p.rows) == 0 {
		return 0, nil
	}
	return p.total, nil
}

func (c *connection) probeOrders(ctx context.Context) (int, error) {
	p, err := c.orders.list(ctx, nil, c.entities["sales_order"].path, 0, 1, url.Values{})
	return p.total, err
}

// trouble says what a human should look at.
func trouble(s *service, f *sdk.Failure) *protocol.Problem {
	p := &protocol.Problem{Attribute: f.Field, Summary: s.title + ": " + f.Error()}
	switch f.Code {
	case "vismanet.token_refused", "vismanet.token":
		p.Summary = f.Error()
	case "vismanet.unauthorized":
		p.Attribute = "tenant_id"
		p.Detail = "A token was given, but the service does not take it. That is what happens with a Customer tenant id; " +
			"the Company tenant id stands in Visma Admin > Company > Configuration."
	case "vismanet.forbidden":
		p.Attribute = s.tokens.setting
		p.Detail = "Add " + strings.Join(s.tokens.scopes, ", ") + " to the application in the Visma Developer Portal, " +
			"and have the company approve them in the Visma App Store."
	case "vismanet.unreachable", "vismanet.redirect", "vismanet.not_found", "vismanet.broken_answer":
		if p.Attribute == "" {
			p.Attribute = s.setting
		}
		p.Detail = "Is the address right, and may this machine reach it?"
	}
	if strings.HasPrefix(f.Message, "Visma Connect") {
		p.Summary = f.Error()
		if f.Field == "" {
			p.Attribute = "token_url"
		}
	}
	return p
}
