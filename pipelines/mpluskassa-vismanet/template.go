// Package template holds the files of the shipped bridge, so that every kopru has them along.
package template

import "embed"

// Name is how a use block names the bridge.
const Name = "mpluskassa-vismanet"

// Files are its definition and its scripts.
//
//go:embed *.hcl *.ts
var Files embed.FS
