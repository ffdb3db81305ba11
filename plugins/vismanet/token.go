package vismanet

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

const (
	renewEarly  = 5 * time.Minute  // before a token ends
	assumedLife = 10 * time.Minute // of a token that does not say
)

// tokens gives one service's access token and renews it early. One caller renews, the others wait for it.
type tokens struct {
	http     *sdk.HTTP
	url      string
	settings settings
	scopes   []string
	setting  string // that names the scopes

	turn    chan struct{} // holds one value when free; guards what follows
	token   string
	granted string
	renew   time.Time
	until   time.Time
	clock   *protocol.Problem // when Visma's differs from ours
}

func newTokens(h *sdk.HTTP, s settings, setting string, scopes []string) *tokens {
	t := &tokens{
		http: h, url: s.token.String(), settings: s, setting: setting, scopes: scopes, turn: make(chan struct{}, 1),
	}
	t.turn <- struct{}{}
	return t
}

// get returns a token that is good for now.
func (t *tokens) get(ctx context.Context) (string, error) {
	select {
	case <-t.turn:
		defer func() { t.turn <- struct{}{} }()
	case <-ctx.Done():
		return "", sdk.Transient("vismanet.cancelled", "the call was cancelled while waiting for a token")
	}
	now := t.http.Now()
	if t.token != "" && now.Before(t.renew) {
		return t.token, nil
	}
	token, granted, life, err := t.fetch(ctx)
	works := t.token != "" && now.Before(t.until)
	if err != nil && !works {
		return "", err
	}
	if err == nil { // else the old one does for now, and the next call tries again
		t.token, t.granted = token, granted
		t.until, t.renew = now.Add(life), now.Add(life-min(renewEarly, life/2))
	}
	return t.token, nil
}

// drop forgets a token that was refused, unless another call has replaced it already.
func (t *tokens) drop(ctx context.Context, refused string) {
	select {
	case <-t.turn:
		if t.token == refused {
			t.token = ""
		}
		t.turn <- struct{}{}
	case <-ctx.Done():
	}
}

// apart tells when the clocks differ.
func (t *tokens) apart() *protocol.Problem {
	<-t.turn
	defer func() { t.turn <- struct{}{} }()
	return t.clock
}

// missing lists the scopes that were asked for and not granted; none when the answer did not say.
func (t *tokens) missing() []string {
	<-t.turn
	defer func() { t.turn <- struct{}{} }()
	granted := strings.Fields(t.granted)
	if len(granted) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(t.scopes), func(s string) bool { return slices.Contains(granted, s) })
}

func (t *tokens) fetch(ctx context.Context) (token, granted string, life time.Duration, err error) {
	form := url.Values{
		"grant_type":    {"client_credentials"},
		"scope":         {strings.Join(t.scopes, " ")},
		"client_id":     {t.settings.clientID},
		"client_secret": {t.settings.clientSecret},
		"tenant_id":     {t.settings.tenantID},
	}
	resp, err := t.http.Do(ctx, sdk.HTTPRequest{
		Method: http.MethodPost, URL: t.url, Body: []byte(form.Encode()), Private: true, Refused: t.refine,
		Header: http.Header{
			"Content-Type": {"application/x-www-form-urlencoded"},
			"Accept":       {"application/json"},
			"User-Agent":   {t.settings.userAgent},
		},
	})
	if err != nil {
		f := asFailure(err)
		if f.RemoteStatus == 0 {
			f.Message = "Visma Connect: " + f.Message
		}
		return "", "", 0, f
	}
	t.clock = sdk.Clock("Visma Connect", resp.Header, t.http.Now())
	body, _ := record.DecodeObject(resp.Body)
	if token = textOf(body["access_token"]); token == "" {
		return "", "", 0, sdk.Transient("vismanet.token",
			"Visma Connect answered %d without a token; is token_url right?", resp.Status)
	}
	return token, textOf(body["scope"]), lifetime(body["expires_in"]), nil
}

func lifetime(v any) time.Duration {
	d, err := time.ParseDuration(textOf(v) + "s")
	if err != nil || d <= 0 {
		return assumedLife
	}
	return min(d, 24*time.Hour)
}

// refine says what a refusal of Visma Connect means.
func (t *tokens) refine(f *sdk.Failure, answer *sdk.HTTPResponse) {
	body, _ := record.DecodeObject(answer.Body)
	name := textOf(body["error"])
	auth := func(field, message string) {
		f.Class, f.Code, f.Field, f.Message = classAuth, "vismanet.token_refused", field, message
	}
	switch {
	case f.Class == protocol.FailureClass_FAILURE_CLASS_RATE_LIMITED:
		f.Message = "Visma Connect wants fewer calls"
	case f.RemoteStatus >= 500:
		f.Message = "Visma Connect gives no token at the moment"
	case name == "invalid_client":
		auth("client_secret", "Visma Connect does not know this client_id with this client_secret; "+
			"compare both with the Developer Portal")
	case name == "invalid_scope":
		auth(t.setting, "the service application may not ask for "+strings.Join(t.scopes, " ")+
			"; add the scopes in the Visma Developer Portal and have them approved in the Visma App Store")
	case name == "invalid_grant" || name == "unauthorized_client":
		auth("tenant_id", "the company has not connected this application, or tenant_id is not its Company tenant id")
	case name != "" || f.RemoteStatus == http.StatusUnauthorized || f.RemoteStatus == http.StatusForbidden:
		auth("", "Visma Connect refuses a token")
	default:
		f.Class, f.Code = protocol.FailureClass_FAILURE_CLASS_FATAL, "vismanet.token"
		f.Field, f.Message = "token_url", "this does not look like Visma Connect; correct token_url"
	}
}
