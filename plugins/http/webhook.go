package http

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	nethttp "net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/gjson"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// webhook is an entity whose records are posted to us.
type webhook struct {
	Path      string     `json:"path"`      // where they are posted to
	Delivery  string     `json:"delivery"`  // the header with the delivery's id; "" = it has none, and what comes twice is read twice
	Signature *signature `json:"signature"` // nil only where unsigned
	Unsigned  bool       `json:"unsigned"`
}

// signature is how the sender proves itself: HMAC-SHA256 with `webhook_secret`.
type signature struct {
	Header          string `json:"header"`
	Prefix          string `json:"prefix"`           // before it, such as "sha256="; a header may have several, apart by commas or spaces
	Encoding        string `json:"encoding"`         // hex or base64
	Signed          string `json:"signed"`           // what is signed, of {body} and {timestamp}
	Timestamp       string `json:"timestamp"`        // the header with the time in Unix seconds; "" = there is none
	TimestampPrefix string `json:"timestamp_prefix"` // before it
	Tolerance       string `json:"tolerance"`        // how far it may be from this machine's clock

	tolerance time.Duration
}

const (
	encodingHex    = "hex"
	encodingBase64 = "base64"

	readTime  = 30 * time.Second // for one delivery to come in
	listenGap = time.Second      // between two attempts to listen
)

func (p *problems) webhook(at string, w *webhook) {
	if !strings.HasPrefix(w.Path, "/") {
		p.Wrong(at+"path", "This is no path.", "It begins with /; the sender posts to it.")
	}
	s := w.Signature
	if s == nil {
		if !w.Unsigned {
			p.Wrong(at+"signature", "It is missing.", `Write signature = { header = "X-Signature" }, or unsigned = true where anybody may post.`)
		}
		return
	}
	if s.Header == "" {
		p.Wrong(at+"signature.header", "It is missing.", "Name the header that the sender signs with.")
	}
	if s.Encoding == "" {
		s.Encoding = encodingHex
	}
	if s.Encoding != encodingHex && s.Encoding != encodingBase64 {
		p.Wrong(at+"signature.encoding", "There is no such encoding.", "It is hex or base64.")
	}
	if s.Signed == "" {
		s.Signed = "{body}"
		if s.Timestamp != "" {
			s.Signed = "{timestamp}.{body}"
		}
	}
	if !strings.Contains(s.Signed, "{body}") || strings.Contains(s.Signed, "{timestamp}") != (s.Timestamp != "") {
		p.Wrong(at+"signature.signed", "It does not sign the body, and the time where there is one.", `Write it like "{timestamp}.{body}".`)
	}
	s.tolerance = 5 * time.Minute
	if s.Tolerance != "" {
		var err error
		if s.tolerance, err = time.ParseDuration(s.Tolerance); err != nil || s.tolerance <= 0 || s.Timestamp == "" {
			p.Wrong(at+"signature.tolerance", "This is no length of time, or there is no timestamp.", `Write it like "5m", beside timestamp.`)
		}
	}
}

// listening judges the settings of the connection that webhooks need.
func (p *problems) listening(s *settings) {
	c := s.config
	hooked, paths := false, map[string]bool{}
	for name, e := range s.entities {
		if e.Webhook == nil {
			continue
		}
		hooked = true
		if paths[e.Webhook.Path] {
			p.Wrong("entities."+name+".webhook.path", "Another entity has the same path.", "Each needs one of its own.")
		}
		paths[e.Webhook.Path] = true
		if e.Webhook.Signature != nil && c.String("webhook_secret") == "" {
			p.Wrong("webhook_secret", "It is missing.", "It is what the sender signs with.")
		}
	}
	if !hooked {
		return
	}
	if c.Int("body_limit") <= 0 {
		p.Wrong("body_limit", "Nothing could be received.", "Give the most bytes that a delivery may have.")
	}
	if c.String("inbox") == "" {
		p.Wrong("inbox", "It is missing.", "Name the folder in which deliveries are kept until they are settled.")
	}
	host, port, err := net.SplitHostPort(c.String("listen"))
	if _, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil {
		p.Wrong("listen", "This is no address to listen at.", `Write it like "127.0.0.1:8090".`)
		return
	}
	encrypted := c.String("certificate") != "" && c.String("private_key") != ""
	if !protocol.Loopback(host) && !encrypted && !c.Bool("behind_proxy") {
		p.Wrong("listen", "Others than this machine could post, and nothing is encrypted.",
			"Give certificate and private_key, or say behind_proxy = true where a reverse proxy does it and nobody else reaches this port.")
	}
	if (c.String("certificate") == "") != (c.String("private_key") == "") {
		p.Wrong("certificate", "certificate and private_key go together.", "Name the files of both, in PEM.")
	}
}

// hooks receives deliveries while its connection is open.
type hooks struct {
	settings *settings
	now      func() time.Time
	log      *slog.Logger
	inbox    *inbox
	broken   error // why there is no inbox
	server   *nethttp.Server
	stop     chan struct{}
	done     sync.WaitGroup
	closed   sync.Once

	mu   sync.Mutex
	deaf error // why nothing is received now
}

// listen begins to receive. Where it can't yet, it goes on trying: another process may be about to end.
func (s *settings) listen(now func() time.Time, log *slog.Logger) *hooks {
	h := &hooks{settings: s, now: now, log: log, stop: make(chan struct{})}
	h.inbox, h.broken = openInbox(s.config.String("inbox"), s.config.Duration("remember"), now)
	if h.broken != nil {
		return h
	}
	h.server = &nethttp.Server{
		Handler: nethttp.HandlerFunc(h.receive), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: readTime, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	if s.config.String("certificate") != "" { // read at each handshake, so that a renewed one counts
		h.server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			c, err := tls.LoadX509KeyPair(s.config.String("certificate"), s.config.String("private_key"))
			return &c, err
		}}
	}
	l, err := h.open()
	h.done.Go(func() { h.serve(l, err) })
	return h
}

func (h *hooks) open() (net.Listener, error) {
	l, err := net.Listen("tcp", h.settings.config.String("listen"))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deaf = err
	return l, err
}

// serve receives until the connection is closed.
func (h *hooks) serve(l net.Listener, err error) {
	for ; err != nil; l, err = h.open() {
		select {
		case <-h.stop:
			return
		case <-time.After(listenGap):
		}
	}
	select {
	case <-h.stop: // Close may not have seen the listener
		_ = l.Close()
		return
	default:
	}
	if h.server.TLSConfig != nil {
		err = h.server.ServeTLS(l, "", "")
	} else {
		err = h.server.Serve(l)
	}
	if !errors.Is(err, nethttp.ErrServerClosed) {
		h.log.Error("no webhooks are received any more", "error", err)
	}
}

// Close stops receiving; what is being received is answered first.
func (h *hooks) Close() (err error) {
	if h == nil || h.broken != nil {
		return nil
	}
	h.closed.Do(func() {
		close(h.stop)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err = h.server.Shutdown(ctx); err != nil {
			err = h.server.Close()
		}
		h.done.Wait()
		err = errors.Join(err, h.inbox.Close())
	})
	return err
}

// box is the inbox, or why there is none.
func (h *hooks) box() (*inbox, error) {
	if h.broken != nil {
		return nil, sdk.Fatal("http.inbox", "the inbox in %s can't be opened: %v", h.settings.config.String("inbox"), h.broken).At("inbox")
	}
	return h.inbox, nil
}

// receive answers 200 only when the delivery is durable.
func (h *hooks) receive(w nethttp.ResponseWriter, r *nethttp.Request) {
	status, err := nethttp.StatusNotFound, errors.New("nothing is received here")
	for name, e := range h.settings.entities {
		if e.Webhook != nil && e.Webhook.Path == r.URL.Path {
			status, err = h.accept(w, r, name, e.Webhook)
		}
	}
	if err != nil {
		level := slog.LevelWarn
		if status == nethttp.StatusNotFound { // anybody may knock
			level = slog.LevelDebug
		}
		h.log.Log(r.Context(), level, "a delivery was not accepted", "path", r.URL.Path, "status", status, "error", err)
		nethttp.Error(w, err.Error(), status)
		return
	}
	w.WriteHeader(status)
}

func (h *hooks) accept(w nethttp.ResponseWriter, r *nethttp.Request, entity string, hook *webhook) (status int, err error) {
	if r.Method != nethttp.MethodPost {
		return nethttp.StatusMethodNotAllowed, errors.New("deliveries are posted")
	}
	body, err := io.ReadAll(nethttp.MaxBytesReader(w, r.Body, h.settings.config.Int("body_limit")))
	var large *nethttp.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nethttp.StatusRequestEntityTooLarge, fmt.Errorf("a delivery has %d bytes at the most", large.Limit)
	case err != nil:
		return nethttp.StatusBadRequest, errors.New("the delivery broke off")
	}
	if hook.Signature != nil {
		if err := hook.Signature.verify(r.Header, body, h.settings.config.String("webhook_secret"), h.now()); err != nil {
			return nethttp.StatusUnauthorized, err
		}
	}
	if !gjson.ValidBytes(body) {
		return nethttp.StatusBadRequest, errors.New("the delivery is not JSON")
	}
	d := &delivery{entity: entity, at: h.now(), body: body}
	if hook.Delivery != "" {
		if d.id = r.Header.Get(hook.Delivery); d.id == "" {
			return nethttp.StatusBadRequest, fmt.Errorf("the header %s with the delivery's id is missing", hook.Delivery)
		}
	}
	if err := h.inbox.put(r.Context(), d); err != nil {
		h.log.Error("a delivery could not be kept", "entity", entity, "error", err)
		return nethttp.StatusServiceUnavailable, errors.New("the delivery can't be kept now; send it again")
	}
	return nethttp.StatusOK, nil
}

// verify compares in constant time. Its error does not say what would have been right.
func (s *signature) verify(header nethttp.Header, body []byte, secret string, now time.Time) error {
	stamp := ""
	if s.Timestamp != "" {
		for _, part := range parts(header.Get(s.Timestamp)) {
			if text, ok := strings.CutPrefix(part, s.TimestampPrefix); ok && stamp == "" {
				stamp = text
			}
		}
		n, err := strconv.ParseInt(stamp, 10, 64)
		if n > 1e12 {
			n /= 1000 // milliseconds
		}
		if err != nil || now.Sub(time.Unix(n, 0)).Abs() > s.tolerance {
			return errors.New("the signature's time is missing, or too far from now")
		}
	}
	before, after, _ := strings.Cut(strings.ReplaceAll(s.Signed, "{timestamp}", stamp), "{body}")
	mac := hmac.New(sha256.New, []byte(secret))
	for _, part := range [][]byte{[]byte(before), body, []byte(after)} {
		mac.Write(part)
	}
	want := mac.Sum(nil)
	for _, part := range parts(header.Get(s.Header)) {
		text, ok := strings.CutPrefix(part, s.Prefix)
		if !ok {
			continue
		}
		decode := hex.DecodeString
		if s.Encoding == encodingBase64 {
			decode = base64.StdEncoding.DecodeString
		}
		if given, err := decode(text); err == nil && hmac.Equal(given, want) {
			return nil
		}
	}
	return errors.New("the signature is missing or wrong")
}

// parts are the values of a header that has several.
func parts(header string) []string {
	return strings.FieldsFunc(header, func(r rune) bool { return r == ',' || r == ' ' })
}

// delivered are the records of a delivery.
func (r *reading) delivered(d delivery) (records []sdk.Record, err error) {
	items := []gjson.Result{gjson.ParseBytes(d.body)}
	if r.entity.Items != "" {
		list := items[0].Get(r.entity.Items)
		if items = list.Array(); !list.IsArray() {
			text, err := record.Encode(map[string]any{"text": string(d.body)})
			if err != nil {
				return nil, err
			}
			bad := sdk.Invalid("http.no_list", "the delivery has no list of records at %s", r.entity.Items)
			return []sdk.Record{{Key: strconv.FormatInt(d.seq, 10), Payload: text, OccurredAt: d.at, Err: bad}}, nil
		}
	}
	for _, item := range items {
		rec, _, err := r.record(json.RawMessage(item.Raw))
		if err != nil {
			return nil, err
		}
		rec.OccurredAt = d.at
		if d.id != "" {
			rec.Meta = map[string]string{"delivery": d.id}
		}
		records = append(records, rec)
	}
	return records, nil
}

// check says how receiving goes.
func (h *hooks) check(ctx context.Context) (facts []string, problems []*protocol.Problem) {
	box, err := h.box()
	if err != nil {
		return nil, []*protocol.Problem{{Attribute: "inbox", Summary: err.Error(), Detail: "Kopru needs the right to make the folder and to write to it."}}
	}
	listen := h.settings.config.String("listen")
	if path := h.settings.config.String("certificate"); path != "" {
		if _, err := tls.LoadX509KeyPair(path, h.settings.config.String("private_key")); err != nil {
			problems = append(problems, &protocol.Problem{Attribute: "certificate", Summary: err.Error(), Detail: "Both are files in PEM that belong together."})
		}
	}
	h.mu.Lock()
	deaf := h.deaf
	h.mu.Unlock()
	if deaf != nil {
		problems = append(problems, &protocol.Problem{
			Attribute: "listen", Warning: true, Summary: "nothing is received here: " + deaf.Error(),
			Detail: "That is right while `kopru run` runs and listens there. Else choose another port.",
		})
	}
	for _, name := range h.settings.names() {
		e := h.settings.entities[name]
		if e.Webhook == nil {
			continue
		}
		n, err := box.waiting(ctx, name)
		if err != nil {
			problems = append(problems, &protocol.Problem{Attribute: "inbox", Summary: err.Error()})
			continue
		}
		facts = append(facts, fmt.Sprintf("%s: posted to %s%s; %d deliveries wait in the inbox", name, listen, e.Webhook.Path, n))
	}
	return facts, problems
}
