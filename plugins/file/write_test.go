package file

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/sdk"
)

var everyFile = []string{"a.jsonl", "a.jsonl.gz", "a.json", "a.json.gz", "a.csv", "a.csv.gz"}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	t.Parallel()
	payloads := []string{
		`{"id":"1","n":1.10,"t":"ü \"q\"\n,;","x":null}`, `{"id":"2","n":1e5,"t":" lead"}`, "{\"id\":\"3\",\r\n\"n\":{\"a\": [1.0]},\n\"t\":\"\"}",
	}
	asText := []string{
		`1 {"id":"1","n":"1.10","t":"ü \"q\"\n,;","x":""}`, `2 {"id":"2","n":"1e5","t":" lead","x":""}`, `3 {"id":"3","n":"{\"a\":[1.0]}","t":"","x":""}`,
	}
	asJSON := []string{"1 " + payloads[0], "2 " + payloads[1], `3 {"id":"3","n":{"a":[1.0]},"t":""}`}
	for _, name := range everyFile {
		for _, delimiter := range []string{",", ";", "→"} {
			f := newFolder(t)
			options := sdk.Config{"delimiter": delimiter}
			f.write("out/"+name, "", options, payloads...)
			want := asJSON
			if strings.Contains(name, "csv") {
				want = asText
			}
			wantRecords(t, f.read("out/"+name, "", options), want...)
		}
	}
	f := newFolder(t)
	f.write("b.json", "", nil, `{"id":1}`, `{}`)
	if text := f.get("b.json"); text != "[\n{\"id\":1},\n{}\n]\n" {
		t.Errorf("got %q", text)
	}
	f.write("c.csv", "", sdk.Config{"columns": []any{"a"}}, `{"a":""}`, `{}`, `{"a":"x"}`)
	if text := f.get("c.csv"); text != "a\n\"\"\n\"\"\nx\n" {
		t.Errorf("got %q", text)
	}
	wantRecords(t, f.read("c.csv", "", nil), `c.csv#2 {"a":""}`, `c.csv#3 {"a":""}`, `c.csv#4 {"a":"x"}`)
}

// A crash leaves anything behind the settled position; what is written from there on must be as if it had not been.
func TestCutBackAfterCrash(t *testing.T) {
	t.Parallel()
	payloads := []string{`{"id":"1","t":"` + strings.Repeat("x", 1500) + `"}`, `{"id":"2","t":"y"}`, `{"id":"3","t":"z"}`, `{"id":"4","t":"\n"}`}
	for _, name := range everyFile {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t)
			positions := f.write(name, "", nil, payloads...)
			want := f.read(name, "", nil).records
			full, err := os.ReadFile(filepath.Join(f.dir, name))
			if err != nil {
				t.Fatal(err)
			}
			random := rand.New(rand.NewPCG(1, 2))
			for i, at := range positions {
				wantFailure(t, shortened(f, name, string(full), at), "file.changed", name)
				for range 20 {
					end := positionAt(t, at) + random.Int64N(int64(len(full))-positionAt(t, at)+1)
					f.putRaw(name, string(full[:end])+strings.Repeat("\x00", random.IntN(50)))
					f.write(name, at, nil)
					if i > 0 {
						wantRecords(t, f.read(name, "", nil), want[:i]...)
					}
					f.write(name, at, nil, payloads[i:]...)
					wantRecords(t, f.read(name, "", nil), want...)
					if text := f.get(name); text != f.unpacked(name, full) {
						t.Errorf("got %q", text)
					}
				}
			}
		})
	}
}

func positionAt(t testing.TB, text string) int64 {
	t.Helper()
	p, err := parsePosition(text)
	if err != nil {
		t.Fatal(err)
	}
	return p.At
}

func (f folder) unpacked(name string, data []byte) string {
	f.Helper()
	f.putRaw("copy"+name, string(data))
	return f.get("copy" + name)
}

// shortened opens a file that has a byte less than was settled.
func shortened(f folder, name, full, position string) error {
	at := positionAt(f, position)
	if at == 0 {
		return replaced(name, "")
	}
	f.putRaw(name, full[:at-1])
	_, err := f.open(name, position, nil)
	return err
}

func TestReplacedTargetsAreLeftAlone(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	positions := f.write("a.jsonl", "", nil, `{"id":1}`)
	other := strings.Repeat(`{"id":"somebody else's"}`+"\n", 10)
	f.put("a.jsonl", other)
	_, err := f.open("a.jsonl", positions[1], nil)
	wantFailure(t, err, "file.changed", "Nothing was written")
	if f.get("a.jsonl") != other {
		t.Error("the file was touched")
	}
	if err := os.Remove(filepath.Join(f.dir, "a.jsonl")); err != nil {
		t.Fatal(err)
	}
	_, err = f.open("a.jsonl", positions[1], nil)
	wantFailure(t, err, "file.changed", "is gone")
	if _, err := os.Stat(filepath.Join(f.dir, "a.jsonl")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	_, err = f.open("a.jsonl", "17 bytes", nil)
	wantFailure(t, err, "file.changed")
	f.put("a.jsonl", other)
	_, err = f.open("a.jsonl", "17 bytes", nil)
	wantFailure(t, err, "file.bad_position", "17 bytes")
}

func TestFilesThatAreThereAlready(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, before, added, appended string }{
		{"a.jsonl", `{"id":1}`, `{"id":2}`, "{\"id\":1}\n{\"id\":2}\n"},
		{"a.jsonl", "{\"id\":1}\n", `{"id":2}`, "{\"id\":1}\n{\"id\":2}\n"},
		{"a.jsonl.gz", `{"id":1}`, `{"id":2}`, "{\"id\":1}\n{\"id\":2}\n"},
		{"a.json", "[{\"id\":1}\n , {}  ]  \n", `{"id":2}`, "[{\"id\":1}\n , {},\n{\"id\":2}\n]\n"},
		{"a.csv", "b,a\nx,y", `{"a":1,"b":2}`, "b,a\nx,y\n2,1\n"},
		{"a.csv.gz", "b,a\nx,y\n", `{"a":1,"b":2}`, "b,a\nx,y\n2,1\n"},
	} {
		f := newFolder(t)
		f.put(row.name, row.before)
		_, err := f.open(row.name, "", nil)
		wantFailure(t, err, "file.exists", ifExistsReplace, ifExistsAppend)
		if f.get(row.name) != row.before {
			t.Errorf("%s was touched", row.name)
		}
		positions := f.write(row.name, "", sdk.Config{"if_exists": ifExistsAppend}, row.added)
		if text := f.get(row.name); text != row.appended {
			t.Errorf("%s: got %q, want %q", row.name, text, row.appended)
		}
		f.write(row.name, positions[0], nil, row.added)
		if text := f.get(row.name); text != row.appended {
			t.Errorf("%s again: got %q, want %q", row.name, text, row.appended)
		}
		f.write(row.name, "", sdk.Config{"if_exists": ifExistsReplace}, row.added)
		g := newFolder(t)
		g.write(row.name, "", nil, row.added)
		if f.get(row.name) != g.get(row.name) {
			t.Errorf("%s: got %q, want %q", row.name, f.get(row.name), g.get(row.name))
		}
	}
	f := newFolder(t)
	f.put("a.json.gz", "[{}]")
	_, err := f.open("a.json.gz", "", sdk.Config{"if_exists": ifExistsAppend})
	wantFailure(t, err, "file.cant_append")
	f.put("b.json", `{"a":[1]}`)
	_, err = f.open("b.json", "", sdk.Config{"if_exists": ifExistsAppend})
	wantFailure(t, err, "file.bad_json")
	f.write("empty.json", "", nil)
	if text := f.get("empty.json"); text != "[]\n" {
		t.Errorf("got %q", text)
	}
	f.write("empty.json", "", nil, `{}`)
}

func TestColumns(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	options := sdk.Config{"columns": []any{"b", "a"}}
	positions := f.write("a.csv", "", options, `{"a":1}`)
	w, err := f.open("a.csv", positions[1], nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	_, _, err = w.Write(t.Context(), ops(`{"a":1}`, `{"a":1,"c":2}`))
	wantFailure(t, err, "file.unknown_field", `"c"`, "b, a")
	if text := f.get("a.csv"); text != "b,a\n,1\n" {
		t.Errorf("got %q", text)
	}
	_, err = f.open("b.csv", "", sdk.Config{"columns": []any{"a", "a"}})
	wantFailure(t, err, "file.bad_columns")
	_, err = f.open("b.jsonl", "", options)
	wantFailure(t, err, "file.bad_columns")
	f.put("c.csv", "a,b\n")
	options["if_exists"] = ifExistsAppend
	_, err = f.open("c.csv", "", options)
	wantFailure(t, err, "file.columns_differ", "c.csv")
}

func TestOnlySoundRecordsAreAdded(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a.jsonl", "a.json", "a.csv"} {
		f := newFolder(t)
		w, err := f.open(name, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = w.Write(t.Context(), []sdk.Op{{Operation: protocol.Operation_OPERATION_DELETE, Key: "k", Payload: []byte("{}")}})
		wantFailure(t, err, "file.only_create", `"k"`)
		if _, _, err = w.Write(t.Context(), ops("")); err == nil {
			t.Error("nothing was written")
		}
		if _, _, err = w.Write(t.Context(), ops("{\n")); err == nil {
			t.Error("half a record was written")
		}
		if _, at, err := w.Write(t.Context(), nil); err != nil || positionAt(t, at) != 0 {
			t.Errorf("got %s, %v", at, err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOneSinkAFile(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	w, err := f.open("a.jsonl", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.open("./a.jsonl", "", sdk.Config{"if_exists": ifExistsReplace})
	wantFailure(t, err, "file.in_use", "a.jsonl")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f.write("a.jsonl", "", nil)
	_, err = f.open("*.jsonl", "", nil)
	wantFailure(t, err, "file.pattern")
	f.conn.folder = filepath.Join(f.dir, "missing")
	_, err = f.open("a.jsonl", "", nil)
	wantFailure(t, err, "file.no_folder", "missing")
}

func TestStandardOutput(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{
		jsonLines: "{\"a\":1}\n{\"a\":2}\n", jsonArray: "[\n{\"a\":1},\n{\"a\":2}\n]\n", commas: "a\n1\n2\n",
	} {
		f := newFolder(t)
		out, err := os.Create(filepath.Join(f.dir, "out"))
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		f.conn.connector.stdout = func() *os.File { return out }
		w, err := f.open("-", "", sdk.Config{"format": format})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{`{"a":1}`, `{"a":2}`} {
			if _, at, err := w.Write(context.Background(), ops(p)); err != nil || at != "" {
				t.Errorf("got %q, %v", at, err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if text := f.get("out"); text != want {
			t.Errorf("%s: got %q", format, text)
		}
	}
	f := newFolder(t)
	f.conn.connector.stdout = func() *os.File { return nil }
	_, err := f.open("-", "", nil)
	wantFailure(t, err, "file.no_stdout")
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	f.conn.connector.stdout = func() *os.File { return to }
	w, err := f.open("-", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	from.Close()
	_, _, err = w.Write(t.Context(), ops("{}"))
	wantFailure(t, err, "file.stdout_closed")
}
