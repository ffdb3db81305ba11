//go:build !race

package transforms

import "golang.org/x/sys/unix"

// limitData has the system refuse memory beyond so many bytes. The worker's own guard comes first; this is for what
// grows faster than it looks.
func limitData(bytes int64) {
	_ = unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: uint64(bytes), Max: uint64(bytes)})
}
