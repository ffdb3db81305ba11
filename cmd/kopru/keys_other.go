//go:build !linux && !darwin

package main

import (
	"os"

	"golang.org/x/term"
)

// eachKey has a terminal give every key at once and show none while something is asked.
func eachKey(f *os.File) (asking func(bool), undo func(), err error) {
	fd := int(f.Fd())
	old, err := term.GetState(fd)
	if err != nil {
		return nil, nil, err
	}
	undo = func() { _ = term.Restore(fd, old) } // the terminal is gone when this fails
	return func(on bool) {
		undo()
		if on {
			_, _ = term.MakeRaw(fd) // likewise
		}
	}, undo, nil
}
