package transforms

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/dop251/goja"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/plugins/record"
)

// TestResult is how one test of a script went.
type TestResult struct {
	Name    string
	Line    int // at which the test is declared
	Took    time.Duration
	Failure *diag.Diagnostic // nil = it passed
}

// testNow is the time of tests that name none.
var testNow = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

// Test runs the tests in a file that fit: what it declares with test() of "kopru/test". Each has a runtime of its own, the same
// one that runs transforms.
func Test(ctx context.Context, dir, path string, fits func(name string) bool, bases ...string) ([]TestResult, diag.List) {
	b, p, diags := load(dir, path, Budget{Time: MaxTime}, true, bases)
	if diags.HasErrors() {
		return nil, diags
	}
	declared, err := p.declared(ctx)
	if err != nil {
		return nil, diag.List{b.explain("The tests can't be run", err)}
	}
	var out []TestResult
	for i, test := range declared {
		if !fits(test.name) || ctx.Err() != nil {
			continue
		}
		began := time.Now()
		result := TestResult{Name: test.name, Line: test.line}
		if err := p.test(ctx, i); err != nil {
			summary := "Not as expected"
			if err.Code != "test.failed" {
				summary = "The test broke off"
			}
			d := b.explain(summary, err)
			result.Failure = &d
		}
		result.Took = time.Since(began)
		out = append(out, result)
	}
	return out, nil
}

// declaredTest is what test() was given.
type declaredTest struct {
	name string
	line int
	body goja.Callable
}

func (p *Program) tester() *Runtime {
	r := p.Runtime(Env{Now: testNow, Pipeline: "test"})
	r.tests = &[]declaredTest{}
	return r
}

func (p *Program) declared(ctx context.Context) ([]declaredTest, *Error) {
	r := p.tester()
	if err := r.guarded(ctx, r.prepare); err != nil {
		return nil, err
	}
	return *r.tests, nil
}

// test runs the ith test.
func (p *Program) test(ctx context.Context, i int) *Error {
	r := p.tester()
	return r.guarded(ctx, func() *Error {
		if err := r.prepare(); err != nil {
			return err
		}
		if i >= len(*r.tests) {
			return fault("test.failed", "the file declares other tests each time it runs")
		}
		value, err := (*r.tests)[i].body(goja.Undefined())
		if err != nil {
			return r.thrown(err)
		}
		_, failed := r.settled(value)
		return failed
	})
}

// explain is an error of a script at its place in the author's text.
func (b *bundler) explain(summary string, err *Error) diag.Diagnostic {
	d := diag.Diagnostic{Severity: diag.Error, Code: err.Code, Summary: summary, Detail: strings.TrimSpace(err.Message)}
	if err.Field != "" {
		d.Detail = err.Field + ": " + d.Detail
	}
	if err.File != "" {
		d.Subject = b.subject(err.File, err.Line, err.Column, 1)
	}
	return d
}

// testing makes what "kopru/test" is built on.
func (r *Runtime) testing() map[string]any {
	r.unmet = goja.NewSymbol("unmet")
	return map[string]any{
		"test": func(name string, body goja.Callable) {
			place := fault("", "").at(r.vm.CaptureCallStack(0, nil))
			*r.tests = append(*r.tests, declaredTest{name, place.Line, body})
		},
		"context": r.testContext,
		"differences": func(call goja.FunctionCall) goja.Value {
			return r.vm.ToValue(r.differences(call.Argument(0), call.Argument(1), call.Argument(2).ToBoolean()))
		},
		"show": func(v goja.Value) string { return r.shown(v) },
		"unmet": func(message string) {
			o, err := r.vm.New(r.vm.Get("Error"), r.vm.ToValue(message))
			if err != nil {
				panic(err)
			}
			_ = o.DefineDataPropertySymbol(r.unmet, r.vm.ToValue(true), goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE)
			panic(o)
		},
	}
}

// testContext is a transform's second argument as a test wants it.
func (r *Runtime) testContext(options *goja.Object) (*goja.Object, error) {
	given := func(name string) (any, error) {
		v := options.Get(name)
		if v == nil || goja.IsUndefined(v) {
			return map[string]any{}, nil
		}
		return r.asRecord(v)
	}
	vars, err := given("vars")
	if err != nil {
		return nil, fmt.Errorf("vars: %w", err)
	}
	meta, err := given("meta")
	if err != nil {
		return nil, fmt.Errorf("meta: %w", err)
	}
	object, _ := meta.(map[string]any)
	value, err := r.context(object)
	if err != nil {
		return nil, err
	}
	out := value.ToObject(r.vm)
	frozen, err := r.toScript(vars, true)
	if err != nil {
		return nil, err
	}
	if err := out.Set("vars", frozen); err != nil {
		return nil, err
	}
	if now := options.Get("now"); now != nil && !goja.IsUndefined(now) {
		at, err := time.Parse(time.RFC3339, now.String())
		if err != nil {
			return nil, fmt.Errorf("now: %q is no time with its zone, such as 2026-03-14T10:15:00Z", now.String())
		}
		date, err := r.vm.New(r.vm.Get("Date"), r.vm.ToValue(at.UnixMilli()))
		if err != nil {
			return nil, err
		}
		return out, out.Set("now", date)
	}
	return out, nil
}

// differences says where a value is not what is expected, "" = nowhere. partly looks only at the fields of expected.
func (r *Runtime) differences(actual, expected goja.Value, partly bool) string {
	have, err := r.asRecord(actual)
	if err != nil {
		return "this can't be compared: " + err.Error()
	}
	want, err := r.asRecord(expected)
	if err != nil {
		return "what is expected can't be compared: " + err.Error()
	}
	changes := record.Diff(have, want)
	if !partly {
		for _, extra := range record.Diff(want, have) {
			if extra.From == nil {
				changes = append(changes, record.Change{Field: extra.Field, From: extra.To})
			}
		}
	}
	var out []string
	for _, c := range changes {
		path := ""
		if c.Field != "" {
			path = c.Field + ": "
		}
		out = append(out, fmt.Sprintf("- %s%s   expected\n+ %s%s   there is", path, inJSON(c.To), path, inJSON(c.From)))
	}
	return strings.Join(out, "\n")
}

func (r *Runtime) shown(v goja.Value) string {
	value, err := r.asRecord(v)
	if err != nil {
		return v.String()
	}
	return inJSON(value)
}

func inJSON(v any) string {
	data, err := record.Encode(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return clip(string(data), 2000)
}
