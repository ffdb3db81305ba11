//go:build !unix

package host

import "syscall"

const inheritsFiles = false // a process gets no files beyond the standard ones

func attributes(bool) *syscall.SysProcAttr { return nil }

func killGroup(int) {}
