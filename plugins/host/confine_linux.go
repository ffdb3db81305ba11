package host

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// unenforced says what of a confinement the kernel can't enforce; "" = it can all.
func unenforced() string {
	switch abi, err := ll.LandlockGetABIVersion(); {
	case err != nil || abi < 1:
		return everything
	case abi < 4:
		return fmt.Sprintf("the kernel's Landlock, version %d, confines files but not the network: that takes Linux 6.7", abi)
	}
	return ""
}

// confined gives up what is not in a confinement, the first argument, and becomes the program that the others name. It
// returns only when that fails.
func confined(args []string) error {
	var c confinement
	if len(args) < 2 {
		return fmt.Errorf("usage: %s CONFINEMENT PROGRAM", confineArgument)
	}
	if err := json.Unmarshal([]byte(args[0]), &c); err != nil {
		return err
	}
	runtime.LockOSThread() // whose processors and limits are the program's
	if err := c.Limits.apply(); err != nil {
		return err
	}
	if err := c.apply(filepath.Dir(args[1])); err != nil {
		return fmt.Errorf("confine %s: %w", args[1], err)
	}
	return fmt.Errorf("start %s: %w", args[1], syscall.Exec(args[1], args[1:], os.Environ()))
}

func (c confinement) apply(home string) error {
	config := landlock.V7
	config.HandledAccessNet = ll.AccessNetConnectTCP
	if c.AnyPort {
		config.HandledAccessNet = 0
	}
	rules := []landlock.Rule{
		landlock.RWDirs(c.Write...).WithRefer().IgnoreIfMissing(),
		landlock.RWDirs(os.TempDir()).WithRefer(), // the process's own, with its socket
		landlock.RWFiles("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty").IgnoreIfMissing(),
	}
	for _, path := range append(needed(home), c.Read...) {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			rules = append(rules, landlock.RODirs(path))
		} else if err == nil {
			rules = append(rules, landlock.ROFiles(path))
		}
	}
	for _, port := range c.Ports {
		if !c.AnyPort {
			rules = append(rules, landlock.ConnectTCP(port))
		}
	}
	return config.BestEffort().Restrict(rules...)
}

// needed are the files that a program needs whatever it does: itself, interpreters and libraries, certificates, names and
// time. Secrets of the machine, of its users and of other processes are elsewhere.
func needed(home string) []string {
	out := []string{
		home, "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/nix/store", "/sys",
		"/proc/self", "/proc/sys", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/version", "/proc/filesystems", "/proc/loadavg",
		"/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/crypto-policies", "/etc/alternatives", "/etc/localtime",
		"/etc/hosts", "/etc/host.conf", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services",
		"/etc/protocols", "/etc/passwd", "/etc/group", "/etc/mime.types", "/etc/timezone",
		"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ld.so.preload",
		os.Getenv("SSL_CERT_FILE"),
	}
	out = append(out, filepath.SplitList(os.Getenv("SSL_CERT_DIR"))...)
	for _, bin := range filepath.SplitList(os.Getenv("PATH")) { // an interpreter's libraries are beside its bin
		out = append(out, bin)
		if around := filepath.Dir(bin); around != "/" && around != filepath.Clean(os.Getenv("HOME")) && strings.HasSuffix(bin, "/bin") {
			out = append(out, around)
		}
	}
	return out
}

func (r Resources) apply() error {
	if r.Memory > 0 {
		most := unix.Rlimit{Cur: uint64(r.Memory), Max: uint64(r.Memory)}
		if err := unix.Setrlimit(unix.RLIMIT_DATA, &most); err != nil {
			return fmt.Errorf("limit the memory: %w", err)
		}
	}
	if r.CPUs <= 0 {
		return nil
	}
	var all, some unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return fmt.Errorf("limit the processors: %w", err)
	}
	var have []int
	for i := range len(all) * 64 {
		if all.IsSet(i) {
			have = append(have, i)
		}
	}
	rand.Shuffle(len(have), func(i, j int) { have[i], have[j] = have[j], have[i] }) // so that not all sit on the first
	for _, i := range have[:min(r.CPUs, len(have))] {
		some.Set(i)
	}
	if err := unix.SchedSetaffinity(0, &some); err != nil {
		return fmt.Errorf("limit the processors: %w", err)
	}
	return nil
}
