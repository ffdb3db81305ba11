package vismanet

import (
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

func parseSettings(config sdk.Config) (settings, []*protocol.Problem) {
	p := &sdk.Settings{Config: config}
	const (
		example = "https://api.finance.visma.net"
		noToken = "Visma Connect gives no token without it."
	)
	s := settings{
		api:              p.URL("api_url", example),
		salesOrder:       p.URL("salesorder_url", example),
		token:            p.URL("token_url", example),
		clientID:         p.Required("client_id", noToken),
		clientSecret:     p.Required("client_secret", noToken),
		tenantID:         p.Required("tenant_id", noToken),
		apiScopes:        scopes(p, "scopes"),
		salesOrderScopes: scopes(p, "salesorder_scopes"),
		branch:           strings.TrimSpace(config.String("branch")),
		userAgent:        config.String("user_agent"),
		pageSize:         p.Integer("page_size", 1, 5000),
		orderPageSize:    p.Integer("order_page_size", 1, 1000),
		timeout:          p.Duration("timeout", time.Millisecond),
		overlap:          p.Duration("overlap", 0),
		zone:             p.TimeZone("timezone"),
		apiZone:          p.TimeZone("api_timezone"),
		serverFilters:    config.Bool("server_filters"),
		crossReferences:  config.Bool("cross_references"),
		classValues:      config.Bool("class_values"),
		overrideNumbers:  config.Bool("override_number_series"),
	}
	readable := func(scope string) bool { return strings.HasSuffix(scope, ":read") }
	if !slices.ContainsFunc(s.salesOrderScopes, readable) {
		p.Wrong("salesorder_scopes", "The right to read is missing.",
			"Changing an order needs its version, which only a token with "+orderScope+"read may fetch.")
	}
	return s, p.Problems
}

func scopes(p *sdk.Settings, name string) []string {
	list := p.Texts(name)
	if len(list) == 0 {
		p.Wrong(name, "No right is asked for.", "Leave "+name+" out to ask for the usual ones.")
	}
	return list
}
