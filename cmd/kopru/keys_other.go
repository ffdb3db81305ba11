//go:build !linux && !darwin

package main

import (
	"os"

	"golang.org/x/term"
)

// eachKey has a terminal give every key at once and show none, and returns what undoes it.
func eachKey(f *os.File) (undo func(), err error) {
	old, err := term.MakeRaw(int(f.Fd()))
	if err != nil {
		return nil, err
	}
	return func() { _ = term.Restore(int(f.Fd()), old) }, nil // the terminal is gone when this fails
}
