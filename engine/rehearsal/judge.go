package rehearsal

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/rogpeppe/go-internal/diff"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/plugins/record"
)

func failure(rng hcl.Range, summary, detail string) diag.Diagnostic {
	return diag.Diagnostic{Severity: diag.Error, Code: "test.failed", Summary: summary, Detail: detail, Subject: rng.Ptr()}
}

// judge compares what happened with what a test expects. What follows from a wrong outcome is not told as well.
func judge(t *pipelines.Test, records []Record) diag.List {
	var out diag.List
	if len(records) != len(t.Records) { // the run stops only with an error
		return diag.List{failure(t.Range, "Not all records were read", fmt.Sprintf("%d of %d were.", len(records), len(t.Records)))}
	}
	for i, r := range records {
		out = append(out, judgeOutcome(t, i, r)...)
	}
	if len(out) > 0 {
		return out
	}
	for _, e := range t.Expect {
		switch step := e.Step.(type) {
		case *pipelines.Transform:
			out = append(out, judgeTransform(e, step, records)...)
		case *pipelines.Sink:
			out = append(out, judgeSink(e, step, run.ActionCreate, e.Create, records)...)
			out = append(out, judgeSink(e, step, run.ActionUpdate, e.Update, records)...)
		}
	}
	return out
}

// nth is what a list says of record i: the only element counts for all.
func nth(list []string, i int) string {
	switch {
	case len(list) == 0:
		return ""
	case len(list) == 1:
		return list[0]
	}
	return list[i]
}

func judgeOutcome(t *pipelines.Test, i int, r Record) diag.List {
	which := "The record"
	if len(t.Records) > 1 {
		which = fmt.Sprintf("Record %d (%s)", i+1, t.Records[i].Key)
	}
	want := nth(t.Outcome, i)
	good := want == string(r.Outcome) || want == "" && (r.Outcome == state.Delivered || r.Outcome == state.Unchanged)
	if want == "" {
		want = "delivered"
	}
	switch reason := nth(t.Reason, i); {
	case !good:
		return diag.List{failure(t.Place("outcome"), fmt.Sprintf("%s is %s, not %s", which, r.Outcome, want), r.account(t))}
	case !strings.Contains(r.Reason, reason):
		return diag.List{failure(t.Place("reason"), which+" has another reason", contrast(reason, r.Reason))}
	case t.Code != "" && r.Code != t.Code:
		return diag.List{failure(t.Place("code"), which+" has another code", contrast(t.Code, r.Code))}
	}
	return nil
}

// account says in a sentence how a record ended.
func (r Record) account(t *pipelines.Test) string {
	switch {
	case r.Step == "" && len(r.Sent) == 0:
		return "It came through all steps (" + stepsOf(t.Pipeline) + "), and nothing was to be written."
	case r.Step == "":
		return "It came through all steps: " + stepsOf(t.Pipeline) + "."
	}
	text := fmt.Sprintf("It ended at %q: %s", r.Step, strings.TrimSuffix(r.Reason, "."))
	if r.Outcome != state.Filtered {
		text += fmt.Sprintf(" [%s]", r.Code)
	}
	return text + "."
}

func judgeTransform(e *pipelines.Expect, step *pipelines.Transform, records []Record) diag.List {
	if e.Record == nil {
		return nil
	}
	var got []map[string]any
	for _, r := range records {
		if value, ok := r.after[step.Name].(map[string]any); ok {
			got = append(got, value)
		}
	}
	return compare(e, e.Record, step.Name, "records came out of it", got, records)
}

func judgeSink(e *pipelines.Expect, step *pipelines.Sink, action string, want *pipelines.Wanted, records []Record) diag.List {
	if want == nil {
		return nil
	}
	var got []map[string]any
	for _, r := range records {
		for _, s := range r.Sent {
			if s.Step == step.Name && s.Action == action {
				got = append(got, s.Fields)
			}
		}
	}
	return compare(e, want, step.Name, action+"s were sent", got, records)
}

func compare(e *pipelines.Expect, want *pipelines.Wanted, step, what string, got []map[string]any, records []Record) diag.List {
	if len(got) != len(want.Objects) {
		return diag.List{failure(want.Range, fmt.Sprintf("%s: %d %s, not %d", step, len(got), what, len(want.Objects)), shown(got, records))}
	}
	var out diag.List
	for i, object := range want.Objects {
		for _, c := range record.Diff(got[i], object) {
			out = append(out, failure(want.Place(i, c.Field), step+": "+c.Field+" is something else", contrast(c.To, c.From)))
		}
		if !e.Exact {
			continue
		}
		for _, c := range record.Diff(object, got[i]) {
			if c.From == nil && !slices.ContainsFunc(out, func(d diag.Diagnostic) bool { return strings.HasPrefix(d.Summary, step+": "+c.Field+" ") }) {
				out = append(out, failure(want.Place(i, ""), step+": "+c.Field+" was not expected", contrast(nil, c.To)))
			}
		}
	}
	return out
}

// shown is what there was, in the place of what was expected.
func shown(got []map[string]any, records []Record) string {
	if len(got) > 0 {
		return "There were:\n" + lines(got)
	}
	var ends []string
	for _, r := range records {
		end := string(r.Outcome)
		if r.Reason != "" {
			end += ": " + r.Reason
		}
		ends = append(ends, end)
	}
	return "Outcome: " + strings.Join(ends, "; ") + "."
}

// contrast shows what was expected and what there is: on a line each where they are short, else as a difference of
// lines.
func contrast(want, got any) string {
	a, b := lines(want), lines(got)
	if !strings.Contains(a, "\n") && !strings.Contains(b, "\n") {
		return "- " + a + "   expected\n+ " + b + "   there is"
	}
	text := string(diff.Diff("expected", []byte(a+"\n"), "there is", []byte(b+"\n")))
	_, text, _ = strings.Cut(text, "\n") // the first line names a command
	return strings.TrimSpace(text)
}

// lines is a value as people read it.
func lines(v any) string {
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSpace(out.String())
}
