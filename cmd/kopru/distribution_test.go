package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/release"
)

// repack releases the file connector as another version, which describes itself differently: repack FOLDER BINARIES KEY VERSION.
func repack(ts *testscript.TestScript, _ bool, args []string) {
	h := host.New(host.Options{Dirs: []string{args[1]}})
	defer h.Close()
	m, err := h.Manifest(context.Background(), "file")
	ts.Check(err)
	m.Version = args[3]
	m.Config = m.GetConfig()[1:]
	m.Entities[0].Fields = append(m.Entities[0].Fields, &protocol.Field{Name: "extra", Required: true})
	key, err := release.ReadKey(ts.MkAbs(args[2]), "")
	ts.Check(err)
	_, err = release.Pack(ts.MkAbs(args[0]), m, map[string]string{"any": filepath.Join(args[1], "kopru-connector-file")}, key)
	ts.Check(err)
}

// require writes a require block: require KEYFILE TO CONSTRAINT.
func require(ts *testscript.TestScript, _ bool, args []string) {
	key := strings.TrimSpace(ts.ReadFile(args[0]))
	text := fmt.Sprintf("require {\n  file = { version = %q, source = \"../releases\", key = %q }\n}\n", args[2], key)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o644))
}

// tamper adds a byte to every program of a folder of releases.
func tamper(ts *testscript.TestScript, _ bool, args []string) {
	programs, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*", "*", "kopru-connector-*"))
	ts.Check(err)
	if len(programs) == 0 {
		ts.Fatalf("there are no programs in %s", args[0])
	}
	for _, program := range programs {
		f, err := os.OpenFile(program, os.O_APPEND|os.O_WRONLY, 0)
		ts.Check(err)
		_, err = f.WriteString("x")
		ts.Check(err)
		ts.Check(f.Close())
	}
}
