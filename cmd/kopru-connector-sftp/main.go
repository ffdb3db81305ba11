// Command kopru-connector-sftp is the connector for files on an SFTP server: JSON lines, JSON and CSV, also compressed.
package main

import (
	"github.com/kopru-io/kopru/plugins/sdk"
	"github.com/kopru-io/kopru/plugins/sftp"
)

func main() { sdk.Serve(sftp.New()) }
