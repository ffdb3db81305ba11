package vismanet

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// settings is a connection's configuration, parsed.
type settings struct {
	api, salesOrder, token *url.URL
	clientID, clientSecret string
	tenantID               string
	apiScopes              []string
	salesOrderScopes       []string
	branch                 string
	userAgent              string
	pageSize               int
	orderPageSize          int
	timeout                time.Duration
	overlap                time.Duration
	zone                   *time.Location // of business dates
	apiZone                *time.Location // of v1's times without a zone
	serverFilters          bool
	crossReferences        bool
	classValues            bool
	overrideNumbers        bool
}

const (
	erpScope   = "vismanet_erp_service_api:"
	orderScope = "visma.net.erp.salesorder:"
)

func attributes() []*protocol.Attribute {
	const (
		text     = protocol.AttributeType_ATTRIBUTE_TYPE_STRING
		link     = protocol.AttributeType_ATTRIBUTE_TYPE_URL
		integer  = protocol.AttributeType_ATTRIBUTE_TYPE_INTEGER
		boolean  = protocol.AttributeType_ATTRIBUTE_TYPE_BOOL
		duration = protocol.AttributeType_ATTRIBUTE_TYPE_DURATION
		texts    = protocol.AttributeType_ATTRIBUTE_TYPE_STRING_LIST
	)
	optional := func(name string, t protocol.AttributeType, fallback any, about string) *protocol.Attribute {
		return sdk.WithDefault(sdk.Attribute(name, t, about, 0), fallback)
	}
	id := sdk.Attribute("client_id", text,
		"The service application's client id in the Visma Developer Portal.", sdk.Required)
	id.Example = "isv_example"
	tenant := sdk.Attribute("tenant_id", text,
		"The Company tenant id (Visma Admin > Company > Configuration), not the Customer tenant id.", sdk.Required)
	tenant.Example = "6e2a06a8-76d8-4e9a-bce8-a5818d60a388"
	return []*protocol.Attribute{
		optional("api_url", link, "https://api.finance.visma.net", "Address of the ERP API."),
		optional("salesorder_url", link, "https://salesorder.visma.net", "Address of the Sales Order Service."),
		optional("token_url", link, "https://connect.visma.com/connect/token", "Where Visma Connect gives tokens."),
		id,
		sdk.Attribute("client_secret", text, "The service application's secret.", sdk.Required|sdk.Sensitive),
		tenant,
		optional("scopes", texts, []any{erpScope + "create", erpScope + "read", erpScope + "update"},
			"Rights asked for on the ERP API."),
		optional("salesorder_scopes", texts, []any{orderScope + "read", orderScope + "write"},
			"Rights asked for on the Sales Order Service. Changing an order needs read as well: its version must be known."),
		sdk.Attribute("branch", text, "Branch number sent with every call. Without it Visma.net chooses.", 0),
		optional("page_size", integer, 500, "Records a page of the ERP API, which silently gives fewer when it is too many."),
		optional("order_page_size", integer, 100,
			"Orders, and lines of one, a page of the Sales Order Service, which refuses more than its maximum."),
		optional("timeout", duration, "100s", "How long a call may take. Visma cuts it at about four minutes."),
		optional("overlap", duration, "5m", "How far an incremental read looks back behind the last change it saw."),
		optional("timezone", text, "Europe/Oslo", "The company's time zone: it decides on which day an order falls."),
		optional("api_timezone", text, "UTC",
			"The zone of times the ERP API gives and takes without one, which Visma does not document."),
		optional("server_filters", boolean, true, "Let the ERP API narrow a look-up; every hit is compared here anyway. "+
			"Turn it off if its filters miss records, at the price of reading whole lists."),
		optional("cross_references", boolean, true,
			"An item number that does not exist is also looked for among the items' barcodes and global alternate numbers."),
		optional("class_values", boolean, true,
			"A new customer takes terms, currency and VAT zone from its class (overrideWithClassValues)."),
		optional("override_number_series", boolean, false,
			"Records that bring their own number keep it although the number series is automatic (overrideNumberSeries)."),
		optional("user_agent", text, "Kopru", "Name of this integration, so that Visma can reach its maker."),
	}
}

// parser collects everything that is wrong, not just the first thing.
type parser struct {
	config   sdk.Config
	problems []*protocol.Problem
}

func (p *parser) problem(attribute, summary, detail string) {
	p.problems = append(p.problems, &protocol.Problem{Attribute: attribute, Summary: summary, Detail: detail})
}

func parseSettings(config sdk.Config) (settings, []*protocol.Problem) {
	p := &parser{config: config}
	s := settings{
		api:              p.url("api_url"),
		salesOrder:       p.url("salesorder_url"),
		token:            p.url("token_url"),
		clientID:         p.required("client_id"),
		clientSecret:     p.required("client_secret"),
		tenantID:         p.required("tenant_id"),
		apiScopes:        p.texts("scopes"),
		salesOrderScopes: p.texts("salesorder_scopes"),
		branch:           strings.TrimSpace(config.String("branch")),
		userAgent:        config.String("user_agent"),
		pageSize:         p.size("page_size", 5000),
		orderPageSize:    p.size("order_page_size", 1000),
		timeout:          p.duration("timeout"),
		overlap:          p.duration("overlap"),
		zone:             p.zone("timezone"),
		apiZone:          p.zone("api_timezone"),
		serverFilters:    config.Bool("server_filters"),
		crossReferences:  config.Bool("cross_references"),
		classValues:      config.Bool("class_values"),
		overrideNumbers:  config.Bool("override_number_series"),
	}
	if s.timeout == 0 {
		p.problem("timeout", "no time at all", `Write it like "100s".`)
	}
	readable := func(scope string) bool { return strings.HasSuffix(scope, ":read") }
	if !slices.ContainsFunc(s.salesOrderScopes, readable) {
		p.problem("salesorder_scopes", "The right to read is missing.",
			"Changing an order needs its version, which only a token with "+orderScope+"read may fetch.")
	}
	return s, p.problems
}

func (p *parser) url(name string) *url.URL {
	u, err := url.Parse(strings.TrimSpace(p.config.String(name)))
	if err != nil || u.Host == "" {
		p.problem(name, "This is not an address.", "Write it like https://api.finance.visma.net.")
		return &url.URL{}
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		p.problem(name, "The address has credentials or a query in it.", "Only scheme, host and path belong here.")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !protocol.Loopback(u.Hostname())) {
		p.problem(name, "The address is not https.",
			"Plain http is only for this machine: credentials travel with every call.")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(u.Path, "/")}
}

func (p *parser) required(name string) string {
	s := strings.TrimSpace(p.config.String(name))
	if s == "" {
		p.problem(name, name+" is missing.", "Visma Connect gives no token without it.")
	}
	return s
}

func (p *parser) texts(name string) []string {
	list, _ := p.config[name].([]any)
	var out []string
	for _, item := range list {
		if s, ok := item.(string); ok && strings.TrimSpace(s) != "" {
			out = append(out, strings.TrimSpace(s))
		}
	}
	if len(out) == 0 {
		p.problem(name, "No right is asked for.", "Leave "+name+" out to ask for the usual ones.")
	}
	return out
}

func (p *parser) size(name string, most int64) int {
	n := p.config.Int(name)
	if n < 1 || n > most {
		p.problem(name, fmt.Sprintf("%s is not between 1 and %d.", p.config.String(name), most), "")
		return 1
	}
	return int(n)
}

func (p *parser) duration(name string) time.Duration {
	d, err := time.ParseDuration(p.config.String(name))
	if err != nil || d < 0 {
		p.problem(name, "This is not a duration.", `Write it like "90s".`)
		return time.Minute
	}
	return d
}

func (p *parser) zone(name string) *time.Location {
	text := p.config.String(name)
	zone, err := time.LoadLocation(text)
	if err != nil || text == "" || text == "Local" {
		p.problem(name, "There is no such time zone.", `Write it like "Europe/Oslo".`)
		return time.UTC
	}
	return zone
}
