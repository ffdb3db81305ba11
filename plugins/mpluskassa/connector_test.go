package mpluskassa

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

func versionAnswer() string {
	return el("majorNumber", 1) + el("minorNumber", 0) + el("revisionNumber", 0) +
		el("serviceMajorNumber", 67) + el("serviceMinorNumber", 1) + el("serviceRevisionNumber", 3) + el("inDebugMode", false)
}

func TestCheckTellsWhoAnswers(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	till.answer("getApiVersion", "getApiVersionResponse", versionAnswer())
	till.answer("getVatGroupList", "getVatGroupListResponse", el("vatGroup", el("vatCode", 1), el("vatPercentage", 900))+
		el("vatGroup", el("vatCode", 2), el("vatPercentage", 2100))+el("vatGroup", el("vatCode", 0), el("vatPercentage", 0)))
	for scale, wrong := range map[int64]int{2: 0, 4: 1, 0: 1} {
		facts, problems := till.open(t, sdk.Config{"vat_scale": record.Int(scale)}).Check(t.Context())
		all := strings.Join(facts, ";")
		if len(problems) != wrong || !strings.Contains(all, "Service version 67.1.3") ||
			scale == 2 && !strings.Contains(all, "9, 21, 0") {
			t.Errorf("scale %d: %v %v", scale, facts, problems)
		}
	}
	c := till.open(t, nil)
	c.now = func() time.Time { return time.Now().Add(time.Hour) }
	_, problems := c.Check(t.Context())
	if len(problems) != 1 || !problems[0].GetWarning() || !strings.Contains(problems[0].GetSummary(), "clock") {
		t.Errorf("%v", problems)
	}
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html><title>It works</title></html>"))
	}))
	defer page.Close()
	nothing := httptest.NewServer(http.NotFoundHandler())
	defer nothing.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for name, row := range map[string]struct {
		config            sdk.Config
		attribute, advice string
	}{
		"secret": {sdk.Config{"url": newTill(t).URL, "secret": "wrong-one"}, "secret", "belong together"},
		"page":   {sdk.Config{"url": page.URL}, "url", "port of five digits"},
		"path":   {sdk.Config{"url": nothing.URL}, "url", "no path"},
		"port":   {sdk.Config{"url": closed.URL}, "url", "Check host and port"},
	} {
		c := newTill(t).open(t, row.config)
		facts, problems := c.Check(t.Context())
		if len(facts) != 0 || len(problems) != 1 {
			t.Errorf("%s: %v %v", name, facts, problems)
			continue
		}
		if p := problems[0]; p.GetAttribute() != row.attribute || !strings.Contains(p.GetDetail(), row.advice) {
			t.Errorf("%s: %v %v", name, facts, problems)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	good := configured(sdk.Config{"url": "https://api.mpluskassa.nl:34562", "ident": "i", "secret": "s"})
	if p := New().Validate(good); len(p) != 0 {
		t.Errorf("%v", p)
	}
	for attribute, value := range map[string]any{
		"url": "http://api.mpluskassa.nl:34562", "ident": "", "secret": nil, "timezone": "Mars/Base", "timeout": "soon",
		"concurrency": record.Int(0), "page_size": record.Int(5000), "sku": "name", "vat_scale": record.Int(9), "exclusive_price": "x",
	} {
		config := sdk.Config{}
		for k, v := range good {
			config[k] = v
		}
		config[attribute] = value
		problems := New().Validate(config)
		if len(problems) != 1 || problems[0].GetAttribute() != attribute {
			t.Errorf("%s = %v: %v", attribute, value, problems)
		}
		if _, err := New().Open(t.Context(), "x", config, nil); err == nil {
			t.Errorf("%s = %v opens", attribute, value)
		}
	}
	for _, address := range []string{"https://h:1/?ident=a&secret=b", "https://a:b@h:1", "h:1", "ftp://h"} {
		if p := New().Validate(configured(sdk.Config{"url": address, "ident": "i", "secret": "s"})); len(p) != 1 {
			t.Errorf("%s: %v", address, p)
		}
	}
}

func TestManifestIsHonest(t *testing.T) {
	t.Parallel()
	m := New().Manifest()
	byName := map[string]*protocol.Entity{}
	for _, e := range m.GetEntities() {
		if byName[e.GetName()] != nil {
			t.Errorf("%s comes twice", e.GetName())
		}
		byName[e.GetName()] = e
	}
	if len(byName) != 14 {
		t.Errorf("%d entities", len(byName))
	}
	for _, e := range byName {
		found := map[string]*protocol.Field{}
		eachField(e.GetFields(), "", func(path string, f *protocol.Field) {
			found[path] = f
			if f.GetDescription() == "" || f.GetType() == protocol.FieldType_FIELD_TYPE_UNSPECIFIED {
				t.Errorf("%s.%s is not described", e.GetName(), path)
			}
			matches := e.GetCanLookup() && !strings.Contains(path, ".")
			if f.GetOnCreate() && !e.GetCanCreate() || f.GetOnUpdate() && !e.GetCanUpdate() || f.GetMatch() && !matches {
				t.Errorf("%s.%s promises too much", e.GetName(), path)
			}
			if ref := f.GetReferences(); ref != "" && byName[ref] == nil {
				t.Errorf("%s.%s refers to %s", e.GetName(), path, ref)
			}
		})
		if id := e.GetIdField(); id != "" && found[id] == nil {
			t.Errorf("%s has no field %s", e.GetName(), id)
		}
	}
	for entity, paths := range map[string][]string{
		"order":    {"relationName", "invoiceAddress.name", "deliveryAddress.zipcode", "relation.email", "relation.telephone"},
		"relation": {"name", "email", "mobile", "address", "birthDate", "bankAccountNumber", "vatNumber"},
		"employee": {"name", "email"},
	} {
		eachField(byName[entity].GetFields(), "", func(path string, f *protocol.Field) {
			for _, p := range paths {
				if p == path && !f.GetPii() {
					t.Errorf("%s.%s is personal", entity, path)
				}
			}
		})
	}
	if p := New().Validate(configured(sdk.Config{"url": "https://h:1", "ident": "i", "secret": "s"})); len(p) != 0 {
		t.Errorf("the defaults are no good: %v", p)
	}
	for _, a := range m.GetConfig() {
		if (a.GetName() == "ident" || a.GetName() == "secret") != a.GetSensitive() {
			t.Errorf("%s is sensitive: %v", a.GetName(), a.GetSensitive())
		}
	}
}

func eachField(fields []*protocol.Field, above string, visit func(string, *protocol.Field)) {
	for _, f := range fields {
		visit(above+f.GetName(), f)
		eachField(f.GetFields(), above+f.GetName()+".", visit)
	}
}
