//go:build unix && !linux

package host

import "syscall"

const inheritsFiles = true

func attributes(group bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: group} }

func killGroup(pid int) {
	_ = syscall.Kill(-pid, syscall.SIGKILL) // fails when nobody is left
}
