package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/vismanet"
)

// start runs the sandbox and returns what its environment file says.
func start(t *testing.T, args ...string) (env map[string]string, stop func() error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sandbox.env")
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, append(args, "--env", path), in, io.Discard)
		in.CloseWithError(io.EOF)
		done <- err
	}()
	stop = func() error {
		cancel()
		return <-done
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.Contains(line, "http://127.0.0.1:") {
		t.Fatalf("it said %q, %v; run: %v", line, err, stop())
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("environment file: %v, %v", info, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	env = map[string]string{"file": path}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		name, value, _ := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		env[name] = strings.Trim(value, "'")
	}
	return env, stop
}

func post(t *testing.T, address, kind, body string) (int, string) {
	t.Helper()
	r, err := http.Post(address, kind, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

func TestBothSystemsAnswer(t *testing.T) {
	t.Parallel()
	env, stop := start(t, "--orders", "30", "--secret", "it's")
	if len(env) != 1+9 {
		t.Errorf("environment has %d names: %v", len(env), env)
	}
	query := url.Values{"ident": {env["MPLUSKASSA_IDENT"]}, "secret": {"it's"}}.Encode()
	status, body := post(t, env["MPLUSKASSA_URL"]+"?"+query, "text/xml", `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>`+
		`<getApiVersion xmlns="urn:mplusqapi"/></e:Body></e:Envelope>`)
	if status != http.StatusOK || !strings.Contains(body, "<ns:majorNumber>1</ns:majorNumber>") {
		t.Errorf("MplusKASSA answered %d %s", status, body)
	}
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {env["VISMANET_CLIENT_ID"]}, "client_secret": {env["VISMANET_CLIENT_SECRET"]},
		"tenant_id": {env["VISMANET_TENANT_ID"]}, "scope": {"vismanet_erp_service_api:read"},
	}
	if status, body = post(t, env["VISMANET_TOKEN_URL"], "application/x-www-form-urlencoded", form.Encode()); status != http.StatusOK {
		t.Errorf("the token service answered %d %s", status, body)
	}
	origin := strings.TrimSuffix(env["MPLUSKASSA_URL"], "/mplus/")
	for path, want := range map[string]string{
		"/": "30 orders", "/_sandbox/mpluskassa/stats": `"orders":30`, "/_sandbox/vismanet/stats": "{", "/nowhere": "404",
	} {
		r, err := http.Get(origin + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("GET %s answered %d %q, %v", path, r.StatusCode, text, err)
		}
	}
	var counts strings.Builder
	if err := stats(t.Context(), []string{"--env", env["file"]}, &counts, io.Discard); err != nil {
		t.Error(err)
	}
	if got := counts.String(); !strings.Contains(got, "  orders                           30\n") || !strings.Contains(got, "Visma.net\n") {
		t.Errorf("stats are %s", got)
	}
	if err := stop(); err != nil {
		t.Errorf("stopped with %v", err)
	}
	if _, err := http.Get(origin); err == nil {
		t.Error("it still answers after it stopped")
	}
}

func TestRefusesOtherAddresses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.com:80", "127.0.0.1"} {
		if err := run(t.Context(), []string{"--listen", address}, io.Discard, io.Discard); err == nil {
			t.Errorf("it listened on %s", address)
		}
	}
}

func TestRefusesBadFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--orders", "-1"}, {"--latency", "-1s"}, {"more"}, {"--nothing"}, {"--env", "/nowhere/at/all"}} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
}

func TestSetsQuirks(t *testing.T) {
	t.Parallel()
	s, err := parseFlags([]string{
		"--set", "mpluskassa.strict=true", "--set", "mpluskassa.missing=findRelationV2,createOrderV3", "--set", "mpluskassa.page_cap=7",
		"--set", "vismanet.email_filter=contains", "--set", "vismanet.token_ttl=2s", "--set", "vismanet.date_shape=local",
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	till, erp := s.quirks.till, s.quirks.erp
	if !till.Strict || len(till.Missing) != 2 || till.PageCap != 7 || erp.EmailFilter != "contains" ||
		erp.TokenTTL != 2*time.Second || erp.DateShape != vismanet.DateLocal {
		t.Errorf("got %+v %+v", till, erp)
	}
	for text, words := range map[string]string{
		"vismanet.email_filter":           "is not name=value",
		"vismanet.emailfilter=exact":      "vismanet.email_filter, vismanet.expand_default",
		"vismanet.email_filter=sometimes": "one of exact, contains, ignored",
		"mpluskassa.page_cap=many":        "takes a int",
		"mpluskassa.secret=x":             `there is no "mpluskassa.secret"`,
	} {
		_, err := parseFlags([]string{"--set", text}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestAsk(t *testing.T) {
	t.Parallel()
	env, stop := start(t, "--orders", "0")
	say := func(args ...string) (string, error) {
		var out strings.Builder
		err := ask(t.Context(), append([]string{"--env", env["file"]}, args...), &out, io.Discard)
		return out.String(), err
	}
	if out, err := say("PATCH", "mpluskassa/articles/4501", `{"description":"Trui"}`); err != nil {
		t.Error(out, err)
	}
	if out, err := say("GET", "mpluskassa/articles"); err != nil || strings.Count(out, "\n") < 20 || !strings.Contains(out, `"description":"Trui"`) {
		t.Error(out, err)
	}
	if _, err := say("PATCH", "vismanet/items/NIETS", `{"price":"1"}`); err == nil || !strings.Contains(err.Error(), "there is no item") {
		t.Error(err)
	}
	if _, err := say("GET"); err == nil {
		t.Error("a path is needed")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}
