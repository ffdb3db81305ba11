package transforms

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// cpuClock reads the processor time that the caller's thread has used. The caller stays on that thread until release:
// on a busy machine a script must not be stopped for the time that others had.
func cpuClock() (used func() time.Duration, release func()) {
	runtime.LockOSThread()
	// Linux names the clock of a thread by its number, inverted, with "this is a thread" and "all of its time" in the
	// last three bits. See CPUCLOCK_PERTHREAD_MASK and CPUCLOCK_SCHED in its sources.
	clock := int32(^unix.Gettid())<<3 | 4 | 2
	return func() time.Duration {
		var t unix.Timespec
		if err := unix.ClockGettime(clock, &t); err != nil {
			return 0
		}
		return time.Duration(t.Nano())
	}, runtime.UnlockOSThread
}
