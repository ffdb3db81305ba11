// Command zoo is a connector to a folder of JSON files that breaks the one promise it is named by: run as
// kopru-connector-honest it keeps them all.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// fault is the promise that this process breaks.
var fault = strings.TrimPrefix(filepath.Base(os.Args[0]), "kopru-connector-")

func main() { sdk.Serve(zoo{}) }

type zoo struct{}

func (zoo) Manifest() *protocol.Manifest {
	text, whole := protocol.FieldType_FIELD_TYPE_STRING, protocol.FieldType_FIELD_TYPE_INTEGER
	setting := protocol.AttributeType_ATTRIBUTE_TYPE_STRING
	m := &protocol.Manifest{
		Name: fault, Version: "1.0.0", Summary: "Keeps things in a folder.",
		Config: []*protocol.Attribute{
			sdk.Attribute("path", setting, "The folder.", sdk.Required|sdk.WritePath),
			sdk.Attribute("password", setting, "Never needed.", sdk.Sensitive),
		},
		Entities: []*protocol.Entity{
			{
				Name: "thing", Description: "A thing.", IdField: "id", Concurrency: 4,
				CanRead: true, CanLookup: true, CanCreate: true, CanUpdate: true, CanDelete: true, Incremental: true,
				Fields: []*protocol.Field{
					sdk.Field("id", text, "Its number.", 0),
					sdk.Field("code", text, "Its code.", sdk.Match|sdk.OnCreate|sdk.Required),
					sdk.Field("note", text, "Anything.", sdk.Writable),
					sdk.Field("count", whole, "How many.", sdk.Writable),
				},
			},
			{
				Name: "log", Description: "Lines.", AppendOnly: true, CanCreate: true, CanRead: true,
				Fields: []*protocol.Field{sdk.Field("line", text, "A line.", sdk.OnCreate)},
			},
		},
	}
	switch fault {
	case "unstable":
		m.Summary += strconv.Itoa(os.Getpid())
	case "speechless":
		m.Entities[0].Description = ""
	case "incoherent":
		m.Entities[0].IdField = "number"
	case "misdeclared":
		sdk.DeclaresEntities(m.Config[0], true, "")
	}
	return m
}

func (zoo) Validate(c sdk.Config) []*protocol.Problem {
	if !filepath.IsAbs(c.String("path")) && fault != "careless" {
		return []*protocol.Problem{{Attribute: "path", Summary: "the path is not absolute"}}
	}
	return nil
}

func (zoo) Open(_ context.Context, _ string, c sdk.Config, _ *slog.Logger) (sdk.Connection, error) {
	switch fault {
	case "chatty":
		fmt.Fprintln(os.Stderr, "opened with password "+c.String("password"))
	case "leaky":
		if f, err := os.Open(os.Args[0]); err == nil {
			leaked = append(leaked, f)
		}
	}
	return &folder{path: c.String("path"), password: c.String("password")}, nil
}

var (
	leaked  []*os.File
	disk    sync.Mutex // the folder is this process's alone
	memory  = map[string]thing{}
	shuffle int
)

type folder struct{ path, password string }

type thing map[string]any

func (f *folder) Check(context.Context) ([]string, []*protocol.Problem) {
	if fault == "unwell" {
		return nil, []*protocol.Problem{{Summary: "a bad day"}}
	}
	return []string{"the folder is " + f.path}, nil
}

func (*folder) Close() error { return nil }

// ---- things: a file each, named by its number

func (f *folder) all() (out []thing) {
	files, _ := filepath.Glob(filepath.Join(f.path, "*.json"))
	for _, file := range files {
		data, _ := os.ReadFile(file)
		if m, err := record.DecodeObject(data); err == nil {
			out = append(out, m)
		}
	}
	for _, m := range memory {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b thing) int { return strings.Compare(a["id"].(string), b["id"].(string)) })
	return out
}

func (f *folder) save(m thing) error {
	if fault == "forgetful" {
		memory[m["id"].(string)] = m
		return nil
	}
	data, err := record.Encode(map[string]any(m))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(f.path, m["id"].(string)+".json"), data, 0o600)
}

func (f *folder) Read(ctx context.Context, r sdk.ReadRequest, emit func(sdk.Batch) error) (string, error) {
	if r.Entity == "log" {
		return "", f.readLog(emit)
	}
	disk.Lock()
	things := f.all()
	shuffle++
	round := shuffle
	disk.Unlock()
	if fault == "amnesiac" && r.Cursor != "" {
		id, process, _ := strings.Cut(r.Cursor, "@")
		if process != strconv.Itoa(os.Getpid()) {
			return "", sdk.Fatal("zoo.cursor", "that cursor has expired")
		}
		r.Cursor = id
	}
	known := slices.ContainsFunc(things, func(m thing) bool { return m["id"] == r.Cursor })
	if r.Cursor != "" && !known && fault != "gullible" {
		return "", sdk.Fatal("zoo.cursor", "there is no thing %q", r.Cursor)
	}
	if !known && r.Cursor != "" {
		return r.Cursor, nil
	}
	batch := sdk.Batch{}
	flush := func() error {
		if len(batch.Records) == 0 {
			return nil
		}
		err := emit(batch)
		batch = sdk.Batch{}
		return err
	}
	if fault == "restless" && round%2 == 0 {
		slices.Reverse(things)
	}
	skip := fault == "lossy" && r.Cursor != ""
	for i, m := range things {
		if m["id"].(string) <= r.Cursor && fault != "restless" || fault == "dropping" && round%2 == 0 && i == 1 {
			continue
		}
		if skip {
			skip = false
			continue
		}
		shown := maps.Clone(m)
		delete(shown, "version")
		key, _ := shown["id"].(string)
		switch fault {
		case "keyless":
			key = ""
		case "talkative":
			shown["colour"] = "red"
		case "untyped":
			shown["count"] = "7"
		}
		data, _ := record.Encode(map[string]any(shown))
		batch.Records = append(batch.Records, sdk.Record{Key: key, Payload: data})
		batch.Cursor = m["id"].(string)
		if fault == "amnesiac" {
			batch.Cursor += "@" + strconv.Itoa(os.Getpid())
		}
		if len(batch.Records) == r.BatchSize {
			if err := flush(); err != nil {
				return "", err
			}
		}
		if fault == "fragile" && round > 3 && ctx.Err() == nil && i == len(things)-1 {
			os.Exit(5)
		}
	}
	return "", flush()
}

func (f *folder) Lookup(_ context.Context, _ string, q sdk.Query) ([]sdk.Found, error) {
	disk.Lock()
	defer disk.Unlock()
	var found []sdk.Found
	for _, m := range f.all() {
		hit := q.ID != "" && m["id"] == q.ID
		if code, ok := q.Match["code"].(string); ok {
			has, _ := m["code"].(string)
			hit = has == code || fault == "fuzzy" && strings.HasPrefix(has, strings.TrimSuffix(code, "%"))
		}
		if hit {
			fields := maps.Clone(m)
			version, _ := fields["version"].(record.Number)
			delete(fields, "version")
			found = append(found, sdk.Found{ID: m["id"].(string), Version: string(version), Fields: fields})
		}
	}
	if len(found) == 0 && fault == "obliging" {
		for _, m := range f.all()[:1] {
			found = append(found, sdk.Found{ID: m["id"].(string), Fields: m})
		}
	}
	return found, nil
}

func (f *folder) Writer(_ context.Context, r sdk.WriteRequest) (sdk.BatchWriter, error) {
	if r.Entity == "log" {
		return f.openLog(r.Position)
	}
	if fault == "hasty" {
		return allOrNothing{f}, nil
	}
	return sdk.PerOp(4, f.write), nil
}

// allOrNothing fails a whole batch for one bad operation.
type allOrNothing struct{ f *folder }

func (a allOrNothing) Write(ctx context.Context, ops []sdk.Op) (results []sdk.Result, _ string, _ error) {
	for _, op := range ops {
		r := a.f.write(ctx, op)
		if r.Err != nil {
			return nil, "", r.Err
		}
		results = append(results, r)
	}
	return results, "", nil
}

func (allOrNothing) Close() error { return nil }

func (f *folder) write(_ context.Context, op sdk.Op) sdk.Result {
	disk.Lock()
	defer disk.Unlock()
	fields, err := record.DecodeObject(op.Payload)
	if op.Operation != protocol.Operation_OPERATION_DELETE && err != nil {
		return sdk.Result{Err: sdk.Invalid("zoo.payload", "not JSON")}
	}
	if count, given := fields["count"]; given {
		if _, isNumber := count.(record.Number); !isNumber {
			return sdk.Result{Err: sdk.Invalid("zoo.count", "a number is needed").At("count")}
		}
	}
	if note, _ := fields["note"].(string); len(note) > 1000 && fault != "cutting" {
		return sdk.Result{Err: sdk.Invalid("zoo.note", "the note is too long").At("note")}
	} else if len(note) > 1000 {
		fields["note"] = note[:1000]
	}
	var exchanges []*protocol.Exchange
	if fault == "indiscreet" {
		exchanges = []*protocol.Exchange{{Request: "POST /?password=" + f.password}}
	}
	if op.Operation == protocol.Operation_OPERATION_CREATE {
		m := thing(fields)
		m["id"], m["version"] = fmt.Sprintf("%06d", len(f.all())+1000+os.Getpid()%7), record.Int(1)
		for slices.ContainsFunc(f.all(), func(o thing) bool { return o["id"] == m["id"] }) {
			n, _ := strconv.Atoi(m["id"].(string))
			m["id"] = fmt.Sprintf("%06d", n+1)
		}
		if fault != "pretending" {
			err = f.save(m)
		}
		return sdk.Result{ID: m["id"].(string), Version: "1", Err: err, Exchanges: exchanges}
	}
	return f.change(op, fields)
}

func (f *folder) change(op sdk.Op, fields map[string]any) sdk.Result {
	things := f.all()
	i := slices.IndexFunc(things, func(m thing) bool { return m["id"] == op.ID })
	switch {
	case i < 0 && fault == "agreeable":
		return sdk.Result{ID: op.ID}
	case i < 0:
		return sdk.Result{Err: sdk.NotFound("zoo.unknown", "there is no thing %q", op.ID)}
	case op.Operation == protocol.Operation_OPERATION_DELETE && fault == "hoarding":
		return sdk.Result{ID: op.ID}
	case op.Operation == protocol.Operation_OPERATION_DELETE:
		return sdk.Result{ID: op.ID, Err: os.Remove(filepath.Join(f.path, op.ID+".json"))}
	}
	m := things[i]
	version, _ := m["version"].(record.Number)
	if op.Version != "" && op.Version != string(version) && fault != "heedless" {
		return sdk.Result{Err: sdk.Conflict("zoo.version", "somebody was faster")}
	}
	if fault == "overwriting" {
		m = thing{"id": m["id"], "code": m["code"], "count": nil, "note": nil}
	}
	maps.Copy(m, fields)
	n, _ := strconv.Atoi(string(version))
	m["version"] = record.Int(int64(n + 1))
	return sdk.Result{ID: op.ID, Version: strconv.Itoa(n + 1), Err: f.save(m)}
}

// ---- the log: one file of lines

func (f *folder) logFile() string { return filepath.Join(f.path, "log.lines") }

func (f *folder) readLog(emit func(sdk.Batch) error) error {
	data, _ := os.ReadFile(f.logFile())
	b := sdk.Batch{}
	for i, line := range bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")) {
		if len(line) > 0 {
			b.Records = append(b.Records, sdk.Record{Key: strconv.Itoa(i), Payload: json.RawMessage(line)})
		}
	}
	return emit(b)
}

func (f *folder) openLog(position string) (sdk.BatchWriter, error) {
	file, err := os.OpenFile(f.logFile(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	at, _ := strconv.ParseInt(position, 10, 64)
	if fault != "appending" {
		if err := file.Truncate(at); err != nil {
			return nil, err
		}
	}
	_, err = file.Seek(0, 2)
	return &lines{file: file, at: at}, err
}

type lines struct {
	file   *os.File
	at     int64
	buffer []byte
}

func (l *lines) Write(_ context.Context, ops []sdk.Op) ([]sdk.Result, string, error) {
	for _, op := range ops {
		l.buffer = append(append(l.buffer, op.Payload...), '\n')
		l.at += int64(len(op.Payload)) + 1
	}
	switch fault {
	case "placeless":
		return nil, "", l.flush()
	case "buffering":
		return nil, strconv.FormatInt(l.at, 10), nil
	}
	return nil, strconv.FormatInt(l.at, 10), l.flush()
}

func (l *lines) flush() error {
	_, err := l.file.Write(l.buffer)
	l.buffer = nil
	return err
}

func (l *lines) Close() error { return errors.Join(l.flush(), l.file.Close()) }
