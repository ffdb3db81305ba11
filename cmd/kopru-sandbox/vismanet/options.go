package vismanet

import "time"

// Options sets up the emulator. The zero value of a switch is the choice the contract names for what it doesn't know.
type Options struct {
	// The addresses under which the three services are reached; empty takes the one a request came to.
	BaseAPI, BaseSalesOrder, BaseToken string

	// What a token request must bring; empty takes any. TenantID is the company's tenant; another one gets a token and
	// then 401.
	ClientID, ClientSecret, TenantID string

	// Scopes are those that the application has; it is refused others. Granted are those that the company approved; a token
	// has no others. Empty takes any.
	Scopes, Granted []string
	// SilentGrant leaves what was granted out of the answer, which then shows only in 403.
	SilentGrant bool
	// ClockOff is how far the clock of Visma Connect is ahead of this machine's.
	ClockOff time.Duration

	// Latency is waited before every answer.
	Latency time.Duration
	// TokenTTL is how long a token lives; an hour by default.
	TokenTTL time.Duration

	// DefaultPageSize is used when pageSize is missing (100). MaxPageSize silently caps it on v1 (1000; items 5000) and
	// is the highest one v3 allows (1000; items 10000).
	DefaultPageSize, MaxPageSize int
	// MaxInventoryPageSize caps GET /v1/inventory (5000).
	MaxInventoryPageSize int

	// EmailFilter is what GET /v1/customer?email= does: "exact" (default; any letter case), "contains" or "ignored".
	EmailFilter string
	// BusinessErrorStatus is the status of a refused v1 write (400).
	BusinessErrorStatus int
	// LocationHost "other" makes v1 answers name the old host in Location; "same" is the default.
	LocationHost string
	// DateShape is how v1 writes times; DateMixed by default.
	DateShape DateShape
	// CustomerAddress is what a new customer needs: "country" (default), "full" (line 1 and postal code too) or "none".
	CustomerAddress string
	// DefaultCustomerClass is used when a new customer names none; empty refuses it.
	DefaultCustomerClass string
	// NumberWithoutOverride is what happens to a number sent without overrideNumberSeries: "ignored" or "refused".
	NumberWithoutOverride string
	// ImplicitManual keeps a unit price or discount sent without hasManualPrice or hasManualDiscount; by default the ERP's
	// own price replaces it.
	ImplicitManual bool
	// PriceDecimals is how many decimals a unit price keeps (6).
	PriceDecimals int
	// TaxPerLine rounds tax on every line; by default it is computed once for each VAT, on the sum of its lines.
	TaxPerLine bool
	// ExtendedPriceNet makes a line's extendedPrice the amount after discount; by default it is the one before, as error
	// 1101 suggests.
	ExtendedPriceNet bool
	// InactiveItemCode is the code that refuses an item that exists but may not be sold (1804-InventoryIdNotFound).
	InactiveItemCode string
	// OrderFilter is how GET /api/v3/SalesOrders?filter= matches: "contains" (default) or "exact".
	OrderFilter string
	// ExpandDefault makes the expand flags of items true when they are not sent, as the documentation says they still are;
	// "off" makes them false.
	ExpandDefault string

	// GrossAvailable leaves what orders have booked in the available stock, as a company's availability rules may say.
	GrossAvailable bool

	// RateLimit is how many requests a client may make in RateWindow (an hour); 0 never refuses.
	RateLimit  int
	RateWindow time.Duration

	// CallsAtOnce is how many requests may be under way at once, beyond which they are refused; 0 never refuses.
	CallsAtOnce int

	// Now is the clock; time.Now by default.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	set(&o.TokenTTL, time.Hour)
	set(&o.DefaultPageSize, 100)
	set(&o.MaxPageSize, 1000)
	set(&o.MaxInventoryPageSize, 5*o.MaxPageSize)
	set(&o.EmailFilter, "exact")
	set(&o.BusinessErrorStatus, 400)
	set(&o.LocationHost, "same")
	set(&o.DateShape, DateMixed)
	set(&o.CustomerAddress, "country")
	set(&o.NumberWithoutOverride, "ignored")
	set(&o.PriceDecimals, 6)
	set(&o.InactiveItemCode, codeItem)
	set(&o.OrderFilter, "contains")
	set(&o.ExpandDefault, "on")
	set(&o.RateWindow, time.Hour)
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func set[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}
