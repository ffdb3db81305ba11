package vismanet

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// service is one deployment of Visma's with its own address and token.
type service struct {
	title   string
	setting string // that holds its address
	base    *url.URL
	tokens  *tokens
	limits  atomic.Pointer[limits]
}

// limits is what a service last said about its rate limit.
type limits struct{ limit, remaining, reset string }

// client sends calls to both services.
type client struct {
	http   *sdk.HTTP
	log    *slog.Logger
	agent  string
	branch string
	erp    *service
	orders *service
}

func newClient(s settings, transport http.RoundTripper, now func() time.Time, log *slog.Logger) *client {
	newHTTP := func(slots chan struct{}) *sdk.HTTP {
		return &sdk.HTTP{
			System: "vismanet", Client: &http.Client{Transport: transport, Timeout: s.timeout},
			Slots: slots, Secrets: []string{s.clientSecret}, Now: now,
		}
	}
	tokenHTTP := newHTTP(nil) // a token is fetched in between calls: it takes none of their slots
	return &client{
		http: newHTTP(make(chan struct{}, concurrency)), log: log, agent: s.userAgent, branch: s.branch,
		erp: &service{
			title: "the ERP API", setting: "api_url", base: s.api,
			tokens: newTokens(tokenHTTP, s, "scopes", s.apiScopes),
		},
		orders: &service{
			title: "the Sales Order Service", setting: "salesorder_url", base: s.salesOrder,
			tokens: newTokens(tokenHTTP, s, "salesorder_scopes", s.salesOrderScopes),
		},
	}
}

// call is one request.
type call struct {
	service *service
	method  string
	path    string // escaped
	query   url.Values
	body    map[string]any // nil = none
	version string         // for If-Match, "" = none
}

// write tells whether the call changes something.
func (r call) write() bool { return r.method != http.MethodGet }

func (r call) url() string {
	u := r.service.base.String() + r.path
	if len(r.query) > 0 {
		u += "?" + strings.ReplaceAll(r.query.Encode(), "+", "%20")
	}
	return u
}

// answer is what came back with a status of 2xx.
type answer struct {
	status  int
	header  http.Header
	body    any // decoded JSON, nil when empty
	version string
}

// trail collects what was said, for a human. A nil trail keeps nothing.
type trail struct {
	mu   sync.Mutex
	list []*protocol.Exchange
}

func (t *trail) add(exchanges ...*protocol.Exchange) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = append(t.list, exchanges...)
}

// do makes a call; anything but a 2xx is a *sdk.Failure. A 401 is tried once more with a new token, which is safe:
// a refused call did nothing.
func (c *client) do(ctx context.Context, t *trail, r call) (*answer, error) {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = record.Encode(r.body); err != nil {
			return nil, sdk.Invalid("vismanet.bad_value", "the record can't be written as JSON: %v", err)
		}
	}
	for attempt := 0; ; attempt++ {
		token, err := r.service.tokens.get(ctx)
		if err != nil {
			return nil, err
		}
		resp, err := c.http.Do(ctx, sdk.HTTPRequest{
			Method: r.method, URL: r.url(), Header: c.header(r, token), Body: body, Write: r.write(), Secrets: []string{token},
			Refused: func(f *sdk.Failure, answer *sdk.HTTPResponse) {
				r.service.note(answer.Header)
				refine(f, r, answer)
			},
		})
		if err == nil {
			t.add(resp.Exchange)
			r.service.note(resp.Header)
			c.log.Debug("call", "method", r.method, "path", r.path, "status", resp.Status)
			return c.judge(r, resp, token)
		}
		f := asFailure(err)
		t.add(f.Exchanges...)
		c.log.Debug("call", "method", r.method, "path", r.path, "status", f.RemoteStatus, "code", f.Code)
		if f.RemoteStatus == http.StatusUnauthorized && attempt == 0 {
			r.service.tokens.drop(ctx, token)
			continue
		}
		if f.RemoteStatus == 0 {
			f.Message = strings.Replace(f.Message, "no answer from", "no answer from "+r.service.title+" at", 1)
		}
		return nil, f
	}
}

func (c *client) header(r call, token string) http.Header {
	h := http.Header{}
	h.Set("Authorization", "Bearer "+token)
	h.Set("Accept", "application/json")
	h.Set("User-Agent", c.agent)
	if r.body != nil {
		h.Set("Content-Type", "application/json")
	}
	if c.branch != "" {
		h.Set("branchid", c.branch)
	}
	if r.version != "" {
		h.Set("If-Match", `"`+r.version+`"`)
	}
	return h
}

// judge reads a 2xx, which need not be a yes: an action that failed says so only in its body.
func (c *client) judge(r call, resp *sdk.HTTPResponse, token string) (*answer, error) {
	a := &answer{status: resp.Status, header: resp.Header, version: version(resp.Header.Get("ETag"))}
	data := bytes.TrimSpace(bytes.TrimPrefix(resp.Body, []byte("\xef\xbb\xbf")))
	if len(data) == 0 && (r.write() || resp.Status == http.StatusNoContent) {
		return a, nil
	}
	var err error
	if a.body, err = record.Decode(data); err != nil { // also nothing at all: it must not pass for an empty list
		if r.write() && resp.Header.Get("Location") != "" {
			return a, nil // the outcome is plain enough
		}
		f := r.service.broken("something that is not JSON")
		if r.write() {
			f.Class = classAmbiguous
			f.Message += "; the write may have been stored"
		}
		f.RemoteStatus = resp.Status
		f.Exchanges = exchangesOf(resp)
		return nil, f
	}
	if words := declined(a.body); words != "" && r.write() {
		f := sdk.Invalid("vismanet.rejected", "Visma.net did not carry it out").Remote(resp.Status, c.http.Hide(words, token))
		f.Exchanges = exchangesOf(resp)
		return nil, f
	}
	return a, nil
}

func exchangesOf(resp *sdk.HTTPResponse) []*protocol.Exchange {
	return []*protocol.Exchange{resp.Exchange}
}

// broken is the failure of a call whose answer makes no sense.
func (s *service) broken(what string) *sdk.Failure {
	return sdk.Transient("vismanet.broken_answer", "%s answered with %s", s.title, what)
}

// declined is why a 2xx is none, "" when it is one.
func declined(body any) string {
	m, _ := body.(map[string]any)
	if words := textOf(m["errorInfo"]); words != "" {
		return words
	}
	if textOf(m["actionResult"]) == "Failed" {
		return "actionResult: Failed"
	}
	return ""
}

// note keeps what the service says about its rate limit.
func (s *service) note(h http.Header) {
	if remaining := h.Get("X-RateLimit-Remaining"); remaining != "" {
		s.limits.Store(&limits{limit: h.Get("X-RateLimit-Limit"), remaining: remaining, reset: h.Get("X-RateLimit-Reset")})
	}
}

// version is an ETag without its quotes.
func version(etag string) string {
	return strings.Trim(strings.TrimPrefix(strings.TrimSpace(etag), "W/"), `"`)
}
