package host

import (
	"context"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
)

// drain is how long what a dead process left in its pipes may take to be read: only a grandchild that got away can
// hold them open longer.
const drain = 500 * time.Millisecond

// child is an operating-system process with all that hangs on it. It is the runner that go-plugin drives.
//
// Three things keep it from outliving the engine: on Linux the kernel kills it when the thread that started it ends,
// so one thread is held for it; everywhere it reads a pipe, the lifeline, whose other end only the engine has; and
// its process group is killed with it.
type child struct {
	cmd    *exec.Cmd
	group  bool
	ours   []*os.File // closed when it has ended: the lifeline
	theirs []*os.File // closed when it has started
	stdout *os.File
	stderr *os.File
	exited chan struct{}
	err    error         // how it ended; set before exited is closed
	heard  chan struct{} // closed when go-plugin has read the last that it said
	closed sync.Once

	process atomic.Pointer[os.Process]
	doomed  atomic.Bool
}

// newChild prepares cmd, whose path, environment and standard input are set. stdout, when not nil, is handed over as
// the engine's own standard output.
func newChild(cmd *exec.Cmd, group bool, stdout *os.File) (*child, error) {
	c := &child{cmd: cmd, group: group, exited: make(chan struct{}), heard: make(chan struct{})}
	out, err := c.pipe()
	if err != nil {
		return nil, err
	}
	errs, err := c.pipe()
	if err != nil {
		return nil, err
	}
	c.stdout, c.stderr = out.r, errs.r
	cmd.Stdout, cmd.Stderr = out.w, errs.w
	c.theirs = append(c.theirs, out.w, errs.w)
	if inheritsFiles {
		line, err := c.pipe()
		if err != nil {
			return nil, err
		}
		c.ours, c.theirs = append(c.ours, line.w), append(c.theirs, line.r)
		c.give(protocol.EnvLifeline, line.r)
		if stdout != nil {
			c.give(protocol.EnvStdout, stdout)
		}
	}
	cmd.SysProcAttr = attributes(group)
	return c, nil
}

type pipe struct{ r, w *os.File }

// pipe makes a pipe; when it fails, all made before are closed.
func (c *child) pipe() (pipe, error) {
	r, w, err := os.Pipe()
	if err != nil {
		c.closeFiles()
	}
	return pipe{r, w}, err
}

func (c *child) closeFiles() {
	for _, f := range append(append(c.ours, c.theirs...), c.stdout, c.stderr) {
		if f != nil {
			_ = f.Close() // nothing was written
		}
	}
}

// give hands a file over and tells its number in an environment variable.
func (c *child) give(env string, f *os.File) {
	c.cmd.ExtraFiles = append(c.cmd.ExtraFiles, f)
	c.cmd.Env = append(c.cmd.Env, env+"="+strconv.Itoa(2+len(c.cmd.ExtraFiles)))
}

// Start starts the process and the goroutine that stays with it to its end.
func (c *child) Start(context.Context) error {
	started := make(chan error)
	go func() {
		defer close(c.exited)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		c.process.Store(c.cmd.Process)
		if c.doomed.Load() { // killed before there was anything to kill
			c.kill()
		}
		for _, f := range c.theirs {
			_ = f.Close() // the process has its own
		}
		c.theirs = nil
		started <- err
		if err != nil {
			c.err = err
			c.closeFiles()
			return
		}
		c.err = c.cmd.Wait()
		if c.group {
			killGroup(c.pid())
		}
		for _, f := range c.ours {
			_ = f.Close()
		}
		for _, f := range []*os.File{c.stdout, c.stderr} {
			_ = f.SetReadDeadline(time.Now().Add(drain)) // where there are no deadlines, end of file must do
		}
	}()
	return <-started
}

// Wait waits for the process's end, and then closes our ends of its pipes, which go-plugin has read by now.
func (c *child) Wait(context.Context) error {
	<-c.exited
	c.closed.Do(func() {
		_ = c.stdout.Close()
		_ = c.stderr.Close()
		close(c.heard)
	})
	return c.err
}

// Kill ends the process at once.
func (c *child) Kill(context.Context) error {
	c.kill()
	return nil
}

func (c *child) kill() {
	c.doomed.Store(true)
	if p := c.process.Load(); p != nil {
		_ = p.Kill() // fails only when it has ended
	}
}

// The rest of what go-plugin asks of a runner.

func (c *child) Stdout() io.ReadCloser           { return c.stdout }
func (c *child) Stderr() io.ReadCloser           { return c.stderr }
func (c *child) Name() string                    { return c.cmd.Path }
func (c *child) ID() string                      { return strconv.Itoa(c.pid()) }
func (c *child) Diagnose(context.Context) string { return "" }

func (c *child) pid() int {
	if p := c.process.Load(); p != nil {
		return p.Pid
	}
	return 0
}

// PluginToHost and HostToPlugin: both see the same addresses.
func (c *child) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin is PluginToHost the other way.
func (c *child) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
