package lsp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/a-h/templ/lsp/jsonrpc2"
	"github.com/a-h/templ/lsp/protocol"
	"github.com/a-h/templ/lsp/uri"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/pipelines/lsp"
	"github.com/kopru-io/kopru/plugins/http"
	"github.com/kopru-io/kopru/plugins/mpluskassa"
	connector "github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/vismanet"
)

// TestMain is the server of the tests, too.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "serve" {
		opts := pipelines.Options{Catalog: shipped{}}
		if err := lsp.Serve(context.Background(), stdio{}, "1.2.3", func(string) pipelines.Options { return opts }); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

type stdio struct{}

func (stdio) Read(p []byte) (int, error)  { return os.Stdin.Read(p) }
func (stdio) Write(p []byte) (int, error) { return os.Stdout.Write(p) }
func (stdio) Close() error                { return os.Stdin.Close() }

// shipped are the connectors of the bridge.
type shipped struct{}

func (shipped) Names() []string { return []string{"mpluskassa", "vismanet", "http"} }
func (shipped) Manifest(name string) (*connector.Manifest, error) {
	switch name {
	case "mpluskassa":
		return mpluskassa.New().Manifest(), nil
	case "vismanet":
		return vismanet.New().Manifest(), nil
	case "http":
		return http.New().Manifest(), nil
	}
	return nil, errors.New("it is not installed")
}

// editor is a client of the language server, as an editor is.
type editor struct {
	protocol.Client

	t       *testing.T
	server  protocol.Server
	dir     string
	file    string // the one that is edited
	text    string
	version int32
	told    chan *protocol.PublishDiagnosticsParams
}

// PublishDiagnostics takes what the server says is wrong.
func (e *editor) PublishDiagnostics(_ context.Context, p *protocol.PublishDiagnosticsParams) error {
	e.told <- p
	return nil
}

type pipes struct {
	io.Reader
	io.WriteCloser
}

const edited = `connection "mpluskassa" "shop" {
  url    = env("NOT_SET_URL")
  ident  = env("NOT_SET_IDENT")
  secret = env("NOT_SET_SECRET")
}

connection "vismanet" "books" {
  client_id     = env("NOT_SET")
  client_secret = env("NOT_SET")
  tenant_id     = env("NOT_SET")
}

variable "country" {
  default     = "NL"
  description = "Where the shop is"
}

pipeline "orders" {
  source "order" {
    connection = mpluskassa.shop
  }
  filter "open" {
    keep = record.cancelState != "x" && var.country != "" # 😀 record
  }
  transform "t" {
    script = "t.ts"
  }
  sink "customer" {
    connection = vismanet.books
    match      = { email = "a@example.com" }
    set = {
      name = "x"
    }
  }
}
`

// besides are the other files of the project that TestLSP edits, and the template that it uses.
var besides = map[string]string{
	"use.hcl":             "use \"base\" {\n  source = \"../base\"\n  with   = { zone = \"SE\" }\n}\n",
	"kopru.vars.hcl":      "country = \"NO\"\n",
	"orders.test.hcl":     tested,
	"../base/extra.hcl":   "# of the template\nvariable \"zone\" {\n  default     = \"NL\"\n  description = \"Where the zone is\"\n}\n",
	"../base/replied.hcl": replied,
	"../base/reply.ts":    "export default (r) => r;\n",
}

const replied = `pipeline "replies" {
  description = "What the till replies"
  source "order" {
    connection = mpluskassa.shop
  }
  transform "reply" {
    script = "reply.ts"
    vars   = { zone = var.zone }
  }
  sink "customer" {
    connection = vismanet.books
    match      = { email = "a@example.com" }
    set        = { name = "x" }
  }
}
`

const tested = `locals {
  person = { name = "Jan" }
}

test "a reply" {
  pipeline = "replies"
  record   = { orderId = local.person.name }
  outcome  = "delivered"

  given "customer" {
    record = { name = upper("x") }
  }

  expect "customer" {
    create = { name = "x" }
  }
}
`

// TestBlocks asks in files that are not the pipelines' own: tests, settings, and what uses a template.
func TestBlocks(t *testing.T) {
	t.Parallel()
	e := startEditor(t)
	e.change(edited)
	e.wait()
	t.Run("completion", func(t *testing.T) {
		for name, row := range map[string]struct{ file, text, want string }{
			"use":         {"use.hcl", "use \"b\" {\n  sou|\n}\n", "source"},
			"with":        {"use.hcl", "use \"b\" {\n  source = \"../base\"\n  with = {\n    zo|\n  }\n}\n", "zone"},
			"alert":       {"alert.hcl", "alert \"a\" {\n  t|\n}\n", "to"},
			"test":        {"orders.test.hcl", "test \"t\" {\n  rec|\n}\n", "records"},
			"test blocks": {"orders.test.hcl", "test \"t\" {\n  exp|\n}\n", "expect"},
			"outcome":     {"orders.test.hcl", "test \"t\" {\n  outcome = \"|\"\n}\n", "parked"},
			"top":         {"orders.test.hcl", "te|\n", "test"},
			"settings":    {"kopru.vars.hcl", "cou|\n", "country"},
		} {
			before, after, _ := strings.Cut(row.text, "|")
			e.edit(row.file, before+after)
			list, err := e.server.Completion(t.Context(), &protocol.CompletionParams{TextDocumentPositionParams: e.at(before)})
			if err != nil || !slices.ContainsFunc(list.Items, func(i protocol.CompletionItem) bool { return i.Label == row.want }) {
				t.Errorf("%s: %+v %v", name, list, err)
			}
			e.close()
		}
	})
	t.Run("hover and definition", func(t *testing.T) {
		for _, row := range []struct{ file, behind, says, from string }{
			{"orders.test.hcl", "tes", "Runs a pipeline with records", ""},
			{"orders.test.hcl", "  outc", "How the records end", ""},
			{"orders.test.hcl", "pipeline = \"repl", "What the till replies", "base/replied.hcl:0"},
			{"orders.test.hcl", "local.pers", "", "shop/orders.test.hcl:1"},
			{"orders.test.hcl", "upp", "Upper case", ""},
			{"orders.test.hcl", "given \"cust", "of vismanet.books: A debtor", ""},
			{"orders.test.hcl", "expect \"cust", "a step of replies", "base/replied.hcl:9"},
			{"orders.test.hcl", "create = { na", "ame", ""},
			{"use.hcl", "{ zon", "Where the zone is", "base/extra.hcl:1"},
			{"use.hcl", "  wit", "Values for the template", ""},
			{"kopru.vars.hcl", "coun", "Where the shop is", "shop/main.hcl:12"},
		} {
			e.edit(row.file, besides[row.file])
			at := e.behind(t, row.behind)
			shown, err := e.server.Hover(t.Context(), &protocol.HoverParams{TextDocumentPositionParams: at})
			if err != nil || row.says != "" && (shown == nil || !strings.Contains(shown.Contents.Value, row.says)) {
				t.Errorf("%q: %+v %v", row.behind, shown, err)
			}
			got, err := e.server.Definition(t.Context(), &protocol.DefinitionParams{TextDocumentPositionParams: at})
			from := ""
			if len(got) == 1 {
				path := got[0].URI.Filename()
				from = fmt.Sprintf("%s/%s:%d", filepath.Base(filepath.Dir(path)), filepath.Base(path), got[0].Range.Start.Line)
				if _, err := os.Stat(path); err != nil {
					t.Error(err)
				}
			}
			if err != nil || from != row.from {
				t.Errorf("%q comes from %s %v", row.behind, from, err)
			}
			e.close()
		}
	})
	t.Run("diagnostics", func(t *testing.T) {
		for file, row := range map[string][3]string{
			"orders.test.hcl": {"create = { name", "create = { nam", `Did you mean "name"?`},
			"kopru.vars.hcl":  {"country", "contry", `Did you mean "country"?`},
			"use.hcl":         {"zone", "zon", `Did you mean "zone"?`},
		} {
			e.edit(file, strings.Replace(besides[file], row[0], row[1], 1))
			if p := e.wait(); len(p.Diagnostics) != 1 || !strings.Contains(p.Diagnostics[0].Message, row[2]) {
				t.Errorf("%s: %+v", file, p.Diagnostics)
			}
			e.edit(file, besides[file])
			if p := e.wait(); len(p.Diagnostics) > 0 {
				t.Errorf("%s: %+v", file, p.Diagnostics)
			}
			e.close()
		}
	})
}

// TestLSP drives the language server as an editor does: over standard input and output, with texts that are not saved.
func TestLSP(t *testing.T) {
	t.Parallel()
	e := startEditor(t)
	e.change(edited)
	if p := e.wait(); len(p.Diagnostics) > 0 {
		t.Fatalf("%+v", p.Diagnostics)
	}

	e.change(strings.Replace(edited, `record.cancelState != "x"`, `/* 😀 */ record.cancelStat != "x"`, 1))
	p := e.wait()
	if len(p.Diagnostics) != 1 || p.Diagnostics[0].Code != "lang.unknown_field" || !strings.Contains(p.Diagnostics[0].Message, `Did you mean "cancelState"?`) {
		t.Fatalf("%+v", p.Diagnostics)
	}
	if rng := p.Diagnostics[0].Range; rng.Start.Line != 22 || rng.Start.Character != 26 { // an emoji is two units
		t.Errorf("%+v", rng)
	}
	e.change(edited)
	if p := e.wait(); len(p.Diagnostics) > 0 {
		t.Fatalf("%+v", p.Diagnostics)
	}

	t.Run("completion", e.completion)
	t.Run("hover", e.hover)
	t.Run("definition", e.definition)
	t.Run("format", e.format)
}

// completion: | is where the editor asks.
func (e *editor) completion(t *testing.T) {
	const web = "connection \"http\" \"web\" {\n  url = \"https://example.com\"\n  entities = {\n    basket = { path = \"/b\", fields = { colour = \"string\" } }\n    visit = { path = \"/v\" }\n  }\n}\n"
	for name, row := range map[string]struct{ instead, of, want, not string }{
		"fields":           {"record.|", "record.cancelState", "cancelState orderId totalInclAmount", "name"},
		"deep fields":      {"record.relation.em|", "record.cancelState", "email", "orderId"},
		"names":            {"|", "record.cancelState", "record var lower meta", "customer open"},
		"loop variables":   {"[for l in record.lineList : l.|]", "record.cancelState", "articleNumber text", "orderId"},
		"variables":        {"var.|", "var.country", "country", "record"},
		"blocks":           {"  fil|\n  filter \"open\"", "  filter \"open\"", "filter sink on_error description every", "keep"},
		"top":              {"pip|\nvariable", "variable", "pipeline connection locals", "source"},
		"attributes":       {"keep = true\n    rea|", "keep =", "reason", "keep set"},
		"settings":         {"tenant_id = \"x\"\n  api|", "tenant_id     =", "api_url", "tenant_id url"},
		"source settings":  {"with_|\n    connection = mpluskassa", "connection = mpluskassa", "with_relation start", "reason"},
		"connections":      {"connection = |\n    match", "connection = vismanet.books\n    match", "vismanet.books mpluskassa.shop", "record"},
		"connection names": {"connection = vismanet.|\n    match", "connection = vismanet.books\n    match", "books", "shop"},
		"connectors":       {"connection \"mp|\" \"shop\"", "connection \"mpluskassa\" \"shop\"", "mpluskassa vismanet", "shop"},
		"entities":         {"source \"ord|\"", "source \"order\"", "order article_group", "sales_order"},
		"declared":         {web + "pipeline \"w\" {\n  source \"bas|\" {\n    connection = http.web\n  }\n}\npipeline", "pipeline", "basket visit", "order"},
		"declared fields":  {web + "pipeline \"w\" {\n  source \"basket\" {\n    connection = http.web\n  }\n  filter \"f\" {\n    keep = record.|\n  }\n}\npipeline", "pipeline", "colour", "orderId"},
		"sink fields":      {"name = \"x\"\n      vat|", "name = \"x\"", "vatRegistrationId", "every"},
		"match fields":     {"match = { em| }", "match      = { email = \"a@example.com\" }", "email", "mainAddress"},
		"words":            {"missing = \"|\"\n    match", "match  ", "park dead_letter skip null", "first"},
		"scripts":          {"script = \"|\"", "script = \"t.ts\"", "t.ts", "main.hcl"},
	} {
		text := strings.Replace(edited, row.of, row.instead, 1)
		if text == edited {
			t.Fatalf("%s: %q is not there", name, row.of)
		}
		before, after, _ := strings.Cut(text, "|")
		e.change(before + after)
		e.wait()
		list, err := e.server.Completion(t.Context(), &protocol.CompletionParams{TextDocumentPositionParams: e.at(before)})
		if err != nil {
			t.Fatal(err)
		}
		var labels []string
		for _, item := range list.Items {
			labels = append(labels, item.Label)
		}
		for want := range strings.FieldsSeq(row.want) {
			if !slices.Contains(labels, want) {
				t.Errorf("%s: there is no %s in %v", name, want, labels)
			}
		}
		for not := range strings.FieldsSeq(row.not) {
			if slices.Contains(labels, not) {
				t.Errorf("%s: %s is offered", name, not)
			}
		}
	}
	e.change(edited)
	e.wait()
}

func (e *editor) hover(t *testing.T) {
	for behind, want := range map[string]string{
		"keep = record.canc": "How far it is cancelled",
		"&& var.coun":        "Where the shop is",
		"keep = rec":         "order of mpluskassa",
		"ke":                 "Only records for which it is true go on",
		"filt":               "Lets records go on",
		"connection \"vism":  "Visma",
		"connection \"vismanet\" \"books\" {\n  client_": "Example",
		"url    = en": "A variable of the environment",
	} {
		got, err := e.server.Hover(t.Context(), &protocol.HoverParams{TextDocumentPositionParams: e.behind(t, behind)})
		if err != nil || got == nil || !strings.Contains(got.Contents.Value, want) {
			t.Errorf("%q: %+v %v", behind, got, err)
		}
	}
}

func (e *editor) definition(t *testing.T) {
	for behind, want := range map[string]string{
		"&& var.coun":             "main.hcl:12",
		"keep = rec":              "main.hcl:18",
		"connection = vismanet.b": "main.hcl:6",
		"script = \"t":            "t.ts:0",
	} {
		got, err := e.server.Definition(t.Context(), &protocol.DefinitionParams{TextDocumentPositionParams: e.behind(t, behind)})
		if err != nil || len(got) != 1 {
			t.Errorf("%q: %+v %v", behind, got, err)
			continue
		}
		if at := fmt.Sprintf("%s:%d", filepath.Base(got[0].URI.Filename()), got[0].Range.Start.Line); at != want {
			t.Errorf("%q: %s", behind, at)
		}
	}
}

func (e *editor) format(t *testing.T) {
	e.change(strings.Replace(edited, "client_id     =", "client_id =", 1))
	e.wait()
	edits, err := e.server.Formatting(t.Context(), &protocol.DocumentFormattingParams{TextDocument: protocol.TextDocumentIdentifier{URI: e.uri()}})
	if err != nil || len(edits) != 1 || !strings.Contains(edits[0].NewText, "client_id     =") {
		t.Errorf("%+v %v", edits, err)
	}
}

func startEditor(t *testing.T) *editor {
	t.Helper()
	e := &editor{t: t, dir: filepath.Join(t.TempDir(), "shop"), file: "main.hcl", told: make(chan *protocol.PublishDiagnosticsParams, 1000)}
	files := maps.Clone(besides)
	files["main.hcl"], files["t.ts"] = "# nothing of it is saved yet\n", "export default (r) => r;\n"
	for name, text := range files {
		path := filepath.Join(e.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(os.Args[0], "serve")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, conn, server := protocol.NewClient(context.Background(), e, jsonrpc2.NewStream(pipes{out, in}), slog.New(slog.DiscardHandler))
	e.server = server
	if _, err := server.Initialize(t.Context(), &protocol.InitializeParams{}); err != nil {
		t.Fatal(err)
	}
	if err := server.Initialized(t.Context(), &protocol.InitializedParams{}); err != nil {
		t.Fatal(err)
	}
	open := protocol.TextDocumentItem{URI: e.uri(), LanguageID: "hcl", Text: edited}
	if err := server.DidOpen(t.Context(), &protocol.DidOpenTextDocumentParams{TextDocument: open}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		_ = server.Shutdown(ctx)
		_ = server.Exit(ctx)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server ended with %v", err)
		}
		_ = conn.Close()
	})
	return e
}

func (e *editor) uri() uri.URI { return uri.File(filepath.Join(e.dir, e.file)) }

// wait returns what the server says of the newest text.
func (e *editor) wait() *protocol.PublishDiagnosticsParams {
	e.t.Helper()
	for {
		select {
		case p := <-e.told:
			if p.URI == e.uri() && p.Version == uint32(e.version) {
				return p
			}
		case <-time.After(time.Minute):
			e.t.Fatal("the server says nothing")
		}
	}
}

// at is the end of a text, as a place in the document.
func (e *editor) at(before string) protocol.TextDocumentPositionParams {
	last := before[strings.LastIndex(before, "\n")+1:]
	return protocol.TextDocumentPositionParams{
		TextDocument: protocol.TextDocumentIdentifier{URI: e.uri()},
		Position:     protocol.Position{Line: uint32(strings.Count(before, "\n")), Character: uint32(len(utf16.Encode([]rune(last))))},
	}
}

// behind is the place behind a part of the document.
func (e *editor) behind(t *testing.T, part string) protocol.TextDocumentPositionParams {
	t.Helper()
	before, _, ok := strings.Cut(e.text, part)
	if !ok {
		t.Fatalf("%q is not there", part)
	}
	return e.at(before + part)
}

// edit opens another file, or changes its text when it is the one that is open.
func (e *editor) edit(file, text string) {
	e.t.Helper()
	if file == e.file {
		e.change(text)
		return
	}
	e.file, e.text = file, text
	e.version++
	open := protocol.TextDocumentItem{URI: e.uri(), LanguageID: "hcl", Version: e.version, Text: text}
	if err := e.server.DidOpen(context.Background(), &protocol.DidOpenTextDocumentParams{TextDocument: open}); err != nil {
		e.t.Fatal(err)
	}
}

// close closes the file that edit opened, so that what is on the disk counts.
func (e *editor) close() {
	e.t.Helper()
	err := e.server.DidClose(context.Background(), &protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: e.uri()}})
	if err != nil {
		e.t.Fatal(err)
	}
	e.file = ""
}

// change types a text.
func (e *editor) change(text string) {
	e.t.Helper()
	e.text = text
	e.version++
	err := e.server.DidChange(context.Background(), &protocol.DidChangeTextDocumentParams{
		TextDocument: protocol.VersionedTextDocumentIdentifier{
			TextDocumentIdentifier: protocol.TextDocumentIdentifier{URI: e.uri()}, Version: e.version,
		},
		ContentChanges: []protocol.TextDocumentContentChangeEvent{{Text: text}},
	})
	if err != nil {
		e.t.Fatal(err)
	}
}
