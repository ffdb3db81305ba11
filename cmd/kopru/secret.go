package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/pipelines/secret"
)

func (c *cli) secretCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "secret",
		Short: "Keep secrets in an encrypted file of the project; pipelines use secret(\"NAME\")",
	}
	cmd.AddCommand(
		&cobra.Command{
			Use:   "set [DIR] NAME",
			Short: "Keep a secret, asked for without showing it, or read from standard input",
			Args:  cobra.RangeArgs(1, 2),
			RunE:  c.withSecrets(c.setSecret),
		},
		&cobra.Command{
			Use:   "list [DIR]",
			Short: "List the names of the secrets, never their values",
			Args:  cobra.MaximumNArgs(1),
			RunE:  c.withSecrets(c.listSecrets),
		},
		&cobra.Command{
			Use:   "rm [DIR] NAME",
			Short: "Forget a secret",
			Args:  cobra.RangeArgs(1, 2),
			RunE: c.withSecrets(func(s *secret.Store, _ string, args []string) error {
				if len(args) != 1 {
					return errors.New("name one secret")
				}
				err := s.Remove(args[0])
				if errors.Is(err, secret.ErrUnknown) {
					return unknownSecret(s, args[0])
				}
				return err
			}),
		},
	)
	return cmd
}

func (c *cli) withSecrets(do func(s *secret.Store, dir string, args []string) error) func(*cobra.Command, []string) error {
	return func(_ *cobra.Command, args []string) error {
		dir, rest := split(args)
		return do(secret.Open(dir, c.env), dir, rest)
	}
}

func (c *cli) setSecret(s *secret.Store, dir string, args []string) error {
	if len(args) != 1 {
		return errors.New("name one secret")
	}
	_, err := os.Stat(filepath.Join(dir, secret.File))
	first := err != nil
	value, err := c.readSecret(args[0])
	if err != nil {
		return err
	}
	if err := s.Set(args[0], value); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, secret.KeyFile)); first && err == nil {
		fmt.Fprintf(c.err, "%s opens %s. Keep a copy where only you can read it; on other machines, give it as %s.\n",
			filepath.Join(dir, secret.KeyFile), secret.File, secret.KeyVariable)
	}
	return nil
}

// readSecret asks on a terminal, without showing what is typed, and reads all of standard input elsewhere.
func (c *cli) readSecret(name string) (string, error) {
	if c.attended() {
		return c.unseen(name + ": ")
	}
	text, err := io.ReadAll(io.LimitReader(c.in, 64<<10))
	return strings.TrimRight(string(text), "\r\n"), err
}

func (c *cli) listSecrets(s *secret.Store, _ string, _ []string) error {
	names, err := s.Names()
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(map[string]any{"secrets": append([]string{}, names...)})
	}
	for _, name := range names {
		fmt.Fprintln(c.out, name)
	}
	return nil
}

// unknownSecret says which secrets there are.
func unknownSecret(s *secret.Store, name string) error {
	names, err := s.Names()
	if err != nil {
		return err
	}
	text := fmt.Sprintf("there is no secret %s; set it with: kopru secret set %s", name, name)
	if closest := diag.Closest(name, names); closest != "" {
		text += fmt.Sprintf(". Did you mean %s?", closest)
	}
	return errors.New(text)
}
