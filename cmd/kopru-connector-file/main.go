// Command kopru-connector-file is the connector for files: JSON lines, JSON and CSV, also compressed.
package main

import (
	"github.com/kopru-io/kopru/plugins/file"
	"github.com/kopru-io/kopru/plugins/sdk"
)

func main() { sdk.Serve(file.New()) }
