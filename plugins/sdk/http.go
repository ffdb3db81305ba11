package sdk

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
)

const (
	shownBody = 16 << 10 // bytes of a body in an Exchange
	shownFail = 2000     // bytes of a body in a Failure
)

// HTTP calls a remote system over HTTP and tells the truth about outcomes: its errors are Failures with the class
// that the engine needs. Fill in what differs from the zero value; one HTTP serves one connection.
type HTTP struct {
	System  string        // begins every failure's code: "vismanet"
	Client  *http.Client  // its Timeout bounds a call; redirects are never followed. nil = a minute's time-out
	MaxBody int64         // largest answer in bytes; 0 = 32 MiB
	Slots   chan struct{} // its capacity is how many calls may be under way; nil = any number

	RedactHeaders []string // beside Authorization, Cookie, Set-Cookie and Proxy-Authorization
	RedactQuery   []string // parameters whose values are secrets
	Secrets       []string // values that are hidden wherever they show up; see Hide

	OAuth2 *OAuth2 // gives every call its access token; nil = the connector gives credentials itself

	Now func() time.Time // nil = time.Now

	forms lastForms
}

// HTTPRequest is one call.
type HTTPRequest struct {
	Method string
	URL    string
	Header http.Header
	Body   []byte
	Write  bool // it changes something over there, whatever its method

	Secrets []string // of this call, beside those of HTTP: its token
	Private bool     // it is about nothing but secrets: no Exchange is kept

	// Refused may correct what an answer that is not 2xx means to this system: a 404 that is no missing record, a
	// code in the body. It is given the whole answer; secrets are hidden in the failure afterwards.
	Refused func(f *Failure, answer *HTTPResponse)
}

// HTTPResponse is an answer. Its Exchange is nil when the call was private.
type HTTPResponse struct {
	Status   int
	Header   http.Header
	Body     []byte
	Exchange *protocol.Exchange
}

// Do makes a call. Its error is a *Failure with the Exchange in it:
//
//   - a write that the engine has no leave for any more: TRANSIENT, and nothing is sent
//   - never connected: TRANSIENT; connection lost after the request left: TRANSIENT, of a write AMBIGUOUS
//   - an answer larger than MaxBody: FATAL, of a write AMBIGUOUS
//   - 401, 403: AUTH; 404, 410: NOT_FOUND; 409, 412: CONFLICT; 429, and 403 with nothing left: RATE_LIMITED
//   - 408 and 5xx: TRANSIENT, of a write AMBIGUOUS; 3xx: FATAL; all else: INVALID
func (h *HTTP) Do(ctx context.Context, r HTTPRequest) (*HTTPResponse, error) {
	if h.OAuth2 != nil {
		return h.OAuth2.do(ctx, h, r)
	}
	return h.do(ctx, r)
}

func (h *HTTP) do(ctx context.Context, r HTTPRequest) (*HTTPResponse, error) {
	if h.Slots != nil {
		select {
		case h.Slots <- struct{}{}:
			defer func() { <-h.Slots }()
		case <-ctx.Done():
			return nil, Transient(h.System+".cancelled", "the call was cancelled before anything was sent")
		}
	}
	if r.Write {
		if err := tooLate(ctx); err != nil {
			return nil, err
		}
	}
	var sent atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return nil, Fatal(h.System+".bad_request", "the request can't be made: %s", h.Hide(withoutQuery(err), r.Secrets...))
	}
	for k, v := range r.Header {
		req.Header[k] = v
	}
	begun := h.now()
	answer, line, err := h.roundTrip(req)
	took := h.now().Sub(begun).Milliseconds()
	var f *Failure
	switch {
	case err != nil:
		f = h.lost(err, req.URL, r.Write && sent.Load())
	case answer.Status < 200 || answer.Status >= 300:
		f = h.refused(answer, r.Write)
		if r.Refused != nil {
			r.Refused(f, answer)
		}
	}
	if f != nil {
		f.Message, f.RemoteMessage = h.Hide(f.Message, r.Secrets...), h.Hide(f.RemoteMessage, r.Secrets...)
	}
	if !r.Private {
		exchange := &protocol.Exchange{Request: h.showRequest(req, r), TookMs: took}
		if err != nil {
			exchange.Response = f.Message
		} else {
			exchange.Status = int32(answer.Status)
			exchange.Response = h.show(line, answer.Header, answer.Body, r.Secrets)
			answer.Exchange = exchange
		}
		if f != nil {
			f.Exchanges = []*protocol.Exchange{exchange}
		}
	}
	if f != nil {
		return nil, f
	}
	return answer, nil
}

// errTooLarge is an answer that was not read to its end.
var errTooLarge = errors.New("the answer is too large")

// roundTrip reads the whole answer: one that breaks off half-way is none. It also returns the status line.
func (h *HTTP) roundTrip(req *http.Request) (*HTTPResponse, string, error) {
	client := h.client()
	resp, err := client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end, or given up
	most := h.most()
	body, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err == nil && int64(len(body)) > most {
		err = errTooLarge
	}
	return &HTTPResponse{Status: resp.StatusCode, Header: resp.Header, Body: body}, resp.Proto + " " + resp.Status, err
}

// client is the one that makes the calls.
func (h *HTTP) client() http.Client {
	client := http.Client{Timeout: time.Minute}
	if h.Client != nil {
		client = *h.Client
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client
}

func (h *HTTP) most() int64 {
	if h.MaxBody > 0 {
		return h.MaxBody
	}
	return 32 << 20
}

// lost is the failure of a call without an answer.
func (h *HTTP) lost(err error, at *url.URL, unclear bool) *Failure {
	if errors.Is(err, errTooLarge) { // it would be as large the next time
		f := Fatal(h.System+".too_large", "the answer of %s has more than %d bytes", at.Host, h.most())
		if unclear {
			f.Class = ambiguous
			f.Message += "; the write may have been stored all the same"
		}
		return f
	}
	var wrapped *url.Error
	why := err
	if errors.As(err, &wrapped) {
		why = wrapped.Err
	}
	f := Transient(h.System+".unreachable", "no answer from %s: %s", at.Host, silence(why, h.now()))
	if unclear {
		f.Class, f.Code = ambiguous, h.System+".no_answer"
		f.Message += "; the write may have been stored all the same"
	}
	return f
}

// silence says why nothing answers, so that one knows where to look.
func silence(err error, now time.Time) string {
	var name *net.DNSError
	var late interface{ Timeout() bool }
	var expired x509.CertificateInvalidError
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	switch {
	case errors.As(err, &name) && name.IsNotFound:
		return "there is no host of this name"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens at this port"
	case errors.As(err, &expired) && expired.Reason == x509.Expired:
		return "its certificate is not valid at this time; this machine's clock says " + now.UTC().Format(time.RFC3339)
	case errors.As(err, &host):
		return "its certificate is for another host"
	case errors.As(err, &authority):
		return "its certificate is signed by nobody that this machine trusts"
	case errors.Is(err, http.ErrSchemeMismatch):
		return "it does not speak https at this port"
	case errors.As(err, &late) && late.Timeout():
		return "it took too long"
	}
	return err.Error()
}

// refused is the failure of a call whose answer is not 2xx.
func (h *HTTP) refused(answer *HTTPResponse, write bool) *Failure {
	code := answer.Status
	f := &Failure{RemoteStatus: code, RemoteMessage: words(answer.Header, h.Hide(string(answer.Body)))}
	set := func(class protocol.FailureClass, name, message string) {
		f.Class, f.Code, f.Message = class, h.System+"."+name, message
	}
	switch {
	case code == http.StatusUnauthorized:
		set(protocol.FailureClass_FAILURE_CLASS_AUTH, "unauthorized", "the credentials are refused")
	case code == http.StatusTooManyRequests || code == http.StatusForbidden && exhausted(answer.Header):
		set(protocol.FailureClass_FAILURE_CLASS_RATE_LIMITED, "rate_limited", "fewer calls are wanted")
	case code == http.StatusForbidden:
		set(protocol.FailureClass_FAILURE_CLASS_AUTH, "forbidden", "the credentials give no right to this")
	case code == http.StatusNotFound || code == http.StatusGone:
		set(protocol.FailureClass_FAILURE_CLASS_NOT_FOUND, "not_found", "it does not exist")
	case code == http.StatusConflict || code == http.StatusPreconditionFailed:
		set(protocol.FailureClass_FAILURE_CLASS_CONFLICT, "conflict", "somebody else changed it")
	case code >= 300 && code < 400:
		set(protocol.FailureClass_FAILURE_CLASS_FATAL, "redirect", "another address is to be used; redirects are not followed")
	case code >= 500 || code == http.StatusRequestTimeout:
		set(protocol.FailureClass_FAILURE_CLASS_TRANSIENT, "unavailable", "the system answered "+strconv.Itoa(code))
		if write {
			f.Class = ambiguous
			f.Message += "; the write may have been stored all the same"
		}
	default:
		set(protocol.FailureClass_FAILURE_CLASS_INVALID, "rejected", "the system rejects it with "+strconv.Itoa(code))
	}
	f.RetryAfter = retryAfter(answer.Header, h.now())
	if f.RetryAfter == 0 && f.Class == protocol.FailureClass_FAILURE_CLASS_RATE_LIMITED {
		f.RetryAfter = untilReset(answer.Header, h.now())
	}
	return f
}

// words is what a body says to a human: of a page, which a proxy may have sent, only its title.
func words(header http.Header, body string) string {
	text := strings.TrimSpace(body[:min(len(body), shownBody)])
	kind, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	if kind == "text/html" || strings.HasPrefix(text, "<!") || strings.HasPrefix(text, "<html") {
		for _, tag := range []string{"title", "TITLE"} {
			if _, after, ok := strings.Cut(text, "<"+tag+">"); ok {
				title, _, _ := strings.Cut(after, "</"+tag+">")
				return "a page named " + Brief(strings.TrimSpace(title), 200)
			}
		}
		return "a page, not an answer of the API"
	}
	return Brief(text, shownFail)
}

func (h *HTTP) now() time.Time {
	if h.Now != nil {
		return h.Now()
	}
	return time.Now()
}
