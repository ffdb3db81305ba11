package sdk

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// Settings reads a Config, and collects everything that is wrong with it, not just the first thing. What it returns for
// something wrong can be gone on with.
type Settings struct {
	Config   Config
	Problems []*protocol.Problem
}

// Wrong notes what is wrong with an attribute and what to do, in a sentence each.
func (s *Settings) Wrong(attribute, summary, remedy string) {
	s.Problems = append(s.Problems, &protocol.Problem{Attribute: attribute, Summary: summary, Detail: remedy})
}

// Required returns a text that must be there.
func (s *Settings) Required(name, remedy string) string {
	text := strings.TrimSpace(s.Config.String(name))
	if text == "" {
		s.Wrong(name, name+" is missing.", remedy)
	}
	return text
}

// URL returns the address of a system, without a slash at its end. Only this machine may be asked without TLS.
func (s *Settings) URL(name, example string) *url.URL {
	u, err := url.Parse(strings.TrimSpace(s.Config.String(name)))
	switch {
	case err != nil || u.Host == "":
		s.Wrong(name, "This is not an address.", "Write it like "+example+".")
		return &url.URL{}
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		s.Wrong(name, "The address has credentials or a query in it.", "Only scheme, host and path belong here.")
	case u.Scheme != "https" && (u.Scheme != "http" || !protocol.Loopback(u.Hostname())):
		s.Wrong(name, "The address is not https.", "Plain http is only for this machine: credentials travel with every call.")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(u.Path, "/")}
}

// Duration returns a length of time.
func (s *Settings) Duration(name string, least time.Duration) time.Duration {
	d, err := time.ParseDuration(s.Config.String(name))
	switch {
	case err != nil:
		s.Wrong(name, fmt.Sprintf("%q is no length of time.", s.Config.String(name)), `Write it like "90s".`)
	case d < least:
		s.Wrong(name, fmt.Sprintf("%s is too short.", s.Config.String(name)), fmt.Sprintf("It is %s or more.", least))
	}
	return max(d, least)
}

// Integer returns a number from least to most.
func (s *Settings) Integer(name string, least, most int) int {
	_, ok := s.Config[name].(record.Number)
	n := s.Config.Int(name)
	if !ok || n < int64(least) || n > int64(most) {
		s.Wrong(name, fmt.Sprintf("%s is no number from %d to %d.", s.Config.String(name), least, most), "")
	}
	return int(min(max(n, int64(least)), int64(most)))
}

// Choice returns one of some words.
func (s *Settings) Choice(name string, words ...string) string {
	word := s.Config.String(name)
	if !slices.Contains(words, word) {
		s.Wrong(name, fmt.Sprintf("%q is not known.", word), "It is one of "+strings.Join(words, ", ")+".")
		return words[0]
	}
	return word
}

// Texts returns the texts of a list, without empty ones.
func (s *Settings) Texts(name string) []string {
	list, _ := s.Config[name].([]any)
	var out []string
	for _, item := range list {
		if text, ok := item.(string); ok && strings.TrimSpace(text) != "" {
			out = append(out, strings.TrimSpace(text))
		}
	}
	return out
}

// TimeZone returns the zone of a name such as Europe/Amsterdam.
func (s *Settings) TimeZone(name string) *time.Location {
	text := s.Config.String(name)
	zone, err := time.LoadLocation(text)
	if err != nil || text == "" || text == "Local" { // which is another on another machine
		s.Wrong(name, fmt.Sprintf("%q is no time zone.", text), `Write it like "Europe/Amsterdam".`)
		return time.UTC
	}
	return zone
}
