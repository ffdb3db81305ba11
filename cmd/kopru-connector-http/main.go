// Command kopru-connector-http is the connector for systems with a REST API, and for those that send webhooks.
package main

import (
	"github.com/kopru-io/kopru/plugins/http"
	"github.com/kopru-io/kopru/plugins/sdk"
)

func main() { sdk.Serve(http.New()) }
