package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestGuideCommands: every command that the consultants' guide shows is there, with its flags.
func TestGuideCommands(t *testing.T) {
	guide, err := os.ReadFile("../../pipelines/README.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile("(?m)^kopru ([a-z][^#\n]*)|`kopru ([a-z][^`]*)`").FindAllStringSubmatch(string(guide), -1)
	if len(lines) < 10 {
		t.Fatalf("%d commands in the guide", len(lines))
	}
	for _, m := range lines {
		args := strings.Fields(m[1] + m[2])
		cmd, rest, err := (&cli{}).root().Find(args)
		if err != nil || cmd.Name() == "kopru" {
			t.Errorf("kopru %s: %v", strings.Join(args, " "), err)
			continue
		}
		for i, arg := range rest { // a flag may be named without its value, in prose
			if strings.HasPrefix(arg, "-") && i == len(rest)-1 && cmd.Flags().Lookup(strings.TrimPrefix(arg, "--")) != nil {
				rest = rest[:i]
			}
		}
		if err := cmd.ParseFlags(rest); err != nil {
			t.Errorf("kopru %s: %v", strings.Join(args, " "), err)
		}
	}
}

// TestGuideFollowed does in an empty folder what the consultants' guide says, word for word, against the sandbox; then
// it has the wizard answered by the file that the bridge's guide shows.
func TestGuideFollowed(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../pipelines/README.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	env := append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(binaries, "cache"))
	for name, value := range startSandbox(t, "--orders", "10") {
		env = append(env, name+"="+value)
	}
	shop := filepath.Join(dir, "shop")
	if err := os.Mkdir(shop, 0o755); err != nil {
		t.Fatal(err)
	}
	fences := regexp.MustCompile("(?ms)^```(hcl|sh)\n(.*?)^```\n").FindAllStringSubmatch(string(guide), -1)
	at := slices.IndexFunc(fences, func(m []string) bool { return strings.HasPrefix(m[2], "use ") })
	for name, text := range map[string]string{"kopru.hcl": fences[at][2], "test.vars.hcl": "order_type = \"QT\"\n"} {
		if err := os.WriteFile(filepath.Join(shop, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	done := 0
	for _, m := range fences {
		if m[1] != "sh" {
			continue
		}
		for line := range strings.Lines(m[2]) {
			line, _, _ = strings.Cut(line, "#")
			args := strings.Fields(line)[1:]
			if len(args) == 1 && args[0] == "run" { // until it is stopped
				continue
			}
			cmd := exec.Command(filepath.Join(binaries, "kopru"), args...)
			cmd.Dir, cmd.Env = shop, env
			out, err := cmd.CombinedOutput()
			code := cmd.ProcessState.ExitCode()
			if err != nil && (args[0] != "run" || code != exitPartial) { // some orders wait for items
				t.Errorf("%s: %v\n%s", line, err, out)
			}
			done++
		}
	}
	if done < 12 {
		t.Errorf("%d commands were run", done)
	}
	bridge, err := os.ReadFile("../../pipelines/mpluskassa-vismanet/README.md")
	if err != nil {
		t.Fatal(err)
	}
	answers := regexp.MustCompile("(?ms)^```hcl\n(keep .*?)^```\n").FindSubmatch(bridge)
	if answers == nil {
		t.Fatal("the bridge's guide shows no answers")
	}
	if err := os.WriteFile(filepath.Join(dir, "answers.hcl"), answers[1], 0o600); err != nil {
		t.Fatal(err)
	}
	wizard := exec.Command(filepath.Join(binaries, "kopru"), "init", "another", "--answers", "answers.hcl")
	wizard.Dir, wizard.Env = dir, env
	if out, err := wizard.CombinedOutput(); err != nil || !strings.Contains(string(out), "nothing is written") {
		t.Errorf("%v\n%s", err, out)
	}
	links := exec.Command(filepath.Join(binaries, "kopru"), "links", "--json")
	links.Dir, links.Env = shop, env
	if out, err := links.Output(); err != nil || !strings.Contains(string(out), "orders.customer") {
		t.Errorf("nothing was written: %v\n%s", err, out)
	}
}
