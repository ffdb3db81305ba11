package main

import (
	"context"
	"io"
	"os"
	"sync"

	"charm.land/huh/v2"
)

// forms asks on a terminal, one question at a time.
type forms struct {
	ctx  context.Context
	in   *os.File
	keys *keyboard
	out  io.Writer
}

func newForms(ctx context.Context, in *os.File, out io.Writer) *forms {
	return &forms{ctx, in, &keyboard{typed: make(chan []byte)}, out}
}

// show asks one question. A user who breaks off ends the wizard; what was answered is kept.
func (f *forms) show(field huh.Field) error {
	undo, err := eachKey(f.in)
	if err != nil {
		return err
	}
	defer undo()
	keys := f.keys.lend(f.in)
	defer keys.giveBack()
	return huh.NewForm(huh.NewGroup(field)).WithInput(keys).WithOutput(f.out).RunWithContext(f.ctx)
}

func (f *forms) input(title, about, value string, hidden bool, valid validity) (string, error) {
	field := huh.NewInput().Title(title).Description(about).Value(&value).Validate(valid.of)
	if hidden {
		field = field.EchoMode(huh.EchoModePassword)
	}
	err := f.show(field)
	return value, err
}

func (f *forms) choose(title, about string, options []option, value string, valid validity) (string, error) {
	err := f.show(huh.NewSelect[string]().Title(title).Description(about).Options(shown(options)...).
		Value(&value).Validate(valid.of).Height(min(len(options), 12) + 2))
	return value, err
}

func (f *forms) several(title, about string, options []option, values []string) ([]string, error) {
	err := f.show(huh.NewMultiSelect[string]().Title(title).Description(about).Options(shown(options)...).Value(&values))
	return values, err
}

func (f *forms) confirm(title, about string, value bool) (bool, error) {
	err := f.show(huh.NewConfirm().Title(title).Description(about).Value(&value))
	return value, err
}

func shown(options []option) []huh.Option[string] {
	out := make([]huh.Option[string], len(options))
	for i, o := range options {
		out[i] = huh.NewOption(o.label, o.value)
	}
	return out
}

// keyboard is read by one question after the other. A read of a terminal can't be called off, so that a question which
// is over would take the keys of the next one; therefore one goroutine reads for them all.
type keyboard struct {
	begin sync.Once
	typed chan []byte
}

// lent is the keyboard while one question is asked.
type lent struct {
	*keyboard
	rest []byte
	over chan struct{}
}

func (k *keyboard) lend(in io.Reader) *lent {
	k.begin.Do(func() {
		go func() {
			defer close(k.typed)
			for {
				keys := make([]byte, 256)
				n, err := in.Read(keys)
				if err != nil {
					return
				}
				k.typed <- keys[:n]
			}
		}()
	})
	return &lent{keyboard: k, over: make(chan struct{})}
}

// Read waits for keys until the question is over.
func (l *lent) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		select {
		case keys, ok := <-l.typed:
			if !ok {
				return 0, io.EOF
			}
			l.rest = keys
		case <-l.over:
			return 0, io.EOF
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

func (l *lent) giveBack() { close(l.over) }
