package pipelines_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/kopru-io/kopru/pipelines"
)

// TestSecrets: every sensitive value is known for redaction, also what is made of it, and no snippet shows one.
func TestSecrets(t *testing.T) {
	t.Parallel()
	p := load(t, `
env KOPRU_VAR_token=a-token
-- main.hcl --
variable "token" {
  sensitive = true
}
locals {
  header = "Bearer ${var.token}"
}
connection "mpluskassa" "two" {
  url     = "https://a.example"
  ident   = "x"
  secret  = var.token
  headers = { authorization = local.header }
}
`)
	want := []string{"a-token", "Bearer a-token", "till-secret", "books-secret"}
	if d := cmp.Diff(want, p.Secrets); d != "" {
		t.Error(d)
	}
}

// TestSecretsInText: a secret that stands in the project's text is not shown by a snippet.
func TestSecretsInText(t *testing.T) {
	t.Parallel()
	dir, opts := project(t, txtar.Parse([]byte(`
-- main.hcl --
connection "vismanet" "two" {
  client_secret = "hünter2"
}
`)))
	p, diags := pipelines.Load(dir, opts)
	if len(diags) != 1 || diags[0].Code != "lang.plain_secret" {
		t.Errorf("%v", diags)
	}
	text := string(p.Files["main.hcl"])
	if strings.Contains(text, "hünter2") || !strings.Contains(text, `client_secret = "********"`) {
		t.Errorf("the text is %s", text)
	}
}

// TestVersion: a pipeline's version changes with what it does, and with nothing else.
func TestVersion(t *testing.T) {
	t.Parallel()
	archive := `
env KOPRU_VAR_limit=LIMIT
env KOPRU_VAR_token=TOKEN
-- t.js --
export default (r) => r // SCRIPT
-- main.hcl --
variable "limit" {}
variable "token" {
  sensitive = true
}
pipeline "p" {
  source "in" {
    connection = file.here
  }
  filter "f" {
    keep = record.total > var.limit # TEXT
  }
  transform "t" {
    script = "t.js"
  }
}
pipeline "other" {
  description = "OTHER"
  source "in" {
    connection = file.here
  }
}
`
	version := func(replace ...string) string {
		return load(t, strings.NewReplacer(replace...).Replace(archive)).Pipelines[0].Version
	}
	first := version("LIMIT", "5")
	for _, same := range [][]string{{}, {"TOKEN", "another"}, {"OTHER", "another"}} {
		if version(append([]string{"LIMIT", "5"}, same...)...) != first {
			t.Errorf("%v changes the version", same)
		}
	}
	for _, different := range [][]string{{"LIMIT", "6"}, {"LIMIT", "5", "=> r", "=> null"}, {"LIMIT", "5", "TEXT", "another"}} {
		if version(different...) == first {
			t.Errorf("%v does not change the version", different)
		}
	}
}
