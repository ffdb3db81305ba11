//go:build linux || darwin

package main

import (
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// eachKey has a terminal give every key at once and show none. Lines are still ended as programs write them, and Ctrl-C
// is a signal but while something is asked. A key that is typed between two questions stays what it is: a terminal that
// collects lines would make another of Enter, which the next question would take for an arrow.
func eachKey(f *os.File) (asking func(bool), undo func(), err error) {
	fd := int(f.Fd())
	old, err := term.MakeRaw(fd)
	if err != nil {
		return nil, nil, err
	}
	undo = func() { _ = term.Restore(fd, old) } // the terminal is gone when this fails
	if err := setKeys(fd, false); err != nil {
		undo()
		return nil, nil, err
	}
	return func(on bool) { _ = setKeys(fd, on) }, undo, nil // likewise
}

func setKeys(fd int, asking bool) error {
	now, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return err
	}
	now.Oflag |= unix.OPOST | unix.ONLCR
	now.Lflag |= unix.ISIG
	if asking {
		now.Lflag &^= unix.ISIG
	}
	return unix.IoctlSetTermios(fd, setTermios, now)
}
