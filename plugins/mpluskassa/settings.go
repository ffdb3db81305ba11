package mpluskassa

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// The fields that can tell an article to the outside.
const (
	skuAuto    = "auto" // the PLU number where there is one, else the article number
	skuArticle = "articleNumber"
	skuPlu     = "pluNumber"
	skuExt     = "extArticleId"
	skuBarcode = "barcode"
)

// What the contract leaves open about a price on an order whose VAT method is EXCLUSIVE.
const (
	priceIncl = "inclusive"
	priceExcl = "exclusive"
)

// What the contract leaves open about the stock that setStock sets.
const (
	stockPhysical = "physical"
	stockFree     = "free"
)

// settings is a connection's configuration, parsed.
type settings struct {
	base           *url.URL // without credentials
	ident, secret  string
	zone           *time.Location
	timeout        time.Duration
	connectTimeout time.Duration
	concurrency    int
	pageSize       int // 0 = no limit is sent
	maxBody        int64
	sku            string
	vatScale       int
	discountScale  int
	absentScale    int
	exclusivePrice string
	freeIsNet      bool
	setsFree       bool
	authFaults     []string
}

const (
	textual  = protocol.AttributeType_ATTRIBUTE_TYPE_STRING
	integer  = protocol.AttributeType_ATTRIBUTE_TYPE_INTEGER
	yesNo    = protocol.AttributeType_ATTRIBUTE_TYPE_BOOL
	duration = protocol.AttributeType_ATTRIBUTE_TYPE_DURATION
	texts    = protocol.AttributeType_ATTRIBUTE_TYPE_STRING_LIST
	link     = protocol.AttributeType_ATTRIBUTE_TYPE_URL
	day      = protocol.AttributeType_ATTRIBUTE_TYPE_DATE
)

func attributes() []*protocol.Attribute {
	return []*protocol.Attribute{
		{
			Name: "url", Type: link, Required: true, Example: "https://api.mpluskassa.nl:34562",
			Description: "Address of the installation's API with its own port, without ident and secret.",
		},
		{Name: "ident", Type: textual, Required: true, Sensitive: true, Description: "The installation's API ident."},
		{Name: "secret", Type: textual, Required: true, Sensitive: true, Description: "The secret that belongs to the ident."},
		{
			Name: "timezone", Type: textual, DefaultJson: `"Europe/Amsterdam"`,
			Description: "Zone of the installation's clock; decides on which day a moment falls.",
		},
		{
			Name: "sku", Type: textual, DefaultJson: `"auto"`, Values: []string{skuAuto, skuArticle, skuPlu, skuExt, skuBarcode},
			Description: "What identifies an article to other systems. auto: the PLU number where there is one, else the article number.",
		},
		{
			Name: "timeout", Type: duration, DefaultJson: `"10m"`,
			Description: "How long a call may take. A first, big read is slow; MplusKASSA's own client waits ten minutes.",
		},
		{Name: "connect_timeout", Type: duration, DefaultJson: `"30s"`, Description: "How long connecting may take."},
		{
			Name: "concurrency", Type: integer, DefaultJson: "2",
			Description: "Calls under way at once; the installation has few workers, which its tills need too.",
		},
		{
			Name: "page_size", Type: integer, DefaultJson: "100",
			Description: "Records asked for at a time, at most 1000; 0 asks without a limit, for a server that doesn't give " +
				"the lowest sync markers first.",
		},
		{
			Name: "max_answer_mb", Type: integer, DefaultJson: "64",
			Description: "Largest answer in megabytes. When one is larger, lower page_size.",
		},
	}
}

// unknowns are the settings for what the contract leaves open.
func unknowns() []*protocol.Attribute {
	return []*protocol.Attribute{
		{
			Name: "vat_scale", Type: integer, DefaultJson: "2",
			Description: "Decimals in vatPercentage as MplusKASSA sends it, which it does not document: 2 reads 2100 as 21 %.",
		},
		{
			Name: "discount_scale", Type: integer, DefaultJson: "0",
			Description: "Decimals in discountPercentage as MplusKASSA sends it, which it does not document: 0 reads 15 as 15 %.",
		},
		{
			Name: "absent_decimal_places", Type: integer, DefaultJson: "0",
			Description: "Decimals of a quantity that comes without their number.",
		},
		{
			Name: "exclusive_price", Type: textual, DefaultJson: `"inclusive"`, Values: []string{priceIncl, priceExcl},
			Description: "What `price` means on an order with VAT-METHOD-EXCLUSIVE, which is not documented: with VAT or without.",
		},
		{
			Name: "free_is_net", Type: yesNo, DefaultJson: "true",
			Description: "Whether amountFree has amountReserved taken off already. If not, `available` takes it off.",
		},
		{
			Name: "stock_amount", Type: textual, DefaultJson: `"physical"`, Values: []string{stockPhysical, stockFree},
			Description: "What setting a stock's `amount` sets, which is not documented: all that is there, or what is free to sell.",
		},
		{
			Name: "auth_faults", Type: texts, DefaultJson: `["Client.Authentication"]`,
			Description: "SOAP fault codes, without prefix, that mean wrong credentials. The statuses 401 and 403 always do.",
		},
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
	return settings{
		base:           p.address(),
		ident:          p.needed("ident"),
		secret:         p.needed("secret"),
		zone:           p.timeZone(),
		timeout:        p.duration("timeout", 10*time.Minute),
		connectTimeout: p.duration("connect_timeout", 30*time.Second),
		concurrency:    p.size("concurrency", 2, 1, 16),
		pageSize:       p.size("page_size", 100, 0, 1000),
		maxBody:        int64(p.size("max_answer_mb", 64, 1, 1024)) << 20,
		sku:            p.choice("sku", skuAuto, skuArticle, skuPlu, skuExt, skuBarcode),
		vatScale:       p.size("vat_scale", 2, 0, 6),
		discountScale:  p.size("discount_scale", 0, 0, 6),
		absentScale:    p.size("absent_decimal_places", 0, 0, maxDecimals),
		exclusivePrice: p.choice("exclusive_price", priceIncl, priceExcl),
		freeIsNet:      config["free_is_net"] == nil || config.Bool("free_is_net"),
		setsFree:       p.choice("stock_amount", stockPhysical, stockFree) == stockFree,
		authFaults:     p.texts("auth_faults", "Client.Authentication"),
	}, p.problems
}

func (p *parser) address() *url.URL {
	invalid := &url.URL{Scheme: "https", Host: "invalid"}
	u, err := url.Parse(strings.TrimSpace(p.config.String("url")))
	if err != nil || u.Host == "" {
		p.problem("url", "not an address",
			"An address such as https://api.mpluskassa.nl:34562 is expected; the port is the installation's own.")
		return invalid
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		p.problem("url", "the address has a query or credentials in it",
			"Put them in `ident` and `secret`, and only scheme, host and port here.")
		return invalid
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !protocol.Loopback(u.Hostname())) {
		p.problem("url", "not https", "The secret travels in the address: plain http is only for this machine.")
		return invalid
	}
	path := u.Path
	if path == "" {
		path = "/"
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: path}
}

func (p *parser) needed(name string) string {
	s := strings.TrimSpace(p.config.String(name))
	if s == "" {
		p.problem(name, name+" is missing", "It stands on the API page of the installation's MplusKASSA licence.")
	}
	return s
}

func (p *parser) timeZone() *time.Location {
	name := p.config.String("timezone")
	if name == "" {
		name = "Europe/Amsterdam"
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		p.problem("timezone", "no such time zone", `Write it like "Europe/Amsterdam".`)
		return time.UTC
	}
	return zone
}

func (p *parser) duration(name string, fallback time.Duration) time.Duration {
	if p.config.String(name) == "" {
		return fallback
	}
	d := p.config.Duration(name)
	if d <= 0 {
		p.problem(name, "not a length of time", `Write it like "90s".`)
		return fallback
	}
	return d
}

func (p *parser) size(name string, fallback, least, most int) int {
	if p.config[name] == nil {
		return fallback
	}
	_, isNumber := p.config[name].(record.Number)
	n := p.config.Int(name)
	if !isNumber || n < int64(least) || n > int64(most) {
		p.problem(name, fmt.Sprintf("not a number from %d to %d", least, most), "")
		return fallback
	}
	return int(n)
}

// choice is one of the values; the first is the default.
func (p *parser) choice(name string, values ...string) string {
	s := p.config.String(name)
	switch {
	case s == "":
		return values[0]
	case !slices.Contains(values, s):
		p.problem(name, "not one of "+strings.Join(values, ", "), "")
		return values[0]
	}
	return s
}

func (p *parser) texts(name string, fallback ...string) []string {
	items, _ := p.config[name].([]any)
	var out []string
	for _, item := range items {
		if s, ok := item.(string); ok && s != "" {
			out = append(out, s)
		}
	}
	if out == nil {
		return fallback
	}
	return out
}
