package transforms_test

import (
	"testing"

	"github.com/kopru-io/kopru/transforms"
)

// The scripts that are shipped must load.
func TestShippedScripts(t *testing.T) {
	for _, script := range []string{"order.ts", "order_to_till.ts", "order_status.ts"} {
		if _, diags := transforms.Load("../pipelines/mpluskassa-vismanet", script, transforms.Budget{}); len(diags) > 0 {
			t.Errorf("%s: %+v", script, diags)
		}
	}
}
