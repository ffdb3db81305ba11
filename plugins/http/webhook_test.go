package http_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/conc/pool"

	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/http"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

const hookSecret = "hook s3cret"

func sign(text string) []byte {
	mac := hmac.New(sha256.New, []byte(hookSecret))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// hookConfig is a connection that listens at a free port, with an entity "thing" that is posted to /hook.
func hookConfig(t *testing.T, webhook string) map[string]any {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	thing, err := record.DecodeObject([]byte(`{"webhook": {"path": "/hook", ` + webhook + `}}`))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"listen": l.Addr().String(), "inbox": filepath.Join(t.TempDir(), "in box %41?"), "webhook_secret": hookSecret, "remember": "1h",
		"body_limit": record.Number("1000"), "entities": map[string]any{"thing": thing},
	}
}

func openHook(t *testing.T, config map[string]any) remote {
	t.Helper()
	for _, p := range http.New().Validate(config) {
		t.Fatalf("%s: %s %s", p.GetAttribute(), p.GetSummary(), p.GetDetail())
	}
	c, err := http.New().Open(t.Context(), "http.hook", config, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(remote)
}

// post delivers a body and returns the status; 0 = nobody answered.
func post(config map[string]any, body string, header ...string) int {
	r, err := nethttp.NewRequest("POST", fmt.Sprintf("http://%s/hook", config["listen"]), strings.NewReader(body))
	if err != nil {
		panic(err) // it is written above
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := nethttp.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode
}

// TestSignatures: in each style, the right one is taken, and nothing else is.
func TestSignatures(t *testing.T) {
	t.Parallel()
	now := strconv.FormatInt(time.Now().Unix(), 10)
	old := strconv.FormatInt(time.Now().Add(-10*time.Minute).Unix(), 10)
	body := `{"id": 1}`
	of := func(text string) string { return hex.EncodeToString(sign(text)) }
	for _, c := range []struct {
		webhook string
		right   []string
		wrong   [][]string
	}{
		{
			`"signature": {"header": "X-Hub-Signature-256", "prefix": "sha256="}`,
			[]string{"X-Hub-Signature-256", "sha256=" + of(body)},
			[][]string{{}, {"X-Hub-Signature-256", of(body)}, {"X-Hub-Signature-256", "sha256=" + of(body+" ")}, {"X-Hub-Signature-256", "sha256="}},
		},
		{
			`"signature": {"header": "X-Shop-Hmac", "encoding": "base64"}`,
			[]string{"X-Shop-Hmac", base64.StdEncoding.EncodeToString(sign(body))},
			[][]string{{"X-Shop-Hmac", of(body)}, {"X-Shop-Hmac", base64.StdEncoding.EncodeToString(sign("x"))}},
		},
		{
			`"signature": {"header": "Pay-Signature", "prefix": "v1=", "timestamp": "Pay-Signature", "timestamp_prefix": "t="}`,
			[]string{"Pay-Signature", "t=" + now + ",v1=00ff,v1=" + of(now+"."+body)},
			[][]string{
				{"Pay-Signature", "t=" + old + ",v1=" + of(old+"."+body)},
				{"Pay-Signature", "t=" + now + ",v1=" + of(old+"."+body)},
				{"Pay-Signature", "v1=" + of("."+body)},
				{"Pay-Signature", "t=soon,v1=" + of("soon."+body)},
			},
		},
		{
			`"signature": {"header": "X-Sig", "prefix": "v0=", "timestamp": "X-Time", "signed": "v0:{timestamp}:{body}", "tolerance": "20m"}`,
			[]string{"X-Time", old, "X-Sig", "v0=" + of("v0:"+old+":"+body)},
			[][]string{{"X-Sig", "v0=" + of("v0::"+body)}, {"X-Time", now, "X-Sig", "v0=" + of("v0:"+old+":"+body)}},
		},
		{`"unsigned": true`, nil, nil},
	} {
		config := hookConfig(t, c.webhook)
		remote := openHook(t, config)
		for _, wrong := range c.wrong {
			if status := post(config, body, wrong...); status != 401 {
				t.Errorf("%s: %v is answered with %d", c.webhook, wrong, status)
			}
		}
		if keys, _, _ := read(t, remote, sdk.ReadRequest{}); keys != "" {
			t.Errorf("%s: a wrong signature left %s", c.webhook, keys)
		}
		if status := post(config, body, c.right...); status != 200 {
			t.Errorf("%s: %v is answered with %d", c.webhook, c.right, status)
		}
		if keys, _, _ := read(t, remote, sdk.ReadRequest{}); keys != "1" {
			t.Errorf("%s: read %q", c.webhook, keys)
		}
	}
}

// TestInbox: what came is there until it is settled, once, in its order.
func TestInbox(t *testing.T) {
	t.Parallel()
	config := hookConfig(t, `"unsigned": true, "delivery": "X-Delivery"`)
	c := openHook(t, config)
	for status, header := range map[int][]string{400: {}, 413: {"X-Delivery", "large"}} {
		body := `{"id": 1}`
		if status == 413 {
			body = `{"id": "` + strings.Repeat("x", 1000) + `"}`
		}
		if got := post(config, body, header...); got != status {
			t.Errorf("%v: %d, want %d", header, got, status)
		}
	}
	if got := post(config, `{"id": `, "X-Delivery", "broken"); got != 400 {
		t.Errorf("half a body: %d", got)
	}
	for _, id := range []string{"1", "2", "2", "3", "1"} {
		if got := post(config, `{"id": `+id+`}`, "X-Delivery", "d"+id); got != 200 {
			t.Fatalf("%s: %d", id, got)
		}
	}
	keys, end, records := read(t, c, sdk.ReadRequest{})
	if keys != "1 2 3" || records[0].Meta["delivery"] != "d1" {
		t.Errorf("%s, %v", keys, records)
	}
	if keys, _, _ = read(t, c, sdk.ReadRequest{}); keys != "1 2 3" {
		t.Errorf("what is not settled is not there again: %q", keys)
	}
	cursors := []string{}
	if _, err := c.Read(t.Context(), sdk.ReadRequest{Entity: "thing", BatchSize: 1}, func(b sdk.Batch) error {
		cursors = append(cursors, b.Cursor)
		return nil
	}); err != nil || len(cursors) != 3 {
		t.Fatal(cursors, err)
	}
	committer, ok := c.(sdk.Committer)
	if !ok {
		t.Fatal("it takes no acknowledgement")
	}
	if err := committer.Committed(t.Context(), "thing", cursors[0]); err != nil {
		t.Fatal(err)
	}
	if keys, _, _ = read(t, c, sdk.ReadRequest{}); keys != "2 3" {
		t.Errorf("after the first was settled: %q", keys)
	}
	if keys, _, _ = read(t, c, sdk.ReadRequest{Cursor: end}); keys != "" {
		t.Errorf("from the end: %q", keys)
	}
	if facts, problems := c.Check(t.Context()); len(facts) != 1 || !strings.Contains(facts[0], "/hook; 0 deliveries") || problems != nil {
		t.Errorf("%v, %v", facts, problems)
	}
	second := openHook(t, config) // as kopru check beside kopru run
	if _, problems := second.Check(t.Context()); len(problems) != 1 || !problems[0].GetWarning() || problems[0].GetAttribute() != "listen" {
		t.Errorf("the port is taken: %v", problems)
	}
	_ = second.Close()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = openHook(t, config)
	if got := post(config, `{"id": 1}`, "X-Delivery", "d1"); got != 200 {
		t.Error(got)
	}
	if got := post(config, `{"id": 4}`, "X-Delivery", "d4"); got != 200 {
		t.Error(got)
	}
	if keys, end, _ = read(t, c, sdk.ReadRequest{Cursor: end}); keys != "4" {
		t.Errorf("after a restart: %q", keys)
	}
	anew := hookConfig(t, `"unsigned": true`)
	other := openHook(t, anew)
	post(anew, `{"id": 9}`)
	if keys, _, _ = read(t, other, sdk.ReadRequest{Cursor: end}); keys != "9" {
		t.Errorf("from the cursor of an inbox that was lost: %q", keys)
	}
}

func TestManyRecordsInADelivery(t *testing.T) {
	t.Parallel()
	config := hookConfig(t, `"unsigned": true`)
	thing := config["entities"].(map[string]any)["thing"].(map[string]any)
	thing["items"] = "events"
	c := openHook(t, config)
	post(config, `{"events": [{"id": 1, "amount": 12.50}, {"id": "b"}]}`)
	post(config, `{"ping": true}`)
	keys, _, records := read(t, c, sdk.ReadRequest{})
	if keys != "1 b 2" || string(records[0].Payload) != `{"id": 1, "amount": 12.50}` || records[2].Err == nil {
		t.Errorf("%s %v", keys, records)
	}
}

func TestWebhooksOverTLS(t *testing.T) {
	t.Parallel()
	known := httptest.NewTLSServer(nil) // which has a certificate
	defer known.Close()
	key, err := x509.MarshalPKCS8PrivateKey(known.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	config := hookConfig(t, `"unsigned": true`)
	for name, block := range map[string]*pem.Block{
		"certificate": {Type: "CERTIFICATE", Bytes: known.Certificate().Raw}, "private_key": {Type: "PRIVATE KEY", Bytes: key},
	} {
		config[name] = filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(config[name].(string), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := openHook(t, config)
	client := known.Client()
	client.Transport.(*nethttp.Transport).TLSClientConfig.ServerName = "example.com"
	answer, err := client.Post(fmt.Sprintf("https://%s/hook", config["listen"]), "application/json", strings.NewReader(`{"id": 1}`))
	if err != nil || answer.StatusCode != 200 || answer.TLS.Version < tls.VersionTLS12 {
		t.Fatalf("%v, %v", answer, err)
	}
	_ = answer.Body.Close()
	if keys, _, _ := read(t, c, sdk.ReadRequest{}); keys != "1" {
		t.Error(keys)
	}
}

func TestWebhookMistakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		webhook string
		change  map[string]any
		at      string
	}{
		{`"delivery": "X"`, nil, "entities.thing.webhook.signature"},
		{`"signature": {}`, nil, "entities.thing.webhook.signature.header"},
		{`"signature": {"header": "X", "encoding": "rot13"}`, nil, "entities.thing.webhook.signature.encoding"},
		{`"signature": {"header": "X", "signed": "{timestamp}{body}"}`, nil, "entities.thing.webhook.signature.signed"},
		{`"signature": {"header": "X", "timestamp": "T", "tolerance": "0s"}`, nil, "entities.thing.webhook.signature.tolerance"},
		{`"signature": {"header": "X"}`, map[string]any{"webhook_secret": nil}, "webhook_secret"},
		{`"unsigned": true`, map[string]any{"inbox": nil}, "inbox"},
		{`"unsigned": true`, map[string]any{"listen": "8090"}, "listen"},
		{`"unsigned": true`, map[string]any{"listen": ":8090"}, "listen"},
		{`"unsigned": true`, map[string]any{"listen": "0.0.0.0:8090", "behind_proxy": true}, ""},
		{`"unsigned": true`, map[string]any{"listen": "0.0.0.0:8090", "certificate": "a", "private_key": "b"}, ""},
		{`"unsigned": true`, map[string]any{"certificate": "a"}, "certificate"},
	} {
		config := hookConfig(t, c.webhook)
		for name, value := range c.change {
			config[name] = value
		}
		problems := http.New().Validate(config)
		if c.at == "" && len(problems) > 0 || c.at != "" && (len(problems) != 1 || problems[0].GetAttribute() != c.at) {
			t.Errorf("%s %v: %v", c.webhook, c.change, problems)
		}
	}
}

// TestInboxSurvivesKill: every delivery that was answered with 200 is read once, although the connector's process is
// killed again and again, right after an answer and in the middle of many.
func TestInboxSurvivesKill(t *testing.T) {
	t.Parallel()
	config := hookConfig(t, `"unsigned": true, "delivery": "X-Delivery"`)
	h := host.New(host.Options{
		Dirs: []string{filepath.Dir(binary(t))}, WorkDir: t.TempDir(), Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Launcher: os.Args[:1],
		Restart: host.RestartPolicy{First: time.Millisecond, Most: 10 * time.Millisecond, Budget: 1000},
	})
	defer h.Close()
	c, err := h.Connect(t.Context(), host.Target{Type: "http", Name: "hook", Config: config})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	answered := map[string]bool{}
	deliver := func(i int) bool {
		ok := post(config, fmt.Sprintf(`{"id": %d}`, i), "X-Delivery", strconv.Itoa(i)) == 200
		if mu.Lock(); ok {
			answered[strconv.Itoa(i)] = true
		}
		mu.Unlock()
		return ok
	}
	kill := func() {
		for _, s := range h.Status() {
			if p, err := os.FindProcess(s.PID); err == nil && s.PID > 0 {
				_ = p.Kill()
			}
		}
	}
	got := map[string]int{}
	cursor := ""
	collect := func() {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; { // the dead process may have to be noticed first
			stream, err := c.Read(t.Context(), &protocol.ReadStart{Entity: "thing", Cursor: cursor, BatchSize: 7})
			for err == nil {
				var b *protocol.Batch
				if b, err = stream.Next(); err == nil {
					for _, r := range b.GetRecords() {
						got[r.GetKey()]++
					}
					cursor = b.GetCursor()
				}
			}
			if errors.Is(err, io.EOF) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
	}
	collect() // it listens
	n := 0
	for range 5 {
		if !deliver(n) {
			t.Fatal("a delivery to a sound connector is not answered")
		}
		kill() // between the answer and the delivery
		n++
		collect()
		p := pool.New()
		for range 40 {
			i := n
			n++
			p.Go(func() {
				if deliver(i) && i%20 == 0 {
					kill() // in the middle of others
				}
			})
		}
		p.Wait()
		collect()
		deliver(n - 1) // the sender tries again what was not answered
	}
	collect()
	missing := []string{}
	for id := range answered {
		if got[id] == 0 {
			missing = append(missing, id)
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		t.Errorf("%d of %d deliveries that were answered with 200 are lost: %v", len(missing), len(answered), missing)
	}
	for id, times := range got {
		if times > 1 {
			t.Errorf("%s was read %d times", id, times)
		}
	}
	t.Logf("%d of %d answered, %d read", len(answered), n, len(got))
}

// TestWebhookAccepted: the kit accepts the source at the highest level.
func TestWebhookAccepted(t *testing.T) {
	t.Parallel()
	config := hookConfig(t, `"unsigned": true`)
	c := openHook(t, config)
	for i := range 35 {
		post(config, fmt.Sprintf(`{"id": %d, "text": "Æ 漢字 😀", "none": null}`, i))
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.ReplaceAll(data, []byte(`":`), []byte(`"=`))
	judge(t, "config = "+string(data)+`
refuse "listen" { config = { listen = ":80" } }
read "thing" { at_least = 35 }
`, "append.", "write.", "read.killed")
}
