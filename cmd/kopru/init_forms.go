package main

import (
	"context"
	"io"
	"os"

	"charm.land/huh/v2"
)

// forms asks on a terminal, one question at a time.
type forms struct {
	ctx context.Context
	in  *os.File
	out io.Writer
}

func newForms(ctx context.Context, in *os.File, out io.Writer) *forms { return &forms{ctx, in, out} }

// show asks one question. A user who breaks off ends the wizard; what was answered is kept.
func (f *forms) show(field huh.Field) error {
	return huh.NewForm(huh.NewGroup(field)).WithInput(f.in).WithOutput(f.out).RunWithContext(f.ctx)
}

func (f *forms) input(title, about, value string, hidden bool) (string, error) {
	field := huh.NewInput().Title(title).Description(about).Value(&value)
	if hidden {
		field = field.EchoMode(huh.EchoModePassword)
	}
	err := f.show(field)
	return value, err
}

func (f *forms) choose(title, about string, options []option, value string) (string, error) {
	err := f.show(huh.NewSelect[string]().Title(title).Description(about).Options(shown(options)...).Value(&value).Height(12))
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
