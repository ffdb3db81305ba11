package transforms

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/kopru-io/kopru/plugins/record"
)

const (
	memoryLook  = 5 * time.Millisecond   // between two looks at how much there is
	memoryGrace = 500 * time.Millisecond // for a script to notice that it was stopped
	// Above the limit, for what the collector has not taken away yet. Beyond it the system refuses.
	memoryRoom = 256 << 20
)

// Work is the life of a worker: it runs one program for the kopru that started it, until that one is gone. It returns
// the process's exit code.
func Work(in io.Reader, out io.Writer) int {
	s := &service{lines: make(chan []byte), out: json.NewEncoder(out)}
	go func() {
		reader := bufio.NewReaderSize(in, 64<<10)
		for {
			line, err := reader.ReadBytes('\n')
			if err != nil {
				os.Exit(0) // nobody listens; a script that is under way stops nobody
			}
			s.lines <- line
		}
	}()
	if err := s.begin(); err != nil {
		_, _ = io.WriteString(os.Stderr, err.Error()+"\n")
		return 1
	}
	for {
		if err := s.serve(); err != nil {
			_, _ = io.WriteString(os.Stderr, err.Error()+"\n")
			return 1
		}
	}
}

// service is a worker seen from inside.
type service struct {
	lines   chan []byte
	mu      sync.Mutex // guards out
	out     *json.Encoder
	program *Program
	runtime *Runtime
}

// begin reads the program and sets the limits.
func (s *service) begin() error {
	var o order
	if err := json.Unmarshal(<-s.lines, &o); err != nil {
		return err
	}
	if o.Program == nil {
		return errNoProgram
	}
	b := bundler{script: o.Program.Name}
	code, diags := b.compile(&bundled{source: o.Program.Source, sourceMap: o.Program.SourceMap})
	if diags.HasErrors() {
		return errors.New(diags[0].Summary)
	}
	limit := o.Program.Budget.Memory
	s.program = &Program{name: b.script, budget: o.Program.Budget, code: code}
	s.program.budget.Memory = 0 // this is the process that has it
	own := live()
	debug.SetMemoryLimit(int64(own) + int64(limit))
	limitData(int64(own) + int64(limit) + memoryRoom)
	go s.guard(own+uint64(limit), limit)
	return nil
}

// live is how many bytes of the heap were in use when the collector last looked.
func live() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// guard stops a script that holds too much, and the process when the script does not notice.
func (s *service) guard(most uint64, limit int) {
	for range time.Tick(memoryLook) {
		if live() <= most {
			continue
		}
		if s.current() != nil {
			s.current().watch.interrupt(&Error{Code: "transform.memory", Message: tooMuch(limit)})
		}
		<-time.After(memoryGrace)
		os.Exit(memoryExit)
	}
}

func (s *service) current() *Runtime {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runtime
}

// serve does what one line asks for.
func (s *service) serve() error {
	var o order
	if err := json.Unmarshal(<-s.lines, &o); err != nil {
		return err
	}
	if o.Batch != nil {
		vars, err := record.Decode(o.Batch.Vars)
		if err != nil {
			return err
		}
		object, _ := vars.(map[string]any)
		env := Env{Now: o.Batch.Now, Pipeline: o.Batch.Pipeline, Vars: object, Log: func(level, msg string) {
			_ = s.say(answer{Level: level, Log: msg}) // the answer that follows will fail, too
		}}
		s.mu.Lock()
		s.runtime = s.program.Runtime(env)
		s.mu.Unlock()
	}
	text, err := s.call(o)
	var failed *Error
	switch {
	case errors.As(err, &failed):
		thrown, encodeErr := record.Encode(failed.Thrown)
		if encodeErr != nil {
			thrown = nil
		}
		return s.say(answer{Failed: failed, Thrown: thrown})
	case err != nil:
		return err
	}
	return s.say(answer{Value: text})
}

func (s *service) call(o order) ([]byte, error) {
	if o.Record == nil {
		if err := s.runtime.start(); err != nil {
			return nil, err
		}
		return nil, nil
	}
	rec, err := record.Decode(o.Record)
	if err != nil {
		return nil, err
	}
	meta, err := record.Decode(o.Meta)
	if err != nil {
		return nil, err
	}
	object, _ := meta.(map[string]any)
	return s.runtime.Text(context.Background(), rec, object)
}

func (s *service) say(a answer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Encode(a)
}
