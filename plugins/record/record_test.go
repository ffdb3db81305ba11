package record

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const order = `{"id":"1001","date":"2026-01-02","customer":{"name":"Jansen","number":17,"email":"a@example.com"},
	"lines":[{"sku":"SKU-1","text":"T-shirt \u00e9\n\"x\"","quantity":2,"price":4.95},{"sku":"SKU-2","text":"Kaas é 😀","quantity":-1,"price":1e-3}],"paid":true,"note":null}`

var documents = []string{
	order, "", " ", "null", "true", "false", "nul", "tru", "0", "-0", "00", "01", "-", "-01", "1.", "1.50", ".5", "1e5", "1E+05", "1e", "1e+", "--1", "1 2",
	`""`, `"`, `"a`, `"a\"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\x"`, "\"\x01\"", "\"\xff\"", "\"\x7f\"", `"a" x`, "\"\u00a0\"\u00a0",
	`[]`, `[ ]`, `[1,]`, `[,1]`, `[1 2]`, `[1`, `[1,[2,[3]],{}]`, `]`, `{}`, `{ }`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"a":1,}`, `{"a"}`, `{"a":}`, `{a:1}`, `{"a":1`,
	`{"":0}`, " \t\r\n{ \"a\" : [ 1 , 2 ] } ", strings.Repeat("[", 1001) + strings.Repeat("]", 1001), strings.Repeat(`{"a":`, 1500) + "1" + strings.Repeat("}", 1500),
	strings.Repeat("[", 20000), `{"long":"` + strings.Repeat("x", mostShared) + `"}`,
}

// same holds what is decoded quickly against what jsontext makes of it.
func same(t *testing.T, data []byte) {
	t.Helper()
	want, err := decodeStrict(data)
	got, ok := decodeQuick(data)
	if ok && err != nil {
		t.Fatalf("%.80q was taken: %v", data, err)
	}
	if ok && !reflect.DeepEqual(want, got) {
		t.Fatalf("%.80q: want %.200v, got %.200v", data, want, got)
	}
}

func TestDecode(t *testing.T) {
	for _, text := range documents {
		same(t, []byte(text))
	}
	if _, ok := decodeQuick([]byte(order)); !ok {
		t.Error("an order is not decoded quickly")
	}
}

func FuzzDecode(f *testing.F) {
	for _, text := range documents {
		f.Add([]byte(text))
	}
	f.Fuzz(same)
}

func TestEncode(t *testing.T) {
	in := map[string]any{
		"plain": "a b~", "quote": "a\"b", "slash": `a\b/`, "control": "a\tb\x01\x7f", "wide": "é😀\u2028", "broken": "a\xffb", "html": "<&>",
		"list": []any{nil, true, false, Number("1.50"), []any{}, map[string]any{}}, "é": "",
	}
	want := `{"broken":"a` + "\uFFFD" + `b","control":"a\tb\u0001` + "\x7f" + `","html":"<&>","list":[null,true,false,1.50,[],{}],"plain":"a b~","quote":"a\"b",` +
		`"slash":"a\\b/","wide":"é😀` + "\u2028" + `","é":""}`
	for range 2 { // the second time in room that was used before
		data, err := Encode(in)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(data)); diff != "" {
			t.Error(diff)
		}
		other, err := Encode([]any{strings.Repeat("z", 200)})
		if err != nil || string(data) != want || len(other) != 204 {
			t.Errorf("another document changed this one: %s, %v", data, err)
		}
	}
	if _, err := Encode(map[string]any{"x": 1.5}); err == nil {
		t.Error("a float was taken")
	}
}

func BenchmarkDecode(b *testing.B) {
	data := []byte(order)
	for b.Loop() {
		if _, err := Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeStrict(b *testing.B) {
	data := []byte(order)
	for b.Loop() {
		if _, err := decodeStrict(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	v, err := Decode([]byte(order))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Encode(v); err != nil {
			b.Fatal(err)
		}
	}
}
