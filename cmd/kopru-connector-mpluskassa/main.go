// Command kopru-connector-mpluskassa is the connector for MplusKASSA: what a till sells, to whom, and what it has in stock.
package main

import (
	"github.com/kopru-io/kopru/plugins/mpluskassa"
	"github.com/kopru-io/kopru/plugins/sdk"
)

func main() { sdk.Serve(mpluskassa.New()) }
