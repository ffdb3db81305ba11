package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/release"
)

func (c *cli) connectorInstallCommand() *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use:   "install [DIR]",
		Short: "Bring the connectors that the project's lock names, verified",
		Long: `Fetches each connector in kopru.lock.hcl that has a source into the project's .kopru/connectors, after its publisher's
signature and the locked checksum were verified. --from takes them from another place, such as the folder that kopru
connector mirror made for a machine without a network.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, _ := split(args)
			type row struct {
				Name    string `json:"name"`
				Version string `json:"version"`
				Path    string `json:"path"`
			}
			rows := []row{}
			err := c.fetch(cmd.Context(), dir, from, func(s release.Source, l release.Locked, r *release.Release) error {
				p, ok := r.On(release.Platform())
				if !ok {
					return &release.Error{Code: "release.platform", Message: fmt.Sprintf(
						"%s %s has no program for %s", l.Name, l.Version, release.Platform())}
				}
				path, err := release.Install(cmd.Context(), s, r, p, l.On(p.Platform), filepath.Join(dir, ".kopru", "connectors"))
				rows = append(rows, row{l.Name, l.Version, path})
				return err
			})
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(map[string]any{"installed": rows})
			}
			for _, r := range rows {
				fmt.Fprintf(c.out, "%-14s %-8s %s\n", r.Name, r.Version, r.Path)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "a folder, an https:// address or an oci:// registry to fetch from, instead of the locked sources")
	return cmd
}

func (c *cli) connectorMirrorCommand() *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use:   "mirror TO [DIR]",
		Short: "Copy the project's locked connectors, for all platforms, into a folder for `install --from`",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, _ := split(args[1:])
			return c.fetch(cmd.Context(), dir, from, func(s release.Source, l release.Locked, r *release.Release) error {
				if err := release.Mirror(cmd.Context(), s, r, args[0]); err != nil {
					return err
				}
				if !c.json {
					fmt.Fprintf(c.out, "%-14s %-8s %s\n", l.Name, l.Version, filepath.Join(args[0], l.Name, l.Version))
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "where to fetch from, instead of the locked sources")
	return cmd
}

// fetch hands over each locked connector's release, with the source it comes from. It is signed by the locked key, and its
// programs are those that were locked.
func (c *cli) fetch(ctx context.Context, dir, from string, each func(release.Source, release.Locked, *release.Release) error) error {
	lock, err := release.ReadLock(filepath.Join(dir, pipelines.LockFile))
	if err != nil {
		return err
	}
	if lock == nil {
		return &release.Error{Code: "release.lock", Message: fmt.Sprintf(
			"%s has no %s: kopru connector lock writes it", dir, pipelines.LockFile)}
	}
	needs, err := c.requirements(dir)
	if err != nil {
		return err
	}
	for _, l := range lock.Connectors {
		if l.Source == "" {
			continue
		}
		for _, need := range needs {
			if need.Name == l.Name && need.Source != "" && (need.Key != l.Key || !allowed(need.Version, l.Version)) {
				return &release.Error{Code: "release.lock", Message: fmt.Sprintf(
					"%s %s was locked before the project asked for another version or key: kopru connector lock brings the lock up to date", l.Name, l.Version)}
			}
		}
		address, base := l.Source, dir
		if from != "" {
			address, base = from, ""
		}
		source, err := release.From(address, base)
		if err != nil {
			return err
		}
		key, err := release.ParseKey(l.Key)
		if err != nil {
			return err
		}
		r, err := release.Get(ctx, source, l.Name, l.Version, key)
		if err != nil {
			return err
		}
		for _, p := range r.Programs {
			if l.Checksums[p.Platform] != "sha256:"+p.SHA256 {
				return &release.Error{Code: "release.changed", Message: fmt.Sprintf(
					"%s %s for %s is signed, but is not what the project locked; it is not used", l.Name, l.Version, p.Platform)}
			}
		}
		if err := each(source, l, r); err != nil {
			return err
		}
	}
	return nil
}
