// Command kopru keeps business systems in step: it runs the pipelines of a project folder.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/transforms"
)

// Exit codes; scripts rely on them.
const (
	exitOK      = 0
	exitFailed  = 1
	exitInvalid = 2 // the definition is invalid
	exitPartial = 3 // finished, but some records are parked or dead
)

// exit is an error that has been told to the user already and only carries the code.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// cli is the process as the verbs see it, so that a test can stand in for it.
type cli struct {
	in       *os.File
	out, err io.Writer
	stdout   *os.File // the real one, for connectors that write to "-"
	env      func(string) (string, bool)
	color    bool
	json     bool
	verbose  bool
	state    string
	vars     []string
	varFiles []string
	detached bool   // values of the environment are not needed
	listen   string // of the dashboard, "" = as the project says
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == transforms.WorkerArgument {
		os.Exit(transforms.Work(os.Stdin, os.Stdout))
	}
	host.ConfineIfAsked()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second one ends the process at once
	c := &cli{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, stdout: os.Stdout, env: os.LookupEnv,
		color: colorful(os.Stderr),
	}
	os.Exit(c.main(ctx, os.Args[1:]))
}

func (c *cli) main(ctx context.Context, args []string) int {
	root := c.root()
	if i := slices.Index(args, "-update"); i >= 0 { // as Go's own tests spell it
		args[i] = "--update"
	}
	root.SetArgs(args)
	root.SetOut(c.out)
	root.SetErr(c.err)
	err := root.ExecuteContext(ctx)
	var code exit
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	}
	fmt.Fprintf(c.err, "Error: %v\n", err)
	return exitFailed
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "kopru",
		Short:         "Kopru keeps business systems in step",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	flags := root.PersistentFlags()
	flags.BoolVar(&c.json, "json", false, "answer in JSON")
	flags.BoolVarP(&c.verbose, "verbose", "v", false, "log what happens in detail")
	flags.StringVar(&c.state, "state", "", "state database: a file or a postgres:// address (default: the project's engine block, else $KOPRU_STATE, else .kopru/state.db in the project)")
	flags.StringArrayVar(&c.vars, "var", nil, "set a variable, `name=value` (may be repeated)")
	flags.StringArrayVar(&c.varFiles, "var-file", nil, "read variables from a *.vars.hcl `file`, also as --vars (may be repeated)")
	root.SetGlobalNormalizationFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "vars" {
			name = "var-file"
		}
		return pflag.NormalizedName(name)
	})
	root.AddCommand(
		c.initCommand(),
		c.settingsCommand(),
		c.templateCommand(),
		c.validateCommand(),
		c.fmtCommand(),
		c.checkCommand(),
		c.planCommand(),
		c.reconcileCommand(),
		c.testCommand(),
		c.runCommand(),
		c.backfillCommand(),
		c.activityCommand(),
		c.cursorCommand(),
		c.resetCommand(),
		c.statusCommand(),
		c.topCommand(),
		c.nodesCommand(),
		c.linksCommand(),
		c.deadCommand(),
		c.alertCommand(),
		c.userCommand(),
		c.tokenCommand(),
		c.connectorCommand(),
		c.consoleCommand(),
		c.typesCommand(),
		c.lspCommand(),
		c.secretCommand(),
		c.keyCommand(),
		c.privacyCommand(),
		c.exportCommand(),
		c.eraseCommand(),
		c.explainCommand(),
		c.versionCommand(),
	)
	root.SetFlagErrorFunc(flagError)
	for _, cmd := range root.Commands() {
		say(cmd)
	}
	return root
}

// say makes a command and those below it say what is wrong with how they were called, and how it is done.
func say(cmd *cobra.Command) {
	for _, inner := range cmd.Commands() {
		say(inner)
	}
	if !cmd.Runnable() {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			var names []string
			for _, inner := range cmd.Commands() {
				names = append(names, inner.Name())
			}
			return fmt.Errorf("there is no command %q%s; there are: %s", cmd.CommandPath()+" "+args[0], didYouMean(args[0], names), strings.Join(names, ", "))
		}
		return
	}
	allowed := cmd.Args
	onlyFolder := strings.HasSuffix(cmd.Use, " [DIR]") && len(strings.Fields(cmd.Use)) == 2 && cmd.Name() != "init" // which makes it
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if allowed != nil {
			if err := allowed(cmd, args); err != nil {
				return fmt.Errorf("%w; use: %s", err, cmd.UseLine())
			}
		}
		if onlyFolder && len(args) == 1 {
			if info, err := os.Stat(args[0]); err != nil || !info.IsDir() {
				return fmt.Errorf("there is no folder %s; use: %s", args[0], cmd.UseLine())
			}
		}
		return nil
	}
}

// flagError suggests the flag that was meant.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return fmt.Errorf("%w%s; %s --help lists the flags", err, didYouMean(unknown.GetSpecifiedName(), names), cmd.CommandPath())
}
