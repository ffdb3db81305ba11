package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/dashboard"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
)

func (c *cli) userCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "user", Short: "Say who may come into the dashboard"}
	cmd.AddCommand(c.userAddCommand(), c.userListCommand(), c.userRemoveCommand())
	return cmd
}

const roleHelp = "viewer looks, operator runs and mends, admin changes settings too"

func (c *cli) userAddCommand() *cobra.Command {
	var role string
	cmd := &cobra.Command{
		Use:   "add NAME [DIR]",
		Short: "Add a user, or give one another password and role",
		Long: "Add a user, or give one another password and role, which ends their sessions.\n" +
			"The password is asked for, or read from standard input.",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := knownRole(role); err != nil {
				return err
			}
			if strings.TrimSpace(args[0]) != args[0] || args[0] == "" {
				return errors.New("a name neither begins nor ends with a space")
			}
			password, err := c.password("Password of " + args[0] + ": ")
			if err != nil {
				return err
			}
			hash, err := dashboard.HashPassword(password)
			if err != nil {
				return err
			}
			return c.withState(cmd, args[1:], func(store *state.Store) error {
				user := state.User{Name: args[0], Role: role, Password: hash, At: time.Now()}
				if err := store.PutUser(cmd.Context(), user); err != nil {
					return err
				}
				fmt.Fprintf(c.out, "%s may come in as %s\n", args[0], role)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&role, "role", "viewer", roleHelp)
	return cmd
}

func knownRole(role string) error {
	if dashboard.Role(role).Known() {
		return nil
	}
	return fmt.Errorf("--role %s: it is one of: %s", role, strings.Join(pipelines.Roles, ", "))
}

// password asks on a terminal, and reads a line elsewhere.
func (c *cli) password(prompt string) (string, error) {
	if c.attended() {
		return c.unseen(prompt)
	}
	lines := bufio.NewScanner(c.in)
	lines.Scan()
	return lines.Text(), lines.Err()
}

type userView struct {
	Name  string    `json:"name"`
	Role  string    `json:"role"`
	Since time.Time `json:"since"`
}

func (c *cli) userListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list [DIR]",
		Short: "List the users",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withState(cmd, args, func(store *state.Store) error {
				users, err := store.Users(cmd.Context())
				if err != nil {
					return err
				}
				list := []userView{}
				for _, u := range users {
					list = append(list, userView{u.Name, u.Role, u.At})
				}
				return c.printPeople("users", list, "Nobody: the dashboard asks for no login, and answers on this machine only.")
			})
		},
	}
}

func (c *cli) printPeople(what string, list []userView, none string) error {
	if c.json {
		return c.printJSON(map[string]any{what: list})
	}
	if len(list) == 0 {
		fmt.Fprintln(c.out, none)
	}
	for _, u := range list {
		fmt.Fprintf(c.out, "%-20s %-9s since %s\n", u.Name, u.Role, minute(u.Since))
	}
	return nil
}

func (c *cli) userRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "rm NAME [DIR]",
		Aliases: []string{"remove"},
		Short:   "Let a user in no more; their sessions end at once",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withState(cmd, args[1:], func(store *state.Store) error {
				removed, err := store.RemoveUser(cmd.Context(), args[0])
				if err == nil && !removed {
					err = fmt.Errorf("there is no user %q; see: kopru user list", args[0])
				}
				return err
			})
		},
	}
}

func (c *cli) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "Let programs use the dashboard's API"}
	cmd.AddCommand(c.tokenAddCommand(), c.tokenListCommand(), c.tokenRemoveCommand())
	return cmd
}

func (c *cli) tokenAddCommand() *cobra.Command {
	var role string
	var days int
	cmd := &cobra.Command{
		Use:   "add NAME [DIR]",
		Short: "Make a token, which is shown this once",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := knownRole(role); err != nil {
				return err
			}
			return c.withState(cmd, args[1:], func(store *state.Store) error {
				tokens, err := store.Tokens(cmd.Context())
				if err != nil {
					return err
				}
				for _, t := range tokens {
					if t.Name == args[0] {
						return fmt.Errorf("there is a token %q already; end it first with: kopru token rm %[1]s", args[0])
					}
				}
				now := time.Now()
				pass := state.Pass{Kind: state.KindToken, Name: args[0], Role: role, At: now}
				if days > 0 {
					pass.Until = now.AddDate(0, 0, days)
				}
				secret := dashboard.NewToken()
				if err := store.PutPass(cmd.Context(), pass, secret); err != nil {
					return err
				}
				if c.json {
					return c.printJSON(map[string]any{"name": args[0], "role": role, "token": secret})
				}
				fmt.Fprintln(c.out, secret)
				fmt.Fprintln(c.err, "Keep it now, it is not shown again. Send it as: Authorization: Bearer …")
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&role, "role", "viewer", roleHelp)
	cmd.Flags().IntVar(&days, "days", 0, "for so many days (default for good)")
	return cmd
}

func (c *cli) tokenListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list [DIR]",
		Short: "List the tokens",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withState(cmd, args, func(store *state.Store) error {
				tokens, err := store.Tokens(cmd.Context())
				if err != nil {
					return err
				}
				list := []userView{}
				for _, t := range tokens {
					list = append(list, userView{t.Name, t.Role, t.At})
				}
				return c.printPeople("tokens", list, "No program has one.")
			})
		},
	}
}

func (c *cli) tokenRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "rm NAME [DIR]",
		Aliases: []string{"remove"},
		Short:   "End a token at once",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withState(cmd, args[1:], func(store *state.Store) error {
				removed, err := store.RemoveToken(cmd.Context(), args[0])
				if err == nil && !removed {
					err = fmt.Errorf("there is no token %q; see: kopru token list", args[0])
				}
				return err
			})
		},
	}
}
