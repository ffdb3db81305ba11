package acceptance

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/sourcegraph/conc/pool"
)

const (
	openings   = 40
	leakedFile = openings / 4 // more than this is no coincidence
	leakedRAM  = 64 << 20     // bytes
)

var enduring = []check{
	{
		id: "endure.parallel", level: Enduring, on: eachRead,
		promise: "many reads at once on one connection give what one alone gives",
		try: func(ctx context.Context, t *trial) {
			alone := len(t.mustRead(ctx, "").records)
			c := t.connect(ctx, t.host)
			p := pool.New().WithErrors().WithContext(ctx)
			for range 8 {
				p.Go(func(ctx context.Context) error {
					got, err := t.readFrom(ctx, c, "")
					if err == nil && len(got.records) != alone {
						err = fmt.Errorf("one of them gave %d records instead of %d", len(got.records), alone)
					}
					return err
				})
			}
			if err := p.Wait(); err != nil {
				t.failf("%v", err)
			}
		},
	},
	{
		id: "endure.leaks", level: Enduring,
		promise: "a connection that is closed leaves nothing behind: no open file, no memory",
		try: func(ctx context.Context, t *trial) {
			h := t.newHost(0)
			defer h.Close()
			use := func(times int) {
				for range times {
					ctx, end := context.WithCancel(ctx)
					c := t.connect(ctx, h)
					if len(t.options.Spec.Reads) > 0 {
						reader := *t
						reader.read = &t.options.Spec.Reads[0]
						if _, err := reader.readFrom(ctx, c, ""); err != nil {
							t.failf("it can't be read: %v", err)
						}
					}
					_ = c.Close()
					end()
				}
			}
			use(openings / 4) // caches fill
			pid := t.pid(h)
			files, memory, err := resources(pid)
			if err != nil {
				t.skip("this system does not tell what a process holds")
			}
			use(openings)
			filesAfter, memoryAfter, err := resources(pid)
			if err != nil {
				t.fatalf("the process is gone: %v", err)
			}
			if filesAfter > files+leakedFile {
				t.failf("after %d connections it holds %d files, %d before", openings, filesAfter, files)
			}
			if memoryAfter > memory+leakedRAM {
				t.failf("after %d connections it holds %d MiB, %d before", openings, memoryAfter>>20, memory>>20)
			}
		},
	},
}

func kill(pid int) {
	if p, err := os.FindProcess(pid); err == nil && pid > 0 {
		_ = p.Signal(syscall.SIGKILL)
	}
}

// resources counts a process's open files and resident bytes, where there is a /proc.
func resources(pid int) (files int, memory int64, err error) {
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return 0, 0, err
	}
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, 0, err
	}
	var size, resident int64
	if _, err := fmt.Fscan(strings.NewReader(string(statm)), &size, &resident); err != nil {
		return 0, 0, err
	}
	return len(open), resident * int64(os.Getpagesize()), nil
}
