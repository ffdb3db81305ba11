package main

import (
	"os"
	"regexp"
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
