package pipelines

import (
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

var defaultOnError = OnError{
	Attempts: 6, Backoff: "exponential", Initial: time.Second, Max: 15 * time.Minute, Then: "dead_letter",
}

func (f *flow) onError(block *hclsyntax.Block) OnError {
	b := f.body(block)
	out := defaultOnError
	if v, rng, ok := b.public("retry"); ok && v != nil {
		f.retry(v, rng, &out)
	}
	out.Then = b.word("then", "dead_letter", "dead_letter", "stop")
	out.ParkKey = b.bool("park_key", false)
	b.end()
	return out
}

const mostAttempts = 1000

func (f *flow) retry(v any, rng hcl.Range, out *OnError) {
	m, ok := v.(map[string]any)
	for name, value := range m {
		switch name {
		case "attempts":
			d, isNumber := positive(value)
			if isNumber {
				i, err := d.Int64()
				out.Attempts, isNumber = int(i), err == nil && i <= mostAttempts
			}
			ok = ok && isNumber
		case "backoff":
			out.Backoff, _ = value.(string)
			ok = ok && (out.Backoff == "exponential" || out.Backoff == "constant")
		case "initial":
			out.Initial = f.duration(value, rng, "initial", out.Initial)
		case "max":
			out.Max = f.duration(value, rng, "max", out.Max)
		default:
			ok = false
		}
	}
	if !ok {
		f.errorf(rng, "lang.wrong_value", "Wrong retry",
			`Write it as retry = { attempts = 6, backoff = "exponential", initial = "1s", max = "15m" }; backoff may be "constant".`)
	}
}
