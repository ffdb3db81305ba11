package sdk

import (
	"strings"
	"testing"
	"time"

	"github.com/kopru-io/kopru/plugins/record"
)

func TestSettingsAreRead(t *testing.T) {
	s := &Settings{Config: Config{
		"name": " ada ", "url": "https://api.example.com/v1/", "here": "http://127.0.0.1:80", "timeout": "90s", "size": record.Int(7),
		"way": "b", "list": []any{" a ", "", "b"}, "zone": "Europe/Oslo",
	}}
	for what, ok := range map[string]bool{
		"text":    s.Required("name", "") == "ada",
		"address": s.URL("url", "").String() == "https://api.example.com/v1",
		"local":   s.URL("here", "").Host == "127.0.0.1:80",
		"time":    s.Duration("timeout", time.Second) == 90*time.Second,
		"number":  s.Integer("size", 1, 7) == 7,
		"word":    s.Choice("way", "a", "b") == "b",
		"list":    strings.Join(s.Texts("list"), "+") == "a+b",
		"zone":    s.TimeZone("zone").String() == "Europe/Oslo",
	} {
		if !ok {
			t.Errorf("the %s is not what was set", what)
		}
	}
	for _, p := range s.Problems {
		t.Error(p)
	}
}

func TestAllThatIsWrongIsTold(t *testing.T) {
	s := &Settings{Config: Config{
		"host": "api", "query": "https://x.example/?a=1", "user": "https://u:p@x.example", "plain": "http://x.example", "timeout": "soon",
		"short": "1s", "size": record.Int(8), "text": "7", "way": "c", "zone": "Local",
	}}
	s.Required("name", "Ask for it.")
	for _, name := range []string{"host", "query", "user", "plain"} {
		s.URL(name, "https://api.example.com")
	}
	if d := s.Duration("short", time.Minute); d != time.Minute {
		t.Errorf("goes on with %s", d)
	}
	s.Duration("timeout", 0)
	if n := s.Integer("size", 1, 7); n != 7 {
		t.Errorf("goes on with %d", n)
	}
	s.Integer("text", 1, 7)
	s.Choice("way", "a", "b")
	s.TimeZone("zone")
	want := []string{
		"name: name is missing. Ask for it.",
		"host: This is not an address. Write it like https://api.example.com.",
		"query: The address has credentials or a query in it.",
		"user: The address has credentials or a query in it.",
		"plain: The address is not https.",
		"short: 1s is too short. It is 1m0s or more.",
		`timeout: "soon" is no length of time.`,
		"size: 8 is no number from 1 to 7.",
		"text: 7 is no number from 1 to 7.",
		`way: "c" is not known. It is one of a, b.`,
		`zone: "Local" is no time zone.`,
	}
	if len(s.Problems) != len(want) {
		t.Fatalf("%d problems: %v", len(s.Problems), s.Problems)
	}
	for i, p := range s.Problems {
		if got := p.GetAttribute() + ": " + p.GetSummary() + " " + p.GetDetail(); !strings.HasPrefix(got, want[i]) {
			t.Errorf("%q, want %q", got, want[i])
		}
	}
}
