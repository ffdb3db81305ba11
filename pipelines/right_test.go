package pipelines_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/record"
)

// load loads a project that has nothing wrong with it.
func load(t *testing.T, archive string) *pipelines.Project {
	t.Helper()
	dir, opts := project(t, txtar.Parse([]byte(archive)))
	p, diags := pipelines.Load(dir, opts)
	for _, d := range diags {
		t.Errorf("%s at %v: %s", d.Code, d.Subject, said(d))
	}
	return p
}

// TestCopy is the example that people try us with.
func TestCopy(t *testing.T) {
	t.Parallel()
	p := load(t, `bare
-- copy.hcl --
connection "file" "here" {
  path = "."
}

pipeline "copy" {
  source "in" {
    connection = file.here
    entity     = "in.jsonl"
    key        = "id"
  }

  transform "shape" {
    set = { id = record.id, total = record.total }
  }

  sink "out" {
    connection = file.here
    entity     = "out.jsonl"
    create     = true
  }
}
`)
	copied := p.Pipelines[0]
	if s := copied.Source; s.Connection != p.Connections[0] || s.Entity != "in.jsonl" || s.Options["key"] != "id" || s.Schema.GetName() != "*" {
		t.Errorf("source: %+v", s)
	}
	got := eval(t, copied.Steps[0].(*pipelines.Transform).Set, `{"id": 1, "total": 12.50, "more": true}`)
	if want := `{"id":1,"total":12.50}`; got != want {
		t.Errorf("shape: %s, want %s", got, want)
	}
	sink := copied.Steps[1].(*pipelines.Sink)
	if sink.Entity != "out.jsonl" || sink.Match != nil || sink.Set != nil || eval(t, sink.Create, `{}`) != "true" {
		t.Errorf("sink: %+v", sink)
	}
}

func eval(t *testing.T, e pipelines.Expr, rec string, results ...any) string {
	t.Helper()
	v, err := record.Decode([]byte(rec))
	if err != nil {
		t.Fatal(err)
	}
	scope := pipelines.Scope{Slots: append([]any{v, v, nil, nil}, results...)}
	got, err := e.Eval(&scope)
	if err != nil {
		return err.Error()
	}
	text, err := record.Encode(got)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestDefaults: what definition.go says of fields that the text leaves out.
func TestDefaults(t *testing.T) {
	t.Parallel()
	p := load(t, `
-- main.hcl --
pipeline "p" {
  source "order" {
    connection = mpluskassa.shop
  }
  filter "f" {
    keep = record.paid
  }
  lookup "customer" {
    connection = vismanet.books
    match      = { email = record.customer.email }
  }
  sink "sales_order" {
    connection = vismanet.books
    match      = { customerOrder = record.orderId }
  }
}
`)
	want := map[string]any{
		"url": "https://till.example.com", "ident": "shop", "secret": "till-secret", "mode": "live", "timezone": "Europe/Amsterdam",
		"page_size": record.Number("100"), "timeout": "30s",
	}
	till := p.Connections[0]
	if d := cmp.Diff(want, till.Config); d != "" || till.Address() != "mpluskassa.shop" || till.Limit != (pipelines.Limit{}) {
		t.Errorf("connection: %s %+v", d, till)
	}
	pipe := p.Pipelines[0]
	if pipe.Schedule.Every != 0 || pipe.Activity != "all" || pipe.Description != "" || len(pipe.Version) != 16 {
		t.Errorf("pipeline: %+v", pipe)
	}
	onError := pipelines.OnError{Attempts: 6, Backoff: "exponential", Initial: time.Second, Max: 15 * time.Minute, Then: "dead_letter", ParkFor: 30 * 24 * time.Hour}
	if pipe.OnError != onError {
		t.Errorf("on_error: %+v", pipe.OnError)
	}
	options := map[string]any{"with_relation": false}
	if d := cmp.Diff(options, pipe.Source.Options); d != "" || pipe.Source.Entity != "order" || pipe.Source.Name != "order" {
		t.Errorf("source: %s %+v", d, pipe.Source)
	}
	if reason := eval(t, pipe.Steps[0].(*pipelines.Filter).Reason, `{}`); reason != `"dropped by filter f"` {
		t.Errorf("reason: %s", reason)
	}
	lookup := pipe.Steps[1].(*pipelines.Lookup)
	if lookup.Slot != pipelines.FirstFreeSlot || lookup.Missing != "null" || lookup.Several != "dead_letter" || lookup.Entity != "customer" {
		t.Errorf("lookup: %+v", lookup)
	}
	s := pipe.Steps[2].(*pipelines.Sink)
	if s.Slot != lookup.Slot+1 || s.Scope != "p.sales_order" || s.Missing != "dead_letter" || s.Several != "dead_letter" || s.UpdateAll ||
		s.Update != nil || s.Protect != nil || s.When != nil || s.ForEach != nil || s.Create != nil || s.Set != nil || s.Link != nil ||
		s.Options["hold"] != false {
		t.Errorf("sink: %+v", s)
	}
}

// TestEverything says everything that can be said.
func TestEverything(t *testing.T) {
	t.Parallel()
	p := load(t, `
-- order.ts --
export default function (order: any, ctx: any) { return { ...order, country: ctx.vars.country } }
-- main.hcl --
require {
  kopru      = "~> 1.0"
  mpluskassa = ">= 1.2, < 2.0"
}

connection "mpluskassa" "second" {
  url       = "http://127.0.0.1:8080"
  ident     = 42
  secret    = env("TILL_SECRET")
  page_size = "50"
  factor    = 1.50
  tags      = ["a", 1]
  headers   = { a = "b" }
  kinds     = { a = { size = 1.50, more = ["x"] } }
  trace     = true
  limit     = { per_second = 2.5, concurrency = 3 }
}

pipeline "p" {
  description = "everything"
  every       = "1h30m"
  activity    = "failures"

  source "order" {
    connection    = mpluskassa.second
    start         = "2026-01-31"
    with_relation = true
  }

  transform "order" {
    script = "order.ts"
    vars   = { country = "NL" }
    limits = { time = "2s", depth = 100, output = 1000 }
  }

  lookup "debtor" {
    connection = vismanet.books
    entity     = "customer"
    match      = { email = record.customer.email }
    missing    = "park"
    several    = "first"
  }

  sink "customer" {
    connection = vismanet.books
    when       = debtor == null
    for_each   = record.lines
    match      = { email = each.value.email }
    create     = each.key == 0
    update     = ["name", "email"]
    protect    = ["status"]
    verify     = true
    set        = { name = each.value.name, mainAddress = { city = "Utrecht" } }
    link       = "line:${each.key}"
    missing    = "skip"
    several    = "first"
  }

  filter "done" {
    keep   = customer[0].number == debtor.number
    reason = "known as ${debtor.number}"
  }

  sink "again" {
    connection = vismanet.books
    entity     = "customer"
    match      = { number = debtor.number }
    update     = "all"
    set        = merge(record.customer, { name = "x" })
  }

  on_error {
    retry    = { attempts = 3, backoff = "constant", initial = "2s", max = "1m" }
    then     = "stop"
    park_key = true
    park_for = "1d12h"
  }
}

pipeline "off" {
  enabled = false
  source "in" {
    connection = file.here
  }
}
`)
	if len(p.Pipelines) != 1 || len(p.Connections) != 4 {
		t.Fatalf("%d pipelines, %d connections", len(p.Pipelines), len(p.Connections))
	}
	second := p.Connections[3]
	want := map[string]any{
		"url": "http://127.0.0.1:8080", "ident": "42", "secret": "till-secret", "mode": "live", "timezone": "Europe/Amsterdam",
		"page_size": record.Number("50"), "timeout": "30s", "factor": record.Number("1.5"), "tags": []any{"a", "1"},
		"headers": map[string]any{"a": "b"}, "trace": true,
		"kinds": map[string]any{"a": map[string]any{"size": record.Number("1.5"), "more": []any{"x"}}},
	}
	if d := cmp.Diff(want, second.Config); d != "" || second.Limit != (pipelines.Limit{PerSecond: 2.5, Concurrency: 3}) {
		t.Errorf("connection: %s %+v", d, second.Limit)
	}
	pipe := p.Pipelines[0]
	if pipe.Schedule.Every != 90*time.Minute || pipe.Activity != "failures" || pipe.Description != "everything" {
		t.Errorf("pipeline: %+v", pipe)
	}
	onError := pipelines.OnError{Attempts: 3, Backoff: "constant", Initial: 2 * time.Second, Max: time.Minute, Then: "stop", ParkFor: 36 * time.Hour, ParkKey: true}
	if pipe.OnError != onError {
		t.Errorf("on_error: %+v", pipe.OnError)
	}
	transform := pipe.Steps[0].(*pipelines.Transform)
	if transform.Script == nil || transform.Set != nil || transform.Vars["country"] != "NL" {
		t.Errorf("transform: %+v", transform)
	}
	debtor, sink := pipe.Steps[1].(*pipelines.Lookup), pipe.Steps[2].(*pipelines.Sink)
	if debtor.Missing != "park" || debtor.Several != "first" || debtor.Entity != "customer" || debtor.Name != "debtor" {
		t.Errorf("lookup: %+v", debtor)
	}
	if d := cmp.Diff(map[string]bool{"name": true, "email": true}, sink.Update); d != "" || !sink.Protect["status"] || sink.UpdateAll || !sink.Verify ||
		sink.Missing != "skip" || sink.Several != "first" || sink.EachSlot != debtor.Slot+1 || sink.Slot != debtor.Slot+2 {
		t.Errorf("sink: %s %+v", d, sink)
	}
	each := map[string]any{"key": record.Number("0"), "value": map[string]any{"email": "a@b.c", "name": "A"}}
	for _, tc := range []struct {
		e    pipelines.Expr
		want string
	}{
		{sink.When, `true`},
		{sink.ForEach, `[]`},
		{sink.Match, `{"email":"a@b.c"}`},
		{sink.Create, `true`},
		{sink.Set, `{"mainAddress":{"city":"Utrecht"},"name":"A"}`},
		{sink.Link, `"line:0"`},
	} {
		if got := eval(t, tc.e, `{"lines": []}`, nil, each); got != tc.want {
			t.Errorf("%v: %s, want %s", tc.e.Range(), got, tc.want)
		}
	}
	if again := pipe.Steps[4].(*pipelines.Sink); !again.UpdateAll || again.Update != nil {
		t.Errorf("again: %+v", again)
	}
}

// TestPrecedence: --var before the environment before files, later files before earlier ones, before the default.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	p := load(t, `
var-file one.vars.hcl
var-file two.vars.hcl
env KOPRU_VAR_e=from the environment
env KOPRU_VAR_f=from the environment
env KOPRU_VAR_list=["a", "b"]
env KOPRU_VAR_word=word
var f=from the command line
var number=1.50
-- kopru.vars.hcl --
b = "from kopru.vars.hcl"
c = "from kopru.vars.hcl"
d = "from kopru.vars.hcl"
e = "from kopru.vars.hcl"
-- one.vars.hcl --
c = "from one"
d = "from one"
-- two.vars.hcl --
d = upper("from two")
-- other.vars.hcl --
a = "not read"
-- main.hcl --
variable "a" {
  default = "from the default"
}
variable "b" {}
variable "c" {}
variable "d" {}
variable "e" {}
variable "f" {
  default = "x"
}
variable "list" {
  type = list(string)
}
variable "number" {
  type = number
}
variable "word" {}
variable "map" {
  type    = map(string)
  default = { a = 1, b = true }
}
variable "object" {
  type    = object({ host = string, port = optional(number) })
  default = { host = "h" }
}
variable "none" {
  nullable = true
  default  = null
}
locals {
  last  = "${local.first}!"
  first = var.a
  later = [for x in var.list : "${local.last}${x}"]
}
pipeline "p" {
  source "in" {
    connection = file.here
  }
  transform "t" {
    set = {
      a = var.a, b = var.b, c = var.c, d = var.d, e = var.e, f = var.f
      list = var.list, number = var.number, word = var.word, map = var.map, none = var.none
      port = var.object.port, absent = var.map.tomorrow, later = local.later
    }
  }
}
`)
	got := eval(t, p.Pipelines[0].Steps[0].(*pipelines.Transform).Set, `{}`)
	want := `{"a":"from the default","absent":null,"b":"from kopru.vars.hcl","c":"from one","d":"FROM TWO","e":"from the environment",` +
		`"f":"from the command line","later":["from the default!a","from the default!b"],"list":["a","b"],"map":{"a":"1","b":"true"},` +
		`"none":null,"number":1.5,"port":null,"word":"word"}`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestFunctions runs the examples of functions, but of those that ask the state of a run or give a secret, and says that the reference is complete.
func TestFunctions(t *testing.T) {
	t.Parallel()
	var lines strings.Builder
	names := map[string]bool{}
	for _, f := range pipelines.Functions() {
		names[f.Name] = true
		if f.Name != "link" && f.Name != "secret" && f.Name != "file" { // the file ends with a line break
			fmt.Fprintf(&lines, "    %s = (%s) == (%s)\n", f.Name, f.Example, f.Result)
		}
	}
	if !names["env"] || !names["file"] || !names["upper"] || !names["try"] || !names["link"] || !names["secret"] {
		t.Errorf("the reference lacks a function: %v", names)
	}
	archive := "\n-- greeting.txt --\nhello\n-- main.hcl --\nlocals {\n  all = {\n" +
		"    file = file(\"greeting.txt\") == \"hello\\n\"\n" + lines.String() + "  }\n}\n" + `
pipeline "p" {
  source "in" {
    connection = file.here
  }
  transform "t" {
    set = local.all
  }
}
`
	p := load(t, archive)
	if got := eval(t, p.Pipelines[0].Steps[0].(*pipelines.Transform).Set, `{}`); strings.Contains(got, ":false") {
		t.Error(got)
	}
}

// TestNothing: without a catalog and an environment there is nothing, and no panic.
func TestNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.hcl"), []byte(base+"variable \"v\" {}\n"))
	_, diags := pipelines.Load(dir, pipelines.Options{})
	codes := map[string]int{}
	for _, d := range diags {
		codes[d.Code]++
	}
	if d := cmp.Diff(map[string]int{"lang.unknown_connector": 3, "expr.function": 2, "var.missing": 1}, codes); d != "" {
		t.Error(d)
	}
	if _, diags := pipelines.Load(filepath.Join(dir, "nowhere"), pipelines.Options{}); !diags.HasErrors() {
		t.Error("a folder that is not there is a project")
	}
}
