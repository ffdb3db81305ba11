package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kopru-io/kopru/engine/state/postgrestest"
)

// engine is a `kopru run` of its own process.
type engine struct {
	t     *testing.T
	cmd   *exec.Cmd
	ended chan error

	mu    sync.Mutex
	said  []string
	heard chan struct{} // something was said
}

func startEngine(t *testing.T, dir string, args ...string) *engine {
	t.Helper()
	cmd := exec.Command(filepath.Join(binaries, "kopru"), append(args, "run", dir)...)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(binaries, "cache"))
	return startEngineWith(t, cmd)
}

// startEngineWith starts a `kopru run`.
func startEngineWith(t *testing.T, cmd *exec.Cmd) *engine {
	t.Helper()
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	e := &engine{t: t, cmd: cmd, ended: make(chan error, 1), heard: make(chan struct{}, 1)}
	go e.listen(out)
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return e
}

func (e *engine) listen(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		e.mu.Lock()
		e.said = append(e.said, lines.Text())
		e.mu.Unlock()
		select {
		case e.heard <- struct{}{}:
		default:
		}
	}
	e.ended <- e.cmd.Wait()
}

func (e *engine) text() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.said, "\n")
}

// says waits until the engine has said something.
func (e *engine) says(text string) {
	e.t.Helper()
	deadline := time.After(2 * time.Minute)
	for !strings.Contains(e.text(), text) {
		select {
		case <-e.heard:
		case <-deadline:
			e.t.Fatalf("it does not say %q but:\n%s", text, e.text())
		}
	}
}

// stop asks the engine to end, and wants it to end well.
func (e *engine) stop() {
	e.t.Helper()
	if err := e.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		e.t.Fatal(err)
	}
	select {
	case err := <-e.ended:
		if err != nil {
			e.t.Errorf("%v\n%s", err, e.text())
		}
	case <-time.After(2 * time.Minute):
		e.t.Errorf("it does not end\n%s", e.text())
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// feed appends records to a file, numbered on from where it ended.
type feed struct {
	t    *testing.T
	path string
	n    int
}

func (f *feed) add(count int) {
	f.t.Helper()
	var text strings.Builder
	for range count {
		f.n++
		fmt.Fprintf(&text, "{\"id\":\"%d\"}\n", f.n)
	}
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		f.t.Error(err)
		return
	}
	defer file.Close()
	if _, err := file.WriteString(text.String()); err != nil {
		f.t.Error(err)
	}
}

// flow appends records until stop is called.
func (f *feed) flow() (stop func()) {
	over := make(chan struct{})
	var flowing sync.WaitGroup
	flowing.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				f.add(3)
			case <-over:
				return
			}
		}
	})
	return func() { close(over); flowing.Wait() }
}

type copied struct{ ID, Mark string }

// arrives waits until so many records have come out.
func arrives(t *testing.T, path string, n int) []copied {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var out []copied
	for range 6000 {
		data, _ := os.ReadFile(path) // it may not be there yet
		out = out[:0]
		for line := range strings.Lines(string(data)) {
			var c copied
			if strings.HasSuffix(line, "\n") && json.Unmarshal([]byte(line), &c) == nil {
				out = append(out, c)
			}
		}
		if len(out) >= n {
			return out
		}
		<-tick.C
	}
	t.Fatalf("%d of %d records came out of %s", len(out), n, path)
	return nil
}

// inOrder checks that each record came out once.
func inOrder(t *testing.T, got []copied, n int) {
	t.Helper()
	for i, c := range got {
		if c.ID != fmt.Sprint(i+1) {
			t.Fatalf("record %s stands at place %d", c.ID, i+1)
		}
	}
	if len(got) != n {
		t.Errorf("%d records came out, %d went in", len(got), n)
	}
}

func copying(name, every, set string) string {
	return fmt.Sprintf(`
pipeline %[1]q {
  every = %[2]q
  source "in" {
    connection = file.here
    entity     = "%[1]s-in.jsonl"
    key        = "id"
  }
  transform "shape" {
    set = { id = record.id, mark = %[3]s }
  }
  sink "out" {
    connection = file.here
    entity     = "%[1]s-out.jsonl"
    create     = true
  }
}
`, name, every, set)
}

const here = `connection "file" "here" {
  path = "."
}
`

// TestReload: a definition is changed under load. A broken one changes nothing, a mended one is taken up, a pipeline
// that is new begins and one that is gone ends; no record is lost or doubled.
func TestReload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, in, out := filepath.Join(dir, "p.hcl"), &feed{t: t, path: filepath.Join(dir, "p-in.jsonl")}, filepath.Join(dir, "p-out.jsonl")
	in.add(100)
	put(t, file, here+copying("p", "1s", `"old"`))
	e := startEngine(t, dir)
	e.says("definition 1 in force since")
	e.says("p  every 1s · next ")
	e.says(filepath.Join(dir, ".kopru", "state.db"))
	arrives(t, out, 100)

	stop := in.flow()
	put(t, file, here+copying("p", "1s", `recrd.id`))
	e.says("definition 1, in force since")
	if said := e.text(); !strings.Contains(said, "recrd") || !strings.Contains(said, "goes on") {
		t.Errorf("the mistake is not told:\n%s", said)
	}
	before := len(arrives(t, out, len(arrives(t, out, 100))+100))

	put(t, file, here+copying("p", "1s", `"new"`)+copying("q", "1s", `"q"`))
	more := &feed{t: t, path: filepath.Join(dir, "q-in.jsonl")}
	more.add(10)
	e.says("definition 2 in force since")
	arrives(t, out, len(arrives(t, out, before))+100)
	stop()
	got := arrives(t, out, in.n)
	changed := slices.IndexFunc(got, func(c copied) bool { return c.Mark == "new" })
	if changed < before || slices.ContainsFunc(got[changed:], func(c copied) bool { return c.Mark != "new" }) {
		t.Errorf("the new definition is in force from record %d of %d on", changed, len(got))
	}
	arrives(t, filepath.Join(dir, "q-out.jsonl"), 10)

	put(t, file, here+copying("q", "1s", `"q"`)) // p is no more
	e.says("definition 3 in force since")
	more.add(10)
	if err := e.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	e.says("definition 4 in force since")
	inOrder(t, arrives(t, filepath.Join(dir, "q-out.jsonl"), 20), 20)
	e.stop()
	inOrder(t, arrives(t, out, in.n), in.n)
	if n := strings.Count(e.text(), "goes on"); n != 1 {
		t.Errorf("the broken definition was told %d times:\n%s", n, e.text())
	}
}

// nodes asks for the list of nodes: their states by name.
func nodes(t *testing.T, dsn, dir string) map[string]string {
	t.Helper()
	out, err := exec.Command(filepath.Join(binaries, "kopru"), "--state", dsn, "nodes", "--json", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	var view nodesView
	if err := json.Unmarshal(out, &view); err != nil {
		t.Fatal(err)
	}
	states := map[string]string{}
	for _, n := range view.Nodes {
		states[n.Name] = n.State
	}
	return states
}

// TestNodesShareWork: two engines on one PostgreSQL do the runs together; one is killed, and the other does all.
func TestNodesShareWork(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.Start(t).Database(t)
	dir := t.TempDir()
	text := here
	names := []string{"a", "b", "c", "d"}
	feeds := map[string]*feed{}
	for _, name := range names {
		text += copying(name, "1s", `"x"`)
		feeds[name] = &feed{t: t, path: filepath.Join(dir, name+"-in.jsonl")}
	}
	put(t, filepath.Join(dir, "p.hcl"), text)
	all := func(count int) {
		for _, name := range names {
			feeds[name].add(count)
		}
		for _, name := range names {
			f := feeds[name]
			inOrder(t, arrives(t, filepath.Join(dir, name+"-out.jsonl"), f.n), f.n)
		}
	}
	for _, f := range feeds {
		f.add(50)
	}
	one, two := startEngine(t, dir, "--state", dsn), startEngine(t, dir, "--state", dsn)
	one.says("definition 1 in force")
	two.says("definition 1 in force")
	all(50)
	if got := nodes(t, dsn, dir); len(got) != 2 {
		t.Errorf("the nodes are %v", got)
	}
	all(500)
	_ = one.cmd.Process.Kill()
	<-one.ended
	began := time.Now()
	all(500)
	t.Logf("after the death of a node all came through within %v", time.Since(began).Round(time.Millisecond))
	gone := 0
	for _, state := range nodes(t, dsn, dir) {
		if state == "gone" {
			gone++
		}
	}
	if gone != 1 {
		t.Errorf("%d nodes are gone: %v", gone, nodes(t, dsn, dir))
	}
	for _, name := range names {
		feeds[name].add(200)
	}
	two.stop()
	if got := nodes(t, dsn, dir); len(got) != 1 {
		t.Errorf("after it was stopped, the other is still listed: %v", got)
	}
	three := startEngine(t, dir, "--state", dsn)
	all(1)
	three.stop()
}
