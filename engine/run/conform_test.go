package run

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

func TestConform(t *testing.T) {
	t.Parallel()
	text, number := protocol.FieldType_FIELD_TYPE_STRING, protocol.FieldType_FIELD_TYPE_DECIMAL
	declared := []*protocol.Field{
		{Name: "ref", Type: text},
		{Name: "price", Type: number},
		{Name: "tags", Type: protocol.FieldType_FIELD_TYPE_LIST, Items: text},
		{Name: "lines", Type: protocol.FieldType_FIELD_TYPE_LIST, Fields: []*protocol.Field{{Name: "sku", Type: text}}},
		{Name: "to", Type: protocol.FieldType_FIELD_TYPE_OBJECT, Fields: []*protocol.Field{{Name: "zip", Type: text}}},
	}
	given := map[string]any{
		"ref": record.Number("0012"), "price": "1.50", "tags": []any{"a", record.Number("7")}, "other": record.Number("1"),
		"lines": []any{map[string]any{"sku": record.Number("5")}, map[string]any{"sku": "x"}},
		"to":    map[string]any{"zip": record.Number("1234"), "city": nil},
	}
	before, _ := record.Encode(given)
	got, changed := conform(given, declared)
	want := map[string]any{
		"ref": "0012", "price": record.Number("1.50"), "tags": []any{"a", "7"}, "other": record.Number("1"),
		"lines": []any{map[string]any{"sku": "5"}, map[string]any{"sku": "x"}},
		"to":    map[string]any{"zip": "1234", "city": nil},
	}
	if diff := cmp.Diff(want, got); diff != "" || !changed {
		t.Error(diff, changed)
	}
	if after, _ := record.Encode(given); string(after) != string(before) {
		t.Errorf("what was given is changed: %s", after)
	}
	if again, changed := conform(got, declared); changed || !cmp.Equal(again, got) {
		t.Error("what conforms is changed again")
	}
	for _, odd := range []string{"", "abc", "NaN", "Infinity"} {
		if v, changed := conformScalar(odd, number); changed || v != odd {
			t.Errorf("%q became %v", odd, v)
		}
	}
}
