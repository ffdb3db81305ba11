package sdk

import (
	"strings"
	"testing"
)

// BenchmarkHide is what one exchange costs.
func BenchmarkHide(b *testing.B) {
	h := &HTTP{Secrets: []string{"a-client-secret-of-some-length", "an-ident"}}
	text := strings.Repeat(`{"name":"Trui","price":"12.50","vat":{"id":"03"}},`, 60)
	for b.Loop() {
		h.Hide(text, "a-token.that-is-rather-long."+strings.Repeat("x", 800))
	}
}
