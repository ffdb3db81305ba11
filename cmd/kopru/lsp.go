package main

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/pipelines/lsp"
)

func (c *cli) lspCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lsp",
		Short: "Serve an editor: the Language Server Protocol over standard input and output",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			h := c.newHost(".", c.logger(nil))
			defer h.Close()
			opts, err := c.options()
			if err != nil {
				return err
			}
			opts.Catalog = catalog{cmd.Context(), h}
			return lsp.Serve(cmd.Context(), stdio{c.in, c.out}, version, func(dir string) pipelines.Options {
				opts := opts
				opts.Secret = c.secrets(dir)
				return opts
			})
		},
	}
}

// stdio is standard input and output as one.
type stdio struct {
	io.Reader
	io.Writer
}

// Close ends the reading, so that nobody waits for it.
func (s stdio) Close() error {
	if in, ok := s.Reader.(io.Closer); ok {
		return in.Close()
	}
	return errors.ErrUnsupported
}
