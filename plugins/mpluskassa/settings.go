package mpluskassa

import (
	"net/url"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
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

func parseSettings(config sdk.Config) (settings, []*protocol.Problem) {
	const where = "It stands on the API page of the installation's MplusKASSA licence."
	p := &sdk.Settings{Config: config}
	return settings{
		base:           p.URL("url", "https://api.mpluskassa.nl:34562; the port is the installation's own").JoinPath("/"),
		ident:          p.Required("ident", where),
		secret:         p.Required("secret", where),
		zone:           p.TimeZone("timezone"),
		timeout:        p.Duration("timeout", time.Millisecond),
		connectTimeout: p.Duration("connect_timeout", time.Millisecond),
		concurrency:    p.Integer("concurrency", 1, 16),
		pageSize:       p.Integer("page_size", 0, 1000),
		maxBody:        int64(p.Integer("max_answer_mb", 1, 1024)) << 20,
		sku:            p.Choice("sku", skuAuto, skuArticle, skuPlu, skuExt, skuBarcode),
		vatScale:       p.Integer("vat_scale", 0, 6),
		discountScale:  p.Integer("discount_scale", 0, 6),
		absentScale:    p.Integer("absent_decimal_places", 0, maxDecimals),
		exclusivePrice: p.Choice("exclusive_price", priceIncl, priceExcl),
		freeIsNet:      config.Bool("free_is_net"),
		setsFree:       p.Choice("stock_amount", stockPhysical, stockFree) == stockFree,
		authFaults:     p.Texts("auth_faults"),
	}, p.Problems
}
