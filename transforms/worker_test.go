package transforms_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/transforms"
)

// TestMain is the worker of the tests, too.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == transforms.WorkerArgument {
		os.Exit(transforms.Work(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

const limit = 32 << 20

// TestWorker: a script with a memory limit does what it does without one, in a process of its own.
func TestWorker(t *testing.T) {
	p := files{"s.ts": `let calls = 0;
export default function (r: any, c: any) {
  calls++;
  if (r.fail) c.fail("no", { field: "x" });
  if (r.throw) throw { code: 1.50 };
  c.log("call " + calls);
  return { calls, r, now: c.now, v: c.vars.x, m: c.meta.key, p: c.pipeline, env: typeof (globalThis as any).process };
}`}.load(t, "s.ts", transforms.Budget{Memory: limit})
	var logged []string
	batch := func() *transforms.Runtime {
		return p.Runtime(transforms.Env{
			Now: now, Pipeline: "orders", Vars: map[string]any{"x": record.Number("0.10")},
			Log: func(level, text string) { logged = append(logged, level+" "+text) },
		})
	}
	rt := batch()
	call := func(in string) (any, error) {
		rec, err := record.Decode([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		return rt.Call(context.Background(), rec, map[string]any{"key": "7"})
	}
	for _, calls := range []string{"1", "2", "1"} {
		if len(logged) == 2 { // the next batch has the same process and none of its memory
			rt.Close()
			rt = batch()
		}
		got, err := call(`{"big":12345678901234567890,"n":1.10}`)
		if err != nil {
			t.Fatal(err)
		}
		want := `{"calls":` + calls + `,"env":"undefined","m":"7","now":"2026-11-24T12:30:00Z","p":"orders","r":{"big":12345678901234567890,"n":1.1},"v":0.1}`
		if d := cmp.Diff(want, encode(t, got)); d != "" {
			t.Error(d)
		}
	}
	if d := cmp.Diff([]string{"info call 1", "info call 2", "info call 1"}, logged); d != "" {
		t.Error(d)
	}
	_, err := call(`{"fail":true}`)
	if f := failure(t, err); f.Code != "transform.rejected" || f.Field != "x" || f.Line != 4 {
		t.Errorf("%+v", f)
	}
	_, err = call(`{"throw":true}`)
	if f := failure(t, err); f.Code != "transform.threw" || encode(t, f.Thrown) != `{"code":1.5}` || f.Line != 5 {
		t.Errorf("%+v", f)
	}
	rt.Close()
}

// TestWorkerMemory: a script that holds too much is stopped at its line, and the next call works.
func TestWorkerMemory(t *testing.T) {
	p := files{"s.ts": `export default function (r: any) {
  const kept: any[] = [];
  while (r.hoard) {
    kept.push(["x" + kept.length]);
  }
  return r;
}`}.load(t, "s.ts", transforms.Budget{Memory: limit, Time: transforms.MaxTime})
	rt := p.Runtime(transforms.Env{Now: now})
	defer rt.Close()
	for range 2 {
		_, err := rt.Call(context.Background(), map[string]any{"hoard": true}, nil)
		f := failure(t, err)
		if f.Code != "transform.memory" || f.File != "s.ts" || !strings.Contains(f.Message, "32 MiB") {
			t.Fatalf("%+v", f)
		}
		if f.Line != 3 && f.Line != 4 && f.Line != 1 { // 1 when the process had to be ended
			t.Errorf("line %d", f.Line)
		}
		if _, err := rt.Call(context.Background(), map[string]any{"hoard": false}, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWorkerStops: what ends the run ends a script in a worker, and a script that hoards at its top level is refused.
func TestWorkerStops(t *testing.T) {
	p := files{"s.ts": `export default function (r: any, c: any) { c.log("begun"); while (true) {} }`}.
		load(t, "s.ts", transforms.Budget{Memory: limit, Time: transforms.MaxTime})
	ctx, cancel := context.WithCancel(context.Background())
	rt := p.Runtime(transforms.Env{Now: now, Log: func(string, string) { cancel() }})
	defer rt.Close()
	if _, err := rt.Call(ctx, map[string]any{}, nil); err == nil || !strings.Contains(err.Error(), "was stopped") {
		t.Errorf("%v", err)
	}
	dir := files{"s.js": "const kept = []; while (true) kept.push([1]);\nexport default (r) => r"}.write(t)
	_, diags := transforms.Load(dir, "s.js", transforms.Budget{Memory: limit, Time: transforms.MaxTime})
	if len(diags) != 1 || diags[0].Code != "transform.memory" || diags[0].Subject.Start.Line != 1 {
		t.Errorf("%+v", diags)
	}
	if _, diags := transforms.Load(dir, "s.js", transforms.Budget{Memory: 1}); len(diags) != 1 || diags[0].Code != "transform.limits" {
		t.Errorf("%+v", diags)
	}
}
