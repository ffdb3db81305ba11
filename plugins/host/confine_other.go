//go:build !linux

package host

import "errors"

// Unenforced says what of a confinement the platform can't enforce.
func Unenforced() string { return everything }

// Confined is for platforms that can confine processes.
func Confined([]string) error { return errors.New(everything) }
