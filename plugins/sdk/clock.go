package sdk

import (
	"fmt"
	"net/http"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
)

const clockSlack = 2 * time.Minute

// Clock warns when the clock of the system that sent an answer and this machine's are apart; nil when they are not, or
// when the answer does not say.
func Clock(system string, answer http.Header, now time.Time) *protocol.Problem {
	there, err := http.ParseTime(answer.Get("Date"))
	if err != nil {
		return nil
	}
	off := now.Sub(there).Round(time.Second)
	if off.Abs() <= clockSlack {
		return nil
	}
	which := "ahead of"
	if off < 0 {
		which = "behind"
	}
	return &protocol.Problem{
		Warning: true, Summary: fmt.Sprintf("this machine's clock is %s %s the clock of %s", off.Abs(), which, system),
		Detail: "Set it by a time server (timedatectl says whether one is used): tokens end at the wrong time, and dates near " +
			"midnight depend on it. If this machine's time is right, tell those who run the other.",
	}
}
