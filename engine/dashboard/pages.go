package dashboard

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/text/message"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines/diag"
)

// pages are the templates in one language, each read when it is first shown: in four languages they take ten megabytes.
type pages struct {
	speaker
	byName map[string]func() (*template.Template, error)
}

func loadPages() (map[string]*pages, error) {
	texts, err := translations()
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return nil, err
	}
	out := map[string]*pages{}
	for _, tag := range languages {
		s := speaker{tag, message.NewPrinter(tag, message.Catalog(texts))}
		p := &pages{speaker: s, byName: map[string]func() (*template.Template, error){}}
		for _, name := range names {
			page := strings.TrimSuffix(path.Base(name), ".html")
			if page == "layout" || page == "parts" {
				continue
			}
			p.byName[page] = sync.OnceValues(func() (*template.Template, error) {
				return template.New("").Funcs(s.functions()).ParseFS(files, "templates/layout.html", "templates/parts.html", name)
			})
		}
		out[tag.String()] = p
	}
	return out, nil
}

func (s speaker) functions() template.FuncMap {
	return template.FuncMap{
		"t": s.text, "n": s.number, "money": func(n any) string { return s.money(fmt.Sprint(n)) }, "short": s.short, "price": func(n any, currency string) string { return s.price(fmt.Sprint(n), currency) }, "query": queryEscape, "remedy": s.known,
		"pretty": func(data json.RawMessage) string { return pretty(data) },
		"json":   func(v any) string { return scalar(v) },
		"took":   s.took, "schedule": s.schedule,
		"why":   func(v *RecordView) string { return why(*v.Chosen, v.Letters, s.text) },
		"iso":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"clock": func(t time.Time) string { return t.Format("2006-01-02 15:04:05") },
		"spark": spark, "outcomes": func() []string { return []string{"delivered", "unchanged", "filtered", "parked", "dead"} },
		"of": func(c state.Counts, outcome string) int64 {
			return map[string]int64{
				"delivered": c.Delivered, "unchanged": c.Unchanged, "filtered": c.Filtered, "parked": c.Parked, "dead": c.Dead,
			}[outcome]
		},
		"word": func(word string) string { return s.text(word) },
		"figure": func(what string) string {
			if rate, ok := strings.CutPrefix(what, "vat "); ok {
				return s.text("vat %s", rate)
			}
			return s.text(what)
		},
		"past": func(action string) string {
			return s.text(past(action))
		},
		"plus":      func(a, b int) int { return a + b },
		"languages": func() map[string]string { return languageNames },
		"dict": func(pairs ...any) map[string]any {
			m := map[string]any{}
			for i := 0; i+1 < len(pairs); i += 2 {
				m[fmt.Sprint(pairs[i])] = pairs[i+1]
			}
			return m
		},
	}
}

// spark is a small line of values, as the points of an SVG polyline in a box of 120 by 28.
func spark(values []int64) string {
	most := max(1, slices.Max(append([]int64{0}, values...)))
	var b strings.Builder
	for i, v := range values {
		fmt.Fprintf(&b, "%d,%d ", i*120/max(1, len(values)-1), 26-v*24/most)
	}
	return strings.TrimSpace(b.String())
}

// shown is what every page gets.
type shown struct {
	Page     string
	Path     string
	Lang     string
	Person   person
	Version  string
	Dead     string // how many records need somebody, "" = none
	Data     any
	Flash    string
	Fragment bool
}

// mostCounted is how far the records that need somebody are counted in the menu of every page.
const mostCounted = 1000

// page writes a page, or only its content when a part of a page is asked for.
func (r *room) page(w http.ResponseWriter, req *http.Request, name string, data any) {
	p := r.pages[languageOf(req)]
	view := shown{Page: name, Path: req.URL.Path, Lang: p.tag.String(), Person: who(req.Context()), Version: r.Version, Data: data}
	block := "layout"
	if req.Header.Get("HX-Request") != "" && req.Header.Get("HX-Boosted") == "" {
		block = "content"
	} else if name != "login" {
		dead, err := r.Store.DeadCount(req.Context(), mostCounted)
		if err != nil {
			r.Log.Error("a page could not be shown", "page", name, "error", err)
		}
		if view.Dead = fmt.Sprint(dead); dead == mostCounted {
			view.Dead = fmt.Sprint(mostCounted-1, "+")
		} else if dead == 0 {
			view.Dead = ""
		}
	}
	var b bytes.Buffer
	t, err := p.byName[name]()
	if err == nil {
		err = t.ExecuteTemplate(&b, block, view)
	}
	if err != nil {
		r.Log.Error("a page could not be shown", "page", name, "error", err)
		http.Error(w, "This page could not be shown. The log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Add("Vary", "HX-Request, Accept-Language")
	_, _ = w.Write(b.Bytes()) // a browser that is gone needs no page
}

// fail shows an error as a page, or as the answer to a form.
func (r *room) fail(w http.ResponseWriter, req *http.Request, err error) {
	status, message := http.StatusInternalServerError, ""
	var f *fault
	var m *mistakes
	switch {
	case errors.As(err, &f):
		status, message = f.status, f.message
		message = r.pages[languageOf(req)].known(message)
	case errors.As(err, &m):
		status, message = m.GetStatus(), strings.TrimSpace(m.Error())
	default:
		message = r.Clean(err.Error())
		r.Log.Error("a page could not be shown", "path", req.URL.Path, "error", err)
	}
	if req.Header.Get("HX-Request") != "" && status < 500 {
		status = http.StatusOK // so that it is shown where the answer was to be
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	r.page(w, req, "error", message)
}

// get answers with a page made of what do returns.
func (r *room) get(name string, do func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		data, err := do(req)
		if err != nil {
			r.fail(w, req, err)
			return
		}
		r.page(w, req, name, data)
	}
}

// post does something, then shows a page: with htmx in place, otherwise after going there.
func (r *room) post(do func(*http.Request) (to string, err error)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		to, err := do(req)
		if err != nil {
			r.fail(w, req, err)
			return
		}
		http.Redirect(w, req, to, http.StatusSeeOther)
	}
}

func (r *room) routes(mux *http.ServeMux) {
	mux.Handle("GET /assets/", http.HandlerFunc(r.asset))
	mux.HandleFunc("GET /login", r.logIn)
	mux.HandleFunc("POST /login", r.logIn)
	mux.HandleFunc("GET "+oidcPath, r.oidcBegin)
	mux.HandleFunc("GET "+oidcBack, r.oidcReturn)
	mux.HandleFunc("POST /logout", r.logOut)
	mux.HandleFunc("POST /language", r.setLanguage)
	mux.HandleFunc("GET /events", r.events)
	mux.HandleFunc("GET /{$}", r.get("overview", func(req *http.Request) (any, error) { return r.overviewPage(req.Context()) }))
	mux.HandleFunc("GET /pipelines/{name}", r.get("pipeline", func(req *http.Request) (any, error) {
		return r.pipeline(req.Context(), req.PathValue("name"))
	}))
	mux.HandleFunc("GET /pipelines/{name}/runs", r.get("runs", r.runsPage))
	mux.HandleFunc("GET /pipelines/{name}/plan", r.get("plan", func(req *http.Request) (any, error) {
		return r.plan(req.Context(), req.PathValue("name"), req.FormValue("key"))
	}))
	for verb, do := range map[string]func(context.Context, string) error{
		"run":    r.runNow,
		"pause":  func(ctx context.Context, name string) error { return r.halt(ctx, name, true) },
		"resume": func(ctx context.Context, name string) error { return r.halt(ctx, name, false) },
	} {
		mux.HandleFunc("POST /pipelines/{name}/"+verb, r.post(func(req *http.Request) (string, error) {
			name := req.PathValue("name")
			return "/pipelines/" + url.PathEscape(name), do(req.Context(), name)
		}))
	}
	mux.HandleFunc("GET /activity", r.get("activity", r.activityPage))
	mux.HandleFunc("GET /activity/export", r.export)
	mux.HandleFunc("GET /live", r.get("live", func(req *http.Request) (any, error) {
		return r.activity(req.Context(), state.ActivityFilter{Limit: 60})
	}))
	mux.HandleFunc("GET /record", r.get("record", func(req *http.Request) (any, error) {
		entry, _ := strconv.ParseInt(req.FormValue("entry"), 10, 64) // none is the newest
		return r.record(req.Context(), req.FormValue("pipeline"), req.FormValue("key"), entry)
	}))
	r.failureRoutes(mux)
	r.reconciliationRoutes(mux)
	mux.HandleFunc("GET /connections", r.get("connections", func(req *http.Request) (any, error) { return r.connections(req.Context()) }))
	mux.HandleFunc("POST /connections/{address}/check", r.get("checked", func(req *http.Request) (any, error) {
		return r.check(req.Context(), req.PathValue("address"))
	}))
	r.settingsRoutes(mux)
	mux.HandleFunc("GET /nodes", r.get("nodes", r.nodesPage))
}

// overviewPage is the overview with today's orders, once they are known.
type overviewPage struct {
	*Overview
	Causes  []Group // of most of what needs somebody
	Takings []Takings
	Counted bool // they can be asked for
}

func (r *room) overviewPage(ctx context.Context) (any, error) {
	o, err := r.overview(ctx)
	if err != nil {
		return nil, err
	}
	out := &overviewPage{Overview: o, Takings: r.knownTakings(), Counted: len(r.Definition().Project.Reconciles) > 0}
	if o.Dead == 0 {
		return out, nil
	}
	groups, err := r.Store.HeldGroups(ctx, state.HeldFilter{Status: state.HeldDead, Limit: 3})
	for _, g := range groups {
		out.Causes = append(out.Causes, r.group(g))
	}
	return out, err
}

// asset serves a file that never changes while the program lives.
func (r *room) asset(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=3600")
	http.ServeFileFS(w, req, files, strings.TrimPrefix(req.URL.Path, "/"))
}

// found is a page of the activity.
type found struct {
	Filter    searched
	FromText  string
	ToText    string
	Entries   []Entry
	Older     string // address of the next page, "" = none
	CSV       string // address of the same as a file
	Lines     string
	Searched  bool
	Pipelines []string
	Codes     []string
}

func (r *room) activityPage(req *http.Request) (any, error) {
	f, err := readSearch(req.URL.Query())
	if err != nil {
		return nil, err
	}
	out := &found{Filter: f, FromText: req.FormValue("from"), ToText: req.FormValue("to"), Codes: diag.Codes()}
	for _, p := range r.Definition().Project.Pipelines {
		out.Pipelines = append(out.Pipelines, p.Name)
	}
	if out.Entries, err = r.activity(req.Context(), f.filter()); err != nil {
		return nil, err
	}
	q := req.URL.Query()
	q.Del("before")
	out.Searched = len(q) > 0
	address := func(page, name, value string) string {
		with := maps.Clone(q)
		with.Set(name, value)
		return page + "?" + with.Encode()
	}
	out.CSV, out.Lines = address("/activity/export", "format", "csv"), address("/activity/export", "format", "jsonl")
	if len(out.Entries) == f.Limit {
		out.Older = address("/activity", "before", strconv.FormatInt(out.Entries[len(out.Entries)-1].ID, 10))
	}
	return out, nil
}

func readSearch(q url.Values) (searched, error) {
	f := searched{
		Pipeline: q.Get("pipeline"), Outcome: q.Get("outcome"), Code: strings.TrimSpace(q.Get("code")),
		Search: strings.TrimSpace(q.Get("q")), Run: q.Get("run"), Limit: 50,
	}
	f.Before, _ = strconv.ParseInt(q.Get("before"), 10, 64) // none is the newest
	for name, at := range map[string]*time.Time{"from": &f.From, "to": &f.To} {
		text := q.Get(name)
		if text == "" {
			continue
		}
		parsed, err := time.ParseInLocation("2006-01-02T15:04", text, time.Local)
		if err != nil {
			if parsed, err = time.Parse(time.RFC3339, text); err != nil {
				return f, refused(fmt.Sprintf("%q is no time; write it like 2026-01-31T14:00.", text))
			}
		}
		*at = parsed
	}
	return f, nil
}

// told is a search as the audit log keeps it: what was looked for may be an e-mail address or a name.
func told(q url.Values) string {
	if q.Get("q") != "" {
		q.Set("q", run.Masked)
	}
	text, _ := url.QueryUnescape(q.Encode()) // which was escaped just now
	return text
}

// mostExported bounds a file that somebody takes away.
const mostExported = 1_000_000

// export streams what a search finds, as CSV or as JSON lines.
func (r *room) export(w http.ResponseWriter, req *http.Request) {
	f, err := readSearch(req.URL.Query())
	if err != nil {
		r.fail(w, req, err)
		return
	}
	name := "activity-" + r.now().Format("2006-01-02-150405")
	lines := req.FormValue("format") == "jsonl"
	var write func(Entry) error
	flush := func() {}
	if lines {
		w.Header().Set("Content-Type", "application/jsonl")
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		write = func(e Entry) error { return enc.Encode(e) }
	} else {
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		table := csv.NewWriter(w)
		_ = table.Write([]string{"at", "pipeline", "entity", "key", "outcome", "code", "reason", "effects", "run", "took_ms"}) // Error tells
		write = func(e Entry) error {
			effects, err := json.Marshal(e.Effects)
			if err != nil {
				return err
			}
			return table.Write([]string{
				e.At.UTC().Format(time.RFC3339Nano), e.Pipeline, SafeCell(e.Entity), SafeCell(e.Key), string(e.Outcome), SafeCell(e.Code), SafeCell(e.Reason),
				string(effects), e.Run, strconv.FormatFloat(e.TookMS, 'f', -1, 64),
			})
		}
		flush = table.Flush
	}
	ending := map[bool]string{true: ".jsonl", false: ".csv"}[lines]
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+ending+`"`)
	r.note(req.Context(), who(req.Context()).Name, "export", told(req.URL.Query()))
	filter := f.filter()
	filter.Limit = 1000
	for n := 0; n < mostExported; n += filter.Limit {
		page, err := r.activity(req.Context(), filter)
		if err != nil {
			r.Log.Error("an export broke off", "error", err)
			panic(http.ErrAbortHandler) // so that half a file is not taken for a whole one
		}
		for _, e := range page {
			if err := write(e); err != nil {
				return // the browser is gone
			}
		}
		if len(page) < filter.Limit {
			break
		}
		filter.Before = page[len(page)-1].ID
	}
	flush()
}

// SafeCell keeps a spreadsheet from taking a text for a formula, also one that takes wide characters for the usual ones.
func SafeCell(text string) string {
	if first, _ := utf8.DecodeRuneInString(strings.TrimLeft(text, " ")); strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
		return "'" + text
	}
	return text
}

// nodesView is who works, and who may come in.
type nodesView struct {
	Nodes  []NodeLine
	Users  []state.User
	Tokens []state.Pass
	Deeds  []DeedLine
	Admin  bool
	State  string
	Since  time.Time
	Number int
}

func (r *room) nodesPage(req *http.Request) (any, error) {
	ctx := req.Context()
	def := r.Definition()
	out := &nodesView{State: state.SafeName(r.Store.DSN()), Admin: who(ctx).Role.May(Admin), Since: def.Since, Number: def.Number}
	var err error
	if out.Nodes, err = r.nodes(ctx); err != nil || !out.Admin {
		return out, err
	}
	if out.Users, err = r.Store.Users(ctx); err != nil {
		return nil, err
	}
	if out.Tokens, err = r.Store.Tokens(ctx); err != nil {
		return nil, err
	}
	out.Deeds, err = r.deeds(ctx, 0, 50)
	return out, err
}
