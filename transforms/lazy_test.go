package transforms_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/transforms"
)

// TestRecordIsAnObject does the same to a record and to an object of the script's own: there must be no difference.
func TestRecordIsAnObject(t *testing.T) {
	const in = `{"10":"ten","9":"nine","a":1,"b":{"x":1.5,"y":[{"z":1},[2],null]},"c":null,"d":"é😀","e":false}`
	uses := []string{
		`return Object.keys(o)`,
		`return Object.entries(o)`,
		`return Object.getOwnPropertyNames(o.b)`,
		`return JSON.stringify(o)`,
		`return {...o, a: 2}`,
		`const {a, ...rest} = o; return rest`,
		`return Object.assign({}, o, {z: 1})`,
		`const keys = []; for (const k in o) keys.push(k); return keys`,
		`const keys = []; for (const k in o) { delete o.b; keys.push(k) } return keys`,
		`o.z = 1; o.a = 2; o.b.x = 3; o.b.y[0].z = 4; o.b.y.push(5); return o`,
		`o.z = undefined; return {has: "z" in o, keys: Object.keys(o), o}`,
		`delete o.a; o.a = 7; delete o.nothing; return {keys: Object.keys(o), o}`,
		`o[3] = "three"; return Object.keys(o)`,
		`return [o.b === o.b, o.b.y === o.b.y, o.b.y[0] === o.b.y[0], o.b.y[0] === o.b]`,
		`const b = o.b; o.z = 1; return [o.b === b, b.x]`,
		`const b = o.b; b.x = 9; return o`,
		`const b = o.b; b.y[0].z = 9; return {o, b}`,
		`return ["a" in o, "toString" in o, "z" in o, o.hasOwnProperty("a"), Object.hasOwn(o, "z"), o.propertyIsEnumerable("a")]`,
		`return [typeof o, typeof o.b, Array.isArray(o), Array.isArray(o.b.y), o instanceof Object, o.constructor === Object, String(o)]`,
		`return [o.c, o.c === null, o.z === undefined, typeof o.z, o.d.length, o.e]`,
		`return Object.getOwnPropertyDescriptor(o, "a")`,
		`return Object.getOwnPropertyDescriptor(o, "z") === undefined`,
		`Object.defineProperty(o, "z", {value: 1, enumerable: true, writable: true, configurable: true}); return o`,
		`const m = new Map([[o.b, 1]]); return m.get(o.b)`,
		`return [Object.isFrozen(o), Object.isSealed(o), Object.isExtensible(o)]`,
		`Object.freeze(o); return [Object.isFrozen(o), Object.isSealed(o), Object.isExtensible(o), Object.isFrozen(o.b)]`,
		`Object.freeze(o); o.a = 2; return o`,
		`Object.freeze(o); o.b.x = 2; return o`,
		`Object.freeze(o); delete o.a; return o`,
		`Object.seal(o); o.a = 2; return [o, Object.isSealed(o), Object.isFrozen(o), Object.isExtensible(o)]`,
		`Object.seal(o); o.z = 2; return o`,
		`Object.seal(o); delete o.a; return o`,
		`Object.preventExtensions(o); delete o.a; return [o, Object.isExtensible(o), Object.isSealed(o)]`,
		`Object.preventExtensions(o); o.z = 1; return o`,
		`return [Object.freeze(1), Object.isFrozen("x"), Object.freeze([1]), Object.freeze.name]`,
		`Object.setPrototypeOf(o, {greet() { return "hi " + this.a }}); return [o.greet(), Object.keys(o)]`,
		`Object.setPrototypeOf(o, {toJSON() { return "mine" }}); return {o}`,
		`o.toJSON = () => "mine"; return {o, b: o.b}`,
		`o.b.self = o.b; return o`,
		`class P { constructor(r) { Object.assign(this, r) } get twice() { return this.a * 2 } }; const p = new P(o); return [p.twice, {...p}]`,
		`return [o, o, [o.b, o.b]]`,
		`return Object.fromEntries(Object.entries(o).map(([k, v]) => ["_" + k, v]))`,
		`return structured(o)`,
	}
	for _, use := range uses {
		t.Run(use, func(t *testing.T) {
			p := files{"s.js": fmt.Sprintf(`
				const structured = (v) => Array.isArray(v) ? v.map(structured) : v && typeof v === "object" ? Object.fromEntries(Object.keys(v).map((k) => [k, structured(v[k])])) : v;
				const use = (o) => { %s };
				export default (r, c) => {
					try { return { is: use(c.vars.own ? JSON.parse(r.text) : r) } } catch (e) { return { threw: e.name } }
				};`, use)}.load(t, "s.js", transforms.Budget{})
			call := func(rec any, own bool) string {
				rt := p.Runtime(transforms.Env{Now: now, Vars: map[string]any{"own": own}})
				got, err := rt.Call(context.Background(), rec, nil)
				if err != nil {
					return err.Error()
				}
				return encode(t, got)
			}
			rec, err := record.Decode([]byte(in))
			if err != nil {
				t.Fatal(err)
			}
			want := call(map[string]any{"text": in}, true)
			if diff := cmp.Diff(want, call(rec, false)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(in, encode(t, rec)); diff != "" {
				t.Errorf("the record was changed: %s", diff)
			}
		})
	}
}
