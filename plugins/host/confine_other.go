//go:build !linux

package host

import "errors"

// unenforced says what of a confinement the platform can't enforce.
func unenforced() string { return everything }

// confined is for platforms that can confine processes.
func confined([]string) error { return errors.New(everything) }
