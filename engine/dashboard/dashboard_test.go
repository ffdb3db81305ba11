package dashboard_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kopru-io/kopru/engine/dashboard"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
)

// TestPagesTellWhatHappened visits every page in every language; none tells the secret, or personal data unasked.
func TestPagesTellWhatHappened(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	for path, wants := range map[string][]string{
		"/":                 {"Till orders become sales", "orders", `class="pill attention"`},
		"/pipelines/orders": {"sold", "1 filtered", "2 created", "1 dead"},
		"/activity":         {"A-1", "nothing was sold", "created sale <span class=\"key\">S1</span>"},
		"/activity?q=ADA%40example.test&outcome=delivered": nil,
		"/activity?from=2020-01-01T00:00":                  {"A-4"},
		"/live":                                            {"A-2"},
		"/record?pipeline=orders&key=A-1":                  {"Delivered: created sale S", "ref: ", "•••"},
		"/record?pipeline=orders&key=A-3":                  {"Skipped: nothing was sold."},
		"/record?pipeline=orders&key=A-4":                  {"Failed at step", "total is no number"},
		"/failures":                                        {"books.total", "total is no number"},
		"/failures/group?pipeline=orders&step=sale&code=books.total&status=dead": {"A-4"},
		"/connections":    {"fake.till", "secret"},
		"/settings":       {"Corner Shop", "Name of the shop, as the books show it"},
		"/nodes":          {"kopru user add"},
		"/reconciliation": {"till", "No day was compared yet"},
		"/takings":        {"19.50", "worth"},
		"/login":          {"Password"},
	} {
		contains(t, s.get(path, "Accept-Language", "en"), wants...)
		for _, lang := range []string{"en", "tr", "nl", "nb"} {
			body := s.get(path, "Accept-Language", lang)
			contains(t, body, `<html lang="`+lang+`"`)
			if strings.Contains(body, hush) || strings.Contains(body, "ada@") || strings.Contains(body, "dag@") {
				t.Errorf("%s tells what it must not", path)
			}
			if strings.Contains(body, "<script>") || strings.Contains(body, " style=") || strings.Contains(body, " onclick=") {
				t.Errorf("%s has something inline", path)
			}
		}
	}
	contains(t, s.get("/record?pipeline=orders&key=A-4", "Accept-Language", "nl"), "Mislukt bij stap &#34;sale&#34;: total is no number")
	contains(t, s.get("/pipelines/orders/plan"), "No record would be read")
	contains(t, s.get("/connections"), "not tested yet")
	contains(t, s.post("/connections/fake.books/check", "", http.StatusOK), "It is open with •••")
	s.restart()
	contains(t, s.get("/connections"), "It is open with •••")
	if status, _, _ := s.ask(http.MethodGet, "/pipelines/none", ""); status != http.StatusNotFound {
		t.Errorf("a pipeline that is not there: %d", status)
	}
}

// TestRunsAreToldOnce: the pipeline's page folds runs that only wait, its older ones have a page, and the API has each.
func TestRunsAreToldOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.wait(5)
	for range 27 {
		s.sell() // four records that are new each time
	}
	var view dashboard.PipelineView
	into(t, s.get("/api/v1/pipelines/orders"), &view)
	if len(view.Runs) != 25 || view.Older == "" || view.Runs[24].More != 0 {
		t.Fatalf("%d runs, older than %q", len(view.Runs), view.Older)
	}
	contains(t, s.get("/pipelines/orders"), "/pipelines/orders/runs?before="+view.Older)
	older := s.get("/pipelines/orders/runs?before=" + view.Older)
	contains(t, older, "4 more like it since", `class="pill waiting"`, `class="pill partial"`)
	if n := strings.Count(older, "<tr>"); n != 1+4 {
		t.Errorf("%d lines", n)
	}
	var all, page, streak []dashboard.RunLine
	into(t, s.get("/api/v1/runs?pipeline=orders"), &all)
	into(t, s.get("/api/v1/runs?pipeline=orders&limit=10&before="+all[9].ID), &page)
	if len(all) != 33 || len(page) != 10 || page[0].ID != all[10].ID {
		t.Errorf("%d runs, then %d", len(all), len(page))
	}
	into(t, s.get("/api/v1/runs?streak="+all[31].ID), &streak)
	if len(streak) != 5 || !streak[0].Idle || streak[0].Status != "partial" {
		t.Errorf("%+v", streak)
	}
	if status, _, _ := s.ask(http.MethodGet, "/pipelines/none/runs", ""); status != http.StatusNotFound {
		t.Errorf("runs of no pipeline: %d", status)
	}
}

// TestWhatToDo is told in the reader's language, wherever a failure is shown.
func TestWhatToDo(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	fence, err := s.store.StartRun(t.Context(), state.Run{ID: "run-1", Pipeline: "orders", Kind: "run", StartedAt: time.Now(), Node: "here/1"})
	if err == nil {
		err = s.store.Settle(t.Context(), state.Settlement{Run: "run-1", Fence: fence, Pipeline: "orders", Source: "order", Hold: []state.Held{{
			Status: state.HeldDead, Pipeline: "orders", Run: "run-1", RecordID: "r1", Step: "sale", Entity: "order", Key: "A-1",
			Code: "sink.several_matches", Class: "conflict", Message: "2 sales match", Since: time.Now(), Original: []byte(`{}`),
		}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{"/", "/failures", "/failures/group?pipeline=orders&step=sale&code=sink.several_matches&status=dead", "/failures/1"} {
		for lang, want := range map[string]string{
			"en": "Kopru does not guess", "nl": "Kopru gokt niet", "nb": "Kopru gjetter ikke", "tr": "Kopru tahmin yürütmez",
		} {
			contains(t, s.get(page, "Accept-Language", lang), want)
		}
	}
}

// TestWhoRunsIt: what this node does not run is told with its schedule and the nodes that do.
func TestWhoRunsIt(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.write("z.hcl", `
pipeline "stock" {
  every = "5m"
  source "order" { connection = fake.till }
  sink "sale" {
    connection = fake.books
    match      = { ref = record.ref }
    set        = record
  }
}
`)
	beat := func(n state.Node) {
		t.Helper()
		n.Since = time.Now()
		if err := s.store.Beat(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	look := func() (line dashboard.PipelineLine, page string) {
		t.Helper()
		var lines []dashboard.PipelineLine
		into(t, s.get("/api/v1/pipelines"), &lines)
		return lines[1], s.get("/", "Accept-Language", "nl") + s.get("/pipelines/stock", "Accept-Language", "nl")
	}
	beat(state.Node{Name: "other/2", Serves: []string{"orders"}})
	line, page := look()
	if line.Next != nil || len(line.Nodes) != 0 || !line.Unattended() {
		t.Errorf("%+v", line)
	}
	if n := strings.Count(page, "maar geen machine voert het uit"); n != 2 || strings.Count(page, "met de hand") != 1 { // the orders
		t.Errorf("%d times in %s", n, page)
	}
	beat(state.Node{Name: "ending/3", Serves: []string{"stock"}, Draining: true})
	beat(state.Node{Name: "elsewhere/1", Serves: []string{"orders", "stock"}})
	line, page = look()
	if line.Next == nil || time.Until(*line.Next) > 5*time.Minute || line.Here || strings.Join(line.Nodes, " ") != "elsewhere/1" {
		t.Errorf("%+v", line)
	}
	if n := strings.Count(page, `<div class="small muted">op elsewhere/1</div>`); n != 2 {
		t.Errorf("%d times in %s", n, page)
	}
}

// TestSearchGoesOn: the next page of a search and its files are of the same search.
func TestSearchGoesOn(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for range 26 {
		s.sell() // of four, two come through the first time and go on being the same
	}
	follow := func(page, name string) string {
		t.Helper()
		link := regexp.MustCompile(`href="([^"]*)">` + name).FindStringSubmatch(page)
		if link == nil {
			t.Fatalf("no %s in %s", name, page)
		}
		return s.get(html.UnescapeString(link[1]), "Accept-Language", "en")
	}
	first := s.get("/activity?pipeline=orders&outcome=unchanged", "Accept-Language", "en")
	if n := strings.Count(first, `<tr id="e`); n != 50 {
		t.Errorf("%d entries", n)
	}
	first = s.get("/activity?q=A-3&outcome=filtered", "Accept-Language", "en")
	if file := follow(first, "CSV"); strings.Count(file, "\n") != 27 || strings.Count(file, "A-3") != 26 {
		t.Errorf("%s", file)
	}
	if file := follow(first, "JSON lines"); strings.Count(file, "\n") != 26 {
		t.Errorf("%s", file)
	}
	last := follow(s.get("/activity?pipeline=orders", "Accept-Language", "en"), "Older")
	if n := strings.Count(last, `<tr id="e`); n != 50 || strings.Contains(last, `id="e104"`) || !strings.Contains(last, `id="e54"`) {
		t.Errorf("%d entries of the next page", n)
	}
}

// TestFailureIsMended goes the way of an operator through the API: found, understood, planned, mended, replayed.
func TestFailureIsMended(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	var groups []dashboard.Group
	into(t, s.get("/api/v1/failures"), &groups)
	if len(groups) != 1 || groups[0].Letters != 1 || groups[0].Code != "books.total" {
		t.Fatalf("%+v", groups)
	}
	var letter dashboard.Letter
	into(t, s.get("/api/v1/letters/1"), &letter)
	if letter.Key != "A-4" || len(letter.Exchanges) != 1 || strings.Contains(letter.Exchanges[0].Request, hush) {
		t.Fatalf("%+v", letter)
	}
	mended := `{"ids":[1],"record":{"ref":"A-4","total":9,"email":"dag@example.test"}}`
	contains(t, s.post("/api/v1/letters/plan", mended, http.StatusOK), `"create"`)
	if len(s.books.sales) != 2 {
		t.Fatal("a plan wrote something")
	}
	s.post("/api/v1/letters/replay", `{"ids":[1]}`, http.StatusOK) // as it is it fails again
	var done dashboard.Replayed
	into(t, s.post("/api/v1/letters/replay", mended, http.StatusOK), &done)
	if done.Records.Delivered != 1 || len(done.Open) != 0 || len(s.books.sales) != 3 {
		t.Errorf("%+v, %d sales", done, len(s.books.sales))
	}
	s.post("/api/v1/letters/replay", `{"ids":[1]}`, http.StatusUnprocessableEntity) // closed
	s.post("/api/v1/letters/discard", `{"ids":[7],"reason":"x"}`, http.StatusNotFound)

	s.books.order("A-5", `"total":"ten"`)
	s.post("/pipelines/orders/run", "", http.StatusSeeOther)
	form := "pipeline=orders&step=sale&code=books.total"
	contains(t, s.post("/failures/discard", form, http.StatusUnprocessableEntity), "Say why")
	contains(t, s.post("/failures/discard", form+"&reason=a+test", http.StatusOK), "Closed for good")
	contains(t, s.get("/record?pipeline=orders&key=A-5"), "Closed by a person: a test.")
	contains(t, s.get("/api/v1/audit"), `"replay"`, `"discard"`, "a test")
}

// TestSettingIsChanged changes variables; the file keeps what else stands in it, and nothing wrong gets into it.
func TestSettingIsChanged(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	file := filepath.Join(s.dir, "kopru.vars.hcl")
	s.write("kopru.vars.hcl", "# the owner's words\nshop = \"Old\" # since May\n")
	put := func(name, body string) (int, string) {
		t.Helper()
		status, answer, _ := s.ask(http.MethodPut, "/api/v1/settings/"+name, body)
		return status, answer
	}
	if status, answer := put("shop", `{"value":"Ada's \"Best\" ${x}"}`); status != http.StatusOK {
		t.Fatal(status, answer)
	}
	if status, answer := put("copies", `{"value":"2"}`); status != http.StatusOK {
		t.Fatal(status, answer)
	}
	const want = "# the owner's words\nshop   = \"Ada's \\\"Best\\\" $${x}\" # since May\ncopies = 2\n"
	if got, _ := os.ReadFile(file); string(got) != want {
		t.Errorf("%s", got)
	}
	for _, wrong := range [][2]string{{"shop", `{"value":""}`}, {"copies", `{"value":"many"}`}, {"copies", `{"value":"1\nshop = 2"}`}} {
		if status, answer := put(wrong[0], wrong[1]); status != http.StatusUnprocessableEntity {
			t.Errorf("%v: %d %s", wrong, status, answer)
		}
	}
	if got, _ := os.ReadFile(file); string(got) != want {
		t.Errorf("a wrong value got in: %s", got)
	}
	put("shop", `{"value":null}`)
	var list []dashboard.VariableLine
	into(t, s.get("/api/v1/settings"), &list)
	if list[0].From != "default" || list[0].Value != "Corner Shop" || list[1].Value != "2" || list[1].From != "file" {
		t.Errorf("%+v", list)
	}
}

// TestSettingsForm fills in the form as a browser without scripts does: look, write, and a file that somebody else
// changes meanwhile.
func TestSettingsForm(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	file := filepath.Join(s.dir, "kopru.vars.hcl")
	s.write("kopru.vars.hcl", "# the owner's words\nshop = \"Old\"\nvat = {\n  \"9\" = \"02\" # low\n}\n")
	page := s.get("/settings")
	contains(t, page, `name="value.shop" value="Old"`, "The systems are asked", `name="was.vat" value="{ &#34;9&#34; = &#34;02&#34; }"`, "no list of •••")
	page = s.get("/settings?ask=1")
	contains(t, page, `name="entry.vat.21"`, "03 · High", `<option value="02" selected>`)
	form := func(fields ...string) string {
		v := url.Values{"was.shop": {"Old"}, "value.shop": {"Old"}, "was.copies": {"1"}, "value.copies": {"1"}, "was.vat": {`{ "9" = "02" }`}, "kind.vat": {"map"}}
		for i := 0; i < len(fields); i += 2 {
			v.Set(fields[i], fields[i+1])
		}
		return v.Encode()
	}
	contains(t, s.post("/settings/preview", form(), http.StatusOK), "Nothing is changed yet")
	wrong := s.post("/settings/preview", form("value.shop", "", "value.copies", "many"), http.StatusOK)
	contains(t, wrong, "be written yet", `data-wrong="copies"`, `id="v-copies" name="value.copies" value="many"`)
	wrong = s.post("/settings/preview", form("value.shop", ""), http.StatusOK)
	contains(t, wrong, `data-wrong="shop" data-text="A shop has a name.`, `aria-invalid="true"`)
	page = s.post("/settings/preview", form("value.shop", "New", "entry.vat.9", "02", "entry.vat.21", "03"), http.StatusOK)
	contains(t, page, `<div class="removed">shop = &#34;Old&#34;`, `<div class="added">shop = &#34;New&#34;`)
	hidden := regexp.MustCompile(`name="(changes|seen)" value="([^"]*)"`)
	write := func(page string) string {
		v := url.Values{}
		for _, m := range hidden.FindAllStringSubmatch(page, -1) {
			v.Set(m[1], html.UnescapeString(m[2]))
		}
		return v.Encode()
	}
	contains(t, s.post("/settings/plan", write(page)+"&pipeline=orders", http.StatusOK), "Nothing was written")
	now, _ := os.ReadFile(file)
	s.write("kopru.vars.hcl", string(now)+"copies = 3\n") // in an editor
	page = s.post("/settings", write(page), http.StatusOK)
	contains(t, page, "The file was changed meanwhile")
	if got, _ := os.ReadFile(file); strings.Contains(string(got), "New") {
		t.Errorf("it was written: %s", got)
	}
	s.post("/settings", write(page), http.StatusSeeOther)
	const want = "# the owner's words\nshop = \"New\"\nvat = {\n  \"9\"  = \"02\" # low\n  \"21\" = \"03\"\n}\ncopies = 3\n"
	if got, _ := os.ReadFile(file); string(got) != want {
		t.Errorf("%s", got)
	}
	contains(t, s.get("/api/v1/audit"), `"setting"`, "shop = New")
	page = s.post("/settings/preview", url.Values{"was.shop": {"New"}, "value.shop": {"New"}, "default.shop": {"1"}}.Encode(), http.StatusOK)
	contains(t, page, `<div class="removed">shop = &#34;New&#34;`)
	var p dashboard.Preview
	into(t, s.post("/api/v1/settings/preview", `{"changes":{"copies":"x"}}`, http.StatusOK), &p)
	if len(p.Problems) != 1 || p.Problems[0].Where != "copies" {
		t.Errorf("%+v", p)
	}
	if status, answer, _ := s.ask(http.MethodPost, "/api/v1/settings", `{"changes":{"copies":"4"},"seen":"old"}`); status != http.StatusConflict {
		t.Errorf("%d %s", status, answer)
	}
}

// TestRoles lets people do what their role allows, and nobody in without a login once there are users.
func TestRoles(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	tokens := map[string]string{}
	for _, role := range pipelines.Roles {
		tokens[role] = dashboard.NewToken()
		pass := state.Pass{Kind: state.KindToken, Name: role, Role: role, At: time.Now()}
		if err := s.store.PutPass(t.Context(), pass, tokens[role]); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		need         dashboard.Role
		method, path string
		body         string
	}{
		{dashboard.Viewer, "GET", "/api/v1/overview", ""},
		{dashboard.Viewer, "GET", "/activity/export?format=jsonl", ""},
		{dashboard.Operator, "POST", "/api/v1/pipelines/orders/run", ""},
		{dashboard.Operator, "POST", "/api/v1/pipelines/orders/pause", ""},
		{dashboard.Operator, "POST", "/api/v1/pipelines/orders/resume", ""},
		{dashboard.Operator, "GET", "/api/v1/pipelines/orders/plan", ""},
		{dashboard.Operator, "POST", "/api/v1/letters/plan", `{"ids":[1]}`},
		{dashboard.Operator, "POST", "/api/v1/letters/replay", `{"ids":[1]}`},
		{dashboard.Operator, "POST", "/api/v1/connections/fake.books/check", ""},
		{dashboard.Admin, "PUT", "/api/v1/settings/copies", `{"value":"3"}`},
		{dashboard.Admin, "POST", "/api/v1/settings", `{"changes":{"copies":"4"}}`},
		{dashboard.Admin, "POST", "/api/v1/settings/preview", `{"changes":{"copies":"5"}}`},
		{dashboard.Admin, "GET", "/api/v1/questions", ""},
		{dashboard.Admin, "GET", "/api/v1/audit", ""},
	} {
		allowed := false
		for _, role := range pipelines.Roles {
			allowed = allowed || role == string(c.need)
			s.token = tokens[role]
			status, body, _ := s.ask(c.method, c.path, c.body)
			if want := map[bool]int{true: 200, false: 403}[allowed]; status != want {
				t.Errorf("%s %s as %s: %d, want %d: %s", c.method, c.path, role, status, want, body)
			}
		}
	}
	s.token = tokens[string(dashboard.Viewer)]
	if body := s.get("/api/v1/letters/1"); strings.Contains(body, "dag@") || strings.Contains(s.get("/failures/1"), "dag@") {
		t.Error("a viewer sees the record")
	}
	s.token = "kopru_wrong"
	if status, _, _ := s.ask("GET", "/api/v1/overview", ""); status != http.StatusUnauthorized {
		t.Errorf("a wrong token: %d", status)
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	hash, err := dashboard.HashPassword("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dashboard.HashPassword("short"); err == nil {
		t.Error("a short password is taken")
	}
	if err := s.store.PutUser(t.Context(), state.User{Name: "ada", Role: "operator", Password: hash, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	status, _, header := s.ask("GET", "/activity?q=1", "")
	if status != http.StatusSeeOther || header.Get("Location") != "/login?next=%2Factivity%3Fq%3D1" {
		t.Fatalf("without a login: %d %v", status, header)
	}
	status, _, header = s.ask("POST", "/login", "name=ada&password=correct+horse&next=%2F%2Fevil.test")
	if status != http.StatusSeeOther || header.Get("Location") != "/" {
		t.Fatalf("%d %v", status, header)
	}
	cookie := header.Get("Set-Cookie")
	contains(t, cookie, "HttpOnly", "SameSite=Lax")
	session, _, _ := strings.Cut(cookie, ";")
	contains(t, s.get("/", "Cookie", session), "ada")
	// Another site can't use the session.
	status, _, _ = s.ask("POST", "/pipelines/orders/run", "", "Cookie", session, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.test")
	if status != http.StatusForbidden {
		t.Errorf("another site's request: %d", status)
	}
	if status, _, _ = s.ask("POST", "/logout", "", "Cookie", session); status != http.StatusSeeOther {
		t.Errorf("logout: %d", status)
	}
	if status, _, _ = s.ask("GET", "/", "", "Cookie", session); status != http.StatusSeeOther {
		t.Errorf("the session outlived the logout: %d", status)
	}
	refused := 0
	for range 15 {
		status, body, _ := s.ask("POST", "/login", "name=eve&password=guess+guess")
		if status == http.StatusTooManyRequests {
			refused++
		} else if status != http.StatusUnauthorized || !strings.Contains(body, "wrong") {
			t.Fatalf("%d %s", status, body)
		}
	}
	if refused < 4 {
		t.Errorf("only %d of 15 guesses were refused unread", refused)
	}
}

// TestForeignName: a name of another site that leads to this machine gets nothing where nobody logs in.
func TestForeignName(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	if status, body, header := s.ask("GET", "/", "", "Host", "evil.test"); status != http.StatusForbidden || strings.Contains(body, "orders") {
		t.Errorf("%d %v", status, header)
	}
	_, _, header := s.ask("GET", "/", "", "Host", "localhost:1234")
	for name, want := range map[string]string{
		"Content-Security-Policy": "script-src 'self'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
	} {
		contains(t, header.Get(name), want)
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.books.order("=cmd()", `"total":1`)
	s.sell()
	lines := strings.Split(strings.TrimSpace(s.get("/activity/export?format=jsonl&outcome=delivered")), "\n")
	var e dashboard.Entry
	if into(t, lines[0], &e); len(lines) != 3 || e.Key != "A-2" {
		t.Errorf("%q", lines)
	}
	table := s.get("/activity/export?format=csv")
	contains(t, table, "at,pipeline,", ",'=cmd(),delivered")
	if n := strings.Count(table, "\n"); n != 6 {
		t.Errorf("%d lines:\n%s", n, table)
	}
}

// TestAPIIsDescribed: the document names every call, and what each answers.
func TestAPIIsDescribed(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			Summary   string         `json:"summary"`
			Responses map[string]any `json:"responses"`
		} `json:"paths"`
	}
	into(t, s.get("/api/openapi.json"), &doc)
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || len(doc.Paths) < 18 {
		t.Fatalf("%s with %d paths", doc.OpenAPI, len(doc.Paths))
	}
	for path, calls := range doc.Paths {
		for method, call := range calls {
			if call.Summary == "" || call.Responses["200"] == nil {
				t.Errorf("%s %s is not described", method, path)
			}
		}
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.post("/pipelines/orders/pause", "", http.StatusSeeOther)
	contains(t, s.get("/pipelines/orders"), "Its schedule is stopped since", "Resume")
	contains(t, s.get("/api/v1/pipelines"), `"paused_by":"local"`, `"health":"paused"`)
	s.post("/pipelines/orders/resume", "", http.StatusSeeOther)
	if strings.Contains(s.get("/api/v1/pipelines"), "paused_by") {
		t.Error("still paused")
	}
}

func into(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}
