package bridge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/mpluskassa"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/vismanet"
)

// A setting is given a value by a test that shows what it does.
func TestSettingsAreTested(t *testing.T) {
	t.Parallel()
	set := map[string]bool{}
	given := regexp.MustCompile(`"([a-z_]+)"|([a-z][a-z_]*)\s*[=:]`)
	for _, pattern := range []string{"*.test.hcl", "*.test.ts", "*_test.go", "../../cmd/kopru/testdata/*.txtar", "../../cmd/kopru/*_test.go", "../../transforms/*_test.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatal(pattern, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range given.FindAllStringSubmatch(string(text), -1) {
				set[m[1]+m[2]] = true
			}
		}
	}
	for _, v := range load(t, nil).Variables {
		if !set[v.Name] {
			t.Errorf("%s: no test sets %s", v.Range.Filename, v.Name)
		}
	}
}

// The README has a table of all settings. UPDATE=1 writes it.
func TestSettingsAreDescribed(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(readme), "go test ./pipelines/... -run TestSettings -->\n")
	_, after, end := strings.Cut(rest, "<!-- end -->")
	if !ok || !end {
		t.Fatal("README.md has no place for the settings")
	}
	want := before + "go test ./pipelines/... -run TestSettings -->\n" + table(t) + "<!-- end -->" + after
	switch {
	case want == string(readme):
	case os.Getenv("UPDATE") == "":
		t.Error("the settings in README.md are not those of the pipelines; UPDATE=1 go test ./pipelines/... -run TestSettings writes them")
	default:
		if err := os.WriteFile("README.md", []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// table lists the settings by their files, those of all flows first, as they stand there.
func table(t *testing.T) string {
	t.Helper()
	settings := load(t, nil).Variables
	common := func(v pipelines.Variable) int {
		if filepath.Base(v.Range.Filename) == "variables.hcl" {
			return 0
		}
		return 1
	}
	slices.SortFunc(settings, func(a, b pipelines.Variable) int {
		return cmp.Or(
			cmp.Compare(common(a), common(b)), cmp.Compare(a.Range.Filename, b.Range.Filename), cmp.Compare(a.Range.Start.Line, b.Range.Start.Line),
		)
	})
	var out strings.Builder
	file := ""
	for _, v := range settings {
		if v.Description == "" {
			t.Errorf("%s has no description", v.Name)
		}
		if name := filepath.Base(v.Range.Filename); name != file {
			file = name
			fmt.Fprintf(&out, "\n**[`%[1]s`](%[1]s)**\n\n| setting | type | default | what |\n|---|---|---|---|\n", file)
		}
		standard, err := json.Marshal(v.Default)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "| `%s` | %s | `%s` | %s |\n", v.Name, v.Type, standard, strings.ReplaceAll(v.Description, "|", "\\|"))
	}
	return out.String() + "\n"
}

// How often a flow runs, where its first read begins and what the till's clock shows are what the settings say.
func TestSchedulesAreSettings(t *testing.T) {
	t.Parallel()
	flows := map[string]struct{ every, start string }{
		"categories":           {"categories_every", ""},
		"categories_from_till": {"categories_every", ""},
		"customers":            {"customers_every", "customers_start"},
		"customers_to_books":   {"customers_every", ""},
		"order_status":         {"order_status_every", ""},
		"orders":               {"orders_every", "orders_start"},
		"orders_to_till":       {"orders_to_till_every", "orders_to_till_start"},
		"products":             {"products_every", "products_start"},
		"products_from_till":   {"products_from_till_every", ""},
		"proposals":            {"proposals_every", "proposals_start"},
		"receipts":             {"receipts_every", "receipts_start"},
		"stock":                {"stock_every", ""},
	}
	names := slices.Sorted(maps.Keys(flows))
	vars := map[string]string{"flows": `["` + strings.Join(names, `","`) + `"]`, "timezone": "Europe/Helsinki"}
	for i, name := range names { // each its own; the last one counts where flows share a setting
		vars[flows[name].every] = fmt.Sprintf("%dm", 101+i)
		if start := flows[name].start; start != "" {
			vars[start] = fmt.Sprintf("2026-03-%02d", 1+i)
		}
	}
	project := load(t, vars)
	for _, c := range project.Connections {
		if c.Name == "shop" && c.Config["timezone"] != vars["timezone"] {
			t.Errorf("the till's clock is that of %v", c.Config["timezone"])
		}
	}
	if len(project.Pipelines) != len(flows) {
		t.Errorf("%d flows, %d of them are known here", len(project.Pipelines), len(flows))
	}
	for _, p := range project.Pipelines {
		flow := flows[p.Name]
		if want, _ := time.ParseDuration(vars[flow.every]); p.Schedule.Every != want {
			t.Errorf("%s runs every %s, not every %s", p.Name, p.Schedule.Every, want)
		}
		if got := p.Source.Options["start"]; flow.start != "" && got != vars[flow.start] {
			t.Errorf("%s starts at %v, not at %s", p.Name, got, vars[flow.start])
		}
	}
}

// Where both sides changed the same, the value of the one counts that customer_owner names. What follows from it is
// in TestBothSidesChanged.
func TestOwnersAreSettings(t *testing.T) {
	t.Parallel()
	project := load(t, map[string]string{
		"flows":          `["customers","customers_to_books"]`,
		"customer_owner": `{ name = "till", phone = "till", email = "books" }`,
	})
	wins := map[string]string{}
	for _, p := range project.Pipelines {
		for _, step := range p.Steps {
			if sink, ok := step.(*pipelines.Sink); ok && sink.Pair != nil {
				wins[sink.Name] = strings.Join(slices.Sorted(maps.Keys(sink.Pair.Wins)), " ")
			}
		}
	}
	want := map[string]string{
		"relation": "active address city contact country deliveryAddress deliveryCity deliveryCountry deliveryZipcode email vatNumber zipcode",
		"customer": "mainContact.name mainContact.phone1 mainContact.phone2 name",
	}
	if !maps.Equal(wins, want) {
		t.Errorf("%q, not %q", wins, want)
	}
}

// load loads the bridge with values for some of its settings.
func load(t *testing.T, vars map[string]string) *pipelines.Project {
	t.Helper()
	project, diags := pipelines.Load(".", pipelines.Options{Catalog: systems{}, Vars: vars, MadeUp: true})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return project
}

// systems are the connectors' own manifests.
type systems struct{}

func (systems) Names() []string { return []string{"mpluskassa", "vismanet"} }

func (systems) Manifest(name string) (*protocol.Manifest, error) {
	if name == "mpluskassa" {
		return mpluskassa.New().Manifest(), nil
	}
	return vismanet.New().Manifest(), nil
}
