// Command zoo is a connector that misbehaves on demand. What it does at its start depends on the name it is run by,
// the rest on what it is asked.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

func main() {
	name := strings.TrimPrefix(filepath.Base(os.Args[0]), "kopru-connector-")
	fmt.Fprintln(os.Stderr, "[WARN] "+name+" starts")
	switch name {
	case "mute":
		select {}
	case "broken":
		fmt.Fprintln(os.Stderr, "the licence file is missing")
		os.Exit(3)
	}
	sdk.Serve(&zoo{name: name})
}

type zoo struct{ name string }

func (z *zoo) Manifest() *protocol.Manifest {
	switch z.name {
	case "liar":
		return &protocol.Manifest{Name: "somebody-else"}
	case "sleeper":
		select {}
	}
	return &protocol.Manifest{
		Name: z.name, Version: "1.2.3", Stdio: z.name == "stdio",
		Config: []*protocol.Attribute{
			sdk.Attribute("mode", protocol.AttributeType_ATTRIBUTE_TYPE_STRING, "what to do wrong", 0),
			sdk.Attribute("secret", protocol.AttributeType_ATTRIBUTE_TYPE_STRING, "a secret", sdk.Sensitive),
			sdk.WithDefault(sdk.Attribute("size", protocol.AttributeType_ATTRIBUTE_TYPE_INTEGER, "a size", 0), 7),
		},
		Entities: []*protocol.Entity{
			{Name: "thing", CanRead: true, CanLookup: true, CanCreate: true, Concurrency: 4},
			{Name: "log", AppendOnly: true, CanCreate: true},
		},
	}
}

func (z *zoo) Validate(c sdk.Config) []*protocol.Problem {
	if c.String("mode") == "bad" {
		return []*protocol.Problem{{Attribute: "mode", Summary: "that is bad"}}
	}
	return nil
}

func (z *zoo) Open(ctx context.Context, name string, c sdk.Config, log *slog.Logger) (sdk.Connection, error) {
	switch c.String("mode") {
	case "hang":
		select {}
	case "panic":
		panic("cannot open")
	case "refuse":
		return nil, sdk.Auth("zoo.refused", "go away").Remote(401, "no entry")
	}
	log.Info("opened", "name", name)
	return &connection{config: c, log: log, meet: make(chan struct{}), stuck: make(chan struct{})}, nil
}

type connection struct {
	config      sdk.Config
	log         *slog.Logger
	tried, sent atomic.Int64
	settled     atomic.Value
	stuck       chan struct{}
	stuckOnce   sync.Once
	mu          sync.Mutex
	meeting     int
	meet        chan struct{}
	appended    []string
}

func (c *connection) Check(context.Context) ([]string, []*protocol.Problem) {
	return []string{"size " + strconv.FormatInt(c.config.Int("size"), 10)}, []*protocol.Problem{{Summary: "a little cold", Warning: true}}
}

func (c *connection) Close() error { return nil }

func (c *connection) Committed(_ context.Context, _, cursor string) error {
	c.settled.Store(cursor)
	return nil
}

func (c *connection) Read(ctx context.Context, r sdk.ReadRequest, emit func(sdk.Batch) error) (string, error) {
	from, _ := strconv.Atoi(r.Cursor)
	count := int(r.Options.Int("count"))
	for i := from; i < count; i++ {
		if i == int(r.Options.Int("at")) && i > 0 {
			if err := c.misbehave(ctx, r.Options.String("do")); err != nil {
				return "", err
			}
		}
		c.tried.Add(1)
		payload := fmt.Sprintf(`{"n":%d,"pad":%q}`, i, strings.Repeat("x", int(r.Options.Int("pad"))))
		b := sdk.Batch{Cursor: strconv.Itoa(i + 1)}
		for j := range max(1, int(r.Options.Int("records"))) {
			b.Records = append(b.Records, sdk.Record{Key: fmt.Sprintf("%d.%d", i, j), Payload: json.RawMessage(payload)})
		}
		if err := emit(b); err != nil {
			return "", err
		}
		c.sent.Add(1)
	}
	return "end " + strconv.Itoa(count), nil
}

func (c *connection) misbehave(ctx context.Context, do string) error {
	switch do {
	case "exit":
		os.Exit(4)
	case "crash":
		go func() { panic("out of control") }()
		<-ctx.Done()
		return ctx.Err()
	case "freeze":
		if err := syscall.Kill(os.Getpid(), syscall.SIGSTOP); err != nil {
			return err
		}
		<-ctx.Done() // the signal may be another thread's to take: this one must not answer before
		return ctx.Err()
	case "panic":
		panic("in control")
	case "hang":
		c.stuckOnce.Do(func() { close(c.stuck) })
		<-ctx.Done()
		return ctx.Err()
	case "untyped":
		return fmt.Errorf("something odd")
	case "invalid":
		return sdk.Invalid("zoo.invalid", "not like this").At("lines[0].name").Remote(422, "name too long")
	}
	return nil
}

func (c *connection) Lookup(ctx context.Context, entity string, q sdk.Query) ([]sdk.Found, error) {
	do, _ := q.Match["do"].(string)
	fields := map[string]any{}
	switch do {
	case "counts":
		settled, _ := c.settled.Load().(string)
		fields["tried"], fields["sent"], fields["settled"] = record.Int(c.tried.Load()), record.Int(c.sent.Load()), settled
	case "pid":
		fields["pid"] = record.Int(int64(os.Getpid()))
	case "env":
		fields["env"] = strings.Join(os.Environ(), "\n")
	case "child":
		cmd := exec.Command("sleep", "3600")
		cmd.Stderr = syscallStderr()
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		fields["pid"] = record.Int(int64(cmd.Process.Pid))
	case "say":
		c.log.Warn("I was told", "secret", c.config.String("secret"))
	case "print":
		fmt.Println("printed to stdout")
		fmt.Fprintln(sdk.Stdout(), "to the real one")
	case "stuck":
		<-c.stuck
	default:
		if err := c.misbehave(ctx, do); err != nil {
			return nil, err
		}
	}
	return []sdk.Found{{ID: q.ID + "!", Version: "v1", Fields: fields}}, nil
}

// syscallStderr is the process's real standard error; os.Stderr is go-plugin's by now.
func syscallStderr() *os.File { return os.NewFile(2, "stderr") }

func (c *connection) Writer(_ context.Context, r sdk.WriteRequest) (sdk.BatchWriter, error) {
	if r.Entity == "log" {
		c.mu.Lock()
		defer c.mu.Unlock()
		n, _ := strconv.Atoi(r.Position)
		c.appended = c.appended[:min(n, len(c.appended))]
		return &appender{c: c, at: n}, nil
	}
	return sdk.PerOp(4, c.write), nil
}

func (c *connection) write(ctx context.Context, op sdk.Op) sdk.Result {
	do, _, _ := strings.Cut(op.Key, " ")
	if do == "meet" { // returns only when four are here at once
		c.mu.Lock()
		if c.meeting++; c.meeting == 4 {
			close(c.meet)
		}
		c.mu.Unlock()
		select {
		case <-c.meet:
		case <-ctx.Done():
		}
	}
	if err := c.misbehave(ctx, do); err != nil {
		return sdk.Result{Err: err, Exchanges: []*protocol.Exchange{{Request: "POST /things", Status: 422}}}
	}
	return sdk.Result{ID: "id of " + op.Key, Version: "1"}
}

type appender struct {
	c  *connection
	at int
}

func (a *appender) Write(ctx context.Context, ops []sdk.Op) ([]sdk.Result, string, error) {
	for _, op := range ops {
		if err := a.c.misbehave(ctx, op.Key); err != nil {
			return nil, "", err
		}
		a.at++
	}
	return nil, strconv.Itoa(a.at), nil
}

func (a *appender) Close() error { return nil }
