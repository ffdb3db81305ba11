package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// loopEnv makes this program be the loop of a job, in a process of its own like Kopru's.
const loopEnv = "KOPRU_BENCH_LOOP"

// kopru runs a job through the engine, from an empty project to the end of the last process.
func (b *bench) kopru(ctx context.Context, j job, in string) (figures, error) {
	dir, err := os.MkdirTemp(b.dir, j.name)
	if err != nil {
		return figures{}, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	if err := os.Link(in, filepath.Join(dir, "in.jsonl")); err != nil {
		return figures{}, err
	}
	for name, text := range map[string]string{"bench.hcl": j.pipeline, "order.ts": j.script} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return figures{}, err
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "kopru"), "run", "--once", "--json", dir)
	out, f, err := timed(cmd)
	if err != nil {
		return f, err
	}
	var answer struct {
		Pipelines []struct {
			Status  string
			Records struct{ Read, Delivered int }
		}
	}
	if err := json.Unmarshal(out, &answer); err != nil || len(answer.Pipelines) != 1 {
		return f, fmt.Errorf("the summary can't be read: %w\n%s", err, out)
	}
	p := answer.Pipelines[0]
	if p.Status != "succeeded" || p.Records.Read != b.orders || p.Records.Delivered != j.keeps(b.orders) {
		return f, fmt.Errorf("it says %+v", p)
	}
	return f, b.arrived(j, filepath.Join(dir, "out.jsonl"))
}

func (b *bench) loop(ctx context.Context, j job, in string) (figures, error) {
	self, err := os.Executable()
	if err != nil {
		return figures{}, err
	}
	out := filepath.Join(b.dir, j.name+".jsonl")
	defer os.Remove(out) //nolint:errcheck // a temporary file
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), loopEnv+"="+j.name, "KOPRU_BENCH_IN="+in, "KOPRU_BENCH_OUT="+out)
	_, f, err := timed(cmd)
	if err != nil {
		return f, err
	}
	return f, b.arrived(j, out)
}

// runLoop is the process that loop starts.
func runLoop(name string) error {
	for _, j := range jobs() {
		if j.name == name {
			return j.limit(os.Getenv("KOPRU_BENCH_IN"), os.Getenv("KOPRU_BENCH_OUT"))
		}
	}
	return fmt.Errorf("there is no job %q", name)
}

func timed(cmd *exec.Cmd) ([]byte, figures, error) {
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	err := cmd.Run()
	f := figures{took: time.Since(began)}
	if err != nil {
		return nil, f, fmt.Errorf("%w\n%s%s", err, out.Bytes(), errs.Bytes())
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		f.peakKB = usage.Maxrss
	}
	return out.Bytes(), f, nil
}

// arrived counts the lines that are really there.
func (b *bench) arrived(j job, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if got, want := bytes.Count(data, []byte("\n")), j.keeps(b.orders); got != want {
		return fmt.Errorf("%d lines arrived, %d were due", got, want)
	}
	return nil
}
