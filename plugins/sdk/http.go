package sdk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/kopru-io/kopru/plugins/protocol"
)

const (
	shownBody = 16 << 10 // bytes of a body in an Exchange
	shownFail = 2000     // bytes of a body in a Failure
	hidden    = "***"
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
	Secrets       []string // values that are hidden wherever they show up

	Now func() time.Time // nil = time.Now
}

// HTTPRequest is one call. Write says that it changes something over there, whatever its method.
type HTTPRequest struct {
	Method string
	URL    string
	Header http.Header
	Body   []byte
	Write  bool
}

// HTTPResponse is an answer with a 2xx status.
type HTTPResponse struct {
	Status   int
	Header   http.Header
	Body     []byte
	Exchange *protocol.Exchange
}

// Do makes a call. Its error is a *Failure with the Exchange in it:
//
//   - never connected: TRANSIENT; connection lost after the request left: TRANSIENT, of a write AMBIGUOUS
//   - 401, 403: AUTH; 404, 410: NOT_FOUND; 409, 412: CONFLICT; 429: RATE_LIMITED
//   - 408 and 5xx: TRANSIENT, of a write AMBIGUOUS; 3xx: FATAL; all else: INVALID
func (h *HTTP) Do(ctx context.Context, r HTTPRequest) (*HTTPResponse, error) {
	if h.Slots != nil {
		select {
		case h.Slots <- struct{}{}:
			defer func() { <-h.Slots }()
		case <-ctx.Done():
			return nil, Transient(h.System+".cancelled", "the call was cancelled before anything was sent")
		}
	}
	var sent atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return nil, Fatal(h.System+".bad_request", "the request can't be made: %s", h.clean(withoutQuery(err)))
	}
	for k, v := range r.Header {
		req.Header[k] = v
	}
	begun := h.now()
	exchange := &protocol.Exchange{Request: h.showRequest(req, r.Body)}
	resp, body, err := h.roundTrip(req) //nolint:bodyclose // roundTrip closes it
	exchange.TookMs = h.now().Sub(begun).Milliseconds()
	if err != nil {
		f := h.lost(err, req.URL, r.Write && sent.Load())
		exchange.Response = f.Message
		f.Exchanges = []*protocol.Exchange{exchange}
		return nil, f
	}
	exchange.Status = int32(resp.StatusCode)
	exchange.Response = h.show(resp.Proto+" "+resp.Status, resp.Header, body)
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return &HTTPResponse{Status: resp.StatusCode, Header: resp.Header, Body: body, Exchange: exchange}, nil
	}
	f := h.refused(resp, body, r.Write)
	f.Exchanges = []*protocol.Exchange{exchange}
	return nil, f
}

// roundTrip reads the whole answer: one that breaks off half-way is none.
func (h *HTTP) roundTrip(req *http.Request) (*http.Response, []byte, error) {
	client := http.Client{Timeout: time.Minute}
	if h.Client != nil {
		client = *h.Client
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end, or given up
	most := h.MaxBody
	if most <= 0 {
		most = 32 << 20
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err == nil && int64(len(body)) > most {
		err = fmt.Errorf("the answer has more than %d bytes", most)
	}
	return resp, body, err
}

// lost is the failure of a call without an answer.
func (h *HTTP) lost(err error, at *url.URL, unclear bool) *Failure {
	var wrapped *url.Error
	why := err
	if errors.As(err, &wrapped) {
		why = wrapped.Err
	}
	text := h.clean(why.Error())
	if wrapped != nil && wrapped.Timeout() {
		text = "it took too long"
	}
	f := Transient(h.System+".unreachable", "no answer from %s: %s", at.Host, text)
	if unclear {
		f.Class, f.Code = ambiguous, h.System+".no_answer"
		f.Message += "; the write may have been stored all the same"
	}
	return f
}

// refused is the failure of a call whose answer is not 2xx.
func (h *HTTP) refused(resp *http.Response, body []byte, write bool) *Failure {
	code := resp.StatusCode
	f := &Failure{RemoteStatus: code, RemoteMessage: h.clean(words(resp.Header, body))}
	set := func(class protocol.FailureClass, name, message string) {
		f.Class, f.Code, f.Message = class, h.System+"."+name, message
	}
	switch {
	case code == http.StatusUnauthorized:
		set(protocol.FailureClass_FAILURE_CLASS_AUTH, "unauthorized", "the credentials are refused")
	case code == http.StatusForbidden:
		set(protocol.FailureClass_FAILURE_CLASS_AUTH, "forbidden", "the credentials give no right to this")
	case code == http.StatusNotFound || code == http.StatusGone:
		set(protocol.FailureClass_FAILURE_CLASS_NOT_FOUND, "not_found", "it does not exist")
	case code == http.StatusConflict || code == http.StatusPreconditionFailed:
		set(protocol.FailureClass_FAILURE_CLASS_CONFLICT, "conflict", "somebody else changed it")
	case code == http.StatusTooManyRequests:
		set(protocol.FailureClass_FAILURE_CLASS_RATE_LIMITED, "rate_limited", "fewer calls are wanted")
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
	f.RetryAfter = retryAfter(resp.Header, h.now())
	return f
}

// retryAfter is the pause in Retry-After, in seconds or up to a date; 0 = it does not say.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(seconds, 0), 86400)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), 24*time.Hour)
	}
	return 0
}

// words is what a body says to a human: of a page, which a proxy may have sent, only its title.
func words(header http.Header, body []byte) string {
	text := strings.TrimSpace(string(body[:min(len(body), shownBody)]))
	kind, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	if kind == "text/html" || strings.HasPrefix(text, "<!") || strings.HasPrefix(text, "<html") {
		for _, tag := range []string{"title", "TITLE"} {
			if _, after, ok := strings.Cut(text, "<"+tag+">"); ok {
				title, _, _ := strings.Cut(after, "</"+tag+">")
				return "a page named " + cut(strings.TrimSpace(title), 200)
			}
		}
		return "a page, not an answer of the API"
	}
	return cut(text, shownFail)
}

func cut(s string, most int) string {
	if len(s) <= most {
		return valid(s)
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

func (h *HTTP) now() time.Time {
	if h.Now != nil {
		return h.Now()
	}
	return time.Now()
}

// ---- what a human may see

func (h *HTTP) showRequest(req *http.Request, body []byte) string {
	u := *req.URL
	u.User = nil
	if q := u.Query(); len(q) > 0 {
		for _, name := range h.RedactQuery {
			for k := range q {
				if strings.EqualFold(k, name) {
					q.Set(k, hidden)
				}
			}
		}
		u.RawQuery = strings.ReplaceAll(q.Encode(), url.QueryEscape(hidden), hidden)
	}
	return h.show(req.Method+" "+u.String(), req.Header, body)
}

func (h *HTTP) show(line string, header http.Header, body []byte) string {
	header = header.Clone()
	for _, name := range append([]string{"Authorization", "Cookie", "Set-Cookie", "Proxy-Authorization"}, h.RedactHeaders...) {
		if header.Get(name) != "" {
			header.Set(name, hidden)
		}
	}
	var b strings.Builder
	b.WriteString(line + "\r\n")
	_ = header.Write(&b) // a Builder takes everything
	// Secrets go first: one that the cut would split must not show its half.
	text := h.clean(b.String() + "\r\n" + string(body))
	return cut(text, shownBody)
}

// clean hides the secrets in a text, also in the forms they have in a URL and in JSON.
func (h *HTTP) clean(text string) string {
	for _, s := range h.Secrets {
		if s == "" {
			continue
		}
		quoted, _ := jsontext.AppendQuote(nil, valid(s)) // valid text can be quoted
		for _, form := range []string{s, url.QueryEscape(s), url.PathEscape(s), string(quoted[1 : len(quoted)-1])} {
			text = strings.ReplaceAll(text, form, hidden)
		}
	}
	return text
}
