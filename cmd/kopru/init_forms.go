package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"charm.land/huh/v2"
	"golang.org/x/term"
)

// forms asks on a terminal, one question at a time.
type forms struct {
	ctx    context.Context
	in     *os.File
	keys   *keyboard
	out    io.Writer
	asking func(bool) // tells the terminal whether something is asked
	undo   func()     // what the terminal was told
}

func newForms(ctx context.Context, in *os.File, out io.Writer) (*forms, error) {
	asking, undo, err := eachKey(in)
	return &forms{ctx, in, &keyboard{typed: make(chan []byte)}, out, asking, undo}, err
}

// show asks one question, and leaves its answer on the screen. A user who breaks off ends the wizard.
func (f *forms) show(title string, field huh.Field, answer func() string) error {
	f.asking(true)
	defer f.asking(false)
	keys := f.keys.lend(f.in)
	defer keys.giveBack()
	form := huh.NewForm(huh.NewGroup(field)).WithInput(keys).WithOutput(f.out)
	if width, _, err := term.GetSize(int(f.in.Fd())); err == nil {
		form = form.WithWidth(min(width, 120))
	}
	err := form.RunWithContext(f.ctx)
	if errors.Is(err, huh.ErrUserAborted) {
		return errors.New("broken off; credentials that were answered are kept, and kopru init begins again with them")
	}
	if err == nil {
		fmt.Fprintf(f.out, "%s: %s\n", strings.TrimSuffix(title, "?"), answer())
	}
	return err
}

func (f *forms) input(title, about, value string, hidden bool, valid validity) (string, error) {
	field := huh.NewInput().Title(title).Description(about).Value(&value).Validate(valid.of)
	if hidden {
		field = field.EchoMode(huh.EchoModePassword)
	}
	err := f.show(title, field, func() string {
		if hidden && value != "" {
			return "•••"
		}
		return value
	})
	return value, err
}

func (f *forms) choose(title, about string, options []option, value string, valid validity) (string, error) {
	field := huh.NewSelect[string]().Title(title).Description(about).Options(shown(options)...).Value(&value).Validate(valid.of)
	if len(options) > 12 { // more are scrolled
		field = field.Height(12 + 4)
	}
	err := f.show(title, field, func() string { return labelOf(options, value) })
	return value, err
}

func (f *forms) several(title, about string, options []option, values []string) ([]string, error) {
	field := huh.NewMultiSelect[string]().Title(title).Description(about).Options(shown(options)...).Value(&values)
	err := f.show(title, field, func() string { return strings.Join(values, ", ") })
	return values, err
}

func (f *forms) confirm(title, about string, value bool, valid validity) (bool, error) {
	field := huh.NewConfirm().Title(title).Description(about).Value(&value).Validate(func(yes bool) error {
		return valid.of(strconv.FormatBool(yes))
	})
	err := f.show(title, field, func() string {
		if value {
			return "yes"
		}
		return "no"
	})
	return value, err
}

func labelOf(options []option, value string) string {
	for _, o := range options {
		if o.value == value {
			return o.label
		}
	}
	return value
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
