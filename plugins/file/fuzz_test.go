package file

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/kopru-io/kopru/plugins/record"
)

// FuzzObjects holds the check of JSON lines against the decoder that the engine uses.
func FuzzObjects(f *testing.F) {
	for _, s := range []string{
		someLines, someArray, `{"id":"\ud800"}`, `{"a":{"id":1,"id":1}}`, `{"id":-0.0e1}`, `{"id":{}}`, "{} x", `{"i\u0064":"\n"}`, "",
		` { "n" : [ -1.5e+3 , 0 , { } ] , "id" : 12 } `, `{"id":01}`, `{"id":"é\tø","x":[true,false,null]}`,
	} {
		for line := range strings.SplitSeq(s, "\n") {
			f.Add([]byte(line))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := newObjects("")
		if err != nil {
			t.Fatal(err)
		}
		keys, ok, err := o.check(nil, text)
		m, wantErr := record.DecodeObject(bytes.Clone(text))
		if wantErr == nil && !jsontext.Value(text).IsValid() {
			wantErr = errors.New("text behind it")
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: got %v, want %v", text, err, wantErr)
		}
		if err != nil {
			return
		}
		want := ""
		switch id := m["id"].(type) {
		case string:
			want = id
		case record.Number:
			want = string(id)
		}
		if string(keys) != want || ok != (want != "") {
			t.Errorf("%q: the key is %q, want %q", text, keys, want)
		}
	})
}

// TestGlance: what is written as most objects are is not left to the parser, and what is not sound is.
func TestGlance(t *testing.T) {
	g := glance{}
	for _, text := range []string{`{"id":"é 1","lines":[{"n":-1.50,"ok":true,"no":null}],"to":{"id":2}}`, ` { "x" : [ ] , "id" : "é 1" } `} {
		if value, sound := g.object([]byte(text), "id"); !sound || string(value) != `"é 1"` {
			t.Errorf("%s: %v %s", text, sound, value)
		}
	}
	for _, text := range []string{`{"id":1,"id":2}`, `{"id":01}`, `{"id":1,}`, `{"id":1`, `{"id":"\u00e9"}`, `[1]`, `{"id":1}}`, "{\"id\":\"\x01\"}", `{"id":-}`, `{"id":1.}`, `{"id":tru}`} {
		if _, sound := g.object([]byte(text), "id"); sound {
			t.Errorf("%q was taken for sound", text)
		}
	}
}

// FuzzLines makes sure that lines are what bytes.Split says, however they come.
func FuzzLines(f *testing.F) {
	f.Add([]byte(someLines))
	f.Add([]byte("\n\n\r\nx"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, src := range []io.Reader{bytes.NewReader(text), iotest.OneByteReader(bytes.NewReader(text)), iotest.DataErrReader(bytes.NewReader(text))} {
			in := &input{src: src, chunk: 16}
			var have []byte
			for {
				line, size, whole, err := in.line()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil || bytes.IndexByte(line, '\n') >= 0 {
					t.Fatalf("got %q, %v", line, err)
				}
				have = append(have, line...)
				if whole {
					have = append(have, '\n')
				}
				in.consume(size)
				if sum := fingerprint(text[:min(in.offset, fingerprinted)], text[max(0, in.offset-fingerprinted):in.offset]); in.mark("").sum != sum {
					t.Fatalf("at %d: another fingerprint", in.offset)
				}
			}
			if !bytes.Equal(have, text) {
				t.Errorf("got %q, want %q", have, text)
			}
		}
	})
}

// FuzzCSV holds sound CSV against encoding/csv, and makes sure that what is given piecemeal comes out the same.
func FuzzCSV(f *testing.F) {
	f.Add([]byte(someCSV))
	f.Add([]byte("a,\"b\"\"\r\n\",\n\"\"\n,\n\"x\"\r"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var have [][]string
		s := splitter{delimiter: []byte(",")}
		for rest := text; len(rest) > 0; {
			size, _, err := s.record(rest, true)
			if errors.Is(err, errMore) {
				break
			}
			if size <= 0 || size > len(rest) {
				t.Fatalf("%q: size %d", rest, size)
			}
			if err == nil {
				piecemeal(t, rest, size, s.cells)
				if !(len(s.cells) == 1 && len(bytes.Trim(rest[:size], "\r\n")) == 0) {
					have = append(have, texts(s.cells))
				}
			}
			rest = rest[size:]
		}
		r := csv.NewReader(bytes.NewReader(text))
		r.FieldsPerRecord = -1
		want, err := r.ReadAll()
		if err != nil || bytes.Contains(text, []byte("\r")) || !utf8.Valid(text) { // there it differs on purpose, or reads on otherwise
			return
		}
		if !slices.EqualFunc(have, want, slices.Equal) {
			t.Errorf("got %q, want %q", have, want)
		}
	})
}

// piecemeal makes sure that a part of a record is never taken for the whole of it.
func piecemeal(t *testing.T, b []byte, size int, cells [][]byte) {
	t.Helper()
	s := splitter{delimiter: []byte(",")}
	want := texts(cells)
	for n := range min(size, 200) {
		if got, _, err := s.record(b[:n], false); err == nil {
			t.Fatalf("%q was taken for %q, of %d bytes", b[:n], s.cells, got)
		}
	}
	if got, _, err := s.record(b[:size], false); err == nil && (got != size || !slices.Equal(texts(s.cells), want)) {
		t.Fatalf("%q: got %q, want %q", b[:size], s.cells, want)
	}
}

func texts(cells [][]byte) []string {
	out := make([]string, len(cells))
	for i, c := range cells {
		out[i] = string(c)
	}
	return out
}
