package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

func TestAnyErrorGetsAClass(t *testing.T) {
	ride := &url.Error{Op: "Post", URL: "https://user:pw@shop.example/soap?secret=hunter2", Err: errors.New("EOF")}
	for _, row := range []struct {
		err   error
		class protocol.FailureClass
		code  string
		text  string
	}{
		{Invalid("shop.bad", "no %s", "name"), isInvalid, "shop.bad", "no name"},
		{fmt.Errorf("line 3: %w", Auth("shop.auth", "who are you?")), isAuth, "shop.auth", "who are you?"},
		{&Failure{Code: "shop.unsaid", Message: "hm"}, ambiguous, "shop.unsaid", "hm"},
		{context.Canceled, ambiguous, "connector.cancelled", "the call was cancelled"},
		{fmt.Errorf("wait: %w", context.DeadlineExceeded), ambiguous, "connector.timeout", "the call took too long"},
		{fmt.Errorf("send: %w", ride), ambiguous, "connector.error", `send: Post "https://shop.example/soap": EOF`},
	} {
		f := asFailure(row.err, ambiguous)
		if f.Class != row.class || f.Code != row.code || f.Message != row.text {
			t.Errorf("%v: got %s %s %q", row.err, f.Class, f.Code, f.Message)
		}
	}
}

func TestFailureInTheProtocolIsUTF8(t *testing.T) {
	got := RateLimited(1500*time.Millisecond, "shop.slow", "slow").At("a.b").Remote(429, "caf\xe9").proto()
	want := &protocol.Failure{
		Class: isRate, Code: "shop.slow", Message: "slow", Field: "a.b", RetryAfterMs: 1500, RemoteStatus: 429, RemoteMessage: "caf\uFFFD",
	}
	if diff := cmp.Diff(want.String(), got.String()); diff != "" {
		t.Error(diff)
	}
}

func TestBrief(t *testing.T) {
	for _, c := range []struct {
		text string
		most int
		want string
	}{
		{"café", 5, "café"},
		{"café", 4, "caf…"},
		{"caf\xe9s", 5, "caf\uFFFDs"},
		{"caf\xe9 noir", 5, "caf\uFFFD …"},
		{"€", 2, "…"},
	} {
		if got := Brief(c.text, c.most); got != c.want {
			t.Errorf("Brief(%q, %d) = %q, not %q", c.text, c.most, got, c.want)
		}
	}
}

func TestLogLinesAreHclog(t *testing.T) {
	var out bytes.Buffer
	newLogger(&out, slog.LevelInfo).With("connection", "shop.main").Warn("slow", "time", 3, "level", "deep")
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	delete(got, "@timestamp")
	want := map[string]any{"@level": "warn", "@message": "slow", "connection": "shop.main", "time": 3.0, "level": "deep"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSettingsHaveTheirDefaults(t *testing.T) {
	attributes := []*protocol.Attribute{
		WithDefault(Attribute("size", protocol.AttributeType_ATTRIBUTE_TYPE_INTEGER, "a size", 0), 200),
		WithDefault(Attribute("zone", protocol.AttributeType_ATTRIBUTE_TYPE_STRING, "a zone", 0), "Europe/Oslo"),
		Attribute("secret", protocol.AttributeType_ATTRIBUTE_TYPE_STRING, "a secret", Required|Sensitive),
	}
	got, err := settings([]byte(`{"zone":null,"size":1.50,"secret":"x"}`), attributes)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Config{"size": record.Number("1.50"), "zone": "Europe/Oslo", "secret": "x"}, got); diff != "" {
		t.Error(diff)
	}
	if a := attributes[2]; !a.GetRequired() || !a.GetSensitive() {
		t.Errorf("got %v", a)
	}
	if _, err := settings([]byte(`[]`), nil); err == nil {
		t.Error("a list was taken for settings")
	}
}

func TestCreditIsNeitherLostNorInvented(t *testing.T) {
	c := newCredit()
	c.add(1)
	c.add(2)
	for range 3 {
		if err := c.take(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.take(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a fourth was taken: %v", err)
	}
}
