package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// world is a sandbox and a project's state, for tests that start and kill the real programs.
type world struct {
	t     *testing.T
	dir   string
	env   []string
	base  string // of the sandbox
	state string

	shared []string // e-mail addresses that several customers have in the books from the start
}

// newWorld starts a sandbox; quirks are what it is given with --set, or flags of its own.
func newWorld(t *testing.T, orders int, latency time.Duration, quirks ...string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	w.state = filepath.Join(w.dir, "state.db")
	args := []string{"--orders", strconv.Itoa(orders), "--latency", latency.String()}
	for _, q := range quirks {
		if !strings.HasPrefix(q, "--") {
			args = append(args, "--set")
		}
		args = append(args, q)
	}
	vars := startSandbox(t, args...)
	w.env = append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(binaries, "cache"))
	for name, value := range vars {
		w.env = append(w.env, name+"="+value)
	}
	w.base = strings.TrimSuffix(vars["VISMANET_API_URL"], "/visma/api")
	return w
}

// startSandbox starts a sandbox that ends with the test, and returns the bridge's variables for it.
func startSandbox(t *testing.T, args ...string) map[string]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sandbox.env")
	cmd := exec.Command(filepath.Join(binaries, "kopru-sandbox"), append(args, "--env", file)...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	vars, err := readEnv(file)
	if err != nil {
		t.Fatal(err)
	}
	return vars
}

// kopru prepares the real program on the shipped bridge; its connectors stand beside it.
func (w *world) kopru(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(binaries, "kopru"), append([]string{"--state", w.state}, args...)...)
	cmd.Env, cmd.Dir = w.env, w.dir
	return cmd
}

func bridge(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../pipelines/mpluskassa-vismanet")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// control asks the sandbox about itself, or tells it what to do.
func (w *world) control(method, path string, body, into any) {
	w.t.Helper()
	if err := w.ask(method, path, body, into); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) ask(method, path string, body, into any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.base+"/_sandbox/"+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %d %s, %v", method, path, resp.StatusCode, answer, err) //nolint:errorlint // err may be nil
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

// tillOrder and bookedOrder are orders as the sandbox shows them.
type tillOrder struct {
	ID        string
	Kind      string
	Type      string
	TotalIncl json.Number `json:"total_incl"`
}

type bookedOrder struct {
	Type          string
	Number        string
	CustomerRefNo string
	Total         json.Number
}

// reconcile compares the two systems: every order that should be booked is, once, to the cent.
func (w *world) reconcile() {
	w.t.Helper()
	var till []tillOrder
	var booked []bookedOrder
	w.control("GET", "mpluskassa/orders", nil, &till)
	w.control("GET", "vismanet/orders", nil, &booked)
	byRef := map[string][]bookedOrder{}
	for _, o := range booked {
		byRef[o.CustomerRefNo] = append(byRef[o.CustomerRefNo], o)
	}
	for _, o := range till {
		due := 1
		switch o.Kind {
		case "cancelled", "no_email", "missing_item", "shared_email":
			due = 0
		}
		if o.Type == "ORDER-TYPE-TABLE-ORDER" { // an open table is no order yet
			due = 0
		}
		found := byRef[o.ID]
		if len(found) != due {
			w.t.Errorf("the %s order %s is booked %d times, %d were due", o.Kind, o.ID, len(found), due)
		}
		delete(byRef, o.ID)
		if len(found) == 1 && cents(w.t, o.TotalIncl.String()) != cents(w.t, found[0].Total.String()) {
			w.t.Errorf("the order %s: %s in the till, %s booked", o.ID, o.TotalIncl, found[0].Total)
		}
	}
	for ref := range byRef {
		w.t.Errorf("an order %s is booked that the till does not have", ref)
	}
}

// cents is an amount without its sign: returns are booked positive, as credit orders.
func cents(t *testing.T, amount string) int {
	t.Helper()
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(amount, "-"), ".")
	n, err := strconv.Atoi(whole + (fraction + "00")[:2])
	if err != nil || strings.Trim((fraction + "00")[2:], "0") != "" {
		t.Fatalf("%q is no amount in cents", amount)
	}
	return n
}

// begin starts a command, and returns what tells its end.
func (w *world) begin(cmd *exec.Cmd) <-chan error {
	w.t.Helper()
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return ended
}

// kill ends a command with SIGKILL; no child outlives it.
func (w *world) kill(cmd *exec.Cmd, ended <-chan error) {
	w.t.Helper()
	children := childrenOf(cmd.Process.Pid)
	_ = cmd.Process.Kill()
	<-ended
	noOrphans(w.t, children)
}

// TestKilledAtAnyMoment kills the engine and its connectors with SIGKILL at random moments of a run, and starts again
// until all is done. KOPRU_KILL_ORDERS and KOPRU_KILLS ask for more than the default.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	orders, kills := number("KOPRU_KILL_ORDERS", 250), number("KOPRU_KILLS", 6)
	w := newWorld(t, orders, time.Millisecond)
	rng := rand.New(rand.NewPCG(uint64(number("KOPRU_SEED", 7)), 0))
	for n := range kills {
		cmd := w.kopru("run", "--once", "--json", bridge(t))
		ended := w.begin(cmd)
		timer := time.NewTimer(time.Duration(300+rng.IntN(1200)) * time.Millisecond)
		select {
		case <-timer.C:
		case <-ended:
			t.Logf("kill %d: the run had ended", n)
			continue
		}
		if victim := n % 3; victim > 0 {
			killChild(t, cmd.Process.Pid, []string{"", "kopru-connector-mpluskassa", "kopru-connector-vismanet"}[victim])
			timer.Reset(time.Duration(rng.IntN(400)) * time.Millisecond)
			<-timer.C
		}
		w.kill(cmd, ended)
	}
	out, err := w.kopru("run", "--once", "--json", bridge(t)).Output()
	if exit, ok := err.(*exec.ExitError); err != nil && (!ok || exit.ExitCode() != exitPartial) { //nolint:errorlint // what Output returns
		t.Fatalf("%v\n%s", err, out)
	}
	w.reconcile()
}

func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// childrenOf lists the processes whose parent is pid, by name.
func childrenOf(pid int) map[int]string {
	out := map[int]string{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		_, after, _ := strings.Cut(string(data), ") ") // the name may hold anything
		fields := strings.Fields(after)
		if len(fields) < 2 {
			continue
		}
		parent, _ := strconv.Atoi(fields[1])
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil && parent == pid {
			exe, _ := os.Readlink(filepath.Join(filepath.Dir(path), "exe"))
			out[child] = filepath.Base(exe)
		}
	}
	return out
}

func killChild(t *testing.T, parent int, name string) {
	t.Helper()
	for pid, exe := range childrenOf(parent) {
		if exe == name {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// noOrphans waits until the connectors of a killed engine have ended.
func noOrphans(t *testing.T, pids map[int]string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 3000 {
		alive := 0
		for pid, name := range pids {
			if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err == nil && filepath.Base(exe) == name {
				alive++
			}
		}
		if alive == 0 {
			return
		}
		<-tick.C
	}
	t.Errorf("connectors outlived their engine: %v", pids)
}
