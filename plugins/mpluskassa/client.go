package mpluskassa

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// client calls operations. What an answer means is settled here; the rest of the connector sees values and failures.
type client struct {
	settings
	codec
	http       *sdk.HTTP
	operations map[string]operation
	outcomes   map[string]outcome
	tooOld     sync.Map // names of operations that this installation lacks
}

// answer is the element that answers an operation.
type answer struct {
	*node
	exchange *protocol.Exchange
	header   http.Header
}

func newClient(s settings, log *slog.Logger) *client {
	var once sync.Once
	dialer := &net.Dialer{Timeout: s.connectTimeout}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = dialer.DialContext
	transport.MaxIdleConnsPerHost = s.concurrency
	c := &client{
		settings: s,
		codec: codec{
			schema: newSchema(), zone: s.zone,
			vatScale: s.vatScale, discountScale: s.discountScale, absentScale: s.absentScale,
			absentScaleSeen: func(field string) {
				once.Do(func() {
					log.Warn("a quantity came without its number of decimals; absent_decimal_places was used",
						"field", field, "decimals", s.absentScale)
				})
			},
		},
		operations: operations(),
		outcomes:   outcomes(),
	}
	c.http = &sdk.HTTP{
		System: "mpluskassa", Client: &http.Client{Transport: transport, Timeout: s.timeout},
		MaxBody: s.maxBody, Slots: make(chan struct{}, s.concurrency),
		RedactQuery: []string{"ident", "secret"}, Secrets: []string{s.ident, s.secret},
	}
	return c
}

// address is where everything goes. It holds the credentials: only http may see it.
func (c *client) address() string {
	u := *c.base
	u.RawQuery = url.Values{"ident": {c.ident}, "secret": {c.secret}}.Encode()
	return u.String()
}

// call runs an operation. Its error is a *sdk.Failure.
func (c *client) call(ctx context.Context, name string, request map[string]any) (*answer, error) {
	return c.send(ctx, name, request, false)
}

// send runs an operation; with clear, nulls in the request empty what they stand for.
func (c *client) send(ctx context.Context, name string, request map[string]any, clear bool) (*answer, error) {
	op := c.operations[name]
	if _, old := c.tooOld.Load(name); old {
		return nil, sdk.Fatal(codeNotImplemented, "this MplusKASSA is too old for %s; update its API service", name)
	}
	body, err := c.request(name, request, clear)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(ctx, sdk.HTTPRequest{
		Method: http.MethodPost, URL: c.address(), Body: body, Write: op.write,
		Header: http.Header{
			"Content-Type": {"text/xml; charset=utf-8"}, "Soapaction": {name}, "User-Agent": {"Kopru"}, "Accept": {"text/xml"},
		},
		Refused: func(f *sdk.Failure, answer *sdk.HTTPResponse) { c.refused(op, f, answer) },
	})
	if err != nil {
		var f *sdk.Failure
		if errors.As(err, &f) && f.Code == "mpluskassa.too_large" {
			f.Message += "; lower page_size or raise max_answer_mb"
		}
		return nil, err
	}
	root, f := c.understand(op, resp.Body)
	if f != nil {
		f.Exchanges = []*protocol.Exchange{resp.Exchange}
		return nil, f
	}
	return &answer{root, resp.Exchange, resp.Header}, nil
}

// request is an operation's message.
func (c *client) request(name string, values map[string]any, clear bool) ([]byte, error) {
	var w writer
	if err := c.encode(&w, name, values, clear); err != nil {
		f := sdk.Invalid("mpluskassa.bad_value", "%s can't be sent: %v", name, err)
		var where *fieldError
		if errors.As(err, &where) {
			f.Field = where.path
			for _, wrapping := range []string{"request.", "order.", "relation.", "product.", "articleList.0."} {
				f.Field = strings.TrimPrefix(f.Field, wrapping)
			}
			f.Message = name + " can't be sent: " + f.Field + ": " + where.err.Error()
		}
		return nil, f
	}
	return envelope(name, w.Bytes()), nil
}

// understand reads a 2xx answer.
func (c *client) understand(op operation, body []byte) (*node, *sdk.Failure) {
	root, err := parse(body)
	var content *node
	var ft *fault
	if err == nil {
		content, ft, err = opened(root)
	}
	switch {
	case err != nil && looksLikePage(body):
		return nil, unclear(op, sdk.Fatal("mpluskassa.wrong_address",
			"a web page answered instead of MplusKASSA; check host and port of `url`"))
	case err != nil:
		return nil, unclear(op, sdk.Transient("mpluskassa.bad_answer",
			"the answer to %s can't be read: %s", op.name, c.http.Hide(err.Error())))
	case ft != nil:
		return nil, c.blame(op, http.StatusOK, ft)
	case content.space != namespace || content.name != op.answer:
		return nil, unclear(op, sdk.Fatal("mpluskassa.bad_answer",
			"%s was answered by %q, not by %s", op.name, content.name, op.answer))
	}
	if f := c.judge(op, content); f != nil {
		return nil, f
	}
	return content, nil
}

func looksLikePage(body []byte) bool {
	start := strings.ToLower(strings.TrimSpace(string(body[:min(len(body), 200)])))
	return strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html")
}

// refused makes sense of an answer that http counts as a failure: SOAP faults come with a status of 500, and an
// address that is not MplusKASSA's must not look like a record that does not exist.
func (c *client) refused(op operation, f *sdk.Failure, answer *sdk.HTTPResponse) {
	if root, err := parse(answer.Body); err == nil {
		if _, ft, err := opened(root); err == nil && ft != nil {
			*f = *c.blame(op, answer.Status, ft)
			if f.Code == codeNotImplemented {
				c.tooOld.Store(op.name, true)
			}
			return
		}
	}
	switch status := answer.Status; {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		f.Message = "MplusKASSA refuses ident and secret; check both, and that the port is this installation's"
	case status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500:
	default:
		*f = *sdk.Fatal("mpluskassa.wrong_address",
			"what answers at %s is not MplusKASSA's API; check host, port and path of `url`", c.base.Host).
			Remote(status, f.RemoteMessage)
	}
}

// alive asks the way MplusKASSA's own client does: a GET is not allowed, which only a living API says.
func (c *client) alive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	_, err := c.http.Do(ctx, sdk.HTTPRequest{
		Method: http.MethodGet, URL: c.base.String(),
		Refused: func(f *sdk.Failure, answer *sdk.HTTPResponse) {
			if answer.Status != http.StatusMethodNotAllowed {
				c.refused(operation{name: "GET"}, f, answer)
			}
		},
	})
	var f *sdk.Failure
	if errors.As(err, &f) && f.RemoteStatus == http.StatusMethodNotAllowed {
		return nil
	}
	return err
}

// decodeAnswer reads an answer as a whole; one that doesn't fit is no reason to doubt that it was a success.
func (c *client) decodeAnswer(name string, a *answer) (map[string]any, error) {
	values, err := c.decode(c.operations[name].answer, a.node)
	if err != nil {
		f := unclear(c.operations[name], sdk.Fatal("mpluskassa.bad_answer", "the answer to %s can't be read: %v", name, err))
		f.Exchanges = []*protocol.Exchange{a.exchange}
		return nil, f
	}
	return values, nil
}
