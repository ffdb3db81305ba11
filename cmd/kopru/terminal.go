package main

import (
	"fmt"
	"os"

	"golang.org/x/term"
)

// terminalOf is the terminal that a stream is, if it is one.
func terminalOf(stream any) (f *os.File, ok bool) {
	f, ok = stream.(*os.File)
	return f, ok && f != nil && term.IsTerminal(int(f.Fd()))
}

// colorful tells whether what is written to a stream is shown in colours.
func colorful(stream any) bool {
	_, ok := terminalOf(stream)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// attended tells whether a person can be asked.
func (c *cli) attended() bool {
	_, ok := terminalOf(c.in)
	return ok
}

// unseen asks who is there for a line, and does not show what is typed.
func (c *cli) unseen(prompt string) (string, error) {
	fmt.Fprint(c.err, prompt)
	text, err := term.ReadPassword(int(c.in.Fd()))
	fmt.Fprintln(c.err)
	return string(text), err
}
