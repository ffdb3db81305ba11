package pipelines

import (
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

var defaultOnError = OnError{
	Attempts: 6, Backoff: "exponential", Initial: time.Second, Max: 15 * time.Minute, Then: "dead_letter",
	ParkFor: 30 * day,
}

const day = 24 * time.Hour

func (f *flow) onError(block *hclsyntax.Block) OnError {
	b := f.body(block)
	out := defaultOnError
	if v, rng, ok := b.public("retry"); ok && v != nil {
		f.retry(v, rng, b.block.Body.Attributes["retry"], &out)
	}
	out.Then = b.word("then", "dead_letter", "dead_letter", "stop")
	out.ParkKey = b.bool("park_key", false)
	if v, rng, ok := b.public("park_for"); ok && v != nil {
		out.ParkFor = f.days(v, rng, "park_for", out.ParkFor)
	}
	b.end()
	return out
}

// days is a length of time that may be longer than people count in hours: "7d", "1d12h".
func (l *loader) days(v any, rng hcl.Range, name string, otherwise time.Duration) time.Duration {
	text, _ := v.(string)
	days, rest, found := strings.Cut(text, "d")
	n, err := strconv.Atoi(days)
	if !found || err != nil || n < 0 || n > 36500 {
		n, rest = 0, text
	}
	d := time.Duration(n) * day
	if rest != "" || n == 0 {
		hours, err := time.ParseDuration(rest)
		if err != nil || hours < 0 || d+hours <= 0 {
			l.errorf(rng, "lang.wrong_value", "Not a length of time", name+` is a text such as "7d", "36h" or "1d12h".`)
			return otherwise
		}
		d += hours
	}
	return d
}

const mostAttempts = 1000

func (f *flow) retry(v any, rng hcl.Range, attr *hclsyntax.Attribute, out *OnError) {
	const how = `Write it as retry = { attempts = 6, backoff = "exponential", initial = "1s", max = "15m" }; backoff may be "constant".`
	m, isObject := v.(map[string]any)
	if !isObject {
		f.errorf(rng, "lang.wrong_value", "Wrong retry", how)
	}
	for _, name := range sortedNames(m) {
		value, ok := m[name], true
		switch name {
		case "attempts":
			d, isNumber := positive(value)
			if isNumber {
				i, err := d.Int64()
				out.Attempts, isNumber = int(i), err == nil && i <= mostAttempts
			}
			ok = isNumber
		case "backoff":
			out.Backoff, _ = value.(string)
			ok = out.Backoff == "exponential" || out.Backoff == "constant"
		case "initial":
			out.Initial = f.duration(value, entryRange(attr, name), "initial", out.Initial)
		case "max":
			out.Max = f.duration(value, entryRange(attr, name), "max", out.Max)
		default:
			ok = false
		}
		if !ok {
			f.wrongEntry(attr, "Wrong retry", name, how, "attempts", "backoff", "initial", "max")
		}
	}
}
