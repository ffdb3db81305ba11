// Command kopru-connector-vismanet is the connector for Visma.net ERP: customers, items, sales orders and what is booked of them.
package main

import (
	"github.com/kopru-io/kopru/plugins/sdk"
	"github.com/kopru-io/kopru/plugins/vismanet"
)

func main() { sdk.Serve(vismanet.New()) }
