package transforms

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/kopru-io/kopru/plugins/record"
)

// WorkerArgument is the only argument of a kopru that works for another one: its main calls Work.
const WorkerArgument = "script-worker"

const (
	memoryExit   = 86               // exit code of a worker that could not stop a script otherwise
	longestCall  = time.Minute      // of the clock on the wall; the budget's time is the processor's
	longestIdle  = 30 * time.Second // then a worker ends
	longestNotes = 8 << 10          // bytes of a worker's standard error that are kept
)

// A worker is a process that runs one program. What is said to it and by it are lines of JSON.
type worker struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	notes *notes
	idle  *time.Timer
}

// order is a line to a worker.
type order struct {
	Program *wireProgram    `json:"program,omitempty"` // the first line
	Batch   *wireBatch      `json:"batch,omitempty"`   // a fresh runtime for what follows
	Record  json.RawMessage `json:"record,omitempty"`  // a call; without one, only the script's top level is run
	Meta    json.RawMessage `json:"meta,omitempty"`
}

type wireProgram struct {
	Name      string `json:"name"`
	Source    []byte `json:"source"`
	SourceMap []byte `json:"source_map"`
	Budget    Budget `json:"budget"`
}

type wireBatch struct {
	Now      time.Time       `json:"now"`
	Pipeline string          `json:"pipeline"`
	Vars     json.RawMessage `json:"vars"`
}

// answer is a line of a worker: something logged, or what came of an order.
type answer struct {
	Level  string          `json:"level,omitempty"`
	Log    string          `json:"log,omitempty"`
	Value  json.RawMessage `json:"value,omitempty"`
	Failed *Error          `json:"failed,omitempty"`
	Thrown json.RawMessage `json:"thrown,omitempty"`
}

// workers are the processes of a program that have nothing to do.
type workers struct {
	mu   sync.Mutex
	idle []*worker
}

// take returns an idle worker, or starts one.
func (ws *workers) take(p *Program) (*worker, error) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for len(ws.idle) > 0 {
		w := ws.idle[len(ws.idle)-1]
		ws.idle = ws.idle[:len(ws.idle)-1]
		if w.idle.Stop() {
			return w, nil
		}
	}
	return startWorker(p)
}

func (ws *workers) giveBack(w *worker) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.idle = append(ws.idle, w)
	w.idle = time.AfterFunc(longestIdle, func() {
		ws.mu.Lock()
		defer ws.mu.Unlock()
		for i, other := range ws.idle {
			if other == w {
				ws.idle = append(ws.idle[:i], ws.idle[i+1:]...)
			}
		}
		w.end()
	})
}

// startWorker starts a process that knows nothing but the program: it is given no environment and no files.
func startWorker(p *Program) (*worker, error) {
	if len(os.Args) == 2 && os.Args[1] == WorkerArgument {
		return nil, errors.New("this program does not know how to be a worker") // or it would start itself without end
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("the process of script %s: %w", p.name, err)
	}
	w := &worker{notes: &notes{}}
	w.cmd = &exec.Cmd{Path: exe, Args: []string{os.Args[0], WorkerArgument}, Env: []string{}, Dir: os.TempDir(), Stderr: w.notes}
	var out io.ReadCloser
	if w.in, err = w.cmd.StdinPipe(); err == nil {
		out, err = w.cmd.StdoutPipe()
	}
	if err == nil {
		err = w.cmd.Start()
	}
	if err == nil {
		w.out = bufio.NewReaderSize(out, 64<<10)
		err = w.say(order{Program: &wireProgram{p.name, p.bundle.source, p.bundle.sourceMap, p.budget}})
	}
	if err != nil {
		return nil, fmt.Errorf("the process of script %s can't be started: %w", p.name, err)
	}
	return w, nil
}

func (w *worker) say(o order) error {
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	_, err = w.in.Write(append(line, '\n'))
	return err
}

// hear returns the worker's next line.
func (w *worker) hear() (answer, error) {
	var a answer
	line, err := w.out.ReadBytes('\n')
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(line, &a)
}

// end lets the process go; it ends when it reads no more.
func (w *worker) end() {
	_ = w.in.Close()
	_ = w.cmd.Process.Kill()
	_ = w.cmd.Wait() // how it ended is of no matter
}

// Close gives back what the runtime holds. It may be used again.
func (r *Runtime) Close() {
	if r.worker != nil {
		r.program.workers.giveBack(r.worker)
		r.worker = nil
	}
}

// callWorker runs one call in a worker, rec == nil only the script's top level. The error is an *Error, ctx's when ctx
// ended, or says that there is no worker to be had.
func (r *Runtime) callWorker(ctx context.Context, rec any, meta map[string]any) ([]byte, error) {
	o, err := r.order(rec, meta)
	if err != nil {
		return nil, err
	}
	if r.worker == nil {
		if r.worker, err = r.program.workers.take(r.program); err != nil {
			return nil, err
		}
		vars, err := record.Encode(r.env.Vars)
		if err != nil {
			return nil, fault("transform.bad_value", "vars can't be given to a script: %v", err)
		}
		o.Batch = &wireBatch{r.env.Now, r.env.Pipeline, vars}
	}
	w := r.worker
	kill := func() { _ = w.cmd.Process.Kill() }
	timer := time.AfterFunc(longestCall, kill)
	detach := context.AfterFunc(ctx, kill)
	a, err := r.ask(w, o)
	inTime, alive := timer.Stop(), detach()
	if err == nil && alive && (a.Failed == nil || a.Failed.Code != "transform.memory") {
		return a.result()
	}
	w.end()
	r.worker = nil
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("the transform was stopped: %w", ctx.Err())
	case err == nil:
		return a.result()
	case !inTime:
		return nil, r.program.lost("transform.timeout", "the script took longer than "+longestCall.String())
	case w.cmd.ProcessState.ExitCode() == memoryExit, w.notes.has("out of memory"), w.notes.has("cannot allocate memory"):
		return nil, r.program.lost("transform.memory", tooMuch(r.program.budget.Memory))
	}
	return nil, r.program.lost("transform.crashed", "the script's process ended: "+w.notes.first())
}

// order puts a call on the wire.
func (r *Runtime) order(rec any, meta map[string]any) (order, error) {
	var o order
	var err error
	if rec != nil {
		if o.Record, err = record.Encode(rec); err != nil {
			return o, fault("transform.bad_value", "the record can't be given to a script: %v", err)
		}
	}
	if o.Meta, err = record.Encode(meta); err != nil {
		return o, fault("transform.bad_value", "the record's meta can't be given to a script: %v", err)
	}
	return o, nil
}

// ask sends an order and waits for what comes of it, passing on what is logged meanwhile.
func (r *Runtime) ask(w *worker, o order) (answer, error) {
	if err := w.say(o); err != nil {
		return answer{}, err
	}
	for {
		a, err := w.hear()
		if err != nil || a.Level == "" {
			return a, err
		}
		r.env.Log(a.Level, a.Log)
	}
}

func (a answer) result() ([]byte, error) {
	if a.Failed != nil {
		a.Failed.Thrown, _ = record.Decode(a.Thrown)
		return nil, a.Failed
	}
	return a.Value, nil
}

// lost is why a worker gave no answer. Only the script is known then, not the line.
func (p *Program) lost(code, message string) *Error {
	return &Error{Code: code, Message: message, File: p.name, Line: 1, Column: 1}
}

func tooMuch(limit int) string {
	return fmt.Sprintf("the script needs more than %d MiB of memory", limit>>20)
}

// notes keep the beginning of what a process says on standard error.
type notes struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write never fails.
func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text.Write(p[:min(len(p), max(0, longestNotes-n.text.Len()))])
	return len(p), nil
}

func (n *notes) has(part string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return bytes.Contains(n.text.Bytes(), []byte(part))
}

func (n *notes) first() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	line, _, _ := strings.Cut(strings.TrimSpace(n.text.String()), "\n")
	if line == "" {
		return "it did not say why"
	}
	return line
}

var errNoProgram = errors.New("the first line is not a program")
