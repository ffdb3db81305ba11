package main

import (
	"net/url"
	"strings"
	"testing"
)

// TestSecretsInOtherForms: a secret is blotted out as it stands in an address and in JSON, too.
func TestSecretsInOtherForms(t *testing.T) {
	t.Parallel()
	const secret = `p&s "w/örd+1%`
	var h hidden
	h.add([]string{secret, "abc"})
	address := "https://till.test/?ident=shop&secret=" + url.QueryEscape(secret)
	for _, text := range []string{secret, address, "https://till.test/" + url.PathEscape(secret), `{"secret":"` + strings.ReplaceAll(secret, `"`, `\"`) + `"}`, `{"s":"` + inJSON(secret, true) + `"}`} {
		if got := h.clean(text); !strings.Contains(got, "•••") || strings.Contains(got, "rd") || strings.Contains(got, "%26") {
			t.Errorf("%s", got)
		}
	}
	if got := h.clean("abc"); got != "abc" {
		t.Errorf("%s", got)
	}
}
