package host

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// helper, in the environment, makes the test binary an engine that waits to be killed.
const helper = "KOPRU_TEST_ENGINE"

// zooDir holds the connectors, one binary under several names.
var zooDir string

func TestMain(m *testing.M) {
	ConfineIfAsked()
	if dir := os.Getenv(helper); dir != "" {
		engine(dir)
	}
	dir, err := os.MkdirTemp("", "zoo")
	if err == nil {
		err = buildZoo(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	zooDir = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func buildZoo(dir string) error {
	for program, others := range map[string][]string{
		"zoo": {"stdio", "liar", "mute", "broken", "sleeper"}, "rogue": {"moody"}, "nosy": nil,
	} {
		first := filepath.Join(dir, prefix+program)
		if out, err := exec.Command("go", "build", "-o", first, "./testdata/"+program).CombinedOutput(); err != nil {
			return fmt.Errorf("build the zoo: %w\n%s", err, out)
		}
		for _, name := range others {
			if err := os.Link(first, filepath.Join(dir, prefix+name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// book is a log that can be searched.
type book struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *book) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}

// entries are those with the message.
func (b *book) entries(t *testing.T, message string) (found []map[string]any) {
	t.Helper()
	for line := range strings.Lines(b.String()) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if e["msg"] == message {
			found = append(found, e)
		}
	}
	return found
}

func newTestHost(t *testing.T, change func(*Options)) (*Host, *book) {
	t.Helper()
	b := &book{}
	o := Options{
		Dirs: []string{filepath.Join(zooDir, "nowhere"), zooDir}, CacheDir: t.TempDir(),
		Log:     slog.New(slog.NewJSONHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Restart: RestartPolicy{First: time.Millisecond, Most: 4 * time.Millisecond},
	}
	if change != nil {
		change(&o)
	}
	h := New(o)
	t.Cleanup(h.Close)
	return h, b
}

func connect(t *testing.T, h *Host, name string, config map[string]any) *Connection {
	t.Helper()
	c, err := h.Connect(t.Context(), Target{Type: name, Name: "main", Config: config})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ask looks a thing up and returns its fields.
func ask(ctx context.Context, c *Connection, do string) (map[string]any, error) {
	hits, err := c.Lookup(ctx, "thing", []*protocol.Query{{Match: fmt.Appendf(nil, `{"do":%q}`, do)}})
	if err != nil {
		return nil, err
	}
	if err := AsError(hits[0].GetFailure(), hits[0].GetExchanges()); err != nil {
		return nil, err
	}
	return record.DecodeObject(hits[0].GetFound()[0].GetFields())
}

func mustAsk(t *testing.T, c *Connection, do string) map[string]any {
	t.Helper()
	fields, err := ask(t.Context(), c, do)
	if err != nil {
		t.Fatalf("%s: %v", do, err)
	}
	return fields
}

// failing checks the class, the code and some words of an error.
func failing(t *testing.T, err error, class protocol.FailureClass, code string, words ...string) {
	t.Helper()
	var f *Failure
	if !errors.As(err, &f) {
		t.Fatalf("got %v (%T), want a failure %s", err, err, code)
	}
	if f.Class != class || f.Code != code {
		t.Fatalf("got %s %s (%s), want %s %s", f.Class, f.Code, f, class, code)
	}
	for _, w := range words {
		if !strings.Contains(f.Error(), w) {
			t.Errorf("%q does not say %q", f.Error(), w)
		}
	}
}

// until waits for something another process does.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		case <-tick.C:
		}
	}
}

func gone(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
	}
	_, after, _ := strings.Cut(string(data), ") ")
	return strings.HasPrefix(after, "Z") // nobody has waited for it yet, but it runs no more
}

func pidOf(t *testing.T, fields map[string]any) int {
	t.Helper()
	pid, err := strconv.Atoi(string(fields["pid"].(record.Number)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestManifestStartsTheProcessOnce(t *testing.T) {
	cache := t.TempDir()
	first, _ := newTestHost(t, func(o *Options) { o.CacheDir = cache })
	m, err := first.Manifest(t.Context(), "zoo")
	if err != nil {
		t.Fatal(err)
	}
	if m.GetVersion() != "1.2.3" || len(m.GetEntities()) != 2 {
		t.Fatalf("got %v", m)
	}
	second, log := newTestHost(t, func(o *Options) { o.CacheDir = cache })
	again, err := second.Manifest(t.Context(), "zoo")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m.String(), again.String()); diff != "" {
		t.Error(diff)
	}
	if log.String() != "" {
		t.Errorf("the second host started it: %s", log)
	}
	if diff := cmp.Diff([]string{"broken", "liar", "moody", "mute", "nosy", "rogue", "sleeper", "stdio", "zoo"}, second.Names()); diff != "" {
		t.Error(diff)
	}
}

func TestBadCachedManifestIsAskedAgain(t *testing.T) {
	cache := t.TempDir()
	sum, err := checksum(filepath.Join(zooDir, prefix+"zoo"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cache, sum+".manifest"), []byte("\xff\xff"), 0o600); err != nil {
		t.Fatal(err)
	}
	h, _ := newTestHost(t, func(o *Options) { o.CacheDir = cache })
	if m, err := h.Manifest(t.Context(), "zoo"); err != nil || m.GetName() != "zoo" {
		t.Fatalf("got %v, %v", m, err)
	}
}

func TestWhatCannotBeStarted(t *testing.T) {
	t.Parallel()
	short := func(o *Options) { o.Deadline = 3 * time.Second } // a program has to start within it, on a busy machine too
	for _, row := range []struct {
		name   string
		change func(*Options)
		class  protocol.FailureClass
		code   string
		words  []string
	}{
		{"nobody", nil, fatal, "connector.missing", []string{`"nobody" is not installed`, "there are broken, liar"}},
		{"broken", nil, transient, "connector.start", []string{"exit status 3", "the licence file is missing"}},
		{"mute", short, transient, "connector.start", []string{"did not answer within 3s"}},
		{"sleeper", short, transient, "connector.hung", []string{"did not answer Describe within 3s"}},
		{"liar", nil, fatal, "connector.protocol", []string{`calls itself "somebody-else"`}},
		{
			"zoo", func(o *Options) { o.Checksums = map[string]string{"zoo": strings.Repeat("0", 64)} },
			fatal, "connector.checksum",
			[]string{"not the one that was locked", "not started"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			h, _ := newTestHost(t, row.change)
			_, err := h.Manifest(t.Context(), row.name)
			failing(t, err, row.class, row.code, row.words...)
		})
	}
}

func TestChangedBinaryIsNotStarted(t *testing.T) {
	dir := t.TempDir()
	data, err := os.ReadFile(filepath.Join(zooDir, prefix+"zoo"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, prefix+"zoo")
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
	sum, err := checksum(path)
	if err != nil {
		t.Fatal(err)
	}
	h, log := newTestHost(t, func(o *Options) {
		o.Dirs = []string{dir}
		o.Checksums = map[string]string{"zoo": "sha256:" + strings.ToUpper(sum)}
	})
	if _, err := h.Manifest(t.Context(), "zoo"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err = h.Connect(t.Context(), Target{Type: "zoo", Name: "main"})
	failing(t, err, fatal, "connector.checksum", "is not what it was", sum)
	if n := len(log.entries(t, "zoo starts")); n != 1 {
		t.Errorf("started %d times, want only for the manifest", n)
	}
}

func TestConnections(t *testing.T) {
	h, log := newTestHost(t, nil)
	problems, err := h.Validate(t.Context(), "zoo", map[string]any{"mode": "bad"})
	if err != nil || len(problems) != 1 || problems[0].GetAttribute() != "mode" {
		t.Fatalf("got %v, %v", problems, err)
	}
	a := connect(t, h, "zoo", map[string]any{"secret": "open sesame"})
	b, err := h.Connect(t.Context(), Target{Type: "zoo", Name: "other", Config: map[string]any{"size": record.Int(9)}})
	if err != nil {
		t.Fatal(err)
	}
	for c, want := range map[*Connection]string{a: "size 7", b: "size 9"} {
		facts, problems, err := c.Check(t.Context())
		if err != nil || !cmp.Equal(facts, []string{want}) || len(problems) != 1 || !problems[0].GetWarning() {
			t.Errorf("got %v, %v, %v", facts, problems, err)
		}
	}
	if pidOf(t, mustAsk(t, a, "pid")) != pidOf(t, mustAsk(t, b, "pid")) {
		t.Error("two connections of a connector have two processes")
	}
	alone, err := h.Connect(t.Context(), Target{Type: "zoo", Name: "alone", Isolated: true})
	if err != nil {
		t.Fatal(err)
	}
	if pidOf(t, mustAsk(t, a, "pid")) == pidOf(t, mustAsk(t, alone, "pid")) {
		t.Error("an isolated connection shares its process")
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	_, err = ask(t.Context(), a, "pid")
	failing(t, err, fatal, "connector.closed")
	mustAsk(t, b, "pid")

	for mode, want := range map[string]struct {
		class protocol.FailureClass
		code  string
		words []string
	}{
		"refuse": {protocol.FailureClass_FAILURE_CLASS_AUTH, "zoo.refused", []string{"go away", "no entry"}},
		"panic":  {fatal, "connector.panic", []string{"panicked in Open: cannot open"}},
	} {
		_, err := h.Connect(t.Context(), Target{Type: "zoo", Name: mode, Config: map[string]any{"mode": mode}})
		failing(t, err, want.class, want.code, want.words...)
	}
	until(t, "the stack in the log", func() bool { return len(log.entries(t, "panic in Open")) == 1 })
	e := log.entries(t, "panic in Open")[0]
	if e["level"] != "ERROR" || e["connector"] != "zoo" || !strings.Contains(fmt.Sprint(e["stack"]), "zoo).Open") {
		t.Errorf("got %v", e)
	}
}

func TestSilentOpenIsAnError(t *testing.T) {
	t.Parallel()
	h, _ := newTestHost(t, func(o *Options) { o.Deadline = 3 * time.Second })
	_, err := h.Connect(t.Context(), Target{Type: "zoo", Name: "main", Config: map[string]any{"mode": "hang"}})
	failing(t, err, transient, "connector.hung", "did not answer Open within 3s")
}

func TestLogAndSecrets(t *testing.T) {
	h, log := newTestHost(t, nil)
	c := connect(t, h, "zoo", map[string]any{"secret": "open sesame"})
	mustAsk(t, c, "say")
	until(t, "the line in the log", func() bool { return len(log.entries(t, "I was told")) == 1 })
	want := map[string]any{
		"level": "WARN", "msg": "I was told", "connector": "zoo", "connection": "zoo.main", "secret": "***",
	}
	got := log.entries(t, "I was told")[0]
	delete(got, "time")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if e := log.entries(t, "zoo starts"); len(e) == 0 || e[0]["level"] != "WARN" {
		t.Errorf("got %v", e)
	}
	if strings.Contains(log.String(), "open sesame") {
		t.Error("a secret is in the log")
	}
}

func TestEnvironmentIsNotHandedOver(t *testing.T) {
	t.Setenv("KOPRU_TEST_SECRET", "hunter2")
	h, _ := newTestHost(t, nil)
	env := fmt.Sprint(mustAsk(t, connect(t, h, "zoo", nil), "env")["env"])
	if strings.Contains(env, "hunter2") || !strings.Contains(env, "\nPATH=") {
		t.Errorf("got %s", env)
	}
}

func TestStandardOutput(t *testing.T) {
	out, err := os.CreateTemp(t.TempDir(), "stdout")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	h, log := newTestHost(t, func(o *Options) { o.Stdout = out })
	mustAsk(t, connect(t, h, "stdio", nil), "print")
	data, err := os.ReadFile(out.Name())
	if err != nil || string(data) != "to the real one\n" {
		t.Errorf("got %q, %v", data, err)
	}
	until(t, "what it printed is logged", func() bool { return len(log.entries(t, "printed to stdout")) == 1 })
}

func TestCloseLeavesNobody(t *testing.T) {
	h, _ := newTestHost(t, nil)
	c := connect(t, h, "zoo", nil)
	pid, child := pidOf(t, mustAsk(t, c, "pid")), pidOf(t, mustAsk(t, c, "child"))
	h.Close()
	if !gone(pid) {
		t.Error("the connector still runs")
	}
	until(t, "the connector's own child is gone", func() bool { return gone(child) })
	_, err := ask(t.Context(), c, "pid")
	failing(t, err, fatal, "connector.host_closed")
	h.Close()
}

// engine is a process with a host, for TestKilledEngineLeavesNoOrphan. It tells its connector's pids and waits.
func engine(dir string) {
	h := New(Options{Dirs: []string{dir}})
	c, err := h.Connect(context.Background(), Target{Type: "zoo", Name: "main"})
	if err == nil {
		var fields map[string]any
		if fields, err = ask(context.Background(), c, "pid"); err == nil {
			fmt.Println(fields["pid"])
			select {}
		}
	}
	fmt.Println(err)
	os.Exit(1)
}

func TestKilledEngineLeavesNoOrphan(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helper+"="+zooDir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	pid, parseErr := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || parseErr != nil || gone(pid) {
		t.Fatalf("the engine said %q", line)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	until(t, "the connector ends with its engine", func() bool { return gone(pid) })
}
