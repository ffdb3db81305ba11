package transforms_test

import (
	"context"
	"strings"
	"testing"

	"github.com/kopru-io/kopru/transforms"
)

const testsOfAuthor = `import { context, expect, test } from "kopru/test";
import { Decimal } from "kopru/std";

test("equal by value", () => {
  expect({ a: Decimal("1.50"), b: [1, null] }).toEqual({ a: 1.5, b: [1, null] });
  expect({ a: 1, b: { c: 2, d: 3 } }).toMatchObject({ b: { d: 3 } });
  expect(context({ vars: { x: 1 } }).vars).toEqual({ x: 1 });
  expect(context({ meta: { key: "k" } }).meta.key).toBe("k");
  expect(context({ now: "2026-03-14T10:15:00Z" }).now.toISOString()).toBe("2026-03-14T10:15:00.000Z");
  expect(() => context().fail("no e-mail")).toThrow("e-mail");
});
test("a field more", () => expect({ a: 1, b: 2 }).toEqual({ a: 1 }));
test("nothing thrown", () => expect(() => 1).toThrow());
test("vars are the settings'", () => {
  context({ vars: { x: 1 } }).vars.x = 2;
});
test("rejected", async () => {
  throw new Error("later");
});
test("each has a world of its own", () => {
  (globalThis as any).count = ((globalThis as any).count ?? 0) + 1;
  expect((globalThis as any).count).toBe(1);
});
`

// TestTests: what an author expects of a function is compared by value, and told at the line.
func TestTests(t *testing.T) {
	t.Parallel()
	dir := files{"s.test.ts": testsOfAuthor}.write(t)
	results, diags := transforms.Test(context.Background(), dir, "s.test.ts", func(name string) bool { return name != "left out" })
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	wants := []struct {
		text string // "" = it passes
		line int
	}{
		{"", 0},
		{"- b: null   expected\n+ b: 2   there is", 12},
		{"nothing was thrown", 13},
		{"TypeError", 15},
		{"later", 18},
		{"", 0},
	}
	if len(results) != len(wants) {
		t.Fatalf("%d tests: %+v", len(results), results)
	}
	for i, want := range wants {
		f := results[i].Failure
		switch {
		case want.text == "" && f != nil:
			t.Errorf("%s: %+v", results[i].Name, f)
		case want.text != "" && (f == nil || !strings.Contains(f.Detail, want.text) || f.Subject == nil || f.Subject.Start.Line != want.line):
			t.Errorf("%s: %+v", results[i].Name, f)
		}
	}
	if results[1].Line != 12 {
		t.Errorf("declared at line %d", results[1].Line)
	}
	for text, want := range map[string]string{
		`import { test } from "kopru/test"; test("x", () => {`: "transform.syntax",
		`throw new Error("at the top")`:                        "transform.threw",
	} {
		dir := files{"s.test.ts": text}.write(t)
		if _, diags := transforms.Test(context.Background(), dir, "s.test.ts", func(string) bool { return true }); len(diags) == 0 || diags[0].Code != want {
			t.Errorf("%s: %+v", text, diags)
		}
	}
	dir = files{"s.ts": `import { test } from "kopru/test"; test("x", () => {}); export default (r: any) => r;`}.write(t)
	if _, diags := transforms.Load(dir, "s.ts", transforms.Budget{}); !diags.HasErrors() || !strings.Contains(diags[0].Summary, "it is for tests") {
		t.Errorf("%+v", diags)
	}
}
