package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/release"
)

// envKeyPassword holds the password of a publisher's secret key.
const envKeyPassword = "KOPRU_KEY_PASSWORD" //nolint:gosec // a name

func (c *cli) connectorKeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "key FILE",
		Short: "Make a publisher's keys: FILE is kept secret, FILE.pub is for those who use the connectors",
		Long: `The keys are minisign's. The secret one is encrypted with the password in $` + envKeyPassword + `, if there is one. The
public one stands in the require block of the projects that use the connectors.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			password, _ := c.env(envKeyPassword)
			public, err := release.GenerateKey(args[0], password)
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(map[string]any{"key": public})
			}
			fmt.Fprintln(c.out, public)
			return nil
		},
	}
}

func (c *cli) connectorPackageCommand() *cobra.Command {
	var keyFile, out string
	cmd := &cobra.Command{
		Use:   "package PLATFORM=BINARY…",
		Short: "Pack built binaries of a connector as a signed release",
		Long: `Writes a release into a folder of releases: NAME/VERSION/ with the programs, release.json with their checksums and what
the connector describes, and its signature. One of the binaries must be for this machine, and is asked for its
description; a script is for the platform "any". The folder can be served over https as it stands, or pushed to a
registry with kopru connector push.

  kopru connector package --key vendor.key --out releases linux_amd64=dist/linux/kopru-connector-webshop \
    windows_amd64=dist/windows/kopru-connector-webshop.exe`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			programs := map[string]string{}
			for _, arg := range args {
				platform, file, ok := strings.Cut(arg, "=")
				if !ok {
					return fmt.Errorf("%s: write it as platform=file, such as %s=kopru-connector-webshop", arg, release.Platform())
				}
				programs[platform] = file
			}
			m, err := c.describeProgram(cmd, programs)
			if err != nil {
				return err
			}
			password, _ := c.env(envKeyPassword)
			key, err := release.ReadKey(keyFile, password)
			if err != nil {
				return fmt.Errorf("the secret key %s: %w", keyFile, err)
			}
			r, err := release.Pack(out, m, programs, key)
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(r)
			}
			for _, p := range r.Programs {
				fmt.Fprintf(c.out, "%-16s %9d  %s\n", p.Platform, p.Size, filepath.Join(out, r.Name, r.Version, p.File))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&keyFile, "key", "", "the publisher's secret key, made by kopru connector key")
	cmd.Flags().StringVar(&out, "out", "releases", "the folder of releases")
	_ = cmd.MarkFlagRequired("key") // it is there
	return cmd
}

// describeProgram asks the program that runs on this machine.
func (c *cli) describeProgram(cmd *cobra.Command, programs map[string]string) (*protocol.Manifest, error) {
	file := programs[release.Platform()]
	if file == "" {
		file = programs[release.Anywhere]
	}
	name, ok := strings.CutPrefix(strings.TrimSuffix(filepath.Base(file), ".exe"), "kopru-connector-")
	if !ok {
		return nil, fmt.Errorf("one of the binaries must be named kopru-connector-NAME and be for %s, or for any, to be asked what it is", release.Platform())
	}
	o := c.hostOptions(".", c.logger(nil))
	o.Dirs, o.Checksums = []string{filepath.Dir(file)}, nil
	h := host.New(o)
	defer h.Close()
	return h.Manifest(cmd.Context(), name)
}

func (c *cli) connectorPushCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "push RELEASES NAME VERSION oci://HOST/PATH",
		Short: "Copy a release to an OCI registry, with the credentials of `docker login`",
		Args:  cobra.ExactArgs(4),
		RunE: func(cmd *cobra.Command, args []string) error {
			source, err := release.From(args[0], ".")
			if err != nil {
				return err
			}
			if err := release.Push(cmd.Context(), source, args[1], args[2], args[3]); err != nil {
				return err
			}
			if !c.json {
				fmt.Fprintf(c.out, "%s/%s:%s\n", args[3], args[1], args[2])
			}
			return nil
		},
	}
}
