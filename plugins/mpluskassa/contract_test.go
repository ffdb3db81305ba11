package mpluskassa

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// contracts finds the vendor's files, which are not part of this repository.
func contracts(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("KOPRU_CONTRACTS")
	if dir == "" {
		here, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for ; here != filepath.Dir(here); here = filepath.Dir(here) {
			if _, err := os.Stat(filepath.Join(here, "shared", "contracts")); err == nil {
				dir = filepath.Join(here, "shared", "contracts")
				break
			}
		}
	}
	dir = filepath.Join(dir, "mpluskassa")
	if _, err := os.Stat(filepath.Join(dir, "mplusqapi.wsdl")); err != nil {
		t.Skip("the vendor's contract is not here; KOPRU_CONTRACTS says where it is")
	}
	return dir
}

// TestSchemaIsTheVendors holds every table against the vendor's types: names, order, kinds, what is required.
func TestSchemaIsTheVendors(t *testing.T) {
	t.Parallel()
	w := readWSDL(t, contracts(t))
	s := newSchema()
	for name, op := range operations() {
		if name != op.name {
			t.Errorf("operation %s is filed under %s", op.name, name)
		}
		if _, ok := w.content(op.name); !ok {
			t.Errorf("the vendor has no operation %s", op.name)
		}
		if _, ok := s[op.answer]; !ok {
			t.Errorf("the schema has no %s", op.answer)
		}
	}
	for of, fields := range s {
		vendor, ok := w.content(of)
		if _, isType := w.types[of]; isType && !ok {
			vendor, ok = w.fields(of), true
		}
		if !ok {
			t.Errorf("the vendor has no type or element %s", of)
			continue
		}
		w.compare(t, of, fields, vendor)
	}
}

func (w *wsdl) compare(t *testing.T, of string, fields []field, vendor []xsdElement) {
	t.Helper()
	last := -1
	find := func(name string) *xsdElement {
		for i, e := range vendor {
			if e.Name == name {
				if i <= last {
					t.Errorf("%s.%s is out of order", of, name)
				}
				last = i
				return &vendor[i]
			}
		}
		t.Errorf("the vendor has no %s.%s", of, name)
		return nil
	}
	for _, f := range fields {
		e := find(f.name)
		if e == nil {
			continue
		}
		if err := w.fits(f, *e); err != nil {
			t.Errorf("%s.%s: %v", of, f.name, err)
		}
		if f.scale != "" {
			if scale := find(f.scale); scale != nil && scale.Type != "xsd:int" {
				t.Errorf("%s.%s is a %s", of, f.scale, scale.Type)
			}
		}
	}
}

func (w *wsdl) fits(f field, e xsdElement) error {
	many := e.Max == "unbounded"
	if f.kind == list {
		if many != (f.item == "") {
			return fmt.Errorf("wrapper %q, but it occurs %q times", f.item, e.Max)
		}
		of, k := f.of, f.items
		inner := e
		if f.item != "" {
			inside := w.fields(local(e.Type))
			if len(inside) != 1 || inside[0].Name != f.item || inside[0].Max != "unbounded" {
				return fmt.Errorf("its wrapper holds %+v", inside)
			}
			inner = inside[0]
		}
		if of != "" {
			if local(inner.Type) != of {
				return fmt.Errorf("it holds %s, not %s", inner.Type, of)
			}
			return nil
		}
		return w.fits(field{kind: k, values: f.values}, xsdElement{Type: inner.Type})
	}
	if many {
		return fmt.Errorf("it is a list")
	}
	kind := map[kind][]string{
		text: {"string"}, ident: {"string"}, number: {"int", "short"}, long: {"long"}, boolean: {"boolean"},
		cents: {"long"}, quantity: {"long"}, scaled: {"long"}, decimal: {"decimal"}, percent: {"int", "long"},
		discount: {"int"}, date: {"SoapMplusDate"}, moment: {"SoapMplusDateTime"}, object: {f.of},
	}[f.kind]
	vendor := local(e.Type)
	enum, isEnum := w.enums[vendor]
	switch {
	case isEnum && f.kind == text:
		for _, v := range f.values {
			if !slices.Contains(enum, v) {
				return fmt.Errorf("the vendor doesn't know the value %s", v)
			}
		}
		return nil
	case !slices.Contains(kind, vendor):
		return fmt.Errorf("kind %d does not fit %s", f.kind, vendor)
	}
	return nil
}

// TestWritableEnumsAreKnown: a server refuses any other value, so this connector must do so first.
func TestWritableEnumsAreKnown(t *testing.T) {
	t.Parallel()
	w := readWSDL(t, contracts(t))
	for of, fields := range newSchema() {
		vendor := w.fields(of)
		for _, f := range fields {
			i := slices.IndexFunc(vendor, func(e xsdElement) bool { return e.Name == f.name })
			if i < 0 || f.flags&(create|update) == 0 {
				continue
			}
			if enum := w.enums[local(vendor[i].Type)]; len(enum) > 0 && len(f.values) == 0 {
				t.Errorf("%s.%s can be written, but its values are not told: %v", of, f.name, enum)
			}
		}
	}
}

// TestOutcomesAreComplete: every result that the vendor lists for an operation in use has a meaning here.
func TestOutcomesAreComplete(t *testing.T) {
	t.Parallel()
	w := readWSDL(t, contracts(t))
	known := outcomes()
	for _, op := range operations() {
		if !op.result {
			continue
		}
		content, _ := w.content(op.answer)
		i := slices.IndexFunc(content, func(e xsdElement) bool { return e.Name == "result" })
		if i < 0 {
			t.Errorf("%s has no result", op.answer)
			continue
		}
		for _, v := range w.enums[local(content[i].Type)] {
			if _, ok := known[v]; !ok {
				t.Errorf("%s may answer %s, which has no meaning here", op.name, v)
			}
		}
	}
}

// TestEveryRequestFitsTheVendorsSchema sends whatever this connector can send and checks it as a strict server would.
func TestEveryRequestFitsTheVendorsSchema(t *testing.T) {
	t.Parallel()
	w := readWSDL(t, contracts(t))
	c := testClient()
	sent := map[string]bool{}
	for name := range c.operations {
		for round, all := range []bool{true, false} {
			values := sample(c.schema, name, all, 0)
			body, err := c.request(name, values, false)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if err := w.check(body, name); err != nil {
				t.Errorf("%s, round %d: %v", name, round, err)
			}
			sent[name] = true
		}
	}
	if len(sent) != len(c.operations) {
		t.Errorf("only %d of %d operations were tried", len(sent), len(c.operations))
	}
}

// sample makes values for all fields of a type, or for the required ones.
func sample(s schema, of string, all bool, depth int) map[string]any {
	out := map[string]any{}
	for _, f := range s[of] {
		if !all && !f.always || f.kind == percent || f.kind == discount || depth > 4 {
			continue
		}
		if writes := s.writes(of); writes && f.flags&(create|update) == 0 && !f.always {
			continue // writable refuses it
		}
		if f.kind == list && f.always && !all {
			continue // must be sent empty by itself
		}
		if !all && f.kind == ident {
			continue
		}
		out[f.name] = sampleValue(s, f, all, depth)
	}
	return out
}

// writes tells whether a type has fields that records may set; the rest of it is never sent.
func (s schema) writes(of string) bool {
	return slices.ContainsFunc(s[of], func(f field) bool { return f.flags&(create|update) != 0 })
}

func sampleValue(s schema, f field, all bool, depth int) any {
	switch f.kind {
	case object:
		return sample(s, f.of, all, depth+1)
	case list:
		item := field{kind: f.items, of: f.of, values: f.values}
		if f.of != "" {
			item.kind = object
		}
		return []any{sampleValue(s, item, all, depth), sampleValue(s, item, all, depth)}
	case boolean:
		return true
	case date:
		return "2026-12-31"
	case moment:
		return "2026-12-31T23:59:00+01:00"
	case number, long:
		return num("7")
	case cents:
		return num("-19.95")
	case quantity, scaled, decimal:
		return num("1.25")
	}
	if len(f.values) > 0 {
		return f.values[0]
	}
	return "a < b & c"
}

// TestExamplesDecode reads every example answer of an operation in use, down to its last field.
func TestExamplesDecode(t *testing.T) {
	t.Parallel()
	dir := contracts(t)
	files, err := filepath.Glob(filepath.Join(dir, "examples", "*.response.xml"))
	if err != nil || len(files) < 30 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	c := testClient()
	byAnswer := map[string]bool{}
	for _, op := range c.operations {
		byAnswer[op.answer] = true
	}
	decoded := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		root, err := parse(data)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		content, ft, err := opened(root)
		if err != nil || ft != nil {
			t.Errorf("%s: %v %v", file, err, ft)
			continue
		}
		if !byAnswer[content.name] {
			continue
		}
		decoded++
		if _, err := c.decode(content.name, content); err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
	}
	if decoded < 20 {
		t.Errorf("only %d examples are of operations in use", decoded)
	}
}
