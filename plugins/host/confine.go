package host

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// confineArgument makes a program that calls ConfineIfAsked a launcher: it gives up all that a connector did not ask
// for, and becomes the connector.
const confineArgument = "confine-connector"

// ConfineIfAsked is where a program begins that starts connectors: when it was started to be a launcher, it does not
// return.
func ConfineIfAsked() {
	if len(os.Args) > 1 && os.Args[1] == confineArgument {
		fmt.Fprintln(os.Stderr, "[ERROR]", confined(os.Args[2:])) // it returns only when it fails
		os.Exit(1)
	}
}

// Resources bound what a process takes of its machine; 0 = no bound.
type Resources struct {
	Memory int64 // bytes of its own
	CPUs   int
}

// confinement is what a process may have of its machine.
type confinement struct {
	Read    []string  `json:"read,omitempty"`  // beside what every program needs
	Write   []string  `json:"write,omitempty"` // folders
	Ports   []uint16  `json:"ports,omitempty"` // it may connect to by TCP
	AnyPort bool      `json:"any_port,omitempty"`
	Limits  Resources `json:"limits"`
}

// personal tells whether a connector's settings name paths, or bound its process: then each connection has a process to
// itself, since what a process may is fixed when it starts.
func personal(m *protocol.Manifest, r Resources) bool {
	return r != (Resources{}) || slices.ContainsFunc(m.GetConfig(), func(a *protocol.Attribute) bool {
		return a.GetPath() != protocol.PathAccess_PATH_ACCESS_UNSPECIFIED
	})
}

// confine calculates what a connection's process may have: what the connector declares, with the paths in the settings.
// dir is what relative ones are relative to.
func confine(m *protocol.Manifest, config map[string]any, r Resources, dir string) confinement {
	c := confinement{Read: slices.Clone(m.GetAccess().GetFiles()), Limits: r, AnyPort: m.GetAccess() == nil}
	for _, host := range m.GetAccess().GetHosts() {
		_, port, err := net.SplitHostPort(host)
		n, numErr := strconv.ParseUint(port, 10, 16)
		if err != nil || numErr != nil {
			c.AnyPort = true // all of a host's ports, and names can't be enforced
			continue
		}
		c.Ports = append(c.Ports, uint16(n))
	}
	if c.AnyPort {
		c.Ports = nil
	} else if len(c.Ports) > 0 {
		c.Ports = append(c.Ports, 53) // names, where an answer is too long for UDP
	}
	for _, a := range m.GetConfig() {
		value := config[a.GetName()]
		if value == nil && a.GetDefaultJson() != "" {
			value, _ = record.Decode([]byte(a.GetDefaultJson())) // what is no JSON is no path
		}
		path, _ := value.(string)
		if path == "" {
			continue
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		if whole, err := filepath.Abs(path); err == nil { // the process works in another folder
			path = whole
		}
		switch a.GetPath() {
		case protocol.PathAccess_PATH_ACCESS_READ:
			c.Read = append(c.Read, path)
		case protocol.PathAccess_PATH_ACCESS_WRITE:
			if info, err := os.Stat(path); err != nil || !info.IsDir() {
				path = filepath.Dir(path)
			}
			c.Write = append(c.Write, path)
		}
	}
	return c
}

// String says it to a human.
func (c confinement) String() string {
	var out []string
	if len(c.Read) > 0 {
		out = append(out, "reads "+strings.Join(c.Read, ", "))
	}
	if len(c.Write) > 0 {
		out = append(out, "reads and writes "+strings.Join(c.Write, ", "))
	}
	if len(out) == 0 {
		out = append(out, "uses no files")
	}
	ports := make([]string, len(c.Ports))
	for i, p := range c.Ports {
		ports[i] = strconv.Itoa(int(p))
	}
	switch {
	case c.AnyPort:
		out = append(out, "calls any host")
	case len(ports) > 0:
		out = append(out, "calls TCP ports "+strings.Join(ports, ", "))
	default:
		out = append(out, "calls nobody")
	}
	if c.Limits.Memory > 0 {
		out = append(out, "has "+humanize.IBytes(uint64(c.Limits.Memory))+" of memory") //nolint:gosec // above zero
	}
	if c.Limits.CPUs > 0 {
		out = append(out, fmt.Sprintf("runs on %d of the processors", c.Limits.CPUs))
	}
	return strings.Join(out, "; ")
}

// confined is what the connector's process is held to.
func (c *connector) confined() confinement {
	if c.own != nil {
		return *c.own
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.manifest == nil { // it is only to describe itself
		return confinement{}
	}
	return confine(c.manifest, nil, Resources{}, c.host.options.WorkDir)
}

// confinedTo says what a connection's process is held to, or what of it the platform can't enforce.
func (c *connector) confinedTo() string {
	if lack := unenforced(); lack != "" {
		return "not confined (" + lack + "), though it asks for no more than: " + c.confined().String()
	}
	return "confined: " + c.confined().String()
}

// refused adds what the process is held to, when a message says that the system refused it something.
func (c *connector) refused(message string) string {
	lower := strings.ToLower(message)
	if len(c.host.options.Launcher) == 0 || !slices.ContainsFunc([]string{"permission denied", "eacces"}, func(s string) bool {
		return strings.Contains(lower, s)
	}) {
		return message
	}
	return message + fmt.Sprintf(". The connector %s has leave only for what it asks for: %s [connector.confined]", c.name, c.confined())
}

func (c *connector) explain(f *protocol.Failure) {
	if f != nil {
		f.Message = c.refused(f.GetMessage())
	}
}

func (c *connector) asError(f *protocol.Failure) error {
	c.explain(f)
	return AsError(f, nil)
}

// launcher is the command line before the connector's own, none where a process is not confined.
func (c *connector) launcher() []string {
	if len(c.host.options.Launcher) == 0 || unenforced() == everything {
		return nil
	}
	data, err := json.Marshal(c.confined())
	if err != nil {
		panic(err) // it is texts and numbers
	}
	return append(slices.Clone(c.host.options.Launcher), confineArgument, string(data))
}

// everything is what unenforced says where nothing is enforced.
const everything = "this platform can't confine processes"

// environment is what bounds the runtimes of most languages by itself.
func (r Resources) environment() []string {
	var out []string
	if r.Memory > 0 {
		out = append(out, fmt.Sprintf("GOMEMLIMIT=%d", r.Memory/10*9)) // it collects before it is refused memory
	}
	if r.CPUs > 0 {
		out = append(out, fmt.Sprintf("GOMAXPROCS=%d", r.CPUs))
	}
	return out
}
