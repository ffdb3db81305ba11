package transforms

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"

	"github.com/kopru-io/kopru/plugins/record"
)

const mostKept = 64 << 10 // bytes of room that stay for the next result

// Env is what a script may know of the world.
type Env struct {
	Now      time.Time      // ctx.now, and what Date.now() says
	Pipeline string         // ctx.pipeline
	Vars     map[string]any // ctx.vars: record values, read-only for the script
	Log      func(level, msg string)
}

// Runtime runs a program for one batch, in one goroutine.
type Runtime struct {
	program *Program
	env     Env

	vm           *goja.Runtime // nil until needed, and again after a call that was broken off
	transform    goja.Callable
	freeze       goja.Callable
	vars         goja.Value
	log, fail    goja.Value
	rejected     *goja.Symbol // marks the errors that ctx.fail throws
	decimalProto *goja.Object
	stringify    goja.Callable

	tests *[]declaredTest // nil = this runs a transform
	unmet *goja.Symbol    // marks the errors of expectations

	room    []byte // to write a result in
	current any    // the record under way, which seeds Math.random
	refused *Error // what a guard stopped the script for

	watch watch

	worker *worker // that does it, when the budget wants one
}

// Runtime returns a fresh runtime: nothing of other batches is in it. Close it in the end.
func (p *Program) Runtime(env Env) *Runtime {
	if env.Log == nil {
		env.Log = func(string, string) {}
	}
	return &Runtime{program: p, env: env}
}

// Call runs the default export on rec and returns the record value it returns. The error is an *Error, or ctx's when
// ctx ended.
func (r *Runtime) Call(ctx context.Context, rec any, meta map[string]any) (any, error) {
	text, err := r.Text(ctx, rec, meta)
	if err != nil {
		return nil, err
	}
	return record.Decode(text)
}

// Text is Call for those who pass the result on without looking into it: it is JSON, in the form of record.Encode.
func (r *Runtime) Text(ctx context.Context, rec any, meta map[string]any) (text []byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.program.budget.Memory > 0 {
		return r.callWorker(ctx, rec, meta)
	}
	failed := r.guarded(ctx, func() (f *Error) {
		if f := r.prepare(); f != nil {
			return f
		}
		text, f = r.call(rec, meta)
		return f
	})
	if failed == nil {
		return text, nil
	}
	if err := ctx.Err(); err != nil && failed.Code == "transform.timeout" {
		return nil, fmt.Errorf("the transform was stopped: %w", err)
	}
	return nil, failed
}

// start runs the script's top level.
func (r *Runtime) start() *Error {
	return r.guarded(context.Background(), r.prepare)
}

func (r *Runtime) call(rec any, meta map[string]any) ([]byte, *Error) {
	r.current = rec
	arg, err := r.toScript(rec, false)
	if err != nil {
		return nil, fault("transform.bad_value", "the record can't be given to a script: %v", err)
	}
	scriptCtx, err := r.context(meta)
	if err != nil {
		return nil, fault("transform.bad_value", "the record's meta can't be given to a script: %v", err)
	}
	value, err := r.transform(goja.Undefined(), arg, scriptCtx)
	if err != nil {
		return nil, r.thrown(err)
	}
	if value, err := r.settled(value); err != nil {
		return nil, err
	} else {
		return r.result(value)
	}
}

// settled takes the value out of a promise. There is nothing a promise could wait for but other promises, and those
// have been dealt with when the call returns.
func (r *Runtime) settled(value goja.Value) (goja.Value, *Error) {
	o, ok := value.(*goja.Object)
	if !ok || o.ExportType() != typePromise {
		return value, nil
	}
	p := o.Export().(*goja.Promise)
	switch p.State() {
	case goja.PromiseStateFulfilled:
		return p.Result(), nil
	case goja.PromiseStateRejected:
		f := r.explain(p.Result())
		if o, ok := p.Result().(*goja.Object); ok {
			if stack := o.Get("stack"); stack != nil {
				_ = f.atText(clip(stack.String(), 8<<10))
			}
		}
		return nil, f
	}
	return nil, fault("transform.pending", "the promise never settles: there are no timers and no network to wait for")
}

func (r *Runtime) result(value goja.Value) ([]byte, *Error) {
	out := output{r: r, text: r.room[:0], most: r.program.budget.Output}
	ok, err := out.value(value)
	if cap(out.text) <= mostKept {
		r.room = out.text
	}
	var where *valueError
	switch {
	case errors.As(err, &where):
		f := fault(where.code, "%s", where.text)
		if where.path != "" {
			f.Message = "in the result, " + where.path + ": " + where.text
		}
		return nil, f
	case err != nil:
		return nil, r.thrown(err)
	case !ok || string(out.text) == "null":
		return nil, fault("transform.no_result", "the function returned %s; return the record, or use a filter to drop it", describe(value))
	}
	return bytes.Clone(out.text), nil
}

// context makes the function's second argument.
func (r *Runtime) context(meta map[string]any) (goja.Value, error) {
	o := r.vm.NewObject()
	metaValue, err := r.toScript(meta, false)
	if meta == nil {
		metaValue, err = r.vm.NewObject(), nil
	}
	if err != nil {
		return nil, err
	}
	now, err := r.vm.New(r.vm.Get("Date"), r.vm.ToValue(r.env.Now.UnixMilli()))
	if err != nil {
		return nil, err
	}
	fields := []struct {
		name  string
		value any
	}{
		{"now", now},
		{"vars", r.vars},
		{"meta", metaValue},
		{"pipeline", r.env.Pipeline},
		{"log", r.log},
		{"fail", r.fail},
	}
	for _, f := range fields {
		if err := o.Set(f.name, f.value); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// prepare makes the virtual machine and runs the script's top level, unless that was done.
func (r *Runtime) prepare() *Error {
	if r.transform != nil {
		return nil
	}
	vm := goja.New()
	r.vm = vm
	r.watch.set(vm)
	vm.SetMaxCallStackSize(r.program.budget.Depth)
	vm.SetParserOptions(parser.WithDisableSourceMaps) // goja's default reads any file that a comment names
	vm.SetTimeSource(func() time.Time { return r.env.Now })
	vm.SetRandSource(r.random())
	r.freeze, _ = goja.AssertFunction(vm.Get("Object").ToObject(vm).Get("freeze"))
	r.stringify, _ = goja.AssertFunction(vm.Get("JSON").ToObject(vm).Get("stringify"))
	native := r.native()
	r.guardBuiltins()
	r.holdObjects()
	var err error
	if r.vars, err = r.toScript(r.env.Vars, true); err != nil {
		return fault("transform.bad_value", "vars can't be given to a script: %v", err)
	}
	value, err := vm.RunProgram(r.program.code)
	if err != nil {
		return r.thrown(err)
	}
	body, _ := goja.AssertFunction(value)
	exports, module := vm.NewObject(), vm.NewObject()
	_ = module.Set("exports", exports) // a fresh object takes it
	if _, err := body(goja.Undefined(), exports, module, native); err != nil {
		return r.thrown(err)
	}
	if r.program.tests {
		return nil
	}
	transform, ok := goja.AssertFunction(defaultExport(module))
	if !ok {
		return fault("transform.no_default", "write: export default function (record, ctx) { … }")
	}
	r.transform = transform
	return nil
}

// defaultExport is the default export, or what a CommonJS script assigned to module.exports.
func defaultExport(module *goja.Object) goja.Value {
	exports, ok := module.Get("exports").(*goja.Object)
	if !ok {
		return nil
	}
	if _, callable := goja.AssertFunction(exports); callable {
		return exports
	}
	value := exports.Get("default")
	if inner, ok := value.(*goja.Object); ok {
		if _, callable := goja.AssertFunction(inner); !callable && inner.Get("default") != nil {
			return inner.Get("default")
		}
	}
	return value
}

// random gives Math.random the same numbers for the same record.
func (r *Runtime) random() goja.RandSource {
	var source *rand.Rand
	var of any
	return func() float64 {
		if source == nil || !same(of, r.current) {
			h := fnv.New64a()
			_, _ = h.Write([]byte(record.Hash(r.current))) // never fails
			source, of = rand.New(rand.NewPCG(h.Sum64(), 0)), r.current
		}
		return source.Float64()
	}
}

// guarded runs f under the budget. What a script breaks, a panic of goja included, is an error.
func (r *Runtime) guarded(ctx context.Context, f func() *Error) (failed *Error) {
	r.refused = nil
	stop := r.watch.start(ctx, r.vm, r.program.budget.Time)
	defer stop()
	defer func() {
		if x := recover(); x != nil {
			failed = r.recovered(x)
		}
		if r.refused != nil { // even when the script caught it
			failed = r.refused
		}
		if failed != nil && failed.File == "" {
			failed.File, failed.Line, failed.Column = r.program.name, 1, 1
		}
		if failed != nil && failed.broken() {
			r.vm, r.transform = nil, nil
		}
	}()
	return f()
}

// broken tells whether the virtual machine was stopped somewhere in the middle.
func (e *Error) broken() bool {
	switch e.Code {
	case "transform.timeout", "transform.depth", "transform.crashed", "transform.output", "transform.regex", "transform.memory":
		return true
	}
	return false
}

func (r *Runtime) recovered(x any) *Error {
	if err, ok := x.(error); ok {
		var exception *goja.Exception
		var interrupted *goja.InterruptedError
		var overflow *goja.StackOverflowError
		if errors.As(err, &exception) || errors.As(err, &interrupted) || errors.As(err, &overflow) {
			return r.thrown(err)
		}
	}
	if v, ok := x.(goja.Value); ok {
		return r.explain(v)
	}
	return fault("transform.crashed", "the script engine failed: %v", x)
}

// watch interrupts a call whose time is up or whose context ended. A late interrupt must not hit the next call.
type watch struct {
	mu   sync.Mutex
	vm   *goja.Runtime
	call int // 0 = none under way
	last int
	up   atomic.Bool // the time of the call under way is up
}

func (w *watch) late() bool { return w.up.Load() }

// set names the machine of the call under way.
func (w *watch) set(vm *goja.Runtime) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.vm = vm
}

// interrupt stops the call under way, if any, for a reason.
func (w *watch) interrupt(reason *Error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.call != 0 && w.vm != nil {
		w.up.Store(true)
		w.vm.Interrupt(reason)
	}
}

// start watches over a call that may use limit of processor time.
func (w *watch) start(ctx context.Context, vm *goja.Runtime, limit time.Duration) (stop func()) {
	used, release := cpuClock()
	begun := used()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last++
	call := w.last
	w.vm, w.call = vm, call
	w.up.Store(false)
	interrupt := func() { // with the lock
		if w.call == call {
			w.up.Store(true)
			if w.vm != nil {
				w.vm.Interrupt(limit)
			}
		}
	}
	var timer *time.Timer
	timer = time.AfterFunc(limit, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if left := limit - (used() - begun); left > 0 && w.call == call {
			timer.Reset(max(left, time.Millisecond))
			return
		}
		interrupt()
	})
	detach := context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		interrupt()
	})
	return func() {
		timer.Stop()
		detach()
		release()
		w.mu.Lock()
		defer w.mu.Unlock()
		w.call = 0
		if w.vm != nil {
			w.vm.ClearInterrupt()
		}
	}
}
