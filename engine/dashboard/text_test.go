package dashboard

import (
	"encoding/json"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kopru-io/kopru/pipelines/diag"
)

var spoken = regexp.MustCompile(`(?:\{\{|\()(?:[^{}"]*\s)?t "([^"]+)"`)

// TestEverythingIsTranslated: each text of the templates, each outcome and each health, in every language.
func TestEverythingIsTranslated(t *testing.T) {
	t.Parallel()
	want := slices.Concat(healthOrder, []string{
		"delivered", "unchanged", "filtered", "parked", "dead", "discarded", "created", "updated", "same", "source", "lookup",
		"transform", "sink", "succeeded", "partial", "failed", "viewer", "operator", "admin", "released", "superseded",
		"ms", "s", "min", "h", "d", "every %s", "when told to", "Say why: the reason is kept with the letter and in the activity.",
		"Skipped: %s.", "Left alone: everything it asks for stands in the target already.", "Delivered.", "Delivered: %s.", "Closed by a person: %s.",
		"Waits at step %q for %s, and is tried again as soon as that is there.", "Waited: %s.", "Failed at step %q: %s", "Failed: %s",
	})
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range spoken.FindAllSubmatch(text, -1) {
			want = append(want, string(m[1]))
		}
	}
	for _, code := range diag.Codes() {
		// What a project, a release or a test is refused for is no letter's, and told where that is loaded.
		if family, _, _ := strings.Cut(code, "."); !slices.Contains([]string{"alert", "lang", "release", "test", "var"}, family) {
			want = append(want, diag.Explain(code))
		}
	}
	if len(want) < 220 {
		t.Fatalf("only %d texts found", len(want))
	}
	for _, tag := range languages[1:] {
		data, err := files.ReadFile("lang/" + tag.String() + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var texts map[string]string
		if err := json.Unmarshal(data, &texts); err != nil {
			t.Fatal(err)
		}
		for _, english := range want {
			if texts[english] == "" {
				t.Errorf("%s: %q is not translated", tag, english)
			}
		}
	}
}

func TestPagesAreTemplates(t *testing.T) {
	t.Parallel()
	all, err := loadPages()
	if err != nil {
		t.Fatal(err)
	}
	for lang, p := range all {
		for name, page := range p.byName {
			if _, err := page(); err != nil {
				t.Errorf("%s in %s: %v", name, lang, err)
			}
		}
	}
}

func TestNumbersByLocale(t *testing.T) {
	t.Parallel()
	all, err := loadPages()
	if err != nil {
		t.Fatal(err)
	}
	for lang, want := range map[string][2]string{
		"en": {"1,234,567", "12.3 k"}, "nl": {"1.234.567", "12,3 k"}, "tr": {"1.234.567", "12,3 k"}, "nb": {"1\u00a0234\u00a0567", "12,3 k"},
	} {
		if got := [2]string{all[lang].number(1234567), all[lang].short(12345)}; got != want {
			t.Errorf("%s: %q, want %q", lang, got, want)
		}
	}
	for ms, want := range map[int64]string{0: "0\u00a0ms", 999: "999\u00a0ms", 12_340: "12,3\u00a0sn", 3_599_999: "59\u00a0dk 59\u00a0sn", 3_621_930: "1\u00a0sa 0\u00a0dk", 90_000_000: "1\u00a0gün 1\u00a0sa"} {
		if got := all["tr"].took(ms); got != want {
			t.Errorf("%d ms: %q, want %q", ms, got, want)
		}
	}
	for d, want := range map[time.Duration]string{720 * time.Hour: "30d", 15 * time.Minute: "15m", 90 * time.Minute: "1h30m", time.Hour: "1h", 10 * time.Second: "10s", 610 * time.Second: "10m10s"} {
		if got := written(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	for lang, want := range map[string][4]string{
		"en": {"€1,234.50", "−€0.05", "¥1,500", "12.00"}, "nl": {"€\u00a01.234,50", "€\u00a0−0,05", "JP¥\u00a01.500", "12,00"},
		"nb": {"1\u00a0234,50\u00a0€", "−0,05\u00a0€", "1\u00a0500\u00a0JPY", "12,00"}, "tr": {"€1.234,50", "−€0,05", "¥1.500", "12,00"},
	} {
		l := all[lang]
		got := [4]string{l.price("1234.50", "EUR"), l.price("-0.05", "EUR"), l.price("1500.00", "JPY"), l.price("12.00", "")}
		if got != want {
			t.Errorf("%s: %q, want %q", lang, got, want)
		}
		if text := l.price("9.00", "beans"); text != l.money("9.00")+"\u00a0beans" {
			t.Errorf("%s: %q", lang, text)
		}
	}
	if got := spark([]int64{0, 2, 4}); got != "0,26 60,14 120,2" {
		t.Errorf("%q", got)
	}
	if got := midnight(time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)); got.Hour() != 0 || got.Day() != 4 {
		t.Errorf("%v", got)
	}
}
