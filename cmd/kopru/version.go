package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/plugins/protocol"
)

// version is set by the build.
var version = "0.1.0"

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which Kopru this is",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			revision := ""
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						revision = s.Value
					}
				}
			}
			if c.json {
				return c.printJSON(map[string]any{
					"version": version, "revision": revision, "go": runtime.Version(), "protocol": protocol.Version,
				})
			}
			fmt.Fprintf(c.out, "kopru %s %s (%s, connector protocol %d)\n", version, revision, runtime.Version(), protocol.Version)
			return nil
		},
	}
}
