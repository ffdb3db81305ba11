package mpluskassa

import (
	"slices"
	"strings"
	"testing"

	"github.com/kopru-io/kopru/plugins/sdk"
)

// Several articles are asked for with one call by PLU number and one by article number, whatever is wrong with one of the
// questions, and each answer has what its question asked for.
func TestArticlesAreFoundTogether(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	plus := map[string]string{"TRUI": "501", "36": "502", "CAPPED": "504"}
	till.answers["getProducts"] = func(r *node) string {
		q := r.child("request")
		var out []string
		for _, n := range q.all("articleNumbers") {
			if n.text == "35" || n.text == "503" {
				out = append(out, el("article", el("articleNumber", n.text)))
			}
		}
		if texts := q.child("pluNumbers"); texts != nil {
			for _, text := range texts.all("text") {
				if number, there := plus[text.value("text")]; there && len(out) < 2 { // a page of two
					out = append(out, el("article", el("articleNumber", number), el("pluNumber", text.value("text"))))
				}
			}
		}
		return soap("GetProductsResponse", el("productList", el("product", el("productNumber", 3), el("articleList", strings.Join(out, "")))))
	}
	c := till.open(t, nil)
	sku := func(s string) sdk.Query { return sdk.Query{Match: map[string]any{"sku": s}} }
	queries := []sdk.Query{sku("TRUI"), sku("35"), sku("none"), {ID: "503"}, {}, sku("36"), sku("TRUI"), sku("CAPPED")}
	answers, err := c.LookupBatch(t.Context(), "article", queries)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range answers {
		switch {
		case a.Err != nil:
			got = append(got, classOf(a.Err).String())
		default:
			got = append(got, ids(a.Found))
		}
	}
	want := []string{"501", "35", "", "503", invalid.String(), "502", "501", "504"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	// Three by PLU number, as a page holds two and what is missing is asked for once more; two by article number.
	if n := till.count("getProducts"); n != 5 {
		t.Errorf("%d calls", n)
	}
}

func TestOneBadQuestionHarmsNoOther(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	till.answers["getProducts"] = func(r *node) string {
		number := r.child("request").all("articleNumbers")
		if slices.ContainsFunc(number, func(n *node) bool { return n.text == "13" }) {
			return faultOf("SOAP-ENV:Client", "Validation constraint violation")
		}
		return soap("GetProductsResponse", el("productList", el("product", el("productNumber", 3),
			el("articleList", el("article", el("articleNumber", number[0].text))))))
	}
	c := till.open(t, nil)
	answers, err := c.LookupBatch(t.Context(), "article", []sdk.Query{{ID: "12"}, {ID: "13"}})
	if err != nil {
		t.Fatal(err)
	}
	if ids(answers[0].Found) != "12" || classOf(answers[1].Err) != invalid {
		t.Errorf("%+v", answers)
	}
}
