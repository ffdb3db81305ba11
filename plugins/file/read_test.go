package file

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kopru-io/kopru/plugins/sdk"
)

const (
	someLines = "{\"id\":1,\"n\":1.10}\n\n  {\"id\":\"ü\",\"n\":1e5}\r\n{\"x\":null}\nnope\n[1]\n{\"id\":2,\"id\":3}\n{\"id\":\"\xff\"}\n{\"id\":4}"
	someArray = "\xEF\xBB\xBF [ {\"id\":1,\"n\":1.10},\n{\"id\":\"ü\"} ,{\"x\":[{}]},5,{\"id\":2,\"id\":3},{\"id\":4}\n]\n"
	someCSV   = "\xEF\xBB\xBFid,name\r\n1,\"a \"\"b\"\"\r\nc\"\r\n\r\n,ü\n3,x,y\n4,a\"b\n5,\"a\"b\n6,\xff\n7,"
)

func TestFormatsAreRead(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		text string
		want []string
	}{
		"a.jsonl": {someLines, []string{
			`1 {"id":1,"n":1.10}`, `ü {"id":"ü","n":1e5}`, `a.jsonl#4 {"x":null}`,
			"a.jsonl#5 ! a.jsonl:5: this is not JSON; every record must be a JSON object",
			"a.jsonl#6 ! a.jsonl:6: the record is JSON, but not an object; every record must be one",
			`a.jsonl#7 ! a.jsonl:7: this is not sound JSON: duplicate object member name "id"`,
			`a.jsonl#8 ! a.jsonl:8: this is not sound JSON: invalid UTF-8 within "/id" after offset 7`, `4 {"id":4}`,
		}},
		"a.json": {someArray, []string{
			`1 {"id":1,"n":1.10}`, `ü {"id":"ü"}`, `a.json#3 {"x":[{}]}`,
			"a.json#4 ! a.json:4: the record is JSON, but not an object; every record must be one",
			`a.json#5 ! a.json:5: this is not sound JSON: duplicate object member name "id"`, `4 {"id":4}`,
		}},
		"one.json": {"{\n \"id\": 7,\n \"a\": [1, 2]\n}\n", []string{"7 {\n \"id\": 7,\n \"a\": [1, 2]\n}"}},
		"a.csv": {someCSV, []string{
			`1 {"id":"1","name":"a \"b\"\r\nc"}`, `a.csv#5 {"id":"","name":"ü"}`, "a.csv#6 ! a.csv:6: 3 values where there are 2 columns",
			"a.csv#7 ! a.csv:7: " + errQuote.Error(), "a.csv#8 ! a.csv:8: " + errBehind.Error(),
			"a.csv#9 ! a.csv:9: the line is not UTF-8; save the file as UTF-8", `7 {"id":"7","name":""}`,
		}},
		"empty.jsonl": {"", nil}, "empty.json": {" ", nil}, "list.json": {"[ ]", nil}, "empty.csv": {"", nil}, "head.csv": {"a,b\n", nil},
	} {
		for _, ending := range []string{"", ".gz"} {
			t.Run(name+ending, func(t *testing.T) {
				t.Parallel()
				f := newFolder(t)
				f.put(name+ending, row.text)
				whole := f.readBatches(name+ending, "", nil, 100)
				want := make([]string, len(row.want))
				for i := range want {
					want[i] = strings.ReplaceAll(row.want[i], name, name+ending)
				}
				wantRecords(t, whole, want...)
				again := f.read(name+ending, whole.end, nil)
				if again.end != whole.end {
					t.Errorf("got %s after %s", again.end, whole.end)
				}
				wantRecords(t, again)
				f.resumes(name+ending, want)
			})
		}
	}
}

// resumes makes sure that a read from behind any record gives the rest.
func (f folder) resumes(entity string, want []string) {
	f.Helper()
	g := f.read(entity, "", nil)
	for i, cursor := range g.cursors {
		rest := f.read(entity, cursor, nil)
		wantRecords(f, rest, want[i+1:]...)
		if rest.end != g.end {
			f.Errorf("got %s, want %s", rest.end, g.end)
		}
	}
}

func TestAddedLinesAreRead(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a.jsonl", "a.jsonl.gz"} {
		f := newFolder(t)
		text, cursor := "", ""
		var have []string
		for _, add := range []string{
			"", `{"id":1}` + "\n" + `{"id"`, ":2}", "\n", `{"id":3`, "}\n\n", strings.Repeat(" ", 3000) + "\n", `{"id":4}` + "\n{", "\n", `{"id":5}`,
			" {}\n", `{"id":6}`,
		} {
			text += add
			f.put(name, text)
			g := f.read(name, cursor, nil)
			if g.err != nil {
				t.Fatal(g.err)
			}
			have, cursor = append(have, g.records...), g.end
		}
		wantSame(t, have, []string{
			`1 {"id":1}`, `2 {"id":2}`, `3 {"id":3}`, `4 {"id":4}`, name + "#7 ! " + name + ":7: this is not sound JSON: it ends in the middle",
			`5 {"id":5}`, name + "#8 ! " + name + ":8: the line went on after it had been read as a whole one; let whoever writes the file end every line at once",
			`6 {"id":6}`,
		})
	}
}

func TestPatternReadsFilesInOrderAndNewOnesLater(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.put("in/b.jsonl", `{"id":"b1"}`+"\n")
	f.put("in/d.jsonl", `{"id":"d1"}`+"\n"+`{"id":"d2"}`+"\n")
	f.put("in/.hidden.jsonl", `{"id":"h"}`+"\n")
	f.put("in/sub.jsonl/x", "")
	first := f.read("in/*.jsonl", "", nil)
	wantRecords(t, first, `b1 {"id":"b1"}`, `d1 {"id":"d1"}`, `d2 {"id":"d2"}`)
	f.put("in/a.jsonl", `{"id":"a1"}`+"\n")
	f.put("in/c.jsonl", `{}`+"\n")
	f.put("in/b.jsonl", `{"id":"b1"}`+"\n"+`{"id":"b2"}`+"\n")
	wantRecords(t, f.read("in/*.jsonl", first.cursors[1], nil),
		`a1 {"id":"a1"}`, `b2 {"id":"b2"}`, `in/c.jsonl#1 {}`, `d2 {"id":"d2"}`)
	second := f.read("in/*.jsonl", first.end, nil)
	wantRecords(t, second, `a1 {"id":"a1"}`, `b2 {"id":"b2"}`, `in/c.jsonl#1 {}`)

	if err := os.Remove(filepath.Join(f.dir, "in/d.jsonl")); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, f.read("in/*.jsonl", first.cursors[1], nil).err, "file.changed", "in/d.jsonl", "put it back")
	third := f.read("i?/*.jsonl", second.end, nil) // moved away when done
	wantRecords(t, third)
	f.put("in/d.jsonl", `{"id":"new"}`+"\n")
	wantRecords(t, f.read("in/*.jsonl", third.end, nil), `new {"id":"new"}`)
	f.put("in/d.jsonl", `{"id":"d1"}`+"\n"+`{"id":"d2"}`+"\n")
	wantRecords(t, f.read("in/*.jsonl", third.end, nil)) // the same one was put back
	wantRecords(t, f.read("in/*.nothing", "", sdk.Config{"format": "jsonl"}))
	wantFailure(t, f.read("out/*.jsonl", "", nil).err, "file.not_found", "out")
}

func TestChangedFilesAreRefused(t *testing.T) {
	t.Parallel()
	line := func(s string, n int) string { return strings.Repeat(`{"v":"`+s+`"}`+"\n", n) }
	for name, row := range map[string]struct{ before, after string }{
		"shorter":            {line("a", 3), line("a", 2)},
		"long and shorter":   {line("a", 900), line("a", 899)},
		"empty":              {line("a", 900), ""},
		"another beginning":  {line("a", 900), line("b", 1) + line("a", 899)},
		"another end":        {line("a", 900), line("a", 899) + line("b", 1)},
		"another and longer": {line("a", 150), line("b", 160)},
	} {
		for _, ending := range []string{".jsonl", ".jsonl.gz"} {
			f := newFolder(t)
			f.put("x"+ending, row.before)
			end := f.read("x"+ending, "", nil).end
			f.put("x"+ending, row.after)
			again := f.read("x"+ending, end, nil)
			if len(again.records) > 0 {
				t.Errorf("%s: got %v", name, again.records)
			}
			wantFailure(t, again.err, "file.changed", "x"+ending, "reset the pipeline's cursor")
		}
	}
}

func TestUnfinishedFilesFailOrWait(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, text, code string }{
		{"a.json", `[{"id":1},`, "file.incomplete"},
		{"a.json", `[{"id":1},{"i`, "file.incomplete"},
		{"a.json", `[{"id":1}`, "file.incomplete"},
		{"a.json", `[{"id":1} {}]`, "file.bad_json"},
		{"a.json", `[{"id":1}] x`, "file.bad_json"},
		{"a.json", `{"id":1}{}`, "file.bad_json"},
		{"a.json", `[{"id":1},{"id" 2}]`, "file.bad_json"},
		{"a.csv", "id\n1\n\"x\n2\n", "file.incomplete"},
		{"a.csv.gz", "id\n1\n\"x\n2\n", "file.incomplete"},
	} {
		f := newFolder(t)
		f.put(row.name, row.text)
		g := f.read(row.name, "", nil)
		wantFailure(t, g.err, row.code, row.name)
		if len(g.records) != 1 || g.records[0][0] != '1' {
			t.Errorf("%s: got %q", row.text, g.records)
		}
	}
	f := newFolder(t)
	whole := zipped(`{"id":1}` + "\n" + `{"id":2}`)
	for n := 1; n < len(whole); n++ {
		f.putRaw("a.jsonl.gz", whole[:n])
		g := f.read("a.jsonl.gz", "", nil)
		wantFailure(t, g.err, "file.incomplete", "run again later")
		f.putRaw("a.jsonl.gz", whole)
		cursor := ""
		if len(g.cursors) > 0 {
			cursor = g.cursors[0]
		}
		if got := len(g.records) + len(f.read("a.jsonl.gz", cursor, nil).records); got != 2 {
			t.Errorf("cut at %d: %d records", n, got)
		}
	}
	f.putRaw("a.jsonl.gz", "no gzip at all")
	wantFailure(t, f.read("a.jsonl.gz", "", nil).err, "file.bad_gzip", "take .gz off")
	f.put("b.csv", "id,name\n1,x\n2")
	wantRecords(t, f.read("b.csv", "", nil), `1 {"id":"1","name":"x"}`)
}

func TestLongLines(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	long := strings.Repeat("x", longest+2*chunk)
	f.put("a.jsonl", `{"id":1}`+"\n{\"a\":\""+long+"\"}\n"+`{"id":3,"a":"`+long[:3*chunk]+`"}`+"\n")
	g := f.read("a.jsonl", "", nil)
	if g.err != nil || len(g.records) != 3 || !strings.HasPrefix(g.records[1], "a.jsonl#2 ! a.jsonl:2: the line is longer than the 16 MiB") {
		t.Fatalf("got %.200q, %v", g.records, g.err)
	}
	wantRecords(t, f.read("a.jsonl", g.cursors[1], nil), g.records[2])
	f.put("a.csv", "id,a\n1,2\n2,"+long+"\n3,4\n5,\"x\n"+long+"\n")
	g = f.read("a.csv", "", nil)
	wantFailure(t, g.err, "file.too_long", "a.csv:5", "quotation mark")
	if len(g.records) != 3 || !strings.HasPrefix(g.records[1], "a.csv#3 ! a.csv:3: the line is longer") {
		t.Errorf("got %.200q", g.records)
	}
	f.put("a.json", `[{"id":1},{"a":"`+long+`"}]`)
	wantFailure(t, f.read("a.json", "", nil).err, "file.too_long", "record 2")
}

func TestKeys(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.put("a.jsonl", `{"id":9,"o":{"n":1.50,"x":1}}`+"\n"+`{"o":{"n":"\u0061"}}`+"\n"+`{"id":1}`+"\n"+`{"\u006f":{"n":"b"}}`+"\n"+`{"o":{"n":null}}`+"\n")
	none := `the record has no text or number in "o.n", which is its key`
	wantRecords(t, f.read("a.jsonl", "", sdk.Config{"key": "o.n"}),
		`1.50 {"id":9,"o":{"n":1.50,"x":1}}`, `a {"o":{"n":"\u0061"}}`, "a.jsonl#3 ! a.jsonl:3: "+none, `b {"\u006f":{"n":"b"}}`, "a.jsonl#5 ! a.jsonl:5: "+none)
	wantFailure(t, f.read("a.jsonl", "", sdk.Config{"key": "o..n"}).err, "file.bad_key")
	f.put("a.csv", "no;name\n7;x\n;y\n")
	wantRecords(t, f.read("a.csv", "", sdk.Config{"key": "no", "delimiter": ";"}),
		`7 {"no":"7","name":"x"}`, `a.csv#3 ! a.csv:3: the record has nothing in "no", which is its key`)
	wantFailure(t, f.read("a.csv", "", sdk.Config{"key": "nr", "delimiter": ";"}).err, "file.bad_key", `["no" "name"]`)
	f.put("b.csv", "a,b,a\n")
	wantFailure(t, f.read("b.csv", "", nil).err, "file.bad_header", `"a"`)
	f.put("u.csv", "\xFF\xFEa\x00")
	wantFailure(t, f.read("u.csv", "", nil).err, "file.encoding", "UTF-8")
}

func TestPathsStayInside(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	outside := newFolder(t)
	outside.put("secret.jsonl", "{}\n")
	f.put("in/a.jsonl", "{}\n")
	for link, to := range map[string]string{
		"link.jsonl": outside.dir + "/secret.jsonl", "up.jsonl": "../" + filepath.Base(outside.dir) + "/secret.jsonl",
		"out": outside.dir, "fine.jsonl": "in/a.jsonl",
	} {
		if err := os.Symlink(to, filepath.Join(f.dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, entity := range []string{
		"../x.jsonl", "in/../../x.jsonl", "/etc/x.jsonl", outside.dir + "/secret.jsonl", "link.jsonl", "up.jsonl", "out/secret.jsonl", "out/*.jsonl", "l*.jsonl",
	} {
		wantFailure(t, f.read(entity, "", nil).err, "file.outside", "folder")
		if !isPattern(entity) {
			_, err := f.open(entity, "", nil)
			wantFailure(t, err, "file.outside", "folder")
		}
	}
	wantRecords(t, f.read("fine.jsonl", "", nil), "fine.jsonl#1 {}")
	wantRecords(t, f.read("in/../in/./a.jsonl", "", nil), "in/a.jsonl#1 {}")
	wantFailure(t, f.read("in", "", sdk.Config{"format": "jsonl"}).err, "file.not_a_file")
	wantFailure(t, f.read("no.jsonl", "", nil).err, "file.not_found", "no.jsonl")
	wantFailure(t, f.read("a.xml", "", nil).err, "file.unknown_format", "jsonl")
	wantFailure(t, f.read("in/a.jsonl", "17", nil).err, "file.bad_cursor")
	if text := outside.get("secret.jsonl"); text != "{}\n" {
		t.Errorf("got %q", text)
	}
}

func TestStandardInput(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	from, to := io.Pipe()
	f.conn.connector.stdin = from
	seen := make(chan string)
	done := make(chan error)
	go func() {
		end, err := f.conn.Read(context.Background(), sdk.ReadRequest{Entity: "-", BatchSize: 100}, func(b sdk.Batch) error {
			for _, r := range b.Records {
				seen <- shown(t, r) + b.Cursor
			}
			return nil
		})
		done <- errors.Join(err, func() error {
			if end != "" {
				return errors.New("a cursor: " + end)
			}
			return nil
		}())
	}()
	for _, row := range []struct{ in, want string }{
		{`{"id":1}` + "\n{", `1 {"id":1}`}, {"}\n", "-#2 {}"}, // what is there is passed on at once
	} {
		if _, err := to.Write([]byte(row.in)); err != nil {
			t.Fatal(err)
		}
		if got := <-seen; got != row.want {
			t.Errorf("got %s, want %s", got, row.want)
		}
	}
	go func() {
		_, _ = to.Write([]byte(`{"a"`))
		_ = to.Close()
	}()
	if got := <-seen; got != "-#3 ! -:3: this is not sound JSON: it ends in the middle" {
		t.Errorf("got %s", got)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	wantFailure(t, f.read("-", "", nil).err, "file.stdin_used")
}

func TestReadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	from, to := io.Pipe()
	defer to.Close()
	f.conn.connector.stdin = from
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.conn.Read(ctx, sdk.ReadRequest{Entity: "-", BatchSize: 1}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	f.put("a.jsonl", strings.Repeat("{}\n", 1000))
	stop := errors.New("stop")
	n := 0
	_, err := f.conn.Read(t.Context(), sdk.ReadRequest{Entity: "a.jsonl", BatchSize: 1}, func(sdk.Batch) error {
		if n++; n == 3 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}
