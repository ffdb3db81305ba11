package bridge

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// untested are the settings that no test names yet. It may only get shorter.
var untested = strings.Fields(`
attribute_fields attribute_values categories_every category_attribute_name customer_owner customers_every
customers_start item_custom_field_attributes order_status_every
order_statuses orders_to_till_every orders_to_till_start orders_to_till_types products_every
products_from_till_every products_start relation_categories several_customers till_branch
till_delivery_methods till_workplace turnover_groups update_groups vat_codes
`)

// A setting is named by a test that shows what it does.
func TestSettingsAreTested(t *testing.T) {
	t.Parallel()
	var tests strings.Builder
	for _, pattern := range []string{"*.test.hcl", "*.test.ts", "../../cmd/kopru/testdata/*.txtar", "../../cmd/kopru/*_test.go", "../../transforms/*_test.go"} {
		for _, text := range texts(t, pattern) {
			tests.WriteString(text)
		}
	}
	declared := regexp.MustCompile(`(?m)^variable "([a-z_]+)"`)
	for name, text := range texts(t, "*.hcl") {
		for _, v := range declared.FindAllStringSubmatch(text, -1) {
			named := regexp.MustCompile(`(\b|KOPRU_VAR_)` + v[1] + `\b`).MatchString(tests.String())
			switch known := slices.Contains(untested, v[1]); {
			case !named && !known:
				t.Errorf("%s: no test names %s", name, v[1])
			case named && known:
				t.Errorf("%s is tested: take it off the list", v[1])
			}
		}
	}
}

func texts(t *testing.T, pattern string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatal(pattern, err)
	}
	out := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = string(text)
	}
	return out
}
