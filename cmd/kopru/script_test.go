package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// binaries is where the connectors and the sandbox are built for these tests.
var binaries string

func TestMain(m *testing.M) {
	testscript.Main(building{m}, map[string]func(){"kopru": main})
}

// building builds the programs beside kopru before the tests run. Under testscript, kopru is this test binary.
type building struct{ *testing.M }

func (b building) Run() int {
	dir, err := os.MkdirTemp("", "kopru-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-o", dir+"/", "../kopru", "../kopru-sandbox",
		"../kopru-connector-file", "../kopru-connector-http", "../kopru-connector-mpluskassa", "../kopru-connector-sftp", "../kopru-connector-sql", "../kopru-connector-vismanet")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		return 1
	}
	binaries = dir
	return b.M.Run()
}

// TestScripts runs the command line on the folders in testdata, as a user would.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			bridge, err := filepath.Abs("../../pipelines/mpluskassa-vismanet")
			e.Setenv("KOPRU_CONNECTORS", binaries)
			e.Setenv("BINARIES", binaries)
			e.Setenv("BRIDGE", bridge)
			e.Setenv("YESTERDAY", time.Now().AddDate(0, 0, -1).Format(time.DateOnly))
			e.Setenv("TOMORROW", time.Now().AddDate(0, 0, 1).Format(time.DateOnly))
			e.Setenv("XDG_CACHE_HOME", filepath.Join(binaries, "cache")) // manifests are asked for once
			return err
		},
		Cmds:          map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "sandbox": sandbox, "count": count, "repack": repack, "require": require, "tamper": tamper},
		UpdateScripts: os.Getenv("UPDATE") != "",
	})
}

// exits runs a command that must end with a code: exits 3 kopru run --once.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND …")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // what Exec returns
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// count compares the lines of a file: count 3 out.jsonl.
func count(ts *testscript.TestScript, _ bool, args []string) {
	if got := strings.Count(ts.ReadFile(args[1]), "\n"); strconv.Itoa(got) != args[0] {
		ts.Fatalf("%s has %d lines, want %s", args[1], got, args[0])
	}
}

// sandbox starts the two systems with so many orders and sets the bridge's variables; they end with the script. Another
// call starts new ones.
func sandbox(ts *testscript.TestScript, _ bool, args []string) {
	env := ts.MkAbs("sandbox.env")
	_ = os.Remove(env) // of an earlier sandbox of this script
	cmd := exec.Command(filepath.Join(binaries, "kopru-sandbox"), append(args, "--env", env)...)
	if err := cmd.Start(); err != nil {
		ts.Fatalf("%v", err)
	}
	ts.Defer(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	vars, err := readEnv(env)
	if err != nil {
		ts.Fatalf("%v", err)
	}
	for name, value := range vars {
		ts.Setenv(name, value)
	}
	ts.Setenv("SANDBOX", filepath.Join(binaries, "kopru-sandbox"))
}

// readEnv waits for the sandbox's file and reads the exports in it.
func readEnv(path string) (map[string]string, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 3000 {
		data, err := os.ReadFile(path)
		if err != nil {
			<-tick.C
			continue
		}
		vars := map[string]string{}
		for line := range strings.Lines(string(data)) {
			name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
			if ok {
				vars[name] = strings.Trim(value, `'"`)
			}
		}
		return vars, nil
	}
	return nil, fmt.Errorf("the sandbox did not start")
}
