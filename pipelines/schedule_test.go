package pipelines_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/pipelines"
)

func schedule(t *testing.T, attributes string) *pipelines.Schedule {
	t.Helper()
	p := load(t, fmt.Sprintf(`
-- main.hcl --
pipeline "p" {
  %s
  source "order" {
    connection = mpluskassa.shop
  }
}
`, attributes))
	return &p.Pipelines[0].Schedule
}

const amsterdam = `
  timezone = "Europe/Amsterdam"`

// times are the runs due after a moment, in UTC.
func times(t *testing.T, s *pipelines.Schedule, from string, n int) []string {
	t.Helper()
	at := moment(t, from)
	var out []string
	for range n {
		at = s.Next(at)
		out = append(out, at.UTC().Format("01-02T15:04"))
	}
	return out
}

func moment(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04:05Z", text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestScheduleTimes: in Amsterdam the clock goes from 2:00 to 3:00 on 29 March 2026, and back from 3:00 to 2:00 on
// 25 October.
func TestScheduleTimes(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, attributes, from, want string }{
		{"every", `every = "5m"`, "2026-03-28T12:01:07Z", "03-28T12:05 03-28T12:10"},
		{"every, at the time", `every = "5m"`, "2026-03-28T12:05:00Z", "03-28T12:10 03-28T12:15"},
		{"office hours", `cron = "*/15 8-18 * * 1-5"` + amsterdam, "2026-03-27T17:20:00Z", "03-27T17:30 03-27T17:45 03-30T06:00 03-30T06:15"},
		{"without a zone", `cron = "0 3 * * *"`, "2026-03-28T12:00:00Z", "03-29T03:00 03-30T03:00"},
		{"day or weekday", `cron = "0 3 13 * 5"`, "2026-03-28T12:00:00Z", "04-03T03:00 04-10T03:00 04-13T03:00"},
		{"an hour that is not, spring", `cron = "30 2 * * *"` + amsterdam, "2026-03-28T12:00:00Z", "03-29T01:30 03-30T00:30"},
		{"an hour that is not, at its hour", `cron = "0 2 * * *"` + amsterdam, "2026-03-28T12:00:00Z", "03-29T01:00 03-30T00:00"},
		{"every hour, spring", `cron = "0 * * * *"` + amsterdam, "2026-03-29T00:00:00Z", "03-29T01:00 03-29T02:00"},
		{"an hour that is twice, autumn", `cron = "30 2 * * *"` + amsterdam, "2026-10-24T12:00:00Z", "10-25T00:30 10-26T01:30 10-27T01:30"},
		{"after the hour that is twice", `cron = "0 3 * * *"` + amsterdam, "2026-10-24T12:00:00Z", "10-25T02:00 10-26T02:00"},
		{"every hour, autumn", `cron = "0 * * * *"` + amsterdam, "2026-10-24T23:30:00Z", "10-25T00:00 10-25T01:00 10-25T02:00"},
		{"every half hour at night, autumn", `cron = "*/30 2 * * *"` + amsterdam, "2026-10-24T23:30:00Z", "10-25T00:00 10-25T00:30 10-25T01:00 10-25T01:30 10-26T01:00"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want := strings.Fields(c.want)
			if got := times(t, schedule(t, c.attributes), c.from, len(want)); !slices.Equal(got, want) {
				t.Errorf("due at %v, want %v", got, want)
			}
		})
	}
}

// TestDue: a run is due once, one that was missed is made good for an hour, and several that were missed are one.
func TestDue(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, attributes, last, now, want string }{
		{"never run", `every = "5m"`, "", "2026-03-28T12:01:00Z", "2026-03-28T12:00:00Z"},
		{"run already", `every = "5m"`, "2026-03-28T12:00:00Z", "2026-03-28T12:04:59Z", ""},
		{"the next", `every = "5m"`, "2026-03-28T12:00:00Z", "2026-03-28T12:05:00Z", "2026-03-28T12:05:00Z"},
		{"several missed", `every = "5m"`, "2026-03-28T12:00:00Z", "2026-03-29T12:33:00Z", "2026-03-29T12:30:00Z"},
		{"not yet", `cron = "0 3 * * *"`, "2026-03-28T02:00:00Z", "2026-03-28T02:59:59Z", ""},
		{"now", `cron = "0 3 * * *"`, "2026-03-28T02:00:00Z", "2026-03-28T03:00:00Z", "2026-03-28T03:00:00Z"},
		{"run", `cron = "0 3 * * *"`, "2026-03-28T03:00:00Z", "2026-03-28T03:00:01Z", ""},
		{"just missed", `cron = "0 3 * * *"`, "2026-03-27T03:00:00Z", "2026-03-28T03:59:00Z", "2026-03-28T03:00:00Z"},
		{"missed long ago", `cron = "0 3 * * *"`, "2026-03-27T03:00:00Z", "2026-03-28T12:00:00Z", ""},
		{"several lines missed", `cron = "*/10 * * * *"`, "2026-03-28T03:00:00Z", "2026-03-28T03:45:00Z", "2026-03-28T03:40:00Z"},
		{"no schedule", ``, "", "2026-03-28T12:01:00Z", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var last time.Time
			if c.last != "" {
				last = moment(t, c.last)
			}
			due, ok := schedule(t, c.attributes).Due(last, moment(t, c.now))
			if ok != (c.want != "") || ok && !due.Equal(moment(t, c.want)) {
				t.Errorf("due %v %v, want %q", ok, due, c.want)
			}
		})
	}
}

func TestScheduleInWords(t *testing.T) {
	t.Parallel()
	for attributes, want := range map[string]string{
		`every = "300s"`: "every 5m", `every = "90m"`: "every 1h30m", `every = "24h"`: "every 24h", `every = "10s"`: "every 10s",
		`cron = "0 3 * * *"`: "0 3 * * * UTC", `cron = "0 3 * * *"` + amsterdam: "0 3 * * * Europe/Amsterdam", "": "when told to",
	} {
		if got := schedule(t, attributes).String(); got != want {
			t.Errorf("%s: %q, want %q", attributes, got, want)
		}
	}
}

// TestEngine: what the engine block says, and that the password in it is known for redaction.
func TestEngine(t *testing.T) {
	t.Parallel()
	p := load(t, `
env STATE=postgres://kopru:pass%20word-1@db/kopru?sslpassword=other-word
env KEY=a-key,another
-- main.hcl --
engine {
  state     = env("STATE")
  key       = env("KEY")
  drain     = "90s"
  retention = { stories = "1d12h", audit = "forever" }
}
`)
	if p.Engine.State != "postgres://kopru:pass%20word-1@db/kopru?sslpassword=other-word" || p.Engine.Drain != 90*time.Second {
		t.Errorf("%+v", p.Engine)
	}
	for _, secret := range []string{"pass word-1", "pass%20word-1", "other-word", "a-key,another"} {
		if !slices.Contains(p.Secrets, secret) {
			t.Errorf("%q is not known as a secret", secret)
		}
	}
	o := load(t, `
env OIDC=the-client-secret
-- main.hcl --
engine {
  oidc {
    issuer        = "https://login.example.com/realms/shop"
    client_id     = "kopru"
    client_secret = env("OIDC")
    scopes        = ["email"]
    roles         = { viewer = ["*"], admin = ["kopru-admins"] }
    domains       = ["@Example.com"]
  }
}
`)
	wanted := &pipelines.OIDC{
		Issuer: "https://login.example.com/realms/shop", ClientID: "kopru", ClientSecret: "the-client-secret", Name: "login.example.com",
		Scopes: []string{"openid", "email"}, Claim: "groups", Roles: map[string][]string{"viewer": {"*"}, "admin": {"kopru-admins"}},
		Domains: []string{"example.com"}, Passwords: true,
	}
	if d := cmp.Diff(wanted, o.Engine.OIDC); d != "" || !slices.Contains(o.Secrets, "the-client-secret") {
		t.Errorf("%s, %q", d, o.Secrets)
	}
	plain := load(t, "\n-- main.hcl --\nlocals {}\n").Engine
	if plain != (pipelines.Engine{Drain: pipelines.DefaultDrain, Listen: pipelines.DefaultListen, Retention: plain.Retention}) {
		t.Errorf("without an engine block: %+v", plain)
	}
	want := plain.Retention
	want.Stories, want.Audit = 36*time.Hour, 0
	if p.Engine.Key != "a-key,another" || p.Engine.Retention != want || plain.Retention.Audit == 0 {
		t.Errorf("%+v, without an engine block %+v", p.Engine, plain.Retention)
	}
}
