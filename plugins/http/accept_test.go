package http_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kopru-io/kopru/plugins/acceptance"
	"github.com/kopru-io/kopru/plugins/host"
)

// TestMain: the test binary confines connectors as kopru does.
func TestMain(m *testing.M) {
	host.ConfineIfAsked()
	dir, err := os.MkdirTemp("", "kopru-http-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	program = filepath.Join(dir, "kopru-connector-http")
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

var program string // where the connector is built

// build builds it once.
var build = sync.OnceValue(func() error {
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/kopru-connector-http").CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
})

func binary(t *testing.T) string {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return program
}

// judge tries the connector with a specification and wants the highest level, with nothing skipped but what is named.
func judge(t *testing.T, spec string, skipped ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "accept.hcl")
	if err := os.WriteFile(file, []byte(spec), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := acceptance.ReadSpec(file, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	report, err := acceptance.Run(t.Context(), acceptance.Options{Binary: binary(t), Spec: s, Launcher: os.Args[:1]})
	if err != nil {
		t.Fatal(err)
	}
	if report.Level != acceptance.Enduring {
		t.Errorf("level %s", report.Level)
	}
	for _, r := range report.Results {
		known := false
		for _, id := range skipped {
			known = known || strings.HasPrefix(r.ID+" "+r.Subject, id)
		}
		if r.Status == acceptance.Failed || r.Status == acceptance.Skipped && !known {
			t.Errorf("%s %s %s: %s", r.Status, r.ID, r.Subject, r.Detail)
		}
	}
}

// TestAccepted: the kit accepts the connector at the highest level, against a system with numbered pages and
// OAuth2 whose records have ETags and are replaced by PUT, and one with a cursor and a key in the address.
func TestAccepted(t *testing.T) {
	t.Parallel()
	s := newShop(t, 32)
	entity := func(style, paging, more string) string {
		return fmt.Sprintf(`
    %s = {
      path   = "/%s/things", items = "data", item = "data"
      paging = { style = "%s", %s }
      cursor = { field = "changed", parameter = "since" }
      lookup = { code = "code" }
      fields = { id = "integer", code = "string", price = "decimal", note = "string", changed = "datetime", version = "integer" }
      %s
    }`, style, style, style, paging, more)
	}
	judge(t, fmt.Sprintf(`
config = {
  url = "%s/v1", auth = "oauth2", token_url = "%s/token", client_id = "kopru", client_secret = "client s3cret"
  entities = {%s%s
  }
}
refuse "url" { config = { url = "not an address" } }
refuse "auth" { config = { auth = "magic" } }
refuse "client_id" { config = { client_id = "" } }
refuse "entities.page.paging.style" { config = { entities = { page = { path = "/x", paging = { style = "pages" } } } } }
refuse "entities.page.pth" { config = { entities = { page = { pth = "/x" } } } }
read "page" { at_least = 32 }
read "cursor" { at_least = 32 }
write "page" {
  create  = { code = "c-{unique}", price = 1.50, note = "first" }
  update  = { note = "second {unique}" }
  match   = { code = "c-{unique}" }
  invalid = { price = "much" }
}
write "cursor" {
  create  = { code = "c-{unique}", price = 1.50, note = "first" }
  update  = { note = "second {unique}" }
  match   = { code = "c-{unique}" }
  invalid = { price = "much" }
}
`, s.URL, s.URL,
		entity("page", `parameter = "page"`, `etag = true, update = "PUT"`),
		entity("cursor", `parameter = "at", next = "meta.next"`, "")),
		"append.", "write.version cursor")
}
