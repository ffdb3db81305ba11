// Package mpluskassa emulates the MplusKASSA SOAP API for demos and tests, as the vendor's contract describes it. It keeps
// one shop in memory, is as picky as the real server is known to be, and can misbehave on request.
package mpluskassa

import "time"

// What becomes of control characters in answers.
const (
	ControlsDropped   = ""
	ControlsRaw       = "raw"       // sent as they are, which no XML parser accepts
	ControlsReference = "reference" // sent as &#x1;, which no XML parser accepts either
)

// Options sets up the emulator. The zero value of a switch is the choice the contract names for what it doesn't know.
type Options struct {
	// What a caller must bring in the query. Two empty ones let everybody in.
	Ident, Secret string
	// AuthStatus is the status of a refused caller (500), whose fault is Client.Authentication.
	AuthStatus int

	// Workers is how many calls are answered at once, while others wait; CallsPerSecond is how many may come in a second,
	// beyond which they are refused. 0 sets no limit.
	Workers, CallsPerSecond int

	// ClockOff is how far the server's clock, as its answers name it, is ahead of this machine's.
	ClockOff time.Duration

	// Latency is waited before every answer.
	Latency time.Duration
	// Strict refuses unknown, repeated, unqualified and missing elements; the default skips them.
	Strict bool
	// Missing are operations that this server is too old for.
	Missing []string

	// RelationCap is how many relations one answer holds at most (1000). PageCap does the same for orders, products and
	// employees; 0 sets no limit there.
	RelationCap, PageCap int
	// ChangedArticlesOnly leaves unchanged articles out of products asked for by marker.
	ChangedArticlesOnly bool
	// StockAfter makes a stock id exclude the change it names; by default it is included, as with markers.
	StockAfter bool
	// EmptyFindsFirst makes findRelation without a criterion find the first relation rather than none.
	EmptyFindsFirst bool

	// PercentScale is what percentages are multiplied by (100, so that 2100 is 21 %).
	PercentScale int
	// OmitScale leaves decimalPlaces out where it is 0.
	OmitScale bool
	// ZeroTimezone writes isdst false and timezone 0 beside local times, as the vendor's older software does.
	ZeroTimezone bool
	// Controls is what becomes of control characters in answers.
	Controls string

	// NetPrices makes price a price without VAT under VAT-METHOD-EXCLUSIVE.
	NetPrices bool
	// OldNoChanges answers an update that changes nothing with FAILED and a text, as older servers do.
	OldNoChanges bool
	// SetStockFree makes setStock set the free stock; by default it sets what is there, reserved or not.
	SetStockFree bool

	// Now is the clock; time.Now by default.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	if o.AuthStatus == 0 {
		o.AuthStatus = 500
	}
	if o.RelationCap == 0 {
		o.RelationCap = 1000
	}
	if o.PercentScale == 0 {
		o.PercentScale = 100
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}
