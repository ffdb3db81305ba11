// Command kopru-connector-mpluskassa is the connector for MplusKASSA: orders, relations, articles and stock of a till.
package main

import (
	"github.com/kopru-io/kopru/plugins/mpluskassa"
	"github.com/kopru-io/kopru/plugins/sdk"
)

func main() { sdk.Serve(mpluskassa.New()) }
