package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// project is a folder with pipelines, and the environment that kopru runs in there.
type project struct {
	dir string
	bin string
	env []string
}

// project makes a folder of the given files.
func (b *bench) project(files map[string]string) (*project, error) {
	dir, err := os.MkdirTemp(b.dir, "project")
	if err != nil {
		return nil, err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return &project{dir: dir, bin: b.bin, env: append(os.Environ(), "KOPRU_CONNECTORS="+b.dir)}, nil
}

func (p *project) remove() { _ = os.RemoveAll(p.dir) } // the whole bench's folder goes too

func (p *project) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, "kopru"), args...)
	cmd.Dir, cmd.Env = p.dir, p.env
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // so that connectors go too
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// counts are what a run says of its records.
type counts struct{ Read, Delivered, Unchanged, Filtered, Parked, Dead int }

// once runs all pipelines to the end of their sources, and returns the sum of what they say.
func (p *project) once(ctx context.Context) (counts, figures, error) {
	out, f, err := timed(p.command(ctx, "run", "--once", "--json", p.dir))
	if err != nil {
		return counts{}, f, err
	}
	var answer struct {
		Pipelines []struct {
			Status  string
			Records counts
		}
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return counts{}, f, fmt.Errorf("the summary can't be read: %w\n%s", err, out)
	}
	var sum counts
	for _, one := range answer.Pipelines {
		if one.Status != "succeeded" {
			return sum, f, fmt.Errorf("a run ended as %s:\n%s", one.Status, out)
		}
		sum.Read += one.Records.Read
		sum.Delivered += one.Records.Delivered
		sum.Unchanged += one.Records.Unchanged
	}
	return sum, f, nil
}

// figures are of one run.
type figures struct {
	took      time.Duration
	cpu       time.Duration // of the process and of those it started
	engineKB  int64         // the peak of its own memory
	connectKB int64         // the largest peak among those it started
	allocated int64         // bytes, where they were counted
}

// timed runs a command to its end and watches its memory and that of the processes it starts.
func timed(cmd *exec.Cmd) ([]byte, figures, error) {
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, figures{}, err
	}
	over := make(chan struct{})
	var f figures
	var watching sync.WaitGroup
	watching.Go(func() { f.engineKB, f.connectKB = watchMemory(cmd.Process.Pid, over) })
	err := cmd.Wait()
	took := time.Since(began)
	close(over)
	watching.Wait()
	f.took = took
	f.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	f.allocated = allocated(errs.String())
	if err != nil {
		return nil, f, fmt.Errorf("%w\n%s%s", err, out.Bytes(), errs.Bytes())
	}
	return out.Bytes(), f, nil
}

// watchMemory returns the peaks of a process and of its largest child, looking now and then: a peak is kept by the
// kernel until the process ends.
func watchMemory(pid int, over <-chan struct{}) (own, child int64) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		own = max(own, memory(pid, "VmHWM"))
		for _, c := range children(pid) {
			child = max(child, memory(c, "VmHWM"))
		}
		select {
		case <-over:
			return own, child
		case <-tick.C:
		}
	}
}

// memory is a line of /proc/PID/status, in KB.
func memory(pid int, line string) int64 {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // it may have ended
	_, rest, _ := strings.Cut(string(data), line+":")
	kb, _ := strconv.ParseInt(strings.Fields(rest + " 0")[0], 10, 64)
	return kb
}

func children(pid int) []int {
	var all []int
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		data, _ := os.ReadFile(task)
		for _, word := range strings.Fields(string(data)) {
			if c, err := strconv.Atoi(word); err == nil {
				all = append(all, c)
			}
		}
	}
	return all
}

// allocated adds up what a Go process allocated, from the trace that GODEBUG=gctrace=1 makes it write: a collection
// tells the heap as it began, as it ended and what lives, such as 4->5->1 MB.
func allocated(trace string) int64 {
	var sum, live int64
	for line := range strings.Lines(trace) {
		if !strings.HasPrefix(line, "gc ") {
			continue
		}
		for _, part := range strings.Split(line, ",") {
			var began, ended, lives int64
			if n, _ := fmt.Sscanf(strings.TrimSpace(part), "%d->%d->%d MB", &began, &ended, &lives); n == 3 {
				sum += ended - live
				live = lives
			}
		}
	}
	return sum << 20
}

// pause waits a moment.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
