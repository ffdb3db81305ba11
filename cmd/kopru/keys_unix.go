//go:build linux || darwin

package main

import (
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// eachKey has a terminal give every key at once and show none, and returns what undoes it. Lines are still ended as
// programs write them.
func eachKey(f *os.File) (undo func(), err error) {
	fd := int(f.Fd())
	old, err := term.MakeRaw(fd)
	if err != nil {
		return nil, err
	}
	undo = func() { _ = term.Restore(fd, old) } // the terminal is gone when this fails
	now, err := unix.IoctlGetTermios(fd, getTermios)
	if err == nil {
		now.Oflag |= unix.OPOST | unix.ONLCR
		err = unix.IoctlSetTermios(fd, setTermios, now)
	}
	if err != nil {
		undo()
		return nil, err
	}
	return undo, nil
}
