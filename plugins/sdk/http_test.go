package sdk

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
)

const (
	isTransient = protocol.FailureClass_FAILURE_CLASS_TRANSIENT
	isRate      = protocol.FailureClass_FAILURE_CLASS_RATE_LIMITED
	isAuth      = protocol.FailureClass_FAILURE_CLASS_AUTH
	isInvalid   = protocol.FailureClass_FAILURE_CLASS_INVALID
	isConflict  = protocol.FailureClass_FAILURE_CLASS_CONFLICT
	isMissing   = protocol.FailureClass_FAILURE_CLASS_NOT_FOUND
	isFatal     = protocol.FailureClass_FAILURE_CLASS_FATAL
)

func failureOf(t *testing.T, err error) *Failure {
	t.Helper()
	var f *Failure
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want a Failure", err)
	}
	return f
}

// TestLateWritesStayHere: a connector that takes long before it calls must not send what has become too late meanwhile.
func TestLateWritesStayHere(t *testing.T) {
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls++ }))
	defer server.Close()
	h := &HTTP{System: "shop"}
	late := withBeginBefore(t.Context(), time.Now().UnixMilli()-1)
	_, err := h.Do(late, HTTPRequest{Method: "POST", URL: server.URL, Write: true})
	if f := failureOf(t, err); f.Class != isTransient || f.Code != "connector.too_late" || calls != 0 {
		t.Errorf("%d calls, %v", calls, f)
	}
	for _, r := range []HTTPRequest{{Method: "GET"}, {Method: "POST"}} { // what changes nothing may always go out
		r.URL = server.URL
		if _, err := h.Do(late, r); err != nil {
			t.Error(err)
		}
	}
	if _, err := h.Do(withBeginBefore(t.Context(), 0), HTTPRequest{Method: "POST", URL: server.URL, Write: true}); err != nil || calls != 3 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestHTTPStatusBecomesAClass(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, row := range []struct {
		status      int
		retryAfter  string
		read, write protocol.FailureClass
		pause       time.Duration
	}{
		{301, "", isFatal, isFatal, 0},
		{400, "", isInvalid, isInvalid, 0},
		{401, "", isAuth, isAuth, 0},
		{403, "", isAuth, isAuth, 0},
		{404, "", isMissing, isMissing, 0},
		{408, "", isTransient, ambiguous, 0},
		{409, "", isConflict, isConflict, 0},
		{412, "", isConflict, isConflict, 0},
		{422, "", isInvalid, isInvalid, 0},
		{428, "", isInvalid, isInvalid, 0},
		{429, "7", isRate, isRate, 7 * time.Second},
		{429, now.Add(9 * time.Second).Format(http.TimeFormat), isRate, isRate, 9 * time.Second},
		{429, "soon", isRate, isRate, 0},
		{429, "-5", isRate, isRate, 0},
		{500, "", isTransient, ambiguous, 0},
		{503, "2", isTransient, ambiguous, 2 * time.Second},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", row.retryAfter)
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(row.status)
			_, _ = w.Write([]byte("its own words"))
		}))
		h := &HTTP{System: "shop", Client: s.Client(), Now: func() time.Time { return now }}
		for write, want := range map[bool]protocol.FailureClass{false: row.read, true: row.write} {
			_, err := h.Do(t.Context(), HTTPRequest{Method: http.MethodPost, URL: s.URL, Write: write})
			f := failureOf(t, err)
			if f.Class != want || f.RetryAfter != row.pause || f.RemoteStatus != row.status || f.RemoteMessage != "its own words" {
				t.Errorf("%d, write %v: got %+v, want %s", row.status, write, f, want)
			}
			if len(f.Exchanges) != 1 || f.Exchanges[0].GetStatus() != int32(row.status) || !strings.HasPrefix(f.Code, "shop.") {
				t.Errorf("%d: got %+v", row.status, f)
			}
		}
		s.Close()
	}
}

func TestHTTPWithoutAnAnswer(t *testing.T) {
	breaks := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer breaks.Close()
	half := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("half"))
	}))
	defer half.Close()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only behind the body does a server notice that its client is gone
		<-r.Context().Done()
	}))
	defer slow.Close()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := nobody.Close(); err != nil {
		t.Fatal(err)
	}
	h := &HTTP{System: "shop", Client: &http.Client{Timeout: 300 * time.Millisecond}}
	for _, row := range []struct {
		url   string
		write protocol.FailureClass
		code  string
	}{
		{breaks.URL, ambiguous, "shop.no_answer"},
		{half.URL, ambiguous, "shop.no_answer"},
		{slow.URL, ambiguous, "shop.no_answer"},
		{"http://" + nobody.Addr().String(), isTransient, "shop.unreachable"},
	} {
		at := row.url + "/x?secret=hunter2"
		_, err := h.Do(t.Context(), HTTPRequest{Method: http.MethodPost, URL: at, Write: true, Body: []byte("{}")})
		if f := failureOf(t, err); f.Class != row.write || f.Code != row.code || strings.Contains(f.Error(), "hunter2") {
			t.Errorf("%s write: got %s %s: %s", row.url, f.Class, f.Code, f)
		}
		_, err = h.Do(t.Context(), HTTPRequest{Method: http.MethodPost, URL: at})
		if f := failureOf(t, err); f.Class != isTransient || strings.Contains(f.Error(), "hunter2") {
			t.Errorf("%s read: got %s: %s", row.url, f.Class, f)
		}
	}
}

func TestHTTPExchangeHidesSecrets(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "session=hunter2")
		_, _ = w.Write([]byte(`{"token":"open/sesame","name":"Ada"}`))
		if r.Header.Get("Authorization") != "Bearer hunter2" || r.URL.Query().Get("ident") != "hunter2" {
			t.Error("the request itself must be whole")
		}
	}))
	defer s.Close()
	h := &HTTP{Client: s.Client(), RedactQuery: []string{"IDENT"}, RedactHeaders: []string{"X-Api-Key"}, Secrets: []string{"open/sesame"}}
	r, err := h.Do(t.Context(), HTTPRequest{
		Method: http.MethodPost, URL: s.URL + "/a?ident=hunter2&page=2&again=open%2Fsesame", Body: []byte("pass=open/sesame&x=1"),
		Header: http.Header{"Authorization": {"Bearer hunter2"}, "X-Api-Key": {"hunter2"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	shown := r.Exchange.GetRequest() + r.Exchange.GetResponse()
	for _, secret := range []string{"hunter2", "sesame"} {
		if strings.Contains(shown, secret) {
			t.Errorf("%q shows in %s", secret, shown)
		}
	}
	for _, kept := range []string{"POST " + s.URL + "/a?", "ident=***", "page=2", "pass=***&x=1", `"name":"Ada"`, "200 OK"} {
		if !strings.Contains(shown, kept) {
			t.Errorf("%q is missing in %s", kept, shown)
		}
	}
}

func TestHTTPBodies(t *testing.T) {
	answer := ""
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusBadGateway)
		}
		_, _ = w.Write([]byte(answer))
	}))
	defer s.Close()
	h := &HTTP{System: "shop", Client: s.Client(), MaxBody: 100}
	get := func(path string) error {
		_, err := h.Do(t.Context(), HTTPRequest{Method: http.MethodGet, URL: s.URL + path})
		return err
	}
	answer = "<!DOCTYPE html><html><head><title>Bad gateway</title></head></html>"
	if f := failureOf(t, get("/bad")); f.RemoteMessage != "a page named Bad gateway" {
		t.Errorf("got %q", f.RemoteMessage)
	}
	answer = ""
	if f := failureOf(t, get("/bad")); f.RemoteMessage != "" {
		t.Errorf("got %q", f.RemoteMessage)
	}
	if err := get("/"); err != nil {
		t.Error(err)
	}
	answer = strings.Repeat("x", 101)
	for write, want := range map[bool]protocol.FailureClass{false: isFatal, true: ambiguous} {
		_, err := h.Do(t.Context(), HTTPRequest{Method: http.MethodPost, URL: s.URL, Write: write})
		if f := failureOf(t, err); f.Class != want || f.Code != "shop.too_large" || !strings.Contains(f.Message, "more than 100 bytes") {
			t.Errorf("write %v: got %+v", write, f)
		}
	}
}

// TestHTTPRefusalsAreTheConnectorsToJudge has a system whose 404 means something else, and which repeats a token.
func TestHTTPRefusalsAreTheConnectorsToJudge(t *testing.T) {
	body := strings.Repeat(" ", shownBody) + "the method is unknown"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Why", "hunter2")
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(body))
	}))
	defer s.Close()
	h := &HTTP{System: "shop", Client: s.Client()}
	_, err := h.Do(t.Context(), HTTPRequest{
		Method: http.MethodPost, URL: s.URL, Secrets: []string{"hunter2"},
		Refused: func(f *Failure, answer *HTTPResponse) {
			if string(answer.Body) != body || f.Class != isMissing {
				t.Errorf("got %d bytes of %d, %v", len(answer.Body), len(body), f)
			}
			*f = *Fatal("shop.too_old", "too old for %s", answer.Header.Get("X-Why")).Remote(404, "hunter2")
		},
	})
	f := failureOf(t, err)
	if f.Class != isFatal || f.Code != "shop.too_old" || f.Message != "too old for ***" || f.RemoteMessage != "***" || len(f.Exchanges) != 1 {
		t.Errorf("got %+v", f)
	}
	if _, err = h.Do(t.Context(), HTTPRequest{Method: http.MethodPost, URL: s.URL, Private: true}); failureOf(t, err).Exchanges != nil {
		t.Error("a private call left an exchange")
	}
}

func TestSecretsAreHiddenInEveryForm(t *testing.T) {
	h := &HTTP{Secrets: []string{"a", `s&"<é/ x`}}
	text := "a s&\"<é/ x s&amp;&quot;&lt;é/ x s&amp;\"&lt;é/ x s&amp;&#34;&lt;é/ x s\\u0026\\\"\\u003cé/ x " +
		"s&\\\"<é/ x s%26%22%3C%C3%A9%2F+x s&%22%3C%C3%A9%2F%20x s&amp;%22%3C%C3%A9%2F%20x more-secret"
	want := "a *** *** *** *** *** *** *** *** *** more-***"
	if got := h.Hide(text, "secret"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestHTTPSlots(t *testing.T) {
	h := &HTTP{System: "shop", Slots: make(chan struct{}, 1)}
	h.Slots <- struct{}{} // one is under way
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.Do(ctx, HTTPRequest{Method: http.MethodPost, URL: "http://127.0.0.1:1", Write: true})
	if f := failureOf(t, err); f.Class != isTransient || f.Code != "shop.cancelled" {
		t.Errorf("got %+v", f)
	}
}

// TestSilence: that nothing answers says where to look.
func TestSilence(t *testing.T) {
	t.Parallel()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for address, want := range map[string]string{
		closed.URL: "nothing listens at this port",
		secure.URL: "signed by nobody",
		strings.Replace(plain.URL, "http:", "https:", 1): "does not speak https at this port",
	} {
		h := &HTTP{System: "x"}
		_, err := h.Do(t.Context(), HTTPRequest{Method: http.MethodGet, URL: address})
		if f := failureOf(t, err); !strings.Contains(f.Message, want) {
			t.Errorf("%s: %s", address, f.Message)
		}
	}
	if text := silence(&net.DNSError{IsNotFound: true}, time.Time{}); !strings.Contains(text, "no host of this name") {
		t.Error(text)
	}
	expired := x509.CertificateInvalidError{Reason: x509.Expired}
	if text := silence(expired, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)); !strings.Contains(text, "clock says 2000-01-01") {
		t.Error(text)
	}
}
